//! The gate: the one function that every path to a telephone goes through.
//!
//! It says yes with a receipt, or names the first rule that said no. Rules are asked in a published order.

use crate::circuit::Verdict;
use crate::hopper::Ready;
use crate::pacing::fact::Why;
use crate::resources::{EndPoint, Pbx, Trunk};
use crate::runs::Run;
use domain::journal::{Picked, PutOffBy, QueueReceipt, Receipt};
use domain::rules::{ContactReceipt, ContactRule};
use domain::{HourState, Mono, Timestamp};
use std::borrow::Cow;

/// The rules in the order in which they are asked: those of the site and the run, those of the contact
/// ([`ContactRule::ALL`]), those of the way out. Those of the contact are asked again with what the journal knows when it
/// has written the attempt, before anything is sent.
pub fn rules() -> impl Iterator<Item = &'static str> {
    let contact = ContactRule::ALL.into_iter().map(ContactRule::code);
    BEFORE.into_iter().chain(contact).chain(BEHIND)
}

/// Rules of the site and the run.
const BEFORE: [&str; 3] = ["dialling_not_held", "run_active", "inside_hours"];
/// Rules of the way out.
const BEHIND: [&str; 6] = ["pbx_up", "trunk_free", "circuit_closed", "rate_kept", "agents_free", "hourly_cap_kept"];

/// Why nothing is dialled for a run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Dialling is held.
    Held,
    /// The run is paused, stopped or over.
    RunNotActive,
    /// The campaign's hours are closed.
    OutsideHours {
        /// Until then.
        opens_at: Option<Timestamp>,
    },
    /// Every ready contact's number is in a call already.
    NumberInFlight,
    /// Nothing is ready: contacts wait for their time or are being read.
    NothingReady,
    /// Everybody who is left was put off.
    PutOff {
        /// What put off the one that is due next; `None`: not known since a restart.
        by: Option<PutOffBy>,
        /// When that one is due.
        until: Timestamp,
    },
    /// The campaign's trunks and end points have no PBX in common.
    NoRoute,
    /// No PBX of the campaign is up.
    PbxDown,
    /// Every trunk is full.
    TrunksFull,
    /// Every end point is full.
    EndPointsFull,
    /// Nothing is known of the queue behind the end point: its PBX is not observed.
    QueueUnknown,
    /// The PBX has no queue of the name that the end point observes.
    NoSuchQueue,
    /// Nobody is logged on to the queue.
    NobodyLoggedOn,
    /// Nobody of those who are logged on is free.
    NoAgentFree,
    /// Its agents are shown whom they would call, and none asks for somebody.
    AgentsDecide,
    /// Every free agent has calls or callers on the way.
    AgentsTaken,
    /// The engine of its campaign launches no more calls now.
    Paced {
        /// What holds the pace.
        why: Why,
    },
    /// More callers wait than the end point allows: WombatDialer's `BK:W`.
    TooManyWait,
    /// Every free trunk rests after refusals.
    CircuitOpen {
        /// Until then; `None`: a probe is out.
        until: Option<Mono>,
    },
    /// The rate allows the next call then.
    RateReached {
        /// When.
        at: Mono,
    },
    /// No ids to give to an attempt: the store is late.
    NoIds,
}

impl Refusal {
    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Held => "dialling is held",
            Self::RunNotActive => "the run is not active",
            Self::OutsideHours { .. } => "outside the campaign's hours",
            Self::NumberInFlight => "the next numbers are in a call already",
            Self::NothingReady => "no contact is ready: retries wait for their time or contacts are being read",
            Self::PutOff { by, .. } => put_off_text(by),
            Self::NoRoute => "trunks and end points have no PBX in common",
            Self::PbxDown => "the PBX is not connected, or its link is stale",
            Self::TrunksFull => "every trunk is full",
            Self::EndPointsFull => "every end point is full",
            Self::QueueUnknown => "the queue of the end point is not observed: nothing is known of its agents",
            Self::NoSuchQueue => "the PBX has no queue of the name that the end point observes",
            Self::NobodyLoggedOn => "nobody is logged on to the queue",
            Self::NoAgentFree => "no agent of the queue is free",
            Self::AgentsDecide => "agents ask for somebody to call, and say when: nobody does now",
            Self::AgentsTaken => "every free agent of the queue has calls or callers on the way",
            Self::Paced { why } => why.text(),
            Self::TooManyWait => "more callers wait in the queue than the end point allows (BK:W)",
            Self::CircuitOpen { .. } => "the trunk rests after refusals by the carrier",
            Self::RateReached { .. } => "calls per second reached",
            Self::NoIds => "waiting for the database",
        }
    }
}

fn put_off_text(by: Option<PutOffBy>) -> &'static str {
    match by {
        Some(PutOffBy::Rule(ContactRule::InsideCalleeWindow)) => {
            "it is outside the calling hours of everybody who is left"
        }
        Some(PutOffBy::Rule(ContactRule::AttemptsBelowCap)) => {
            "everybody who is left was called as often as the caps allow"
        }
        Some(PutOffBy::Rule(ContactRule::CooledDown)) => {
            "everybody who is left was talked to, abandoned or answered by a machine a short while ago"
        }
        Some(PutOffBy::Rule(ContactRule::GapKept)) => "everybody who is left was called a short while ago",
        Some(PutOffBy::HourlyCap) => "calls per hour to a prefix reached",
        Some(PutOffBy::Rule(_)) | None => "everybody who is left waits for a rule of the gate",
    }
}

/// The part of the gate that asks about one way out: PBX, trunk, circuit and rates. `Ok(true)`: the call is a probe.
pub fn route(now: Mono, pbx: Option<&Pbx>, trunk: &Trunk) -> Result<bool, Refusal> {
    let Some(pbx) = pbx.filter(|pbx| pbx.up) else { return Err(Refusal::PbxDown) };
    if trunk.removed || trunk.in_use >= trunk.spec.capacity {
        return Err(Refusal::TrunksFull);
    }
    let probe = match trunk.circuit.verdict(now) {
        Verdict::Dial => false,
        Verdict::Probe => true,
        Verdict::Wait { until } => return Err(Refusal::CircuitOpen { until }),
    };
    let mut at = trunk.rate.allowed_at().max(pbx.rate.allowed_at());
    if trunk.waiting > 0 {
        // What is decided already goes out first.
        at = at.max(trunk.rate.may_send_at()).max(pbx.rate.may_send_at());
    }
    if at > now { Err(Refusal::RateReached { at }) } else { Ok(probe) }
}

/// The receipt of a yes.
#[expect(clippy::too_many_arguments, reason = "the facts of one decision, used once")]
pub fn receipt(
    ready: &Ready,
    hours: HourState,
    run: &Run,
    trunk: &Trunk,
    end_point: &EndPoint,
    probe: bool,
    contact: ContactReceipt,
    queue: Option<QueueReceipt>,
) -> Receipt {
    Receipt {
        picked: match (ready.due_at, ready.put_off_by) {
            (None, _) => Picked::FreshInOrder,
            (Some(due_at), None) if ready.turn_no > 0 => Picked::NextNumber { due_at },
            (Some(due_at), None) => Picked::RetryDue { due_at },
            (Some(due_at), Some(by)) => Picked::PutOffOver { due_at, by },
        },
        rules: rules().map(Cow::Borrowed).collect(),
        hours_until: match hours {
            HourState::Open { until } => until,
            HourState::Closed { .. } => None,
        },
        trunk_in_use: trunk.in_use,
        trunk_capacity: trunk.spec.capacity,
        end_point_in_use: end_point.in_use,
        end_point_capacity: end_point.spec.max_channels,
        probe,
        run_in_progress: u32::try_from(run.in_flight.len()).unwrap_or(u32::MAX),
        run_in_memory: u32::try_from(run.hopper.len()).unwrap_or(u32::MAX),
        priority: run.settings.priority,
        caller_id: run.settings.caller_id,
        contact,
        queue: queue.map(Box::new),
        number: crate::numbers::receipt(ready),
    }
}
