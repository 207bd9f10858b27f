//! One execution of a campaign, and the parts a call's time is made of.

use serde::{Deserialize, Serialize};

/// States of a run, with WombatDialer's names on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunState {
    /// Just started: its first contacts are being read.
    Runnable,
    /// Has calls to place, calls up, or retries pending.
    Running,
    /// Outside the active period; returns by itself.
    WrongTime,
    /// Out of numbers and waiting for more.
    Idle,
    /// Paused by a person: no new calls, calls up go on.
    Paused,
    /// Out of numbers; final.
    Completed,
    /// Removed by a person; final.
    Removed,
}

impl RunState {
    /// WombatDialer's code, e.g. `WRONG_TIME`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Runnable => "RUNNABLE",
            Self::Running => "RUNNING",
            Self::WrongTime => "WRONG_TIME",
            Self::Idle => "IDLE",
            Self::Paused => "PAUSED",
            Self::Completed => "COMPLETED",
            Self::Removed => "REMOVED",
        }
    }

    /// Reads a code.
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Runnable, Self::Running, Self::WrongTime, Self::Idle, Self::Paused, Self::Completed, Self::Removed]
            .into_iter()
            .find(|state| state.code() == code)
    }

    /// Whether the run is over.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Removed)
    }
}

/// What a stretch of a call was. Talk, ringing and wait times are sums of segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentKind {
    /// Request sent to channel confirmed: the PBX's latency. WombatDialer's "wait pre".
    Setup,
    /// Channel confirmed to answer or end. WombatDialer's "wait after".
    Ringing,
    /// Answer to end. WombatDialer's "talk".
    Talk,
}

impl SegmentKind {
    /// Its name in the database and the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Ringing => "ringing",
            Self::Talk => "talk",
        }
    }
}
