//! The web app in Chromium, used as people use it: the specs of `web/tests/browser`, each in a world of its own.

use crate::gate::to_monday;
use crate::world::{Invites, World};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use testkit::Clock;

/// A spec takes a minute at most on a quiet machine; `.config/nextest.toml` waits a little longer than this.
const DEADLINE: Duration = Duration::from_secs(570);
const POLL: Duration = Duration::from_millis(50);

fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web")
}

/// `CARILLON_NODE`, which `cargo xtask test` sets, else the one on the path.
fn node() -> OsString {
    std::env::var_os("CARILLON_NODE").unwrap_or_else(|| "node".into())
}

/// Plays a spec against the server of this world; `given` is what the spec is told.
fn play(mut world: World, spec: &str, given: &Value) {
    let (web, runner) = (web(), "node_modules/@playwright/test/cli.js");
    assert!(web.join("dist/index.html").exists(), "web/dist is not there: `cargo xtask web` builds it");
    // Pictures and traces of what failed stay there.
    let part = given["part"].as_str().unwrap_or("all");
    let results = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser").join(format!("{spec}-{part}"));
    let control = world.home.path("control");
    std::fs::create_dir(&control).unwrap();
    let output = world.home.path("playwright.log");
    let log = std::fs::File::create(&output).unwrap();
    let mut child = Command::new(node())
        .current_dir(&web)
        .args([runner, "test", spec])
        .arg(format!("--output={}", results.display()))
        .env("CARILLON_SERVER", format!("http://127.0.0.1:{}", world.pair.ports.api))
        .env("CARILLON_TOKEN_FILE", world.home.path("carillon-data/token"))
        .env("CARILLON_CONTROL", &control)
        .env("CARILLON_GIVEN", given.to_string())
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| {
            panic!("node does not start ({error}): Node 20.19 or newer is needed, or `cargo xtask test`")
        });
    let mut invites = Invites::watch(&world.pair.carrier);
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        for what in ["kill", "serve", "invites", "channels"] {
            let asked = control.join(what);
            if asked.exists() {
                let answer = act(&mut world, &mut invites, what);
                std::fs::write(control.join(format!("{what}.answer")), answer).unwrap();
                std::fs::remove_file(asked).unwrap();
            }
        }
        if began.elapsed() > DEADLINE {
            child.kill().unwrap();
        }
        std::thread::sleep(POLL);
    };
    let said = std::fs::read_to_string(output).unwrap_or_default();
    assert!(status.success(), "{spec} after {:.0?}: {status}\n{said}", began.elapsed());
}

/// Does or says what a spec cannot.
fn act(world: &mut World, invites: &mut Invites, what: &str) -> String {
    match what {
        "kill" => world.crash(),
        "serve" => world.serve_again(),
        "invites" => return invites.total().to_string(),
        _ => return world.channels().len().to_string(),
    }
    String::new()
}

/// The address of our PBX and its user, as a person would type them.
fn pbx(world: &World) -> Value {
    let login = world.pair.pbx.ari();
    json!({"host": login.host, "port": login.port.to_string(), "username": login.user, "password": login.password})
}

#[test]
fn from_an_empty_system_to_a_report() {
    let world = World::without_pbx();
    let given = pbx(&world);
    play(world, "tutorial.spec.ts", &given);
}

#[test]
fn people_sign_in_and_may_do_what_their_class_says() {
    play(World::start(), "people.spec.ts", &json!({}));
}

#[test]
fn a_server_that_is_killed_under_the_page_is_seen_to_be_gone_and_to_be_back() {
    play(World::start(), "restart.spec.ts", &json!({}));
}

#[test]
fn a_run_is_paused_resumed_stopped_and_explained() {
    let world = World::start();
    let given = json!({"pbx": world.pbx, "trunk": world.trunk, "message": world.message});
    play(world, "run.spec.ts", &given);
}

#[test]
fn outcome_rules_are_written_in_the_editor_and_followed() {
    let world = World::start();
    let given = json!({"trunk": world.trunk, "message": world.message});
    play(world, "outcomes.spec.ts", &given);
}

/// One third of the pages: a program's look at all of them takes minutes of one core.
fn look_at_pages(part: u8) {
    let world = World::empty_allowing_webhooks();
    let mut given = pbx(&world);
    given["part"] = json!(part.to_string());
    given["parts"] = json!("3");
    play(world, "pages.spec.ts", &given);
}

#[test]
fn every_page_is_accessible_and_fits_a_telephone_part_1() {
    look_at_pages(0);
}

#[test]
fn every_page_is_accessible_and_fits_a_telephone_part_2() {
    look_at_pages(1);
}

#[test]
fn every_page_is_accessible_and_fits_a_telephone_part_3() {
    look_at_pages(2);
}

#[test]
fn hostile_texts_are_only_texts() {
    let world = World::empty_allowing_webhooks();
    let given = pbx(&world);
    play(world, "hostile.spec.ts", &given);
}

#[test]
fn a_campaign_is_made_run_and_reported_without_a_mouse() {
    let world = World::start();
    let given = json!({"trunk": world.trunk.to_string()});
    play(world, "keyboard.spec.ts", &given);
}

#[test]
fn contacts_are_corrected_columns_left_out_and_outcomes_made_a_list() {
    let world = World::start();
    let given = json!({"trunk": world.trunk, "message": world.message});
    play(world, "lists.spec.ts", &given);
}

#[test]
fn a_campaign_is_played_ahead_and_what_came_stands_beside_it() {
    let world = World::start();
    let given = json!({"trunk": world.trunk, "message": world.message});
    play(world, "forecast.spec.ts", &given);
}

#[test]
fn an_agent_looks_at_a_contact_before_he_dials() {
    let floor = crate::queues::Floor::start();
    let given = crate::preview::shown_to_an_agent(&floor, "\"><img src=x onerror=alert(1)><script>alert(2)</script>");
    play(floor.world, "preview.spec.ts", &given);
}

#[test]
fn first_steps_lead_from_nothing_to_a_telephone_that_rings_at_night() {
    let clock = Clock::new().unwrap();
    clock.ahead(to_monday() + 7 * 3_600);
    let world = World::without_pbx_by_the_clock(&clock);
    let given = pbx(&world);
    play(world, "first-steps.spec.ts", &given);
}
