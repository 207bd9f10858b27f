//! The queue_log of a PBX, read as programs read it.

use super::World;

/// What Asterisk's queues and the dialler write.
const KNOWN: [&str; 14] = [
    "QUEUESTART",
    "CONFIGRELOAD",
    "ADDMEMBER",
    "REMOVEMEMBER",
    "RINGNOANSWER",
    "RINGCANCELED",
    "ENTERQUEUE",
    "INFO",
    "CONNECT",
    "COMPLETECALLER",
    "COMPLETEAGENT",
    "CALLSTATUS",
    "ABANDON",
    "EXITWITHTIMEOUT",
];

/// A line, and what is particular to its kind.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// Its unique id, `NONE` without one.
    pub call: String,
    pub queue: String,
    /// `NONE` when nobody has it.
    pub agent: String,
    /// The kind.
    pub event: String,
    pub data: Vec<String>,
}

impl World {
    /// The queue_log of the PBX so far. What is no line of one fails the test.
    pub fn queue_log(&self) -> Vec<LogEntry> {
        read(&self.queue_log_text())
    }

    /// The same as it stands in the file.
    pub fn queue_log_text(&self) -> String {
        std::fs::read_to_string(self.pair.pbx.folder().join("log/queue_log")).unwrap_or_default()
    }
}

/// Reads the file whole: what is no line of a queue_log fails.
fn read(text: &str) -> Vec<LogEntry> {
    let entry = |line: &str| {
        let fields: Vec<&str> = line.split('|').collect();
        let [time, call, queue, agent, event, data @ ..] = fields.as_slice() else { panic!("no line: {line:?}") };
        assert!(time.parse::<u64>().is_ok_and(|time| time > 1_700_000_000), "no time: {line:?}");
        assert!(!call.is_empty() && !agent.is_empty() && !event.is_empty(), "an empty field: {line:?}");
        assert!(KNOWN.contains(event), "an unknown event: {line:?}");
        let numbers = match *event {
            "CONNECT" => &data[..1],
            "COMPLETECALLER" | "COMPLETEAGENT" | "ABANDON" => &data[..3],
            _ => &data[..0],
        };
        assert!(numbers.iter().all(|number| number.parse::<u32>().is_ok()), "no figure: {line:?}");
        let owned = |text: &str| text.to_owned();
        let data = data.iter().map(|text| owned(text)).collect();
        LogEntry { call: owned(call), queue: owned(queue), agent: owned(agent), event: owned(event), data }
    };
    text.lines().map(entry).collect()
}
