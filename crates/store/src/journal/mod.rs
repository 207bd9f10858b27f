//! The journal: the only way in which the dialler writes. Many writes, one transaction, one wait for the disk.

mod attempt;
mod counted;
pub(crate) mod events;
mod life;
mod load;
mod notes;
mod outputs;
mod put_off;

use crate::actions::{RunNews, letters};
use crate::db::Store;
use crate::engine::{Connection, query, query_scalar};
use crate::error::{Error, Result};
use crate::installation::Epoch;
use crate::runs::RunTotals;
use crate::scope::Scope;
use attempt::Asking;
use domain::journal::{Again, AttemptEnd, NewAttempt, Note, OutputChange, PutOff, PutOffBy, RunChange, Withdrawal};
use domain::rules::Standing;
use domain::{AttemptId, Contact, ContactId, Invalid, ListId, MAX_CONFIG_ID, OutcomeRule, RunId, RunState, Timestamp};
use events::{Event, Events, masked};
pub use life::Life;
use notes::Mark;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Writes of one batch, at most.
pub const MAX_BATCH: usize = 20_000;
/// Ids of one block, at most.
pub const MAX_IDS: u32 = 100_000;
/// Contacts that one load reads of each kind, at most.
pub const MAX_LOAD: u32 = 10_000;

/// Attempts whose event counters are remembered, at most; beyond it they are read from the database again.
const MAX_SEQUENCES: usize = 200_000;

/// One write of a batch.
#[derive(Debug, Clone)]
pub enum Write {
    /// An attempt, before anything is sent. Refused: see [`Written::Refused`].
    Attempt(NewAttempt),
    /// The agent to whom an attempt is reserved wants it dialled. Answered like an attempt; refused when it is over, or its
    /// contact has another number by now.
    Accept {
        /// Which.
        attempt: AttemptId,
        /// When.
        at: Timestamp,
    },
    /// Something that happened to an open attempt.
    Note {
        /// What.
        note: Note,
        /// When, in the PBX's words.
        pbx_at: Option<String>,
        /// The person who did it; empty for the dialler and the PBX.
        actor: String,
    },
    /// The end of an attempt. Refused when it is not open.
    Close {
        /// The outcome.
        end: AttemptEnd,
        /// When, in the PBX's words.
        pbx_at: Option<String>,
    },
    /// An attempt that was provably never sent: the contact goes back to where it was. Refused when it is not open.
    /// A fresh contact is fresh again, but behind the cursor of a later load: the caller keeps it.
    Withdraw(Withdrawal),
    /// Contacts that may not be called now: each waits, or is refused until the run is reloaded. One that is neither fresh
    /// nor waits as it is said to is left as it is.
    PutOff {
        /// Of which run.
        run: RunId,
        /// Each once.
        contacts: Vec<PutOff>,
        /// Outcome rules that are asked with the last call of each who was called and is refused now.
        rules: Arc<[OutcomeRule]>,
        /// When it was decided.
        at: Timestamp,
    },
    /// Contacts that a rule put off or refused are due from now on: fresh ones at `at`, retries and planned calls
    /// [`domain::journal::READ_AHEAD_US`] later. Who is due within [`domain::journal::SOON_US`] is left as it is.
    TakeUp {
        /// Of which run.
        run: RunId,
        /// Which of them.
        which: Again,
        /// Behind this contact.
        after: ContactId,
        /// So many, at most; never more than 10000.
        limit: u32,
        /// Due then.
        at: Timestamp,
    },
    /// A run's new state. Refused when the run is over.
    Run(RunChange),
    /// What the dialplan or a program told of an attempt, open or over. Refused when there is no such attempt, and when
    /// no attribute may be so.
    Output {
        /// Which attempt.
        attempt: AttemptId,
        /// What.
        change: OutputChange,
        /// When it came.
        at: Timestamp,
        /// When, in the PBX's words.
        pbx_at: Option<String>,
        /// The person who did it; empty for the PBX.
        actor: String,
    },
    /// Something of the engine's own life, or of a PBX's.
    Life {
        /// What.
        life: Life,
        /// When.
        at: Timestamp,
    },
    /// A block of ids.
    Ids {
        /// Of what.
        kind: IdKind,
        /// How many, `1..=100000`.
        count: u32,
    },
    /// Contacts for the hopper; sees every write before it in the batch.
    Load(LoadContacts),
}

/// What ids are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdKind {
    /// Attempts; below 2^31.
    Attempt,
    /// Calls.
    Call,
    /// Legs.
    Leg,
}

impl IdKind {
    pub(crate) const ALL: [Self; 3] = [Self::Attempt, Self::Call, Self::Leg];

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Attempt => "attempt",
            Self::Call => "call",
            Self::Leg => "leg",
        }
    }
}

/// Which contacts to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadContacts {
    /// For which run.
    pub run: RunId,
    /// The list to go on with, and the last contact that was read of it; `None`: no fresh ones.
    pub list: Option<(ListId, ContactId)>,
    /// Fresh contacts, at most; never more than 10000.
    pub fresh_limit: u32,
    /// Retries, at most; never more than 10000. Those read before and not yet attempted come again.
    pub retry_limit: u32,
    /// Retries due then or before.
    pub due_before: Timestamp,
}

/// A contact that the run never had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshEntry {
    /// Whom.
    pub contact: Arc<Contact>,
    /// What is known of its number and person.
    pub standing: Standing,
}

/// A contact whose time has come: of a retry, or of one that was put off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryEntry {
    /// Whom.
    pub contact: Arc<Contact>,
    /// The 0-based retry counter of the attempt to come; 0 of one that was put off before its first.
    pub retry: u32,
    /// The number whose turn it is; the contact is as it is called on that.
    pub number_no: u32,
    /// Since when it is due.
    pub due_at: Timestamp,
    /// What put it off; `None` of a retry that a reschedule rule asked for.
    pub put_off_by: Option<PutOffBy>,
    /// What is known of its number and person.
    pub standing: Standing,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It is on the disk.
    Done,
    /// It was not written and the rest of the batch was; why, for people. An attempt is refused when this turn of the
    /// contact was taken before, or when contact or run are gone.
    Refused(String),
    /// An attempt that is on the disk, with what is known of its number and person in the same transaction: this attempt
    /// and those behind it in the batch left out. Whether it may be sent is for the gate to say.
    Attempt(Standing),
    /// Contacts are due that were not.
    TakenUp {
        /// So many that were refused.
        refused: u64,
        /// So many that waited otherwise.
        put_off: u64,
        /// The last of them; `None`: there are no more behind it.
        last: Option<ContactId>,
    },
    /// An attempt that was not written because its number is in another open one; the rest of the batch was. Later it
    /// may go.
    NumberBusy(String),
    /// An attempt that was not written because its contact has another number since it was read; the rest of the batch
    /// was. With that it may go.
    ContactChanged(String),
    /// The ids `from..to`.
    Ids {
        /// The first.
        from: i64,
        /// Behind the last.
        to: i64,
    },
    /// Contacts.
    Loaded {
        /// Contacts without any attempt in this run that were not put off either, in id order.
        fresh: Vec<FreshEntry>,
        /// The list has no more of them now.
        list_exhausted: bool,
        /// The list's last contact, attempted or not, when it has no more; 0 of an empty list and otherwise.
        list_end: ContactId,
        /// Those that wait and are due, earliest first, then by contact.
        retries: Vec<RetryEntry>,
        /// When the first one of them that was not returned is due.
        next_due: Option<Timestamp>,
        /// What put that one off.
        next_put_off_by: Option<PutOffBy>,
    },
}

impl Written {
    /// It is on the disk, and nothing else was asked.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done | Self::Attempt(_))
    }
}

statements! {
    NEXT_IDS = "UPDATE id_block SET next = next + $3 WHERE tenant_id = $1 AND kind = $2 RETURNING next";
    RUN_STATE = "UPDATE run SET state = $3, why = $4, ended_at = $5 \
        WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL";
    RUN_READ_TO = "UPDATE run_list SET last_id = $4 WHERE tenant_id = $1 AND run_id = $2 AND list_id = $3";
    RUN_TOTALS = "UPDATE run SET placed = placed + $3, terminated = terminated + $4, \
        open_retries = open_retries + $5, connected = connected + $6, put_off = put_off + $7, refused = refused + $8 \
        WHERE tenant_id = $1 AND id = $2";
}

/// The number of the last event of each open attempt.
pub(crate) type Sequences = HashMap<(&'static str, i64), i64>;

impl Store {
    /// Applies the batch in order in one transaction: when this returns, all of it is on the disk; when it fails, none.
    /// The results are in the same order. A server that is lost in the middle is asked for what it did as soon as it is
    /// back, however long that takes: the caller watches the time.
    pub async fn commit(&self, scope: &Scope, batch: Vec<Write>) -> Result<Vec<Written>> {
        if batch.len() > MAX_BATCH {
            return Err(Invalid::new("batch", format!("{} writes: at most {MAX_BATCH}", batch.len())).into());
        }
        let mut sequences = self.sequences().lock().await;
        let (mut transaction, number) = self.begin_batch().await?;
        let mut journal = Journal {
            scope,
            epoch: Epoch { installation: self.installation().name.clone(), epoch: self.epoch() },
            // A transaction that fails or is abandoned leaves the shared counters empty: they are read again.
            sequences: std::mem::take(&mut *sequences),
            events: Events::default(),
            totals: BTreeMap::new(),
            marks: BTreeMap::new(),
            counted: counted::Pending::new(),
            secret: self.installation().number_secret,
            position: 0,
            asking: Vec::new(),
            connection: &mut transaction,
        };
        let mut written = Vec::with_capacity(batch.len());
        for write in batch {
            journal.position = written.len();
            written.push(journal.apply(write).await?);
        }
        journal.answer_standing(&mut written).await?;
        let counted = journal.finish().await?;
        if let Err(error) = transaction.commit().await
            && !self.settled(number).await?
        {
            return Err(error.into());
        }
        *sequences = counted;
        Ok(written)
    }
}

/// One batch on its way to the disk.
struct Journal<'a> {
    scope: &'a Scope,
    epoch: Epoch,
    sequences: Sequences,
    events: Events,
    /// What the batch changes in each run's figures.
    totals: BTreeMap<RunId, RunTotals>,
    /// States of open attempts, written once per batch.
    marks: BTreeMap<AttemptId, Mark>,
    /// What the batch counts in the abandonment ledger.
    counted: counted::Pending,
    /// Of the hashes of numbers and persons.
    secret: u64,
    /// The place of the write that is applied.
    position: usize,
    asking: Vec<Asking>,
    connection: &'a mut Connection,
}

impl Journal<'_> {
    async fn apply(&mut self, write: Write) -> Result<Written> {
        match write {
            Write::Attempt(attempt) => self.attempt(attempt).await,
            Write::Accept { attempt, at } => self.accept(attempt, at).await,
            Write::Note { note, pbx_at, actor } => self.note(note, pbx_at, actor).await,
            Write::Close { end, pbx_at } => self.close(end, pbx_at).await,
            Write::Withdraw(withdrawal) => self.withdraw(withdrawal).await,
            Write::PutOff { run, contacts, rules, at } => self.put_off(run, &contacts, &rules, at).await,
            Write::TakeUp { run, which, after, limit, at } => self.take_up(run, which, after, limit, at).await,
            Write::Run(change) => self.run(change).await,
            Write::Output { attempt, change, at, pbx_at, actor } => {
                self.output(attempt, &change, at, pbx_at, actor).await
            }
            Write::Life { life, at } => self.life(life, at).await,
            Write::Ids { kind, count } => self.ids(kind, count).await,
            Write::Load(load) => self.load(&load).await,
        }
    }

    async fn ids(&mut self, kind: IdKind, count: u32) -> Result<Written> {
        if !(1..=MAX_IDS).contains(&count) {
            return Err(Invalid::new("ids", format!("{count} is outside 1..={MAX_IDS}")).into());
        }
        let to: i64 = query_scalar(NEXT_IDS)
            .bind(self.scope.tenant.0)
            .bind(kind.code())
            .bind(i64::from(count))
            .fetch_one(&mut *self.connection)
            .await?;
        if kind == IdKind::Attempt && to > MAX_CONFIG_ID {
            let why = format!("are used up: {MAX_CONFIG_ID} were handed out");
            return Err(Error::Conflict { what: "attempt ids".into(), why });
        }
        Ok(Written::Ids { from: to - i64::from(count), to })
    }

    async fn run(&mut self, change: RunChange) -> Result<Written> {
        let done = query(RUN_STATE)
            .bind(self.scope.tenant.0)
            .bind(change.run.0)
            .bind(change.state.code())
            .bind(masked(&change.why))
            .bind(change.state.is_final().then_some(change.at.0))
            .execute(&mut *self.connection)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(Written::Refused(format!("run {} is over or does not exist", change.run)));
        }
        // Contacts that were added after the decision are not the run's work, and not lost either.
        for (list, last) in &change.read_to {
            query(RUN_READ_TO)
                .bind(self.scope.tenant.0)
                .bind(change.run.0)
                .bind(list.0)
                .bind(last.0)
                .execute(&mut *self.connection)
                .await?;
        }
        let kind = match change.state {
            RunState::Completed => "run.completed",
            RunState::Removed => "run.removed",
            _ => "run.state_changed",
        };
        let news = RunNews { state: change.state, why: change.why.clone(), at: change.at };
        let pending = self.totals.get(&change.run).copied().unwrap_or_default();
        letters::tell(self.scope, change.run, news, pending, self.connection).await?;
        let data = json!({ "state": change.state, "why": masked(&change.why) });
        self.event(Event::of_run(self.scope.tenant, change.run, kind, change.at, "", data)).await?;
        Ok(Written::Done)
    }

    /// Gives the event its number and queues it.
    async fn event(&mut self, mut event: Event) -> Result<()> {
        let key = (event.entity, event.entity_id);
        let last = match self.sequences.get(&key) {
            Some(last) => *last,
            None => events::last(&event, self.connection).await?,
        };
        event.entity_seq = last + 1;
        self.sequences.insert(key, last + 1);
        self.events.push(event);
        Ok(())
    }

    /// Writes what was gathered, and returns the counters that stay valid.
    async fn finish(mut self) -> Result<Sequences> {
        let marks = std::mem::take(&mut self.marks);
        self.write_marks(marks).await?;
        self.write_counted().await?;
        for (run, totals) in &self.totals {
            query(RUN_TOTALS)
                .bind(self.scope.tenant.0)
                .bind(run.0)
                .bind(totals.placed)
                .bind(totals.terminated)
                .bind(totals.open_retries)
                .bind(totals.connected)
                .bind(totals.put_off)
                .bind(totals.refused)
                .execute(&mut *self.connection)
                .await?;
        }
        self.events.write(self.connection).await?;
        // Other entities' events are written elsewhere too: their counters are read anew.
        self.sequences.retain(|(entity, _), _| *entity == events::ATTEMPT);
        if self.sequences.len() > MAX_SEQUENCES {
            self.sequences.clear(); // late events of attempts that are over add up
        }
        Ok(self.sequences)
    }
}

#[cfg(test)]
mod kill_tests;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) fn statements() -> Vec<Vec<(&'static str, &'static str)>> {
    let constant = [
        STATEMENTS,
        attempt::STATEMENTS,
        counted::STATEMENTS,
        events::STATEMENTS,
        life::STATEMENTS,
        load::STATEMENTS,
        notes::STATEMENTS,
        outputs::STATEMENTS,
    ];
    constant.into_iter().map(<[_]>::to_vec).chain([put_off::statements()]).collect()
}
