//! `bench gate`: the contact rules alone. 20,000 contacts from many countries with their calls of the last days, the
//! pack `default` and a campaign's own limits; every contact is judged from nothing but its number, its books and the
//! clock, and has its receipt written, whatever the verdict.
//!
//! A table, or with `--json` one line: `decisions_per_s`, verdicts with receipts per second on one core while the clock
//! goes on a second per thousand; `verdicts_per_s`, the same without receipts; `cold_us`, the mean of a verdict for a set
//! of zones that was not asked before. Time is the CPU time of this thread where Linux tells it.

mod measure;

use domain::rules::limits::{Cap, CapBy, DayHours, Limits};
use domain::rules::{Calls, ContactReceipt, Facts, Rules, Windows, Zones, judge};
use domain::{Dialable, Timestamp};
use measure::{cpu_s, wants_json};
use std::hint::black_box;
use std::process::ExitCode;

const CONTACTS: usize = 20_000;
const ROUNDS: usize = 20;
/// Friday, 20 November 2026, 15:00 in UTC: Europe, Africa and the east of America are at work.
const NOW: Timestamp = Timestamp(1_795_186_800_000_000);
/// Prefixes of the numbers; the mobiles among them may be in several zones.
const PREFIXES: [&str; 16] = [
    "+1212555", "+1317555", "+1602555", "+1808555", "+34911", "+34612", "+5622", "+59521", "+5511", "+4420", "+4930",
    "+3316", "+61412", "+68675", "+79161", "+1900555",
];

struct Case {
    number: Dialable,
    calls: Calls,
    person: Calls,
}

fn main() -> ExitCode {
    let json = match wants_json("bench_gate") {
        Ok(json) => json,
        Err(usage) => return usage,
    };
    let (rules, cases) = (rules(), cases());
    let cold_us = cold_us(&rules, &cases);
    let (mut windows, mut allowed) = (Windows::default(), 0_usize);
    let verdicts_s = timed(&cases, |case, now| {
        let facts = facts(&rules, case);
        allowed += usize::from(judge(&rules, &facts, now, &mut windows).first_no().is_none());
    });
    let decisions_s = timed(&cases, |case, now| {
        let facts = facts(&rules, case);
        black_box(judge(&rules, &facts, now, &mut windows));
        black_box(ContactReceipt::of(&rules, &facts, now, &mut windows));
    });
    let asked = (CONTACTS * ROUNDS) as f64;
    print(asked / decisions_s, asked / verdicts_s, cold_us, allowed as f64 / asked, json);
    ExitCode::SUCCESS
}

fn timed(cases: &[Case], mut ask: impl FnMut(&Case, Timestamp)) -> f64 {
    let began = cpu_s();
    for round in 0..ROUNDS {
        for (place, case) in cases.iter().enumerate() {
            ask(case, NOW.plus_seconds(((round * CONTACTS + place) / 1_000) as i64));
        }
    }
    cpu_s() - began
}

/// What a verdict takes when nothing is remembered of its zones. The zones themselves have been read from the database
/// of zones before: that happens once in the life of a process.
fn cold_us(rules: &Rules, cases: &[Case]) -> f64 {
    let cases = &cases[..1_600];
    let ask = |case| {
        black_box(judge(rules, &facts(rules, case), NOW, &mut Windows::default()));
    };
    cases.iter().for_each(ask);
    let began = cpu_s();
    cases.iter().for_each(ask);
    (cpu_s() - began) * 1e6 / cases.len() as f64
}

fn facts<'a>(rules: &Rules, case: &'a Case) -> Facts<'a> {
    Facts {
        denied: rules.denies(&case.number).is_some(),
        suppressed: false,
        consent_at: None,
        due_at: None,
        number: &case.calls,
        person: &case.person,
        zones: Zones::of_number(&case.number),
        in_flight: false,
    }
}

fn rules() -> Rules {
    let window = |days: &str, from: &str, to: &str| DayHours { days: days.into(), from: from.into(), to: to.into() };
    let limits = Limits {
        hours: vec![window("23456", "10:00", "14:00"), window("23456", "16:00", "21:00")],
        holidays: vec!["12-25".into(), "01-01".into()],
        caps: vec![Cap { attempts: 5, hours: 720, by: CapBy::Person }],
        cooldown_hours: 72,
        gap_minutes: 30,
        deny: vec!["+3491190".into()],
        ..Limits::default()
    };
    Rules::of(&["default".to_owned()], &limits, "Europe/Madrid").expect("the limits are in range")
}

fn cases() -> Vec<Case> {
    let case = |n: usize| {
        let text = format!("{}{:06}", PREFIXES[n % PREFIXES.len()], n * 37 % 1_000_000);
        let mut case = Case {
            number: Dialable::parse(&text, None).expect("digits"),
            calls: Calls::default(),
            person: Calls::default(),
        };
        for attempt in 0..n % 5 {
            case.calls.attempted(NOW.plus_seconds(-((attempt * 50_000 + n % 7_000) as i64)));
            case.person.attempted(NOW.plus_seconds(-((attempt * 90_000 + n % 9_000) as i64)));
        }
        case
    };
    (0..CONTACTS).map(case).collect()
}

#[expect(clippy::print_stdout, reason = "printing the result is the job of this program")]
fn print(decisions_per_s: f64, verdicts_per_s: f64, cold_us: f64, allowed: f64, json: bool) {
    if json {
        println!(
            "{{\"decisions_per_s\":{decisions_per_s:.0},\"verdicts_per_s\":{verdicts_per_s:.0},\"cold_us\":{cold_us:.1},\
             \"allowed_share\":{allowed:.3},\"contacts\":{CONTACTS}}}"
        );
    } else {
        println!("contacts          {CONTACTS:>12}");
        println!("allowed, share    {allowed:>12.3}");
        println!("decisions/s       {decisions_per_s:>12.0}");
        println!("verdicts/s        {verdicts_per_s:>12.0}");
        println!("us, zone cold     {cold_us:>12.1}");
    }
}
