//! How likely each call under way will want an agent, and when: learnt from all before.

use super::horizon::{AT, Curve, POINTS, at};
use crate::pacing::fact::{Fact, Terms, Unanswered};
use crate::pacing::floor::{Floor, Stage, Was};

/// Ages of ringing, one second each.
const RING_AGES: usize = 64;
/// Ages before ringing and in analysis, half a second each.
const SHORT_AGES: usize = 16;
const SHORT_S: f64 = 0.5;
/// Steps in which ringing is followed, and how many of them.
const STEP_S: f64 = 0.5;
const STEPS: usize = 192;
/// Share of calls that want an agent until calls were seen, and for how many of them that guess counts: high, so that a
/// cold start is careful.
const GUESS_ANSWERS: f64 = 4.0;
const GUESS_RING_S: f64 = 15.0;
/// Answers for which the rate over everything seen counts beside that of the last minutes.
const LEVEL_ANSWERS: f64 = 25.0;
/// The last minutes: forgotten with this time, down to so many answers expected.
const LEVEL_S: f64 = 150.0;
const LEVEL_KEPT: f64 = 40.0;
/// Calls that tell whether calls get through: the last ones, and those of a long time.
const THROUGH_FAST: f64 = 40.0;
const THROUGH_SLOW: f64 = 2_000.0;
/// An outage: fewer than this part of what usually gets through.
const OUTAGE: f64 = 0.35;
/// During an outage the usual is forgotten so many times more slowly.
const OUTAGE_MEMORY: f64 = 10.0;
/// Spans of ringing, seconds each, by which persons are told from machines; and findings for which the mean counts.
const FOUND_S: f64 = 2.0;
const FOUND_AGES: usize = 16;
const FOUND_GUESS: f64 = 10.0;

/// Something said yes so often out of so many.
#[derive(Debug, Clone, Copy)]
struct Share {
    yes: f64,
    all: f64,
}

impl Share {
    fn value(self) -> f64 {
        self.yes / self.all
    }

    fn count(&mut self, yes: f64, weight: f64, memory: f64) {
        let keep = 1.0 - weight / memory;
        self.yes = self.yes * keep + yes * weight;
        self.all = self.all * keep + weight;
    }
}

/// What is learnt of the calls of one campaign.
pub(super) struct Answers {
    ring_timeout_s: f64,
    analysis: bool,
    /// Seconds rung, answers that wanted an agent and other ends by age of ringing.
    rung: [f64; RING_AGES],
    wanted: [f64; RING_AGES],
    other: [f64; RING_AGES],
    /// Answers of the last minutes, and as many as the rates by age would have given.
    seen: f64,
    expected: f64,
    level: f64,
    seen_ever: f64,
    began_ringing: [f64; SHORT_AGES],
    through_fast: Share,
    through_slow: Share,
    person_after: [f64; SHORT_AGES],
    machine_after: [f64; SHORT_AGES],
    verdict_s: f64,
    /// Persons among those whom agents talked to, all and by how long they let it ring.
    persons: Share,
    persons_after: [Share; FOUND_AGES],
    hazard: [f64; RING_AGES],
    placed_curve: [Curve; SHORT_AGES],
    ring_curve: [Curve; RING_AGES],
    analysed_curve: [Curve; SHORT_AGES],
}

impl Answers {
    pub(super) fn new(terms: &Terms) -> Self {
        Self {
            ring_timeout_s: terms.ring_timeout_s,
            analysis: terms.analysis,
            rung: [0.0; RING_AGES],
            wanted: [0.0; RING_AGES],
            other: [0.0; RING_AGES],
            seen: 0.0,
            expected: 0.0,
            level: 1.0,
            seen_ever: 0.0,
            began_ringing: [0.0; SHORT_AGES],
            through_fast: Share { yes: 9.0, all: 10.0 },
            through_slow: Share { yes: 9.0, all: 10.0 },
            person_after: [0.0; SHORT_AGES],
            machine_after: [0.0; SHORT_AGES],
            verdict_s: 1.7,
            persons: Share { yes: 4.0, all: 4.0 },
            persons_after: [Share { yes: 0.0, all: 0.0 }; FOUND_AGES],
            hazard: [0.0; RING_AGES],
            placed_curve: [[0.0; POINTS]; SHORT_AGES],
            ring_curve: [[0.0; POINTS]; RING_AGES],
            analysed_curve: [[0.0; POINTS]; SHORT_AGES],
        }
    }

    /// Learns from what a fact put an end to.
    pub(super) fn fact(&mut self, fact: Fact, was: Was) {
        if let Fact::Done { person, .. } = fact {
            let yes = f64::from(u8::from(person));
            self.persons.count(yes, 1.0, f64::INFINITY);
            self.persons_after[found_age(was.rang_s)].count(yes, 1.0, f64::INFINITY);
        }
        let Some((stage, lasted_s)) = was.call else { return };
        match (fact, stage) {
            (Fact::Rings(_), Stage::Placed) => {
                self.began_ringing[short_age(lasted_s)] += 1.0;
                self.went_through(1.0);
            }
            (Fact::Answered(_), Stage::Placed) if !self.analysis => self.rang(0.0, Some(true)),
            (Fact::Answered(_), Stage::Ringing) if !self.analysis => self.rang(lasted_s, Some(true)),
            (Fact::Person(_), Stage::Analysed { rang_s }) => {
                self.rang(rang_s, Some(true));
                self.person_after[short_age(lasted_s)] += 1.0;
                self.verdict_s += 0.02 * (lasted_s - self.verdict_s);
            }
            (Fact::Machine(_), Stage::Analysed { rang_s }) => {
                self.rang(rang_s, Some(false));
                self.machine_after[short_age(lasted_s)] += 1.0;
            }
            (Fact::Ended(_, how), Stage::Placed) if how != Unanswered::Cancelled => self.went_through(0.0),
            (Fact::Ended(_, how), Stage::Ringing) => {
                self.rang(lasted_s, (how != Unanswered::Cancelled).then_some(false))
            }
            _ => {}
        }
    }

    /// Probability that somebody who was abandoned in this stage was a person.
    pub(super) fn person_share(&self, stage: Stage) -> f64 {
        let (Stage::Queued { rang_s } | Stage::Analysed { rang_s }) = stage else { return self.persons.value() };
        let near = self.persons_after[found_age(rang_s)];
        (near.yes + FOUND_GUESS * self.persons.value()) / (near.all + FOUND_GUESS)
    }

    /// Answers seen so far that wanted an agent.
    pub(super) fn seen_ever(&self) -> f64 {
        self.seen_ever
    }

    /// Relative variance of the rate of answers.
    pub(super) fn doubt(&self) -> f64 {
        1.0 / (self.seen + LEVEL_ANSWERS)
    }

    /// Whether hardly anything gets through that usually does.
    pub(super) fn is_outage(&self) -> bool {
        self.through_fast.value() < OUTAGE * self.through_slow.value()
    }

    fn went_through(&mut self, yes: f64) {
        self.through_fast.count(yes, 1.0, THROUGH_FAST);
        let weight = if self.is_outage() { 1.0 / OUTAGE_MEMORY } else { 1.0 };
        self.through_slow.count(yes, weight, THROUGH_SLOW);
    }

    /// It rang so long; `wanted`: an agent, something else, or we cancelled it.
    fn rang(&mut self, seconds: f64, wanted: Option<bool>) {
        let last = ring_age(seconds);
        let mut expected = 0.0;
        for (age, part) in parts(seconds) {
            self.rung[age] += part;
            expected += self.hazard[age] * part;
        }
        self.expected += expected / self.level;
        match wanted {
            Some(true) => {
                self.wanted[last] += 1.0;
                self.seen += 1.0;
                self.seen_ever += 1.0;
            }
            Some(false) => self.other[last] += 1.0,
            None => {}
        }
    }

    /// Time passed: the last minutes are forgotten.
    pub(super) fn forget(&mut self, seconds: f64) {
        if self.expected > LEVEL_KEPT {
            let keep = (-seconds / LEVEL_S).exp();
            self.expected *= keep;
            self.seen *= keep;
        }
    }

    /// Makes the curves from what was seen so far, the time that calls ring now included.
    pub(super) fn learn(&mut self, now: f64, floor: &Floor) {
        let mut rung = self.rung;
        for (age, calls) in floor.ringing.ages(now) {
            parts(age).for_each(|(age, part)| rung[age] += part * f64::from(calls));
        }
        let mean = (self.wanted.iter().sum::<f64>() + GUESS_ANSWERS)
            / (rung.iter().sum::<f64>() + GUESS_ANSWERS * GUESS_RING_S);
        self.level = ((self.seen + LEVEL_ANSWERS) / (self.expected + LEVEL_ANSWERS)).clamp(0.1, 6.0);
        let mut other = [0.0; RING_AGES];
        for (age, other) in other.iter_mut().enumerate() {
            // Nobody answers in the first second; neighbours are alike.
            let guess = if age == 0 { 0.6 } else { 2.0 };
            let (mut wanted, mut seconds, mut others) = (0.0, 0.0, 0.0);
            for (near, weight) in [(age.checked_sub(1), 0.5), (Some(age), 1.0), (Some(age + 1), 0.5)] {
                let Some(near) = near.filter(|near| *near < RING_AGES) else { continue };
                wanted += weight * self.wanted[near];
                seconds += weight * rung[near];
                others += weight * self.other[near];
            }
            self.hazard[age] = self.level * (wanted + guess) / (seconds + 2.0 / mean);
            *other = if age as f64 >= self.ring_timeout_s { 5.0 } else { (others + 0.02) / (seconds + 2.0) };
        }
        self.learn_ringing(&other);
        self.learn_placed();
        self.learn_analysed();
    }

    /// Of a call that has rung for a while: how likely it wants an agent by each instant, the verdict awaited.
    fn learn_ringing(&mut self, other: &[f64; RING_AGES]) {
        // Nothing is certain: that keeps the sums of many invertible.
        const MOST: f64 = 0.95;
        // Of a call that begins to ring: still rings, has wanted an agent, by every step.
        let (mut still, mut wanted) = ([1.0; STEPS], [0.0; STEPS]);
        for step in 1..STEPS {
            let age = ring_age((step - 1) as f64 * STEP_S);
            let all = self.hazard[age] + other[age];
            let leaves = still[step - 1] * (1.0 - (-all * STEP_S).exp());
            wanted[step] = wanted[step - 1] + leaves * self.hazard[age] / all;
            // Never nothing: a call that rings still has to have a future.
            still[step] = (still[step - 1] - leaves).max(1e-12);
        }
        let verdict_s = if self.analysis { self.verdict_s } else { 0.0 };
        for age in 0..RING_AGES {
            let from = (2 * age + 1).min(STEPS - 1);
            for (point, at) in self.ring_curve[age].iter_mut().zip(AT) {
                let until = (from + ((at - verdict_s).max(0.0) / STEP_S).ceil() as usize).min(STEPS - 1);
                *point = ((wanted[until] - wanted[from]) / still[from]).clamp(0.0, MOST);
            }
        }
    }

    fn learn_placed(&mut self) {
        let through = self.through_fast.value().max(self.through_slow.value());
        let seen: [f64; SHORT_AGES] =
            std::array::from_fn(|age| self.began_ringing[age] + if (2..10).contains(&age) { 0.5 } else { 0.05 });
        for age in 0..SHORT_AGES {
            let left: f64 = seen[age..].iter().sum();
            let mut curve = [0.0; POINTS];
            for (rings_at, count) in seen.iter().enumerate().skip(age) {
                let wait = ((rings_at - age) as f64 + 0.5) * SHORT_S;
                for (point, ahead) in curve.iter_mut().zip(AT) {
                    *point += through * count / left * at(&self.ring_curve[0], ahead - wait);
                }
            }
            self.placed_curve[age] = curve;
        }
    }

    fn learn_analysed(&mut self) {
        const GUESS_PERSON: f64 = 0.7;
        for age in 0..SHORT_AGES {
            let persons = self.person_after[age..].iter().sum::<f64>() + GUESS_PERSON;
            let machines = self.machine_after[age..].iter().sum::<f64>() + 1.0 - GUESS_PERSON;
            for (point, ahead) in self.analysed_curve[age].iter_mut().zip(AT) {
                let until = (short_age(ahead) + age).min(SHORT_AGES);
                let by_then = self.person_after[age..until].iter().sum::<f64>() + GUESS_PERSON * (ahead / 1.5).min(1.0);
                *point = by_then / (persons + machines);
            }
        }
    }

    /// Every group of calls with its curve. Those that wait already are the caller's to count.
    pub(super) fn groups<'a>(&'a self, now: f64, floor: &'a Floor) -> impl Iterator<Item = (&'a Curve, u32)> {
        let placed = floor.placed.ages(now).map(|(age, calls)| (&self.placed_curve[short_age(age)], calls));
        let ringing = floor.ringing.ages(now).map(|(age, calls)| (self.ringing(age), calls));
        let analysed = floor.analysed.ages(now).map(|(age, calls)| (&self.analysed_curve[short_age(age)], calls));
        placed.chain(ringing).chain(analysed)
    }

    /// The curve of a call that is launched now.
    pub(super) fn of_new(&self) -> &Curve {
        &self.placed_curve[0]
    }

    /// The curve of a call that has rung so long.
    pub(super) fn ringing(&self, rang_s: f64) -> &Curve {
        &self.ring_curve[ring_age(rang_s)]
    }
}

fn ring_age(seconds: f64) -> usize {
    (seconds.max(0.0) as usize).min(RING_AGES - 1)
}

fn short_age(seconds: f64) -> usize {
    ((seconds / SHORT_S).max(0.0) as usize).min(SHORT_AGES - 1)
}

fn found_age(seconds: f64) -> usize {
    ((seconds / FOUND_S).max(0.0) as usize).min(FOUND_AGES - 1)
}

/// The seconds spent in each age of ringing by a call that rang so long.
fn parts(seconds: f64) -> impl Iterator<Item = (usize, f64)> {
    let last = ring_age(seconds);
    (0..last).map(|age| (age, 1.0)).chain([(last, (seconds - last as f64).clamp(0.0, 1.0))])
}
