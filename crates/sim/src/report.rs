//! What a run of the world is asked for, and what it says.

use std::fmt;

/// How to play.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Hours of virtual time during which things go wrong; the world then goes on until every run has ended.
    pub hours: f64,
    /// How many of the last things that happened a failure tells.
    pub trail: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { hours: 0.2, trail: 60 }
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
    /// Attempts that were taken back.
    pub withdrawn: u64,
    /// Attempts whose outcome stayed unknown.
    pub lost: u64,
    /// Attempts that ended because their number was suppressed.
    pub suppressed: u64,
    /// Times the process was killed.
    pub kills: u64,
    /// Times a link to a PBX was lost.
    pub links_lost: u64,
    /// Originates whose fate was unknown for a while.
    pub unknown: u64,
    /// Times a trunk's circuit opened.
    pub circuits_opened: u64,
    /// Things that operators did.
    pub operations: u64,
}

impl Summary {
    /// Adds another world's figures.
    pub fn add(&mut self, other: &Self) {
        let fields: [(&mut u64, u64); 13] = [
            (&mut self.steps, other.steps),
            (&mut self.virtual_s, other.virtual_s),
            (&mut self.contacts, other.contacts),
            (&mut self.dialled, other.dialled),
            (&mut self.answered, other.answered),
            (&mut self.withdrawn, other.withdrawn),
            (&mut self.lost, other.lost),
            (&mut self.suppressed, other.suppressed),
            (&mut self.kills, other.kills),
            (&mut self.links_lost, other.links_lost),
            (&mut self.unknown, other.unknown),
            (&mut self.circuits_opened, other.circuits_opened),
            (&mut self.operations, other.operations),
        ];
        for (sum, more) in fields {
            *sum += more;
        }
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
    /// Which rule, and what was seen.
    pub what: String,
    /// The last things that happened before, oldest first.
    pub trail: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trail {
            writeln!(f, "  {line}")?;
        }
        writeln!(f, "seed {} broke a rule after {} ms: {}", self.seed, self.at_ms, self.what)?;
        let (seed, hours) = (self.seed, self.options.hours);
        write!(f, "again: cargo run -p sim --example swarm -- --first {seed} --seeds 1 --hours {hours}")
    }
}

impl std::error::Error for Failure {}
