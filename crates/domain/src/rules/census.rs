//! Many contacts judged at once: how many may be dialled now, and which rule stands before the others.
//!
//! Of every contact it is kept until when each rule says no: that does not change with the clock, only with calls to the
//! number or person, so that an answer is one pass of comparisons. 48 bytes per contact.

use super::calls::Calls;
use super::ruling::Rules;
use super::verdict::{Answer, ContactRule, Facts};
use super::window::{Windows, meet};
use super::zones::Zones;
use crate::hours::Hours;
use crate::ids::ContactId;
use crate::number::NumberKey;
use crate::time::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// How far a contact is in its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a list, or to be tried again.
    Waiting,
    /// Put off by a rule; what it waits for is what that rule says.
    PutOff,
    /// A call to it is in progress.
    InCall,
    /// A rule refused it: the run looks at it again when it is reloaded.
    Refused,
    /// The run is done with it.
    Finished,
}

/// A bucket of the funnel, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The run is done with it.
    Finished,
    /// A call to it is in progress.
    InCall,
    /// A rule says no.
    Rule(ContactRule),
    /// No rule says no any more, but one did when the run met it: it waits for a reload.
    WaitsForReload,
}

const RULES: usize = ContactRule::ALL.len();
const STAGES: usize = RULES + 3;

impl Stage {
    /// All of them, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        let rules = ContactRule::ALL.into_iter().map(Self::Rule);
        [Self::Finished, Self::InCall].into_iter().chain(rules).chain([Self::WaitsForReload])
    }

    /// What it says of its contacts, for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Finished => "finished in this run",
            Self::InCall => "in a call now",
            Self::Rule(ContactRule::NumberAllowed) => "in a range of numbers that is not called",
            Self::Rule(ContactRule::NumberNotSuppressed) => "on a list of numbers that must not be called",
            Self::Rule(ContactRule::ConsentGiven) => "without consent, or with one that is too old",
            Self::Rule(ContactRule::RetryDue) => "waiting for the time of their next attempt",
            Self::Rule(ContactRule::AttemptsBelowCap) => "called as often as the caps allow",
            Self::Rule(ContactRule::CooledDown) => "talked to, abandoned or answered by a machine a short while ago",
            Self::Rule(ContactRule::GapKept) => "called a short while ago",
            Self::Rule(ContactRule::InsideCalleeWindow) => "outside their calling hours",
            Self::Rule(ContactRule::NumberNotInFlight) => "in a call of another contact or campaign",
            Self::WaitsForReload => "allowed again, but refused before: they wait for `carillon run reload`",
        }
    }

    /// Its name in the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::InCall => "in_call",
            Self::Rule(rule) => rule.code(),
            Self::WaitsForReload => "waits_for_reload",
        }
    }
}

/// One bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// Which.
    pub stage: &'static str,
    /// What it says of its contacts, for people.
    pub text: &'static str,
    /// Contacts whose first no it is: these add up.
    pub first: u64,
    /// All contacts to whom it says no, whatever else does. Contacts that are finished or in a call are not asked.
    pub all: u64,
    /// When the first of `first` leaves it by itself; `None`: none does.
    pub next_change: Option<Timestamp>,
}

/// From all contacts to those that may be dialled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Funnel {
    /// All contacts: the sum of `first` of all buckets and `dialable`.
    pub contacts: u64,
    /// In order.
    pub buckets: Vec<Bucket>,
    /// No rule of the contact says no.
    pub dialable: u64,
}

/// A contact as the database knows it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Which.
    pub contact: ContactId,
    /// Of its number.
    pub key: NumberKey,
    /// Of the person, if it names one.
    pub person: Option<NumberKey>,
    /// How far it is.
    pub place: Place,
    /// What the rules ask. `in_flight` is told when the funnel is asked for.
    pub facts: Facts<'a>,
}

/// Seconds since 1970; 0: nothing stands against it.
type Seconds = u32;

#[derive(Debug, Clone, Copy)]
struct Row {
    contact: i64,
    key: i64,
    due: Seconds,
    caps: Seconds,
    cooled: Seconds,
    gap: Seconds,
    /// 0: none was given.
    consent: Seconds,
    zones: u16,
    never: u8,
    place: Place,
}

const _: () = assert!(size_of::<Row>() == 40, "a million contacts are to be 48 MB");

const DENIED: u8 = 1;
const SUPPRESSED: u8 = 2;

/// Contacts of one campaign with its rules.
#[derive(Debug)]
pub struct Census {
    rules: Rules,
    windows: Windows,
    /// Every set of zones that occurs, and its place here.
    zones: Vec<Zones>,
    zone_places: BTreeMap<Zones, u16>,
    rows: Vec<Row>,
    /// Rows by contact and by number; those of [`Self::rows`] behind their end are not sorted in yet.
    by_contact: Vec<u32>,
    by_key: Vec<u32>,
    persons: HashMap<NumberKey, Vec<ContactId>>,
    meetings: Meetings,
}

/// Whether the campaign's own hours and the windows of each set of zones meet, and how long that is known.
#[derive(Debug, Default)]
struct Meetings {
    hours: Option<Hours>,
    /// As [`Census::zones`].
    known: Vec<(Timestamp, bool)>,
}

/// Contacts that are not finished and whose calling hours never meet the campaign's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutOfReach {
    /// So many.
    pub contacts: u64,
    /// Of so many that are not finished nor in a call.
    pub of: u64,
}

/// Seconds for which a no stands: a holiday or the clocks may change it.
const NO_STANDS_S: i64 = 86_400;

impl Census {
    /// Nobody yet.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            windows: Windows::default(),
            zones: Vec::new(),
            zone_places: BTreeMap::new(),
            rows: Vec::new(),
            by_contact: Vec::new(),
            by_key: Vec::new(),
            persons: HashMap::new(),
            meetings: Meetings::default(),
        }
    }

    /// Its rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// How many contacts.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nobody is counted.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What its rows and indices occupy, in bytes.
    pub fn bytes(&self) -> usize {
        self.rows.len() * size_of::<Row>() + (self.by_contact.len() + self.by_key.len()) * size_of::<u32>()
    }

    /// Adds a contact that is not here yet. [`Self::sort`] makes it found.
    pub fn add(&mut self, entry: &Entry<'_>) {
        let row = self.row(entry);
        self.rows.push(row);
        if let Some(person) = entry.person {
            self.persons.entry(person).or_default().push(entry.contact);
        }
    }

    /// Sorts in what was added. Once after many.
    pub fn sort(&mut self) {
        if self.by_contact.len() == self.rows.len() {
            return;
        }
        let rows = &self.rows;
        let all = || (0..u32::try_from(rows.len()).expect("a census is bounded far below")).collect::<Vec<u32>>();
        (self.by_contact, self.by_key) = (all(), all());
        self.by_contact.sort_unstable_by_key(|row| rows[*row as usize].contact);
        self.by_key.sort_unstable_by_key(|row| rows[*row as usize].key);
    }

    /// Replaces what is known of a contact; nothing happens to one that is not here.
    pub fn replace(&mut self, entry: &Entry<'_>) {
        if let Some(place) = self.place_of(entry.contact) {
            self.rows[place] = self.row(entry);
        }
    }

    /// Whether it is here.
    pub fn holds(&self, contact: ContactId) -> bool {
        self.place_of(contact).is_some()
    }

    /// Its contacts with this number.
    pub fn with_number(&self, key: NumberKey) -> impl Iterator<Item = ContactId> + '_ {
        self.rows_of(key).map(|row| ContactId(self.rows[row].contact))
    }

    /// Its contacts that are this person.
    pub fn with_person(&self, person: NumberKey) -> &[ContactId] {
        self.persons.get(&person).map_or(&[], Vec::as_slice)
    }

    fn rows_of(&self, key: NumberKey) -> impl Iterator<Item = usize> + '_ {
        let from = self.by_key.partition_point(|row| self.rows[*row as usize].key < key.0);
        let rows = self.by_key[from..].iter().map(|row| *row as usize);
        rows.take_while(move |row| self.rows[*row].key == key.0)
    }

    fn place_of(&self, contact: ContactId) -> Option<usize> {
        let found = self.by_contact.binary_search_by_key(&contact.0, |row| self.rows[*row as usize].contact).ok()?;
        Some(self.by_contact[found] as usize)
    }

    fn row(&mut self, entry: &Entry<'_>) -> Row {
        let Facts { denied, suppressed, consent_at, due_at, number, person, zones, .. } = entry.facts;
        let count = self.zones.len();
        let zones = *self.zone_places.entry(zones).or_insert_with(|| {
            self.zones.push(zones);
            u16::try_from(count).expect("there are fewer than 2,000 sets of zones")
        });
        // Asked of the beginning of time each rule tells until when it says no, whatever the time is.
        let ever = Timestamp(0);
        let calls =
            |of: fn(&Rules, &Calls, &Calls, Timestamp) -> Option<Timestamp>| up(of(&self.rules, number, person, ever));
        Row {
            contact: entry.contact.0,
            key: entry.key.0,
            due: up(due_at),
            caps: calls(Rules::caps_open_at),
            cooled: calls(Rules::cooled_down_at),
            gap: up(self.rules.gap_over_at(number, ever)),
            consent: up(consent_at),
            zones,
            never: if denied { DENIED } else { 0 } | if suppressed { SUPPRESSED } else { 0 },
            place: entry.place,
        }
    }

    /// How many of all contacts each rule keeps back at `now`. `in_flight` are the numbers in calls of whatever campaign.
    /// One pass over the rows.
    pub fn funnel(&mut self, now: Timestamp, in_flight: &[NumberKey]) -> Funnel {
        let mut busy: Vec<usize> = in_flight.iter().flat_map(|key| self.rows_of(*key)).collect();
        busy.sort_unstable();
        let mut busy = busy.into_iter().peekable();
        let windows = self.windows(now);
        let now_s = down(now);
        let needs_consent = self.rules.consent_needed();
        let consent_s = self.rules.consent_days().map_or(Seconds::MAX, |days| days.saturating_mul(86_400));
        let mut counts = [Count::default(); STAGES];
        let mut dialable = 0;
        for (place, row) in self.rows.iter().enumerate() {
            let mut in_flight = false;
            while busy.next_if(|busy| *busy <= place).is_some() {
                in_flight = true;
            }
            match row.place {
                Place::Finished => counts[0].add(true, 0),
                Place::InCall => counts[1].add(true, 0),
                _ => {
                    let consent = row.consent != 0 && row.consent <= now_s && now_s - row.consent < consent_s;
                    let due = if row.place == Place::PutOff { 0 } else { row.due };
                    let until = [
                        never(row.never & DENIED != 0),
                        never(row.never & SUPPRESSED != 0),
                        never(needs_consent && !consent),
                        due,
                        row.caps,
                        row.cooled,
                        row.gap,
                        windows[usize::from(row.zones)],
                        never(in_flight),
                    ];
                    let mut first = true;
                    for (rule, until) in until.into_iter().enumerate() {
                        if until > now_s {
                            counts[2 + rule].add(first, until);
                            first = false;
                        }
                    }
                    if first && row.place == Place::PutOff && row.due > now_s {
                        counts[2 + DUE].add(true, row.due);
                    } else if first && row.place == Place::Refused {
                        counts[STAGES - 1].add(true, 0);
                    } else {
                        dialable += u64::from(first);
                    }
                }
            }
        }
        let buckets = Stage::all().zip(counts).map(|(stage, count)| Bucket {
            stage: stage.code(),
            text: stage.text(),
            first: count.first,
            all: count.all,
            next_change: (count.until != 0 && count.until != NEVER)
                .then(|| Timestamp(i64::from(count.until) * 1_000_000)),
        });
        Funnel { contacts: self.rows.len() as u64, buckets: buckets.collect(), dialable }
    }

    /// Contacts to which the campaign's own `hours` never come together with their windows, looked ahead as far as
    /// [`MEET_DAYS`](super::window::MEET_DAYS). A pass over the rows only when there are some.
    pub fn out_of_reach(&mut self, hours: &Hours, now: Timestamp) -> OutOfReach {
        if self.rules.parts.iter().all(|part| part.hours.is_none()) {
            return OutOfReach::default();
        }
        if self.meetings.hours.as_ref() != Some(hours) {
            self.meetings = Meetings { hours: Some(hours.clone()), known: Vec::new() };
        }
        for (place, zones) in self.zones.iter().enumerate() {
            if self.meetings.known.get(place).is_some_and(|(until, _)| now < *until) {
                continue;
            }
            let known = match meet(&self.rules, *zones, hours, now) {
                Ok(at) => (at, false),
                Err(_) => (now.plus_seconds(NO_STANDS_S), true),
            };
            match self.meetings.known.get_mut(place) {
                Some(before) => *before = known,
                None => self.meetings.known.push(known),
            }
        }
        if self.meetings.known.iter().all(|(_, never)| !never) {
            return OutOfReach::default();
        }
        let left = self.rows.iter().filter(|row| !matches!(row.place, Place::Finished | Place::InCall));
        left.fold(OutOfReach::default(), |sum, row| OutOfReach {
            contacts: sum.contacts + u64::from(self.meetings.known[usize::from(row.zones)].1),
            of: sum.of + 1,
        })
    }

    /// Until when each set of zones is closed.
    fn windows(&mut self, now: Timestamp) -> Vec<Seconds> {
        let closed = self.zones.iter().map(|zones| match self.windows.ask(&self.rules, *zones, now) {
            Answer::Yes => 0,
            Answer::No { until: None } => NEVER,
            Answer::No { until } => up(until),
        });
        closed.collect()
    }
}

/// The place of [`ContactRule::RetryDue`] among the rules.
const DUE: usize = 3;
const NEVER: Seconds = Seconds::MAX;

fn never(no: bool) -> Seconds {
    if no { NEVER } else { 0 }
}

/// Whole seconds, not before the instant.
fn up(at: Option<Timestamp>) -> Seconds {
    at.map_or(0, |at| {
        u32::try_from(at.0.div_euclid(1_000_000) + i64::from(at.0.rem_euclid(1_000_000) > 0)).unwrap_or(NEVER - 1)
    })
}

fn down(at: Timestamp) -> Seconds {
    u32::try_from(at.0.div_euclid(1_000_000)).unwrap_or(0)
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    first: u64,
    all: u64,
    until: Seconds,
}

impl Count {
    fn add(&mut self, first: bool, until: Seconds) {
        self.all += 1;
        if first {
            self.first += 1;
            if until != 0 && until != NEVER && (self.until == 0 || until < self.until) {
                self.until = until;
            }
        }
    }
}

#[cfg(test)]
mod tests;
