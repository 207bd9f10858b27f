//! How a run is paced now, for screens and the API.

use crate::pacing::fact::Why;
use crate::pacing::mode::Mode;
use crate::step::Dialer;
use domain::{PacingMode, PbxId, RunId};

/// How a run is paced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PacingFigures {
    /// What its campaign asks for.
    pub asked: PacingMode,
    /// What is done.
    pub by: PacedBy,
    /// Abandoned calls of live answers, at most.
    pub cap: f64,
}

/// By what a run is paced now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PacedBy {
    /// None of its end points has agents in a queue: by channels.
    Channels,
    /// The boost of end points and run.
    Boost,
    /// One call for each free agent.
    OneEach,
    /// One call for each free agent, because there is no safe harbour on a PBX.
    NoHarbour,
    /// So many calls for each free agent.
    Ratio,
    /// An engine.
    Engine {
        /// Its mode.
        mode: Mode,
        /// Why not more calls are launched.
        why: Why,
        /// Free agents that it reckons with.
        free: u32,
        /// Calls that have or may want an agent.
        open: u32,
        /// Callers among them who wait for one.
        waiting: u32,
        /// Abandoned in the counting period, as the ledger has it.
        abandoned: u64,
        /// Live answers in the counting period, as the ledger has it.
        live: u64,
        /// Ended since the engine began.
        ended: u64,
    },
}

impl Dialer {
    /// Whether people who find no agent hear a message on the PBX.
    pub fn has_harbour(&self, pbx: PbxId) -> bool {
        self.resources.pbxs.get(&pbx).is_some_and(|pbx| pbx.harbour)
    }

    /// How a run is paced now; `None`: it is over.
    pub fn pacing_figures(&self, id: RunId) -> Option<PacingFigures> {
        let run = self.runs.get(&id)?;
        let pacing = &run.settings.pacing;
        let counted = self.abandonment(run.campaign);
        let by = match (self.paced.of(run), pacing.mode) {
            (Some(campaign), _) => PacedBy::Engine {
                mode: campaign.mode,
                why: campaign.why,
                free: campaign.free,
                open: campaign.open,
                waiting: u32::try_from(campaign.waits.len()).unwrap_or(u32::MAX),
                abandoned: counted.abandoned.into(),
                live: counted.live.into(),
                ended: campaign.ended,
            },
            _ if !self.has_queues(run) => PacedBy::Channels,
            (None, PacingMode::Boost) => PacedBy::Boost,
            (None, PacingMode::Automatic) if self.is_boosted(run) => PacedBy::Boost,
            (None, PacingMode::Ratio) => PacedBy::Ratio,
            (None, PacingMode::Automatic | PacingMode::Predictive) if !self.paced_queues(run).is_empty() => {
                PacedBy::NoHarbour
            }
            (None, _) => PacedBy::OneEach,
        };
        Some(PacingFigures { asked: pacing.mode, by, cap: pacing.cap })
    }
}
