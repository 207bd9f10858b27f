//! What the dialplan tells of a call with `UserEvent()`, in WombatDialer's words: CALLSTATUS, ATTRIBUTE and the ways in which
//! its twin for appending is spelt.
//!
//! `UserEvent(CALLSTATUS,Uniqueid:${UNIQUEID},V:SALE)`, `UserEvent(ATTRIBUTE,Uniqueid:${UNIQUEID},APPT:monday)`. Written by hand
//! in dialplans: names come in any case, with blanks, and name the call by either leg, by `${CHANNEL(linkedid)}` or by
//! `${WOMBAT_HOPPER_ID}`.

use crate::channels::leg_about;
use domain::journal::OutputChange;
use domain::{AttemptId, LegId};

/// Longest extended status, in characters.
pub const MAX_STATUS_CHARS: usize = 64;
/// Names that are no attribute: whom the event is about, and what Asterisk's manager adds of the channel.
const NOT_DATA: [&str; 22] = [
    "uniqueid",
    "linkedid",
    "event",
    "userevent",
    "eventname",
    "privilege",
    "channel",
    "channelstate",
    "channelstatedesc",
    "calleridnum",
    "calleridname",
    "connectedlinenum",
    "connectedlinename",
    "language",
    "accountcode",
    "context",
    "exten",
    "priority",
    "timestamp",
    "systemname",
    "sequencenumber",
    "actionid",
];
/// Attributes of one event, at most.
const MAX_CHANGES: usize = 20;

/// Which call is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// That of this leg.
    Leg(LegId),
    /// This one.
    Attempt(AttemptId),
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// An extended status.
    Status(String),
    /// Output attributes.
    Outputs(Vec<OutputChange>),
}

/// Reads an event. `headers` are those of the dialplan; `channels` the ids that Asterisk itself gives for it, nearest first: of
/// the channel it came from, and of the one that belongs to; ours begin with `prefix`. `None`: it is about none of our calls, or
/// tells something else.
pub(super) fn read<'a>(
    prefix: &str,
    name: &str,
    headers: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    channels: &[&str],
) -> Option<(About, Said)> {
    let plain = |text: &str| text.trim().to_ascii_lowercase();
    let kind = plain(name).replace(['_', '-'], "");
    let said = match kind.as_str() {
        "callstatus" => {
            let (_, status) = headers.clone().find(|(name, _)| plain(name) == "v")?;
            Said::Status(status.trim().chars().filter(|c| !c.is_control()).take(MAX_STATUS_CHARS).collect())
        }
        "attribute" | "attributeappend" | "attrappend" => {
            let data = headers.clone().filter(|(name, _)| !NOT_DATA.contains(&plain(name).as_str()));
            let change = |(name, value): (&str, &str)| {
                let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
                if kind == "attribute" {
                    OutputChange::Set { name, value }
                } else {
                    OutputChange::Append { name, value }
                }
            };
            let changes: Vec<_> = data.take(MAX_CHANGES).map(change).collect();
            if changes.is_empty() {
                return None;
            }
            Said::Outputs(changes)
        }
        _ => return None,
    };
    // What the dialplan names wins over the channel on which it said so; an id of somebody else's channel names nobody.
    let mut named = ["uniqueid", "linkedid"]
        .into_iter()
        .flat_map(|id| headers.clone().filter(move |(name, _)| plain(name) == id).map(|(_, value)| value.trim()));
    let about = named.find_map(|id| {
        let by_leg = leg_about(prefix, id).map(About::Leg);
        by_leg.or_else(|| id.parse().ok().filter(|id| *id > 0).map(|id| About::Attempt(AttemptId(id))))
    });
    let about = about.or_else(|| channels.iter().find_map(|id| leg_about(prefix, id)).map(About::Leg))?;
    Some((about, said))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "c-abc-";
    const OURS: &str = "c-abc-7-0000000042";

    fn told(name: &str, headers: &[(&str, &str)], channel: &str) -> Option<(About, Said)> {
        read(PREFIX, name, headers.iter().copied(), &[channel])
    }

    fn set(name: &str, value: &str) -> OutputChange {
        OutputChange::Set { name: name.into(), value: value.into() }
    }

    #[test]
    fn a_call_is_named_in_many_ways() {
        let status = Said::Status("SALE".into());
        let leg = About::Leg(LegId(42));
        let foreign = "1700000000.5";
        for (headers, channel, about) in [
            (vec![("Uniqueid", OURS), ("V", "SALE")], foreign, leg),
            (vec![(" UniqueID", OURS), ("v", " SALE ")], foreign, leg),
            (vec![("Uniqueid", foreign), ("Linkedid", OURS), ("V", "SALE")], foreign, leg),
            (vec![("Uniqueid", "815"), ("V", "SALE")], foreign, About::Attempt(AttemptId(815))),
            (vec![("Uniqueid", "c-abc-7-0000000042;2"), ("V", "SALE")], foreign, leg),
            (vec![("V", "SALE")], OURS, leg),
            (vec![("V", "SALE")], "c-abc-7-0000000042;2", leg),
            (vec![("Uniqueid", foreign), ("V", "SALE")], OURS, leg),
        ] {
            assert_eq!(told("CallStatus", &headers, channel), Some((about, status.clone())), "{headers:?}");
        }
        assert_eq!(told("CALLSTATUS", &[("Uniqueid", foreign), ("V", "SALE")], foreign), None);
        assert_eq!(told("CALLSTATUS", &[("Uniqueid", OURS)], OURS), None);
        assert_eq!(told("somethingelse", &[("V", "SALE")], OURS), None);
    }

    #[test]
    fn attributes_are_what_is_not_of_the_channel() {
        let headers = [("Uniqueid", OURS), ("APPT", "monday"), ("Context", "x"), ("ChannelState", "6"), ("N", "a:b")];
        let (_, outputs) = told("ATTRIBUTE", &headers, OURS).unwrap();
        assert_eq!(outputs, Said::Outputs(vec![set("APPT", "monday"), set("N", "a:b")]));
        for name in ["ATTRIBUTEAPPEND", "AttrAppend", "ATTRIBUTE_APPEND"] {
            let (_, appended) = told(name, &[("APPT", "x")], OURS).unwrap();
            let change = OutputChange::Append { name: "APPT".into(), value: "x".into() };
            assert_eq!(appended, Said::Outputs(vec![change]), "{name}");
        }
        assert_eq!(told("ATTRIBUTE", &[("Uniqueid", OURS), ("Exten", "1")], OURS), None);
    }
}
