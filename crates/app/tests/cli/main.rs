//! The command line and the service without an Asterisk, one file per subject.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

#[path = "../common/mod.rs"]
mod common;

mod alone;
mod backup;
mod pacing;
mod server;
mod service;
