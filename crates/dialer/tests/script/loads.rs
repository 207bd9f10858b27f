//! Loads that race with picks, closes, reloads and imports.

use crate::script::*;
use Seen::*;
use dialer::{Command, Event, LoadContacts, Loaded};
use domain::{CallState, ContactId, ListId, Mode};

/// A contact that is added between "out of contacts" and the commit of that is not counted as the run's, and not lost.
#[test]
fn a_completed_run_says_how_far_it_read_its_lists() {
    let mut script = Script::dialling(3);
    let end = |n| [(10, journalled(domain::AttemptId(n))), (10, busy(domain::LegId(n)))];
    script.play(&(1..=3).flat_map(end).collect::<Vec<_>>());
    let read_to = |command: &Command| match command {
        Command::RunChanged(change) if change.state.is_final() => Some(change.read_to.clone()),
        _ => None,
    };
    assert_eq!(script.commands.iter().find_map(read_to), Some(vec![(LIST, ContactId(3))]));
}

fn loads(script: &Script) -> Vec<LoadContacts> {
    let load = |command: &Command| if let Command::LoadContacts(load) = command { Some(load.clone()) } else { None };
    script.commands.iter().filter_map(load).collect()
}

/// A run that reads two contacts at a time, with a load out; contact 1 is being dialled.
fn small_batches() -> Script {
    let mut spec = run_spec(1, 6);
    spec.settings.batch_size = 2;
    let mut script = Script::new();
    script.feed(vec![Event::EndPointConfigured(end_point(1, 1)), Event::RunStarted(Box::new(spec))]);
    script.play(&[(0, some(1..=2))]);
    script
}

#[test]
fn a_paused_list_is_forgotten_and_read_again_where_it_stood() {
    let mut script = small_batches();
    let paused = |paused| Event::ListPaused { run: RUN, list: LIST, paused };
    // Contact 1 is being dialled, 2 is in memory: it leaves that.
    let seen = script.play(&[(0, paused(true)), (1, journalled(A1)), (2, busy(L1)), (60_000, Event::Tick)]);
    let dialled = seen.iter().filter(|(_, seen)| matches!(seen, Journal(..))).count();
    assert_eq!(dialled, 1, "contact 1 only: {seen:?}");
    let over = |command: &Command| matches!(command, Command::RunChanged(change) if change.state.is_final());
    let change = script.commands.iter().find(|command| over(command)).expect("out of contacts");
    let Command::RunChanged(change) = change else { unreachable!("found as one") };
    assert_eq!(change.read_to, [(LIST, ContactId(1))], "the rest of the list was not its work");

    let mut spec = run_spec(1, 6);
    (spec.settings.batch_size, spec.settings.idle_on_termination) = (2, true);
    let mut script = Script::new();
    script.feed(vec![Event::EndPointConfigured(end_point(1, 1)), Event::RunStarted(Box::new(spec))]);
    script.play(&[(0, some(1..=2)), (0, paused(true)), (1, journalled(A1)), (2, busy(L1))]);
    let before = loads(&script).len();
    script.play(&[(3, paused(false))]);
    assert_eq!(loads(&script)[before..].iter().map(|load| load.list).collect::<Vec<_>>(), [Some((LIST, ContactId(1)))]);
}

fn some(contacts: impl IntoIterator<Item = i64>) -> Event {
    Event::ContactsLoaded(Loaded {
        run: RUN,
        list: Some(LIST),
        fresh: contacts.into_iter().map(contact).map(unknown).collect(),
        list_exhausted: false,
        list_end: ContactId(0),
        retries: vec![],
        next_due: None,
        next_put_off_by: None,
    })
}

#[test]
fn a_list_is_read_on_behind_the_last_contact() {
    let mut script = small_batches();
    script.play(&[(1, journalled(A1)), (2, busy(L1))]);
    assert_eq!(loads(&script)[0].list, Some((LIST, ContactId(2))));
    assert_eq!(loads(&script)[0].fresh_limit, 2);
}

#[test]
fn a_contact_closed_while_a_load_is_out_is_not_dialled_again() {
    let mut script = Script::new();
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 1))), some([1])]);
    // The next load is out when contact 1 is dialled, fails and is finished; the answer shows it as it was.
    script.feed(vec![journalled(A1), busy(L1)]);
    let seen = script.play(&[(10, fresh(RUN, [1])), (60_000, Event::Tick)]);
    assert!(!seen.iter().any(|(_, seen)| matches!(seen, Journal(..))), "{seen:?}");
}

#[test]
fn a_contact_in_flight_that_a_load_returns_is_not_dialled_again() {
    let mut script = Script::new();
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 1))), some([1])]);
    script.feed(vec![journalled(A1), Event::LegRinging(L1), fresh(RUN, [1])]);
    let seen = script.play(&[(5_000, busy(L1)), (60_000, Event::Tick)]);
    assert!(!seen.iter().any(|(_, seen)| matches!(seen, Journal(..))), "{seen:?}");
}

#[test]
fn a_retry_scheduled_while_a_load_is_out_is_not_forgotten() {
    let mut spec = run_spec(1, 1);
    spec.settings.reschedule = vec![rule(CallState::RsBusy, 1, 60, Mode::Fixed)];
    let mut script = Script::new();
    script.feed(vec![Event::RunStarted(Box::new(spec)), some([1])]);
    script.feed(vec![journalled(A1), busy(L1)]);
    // The load that was out knows of no retry.
    script.play(&[(10, fresh(RUN, [])), (49_999, Event::Tick)]);
    assert_eq!(loads(&script).len(), 0);
    script.play(&[(50_000, Event::Tick)]);
    assert_eq!(loads(&script).len(), 1);
}

#[test]
fn contacts_added_while_a_load_is_out_are_read_by_the_next() {
    let mut script = Script::new();
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 0)))]);
    script.play(&[(1, Event::ContactsAdded { list: LIST, added: 1 }), (2, fresh(RUN, []))]);
    assert_eq!(loads(&script)[0].list, Some((LIST, ContactId(0))));
    let seen = script.play(&[(3, fresh(RUN, [1]))]);
    assert!(seen.contains(&(3, Journal(1, 0))), "{seen:?}");
}

#[test]
fn a_load_that_was_out_during_a_reload_brings_no_fresh_contacts() {
    let mut script = Script::new();
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 1)))]);
    let mut spec = run_spec(1, 1);
    spec.lists = vec![ListId(2)];
    let seen = script.play(&[(1, Event::RunReloaded(Box::new(spec))), (2, fresh(RUN, [1]))]);
    assert!(!seen.iter().any(|(_, seen)| matches!(seen, Journal(..))), "{seen:?}");
    assert_eq!(loads(&script).last().unwrap().list, Some((ListId(2), ContactId(0))));
}

#[test]
fn a_contact_given_back_after_its_list_was_taken_away_is_not_dialled() {
    let mut script = Script::dialling(1);
    let mut spec = run_spec(1, 0);
    spec.lists = vec![];
    let reload = Event::RunReloaded(Box::new(spec));
    let seen = script.play(&[
        (1, Event::DiallingHeld),
        (2, reload),
        (3, journalled(A1)),
        (4, Event::DiallingLifted),
        (9_000, Event::Tick),
    ]);
    assert!(seen.contains(&(3, Withdraw(1))), "{seen:?}");
    assert!(!seen.iter().any(|(_, seen)| matches!(seen, Journal(..))), "{seen:?}");
}

#[test]
fn contacts_whose_number_is_in_a_call_count_against_the_batch() {
    let mut spec = run_spec(1, 1_000);
    spec.settings.batch_size = 10;
    let mut script = Script::new();
    script.feed(vec![Event::RunStarted(Box::new(spec))]);
    let same = |range: std::ops::RangeInclusive<i64>| {
        let fresh = range.map(|id| unknown(contact_with_key(id, 5))).collect();
        let load = Loaded {
            run: RUN,
            list: Some(LIST),
            fresh,
            list_exhausted: false,
            list_end: ContactId(0),
            retries: vec![],
            next_due: None,
            next_put_off_by: None,
        };
        Event::ContactsLoaded(load)
    };
    // One list, one number: what cannot be dialled is not read without end.
    let mut read = 10;
    script.play(&[(0, same(1..=10))]);
    for n in 1..60 {
        let asked: u32 = loads(&script).iter().map(|load| load.fresh_limit).sum();
        let next = read + i64::from(asked);
        script.play(&[(n * 100, if asked > 0 { same(read + 1..=next) } else { Event::Tick })]);
        read = next;
    }
    let hopper = script.dialer.run_figures().next().unwrap().hopper;
    assert!(hopper <= 20, "{hopper} contacts in memory");
}

#[test]
fn en_10_the_second_list_follows_the_first() {
    let mut spec = run_spec(1, 2);
    spec.lists = vec![ListId(1), ListId(2)];
    let mut script = Script::new();
    script.feed(vec![Event::RunStarted(Box::new(spec))]);
    script.play(&[(0, fresh(RUN, [1]))]);
    assert_eq!(loads(&script)[0].list, Some((ListId(2), ContactId(0))));
}

#[test]
fn many_due_retries_are_not_read_again_for_every_call() {
    let mut spec = run_spec(1, 0);
    spec.totals.open_retries = 5_000;
    spec.totals.placed = 5_000;
    spec.totals.rescheduled = 5_000;
    let mut script = Script::new();
    script.feed(vec![Event::TrunkConfigured(trunk(1, 1)), Event::RunStarted(Box::new(spec))]);
    let retries = (1..=1_000).map(|id| retry(id, 1, -1_000)).collect();
    let answer = Loaded {
        run: RUN,
        list: None,
        fresh: vec![],
        list_exhausted: true,
        list_end: ContactId(0),
        retries,
        next_due: Some(NOON.plus_ms(-500)),
        next_put_off_by: None,
    };
    script.feed(vec![Event::ContactsLoaded(answer)]);
    let mut asked = 0;
    for n in 1..=100_i64 {
        script.play(&[(10, journalled(domain::AttemptId(n))), (10, busy(domain::LegId(n)))]);
        asked += loads(&script).len();
    }
    assert_eq!(asked, 0);
}
