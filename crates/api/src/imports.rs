//! `/api/imports`: files on their way into lists.
//!
//! The upload is streamed to disk and answered with a job; a task of its own reads it. A job goes on where it was
//! when the process ended: see [`resume_imports`].

use crate::App;
use crate::attributes::AttributeMap;
use crate::auth::{Operate, Read};
use crate::error::ApiError;
use crate::extract::{Id, Query, too_large};
use crate::page::{Page, PageQuery, limit};
use crate::words;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{ImportId, ListId, Masked, Timestamp};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::Scope;
use store::import::{Format, HEAD_BYTES, ImportJob, ImportOptions, ImportState, MAX_UPLOAD_BYTES, Upload, preview};
use tokio::io::{AsyncReadExt, Take};
use tokio::sync::{Semaphore, watch};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Files received at once.
const UPLOADS_AT_ONCE: usize = 4;
/// Files read into lists at once; the others wait for their turn.
const IMPORTS_AT_ONCE: usize = 2;
/// Seconds without a byte after which an upload is given up.
const UPLOAD_IDLE_S: u64 = 60;
/// Seconds that a request waits for a cancelled import to be cleared away; the work goes on behind it.
const CANCEL_WAIT_S: u64 = 5;
/// Bytes of a verdict file sent at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// A file on its way into a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Import {
    /// Its id, the same however often it is interrupted.
    pub id: i64,
    /// The list it fills.
    pub list: i64,
    /// What the person calls the file.
    pub file_name: String,
    /// Where it stands.
    #[schema(value_type = words::ImportState)]
    pub state: ImportState,
    /// As chosen, or as guessed once it runs.
    #[schema(example = "utf-16le")]
    pub encoding: Option<String>,
    /// As chosen, or as guessed once it runs: the character, `tab`, or `native`.
    #[schema(example = ";")]
    pub delimiter: Option<String>,
    /// Whether numbers that the list has are passed over.
    pub dedupe: bool,
    /// Columns that are left out, by name.
    pub skip: Vec<String>,
    /// Rows with a verdict.
    pub rows: u64,
    /// Rows that became contacts.
    pub accepted: u64,
    /// Rows that were refused.
    pub refused: u64,
    /// Rows passed over because of their number.
    pub duplicates: u64,
    /// Bytes of the file that were read.
    pub bytes_done: u64,
    /// Bytes of the file.
    pub bytes_total: u64,
    /// Why it failed, when it did.
    pub error: Option<String>,
    /// When the file was complete.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was done, or cancelled with nothing left to remove.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
}

impl From<ImportJob> for Import {
    fn from(job: ImportJob) -> Self {
        Self {
            id: job.id.0,
            list: job.list.0,
            file_name: job.file_name,
            state: job.state,
            encoding: job.encoding,
            delimiter: job.delimiter,
            dedupe: job.dedupe,
            skip: job.skip,
            rows: job.rows,
            accepted: job.accepted,
            refused: job.refused,
            duplicates: job.duplicates,
            bytes_done: job.bytes_done,
            bytes_total: job.bytes_total,
            error: job.error,
            created_at: job.created_at,
            finished_at: job.finished_at,
        }
    }
}

/// How a file is to be read; what is not given is guessed.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// What the person calls the file.
    file_name: Option<String>,
    /// e.g. `utf-8`, `utf-16le`, `windows-1252`.
    encoding: Option<String>,
    /// One character, `tab`, or `native` for `number,NAME:value,...`.
    delimiter: Option<String>,
    /// Pass over numbers that the list has.
    dedupe: Option<bool>,
    /// Columns of a table that are not taken over: names with commas between them, as the preview's `labels` or
    /// `given_labels` have them. Not the number's.
    skip: Option<String>,
}

impl ImportQuery {
    fn options(&self) -> Result<ImportOptions, ApiError> {
        let dedupe = self.dedupe.unwrap_or(false);
        let options = ImportOptions::parse(self.encoding.as_deref(), self.delimiter.as_deref(), dedupe)?;
        Ok(options.without(self.skip.as_deref()))
    }
}

/// What an import would make of a file.
#[derive(Clone, Serialize, ToSchema)]
pub struct ImportPreview {
    /// What the file is taken for.
    pub guess: ImportGuess,
    /// Its first rows, at most 20.
    pub rows: Vec<ImportPreviewRow>,
}

/// What a file is taken for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportGuess {
    /// How its bytes are read.
    #[schema(example = "windows-1252")]
    pub encoding: String,
    /// `csv`, or `native` for `number,NAME:value,...`.
    #[schema(example = "csv")]
    pub format: String,
    /// Between the cells of a table.
    #[schema(example = ";")]
    pub delimiter: Option<String>,
    /// The attributes that the columns of a table become, in order.
    pub labels: Vec<String>,
    /// What the first row of a table says, in the same order.
    pub given_labels: Vec<String>,
    /// For each of them whether it is left out, as `skip` says.
    pub left_out: Vec<bool>,
    /// 0-based column of a table that holds the number.
    pub number_column: Option<usize>,
}

/// A row as it would be taken or refused.
#[derive(Clone, Serialize, ToSchema)]
pub struct ImportPreviewRow {
    /// Its line in the file.
    pub line: u64,
    /// `accepted` or `refused`.
    pub verdict: String,
    /// The number as the file has it.
    pub number: String,
    /// Empty when it is refused.
    pub attributes: AttributeMap,
    /// What a refusal or a warning is about.
    pub field: Option<String>,
    /// The refusal, or the first warning.
    pub problem: Option<String>,
}

/// The imports in progress. Clones share them.
#[derive(Clone)]
pub struct Imports {
    uploads: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    going_on: Arc<Mutex<BTreeSet<ImportId>>>,
}

impl Default for Imports {
    fn default() -> Self {
        Self {
            uploads: Arc::new(Semaphore::new(UPLOADS_AT_ONCE)),
            turns: Arc::new(Semaphore::new(IMPORTS_AT_ONCE)),
            going_on: Arc::default(),
        }
    }
}

impl Imports {
    /// `None`: it goes on already.
    fn enter(&self, id: ImportId) -> Option<GoingOn> {
        let new = self.going_on.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        new.then(|| GoingOn { imports: self.clone(), id })
    }
}

/// Held by the task of an import.
struct GoingOn {
    imports: Imports,
    id: ImportId,
}

impl Drop for GoingOn {
    fn drop(&mut self) {
        self.imports.going_on.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// Goes on with what the end of the last process interrupted, in the background; how many that are.
/// To be called once, before requests are taken.
pub async fn resume_imports(app: &App) -> Result<usize, store::Error> {
    let scope = Scope::installation();
    let mut jobs = app.store.interrupted_imports(&scope).await?;
    let waiting = app.store.imports(&scope, None).await?.into_iter().filter(|job| job.state == ImportState::Uploaded);
    jobs.extend(waiting);
    for job in &jobs {
        tracing::info!(import.id = job.id.0, state = ?job.state, "an interrupted import goes on");
        match job.state {
            ImportState::Cancelled => drop(cancel_in_background(app, &scope, job.id)),
            _ => run_in_background(app, &scope, job),
        }
    }
    Ok(jobs.len())
}

/// Reads the job's file into its list. Errors are the job's, in its row and in the log.
fn run_in_background(app: &App, scope: &Scope, job: &ImportJob) {
    let (id, list) = (job.id, job.list);
    let Some(going_on) = app.imports.enter(id) else { return };
    let (app, scope, job) = (app.clone(), scope.clone(), job.clone());
    tokio::spawn(async move {
        let _going_on = going_on;
        let _turn = app.imports.turns.acquire().await.expect("the semaphore is never closed");
        let (accepted, mut news) = watch::channel(job.accepted);
        let run = app.store.run_import(&scope, id, |job| {
            accepted.send_replace(job.accepted);
        });
        // Runs that read the list are told while it fills, but reading never waits for them.
        let mut told = job.accepted;
        let tell = async {
            while news.changed().await.is_ok() {
                let now = *news.borrow_and_update();
                app.contacts_added(list, now.saturating_sub(told)).await;
                told = now;
            }
        };
        let done: Result<ImportJob, store::Error> = tokio::select! {
            done = run => done,
            () = tell => return,
        };
        if let Err(error) = done {
            tracing::error!(import.id = id.0, cause = %Masked(&error), "an import failed");
        }
        let last = *accepted.borrow();
        app.contacts_added(list, last.saturating_sub(told)).await;
    });
}

fn cancel_in_background(
    app: &App,
    scope: &Scope,
    id: ImportId,
) -> tokio::task::JoinHandle<Result<ImportJob, store::Error>> {
    let (app, scope) = (app.clone(), scope.clone());
    tokio::spawn(async move {
        let done = app.store.cancel_import(&scope, id).await;
        if let Err(error) = &done {
            tracing::error!(import.id = id.0, cause = %Masked(&error), "an import could not be cancelled");
        }
        done
    })
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(import_file))
        .routes(routes!(list_imports))
        .routes(routes!(preview_import))
        .routes(routes!(get_import))
        .routes(routes!(get_import_verdicts))
        .routes(routes!(cancel_import))
        .routes(routes!(resume_import))
}

/// Takes a file for a list, up to 2 GiB, as the body is; the job that is answered reads it in the background.
#[utoipa::path(post, path = "/api/lists/{id}/imports", tag = "lists", params(("id" = i64, Path), ImportQuery),
    request_body(content = String, content_type = "application/octet-stream"), security(("token" = ["operate"])),
    responses((status = 202, description = "the job", body = Import)))]
async fn import_file(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
    Query(query): Query<ImportQuery>,
    body: Body,
) -> Result<(StatusCode, axum::Json<Import>), ApiError> {
    let options = query.options()?;
    app.store.list(&caller.scope, ListId(id)).await?;
    let _place = app.imports.uploads.try_acquire().map_err(|_| {
        ApiError::unavailable("too_many_uploads", format!("{UPLOADS_AT_ONCE} files are being received already"))
    })?;
    let upload = receive(&app, body).await?;
    let name = query.file_name.as_deref().unwrap_or("import");
    let job = app.store.create_import(&caller.scope, ListId(id), name, upload, options).await?;
    run_in_background(&app, &caller.scope, &job);
    Ok((StatusCode::ACCEPTED, axum::Json(job.into())))
}

pub(crate) async fn receive(app: &App, body: Body) -> Result<Upload, ApiError> {
    let mut upload = app.store.begin_upload().await?;
    let mut pieces = body.into_data_stream();
    loop {
        let piece = tokio::time::timeout(Duration::from_secs(UPLOAD_IDLE_S), pieces.next()).await.map_err(|_| {
            let message = format!("no byte of the file came for {UPLOAD_IDLE_S} s");
            ApiError::new(StatusCode::REQUEST_TIMEOUT, "upload_stalled", message)
        })?;
        match piece {
            None => return Ok(upload),
            Some(Err(_)) => {
                return Err(ApiError::bad_request("incomplete_body", "the file could not be read to its end"));
            }
            Some(Ok(piece)) if upload.bytes() + piece.len() as u64 > MAX_UPLOAD_BYTES => {
                return Err(too_large(MAX_UPLOAD_BYTES).remedy("split the file"));
            }
            Some(Ok(piece)) => upload.write(&piece).await?,
        }
    }
}

/// The last 1000 imports, newest first.
#[utoipa::path(get, path = "/api/imports", tag = "lists", params(PageQuery), security(("token" = ["read"])),
    responses((status = 200, description = "a page of imports, newest first", body = Page<Import>)))]
async fn list_imports(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Import>>, ApiError> {
    let limit = limit(query.limit)?;
    let after = query.after.filter(|id| *id > 0).unwrap_or(i64::MAX);
    let jobs = app.store.imports(&caller.scope, None).await?.into_iter().filter(|job| job.id.0 < after);
    let jobs = jobs.take(limit as usize).map(Import::from).collect();
    Ok(axum::Json(Page::read(jobs, limit, |job: &Import| job.id)))
}

/// Shows what an import would make of a file. The first 64 KiB are enough.
#[utoipa::path(post, path = "/api/imports/preview", tag = "lists", params(ImportQuery),
    request_body(content = String, content_type = "application/octet-stream"), security(("token" = ["read"])),
    responses((status = 200, description = "what the file is taken for, and its first rows", body = ImportPreview)))]
async fn preview_import(
    Read(_caller): Read,
    State(app): State<App>,
    Query(query): Query<ImportQuery>,
    body: Body,
) -> Result<axum::Json<ImportPreview>, ApiError> {
    let options = query.options()?;
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let mut pieces = body.into_data_stream();
    while head.len() < HEAD_BYTES
        && let Some(piece) = pieces.next().await
    {
        let piece = piece.map_err(|_| ApiError::bad_request("incomplete_body", "the file could not be read"))?;
        head.extend_from_slice(&piece[..piece.len().min(HEAD_BYTES - head.len())]);
    }
    let preview = preview(&head, options.choices, &options.skip, app.store.country())?;
    let (format, columns) = match preview.guess.format {
        Format::Native => ("native", None),
        Format::Csv(columns) => ("csv", Some(columns)),
    };
    let labels = columns.as_ref().map(|columns| columns.labels.as_slice()).unwrap_or_default();
    let guess = ImportGuess {
        encoding: preview.guess.encoding.name(),
        format: format.into(),
        delimiter: columns.as_ref().map(|columns| columns.delimiter.to_string()),
        labels: labels.iter().map(|label| label.name.clone()).collect(),
        given_labels: labels.iter().map(|label| label.given.clone()).collect(),
        left_out: labels.iter().map(|label| label.left_out).collect(),
        number_column: columns.as_ref().map(|columns| columns.number_column),
    };
    let row = |row: store::import::PreviewRow| ImportPreviewRow {
        line: row.line,
        verdict: if row.accepted { "accepted" } else { "refused" }.into(),
        number: row.number,
        attributes: AttributeMap::from(&row.attributes),
        field: row.field,
        problem: row.problem,
    };
    Ok(axum::Json(ImportPreview { guess, rows: preview.rows.into_iter().map(row).collect() }))
}

/// How far an import is.
#[utoipa::path(get, path = "/api/imports/{id}", tag = "lists", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "the job", body = Import)))]
async fn get_import(Read(caller): Read, State(app): State<App>, Id(id): Id) -> Result<axum::Json<Import>, ApiError> {
    Ok(axum::Json(app.store.import(&caller.scope, ImportId(id)).await?.into()))
}

/// The verdict of every row read so far, as CSV: line, verdict, number, field, problem.
#[utoipa::path(get, path = "/api/imports/{id}/verdicts", tag = "lists", params(("id" = i64, Path)),
    security(("token" = ["read"])),
    responses((status = 200, description = "one line per row", body = String, content_type = "text/csv")))]
async fn get_import_verdicts(Read(caller): Read, State(app): State<App>, Id(id): Id) -> Result<Response, ApiError> {
    let verdicts = app.store.verdict_file(&caller.scope, ImportId(id)).await?;
    let file = tokio::fs::File::open(&verdicts.path).await.map_err(ApiError::internal)?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"import-{id}-verdicts.csv\"")),
        (header::CONTENT_LENGTH, verdicts.bytes.to_string()),
    ];
    Ok((headers, Body::from_stream(stream::unfold(file.take(verdicts.bytes), next_piece))).into_response())
}

async fn next_piece(mut file: Take<tokio::fs::File>) -> Option<(std::io::Result<Bytes>, Take<tokio::fs::File>)> {
    let mut piece = vec![0; PIECE_BYTES];
    match file.read(&mut piece).await {
        Ok(0) => None,
        Ok(size) => {
            piece.truncate(size);
            Some((Ok(piece.into()), file))
        }
        Err(error) => Some((Err(error), file)),
    }
}

/// Stops an import and takes its contacts out again, but for those that were dialled already.
#[utoipa::path(post, path = "/api/imports/{id}/cancel", tag = "lists", params(("id" = i64, Path)),
    security(("token" = ["operate"])),
    responses((status = 200, description = "the job; `finished_at` is set when nothing is left", body = Import)))]
async fn cancel_import(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<Import>, ApiError> {
    let id = ImportId(id);
    app.store.import(&caller.scope, id).await?;
    let cancelled = cancel_in_background(&app, &caller.scope, id);
    match tokio::time::timeout(Duration::from_secs(CANCEL_WAIT_S), cancelled).await {
        Ok(Ok(job)) => Ok(axum::Json(job?.into())),
        Ok(Err(panic)) => Err(ApiError::internal(panic)),
        Err(_) => Ok(axum::Json(app.store.import(&caller.scope, id).await?.into())),
    }
}

/// Goes on with an import that failed. One that goes on or is done stays as it is.
#[utoipa::path(post, path = "/api/imports/{id}/resume", tag = "lists", params(("id" = i64, Path)),
    security(("token" = ["operate"])), responses((status = 202, description = "the job", body = Import)))]
async fn resume_import(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
) -> Result<(StatusCode, axum::Json<Import>), ApiError> {
    let job = app.store.import(&caller.scope, ImportId(id)).await?;
    match job.state {
        ImportState::Cancelled => {
            let message = format!("import {id} was cancelled");
            return Err(ApiError::new(StatusCode::CONFLICT, "conflict", message).remedy("import the file again"));
        }
        ImportState::Done => {}
        ImportState::Uploaded | ImportState::Running | ImportState::Failed => {
            run_in_background(&app, &caller.scope, &job);
        }
    }
    Ok((StatusCode::ACCEPTED, axum::Json(job.into())))
}

#[cfg(test)]
pub(crate) mod tests;
