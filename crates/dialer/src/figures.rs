//! What the dialler is doing now, for screens and the API.

use crate::calls::LegState;
use crate::gate::Refusal;
use crate::runs::ListProgress;
use crate::step::Dialer;
use crate::toll::Reached;
use domain::{
    AttemptId, CallState, CampaignId, Contact, ContactId, EndPointId, LegId, Mono, Now, PbxId, RunId, RunState,
    Timestamp, TrunkId,
};
use std::sync::Arc;

/// A run's figures.
#[derive(Debug, Clone)]
pub struct RunFigures {
    /// Its id.
    pub run: RunId,
    /// Its campaign.
    pub campaign: CampaignId,
    /// Its state.
    pub state: RunState,
    /// Stopped by a broken invariant.
    pub stopped: bool,
    /// Why nothing was dialled when it was last asked; `None` while it dials.
    pub blocked: Option<Refusal>,
    /// Lower is served first.
    pub priority: i32,
    /// Attempts placed.
    pub placed: u64,
    /// Attempts that need no retry.
    pub terminated: u64,
    /// Attempts that were answered.
    pub connected: u64,
    /// Contacts in memory.
    pub hopper: u64,
    /// Retries waiting.
    pub open_retries: u64,
    /// Contacts waiting that a rule put off.
    pub put_off: u64,
    /// Contacts that a rule refused until the run is reloaded.
    pub refused: u64,
    /// Attempts in progress.
    pub in_flight: u64,
    /// Of these, answered.
    pub connected_now: u64,
    /// Contacts of its lists that are neither finished nor refused.
    pub remaining: u64,
    /// When the next contact that waits is due.
    pub next_due: Option<Timestamp>,
    /// Its lists.
    pub lists: Vec<ListProgress>,
}

/// A trunk's figures.
#[derive(Debug, Clone, Copy)]
pub struct TrunkFigures {
    /// Which.
    pub trunk: TrunkId,
    /// Calls up or on their way.
    pub in_use: u32,
    /// `None`: the circuit is closed; `Some(None)`: probing; `Some(Some(t))`: open until then.
    pub circuit: Option<Option<Mono>>,
}

/// A call in progress.
#[derive(Debug, Clone)]
pub struct CallFigures {
    /// Its attempt.
    pub attempt: AttemptId,
    /// Its leg.
    pub leg: LegId,
    /// Its run.
    pub run: RunId,
    /// Its contact.
    pub contact: ContactId,
    /// Who; `None` when adopted after a restart.
    pub details: Option<Arc<Contact>>,
    /// 0-based retry counter.
    pub retry: u32,
    /// Its trunk.
    pub trunk: TrunkId,
    /// Its end point.
    pub end_point: EndPointId,
    /// Its PBX.
    pub pbx: PbxId,
    /// Where it is.
    pub state: CallState,
    /// When it was decided.
    pub scheduled_at: Timestamp,
    /// When it was answered.
    pub connected_at: Option<Timestamp>,
}

impl Dialer {
    /// Every open run.
    pub fn run_figures(&self) -> impl Iterator<Item = RunFigures> {
        self.runs.values().map(|run| {
            let hopper = run.hopper.len() as u64;
            RunFigures {
                run: run.id,
                campaign: run.campaign,
                state: run.state,
                stopped: run.stopped,
                blocked: if self.held { Some(Refusal::Held) } else { run.blocked },
                priority: run.settings.priority,
                placed: run.totals.placed,
                terminated: run.totals.terminated,
                connected: run.totals.connected,
                hopper,
                open_retries: run.totals.open_retries,
                put_off: run.totals.put_off,
                refused: run.totals.refused,
                in_flight: run.in_flight.len() as u64,
                connected_now: run.connected_now.into(),
                remaining: run.contacts.saturating_sub(run.totals.terminated + run.totals.refused),
                next_due: [run.next_due.map(|due| due.at).filter(|at| at.0 > 0), run.hopper.next_timed()]
                    .into_iter()
                    .flatten()
                    .min(),
                lists: run.lists.clone(),
            }
        })
    }

    /// Caps on calls per hour to a prefix that a run has reached, those first that open first; at most 10.
    pub fn hourly_caps_reached(&self, run: RunId, now: Timestamp) -> Vec<Reached> {
        self.runs.get(&run).map(|run| self.toll.reached(&run.settings.rules, now)).unwrap_or_default()
    }

    /// Every trunk.
    pub fn trunk_figures(&self) -> impl Iterator<Item = TrunkFigures> {
        self.resources.trunks.iter().map(|(id, trunk)| TrunkFigures {
            trunk: *id,
            in_use: trunk.in_use,
            circuit: trunk.circuit.opens(),
        })
    }

    /// Calls towards each end point.
    pub fn end_point_use(&self) -> impl Iterator<Item = (EndPointId, u32)> {
        self.resources.end_points.iter().map(|(id, end_point)| (*id, end_point.in_use))
    }

    /// Open attempts, oldest first.
    pub fn call_figures(&self) -> impl Iterator<Item = CallFigures> {
        self.attempts.iter().map(|(id, attempt)| {
            let leg = self.calls.leg(attempt.leg);
            CallFigures {
                attempt: *id,
                leg: attempt.leg,
                run: attempt.run,
                contact: attempt.contact,
                details: attempt.details.clone(),
                retry: attempt.retry,
                trunk: attempt.trunk,
                end_point: attempt.end_point,
                pbx: attempt.pbx,
                state: leg.map_or(CallState::Scheduled, |leg| match leg.state {
                    LegState::Journalling => CallState::Scheduled,
                    LegState::Requested => CallState::Requested,
                    _ if leg.answered_at.is_some() => CallState::Connected,
                    LegState::Uncertain | LegState::Created | LegState::Up => CallState::Dialling,
                }),
                scheduled_at: attempt.scheduled_at,
                connected_at: leg.and_then(|leg| leg.answered_at),
            }
        })
    }

    /// Open attempts.
    pub fn open_calls(&self) -> usize {
        self.attempts.len()
    }

    /// A monotonic instant as wall time, for people.
    pub fn wall_of(now: Now, at: Mono) -> Timestamp {
        now.wall.plus_ms(i64::try_from(at.since(now.mono) / 1_000).unwrap_or(i64::MAX))
    }
}
