//! What is written of a call, in the words in which Asterisk writes of callers in a queue.

use domain::journal::AttemptEnd;
use domain::{AttemptId, EndedBy, PbxId, Timestamp};

/// Longest value that is written of an attribute, in characters.
const MAX_VALUE_CHARS: usize = 200;

/// A call that is logged.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    /// Where.
    pub(crate) pbx: PbxId,
    /// Which.
    pub(crate) attempt: AttemptId,
    /// The queue that it is written under.
    pub(crate) queue: String,
    /// The agent that it is written under: its end point.
    pub(crate) agent: String,
    /// When it was asked for.
    pub(crate) requested_at: Timestamp,
}

/// A line without its time and call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) queue: String,
    pub(crate) call: String,
    pub(crate) agent: String,
    pub(crate) event: &'static str,
    pub(crate) message: String,
}

impl Logged {
    fn line(&self, call: &str, agent: &str, event: &'static str, message: String) -> Line {
        Line { queue: clean(&self.queue), call: call.to_owned(), agent: clean(agent), event, message }
    }

    /// It is dialled.
    pub(crate) fn entered(&self, call: &str, number: &str, attributes: &[(String, String)]) -> Vec<Line> {
        let mut lines = vec![self.line(call, NONE, "ENTERQUEUE", format!("|{}", clean(number)))];
        let values = attributes.iter().map(|(name, value)| format!("VAR|{}|{}", clean(name), clean(value)));
        lines.extend(values.map(|message| self.line(call, NONE, "INFO", message)));
        lines
    }

    /// It was answered and goes to its end point.
    pub(crate) fn connected(&self, call: &str, at: Timestamp) -> Line {
        self.line(call, &self.agent, "CONNECT", format!("{}|{call}", seconds(self.requested_at, at)))
    }

    /// It is over.
    pub(crate) fn ended(&self, call: &str, end: &AttemptEnd) -> Vec<Line> {
        let Some(connected_at) = end.connected_at else { return vec![self.abandoned(call, end.ended_at)] };
        let event = if end.ended_by == EndedBy::FarEnd { "COMPLETECALLER" } else { "COMPLETEAGENT" };
        let (waited, talked) = (seconds(self.requested_at, connected_at), seconds(connected_at, end.ended_at));
        let mut lines = vec![self.line(call, &self.agent, event, format!("{waited}|{talked}|1"))];
        if !end.ext_state.is_empty() {
            lines.push(self.line(call, &self.agent, "CALLSTATUS", clean(&end.ext_state)));
        }
        lines
    }

    /// Nobody answered.
    pub(crate) fn abandoned(&self, call: &str, at: Timestamp) -> Line {
        self.line(call, NONE, "ABANDON", format!("1|1|{}", seconds(self.requested_at, at)))
    }
}

/// No agent.
const NONE: &str = "NONE";

fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    (to.ms_since(from).max(0) + 500) / 1_000
}

/// What would end a field or a line becomes a blank.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c == '|' || c.is_control() { ' ' } else { c }).take(MAX_VALUE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::outcome::Fault;
    use domain::{CallId, CallState, ContactId, LegId, RunId};

    fn logged() -> Logged {
        let (pbx, attempt) = (PbxId(1), AttemptId(1));
        Logged { pbx, attempt, queue: "spring".into(), agent: "desk|1".into(), requested_at: Timestamp(1_000_000) }
    }

    fn end(connected_at: Option<i64>, ended_by: EndedBy, ext_state: &str) -> AttemptEnd {
        AttemptEnd {
            attempt: AttemptId(1),
            call: CallId(1),
            leg: LegId(1),
            run: RunId(1),
            contact: ContactId(1),
            state: CallState::Terminated,
            fault: Fault::None,
            ext_state: ext_state.into(),
            cause: 16,
            tech_cause: None,
            ended_by,
            ended_at: Timestamp(31_400_000),
            connected_at: connected_at.map(Timestamp),
            segments: vec![],
            retry: None,
            next_number: None,
            left_out: Vec::new(),
            actions: Default::default(),
        }
    }

    fn texts(lines: impl IntoIterator<Item = Line>) -> Vec<String> {
        let text = |line: Line| format!("{}|{}|{}|{}|{}", line.call, line.queue, line.agent, line.event, line.message);
        lines.into_iter().map(text).collect()
    }

    #[test]
    fn a_conversation_is_written_as_a_caller_who_was_answered() {
        let call = logged();
        let attributes = [("NAME".to_owned(), "Ann | Bob\nand more".to_owned())];
        let entered = texts(call.entered("c-1", "5551234", &attributes));
        assert_eq!(
            entered,
            ["c-1|spring|NONE|ENTERQUEUE||5551234", "c-1|spring|NONE|INFO|VAR|NAME|Ann   Bob and more"]
        );
        let connected = call.connected("c-1", Timestamp(6_200_000));
        assert_eq!(texts([connected]), ["c-1|spring|desk 1|CONNECT|5|c-1"]);
        let ended = call.ended("c-1", &end(Some(6_200_000), EndedBy::FarEnd, "SALE"));
        assert_eq!(texts(ended), ["c-1|spring|desk 1|COMPLETECALLER|5|25|1", "c-1|spring|desk 1|CALLSTATUS|SALE"]);
        let ended = call.ended("c-1", &end(Some(6_200_000), EndedBy::Pbx, ""));
        assert_eq!(texts(ended), ["c-1|spring|desk 1|COMPLETEAGENT|5|25|1"]);
    }

    #[test]
    fn a_call_that_nobody_answered_is_one_that_was_abandoned() {
        let ended = logged().ended("c-1", &end(None, EndedBy::AnswerTimeout, "ignored"));
        assert_eq!(texts(ended), ["c-1|spring|NONE|ABANDON|1|1|30"]);
    }
}
