//! What the contact rules promise, checked by a second reading of the limits that shares no code with the first.

#![expect(clippy::unwrap_used, reason = "a test")]

use domain::journal::Receipt;
use domain::rules::limits::{Cap, CapBy, Consent, DayHours, Limits};
use domain::rules::{Answer, Calls, ContactReceipt, ContactRule, Facts, Rules, Verdicts, Windows, Zones, judge};
use domain::{Attributes, Dialable, Timestamp};
use proptest::prelude::*;

const HOUR_US: i64 = 3_600_000_000;

/// A contact and the books, as a list and a day may bring them.
#[derive(Debug, Clone)]
struct Case {
    packs: Vec<&'static str>,
    limits: Limits,
    number: &'static str,
    zone: Option<&'static str>,
    now: Timestamp,
    consent_at: Option<Timestamp>,
    due_at: Option<Timestamp>,
    calls: [Calls; 2],
    suppressed: bool,
    in_flight: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let packs = prop::sample::select(vec![vec!["default"], vec!["unrestricted"]]);
    let numbers = prop::sample::select(vec![
        "+12125550100",
        "+34612345678",
        "+34911234567",
        "+5511987654321",
        "+61412345678",
        "+19005551234",
        "+881612345678",
        "+79161234567",
        "+18005550100",
        "911234567",
        "4001",
        "+68675012345",
        "0044911234567",
    ]);
    let zones =
        prop::option::weighted(0.3, prop::sample::select(vec!["America/Phoenix", "Pacific/Kiritimati", "Mars/X"]));
    let us = |hours: i64| 0i64..hours * HOUR_US;
    let now = us(24 * 500).prop_map(|us| Timestamp(1_795_000_000_000_000 + us));
    let calls = || (prop::collection::vec(us(24 * 12), 0..6), prop::option::of(us(24 * 12)));
    let moments =
        (now, prop::option::of(us(24 * 400)), prop::option::weighted(0.3, -5 * HOUR_US..5 * HOUR_US), calls(), calls());
    let flags = (any::<bool>(), prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    (packs, limits(), numbers, zones, moments, flags).prop_map(|(packs, limits, number, zone, moments, flags)| {
        let (now, consent, due, number_calls, person_calls) = moments;
        let ago = |us: i64| Timestamp(now.0 - us);
        let calls = |(attempts, talked): (Vec<i64>, Option<i64>)| {
            let mut calls = Calls { conversation_at: talked.map(ago), ..Calls::NONE };
            attempts.into_iter().for_each(|us| calls.attempted(ago(us)));
            calls
        };
        let (limited, suppressed, in_flight) = flags;
        Case {
            packs,
            limits: if limited { limits } else { Limits::default() },
            number,
            zone,
            now,
            consent_at: consent.map(ago),
            due_at: due.map(ago),
            calls: [calls(number_calls), calls(person_calls)],
            suppressed,
            in_flight,
        }
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    let cap = (1u32..5, prop::sample::select(vec![1u32, 24, 168]), any::<bool>());
    let caps = prop::collection::vec(cap, 0..3);
    let hours = prop::option::of((8u32..12, 13u32..22));
    let consent = prop::option::weighted(0.3, prop::sample::select(vec![0u32, 30, 365]));
    let small = (prop::sample::select(vec![0u32, 2, 72]), prop::sample::select(vec![0u32, 15, 600]));
    (caps, hours, consent, small, any::<bool>()).prop_map(
        |(caps, hours, consent, (cooldown_hours, gap_minutes), deny)| {
            let by = |person| if person { CapBy::Person } else { CapBy::Number };
            let window = |(from, to)| DayHours {
                days: "23456".into(),
                from: format!("{from:02}:00"),
                to: format!("{to:02}:30"),
            };
            Limits {
                caps: caps
                    .into_iter()
                    .map(|(attempts, hours, person)| Cap { attempts, hours, by: by(person) })
                    .collect(),
                hours: hours.map(window).into_iter().collect(),
                holidays: vec!["12-25".into(), "2026-12-08".into()],
                consent: consent.map(|max_age_days| Consent { max_age_days }),
                cooldown_hours,
                gap_minutes,
                deny: if deny { vec!["+3461".into(), "+5511".into()] } else { Vec::new() },
                allow: if deny { vec!["+881".into(), "+34612345".into()] } else { Vec::new() },
                ..Limits::default()
            }
        },
    )
}

impl Case {
    fn rules(&self) -> Rules {
        let packs: Vec<String> = self.packs.iter().map(|name| (*name).to_owned()).collect();
        Rules::of(&packs, &self.limits, "Europe/Madrid").unwrap()
    }

    fn facts(&self, rules: &Rules) -> Facts<'_> {
        let number = Dialable::parse(self.number, None).unwrap();
        let mut attributes = Attributes::default();
        if let Some(zone) = self.zone {
            attributes.add("ZONE", zone).unwrap();
        }
        Facts {
            denied: rules.denies(&number).is_some(),
            suppressed: self.suppressed,
            consent_at: self.consent_at,
            due_at: self.due_at,
            number: &self.calls[0],
            person: &self.calls[1],
            zones: Zones::of(&number, &attributes),
            in_flight: self.in_flight,
        }
    }

    fn verdicts(&self, now: Timestamp) -> Verdicts {
        let rules = self.rules();
        judge(&rules, &self.facts(&rules), now, &mut Windows::default())
    }

    /// The limits of the packs as they are documented, and the campaign's own.
    fn all_limits(&self) -> Vec<Limits> {
        let day = |days: &str, from: &str, to: &str| DayHours { days: days.into(), from: from.into(), to: to.into() };
        let cap = |attempts, hours| Cap { attempts, hours, by: CapBy::Number };
        let default = Limits {
            hours: vec![day("23456", "09:00", "20:00"), day("7", "10:00", "14:00")],
            caps: vec![cap(3, 24), cap(7, 168)],
            ..Limits::default()
        };
        let pack = if self.packs == ["default"] { default } else { Limits::default() };
        vec![pack, self.limits.clone()]
    }

    /// The zones by hand: what the list says, otherwise where the prefix is.
    fn zones(&self) -> Option<Vec<&'static str>> {
        if let Some(zone) = self.zone {
            return (zone != "Mars/X").then(|| vec![zone]);
        }
        Some(match self.number {
            "+12125550100" => vec!["America/New_York"],
            "+34612345678" => vec!["Europe/Madrid", "Atlantic/Canary"],
            "+5511987654321" => vec!["America/Sao_Paulo"],
            "+61412345678" => vec!["Australia/Sydney", "Australia/Perth", "Australia/Lord_Howe", "Indian/Christmas"],
            "+79161234567" => vec!["Europe/Kaliningrad", "Asia/Anadyr", "Europe/Moscow"],
            "+18005550100" => vec!["America/New_York", "America/Los_Angeles", "Pacific/Guam", "America/St_Johns"],
            "+68675012345" => vec!["Pacific/Kiritimati", "Pacific/Tarawa"],
            "+881612345678" => return None,
            "+19005551234" => vec!["America/New_York", "Pacific/Guam"],
            _ => vec!["Europe/Madrid"],
        })
    }

    /// Which rules forbid the call, by a plain reading.
    fn forbidden(&self, at: Timestamp) -> Vec<ContactRule> {
        let (limits, [number, person]) = (self.all_limits(), &self.calls);
        let younger = |since: Timestamp, hours: i64| at.0 - since.0 < hours * HOUR_US;
        let count = |calls: &Calls, hours| calls.attempts.iter().filter(|since| younger(**since, hours)).count() as u32;
        let mut forbidden = Vec::new();
        let mut forbid = |rule, no: bool| {
            if no {
                forbidden.push(rule)
            }
        };
        forbid(ContactRule::NumberAllowed, self.denied());
        forbid(ContactRule::NumberNotSuppressed, self.suppressed);
        let consent = |limits: &Limits| {
            limits.consent.is_none_or(|needed| match self.consent_at {
                None => false,
                Some(given) => needed.max_age_days == 0 || younger(given, i64::from(needed.max_age_days) * 24),
            })
        };
        forbid(ContactRule::ConsentGiven, !limits.iter().all(consent));
        forbid(ContactRule::RetryDue, self.due_at.is_some_and(|due_at| due_at > at));
        let reached = |cap: &Cap| {
            let hours = i64::from(cap.hours);
            count(number, hours) >= cap.attempts || (cap.by == CapBy::Person && count(person, hours) >= cap.attempts)
        };
        forbid(ContactRule::AttemptsBelowCap, limits.iter().flat_map(|limits| &limits.caps).any(reached));
        let talked = |calls: &Calls| {
            calls.conversation_at.is_some_and(|since| younger(since, self.limits.cooldown_hours.into()))
        };
        forbid(ContactRule::CooledDown, talked(number) || talked(person));
        let gap_us = i64::from(self.limits.gap_minutes) * HOUR_US / 60;
        forbid(ContactRule::GapKept, number.attempts.iter().any(|since| at.0 - since.0 < gap_us));
        forbid(ContactRule::InsideCalleeWindow, !limits.iter().all(|limits| self.clocks_allow(limits, at)));
        forbid(ContactRule::NumberNotInFlight, self.in_flight);
        forbidden
    }

    fn denied(&self) -> bool {
        let own = !self.limits.deny.is_empty();
        match self.number {
            "+881612345678" => self.packs == ["default"] && !own,
            "+19005551234" | "0044911234567" => self.packs == ["default"],
            "+5511987654321" => own,
            _ => false,
        }
    }

    fn clocks_allow(&self, limits: &Limits, at: Timestamp) -> bool {
        if limits.hours.is_empty() && limits.holidays.is_empty() {
            return true;
        }
        let Some(zones) = self.zones() else { return false };
        zones.iter().all(|zone| {
            let local = at.to_jiff().in_tz(zone).unwrap();
            let (date, clock) = (local.date().to_string(), local.strftime("%H:%M").to_string());
            let day = (local.weekday().to_sunday_zero_offset() + 1).to_string();
            let inside = |window: &DayHours| window.days.contains(&day) && window.from <= clock && clock < window.to;
            !limits.holidays.iter().any(|holiday| date.ends_with(holiday.as_str()))
                && (limits.hours.is_empty() || limits.hours.iter().any(inside))
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_verdict_breaks_a_rule(case in case()) {
        let noes: Vec<ContactRule> = case.verdicts(case.now).noes().map(|(rule, _)| rule).collect();
        let forbidden = case.forbidden(case.now);
        // By hand some zones of a large set are left out: the table may be stricter, never laxer.
        let missed: Vec<_> = forbidden.iter().filter(|rule| !noes.contains(rule)).collect();
        prop_assert!(missed.is_empty(), "{missed:?} is missing");
        let more: Vec<_> = noes.iter().filter(|rule| !forbidden.contains(rule)).collect();
        let large_set = ["+18005550100", "+19005551234", "+79161234567", "+61412345678"].contains(&case.number);
        let window_of_large_set = |rule: &&&ContactRule| ***rule == ContactRule::InsideCalleeWindow && large_set;
        prop_assert!(more.iter().all(|rule| window_of_large_set(&rule)), "{more:?} for no reason");
    }

    #[test]
    fn the_verdict_does_not_depend_on_the_order_of_rules(case in case(), turn in 0usize..6) {
        let mut rules = case.rules();
        let before = judge(&rules, &case.facts(&rules), case.now, &mut Windows::default());
        rules.parts.reverse();
        for part in &mut rules.parts {
            let caps = part.limits.caps.len().max(1);
            part.limits.caps.rotate_left(turn % caps);
        }
        prop_assert_eq!(before, judge(&rules, &case.facts(&rules), case.now, &mut Windows::default()));
        // Nor on what was asked before: with another clock, of another contact.
        let mut windows = Windows::default();
        for hours in [30, -30, 0] {
            let _ = judge(&rules, &case.facts(&rules), case.now.plus_seconds(hours * 3_600), &mut windows);
        }
        prop_assert_eq!(before, judge(&rules, &case.facts(&rules), case.now, &mut windows));
    }

    #[test]
    fn nobody_may_be_called_before_it_is_worth_asking_again(case in case(), share in 0.0f64..1.0) {
        let verdicts = case.verdicts(case.now);
        let Some(again_at) = verdicts.again_at() else { return Ok(()) };
        prop_assert!(again_at > case.now);
        let between = Timestamp(case.now.0 + ((again_at.0 - case.now.0) as f64 * share) as i64);
        if between < again_at {
            prop_assert!(case.verdicts(between).first_no().is_some(), "yes at {} already, not at {}", between, again_at);
        }
        // Each rule that said no has changed its mind when it said, unless it is a window that closed again by then.
        for (place, answer) in verdicts.0.into_iter().enumerate() {
            if let Answer::No { until: Some(until) } = answer {
                prop_assert_eq!(case.verdicts(until).0[place], Answer::Yes);
            }
        }
    }

    #[test]
    fn a_receipt_shows_figures_that_allow_the_call(case in case()) {
        let rules = case.rules();
        let facts = case.facts(&rules);
        let mut windows = Windows::default();
        if judge(&rules, &facts, case.now, &mut windows).first_no().is_some() {
            return Ok(());
        }
        let receipt = ContactReceipt::of(&rules, &facts, case.now, &mut windows);
        prop_assert!(receipt.caps.iter().all(|cap| cap.used < cap.allowed));
        prop_assert!(receipt.packs.iter().map(|pack| pack.name.as_str()).any(|name| case.packs.contains(&name)));
        prop_assert!(receipt.window_closes_at.is_none_or(|closes_at| closes_at > case.now));
        let asks_for_hours = case.all_limits().iter().any(|limits| *limits != Limits::default() && !(limits.hours.is_empty() && limits.holidays.is_empty()));
        prop_assert_eq!(receipt.clocks.is_empty(), !asks_for_hours);
        for clock in &receipt.clocks {
            let shown = case.now.to_jiff().in_tz(&clock.zone).unwrap().strftime("%Y-%m-%dT%H:%M:%S").to_string();
            prop_assert_eq!(clock.showed.to_string(), shown);
        }
        prop_assert!(!receipt.consent_needed || receipt.consent_at.is_some());
        // It survives the journal.
        let text = serde_json::to_string(&receipt).unwrap();
        prop_assert_eq!(serde_json::from_str::<ContactReceipt>(&text).unwrap(), receipt);
    }
}

#[test]
fn a_receipt_that_was_written_before_there_were_contact_rules_is_still_read() {
    let receipt: serde_json::Value = serde_json::from_str(
        r#"{"picked":"fresh_in_order","rules":["dialling_not_held"],"hours_until":null,"trunk_in_use":0,
        "trunk_capacity":2,"end_point_in_use":0,"end_point_capacity":2,"probe":false}"#,
    )
    .unwrap();
    let receipt: Receipt = serde_json::from_value(receipt).unwrap();
    assert_eq!(receipt.contact, ContactReceipt::default());
}
