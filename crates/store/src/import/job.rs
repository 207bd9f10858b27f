//! The import job: one uploaded file on its way into one list.

use super::encoding::Encoding;
use super::sniff::{Choices, Format, Guess, Layout};
use super::upload::{self, Upload};
use crate::audit::{self, Subject};
use crate::db::Store;
use crate::disk::blocking;
use crate::engine::{Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::journal::events::masked;
use crate::scope::{Kind, Scope};
use crate::sql::{Columns, json_of, now};
use domain::{ContactId, ImportId, Invalid, ListId, Timestamp};
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;

/// Longest kept file name, in characters.
const MAX_FILE_NAME_CHARS: usize = 200;
/// Jobs of one page.
pub const MAX_JOBS: i64 = 1_000;

/// How far an import is. Counters are those of the last commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportJob {
    /// Its id, the same however often it is interrupted.
    pub id: ImportId,
    /// The list it fills.
    pub list: ListId,
    /// What the person calls the file; its own name on disk is `<id>.raw`.
    pub file_name: String,
    /// Where it stands.
    pub state: ImportState,
    /// As chosen, or as guessed once it runs, e.g. `utf-16le`.
    pub encoding: Option<String>,
    /// As chosen, or as guessed once it runs: the character, `tab`, or `native` for WombatDialer's own text.
    pub delimiter: Option<String>,
    /// Whether numbers that the list has are passed over.
    pub dedupe: bool,
    /// Columns that are left out, by name.
    pub skip: Vec<String>,
    /// Rows with a verdict. Blank lines and the label row have none.
    pub rows: u64,
    /// Rows that became contacts.
    pub accepted: u64,
    /// Rows that were refused.
    pub refused: u64,
    /// Rows passed over because of their number.
    pub duplicates: u64,
    /// Bytes of the file behind which the next row is read.
    pub bytes_done: u64,
    /// Bytes of the file.
    pub bytes_total: u64,
    /// Why it failed, when it did; it can be run again.
    pub error: Option<String>,
    /// When the file was complete.
    pub created_at: Timestamp,
    /// When it was done, or cancelled with nothing left to remove.
    pub finished_at: Option<Timestamp>,
    #[serde(skip)]
    pub(crate) verdict_bytes: u64,
}

/// Where an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportState {
    /// The file is here, no row was read.
    Uploaded,
    /// Rows are being read, or were when the process ended.
    Running,
    /// Every row has its verdict.
    Done,
    /// Its contacts were taken out again, or are being taken out.
    Cancelled,
    /// It stopped, see `error`.
    Failed,
}

/// What the person who imports says about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// What is not to be guessed about the file.
    pub choices: Choices,
    /// Pass over numbers that the list has.
    pub dedupe: bool,
    /// Columns to leave out, by name.
    pub skip: Vec<String>,
}

impl ImportOptions {
    /// From texts: the name of an encoding; a delimiter, `tab` or `native`. Empty means: guess.
    pub fn parse(encoding: Option<&str>, delimiter: Option<&str>, dedupe: bool) -> Result<Self, Invalid> {
        // A tab is blank too, and a delimiter.
        let encoding = encoding.filter(|name| !name.trim().is_empty()).map(str::parse).transpose()?;
        let layout = delimiter.filter(|text| !text.is_empty()).map(Layout::parse).transpose()?;
        Ok(Self { choices: Choices { encoding, layout }, dedupe, skip: Vec::new() })
    }

    /// The same without these columns: names with commas between them.
    pub fn without(self, columns: Option<&str>) -> Self {
        let names = columns.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
        Self { skip: names.map(str::to_owned).collect(), ..self }
    }
}

statements! {
    CREATE = "INSERT INTO import_job (tenant_id, list_id, file_name, state, encoding, delimiter, format, dedupe, \
        bytes_total, created_at, skip) \
        SELECT tenant_id, id, $3, 'uploaded', $4, $5, $6, $7, $8, $9, $10 FROM list WHERE tenant_id = $1 AND id = $2 \
        RETURNING *";
    GET = "SELECT * FROM import_job WHERE tenant_id = $1 AND id = $2";
    PAGE = "SELECT * FROM import_job WHERE tenant_id = $1 AND ($2 = 0 OR list_id = $2) ORDER BY id DESC LIMIT $3";
    UNFINISHED = "SELECT * FROM import_job WHERE tenant_id = $1 AND finished_at IS NULL \
        AND state IN ('running', 'cancelled') ORDER BY id";
    KNOWN = "SELECT id FROM import_job";
    OF_CONTACT = "SELECT j.* FROM import_job j JOIN contact c ON c.import_id = j.id WHERE c.tenant_id = $1 AND c.id = $2";
}

impl Store {
    /// Makes a job of a complete upload. Nothing is read yet: see [`Store::run_import`].
    pub async fn create_import(
        &self,
        scope: &Scope,
        list: ListId,
        file_name: &str,
        mut upload: Upload,
        options: ImportOptions,
    ) -> Result<ImportJob> {
        scope.check(Kind::List, list.0)?;
        if upload.bytes() == 0 {
            return Err(Invalid::new("file", "is empty").into());
        }
        upload.finish().await?;
        let layout = options.choices.layout;
        let mut transaction = self.begin().await?;
        let row = query(CREATE)
            .bind(scope.tenant.0)
            .bind(list.0)
            .bind(kept_name(file_name))
            .bind(options.choices.encoding.map(Encoding::name))
            .bind(layout.map(Layout::name))
            .bind(layout.map(format_name))
            .bind(options.dedupe)
            .bind(i64::try_from(upload.bytes()).unwrap_or(i64::MAX))
            .bind(now().0)
            .bind(json_of(&options.skip))
            .fetch_optional(&mut *transaction)
            .await?;
        let job = read(&row.ok_or_else(|| Error::not_found("list", list))?)?;
        let what = json!({ "import": job.id, "file": masked(&job.file_name), "bytes": job.bytes_total });
        audit::note_deed(scope, "import_began", Subject::Entity(Kind::List), list.0, what, &mut transaction).await?;
        upload.keep(self, job.id).await?;
        transaction.commit().await?;
        Ok(job)
    }

    /// One job.
    pub async fn import(&self, scope: &Scope, id: ImportId) -> Result<ImportJob> {
        let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(self.readers()).await?;
        let job = row.as_ref().map(read).transpose()?.filter(|job| scope.sees(Kind::List, job.list.0));
        job.ok_or_else(|| Error::not_found("import", id))
    }

    /// The job that a contact came with; `None`: it was added otherwise.
    pub(crate) async fn import_of(&self, scope: &Scope, contact: ContactId) -> Result<Option<ImportJob>> {
        let row = query(OF_CONTACT).bind(scope.tenant.0).bind(contact.0).fetch_optional(self.readers()).await?;
        Ok(row.as_ref().map(read).transpose()?.filter(|job| scope.sees(Kind::List, job.list.0)))
    }

    /// The last jobs of a list, or of all, newest first; at most [`MAX_JOBS`].
    pub async fn imports(&self, scope: &Scope, list: Option<ListId>) -> Result<Vec<ImportJob>> {
        let list = list.map_or(0, |list| list.0);
        let query = query(PAGE).bind(scope.tenant.0).bind(list).bind(MAX_JOBS);
        let jobs = query.fetch_all(self.readers()).await?;
        let jobs = jobs.iter().map(read);
        jobs.filter(|job| job.as_ref().map_or(true, |job| scope.sees(Kind::List, job.list.0))).collect()
    }

    /// The file with one line per row read so far. It grows while the job runs; the part that counts ends where
    /// the job's last commit says.
    pub async fn verdict_file(&self, scope: &Scope, id: ImportId) -> Result<VerdictFile> {
        let job = self.import(scope, id).await?;
        if job.state == ImportState::Cancelled || job.verdict_bytes == 0 {
            let why = "has no verdicts: no row was read, or it was cancelled".to_owned();
            return Err(Error::Conflict { what: format!("import {id}"), why });
        }
        Ok(VerdictFile { path: upload::verdict_path(self, id), bytes: job.verdict_bytes })
    }

    /// Once per start, before uploads are taken: removes the files of broken uploads and deleted lists, and says which
    /// jobs the end of the process interrupted. Run the running ones and cancel the cancelled ones again.
    pub async fn interrupted_imports(&self, scope: &Scope) -> Result<Vec<ImportJob>> {
        let known: Vec<i64> = query_scalar(KNOWN).fetch_all(self.readers()).await?;
        let known: Vec<ImportId> = known.into_iter().map(ImportId).collect();
        let store = self.clone();
        blocking(move || upload::sweep(&store, &known)).await?;
        let query = query(UNFINISHED).bind(scope.tenant.0);
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }
}

/// A verdict file and how much of it is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictFile {
    /// Where it is.
    pub path: PathBuf,
    /// Serve this many bytes and not one more.
    pub bytes: u64,
}

impl ImportJob {
    /// What is already settled about the file, so that a resumed job reads it as the first time.
    pub(crate) fn choices(&self) -> Result<Choices> {
        let encoding = self.encoding.as_deref().map(str::parse).transpose()?;
        let layout = self.delimiter.as_deref().map(Layout::parse).transpose()?;
        Ok(Choices { encoding, layout })
    }
}

pub(crate) fn format_name(layout: Layout) -> &'static str {
    match layout {
        Layout::Csv(_) => "csv",
        Layout::Native => "native",
    }
}

/// The texts of a guess for the job's row: encoding, delimiter, format.
pub(crate) fn names(guess: &Guess) -> (String, String, &'static str) {
    let layout = guess.format.layout();
    let format = match &guess.format {
        Format::Csv(_) => "csv",
        Format::Native => "native",
    };
    (guess.encoding.name(), layout.name(), format)
}

pub(crate) fn read(row: &Row) -> Result<ImportJob> {
    Ok(ImportJob {
        id: ImportId(row.int("id")?),
        list: ListId(row.int("list_id")?),
        file_name: row.text("file_name")?,
        state: row.code("state")?,
        encoding: row.opt_text("encoding")?,
        delimiter: row.opt_text("delimiter")?,
        dedupe: row.flag("dedupe")?,
        skip: row.json("skip")?,
        rows: row.number("rows")?,
        accepted: row.number("accepted")?,
        refused: row.number("refused")?,
        duplicates: row.number("duplicates")?,
        bytes_done: row.number("bytes_done")?,
        bytes_total: row.number("bytes_total")?,
        error: row.opt_text("error")?,
        created_at: row.at("created_at")?,
        finished_at: row.opt_at("finished_at")?,
        verdict_bytes: row.number("verdict_bytes")?,
    })
}

/// The last part of what the browser or the CLI says, for people to read; it is never used as a path.
fn kept_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|c| !c.is_control()).take(MAX_FILE_NAME_CHARS).collect();
    if kept.trim().is_empty() { "upload".to_owned() } else { kept }
}
