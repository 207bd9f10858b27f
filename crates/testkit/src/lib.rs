//! What tests, benches and the demo stand on: private Asterisk instances and PostgreSQL clusters, SIPp, leased ports, child processes and
//! a small blocking HTTP client.
//!
//! Nothing here needs root or a container, and nothing here is asynchronous, so that `xtask` builds in seconds.
//! Whatever this crate starts dies with the process that started it, also when that process is killed.
//!
//! ```no_run
//! let pair = testkit::Pair::start()?;
//! println!("ARI on 127.0.0.1:{}, dial PJSIP/15554000001@carrier", pair.ports.ari);
//! # anyhow::Ok(())
//! ```

pub mod ami;
pub mod asterisk;
pub mod cache;
pub mod clock;
mod console;
pub mod disk;
mod fetch;
pub mod http;
mod instance;
pub mod measure;
mod pair;
pub mod ports;
pub mod postgres;
pub mod preload;
pub mod process;
pub mod proxy;
pub mod receiver;
mod scratch;
pub mod sipp;
pub mod smtp;
mod template;

pub use clock::Clock;
pub use disk::Disk;
pub use instance::{Instance, Login};
pub use pair::Pair;
pub use ports::PortBlock;
pub use process::Process;
pub use proxy::{Faults, Proxy};
pub use scratch::Scratch;
pub use smtp::MailServer;
pub use template::Template;
