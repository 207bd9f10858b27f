//! The way to disk: batches of writes, one transaction and one fsync each, in order, never two at a time.

use crate::census::touches::{Changed, Touches};
use dialer::{Command, Event, FreshEntry};
use domain::{AttemptId, Masked, RunId};
use std::time::{Duration, Instant};
use store::{Scope, Store, Write, Written};
use tokio::sync::oneshot;
use tracing::warn;

/// Writes that wait, with who wants to know when they are on disk.
#[derive(Debug, Default)]
pub struct Batch {
    /// In order.
    pub writes: Vec<Write>,
    /// Told when the batch is on disk.
    pub waiting: Vec<oneshot::Sender<()>>,
}

/// What came of a batch.
#[derive(Debug)]
pub enum Committed {
    /// It is on disk: the answers, as events.
    Done {
        /// In order.
        events: Vec<Event>,
        /// How long it took.
        took: Duration,
    },
    /// It could not be written: it is given back whole.
    Failed {
        /// The same batch.
        batch: Batch,
        /// Why.
        why: String,
    },
}

/// Where an event of the dialler comes from: written down with the facts that it brought.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told<'a> {
    /// When the PBX says that it happened.
    pub pbx_at: Option<&'a str>,
    /// The person who did it; empty for the dialler and the PBX.
    pub actor: &'a str,
}

/// A command of the dialler as a write, or the command back when it is none.
pub fn as_write(command: Command, told: Told<'_>) -> Result<Write, Command> {
    let pbx_at = || told.pbx_at.map(str::to_owned);
    match command {
        Command::Journal(new) => Ok(Write::Attempt(*new)),
        Command::Accept { attempt, at } => Ok(Write::Accept { attempt, at }),
        Command::Note(note) => Ok(Write::Note { note, pbx_at: pbx_at(), actor: told.actor.to_owned() }),
        Command::Close(end) => Ok(Write::Close { end: *end, pbx_at: pbx_at() }),
        Command::Withdraw(withdrawal) => Ok(Write::Withdraw(*withdrawal)),
        Command::PutOff { run, contacts, rules, at } => Ok(Write::PutOff { run, contacts, rules, at }),
        Command::TakeUp { run, which, after, limit, at } => Ok(Write::TakeUp { run, which, after, limit, at }),
        Command::RunChanged(change) => Ok(Write::Run(change)),
        Command::WantIds { kind, count } => Ok(Write::Ids { kind: id_kind(kind), count }),
        Command::LoadContacts(load) => Ok(Write::Load(store::LoadContacts {
            run: load.run,
            list: load.list,
            fresh_limit: load.fresh_limit,
            retry_limit: load.retry_limit,
            due_before: load.due_before,
        })),
        other => Err(other),
    }
}

/// Commits a batch. `doubted`: the commit before failed, and what its connection believes of the disk is not to be
/// believed: a connection of its own is made first. `touches` are told who changed.
pub async fn commit(store: Store, batch: Batch, doubted: bool, touches: Touches) -> Committed {
    let asked: Vec<Asked> = batch.writes.iter().map(Asked::of).collect();
    let changed = Changed::by(&batch.writes);
    let began = Instant::now();
    // The store takes the batch by value; a copy is kept only to be able to try again. In a task of its own, so that a
    // panic down there gives the batch back, too.
    let writes = batch.writes.clone();
    let written = tokio::spawn(async move {
        if doubted {
            store.renew_writer().await?;
        }
        store.commit(&Scope::installation(), writes).await
    });
    let why = match written.await {
        Ok(Ok(written)) => {
            let took = began.elapsed();
            touches.committed(&changed);
            for waiting in batch.waiting {
                // Whoever gave up waiting does not mind.
                let _ = waiting.send(());
            }
            let events =
                asked.into_iter().zip(written).filter_map(|(asked, written)| asked.answered(written)).collect();
            return Committed::Done { events, took };
        }
        Ok(Err(error)) => error.to_string(),
        Err(error) => format!("the commit broke off: {error}"),
    };
    Committed::Failed { batch, why }
}

/// What a write wants to hear.
enum Asked {
    Nothing,
    Attempt(AttemptId),
    Accept(AttemptId),
    Ids(dialer::IdKind),
    TakeUp(RunId),
    Load { run: RunId, list: Option<domain::ListId> },
}

impl Asked {
    fn of(write: &Write) -> Self {
        match write {
            Write::Attempt(new) => Self::Attempt(new.attempt),
            Write::Accept { attempt, .. } => Self::Accept(*attempt),
            Write::Ids { kind, .. } => Self::Ids(match kind {
                store::IdKind::Attempt => dialer::IdKind::Attempt,
                store::IdKind::Call => dialer::IdKind::Call,
                store::IdKind::Leg => dialer::IdKind::Leg,
            }),
            Write::TakeUp { run, .. } => Self::TakeUp(*run),
            Write::Load(load) => Self::Load { run: load.run, list: load.list.map(|(list, _)| list) },
            _ => Self::Nothing,
        }
    }

    fn answered(self, written: Written) -> Option<Event> {
        match (self, written) {
            (Self::Attempt(attempt) | Self::Accept(attempt), Written::Attempt(standing)) => {
                Some(Event::Journalled { attempt, standing })
            }
            (Self::Accept(attempt), Written::Refused(_)) => Some(Event::AcceptRefused(attempt)),
            (Self::TakeUp(run), Written::TakenUp { refused, put_off, last }) => {
                Some(Event::TakenUp { run, refused, put_off, last })
            }
            (Self::Attempt(attempt), Written::NumberBusy(_) | Written::ContactChanged(_)) => {
                Some(Event::JournalRefused { attempt, later: true })
            }
            (Self::Attempt(attempt), Written::Refused(why)) => {
                warn!(attempt.id = attempt.0, why = %Masked(&why), "the journal refused an attempt");
                Some(Event::JournalRefused { attempt, later: false })
            }
            (Self::Ids(kind), Written::Ids { from, to }) => Some(Event::IdsGranted { kind, from, to }),
            (
                Self::Load { run, list },
                Written::Loaded { fresh, list_exhausted, list_end, retries, next_due, next_put_off_by },
            ) => {
                let retries = retries.into_iter().map(retry_entry).collect();
                let fresh_entry = |store::FreshEntry { contact, standing }| FreshEntry { contact, standing };
                let fresh = fresh.into_iter().map(fresh_entry).collect();
                let loaded =
                    dialer::Loaded { run, list, fresh, list_exhausted, list_end, retries, next_due, next_put_off_by };
                Some(Event::ContactsLoaded(loaded))
            }
            _ => None,
        }
    }
}

fn retry_entry(entry: store::RetryEntry) -> dialer::RetryEntry {
    let store::RetryEntry { contact, retry, number_no, due_at, put_off_by, standing } = entry;
    dialer::RetryEntry { contact, retry, number_no, due_at, put_off_by, standing }
}

fn id_kind(kind: dialer::IdKind) -> store::IdKind {
    match kind {
        dialer::IdKind::Attempt => store::IdKind::Attempt,
        dialer::IdKind::Call => store::IdKind::Call,
        dialer::IdKind::Leg => store::IdKind::Leg,
    }
}
