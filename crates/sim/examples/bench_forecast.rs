//! `bench forecast`: 100,000 contacts, 50 agents and 8 hours played ahead, with one seed and with twenty.
//!
//! A table, or with `--json` one line: `one_seed_s` and `twenty_seeds_s`, wall time, twenty on as many threads as the server takes for
//! a forecast; beside them what the first play came to. Fails over 5 s and 60 s.

#[path = "../../domain/examples/measure/mod.rs"]
mod measure;

use dialer::{EndPointSpec, PbxSpec, RunSettings, TrunkSpec};
use domain::rules::{Limits, Rules, Standing, Zones};
use domain::{
    Boost, CallState, CampaignId, Contact, ContactId, Dialable, EndPointId, Hours, ListId, Mode, NumberRef,
    ObservedQueue, Pacing, PbxId, RescheduleRule, RuleId, Timestamp, TrunkId,
};
use measure::wants_json;
use sim::forecast::{Crew, Habits, People, Plan, PlanPbx, Played, Where, play};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

const CONTACTS: i64 = 100_000;
const AGENTS: u32 = 50;
const HOURS: u32 = 8;
const SEEDS: u64 = 20;
const ONE_SEED_S: f64 = 5.0;
const TWENTY_SEEDS_S: f64 = 60.0;

#[expect(clippy::print_stdout, reason = "printing the result is the job of this program")]
fn main() -> ExitCode {
    let json = match wants_json("bench_forecast") {
        Ok(json) => json,
        Err(usage) => return usage,
    };
    let plan = plan();
    plan.check().expect("the plan above is in range");
    let began = Instant::now();
    let first = played(&plan, 1);
    let one_seed_s = began.elapsed().as_secs_f64();
    let threads = std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1)) as u64;
    let began = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let plan = &plan;
            scope.spawn(move || {
                (1..=SEEDS).filter(|seed| seed % threads == thread).for_each(|seed| drop(played(plan, seed)))
            });
        }
    });
    let twenty_seeds_s = began.elapsed().as_secs_f64();
    let occupancy = first.occupancy.unwrap_or(0.0);
    let abandoned = first.abandoned as f64 / first.live.max(1) as f64;
    if json {
        println!(
            "{{\"one_seed_s\":{one_seed_s:.2},\"twenty_seeds_s\":{twenty_seeds_s:.2},\"threads\":{threads},\"attempts\":{},\
             \"steps\":{},\"occupancy\":{occupancy:.3},\"abandoned\":{abandoned:.4}}}",
            first.attempts, first.steps
        );
    } else {
        println!("{CONTACTS} contacts, {AGENTS} agents, {HOURS} hours");
        println!("one seed          {one_seed_s:>9.2} s, at most {ONE_SEED_S} s");
        println!("twenty seeds      {twenty_seeds_s:>9.2} s on {threads} threads, at most {TWENTY_SEEDS_S} s");
        println!("calls             {:>9}", first.attempts);
        println!("steps             {:>9}", first.steps);
        println!("occupancy         {occupancy:>9.3}");
        println!("abandoned         {abandoned:>9.4}");
    }
    if one_seed_s > ONE_SEED_S || twenty_seeds_s > TWENTY_SEEDS_S {
        eprintln!("bench_forecast: slower than it is to be");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn played(plan: &Plan, seed: u64) -> Played {
    play(plan, seed, &mut |_| true).expect("nobody cancels it and no rule is broken")
}

/// A third of the people is in another zone, where nobody may be called yet when it begins.
fn plan() -> Plan {
    let mut people = People::default();
    people.begin_list(ListId(1));
    for id in 1..=CONTACTS {
        let country = if id % 3 == 0 { "+1212555" } else { "+39066" };
        people.add(&contact(id, &format!("{country}{id:06}")), Standing::default(), Where::Fresh);
    }
    let (pbx, trunk, end_point) = (PbxId(1), TrunkId(1), EndPointId(1));
    let retry = |status, retry_after_s| RescheduleRule {
        id: RuleId(1),
        status,
        status_ext: String::new(),
        max_attempts: 2,
        retry_after_s,
        mode: Mode::Fixed,
    };
    Plan {
        // A Monday, ten in the morning in Rome.
        begins_at: Timestamp(1_795_424_400_000_000),
        horizon_s: HOURS * 3_600,
        campaign: CampaignId(1),
        settings: RunSettings {
            priority: 10,
            batch_size: 200,
            hours: Hours::always(),
            answer_timeout_ms: 30_000,
            forced_closure_s: 0,
            idle_on_termination: false,
            caller_id: Default::default(),
            trunks: vec![trunk],
            end_points: vec![end_point],
            reschedule: vec![retry(CallState::RsBusy, 600), retry(CallState::RsNoanswer, 7_200)],
            outcome_rules: [].into(),
            rules: Arc::new(
                Rules::of(&["default".to_owned()], &Limits::default(), "Europe/Rome").expect("the default pack holds"),
            ),
            boost: Boost::ONE,
            pacing: Pacing::default(),
            autopause: false,
        },
        pbxs: vec![PlanPbx { spec: PbxSpec { id: pbx, originates_per_second: 100 }, harbour: true }],
        trunks: vec![TrunkSpec { id: trunk, pbx, capacity: 300, calls_per_second: 0, progress_timeout_ms: 10_000 }],
        end_points: vec![EndPointSpec {
            id: end_point,
            pbx,
            max_channels: 300,
            queue: Some(ObservedQueue::named("sales")),
        }],
        lists: vec![ListId(1)],
        paused_lists: Default::default(),
        people,
        called_before: vec![],
        books: None,
        crew: Crew { agents: AGENTS },
        habits: Habits::default(),
    }
}

fn contact(id: i64, number: &str) -> Contact {
    let number = Dialable { as_given: String::new(), dialled: number.to_owned(), e164: Some(number.to_owned()) };
    Contact {
        id: ContactId(id),
        list: ListId(1),
        list_name: String::new(),
        zones: Zones::of_number(&number),
        number_ref: NumberRef(id),
        key: number.key(7),
        number_no: 0,
        numbers: None,
        attributes: Default::default(),
        person: None,
        consent_at: None,
        number,
    }
}
