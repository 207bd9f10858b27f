//! The scenarios of WombatDialer's manual, on a PBX as its users have one: reached over the manager interface only, with a
//! trunk that is a `Local/` channel, and with dialplans that were written for it (`cookbook.conf` of the test PBX).

use super::{A_FEW_CALLS, edit, ended, ok, say};
use crate::world::{LogEntry, PATIENCE, World, brief, ms, use_ami};
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;
use testkit::Pair;
use testkit::receiver::Receiver;

/// Long enough to see that nothing is dialled.
const A_WHILE: Duration = Duration::from_millis(1_500);

/// Something that Asterisk tells at once, on a busy machine.
const A_MOMENT: Duration = Duration::from_secs(5);

/// The office, and the trunk `out` that leads through the PBX's own dialplan.
struct Office {
    world: World,
    trunk: i64,
}

impl Office {
    fn open() -> Self {
        Self::with(Vec::new())
    }

    /// The same with a server that finds these variables besides.
    fn with(more: Vec<(&'static str, std::ffi::OsString)>) -> Self {
        use_ami();
        let allow = ("CARILLON_WOMBAT_ALLOW", "127.0.0.0/8".into());
        let world = World::with_environment([vec![allow], more].concat());
        let dial_string = "Local/${num}@carillon-local/n";
        let trunk = world.add_trunk("out", json!({"dial_string": dial_string, "capacity": 10}));
        Self { world, trunk }
    }

    fn end_point(&self, name: &str, extension: &str, context: &str, changes: Value) -> i64 {
        let body = json!({"pbx": self.world.pbx, "name": name, "context": context, "extension": extension, "max_channels": 10});
        self.world.create("end-points", crate::world::merged(body, changes))
    }

    fn queue(&self, name: &str, queue: &str, extension: &str, context: &str) -> i64 {
        self.end_point(
            name,
            extension,
            context,
            json!({"kind": "QUEUE", "queue": queue, "boost": 2.0, "max_waiting": 2}),
        )
    }

    /// A campaign through the trunk to this end point.
    fn campaign(&self, name: &str, end_point: i64, lists: &[i64], changes: Value) -> i64 {
        let base = json!({"trunks": [self.trunk], "end_points": [end_point]});
        self.world.campaign(name, lists, crate::world::merged(base, changes))
    }

    /// Starts it as a script does; its run.
    fn start(&self, name: &str) -> i64 {
        ok(&self.world, &format!("campaigns/?op=start&campaign={name}"));
        self.world.get("/api/runs?open=true&limit=1")["items"][0]["id"].as_i64().unwrap()
    }

    fn cli(&self, line: &str) -> String {
        self.world.pair.pbx.cli(line).unwrap()
    }

    fn log_on(&self, agent: u32, queue: &str) {
        let said = self.cli(&format!("queue add member Local/{agent}@carillon-agents/n to {queue}"));
        assert!(said.contains("Added"), "{said}");
    }

    /// The attempts at a number, in order: state, extended status and the seconds to the retry that follows.
    fn story(attempts: &[Value], number: &str) -> Vec<(String, String, Option<i64>)> {
        let of_number = attempts.iter().filter(|attempt| attempt["number"] == number);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let retry = |attempt: &Value| {
            attempt["retry_at"].as_str().map(|_| (ms(&attempt["retry_at"]) - ms(&attempt["ended_at"]) + 500) / 1_000)
        };
        of_number.map(|attempt| (text(&attempt["state"]), text(&attempt["ext_state"]), retry(attempt))).collect()
    }
}

fn row(state: &str, ext: &str, retry_in_s: Option<i64>) -> (String, String, Option<i64>) {
    (state.to_owned(), ext.to_owned(), retry_in_s)
}

/// Quick start: a message to whoever answers, retries for whom the network refuses, a report, and a list of the failed.
#[test]
fn qs_a_message_is_broadcast_and_the_failed_become_a_list() {
    let office = Office::open();
    let world = &office.world;
    let message = office.end_point("999", "message", "carillon-demo", json!({}));
    let list = world.list("people", &["15551000001", "15554200001"]);
    let rules = json!([{"status": "RS_REJECTED", "max_attempts": 2, "retry_after_s": 2},
        {"status": "RS_NOANSWER", "max_attempts": 3, "retry_after_s": 2},
        {"status": "RS_BUSY", "max_attempts": 2, "retry_after_s": 300}]);
    office.campaign("broadcast", message, &[list], json!({ "rules": rules }));
    // With dialling stopped it starts and nothing is placed.
    switch(world, "stop", "DOWN");
    let run = office.start("broadcast");
    thread::sleep(A_WHILE);
    assert_eq!(world.attempts(run).len(), 0);
    switch(world, "start", "READY");
    world.wait_for_state(run, "COMPLETED", A_FEW_CALLS);
    let attempts = world.attempts(run);
    let refused = [row("RS_REJECTED", "", Some(2)), row("RS_REJECTED", "", Some(2)), row("RS_REJECTED", "", None)];
    assert_eq!(Office::story(&attempts, "15554200001"), refused, "{}", brief(&attempts));
    assert_eq!(Office::story(&attempts, "15551000001"), [row("TERMINATED", "", None)]);
    assert!(attempts.iter().all(|call| (call["talk_ms"].as_i64() > Some(0)) == (call["state"] == "TERMINATED")));
    let stats: Value = serde_json::from_str(&say(world, &format!("reports/stats/?id={run}"))).unwrap();
    let shares: Vec<_> = stats["result"]["statsOut"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (row["gbState"].as_str().unwrap(), row["nCalls"].as_i64().unwrap(), row["percent"].as_f64().unwrap())
        })
        .collect();
    assert_eq!(shares, [("RS_REJECTED", 3, 75.0), ("TERMINATED", 1, 25.0)]);
    let outcomes = ["RS_REJECTED", "RS_NOANSWER", "RS_BUSY"].map(|state| json!({ "state": state }));
    world
        .create_whole("lists/from-attempts", json!({"name": "failed", "ended": {"runs": [run], "outcomes": outcomes}}));
    let failed = world.get("/api/lists?name=failed")["items"][0]["id"].as_i64().unwrap();
    let contacts = world.get(&format!("/api/lists/{failed}/contacts"))["items"].clone();
    assert_eq!(
        (contacts.as_array().unwrap().len(), &contacts[0]["as_given"]),
        (1, &json!("15554200001")),
        "{contacts}"
    );
    assert_eq!(world.get("/api/runs?open=true")["items"], json!([]), "it can be started again");
    office.start("broadcast");
}

/// Stops or starts all dialling, as the old name of the operation has it.
fn switch(world: &World, op: &str, state: &str) {
    let answer: Value = serde_json::from_str(&say(world, &format!("dialer/?op={op}"))).unwrap();
    assert_eq!(answer["state"], state, "{answer}");
}

/// Social media dialer: numbers come from outside, one after the other over a single line.
#[test]
fn sm_calls_that_are_added_go_out_one_by_one_with_what_came_with_them() {
    let office = Office::open();
    let world = &office.world;
    world.patch(&format!("/api/trunks/{}", office.trunk), json!({"capacity": 1}));
    let telecast = office.end_point("telecast", "100", "telecast", json!({}));
    let list = world.create("lists", json!({"name": "runme"}));
    world.add_contacts(list, vec![json!({"number": "15551000001", "attributes": {"user": "10", "friends": "100"}})]);
    office.campaign("Runme", telecast, &[list], json!({"idle_on_termination": true}));
    let run = office.start("Runme");
    let said = |attempt: &Value| attempt["output_attributes"]["said"].as_str().unwrap_or_default().to_owned();
    assert_eq!(said(&ended(world, run, 1)[0]), "10 100");
    world.wait_for_state(run, "IDLE", A_FEW_CALLS);

    for n in 0..3 {
        let path = "calls/index.jsp?op=addcall&campaign=Runme";
        ok(world, &format!("{path}&number=1555100000{}&attrs=user:{n},friends:9", n + 2));
    }
    let attempts = ended(world, run, 4);
    let added: Vec<_> =
        attempts[1..].iter().map(|call| (call["number"].as_str().unwrap().to_owned(), said(call))).collect();
    let wanted = [("15551000002", "0 9"), ("15551000003", "1 9"), ("15551000004", "2 9")];
    assert_eq!(added, wanted.map(|(number, text)| (number.to_owned(), text.to_owned())));
    for two in attempts.windows(2) {
        assert!(ms(&two[1]["requested_at"]) >= ms(&two[0]["ended_at"]), "one line: {}", brief(&attempts));
    }
    world.wait_for_state(run, "IDLE", A_FEW_CALLS);
    assert_eq!(world.get("/api/lists?name=Runme/AUTO")["items"][0]["contacts"], 3);

    // At another time of the day nothing is dialled, and when it is the right one, it is.
    let campaign = world.get("/api/campaigns?name=Runme")["items"][0]["id"].as_i64().unwrap();
    let closed = json!({"campaignId": campaign, "timeDow": other_day()});
    edit(world, "campaign/?mode=E", &closed);
    ok(world, "campaigns/?op=reload&campaign=Runme");
    ok(world, "calls/?op=addcall&campaign=Runme&number=15551000005&attrs=user:5,friends:5");
    world.wait_for_state(run, "WRONG_TIME", PATIENCE);
    thread::sleep(A_WHILE);
    assert_eq!(world.attempts(run).len(), 4);
    edit(world, "campaign/?mode=E", &json!({"campaignId": campaign, "timeDow": "1234567"}));
    ok(world, "campaigns/?op=reload&campaign=Runme");
    assert_eq!(said(&ended(world, run, 5)[4]), "5 5");

    ok(world, "campaigns/?op=pause&campaign=Runme");
    ok(world, "campaigns/?op=remove&campaign=Runme");
    assert!(say(world, "calls/?op=addcall&campaign=Runme&number=15551000006").starts_with("ERROR: "));
}

/// Two PBXs, one over each link: both dial, and a call has its trunk and its end point on the same of them.
#[test]
fn sm_two_pbxs_share_the_numbers_and_each_call_stays_on_one() {
    let office = Office::open();
    let world = &office.world;
    let other = Pair::start().unwrap();
    let login = other.pbx.ari();
    let second = world.create(
        "pbxs",
        json!({"name": "second", "host": login.host, "port": login.port, "username": login.user, "password": login.password}),
    );
    let trunk = world.add_trunk("second", json!({"pbx": second, "capacity": 2}));
    world.patch(&format!("/api/trunks/{}", office.trunk), json!({"capacity": 2}));
    let message = office.end_point("first", "message", "carillon-demo", json!({}));
    let beside = office.end_point("beside", "message", "carillon-demo", json!({ "pbx": second }));
    let numbers: Vec<String> = (0..20).map(|n| format!("155510000{n:02}")).collect();
    let list = world.list("people", &numbers.iter().map(String::as_str).collect::<Vec<_>>());
    let changes = json!({"trunks": [office.trunk, trunk], "end_points": [message, beside]});
    let attempts = world.complete(world.start_run(world.campaign("both", &[list], changes)), A_FEW_CALLS);
    let of = |pbx: i64, trunk: i64, end_point: i64| {
        let on_it = |call: &&Value| (&call["trunk"], &call["end_point"]) == (&json!(trunk), &json!(end_point));
        attempts.iter().filter(|call| call["pbx"] == pbx).filter(on_it).count()
    };
    let counts = [of(world.pbx, office.trunk, message), of(second, trunk, beside)];
    assert_eq!((attempts.len(), counts.iter().sum::<usize>()), (20, 20), "{}", brief(&attempts));
    assert!(counts.iter().all(|count| *count >= 4), "both dial: {counts:?}");
    assert!(attempts.iter().all(|call| call["state"] == "TERMINATED"), "{}", brief(&attempts));
}

/// A weekday that neither is nor is next to the one that a clock anywhere shows; 1 is Sunday.
fn other_day() -> String {
    let today = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 86_400;
    // The first day of the epoch was a Thursday, which is 5.
    ((today + 4 + 3) % 7 + 1).to_string()
}

/// Fund raising: a queue's agents, two calls for each, and what people press decides.
#[test]
fn hw_who_presses_one_talks_to_an_agent_and_who_presses_two_is_called_later() {
    let office = Office::open();
    let world = &office.world;
    let friends = office.queue("friends", "support", "s", "friends");
    let list = world.list("friends", &["15555200001", "15555500200", "15551000001", "15551000002"]);
    let rules = json!([{"status": "TERMINATED", "status_ext": "2", "max_attempts": 1, "retry_after_s": 2}]);
    office.campaign(
        "friends",
        friends,
        &[list],
        json!({"rules": rules, "answer_timeout_ms": 15_000, "queue_log": true}),
    );
    let run = office.start("friends");
    thread::sleep(A_WHILE);
    assert_eq!(world.attempts(run).len(), 0, "nobody is there to talk to them");
    office.log_on(10, "support");
    let agent = |attempts: &[Value]| attempts.iter().filter(|call| call["ended_at"].is_null()).count();
    let first = world.wait_for_attempts(run, "two calls for one agent", A_FEW_CALLS, |attempts| attempts.len() >= 2);
    assert_eq!((first.len(), agent(&first)), (2, 2));
    // The one who pressed 1 has an agent until somebody hangs up.
    let talking = world.wait_for_attempts(run, "a conversation with the agent", A_FEW_CALLS, |attempts| {
        attempts.iter().any(|call| call["ext_state"] == "1")
            && office.cli("core show channels concise").contains("Local/10@")
    });
    let call = talking.iter().find(|call| call["ext_state"] == "1").unwrap()["id"].clone();
    world.wait_for_attempts(run, "the others of the first pair", A_FEW_CALLS, |attempts| agent(attempts) == 1);
    thread::sleep(A_WHILE);
    let held = world.attempts(run);
    assert!(held.len() <= 3, "the agent talks, nobody is called for it: {}", brief(&held));
    world.post(&format!("/api/attempts/{call}/hang-up"));
    world.wait_for_state(run, "COMPLETED", A_FEW_CALLS * 2);
    let attempts = world.attempts(run);
    let story = |number: &str| Office::story(&attempts, number);
    assert_eq!(story("15555200001"), [row("TERMINATED", "1", None)], "{}", brief(&attempts));
    assert_eq!(story("15555500200"), [row("TERMINATED", "2", Some(2)), row("TERMINATED", "2", None)]);
    assert_eq!(story("15551000001"), [row("TERMINATED", "", None)], "who presses nothing has no extended status");
    // All calls are in the campaign's queue of the log; in the PBX's own only the one that waited in it.
    let entered =
        |log: &[LogEntry], queue: &str| log.iter().filter(|e| e.event == "ENTERQUEUE" && e.queue == queue).count();
    world.wait("every call in the queue_log", A_MOMENT, || {
        let log = world.queue_log();
        let counts = (entered(&log, "friends"), entered(&log, "support"));
        if counts == (attempts.len(), 1) { Ok(()) } else { Err(format!("{counts:?} {log:?}")) }
    });
}

/// A queue of a PBX with its own dialplan before it: agents see what the call brought, reports see the campaign as a queue.
#[test]
fn qm_agents_see_who_it_is_and_the_log_has_the_campaign_as_a_queue() {
    let office = Office::open();
    let world = &office.world;
    let custom = office.queue("custom", "support", "1235", "from-internal-custom");
    let changes = json!({"idle_on_termination": true, "queue_log": true, "queue_log_alias": "collections",
        "agent_clid": "C1 ${NAME}", "answer_timeout_ms": 15_000});
    office.campaign("qm", custom, &[], changes);
    let run = office.start("qm");
    office.log_on(10, "support");
    ok(world, "calls/?op=addcall&campaign=qm&number=15551000001&attrs=ID:2301,PERS:John%20Doe,NAME:WHITE");
    let talking = world.wait_for_attempts(run, "a conversation with the agent", A_FEW_CALLS, |attempts| {
        attempts.iter().any(|call| call["connected_at"].is_string())
            && office.cli("core show channels concise").contains("Local/10@")
    });
    world.post(&format!("/api/attempts/{}/hang-up", talking[0]["id"]));
    let call = ended(world, run, 1).remove(0);
    assert_eq!(call["output_attributes"]["shown"], "C1 WHITE", "{call:#}");
    let log = world.wait("the end of the call in both queues", A_MOMENT, || {
        let log = world.queue_log();
        let ends = log.iter().filter(|entry| entry.event.starts_with("COMPLETE")).count();
        if ends == 2 { Ok(log) } else { Err(format!("{log:?}")) }
    });
    let of = |queue: &str| log.iter().filter(|entry| entry.queue == queue).collect::<Vec<_>>();
    let waited = of("support").into_iter().find(|entry| entry.event == "ENTERQUEUE").unwrap().data[1].clone();
    assert_eq!(waited, "2301 John Doe", "{log:?}");
    let told: Vec<_> =
        of("collections").into_iter().map(|entry| (entry.event.as_str(), entry.agent.as_str())).collect();
    assert_eq!(told[0], ("ENTERQUEUE", "NONE"), "{log:?}");
    assert!(told.contains(&("CONNECT", "custom")), "{log:?}");
    assert!(told.iter().any(|(event, agent)| event.starts_with("COMPLETE") && *agent == "custom"), "{log:?}");
}

/// Dr Strangelove: a voice menu that asks for appointments, its answers as attributes, a form for each attempt.
#[test]
fn ds_a_menu_confirms_appointments_and_tells_each_attempt() {
    let receiver = Receiver::start().unwrap();
    let office = Office::with(vec![("CARILLON_WEBHOOKS_ALLOW", "127.0.0.0/8".into())]);
    let world = &office.world;
    let practice = office.end_point("practice", "s", "drstrangelove", json!({}));
    let list = world.create("lists", json!({"name": "patients"}));
    let patients = ["15555500110", "15555500220", "15551000001", "15555500300", "15554000001"];
    let contact = |number: &&str| json!({"number": number, "attributes": {"HH": "10", "MM": "30"}});
    world.add_contacts(list, patients.iter().map(contact).collect());
    let rules = json!([{"status": "RS_NOANSWER", "max_attempts": 5, "retry_after_s": 300},
        {"status": "RS_BUSY", "max_attempts": 5, "retry_after_s": 300},
        {"status": "RS_ERROR", "max_attempts": 5, "retry_after_s": 300},
        {"status": "RS_TIMEOUT", "max_attempts": 3, "retry_after_s": 120},
        {"status": "TERMINATED", "status_ext": "0", "max_attempts": 3, "retry_after_s": 300}]);
    let changes = json!({"rules": rules, "idle_on_termination": true, "forced_closure_s": 12, "time_start": "000000"});
    let campaign = office.campaign("strangelove", practice, &[list], changes);
    edit(world, "campaign/?mode=E", &json!({"campaignId": campaign, "httpNotify": receiver.url()}));
    let run = office.start("strangelove");
    let attempts = ended(world, run, 5);
    let of = |number: &str| attempts.iter().find(|attempt| attempt["number"] == number).unwrap();
    let story = |number: &str| Office::story(&attempts, number).remove(0);
    assert_eq!(story("15555500110"), row("TERMINATED", "1", None), "{}", brief(&attempts));
    assert_eq!(of("15555500110")["output_attributes"], json!({"APPT": "APPE"}));
    assert_eq!(story("15555500220"), row("TERMINATED", "2", None));
    assert_eq!(of("15555500220")["output_attributes"], json!({"APPT": "PSYC"}));
    assert_eq!(story("15551000001"), row("TERMINATED", "0", Some(300)), "no key");
    assert_eq!(story("15555500300"), row("RS_TIMEOUT", "", Some(120)));
    assert_eq!(story("15554000001"), row("RS_BUSY", "", Some(300)));

    let told = world.wait("every form", A_FEW_CALLS, || {
        let told: Vec<String> = receiver.received().into_iter().map(|told| told.body).collect();
        if told.len() >= 5 { Ok(told) } else { Err(told.join("\n")) }
    });
    for wanted in [
        "num=15555500110&reschedule=0&I_HH=10&I_MM=30&extstate=1&state=TERMINATED&O_APPT=APPE&retry=0",
        "num=15555500220&reschedule=0&I_HH=10&I_MM=30&extstate=2&state=TERMINATED&O_APPT=PSYC&retry=0",
        "num=15551000001&reschedule=300&I_HH=10&I_MM=30&extstate=0&state=TERMINATED&retry=0",
        "num=15554000001&reschedule=300&I_HH=10&I_MM=30&extstate=&state=RS_BUSY&retry=0",
    ] {
        assert!(told.iter().any(|form| form == wanted), "{wanted}\n{told:#?}");
    }
    let stats: Value = serde_json::from_str(&say(world, &format!("reports/stats/?id={run}"))).unwrap();
    let rows: Vec<_> = stats["result"]["statsOut"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{}:{}", row["gbState"].as_str().unwrap(), row["gbStateExt"].as_str().unwrap()))
        .collect();
    for bucket in ["TERMINATED:0", "TERMINATED:1", "TERMINATED:2", "RS_BUSY:", "RS_TIMEOUT:"] {
        assert!(rows.iter().any(|row| row == bucket), "{bucket}: {rows:?}");
    }
}

/// Call-backs: who waits too long leaves a number from the dialplan and is called when an agent is there.
#[test]
fn cb_a_caller_leaves_a_number_and_is_called_back_when_an_agent_is_there() {
    let office = Office::open();
    let world = &office.world;
    let callbacks = office.queue("callbacks", "callbacks", "401", "callbacks");
    let rules = json!([{"status": "RS_BUSY", "max_attempts": 2, "retry_after_s": 2}]);
    office.campaign("callback", callbacks, &[], json!({"rules": rules, "idle_on_termination": true}));
    let run = office.start("callback");
    world.wait_for_state(run, "IDLE", A_FEW_CALLS);
    office.cli(&format!("dialplan set global API http://127.0.0.1:{}/wombat/api", world.pair.ports.api));
    for number in ["15551201001", "15554000001"] {
        office.cli(&format!("channel originate Local/s@callback-ivr/n application SendDTMF ww{number},200"));
    }
    let left = world.wait("both numbers", A_FEW_CALLS, || {
        let lists = world.get("/api/lists?name=callback/AUTO")["items"].clone();
        if lists[0]["contacts"] == 2 { Ok(lists[0]["id"].as_i64().unwrap()) } else { Err(lists.to_string()) }
    });
    let contacts = world.get(&format!("/api/lists/{left}/contacts"))["items"].clone();
    for contact in contacts.as_array().unwrap() {
        let attributes = &contact["attributes"];
        let when = attributes["when"].as_str().unwrap_or_default();
        assert!(attributes["orgQ"] == "400" && when.len() == 13 && when.as_bytes()[6] == b'-', "{contact}");
    }
    thread::sleep(A_WHILE);
    assert_eq!(world.attempts(run).len(), 0, "nobody is there");
    office.log_on(11, "callbacks");
    let talking = world.wait_for_attempts(run, "the person with the agent", A_FEW_CALLS, |attempts| {
        let up = attempts.iter().any(|call| call["number"] == "15551201001" && call["connected_at"].is_string());
        up && office.cli("core show channels concise").contains("Local/11@")
    });
    let call = talking.iter().find(|call| call["number"] == "15551201001").unwrap()["id"].clone();
    thread::sleep(A_WHILE);
    world.post(&format!("/api/attempts/{call}/hang-up"));
    // The caller is gone before the agent: who is free must not wait until the queues are compared.
    world.wait("a free agent", A_MOMENT, || {
        let agents = world.get(&format!("/api/end-points/{callbacks}/agents"))["items"].clone();
        if agents[0]["state"] == "idle" { Ok(()) } else { Err(agents.to_string()) }
    });
    let attempts = ended(world, run, 4);
    let busy = [row("RS_BUSY", "", Some(2)), row("RS_BUSY", "", Some(2)), row("RS_BUSY", "", None)];
    assert_eq!(Office::story(&attempts, "15554000001"), busy, "{}", brief(&attempts));
    world.wait_for_state(run, "IDLE", A_FEW_CALLS);
}

/// Lost inbound calls: a script posts the numbers every now and then, through a PBX whose own routes are used as they are.
#[test]
fn lr_lost_callers_are_queued_while_it_is_paused_and_called_through_the_pbxs_routes() {
    let office = Office::open();
    let world = &office.world;
    let trunk = world.add_trunk("freepbx", json!({"dial_string": "Local/9${num}@from-internal/n"}));
    let message = office.end_point("recall", "message", "carillon-demo", json!({}));
    office.campaign("c1", message, &[], json!({"trunks": [trunk], "idle_on_termination": true}));
    let run = office.start("c1");
    ok(world, "campaigns/?op=pause&campaign=c1");
    for number in ["15551000001", "15554000001", "15551000003"] {
        ok(world, &format!("calls/?op=addcall&campaign=c1&number={number}"));
    }
    thread::sleep(A_WHILE);
    assert_eq!(world.attempts(run).len(), 0);
    ok(world, "campaigns/?op=unpause&campaign=c1");
    let attempts = ended(world, run, 3);
    let states: Vec<_> =
        ["15551000001", "15554000001", "15551000003"].map(|number| Office::story(&attempts, number).remove(0).0).into();
    assert_eq!(states, ["TERMINATED", "RS_BUSY", "TERMINATED"], "{}", brief(&attempts));
    world.wait_for_state(run, "IDLE", A_FEW_CALLS);
}

/// Two campaigns on one line: the one that comes first by its number is served first.
#[test]
fn en_a_lower_number_is_served_first() {
    let office = Office::open();
    let world = &office.world;
    world.patch(&format!("/api/trunks/{}", office.trunk), json!({"capacity": 2}));
    let message = office.end_point("m", "message", "carillon-demo", json!({}));
    let numbers = |digit: u32| (0..5).map(|n| format!("155510000{digit}{n}")).collect::<Vec<_>>();
    for (name, priority, digit) in [("late", 10, 2), ("early", 1, 1)] {
        let numbers = numbers(digit);
        let list = world.list(name, &numbers.iter().map(String::as_str).collect::<Vec<_>>());
        office.campaign(name, message, &[list], json!({ "priority": priority }));
    }
    // Both have work before the line is free for either.
    switch(world, "stop", "DOWN");
    let runs: Vec<i64> = ["late", "early"].map(|name| office.start(name)).into();
    switch(world, "start", "READY");
    for run in &runs {
        world.wait_for_state(*run, "COMPLETED", A_FEW_CALLS * 2);
    }
    let last_of_early = world.attempts(runs[1]).iter().map(|call| ms(&call["requested_at"])).max();
    let late: Vec<_> = world.attempts(runs[0]).iter().map(|call| ms(&call["requested_at"])).collect();
    assert!(late.iter().all(|at| Some(*at) >= last_of_early), "{late:?} {last_of_early:?}");
}
