//! Every test there is.

use std::process::Command;

use anyhow::Result;
use testkit::postgres::{self, Postgres};

use crate::step::{self, Steps, cargo};
use crate::{setup, web, workspace};

/// `cargo xtask test`. The runner's own closing lines come last.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new();
    steps.step("setup", setup::run)?;
    steps.step("web app", web::build)?;
    let closing = if workspace::has_nextest() {
        // nextest leaves out the examples in the documentation.
        steps
            .step("examples in the documentation", || step::run(cargo(&["test", "--workspace", "--doc", "--quiet"])))?;
        let arguments = ["nextest", "run", "--workspace", "--no-fail-fast"];
        steps.step("tests", || run_with_cluster(cargo(&arguments)))?
    } else {
        let arguments = ["test", "--workspace", "--no-fail-fast"];
        steps.step("tests", || run_with_cluster(cargo(&arguments)))?
    };
    steps.summary("test");
    closing.iter().for_each(|line| eprintln!("{line}"));
    Ok(())
}

/// Runs tests beside one PostgreSQL cluster that all of them use, and returns their closing lines.
pub(crate) fn run_with_cluster(mut command: Command) -> Result<Vec<String>> {
    let cluster = Postgres::start()?;
    command.env("CARILLON_NODE", web::node()?);
    command.env(postgres::SHARED, cluster.socket());
    step::run_and_keep(command, is_closing_line)
}

/// Whether a test runner sums up in this line: nextest's `Summary [...]`, cargo's `test result: ...`.
pub(crate) fn is_closing_line(line: &str) -> bool {
    line.trim_start().starts_with("Summary [") || line.starts_with("test result:")
}
