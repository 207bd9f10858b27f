//! Scripts and dialplans written for WombatDialer, with real calls.

mod cookbook;
mod recipes;

use crate::world::World;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use testkit::receiver::Receiver;

/// A few short calls on a busy machine.
const A_FEW_CALLS: Duration = Duration::from_secs(60);

/// A server that lets this machine in, as somebody sets it who must not touch scripts.
pub(crate) fn world() -> World {
    World::with_environment(vec![("CARILLON_WOMBAT_ALLOW", "127.0.0.0/8".into())])
}

/// What an old client hears: HTTP/1.0, nothing escaped.
pub(crate) fn say(world: &World, path: &str) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", world.pair.ports.api)).unwrap();
    socket.set_read_timeout(Some(A_FEW_CALLS)).unwrap();
    write!(socket, "GET /wombat/api/{path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 OK"), "{path}: {answer}");
    body.to_owned()
}

#[track_caller]
pub(crate) fn ok(world: &World, path: &str) -> String {
    let said = say(world, path);
    assert!(said.contains("OK"), "{path}: {said}");
    said
}

/// A campaign that idles, started by its name; its run.
fn started(world: &World, name: &str, changes: Value) -> i64 {
    let mut campaign = json!({"idle_on_termination": true});
    campaign.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    world.campaign(name, &[], campaign);
    ok(world, &format!("campaigns/?op=start&campaign={name}"));
    world.get("/api/runs?open=true")["items"][0]["id"].as_i64().unwrap()
}

fn ended(world: &World, run: i64, count: usize) -> Vec<Value> {
    world.wait_for_attempts(run, "the calls", A_FEW_CALLS, |attempts| {
        attempts.iter().filter(|attempt| attempt["ended_at"].is_string()).count() == count
    })
}

#[test]
fn a_call_that_a_script_adds_is_dialled_with_its_attributes_and_tells_its_outputs() {
    let world = world();
    let end_point = world.add_end_point("wombat", 10);
    let run = started(&world, "Runme", json!({"end_points": [end_point]}));
    world.wait_for_state(run, "IDLE", A_FEW_CALLS);
    ok(&world, "calls/index.jsp?op=addcall&campaign=Runme&number=15551000001&attrs=user:107,friends:123");
    let attempts = ended(&world, run, 1);
    let call = &attempts[0];
    assert_eq!(call["output_attributes"], json!({"APPT": "107-123"}), "{call:#}");
    assert_eq!((&call["state"], &call["ext_state"]), (&json!("TERMINATED"), &json!("0")));
    assert_eq!(call["list_name"], "Runme/AUTO");
    let (kinds, _) = world.timeline(call);
    assert_eq!(kinds.iter().filter(|kind| *kind == "attempt.attribute_set").count(), 3, "{kinds:?}");
    world.wait_for_state(run, "IDLE", A_FEW_CALLS);

    // Paused it takes the call and keeps it; the one that is planned waits for its time.
    ok(&world, "campaigns/?op=pause&campaign=Runme");
    ok(&world, "calls/?op=addcall&campaign=Runme&number=15551000001&attrs=user:1,friends:2");
    assert_eq!(world.attempts(run).len(), 1);
    ok(&world, "campaigns/?op=unpause&campaign=Runme");
    ended(&world, run, 2);
    ok(&world, "calls/?op=addcall&campaign=Runme&number=15551000001&schedule=4");
    let planned = world.get("/api/lists?name=Runme/AUTO")["items"][0].clone();
    assert_eq!(planned["contacts"], 3);
    let live: Value = serde_json::from_str(&say(&world, "live/runs/")).unwrap();
    assert_eq!(live["result"]["campaigns"][0]["n_open_retries"], 1, "{live}");
    assert_eq!(ended(&world, run, 3).len(), 3);
    ok(&world, "campaigns/?op=remove&campaign=Runme");
    assert!(say(&world, "calls/?op=addcall&campaign=Runme&number=15551000001").starts_with("ERROR: "));
}

#[test]
fn a_live_call_is_given_a_status_and_attributes_by_its_id() {
    let world = world();
    let hold = world.add_end_point("hold", 10);
    let run = started(&world, "Live", json!({"end_points": [hold]}));
    ok(&world, "calls/?op=addcall&campaign=Live&number=15551000001");
    let talking = world.wait_for_attempts(run, "a conversation", A_FEW_CALLS, |attempts| {
        attempts.iter().any(|attempt| attempt["connected_at"].is_string())
    });
    let id = &talking[0]["id"];
    let said = ok(&world, &format!("calls/?op=extstatus&wombatid={id}&status=XY"));
    assert!(said.contains("Event CALLSTATUS queued"), "{said}");
    for change in ["attr&attr=A&val=gone", "attrClear", "attr&attr=A&val=CD", "attrAppend&attr=A&val=EF"] {
        ok(&world, &format!("calls/?op={change}&wombatid={id}"));
    }
    let info: Value = serde_json::from_str(&say(&world, &format!("callinfo/?id={id}"))).unwrap();
    assert_eq!((&info["isLive"], &info["outputAttributes"]), (&json!(true), &json!({"A": "CDEF"})), "{info}");
    world.post(&format!("/api/attempts/{id}/hang-up"));
    let call = &ended(&world, run, 1)[0];
    assert_eq!((&call["ext_state"], &call["output_attributes"]), (&json!("XY"), &json!({"A": "CDEF"})), "{call:#}");
    let stats: Value = serde_json::from_str(&say(&world, &format!("reports/stats/?id={run}"))).unwrap();
    assert_eq!(stats["result"]["statsOut"][0]["gbStateExt"], "XY", "{stats}");
}

/// `mode=E` of the configuration API: the record that is saved.
fn edit(world: &World, path: &str, record: &Value) -> Value {
    let data: String = record.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer: Value = serde_json::from_str(&say(world, &format!("edit/{path}&data={data}"))).unwrap();
    assert_eq!(answer["status"], "OK", "{answer}");
    answer["results"][0].clone()
}

#[test]
fn each_ended_attempt_is_posted_as_a_form_until_it_is_taken() {
    let receiver = Receiver::start().unwrap();
    let allow = [("CARILLON_WOMBAT_ALLOW", "127.0.0.0/8".into()), ("CARILLON_WEBHOOKS_ALLOW", "127.0.0.0/8".into())];
    let world = World::with_environment(allow.to_vec());
    let end_point = world.add_end_point("wombat", 10);
    let rules = json!([{"status": "RS_BUSY", "max_attempts": 1, "retry_after_s": 3}]);
    let campaign =
        world.campaign("Told", &[], json!({"idle_on_termination": true, "end_points": [end_point], "rules": rules}));
    let path = "campaign/?mode=E";
    let saved = edit(&world, path, &json!({"campaignId": campaign, "httpNotify": receiver.url()}));
    assert_eq!(saved["httpNotify"], receiver.url().as_str());
    // Away for the first try: WombatDialer would have lost it.
    let first = std::sync::atomic::AtomicBool::new(true);
    receiver.answers(move |_| if first.swap(false, std::sync::atomic::Ordering::SeqCst) { 503 } else { 204 });

    ok(&world, "campaigns/?op=start&campaign=Told");
    ok(&world, "calls/?op=addcall&campaign=Told&number=15551000001&attrs=user:10,friends:a%26b");
    ok(&world, "calls/?op=addcall&campaign=Told&number=15554000001&attrs=HH:10");
    let taken = || receiver.received().into_iter().filter(|told| told.status == 204).map(|told| told.body);
    let told = testkit::process::until(A_FEW_CALLS, || Ok((taken().count() >= 3).then(|| taken().collect::<Vec<_>>())));
    let mut told = told.unwrap().expect("three attempts end");
    told.sort();
    assert_eq!(
        told,
        [
            "num=15551000001&reschedule=0&I_user=10&I_friends=a%26b&extstate=0&state=TERMINATED&O_APPT=10-a%26b&retry=0",
            "num=15554000001&reschedule=0&I_HH=10&extstate=&state=RS_BUSY&retry=1",
            "num=15554000001&reschedule=3&I_HH=10&extstate=&state=RS_BUSY&retry=0",
        ]
    );
    let kind = "application/x-www-form-urlencoded";
    assert!(receiver.received().iter().all(|told| told.headers["content-type"] == kind));
    let gone = edit(&world, path, &json!({"campaignId": campaign, "httpNotify": ""}));
    assert_eq!((&gone["httpNotify"], &world.get("/api/webhooks")["items"]), (&json!(""), &json!([])));
}

#[test]
fn a_planned_call_survives_the_death_of_the_server() {
    let mut world = world();
    let run = started(&world, "Later", json!({}));
    ok(&world, "calls/?op=addcall&campaign=Later&number=15551000001&schedule=5");
    world.crash();
    world.serve_again();
    world.wait_for_link();
    let attempts = ended(&world, run, 1);
    assert_eq!(attempts[0]["retry"], 0);
}
