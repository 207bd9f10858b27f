//! A thin client for Asterisk's manager interface: one TCP connection carries the events and the actions.
//!
//! [`connect`] starts a supervised task that keeps one connection to one PBX and gives two ends: a [`Client`] for
//! actions and a receiver of [`Incoming`], one ordered and bounded stream of what happened to the link and on the PBX.
//! It knows channels and events, and no campaign: what an event means is decided by its caller.
//!
//! What it promises, and how a link lives, is written in [`asterisk`]; here is how this interface speaks. One promise is
//! its own: never more than [`Settings::messages_per_unit`] actions leave in any [`Settings::unit`], log-in included.

mod action;
mod client;
mod codec;
mod event;
mod login;
mod originate;
mod pace;
mod queue;
mod session;
mod settings;

pub use action::{Action, HEADERS_MAX, LINE_BYTES_MAX};
pub use asterisk::{
    BadSetting, Channel, ChannelState, DialStatus, Doubt, Event, EventKind, HangUpReason, Incoming, Lost, NotSent,
    Originate, Outcome, Patience, Queue, QueueEvent, QueueMember, Secret, Unknown,
};
pub use client::{Client, QueueLogLine, Reply, connect};
pub use codec::{Decoder, Message, READ_HEADERS_MAX, READ_LINE_BYTES_MAX, READ_MESSAGE_BYTES_MAX, Unreadable};
pub use event::event;
pub use originate::FIELD_BYTES_MAX;
pub use session::LIST_ITEMS_MAX;
pub use settings::Settings;
