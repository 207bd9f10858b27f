use crate::testing::Server;
use axum::body::{Body, Bytes};
use futures_util::stream;
use serde_json::{Value, json};
use std::time::Duration;

/// The job once it is over; gives up after 20 s.
pub(crate) async fn finished(server: &Server, id: &Value) -> Value {
    let looks = async {
        loop {
            let job = server.get(&format!("/api/imports/{id}")).await.expect(200);
            if !job["finished_at"].is_null() || job["state"] == "failed" {
                return job;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looks).await.expect("the import ends")
}

#[tokio::test]
async fn a_file_becomes_contacts_with_a_verdict_per_row() {
    let server = Server::start().await;
    let [.., list] = server.furnish().await;
    let file = "NUM;First name\n5551234;Ada\nnonsense;Bob\n=1+1;Eve\n5551235;\"two\nlines\"\n";
    let job = server.upload(&format!("/api/lists/{list}/imports?file_name=people.csv"), file).await.expect(202);
    assert_eq!((&job["state"], &job["bytes_total"]), (&json!("uploaded"), &json!(file.len())));
    let job = finished(&server, &job["id"]).await;
    assert_eq!((&job["state"], &job["delimiter"]), (&json!("done"), &json!(";")));
    assert_eq!([&job["rows"], &job["accepted"], &job["refused"]], [4, 2, 2]);

    let verdicts = server.get(&format!("/api/imports/{}/verdicts", job["id"])).await;
    assert_eq!(verdicts.headers["content-type"], "text/csv; charset=utf-8");
    let text = verdicts.text();
    assert_eq!(text.lines().count(), 5, "{text}");
    assert!(text.contains("\n3,refused,nonsense,number,"), "{text}");
    let contacts = server.get(&format!("/api/lists/{list}/contacts")).await.expect(200);
    assert_eq!(contacts["items"][0]["attributes"], json!({"First_name": "Ada"}));
    assert_eq!(server.get("/api/imports").await.expect(200)["items"], json!([job]));
}

#[tokio::test]
async fn a_cancelled_import_leaves_nothing() {
    let server = Server::start().await;
    let [.., list] = server.furnish().await;
    let file: String = (0..5_000).map(|n| format!("{}\n", 1_000_000 + n)).collect();
    let job = server.upload(&format!("/api/lists/{list}/imports"), file).await.expect(202);
    let path = format!("/api/imports/{}", job["id"]);
    let cancelled = server.post(&format!("{path}/cancel"), Value::Null).await.expect(200);
    assert_eq!((&cancelled["state"], &cancelled["accepted"]), (&json!("cancelled"), &json!(0)));
    assert_eq!(server.get(&format!("/api/lists/{list}")).await.expect(200)["contacts"], 0);
    server.get(&format!("{path}/verdicts")).await.refused(409);
    server.post(&format!("{path}/resume"), Value::Null).await.refused(409);
}

#[tokio::test]
async fn what_was_uploaded_and_never_read_goes_on_at_the_next_start() {
    let server = Server::start().await;
    let [.., list] = server.furnish().await;
    // As a process leaves it that dies between the answer and the first chunk.
    let scope = store::Scope::installation();
    let mut upload = server.app.store.begin_upload().await.unwrap();
    upload.write(b"100\n101\n").await.unwrap();
    let options = store::import::ImportOptions::default();
    let job = server.app.store.create_import(&scope, domain::ListId(list), "x", upload, options).await.unwrap();
    assert_eq!(crate::resume_imports(&server.app).await.unwrap(), 1);
    assert_eq!(finished(&server, &json!(job.id.0)).await["accepted"], 2);
    let again = server.post(&format!("/api/imports/{}/resume", job.id), Value::Null).await.expect(202);
    assert_eq!(again["state"], "done");
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_no_job_and_no_file() {
    let server = Server::start().await;
    let [.., list] = server.furnish().await;
    let pieces = [Ok(Bytes::from_static(b"100\n")), Err(std::io::Error::other("the line broke"))];
    let path = format!("/api/lists/{list}/imports");
    let answer = server.upload(&path, Body::from_stream(stream::iter(pieces))).await;
    assert_eq!(answer.refused(400).0, "incomplete_body");
    assert_eq!(server.upload(&path, "").await.refused(422), ("invalid".into(), "file".into()));
    assert_eq!(server.get("/api/imports").await.expect(200)["items"], json!([]));
    let left = std::fs::read_dir(server.app.store.folder().join("imports")).unwrap().count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn wrong_options_and_wrong_lists_are_refused_before_anything_is_read() {
    let server = Server::start().await;
    let [.., list] = server.furnish().await;
    let path = format!("/api/lists/{list}/imports");
    for (query, field) in [("encoding=klingon", "encoding"), ("delimiter=abc", "delimiter")] {
        assert_eq!(server.upload(&format!("{path}?{query}"), "100\n").await.refused(422).1, field);
    }
    assert_eq!(server.upload("/api/lists/77/imports", "100\n").await.refused(404).0, "not_found");
}

#[tokio::test]
async fn a_preview_shows_the_guess_and_stores_nothing() {
    let server = Server::start().await;
    server.furnish().await;
    let file = "\u{feff}Phone\tCity\n06 6982\tRome\nx\tNowhere\n";
    let preview = server.upload("/api/imports/preview", file).await.expect(200);
    let guess = &preview["guess"];
    assert_eq!([&guess["encoding"], &guess["format"], &guess["delimiter"]], ["utf-8-bom", "csv", "\t"]);
    assert_eq!((&guess["labels"], &guess["number_column"]), (&json!(["Phone", "City"]), &json!(0)));
    assert_eq!(preview["rows"][0]["attributes"], json!({"City": "Rome"}));
    assert_eq!(preview["rows"][1]["verdict"], "refused");
    let preview = server.upload("/api/imports/preview?skip=City", file).await.expect(200);
    assert_eq!(preview["guess"]["left_out"], json!([false, true]));
    assert_eq!(preview["rows"][0]["attributes"], json!({}));
    let path = "/api/imports/preview?skip=Town";
    assert_eq!(server.upload(path, file).await.refused(422), ("invalid".into(), "skip".into()));
    assert_eq!(server.get("/api/imports").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn an_import_leaves_columns_out() {
    let server = Server::start().await;
    let [.., list] = server.furnish().await;
    let path = format!("/api/lists/{list}/imports?skip=Note");
    let job = server.upload(&path, "Phone,City,Note\n0669820001,Rome,late\n").await.expect(202);
    assert_eq!(job["skip"], json!(["Note"]));
    let job = finished(&server, &job["id"]).await;
    assert_eq!((&job["state"], &job["accepted"]), (&json!("done"), &json!(1)));
    let contacts = server.get(&format!("/api/lists/{list}/contacts")).await.expect(200);
    assert_eq!(contacts["items"][0]["attributes"], json!({"City": "Rome"}));
}
