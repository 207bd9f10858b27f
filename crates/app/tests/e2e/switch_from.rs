//! `carillon switch-from wombat`: what a WombatDialer is configured with is made here, and dials.

use crate::world::{World, use_ami};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;
use testkit::Login;

/// A few short calls on a busy machine.
const A_FEW_CALLS: Duration = Duration::from_secs(60);

/// A WombatDialer of which somebody wrote down what it answers. It ends with the process of the test.
pub(crate) struct Wombat {
    port: u16,
}

impl Wombat {
    /// One that has this manager user of a PBX.
    pub(crate) fn of(login: &Login) -> Self {
        Self::start(BTreeMap::from([
            ("@HOST@", login.host.clone()),
            ("@PORT@", login.port.to_string()),
            ("@LOGIN@", login.user.clone()),
            ("@PASSWORD@", login.password.clone()),
        ]))
    }

    /// With these words in the place of `@NAME@`.
    fn start(words: BTreeMap<&'static str, String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &words);
            }
        });
        Self { port }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/wombat", self.port)
    }
}

/// Answers one request for a list; every list fits on one page.
fn answer(stream: TcpStream, words: &BTreeMap<&'static str, String>) {
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let Some(first) = lines.next() else { return };
    // demoadmin:demo
    let known = lines.fold(false, |known, line| {
        known | line.to_lowercase().starts_with("authorization: basic zgvtb2fkbwluomrlbw8=")
    });
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let value = |name: &str| {
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let entity = path.trim_start_matches("/wombat/api/edit/").trim_matches('/').replace('/', "_");
    let name = match value("parent") {
        Some(parent) => format!("{entity}.{parent}.json"),
        None => format!("{entity}.json"),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wombatdialer");
    let nothing = || {
        json!({"status": "OK", "error": "", "timeMs": 3, "results": [], "allResults": 0, "startFrom": 0, "nRecords": 0})
            .to_string()
    };
    let mut text = std::fs::read_to_string(folder.join(name)).unwrap_or_else(|_| nothing());
    for (word, value) in words {
        text = text.replace(word, value);
    }
    let status = if known { "200 OK" } else { "401 Unauthorized" };
    let kind = "application/json;charset=UTF-8";
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    // A client that went away is its own test.
    let _ = (&stream).write_all([head.as_bytes(), text.as_bytes()].concat().as_slice());
}

fn counts(report: &Value, what: &str) -> [i64; 4] {
    let things = report["things"].as_array().unwrap();
    let tally = things.iter().find(|tally| tally["what"] == what).unwrap_or_else(|| panic!("{what}: {report:#}"));
    ["found", "made", "there", "left_out"].map(|count| tally[count].as_i64().unwrap())
}

#[test]
fn what_a_wombatdialer_has_is_made_here_once_and_dials() {
    use_ami();
    let world = World::without_pbx();
    let wombat = Wombat::of(&world.login());
    world.home.file("wombat-password", "demo\n");
    let switch = |more: &[&str]| {
        let arguments = ["switch-from", "wombat", &wombat.address(), "--password-file", "wombat-password"];
        world.run(&[&arguments[..], more].concat())
    };
    let report = |text: &str| -> Value { serde_json::from_str(text.lines().next().unwrap()).unwrap() };

    world.home.file("wrong-password", "sesame");
    let refused =
        world.run(&["switch-from", "wombat", &wombat.address(), "--password-file", "wrong-password"]).refused(1);
    assert!(refused.0.contains("401") && refused.1.contains("--password-file"), "{refused:?}");
    let nobody =
        world.run(&["switch-from", "wombat", "http://127.0.0.1:9/wombat", "--password-file", "wombat-password"]);
    assert!(nobody.refused(3).0.contains("cannot read http://127.0.0.1:9/wombat"));

    let tried = report(&switch(&["--dry-run", "--json"]).ok());
    assert_eq!((counts(&tried, "campaigns"), counts(&tried, "contacts")), ([2, 2, 0, 0], [5, 5, 0, 0]), "{tried:#}");
    assert_eq!(world.get("/api/lists")["items"], json!([]), "nothing was made");

    let first = switch(&["--json"]);
    let made = report(&first.out);
    assert_eq!(first.code, 1, "a number that nobody can dial was left out: {made:#}");
    assert_eq!(counts(&made, "servers"), [1, 1, 0, 0], "{made:#}");
    assert_eq!(counts(&made, "trunks"), [1, 1, 0, 0]);
    assert_eq!(counts(&made, "end points"), [2, 2, 0, 0]);
    assert_eq!(counts(&made, "lists"), [3, 2, 1, 0]);
    assert_eq!(counts(&made, "contacts"), [5, 4, 0, 1]);
    assert_eq!(counts(&made, "campaigns"), [2, 2, 0, 0]);
    assert_eq!(counts(&made, "reschedule rules"), [2, 2, 0, 0]);
    let notes = made["notes"].to_string();
    for note in [
        "httpNotify was left out",
        "1 numbers were refused, the first 3 of its page",
        "1 output attributes",
        "spring/AUTO",
    ] {
        assert!(notes.contains(note), "{note}: {notes}");
    }
    let campaign = world.get("/api/campaigns?name=spring")["items"][0].clone();
    assert_eq!(
        (&campaign["priority"], &campaign["idle_on_termination"], &campaign["dial_clid"]),
        (&json!(5), &json!(true), &json!("${NAME}"))
    );
    assert_eq!(campaign["rules"].as_array().unwrap().len(), 2);
    let queue = world.get("/api/end-points?name=support")["items"][0].clone();
    assert_eq!(
        (&queue["queue"], &queue["boost"], &queue["security_key"]),
        (&json!("support"), &json!(1.5), &json!("SALES"))
    );
    let customers = world.get("/api/lists?name=customers")["items"][0]["id"].clone();
    let contact = world.get(&format!("/api/lists/{customers}/contacts"))["items"][0].clone();
    assert_eq!(contact["attributes"], json!({"NAME": "Ann", "SURNAME": "White, née O|Hara"}));

    // Once more: nothing is doubled, and nobody either.
    let again = report(&switch(&["--json"]).out);
    assert_eq!(counts(&again, "campaigns"), [2, 0, 2, 0], "{again:#}");
    assert_eq!(counts(&again, "contacts"), [5, 0, 4, 1]);
    assert_eq!(world.get("/api/lists?name=customers")["items"][0]["contacts"], 3);

    // It dials as it did there, through the PBX's own routes.
    world.wait_for_link();
    let run = world.start_run(campaign["id"].as_i64().unwrap());
    let calls = world.wait_for_attempts(run, "its calls", A_FEW_CALLS, |calls| {
        calls.iter().filter(|call| call["ended_at"].is_string()).count() == 4
    });
    let mut outcomes: Vec<&str> = calls.iter().map(|call| call["state"].as_str().unwrap()).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["RS_BLACKLIST", "RS_BUSY", "RS_BUSY", "TERMINATED"]);
    assert!(switch(&["--without-contacts"]).ok().contains("here already"), "with nothing to refuse it ends well");
}
