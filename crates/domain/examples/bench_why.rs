//! `bench why`: the funnel of a campaign of 1,000,000 contacts from maintained counts, the pack `default` and caps of its
//! own: from all contacts to those that may be dialled, with what stands before each of the others.
//!
//! A table, or with `--json` one line: `funnel_ms`, the mean of 20 funnels, the clock a minute further each time;
//! `worst_ms`; `replace_us`, what it takes to keep up with one contact that changed; `mb`, what all of them occupy.
//! Time is that of the clock on the wall.

mod measure;

use domain::rules::census::{Census, Entry, Place};
use domain::rules::limits::{Cap, CapBy, Limits};
use domain::rules::{Calls, Facts, Rules, Zones};
use domain::{ContactId, Dialable, NumberKey, Timestamp};
use measure::wants_json;
use std::process::ExitCode;
use std::time::Instant;

const CONTACTS: i64 = 1_000_000;
const FUNNELS: i64 = 20;
/// Numbers in calls while the funnel is asked for.
const IN_FLIGHT: i64 = 5_000;
/// Friday, 20 November 2026, 15:00 in UTC.
const NOW: Timestamp = Timestamp(1_795_186_800_000_000);
const PREFIXES: [&str; 10] =
    ["+1212555", "+1602555", "+34911", "+34612", "+5511", "+4420", "+61412", "+79161", "+1900555", "+68675"];

fn main() -> ExitCode {
    let json = match wants_json("bench_why") {
        Ok(json) => json,
        Err(usage) => return usage,
    };
    let rules = rules();
    let numbers: Vec<(Zones, bool)> = PREFIXES
        .iter()
        .map(|prefix| {
            let number = Dialable::parse(&format!("{prefix}004321"), None).expect("digits");
            (Zones::of_number(&number), rules.denies(&number).is_some())
        })
        .collect();
    let mut census = Census::new(rules);
    for n in 0..CONTACTS {
        with_entry(n, &numbers, |entry| census.add(entry));
    }
    census.sort();
    let in_flight: Vec<NumberKey> = (0..IN_FLIGHT).map(|n| key(n * 199)).collect();
    let mut times = Vec::new();
    for minute in 0..FUNNELS {
        let began = Instant::now();
        let funnel = census.funnel(NOW.plus_seconds(60 * minute), &in_flight);
        times.push(began.elapsed().as_secs_f64() * 1e3);
        let sum = funnel.buckets.iter().map(|bucket| bucket.first).sum::<u64>() + funnel.dialable;
        assert_eq!((sum, funnel.contacts), (CONTACTS as u64, CONTACTS as u64), "the funnel adds up");
    }
    let began = Instant::now();
    for n in (0..CONTACTS).step_by(100) {
        with_entry(n, &numbers, |entry| census.replace(entry));
    }
    let replace_us = began.elapsed().as_secs_f64() * 1e6 / (CONTACTS / 100) as f64;
    let mean_ms = times.iter().sum::<f64>() / times.len() as f64;
    let worst_ms = times.iter().copied().fold(0.0, f64::max);
    print(mean_ms, worst_ms, replace_us, census.bytes() as f64 / 1e6, json);
    ExitCode::SUCCESS
}

fn key(n: i64) -> NumberKey {
    NumberKey(n.wrapping_mul(0x5851_f42d_4c95_7f2d))
}

fn with_entry(n: i64, numbers: &[(Zones, bool)], mut tell: impl FnMut(&Entry<'_>)) {
    let (zones, denied) = numbers[(n % numbers.len() as i64) as usize];
    let mut calls = Calls::default();
    for attempt in 0..n % 4 {
        calls.attempted(NOW.plus_seconds(-(attempt * 40_000 + n % 9_000)));
    }
    calls.conversation_at = (n % 17 == 0).then(|| NOW.plus_seconds(-(n % 90_000)));
    let place = match n % 11 {
        0 => Place::Finished,
        1 => Place::PutOff,
        _ => Place::Waiting,
    };
    let facts = Facts {
        denied,
        suppressed: n % 50 == 0,
        consent_at: None,
        due_at: (n % 3 == 0).then(|| NOW.plus_seconds(n % 7_000)),
        number: &calls,
        person: &Calls::NONE,
        zones,
        in_flight: false,
    };
    tell(&Entry { contact: ContactId(n + 1), key: key(n), person: None, place, facts });
}

fn rules() -> Rules {
    let limits = Limits {
        caps: vec![Cap { attempts: 5, hours: 720, by: CapBy::Person }],
        cooldown_hours: 12,
        gap_minutes: 30,
        ..Limits::default()
    };
    Rules::of(&["default".to_owned()], &limits, "Europe/Madrid").expect("the limits are in range")
}

#[expect(clippy::print_stdout, reason = "printing the result is the job of this program")]
fn print(mean_ms: f64, worst_ms: f64, replace_us: f64, mb: f64, json: bool) {
    if json {
        println!(
            "{{\"funnel_ms\":{mean_ms:.1},\"worst_ms\":{worst_ms:.1},\"replace_us\":{replace_us:.2},\"mb\":{mb:.1},\
             \"contacts\":{CONTACTS},\"in_flight\":{IN_FLIGHT}}}"
        );
    } else {
        println!("contacts          {CONTACTS:>12}");
        println!("funnel, ms        {mean_ms:>12.1}");
        println!("worst, ms         {worst_ms:>12.1}");
        println!("us per change     {replace_us:>12.2}");
        println!("MB                {mb:>12.1}");
    }
}
