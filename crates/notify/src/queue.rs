//! What a webhook sends next. Pure: it is told the time and what became of things.
//!
//! Everything about one contact is a *lane*: its events are sent in order, one at a time. A lane whose event is refused is
//! parked and tried again later and later; the others go on. When nothing is taken any more, the receiver is *down*: nothing
//! is read and nothing is parked, one event after the other is tried, further and further apart. So a receiver that is away
//! costs one request an hour and no row per event.

use crate::backoff;
use domain::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use store::LogEvent;
use store::webhooks::{Answer, Dead, Lane, LaneKey, Progress, Told};

/// Requests at a time, per webhook.
pub(crate) const AT_ONCE: usize = 8;
/// Of these, for lanes that are tried again: they must not stand in the way of the others.
const AGAIN_AT_ONCE: usize = 3;
/// Events read and not sent, at most.
const READ_AHEAD: usize = 512;
/// Lanes that wait, at most; then nothing new is sent until some are done.
const LANES: usize = 1_000;
/// Failures in a row after which the receiver counts as down.
const DOWN_AFTER: u32 = 3;

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Job {
    /// An event that was just read.
    Fresh(Arc<LogEvent>),
    /// The event of a lane that waits.
    Lane(LaneKey, i64),
    /// An event that was given up and is to be tried once more.
    Dead(i64),
}

/// Where a webhook is.
#[derive(Debug)]
pub(crate) struct Queue {
    max_tries: u32,
    /// Read up to here.
    read_to: i64,
    ready: VecDeque<Arc<LogEvent>>,
    /// Fresh events on their way.
    sending: BTreeMap<i64, LaneKey>,
    lanes: BTreeMap<LaneKey, Parked>,
    /// Lanes with something on its way, or being looked up.
    busy: BTreeSet<LaneKey>,
    dead: BTreeMap<i64, Dead>,
    dead_busy: BTreeSet<i64>,
    /// Failures since the last event that was taken.
    failures: u32,
    /// Nothing before then.
    down_until: Option<Timestamp>,
    /// Whether the next try of a receiver that is down is one of a lane.
    lane_next: bool,
    taken: u64,
    changed: Progress,
    is_changed: bool,
}

/// A lane that waits.
#[derive(Debug, Clone)]
struct Parked {
    lane: Lane,
    /// How many events had been taken when it was parked.
    taken: u64,
}

impl Queue {
    pub(crate) fn new(max_tries: u32, place: i64, lanes: BTreeMap<LaneKey, Lane>, dead: Vec<Dead>) -> Self {
        Self {
            max_tries,
            read_to: place,
            ready: VecDeque::new(),
            sending: BTreeMap::new(),
            lanes: lanes.into_iter().map(|(key, lane)| (key, Parked { lane, taken: 0 })).collect(),
            busy: BTreeSet::new(),
            dead: dead.into_iter().map(|dead| (dead.seq, dead)).collect(),
            dead_busy: BTreeSet::new(),
            failures: 0,
            down_until: None,
            lane_next: false,
            taken: 0,
            changed: Progress::default(),
            is_changed: false,
        }
    }

    /// Whether more events may be read.
    pub(crate) fn has_room(&self) -> bool {
        self.ready.len() < READ_AHEAD && self.lanes.len() < LANES && !self.is_down()
    }

    /// Whether nothing was taken lately.
    pub(crate) fn is_down(&self) -> bool {
        self.failures >= DOWN_AFTER
    }

    /// Events that were read up to `upto`, those that are wanted.
    pub(crate) fn read(&mut self, events: impl Iterator<Item = Arc<LogEvent>>, upto: i64) {
        // What belongs to a parked lane is found again when that goes on.
        self.ready.extend(events.filter(|event| !self.lanes.contains_key(&LaneKey::of(event))));
        self.read_to = upto;
        self.is_changed = true;
    }

    /// How far it has read.
    pub(crate) fn read_to(&self) -> i64 {
        self.read_to
    }

    /// What may be sent now. Whoever takes it tells what became of it.
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<Job> {
        let on_its_way = self.sending.len() + self.busy_lanes() + self.dead_busy.len();
        if self.is_down() {
            let may = on_its_way == 0 && self.down_until.is_none_or(|until| until <= now);
            return if may { self.try_whether_it_is_back(now) } else { None };
        }
        if on_its_way >= AT_ONCE {
            return None;
        }
        let again = self.busy_lanes() + self.dead_busy.len() < AGAIN_AT_ONCE;
        let job = if again { self.due_lane(now).or_else(|| self.dead_one()) } else { None };
        job.or_else(|| self.fresh())
    }

    /// Lanes that wait and are tried now; the lanes of fresh events are counted as those.
    fn busy_lanes(&self) -> usize {
        self.busy.len() - self.sending.len()
    }

    fn try_whether_it_is_back(&mut self, now: Timestamp) -> Option<Job> {
        // In turn: one event that nobody could take must not hold up all others.
        self.lane_next = !self.lane_next;
        let soonest = |queue: &mut Self| {
            let key = queue.lanes.iter().min_by_key(|(_, parked)| parked.lane.due_at)?.0.clone();
            queue.take_lane(key)
        };
        let job = if self.lane_next { soonest(self) } else { self.fresh() };
        job.or_else(|| self.fresh()).or_else(|| soonest(self)).or_else(|| self.dead_one()).inspect(|_| {
            self.down_until = Some(now);
        })
    }

    fn due_lane(&mut self, now: Timestamp) -> Option<Job> {
        let due = |(key, parked): &(&LaneKey, &Parked)| parked.lane.due_at <= now && !self.busy.contains(*key);
        let key = self.lanes.iter().filter(due).min_by_key(|(_, parked)| parked.lane.due_at)?.0.clone();
        self.take_lane(key)
    }

    fn take_lane(&mut self, key: LaneKey) -> Option<Job> {
        if !self.busy.insert(key.clone()) {
            return None;
        }
        let seq = self.lanes.get(&key)?.lane.seq;
        Some(Job::Lane(key, seq))
    }

    fn dead_one(&mut self) -> Option<Job> {
        let seq = *self.dead.keys().find(|seq| !self.dead_busy.contains(seq))?;
        self.dead_busy.insert(seq);
        Some(Job::Dead(seq))
    }

    fn fresh(&mut self) -> Option<Job> {
        if self.lanes.len() >= LANES {
            return None;
        }
        let at = self.ready.iter().position(|event| !self.busy.contains(&LaneKey::of(event)))?;
        let event = self.ready.remove(at)?;
        let key = LaneKey::of(&event);
        self.busy.insert(key.clone());
        self.sending.insert(event.seq, key);
        Some(Job::Fresh(event))
    }

    /// A try came to an end. Told before [`Queue::taken`] or [`Queue::failed`], which change what is known of the event.
    pub(crate) fn told(&mut self, job: &Job, answer: Answer, took_ms: u32, now: Timestamp) {
        let (seq, before) = match job {
            Job::Fresh(event) => (event.seq, 0),
            Job::Lane(key, seq) => (*seq, self.lanes.get(key).map_or(0, |parked| parked.lane.tries)),
            Job::Dead(seq) => (*seq, self.dead.get(seq).map_or(0, |dead| dead.tries)),
        };
        self.changed.told.push(Told { seq, at: now, number: before.saturating_add(1), took_ms, answer });
        self.is_changed = true;
    }

    /// It was taken. A lane stays busy until [`Queue::goes_on`] says what comes next in it.
    pub(crate) fn taken(&mut self, job: &Job, now: Timestamp) {
        (self.failures, self.down_until) = (0, None);
        self.taken += 1;
        self.changed.delivered += 1;
        self.changed.last_delivered_at = Some(now);
        self.is_changed = true;
        match job {
            Job::Fresh(event) => self.sent(event.seq),
            Job::Lane(..) => {}
            Job::Dead(seq) => self.dead_is_over(*seq),
        }
    }

    /// The event is not kept any more: there is nothing to send.
    pub(crate) fn gone(&mut self, job: &Job) {
        self.is_changed = true;
        match job {
            Job::Fresh(event) => self.sent(event.seq),
            Job::Lane(..) => {}
            Job::Dead(seq) => self.dead_is_over(*seq),
        }
    }

    fn dead_is_over(&mut self, seq: i64) {
        self.dead.remove(&seq);
        self.dead_busy.remove(&seq);
        self.changed.dead.insert(seq, None);
    }

    fn sent(&mut self, seq: i64) {
        if let Some(key) = self.sending.remove(&seq) {
            self.busy.remove(&key);
        }
    }

    /// It was not taken, or perhaps it was and nobody knows. Says whether a lane lost its event for good and must be told
    /// what comes next.
    pub(crate) fn failed(&mut self, job: &Job, why: &str, retry_after_ms: Option<i64>, now: Timestamp) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.changed.failed = Some((now, why.to_owned()));
        self.is_changed = true;
        let longest = i64::try_from(backoff::LONGEST.as_millis()).unwrap_or(i64::MAX);
        let wait = |failures: u32| {
            let plain = i64::try_from(backoff::after(failures).as_millis()).unwrap_or(longest);
            now.plus_ms(plain.max(retry_after_ms.unwrap_or(0).min(longest)))
        };
        if self.is_down() {
            self.down_until = Some(wait(self.failures + 1 - DOWN_AFTER));
        }
        match job {
            Job::Fresh(event) => {
                self.sent(event.seq);
                let key = LaneKey::of(event);
                let lane = Lane { seq: event.seq, tries: 1, due_at: wait(1), error: why.to_owned() };
                self.ready.retain(|other| LaneKey::of(other) != key);
                self.changed.lanes.insert(key.clone(), Some(lane.clone()));
                self.lanes.insert(key, Parked { lane, taken: self.taken });
                false
            }
            Job::Lane(key, seq) => {
                let Some(parked) = self.lanes.get_mut(key) else { return false };
                parked.lane.tries += 1;
                let tries = parked.lane.tries;
                // While nothing else was taken either, it is the receiver and not the event.
                if tries >= self.max_tries && self.taken > parked.taken {
                    let dead = Dead { seq: *seq, tries, error: why.to_owned(), at: now, again: false };
                    self.changed.dead.insert(*seq, Some(dead));
                    return true;
                }
                parked.lane.due_at = wait(tries);
                why.clone_into(&mut parked.lane.error);
                self.changed.lanes.insert(key.clone(), Some(parked.lane.clone()));
                self.busy.remove(key);
                false
            }
            Job::Dead(seq) => {
                if let Some(dead) = self.dead.remove(seq) {
                    let tries = dead.tries.saturating_add(1);
                    let dead = Dead { tries, error: why.to_owned(), at: now, again: false, ..dead };
                    self.changed.dead.insert(*seq, Some(dead));
                }
                self.dead_busy.remove(seq);
                false
            }
        }
    }

    /// What comes next in a lane: an event behind the last one, up to what was read; `None`: the lane goes on with the rest.
    pub(crate) fn goes_on(&mut self, key: &LaneKey, next: Option<i64>, now: Timestamp) {
        self.busy.remove(key);
        self.is_changed = true;
        match next {
            None => {
                self.lanes.remove(key);
                self.changed.lanes.insert(key.clone(), None);
            }
            Some(seq) => {
                let lane = Lane { seq, tries: 0, due_at: now, error: String::new() };
                self.changed.lanes.insert(key.clone(), Some(lane.clone()));
                self.lanes.insert(key.clone(), Parked { lane, taken: self.taken });
            }
        }
    }

    /// It could not be found out what the job needs: it is as if it had not been taken.
    pub(crate) fn give_back(&mut self, job: &Job) {
        match job {
            Job::Fresh(event) => {
                self.sent(event.seq);
                let at = self.ready.partition_point(|other| other.seq < event.seq);
                self.ready.insert(at, Arc::clone(event));
            }
            Job::Lane(key, _) => {
                self.busy.remove(key);
            }
            Job::Dead(seq) => {
                self.dead_busy.remove(seq);
            }
        }
    }

    /// When there may be something to send that is not now; `None`: not before something else happens.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        if self.is_down() {
            return self.down_until;
        }
        let waiting = self.lanes.iter().filter(|(key, _)| !self.busy.contains(*key));
        waiting.map(|(_, parked)| parked.lane.due_at).min()
    }

    /// What changed since the last call.
    pub(crate) fn progress(&mut self) -> Option<Progress> {
        if !std::mem::take(&mut self.is_changed) {
            return None;
        }
        let unsent = self.ready.front().map(|event| event.seq).into_iter().chain(self.sending.keys().next().copied());
        let place = unsent.min().map_or(self.read_to, |seq| seq - 1);
        Some(Progress { place, ..std::mem::take(&mut self.changed) })
    }
}

#[cfg(test)]
mod tests;
