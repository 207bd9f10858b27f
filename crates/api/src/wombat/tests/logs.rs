//! The log of calls: its pages, its file, and how many there are.

use super::{Client, open};
use crate::testing::Server;
use domain::journal::OutputChange;
use domain::{AttemptId, Timestamp};
use serde_json::{Value, json};
use store::{Scope, Write};

/// A run with three calls, the second with attributes from both sides; the id of Asterisk's channel of each.
async fn furnish(server: &Server) -> Vec<String> {
    let j = server.journal().await;
    let contacts = server.get(&format!("/api/lists/{}/contacts", j.list)).await.expect(200);
    let busy = format!("/api/contacts/{}", contacts["items"][1]["id"]);
    server.patch(&busy, json!({"attributes": {"NAME": "Zoe \"Z\"", "HH": "=10"}})).await.expect(200);
    let told = [("APPT", "a\nb"), ("X", "1,2")].map(|(name, value)| Write::Output {
        attempt: AttemptId(2),
        change: OutputChange::Set { name: name.into(), value: value.into() },
        at: Timestamp(1),
        pbx_at: None,
        actor: String::new(),
    });
    server.app.store.commit(&Scope::installation(), told.into()).await.unwrap();
    let calls = server.get(&format!("/api/attempts?run={}", j.run)).await.expect(200);
    calls["items"].as_array().unwrap().iter().map(|call| call["channel"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_file_of_a_run_has_the_columns_of_its_log() {
    let mut server = Server::start().await;
    open(&mut server);
    let channels = furnish(&server).await;
    let client = Client::of(&server);
    let file = client.get("/wombat/api/runs/export.jsp?runId=1&mode=csv&cbr=5").await;
    assert!(file.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    let [first, second] = [&channels[0], &channels[1]];
    // The third is still up: a log has what is over.
    let wanted = format!(
        "id,callId,campaign,hoppercampId,runStarted,numberDialed,list,attempted,waitPre,waitAfter,talk,statusCode,statusExt,\
        retry,nextRetry,trunk,ep,attributes,astChannel,astUnique\n\
        1,1,'=spring,1,2026-03-29 03:30:00,'+390669820001,people,2026-03-29 03:30:01,100,2000,3000,TERMINATED,,\
        0,0,office/carrier,office/message,,{first},{first}\n\
        2,2,'=spring,1,2026-03-29 03:30:00,102,people,2026-03-29 03:30:02,100,2000,0,RS_BUSY,,\
        0,300,office/carrier,office/message,\"HH:=10,NAME:Zoe \"\"Z\"\",>APPT:a b,>X:1,2\",{second},{second}\n"
    );
    assert_eq!(file.text(), wanted);
    assert!(client.text("/wombat/api/runs/export.jsp?runId=a").await.starts_with("ERROR: "));
    assert!(client.text("/wombat/api/runs/export.jsp?runId=1&mode=xml").await.starts_with("ERROR: "));
}

#[tokio::test]
async fn a_page_of_the_log_says_how_many_there_are_and_begins_where_it_is_asked_to() {
    let mut server = Server::start().await;
    open(&mut server);
    furnish(&server).await;
    let client = Client::of(&server);
    let page = async |path: &str| -> (Vec<i64>, Value) {
        let page = client.get(&format!("/wombat/api/{path}")).await.json();
        let ids = page["results"].as_array().unwrap_or_else(|| panic!("{path}: {page}")).iter();
        (ids.map(|record| record["id"].as_i64().unwrap()).collect(), page["allResults"].clone())
    };
    for path in ["reports/logs/?id=1", "edit/list/logs/?parent=1"] {
        assert_eq!(page(path).await, (vec![1, 2], json!(2)), "{path}");
        assert_eq!(page(&format!("{path}&items=1")).await, (vec![1], json!(2)), "{path}");
        assert_eq!(page(&format!("{path}&items=1&from=1")).await, (vec![2], json!(2)), "{path}");
        assert_eq!(page(&format!("{path}&items=5&from=2")).await, (vec![], json!(2)), "{path}");
    }
    assert_eq!(page("reports/logs/?id=1&from=2026-03-29.03:30:02").await, (vec![2], json!(1)), "since then");
    assert_eq!(page("edit/list/logs/?parent=1&callId=2").await, (vec![2], json!(1)));
    assert_eq!(page("edit/list/logs/?parent=1&callId=77").await, (vec![], json!(0)));
    assert_eq!(page("edit/list/logs/?parent=1&query=RS_BUSY").await, (vec![2], json!(1)));
    let other = server.post("/api/lists", json!({"name": "other"})).await.expect(201)["id"].clone();
    assert_eq!(page(&format!("edit/list/logs/?parent={other}&callId=2")).await, (vec![], json!(0)), "of another list");
    let record = client.get("/wombat/api/reports/logs/?id=1&from=1").await.json()["results"][0].clone();
    assert_eq!(
        ["attributes", "runStarted", "ep", "statusCode"].map(|field| record[field].as_str().unwrap().to_owned()),
        ["HH:=10,NAME:Zoe \"Z\",>APPT:a b,>X:1,2", "2026-03-29 03:30:00", "office/message", "RS_BUSY"]
    );
}
