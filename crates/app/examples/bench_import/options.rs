//! What the command line says.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

/// Rows of the rule.
const ROWS: usize = 1_000_000;
const PARTS: [&str; 3] = ["sqlite", "dialling", "postgres"];

/// The rule, or less for development.
pub(crate) struct Options {
    /// One JSON line on standard output instead of the table.
    pub(crate) json: bool,
    /// Rows of the file.
    pub(crate) rows: usize,
    /// The program that is measured.
    pub(crate) carillon: PathBuf,
    only: Option<String>,
}

impl Options {
    /// Of this process.
    pub(crate) fn read() -> Result<Self> {
        let carillon = env::var_os("CARILLON_BIN").map(PathBuf::from).filter(|path| path.is_file());
        let carillon = carillon.context("run `cargo xtask bench import`, or set CARILLON_BIN to the program")?;
        let mut options = Self { json: false, rows: ROWS, carillon, only: None };
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--json" => options.json = true,
                "--rows" => options.rows = value()?.parse().context("--rows takes a number")?,
                "--only" => options.only = Some(value()?),
                _ => bail!("unknown option {argument}: there are --json, --rows and --only"),
            }
        }
        ensure!((1_000..=10_000_000).contains(&options.rows), "--rows: 1000 to 10000000");
        let known = options.only.as_deref().is_none_or(|only| PARTS.contains(&only));
        ensure!(known, "--only takes one of {}", PARTS.join(", "));
        Ok(options)
    }

    /// Whether this part is wanted.
    pub(crate) fn measures(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}
