//! Everything that can be judged without Asterisk.

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use crate::step::{self, Steps, cargo};
use crate::{arrows, setup, tidy, web, workspace};

/// `cargo xtask check`.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new();
    steps.step("format", || step::run(cargo(&["fmt", "--all", "--check"])))?;
    steps.step("tidy", || report(tidy::complaints()?))?;
    steps.step("arrows", || report(arrows::complaints(&workspace::metadata()?)?))?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    steps.step("lints", || step::run(cargo(&clippy)))?;
    steps.step("programs", setup::programs)?;
    let closing = steps.step("tests without Asterisk", tests)?;
    steps.step("generated files", generated)?;
    steps.step("web app", web::check)?;
    steps.summary("check");
    closing.iter().for_each(|line| eprintln!("{line}"));
    Ok(())
}

fn report(complaints: Vec<String>) -> Result<()> {
    ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    Ok(())
}

fn tests() -> Result<Vec<String>> {
    if workspace::has_nextest() {
        let arguments = ["nextest", "run", "--workspace", "-E", "not binary(/^e2e/)", "--no-tests=pass"];
        return crate::test::run_with_cluster(cargo(&arguments));
    }
    let metadata = workspace::metadata()?;
    let mut arguments = vec!["test", "--workspace", "--lib", "--bins"];
    for target in workspace::members(&metadata).iter().flat_map(|package| package["targets"].as_array()).flatten() {
        let name = target["name"].as_str().unwrap_or_default();
        let is_test = target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "test"));
        if is_test && !name.starts_with("e2e") {
            arguments.extend(["--test", name]);
        }
    }
    crate::test::run_with_cluster(cargo(&arguments))
}

/// The committed OpenAPI document must be what the code says.
fn generated() -> Result<()> {
    let document = workspace::root().join("docs/openapi.json");
    let Ok(committed) = fs::read_to_string(&document) else {
        eprintln!("docs/openapi.json does not exist yet: skipped");
        return Ok(());
    };
    let carillon = crate::demo::build()?;
    let output = std::process::Command::new(&carillon).arg("openapi").output().context("cannot start carillon")?;
    ensure!(output.status.success(), "carillon openapi: {}", String::from_utf8_lossy(&output.stderr));
    if String::from_utf8_lossy(&output.stdout) != committed {
        bail!("docs/openapi.json is out of date: run `cargo run -p carillon -- openapi > docs/openapi.json`");
    }
    Ok(())
}
