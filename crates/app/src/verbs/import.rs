//! `carillon list import`: a file becomes contacts, with a verdict per row.

use super::progress::Progress;
use super::{rows_table, words};
use crate::client::{Answer, Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, facts, say};
use clap::Args;
use reqwest::Body;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// The server takes no larger file, bytes.
const MAX_FILE_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// What a preview looks at, bytes.
const PREVIEW_BYTES: u64 = 64 * 1024;
/// Bytes per piece of an upload, and pieces on their way at most.
const PIECE_BYTES: usize = 256 * 1024;
const PIECES: usize = 4;
/// The slowest upload that is waited for, bytes per second.
const SLOWEST_BYTES_PER_S: u64 = 64 * 1024;
/// Deadline of a preview.
const PREVIEW_DEADLINE: Duration = Duration::from_secs(10);
/// Longest wait for the contacts of a cancelled import to be taken out.
const CANCEL_WAIT: Duration = Duration::from_secs(300);
/// Between two looks at a job.
const POLL: Duration = Duration::from_millis(200);

/// What to import, and how.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The file
    #[arg(required_unless_present_any = ["resume", "cancel", "follow"])]
    file: Option<PathBuf>,
    /// The list, name or id; made when there is none of this name [default: the file's name]
    #[arg(long, requires = "file")]
    list: Option<String>,
    /// Encoding, when it is not recognised, e.g. utf-8, utf-16le, windows-1252
    #[arg(long, requires = "file")]
    encoding: Option<String>,
    /// Delimiter, when it is not recognised: , ; | tab, or native for `number,ATTR:value,...`
    #[arg(long, requires = "file", value_parser = delimiter)]
    delimiter: Option<String>,
    /// Leave out numbers that the list holds already
    #[arg(long, requires = "file")]
    dedupe: bool,
    /// Columns to leave out: labels, as --preview shows them, with commas between them
    #[arg(long, value_name = "COLUMNS", requires = "file")]
    skip: Option<String>,
    /// Show how the file would be read, and import nothing
    #[arg(long, requires = "file", conflicts_with = "verdicts")]
    preview: bool,
    /// Save the verdict of every row, as CSV
    #[arg(long, value_name = "FILE", conflicts_with = "cancel")]
    verdicts: Option<PathBuf>,
    /// Go on with an import that was interrupted
    #[arg(long, value_name = "JOB", conflicts_with_all = ["file", "cancel"])]
    resume: Option<i64>,
    /// Follow an import that is going on
    #[arg(long, value_name = "JOB", conflicts_with_all = ["file", "cancel", "resume"])]
    follow: Option<i64>,
    /// Cancel an import: its contacts are taken out again, unless they were dialled
    #[arg(long, value_name = "JOB", conflicts_with = "file")]
    cancel: Option<i64>,
}

impl Options {
    /// What is told about a file, for the server to guess the rest.
    fn query<'a>(&'a self, file_name: &'a str) -> Vec<(&'static str, &'a str)> {
        let mut query = vec![("file_name", file_name)];
        query.extend(self.encoding.as_deref().map(|encoding| ("encoding", encoding)));
        query.extend(self.delimiter.as_deref().map(|delimiter| ("delimiter", delimiter)));
        query.extend(self.dedupe.then_some(("dedupe", "true")));
        query.extend(self.skip.as_deref().map(|columns| ("skip", columns)));
        query
    }
}

/// A tab is hard to type.
fn delimiter(text: &str) -> Result<String, String> {
    match text {
        "tab" | "\\t" | "\t" => Ok("tab".into()),
        "," | ";" | "|" | "native" => Ok(text.into()),
        "comma" => Ok(",".into()),
        "semicolon" => Ok(";".into()),
        "pipe" => Ok("|".into()),
        _ => Err(format!("{text:?} is no delimiter: , ; | tab, or native")),
    }
}

/// Does it.
pub(super) async fn run(options: Options, session: &Session) -> Result<(), Failure> {
    if let Some(job) = options.cancel {
        return cancel(job, session).await;
    }
    if let Some(job) = options.resume {
        session.client.post(&format!("api/imports/{job}/resume"), None).await?;
    }
    let job = match (options.resume.or(options.follow), &options.file) {
        (Some(job), _) => job,
        (None, Some(file)) if options.preview => return preview(file, &options, session).await,
        (None, Some(file)) => upload(file, &options, session).await?,
        (None, None) => return Err(Failure::refused("no file is named").remedy("--help shows what is expected")),
    };
    let done = follow(job, session).await?;
    if let Some(path) = &options.verdicts {
        let verdicts = session.client.get(&format!("api/imports/{job}/verdicts")).await?;
        std::fs::write(path, verdicts.text).map_err(|error| Failure::file("write", path, error))?;
    }
    finish(&done, options.verdicts.as_deref(), session)
}

/// Ends when nothing is left to take out.
async fn cancel(job: i64, session: &Session) -> Result<(), Failure> {
    let started = Instant::now();
    let mut answer = session.client.post(&format!("api/imports/{job}/cancel"), None).await?;
    while answer.value["finished_at"].is_null() && started.elapsed() < CANCEL_WAIT {
        tokio::time::sleep(POLL).await;
        answer = session.client.get(&format!("api/imports/{job}")).await?;
    }
    session.print(&answer, |row| match row["finished_at"].is_null() {
        true => format!("import {job} is cancelled; the server still takes its contacts out"),
        false => format!("import {job} is cancelled; its contacts are gone, but for those that were dialled"),
    });
    Ok(())
}

fn open(path: &Path) -> Result<(File, u64), Failure> {
    let wrong = |error: std::io::Error| Failure::file("read", path, error);
    let file = File::open(path).map_err(wrong)?;
    let meta = file.metadata().map_err(wrong)?;
    if !meta.is_file() {
        return Err(Failure::file("read", path, "it is not a file"));
    }
    if meta.len() > MAX_FILE_BYTES {
        return Err(Failure::refused(format!("{} is larger than {MAX_FILE_BYTES} bytes", path.display()))
            .remedy("split it and import the parts"));
    }
    Ok((file, meta.len()))
}

/// The id of the job that the server made of the file.
async fn upload(path: &Path, options: &Options, session: &Session) -> Result<i64, Failure> {
    let name = path.file_name().map_or("import".into(), |name| name.to_string_lossy().into_owned());
    let list = list(options.list.as_deref(), path, session).await?;
    let answer = send(path, &format!("api/lists/{list}/imports"), &options.query(&name), 30, session).await?;
    answer.value["id"].as_i64().ok_or_else(|| Failure::answer("import id"))
}

/// Sends a file and shows how far it is; the server may take `after_s` seconds beyond the upload.
pub(super) async fn send(
    path: &Path,
    to: &str,
    query: &[(&str, &str)],
    after_s: u64,
    session: &Session,
) -> Result<Answer, Failure> {
    let (file, size) = open(path)?;
    let sent = Arc::new(AtomicU64::new(0));
    let body = stream(file, Arc::clone(&sent));
    let deadline = Duration::from_secs(after_s + size / SLOWEST_BYTES_PER_S);
    let mut progress = Progress::new("uploading", size);
    let request = session.client.upload(to, query, body, deadline);
    tokio::pin!(request);
    let answer = loop {
        tokio::select! {
            answer = &mut request => break answer,
            () = tokio::time::sleep(POLL) => progress.show(sent.load(Ordering::Relaxed), ""),
        }
    };
    progress.finish();
    answer
}

/// The list that is meant: an existing one, or a new one.
async fn list(named: Option<&str>, file: &Path, session: &Session) -> Result<i64, Failure> {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let Some(name) = named.map(str::to_owned).or(stem) else {
        return Err(Failure::refused("the file has no name to call a list by").remedy("give --list NAME"));
    };
    // Digits are meant as an id more often than as the name of a new list.
    if named.is_some() && name.bytes().all(|b| b.is_ascii_digit()) {
        return session.client.id(Noun::List, &name).await;
    }
    if let Some(list) = session.client.find_named(Noun::List, &name).await? {
        return list["id"].as_i64().ok_or_else(|| Failure::answer("list id"));
    }
    let made = session.client.post(Noun::List.path(), Some(&json!({ "name": name }))).await?;
    made.value["id"].as_i64().ok_or_else(|| Failure::answer("list id"))
}

/// Reads the file on its own thread, a few pieces ahead of the network.
fn stream(mut file: File, sent: Arc<AtomicU64>) -> Body {
    let (pieces, receiver) = mpsc::channel::<std::io::Result<Vec<u8>>>(PIECES);
    std::thread::spawn(move || {
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let read = file.read(&mut piece).map(|size| {
                piece.truncate(size);
                piece
            });
            let is_last = read.as_ref().map_or(true, Vec::is_empty);
            let size = read.as_ref().map_or(0, Vec::len) as u64;
            let is_end_of_file = is_last && read.is_ok();
            // The receiver is gone when the server refused the upload.
            if is_end_of_file || pieces.blocking_send(read).is_err() || is_last {
                return;
            }
            sent.fetch_add(size, Ordering::Relaxed);
        }
    });
    Body::wrap_stream(futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|piece| (piece, receiver))
    }))
}

async fn preview(path: &Path, options: &Options, session: &Session) -> Result<(), Failure> {
    let (file, _) = open(path)?;
    let mut head = Vec::new();
    file.take(PREVIEW_BYTES).read_to_end(&mut head).map_err(|error| Failure::file("read", path, error))?;
    let name = path.to_string_lossy();
    let query = options.query(&name);
    let answer = session.client.upload("api/imports/preview", &query, Body::from(head), PREVIEW_DEADLINE).await?;
    session.print(&answer, guess_words);
    Ok(())
}

/// How the file would be read, and its first rows.
fn guess_words(preview: &Value) -> String {
    let guess = preview.get("guess").unwrap_or(preview);
    let mut text = facts([
        ("encoding", cell(guess, "encoding")),
        ("delimiter", cell(guess, "delimiter")),
        ("format", cell(guess, "format")),
        ("labels", cell(guess, "labels")),
        ("number column", number_column(guess)),
    ])
    .to_string();
    let rows: Vec<Value> = preview["rows"].as_array().into_iter().flatten().map(preview_row).collect();
    if !rows.is_empty() {
        let columns = [
            ("line", "line"),
            ("verdict", "verdict"),
            ("number", "number"),
            ("attributes", "attributes"),
            ("problem", "problem"),
        ];
        text.push_str(&format!("\n{}", rows_table(&rows, &columns)));
    }
    text
}

/// The label of the column; a native record has none.
fn number_column(guess: &Value) -> String {
    let index = guess["number_column"].as_u64().and_then(|index| usize::try_from(index).ok());
    index.map_or("-".into(), |index| crate::output::show(&guess["labels"][index]))
}

fn preview_row(row: &Value) -> Value {
    let problem = match (row["field"].as_str(), row["problem"].as_str()) {
        (Some(field), Some(problem)) => json!(format!("{field}: {problem}")),
        (None, Some(problem)) => json!(problem),
        _ => Value::Null,
    };
    json!({
        "line": row["line"], "verdict": row["verdict"], "number": row["number"],
        "attributes": words(&row["attributes"]), "problem": problem,
    })
}

/// Waits until the job is over.
async fn follow(job: i64, session: &Session) -> Result<Answer, Failure> {
    let path = format!("api/imports/{job}");
    let mut progress = None::<Progress>;
    loop {
        let look = async {
            let answer = session.client.get(&path).await;
            tokio::time::sleep(if answer.is_ok() { POLL } else { Duration::ZERO }).await;
            answer
        };
        let answer = tokio::select! {
            answer = look => answer.map_err(|failure| Failure {
                remedy: format!("then go on with: carillon list import --resume {job}; first, {}", failure.remedy),
                ..failure
            })?,
            _ = tokio::signal::ctrl_c() => {
                return Err(Failure::refused(format!("interrupted: the server goes on with import {job}")).remedy(format!(
                    "follow it with: carillon list import --follow {job}; take it back with --cancel {job}"
                )));
            }
        };
        let row = &answer.value;
        if matches!(row["state"].as_str(), Some("done" | "cancelled" | "failed")) {
            if let Some(progress) = progress {
                progress.finish();
            }
            return Ok(answer);
        }
        let total = row["bytes_total"].as_u64().unwrap_or(0);
        let words = format!("{} rows, {} refused", cell(row, "rows"), cell(row, "refused"));
        let progress = progress.get_or_insert_with(|| Progress::new("importing", total));
        progress.show(row["bytes_done"].as_u64().unwrap_or(0), &words);
    }
}

/// The summary; an import that failed is a failure.
fn finish(done: &Answer, verdicts: Option<&Path>, session: &Session) -> Result<(), Failure> {
    let job = &done.value;
    let id = cell(job, "id");
    if session.json {
        say(done.text.trim_end());
    }
    match job["state"].as_str() {
        Some("failed") => Err(Failure::refused(format!("import {id} failed: {}", cell(job, "error")))
            .remedy(format!("go on with: carillon list import --resume {id}; take it back with --cancel {id}"))),
        Some("cancelled") => {
            Err(Failure::refused(format!("import {id} was cancelled")).remedy("import the file again"))
        }
        _ => {
            if !session.json {
                say(summary(job, verdicts));
            }
            Ok(())
        }
    }
}

fn summary(job: &Value, verdicts: Option<&Path>) -> String {
    let id = cell(job, "id");
    let mut text = format!(
        "import {id}: {} rows, {} accepted, {} refused, {} left out as duplicates ({}, list {})",
        cell(job, "rows"),
        cell(job, "accepted"),
        cell(job, "refused"),
        cell(job, "duplicates"),
        cell(job, "encoding"),
        cell(job, "list"),
    );
    match verdicts {
        Some(path) => text.push_str(&format!("\n  the verdict of every row is in {}", path.display())),
        None if job["refused"].as_u64().unwrap_or(0) > 0 => {
            text.push_str(&format!("\n  why: carillon list import --follow {id} --verdicts FILE"));
        }
        None => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tab_can_be_typed() {
        assert_eq!(delimiter("\t").as_deref(), Ok("tab"));
        assert_eq!(delimiter(";").as_deref(), Ok(";"));
        assert!(delimiter(":").is_err());
    }

    #[test]
    fn a_summary_says_where_the_reasons_are() {
        let job =
            json!({"id": 3, "rows": 10, "accepted": 8, "refused": 2, "duplicates": 0, "encoding": "utf-8", "list": 1});
        let text = summary(&job, None);
        assert!(text.starts_with("import 3: 10 rows, 8 accepted, 2 refused, 0 left out"), "{text}");
        assert!(text.ends_with("carillon list import --follow 3 --verdicts FILE"), "{text}");
        assert!(summary(&job, Some(Path::new("v.csv"))).ends_with("is in v.csv"));
    }
}
