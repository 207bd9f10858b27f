//! A thin client for the Asterisk REST Interface: one websocket carries the events and the requests.
//!
//! [`connect`] starts a supervised task that keeps one connection to one PBX and gives two ends: a [`Client`] for
//! requests and a receiver of [`Incoming`], one ordered and bounded stream of what happened to the link and on the PBX.
//! It knows channels and events, and no campaign: what an event means is decided by its caller.
//!
//! ```text
//! Client ──queue──▶ link task ══ websocket ══ Asterisk
//! Incoming ◀─queue──┘  (reconnects for ever, until replaced or shut down)
//! ```
//!
//! Three promises:
//! - a request ends in exactly one [`Outcome`]: done, refused, not sent, or unknown, and is never repeated here;
//! - events are delivered in order between a `Connected` and the `Lost` of the same epoch, or the link is lost;
//! - no wait is without a deadline and no queue without a bound.

mod backoff;
mod client;
mod codec;
mod event;
mod handshake;
mod link;
mod originate;
mod request;
mod session;
mod settings;

pub use client::{Client, Outcome, QUEUED_REQUESTS_MAX, connect};
pub use codec::{Message, Response, Unreadable, decode};
pub use event::{Channel, ChannelState, DialStatus, Event, EventKind};
pub use link::{Doubt, INCOMING_MAX, Incoming, Lost};
pub use originate::Originate;
pub use request::{HangUpReason, Method, NotSent, REQUEST_BYTES_MAX, Request, Unknown};
pub use session::{IN_FLIGHT_MAX, MESSAGE_BYTES_MAX};
pub use settings::{Secret, Settings};

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
    #[error("PBX setting {name}: {why}")]
    Setting {
        /// The field of [`Settings`].
        name: &'static str,
        /// What is wrong with it, and what would be right.
        why: String,
    },
}
