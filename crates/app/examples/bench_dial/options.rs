//! What the command line says.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use testkit::measure;

use crate::line::Link;

/// The rates of the rule, attempts a second.
const RATES: [u32; 8] = [100, 150, 200, 250, 275, 300, 325, 350];
/// How long a rate is offered.
const SECONDS: u64 = 30;
/// Where the first driver's search begins: near the knee of a machine with two cores, so that few steps are needed.
const FROM: u32 = 325;
/// Rest of Asterisk between two steps: a finished call keeps its memory for 32 s.
const DRAIN_SECONDS: u64 = 35;
/// More than this at once is not what the ports and the rule are for.
const RATE_MAX: u32 = 1_000;

/// The rule, or a shorter one for development.
pub(crate) struct Options {
    /// How both drivers reach the PBX.
    pub(crate) link: Link,
    /// One JSON line on standard output, the table on standard error.
    pub(crate) json: bool,
    /// How long a rate is offered.
    pub(crate) window: Duration,
    /// Attempts a second, lowest first, not empty.
    pub(crate) rates: Vec<u32>,
    /// Where the search begins: one of the rates.
    pub(crate) from: u32,
    /// Rest between two steps.
    pub(crate) drain: Duration,
    /// The program that is measured.
    pub(crate) carillon: PathBuf,
}

impl Options {
    /// Of this process.
    pub(crate) fn read() -> Result<Self> {
        let mut options = Self {
            link: Link::Ari,
            json: false,
            window: Duration::from_secs(SECONDS),
            rates: RATES.to_vec(),
            from: FROM,
            drain: Duration::from_secs(DRAIN_SECONDS),
            carillon: measure::program("cargo xtask bench dial")?,
        };
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--json" => options.json = true,
                "--link" => options.link = link(&value()?)?,
                "--seconds" => options.window = seconds(&value()?)?,
                "--drain" => options.drain = seconds(&value()?)?,
                "--from" => options.from = rate(&value()?)?,
                "--rates" => options.rates = value()?.split(',').map(rate).collect::<Result<_>>()?,
                _ => {
                    bail!("unknown option {argument}: there are --json, --link, --seconds, --rates, --from and --drain")
                }
            }
        }
        ensure!(!options.window.is_zero(), "--seconds: a rate is offered for at least one second");
        options.rates.sort_unstable();
        options.rates.dedup();
        options.from = nearest(&options.rates, options.from);
        Ok(options)
    }

    /// Whether this is the rule and not a shorter one.
    pub(crate) fn is_the_rule(&self) -> bool {
        let seconds = |span: u64| Duration::from_secs(span);
        self.rates == RATES && self.window == seconds(SECONDS) && self.drain >= seconds(DRAIN_SECONDS)
    }

    /// Cargo's profile the program was built in, by the name of its folder.
    pub(crate) fn profile(&self) -> String {
        let folder = self.carillon.parent().and_then(|folder| folder.file_name()).unwrap_or_default();
        match folder.to_string_lossy().as_ref() {
            "debug" => "dev".to_owned(),
            profile => profile.to_owned(),
        }
    }
}

fn link(text: &str) -> Result<Link> {
    match text {
        "ari" => Ok(Link::Ari),
        "ami" => Ok(Link::Ami),
        _ => bail!("--link {text}: ari or ami"),
    }
}

fn seconds(text: &str) -> Result<Duration> {
    Ok(Duration::from_secs(text.parse().with_context(|| format!("{text:?} is no number of seconds"))?))
}

fn rate(text: &str) -> Result<u32> {
    let rate = text.trim().parse().with_context(|| format!("{text:?} is no rate"))?;
    ensure!((1..=RATE_MAX).contains(&rate), "rate {rate} is outside 1..={RATE_MAX}");
    Ok(rate)
}

fn nearest(rates: &[u32], wanted: u32) -> u32 {
    rates.iter().copied().min_by_key(|rate| rate.abs_diff(wanted)).unwrap_or(wanted)
}
