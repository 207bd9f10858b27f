//! As much of the manager interface as a proxy must understand to lose a message whole.

use super::pump::Parcel;
use super::{Originate, Shared};
use std::io::{self, Read};
use std::sync::mpsc::SyncSender;

/// A longer message is nothing that Asterisk or Carillon would send, bytes.
const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// How Asterisk greets there: a line without an empty one behind it.
pub(super) const GREETING: &[u8] = b"Asterisk Call Manager";

/// Reads up to an empty line, with it.
pub(super) fn read_message(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    let mut byte = [0];
    while !message.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        message.push(byte[0]);
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    Ok(message)
}

/// The first header of that name.
fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Passes an action on to the PBX, or holds it if it is an originate and originates are held.
pub(super) fn action(message: Vec<u8>, out: &SyncSender<Parcel>, shared: &Shared) -> Option<()> {
    let text = String::from_utf8_lossy(&message);
    let channel = header(&text, "ChannelId").filter(|_| header(&text, "Action") == Some("Originate"));
    let Some(channel) = channel.map(str::to_owned) else { return out.send(Parcel::new(message, None)).ok() };
    let mut state = shared.lock();
    state.originates.push(Originate { channel, passed: None });
    let number = state.originates.len() - 1;
    let parcel = Parcel::new(message, Some(number));
    if state.faults.hold_originates {
        state.held.push((out.clone(), parcel));
        return Some(());
    }
    drop(state);
    out.send(parcel).ok()
}

/// Passes a message of the PBX on to the client as often as the faults say: an answer never or once, an event once or twice.
pub(super) fn told(message: Vec<u8>, out: &SyncSender<Parcel>, shared: &Shared) -> Option<()> {
    let text = String::from_utf8_lossy(&message);
    let copies = {
        let mut state = shared.lock();
        if header(&text, "Event").is_none() {
            state.answers += 1;
            let answers = state.answers;
            u8::from(state.faults.swallow_every.is_none_or(|every| !answers.is_multiple_of(u64::from(every.max(1)))))
        } else if header(&text, "ActionID").is_some() {
            // A part of an answer.
            1
        } else {
            state.events += 1;
            1 + u8::from(state.faults.duplicate_events)
        }
    };
    for _ in 0..copies {
        out.send(Parcel::new(message.clone(), None)).ok()?;
    }
    Some(())
}

/// An event about a channel that is nobody's: made, then ended.
pub(super) fn stranger(number: u64) -> Vec<u8> {
    let id = number / 2;
    let (event, cause) = match number.is_multiple_of(2) {
        true => ("Newchannel", ""),
        false => ("Hangup", "Cause: 16\r\nCause-txt: Normal Clearing\r\n"),
    };
    let text = format!(
        "Event: {event}\r\nPrivilege: call,all\r\nTimestamp: 1795249808.342000\r\nChannel: PJSIP/stranger-{id:08x}\r\n\
         ChannelState: 0\r\nChannelStateDesc: Down\r\nCallerIDNum: <unknown>\r\nContext: elsewhere\r\nExten: s\r\n\
         Priority: 1\r\nUniqueid: 1700000000.{id}\r\nLinkedid: 1700000000.{id}\r\n{cause}\r\n"
    );
    text.into_bytes()
}
