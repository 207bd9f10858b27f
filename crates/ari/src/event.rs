//! A channel as it is written in ARI's JSON.

use asterisk::{Channel, ChannelState};
use serde::Deserialize;

/// A channel in an event, or in an answer of `GET /channels`. What else ARI says of it (the caller's name, its place in
/// the dialplan) is not read: nobody acts on it, and it is personal.
#[derive(Debug, Deserialize)]
pub(crate) struct WireChannel {
    id: String,
    name: String,
    state: String,
}

impl From<WireChannel> for Channel {
    fn from(wire: WireChannel) -> Self {
        let WireChannel { id, name, state } = wire;
        Self { id, linked_id: String::new(), name, state: ChannelState::of(&state) }
    }
}
