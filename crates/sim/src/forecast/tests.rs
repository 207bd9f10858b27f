//! Small floors of one trunk, played ahead.

use super::*;
use dialer::{EndPointSpec, PbxSpec, RunSettings, TrunkSpec};
use domain::journal::PutOffBy;
use domain::rules::{ContactRule, Limits, NumberStanding, Rules, Standing, Zones};
use domain::{
    Attributes, Boost, CallState, CampaignId, Contact, ContactId, Dialable, EndPointId, Hours, ListId, Mode, NumberKey,
    NumberRef, Numbered, Numbers, ObservedQueue, Pacing, PacingMode, PbxId, RescheduleRule, RuleId, SuppressionListId,
    TrunkId,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A Monday, 09:00 in Rome.
const MONDAY: &str = "2026-11-23T08:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::from_jiff(text.parse().unwrap())
}

fn contact(id: i64, number: &str) -> Contact {
    let number = Dialable::parse(number, None).unwrap();
    Contact {
        id: ContactId(id),
        list: ListId(1),
        list_name: "spring".into(),
        zones: Zones::of_number(&number),
        number_ref: NumberRef(id),
        key: number.key(7),
        number_no: 0,
        numbers: None,
        attributes: Attributes::default(),
        person: None,
        consent_at: None,
        number,
    }
}

fn retry(status: CallState, times: u32, after_s: u32) -> RescheduleRule {
    let (id, status_ext) = (RuleId(1), String::new());
    RescheduleRule { id, status, status_ext, max_attempts: times, retry_after_s: after_s, mode: Mode::Fixed }
}

/// A hundred people of Rome, five agents, hours of the campaign from nine to half past six.
fn plan() -> Plan {
    let mut people = People::default();
    people.begin_list(ListId(1));
    for id in 1..=100 {
        people.add(&contact(id, &format!("+3906698{id:05}")), Standing::default(), Where::Fresh);
    }
    let (pbx, trunk, end_point) = (PbxId(1), TrunkId(1), EndPointId(1));
    Plan {
        begins_at: at(MONDAY),
        horizon_s: 24 * 3_600,
        campaign: CampaignId(1),
        settings: RunSettings {
            priority: 10,
            batch_size: 50,
            hours: Hours::parse("090000", "182959", "23456", "Europe/Rome").unwrap(),
            answer_timeout_ms: 30_000,
            forced_closure_s: 0,
            idle_on_termination: true,
            caller_id: Default::default(),
            trunks: vec![trunk],
            end_points: vec![end_point],
            reschedule: vec![retry(CallState::RsBusy, 1, 600), retry(CallState::RsNoanswer, 1, 1_800)],
            outcome_rules: [].into(),
            rules: Arc::new(Rules::of(&["default".to_owned()], &Limits::default(), "Europe/Rome").unwrap()),
            boost: Boost::ONE,
            pacing: Pacing::default(),
            autopause: true,
        },
        pbxs: vec![PlanPbx { spec: PbxSpec { id: pbx, originates_per_second: 20 }, harbour: true }],
        trunks: vec![TrunkSpec { id: trunk, pbx, capacity: 30, calls_per_second: 0, progress_timeout_ms: 10_000 }],
        end_points: vec![EndPointSpec {
            id: end_point,
            pbx,
            max_channels: 30,
            queue: Some(ObservedQueue::named("sales")),
        }],
        lists: vec![ListId(1)],
        paused_lists: Default::default(),
        people,
        called_before: vec![],
        books: None,
        crew: Crew { agents: 5 },
        habits: Habits::default(),
    }
}

fn played(plan: &Plan, seed: u64) -> Played {
    plan.check().unwrap();
    play(plan, seed, &mut |_| true).unwrap()
}

#[test]
fn a_seed_gives_the_same_forecast_and_another_one_another() {
    let plan = plan();
    let first = played(&plan, 7);
    assert_eq!(first, played(&plan, 7));
    assert_ne!(first.hours, played(&plan, 8).hours);
    assert_eq!(first.outcomes.values().map(|outcome| outcome.calls).sum::<u64>(), first.attempts);
    let retried: u64 = first.outcomes.values().map(|outcome| outcome.retried).sum();
    assert!(first.finished_at.is_some() && first.left == 0, "{first:?}");
    assert_eq!((first.retries, first.attempts), (retried, 100 + retried));
    assert_eq!(first.hours.iter().map(|hour| hour.attempts).sum::<u64>(), first.attempts);
    assert!(first.occupancy.is_some_and(|share| (0.1..=1.0).contains(&share)), "{first:?}");
    assert!(first.idle_s.is_some() && first.conversations > 0 && first.live >= first.conversations);
}

#[test]
fn another_answer_rate_meets_the_same_people() {
    let mut plan = plan();
    let before = played(&plan, 7);
    plan.habits.answered = [0.9; 24];
    let after = played(&plan, 7);
    assert!(after.answered > before.answered + 20, "{} and {}", before.answered, after.answered);
    assert!(after.retries < before.retries);
}

#[test]
fn nobody_is_called_outside_the_hours_of_the_campaign_and_of_the_callee() {
    let mut plan = plan();
    // Half past five in the evening: an hour is left of it, and more people than it takes.
    plan.begins_at = at("2026-11-23T16:30:00Z");
    (plan.crew.agents, plan.horizon_s) = (1, 40 * 3_600);
    plan.settings.pacing.mode = PacingMode::Progressive;
    let play = played(&plan, 1);
    let dialled: Vec<usize> = (0..play.hours.len()).filter(|hour| play.hours[*hour].attempts > 0).collect();
    // The first hour, and from nine in the morning, which is fifteen and a half hours later.
    assert!(dialled.contains(&0) && dialled.iter().all(|hour| *hour == 0 || *hour >= 15), "{dialled:?}");
    assert!(play.hours[1..15].iter().all(|hour| hour.present_s <= hour.busy_s), "nobody waits at night");
}

#[test]
fn what_is_left_at_the_horizon_is_told() {
    let mut plan = plan();
    (plan.crew.agents, plan.horizon_s) = (1, 1_800);
    let play = played(&plan, 1);
    assert_eq!(play.finished_at, None);
    assert!(play.left > 50 && play.left < 100, "{play:?}");
    let summary = Summary::of(plan.begins_at, &[play.clone(), played(&plan, 2)]).unwrap();
    assert_eq!((summary.plays, summary.finished, summary.finished_at), (2, 0, [None; 3]));
    assert!(summary.left.low <= summary.left.median && summary.left.median <= summary.left.high);
}

/// People whom some rule keeps back, ten of each kind.
fn kept_back() -> Plan {
    let mut plan = plan();
    let mut people = People::default();
    people.begin_list(ListId(1));
    let now = plan.begins_at;
    let mut id = 0;
    for _ in 0..10 {
        let mut add = |number: &str, standing: Standing, at: Where| {
            id += 1;
            people.add(&contact(id, &format!("{number}{id:04}")), standing, at);
        };
        add("+39066982", Standing::default(), Where::Fresh);
        // Satellites, and New York at three in the morning.
        add("+8816123", Standing::default(), Where::Fresh);
        add("+1212555", Standing::default(), Where::Fresh);
        let suppressed = Standing { suppressed_by: Some(SuppressionListId(1)), ..Standing::default() };
        add("+39066983", suppressed, Where::Fresh);
        let mut often = Standing::default();
        (1..=3).for_each(|hours| often.number.attempted(now.plus_seconds(-3_600 * hours)));
        add("+39066984", often, Where::Fresh);
        let due_at = now.plus_seconds(7_200);
        add("+39066985", Standing::default(), Where::Waiting { retry: 1, number_no: 0, due_at, put_off_by: None });
        add("+39066986", Standing::default(), Where::Finished);
    }
    plan.people = people;
    plan
}

#[test]
fn its_exclusions_are_what_the_census_counts() {
    let mut plan = kept_back();
    plan.horizon_s = 1_800;
    let play = played(&plan, 3);
    let funnel = plan.people.funnel(&plan.settings.rules, plan.begins_at);
    let first = |stage: &str| funnel.buckets.iter().find(|bucket| bucket.stage == stage).unwrap().first;
    let rule = PutOffBy::Rule;
    let refused: BTreeMap<_, _> =
        [(rule(ContactRule::NumberAllowed), 10), (rule(ContactRule::NumberNotSuppressed), 10)].into();
    assert_eq!(play.refused, refused);
    assert_eq!((first("number_allowed"), first("number_not_suppressed"), first("finished")), (10, 10, 10));
    let put_off: BTreeMap<_, _> = play.put_off.iter().map(|(rule, figures)| (*rule, figures.contacts)).collect();
    let kept: BTreeMap<_, _> =
        [(rule(ContactRule::AttemptsBelowCap), 10), (rule(ContactRule::InsideCalleeWindow), 10)].into();
    assert_eq!(put_off, kept);
    assert_eq!((first("attempts_below_cap"), first("inside_callee_window"), first("retry_due")), (10, 10, 10));
    assert_eq!((funnel.dialable, play.attempts - play.retries), (10, 10));
    // Those whose time comes are left, those who are refused are not.
    assert!(play.left >= 30 && play.left <= 40, "{play:?}");
}

#[test]
fn a_cap_of_attempts_ends_the_retries_of_the_day() {
    let mut plan = plan();
    plan.settings.reschedule = vec![retry(CallState::RsNoanswer, 50, 60), retry(CallState::RsBusy, 50, 60)];
    plan.habits = Habits { answered: [0.0; 24], wrong_number: 0.0, rejected: 0.0, ..Habits::default() };
    plan.horizon_s = 9 * 3_600;
    let play = played(&plan, 1);
    assert_eq!((play.attempts, play.answered, play.finished_at), (300, 0, None));
    assert_eq!(play.put_off[&PutOffBy::Rule(ContactRule::AttemptsBelowCap)].contacts, 100);
}

#[test]
fn without_a_queue_channels_are_the_limit_and_nobody_waits() {
    let mut plan = plan();
    plan.end_points[0].queue = None;
    assert_eq!(plan.check().unwrap_err().field, "agents");
    plan.crew.agents = 0;
    let play = played(&plan, 1);
    assert!(play.finished_at.is_some() && play.answered > 10);
    assert_eq!((play.live, play.occupancy, play.idle_s, play.conversations), (0, None, None, 0));
}

#[test]
fn agents_who_are_called_first_abandon_nobody() {
    let mut plan = plan();
    plan.end_points[0].queue = Some(ObservedQueue { reverse: true, ..ObservedQueue::named("sales") });
    let play = played(&plan, 1);
    assert!(play.finished_at.is_some() && play.conversations > 10, "{play:?}");
    assert_eq!((play.abandoned, play.live), (0, play.conversations));
}

#[test]
fn every_mode_plays_and_the_cap_is_kept() {
    for mode in [PacingMode::Progressive, PacingMode::Boost, PacingMode::AdaptTapered, PacingMode::Predictive] {
        let mut plan = plan();
        plan.settings.pacing.mode = mode;
        plan.end_points[0].queue.as_mut().unwrap().boost = Boost::from_permille(2_000);
        let play = played(&plan, 1);
        assert!(play.finished_at.is_some(), "{mode:?} {play:?}");
        if mode == PacingMode::Progressive {
            assert_eq!(play.abandoned, 0, "a free agent for every call");
        }
    }
}

#[test]
fn contacts_with_several_numbers_are_called_on_one_after_the_other() {
    let mut plan = plan();
    let mut people = People::default();
    people.begin_list(ListId(1));
    for id in 1..=20 {
        let mut one = contact(id, &format!("+3906698{id:05}"));
        let numbered = |no: u32, number: Dialable| Numbered {
            no,
            number_ref: NumberRef(id * 10 + i64::from(no)),
            key: number.key(7),
            number,
        };
        let own = numbered(0, one.number.clone());
        let further = numbered(1, Dialable::parse(&format!("+3906697{id:05}"), None).unwrap());
        one.numbers = Some(Arc::new(Numbers { all: vec![own, further], left_out: vec![] }));
        one.person = Some(NumberKey(id));
        let standing = Standing { numbers: vec![NumberStanding::of(0), NumberStanding::of(1)], ..Standing::default() };
        people.add(&one, standing, Where::Fresh);
    }
    plan.people = people;
    plan.settings.reschedule.clear();
    plan.habits = Habits { answered: [0.0; 24], wrong_number: 0.0, ..Habits::default() };
    let play = played(&plan, 1);
    assert_eq!((play.attempts, play.retries, play.left), (40, 0, 0));
}

#[test]
fn a_machine_that_is_found_out_is_nobody_live() {
    let mut plan = plan();
    plan.habits = Habits { answered: [1.0; 24], machines: 1.0, ..Habits::default() };
    let play = played(&plan, 1);
    assert_eq!((play.answered, play.live, play.abandoned, play.conversations), (100, 0, 0, 0), "{play:?}");
}

#[test]
fn who_watches_may_end_it() {
    let mut looks = 0;
    let stopped = play(&plan(), 1, &mut |at| {
        looks += 1;
        assert!(at >= plan().begins_at);
        false
    });
    assert_eq!((stopped, looks), (Err(Stopped::Cancelled), 1));
}

#[test]
fn what_cannot_be_played_is_refused_by_field() {
    let refused = |change: fn(&mut Plan)| {
        let mut plan = plan();
        change(&mut plan);
        plan.check().unwrap_err().field
    };
    assert_eq!(refused(|plan| plan.crew.agents = 0), "agents");
    assert_eq!(refused(|plan| plan.crew.agents = 5_001), "agents");
    assert_eq!(refused(|plan| plan.horizon_s = 0), "hours");
    assert_eq!(refused(|plan| plan.horizon_s = MAX_HORIZON_S + 1), "hours");
    assert_eq!(refused(|plan| plan.habits.answered[3] = 1.5), "answer_rate");
    assert_eq!(refused(|plan| plan.habits.answered[0] = f64::NAN), "answer_rate");
    assert_eq!(refused(|plan| plan.habits.machines = -0.1), "machine_share");
    assert_eq!(refused(|plan| plan.habits.talk = Lasts::About(-1.0, 0.5)), "talk_s");
    assert_eq!(refused(|plan| plan.habits.wrap_up = Lasts::About(f64::INFINITY, 0.5)), "wrap_up_s");
    assert_eq!(refused(|plan| plan.settings.pacing.cap = 1.2), "pacing.cap");
    let preview = |plan: &mut Plan| {
        let queue = plan.end_points[0].queue.as_mut().unwrap();
        (queue.reverse, queue.preview) = (true, true);
    };
    assert_eq!(refused(preview), "campaign");
}
