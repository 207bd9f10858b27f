//! What the world is like at its beginning: drawn from the seed.

use crate::carrier::Temper;
use crate::pbx::Pbx;
use crate::rng::Rng;
use crate::store::{RunRow, Store};
use dialer::{EndPointSpec, PbxSpec, RunSettings, RunTotals, TrunkSpec};
use domain::{
    CallState, Contact, ContactId, Dialable, EndPointId, Hours, ListId, Mode, NumberKey, NumberRef, PbxId,
    RescheduleRule, RuleId, RunId, RunState, Timestamp, TrunkId,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The configuration, which operators change.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) pbxs: BTreeMap<PbxId, PbxSpec>,
    pub(crate) trunks: BTreeMap<TrunkId, TrunkSpec>,
    pub(crate) end_points: BTreeMap<EndPointId, EndPointSpec>,
}

/// How rough a world is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Roughness {
    /// Between two faults, at most, milliseconds.
    pub(crate) faults_ms: u64,
    /// Between two things that operators do, at most, milliseconds.
    pub(crate) operators_ms: u64,
    /// Commits that take long, percent.
    pub(crate) slow_commits: u64,
    /// Originates whose channel takes long to make, percent.
    pub(crate) slow_channels: u64,
}

pub(crate) fn roughness(rng: &mut Rng) -> Roughness {
    Roughness {
        faults_ms: *rng.pick(&[3_000, 10_000, 40_000, 120_000]).unwrap_or(&40_000),
        operators_ms: *rng.pick(&[500, 5_000, 40_000]).unwrap_or(&40_000),
        slow_commits: *rng.pick(&[1, 1, 10, 40]).unwrap_or(&1),
        slow_channels: *rng.pick(&[1, 3, 15]).unwrap_or(&1),
    }
}

/// A beginning in the two weeks around a change of the clocks in New York and Madrid.
pub(crate) fn wall_at_start(rng: &mut Rng) -> Timestamp {
    const OCTOBER_24: i64 = 1_792_800_000_000_000;
    Timestamp(OCTOBER_24).plus_seconds(i64::from(rng.number(0..=14 * 86_400)))
}

pub(crate) fn site(rng: &mut Rng) -> (Site, BTreeMap<PbxId, Pbx>) {
    let mut site = Site { pbxs: BTreeMap::new(), trunks: BTreeMap::new(), end_points: BTreeMap::new() };
    let mut pbxs = BTreeMap::new();
    for n in 1..=i64::from(rng.number(1..=3)) {
        let id = PbxId(n);
        site.pbxs.insert(id, PbxSpec { id, originates_per_second: rng.number(2..=40) });
        pbxs.insert(id, Pbx::new(Temper::random(rng)));
        for m in 0..i64::from(rng.number(1..=2)) {
            let spec = TrunkSpec {
                id: TrunkId(n * 10 + m),
                pbx: id,
                capacity: rng.number(1..=12),
                calls_per_second: rng.number(0..=6),
                progress_timeout_ms: rng.number(1_000..=12_000),
            };
            site.trunks.insert(spec.id, spec);
        }
        for m in 0..i64::from(rng.number(1..=2)) {
            let spec = EndPointSpec { id: EndPointId(n * 10 + m), pbx: id, max_channels: rng.number(1..=10) };
            site.end_points.insert(spec.id, spec);
        }
    }
    (site, pbxs)
}

/// Adds contacts to a list; one in eight has the number of another one of some list.
pub(crate) fn add_contacts(rng: &mut Rng, store: &mut Store, list: ListId, count: u64) {
    let first = store.lists.values().flatten().map(|contact| contact.id.0).max().unwrap_or(0) + 1;
    for next in (first..).take(usize::try_from(count).unwrap_or(0)) {
        let known: Vec<NumberKey> = store.lists.values().flatten().map(|contact| contact.key).collect();
        let key = match rng.pick(&known) {
            Some(key) if rng.percent(12) => *key,
            _ => NumberKey(1_000_000 + next),
        };
        let contact = Contact {
            id: ContactId(next),
            list,
            list_name: String::new(),
            number: Dialable { as_given: String::new(), dialled: String::new(), e164: None },
            number_ref: NumberRef(next),
            key,
            attributes: Default::default(),
        };
        store.lists.entry(list).or_default().push(Arc::new(contact));
    }
}

/// The lists and runs of the store.
pub(crate) fn fill(rng: &mut Rng, store: &mut Store, site: &Site) {
    let lists: Vec<ListId> = (1..=i64::from(rng.number(1..=4))).map(ListId).collect();
    for list in &lists {
        let count = if rng.percent(10) { rng.within(100..=250) } else { rng.within(0..=40) };
        store.lists.insert(*list, Vec::new());
        add_contacts(rng, store, *list, count);
    }
    for n in 1..=i64::from(rng.number(1..=4)) {
        let run = RunRow {
            settings: settings(rng, site),
            lists: some(rng, &lists),
            state: RunState::Runnable,
            totals: RunTotals::default(),
        };
        store.runs.insert(RunId(n), run);
    }
}

/// Random settings; trunks and end points share a PBX.
pub(crate) fn settings(rng: &mut Rng, site: &Site) -> RunSettings {
    let zone = *rng.pick(&["UTC", "America/New_York", "Europe/Madrid", "America/Sao_Paulo"]).unwrap_or(&"UTC");
    let hours = match rng.within(0..=3) {
        0 => {
            let from = rng.within(0..=23);
            let until = (from + rng.within(6..=20)) % 24;
            let days = if rng.percent(30) { "23456" } else { "1234567" };
            Hours::parse(&format!("{from:02}0000"), &format!("{until:02}2959"), days, zone).unwrap_or(Hours::always())
        }
        _ => Hours::always(),
    };
    let trunks: Vec<TrunkId> = site.trunks.keys().copied().collect();
    let end_points: Vec<EndPointId> = site.end_points.keys().copied().collect();
    let (mut trunks, mut end_points) = (some(rng, &trunks), some(rng, &end_points));
    let pbx_of = |trunk: &TrunkId| site.trunks.get(trunk).map(|spec| spec.pbx);
    let shared = |end_point: &EndPointId| {
        let pbx = site.end_points.get(end_point).map(|spec| spec.pbx);
        trunks.iter().any(|trunk| pbx_of(trunk) == pbx)
    };
    if !end_points.iter().any(shared) {
        trunks = site.trunks.keys().copied().collect();
        end_points = site.end_points.keys().copied().collect();
    }
    RunSettings {
        priority: i32::try_from(rng.within(1..=3)).unwrap_or(1),
        batch_size: *rng.pick(&[1, 2, 5, 20, 100]).unwrap_or(&20),
        hours,
        answer_timeout_ms: rng.number(1_000..=40_000),
        forced_closure_s: if rng.percent(30) { rng.number(1..=60) } else { 0 },
        idle_on_termination: rng.percent(30),
        trunks,
        end_points,
        rules: rules(rng),
    }
}

fn rules(rng: &mut Rng) -> Vec<RescheduleRule> {
    let states = [
        CallState::RsBusy,
        CallState::RsNoanswer,
        CallState::RsRejected,
        CallState::RsLost,
        CallState::RsError,
        CallState::RsNumber,
        CallState::RsTimeout,
        CallState::Terminated,
    ];
    (1..=rng.within(0..=6))
        .map(|n| {
            let status = *rng.pick(&states).unwrap_or(&CallState::RsBusy);
            let ext = status == CallState::Terminated || rng.percent(10);
            RescheduleRule {
                id: RuleId(i64::try_from(n).unwrap_or(1)),
                status,
                status_ext: if ext { "2".to_owned() } else { String::new() },
                max_attempts: rng.number(1..=4),
                retry_after_s: rng.number(1..=300),
                mode: if rng.percent(30) { Mode::Mult } else { Mode::Fixed },
            }
        })
        .collect()
}

/// Some of them, at least one when there is one, in their order.
pub(crate) fn some<T: Copy>(rng: &mut Rng, of: &[T]) -> Vec<T> {
    let mut picked: Vec<T> = of.iter().copied().filter(|_| rng.percent(60)).collect();
    if picked.is_empty() {
        picked.extend(of.first().copied());
    }
    picked
}
