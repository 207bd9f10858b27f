//! The shell around the dialler: events in, commands out.
//!
//! One task owns the dialler ([`shell`]); one task per PBX reads its link ([`link`]); commits run one at a time
//! ([`commits`]). The rest of the product talks to it through the [`Handle`].

pub mod alerts;
pub mod census;
pub mod channels;
pub mod clock;
pub mod commits;
pub mod configuration;
mod disk;
pub mod forecast;
pub mod handle;
mod harbour;
pub mod inputs;
mod life;
pub mod link;
pub mod live;
mod live_view;
mod observing;
mod pausing;
pub mod placing;
mod queue_log;
mod requests;
pub mod reserving;
mod restored;
pub mod shell;
pub mod start;
pub mod verdict;
pub mod why;

pub use alerts::mail::{Letter, MailError, MailSecurity, MailSettings, Mailer};
pub use handle::{Handle, Health, NodeError};
pub use live::Live;
pub use start::{Settings, Stopper, start};
