//! What the command line prints where nobody watches, and imports that are cut off, gone on with and taken back.

use crate::common::{PATIENCE, Server};
use crate::world::World;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;
use testkit::{Process, process};

/// Rows of an import that takes long enough to be cut off.
const ROWS: u32 = 50_000;
/// Until they are in, on a busy machine.
const IMPORT: Duration = Duration::from_secs(50);

#[test]
fn watching_a_run_into_a_file_writes_plain_lines_of_news_and_ends_with_the_run() {
    let world = World::start();
    let list = world.list("people", &["15551000001", "15554101002", "15554300003"]);
    let campaign = world.campaign("watched", &[list], json!({}));
    let log = world.home.path("live.log");
    let mut live = Process::start("live", world.home.command(&["live", "--watch"]), &log).unwrap();
    live.wait_for_line("dialling, 0 calls in progress", PATIENCE).unwrap();
    let run = world.start_run(campaign).to_string();
    let text = world.run(&["run", "watch", &run]).ok();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() >= 2 && lines.iter().all(|line| line.len() < 300), "{text}");
    assert!(text.contains("COMPLETED: 3 attempts, 1 connected"), "{text}");
    live.wait_for_line("dialling, 0 calls in progress", PATIENCE).unwrap();
    live.kill();
    for text in [&text, &live.log()] {
        assert!(!text.contains(['\u{1b}', '\r']), "{text}");
        assert!(text.lines().zip(text.lines().skip(1)).all(|(a, b)| a != b), "the same line twice: {text}");
    }
    assert!(live.log().contains("watched"), "{}", live.log());

    let file = world.home.path("attempts.csv");
    let table = world.run(&["report", "--run", &run, "--attempts", file.to_str().unwrap()]).ok();
    for part in ["TERMINATED", "RS_BUSY", "RS_NUMBER", "33.3 %", "dialled twice", "carrier"] {
        assert!(table.contains(part), "{part:?} is not in\n{table}");
    }
    assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), 4);
}

/// An import that is under way: its first rows are in, its last are not.
fn under_way(server: &Server) -> (std::process::Child, i64) {
    let mut csv = String::from("number,NAME\n");
    for row in 0..ROWS {
        let number = if row % 1_000 == 7 { format!("bad {row}") } else { format!("555{row:07}") };
        csv.push_str(&format!("{number},person {row}\n"));
    }
    let file = server.home.file("many.csv", csv);
    let mut command = server.home.command(&["list", "import", &file]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let job = process::until(IMPORT, || {
        let (status, job) = server.api().get("/api/imports/1")?;
        let rows = job["rows"].as_u64().unwrap_or(0);
        assert!(rows < u64::from(ROWS), "it was too fast to be cut off: {job}");
        Ok((status == 200 && rows > 0).then(|| job["id"].as_i64().unwrap()))
    });
    (child, job.unwrap().unwrap())
}

fn job(server: &Server, job: i64) -> Value {
    server.api().expect("GET", &format!("/api/imports/{job}"), None).unwrap()
}

#[test]
fn a_killed_import_goes_on_under_its_id_and_every_row_is_in_exactly_once() {
    let mut server = Server::start();
    let (mut child, id) = under_way(&server);
    server.process.kill();
    let partial = server.home.path(&format!("carillon-data/imports/{id}.verdicts.csv"));
    let partial = std::fs::read_to_string(partial).unwrap().lines().count();
    assert!((1..ROWS as usize).contains(&partial), "it was not cut off: {partial} verdicts");
    server.crash_and_restart();
    // It was told that the server is away, or it asked again only when the server was back.
    child.wait().unwrap();
    let verdicts = server.home.path("verdicts.csv");
    let path = verdicts.to_str().unwrap();
    let followed = server.run(&["list", "import", "--follow", &id.to_string(), "--verdicts", path]);
    assert_eq!(followed.code, 0, "{}", followed.err);
    let done = job(&server, id);
    let refused = ROWS / 1_000;
    assert_eq!(
        (&done["state"], &done["rows"], &done["accepted"], &done["refused"]),
        (&json!("done"), &json!(ROWS), &json!(ROWS - refused), &json!(refused))
    );
    let saved = std::fs::read_to_string(&verdicts).unwrap();
    let lines: Vec<&str> = saved.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!((lines.len(), lines.iter().collect::<BTreeSet<_>>().len()), (ROWS as usize, ROWS as usize));

    let (list, mut numbers, mut after) = (done["list"].clone(), BTreeSet::new(), 0);
    loop {
        let page = server.api().expect("GET", &format!("/api/lists/{list}/contacts?after={after}&limit=1000"), None);
        let page = page.unwrap();
        for contact in page["items"].as_array().unwrap() {
            assert!(numbers.insert(contact["number"].as_str().unwrap().to_owned()), "{contact} is in twice");
        }
        let Some(next) = page["next"].as_i64() else { break };
        after = next;
    }
    assert_eq!(numbers.len(), (ROWS - refused) as usize);
}

#[test]
fn a_cancelled_import_leaves_nothing() {
    let server = Server::start();
    let (mut child, id) = under_way(&server);
    let cancelled = server.run(&["list", "import", "--cancel", &id.to_string()]).ok();
    assert!(cancelled.contains("is cancelled"), "{cancelled}");
    assert!(!child.wait().unwrap().success(), "whoever waited for it is told");
    let cancelled = job(&server, id);
    assert_eq!(cancelled["state"], "cancelled");
    let list = server.api().expect("GET", &format!("/api/lists/{}", cancelled["list"]), None).unwrap();
    assert_eq!(list["contacts"], json!(0), "{list}");
}
