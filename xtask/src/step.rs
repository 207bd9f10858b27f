//! One thing after the other, each with its name and its time.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Steps done so far, with their times.
pub(crate) struct Steps {
    started: Instant,
    done: Vec<(String, Duration)>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), done: Vec::new() }
    }

    /// Announces a step, does it and notes its time. The first failure is the end.
    pub(crate) fn step<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("== {name}");
        let started = Instant::now();
        let result = work().with_context(|| format!("{name} failed"))?;
        eprintln!("== {name}: {:.1} s", started.elapsed().as_secs_f64());
        self.done.push((name.to_owned(), started.elapsed()));
        Ok(result)
    }

    /// Prints all times and their sum.
    pub(crate) fn summary(&self, title: &str) {
        let times: Vec<String> =
            self.done.iter().map(|(name, time)| format!("{name} {:.1} s", time.as_secs_f64())).collect();
        eprintln!("== {title}: {:.1} s in all ({})", self.started.elapsed().as_secs_f64(), times.join(", "));
    }
}

/// `cargo` with these arguments, from the root of the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(crate::workspace::root());
    command
}

/// Runs a command with our terminal; it must succeed.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let shown = show(&command);
    let status = command.status().with_context(|| format!("cannot start {shown}"))?;
    ensure!(status.success(), "{shown}: {status}");
    Ok(())
}

/// As [`run`]; what it prints is shown only when it fails.
pub(crate) fn run_quietly(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {shown}"))?;
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    ensure!(output.status.success(), "{said}\n{shown}: {}", output.status);
    Ok(())
}

/// As [`run`], and returns the lines of standard error and output that `wanted` accepts.
pub(crate) fn run_and_keep(mut command: Command, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let shown = show(&command);
    // Both streams in one pipe, so that the order stays.
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot start {shown}"))?;
    // The command holds the last writing ends; without this the reader would never see the end.
    drop(command);
    let mut kept = Vec::new();
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        eprintln!("{line}");
        if wanted(&line) {
            kept.push(line);
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "{shown}: {status}");
    Ok(kept)
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
