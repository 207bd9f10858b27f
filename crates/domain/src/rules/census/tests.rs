use super::*;
use crate::number::Dialable;
use crate::rules::limits::{Cap, CapBy, Consent, Limits};
use crate::rules::verdict::judge;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_795_186_800_000_000);
const HOUR_US: i64 = 3_600_000_000;

/// One contact, by plain numbers: hours ago of attempts, of a conversation, of consent, and hours until it is due.
type Plain = (usize, Vec<i64>, Option<i64>, Option<i64>, Option<i64>, (bool, bool), usize);

fn plain() -> impl Strategy<Value = Plain> {
    let hours = || prop::option::of(0i64..200);
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    (
        0usize..4,
        prop::collection::vec(0i64..200, 0..5),
        hours(),
        hours(),
        prop::option::of(-50i64..50),
        flags,
        0usize..5,
    )
}

const NUMBERS: [&str; 4] = ["+12125550100", "+61412345678", "+34911234567", "+881612345678"];

fn rules() -> Rules {
    let limits = Limits {
        caps: vec![Cap { attempts: 2, hours: 100, by: CapBy::Person }],
        cooldown_hours: 48,
        gap_minutes: 90,
        consent: Some(Consent { max_age_days: 6 }),
        ..Limits::default()
    };
    Rules::of(&["default".to_owned()], &limits, "Europe/Madrid").unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_census_says_of_each_what_the_gate_says(contacts in prop::collection::vec(plain(), 1..30)) {
        let rules = rules();
        let mut census = Census::new(rules.clone());
        let mut windows = Windows::default();
        let (mut first, mut all, mut dialable) = (BTreeMap::new(), BTreeMap::new(), 0);
        let mut in_flight = Vec::new();
        let mut stories = Vec::new();
        for (place, (number, attempts, talked, consent, due, flags, state)) in contacts.iter().enumerate() {
            let ago = |hours: i64| Timestamp(NOW.0 - hours * HOUR_US - 1);
            let mut calls = Calls { conversation_at: talked.map(ago), ..Calls::NONE };
            attempts.iter().for_each(|hours| calls.attempted(ago(*hours)));
            let dialled = Dialable::parse(NUMBERS[*number], None).unwrap();
            let facts = Facts {
                denied: rules.denies(&dialled).is_some(), suppressed: flags.0, consent_at: consent.map(ago),
                due_at: due.map(|hours| Timestamp(NOW.0 + hours * HOUR_US)), number: &calls, person: &Calls::NONE,
                zones: Zones::of_number(&dialled), in_flight: flags.1,
            };
            let place_of = [Place::Waiting, Place::Waiting, Place::Refused, Place::InCall, Place::Finished][*state];
            if flags.1 {
                in_flight.push(NumberKey(place as i64));
            }
            let noes: Vec<_> = judge(&rules, &facts, NOW, &mut windows).noes().map(|(rule, _)| rule.code()).collect();
            let stage = match place_of {
                Place::Finished => Some("finished"),
                Place::InCall => Some("in_call"),
                place => noes.first().copied().or((place == Place::Refused).then_some("waits_for_reload")),
            };
            match stage {
                Some(stage) => *first.entry(stage).or_insert(0) += 1,
                None => dialable += 1,
            }
            if matches!(place_of, Place::Waiting | Place::Refused) {
                noes.iter().for_each(|rule| *all.entry(*rule).or_insert(0) += 1);
            }
            let contact = ContactId(1_000 - place as i64);
            census.add(&Entry { contact, key: NumberKey(place as i64), person: None, place: Place::Finished, facts });
            stories.push((contact, place, place_of, calls.clone(), facts.denied, facts.suppressed, facts.consent_at, facts.due_at, facts.zones));
        }
        census.sort();
        // Everybody is replaced by what they are now: how a census is kept up.
        for (contact, place, place_of, calls, denied, suppressed, consent_at, due_at, zones) in &stories {
            let facts = Facts {
                denied: *denied, suppressed: *suppressed, consent_at: *consent_at, due_at: *due_at, number: calls,
                person: &Calls::NONE, zones: *zones, in_flight: false,
            };
            census.replace(&Entry { contact: *contact, key: NumberKey(*place as i64), person: None, place: *place_of, facts });
            prop_assert_eq!(census.with_number(NumberKey(*place as i64)).collect::<Vec<_>>(), vec![*contact]);
        }
        let funnel = census.funnel(NOW, &in_flight);
        prop_assert_eq!(funnel.dialable, dialable);
        for bucket in &funnel.buckets {
            prop_assert_eq!(bucket.first, first.get(bucket.stage).copied().unwrap_or(0), "{}", bucket.stage);
            if ContactRule::from_code(bucket.stage).is_some() {
                prop_assert_eq!(bucket.all, all.get(bucket.stage).copied().unwrap_or(0), "all of {}", bucket.stage);
            }
            prop_assert!(bucket.next_change.is_none_or(|at| at > NOW));
        }
        prop_assert_eq!(funnel.buckets.iter().map(|bucket| bucket.first).sum::<u64>() + funnel.dialable, funnel.contacts);
    }
}

#[test]
fn who_is_put_off_stands_under_the_rule_that_did_it() {
    let mut census = Census::new(Rules::of(&["default".to_owned()], &Limits::default(), "Europe/Madrid").unwrap());
    // Tokyo at midnight, put off until nine: 2026-11-23, because the next day is a Saturday, ten, is earlier: 01:00 UTC.
    let number = Dialable::parse("+81312345678", None).unwrap();
    let facts = Facts {
        denied: false,
        suppressed: false,
        consent_at: None,
        due_at: Some(Timestamp(NOW.0 + 10 * HOUR_US)),
        number: &Calls::NONE,
        person: &Calls::NONE,
        zones: Zones::of_number(&number),
        in_flight: false,
    };
    let (contact, key) = (ContactId(1), NumberKey(1));
    census.add(&Entry { contact, key, person: Some(NumberKey(7)), place: Place::PutOff, facts });
    census.sort();
    let at = |funnel: &Funnel, code: &str| funnel.buckets.iter().find(|bucket| bucket.stage == code).copied().unwrap();
    let funnel = census.funnel(NOW, &[]);
    let window = at(&funnel, "inside_callee_window");
    assert_eq!((window.first, window.next_change), (1, Some(Timestamp(NOW.0 + 10 * HOUR_US))));
    assert_eq!((at(&funnel, "retry_due").all, census.with_person(NumberKey(7))), (0, &[contact][..]));
    let open = census.funnel(Timestamp(NOW.0 + 10 * HOUR_US), &[key]);
    assert_eq!((open.dialable, at(&open, "number_not_in_flight").first), (0, 1));
    assert_eq!(census.funnel(Timestamp(NOW.0 + 10 * HOUR_US), &[]).dialable, 1);
}

#[test]
fn hours_that_never_meet_are_counted_and_those_that_do_are_not() {
    let census = |numbers: &[&str]| {
        let mut census = Census::new(Rules::of(&["default".to_owned()], &Limits::default(), "Europe/Madrid").unwrap());
        for (place, number) in numbers.iter().enumerate() {
            let number = Dialable::parse(number, None).unwrap();
            let facts = Facts {
                denied: false,
                suppressed: false,
                consent_at: None,
                due_at: None,
                number: &Calls::NONE,
                person: &Calls::NONE,
                zones: Zones::of_number(&number),
                in_flight: false,
            };
            let (contact, key) = (ContactId(place as i64), NumberKey(place as i64));
            census.add(&Entry { contact, key, person: None, place: Place::Waiting, facts });
        }
        census.sort();
        census
    };
    let hours = |from: &str, to: &str, days: &str| Hours::parse(from, to, days, "Europe/Madrid").unwrap();
    // Madrid, Tokyo, Kiritimati.
    let mut three = census(&["+34911234567", "+81312345678", "+68675012345"]);
    let reach = |contacts, of| OutOfReach { contacts, of };
    // In the evening of Madrid it is the morning of the next day on the other side; in Madrid nobody may be called any more,
    // and in Tokyo, four in the morning, not yet.
    assert_eq!(three.out_of_reach(&hours("200000", "225959", "1234567"), NOW), reach(2, 3));
    assert_eq!(three.out_of_reach(&hours("000000", "235959", "23456"), NOW), reach(0, 0));
    // Small hours in Madrid are office hours in Tokyo; with Saturday evening only, Kiritimati has its Sunday.
    assert_eq!(three.out_of_reach(&hours("020000", "035959", "23456"), NOW), reach(1, 3));
    assert_eq!(three.out_of_reach(&hours("200000", "225959", "7"), NOW), reach(3, 3));
    // Known for a day, and asked again behind it.
    assert_eq!(three.out_of_reach(&hours("200000", "225959", "7"), Timestamp(NOW.0 + 25 * HOUR_US)), reach(3, 3));
    // A number of no known place has no hours at all: its own row of the funnel says so.
    let mut nowhere = census(&["+881612345678"]);
    assert_eq!(nowhere.out_of_reach(&hours("200000", "225959", "7"), NOW), reach(0, 0));
}
