//! Crashes of the server, of Asterisk and of the link between: calls go on, everybody is accounted for, nobody is
//! dialled twice.

use crate::world::{Invites, World, brief, count};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

on_both_engines! {
    calls_go_on_over_a_crash_of_the_server_and_are_followed_to_their_end;
    calls_go_on_over_an_orderly_stop_of_the_server;
    a_crash_in_the_middle_of_a_burst_dials_nobody_twice_and_forgets_nobody;
}

on_ami_too! {
    calls_go_on_over_a_crash_of_the_server_and_are_followed_to_their_end;
    a_crash_in_the_middle_of_a_burst_dials_nobody_twice_and_forgets_nobody;
}

/// A restart in the middle of some calls, on a busy machine.
const A_RESTART: Duration = Duration::from_secs(75);

/// A run with three conversations and two ringing telephones, and three contacts that wait for a free line.
/// The people hang up ten seconds after they answered; the last two answer after eight.
fn with_calls_up(world: &World) -> i64 {
    let hold = world.add_end_point("hold", 5);
    let talk = ["15551100001", "15551100002", "15551100003"];
    let ring = ["15551108004", "15551108005"];
    let wait = ["15554000006", "15554000007", "15554000008"];
    let numbers = [&talk[..], &ring, &wait].concat();
    let changes = json!({"end_points": [hold], "answer_timeout_ms": 30_000});
    let run = world.dial("crash", &numbers, changes);
    world.wait_for_attempts(run, "three conversations and two ringing", A_RESTART, |attempts| {
        let talking = attempts.iter().filter(|attempt| attempt["state"] == "CONNECTED").count();
        let ringing = attempts.iter().filter(|attempt| attempt["state"] == "DIALLING").count();
        (talking, ringing) == (3, 2)
    });
    run
}

/// Every contact has one attempt, and every number rang once.
fn assert_nobody_twice(attempts: &[Value], invites: &mut Invites, contacts: usize) {
    let dialled: BTreeSet<i64> = attempts.iter().map(|attempt| attempt["contact"].as_i64().unwrap()).collect();
    assert_eq!((dialled.len(), attempts.len()), (contacts, contacts), "{}", brief(attempts));
    let reached = attempts.len() - count(attempts, "RS_LOST");
    let twice: Vec<_> = invites.by_number(reached).into_iter().filter(|(_, calls)| *calls > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

fn goes_on_over_a_restart(stop: impl FnOnce(&mut World)) {
    let mut world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = with_calls_up(&world);
    stop(&mut world);
    assert_eq!(world.channels().len(), 5, "calls live in Asterisk, not in the server: {:?}", world.channels());
    world.serve_again();
    world.wait_for_link();
    let adopted = world.live();
    assert_eq!(adopted["totals"]["open_calls"], json!(5), "{adopted:#}");

    let attempts = world.complete(run, A_RESTART);
    assert_nobody_twice(&attempts, &mut invites, 8);
    assert_eq!(invites.reaching(8), 8);
    assert_eq!((count(&attempts, "TERMINATED"), count(&attempts, "RS_BUSY")), (5, 3), "{}", brief(&attempts));
    for attempt in attempts.iter().filter(|attempt| attempt["state"] == "TERMINATED") {
        assert_eq!(attempt["ended_by"], "far_end", "{attempt:#}");
        assert!(attempt["talk_ms"].as_i64().unwrap() > 8_000, "talk before and after the restart counts: {attempt:#}");
        let (kinds, _) = world.timeline(attempt);
        assert!(kinds.contains(&"leg.adopted".to_owned()), "{kinds:?}");
    }
}

fn calls_go_on_over_a_crash_of_the_server_and_are_followed_to_their_end() {
    goes_on_over_a_restart(World::crash);
}

fn calls_go_on_over_an_orderly_stop_of_the_server() {
    goes_on_over_a_restart(|world| {
        let status = world.server.terminate();
        assert!(status.success(), "{status}");
    });
}

#[test]
fn what_ended_while_the_server_was_away_is_lost_keeps_its_place_and_is_retried_by_its_rule() {
    let mut world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let hold = world.add_end_point("hold", 5);
    // One that will be called again after it was lost: its rule says so.
    let changes = json!({"end_points": [hold], "rules": [crate::world::rule("RS_LOST", 1, 2)]});
    let run = world.dial("away", &["15555101001", "15555101002"], changes);
    world.wait_for_attempts(run, "two conversations", A_RESTART, |attempts| count(attempts, "CONNECTED") == 2);
    world.crash();
    world.wait("the end of the calls", A_RESTART, || {
        let channels = world.channels();
        if channels.is_empty() { Ok(()) } else { Err(format!("{channels:?}")) }
    });
    world.serve_again();
    let attempts = world.complete(run, A_RESTART);
    assert_eq!((count(&attempts, "RS_LOST"), count(&attempts, "TERMINATED")), (2, 2), "{}", brief(&attempts));
    for attempt in attempts.iter().filter(|attempt| attempt["state"] == "RS_LOST") {
        assert_eq!((&attempt["ended_by"], &attempt["retry"]), (&json!("unknown"), &json!(0)), "{attempt:#}");
    }
    assert_eq!(invites.reaching(4), 4);
}

fn a_crash_in_the_middle_of_a_burst_dials_nobody_twice_and_forgets_nobody() {
    let mut world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let trunk = world.add_trunk("wide", json!({"capacity": 60}));
    let wide = world.create(
        "end-points",
        json!({"pbx": world.pbx, "name": "wide", "context": "carillon-demo", "extension": "bye", "max_channels": 60}),
    );
    let numbers: Vec<String> = (0..300).map(|n| format!("15554000{n:03}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let run = world.dial("burst", &numbers, json!({"trunks": [trunk], "end_points": [wide]}));
    for goal in [40, 120] {
        world.wait("a part of the burst", A_RESTART, || {
            let total = invites.total();
            if total > goal { Ok(()) } else { Err(total.to_string()) }
        });
        world.crash();
        world.serve_again();
    }
    let attempts = world.complete(run, A_RESTART);
    assert_nobody_twice(&attempts, &mut invites, 300);
    let (busy, lost) = (count(&attempts, "RS_BUSY"), count(&attempts, "RS_LOST"));
    assert_eq!(busy + lost, 300, "{}", brief(&attempts));
    // Only what was under way at a crash can have an unknown end.
    assert!(lost <= 2 * 60, "{lost} lost");
    assert!(invites.reaching(busy) >= busy);
}

#[test]
fn a_crash_of_asterisk_loses_its_calls_and_nothing_else() {
    let mut world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = with_calls_up(&world);
    world.pair.pbx.kill9();
    world.wait("the link is down", A_RESTART, || {
        let live = world.live();
        if live["pbxs"][0]["state"] == "down" { Ok(()) } else { Err(live["pbxs"].to_string()) }
    });
    // Their end is not known while nobody can say: the lines stay occupied and nobody else is dialled.
    assert_eq!(world.live()["totals"]["open_calls"], json!(5));
    assert_eq!(world.attempts(run).len(), 5);
    world.pair.pbx.boot().unwrap();
    let attempts = world.complete(run, A_RESTART);
    assert_nobody_twice(&attempts, &mut invites, 8);
    assert_eq!((count(&attempts, "RS_LOST"), count(&attempts, "RS_BUSY")), (5, 3), "{}", brief(&attempts));
}

#[test]
fn a_hanging_asterisk_is_noticed_and_its_calls_go_on_when_it_comes_back() {
    let mut world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let hold = world.add_end_point("hold", 2);
    let changes = json!({"end_points": [hold]});
    // The person leaves a minute later: not the test's business; our own closing ends the call.
    let changes = crate::world::merged(changes, json!({"forced_closure_s": 40}));
    let run = world.dial("frozen", &["15551000001", "15551000002", "15554000003"], changes);
    world.wait_for_attempts(run, "two conversations", A_RESTART, |attempts| count(attempts, "CONNECTED") == 2);
    world.pair.pbx.pause();
    world.wait("the link is down", A_RESTART, || {
        let live = world.live();
        if live["pbxs"][0]["state"] == "down" { Ok(()) } else { Err(live["pbxs"].to_string()) }
    });
    world.pair.pbx.resume();
    world.wait_for_link();
    assert_eq!(world.live()["totals"]["open_calls"], json!(2));
    let attempts = world.complete(run, A_RESTART);
    assert_nobody_twice(&attempts, &mut invites, 3);
    assert_eq!((count(&attempts, "RS_TIMEOUT"), count(&attempts, "RS_BUSY")), (2, 1), "{}", brief(&attempts));
}
