//! What the command line says.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use testkit::measure;

/// Attempts of a soak.
const ATTEMPTS: u64 = 1_000_000;
/// Attempts a second: well below what a machine with two cores can do.
const RATE: u64 = 100;

pub(crate) struct Options {
    /// Ends after this many.
    pub(crate) attempts: u64,
    /// Ends after this time, too.
    pub(crate) minutes: Option<u64>,
    /// Attempts a second.
    pub(crate) rate: u64,
    /// One JSON line on standard output at the end.
    pub(crate) json: bool,
    /// The program that is watched.
    pub(crate) carillon: PathBuf,
}

impl Options {
    /// Of this process.
    pub(crate) fn read() -> Result<Self> {
        let mut options = Self {
            attempts: ATTEMPTS,
            minutes: None,
            rate: RATE,
            json: false,
            carillon: measure::program("cargo xtask soak")?,
        };
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut number = || -> Result<u64> {
                let value = arguments.next().with_context(|| format!("{argument} needs a value"))?;
                value.parse().with_context(|| format!("{argument}: {value:?} is no number"))
            };
            match argument.as_str() {
                "--attempts" => options.attempts = number()?,
                "--minutes" => options.minutes = Some(number()?),
                "--rate" => options.rate = number()?,
                "--json" => options.json = true,
                _ => bail!("unknown option {argument}: there are --attempts, --minutes, --rate and --json"),
            }
        }
        ensure!((1..=350).contains(&options.rate), "--rate {} is outside 1..=350", options.rate);
        ensure!(options.attempts > 0 && options.minutes != Some(0), "a soak takes at least one attempt and one minute");
        Ok(options)
    }
}
