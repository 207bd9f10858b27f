//! What the world is like at its beginning: drawn from the seed.

use crate::carrier::Temper;
use crate::pbx::Pbx;
use crate::report::Scene;
use crate::rng::Rng;
use crate::store::{RunRow, Store};
use crate::strictness;
use dialer::{EndPointSpec, PbxSpec, RunSettings, RunTotals, TrunkSpec};
use domain::rules::Rules;
use domain::{
    Alternates, CallState, Contact, ContactId, Dialable, EndPointId, Hours, LeftOut, ListId, Mode, NumberKey,
    NumberRef, Numbered, Numbers, OpeningHours, OpeningMode, OpeningRule, OutcomeRule, OutcomeRuleId, Pacing,
    PacingMode, PacingPolicy, PbxId, RescheduleRule, RuleId, RunId, RunState, Timestamp, TrunkId, Verb, WhyLeftOut,
};
use std::collections::{BTreeMap, BTreeSet};
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
    /// Between two things that operators do, at most, milliseconds; 0: nobody operates.
    pub(crate) operators_ms: u64,
}

pub(crate) fn roughness(rng: &mut Rng, scene: Scene) -> Roughness {
    let drawn = Roughness {
        faults_ms: *rng.pick(&[3_000, 10_000, 40_000, 120_000]).unwrap_or(&40_000),
        operators_ms: *rng.pick(&[500, 5_000, 40_000]).unwrap_or(&40_000),
    };
    match scene {
        Scene::Any => drawn,
        Scene::Small => Roughness { faults_ms: 10_000, operators_ms: 0 },
        Scene::Day { .. } => Roughness { faults_ms: 600_000, operators_ms: 20_000 },
    }
}

/// Beginnings around what clocks and calendars do: both changes of the clocks in New York, Madrid, Santiago and
/// Asunción (which stopped changing), a leap day, the end of a year.
const BEGINNINGS: [(&str, u32); 6] = [
    ("2026-10-24T00:00:00Z", 14 * 86_400),
    ("2026-03-07T00:00:00Z", 23 * 86_400),
    ("2026-04-03T00:00:00Z", 3 * 86_400),
    ("2026-09-04T00:00:00Z", 3 * 86_400),
    ("2028-02-28T00:00:00Z", 2 * 86_400),
    ("2026-12-31T00:00:00Z", 86_400),
];

const ZONES: [&str; 6] =
    ["UTC", "America/New_York", "Europe/Madrid", "America/Sao_Paulo", "America/Santiago", "America/Asuncion"];

pub(crate) fn wall_at_start(rng: &mut Rng) -> Timestamp {
    let (from, seconds) = *rng.pick(&BEGINNINGS).unwrap_or(&BEGINNINGS[0]);
    let from = from.parse().map_or(Timestamp(0), Timestamp::from_jiff);
    from.plus_seconds(i64::from(rng.number(0..=seconds)))
}

/// The first id of what the world adds itself to see whether dialling resumes: operators and settings leave it alone.
pub(crate) const PROBES: i64 = 900;
/// Calls of each probe at most: the first ones may go into a link that is broken and not known to be.
pub(crate) const PROBE_CALLS: u32 = 30;

pub(crate) fn site(rng: &mut Rng, scene: Scene) -> (Site, BTreeMap<PbxId, Pbx>) {
    let mut site = Site { pbxs: BTreeMap::new(), trunks: BTreeMap::new(), end_points: BTreeMap::new() };
    let mut pbxs = BTreeMap::new();
    let (most_pbxs, most_trunks) = match scene {
        Scene::Any => (3, 2),
        Scene::Small => (2, 1),
        Scene::Day { .. } => (2, 1),
    };
    let least_pbxs = if matches!(scene, Scene::Day { .. }) { 2 } else { 1 };
    for n in 1..=i64::from(rng.number(least_pbxs..=most_pbxs)) {
        let id = PbxId(n);
        let originates_per_second = if matches!(scene, Scene::Day { .. }) { 40 } else { rng.number(2..=40) };
        site.pbxs.insert(id, PbxSpec { id, originates_per_second });
        pbxs.insert(id, Pbx::new(Temper::random(rng)));
        for m in 0..i64::from(rng.number(1..=most_trunks)) {
            let mut spec = TrunkSpec {
                id: TrunkId(n * 10 + m),
                pbx: id,
                capacity: rng.number(1..=12),
                calls_per_second: rng.number(0..=6),
                progress_timeout_ms: rng.number(1_000..=12_000),
            };
            if let Scene::Day { lines } = scene {
                (spec.capacity, spec.calls_per_second) = (lines.div_ceil(2), 0);
            }
            site.trunks.insert(spec.id, spec);
        }
        for m in 0..i64::from(rng.number(1..=most_trunks)) {
            let mut spec =
                EndPointSpec { id: EndPointId(n * 10 + m), pbx: id, max_channels: rng.number(1..=10), queue: None };
            if let Scene::Day { lines } = scene {
                spec.max_channels = lines;
            }
            site.end_points.insert(spec.id, spec);
        }
        let (capacity, calls_per_second) = (PROBE_CALLS, 4);
        let trunk =
            TrunkSpec { id: TrunkId(PROBES + n), pbx: id, capacity, calls_per_second, progress_timeout_ms: 5_000 };
        site.trunks.insert(trunk.id, trunk);
        let end_point = EndPointSpec { id: EndPointId(PROBES + n), pbx: id, max_channels: PROBE_CALLS, queue: None };
        site.end_points.insert(end_point.id, end_point);
    }
    (site, pbxs)
}

impl Site {
    /// The trunks that runs and operators use.
    pub(crate) fn usual_trunks(&self) -> Vec<TrunkId> {
        self.trunks.keys().copied().filter(|id| id.0 < PROBES).collect()
    }

    fn usual_end_points(&self) -> Vec<EndPointId> {
        self.end_points.keys().copied().filter(|id| id.0 < PROBES).collect()
    }
}

/// What a number begins with; no id and no time does.
pub(crate) const NUMBERS: &str = "+99955";

/// Adds contacts to a list; one in eight has the number of another one of some list.
pub(crate) fn add_contacts(rng: &mut Rng, store: &mut Store, list: ListId, count: u64) {
    let first = store.last_contact() + 1;
    for next in (first..).take(usize::try_from(count).unwrap_or(0)) {
        let mut number = next;
        if next > 1 && rng.percent(12) {
            number = i64::try_from(rng.within(1..=next.unsigned_abs() - 1)).unwrap_or(1);
        }
        let mut contact = contact(next, list, number);
        strictness::describe(rng, &mut contact);
        give_numbers(store.seed, &mut contact);
        store.add(list, contact);
    }
}

/// Contact `id` with number `number` of the world.
pub(crate) fn contact(id: i64, list: ListId, number: i64) -> Contact {
    let text = format!("{NUMBERS}{number:07}");
    Contact {
        id: ContactId(id),
        list,
        list_name: String::new(),
        number: Dialable { as_given: text.clone(), dialled: text, e164: None },
        number_ref: NumberRef(id),
        key: NumberKey(1_000_000 + number),
        number_no: 0,
        numbers: None,
        attributes: Default::default(),
        zones: domain::rules::Zones::Campaign,
        person: None,
        consent_at: None,
    }
}

/// Gives one contact in five further numbers: some are another contact's, some cannot be called. What is drawn for a contact
/// leaves all else in the world as it is.
fn give_numbers(seed: u64, contact: &mut Contact) {
    let mut rng = Rng::stream(seed, 0x00b0_0000_0000 + contact.id.0.unsigned_abs());
    if !rng.percent(20) {
        return;
    }
    if rng.percent(60) {
        let zone = *rng.pick(&["Europe/Madrid", "America/New_York", "UTC"]).unwrap_or(&"UTC");
        let _ = contact.attributes.add(domain::contact::ZONE, zone);
        contact.zones = domain::rules::Zones::of(&contact.number, &contact.attributes);
    }
    let own = Numbered { no: 0, number: contact.number.clone(), number_ref: contact.number_ref, key: contact.key };
    let mut alternates = Alternates::default();
    for no in 1..=rng.number(1..=4) {
        let mut number = 5_000_000 + contact.id.0 * 8 + i64::from(no);
        match rng.within(0..=9) {
            0 => {
                let why = if rng.percent(50) { WhyLeftOut::Malformed } else { WhyLeftOut::Duplicate };
                alternates.left_out.push(LeftOut { no, why });
                continue;
            }
            1 | 2 => number = i64::try_from(rng.within(1..=contact.id.0.unsigned_abs() + 3)).unwrap_or(1),
            _ => {}
        }
        let key = NumberKey(1_000_000 + number);
        if key == own.key || alternates.numbers.iter().any(|one| one.key == key) {
            alternates.left_out.push(LeftOut { no, why: WhyLeftOut::Duplicate });
            continue;
        }
        let text = format!("{NUMBERS}{number:07}");
        let number = Dialable { as_given: text.clone(), dialled: text, e164: None };
        let number_ref = NumberRef(contact.id.0 * 100 + i64::from(no));
        alternates.numbers.push(Numbered { no, number, number_ref, key });
    }
    contact.person.get_or_insert(NumberKey(4_000_000 + contact.key.0));
    contact.numbers = Some(Arc::new(Numbers::of(own, alternates)));
}

/// The lists and runs of the store.
pub(crate) fn fill(rng: &mut Rng, store: &mut Store, site: &Site, scene: Scene) {
    let (most_lists, most_runs) = if scene == Scene::Any { (4, 4) } else { (1, 1) };
    let lists: Vec<ListId> = (1..=i64::from(rng.number(1..=most_lists))).map(ListId).collect();
    for list in &lists {
        let count = match scene {
            Scene::Any if rng.percent(10) => rng.within(100..=250),
            Scene::Any => rng.within(0..=40),
            Scene::Small => rng.within(3..=6),
            Scene::Day { lines } => 2_000 * u64::from(lines),
        };
        store.lists.insert(*list, Vec::new());
        add_contacts(rng, store, *list, count);
    }
    for n in 1..=i64::from(rng.number(1..=most_runs)) {
        let mut settings = settings(rng, site);
        if scene != Scene::Any {
            settings.hours = Hours::always();
            settings.rules = Arc::new(Rules::none());
            settings.idle_on_termination = false;
            settings.reschedule = rules(rng);
            for rule in &mut settings.reschedule {
                rule.retry_after_s = if scene == Scene::Small { rule.retry_after_s % 20 + 1 } else { 1_800 };
            }
            (settings.trunks, settings.end_points) = (site.usual_trunks(), site.usual_end_points());
        }
        if let Scene::Day { .. } = scene {
            (settings.batch_size, settings.answer_timeout_ms, settings.forced_closure_s) = (200, 25_000, 0);
        }
        let run = RunRow {
            settings,
            lists: some(rng, &lists),
            paused: BTreeSet::new(),
            state: RunState::Runnable,
            totals: RunTotals::default(),
        };
        store.runs.insert(RunId(n), run);
    }
}

/// Random settings; trunks and end points share a PBX.
pub(crate) fn settings(rng: &mut Rng, site: &Site) -> RunSettings {
    let zone = *rng.pick(&ZONES).unwrap_or(&"UTC");
    let hours = match rng.within(0..=3) {
        0 => {
            let from = rng.within(0..=23);
            let until = (from + rng.within(6..=20)) % 24;
            let days = if rng.percent(30) { "23456" } else { "1234567" };
            Hours::parse(&format!("{from:02}0000"), &format!("{until:02}2959"), days, zone).unwrap_or(Hours::always())
        }
        _ => Hours::always(),
    };
    let any_hour = hours == Hours::always();
    let (trunks, end_points) = (site.usual_trunks(), site.usual_end_points());
    let (mut trunks, mut end_points) = (some(rng, &trunks), some(rng, &end_points));
    let pbx_of = |trunk: &TrunkId| site.trunks.get(trunk).map(|spec| spec.pbx);
    let shared = |end_point: &EndPointId| {
        let pbx = site.end_points.get(end_point).map(|spec| spec.pbx);
        trunks.iter().any(|trunk| pbx_of(trunk) == pbx)
    };
    if !end_points.iter().any(shared) {
        (trunks, end_points) = (site.usual_trunks(), site.usual_end_points());
    }
    let priority = i32::try_from(rng.within(1..=3)).unwrap_or(1);
    let batch_size = *rng.pick(&[1, 2, 5, 20, 100]).unwrap_or(&20);
    let answer_timeout_ms = rng.number(1_000..=40_000);
    RunSettings {
        priority,
        batch_size,
        hours,
        answer_timeout_ms,
        forced_closure_s: if rng.percent(30) { rng.number(1..=60) } else { 0 },
        idle_on_termination: rng.percent(30),
        caller_id: Default::default(),
        trunks,
        end_points,
        reschedule: rules(rng),
        outcome_rules: outcome_rules(answer_timeout_ms),
        rules: Arc::new(strictness::rules(rng, zone, any_hour)),
        boost: domain::Boost::ONE,
        pacing: pacing(answer_timeout_ms),
        // Not drawn, so that worlds stay what they were.
        autopause: answer_timeout_ms.is_multiple_of(2),
    }
}

/// Follows from what was drawn otherwise, so that worlds stay what they were.
fn pacing(answer_timeout_ms: u32) -> Pacing {
    let (mode, policy) = match answer_timeout_ms % 16 {
        0 => (PacingMode::Predictive, PacingPolicy::Budget),
        1 => (PacingMode::Predictive, PacingPolicy::Guaranteed),
        2 => (PacingMode::AdaptHardLimit, PacingPolicy::Budget),
        3 => (PacingMode::Progressive, PacingPolicy::Budget),
        4 => (PacingMode::Ratio, PacingPolicy::Budget),
        _ => (PacingMode::Boost, PacingPolicy::Budget),
    };
    let ratio = domain::Boost::from_permille(500 + answer_timeout_ms % 2_500);
    Pacing { mode, policy, ratio, ..Pacing::default() }
}

/// Follows from what was drawn otherwise, so that worlds stay what they were. What rules ask for is carried out by nobody here.
fn outcome_rules(answer_timeout_ms: u32) -> Arc<[OutcomeRule]> {
    let states = [
        CallState::RsBusy,
        CallState::RsNoanswer,
        CallState::RsRejected,
        CallState::RsNumber,
        CallState::RsLost,
        CallState::RsBlacklist,
        CallState::Terminated,
    ];
    if answer_timeout_ms.is_multiple_of(3) {
        return [].into();
    }
    let bit = |n: u32| (answer_timeout_ms >> (n % 12)) & 1 == 1;
    let rules =
        (0_u32..).zip(states).filter(|(n, _)| *n == answer_timeout_ms % 7 || bit(*n)).map(|(n, state)| OutcomeRule {
            id: OutcomeRuleId(i64::from(n) + 1),
            status_ext: if state == CallState::Terminated { "2" } else { "*" }.to_owned(),
            with_retries_pending: bit(n + 3) && bit(n + 5),
            verb: Verb::AddList,
            list: Some(ListId(1)),
            ..OutcomeRule::on(state)
        });
    rules.collect()
}

/// The same hours with none to two other sets of opening hours, which leave a part of every day open.
pub(crate) fn other_sets(rng: &mut Rng, hours: &Hours) -> Option<Hours> {
    let sets: Vec<OpeningHours> = (0..rng.within(0..=2))
        .map(|_| {
            let from = rng.within(0..=23);
            let rule = OpeningRule {
                days: (*rng.pick(&["", "23456", "17"]).unwrap_or(&"")).to_owned(),
                time_start: format!("{from:02}3000"),
                time_end: format!("{:02}1459", (from + rng.within(1..=9)) % 24),
                ..OpeningRule::always(OpeningMode::Closed)
            };
            OpeningHours { rules: vec![rule], ..OpeningHours::named("shop") }
        })
        .collect();
    hours.clone().with_sets(&sets).ok()
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
