//! Client verbs against a served API, without a PBX.

use crate::common::{Home, PATIENCE, Server, finish};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A PBX that is not there, a trunk, an end point and a list.
fn configured() -> Server {
    let server = Server::start();
    let password = server.home.file("password", "s3cret\n");
    let port = "1";
    let add = ["pbx", "add", "office", "--host", "127.0.0.1", "--port", port, "--user", "carillon"];
    server.run(&[&add[..], &["--password-file", &password]].concat()).ok();
    let add = ["trunk", "add", "carrier", "--pbx", "office", "--dial-string", "PJSIP/${num}@carrier"];
    server.run(&[&add[..], &["--capacity", "30", "--calls-per-second", "5"]].concat()).ok();
    let add = ["endpoint", "add", "message", "--pbx", "office", "--context", "in", "--extension", "100"];
    server.run(&[&add[..], &["--max-channels", "20"]].concat()).ok();
    server.run(&["list", "create", "people"]).ok();
    server
}

#[test]
fn a_campaign_is_configured_by_name_shown_changed_and_removed() {
    let server = configured();
    let create = ["campaign", "create", "spring", "--trunk", "carrier", "--endpoint", "message", "--list", "people"];
    let more = ["--hours", "09:00-18:00", "--days", "mon-fri", "--zone", "Europe/Madrid", "--answer-timeout", "25s"];
    server
        .run(
            &[
                &create[..],
                &more,
                &["--variable", "GREETING=hello, you", "--clid", "Spring <0912345>", "--cap", "3/24h"],
            ]
            .concat(),
        )
        .ok();
    let rule = ["campaign", "rule", "add", "spring", "--on", "busy", "--attempts", "2", "--after", "5m"];
    server.run(&rule).ok();

    let campaign = server.json(&["campaign", "show", "spring"]);
    let raw = server.api().expect("GET", &format!("/api/campaigns/{}", campaign["id"]), None).unwrap();
    assert_eq!(campaign, raw);
    assert_eq!(campaign["time_start"], "090000");
    assert_eq!(campaign["time_days"], "23456");
    assert_eq!(campaign["answer_timeout_ms"], 25_000);
    assert_eq!(campaign["variables"], json!({"GREETING": "hello, you"}));
    assert_eq!(campaign["rules"][0]["status"], "RS_BUSY");
    assert_eq!(campaign["rules"][0]["retry_after_s"], 300);
    let text = server.run(&["campaign", "show", "spring"]).ok();
    assert!(text.contains("carrier") && text.contains("09:00:00-18:00:00") && text.contains("RS_BUSY"), "{text}");

    let packs = ["--pack", "unrestricted", "--gap", "2h"];
    server
        .run(&[&["campaign", "set", "spring", "--name", "summer", "--priority", "3", "--idle"], &packs[..]].concat())
        .ok();
    let changed = server.json(&["campaign", "show", "summer"]);
    assert_eq!((&campaign["packs"], &changed["packs"]), (&json!(["default"]), &json!(["unrestricted"])));
    assert_eq!(changed["limits"]["gap_minutes"], 120);
    assert_eq!(
        changed["limits"]["caps"],
        json!([{"attempts": 3, "hours": 24, "by": "number"}]),
        "what is not given stays"
    );
    assert_eq!((&changed["priority"], &changed["idle_on_termination"]), (&json!(3), &json!(true)));
    assert_eq!(changed["trunks"], campaign["trunks"], "what is not given stays");

    let rule = changed["rules"][0]["id"].to_string();
    server.run(&["campaign", "rule", "remove", "summer", &rule]).ok();
    assert_eq!(server.json(&["campaign", "rule", "list", "summer"]), json!([]));
    let (error, _) = server.run(&["trunk", "remove", "carrier"]).refused(1);
    assert!(error.contains("in use"), "{error}");
    server.run(&["campaign", "remove", "summer"]).ok();
    server.run(&["trunk", "remove", "carrier"]).ok();
    assert!(server.run(&["trunk", "list"]).ok().contains("there is no trunk yet"));
}

#[test]
fn a_pbx_keeps_its_password_through_changes_and_never_shows_it() {
    let server = configured();
    server.run(&["pbx", "set", "office", "--name", "branch", "--originates-per-second", "50"]).ok();
    let pbx = server.json(&["pbx", "show", "branch"]);
    assert_eq!(pbx["originates_per_second"], 50);
    assert_eq!(pbx["port"], 1);
    for text in [server.run(&["pbx", "show", "branch"]).ok(), server.run(&["pbx", "list"]).ok(), server.process.log()] {
        assert!(!text.contains("s3cret"), "{text}");
    }
    let (error, remedy) = server.run(&["pbx", "add", "x", "--host", "127.0.0.1", "--user", "u"]).refused(1);
    assert!(error.contains("no password") && remedy.contains("CARILLON_PBX_PASSWORD"), "{error} {remedy}");

    let add = ["pbx", "add", "second", "--host", "127.0.0.1", "--user", "u", "--password-stdin"];
    let mut child = server.home.command(&add).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"typed\n").unwrap();
    assert!(child.wait().unwrap().success());
    let mut command = server.home.command(&["pbx", "add", "third", "--host", "127.0.0.1", "--user", "u"]);
    command.env("CARILLON_PBX_PASSWORD", "from the variable");
    finish(command).ok();
    assert_eq!(server.json(&["pbx", "list"])["items"].as_array().unwrap().len(), 3);
}

#[test]
fn a_pbx_that_is_not_there_is_reported_by_name() {
    let server = configured();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = server.run(&["live"]).ok();
        if text.contains("pbx office: down since ") {
            break;
        }
        assert!(Instant::now() < deadline, "{text}\n{}", server.process.log_tail());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn unknown_names_are_refused_with_the_nearest_one() {
    let server = configured();
    let (error, remedy) = server.run(&["trunk", "show", "carier"]).refused(1);
    assert_eq!(error, "trunk \"carier\" does not exist (did you mean \"carrier\"?)");
    assert_eq!(remedy, "carillon trunk list shows those that exist");
    let (error, _) = server.run(&["campaign", "create", "x", "--list", "nobody"]).refused(1);
    assert_eq!(error, "list \"nobody\" does not exist");
    let (error, _) = server.run(&["run", "show", "77"]).refused(1);
    assert!(error.contains("run 77 does not exist"), "{error}");
    let (error, _) = server.run(&["attempt", "show", "77"]).refused(1);
    assert!(error.contains("attempt 77 does not exist"), "{error}");
    let (error, _) = server.run(&["list", "create", "people"]).refused(1);
    assert!(error.contains("exists already"), "{error}");
    let (error, _) = server.run(&["trunk", "set", "carrier", "--dial-string", "PJSIP/carrier"]).refused(1);
    assert!(error.starts_with("dial_string: "), "{error}");
    let (error, _) = server.run(&["trunk", "set", "carrier"]).refused(1);
    assert_eq!(error, "nothing to change");
}

#[test]
fn a_wrong_token_a_narrow_one_and_a_server_that_is_away_are_told_apart() {
    let mut server = Server::start();
    let (error, remedy) = server.run(&["pbx", "list", "--token", "cct_wrong"]).refused(1);
    assert!(error.contains("token"), "{error}");
    assert!(!remedy.is_empty());

    let made = server.json(&["token", "create", "wallboard", "--scope", "read"]);
    let narrow = made["token"].as_str().unwrap();
    server.run(&["list", "list", "--token", narrow]).ok();
    let (error, _) = server.run(&["list", "create", "x", "--token", narrow]).refused(1);
    assert!(error.contains("operate"), "{error}");
    assert!(server.run(&["token", "list"]).ok().contains("wallboard"));
    server.run(&["token", "revoke", "wallboard"]).ok();
    server.run(&["list", "list", "--token", narrow]).refused(1);

    server.process.terminate();
    let (error, remedy) = server.run(&["pbx", "list"]).refused(3);
    assert!(error.contains("cannot reach the server at http://127.0.0.1:"), "{error}");
    assert!(remedy.contains("carillon serve"), "{remedy}");
}

#[test]
fn a_file_is_previewed_imported_and_its_verdicts_saved() {
    let server = Server::start();
    let csv = "Name;Phone;City\nAnn;+39 06 6982;Roma\nBob;not a number;Milano\n\"Eve\nII\";5550003;\n".as_bytes();
    let file = server.home.file("people.csv", csv);
    let text = server.run(&["list", "import", &file, "--preview"]).ok();
    assert!(text.contains(";") && text.contains("+39 06 6982") && text.contains("Roma"), "{text}");
    assert!(server.json(&["list", "list"])["items"].as_array().unwrap().is_empty(), "a preview imports nothing");

    let verdicts = server.home.path("verdicts.csv");
    let verdicts = verdicts.to_str().unwrap();
    let ran = server.run(&["list", "import", &file, "--verdicts", verdicts]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("3 rows, 2 accepted, 1 refused"), "{}", ran.out);
    let saved = std::fs::read_to_string(verdicts).unwrap();
    assert_eq!(saved.lines().count(), 4, "{saved}");
    assert!(saved.contains("not a number"), "{saved}");

    let list = server.json(&["list", "show", "people"]);
    assert_eq!(list["contacts"], 2);
    let text = server.run(&["list", "show", "people"]).ok();
    assert!(text.contains("+39066982") && text.contains("City=Roma") && text.contains("Name=Eve II"), "{text}");

    let again = server.json(&["list", "import", &file, "--list", "people", "--dedupe"]);
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(2)));
    let other = server.json(&["list", "import", &file, "--list", "others"]);
    let job = other["id"].to_string();
    assert!(server.run(&["list", "import", "--cancel", &job]).ok().contains("is cancelled"));
    assert_eq!(server.json(&["list", "show", "others"])["contacts"], 0);
    let (error, _) = server.run(&["list", "import", "nowhere.csv"]).refused(1);
    assert!(error.contains("cannot read nowhere.csv"), "{error}");
}

#[test]
fn an_import_that_a_crash_interrupts_is_followed_to_its_end_under_the_same_id() {
    let mut server = Server::start();
    let mut csv = String::from("number,NAME\n");
    for row in 0..60_000 {
        csv.push_str(&format!("555{row:07},person {row}\n"));
    }
    let file = server.home.file("many.csv", csv);
    let mut command = server.home.command(&["list", "import", &file]);
    let mut import = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let api = server.api();
    let deadline = Instant::now() + PATIENCE;
    // The first chunk is in, the last one is not.
    loop {
        let (_, job) = api.get("/api/imports/1").unwrap();
        if job["rows"].as_u64().is_some_and(|rows| rows > 0) {
            break;
        }
        assert!(Instant::now() < deadline, "{job}");
        std::thread::sleep(Duration::from_millis(5));
    }
    server.crash_and_restart();
    server.process.wait_for_line("an interrupted import goes on", PATIENCE).unwrap();
    // Whether it noticed depends on which of the two was faster.
    import.wait().unwrap();
    let job = server.json(&["list", "import", "--resume", "1"]);
    assert_eq!((&job["id"], &job["state"], &job["accepted"]), (&json!(1), &json!("done"), &json!(60_000)));
    assert_eq!(server.json(&["list", "show", "many"])["contacts"], 60_000);
}

#[test]
fn a_single_number_is_added_and_a_bad_one_is_not() {
    let server = Server::start();
    server.run(&["list", "create", "people"]).ok();
    server.run(&["list", "add", "people", "+39 06 6982", "NAME=Ann, the first", "CITY=Roma"]).ok();
    let text = server.run(&["list", "add", "people", "+39066982", "--dedupe"]).ok();
    assert!(text.contains("holds this number already"), "{text}");
    let (error, _) = server.run(&["list", "add", "people", "twelve"]).refused(1);
    assert!(error.contains("number"), "{error}");
    let (error, _) = server.run(&["list", "add", "people", "12", "EXTEN=x"]).refused(1);
    assert!(error.contains("EXTEN"), "{error}");
    assert_eq!(server.json(&["list", "show", "people"])["contacts"], 1);
}

#[test]
fn stopped_dialling_stays_stopped_over_a_crash_until_it_is_resumed() {
    let mut server = Server::start();
    assert!(server.run(&["dialling", "status"]).ok().contains("calls may be placed"));
    server.run(&["stop-dialling", "--why", "fire drill"]).ok();
    server.crash_and_restart();
    let text = server.run(&["dialling", "status"]).ok();
    assert!(text.contains("by admin: fire drill"), "{text}");
    assert!(server.run(&["live"]).ok().contains("HELD since"));
    server.run(&["resume-dialling"]).ok();
    assert!(server.run(&["dialling", "status"]).ok().contains("calls may be placed"));
}

#[test]
fn a_campaign_that_cannot_start_says_why_and_one_that_can_is_seen_paused_and_removed() {
    let server = configured();
    server.run(&["campaign", "create", "empty"]).ok();
    let (error, _) = server.run(&["campaign", "start", "empty"]).refused(1);
    assert!(error.contains("has no trunk"), "{error}");
    let create = ["campaign", "create", "spring", "--trunk", "carrier", "--endpoint", "message", "--list", "people"];
    server.run(&[&create[..], &["--pack", "unrestricted"]].concat()).ok();
    server.run(&["list", "add", "people", "5550001"]).ok();
    let started = server.json(&["campaign", "start", "spring"]);
    let run = started["id"].to_string();
    let (error, _) = server.run(&["campaign", "start", "spring"]).refused(1);
    assert!(error.contains("already running"), "{error}");
    assert!(server.run(&["live"]).ok().contains("spring"));
    assert!(server.run(&["run", "pause", "spring"]).ok().contains("PAUSED"));
    assert!(server.run(&["run", "list", "--open"]).ok().contains("PAUSED"));
    server.run(&["run", "unpause", &run]).ok();
    assert!(server.run(&["run", "remove", "spring"]).ok().contains("REMOVED"));
    let text = server.run(&["run", "watch", &run]).ok();
    assert!(text.contains("is REMOVED: 0 attempts"), "{text}");
    let report = server.json(&["report", "--run", "spring"]);
    assert_eq!((&report["attempts"], &report["double_dialled"]), (&json!(0), &json!(0)));
    assert!(server.run(&["report", "--campaign", "spring", "--from", "2020-01-01"]).ok().contains("dialled twice"));
    assert!(server.run(&["attempt", "list", "--run", &run]).ok().contains("no attempt"));
    let (error, _) = server.run(&["report"]).refused(1);
    assert_eq!(error, "no run is named");
}

#[test]
fn a_watch_into_a_pipe_writes_plain_lines_and_only_news() {
    let server = Server::start();
    let log = server.home.path("watch.log");
    let mut watch = testkit::Process::start("watch", server.home.command(&["live", "--watch"]), &log).unwrap();
    watch.wait_for_line("dialling, 0 calls in progress", PATIENCE).unwrap();
    server.run(&["stop-dialling", "--why", "lunch"]).ok();
    watch.wait_for_line("by admin: lunch", PATIENCE).unwrap();
    watch.kill();
    let text = watch.log();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_second_server_is_refused_and_a_signal_ends_the_first_within_five_seconds() {
    let mut server = Server::start();
    let mut command = server.home.command(&["serve"]);
    command.env("CARILLON_LISTEN", "127.0.0.1:0");
    let (error, remedy) = finish(command).refused(1);
    assert!(error.contains("another process uses the database"), "{error}");
    assert!(remedy.contains("stop the other carillon"), "{remedy}");
    let status: Value = server.json(&["db", "status"]);
    assert_eq!(status["state"], "in use by a running server");

    let asked = Instant::now();
    server.process.signal(15);
    let status = server.process.wait(Duration::from_secs(6)).unwrap();
    assert!(status.success(), "{status} {}", server.process.log_tail());
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(server.process.log().contains("stopped"));
}

#[test]
fn a_port_in_use_is_named() {
    let home = Home::new();
    home.run(&["init"]).ok();
    let ports = testkit::PortBlock::lease().unwrap();
    let address = format!("127.0.0.1:{}", ports.api);
    let _taken = std::net::TcpListener::bind(&address).unwrap();
    let mut command = home.command(&["serve"]);
    command.env("CARILLON_LISTEN", &address);
    let (error, remedy) = finish(command).refused(1);
    assert!(error.contains(&format!("cannot listen on {address}")), "{error}");
    assert!(remedy.contains("CARILLON_LISTEN"), "{remedy}");
}
