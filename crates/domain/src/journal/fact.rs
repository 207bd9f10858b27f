//! What happens to an attempt while it is open: the events of its timeline.

use crate::abandonment::Counted;
use crate::ids::{AttemptId, LegId};
use crate::outcome::EndedBy;
use crate::time::Timestamp;

/// Something that happened to an attempt's leg while it was open: an event of its timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Which leg.
    pub leg: LegId,
    /// What.
    pub fact: Fact,
    /// When we saw it.
    pub at: Timestamp,
    /// What is counted with it in the books of abandoned calls.
    pub counted: Option<Counted>,
}

/// The facts of a leg, in the order in which they usually come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// `agent.requested`: the PBX was asked to call the agent, before anything is sent to the person.
    AgentRequested,
    /// `agent.called`: the PBX made the channel to the agent.
    AgentCalled,
    /// `agent.answered`: the person is called next.
    AgentAnswered,
    /// `agent.ended`: the agent's channel is gone.
    AgentEnded {
        /// Q.850 cause, 0 when none.
        cause: u16,
        /// SIP code of the final response.
        tech_cause: Option<u16>,
    },
    /// `leg.requested`: the originate was handed to the PBX link.
    Requested,
    /// `leg.created`: the PBX made the channel.
    Created,
    /// `leg.progress`: early media.
    Progress,
    /// `leg.ringing`.
    Ringing,
    /// `leg.answered`.
    Answered,
    /// `queue.entered`: the call waits in a queue.
    QueueEntered {
        /// As the PBX calls it.
        queue: String,
    },
    /// `queue.given_up`: the call left its queue without an agent.
    QueueGivenUp {
        /// As the PBX calls it.
        queue: String,
    },
    /// `agent.connected`: an agent of the queue took the call.
    AgentConnected {
        /// The member, e.g. `PJSIP/1001`.
        agent: String,
        /// Milliseconds from the answer; `None`: nobody saw the answer.
        waited_ms: Option<u32>,
    },
    /// `call.abandoned`: no agent was there in time.
    Abandoned,
    /// `call.harbour_requested`: the PBX was asked to bring the person to the recorded message.
    HarbourRequested,
    /// `call.harbour_reached`: it did.
    HarbourReached,
    /// `call.harbour_missed`: it did not, or nobody knows.
    HarbourMissed {
        /// Why, for people.
        why: String,
    },
    /// `leg.refused`: the PBX refused the request.
    Refused {
        /// The HTTP status of the refusal.
        status: u16,
        /// The PBX's words.
        message: String,
    },
    /// `leg.uncertain`: nobody knows whether the request arrived.
    Uncertain {
        /// Why.
        why: String,
    },
    /// `leg.adopted`: found on the PBX after a restart or a lost link.
    Adopted,
    /// `leg.hang_up_requested`: by us or by the far end.
    HangUpRequested {
        /// Who asked.
        by: EndedBy,
    },
    /// `attempt.status_set`: an extended status from the dialplan or the API.
    StatusSet {
        /// The status.
        status: String,
    },
}

impl Fact {
    /// The event's kind, dotted past tense.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AgentRequested => "agent.requested",
            Self::AgentCalled => "agent.called",
            Self::AgentAnswered => "agent.answered",
            Self::AgentEnded { .. } => "agent.ended",
            Self::Requested => "leg.requested",
            Self::Created => "leg.created",
            Self::Progress => "leg.progress_seen",
            Self::Ringing => "leg.ringing_seen",
            Self::Answered => "leg.answered",
            Self::QueueEntered { .. } => "queue.entered",
            Self::QueueGivenUp { .. } => "queue.given_up",
            Self::AgentConnected { .. } => "agent.connected",
            Self::Abandoned => "call.abandoned",
            Self::HarbourRequested => "call.harbour_requested",
            Self::HarbourReached => "call.harbour_reached",
            Self::HarbourMissed { .. } => "call.harbour_missed",
            Self::Refused { .. } => "leg.refused",
            Self::Uncertain { .. } => "leg.became_uncertain",
            Self::Adopted => "leg.adopted",
            Self::HangUpRequested { .. } => "leg.hang_up_requested",
            Self::StatusSet { .. } => "attempt.status_set",
        }
    }
}
