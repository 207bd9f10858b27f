//! Tells the outside what happens: webhooks, delivered from the event log at least once and in order per contact; and does
//! what outcome rules ask for after calls.
//!
//! Nothing here stands in the way of a call: the log is read through its feed, receivers have deadlines, and what is
//! written about deliveries is one small transaction a second for all of them.

mod backoff;
mod courier;
mod form;
pub mod guard;
pub mod network;
mod post;
mod queue;
mod rules;
mod webhooks;

pub use guard::Guard;
pub use network::Network;
pub use post::{Tested, new_key, read_key, show_key};
pub use rules::Rules;
pub use webhooks::Webhooks;
