//! SIGTERM in the middle of a busy run: no further call, nothing forgotten, gone within five seconds.

use crate::world::{Invites, World, brief};
use serde_json::json;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The calls of the run, on a busy machine.
const CALLS: Duration = Duration::from_secs(60);
/// What is promised.
const EXIT: Duration = Duration::from_secs(5);

#[test]
fn an_orderly_stop_in_a_busy_run_ends_in_time_sends_nothing_more_and_loses_nothing() {
    let mut world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let trunk = world.add_trunk("wide", json!({"capacity": 30, "calls_per_second": 20}));
    let hold = world.add_end_point("hold", 30);
    // The people hang up ten seconds after they answered.
    let numbers: Vec<String> = (0..60).map(|n| format!("15551100{n:03}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let run = world.dial("busy", &numbers, json!({"trunks": [trunk], "end_points": [hold]}));
    world.wait("conversations", CALLS, || {
        let total = invites.total();
        if total >= 20 { Ok(()) } else { Err(total.to_string()) }
    });
    // A client that never sends the rest of its request does not keep the server.
    let mut slow = TcpStream::connect(("127.0.0.1", world.pair.ports.api)).unwrap();
    slow.write_all(b"POST /api/lists HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{").unwrap();

    let began = Instant::now();
    world.server.signal(15);
    // Impatience changes nothing.
    std::thread::sleep(Duration::from_millis(50));
    world.server.signal(15);
    let status = world.server.wait(Duration::from_secs(8)).unwrap();
    let took = began.elapsed();
    assert!(status.success() && took <= EXIT, "{status} after {took:?}");
    println!("SIGTERM in a busy run: gone after {} ms", took.as_millis());
    // What had left before the signal may still be on its way to the carrier.
    std::thread::sleep(Duration::from_millis(300));
    let sent = invites.total();
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(invites.total(), sent, "called after the end of the server");
    let up = world.channels().len();
    assert!(up >= 15, "calls go on in Asterisk: {up}");

    world.serve_again();
    world.wait_for_link();
    let attempts = world.complete(run, CALLS);
    assert_eq!(attempts.len(), 60, "{}", brief(&attempts));
    let twice: Vec<_> = invites.by_number(60).into_iter().filter(|(_, calls)| *calls != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let lost = attempts.iter().filter(|attempt| attempt["state"] == "RS_LOST").count();
    assert_eq!(lost, 0, "{}", brief(&attempts));
}
