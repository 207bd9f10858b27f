//! What the system saw of an attempt, and how the facts of a call become an outcome.

use crate::error::Invalid;
use serde::{Deserialize, Serialize};

/// States of a call, with WombatDialer's names on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CallState {
    /// The agent is going to be called before the person: decided, and journalled or on its way to the journal.
    RdScheduled,
    /// An agent looks at it and says when it is dialled.
    RdReserved,
    /// The PBX was asked to call the agent.
    RdRequested,
    /// The agent's telephone is being called.
    RdAgentreq,
    /// Decided and journalled, or on its way to the journal.
    Scheduled,
    /// Sent to the PBX.
    Requested,
    /// The PBX confirmed the channel.
    Dialling,
    /// The far end answered.
    Connected,
    /// Completed normally.
    Terminated,
    /// A technical error on our side of the trunk.
    RsError,
    /// Nobody can say how it ended: it counts as an attempt and keeps the longest gap.
    RsLost,
    /// The network refused: congestion, circuits busy, rejected, or no sign of life on the route.
    RsRejected,
    /// Callee busy.
    RsBusy,
    /// The number is invalid.
    RsNumber,
    /// Rang and was not answered in time.
    RsNoanswer,
    /// The agent who was called first did not come: the person was not called.
    RsNoagent,
    /// The agent did not want it: the person was not called.
    RsAgentskip,
    /// Closed by us for exceeding the campaign's forced closure.
    RsTimeout,
    /// On a black list: never attempted.
    RsBlacklist,
}

impl CallState {
    /// Every state, in order of life.
    pub const ALL: [Self; 19] = [
        Self::RdScheduled,
        Self::RdReserved,
        Self::RdRequested,
        Self::RdAgentreq,
        Self::Scheduled,
        Self::Requested,
        Self::Dialling,
        Self::Connected,
        Self::Terminated,
        Self::RsError,
        Self::RsLost,
        Self::RsRejected,
        Self::RsBusy,
        Self::RsNumber,
        Self::RsNoanswer,
        Self::RsNoagent,
        Self::RsAgentskip,
        Self::RsTimeout,
        Self::RsBlacklist,
    ];

    /// WombatDialer's code, e.g. `RS_NOANSWER`.
    pub fn code(self) -> &'static str {
        match self {
            Self::RdScheduled => "RD_SCHEDULED",
            Self::RdReserved => "RD_RESERVED",
            Self::RdRequested => "RD_REQUESTED",
            Self::RdAgentreq => "RD_AGENTREQ",
            Self::Scheduled => "SCHEDULED",
            Self::Requested => "REQUESTED",
            Self::Dialling => "DIALLING",
            Self::Connected => "CONNECTED",
            Self::Terminated => "TERMINATED",
            Self::RsError => "RS_ERROR",
            Self::RsLost => "RS_LOST",
            Self::RsRejected => "RS_REJECTED",
            Self::RsBusy => "RS_BUSY",
            Self::RsNumber => "RS_NUMBER",
            Self::RsNoanswer => "RS_NOANSWER",
            Self::RsNoagent => "RS_NOAGENT",
            Self::RsAgentskip => "RS_AGENTSKIP",
            Self::RsTimeout => "RS_TIMEOUT",
            Self::RsBlacklist => "RS_BLACKLIST",
        }
    }

    /// Reads a code; the spellings `BUSY` and `RS_NO_ANSWER` are understood too.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let plain = |code: &str| code.trim_start_matches("RS_").replace('_', "");
        let text_up = text.trim().to_ascii_uppercase();
        // WombatDialer's own list of choices has these two spellings.
        let wanted = match text_up.as_str() {
            "RESERVED" => "RDRESERVED".to_owned(),
            "AGENT" => "RDAGENTREQ".to_owned(),
            text => plain(text),
        };
        Self::ALL
            .into_iter()
            .find(|state| plain(state.code()) == wanted)
            .ok_or_else(|| Invalid::new("status", format!("{text:?} is no call state; one of TERMINATED, RS_BUSY, RS_NOANSWER, RS_NOAGENT, RS_AGENTSKIP, RS_REJECTED, RS_NUMBER, RS_ERROR, RS_LOST, RS_TIMEOUT, RS_BLACKLIST")))
    }

    /// Whether the number was called in vain, so that another number of the same contact is the next one to try. Not one of
    /// which nobody knows what became of it, nor one that failed on our side.
    pub fn is_not_through(self) -> bool {
        matches!(self, Self::RsRejected | Self::RsBusy | Self::RsNumber | Self::RsNoanswer)
    }

    /// Whether the attempt is over.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Scheduled | Self::Requested | Self::Dialling | Self::Connected) && !self.is_before_call()
    }

    /// Whether it is about the agent who is called first, and nothing was sent to the person.
    pub fn is_before_call(self) -> bool {
        matches!(self, Self::RdScheduled | Self::RdReserved | Self::RdRequested | Self::RdAgentreq)
    }
}

/// Who ended the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// Our answer timeout.
    AnswerTimeout,
    /// Our timer for a route that shows no sign of life (only 100 Trying, or nothing).
    ProgressTimeout,
    /// Our forced closure.
    ForcedClosure,
    /// An operator, through Carillon.
    Operator,
    /// The agent: hung up.
    Agent,
    /// The agent who was called first did not come.
    NoAgent,
    /// The agent to whom it was shown did not want it.
    AgentSkip,
    /// Pacing: it rang for long enough, and no agent would have been free for it.
    Pacing,
    /// The callee or the carrier.
    FarEnd,
    /// The PBX: the dialplan ended.
    Pbx,
    /// The PBX refused the request; no channel was made.
    Refused,
    /// The gate: the number was suppressed before anything was sent, or before anybody answered.
    Suppression,
    /// Not known: the link or a process was down when it ended.
    Unknown,
}

/// The facts an outcome is decided by. Never Originate's own reason alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndFacts {
    /// The far end went off-hook.
    pub answered: bool,
    /// RINGING was seen.
    pub ringing: bool,
    /// PROGRESS (early media) was seen.
    pub progress: bool,
    /// Q.850 cause of the channel; 0 when none was given.
    pub cause: u16,
    /// The SIP code of the final response, when the technology gave one.
    pub tech_cause: Option<u16>,
    /// Who ended it.
    pub ended_by: EndedBy,
}

/// The result of [`classify`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The final state.
    pub state: CallState,
    /// Whose fault a failure is.
    pub fault: Fault,
}

/// Whose fault it is that no conversation happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nobody's: there was an answer, or the number was suppressed.
    None,
    /// The callee's: busy, away, declined.
    Callee,
    /// The number's.
    Number,
    /// The carrier's.
    Carrier,
    /// Ours or our PBX's.
    Ours,
    /// Unclear.
    Unclear,
}

/// Outcome = f(cause, SIP code, progress seen, who ended it).
///
/// Measured on Asterisk 22: our own time-out and a carrier's 480 are both 19/480, a dead address is 18/408 after 32 s,
/// 404, 403 and 603 all say NOANSWER in their dial status, and a far end that hangs up without a Reason header leaves
/// cause 0. So the SIP code is read first, the Q.850 cause where there is none, and nothing but 100 Trying is never
/// "no answer".
pub fn classify(facts: &EndFacts) -> Outcome {
    let outcome = |state, fault| Outcome { state, fault };
    match facts.ended_by {
        EndedBy::Unknown => return outcome(CallState::RsLost, Fault::Unclear),
        EndedBy::Refused => return outcome(CallState::RsError, Fault::Ours),
        EndedBy::NoAgent if !facts.answered => return outcome(CallState::RsNoagent, Fault::Ours),
        EndedBy::AgentSkip if !facts.answered => return outcome(CallState::RsAgentskip, Fault::None),
        EndedBy::Suppression if !facts.answered => return outcome(CallState::RsBlacklist, Fault::None),
        EndedBy::ForcedClosure if facts.answered => return outcome(CallState::RsTimeout, Fault::None),
        _ if facts.answered => return outcome(CallState::Terminated, Fault::None),
        EndedBy::AnswerTimeout if facts.ringing || facts.progress => {
            return outcome(CallState::RsNoanswer, Fault::Callee);
        }
        EndedBy::AnswerTimeout | EndedBy::ProgressTimeout => return outcome(CallState::RsRejected, Fault::Carrier),
        // Somebody of ours took it back: nothing of it is the carrier's or the callee's doing.
        EndedBy::Operator | EndedBy::Agent | EndedBy::Pacing => return outcome(CallState::RsNoanswer, Fault::Ours),
        _ => {}
    }
    let alive = facts.ringing || facts.progress;
    match (facts.tech_cause, facts.cause) {
        (Some(486 | 600), _) | (None, 17) => outcome(CallState::RsBusy, Fault::Callee),
        (Some(480 | 487), _) | (None, 18 | 19) => outcome(CallState::RsNoanswer, Fault::Callee),
        (Some(408), _) if alive => outcome(CallState::RsNoanswer, Fault::Callee),
        (Some(404 | 410 | 414 | 416 | 484 | 485 | 604), _) | (None, 1 | 2 | 3 | 22 | 28) => {
            outcome(CallState::RsNumber, Fault::Number)
        }
        (Some(603), _) => outcome(CallState::RsRejected, Fault::Callee),
        _ => outcome(CallState::RsRejected, Fault::Carrier),
    }
}

/// What a dialplan reported of a call that nobody answered: an extended status that is one of our own codes is the
/// outcome. Where the far leg is not ours (a `Local/` trunk) only the dialplan knows it.
///
/// `None`: the facts decide. They do for an answered call, for what we ended or refused ourselves, and for an end that
/// nobody saw: somebody may have answered after the report.
pub fn reported(facts: &EndFacts, status: &str) -> Option<Outcome> {
    outcome_reported(facts.answered, facts.ended_by, status)
}

/// Whether the extended status of an ended call was such a report.
pub fn is_reported(answered: bool, ended_by: EndedBy, status: &str) -> bool {
    outcome_reported(answered, ended_by, status).is_some()
}

fn outcome_reported(answered: bool, ended_by: EndedBy, status: &str) -> Option<Outcome> {
    let ours = !matches!(ended_by, EndedBy::FarEnd | EndedBy::Pbx | EndedBy::AnswerTimeout | EndedBy::ProgressTimeout);
    if answered || ours {
        return None;
    }
    let outcome = |state, fault| Some(Outcome { state, fault });
    match status {
        "RS_BUSY" => outcome(CallState::RsBusy, Fault::Callee),
        "RS_NOANSWER" => outcome(CallState::RsNoanswer, Fault::Callee),
        "RS_NUMBER" => outcome(CallState::RsNumber, Fault::Number),
        "RS_REJECTED" => outcome(CallState::RsRejected, Fault::Carrier),
        "RS_ERROR" => outcome(CallState::RsError, Fault::Ours),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn far(ringing: bool, progress: bool, cause: u16, tech: Option<u16>) -> EndFacts {
        EndFacts { answered: false, ringing, progress, cause, tech_cause: tech, ended_by: EndedBy::FarEnd }
    }

    #[test]
    fn the_measured_table_holds() {
        use CallState::*;
        let table = [
            ("busy", far(false, false, 17, Some(486)), RsBusy),
            ("busy after ringing", far(true, false, 17, Some(486)), RsBusy),
            ("carrier's 480", far(true, false, 19, Some(480)), RsNoanswer),
            ("congestion", far(false, false, 34, Some(503)), RsRejected),
            ("unallocated", far(false, false, 1, Some(404)), RsNumber),
            ("SIT then 404", far(false, true, 1, Some(404)), RsNumber),
            ("SIT then 503", far(false, true, 34, Some(503)), RsRejected),
            ("forbidden", far(false, false, 21, Some(403)), RsRejected),
            ("declined", far(false, false, 21, Some(603)), RsRejected),
            ("dead address, timer B", far(false, false, 18, Some(408)), RsRejected),
            ("address incomplete", far(false, false, 28, Some(484)), RsNumber),
            ("no SIP code, busy", far(true, false, 17, None), RsBusy),
            ("no SIP code, no cause", far(false, false, 0, None), RsRejected),
        ];
        for (name, facts, state) in table {
            assert_eq!(classify(&facts).state, state, "{name}");
        }
    }

    #[test]
    fn our_own_timers_speak_for_themselves() {
        let rang = EndFacts { ended_by: EndedBy::AnswerTimeout, ..far(true, false, 19, Some(480)) };
        assert_eq!(classify(&rang).state, CallState::RsNoanswer);
        let in_band = EndFacts { ended_by: EndedBy::AnswerTimeout, ..far(false, true, 19, Some(480)) };
        assert_eq!(classify(&in_band).state, CallState::RsNoanswer);
        let silent = EndFacts { ended_by: EndedBy::ProgressTimeout, ..far(false, false, 19, Some(480)) };
        assert_eq!(classify(&silent), Outcome { state: CallState::RsRejected, fault: Fault::Carrier });
    }

    #[test]
    fn an_answer_is_terminated_whatever_the_cause() {
        for cause in [0, 16, 31, 44] {
            let facts = EndFacts { answered: true, ..far(true, false, cause, None) };
            assert_eq!(classify(&facts).state, CallState::Terminated);
        }
        let suppressed = EndFacts { ended_by: EndedBy::Suppression, ..far(false, false, 0, None) };
        assert_eq!(classify(&suppressed), Outcome { state: CallState::RsBlacklist, fault: Fault::None });
        let forced = EndFacts { answered: true, ended_by: EndedBy::ForcedClosure, ..far(true, false, 16, None) };
        assert_eq!(classify(&forced).state, CallState::RsTimeout);
    }

    #[test]
    fn what_an_operator_takes_back_is_nobody_else_s_fault() {
        for (ringing, tech) in [(false, None), (true, Some(487)), (false, Some(503))] {
            let facts = EndFacts { ended_by: EndedBy::Operator, ..far(ringing, false, 0, tech) };
            assert_eq!(classify(&facts), Outcome { state: CallState::RsNoanswer, fault: Fault::Ours });
        }
        let talking = EndFacts { answered: true, ended_by: EndedBy::Operator, ..far(true, false, 16, None) };
        assert_eq!(classify(&talking).state, CallState::Terminated);
    }

    #[test]
    fn a_report_decides_for_who_was_not_answered_and_not_ended_by_us() {
        let busy = Some(Outcome { state: CallState::RsBusy, fault: Fault::Callee });
        let unanswered = far(true, false, 19, None);
        assert_eq!(reported(&unanswered, "RS_BUSY"), busy);
        assert_eq!(reported(&EndFacts { ended_by: EndedBy::AnswerTimeout, ..unanswered }, "RS_BUSY"), busy);
        for status in ["", "1", "BUSY", "RS_LOST", "RS_BLACKLIST", "TERMINATED"] {
            assert_eq!(reported(&unanswered, status), None, "{status}");
        }
        assert_eq!(reported(&EndFacts { answered: true, ..unanswered }, "RS_BUSY"), None);
        for ended_by in [EndedBy::Unknown, EndedBy::Operator, EndedBy::Suppression, EndedBy::Refused] {
            assert_eq!(reported(&EndFacts { ended_by, ..unanswered }, "RS_BUSY"), None, "{ended_by:?}");
        }
    }

    #[test]
    fn codes_are_read_in_every_spelling() {
        for state in CallState::ALL {
            assert_eq!(CallState::parse(state.code()), Ok(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.code());
        }
        assert_eq!(CallState::parse("RS_NO_ANSWER"), Ok(CallState::RsNoanswer));
        assert_eq!(CallState::parse("busy"), Ok(CallState::RsBusy));
        assert!(CallState::parse("RS_SOMETHING").is_err());
    }
}
