//! `cargo xtask bench registry`: how long a registry of 5,000,000 numbers takes from the end of its upload to the moment
//! when it is in force and what it replaced is gone.
//!
//! Five files with the same numbers in their keepers' five layouts (a number per line; commas, semicolons, tabs and bars
//! with labels and other columns), one after the other into the same registry of an SQLite database with a country: each
//! replaces the one before. Numbers come in no order, half of them as `+39...`, the others as they are dialled at home.
//!
//! A table and the targets, or with `--json` one line: `seconds` of the slowest file, and of it `reading`, `writing` and
//! `clearing` (what the version before had); `cpu_seconds` of the process for that file; `rss_mb`, the most memory that
//! the process ever had. Seconds are those of the clock on the wall.
//!
//! ```text
//! bench_registry [--json] [--rows N] [--folder F]
//! ```

#![allow(clippy::print_stdout, reason = "printing figures is its job")]

use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use store::suppression::registry::Took;
use store::{Scope, Settings, Store, SuppressionKind};

type Failure = Box<dyn std::error::Error>;

const ROWS: u64 = 5_000_000;
const TARGET_SECONDS: u64 = 60;
const TARGET_RSS_MB: u64 = 300;
/// Sent at once.
const PIECE: usize = 256 * 1024;
/// Name, label row, what stands before and behind a number.
const LAYOUTS: [(&str, &str, &str, &str); 5] = [
    ("lines", "", "", ""),
    ("comma", "number,since\n", "", ",2026-01-01"),
    ("semicolon", "since;number\n", "2026-01-01;", ""),
    ("tab", "id\tphone\tsince\n", "17\t", "\t2026-01-01"),
    ("bar", "name|telephone\n", "\"Rossi | Ada\"|", ""),
];

struct Options {
    json: bool,
    rows: u64,
    folder: Option<PathBuf>,
}

struct Figures {
    layout: &'static str,
    whole: Duration,
    cpu: Duration,
    took: Took,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = options()?;
    let folder = match &options.folder {
        Some(parent) => tempfile::tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    };
    let (path, key_file) = (folder.path().join("bench.db"), folder.path().join("key"));
    let store = Store::open(&Settings { path, server: None, key_file, country: Some("IT".into()) }).await?;
    let scope = Scope::installation();
    let list = store.create_suppression_list(&scope, "national", SuppressionKind::Registry, None, "bench").await?.id;
    let mut all = Vec::new();
    for (layout, labels, before, behind) in LAYOUTS {
        let mut upload = store.begin_upload().await?;
        let mut piece = labels.to_owned();
        for row in 0..options.rows {
            let number = number(row);
            match row % 2 {
                0 => writeln!(piece, "{before}+39{number}{behind}")?,
                _ => writeln!(piece, "{before}{number}{behind}")?,
            }
            if piece.len() >= PIECE || row + 1 == options.rows {
                upload.write(piece.as_bytes()).await?;
                piece.clear();
            }
        }
        let (began, cpu) = (Instant::now(), processor_time()?);
        let done = store.import_registry(&scope, list, upload, "bench").await?;
        let figures = Figures { layout, whole: began.elapsed(), cpu: processor_time()? - cpu, took: done.took };
        if (done.entries, done.repeated) != (options.rows, 0) {
            return Err(format!("{} numbers were sent: {done:?}", options.rows).into());
        }
        eprintln!("{}", figures.line());
        all.push(figures);
    }
    store.close().await;
    let slowest = all.iter().max_by_key(|figures| figures.whole).ok_or("no file was read")?;
    let rss_mb = most_memory_mb()?;
    let Took { reading, writing, clearing } = &slowest.took;
    if options.json {
        let figures = json!({
            "rows": options.rows, "seconds": rounded(slowest.whole), "reading": rounded(*reading),
            "writing": rounded(*writing), "clearing": rounded(*clearing), "cpu_seconds": rounded(slowest.cpu),
            "rss_mb": rss_mb,
        });
        println!("{figures}");
        return Ok(());
    }
    all.iter().for_each(|figures| println!("{}", figures.line()));
    println!("{} rows, slowest: {:.1} s (target: {TARGET_SECONDS} s)", options.rows, slowest.whole.as_secs_f64());
    println!("memory: {rss_mb} MB at most (target: {TARGET_RSS_MB} MB)");
    Ok(())
}

impl Figures {
    fn line(&self) -> String {
        let Took { reading, writing, clearing } = &self.took;
        let [whole, cpu] = [self.whole, self.cpu].map(|time| time.as_secs_f64());
        let [reading, writing, clearing] = [reading, writing, clearing].map(Duration::as_secs_f64);
        format!(
            "{:<10} {whole:6.1} s: reading {reading:.1}, writing {writing:.1}, clearing {clearing:.1}; processor {cpu:.1} s",
            self.layout
        )
    }
}

/// Ten digits, another one for every row: odd factors permute what they are taken modulo.
fn number(row: u64) -> String {
    let digits = row * 48_271 % 100_000_000;
    let area = ["02", "06", "34", "011"][(row % 4) as usize];
    format!("{area}{digits:08}")
}

fn options() -> Result<Options, Failure> {
    let mut options = Options { json: false, rows: ROWS, folder: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--json" => options.json = true,
            "--rows" => options.rows = value()?.parse()?,
            "--folder" => options.folder = Some(value()?.into()),
            other => {
                return Err(format!("usage: bench_registry [--json] [--rows N] [--folder F], not {other:?}").into());
            }
        }
    }
    Ok(options)
}

fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}

/// User and system time of this process so far, in clock ticks of 10 ms.
fn processor_time() -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}

/// What the system calls the high-water mark.
fn most_memory_mb() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kilobytes: u64 = line.split_whitespace().next().ok_or("no VmHWM")?.parse()?;
    Ok(kilobytes / 1_024)
}
