//! The event log as programs read it: without a gap, whoever is killed.

use crate::world::World;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const A_RUN: Duration = Duration::from_secs(60);

/// `carillon event follow` with what it printed so far.
struct Follower {
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Follower {
    fn start(world: &World, arguments: &[&str]) -> Self {
        let mut command = world.home.command(&[&["event", "follow", "--json"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let (lines, seen) = (BufReader::new(child.stdout.take().unwrap()).lines(), Arc::clone(&events));
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                seen.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, events }
    }

    fn seqs(&self) -> Vec<i64> {
        self.events.lock().unwrap().iter().map(seq).collect()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn seq(event: &Value) -> i64 {
    event["seq"].as_i64().unwrap()
}

/// The whole log, as pages.
pub(crate) fn log(world: &World) -> Vec<Value> {
    let mut all = Vec::new();
    let mut after = 0;
    loop {
        let page = world.run_json(&["event", "list", "--limit", "1000", "--after", &after.to_string()]);
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        after = page["next"].as_i64().unwrap();
        if after >= page["newest"].as_i64().unwrap() {
            return all;
        }
    }
}

#[test]
fn a_consumer_sees_no_gap_when_the_server_is_killed_and_none_when_it_is_killed_itself() {
    let mut world = World::start();
    let all = Follower::start(&world, &["--after", "0"]);
    let numbers: Vec<String> = (0..24).map(|n| format!("155510{n:02}001")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let run = world.dial("heard", &numbers, json!({}));
    let mut first = Follower::start(&world, &["--after", "0"]);
    world.wait("some events", A_RUN, || if first.seqs().len() > 30 { Ok(()) } else { Err(String::new()) });
    // The consumer dies, and later another one goes on behind the last event that it saw.
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    world.crash();
    world.serve_again();
    world.wait_for_link();
    let last = first.seqs().pop().unwrap();
    let second = Follower::start(&world, &["--after", &last.to_string()]);
    world.wait_for_state(run, "COMPLETED", A_RUN);

    let log = log(&world);
    let wanted: Vec<i64> = log.iter().map(seq).collect();
    assert!(wanted.len() > 24 * 4, "{}", wanted.len());
    world.wait("every event at the one that stayed", A_RUN, || match all.seqs() {
        seqs if seqs == wanted => Ok(()),
        seqs => Err(format!("{} of {}", seqs.len(), wanted.len())),
    });
    world.wait("every event at the one that died and its successor", A_RUN, || {
        let seqs = [first.seqs(), second.seqs()].concat();
        if seqs == wanted { Ok(()) } else { Err(format!("{} of {}", seqs.len(), wanted.len())) }
    });
    // What is written is what is declared, also by a real call.
    for event in &log {
        let (kind, entity) = (event["kind"].as_str().unwrap(), event["entity"].as_str().unwrap());
        store::events::kinds::check(kind, entity, &event["data"]).unwrap();
    }
    let numbers_in_it = log.iter().any(|event| event.to_string().contains("155510"));
    assert!(!numbers_in_it, "an event holds a telephone number");
}
