//! What the rest of the product may ask of the running dialler.

use crate::alerts::mail::{Letter, Mailer};
use crate::census::Room;
use crate::census::touches::Touches;
use crate::clock::wall;
use crate::configuration::{Configuration, OpenAttempts, run_spec};
use crate::inputs::{Ask, Input, RunEvent};
use crate::link::MAX_STATUS_CHARS;
use crate::live::{Live, LiveStorage, QueueAgent};
use crate::reserving::Decision;
use dialer::{NoReservation, Reservation, Wish};
use domain::journal::OutputChange;
use domain::{
    AttemptId, Attributes, Boost, CampaignId, Contact, ContactId, Dialable, EndPointId, Invalid, ListId, RunId,
    SuppressionListId, Timestamp,
};
use std::sync::Arc;
use std::time::Duration;
use store::restore::Settled;
use store::{AddedCall, ContactChange, Hold, NewContact, RunRecord, Scope, Store, Suppressed, Traces};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{info, warn};

/// Why a request to the dialler was refused.
#[derive(Debug, Error)]
pub enum NodeError {
    /// No such thing, or not in the caller's scope.
    #[error("{what} {id} does not exist")]
    NotFound {
        /// `run`, `attempt`, ...
        what: &'static str,
        /// As the caller gave it.
        id: String,
    },
    /// It exists, but its state does not allow this.
    #[error("{0}")]
    Conflict(String),
    /// A value is wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The database refused.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The dialler is stopping or did not answer within its deadline.
    #[error("the dialler does not answer: {0}")]
    Unavailable(&'static str),
}

/// Whether the dialler can do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// It can.
    pub ready: bool,
    /// What is wrong, one sentence each; may be non-empty while ready (one PBX of two is down).
    pub reasons: Vec<String>,
    /// What the database lacks, when that stops new calls.
    pub storage: Option<LiveStorage>,
}

/// How long a request may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// A cheap clone of the way into the dialler's task. Every request has a deadline of 10 s.
#[derive(Debug, Clone)]
pub struct Handle {
    store: Store,
    shell: mpsc::Sender<Input>,
    health: watch::Receiver<Health>,
    mailer: Option<Mailer>,
    census: Arc<Room>,
}

impl Handle {
    pub(crate) fn new(
        store: Store,
        shell: mpsc::Sender<Input>,
        health: watch::Receiver<Health>,
        mailer: Option<Mailer>,
        touches: Touches,
    ) -> Self {
        let census = Arc::new(Room::new(store.clone(), touches));
        Self { store, shell, health, mailer, census }
    }

    /// Sends a letter to these; returns when the mail server has taken it, half a minute at most.
    pub async fn test_letter(&self, to: &[String]) -> Result<(), NodeError> {
        let id = format!("test_{}", wall().0);
        let sent = self.some_mailer()?.send_to(to, Letter::test(), &id).await;
        sent.map_err(|error| NodeError::Conflict(format!("the letter was not taken: {error}")))
    }

    fn some_mailer(&self) -> Result<&Mailer, NodeError> {
        let remedy = "no mail server is configured: set mail.server in carillon.toml";
        self.mailer.as_ref().ok_or_else(|| NodeError::Conflict(remedy.into()))
    }

    /// Sends a letter to everybody who gets alerts; returns when the mail server has taken it, half a minute at most.
    pub async fn test_mail(&self) -> Result<(), NodeError> {
        let mailer = self.some_mailer()?;
        if !mailer.tells_alerts() {
            return Err(NodeError::Conflict("nobody gets alerts: set mail.to in carillon.toml".into()));
        }
        let sent = mailer.send(Letter::test()).await;
        sent.map_err(|error| NodeError::Conflict(format!("the letter was not taken: {error}")))
    }

    /// Starts a run of the campaign. `actor` is the token's name.
    pub async fn start_run(&self, scope: &Scope, campaign: CampaignId, actor: &str) -> Result<RunRecord, NodeError> {
        let record = self.store.start_run(scope, campaign, actor, wall()).await?;
        let restore = self.store.run_restore(scope, record.id).await?;
        let spec = run_spec(&self.store, &restore, OpenAttempts::default()).await?;
        let books = self.store.abandonment_now(scope, campaign).await?;
        self.ask(|done| Ask::StartRun(Box::new(spec), Box::new(restore.settings), books, done)).await?;
        Ok(self.store.run(scope, record.id).await?)
    }

    /// No new calls; calls up go on.
    pub async fn pause_run(&self, scope: &Scope, run: RunId, actor: &str) -> Result<RunRecord, NodeError> {
        self.change_run(scope, run, actor, RunEvent::Pause).await
    }

    /// Back from pause.
    pub async fn unpause_run(&self, scope: &Scope, run: RunId, actor: &str) -> Result<RunRecord, NodeError> {
        self.change_run(scope, run, actor, RunEvent::Unpause).await
    }

    /// Ends the run for good; calls up go on to their end.
    pub async fn remove_run(&self, scope: &Scope, run: RunId, actor: &str) -> Result<RunRecord, NodeError> {
        self.change_run(scope, run, actor, RunEvent::Remove).await
    }

    /// Takes over what was changed in the campaign (rules, trunks, hours, lists) into its live run.
    pub async fn reload_run(&self, scope: &Scope, run: RunId, actor: &str) -> Result<RunRecord, NodeError> {
        let record = self.open_run(scope, run).await?;
        let restore = self.store.reload_run(scope, run, actor).await?;
        let spec = run_spec(&self.store, &restore, OpenAttempts::default()).await?;
        info!(run.id = run.0, actor, "run reloaded");
        self.ask(|done| Ask::ReloadRun(Box::new(spec), Box::new(restore.settings), done)).await?;
        Ok(record)
    }

    /// Changes how much a live run over-dials, from this moment on; it stays over reloads and restarts.
    pub async fn boost_run(
        &self,
        scope: &Scope,
        run: RunId,
        boost: Boost,
        actor: &str,
    ) -> Result<RunRecord, NodeError> {
        let record = self.store.boost_run(scope, run, boost, actor).await?;
        info!(run.id = run.0, actor, %boost, "run boosted");
        self.ask(|done| Ask::Boost(run, boost, done)).await?;
        Ok(record)
    }

    /// Pauses a list of a live run, or lets it go on: its fresh contacts are not dialled meanwhile. It stays over reloads and
    /// restarts.
    pub async fn pause_run_list(
        &self,
        scope: &Scope,
        run: RunId,
        list: ListId,
        paused: bool,
        actor: &str,
    ) -> Result<(), NodeError> {
        self.store.pause_run_list(scope, run, list, paused, actor).await?;
        info!(run.id = run.0, list.id = list.0, actor, paused, "list of a run paused or resumed");
        self.ask(|done| Ask::PauseList { run, list, paused, done }).await
    }

    /// The agents of the queue that an end point observes; none when nothing is known of them.
    pub async fn queue_agents(&self, end_point: EndPointId) -> Result<Vec<QueueAgent>, NodeError> {
        self.ask(|done| Ask::Agents(end_point, done)).await
    }

    /// `added` contacts were appended to a list: runs that read it look again.
    pub async fn contacts_added(&self, list: ListId, added: u64) {
        if added > 0 && self.shell.send(Input::Ask(Ask::ContactsAdded(list, added))).await.is_err() {
            warn!(list.id = list.0, "the dialler has stopped: the contacts are found at its next start");
        }
    }

    /// Corrects a contact, and tells the dialler: what is in memory follows. Refused while it is being called.
    pub async fn change_contact(
        &self,
        scope: &Scope,
        id: ContactId,
        change: ContactChange,
    ) -> Result<Contact, NodeError> {
        let contact = self.store.change_contact(scope, id, change).await?;
        if self.shell.send(Input::Ask(Ask::ContactChanged(Box::new(contact.clone())))).await.is_err() {
            warn!(contact.id = id.0, "the dialler has stopped: the contact is read at its next start");
        }
        Ok(contact)
    }

    /// Adds a call to the run of a campaign that is not over: it waits beside the retries until `due_at`, and is dialled
    /// before what is fresh in lists. A conflict when the campaign is not running.
    pub async fn add_call(
        &self,
        scope: &Scope,
        campaign: CampaignId,
        contact: &NewContact,
        due_at: Timestamp,
    ) -> Result<AddedCall, NodeError> {
        let call = self.store.add_call(scope, campaign, contact, due_at).await?;
        // It is on the disk: a dialler that does not answer now finds it when it starts.
        if !self.call_added(&call).await? {
            self.store.take_back_call(scope, &call).await?;
            return Err(NodeError::Conflict(format!("run {} is over: start the campaign again", call.run)));
        }
        Ok(call)
    }

    /// Tells the dialler of a call that was added to a run; `false`: it does not know that run, which is over or has not begun.
    pub async fn call_added(&self, call: &AddedCall) -> Result<bool, NodeError> {
        self.ask(|done| Ask::CallAdded(call.run, call.due_at, done)).await
    }

    /// Sends letters, where a mail server is configured.
    pub fn mailer(&self) -> Option<&Mailer> {
        self.mailer.as_ref()
    }

    /// Sets, appends to or takes away output attributes of an attempt; on the disk when this returns.
    pub async fn set_output(&self, attempt: AttemptId, change: OutputChange, actor: &str) -> Result<(), NodeError> {
        change.apply(&mut Attributes::default())?;
        self.ask(|done| Ask::SetOutput(attempt, change, actor.to_owned(), done)).await
    }

    /// PBXs, trunks or end points were changed: they are read again.
    pub async fn configuration_changed(&self) -> Result<(), NodeError> {
        let configuration = Configuration::read(&self.store).await?;
        self.ask(|done| Ask::Configure(Box::new(configuration), done)).await
    }

    /// No originate after this returns, until it is lifted; survives restarts.
    pub async fn hold(&self, scope: &Scope, actor: &str, why: &str) -> Result<Hold, NodeError> {
        // First stop, then write: a slow disk must not let one more call out.
        let hold = Hold { since: wall(), by: actor.to_owned(), why: why.to_owned() };
        self.ask(|done| Ask::Hold(hold.clone(), done)).await?;
        Ok(self.store.set_hold(scope, actor, why, hold.since).await?)
    }

    /// Lifts the hold, also that of a restore: who was called since the backup may be called again.
    pub async fn lift(&self, scope: &Scope, actor: &str) -> Result<(), NodeError> {
        self.store.settle_restore(scope, actor, Settled::Accepted, wall()).await?;
        self.store.lift_hold(scope, actor, wall()).await?;
        self.dial_on().await
    }

    /// Nothing in the database holds dialling any more.
    pub(crate) async fn dial_on(&self) -> Result<(), NodeError> {
        self.ask(Ask::Lift).await
    }

    /// Puts the numbers on a list: when this returns they are on the disk and nothing is sent to them any more.
    pub async fn suppress(
        &self,
        scope: &Scope,
        list: SuppressionListId,
        numbers: &[Dialable],
        actor: &str,
        why: &str,
    ) -> Result<Suppressed, NodeError> {
        let done = self.store.suppress(scope, list, numbers, actor, why, wall()).await?;
        info!(entries = done.keys.len(), actor, in_reserve = done.in_reserve, "numbers are suppressed");
        self.ask(|answer| Ask::Suppressed(done.keys.clone(), done.campaigns.clone(), answer)).await?;
        Ok(done)
    }

    /// Erases a person: from the first moment on nobody calls the number, whatever becomes of the rest.
    pub async fn forget(&self, scope: &Scope, number: &Dialable, actor: &str, why: &str) -> Result<Traces, NodeError> {
        self.suppress(scope, store::GLOBAL, std::slice::from_ref(number), actor, why).await?;
        let with_it = self.store.contacts_with_number(scope, number).await?;
        let traces = self.store.forget(scope, number, actor, wall()).await?;
        // Who has it as a further number may be in memory with the own one.
        for contact in with_it.into_iter().filter(|contact| contact.numbers.is_some()) {
            let emptied = self.store.contact(scope, contact.id).await?;
            let _ = self.shell.send(Input::Ask(Ask::ContactChanged(Box::new(emptied)))).await;
        }
        info!(contacts = traces.contacts, actor, "a number is forgotten");
        Ok(traces)
    }

    /// A registry came into force, or a list of suppressed numbers holds for other campaigns: what was counted for
    /// [`Self::why`] is counted again, and the dialler judges those again that were refused.
    pub async fn suppressions_changed(&self) {
        self.census.count_again();
        if self.shell.send(Input::Ask(Ask::SuppressionsChanged)).await.is_err() {
            warn!("the dialler has stopped: who may be called again waits until its runs are reloaded");
        }
    }

    /// The live figures.
    pub async fn live(&self) -> Result<Live, NodeError> {
        self.ask(Ask::Live).await
    }

    /// Sets the extended status of a call in progress; the last one wins.
    pub async fn set_status(&self, attempt: AttemptId, status: &str) -> Result<(), NodeError> {
        let status = checked_status(status)?;
        self.ask(|done| Ask::SetStatus(attempt, status, done)).await?
    }

    /// Somebody to call for an agent who looks first; asked again the agent gets the same.
    pub async fn reserve(&self, wish: Wish) -> Result<Result<Reservation, NoReservation>, NodeError> {
        self.ask(|done| Ask::Reserve(wish, done)).await
    }

    /// An agent says what becomes of its reserved call: on the disk when this returns.
    pub async fn decide(&self, attempt: AttemptId, decision: Decision) -> Result<Result<(), NoReservation>, NodeError> {
        let decision = match decision {
            Decision::Skip(status) => Decision::Skip(checked_status(&status)?),
            other => other,
        };
        self.ask(|done| Ask::Decide(attempt, decision, done)).await
    }

    /// What agents have reserved, oldest first.
    pub async fn reservations(&self) -> Result<Vec<Reservation>, NodeError> {
        self.ask(Ask::Reservations).await
    }

    /// Ends a call that was sent to the PBX, answered or not; one that is over is a conflict.
    pub async fn hang_up(&self, attempt: AttemptId, actor: &str) -> Result<(), NodeError> {
        self.ask(|done| Ask::HangUp(attempt, actor.to_owned(), done)).await?
    }

    /// Returns when the dialler's task has come round to this: the sign of life for a watchdog.
    pub async fn turn(&self) -> Result<(), NodeError> {
        self.ask(Ask::Turn).await
    }

    /// Whether it can do its work.
    pub fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    /// The database, for what is asked beside the dialler.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The counted campaigns.
    pub(crate) fn census(&self) -> &Room {
        &self.census
    }

    async fn change_run(&self, scope: &Scope, run: RunId, actor: &str, what: RunEvent) -> Result<RunRecord, NodeError> {
        let record = self.open_run(scope, run).await?;
        info!(run.id = run.0, actor, what = ?what, "run changed by an operator");
        self.ask(|done| Ask::Run(what, record.id, done)).await?;
        Ok(self.store.run(scope, run).await?)
    }

    async fn open_run(&self, scope: &Scope, run: RunId) -> Result<RunRecord, NodeError> {
        let record = self.store.run(scope, run).await?;
        if record.state.is_final() {
            return Err(NodeError::Conflict(format!("run {run} is over ({})", record.state.code())));
        }
        Ok(record)
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, NodeError> {
        let (done, answer) = oneshot::channel();
        let asked = async {
            self.shell.send(Input::Ask(ask(done))).await.map_err(|_| NodeError::Unavailable("it has stopped"))?;
            answer.await.map_err(|_| NodeError::Unavailable("it has stopped"))
        };
        tokio::time::timeout(DEADLINE, asked)
            .await
            .map_err(|_| NodeError::Unavailable("its deadline of 10 s passed"))?
    }
}

fn checked_status(status: &str) -> Result<String, Invalid> {
    let status = status.trim();
    if status.chars().count() > MAX_STATUS_CHARS || status.chars().any(char::is_control) {
        let problem = format!("must be at most {MAX_STATUS_CHARS} characters without control characters");
        return Err(Invalid::new("status", problem));
    }
    Ok(status.to_owned())
}
