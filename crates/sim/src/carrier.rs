//! Carriers and people: what becomes of a call that a PBX sends out.

use crate::agenda::{At, MS, SECOND, Step};
use crate::rng::Rng;

/// How a carrier and the people behind it are, in percent of the calls; what is left over answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Temper {
    pub(crate) busy: u64,
    pub(crate) no_answer: u64,
    pub(crate) refused: u64,
    pub(crate) silent: u64,
    pub(crate) overloaded: u64,
}

impl Temper {
    pub(crate) fn random(rng: &mut Rng) -> Self {
        Self {
            busy: rng.within(0..=30),
            no_answer: rng.within(0..=20),
            refused: rng.within(0..=15),
            silent: rng.within(0..=8),
            overloaded: rng.within(0..=8),
        }
    }
}

/// The steps of a call and when they come, after the channel was made.
pub(crate) fn plan(rng: &mut Rng, temper: Temper, storm: Option<u16>) -> Vec<(At, Step)> {
    let end = |cause, code| Step::End { cause, code: Some(code) };
    let rings_at = rng.within(20..=4_000) * MS;
    if let Some(code) = storm {
        return vec![(rng.within(10..=90) * MS, end(34, code))];
    }
    let dice = rng.within(0..=99);
    let mut up_to = 0;
    let mut is = |percent: u64| {
        up_to += percent;
        dice < up_to
    };
    if is(temper.busy) {
        let early = if rng.percent(30) { vec![(rings_at, Step::Ring)] } else { vec![] };
        return [early, vec![(rings_at + rng.within(0..=2_000) * MS, end(17, 486))]].concat();
    }
    if is(temper.no_answer) {
        let gives_up = rings_at + rng.within(5..=20) * SECOND;
        return match rng.within(0..=2) {
            0 => vec![(rings_at, Step::Ring)],
            1 => vec![(rings_at, Step::Progress)],
            _ => vec![(rings_at, Step::Ring), (gives_up, end(19, 480))],
        };
    }
    if is(temper.refused) {
        let (cause, code) = *rng.pick(&[(1, 404), (21, 403), (21, 603), (34, 500), (18, 408)]).unwrap_or(&(1, 404));
        let sit = if rng.percent(20) { vec![(rings_at / 2, Step::Progress)] } else { vec![] };
        return [sit, vec![(rings_at, end(cause, code))]].concat();
    }
    if is(temper.silent) {
        return vec![];
    }
    if is(temper.overloaded) {
        return vec![(rng.within(10..=90) * MS, end(34, 503))];
    }
    talk(rng, rings_at)
}

fn talk(rng: &mut Rng, rings_at: At) -> Vec<(At, Step)> {
    let mut steps = Vec::new();
    if rng.percent(90) {
        steps.push((rings_at, if rng.percent(80) { Step::Ring } else { Step::Progress }));
    }
    let answers_at = rings_at + rng.within(0..=32_000) * MS;
    let talks = if rng.percent(85) { rng.within(500..=40_000) } else { rng.within(40_000..=400_000) };
    let ends_at = answers_at + talks * MS;
    steps.push((answers_at, Step::Answer));
    if rng.percent(15) {
        let status = if rng.percent(50) { "1" } else { "2" };
        steps.push((answers_at + talks * MS / 2, Step::Status(status)));
    }
    if rng.percent(60) {
        steps.push((ends_at, Step::FarEndHangsUp));
    }
    let cause = if rng.percent(30) { 0 } else { 16 };
    steps.push((ends_at + MS, Step::End { cause, code: None }));
    steps
}
