//! What programs written for WombatDialer do from end to end, request by request, with the client that most of them use:
//! `curl`, with the paths, the modes and the halves of parameters that are theirs, and the fields that they read.

use super::{A_FEW_CALLS, ended, world};
use crate::world::World;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// One request to a loopback server.
const AN_ANSWER: Duration = Duration::from_secs(30);
/// The user that WombatDialer comes with. From an address that may enter anyway, nobody looks at it.
const USER: &str = "demoadmin:demo";

/// `curl` on a path below the context; what it printed.
#[track_caller]
fn curl(world: &World, arguments: &[&str], path: &str) -> String {
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "25"]).args(arguments);
    command.arg(format!("http://127.0.0.1:{}/{path}", world.pair.ports.api));
    String::from_utf8(testkit::process::run(command, AN_ANSWER).unwrap().stdout).unwrap()
}

/// A request of the control API, by `GET`: the answer is one line that says that it was done.
#[track_caller]
fn control(world: &World, path: &str) -> String {
    let said = curl(world, &[], path);
    assert!(said.contains("OK"), "{path}: {said}");
    said
}

/// A request of the configuration API: `POST` without a body; all of the envelope.
#[track_caller]
fn read(world: &World, path: &str) -> Value {
    let text = curl(world, &["--user", USER, "-X", "POST"], path);
    let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"));
    assert_eq!(answer["status"], "OK", "{path}: {answer}");
    answer
}

/// `mode=E` or `mode=D` with a record in the form field `data`.
#[track_caller]
fn write(world: &World, path: &str, record: &Value) -> Value {
    // As from a file with line ends around it.
    let data = format!("data=\n{record:#}\n");
    let text = curl(world, &["--user", USER, "-X", "POST", "--data-urlencode", &data], path);
    let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"));
    let keys: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    for key in ["status", "error", "timeMs", "results", "allResults", "startFrom", "nRecords"] {
        assert!(keys.contains(&key), "{path}: {answer}");
    }
    assert_eq!(answer["status"], "OK", "{path}: {answer}");
    answer
}

/// What a search finds first.
#[track_caller]
fn first(world: &World, entity: &str, query: &str, key: &str) -> i64 {
    let found = read(world, &format!("wombat/api/edit/{entity}/?mode=L&query={query}"));
    found["results"][0][key].as_i64().unwrap_or_else(|| panic!("{entity} {query}: {found}"))
}

/// All fields of a campaign, as clients that make one send them.
fn campaign_record(name: &str) -> Value {
    json!({
        "campaignId": null, "name": name, "priority": 10, "pace": "RUNNABLE", "dial_timeout": 30000, "dial_clid": "",
        "dial_account": "", "dial_pres": "", "addlLogging": "", "pauseWhenFinished": 1, "timeStartHr": "000000",
        "timeEndHr": "235959", "timeDow": "1234567", "maxCallLength": 0, "batchSize": 100, "httpNotify": "",
        "loggingAlias": "", "securityKey": "", "autopause": false, "agentClid": "", "emailAddresses": "",
        "emailEvents": "NO", "initialBoostFactor": 1.0, "initialPredictiveModel": "OFF", "amdTracking": "OFF",
        "amdParams": "", "amdAudioFile": "", "amdFaxFile": "", "campaignVars": "", "loggingQmVars": "",
    })
}

/// Name and state of each run that is shown.
fn states(world: &World) -> Vec<(String, String)> {
    let live = read(world, "wombat/api/live/runs/");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let runs = live["result"]["campaigns"].as_array().unwrap().clone();
    runs.iter().map(|run| (text(&run["name"]), text(&run["state"]))).collect()
}

#[test]
fn a_template_is_cloned_given_a_new_list_and_started() {
    let world = world();
    let rules = json!([{"status": "RS_BUSY", "max_attempts": 1, "retry_after_s": 2}]);
    world.campaign("TEMPLATE", &[], json!({"rules": rules}));
    control(&world, "WombatDialer/api/campaigns/?op=clone&campaign=TEMPLATE&newcampaign=NEWCAMPAIGN-77");
    let numbers = "15551000001,AA:bb,CC:dd|15554000001,XX:yy";
    control(&world, &format!("WombatDialer/api/lists/?op=addToList&list=NEWCAMPAIGN-77-list&numbers={numbers}"));
    let campaign = first(&world, "campaign", "NEWCAMPAIGN-77", "campaignId");
    let list = first(&world, "list", "NEWCAMPAIGN-77-list", "listId");
    let link = json!({"campaignId": campaign, "idx": "1", "cl": {"listId": list}, "complete": false, "highwater": "",
        "clType": "CALL_LIST"});
    let linked = write(&world, &format!("WombatDialer/api/edit/campaign/list/?mode=E&parent={campaign}"), &link);
    let row = &linked["results"][0];
    assert_eq!(
        (&row["idx"], &row["cl"]["name"], &row["clType"]),
        (&json!("1"), &json!("NEWCAMPAIGN-77-list"), &json!("CALL_LIST"))
    );
    control(&world, "WombatDialer/api/campaigns/?op=start&campaign=NEWCAMPAIGN-77");
    let shown = states(&world);
    assert_eq!(shown[0].0, "NEWCAMPAIGN-77");
    assert!(["RUNNABLE", "RUNNING"].contains(&shown[0].1.as_str()), "{shown:?}");
    let run = world.get("/api/runs")["items"][0]["id"].as_i64().unwrap();
    let calls = ended(&world, run, 3);
    assert_eq!(calls.iter().filter(|call| call["state"] == "RS_BUSY").count(), 2, "the rule came along: {calls:#?}");
    world.wait_for_state(run, "COMPLETED", A_FEW_CALLS);
}

#[test]
fn a_campaign_is_built_from_nothing_and_dials() {
    let world = world();
    let login = world.pair.pbx.manager();
    let mut server = json!({"id": null, "description": "office two", "serverType": "ASTERISKAMI", "ipAddress": login.host,
        "port": login.port, "login": login.user, "password": login.password, "unit_len": 50, "msg_per_unit": 5,
        "securityKey": ""});
    // The PBX of this world is the same machine: it is taken, and given what the program has of it.
    let servers = read(&world, "wombat/api/edit/asterisk/?mode=L");
    let known = servers["results"][0].as_object().unwrap();
    for field in server.as_object().unwrap().keys() {
        assert!(known.contains_key(field), "{field}: {known:?}");
    }
    assert_eq!(known["password"], "");
    let pbx = known["id"].as_i64().unwrap();
    server["id"] = json!(pbx);
    write(&world, "wombat/api/edit/asterisk/?mode=E", &server);
    assert_eq!(first(&world, "asterisk", "office%20two", "id"), pbx);
    let trunk = json!({"trunkId": null, "astId": {"id": pbx}, "name": "tk", "dialstring": "PJSIP/${num}@carrier",
        "capacity": 5, "securityKey": ""});
    write(&world, "wombat/api/edit/trunk/?mode=E", &trunk);
    let end_point = json!({"epId": null, "type": "PHONE", "queueName": "", "name": "ph", "astId": {"id": pbx}, "idx": "",
        "campaignId": "", "maxChannels": 10, "extension": "message", "context": "carillon-demo", "boostFactor": 1,
        "maxWaitingCalls": 2, "reverseDialing": false, "stepwiseReverse": false, "securityKey": "", "description": "",
        "dialFind": "", "dialReplace": ""});
    write(&world, "wombat/api/edit/ep/?mode=E", &end_point);
    for list in ["BF2", "BLK"] {
        let record = json!({"listId": null, "name": list, "isHidden": false, "securityKey": ""});
        write(&world, "wombat/api/edit/list/?mode=E", &record);
    }
    write(&world, "wombat/api/edit/campaign/?mode=E", &campaign_record("ABCD"));
    let campaign = first(&world, "campaign", "ABCD", "campaignId");
    let parent = |entity: &str| format!("wombat/api/edit/campaign/{entity}/?mode=E&parent={campaign}");
    for (status, most, after) in [("RS_NOANSWER", 1, 120), ("RS_BUSY", 2, 2)] {
        let rule = json!({"rescheduleRuleId": null, "status": status, "statusExt": "", "maxAttempts": most,
            "retryAfterS": after, "mode": "FIXED", "campaignId": -1});
        write(&world, &parent("reschedule"), &rule);
    }
    let [trunk, end_point] = [("trunk", "tk", "trunkId"), ("ep", "ph", "epId")].map(|(e, q, k)| first(&world, e, q, k));
    write(&world, &parent("trunk"), &json!({"campaignId": -1, "trunkId": {"trunkId": trunk}}));
    write(&world, &parent("ep"), &json!({"campaignId": -1, "epId": {"epId": end_point}}));
    for (list, kind) in [("BF2", "CALL_LIST"), ("BLK", "BLACK_LIST")] {
        let list = first(&world, "list", list, "listId");
        let link =
            json!({"campaignId": -1, "cl": {"listId": list}, "complete": false, "highwater": "", "clType": kind});
        write(&world, &parent("list"), &link);
    }
    for (entity, count) in [("trunk", 1), ("ep", 1), ("list", 2), ("reschedule", 2), ("oh", 0)] {
        let shown = read(&world, &format!("wombat/api/edit/campaign/{entity}/?mode=L&parent={campaign}"));
        assert_eq!(shown["results"].as_array().unwrap().len(), count, "{entity}: {shown}");
    }
    control(&world, "wombat/api/lists/?op=addToList&list=BF2&numbers=15551000001|15554000001|15551000002");
    control(&world, "wombat/api/lists/?op=addToList&list=BLK&numbers=15551000002");
    control(&world, "wombat/api/campaigns/?op=start&campaign=ABCD");
    let run = world.get("/api/runs?open=true")["items"][0]["id"].as_i64().unwrap();
    let mut outcomes: Vec<_> =
        ended(&world, run, 5).iter().map(|call| call["state"].as_str().unwrap().to_owned()).collect();
    outcomes.sort();
    assert_eq!(outcomes, ["RS_BLACKLIST", "RS_BUSY", "RS_BUSY", "RS_BUSY", "TERMINATED"]);
    world.wait_for_state(run, "IDLE", A_FEW_CALLS);
}

#[test]
fn a_list_is_made_filled_and_shown_and_lists_leave_a_campaign() {
    let world = world();
    let by_name = |name: &str| {
        let found = read(&world, &format!("wombat/api/edit/list/?mode=L&query={name}"));
        let all = found["results"].as_array().unwrap().clone();
        all.iter().find(|list| list["name"] == name).map(|list| list["listId"].as_i64().unwrap())
    };
    assert_eq!(by_name("MYLIST"), None);
    write(
        &world,
        "wombat/api/edit/list/?mode=E",
        &json!({"listId": null, "name": "MYLIST", "isHidden": false, "securityKey": ""}),
    );
    let list = by_name("MYLIST").unwrap();
    let attributes = json!([{"isInput": true, "attrName": "SURNAME", "attrValue": "Doe"},
        {"isInput": true, "attrName": "NAME", "attrValue": "John"}]);
    let record = json!({"callId": null, "number": "100", "listId": {"listId": list}, "attributes": attributes});
    write(&world, &format!("wombat/api/edit/list/record/?mode=E&parent={list}"), &record);
    control(&world, "wombat/api/lists/?op=addToList&list=MYLIST&numbers=1234,AA:bb,CC:dd%7C5678,XX:yy");
    let records = read(&world, &format!("wombat/api/edit/list/record/?mode=L&parent={list}"));
    let shown: Vec<(&str, &str)> = records["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| (record["number"].as_str().unwrap(), record["attributesAsString"].as_str().unwrap()))
        .collect();
    assert_eq!(shown, [("100", "SURNAME:Doe,NAME:John"), ("1234", "AA:bb,CC:dd"), ("5678", "XX:yy")]);

    // Parameters in the body, no mode: a list of what there is; the record that it showed is what is deleted.
    let other =
        write(&world, "wombat/api/edit/list/?mode=E", &json!({"name": "other"}))["results"][0]["listId"].as_i64();
    let campaign = world.campaign("spring", &[list, other.unwrap()], json!({}));
    let asked = |arguments: &[&str], path: &str| -> Value {
        let answer = curl(&world, &[&["--user", USER, "-X", "POST"], arguments].concat(), path);
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
    };
    let found = asked(&["--data-urlencode", "query=spring"], "wombat/api/edit/campaign/");
    assert_eq!(found["results"][0]["campaignId"], campaign);
    let parent = format!("parent={campaign}");
    let path = "wombat/api/edit/campaign/list/";
    let linked = asked(&["--data-urlencode", &parent], path);
    let record =
        linked["results"].as_array().unwrap().iter().find(|row| row["cl"]["name"] == "MYLIST").unwrap().clone();
    let delete = |data: &str| {
        let data = format!("data={data}");
        let arguments = ["--data-urlencode", &data, "--data-urlencode", "mode=D", "--data-urlencode", &parent];
        let left = asked(&arguments, path);
        assert_eq!(left["status"], "OK", "{left}");
        let rows = left["results"].as_array().unwrap().clone();
        rows.iter()
            .map(|row| format!("{} {}", row["idx"].as_str().unwrap(), row["cl"]["name"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(delete(""), ["1 MYLIST", "2 other"], "nothing is named and nothing is deleted");
    assert_eq!(delete(&record.to_string()), ["1 other"]);
    assert_eq!(delete(&record.to_string()), ["1 other"], "it is gone already");
    // By the key of the link alone, as a string.
    let left = asked(&["--data-urlencode", &parent], path)["results"][0]["cclId"].clone();
    assert_eq!(delete(&json!({ "cclId": left }).to_string()), Vec::<String>::new());
}

/// The life of a campaign under a call centre that has the dialler as one of its parts.
#[test]
fn a_contact_centre_drives_a_campaign_through_its_life() {
    let world = world();
    let pbx = read(&world, "wombat/api/edit/asterisk/?mode=L")["results"][0]["id"].as_i64().unwrap();
    let mut record = campaign_record("7_ventas");
    let fields = record.as_object_mut().unwrap();
    fields.remove("campaignId");
    fields.extend(
        json!({"dial_clid": "ventas", "amdParams": "AMD_MODE & AMD_EXTRA", "amdAudioFile": "AMD_FILE",
        "amdFaxFile": "FAX_FILE", "pauseWhenFinished": 0, "dial_timeout": 5000})
        .as_object()
        .unwrap()
        .clone(),
    );
    let campaign =
        write(&world, "wombat/api/edit/campaign/?mode=E", &record)["results"][0]["campaignId"].as_i64().unwrap();
    let parent = |entity: &str, mode: &str| format!("wombat/api/edit/campaign/{entity}/?mode={mode}&parent={campaign}");
    write(&world, &parent("trunk", "E"), &json!({"trunkId": {"trunkId": world.trunk}}));
    let rule =
        |status: &str| json!({"status": status, "statusExt": "", "maxAttempts": 3, "retryAfterS": 600, "mode": "MULT"});
    for status in ["RS_BUSY", "TERMINATED", "RS_NOANSWER", "RS_REJECTED", "RS_TIMEOUT"] {
        let mut rule = rule(status);
        if status == "TERMINATED" {
            rule["statusExt"] = json!("CONTESTADOR");
        }
        write(&world, &parent("reschedule", "E"), &rule);
    }
    let end_point = json!({"type": "PHONE", "queueName": "", "name": "7_ventas", "astId": {"id": pbx}, "idx": "",
        "campaignId": "", "maxChannels": 5, "extension": "hold", "context": "carillon-demo", "boostFactor": 1,
        "maxWaitingCalls": 2, "reverseDialing": false, "stepwiseReverse": false, "securityKey": "",
        "description": "7_ventas", "dialFind": "", "dialReplace": ""});
    let end_point = write(&world, "wombat/api/edit/ep/?mode=E", &end_point)["results"][0]["epId"].as_i64().unwrap();
    write(&world, &parent("ep", "E"), &json!({"epId": {"epId": end_point}}));
    // The numbers are a file in the body; its last record ends with a bar.
    let numbers = "numbers=15551000001,id_cliente:1,id_campana:7|15553000001,id_cliente:2,id_campana:7|";
    let said = curl(&world, &["-X", "POST", "--data-binary", numbers], "wombat/api/lists/?op=addToList&list=7_3_base");
    assert!(said.contains("OK") && said.contains("added 2 numbers"), "{said}");
    let lists = read(&world, "wombat/api/edit/list/?mode=L");
    let list =
        lists["results"].as_array().unwrap().iter().find(|list| list["name"] == "7_3_base").unwrap()["listId"].clone();
    write(&world, &parent("list", "E"), &json!({"cl": {"listId": list}}));

    let post = |path: &str| {
        let said = curl(&world, &["-X", "POST"], path);
        assert!(said.contains("OK"), "{path}: {said}");
    };
    post("wombat/api/campaigns/?op=start&campaign=7_ventas");
    let run = world.get("/api/runs?open=true")["items"][0]["id"].as_i64().unwrap();
    let talking = world.wait_for_attempts(run, "a conversation", A_FEW_CALLS, |calls| {
        calls.iter().any(|call| call["connected_at"].is_string())
    });
    let call = talking.iter().find(|call| call["connected_at"].is_string()).unwrap()["id"].clone();
    post("wombat/api/campaigns/?op=pause&campaign=7_ventas");
    assert_eq!(states(&world)[0].1, "PAUSED");
    post("wombat/api/campaigns/?op=unpause&campaign=7_ventas");
    post("wombat/api/campaigns/?op=boost&campaign=7_ventas&factor=150");
    // A rule that changes while it runs is the rule of the next outcome.
    let rules = read(&world, &parent("reschedule", "L"))["results"].clone();
    let busy = rules.as_array().unwrap().iter().find(|rule| rule["status"] == "RS_NOANSWER").unwrap().clone();
    let mut changed = busy.clone();
    changed["retryAfterS"] = json!(900);
    changed["mode"] = json!("FIXED");
    write(&world, &parent("reschedule", "E"), &changed);
    post("wombat/api/campaigns/?op=reload&campaign=7_ventas");
    let said = control(&world, &format!("wombat/api/calls/?op=extstatus&wombatid={call}&status=CONTESTADOR"));
    assert!(said.contains("Event CALLSTATUS queued"), "{said}");
    world.post(&format!("/api/attempts/{call}/hang-up"));
    let calls = ended(&world, run, 2);
    let retry = |number: &str| {
        let call = calls.iter().find(|call| call["number"] == number).unwrap();
        (crate::world::ms(&call["retry_at"]) - crate::world::ms(&call["ended_at"])) / 1_000
    };
    assert_eq!((retry("15551000001"), retry("15553000001")), (600, 900));

    let live = read(&world, "wombat/api/live/runs/")["result"]["campaigns"][0].clone();
    assert_eq!(
        (&live["campaignId"], &live["n_calls_attempted"], &live["n_open_retries"]),
        (&json!(campaign), &json!(2), &json!(2)),
        "{live}"
    );
    let stats = read(&world, &format!("wombat/api/reports/stats/?id={}", live["hoppercampId"]));
    let mut counted: Vec<(&str, &str, i64)> = stats["result"]["statsOut"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (row["gbState"].as_str().unwrap(), row["gbStateExt"].as_str().unwrap(), row["nCalls"].as_i64().unwrap())
        })
        .collect();
    counted.sort_unstable();
    assert_eq!(counted, [("RS_NOANSWER", "", 1), ("TERMINATED", "CONTESTADOR", 1)]);
    assert!(read(&world, "wombat/api/live/calls/")["result"]["hopperState"].is_array());

    post("wombat/api/campaigns/?op=remove&campaign=7_ventas");
    // Its list is taken away by the key of the link, its end point by its own.
    let link = read(&world, &parent("list", "L"))["results"][0]["cclId"].clone();
    assert_eq!(write(&world, &parent("list", "D"), &json!({ "cclId": link }))["nRecords"], 0);
    assert_eq!(write(&world, &parent("ep", "D"), &json!({"epId": {"epId": end_point}}))["nRecords"], 0);
    let engine = |op: &str| {
        let text = curl(&world, &["--user", USER], &format!("wombat/api/engine/?op={op}"));
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        answer["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(engine("STATE"), "READY");
    engine("STOP");
    world.wait("the switch", A_FEW_CALLS, || match engine("STATE") {
        state if state == "DOWN" => Ok(()),
        state => Err(state),
    });
    engine("START");
    assert_eq!(engine("STATE"), "READY");
}
