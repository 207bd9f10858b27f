//! Contacts that are corrected while a run has them in memory.

use crate::script::*;
use Seen::*;
use dialer::{Command, Event};
use domain::{Contact, Dialable, NumberKey};

/// Contact `id` under another number.
fn corrected(id: i64) -> Event {
    let contact = Contact::clone(&contact(id));
    let number = Dialable::parse("15559990000", None).unwrap();
    Event::ContactChanged(Box::new(Contact { number, key: NumberKey(9_999), ..contact }))
}

/// The number of the last originate.
fn dialled(script: &Script) -> String {
    let sent = script.commands.iter().rev().find_map(|command| match command {
        Command::Originate(originate) => Some(originate.contact.number.dialled.clone()),
        _ => None,
    });
    sent.unwrap_or_default()
}

#[test]
fn a_contact_in_memory_is_called_under_its_new_number() {
    let mut script = Script::new();
    script.feed(vec![Event::DiallingHeld, Event::RunStarted(Box::new(run_spec(1, 1))), fresh(RUN, 1..=1)]);
    script.play(&[(1, corrected(1)), (2, Event::DiallingLifted)]);
    let key =
        script.commands.iter().find_map(|c| if let Command::Journal(new) = c { Some(new.number_key) } else { None });
    assert_eq!(key, Some(NumberKey(9_999)));
    script.play(&[(3, journalled(A1))]);
    assert_eq!(dialled(&script), "15559990000");
}

#[test]
fn an_attempt_that_the_journal_refuses_comes_back_corrected() {
    for refused_first in [false, true] {
        let mut script = Script::dialling(1);
        let refused = Event::JournalRefused { attempt: A1, later: true };
        let events = if refused_first { [refused, corrected(1)] } else { [corrected(1), refused] };
        let [first, second] = events;
        let seen = script.play(&[(1, first), (2, second), (60_000, Event::Tick)]);
        assert!(seen.iter().any(|(_, what)| *what == Journal(1, 0)), "{seen:?}");
        script.play(&[(60_001, journalled(A2))]);
        assert_eq!(dialled(&script), "15559990000", "refused first: {refused_first}");
    }
}

#[test]
fn what_a_load_read_before_is_corrected_when_it_arrives() {
    let mut script = Script::new();
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 1)))]);
    script.play(&[(1, corrected(1)), (2, fresh(RUN, 1..=1)), (3, journalled(A1))]);
    assert_eq!(dialled(&script), "15559990000");
}
