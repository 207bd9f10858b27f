//! What Asterisk's two interfaces have in common: how a link to a PBX lives, how a request ends, and the words for what
//! happens there. `ari` and `ami` speak; here is the discipline they keep.
//!
//! [`start`] runs an [`Interface`] as a supervised task: one connection after the other, told as one ordered stream of
//! [`Incoming`]. A [`Handle`] is the other end: it queues requests, each of which ends in exactly one [`Outcome`].
//!
//! ```text
//! Handle ──lanes──▶ link task ══ Interface ══ Asterisk
//! Incoming ◀─queue──┘  (reconnects for ever, until replaced or shut down)
//! ```
//!
//! Three promises, whichever interface it is:
//! - a request ends in exactly one [`Outcome`]: done, refused, not sent, or unknown, and is never repeated here;
//! - events are delivered in order between a `Connected` and the `Lost` of the same epoch, or the link is lost;
//! - no wait is without a deadline and no queue without a bound.

mod backoff;
mod event;
mod handle;
mod in_flight;
mod link;
mod originate;
mod outcome;
mod queue;
mod settings;

pub use event::{Channel, ChannelState, DialStatus, Event, EventKind, HangUpReason};
pub use handle::{Command, Handle, Lane, Lanes, QUEUED_MAX};
pub use in_flight::{IN_FLIGHT_MAX, InFlight};
pub use link::{Doubt, Entered, INCOMING_MAX, Incoming, Interface, Lost, Teller, start};
pub use originate::{Application, Originate, USER_FIELD_FUNCTION, check_variable, is_own_function};
pub use outcome::{NotSent, Outcome, Unknown};
pub use queue::{Queue, QueueEvent, QueueMember};
pub use settings::{BadSetting, Patience, Secret, address, check_login};
