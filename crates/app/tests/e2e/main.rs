//! The whole system on real Asterisks, one file per subject: one binary, since linking is what costs.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "tests, with shared support")]

#[path = "../common/mod.rs"]
mod common;
#[macro_use]
mod world;

mod alerts;
mod ami;
mod bad_input;
mod browser;
mod checks;
mod clock;
mod disk;
mod doctor;
mod events;
mod forecast;
mod gate;
mod harbour;
mod kills;
mod ledger;
mod limits;
mod links;
mod live;
mod manual;
mod numbers;
mod outcome_rules;
mod outcomes;
mod paced;
mod postgres;
mod preview;
mod queue_log;
mod queues;
mod restart;
mod restart_state;
mod restore;
mod retries;
mod reverse;
mod run_mail;
mod runs;
mod screen;
mod secrets;
mod sick_links;
mod stop_dialling;
mod stop_server;
mod storms;
mod suppression;
mod switch_from;
mod terminal;
mod tutorial;
mod variables;
mod webhooks;
mod why;
mod wombat;
