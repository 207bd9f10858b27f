//! A thin client for the Asterisk REST Interface: one websocket carries the events and the requests.
//!
//! [`connect`] starts a supervised task that keeps one connection to one PBX and gives two ends: a [`Client`] for
//! requests and a receiver of [`Incoming`], one ordered and bounded stream of what happened to the link and on the PBX.
//! It knows channels and events, and no campaign: what an event means is decided by its caller.
//!
//! What it promises, and how a link lives, is written in [`asterisk`]; here is how this interface speaks.

mod client;
mod codec;
mod event;
mod handshake;
mod originate;
mod request;
mod session;
mod settings;

pub use asterisk::{
    BadSetting, Channel, ChannelState, DialStatus, Doubt, Event, EventKind, HangUpReason, Incoming, Lost, NotSent,
    Originate, Outcome, Patience, Secret, Unknown,
};
pub use client::{Client, connect};
pub use codec::{Message, Response, Unreadable, decode};
pub use request::{Method, REQUEST_BYTES_MAX, Request};
pub use session::MESSAGE_BYTES_MAX;
pub use settings::Settings;

/// Settings that can never make a link. Everything that may heal is an [`Incoming::Lost`] instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `tls = true`: this build speaks plain websocket only.
    #[error(
        "TLS to the PBX {address} is not supported: \
         set tls = false and reach http.conf's plain port on a trusted network, or through a tunnel"
    )]
    TlsUnsupported {
        /// `host:port` as given.
        address: String,
    },
    /// A setting has a value that cannot work.
    #[error(transparent)]
    Setting(#[from] BadSetting),
}
