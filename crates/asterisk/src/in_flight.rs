//! Requests that were written and not yet answered, and what their silence says of the connection.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::handle::Command;
use crate::link::{Doubt, Lost, Teller};
use crate::outcome::{NotSent, Outcome, Unknown};
use crate::settings::Patience;

/// Requests written and not yet answered; the rest waits in the lanes. Asterisk serves them one after the other, about
/// 350 originates a second. Small enough that they fit the socket's buffers and a write never blocks for long.
pub const IN_FLIGHT_MAX: usize = 256;
/// How often deadlines and silence are looked at.
const WATCH_EVERY: Duration = Duration::from_millis(50);

/// What reader, writer and watch of one connection share: by number the requests in flight, each with what ends it (`E`).
/// All three run in one task: the lock is never waited for.
#[derive(Debug)]
pub struct InFlight<E, T> {
    state: Mutex<State<E, T>>,
    room: Notify,
}

#[derive(Debug)]
struct State<E, T> {
    by_number: BTreeMap<u64, Written<E, T>>,
    last_heard_at: Instant,
    /// The present silence was told as a doubt.
    silence_told: bool,
}

#[derive(Debug)]
struct Written<E, T> {
    ends: E,
    deadline: Instant,
    written_at: Instant,
    /// Its silence was told as a doubt.
    told: bool,
    reply: oneshot::Sender<Outcome<T>>,
}

impl<E, T> Default for InFlight<E, T> {
    fn default() -> Self {
        let state = State { by_number: BTreeMap::new(), last_heard_at: Instant::now(), silence_told: false };
        Self { state: Mutex::new(state), room: Notify::new() }
    }
}

impl<E, T> InFlight<E, T> {
    fn lock(&self) -> MutexGuard<'_, State<E, T>> {
        self.state.lock().expect("no code panics while it holds this lock")
    }

    /// Whether [`IN_FLIGHT_MAX`] is reached.
    pub fn is_full(&self) -> bool {
        self.lock().by_number.len() >= IN_FLIGHT_MAX
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.lock().by_number.is_empty()
    }

    /// Until something has ended, after it was full.
    pub async fn room(&self) {
        self.room.notified().await;
    }

    /// Notes that the PBX said something.
    pub fn heard(&self) {
        self.heard_at(Instant::now());
    }

    fn heard_at(&self, now: Instant) {
        let mut state = self.lock();
        state.last_heard_at = now;
        state.silence_told = false;
    }

    /// How long it has said nothing.
    pub fn silent_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.lock().last_heard_at)
    }

    /// The text to write, already noted as in flight: from here on its fate is unknown until it is answered. What must
    /// not be written is answered as not sent, and what nobody waits for any more is dropped.
    pub fn admit<A>(
        &self,
        command: Command<A, T>,
        epoch: u64,
        number: u64,
        encode: impl FnOnce(A) -> Result<(String, E), NotSent>,
    ) -> Option<String> {
        let Command { request, only_epoch, send_before, deadline, reply } = command;
        if reply.is_closed() {
            return None;
        }
        let encoded = if only_epoch.is_some_and(|only| only != epoch) {
            Err(NotSent::OtherConnection)
        } else if send_before <= Instant::now() {
            Err(NotSent::Deadline)
        } else {
            encode(request)
        };
        match encoded {
            Ok((text, ends)) => {
                let written = Written { ends, deadline, written_at: Instant::now(), told: false, reply };
                self.lock().by_number.insert(number, written);
                Some(text)
            }
            Err(why) => {
                let _gone = reply.send(Outcome::NotSent(why));
                None
            }
        }
    }

    /// Notes a request that nobody but the watch waits for.
    pub fn note(&self, number: u64, ends: E, deadline: Instant) {
        let (reply, _nobody) = oneshot::channel();
        let written = Written { ends, deadline, written_at: Instant::now(), told: false, reply };
        self.lock().by_number.insert(number, written);
    }

    /// Answers a request; false when nobody waits for it: its deadline passed, or it is none of ours.
    pub fn end(&self, number: u64, outcome: Outcome<T>) -> bool {
        let Some(written) = self.lock().by_number.remove(&number) else { return false };
        self.room.notify_one();
        let _gone = written.reply.send(outcome);
        true
    }

    /// Looks at, or changes, what ends a request.
    pub fn with<R>(&self, number: u64, look: impl FnOnce(&mut E) -> R) -> Option<R> {
        self.lock().by_number.get_mut(&number).map(|written| look(&mut written.ends))
    }

    /// The oldest request that `wanted` is true of.
    pub fn find(&self, wanted: impl Fn(&E) -> bool) -> Option<u64> {
        self.lock().by_number.iter().find(|(_, written)| wanted(&written.ends)).map(|(number, _)| *number)
    }

    /// Ends what waited for too long, and what `over` says has ended otherwise.
    pub fn expire(&self, now: Instant, over: impl Fn(&E, Instant) -> Option<Outcome<T>>) {
        let late = |written: &Written<E, T>| (written.deadline <= now).then_some(Outcome::Unknown(Unknown::Deadline));
        let ended = |written: &Written<E, T>| over(&written.ends, now).or_else(|| late(written));
        let ends: Vec<_> =
            self.lock().by_number.iter().filter_map(|(number, written)| Some((*number, ended(written)?))).collect();
        for (number, outcome) in ends {
            self.end(number, outcome);
        }
    }

    /// Ends everything as unknown.
    pub fn lose_all(&self) {
        for (_, written) in std::mem::take(&mut self.lock().by_number) {
            let _gone = written.reply.send(Outcome::Unknown(Unknown::ConnectionLost));
        }
    }

    /// Why the connection is in doubt, told once per silence and once per request that is not answered.
    fn doubt(&self, now: Instant, doubt_after: Duration) -> Option<Doubt> {
        let mut state = self.lock();
        if now.saturating_duration_since(state.last_heard_at) >= doubt_after {
            return (!std::mem::replace(&mut state.silence_told, true)).then_some(Doubt::Silent);
        }
        // Requests are served one after the other: the first one that is late speaks for those behind it, too.
        let late = |written: &Written<E, T>| now.saturating_duration_since(written.written_at) >= doubt_after;
        let mut told = false;
        for written in state.by_number.values_mut().filter(|written| !written.told && late(written)) {
            written.told = true;
            told = true;
        }
        told.then_some(Doubt::Unanswered)
    }

    /// Ends requests at their deadline, or when `over` says so; tells of doubts; and ends the connection when nothing at
    /// all was heard for `stale_after`.
    pub async fn watch(
        &self,
        patience: &Patience,
        teller: &Teller,
        over: impl Fn(&E, Instant) -> Option<Outcome<T>>,
    ) -> Option<Lost> {
        let mut tick = interval(WATCH_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let now = tick.tick().await;
            self.expire(now, &over);
            if self.silent_for(now) >= patience.stale_after {
                return Some(Lost::Stale);
            }
            if let Some(why) = self.doubt(now, patience.doubt_after)
                && let Err(ended) = teller.doubted(why)
            {
                return ended;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    type Table = InFlight<&'static str, u8>;

    fn asked(table: &Table, number: u64, wait: Duration) -> oneshot::Receiver<Outcome<u8>> {
        let (command, answer) = Command::new("text", None, Instant::now() + wait);
        let encode = |text: &'static str| Ok((text.to_owned(), text));
        assert_eq!(table.admit(command, 1, number, encode).as_deref(), Some("text"));
        answer
    }

    fn never(_ends: &&'static str, _now: Instant) -> Option<Outcome<u8>> {
        None
    }

    #[tokio::test]
    async fn what_is_not_written_is_not_sent() {
        let table = Table::default();
        let ended = |only_epoch, wait, encoded: Result<(String, &'static str), NotSent>| {
            let (command, mut answer) = Command::new("text", only_epoch, Instant::now() + wait);
            assert_eq!(table.admit(command, 2, 1, |_| encoded), None);
            answer.try_recv().unwrap()
        };
        let fine = || Ok((String::new(), ""));
        assert_eq!(ended(Some(1), SECOND, fine()), Outcome::NotSent(NotSent::OtherConnection));
        assert_eq!(ended(Some(2), Duration::ZERO, fine()), Outcome::NotSent(NotSent::Deadline));
        let invalid = NotSent::Invalid("no".to_owned());
        assert_eq!(ended(Some(2), SECOND, Err(invalid.clone())), Outcome::NotSent(invalid));
        let (command, answer) = Command::new("text", None, Instant::now() + SECOND);
        drop(answer);
        assert_eq!(
            table.admit(command, 1, 1, |text| Ok((text.to_owned(), text))),
            None,
            "nobody waits for it any more"
        );
        assert!(table.is_empty());
    }

    #[tokio::test]
    async fn a_written_request_ends_once_as_answered_over_late_or_lost() {
        let table = Table::default();
        let waits = [10, 10, 1, 10, 10].map(|seconds| SECOND * seconds);
        let mut answers: Vec<_> = (1..).zip(waits).map(|(number, wait)| asked(&table, number, wait)).collect();
        assert!(table.end(1, Outcome::Done(7)));
        assert!(!table.end(1, Outcome::Done(8)) && !table.end(99, Outcome::Done(9)), "nobody waits for it");
        table.with(2, |ends| *ends = "over").unwrap();
        assert_eq!(table.find(|ends| *ends == "over"), Some(2));
        table.expire(Instant::now() + 2 * SECOND, |ends, _| (*ends == "over").then_some(Outcome::Done(2)));
        table.lose_all();
        let ends: Vec<_> = answers.iter_mut().map(|answer| answer.try_recv().unwrap()).collect();
        let lost = || Outcome::Unknown(Unknown::ConnectionLost);
        let late = Outcome::Unknown(Unknown::Deadline);
        assert_eq!(ends, [Outcome::Done(7), Outcome::Done(2), late, lost(), lost()]);
        assert!(table.is_empty());
    }

    #[tokio::test]
    async fn a_full_table_has_room_when_something_has_ended() {
        let table = Table::default();
        let _answers: Vec<_> = (1..=IN_FLIGHT_MAX as u64).map(|number| asked(&table, number, SECOND)).collect();
        assert!(table.is_full());
        table.expire(Instant::now() + 2 * SECOND, never);
        table.room().await;
        assert!(!table.is_full());
    }

    #[tokio::test]
    async fn a_silence_and_a_request_without_answer_are_told_once_each() {
        let table = Table::default();
        let _answer = asked(&table, 1, 5 * SECOND);
        let begin = Instant::now();
        assert_eq!(table.doubt(begin + SECOND, 2 * SECOND), None);
        assert_eq!(table.doubt(begin + 3 * SECOND, 2 * SECOND), Some(Doubt::Silent));
        assert_eq!(table.doubt(begin + 3 * SECOND, 2 * SECOND), None);
        table.heard_at(begin + 3 * SECOND);
        assert_eq!(table.doubt(begin + 4 * SECOND, 2 * SECOND), Some(Doubt::Unanswered));
        assert_eq!(table.doubt(begin + 4 * SECOND, 2 * SECOND), None);
        assert_eq!(table.doubt(begin + 6 * SECOND, 2 * SECOND), Some(Doubt::Silent), "a second silence is told again");
    }
}
