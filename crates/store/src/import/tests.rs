//! Imports end to end: files in, contacts and verdicts out, with every way of being interrupted.

use super::*;
use crate::engine::query;
use crate::testing::{Home, handed_over};
use crate::{Scope, Store};
use domain::{ContactId, ImportId, ListId};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::io::{BufRead, BufReader};
use std::pin::pin;
use std::task::Poll;

crate::testing::on_both_engines! {
    an_import_dropped_anywhere_goes_on_under_the_same_id;
    a_killed_process_loses_no_row_and_doubles_none;
    a_list_is_imported_with_one_verdict_per_row;
    exactly_full_chunks_and_no_rows_at_all_end_as_done;
    one_job_is_run_once_at_a_time;
    duplicates_in_the_file_and_in_the_list_are_passed_over_on_request;
    a_cancelled_import_leaves_nothing_even_while_it_runs;
    cancelling_keeps_contacts_that_were_called;
    a_failure_is_told_and_the_job_can_be_run_again;
    uploads_that_come_to_nothing_leave_no_file;
}

const ROWS: usize = 5 * GROUP_ROWS + 123;
/// Every so many rows one is bad.
const BAD_EVERY: usize = 50;

/// No country: the table's numbers belong to none, and the numbering plan is slow in a debug build.
fn plain(mut home: Home) -> Home {
    home.settings.country = None;
    home
}

fn home() -> Home {
    plain(Home::new())
}

/// A table whose numbers are all different and whose bad rows say so.
fn table(rows: usize) -> String {
    let mut text = String::from("NUM;Città;Note\r\n");
    for row in 0..rows {
        let bad = if row % BAD_EVERY == 7 { "x" } else { "" };
        text.push_str(&format!("{bad}555{row:07};Forlì;\"a\r\nb{row}\"\r\n"));
    }
    text
}

async fn upload(store: &Store, list: ListId, file: &[u8], options: ImportOptions) -> ImportJob {
    let mut upload = store.begin_upload().await.unwrap();
    for part in file.chunks(60_000) {
        upload.write(part).await.unwrap();
    }
    store.create_import(&Scope::installation(), list, "C:\\lists\\spring.csv", upload, options).await.unwrap()
}

async fn new_list(store: &Store) -> ListId {
    store.create_list(&Scope::installation(), "spring").await.unwrap().id
}

async fn numbers(store: &Store, list: ListId) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), ContactId(0));
    loop {
        let page = store.contacts(&Scope::installation(), list, after, 1_000).await.unwrap();
        let Some(last) = page.last() else { return found };
        after = last.id;
        found.extend(page.into_iter().map(|contact| contact.number.dialled));
    }
}

/// Verdict by line of the list file, read as a spreadsheet would; fails when a line has two.
async fn verdicts(store: &Store, id: ImportId) -> BTreeMap<u64, (String, String)> {
    let file = store.verdict_file(&Scope::installation(), id).await.unwrap();
    assert_eq!(std::fs::metadata(&file.path).unwrap().len(), file.bytes);
    let mut found = BTreeMap::new();
    for record in csv::Reader::from_path(&file.path).unwrap().records() {
        let record = record.unwrap();
        let before = found.insert(record[0].parse().unwrap(), (record[1].to_owned(), record[2].to_owned()));
        assert!(before.is_none(), "line {} has two verdicts", &record[0]);
    }
    found
}

/// Runs the job until `chunks` of them are committed, then drops the future wherever it stands.
async fn run_and_drop(store: &Store, id: ImportId, chunks: usize, polls_more: usize) {
    let scope = Scope::installation();
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut run = pin!(store.run_import(&scope, id, move |job: &ImportJob| {
        let _ = sender.send(job.rows);
    }));
    let (mut seen, mut more) = (0, 0);
    poll_fn(|context| {
        assert!(run.as_mut().poll(context).is_pending(), "the run was to be interrupted");
        seen += receiver.try_iter().filter(|rows| *rows > 0).count();
        if seen >= chunks {
            more += 1;
        }
        if more > polls_more { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

async fn check_complete(store: &Store, list: ListId, id: ImportId, rows: usize) {
    let expected: Vec<String> =
        (0..rows).filter(|row| row % BAD_EVERY != 7).map(|row| format!("555{row:07}")).collect();
    assert_eq!(numbers(store, list).await, expected, "each good row once, in the order of the file");
    let verdicts = verdicts(store, id).await;
    // The labels are line 1, each row takes two lines.
    let lines: Vec<u64> = (0..rows as u64).map(|row| 2 + 2 * row).collect();
    assert_eq!(verdicts.keys().copied().collect::<Vec<_>>(), lines);
    for (row, (verdict, number)) in verdicts.values().enumerate() {
        let (expected, mark) = if row % BAD_EVERY == 7 { ("refused", "x") } else { ("accepted", "") };
        assert_eq!((verdict.as_str(), number), (expected, &format!("{mark}555{row:07}")));
    }
    let job = store.import(&Scope::installation(), id).await.unwrap();
    assert_eq!((job.state, job.rows, job.accepted), (ImportState::Done, rows as u64, expected.len() as u64));
    assert_eq!((job.refused, job.duplicates), (job.rows - job.accepted, 0));
    assert_eq!(job.bytes_done, job.bytes_total);
    let contacts = store.list(&Scope::installation(), list).await.unwrap().contacts;
    assert_eq!(contacts, expected.len() as i64);
}

fn folder(store: &Store) -> BTreeSet<String> {
    let entries = std::fs::read_dir(store.folder().join("imports")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

async fn a_list_is_imported_with_one_verdict_per_row(home: Home) {
    let home = plain(home);
    let store = home.open().await;
    let list = new_list(&store).await;
    let job = upload(&store, list, table(ROWS).as_bytes(), ImportOptions::default()).await;
    assert_eq!((job.state, job.file_name.as_str()), (ImportState::Uploaded, "spring.csv"));
    let mut told = Vec::new();
    let job = store.run_import(&Scope::installation(), job.id, |job| told.push(job.rows)).await.unwrap();
    let transactions = (0..=5).map(|n| (n * GROUP_ROWS) as u64).chain([ROWS as u64]);
    assert_eq!(told, transactions.collect::<Vec<_>>());
    check_complete(&store, list, job.id, ROWS).await;
    assert_eq!((job.encoding.as_deref(), job.delimiter.as_deref()), (Some("utf-8"), Some(";")));
    let contact = store.contacts(&Scope::installation(), list, ContactId(0), 1).await.unwrap().remove(0);
    assert_eq!(contact.attributes.iter().collect::<Vec<_>>(), [("Citta", "Forlì"), ("Note", "a b0")]);
    assert_eq!(folder(&store), BTreeSet::from([format!("{}.verdicts.csv", job.id)]), "the upload is gone");
    assert_eq!(store.run_import(&Scope::installation(), job.id, |_| {}).await.unwrap(), job, "nothing is done twice");
}

async fn exactly_full_chunks_and_no_rows_at_all_end_as_done(home: Home) {
    let home = plain(home);
    let store = home.open().await;
    for (rows, name) in [(CHUNK_ROWS, "full"), (GROUP_ROWS, "one transaction"), (2 * GROUP_ROWS, "two"), (0, "none")] {
        let list = store.create_list(&Scope::installation(), name).await.unwrap().id;
        let job = upload(&store, list, table(rows).as_bytes(), ImportOptions::default()).await;
        store.run_import(&Scope::installation(), job.id, |_| {}).await.unwrap();
        check_complete(&store, list, job.id, rows).await;
    }
}

async fn an_import_dropped_anywhere_goes_on_under_the_same_id(home: Home) {
    // Between two looks a transaction may end: more of them than looks.
    const MANY: usize = 20 * GROUP_ROWS;
    for (chunks, polls_more) in [(0, 0), (1, 0), (2, 1), (1, 3), (3, 8)] {
        let home = plain(home.another());
        let store = home.open().await;
        let list = new_list(&store).await;
        let wide: Vec<u8> = table(MANY).encode_utf16().flat_map(u16::to_le_bytes).collect();
        let file = if chunks == 2 { wide } else { table(MANY).into_bytes() };
        let job = upload(&store, list, &file, ImportOptions::default()).await;
        run_and_drop(&store, job.id, chunks, polls_more).await;
        run_and_drop(&store, job.id, 1, 0).await;
        let store = home.reopen(store).await;
        let interrupted = store.interrupted_imports(&Scope::installation()).await.unwrap();
        assert_eq!(interrupted.iter().map(|job| job.id).collect::<Vec<_>>(), [job.id]);
        assert_eq!(interrupted[0].state, ImportState::Running);
        store.run_import(&Scope::installation(), job.id, |_| {}).await.unwrap();
        check_complete(&store, list, job.id, MANY).await;
    }
}

/// What the child says before the number of rows it has committed.
const TOLD: &str = "rows committed: ";

/// Not a test of its own: the process that the next test kills. It does nothing unless that test starts it.
#[tokio::test]
async fn child_that_imports() {
    let Some(settings) = handed_over() else { return };
    let store = Store::open(&settings).await.unwrap();
    let told = |job: &ImportJob| println!("{TOLD}{}", job.rows);
    let end = store.run_import(&Scope::installation(), ImportId(1), told).await;
    panic!("the import ended before it was killed: {end:?}");
}

async fn a_killed_process_loses_no_row_and_doubles_none(home: Home) {
    const MANY: usize = 80_000;
    let home = plain(home);
    let store = home.open().await;
    let list = new_list(&store).await;
    let job = upload(&store, list, table(MANY).as_bytes(), ImportOptions::default()).await;
    assert_eq!(job.id, ImportId(1));
    store.close().await;
    drop(store);
    for rows in [3_000, 9_000] {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "--nocapture", "import::tests::child_that_imports"]);
        home.hand_over(&mut child);
        let mut child = child.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
        let mut told = lines.filter_map(|line| line.strip_prefix(TOLD)?.parse::<u64>().ok());
        assert!(told.any(|committed| committed >= rows), "the child ended by itself");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let store = home.open().await;
    let before = store.import(&Scope::installation(), job.id).await.unwrap();
    assert!(before.state == ImportState::Running && before.rows >= 9_000 && before.rows < MANY as u64, "{before:?}");
    store.run_import(&Scope::installation(), job.id, |_| {}).await.unwrap();
    check_complete(&store, list, job.id, MANY).await;
}

async fn one_job_is_run_once_at_a_time(home: Home) {
    let home = plain(home);
    let store = home.open().await;
    let list = new_list(&store).await;
    let job = upload(&store, list, table(20 * GROUP_ROWS).as_bytes(), ImportOptions::default()).await;
    let held = std::fs::File::open(store.folder().join(format!("imports/{}.raw", job.id))).unwrap();
    held.lock().unwrap();
    let error = store.run_import(&Scope::installation(), job.id, |_| {}).await.unwrap_err();
    assert_eq!(error.to_string(), "import 1 is running already");
    drop(held);
    store.run_import(&Scope::installation(), job.id, |_| {}).await.unwrap();
}

async fn duplicates_in_the_file_and_in_the_list_are_passed_over_on_request(home: Home) {
    let home = plain(home);
    let store = home.open().await;
    let list = new_list(&store).await;
    let first = upload(&store, list, b"5550001\n5550002,A:1\n", ImportOptions::default()).await;
    store.run_import(&Scope::installation(), first.id, |_| {}).await.unwrap();
    let options = ImportOptions::parse(None, None, true).unwrap();
    let file = b"NUM,A\n5550003,x\n555-0002,y\n5550003,z\nbad,z\n5550004,z\n";
    let job = upload(&store, list, file, options).await;
    let job = store.run_import(&Scope::installation(), job.id, |_| {}).await.unwrap();
    assert_eq!((job.rows, job.accepted, job.refused, job.duplicates), (5, 2, 1, 2));
    assert_eq!(numbers(&store, list).await, ["5550001", "5550002", "5550003", "5550004"]);
    let verdicts: Vec<_> = verdicts(&store, job.id).await.into_values().map(|(verdict, _)| verdict).collect();
    assert_eq!(verdicts, ["accepted", "duplicate", "duplicate", "refused", "accepted"]);
}

async fn a_cancelled_import_leaves_nothing_even_while_it_runs(home: Home) {
    let home = plain(home);
    let store = home.open().await;
    let list = new_list(&store).await;
    let other = upload(&store, list, b"5550001\n", ImportOptions::default()).await;
    store.run_import(&Scope::installation(), other.id, |_| {}).await.unwrap();
    let job = upload(&store, list, table(30 * GROUP_ROWS).as_bytes(), ImportOptions::default()).await;
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let mut begun = Some(begun);
    let scope = Scope::installation();
    let run = store.run_import(&scope, job.id, |job| {
        if job.rows >= 3_000 {
            begun.take().map(|begun| begun.send(()));
        }
    });
    let cancel = async {
        has_begun.await.unwrap();
        store.cancel_import(&scope, job.id).await.unwrap()
    };
    let (ran, cancelled) = tokio::join!(run, cancel);
    assert_eq!(ran.unwrap().state, ImportState::Cancelled);
    assert_eq!((cancelled.state, cancelled.accepted), (ImportState::Cancelled, 0));
    assert!(cancelled.finished_at.is_some());
    assert_eq!(numbers(&store, list).await, ["5550001"], "what another import brought stays");
    assert_eq!(store.list(&scope, list).await.unwrap().contacts, 1);
    assert_eq!(folder(&store), BTreeSet::from([format!("{}.verdicts.csv", other.id)]));
    assert_eq!(store.verdict_file(&scope, job.id).await.unwrap_err().code(), "conflict");
    assert_eq!(store.run_import(&scope, job.id, |_| {}).await.unwrap_err().code(), "conflict");
    assert!(store.interrupted_imports(&scope).await.unwrap().is_empty());
}

async fn cancelling_keeps_contacts_that_were_called(home: Home) {
    let home = plain(home);
    let store = home.open().await;
    let list = new_list(&store).await;
    let job = upload(&store, list, b"5550001\n5550002\n5550003\n", ImportOptions::default()).await;
    store.run_import(&Scope::installation(), job.id, |_| {}).await.unwrap();
    let called = store.contacts(&Scope::installation(), list, ContactId(0), 2).await.unwrap()[1].id;
    let mut transaction = store.begin().await.unwrap();
    query(
        "INSERT INTO attempt (id, tenant_id, call_id, leg_id, run_id, campaign_id, contact_id, list_id, number_ref, \
         number_key, retry, trunk_id, end_point_id, pbx_id, state, scheduled_at) \
         VALUES (1, 1, 1, 1, 1, 1, $1, 1, 1, 1, 0, 1, 1, 1, 'TERMINATED', 1)",
    )
    .bind(called.0)
    .execute(&mut *transaction)
    .await
    .unwrap();
    transaction.commit().await.unwrap();
    for _ in 0..2 {
        let job = store.cancel_import(&Scope::installation(), job.id).await.unwrap();
        assert_eq!((job.accepted, numbers(&store, list).await), (1, vec!["5550002".to_owned()]));
    }
    let log =
        store.audit(&Scope::installation(), &crate::AuditFilter { limit: 50, ..Default::default() }).await.unwrap();
    let of_job = log.iter().filter(|row| row.after.as_ref().is_some_and(|what| what["import"] == json!(job.id)));
    let actions: Vec<&str> = of_job.map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["import_cancelled", "import_finished", "import_began"]);
}

async fn a_failure_is_told_and_the_job_can_be_run_again(home: Home) {
    let home = plain(home);
    let store = home.open().await;
    let list = new_list(&store).await;
    let job = upload(&store, list, table(ROWS).as_bytes(), ImportOptions::default()).await;
    run_and_drop(&store, job.id, 2, 0).await;
    let verdicts = store.folder().join(format!("imports/{}.verdicts.csv", job.id));
    let kept = verdicts.with_extension("kept");
    std::fs::rename(&verdicts, &kept).unwrap();
    let error = store.run_import(&Scope::installation(), job.id, |_| {}).await.unwrap_err();
    let failed = store.import(&Scope::installation(), job.id).await.unwrap();
    assert_eq!(failed.state, ImportState::Failed, "{error}");
    assert!(failed.error.unwrap().starts_with("verdicts were cut short in"));
    std::fs::rename(&kept, &verdicts).unwrap();
    store.run_import(&Scope::installation(), job.id, |_| {}).await.unwrap();
    check_complete(&store, list, job.id, ROWS).await;
}

async fn uploads_that_come_to_nothing_leave_no_file(home: Home) {
    let home = plain(home);
    let store = home.open().await;
    let scope = Scope::installation();
    let mut broken = store.begin_upload().await.unwrap();
    broken.write(&vec![b'1'; 3 << 20]).await.unwrap();
    assert_eq!(folder(&store).len(), 1);
    drop(broken);
    let empty = store.begin_upload().await.unwrap();
    let list = new_list(&store).await;
    let error = store.create_import(&scope, list, "x", empty, ImportOptions::default()).await.unwrap_err();
    assert_eq!(error.field(), Some("file"));
    let mut upload = store.begin_upload().await.unwrap();
    upload.write(b"5551\n").await.unwrap();
    let error = store.create_import(&scope, ListId(9), "x", upload, ImportOptions::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "list 9 does not exist");
    assert!(folder(&store).is_empty());
    for orphan in ["0123.part", "77.raw", "77.verdicts.csv", "notes.txt"] {
        std::fs::write(store.folder().join("imports").join(orphan), "x").unwrap();
    }
    store.interrupted_imports(&scope).await.unwrap();
    assert_eq!(folder(&store), BTreeSet::from(["notes.txt".to_owned()]));
}

#[cfg(unix)]
#[tokio::test]
async fn files_of_imports_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let home = home();
    let store = home.open().await;
    let list = new_list(&store).await;
    let job = upload(&store, list, table(ROWS).as_bytes(), ImportOptions::default()).await;
    run_and_drop(&store, job.id, 1, 0).await;
    assert_eq!(folder(&store).len(), 2);
    for name in folder(&store) {
        let mode = std::fs::metadata(store.folder().join("imports").join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn options_are_read_and_refused_by_name() {
    let options = ImportOptions::parse(Some("latin1"), Some("tab"), false).unwrap();
    assert_eq!(options.choices.encoding.unwrap().name(), "windows-1252");
    assert_eq!(options.choices.layout, Some(Layout::Csv('\t')));
    assert_eq!(ImportOptions::parse(Some(""), Some(""), false).unwrap(), ImportOptions::default());
    assert_eq!(ImportOptions::parse(Some("ebcdic"), None, false).unwrap_err().field, "encoding");
    assert_eq!(ImportOptions::parse(None, Some("->"), false).unwrap_err().field, "delimiter");
}
