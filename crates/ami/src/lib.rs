//! A thin client for Asterisk's manager interface: one TCP connection carries the events and the actions.
//!
//! [`connect`] starts a supervised task that keeps one connection to one PBX and gives two ends: a [`Client`] for
//! actions and a receiver of [`Incoming`], one ordered and bounded stream of what happened to the link and on the PBX.
//! It knows channels and events, and no campaign: what an event means is decided by its caller.
//!
//! ```text
//! Client ──queue──▶ link task ══ TCP ══ Asterisk
//! Incoming ◀─queue──┘  (reconnects for ever, until shut down)
//! ```
//!
//! Four promises:
//! - an action ends in exactly one [`Outcome`]: done, refused, not sent, or unknown, and is never repeated here;
//! - events are delivered in order between a `Connected` and the `Lost` of the same epoch, or the link is lost;
//! - no wait is without a deadline and no queue without a bound;
//! - never more than [`Settings::messages_per_unit`] actions leave in any [`Settings::unit`], log-in included.

mod action;
mod backoff;
mod client;
mod codec;
mod event;
mod link;
mod login;
mod originate;
mod pace;
mod session;
mod settings;

pub use action::{Action, HEADERS_MAX, LINE_BYTES_MAX, NotSent, Unknown};
pub use client::{Client, HangUpReason, Outcome, QUEUED_ACTIONS_MAX, Reply, connect};
pub use codec::{Decoder, Message, READ_HEADERS_MAX, READ_LINE_BYTES_MAX, READ_MESSAGE_BYTES_MAX, Unreadable};
pub use event::{Channel, ChannelState, DialStatus, Event, EventKind};
pub use link::{Doubt, INCOMING_MAX, Incoming, Lost};
pub use originate::{FIELD_BYTES_MAX, Originate};
pub use session::{IN_FLIGHT_MAX, LIST_ITEMS_MAX};
pub use settings::{Secret, Settings};

/// Settings that can never make a link. Everything that may heal is an [`Incoming::Lost`] instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("PBX setting {name}: {why}")]
pub struct Error {
    /// The field of [`Settings`].
    pub name: &'static str,
    /// What is wrong with it, and what would be right.
    pub why: &'static str,
}
