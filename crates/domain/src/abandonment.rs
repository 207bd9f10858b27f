//! The books of abandoned calls: what is counted, by which rule, and the row that is written of it.
//!
//! Counted are calls to end points with a queue: whoever answers there is to have an agent in time. A call that goes to a
//! plain extension has what it was made for as soon as it is answered.

use crate::ids::{AttemptId, CampaignId};
use crate::pacing::Pacing;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// Shares are kept as whole parts of this.
pub const PPM: u32 = 1_000_000;
const DAY_US: i64 = 86_400_000_000;
/// How an extended status begins that says: no person answered. In any case of letters.
const MACHINES: [&str; 3] = ["AMD", "MACHINE", "FAX"];

/// What the law, or the campaign, asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountingRule {
    /// Abandoned calls of live ones, at most, in millionths.
    pub cap_ppm: u32,
    /// Milliseconds from the answer in which an agent has to be there.
    pub deadline_ms: u32,
    /// Days of one counting period.
    pub days: u32,
}

impl Default for CountingRule {
    fn default() -> Self {
        Self::of(&Pacing::default())
    }
}

impl CountingRule {
    /// That of a campaign's pacing.
    pub fn of(pacing: &Pacing) -> Self {
        // A share from 0 to 1 in millionths fits.
        let cap_ppm = (pacing.cap * f64::from(PPM)).round() as u32;
        Self { cap_ppm, deadline_ms: pacing.deadline_ms, days: pacing.period_days }
    }

    /// The cap as a share, `0..=1`.
    pub fn cap(self) -> f64 {
        f64::from(self.cap_ppm) / f64::from(PPM)
    }
}

/// What is counted of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// It was answered.
    Live,
    /// An agent was there in time.
    Connected,
    /// No agent was there in time.
    Abandoned,
    /// It was no person: what was counted of it is taken back.
    Machine,
    /// It was a person after all: what was taken back counts again.
    Person,
}

impl Count {
    /// Its name in the database, in events and in the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Connected => "connected",
            Self::Abandoned => "abandoned",
            Self::Machine => "machine",
            Self::Person => "person",
        }
    }
}

/// Why it is counted so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Somebody answered.
    Answered,
    /// The agent was called before the person.
    AgentFirst,
    /// An agent took the call in time.
    InTime,
    /// No agent took the call in time.
    TooLate,
    /// The person hung up before an agent took the call.
    HungUp,
    /// Nobody saw what became of it: it counts as abandoned.
    Unseen,
    /// It was sent to the recorded message.
    SafeHarbour,
    /// It was sent to the recorded message in the moment in which an agent took it.
    TakenFromAgent,
    /// The dialplan or a program said so, by an extended status.
    Status,
}

impl Why {
    /// Its name in the database, in events and in the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::AgentFirst => "agent_first",
            Self::InTime => "in_time",
            Self::TooLate => "too_late",
            Self::HungUp => "hung_up",
            Self::Unseen => "unseen",
            Self::SafeHarbour => "safe_harbour",
            Self::TakenFromAgent => "taken_from_agent",
            Self::Status => "status",
        }
    }
}

/// What is counted of one call at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// In the books of which campaign.
    pub campaign: CampaignId,
    /// What.
    pub count: Count,
    /// Why.
    pub why: Why,
    /// Milliseconds from the answer.
    pub waited_ms: u32,
    /// What is added to the abandoned calls: -1, 0 or 1.
    pub abandoned_by: i8,
    /// What is added to the live ones: -1, 0 or 1.
    pub live_by: i8,
    /// The rule.
    pub rule: CountingRule,
}

/// What was counted of one call so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// In the books of which campaign.
    pub campaign: CampaignId,
    /// By which rule: that of the moment of its answer.
    pub rule: CountingRule,
    verdict: Verdict,
    machine: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Open,
    Connected,
    Abandoned,
}

impl Tally {
    /// A call was answered; what is written of it is [`Tally::live`].
    pub fn new(campaign: CampaignId, rule: CountingRule) -> Self {
        Self { campaign, rule, verdict: Verdict::Open, machine: false }
    }

    /// The same after a restart, with what was written of it, in order.
    pub fn restored(campaign: CampaignId, rule: CountingRule, written: impl IntoIterator<Item = Count>) -> Self {
        let mut tally = Self::new(campaign, rule);
        for count in written {
            match count {
                Count::Live => {}
                Count::Connected => tally.verdict = Verdict::Connected,
                Count::Abandoned => tally.verdict = Verdict::Abandoned,
                Count::Machine => tally.machine = true,
                Count::Person => tally.machine = false,
            }
        }
        tally
    }

    /// Whether it is not known yet if it has an agent in time.
    pub fn is_open(&self) -> bool {
        self.verdict == Verdict::Open
    }

    /// Whether a status said that no person answered.
    pub fn is_machine(&self) -> bool {
        self.machine
    }

    /// Its answer.
    pub fn live(&self) -> Counted {
        self.row(Count::Live, Why::Answered, 0, 0, 1)
    }

    /// It has its agent. `None`: nothing is counted, it was decided before or was no person.
    pub fn connected(&mut self, why: Why, waited_ms: u32) -> Option<Counted> {
        if !self.is_open() {
            return None;
        }
        self.verdict = Verdict::Connected;
        (!self.machine).then(|| self.row(Count::Connected, why, waited_ms, 0, 0))
    }

    /// It has none in time. `None`: nothing is counted, it was decided before or was no person.
    pub fn abandoned(&mut self, why: Why, waited_ms: u32) -> Option<Counted> {
        if !self.is_open() {
            return None;
        }
        self.verdict = Verdict::Abandoned;
        (!self.machine).then(|| self.row(Count::Abandoned, why, waited_ms, 1, 0))
    }

    /// An extended status was set: it may say that no person answered, or that one did after all.
    pub fn status(&mut self, status: &str, waited_ms: u32) -> Option<Counted> {
        let machine = is_machine(status);
        if std::mem::replace(&mut self.machine, machine) == machine {
            return None;
        }
        let abandoned = i8::from(self.verdict == Verdict::Abandoned);
        Some(match machine {
            true => self.row(Count::Machine, Why::Status, waited_ms, -abandoned, -1),
            false => self.row(Count::Person, Why::Status, waited_ms, abandoned, 1),
        })
    }

    fn row(&self, count: Count, why: Why, waited_ms: u32, abandoned_by: i8, live_by: i8) -> Counted {
        Counted { campaign: self.campaign, count, why, waited_ms, abandoned_by, live_by, rule: self.rule }
    }
}

/// Abandoned and live calls of a counting period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Abandoned ones.
    pub abandoned: u32,
    /// Answered ones, without those that were no persons.
    pub live: u32,
}

impl Figures {
    /// With one row more. What is taken back of a call of an earlier period never makes a figure negative.
    #[must_use]
    pub fn with(self, abandoned_by: i8, live_by: i8) -> Self {
        let add = |figure: u32, by: i8| figure.saturating_add_signed(by.into());
        Self { abandoned: add(self.abandoned, abandoned_by), live: add(self.live, live_by) }
    }

    /// The share of live calls that were abandoned, `0..=1`; 0 before the first one.
    pub fn share(self) -> f64 {
        if self.live == 0 { f64::from(self.abandoned.min(1)) } else { f64::from(self.abandoned) / f64::from(self.live) }
    }
}

/// The counting period of a campaign that its last row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodNow {
    /// When it began: with its first call.
    pub began_at: Timestamp,
    /// Its figures.
    pub figures: Figures,
}

impl PeriodNow {
    /// With one row more: the period goes on, or the next one begins with it.
    #[must_use]
    pub fn following(last: Option<Self>, at: Timestamp, counted: &Counted) -> Self {
        let goes_on = last.filter(|last| last.lasts(at, counted.rule.days));
        Self {
            began_at: goes_on.map_or(at, |last| last.began_at),
            figures: goes_on
                .map_or_else(Figures::default, |last| last.figures)
                .with(counted.abandoned_by, counted.live_by),
        }
    }

    /// Whether it goes on at that instant, where it has so many days.
    pub fn lasts(self, at: Timestamp, days: u32) -> bool {
        at.0 < self.began_at.0.saturating_add(i64::from(days) * DAY_US)
    }

    /// What counts at that instant, where a period has so many days: nothing of one that is over.
    pub fn figures_at(self, at: Timestamp, days: u32) -> Figures {
        if self.lasts(at, days) { self.figures } else { Figures::default() }
    }
}

/// A row of the books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Whose books.
    pub campaign: CampaignId,
    /// From 1, without a gap, through all periods.
    pub position: i64,
    /// The counting period, from 1.
    pub period: i64,
    /// When it began: with its first call.
    pub period_start: Timestamp,
    /// What was counted.
    pub count: String,
    /// Why.
    pub why: String,
    /// Of which attempt.
    pub attempt: AttemptId,
    /// When.
    pub at: Timestamp,
    /// Milliseconds from the answer.
    pub waited_ms: i64,
    /// Added to the abandoned calls.
    pub abandoned_by: i64,
    /// Added to the live ones.
    pub live_by: i64,
    /// Abandoned calls of the period with this row.
    pub abandoned: i64,
    /// Live ones.
    pub live: i64,
    /// The rule: the cap, in millionths.
    pub cap_ppm: i64,
    /// The rule: milliseconds from the answer in which an agent has to be there.
    pub deadline_ms: i64,
    /// The rule: days of the period.
    pub days: i64,
    /// The hash of the row before; empty for the first one.
    pub previous: String,
    /// SHA-256 of [`Row::canonical`], in small hexadecimal digits.
    pub hash: String,
}

impl Row {
    /// The row that follows `last` with what was counted, without its hash.
    pub fn following(last: Option<&Self>, attempt: AttemptId, at: Timestamp, counted: Counted) -> Self {
        let rule = counted.rule;
        let before = last.map(Self::period_now);
        let goes_on = before.is_some_and(|before| before.lasts(at, rule.days));
        let PeriodNow { began_at, figures } = PeriodNow::following(before, at, &counted);
        Self {
            campaign: counted.campaign,
            position: last.map_or(0, |last| last.position) + 1,
            period: last.map_or(0, |last| last.period) + i64::from(!goes_on),
            period_start: began_at,
            count: counted.count.code().to_owned(),
            why: counted.why.code().to_owned(),
            attempt,
            at,
            waited_ms: counted.waited_ms.into(),
            abandoned_by: counted.abandoned_by.into(),
            live_by: counted.live_by.into(),
            abandoned: figures.abandoned.into(),
            live: figures.live.into(),
            cap_ppm: rule.cap_ppm.into(),
            deadline_ms: rule.deadline_ms.into(),
            days: rule.days.into(),
            previous: last.map_or_else(String::new, |last| last.hash.clone()),
            hash: String::new(),
        }
    }

    /// The cap as a share, `0..=1`.
    pub fn cap(&self) -> f64 {
        self.cap_ppm as f64 / f64::from(PPM)
    }

    /// Its period with this row.
    pub fn period_now(&self) -> PeriodNow {
        PeriodNow { began_at: self.period_start, figures: self.figures() }
    }

    /// The figures of its period with this row.
    pub fn figures(&self) -> Figures {
        let of = |figure: i64| u32::try_from(figure).unwrap_or(0);
        Figures { abandoned: of(self.abandoned), live: of(self.live) }
    }

    /// The text whose SHA-256 is the row's hash: one line for each field in this order, `name=value`, each ended by a line
    /// feed; numbers are decimal, instants microseconds since 1970 in UTC.
    pub fn canonical(&self) -> String {
        let mut text = String::with_capacity(400);
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            writeln!(text, "{name}={value}").expect("a String takes what is written to it");
        };
        line("carillon-ledger", &1);
        line("campaign", &self.campaign);
        line("position", &self.position);
        line("period", &self.period);
        line("period_start", &self.period_start.0);
        line("count", &self.count);
        line("why", &self.why);
        line("attempt", &self.attempt);
        line("at", &self.at.0);
        line("waited_ms", &self.waited_ms);
        line("abandoned_by", &self.abandoned_by);
        line("live_by", &self.live_by);
        line("abandoned", &self.abandoned);
        line("live", &self.live);
        line("cap_ppm", &self.cap_ppm);
        line("deadline_ms", &self.deadline_ms);
        line("days", &self.days);
        line("previous", &self.previous);
        text
    }

    /// What is wrong with it behind `last`, for people; `hash` is the SHA-256 of its [`Row::canonical`].
    pub fn fault(&self, last: Option<&Self>, hash: &str) -> Option<String> {
        let (position, previous) = last.map_or((1, ""), |last| (last.position + 1, last.hash.as_str()));
        if self.position != position {
            return Some(format!("row {position} is missing"));
        }
        if self.hash != hash {
            return Some("it was changed: its hash is not that of what it says".to_owned());
        }
        if self.previous != previous {
            return Some("it does not follow the row before: that one was replaced".to_owned());
        }
        let same = last.filter(|last| last.period == self.period && last.period_start == self.period_start);
        let begins = last.map_or(1, |last| last.period + 1) == self.period && self.period_start == self.at;
        let by = |by: i64| i8::try_from(by).unwrap_or(i8::MAX);
        let figures = match same {
            Some(last) => last.figures(),
            None if begins => Figures::default(),
            None => return Some("its counting period does not follow from the row before".to_owned()),
        };
        let figures = figures.with(by(self.abandoned_by), by(self.live_by));
        let wrong = (i64::from(figures.abandoned), i64::from(figures.live)) != (self.abandoned, self.live);
        wrong.then(|| format!("its figures do not follow: {} of {} would", figures.abandoned, figures.live))
    }
}

/// Whether an extended status says that no person answered.
pub fn is_machine(status: &str) -> bool {
    let begins = |word: &&str| status.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    MACHINES.iter().any(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(count: Count, why: Why, abandoned_by: i8, live_by: i8) -> Counted {
        let (campaign, rule) = (CampaignId(7), CountingRule::default());
        Counted { campaign, count, why, waited_ms: 1_999, abandoned_by, live_by, rule }
    }

    /// Not the one of the books: enough to tell rows apart.
    fn hash(text: &str) -> String {
        text.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())).to_string()
    }

    fn after(last: Option<&Row>, at: i64, what: Counted) -> Row {
        let row = Row::following(last, AttemptId(42), Timestamp(at), what);
        Row { hash: hash(&row.canonical()), ..row }
    }

    #[test]
    fn figures_run_through_a_period_and_begin_anew_with_the_next() {
        let first = after(None, 5_000_000, counted(Count::Live, Why::Answered, 0, 1));
        let second = after(Some(&first), 6_000_000, counted(Count::Abandoned, Why::TooLate, 1, 0));
        assert_eq!((second.position, second.period, second.figures()), (2, 1, Figures { abandoned: 1, live: 1 }));
        let last = after(Some(&second), 4_999_999 + 30 * DAY_US, counted(Count::Live, Why::Answered, 0, 1));
        assert_eq!((last.period, last.figures().share()), (1, 0.5));
        let next = after(Some(&last), 5_000_000 + 30 * DAY_US, counted(Count::Machine, Why::Status, -1, -1));
        assert_eq!((next.position, next.period, next.period_start), (4, 2, next.at));
        assert_eq!(next.figures(), Figures::default(), "what is taken back of the period before is not negative");
        let mut before = None;
        for row in [&first, &second, &last, &next] {
            assert_eq!(row.fault(before, &hash(&row.canonical())), None);
            before = Some(row);
        }
    }

    #[test]
    fn every_change_of_a_row_is_found() {
        let first = after(None, 5_000_000, counted(Count::Live, Why::Answered, 0, 1));
        let row = after(Some(&first), 6_000_000, counted(Count::Abandoned, Why::TooLate, 1, 0));
        let changes: [fn(&mut Row); 18] = [
            |row| row.campaign.0 += 1,
            |row| row.position += 1,
            |row| row.period += 1,
            |row| row.period_start.0 += 1,
            |row| row.count.push('x'),
            |row| row.why.clear(),
            |row| row.attempt.0 += 1,
            |row| row.at.0 -= 1,
            |row| row.waited_ms += 1,
            |row| row.abandoned_by = 0,
            |row| row.live_by = 1,
            |row| row.abandoned = 0,
            |row| row.live = 100,
            |row| row.cap_ppm = PPM.into(),
            |row| row.deadline_ms += 1,
            |row| row.days += 1,
            |row| row.previous.push('0'),
            |row| row.hash.push('0'),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut other = row.clone();
            change(&mut other);
            let sum = hash(&other.canonical());
            assert!(other.fault(Some(&first), &sum).is_some(), "change {index}");
            // With its own hash put right, too, the chain or the figures give it away, or the row behind does.
            let mended = Row { hash: sum.clone(), ..other };
            let behind = after(Some(&row), 7_000_000, counted(Count::Live, Why::Answered, 0, 1));
            let found = mended.fault(Some(&first), &sum).or_else(|| behind.fault(Some(&mended), &behind.hash));
            assert!(found.is_some() || index == 17, "mended change {index}");
        }
        assert_eq!(row.fault(None, &row.hash), Some("row 1 is missing".to_owned()));
    }

    #[test]
    fn a_call_is_abandoned_or_connected_once_and_a_machine_takes_back_what_was_counted() {
        let sums = |rows: &[Option<Counted>]| {
            let by = |row: &Option<Counted>| row.map_or((0, 0), |row| (row.abandoned_by, row.live_by));
            rows.iter().map(by).fold((0, 0), |sum, by| (sum.0 + by.0, sum.1 + by.1))
        };
        let new = || Tally::new(CampaignId(7), CountingRule::default());
        let mut tally = new();
        let rows = [Some(tally.live()), tally.abandoned(Why::TooLate, 2_000), tally.connected(Why::InTime, 2_100)];
        assert_eq!((sums(&rows), rows[2]), ((1, 1), None));
        let machine = tally.status("AMD", 3_000);
        assert_eq!((machine.unwrap().abandoned_by, machine.unwrap().live_by), (-1, -1));
        assert_eq!(tally.status("AMDALL", 3_000), None);
        let written = rows.iter().flatten().map(|row| row.count).chain([Count::Machine]);
        let mut tally = Tally::restored(CampaignId(7), CountingRule::default(), written);
        let person = tally.status("SALE", 9_000).unwrap();
        assert_eq!((person.count, person.abandoned_by, person.live_by), (Count::Person, 1, 1));
        // A machine that is found before the deadline is never abandoned, unless it was a person.
        let mut tally = new();
        let rows = [Some(tally.live()), tally.status("MACHINE", 900), tally.abandoned(Why::TooLate, 2_000)];
        assert_eq!((sums(&rows), rows[2]), ((0, 0), None));
        assert_eq!(sums(&[tally.status("", 2_500)]), (1, 1));
    }

    #[test]
    fn a_status_that_says_machine_is_known_in_any_case() {
        for status in ["AMD", "amdall", "MACHINE", "Machine:beep", "FAX"] {
            assert!(is_machine(status), "{status}");
        }
        for status in ["", "AM", "SALE", "éAMD", "NOTSURE", "HUMAN"] {
            assert!(!is_machine(status), "{status}");
        }
    }
}
