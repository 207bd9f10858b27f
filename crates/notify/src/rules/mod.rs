//! Does what outcome rules ask for after calls, and sends letters about runs. Actions are rows that were written with the
//! end of their call, or with the new state of their run. Two tasks carry them out: one what only writes here, in
//! transactions of many, the other what tells other systems, which may be slow or away.

mod run_letter;
mod say;

use crate::backoff;
use crate::guard::Guard;
use crate::post::Poster;
use domain::outcome_rule::{check_receivers, receivers};
use domain::{Invalid, ListId, RunMail, RunMailEvents, Timestamp, Verb};
use node::{Handle, Letter, Mailer};
use say::Saying;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use store::actions::Call;
use store::{Action, AfterCall, CarriedOut, Error, RunLetter, Scope, Store, Task, Tried, now};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;
use tracing::{debug, warn};

/// Actions that only write here, in one transaction, at most.
const TOGETHER: u32 = 100;
/// Actions that tell other systems: read at once, and on their way at a time.
const READ: u32 = 64;
const AT_ONCE: usize = 16;
/// An action that another system did not take is tried so often, over about six hours, and then given up.
const TRIES: u32 = 16;
/// A system that did not take something is left alone for this long at most; what is for it waits meanwhile.
const REST: Duration = Duration::from_secs(60);
/// Systems that are remembered as resting, at most.
const RESTING: usize = 1_000;
/// Between two looks at what is due, at least and at most.
const BREATH: Duration = Duration::from_millis(50);
const LOOK: Duration = Duration::from_secs(30);
/// After the database could not be read or written.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The actions at work. A clone is another way to the same.
#[derive(Debug, Clone)]
pub struct Rules {
    inner: Arc<Inner>,
    stop: Arc<watch::Sender<bool>>,
    tasks: Arc<tokio::sync::Mutex<Vec<JoinHandle<()>>>>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    node: Option<Handle>,
    poster: Poster,
    mailer: Option<Mailer>,
}

impl Rules {
    /// Begins with what is due. Without a dialler, calls that are added are found when there is one.
    pub fn start(store: Store, node: Option<Handle>, guard: Guard) -> Result<Self, Error> {
        let poster = Poster::new(guard, store.installation_name()).map_err(|error| Error::Conflict {
            what: "outcome rules".into(),
            why: format!("cannot tell other systems: {error}"),
        })?;
        let mailer = node.as_ref().and_then(Handle::mailer).cloned();
        let inner = Arc::new(Inner { store, node, poster, mailer });
        let (stop, stopped) = watch::channel(false);
        let tasks =
            vec![tokio::spawn(inside(inner.clone(), stopped.clone())), tokio::spawn(outside(inner.clone(), stopped))];
        Ok(Self { inner, stop: Arc::new(stop), tasks: Arc::new(tokio::sync::Mutex::new(tasks)) })
    }

    /// Refuses letters that could not be sent, under the field `destination`: without a mail server, or to nobody.
    pub fn check_mail(&self, text: &str) -> Result<(), Invalid> {
        self.has_mailer("destination")?;
        check_receivers("destination", text)
    }

    /// Refuses letters about runs that could not be sent, by field: without a mail server, or to what is no address.
    pub fn check_run_mail(&self, mail: &RunMail) -> Result<(), Invalid> {
        if mail.events == RunMailEvents::No {
            return Ok(());
        }
        self.has_mailer("email_addresses")?;
        mail.to.iter().try_for_each(|address| Mailer::check_receiver("email_addresses", address))
    }

    fn has_mailer(&self, field: &str) -> Result<(), Invalid> {
        let problem = "cannot be sent to: no mail server is configured, set mail.server in carillon.toml";
        self.inner.mailer.as_ref().map(drop).ok_or_else(|| Invalid::new(field, problem))
    }

    /// Stops. What is on its way to another system is cut off, and told again by the next process.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        for task in self.tasks.lock().await.drain(..) {
            if let Err(error) = task.await {
                warn!(%error, "what outcome rules ask for broke off");
            }
        }
    }
}

/// Carries out what only writes here.
async fn inside(inner: Arc<Inner>, mut stop: watch::Receiver<bool>) {
    let mut wakes = inner.store.wakes();
    let scope = Scope::installation();
    while !*stop.borrow_and_update() {
        wakes.borrow_and_update();
        let wait = match inner.write_due(&scope).await {
            Ok(true) => continue,
            Ok(false) => inner.until_next(&scope, false).await,
            Err(error) => later(&error),
        };
        rest(wait, &mut wakes, &mut stop).await;
    }
}

/// Tells other systems.
async fn outside(inner: Arc<Inner>, mut stop: watch::Receiver<bool>) {
    let mut wakes = inner.store.wakes();
    let scope = Scope::installation();
    let mut systems = Systems::default();
    while !*stop.borrow_and_update() {
        wakes.borrow_and_update();
        let told = tokio::select! {
            biased;
            _ = stop.changed() => return,
            told = inner.tell_due(&scope, &mut systems) => told,
        };
        let wait = match told {
            Ok(true) => continue,
            Ok(false) => inner.until_next(&scope, true).await,
            Err(error) => later(&error),
        };
        rest(wait, &mut wakes, &mut stop).await;
    }
}

fn later(error: &Error) -> Duration {
    debug!(%error, "what outcome rules ask for waits for the database");
    AFTER_FAILURE
}

/// Until the time is over, something was committed, or it is to stop.
async fn rest(wait: Duration, wakes: &mut watch::Receiver<()>, stop: &mut watch::Receiver<bool>) {
    let breath = wait.min(BREATH);
    tokio::select! {
        () = sleep(breath) => {}
        _ = stop.changed() => return,
    }
    tokio::select! {
        () = sleep(wait.saturating_sub(breath)) => {}
        _ = wakes.changed() => {}
        _ = stop.changed() => {}
    }
}

impl Inner {
    async fn until_next(&self, scope: &Scope, outside: bool) -> Duration {
        match self.store.next_action_at(scope, outside).await {
            Ok(Some(at)) => Duration::from_millis(u64::try_from(at.ms_since(now())).unwrap_or(0) + 1).min(LOOK),
            Ok(None) => LOOK,
            Err(error) => later(&error),
        }
    }

    /// Carries out what is due; says whether there may be more.
    async fn write_due(&self, scope: &Scope) -> store::Result<bool> {
        let due = self.store.due_actions(scope, false, now(), TOGETHER).await?;
        if due.is_empty() {
            return Ok(false);
        }
        let outcomes = self.store.carry_out(scope, &due, now()).await?;
        let mut listed: BTreeMap<ListId, u64> = BTreeMap::new();
        for (action, outcome) in due.iter().zip(outcomes) {
            count(action, result_of(&outcome));
            match outcome {
                CarriedOut::Listed(list, true) => *listed.entry(list).or_default() += 1,
                CarriedOut::Added(call) => self.tell_dialler(scope, action, &call).await?,
                CarriedOut::Listed(_, false) | CarriedOut::Waits | CarriedOut::Failed | CarriedOut::Over => {}
            }
        }
        for (list, added) in listed {
            if let Some(node) = &self.node {
                node.contacts_added(list, added).await;
            }
        }
        Ok(true)
    }

    async fn tell_dialler(&self, scope: &Scope, action: &Action, call: &store::AddedCall) -> store::Result<()> {
        let Some(node) = &self.node else { return Ok(()) };
        match node.call_added(call).await {
            Ok(true) => Ok(()),
            Ok(false) => self.store.take_back_action(scope, action, call, now()).await,
            // It is on the disk: the dialler finds it when it starts.
            Err(error) => {
                debug!(%error, run.id = call.run.0, "the dialler does not answer: it finds the call by itself");
                Ok(())
            }
        }
    }

    /// Tells what is due; says whether there may be more.
    async fn tell_due(self: &Arc<Self>, scope: &Scope, systems: &mut Systems) -> store::Result<bool> {
        let due = self.store.due_actions(scope, true, now(), READ).await?;
        if due.is_empty() {
            return Ok(false);
        }
        let mut tried: Vec<Option<Tried>> = Vec::with_capacity(due.len());
        let mut waiting = due.iter().enumerate();
        tried.resize(due.len(), None);
        let mut on_their_way: JoinSet<(usize, Result<String, Untold>)> = JoinSet::new();
        loop {
            while on_their_way.len() < AT_ONCE
                && let Some((place, action)) = waiting.next()
            {
                if let Some(until) = systems.rests(&system_of(action), now()) {
                    tried[place] = Some(Tried::Later(until));
                    continue;
                }
                let (inner, action) = (Arc::clone(self), action.clone());
                on_their_way.spawn(async move { (place, inner.tell(&action).await) });
            }
            let Some(done) = on_their_way.join_next().await else { break };
            let Ok((place, outcome)) = done else { continue };
            let action = &due[place];
            let system = system_of(action);
            let what = match outcome {
                Ok(said) => {
                    systems.took(&system);
                    Tried::Done(said)
                }
                Err(Untold::Unknown) => Tried::Later(now().plus_ms(5_000)),
                Err(Untold::ForGood(why)) => Tried::Failed(why),
                Err(Untold::ForNow(why, wish)) => {
                    systems.refused(&system, now());
                    let tries = action.tries + 1;
                    if tries >= TRIES {
                        Tried::Failed(format!("{why}, at the last of {tries} tries"))
                    } else {
                        let wait = backoff::after(tries).max(wish.unwrap_or_default().min(backoff::LONGEST));
                        Tried::Again(why, now().plus_ms(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
                    }
                }
            };
            tried[place] = Some(what);
        }
        let tried: Vec<(&Action, Tried)> = due.iter().zip(tried).filter_map(|(a, tried)| Some((a, tried?))).collect();
        for (action, tried) in &tried {
            match tried {
                Tried::Done(_) => count(action, "done"),
                Tried::Again(..) => count(action, "refused"),
                Tried::Failed(_) => count(action, "failed"),
                Tried::Later(_) => {}
            }
        }
        self.store.actions_tried(scope, &tried, now()).await?;
        Ok(true)
    }

    /// Tells one system once: what it said.
    async fn tell(&self, action: &Action) -> Result<String, Untold> {
        let id = self.poster.action_id(action.id);
        match &action.task {
            Task::AfterCall(after) => self.tell_of_call(after, &id).await,
            Task::Letter(letter) => self.tell_of_run(action, letter, &id).await,
        }
    }

    /// To whom the campaign names by now: a misspelt address is corrected there, and the letter tried again.
    async fn tell_of_run(&self, action: &Action, letter: &RunLetter, id: &str) -> Result<String, Untold> {
        let scope = Scope::installation();
        let campaign = self.store.campaign(&scope, action.campaign).await.map_err(|_| Untold::Unknown)?;
        let run = self.store.run(&scope, action.run).await.map_err(|_| Untold::Unknown)?;
        if campaign.mail.events == RunMailEvents::No {
            return Err(Untold::ForGood("the campaign writes no letters any more".into()));
        }
        self.write(&campaign.mail.to, run_letter::of(letter, &run, &campaign.zone), id).await
    }

    async fn tell_of_call(&self, after: &AfterCall, id: &str) -> Result<String, Untold> {
        let scope = Scope::installation();
        let attempt = match self.store.attempt(&scope, after.attempt).await {
            Ok(attempt) => attempt,
            Err(Error::NotFound { .. }) => return Err(Untold::ForGood("the call is not kept any more".into())),
            Err(_) => return Err(Untold::Unknown),
        };
        let contact = match self.store.contact(&scope, after.contact).await {
            Ok(contact) => contact,
            Err(Error::NotFound { .. }) => return Err(Untold::ForGood("the contact was deleted".into())),
            Err(_) => return Err(Untold::Unknown),
        };
        let Some(number) = attempt.number.as_deref().filter(|number| !number.is_empty()) else {
            return Err(Untold::ForGood("the person was forgotten: nobody is told of them".into()));
        };
        let call = Call { number, attempt: &attempt, inputs: &contact.attributes, outputs: &attempt.outputs };
        let saying = Saying::of(&after.rule, &call).map_err(|invalid| Untold::ForGood(invalid.to_string()))?;
        match after.rule.verb {
            Verb::HttpGet => self.ask(&saying.address, None, id).await,
            Verb::HttpPost => self.ask(&saying.address, Some(saying.body()), id).await,
            Verb::Email => {
                let to: Vec<String> = receivers(&saying.address).map(str::to_owned).collect();
                self.write(&to, saying.letter(), id).await
            }
            verb => Err(Untold::ForGood(format!("{} tells nobody", verb.code()))),
        }
    }

    async fn ask(&self, url: &str, body: Option<(&str, String)>, id: &str) -> Result<String, Untold> {
        match self.poster.ask(url, body, id).await {
            Ok(status) => Ok(format!("answered {status}")),
            Err(refused) => Err(Untold::ForNow(refused.why, refused.retry_after)),
        }
    }

    async fn write(&self, to: &[String], letter: Letter, id: &str) -> Result<String, Untold> {
        let Some(mailer) = &self.mailer else {
            let why = "no mail server is configured: set mail.server in carillon.toml";
            return Err(Untold::ForGood(why.into()));
        };
        match mailer.send_to(to, letter, id).await {
            Ok(()) => Ok("the mail server took the letter".into()),
            Err(error) if error.is_final => Err(Untold::ForGood(error.to_string())),
            Err(error) => Err(Untold::ForNow(error.to_string(), None)),
        }
    }
}

/// Why a system was not told.
enum Untold {
    /// It did not take it; when it wants to be asked again.
    ForNow(String, Option<Duration>),
    /// It is not tried again by itself.
    ForGood(String),
    /// The database could not be read.
    Unknown,
}

/// Systems that did not take what they were told last.
#[derive(Debug, Default)]
struct Systems(HashMap<String, (u32, Timestamp)>);

impl Systems {
    fn rests(&self, system: &str, now: Timestamp) -> Option<Timestamp> {
        self.0.get(system).map(|(_, until)| *until).filter(|until| *until > now)
    }

    fn took(&mut self, system: &str) {
        self.0.remove(system);
    }

    fn refused(&mut self, system: &str, now: Timestamp) {
        if self.0.len() >= RESTING {
            self.0.clear();
        }
        let (failures, until) = self.0.entry(system.to_owned()).or_insert((0, now));
        *failures += 1;
        let wait = backoff::after(*failures).min(REST);
        *until = now.plus_ms(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
    }
}

/// Host and port of an address; the mail server has no name here.
fn system_of(action: &Action) -> String {
    let after_scheme = match &action.task {
        Task::AfterCall(after) if after.rule.verb != Verb::Email => after.rule.destination.split("://").nth(1),
        Task::AfterCall(_) | Task::Letter(_) => None,
    };
    let host = after_scheme.and_then(|rest| rest.split(['/', '?']).next());
    host.unwrap_or_default().to_ascii_lowercase()
}

fn result_of(outcome: &CarriedOut) -> &'static str {
    match outcome {
        CarriedOut::Listed(..) | CarriedOut::Added(_) => "done",
        CarriedOut::Waits => "refused",
        CarriedOut::Failed => "failed",
        CarriedOut::Over => "over",
    }
}

fn count(action: &Action, result: &'static str) {
    let verb = action.task.verb().code();
    metrics::counter!("carillon_outcome_actions_total", "verb" => verb, "result" => result).increment(1);
}
