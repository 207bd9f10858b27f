//! What a campaign has besides trunks, end points and lists: black lists, opening hours, AMD settings, a receiver.

use super::{Client, campaign, edit, open};
use crate::testing::Server;
use serde_json::json;

#[tokio::test]
async fn a_list_is_attached_as_a_black_list_and_changes_its_role() {
    let mut server = Server::with_dialler().await;
    open(&mut server);
    let id = campaign(&server, "C").await;
    let client = Client::of(&server);
    let list = edit(&client, "list/?mode=E", &json!({"name": "never"})).await["results"][0]["listId"].clone();
    let path = format!("campaign/list/?mode=E&parent={id}");
    let record = |role: &str| json!({"campaignId": -1, "cl": {"listId": list}, "clType": role});
    let attached = edit(&client, &path, &record("BLACK_LIST")).await["results"][0].clone();
    assert_eq!((&attached["clType"], &attached["idx"]), (&json!("BLACK_LIST"), &json!("2")));
    let ours = async || server.get(&format!("/api/campaigns/{id}")).await.expect(200);
    assert_eq!(ours().await["black_lists"], json!([list]));

    let wrong = client.post(&format!("/wombat/api/edit/{path}"), super::data(&record("GREY_LIST"))).await.json();
    assert_ne!(wrong["status"], "OK", "{wrong}");
    assert!(wrong["error"].as_str().unwrap().contains("GREY_LIST"), "{wrong}");
    edit(&client, &path, &record("CALL_LIST")).await;
    assert_eq!(ours().await["black_lists"], json!([]), "a list has one role");
    assert_eq!(ours().await["lists"].as_array().unwrap().len(), 2);
    edit(&client, &path, &record("BLACK_LIST")).await;
    let left = edit(&client, &format!("campaign/list/?mode=D&parent={id}"), &attached).await;
    assert_eq!((&left["nRecords"], &ours().await["black_lists"]), (&json!(1), &json!([])));
}

#[tokio::test]
async fn what_agents_and_callees_see_is_kept() {
    let mut server = Server::with_dialler().await;
    open(&mut server);
    let id = campaign(&server, "C").await;
    let client = Client::of(&server);
    let seen = json!({"campaignId": id, "agentClid": "C1 ${NAME}", "dial_pres": "0800${num}"});
    let saved = edit(&client, "campaign/?mode=E", &seen).await["results"][0].clone();
    assert_eq!((&saved["agentClid"], &saved["dial_pres"]), (&seen["agentClid"], &seen["dial_pres"]));
    let ours = server.get(&format!("/api/campaigns/{id}")).await.expect(200);
    assert_eq!((&ours["agent_clid"], &ours["dial_presentation"]), (&seen["agentClid"], &seen["dial_pres"]));
}

#[tokio::test]
async fn whom_a_campaign_writes_to_is_kept_and_without_a_mail_server_nobody_is_promised_a_letter() {
    let mut server = Server::with_dialler().await;
    open(&mut server);
    let id = campaign(&server, "C").await;
    let client = Client::of(&server);
    let addresses =
        json!({"campaignId": id, "emailEvents": "no", "emailAddresses": "ana@example.com b@c.d; Eva <e@f.g>"});
    let saved = edit(&client, "campaign/?mode=E", &addresses).await["results"][0].clone();
    assert_eq!(saved["emailAddresses"], "ana@example.com, b@c.d, Eva <e@f.g>");
    for (events, problem) in [("COMPLETED", "mail.server"), ("WEEKLY", "NO, ALL and COMPLETED")] {
        let record = super::data(&json!({"campaignId": id, "emailEvents": events}));
        let refused = client.post("/wombat/api/edit/campaign/?mode=E", record).await.json();
        assert!(refused["error"].as_str().unwrap().contains(problem), "{refused}");
    }
    let ours = server.get(&format!("/api/campaigns/{id}")).await.expect(200);
    assert_eq!((&ours["email_events"], ours["email_addresses"].as_array().unwrap().len()), (&json!("NO"), 3));
}

#[tokio::test]
async fn lists_of_a_live_run_are_added_paused_and_told() {
    let mut server = Server::with_dialler().await;
    open(&mut server);
    campaign(&server, "C").await;
    let client = Client::of(&server);
    let ask = async |rest: &str| client.text(&format!("/wombat/api/runlists/?campaign=C&{rest}")).await;
    assert_eq!(ask("op=list").await.trim(), "ERROR: campaign \"C\" is not running");
    client.text("/wombat/api/campaigns/?op=start&campaign=C").await;
    client.text("/wombat/api/lists/?op=addToList&list=more&numbers=0669820001").await;
    assert!(ask("op=pause&list=more").await.starts_with("ERROR: the run of campaign \"C\" has no list \"more\""));
    assert_eq!(ask("op=start&list=more").await.trim(), "OK: start: campaign \"C\" dials list \"more\"");
    assert_eq!(ask("op=pause&list=more").await.trim(), "OK: pause: list \"more\" of campaign \"C\" is PAUSED");
    let lists = ask("op=list").await;
    assert!(lists.starts_with("OK: campaign \"C\" has 2 lists\n"), "{lists}");
    assert!(lists.contains("\nmore: PAUSED, 0 of 1 taken, high-water mark 0"), "{lists}");
    assert_eq!(ask("op=unpause&list=more").await.trim(), "OK: unpause: list \"more\" of campaign \"C\" is RUNNING");
    assert!(ask("op=stop&list=more").await.starts_with("ERROR: there is no op \"stop\""));
}

#[tokio::test]
async fn opening_hours_are_made_ruled_and_attached() {
    let mut server = Server::with_dialler().await;
    open(&mut server);
    let id = campaign(&server, "C").await;
    let client = Client::of(&server);
    let set = json!({"name": "shop", "comment": "", "defaultMode": "DEF_OPEN", "hidden": false, "securityKey": ""});
    let set = edit(&client, "oh/?mode=E", &set).await["results"][0].clone();
    assert_eq!((set.as_object().unwrap().len(), &set["defaultMode"]), (11, &json!("DEF_OPEN")), "{set}");
    let set_id = set["openingHourId"].clone();
    let rules = format!("oh/rule/?parent={set_id}");
    let sundays = json!({"mode": "CLOSED", "onDow": "1"});
    edit(&client, &format!("{rules}&mode=E"), &sundays).await;
    let christmas = json!({"mode": "CLOSED", "dateFrom": "12-24", "dateTo": "12-26", "timeStartHr": ""});
    let christmas = edit(&client, &format!("{rules}&mode=E"), &christmas).await["results"][0].clone();
    assert_eq!((&christmas["idx"], &christmas["timeEndHr"]), (&json!("2"), &json!("235959")));
    let moved = edit(&client, &format!("{rules}&mode=MU"), &christmas).await;
    assert_eq!(moved["results"][0]["dateFrom"], "12-24");
    let changed = json!({"ohRuleId": moved["results"][1]["ohRuleId"], "timeStartHr": "120000"});
    assert_eq!(edit(&client, &format!("{rules}&mode=E"), &changed).await["results"][0]["onDow"], "1");
    let left = edit(&client, &format!("{rules}&mode=D"), &moved["results"][0]).await;
    assert_eq!((&left["nRecords"], &left["results"][0]["timeStartHr"]), (&json!(1), &json!("120000")));

    let link = json!({"cohId": "", "campaignId": -1, "rule": {"openingHourId": set_id}});
    let link = edit(&client, &format!("campaign/oh/?mode=E&parent={id}"), &link).await["results"][0].clone();
    assert_eq!(link["rule"]["name"], "shop");
    let ours = server.get(&format!("/api/campaigns/{id}")).await.expect(200);
    assert_eq!(ours["opening_hours"], json!([set_id]));
    let busy = client.post("/wombat/api/edit/oh/?mode=D", super::data(&set)).await.json();
    assert_ne!(busy["status"], "OK", "a campaign goes by it: {busy}");
    let left = edit(&client, &format!("campaign/oh/?mode=D&parent={id}"), &link).await;
    assert_eq!(left["nRecords"], 0);
    assert_eq!(edit(&client, "oh/?mode=D", &set).await["nRecords"], 0);

    for wrong in [json!({"name": "x", "defaultMode": "AJAR"}), json!({"name": ""})] {
        let answer = client.post("/wombat/api/edit/oh/?mode=E", super::data(&wrong)).await.json();
        assert_ne!(answer["status"], "OK", "{wrong}: {answer}");
    }
    let none = client.get("/wombat/api/edit/oh/rule/?mode=L").await.json();
    assert!(none["error"].as_str().unwrap().contains("parent"), "{none}");
}

#[tokio::test]
async fn amd_settings_travel_as_the_variables_that_the_dialplan_reads() {
    let mut server = Server::with_dialler().await;
    open(&mut server);
    let id = campaign(&server, "C").await;
    let client = Client::of(&server);
    let asked = json!({"campaignId": id, "campaignVars": "A:1", "amdTracking": "AMD", "amdParams": "2500|1500|800",
        "amdAudioFile": "machine-message", "amdFaxFile": ""});
    let shown = edit(&client, "campaign/?mode=E", &asked).await["results"][0].clone();
    assert_eq!(shown.as_object().unwrap().len(), 34);
    for field in ["campaignVars", "amdTracking", "amdParams", "amdAudioFile", "amdFaxFile"] {
        assert_eq!(shown[field], asked[field], "{field}");
    }
    let ours = server.get(&format!("/api/campaigns/{id}")).await.expect(200);
    let expected = json!({"A": "1", "AMD_EXTRA": "2500|1500|800", "AMD_FILE": "machine-message", "AMD_MODE": "AMD"});
    assert_eq!(ours["variables"], expected);
    let off = json!({"campaignId": id, "amdTracking": "OFF", "amdParams": ""});
    edit(&client, "campaign/?mode=E", &off).await;
    let ours = server.get(&format!("/api/campaigns/{id}")).await.expect(200);
    assert_eq!(ours["variables"], json!({"A": "1", "AMD_FILE": "machine-message"}), "what is not sent stays");
    let emptied = edit(&client, "campaign/?mode=E", &json!({"campaignId": id, "campaignVars": ""})).await;
    assert_eq!(
        (&emptied["results"][0]["campaignVars"], &emptied["results"][0]["amdAudioFile"]),
        (&json!(""), &json!("machine-message"))
    );
}

#[tokio::test]
async fn a_receiver_that_is_not_on_the_internet_is_refused_and_nothing_is_made() {
    let mut server = Server::with_dialler().await;
    open(&mut server);
    let client = Client::of(&server);
    for wrong in ["http://10.0.0.9/x", "ftp://crm.example/", "nonsense"] {
        let record = json!({"name": "C", "httpNotify": wrong});
        let answer = client.post("/wombat/api/edit/campaign/?mode=E", super::data(&record)).await.json();
        assert!(answer["error"].as_str().unwrap().contains("httpNotify"), "{wrong}: {answer}");
    }
    assert_eq!(server.get("/api/campaigns").await.expect(200)["items"], json!([]));
    let form = json!({"name": "x", "url": "https://93.184.216.34/", "format": "FORM", "kinds": ["run.*"]});
    let refused = server.post("/api/webhooks", form).await;
    assert_eq!((refused.status.as_u16(), refused.field().as_str()), (422, "kinds"));
}

#[tokio::test]
async fn a_copy_of_a_campaign_notifies_as_the_first_does() {
    let mut server = Server::with_dialler().await;
    open(&mut server);
    let client = Client::of(&server);
    let first = super::campaign(&server, "first").await;
    let record = json!({"campaignId": first, "httpNotify": "https://93.184.216.34/told"});
    client.post("/wombat/api/edit/campaign/?mode=E", super::data(&record)).await;
    client.ok("/wombat/api/campaigns/?op=clone&campaign=first&newcampaign=second").await;
    let found = client.get("/wombat/api/edit/campaign/?mode=L&query=second").await.json();
    assert_eq!(found["results"][0]["httpNotify"], "https://93.184.216.34/told", "{found}");
    assert_eq!(server.get("/api/webhooks").await.expect(200)["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_log_of_a_list_and_of_a_record_is_read_and_nothing_else() {
    let mut server = Server::start().await;
    open(&mut server);
    let journal = server.journal().await;
    let client = Client::of(&server);
    let ask = async |rest: &str| {
        let path = format!("/wombat/api/edit/list/logs/?parent={}{rest}", journal.list);
        client.get(&path).await.json()
    };
    let all = ask("").await;
    assert_eq!((&all["status"], &all["nRecords"], &all["allResults"]), (&json!("OK"), &json!(2), &json!(2)), "{all}");
    assert_eq!(all["results"][1]["statusCode"], "RS_BUSY");
    let contact = all["results"][1]["callId"].clone();
    let one = ask(&format!("&callId={contact}")).await;
    assert_eq!((&one["nRecords"], &one["results"][0]["callId"]), (&json!(1), &contact));
    assert_eq!(ask("&query=rs_busy").await["nRecords"], 1);
    assert_eq!(ask("&items=1&from=1").await["results"][0]["id"], 2);
    for wrong in ["&callId=x", "&mode=MU"] {
        assert_ne!(ask(wrong).await["status"], "OK", "{wrong}");
    }
    let path = format!("/wombat/api/edit/list/logs/?mode=E&parent={}", journal.list);
    let refused = client.post(&path, super::data(&json!({"id": 1}))).await.json();
    assert!(refused["error"].as_str().unwrap().contains("only read"), "{refused}");
    let nowhere = client.get("/wombat/api/edit/list/logs/?parent=77").await.json();
    assert_ne!(nowhere["status"], "OK", "{nowhere}");
}
