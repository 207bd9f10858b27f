//! No number, name or secret leaves by the log, the metrics or the events, whatever goes wrong.

use crate::world::{PATIENCE, World};
use serde_json::json;
use std::time::Duration;
use testkit::Process;

const NAME: &str = "Zanzibarelda";
const PASSWORD: &str = "canary-password-of-a-pbx";
/// Answered, busy, refused by the carrier.
const NUMBERS: [&str; 3] = ["15551007381", "15552007382", "15554007383"];
/// Refused by the PBX itself: there is no such way out.
const NOWHERE: &str = "15551007384";

#[test]
fn canary_numbers_names_and_secrets_are_in_no_log_no_metric_and_no_event() {
    let mut world = World::start();
    world.server.kill();
    let listen = world.pair.ports.api;
    world.home.file("carillon.toml", format!("listen = \"127.0.0.1:{listen}\"\n[log]\nlevel = \"trace\"\n"));
    let log = world.home.path("canary.log");
    world.server = Process::start("carillon", world.home.command(&["serve"]), &log).unwrap();
    world.server.wait_for_http(&format!("http://127.0.0.1:{listen}/healthz"), PATIENCE).unwrap();
    world.wait_for_link();

    let body = json!({"name": "canary", "host": "127.0.0.1", "port": 9, "username": "canary", "password": PASSWORD});
    world.create("pbxs", body);
    let list = world.create("lists", json!({"name": "canaries"}));
    let contact = |number: &&str| json!({"number": number, "attributes": {"NAME": NAME}});
    world.add_contacts(list, NUMBERS.iter().map(contact).collect());
    let run = world.start_run(world.campaign("canaries", &[list], json!({})));
    let mut attempts = world.complete(run, Duration::from_secs(30));
    let trunk = world.add_trunk("nowhere", json!({"dial_string": "PJSIP/${num}@not-there"}));
    let lost = world.create("lists", json!({"name": "lost canaries"}));
    world.add_contacts(lost, vec![contact(&NOWHERE)]);
    let run = world.start_run(world.campaign("lost canaries", &[lost], json!({"trunks": [trunk]})));
    attempts.extend(world.complete(run, Duration::from_secs(30)));
    assert_eq!(attempts.len(), 4);
    // An operator's own words may hold a number, too.
    world.run(&["stop-dialling", "--why", &format!("{} complained", NUMBERS[0])]).ok();
    world.run(&["attempt", "show", "no-such-attempt"]);

    let timelines: Vec<String> = attempts.iter().map(|attempt| json!(world.timeline(attempt).1).to_string()).collect();
    let metrics = world.api.send("GET", "/metrics", "text/plain", b"").unwrap();
    assert_eq!(metrics.status, 200);
    let token = std::fs::read_to_string(world.home.path("carillon-data/token")).unwrap();
    let key = std::fs::read_to_string(world.home.path("carillon-data/key")).unwrap();
    let ari = world.pair.pbx.ari().password;
    world.server.terminate();
    let log = std::fs::read_to_string(&log).unwrap();
    // The number was on its way to the log, and its place is there.
    assert!(log.contains("(digits) complained"), "{log}");
    let artefacts =
        [("log", log), ("events", timelines.join("\n")), ("metrics", String::from_utf8(metrics.body).unwrap())];
    let canaries = [NAME, PASSWORD, NOWHERE, token.trim(), key.trim(), ari.as_str()];
    for canary in canaries.into_iter().chain(NUMBERS) {
        for (artefact, text) in &artefacts {
            let line = text.lines().find(|line| line.contains(canary));
            assert!(line.is_none(), "{canary} is in the {artefact}: {}", line.unwrap_or_default());
        }
    }
}
