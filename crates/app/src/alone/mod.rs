//! The verbs that work without a running server.

pub(crate) mod backup;
mod call_records;
pub(crate) mod config;
pub(crate) mod db;
pub(crate) mod doctor;
pub(crate) mod init;
mod listen;
mod logs;
mod open;
pub(crate) mod openapi;
pub(crate) mod pacing_stdio;
pub(crate) mod restore;
pub(crate) mod serve;
mod systemd;
mod upkeep;
