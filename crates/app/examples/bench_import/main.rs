//! `cargo xtask bench import`: how fast a list of a million rows with five attributes comes in.
//!
//! Three things in one run, on one disk:
//!
//! - SQLite, idle: `carillon serve` takes the file over HTTP; timed from the end of the upload to the end of the job. Beside
//!   it the same rows in one bulk transaction of this process, prepared beforehand, into a database with the same tables
//!   and indexes.
//! - SQLite, dialling: the same file again while a run of the same server dials 50 calls a second through a real Asterisk
//!   to SIPp; the commits of the journal are timed by the server.
//! - PostgreSQL (a private cluster that waits for the disk): the import of this process beside one `COPY`.
//!
//! ```text
//! bench_import [--json] [--rows N] [--only sqlite|dialling|postgres]
//! ```

#![allow(clippy::print_stdout, reason = "printing figures is its job")]

mod bulk;
#[path = "../bench_dial/commits.rs"]
mod commits;
mod copy;
mod dialling;
mod options;
mod rows;
#[path = "../bench_dial/server.rs"]
mod server;
mod sqlite;

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::options::Options;

fn main() -> Result<()> {
    let options = Options::read()?;
    let mut figures = Map::new();
    figures.insert("rows".into(), json!(options.rows));
    if options.measures("sqlite") {
        sqlite::measure(&options, &mut figures)?;
    }
    if options.measures("dialling") {
        dialling::measure(&options, &mut figures)?;
    }
    if options.measures("postgres") {
        copy::measure(&options, &mut figures)?;
    }
    if options.json {
        println!("{}", Value::Object(figures));
    } else {
        figures.iter().for_each(|(name, value)| println!("{name:<28} {value}"));
    }
    Ok(())
}

/// Figures with two digits behind the point.
fn rounded(value: f64) -> Value {
    json!((value * 100.0).round() / 100.0)
}
