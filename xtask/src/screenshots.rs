//! The web app in a browser, looked at and measured: `cargo xtask screenshots`, `cargo xtask bench scroll`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::json;
use testkit::Pair;

use crate::demo::{self, Server};
use crate::step::Steps;
use crate::{setup, web, workspace};

/// Beside `playwright.config.ts`: without traces, without the deadline of a test.
const CONFIGURATION: &str = "playwright.pictures.config.ts";

/// `cargo xtask screenshots`: a furnished system of its own, on ports of its own, page by page.
pub(crate) fn run(scenes: Option<&str>) -> Result<()> {
    let mut steps = Steps::new();
    let carillon = built(&mut steps, "dev")?;
    let folder = empty("target/screenshots")?;
    let pair = steps.step("two Asterisks", Pair::start)?;
    let home = tempfile::tempdir()?;
    // The webhook of the furnished system leads to this machine, where nobody takes it.
    let allow = [("CARILLON_WEBHOOKS_ALLOW", "127.0.0.0/8")];
    let server = steps
        .step("carillon serve", || Server::start(&carillon, &home.path().join("server"), pair.ports.api, &allow))?;
    let ari = pair.pbx.ari();
    let given = json!({"host": ari.host, "port": ari.port.to_string(), "username": ari.user, "password": ari.password});
    let mut environment = environment_of(&server, home.path());
    environment.push(("CARILLON_GIVEN", given.to_string()));
    environment.push(("CARILLON_PICTURES", folder.display().to_string()));
    if let Some(scenes) = scenes {
        environment.push(("SCENES", scenes.to_owned()));
    }
    steps.step("pictures", || web::play(CONFIGURATION, "pictures.spec.ts", &environment))?;
    steps.summary("screenshots");
    eprintln!("   look at them: {}", folder.join("index.html").display());
    Ok(())
}

/// `cargo xtask bench scroll [--json]`: how a list of a million contacts moves in the browser.
pub(crate) fn scroll(json: bool) -> Result<()> {
    let mut steps = Steps::new();
    let carillon = built(&mut steps, "bench-run")?;
    let home = tempfile::tempdir()?;
    let ports = testkit::PortBlock::lease()?;
    let server =
        steps.step("carillon serve", || Server::start(&carillon, &home.path().join("server"), ports.api, &[]))?;
    let mut environment = environment_of(&server, home.path());
    let figures = home.path().join("figures.json");
    environment.push(("CARILLON_FIGURES", figures.display().to_string()));
    steps.step("scrolling", || web::play(CONFIGURATION, "scroll.spec.ts", &environment))?;
    let figures: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&fs::read_to_string(figures)?)?;
    if json {
        print_line(&serde_json::Value::Object(figures).to_string());
    } else {
        figures.iter().for_each(|(name, value)| print_line(&format!("{name:<32} {value}")));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "printing figures is its job")]
fn print_line(line: &str) {
    println!("{line}");
}

fn built(steps: &mut Steps, profile: &str) -> Result<PathBuf> {
    steps.step("setup", setup::run)?;
    steps.step("web app", web::build)?;
    steps.step("build", || demo::build_in(profile))
}

/// What `web/tests/browser/world.ts` is told.
fn environment_of(server: &Server, home: &Path) -> Vec<(&'static str, String)> {
    vec![
        ("CARILLON_SERVER", server.address.clone()),
        ("CARILLON_TOKEN_FILE", server.token_file.display().to_string()),
        ("CARILLON_CONTROL", home.display().to_string()),
    ]
}

fn empty(name: &str) -> Result<PathBuf> {
    let folder = workspace::root().join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
