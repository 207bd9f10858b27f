//! What benches share: which program they measure, how busy the machine is, and what share of waits is over when.

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context, Result, ensure};

/// The program `carillon` that an example measures: `CARILLON_BIN`, or the one of the same build, whose folder is above that of
/// examples.
///
/// # Errors
///
/// There is none; the message says that `run_with` makes it, for example `cargo xtask bench live`.
pub fn program(run_with: &str) -> Result<PathBuf> {
    let path = match env::var_os("CARILLON_BIN") {
        Some(path) => PathBuf::from(path),
        None => {
            let own = env::current_exe()?;
            let folder = own.parent().and_then(|folder| folder.parent());
            folder.context("this example lies in a folder of its own")?.join("carillon")
        }
    };
    ensure!(path.is_file(), "no {}: run `{run_with}`, or set CARILLON_BIN", path.display());
    Ok(path)
}

/// Processes that want to run, mean of the last minute: above the number of cores, figures are not to be trusted. NaN where the
/// system does not say.
#[must_use]
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(f64::NAN)
}

/// The values under which so many percent of them lie, two digits; NaN of none. Sorts them.
pub fn shares<const N: usize>(values: &mut [f64], percents: [usize; N]) -> [f64; N] {
    values.sort_unstable_by(f64::total_cmp);
    percents.map(|percent| {
        let at = (values.len() * percent / 100).min(values.len().saturating_sub(1));
        values.get(at).map_or(f64::NAN, |value| (value * 100.0).round() / 100.0)
    })
}

/// What a bench was told by its command line that takes `--json` and `--seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Print one JSON object.
    pub json: bool,
    /// How long to measure.
    pub seconds: usize,
}

impl Options {
    /// What `arguments` say, where `seconds` may be from `at_least` to 600.
    ///
    /// # Errors
    ///
    /// An option that does not exist, or a figure outside.
    pub fn of(arguments: impl Iterator<Item = String>, seconds: usize, at_least: usize) -> Result<Self> {
        let mut options = Self { json: false, seconds };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => options.json = true,
                "--seconds" => options.seconds = arguments.next().context("--seconds needs a value")?.parse()?,
                _ => anyhow::bail!("unknown option {argument}: there are --json and --seconds"),
            }
        }
        ensure!((at_least..=600).contains(&options.seconds), "--seconds: {at_least} to 600");
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_values_that_were_there() {
        let mut values = [3.0, 1.0, 2.004, 4.0];
        assert_eq!(shares(&mut values, [0, 50, 99, 100]), [1.0, 3.0, 4.0, 4.0]);
        assert!(shares(&mut [], [50])[0].is_nan());
    }

    #[test]
    fn options_are_read_and_bounded() {
        let of = |text: &str| Options::of(text.split_whitespace().map(str::to_owned), 20, 5);
        assert_eq!(of("").unwrap(), Options { json: false, seconds: 20 });
        assert_eq!(of("--seconds 5 --json").unwrap(), Options { json: true, seconds: 5 });
        for bad in ["--seconds", "--seconds 4", "--seconds 601", "--speed 1"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
