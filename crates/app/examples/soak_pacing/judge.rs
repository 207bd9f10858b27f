//! What our ledger says of each call beside what Asterisk's own queue_log says of it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// Asterisk counts whole seconds, ours are milliseconds: so much may lie between the two in one conversation, and in what
/// both hear of its beginning and end.
const PER_TALK_S: f64 = 1.6;

/// A line of the queue_log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Asterisk's id of the channel.
    pub(crate) call: String,
    /// `ENTERQUEUE`, `CONNECT` and so on.
    pub(crate) event: String,
    /// What is particular to its kind.
    pub(crate) data: Vec<String>,
}

/// The lines about a queue.
///
/// # Errors
///
/// A line that is none of a queue_log.
pub(crate) fn read(text: &str, queue: &str) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('|').collect();
        let [_, call, of, _, event, data @ ..] = fields.as_slice() else { anyhow::bail!("no line: {line:?}") };
        if *of == queue {
            let data = data.iter().map(|field| (*field).to_owned()).collect();
            entries.push(Entry { call: (*call).to_owned(), event: (*event).to_owned(), data });
        }
    }
    Ok(entries)
}

/// A call of ours that was answered, with what the ledger counted of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    /// Asterisk's id of its channel.
    pub(crate) channel: String,
    /// Milliseconds from the answer to the end.
    pub(crate) talk_ms: i64,
    /// Rows of the ledger, in order: what was counted, and milliseconds from the answer.
    pub(crate) counted: Vec<(String, i64)>,
}

impl Call {
    fn is(&self, count: &str) -> Option<i64> {
        self.counted.iter().find(|(what, _)| what == count).map(|(_, waited_ms)| *waited_ms)
    }
}

/// What one side says of all calls.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Side {
    /// People who answered; in the log: calls that came to the queue.
    pub(crate) answered: u64,
    /// Who had an agent in time; in the log: who had one at all.
    pub(crate) connected: u64,
    /// Who had none in time; in the log: who left the queue without one.
    pub(crate) abandoned: u64,
    /// Seconds of agents in conversations.
    pub(crate) talked_s: f64,
}

impl Side {
    /// Of all answers, in percent.
    pub(crate) fn abandonment(&self) -> f64 {
        if self.answered == 0 { 0.0 } else { self.abandoned as f64 * 100.0 / self.answered as f64 }
    }

    /// Of so many agents in so many seconds, in percent.
    pub(crate) fn occupancy(&self, agents: u32, seconds: f64) -> f64 {
        self.talked_s * 100.0 / (f64::from(agents) * seconds)
    }
}

/// Both sides, and where they differ.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verdict {
    /// Our ledger.
    pub(crate) ours: Side,
    /// Asterisk's log.
    pub(crate) asterisk: Side,
    /// What is in one and not in the other; empty: nothing.
    pub(crate) differences: Vec<String>,
}

/// Compares call by call. All of them are over.
///
/// # Errors
///
/// A line of the log that lacks its figures.
pub(crate) fn judge(calls: &[Call], log: &[Entry]) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let mut of_call: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in log {
        of_call.entry(&entry.call).or_default().push(entry);
    }
    for call in calls {
        let entries = of_call.remove(call.channel.as_str()).unwrap_or_default();
        if let Some(problem) = one(call, &entries, &mut verdict)? {
            let said: Vec<&str> = entries.iter().map(|entry| entry.event.as_str()).collect();
            verdict.differences.push(format!("{}: {problem}; ledger {:?}, log {said:?}", call.channel, call.counted));
        }
    }
    let ours = |entry: &&Entry| entry.event == "ENTERQUEUE";
    let strangers = of_call.values().flatten().copied().filter(ours);
    verdict.differences.extend(strangers.map(|entry| format!("{}: in the log and not answered for us", entry.call)));
    let (ours, theirs) = (verdict.ours, verdict.asterisk);
    let apart = (ours.talked_s - theirs.talked_s).abs();
    if apart > PER_TALK_S * theirs.connected as f64 {
        let (ours, theirs) = (ours.talked_s, theirs.talked_s);
        verdict.differences.push(format!("{ours:.0} s of conversations are {theirs:.0} s in the log"));
    }
    Ok(verdict)
}

/// What is wrong with one call.
fn one(call: &Call, entries: &[&Entry], verdict: &mut Verdict) -> Result<Option<&'static str>> {
    let find = |events: &[&str]| entries.iter().find(|entry| events.contains(&entry.event.as_str()));
    let (connect, left) = (find(&["CONNECT"]), find(&["EXITWITHTIMEOUT", "ABANDON"]));
    let ended = find(&["COMPLETEAGENT", "COMPLETECALLER"]);
    let number = |entry: &Entry, no: usize| -> Result<u64> {
        let text = entry.data.get(no).with_context(|| format!("{entry:?} lacks a figure"))?;
        text.parse().with_context(|| format!("{entry:?}: {text:?} is no figure"))
    };
    let held_s = connect.map(|entry| number(entry, 0)).transpose()?;
    if find(&["ENTERQUEUE"]).is_some() {
        verdict.asterisk.answered += 1;
    }
    verdict.asterisk.connected += u64::from(connect.is_some());
    verdict.asterisk.abandoned += u64::from(left.is_some());
    if let Some(ended) = ended {
        verdict.asterisk.talked_s += number(ended, 1)? as f64;
    }
    verdict.ours.answered += u64::from(call.is("live").is_some());
    if let Some(waited_ms) = call.is("connected") {
        verdict.ours.connected += 1;
        verdict.ours.talked_s += (call.talk_ms - waited_ms) as f64 / 1_000.0;
    }
    let abandoned = call.is("abandoned").is_some();
    verdict.ours.abandoned += u64::from(abandoned);
    if abandoned && connect.is_some() {
        // Too late for the law, and a conversation all the same.
        let wait_ms = held_s.unwrap_or(0) * 1_000;
        verdict.ours.talked_s += (call.talk_ms as f64 - wait_ms as f64).max(0.0) / 1_000.0;
    }
    Ok(match (call.is("live"), find(&["ENTERQUEUE"])) {
        (None, _) => Some("answered and not in the ledger"),
        (_, None) => Some("in the ledger and never in the queue"),
        _ if call.is("connected").is_some() && connect.is_none() => Some("connected, and the log knows no agent"),
        _ if left.is_some() && !abandoned => Some("left the queue without an agent, and is not abandoned"),
        // The log has whole seconds of the two: who waited for less than one had an agent in time.
        _ if abandoned && left.is_none() && held_s.is_none_or(|held_s| held_s < 1) => {
            Some("abandoned, and had an agent in time")
        }
        _ if abandoned == call.is("connected").is_some() => Some("is to be either connected or abandoned"),
        _ if connect.is_some() && ended.is_none() => Some("its conversation has no end"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "1795338000|c-1|paced|NONE|ENTERQUEUE||+1|1\n\
        1795338001|c-1|paced|agent1|CONNECT|1|c-9|1\n\
        1795338011|c-1|paced|agent1|COMPLETEAGENT|1|10|1\n\
        1795338002|c-2|paced|NONE|ENTERQUEUE||+2|1\n\
        1795338004|c-2|paced|NONE|EXITWITHTIMEOUT|1|1|2\n\
        1795338004|x-2|sales|NONE|ENTERQUEUE||+2|1\n\
        1795338004|NONE|paced|agent1|PAUSE|\n";

    fn call(channel: &str, talk_ms: i64, counted: &[(&str, i64)]) -> Call {
        let counted = counted.iter().map(|(what, waited)| ((*what).to_owned(), *waited)).collect();
        Call { channel: channel.to_owned(), talk_ms, counted }
    }

    fn judged(calls: &[Call]) -> Verdict {
        judge(calls, &read(LOG, "paced").unwrap()).unwrap()
    }

    #[test]
    fn two_sides_that_say_the_same_do_not_differ() {
        let calls = [
            call("c-1", 11_400, &[("live", 0), ("connected", 900)]),
            call("c-2", 4_000, &[("live", 0), ("abandoned", 2_000)]),
        ];
        let verdict = judged(&calls);
        assert_eq!(verdict.differences, [] as [String; 0]);
        let side = Side { answered: 2, connected: 1, abandoned: 1, talked_s: 10.0 };
        assert_eq!((verdict.asterisk, verdict.ours), (side, Side { talked_s: 10.5, ..side }));
        assert_eq!((side.abandonment(), side.occupancy(2, 10.0)), (50.0, 50.0));
    }

    #[test]
    fn every_kind_of_difference_is_named() {
        let second = call("c-2", 4_000, &[("live", 0), ("abandoned", 2_000)]);
        let first = call("c-1", 11_400, &[("live", 0), ("connected", 900)]);
        let cases = [
            (vec![first.clone()], "not answered for us"),
            (vec![first.clone(), call("c-2", 4_000, &[("live", 0)])], "is not abandoned"),
            (vec![second.clone(), call("c-1", 11_400, &[])], "not in the ledger"),
            (vec![second.clone(), call("c-1", 60_000, &[("live", 0), ("connected", 900)])], "s of conversations"),
            (vec![second.clone(), call("c-1", 11_400, &[("live", 0)])], "either connected or abandoned"),
            (vec![first.clone(), second.clone(), call("c-3", 9, &[("live", 0)])], "never in the queue"),
            (vec![first, call("c-2", 4_000, &[("live", 0), ("connected", 9)])], "knows no agent"),
        ];
        for (calls, problem) in cases {
            let verdict = judged(&calls);
            assert!(
                verdict.differences.iter().any(|difference| difference.contains(problem)),
                "{problem}: {verdict:?}"
            );
        }
        assert!(read("nonsense", "paced").is_err());
    }
}
