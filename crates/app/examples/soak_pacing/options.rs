//! What the command line says.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use testkit::measure;

pub(crate) struct Options {
    /// How long it dials.
    pub(crate) minutes: u64,
    /// Agents in the queue.
    pub(crate) agents: u32,
    /// `ari` or `ami`.
    pub(crate) link: String,
    /// One JSON line on standard output at the end.
    pub(crate) json: bool,
    /// The program that is watched.
    pub(crate) carillon: PathBuf,
}

impl Options {
    /// Of this process.
    pub(crate) fn read() -> Result<Self> {
        let carillon = measure::program("cargo xtask soak pacing")?;
        let mut options = Self { minutes: 10, agents: 8, link: "ari".to_owned(), json: false, carillon };
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--minutes" => options.minutes = value()?.parse().context("--minutes takes a number")?,
                "--agents" => options.agents = value()?.parse().context("--agents takes a number")?,
                "--link" => options.link = value()?,
                "--json" => options.json = true,
                _ => bail!("unknown option {argument}: there are --minutes, --agents, --link and --json"),
            }
        }
        ensure!((1..=600).contains(&options.minutes), "--minutes {} is outside 1..=600", options.minutes);
        ensure!((1..=30).contains(&options.agents), "--agents {} is outside 1..=30", options.agents);
        ensure!(["ari", "ami"].contains(&options.link.as_str()), "--link {:?} is neither ari nor ami", options.link);
        Ok(options)
    }
}
