//! Contacts with several numbers: by place, one at a time, each by its own standing.

use crate::script::*;
use Seen::*;
use dialer::{Command, Event, FreshEntry, RetryEntry, RunTotals};
use domain::journal::{AttemptEnd, NewAttempt};
use domain::rules::{NumberStanding, Standing};
use domain::{
    Alternates, CallState, Contact, Dialable, EndedBy, LeftOut, Mode, NumberKey, NumberRef, Numbered, Numbers,
    OtherNumber, OutcomeRule, OutcomeRuleId, RunState, SuppressionListId, Verb, WhyLeftOut,
};
use std::sync::Arc;

/// Contact `id` with a number of its own, and these behind it by place and key.
fn several(id: i64, behind: &[(u32, i64)]) -> Arc<Contact> {
    let one = |no: u32, key: i64| {
        let text = format!("+{key}");
        let number = Dialable { as_given: text.clone(), dialled: text, e164: None };
        Numbered { no, number, number_ref: NumberRef(key), key: NumberKey(key) }
    };
    let mut contact = (*contact(id)).clone();
    let numbers = behind.iter().map(|(no, key)| one(*no, *key)).collect();
    let alternates = Alternates { numbers, left_out: vec![LeftOut { no: 9, why: WhyLeftOut::Malformed }] };
    contact.numbers = Some(Arc::new(Numbers::of(one(0, contact.key.0), alternates)));
    Arc::new(contact)
}

fn standing(suppressed: &[u32]) -> Standing {
    let one = |no| NumberStanding {
        suppressed_by: suppressed.contains(&no).then_some(SuppressionListId(1)),
        ..NumberStanding::of(no)
    };
    Standing { numbers: (0..4).map(one).collect(), ..Standing::default() }
}

/// The contact when the turn is that of a number.
fn turn(contact: &Contact, retry: u32, number_no: u32, standing: &Standing) -> RetryEntry {
    let contact = Arc::new(contact.turn(number_no));
    let standing = standing.at(number_no);
    RetryEntry { contact, retry, number_no, due_at: NOON, put_off_by: None, standing }
}

/// A run that reads this contact, and calls it.
fn called(contact: Arc<Contact>) -> Script {
    let mut spec = run_spec(1, 1);
    spec.settings.reschedule = vec![rule(CallState::RsBusy, 1, 60, Mode::Fixed)];
    let mut script = Script::new();
    script.feed(vec![Event::RunStarted(Box::new(spec))]);
    script.play(&[(0, loaded(RUN, vec![contact], vec![], None))]);
    script
}

fn journal(script: &Script) -> NewAttempt {
    let found = script.commands.iter().rev().find_map(|command| match command {
        Command::Journal(new) => Some((**new).clone()),
        _ => None,
    });
    found.expect("an attempt was journalled")
}

fn end(script: &Script) -> AttemptEnd {
    let found = script.commands.iter().rev().find_map(|command| match command {
        Command::Close(end) => Some((**end).clone()),
        _ => None,
    });
    found.expect("an attempt ended")
}

/// Journals, sends and ends attempt `n`, whose leg it is, after a second.
fn ends(n: i64, at_ms: u64, standing: &Standing, cause: u16, code: u16) -> Vec<(u64, Event)> {
    let (attempt, leg) = (domain::AttemptId(n), domain::LegId(n));
    vec![
        (at_ms, journalled_with(attempt, standing.clone())),
        (at_ms, Event::OriginateDone(leg)),
        (at_ms, Event::LegRinging(leg)),
        (at_ms + 1_000, ended(leg, cause, code)),
    ]
}

#[test]
fn a_number_called_in_vain_is_followed_by_the_next_and_the_last_one_by_the_rules() {
    let contact = several(1, &[(1, 2_001), (3, 2_003)]);
    let standing = standing(&[]);
    let mut script = called(Arc::clone(&contact));
    for (n, (no, next)) in (1..).zip([(0, Some(1)), (1, Some(3)), (3, None)]) {
        let new = journal(&script);
        assert_eq!((new.number_no, new.retry), (no, 0));
        let receipt = new.receipt.number.clone().unwrap();
        assert_eq!((receipt.no, receipt.of), (no, 3));
        let at = u64::try_from(n).unwrap() * 10_000;
        script.play(&ends(n, at, &standing.at(no), 17, 486));
        let end = end(&script);
        assert_eq!((end.state, end.next_number), (CallState::RsBusy, next));
        assert_eq!(end.retry.map(|retry| retry.delay_s), next.is_none().then_some(60));
        if let Some(next) = next {
            let entry = turn(&contact, 0, next, &standing);
            script.play(&[(at + 1_001, loaded(RUN, vec![], vec![entry], None))]);
        } else {
            assert_eq!(end.left_out, [LeftOut { no: 9, why: WhyLeftOut::Malformed }]);
        }
    }
    let again = turn(&contact, 1, 0, &standing);
    script.play(&[(100_000, loaded(RUN, vec![], vec![again], None))]);
    assert_eq!((journal(&script).number_no, journal(&script).retry), (0, 1), "the next round begins with its own");
}

#[test]
fn a_number_that_may_never_be_called_is_passed_over_and_named() {
    let contact = several(1, &[(1, 2_001), (2, 2_002)]);
    let mut script = called(Arc::clone(&contact));
    script.play(&ends(1, 10, &standing(&[1]), 17, 486));
    let end = end(&script);
    assert_eq!((end.next_number, end.left_out), (Some(2), vec![LeftOut { no: 1, why: WhyLeftOut::Suppressed }]));

    // Suppressed while it waited for its turn.
    let mut script = called(Arc::clone(&contact));
    script.play(&ends(1, 10, &standing(&[]), 17, 486));
    let entry = turn(&contact, 0, 1, &standing(&[1]));
    script.play(&[(2_000, loaded(RUN, vec![], vec![entry], None))]);
    let new = journal(&script);
    assert_eq!(new.number_no, 2);
    let receipt = new.receipt.number.unwrap();
    assert_eq!(receipt.left_out, [LeftOut { no: 1, why: WhyLeftOut::Suppressed }]);
}

#[test]
fn who_suppresses_the_own_number_suppresses_the_contact() {
    let contact = several(1, &[(1, 2_001)]);
    let mut script = called(Arc::clone(&contact));
    script.play(&ends(1, 10, &standing(&[]), 17, 486));
    script.play(&[(1_500, suppressed(contact.key))]);
    let entry = turn(&contact, 0, 1, &Standing { suppressed_by: Some(SuppressionListId(1)), ..standing(&[0]) });
    let seen = script.play(&[(2_000, loaded(RUN, vec![], vec![entry], None))]);
    assert!(seen.iter().any(|(_, seen)| *seen == PutOff(1, "number_not_suppressed", None)), "{seen:?}");
}

/// The rules that are asked when contacts are refused, if they are.
fn rules_asked(script: &Script) -> Vec<i64> {
    let asked = script.commands.iter().find_map(|command| match command {
        Command::PutOff { rules, .. } => Some(rules.iter().map(|rule| rule.id.0).collect()),
        _ => None,
    });
    asked.expect("somebody was put off")
}

#[test]
fn a_further_number_that_may_never_be_called_ends_the_turn_and_the_outcome_rules_are_asked() {
    let contact = several(1, &[(1, 2_001)]);
    let mut spec = run_spec(1, 2);
    spec.settings.idle_on_termination = true;
    let quiet = OutcomeRule { verb: Verb::AddList, id: OutcomeRuleId(5), ..OutcomeRule::on(CallState::RsBusy) };
    spec.settings.outcome_rules = [quiet].into();
    let mut script = Script::new();
    script.feed(vec![Event::RunStarted(Box::new(spec))]);
    script.play(&[(0, loaded(RUN, vec![Arc::clone(&contact)], vec![], None))]);
    script.play(&ends(1, 10, &standing(&[]), 17, 486));
    assert_eq!((end(&script).next_number, end(&script).actions.len()), (Some(1), 0), "another number is to come");
    let entry = turn(&contact, 0, 1, &standing(&[1]));
    script.play(&[(2_000, loaded(RUN, vec![], vec![entry], None))]);
    assert_eq!(rules_asked(&script), [5]);

    // Who was never called has no outcome.
    let fresh = FreshEntry { contact: crate::script::contact(2), standing: on_a_list() };
    let mut event = loaded(RUN, vec![], vec![], None);
    if let Event::ContactsLoaded(loaded) = &mut event {
        loaded.fresh = vec![fresh];
    }
    script.play(&[(3_000, Event::ContactsAdded { list: LIST, added: 1 }), (3_001, event)]);
    assert_eq!(rules_asked(&script), [] as [i64; 0]);
}

#[test]
fn a_number_that_is_suppressed_while_its_contact_waits_in_memory_has_the_rules_asked_too() {
    let mut spec = run_spec(1, 1);
    spec.settings.reschedule = vec![rule(CallState::RsBusy, 1, 5, Mode::Fixed)];
    let quiet = OutcomeRule { verb: Verb::AddList, id: OutcomeRuleId(5), ..OutcomeRule::on(CallState::RsBusy) };
    spec.settings.outcome_rules = [quiet].into();
    let mut script = Script::with_run(spec, 1);
    script.play(&[(10, journalled(A1)), (10, Event::OriginateDone(L1)), (1_000, busy(L1))]);
    script.play(&[(1_001, loaded(RUN, vec![], vec![retry(1, 1, 6_000)], None))]);
    script.play(&[(2_000, suppressed(NumberKey(1_001)))]);
    assert_eq!(rules_asked(&script), [5]);
}

#[test]
fn conversations_lost_calls_and_what_a_person_ended_are_not_followed_by_another_number() {
    let contact = several(1, &[(1, 2_001)]);
    let ending: [(Vec<(u64, Event)>, CallState); 3] = [
        (vec![(20, Event::LegAnswered(L1)), (30, ended(L1, 16, 200))], CallState::Terminated),
        (vec![(20, Event::OperatorHungUp(L1)), (30, ended(L1, 16, 487))], CallState::RsNoanswer),
        (
            vec![
                (20, Event::PbxDown(PBX)),
                (30, Event::PbxUp { pbx: PBX, legs: vec![] }),
                (3_040, Event::LegMissing(L1)),
                (6_050, Event::LegMissing(L1)),
            ],
            CallState::RsLost,
        ),
    ];
    for (events, state) in ending {
        let mut script = called(Arc::clone(&contact));
        script.play(&[
            (10, journalled_with(A1, standing(&[]))),
            (10, Event::OriginateDone(L1)),
            (11, Event::LegRinging(L1)),
        ]);
        script.play(&events);
        assert_eq!((end(&script).state, end(&script).next_number), (state, None));
    }
}

#[test]
fn nobody_is_called_on_two_of_their_numbers_at_a_time() {
    // The second contact's number is another one of the first's; the third's other number is the first's own.
    let first = several(1, &[(1, 2_001)]);
    let second = Arc::new(Contact { key: NumberKey(2_001), ..(*contact(2)).clone() });
    let third = several(3, &[(1, 1_001)]);
    let mut script = Script::new();
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 3)))]);
    let seen = script.play(&[(0, loaded(RUN, vec![first, second, third], vec![], None))]);
    let journalled: Vec<_> = seen.iter().filter(|(_, seen)| matches!(seen, Journal(..))).collect();
    assert_eq!(journalled, [&(0, Journal(1, 0))]);
    script.play(&ends(1, 10, &standing(&[]), 16, 404));
    let seen = script.play(&[(3_000, Event::Tick)]);
    let journalled: Vec<i64> = seen
        .iter()
        .filter_map(|(at, seen)| match seen {
            Journal(contact, _) if *at > 0 => Some(*contact),
            _ => None,
        })
        .collect();
    assert_eq!(journalled, [2, 3], "when the call is over they are");
}

#[test]
fn a_number_that_was_called_by_the_last_process_is_followed_by_the_next() {
    let mut spec = run_spec(1, 1);
    spec.totals = RunTotals { placed: 1, ..RunTotals::default() };
    spec.state = RunState::Running;
    let mut open = open_attempt(1);
    let other = |no, key, left_out| OtherNumber { no, key: Some(NumberKey(key)), left_out };
    open.other_numbers = vec![other(1, 2_001, Some(WhyLeftOut::Suppressed)), other(2, 2_002, None)];
    let mut script = Script::new();
    let events = vec![Event::RunStarted(Box::new(spec)), Event::AttemptRestored(open), fresh(RUN, [])];
    script.feed(events);
    script.play(&[(1_000, Event::PbxUp { pbx: PBX, legs: vec![found(L1, false)] }), (2_000, ended(L1, 17, 486))]);
    let end = end(&script);
    assert_eq!((end.state, end.ended_by, end.next_number), (CallState::RsBusy, EndedBy::FarEnd, Some(2)));
    assert_eq!(end.left_out, [LeftOut { no: 1, why: WhyLeftOut::Suppressed }]);
}
