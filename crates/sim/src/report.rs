//! What a run of the world is asked for, and what it says.

use crate::crash::{Crash, CrashPoint};
use crate::fault::{Fault, FaultSet};
use crate::proof::Check;
use crate::sabotage::Sabotage;
use std::fmt;

/// What the world is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// Drawn: one to three PBXs, one to four runs, operators.
    Any,
    /// One or two PBXs, a trunk each, one run of a few contacts with quick retries, nobody who operates.
    Small,
    /// A day of work: two PBXs with half of `lines` each, one run with more contacts than can be dialled, one supervisor.
    Day {
        /// Calls at once.
        lines: u32,
    },
}

/// How to play.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Hours of virtual time during which things go wrong; the world then goes on until every run has ended.
    pub hours: f64,
    /// How many of the last things that happened a failure tells.
    pub trail: usize,
    /// What the world is like.
    pub scene: Scene,
    /// The kinds of faults; `None`: the swarm of the seed.
    pub faults: Option<FaultSet>,
    /// One death at a chosen crash point; other deaths at crash points do not happen.
    pub crash: Option<Crash>,
    /// Something is done wrong on purpose, so that a check has something to find.
    pub sabotage: Option<Sabotage>,
}

impl Default for Options {
    fn default() -> Self {
        Self { hours: 0.2, trail: 60, scene: Scene::Any, faults: None, crash: None, sabotage: None }
    }
}

impl Options {
    /// The kinds of faults that the world of this seed knows.
    pub fn faults_of(&self, seed: u64) -> FaultSet {
        self.faults.unwrap_or_else(|| FaultSet::drawn(seed))
    }
}

/// What happened in a world where no rule was broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Steps of the dialler.
    pub steps: u64,
    /// Virtual seconds until every run had ended.
    pub virtual_s: u64,
    /// Contacts of all lists.
    pub contacts: u64,
    /// Originates that reached a PBX.
    pub dialled: u64,
    /// Calls that were answered.
    pub answered: u64,
    /// Agents who were called before the person.
    pub agents_called: u64,
    /// Agents who were paused for a call of ours.
    pub paused: u64,
    /// Contacts that agents looked at first.
    pub reserved: u64,
    /// Rows of the abandonment ledger.
    pub counted: u64,
    /// People who were brought to the recorded message.
    pub in_harbour: u64,
    /// Milliseconds of all channels: calls at once are this by the virtual time.
    pub line_ms: u64,
    /// Attempts that were taken back.
    pub withdrawn: u64,
    /// Times that contacts were put off for a while.
    pub put_off: u64,
    /// Contacts that were refused.
    pub refused: u64,
    /// Calls to contacts that had been put off.
    pub came_back: u64,
    /// Calls to a further number of a contact.
    pub further: u64,
    /// What outcome rules asked for after calls.
    pub actions: u64,
    /// Of these, asked for when a retry did not come.
    pub asked_late: u64,
    /// Attempts whose outcome stayed unknown.
    pub lost: u64,
    /// Attempts that ended because their number was suppressed.
    pub suppressed: u64,
    /// Originates whose fate was unknown for a while.
    pub unknown: u64,
    /// Times a link to a PBX was lost.
    pub links_lost: u64,
    /// Times a trunk's circuit opened.
    pub circuits_opened: u64,
    /// Things that operators did.
    pub operations: u64,
    /// Batches of a process that another one had taken over from: all were refused.
    pub fenced: u64,
    /// How often each kind of fault struck, in the order of [`Fault::ALL`].
    pub faults: [u64; Fault::ALL.len()],
    /// How often each crash point was passed, in the order of [`CrashPoint::ALL`].
    pub points: [u64; CrashPoint::ALL.len()],
    /// How often somebody died there.
    pub crashes: [u64; CrashPoint::ALL.len()],
    /// The longest time from the end of the faults to a new call when a process had to start, milliseconds.
    pub resumed_process_ms: u64,
    /// The same when a link or a PBX had to come back.
    pub resumed_pbx_ms: u64,
}

impl Summary {
    /// Adds another world's figures; of times the longest counts.
    pub fn add(&mut self, other: &Self) {
        let fields: [(&mut u64, u64); 25] = [
            (&mut self.steps, other.steps),
            (&mut self.virtual_s, other.virtual_s),
            (&mut self.contacts, other.contacts),
            (&mut self.dialled, other.dialled),
            (&mut self.answered, other.answered),
            (&mut self.agents_called, other.agents_called),
            (&mut self.paused, other.paused),
            (&mut self.reserved, other.reserved),
            (&mut self.counted, other.counted),
            (&mut self.in_harbour, other.in_harbour),
            (&mut self.line_ms, other.line_ms),
            (&mut self.withdrawn, other.withdrawn),
            (&mut self.put_off, other.put_off),
            (&mut self.refused, other.refused),
            (&mut self.came_back, other.came_back),
            (&mut self.further, other.further),
            (&mut self.actions, other.actions),
            (&mut self.asked_late, other.asked_late),
            (&mut self.lost, other.lost),
            (&mut self.suppressed, other.suppressed),
            (&mut self.unknown, other.unknown),
            (&mut self.links_lost, other.links_lost),
            (&mut self.circuits_opened, other.circuits_opened),
            (&mut self.operations, other.operations),
            (&mut self.fenced, other.fenced),
        ];
        for (sum, more) in fields {
            *sum += more;
        }
        self.faults.iter_mut().zip(other.faults).for_each(|(sum, more)| *sum += more);
        self.points.iter_mut().zip(other.points).for_each(|(sum, more)| *sum += more);
        self.crashes.iter_mut().zip(other.crashes).for_each(|(sum, more)| *sum += more);
        self.resumed_process_ms = self.resumed_process_ms.max(other.resumed_process_ms);
        self.resumed_pbx_ms = self.resumed_pbx_ms.max(other.resumed_pbx_ms);
    }

    /// How often this kind of fault struck.
    pub fn struck(&self, fault: Fault) -> u64 {
        self.faults[fault as usize]
    }

    /// How often somebody died at a crash point.
    pub fn deaths(&self) -> u64 {
        self.crashes.iter().sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} steps, {:.1} virtual hours, {} contacts, {} calls ({} answered), {} withdrawn, {} put off ({} calls when they came back), {} to further numbers, {} refused, {} lost, {} suppressed, {} unknown for a while, {} actions ({} when a retry did not come)",
            self.steps,
            self.virtual_s as f64 / 3_600.0,
            self.contacts,
            self.dialled,
            self.answered,
            self.withdrawn,
            self.put_off,
            self.came_back,
            self.further,
            self.refused,
            self.lost,
            self.suppressed,
            self.unknown,
            self.actions,
            self.asked_late
        )?;
        writeln!(
            f,
            "{} links lost, {} circuits opened, {} operations, {} batches fenced off, {} rows of the ledger, {} brought to the message",
            self.links_lost, self.circuits_opened, self.operations, self.fenced, self.counted, self.in_harbour
        )?;
        let faults = Fault::ALL.into_iter().map(|fault| format!("{} {}", fault.name(), self.struck(fault)));
        writeln!(f, "faults: {}", faults.collect::<Vec<_>>().join(", "))?;
        let points = CrashPoint::ALL.into_iter().map(|point| {
            let n = point as usize;
            format!("{point:?} {} of {}", self.crashes[n], self.points[n])
        });
        writeln!(f, "deaths at crash points: {}: {}", self.deaths(), points.collect::<Vec<_>>().join(", "))?;
        write!(
            f,
            "longest until dialling resumed: {} ms after a process start, {} ms after a PBX was back",
            self.resumed_process_ms, self.resumed_pbx_ms
        )
    }
}

/// A rule was broken.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The world's seed.
    pub seed: u64,
    /// How it was played.
    pub options: Options,
    /// Virtual milliseconds after its beginning.
    pub at_ms: u64,
    /// Which rule.
    pub check: Check,
    /// What was seen.
    pub what: String,
    /// The last things that happened before, oldest first.
    pub trail: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trail {
            writeln!(f, "  {line}")?;
        }
        let (seed, hours, faults) = (self.seed, self.options.hours, self.options.faults_of(self.seed));
        writeln!(f, "seed {seed} broke {} after {} ms: {}", self.check.name(), self.at_ms, self.what)?;
        writeln!(f, "its faults: {faults}")?;
        let mut words = vec![format!("--first {seed} --seeds 1 --hours {hours}")];
        words.extend(self.options.faults.map(|set| format!("--faults {set}")));
        match self.options.scene {
            Scene::Any => {}
            Scene::Small => words.push("--small".to_owned()),
            Scene::Day { lines } => words.push(format!("--lines {lines}")),
        }
        words.extend(self.options.crash.map(|crash| format!("--crash {}:{:?}", crash.nth, crash.victim)));
        writeln!(f, "again: cargo run --profile bench-run -p sim --example swarm -- {}", words.join(" "))?;
        write!(f, "once mended: a script test of the dialler, and its line in crates/sim/tests/seeds.rs")
    }
}

impl std::error::Error for Failure {}
