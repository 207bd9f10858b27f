//! Running an import: a thread reads and judges rows, chunks of them go into the list with the job's offset in one
//! transaction. Whatever ends the process, the next run goes on behind the last committed chunk.

use super::insert::{Line, existing_keys, insert};
use super::job::{ImportJob, ImportState, names, read};
use super::reader::{Position, Reader, Row, count_lines};
use super::sniff::{Guess, sniff_all};
use super::upload;
use super::verdicts::{Fate, HEADER, append};
use crate::audit::{self, Subject};
use crate::db::Store;
use crate::disk::{self, blocking};
use crate::engine::{Transaction, query};
use crate::error::{Error, Result};
use crate::lists::count_contacts;
use crate::scope::{Kind, Scope};
use crate::sql::now;
use domain::ImportId;
use serde_json::json;
use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Rows that are written at once: how long the journal waits for its turn (about 5 ms), and what a transaction holds while
/// calls are made.
pub const CHUNK_ROWS: usize = 250;
/// Rows of one transaction while no calls are made: each transaction writes most pages of the index of numbers, so fewer
/// of them write less. Also what a kill can cost in work. (Tests interrupt imports of a few transactions.)
pub const GROUP_ROWS: usize = if cfg!(test) { 2 * CHUNK_ROWS } else { 20_000 };
/// Chunks read ahead of the one that is being written.
const CHUNKS_AHEAD: usize = 8;
/// How long after a commit of the journal calls count as being made.
const QUIET_AFTER: Duration = Duration::from_secs(1);
/// How long a run waits for the last transaction of one that was just given up, in milliseconds.
const LOCK_WAIT_MS: u64 = 10_000;
/// Between two looks at that lock, in milliseconds.
const LOCK_LOOK_MS: u64 = 10;

statements! {
    START = "UPDATE import_job SET state = 'running', error = NULL, encoding = $3, delimiter = $4, format = $5 \
        WHERE tenant_id = $1 AND id = $2 AND state IN ('uploaded', 'running', 'failed') RETURNING *";
    ADVANCE = "UPDATE import_job SET rows = rows + $4, accepted = accepted + $5, refused = refused + $6, \
        duplicates = duplicates + $7, bytes_done = $8, verdict_bytes = $9, state = $10, finished_at = $11 \
        WHERE tenant_id = $1 AND id = $2 AND state = 'running' AND bytes_done = $3 RETURNING *";
    FAIL = "UPDATE import_job SET state = 'failed', error = $3 WHERE tenant_id = $1 AND id = $2 AND state = 'running'";
}

impl Store {
    /// Reads the file of a job into its list, from the start or from where it was interrupted, and returns the job as it
    /// ended: done, or cancelled meanwhile. `progress` is called after every transaction: [`GROUP_ROWS`]
    /// rows, fewer while calls are made.
    ///
    /// Dropping the future ends it after the transaction that is under way: nothing is lost or doubled, and running it again
    /// goes on.
    /// An error leaves the job `failed`, to be run again. Refused while the job runs already.
    pub async fn run_import(
        &self,
        scope: &Scope,
        id: ImportId,
        mut progress: impl FnMut(&ImportJob) + Send,
    ) -> Result<ImportJob> {
        let job = self.import(scope, id).await?;
        match job.state {
            ImportState::Done => return Ok(job),
            ImportState::Cancelled => {
                return Err(Error::Conflict { what: format!("import {id}"), why: "was cancelled".to_owned() });
            }
            ImportState::Uploaded | ImportState::Running | ImportState::Failed => {}
        }
        let raw = upload::raw_path(self, id);
        let lock = lock(&raw, id).await?;
        match self.run_locked(scope, id, &raw, lock, &mut progress).await {
            Ok(job) => {
                tracing::info!(import.id = id.0, state = ?job.state, rows = job.rows, refused = job.refused, "import ended");
                Ok(job)
            }
            Err(error) => {
                self.fail(scope, id, &error).await;
                Err(error)
            }
        }
    }

    async fn run_locked(
        &self,
        scope: &Scope,
        id: ImportId,
        raw: &Path,
        lock: Arc<File>,
        progress: &mut (impl FnMut(&ImportJob) + Send),
    ) -> Result<ImportJob> {
        // Read behind the lock: the run before this one may have committed a chunk until it let go.
        let job = self.import(scope, id).await?;
        let (choices, country, path) = (job.choices()?, self.country().map(str::to_owned), raw.to_owned());
        let mut guess = blocking(move || {
            let file = File::open(&path).map_err(Error::io("cannot open", &path))?;
            sniff_all(file, choices, country.as_deref()).map_err(Error::io("cannot read", &path))
        })
        .await?;
        guess.leave_out(&job.skip)?;
        let Some(mut job) = self.start(scope, id, &guess).await? else { return self.import(scope, id).await };
        progress(&job);
        let verdicts = Verdicts::open(upload::verdict_path(self, id), job.verdict_bytes, lock).await?;
        let mut chunks = self.read_ahead(raw, guess, job.bytes_done);
        while job.state == ImportState::Running {
            // In a task of its own, which ends what it began when this future is dropped: a COPY that is given up half way
            // leaves its connection in a state that nobody can use.
            let step = self.clone().apply(scope.clone(), job, chunks, verdicts.clone());
            let done = tokio::spawn(step).await;
            let (next, rest) = done.unwrap_or_else(|stopped| std::panic::resume_unwind(stopped.into_panic()))?;
            let Some(next) = next else { return self.import(scope, id).await };
            (job, chunks) = (next, rest);
            progress(&job);
        }
        let path = raw.to_owned();
        blocking(move || disk::remove(&path)).await?;
        Ok(job)
    }

    /// `None`: it was cancelled or finished meanwhile.
    async fn start(&self, scope: &Scope, id: ImportId, guess: &Guess) -> Result<Option<ImportJob>> {
        let (encoding, delimiter, format) = names(guess);
        let mut transaction = self.begin().await?;
        let row = query(START)
            .bind(scope.tenant.0)
            .bind(id.0)
            .bind(encoding)
            .bind(delimiter)
            .bind(format)
            .fetch_optional(&mut *transaction)
            .await?;
        transaction.commit().await?;
        row.as_ref().map(read).transpose()
    }

    fn read_ahead(&self, raw: &Path, guess: Guess, offset: u64) -> Chunks {
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        // Not the store itself: a run that is given up must not keep the database open.
        let (path, country, secret) =
            (raw.to_owned(), self.country().map(str::to_owned), self.installation().number_secret);
        tokio::task::spawn_blocking(move || {
            let read = |guess| {
                let reader = open_at(&path, guess, country.as_deref(), offset)?;
                send_chunks(reader, secret, &sender)
            };
            if let Err(error) = read(guess).map_err(Error::io("cannot read", &path)) {
                // Nobody listens any more: the run was given up.
                let _ = sender.blocking_send(Err(error));
            }
        });
        receiver
    }

    /// Writes a chunk, and more of them while nobody else wants to write, in one transaction.
    /// `None`: it was cancelled meanwhile, and nothing of this is kept.
    async fn apply(
        self,
        scope: Scope,
        job: ImportJob,
        mut chunks: Chunks,
        verdicts: Verdicts,
    ) -> Result<(Option<ImportJob>, Chunks)> {
        let (scope, job) = (&scope, &job);
        // Read before the turn is taken: nobody waits for a file.
        let mut chunk = next_chunk(&mut chunks).await?;
        let alone = self.queue().journal_rests(QUIET_AFTER);
        if !alone {
            tokio::time::sleep(REST).await;
        }
        let mut transaction = self.begin().await?;
        let mut sums = Sums { verdict_bytes: job.verdict_bytes, ..Sums::default() };
        // The verdicts are on the disk before the commit that counts them; meanwhile the database works.
        let mut synced = None;
        let (bytes_done, state, finished_at) = loop {
            let (offset, last) = (chunk.offset, chunk.last);
            let ends = last || !alone || sums.rows + CHUNK_ROWS >= GROUP_ROWS;
            let new = self.judge(scope, job, chunk, &mut sums, &mut transaction).await?;
            if ends {
                synced = Some(verdicts.sync(std::mem::take(&mut sums.writing)));
            }
            insert(scope, job.list, Some(job.id), new, &mut transaction).await?;
            if last {
                break (job.bytes_total, "done", Some(now().0));
            }
            if ends || self.queue().waiting() > 0 {
                break (offset, "running", None);
            }
            chunk = next_chunk(&mut chunks).await?;
        };
        let synced = synced.unwrap_or_else(|| verdicts.sync(std::mem::take(&mut sums.writing)));
        if sums.added > 0 {
            count_contacts(scope, job.list, sums.added, &mut transaction).await?;
        }
        let row = query(ADVANCE)
            .bind(scope.tenant.0)
            .bind(job.id.0)
            .bind(as_i64(job.bytes_done))
            .bind(sums.rows as i64)
            .bind(sums.added)
            .bind(sums.refused)
            .bind(sums.duplicates)
            .bind(as_i64(bytes_done))
            .bind(as_i64(sums.verdict_bytes))
            .bind(state)
            .bind(finished_at)
            .fetch_optional(&mut *transaction)
            .await?;
        synced.await?;
        let Some(row) = row else { return Ok((None, chunks)) };
        let job = read(&row)?;
        if job.state == ImportState::Done {
            let what = json!({ "import": job.id, "accepted": job.accepted, "refused": job.refused,
                "duplicates": job.duplicates });
            let subject = Subject::Entity(Kind::List);
            audit::note_deed(scope, "import_finished", subject, job.list.0, what, &mut transaction).await?;
        }
        transaction.commit().await?;
        Ok((Some(job), chunks))
    }

    /// What becomes of a chunk's rows: their verdicts into `sums`, and those that go into the list.
    async fn judge(
        &self,
        scope: &Scope,
        job: &ImportJob,
        chunk: Chunk,
        sums: &mut Sums,
        transaction: &mut Transaction,
    ) -> Result<Vec<Line>> {
        let mut seen = HashSet::new();
        if job.dedupe {
            let keys = chunk.lines.iter().flatten().map(|line| line.key);
            seen = existing_keys(scope, job.list, keys, transaction).await?;
        }
        let mut text = if sums.verdict_bytes == 0 { HEADER.to_vec() } else { Vec::new() };
        let mut new = Vec::with_capacity(chunk.rows.len());
        for (row, line) in chunk.rows.iter().zip(chunk.lines) {
            let fate = match line {
                None => Fate::Refused,
                Some(line) if job.dedupe && !line.is_new(&mut seen) => Fate::Duplicate,
                Some(line) => {
                    new.push(line);
                    Fate::Added
                }
            };
            sums.refused += i64::from(fate == Fate::Refused);
            sums.duplicates += i64::from(fate == Fate::Duplicate);
            append(&mut text, row, fate);
        }
        sums.rows += chunk.rows.len();
        sums.added += new.len() as i64;
        let at = sums.verdict_bytes;
        sums.verdict_bytes += text.len() as u64;
        sums.writing.push((at, text));
        Ok(new)
    }

    async fn fail(&self, scope: &Scope, id: ImportId, error: &Error) {
        let failed = async {
            let mut transaction = self.begin().await?;
            let query = query(FAIL).bind(scope.tenant.0).bind(id.0).bind(error.to_string());
            query.execute(&mut *transaction).await?;
            Ok::<_, Error>(transaction.commit().await?)
        };
        // A database that cannot even say so keeps the job "running": it is then taken up at the next start.
        if let Err(second) = failed.await {
            tracing::warn!(import.id = id.0, error = %domain::Masked(&second), "the failure of an import was not stored");
        }
    }
}

/// Rest after a transaction while calls are made: what an import writes has to be copied from the log to the database, and
/// the commit that has to wait for that is to be one in hundreds.
const REST: Duration = Duration::from_millis(12);

/// What the reader sends.
type Chunks = mpsc::Receiver<Result<Chunk>>;

async fn next_chunk(chunks: &mut Chunks) -> Result<Chunk> {
    chunks.recv().await.expect("the reader's last message is the last chunk or an error")
}

/// What a transaction changes.
#[derive(Default)]
struct Sums {
    rows: usize,
    added: i64,
    refused: i64,
    duplicates: i64,
    /// Length of the verdict file with it.
    verdict_bytes: u64,
    /// Verdicts, with their places in the file.
    writing: Vec<(u64, Vec<u8>)>,
}

/// Rows that are written at once.
struct Chunk {
    rows: Vec<Row>,
    /// One per row; `None` where the row was refused.
    lines: Vec<Option<Line>>,
    /// Where the row after them begins, in bytes of the file.
    offset: u64,
    /// Whether the file ends here.
    last: bool,
}

/// The reader of a file, `offset` bytes behind its start, where a row begins.
fn open_at(path: &Path, guess: Guess, country: Option<&str>, offset: u64) -> io::Result<Reader<File>> {
    let mut file = File::open(path)?;
    let mut from = Position::START;
    if offset > 0 {
        from = Position { offset, line: count_lines(&mut file, guess.encoding, offset)? + 1 };
        file.seek(SeekFrom::Start(offset))?;
    }
    Reader::new(file, guess, country, from)
}

/// Sends chunks until the last one, or until nobody takes them. `secret` keys the numbers.
fn send_chunks(mut reader: Reader<File>, secret: u64, sender: &mpsc::Sender<Result<Chunk>>) -> io::Result<()> {
    let mut waiting = None;
    loop {
        let (mut rows, mut lines) = (Vec::with_capacity(CHUNK_ROWS), Vec::with_capacity(CHUNK_ROWS));
        let mut offset = reader.position().offset;
        while rows.len() < CHUNK_ROWS {
            let Some(mut row) = waiting.take().map_or_else(|| reader.next_row(), |row| Ok(Some(row)))? else { break };
            offset = reader.position().offset;
            lines.push(Line::of(&mut row, reader.country(), secret));
            rows.push(row);
        }
        // A full chunk may be the last one: look, so that "done" comes with it and not with an empty one.
        waiting = reader.next_row()?;
        let last = waiting.is_none();
        if sender.blocking_send(Ok(Chunk { rows, lines, offset, last })).is_err() || last {
            return Ok(());
        }
    }
}

/// The verdict file of a run; clones share it. Writes say where, so that one that is overtaken by a resumed run cannot move it.
#[derive(Clone)]
struct Verdicts {
    file: Arc<File>,
    path: PathBuf,
    /// Held by every write in flight: a resumed run begins when the last of them is over.
    lock: Arc<File>,
}

impl Verdicts {
    /// Opens it and forgets what was never committed.
    async fn open(path: PathBuf, committed: u64, lock: Arc<File>) -> Result<Self> {
        let at = path.clone();
        let file = blocking(move || {
            let opened = disk::private().create(true).truncate(false).write(true).open(&at);
            let file = opened.map_err(Error::io("cannot open", &at))?;
            let length = file.metadata().map_err(Error::io("cannot read", &at))?.len();
            if length < committed {
                let why = io::Error::other(format!("{length} bytes where {committed} were written"));
                return Err(Error::io("verdicts were cut short in", &at)(why));
            }
            file.set_len(committed).map_err(Error::io("cannot write", &at))?;
            Ok(file)
        })
        .await?;
        Ok(Self { file: Arc::new(file), path, lock })
    }

    /// Writes on another thread, at once; await the result before committing.
    fn sync(&self, texts: Vec<(u64, Vec<u8>)>) -> impl Future<Output = Result<()>> + use<> {
        let (file, path, lock) = (self.file.clone(), self.path.clone(), self.lock.clone());
        let task = tokio::task::spawn_blocking(move || {
            let mut texts = texts.iter();
            let done = texts.try_for_each(|(at, text)| file.write_all_at(text, *at)).and_then(|()| file.sync_data());
            drop(lock);
            done.map_err(Error::io("cannot write", &path))
        });
        async { task.await.unwrap_or_else(|stopped| std::panic::resume_unwind(stopped.into_panic())) }
    }
}

/// One run at a time, also when the run before was only just given up and its last write is still on its way.
async fn lock(raw: &Path, id: ImportId) -> Result<Arc<File>> {
    let file = File::open(raw).map_err(Error::io("cannot open", raw))?;
    for _ in 0..LOCK_WAIT_MS / LOCK_LOOK_MS {
        match file.try_lock() {
            Ok(()) => return Ok(Arc::new(file)),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(LOCK_LOOK_MS)).await,
            Err(TryLockError::Error(error)) => return Err(Error::io("cannot lock", raw)(error)),
        }
    }
    Err(Error::Conflict { what: format!("import {id}"), why: "is running already".to_owned() })
}

fn as_i64(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
