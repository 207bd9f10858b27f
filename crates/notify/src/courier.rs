//! One webhook at work: reads the feed, sends what its queue says, and tells the ledger how far it is.

use crate::form;
use crate::post::{Poster, Refused};
use crate::queue::{AT_ONCE, Job, Queue};
use crate::webhooks::Ledger;
use domain::{AttemptId, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::actions::Call;
use store::events::Subscription;
use store::webhooks::{Answer, LaneKey, Secrets};
use store::{Error, EventFilter, LogEvent, Store, WebhookFormat, WebhookRecord, now};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{debug, info, warn};

/// Dead events that are tried again: more are not kept.
const DEAD_AT_ONCE: u32 = 1_000;
/// Events of a lane that are looked through at a time for one that is wanted.
const LANE_PAGE: u32 = 100;
/// After the database could not be read.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Longest wait without a look: clocks may move.
const LOOK: Duration = Duration::from_secs(60);

/// What a delivery needs, shared by those on their way.
struct Receiver {
    store: Store,
    poster: Poster,
    record: WebhookRecord,
    filter: EventFilter,
    secrets: Secrets,
}

/// What came of a job.
enum Outcome {
    /// With this HTTP status.
    Taken(u16),
    Refused(Refused),
    /// The event is not kept any more.
    Gone,
    /// The event could not be read.
    Unknown,
}

/// A webhook at work.
pub(crate) struct Courier {
    receiver: Arc<Receiver>,
    queue: Queue,
    events: Subscription,
    ledger: Arc<Ledger>,
}

impl Courier {
    /// Takes up where the database says that it is.
    pub(crate) async fn begin(
        store: Store,
        poster: Poster,
        feed: &store::Feed,
        record: WebhookRecord,
        ledger: Arc<Ledger>,
    ) -> store::Result<Self> {
        let (scope, id) = (record.scope(), record.webhook.id);
        let secrets = store.webhook_secrets(&scope, id).await?;
        let lanes = store.webhook_lanes(&scope, id).await?;
        let dead = store.webhook_again(&scope, id, DEAD_AT_ONCE).await?;
        let queue = Queue::new(record.webhook.max_tries, record.place, lanes, dead);
        let events = feed.subscribe(record.place);
        let filter = record.filter();
        Ok(Self { receiver: Arc::new(Receiver { store, poster, record, filter, secrets }), queue, events, ledger })
    }

    /// Until it is told to stop. What is on its way then is cut off, and sent again by the next one.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut on_their_way: JoinSet<(Job, Outcome, Duration)> = JoinSet::new();
        let id = self.receiver.record.webhook.id;
        loop {
            while on_their_way.len() < AT_ONCE
                && let Some(job) = self.queue.next(now())
            {
                let receiver = Arc::clone(&self.receiver);
                on_their_way.spawn(async move {
                    let began = Instant::now();
                    let outcome = receiver.send(&job).await;
                    (job, outcome, began.elapsed())
                });
            }
            if let Some(progress) = self.queue.progress() {
                self.ledger.note(id, progress);
            }
            let wait = self.queue.wake_at().map_or(LOOK, |at| until(at).min(LOOK));
            tokio::select! {
                biased;
                _ = stop.changed() => return,
                Some(done) = on_their_way.join_next() => match done {
                    Ok((job, outcome, took)) => self.done(&job, outcome, took).await,
                    Err(error) => warn!(webhook.id = id.0, %error, "a delivery broke off"),
                },
                read = self.events.next(), if self.queue.has_room() => match read {
                    Ok(Some(batch)) => self.read(&batch),
                    Ok(None) => return,
                    Err(error) => self.cannot_read(error).await,
                },
                () = sleep(wait) => {}
            }
        }
    }

    fn read(&mut self, batch: &store::events::Batch) {
        let (receiver, scope) = (Arc::clone(&self.receiver), self.receiver.record.scope());
        let wanted = batch.events.iter().filter(|event| receiver.filter.wants(&scope, event)).cloned();
        self.queue.read(wanted, batch.upto);
    }

    async fn cannot_read(&mut self, error: Error) {
        let id = self.receiver.record.webhook.id.0;
        if let Error::EventsDropped { after, oldest } = error {
            warn!(webhook.id = id, after, oldest, "a webhook was away for longer than events are kept: it misses some");
            self.events.skip_to(oldest - 1);
            self.queue.read(std::iter::empty(), oldest - 1);
        } else {
            debug!(webhook.id = id, %error, "the event log cannot be read: trying again");
            sleep(AFTER_FAILURE).await;
        }
    }

    async fn done(&mut self, job: &Job, outcome: Outcome, took: Duration) {
        let was_down = self.queue.is_down();
        let (webhook, result) = (&self.receiver.record.webhook, label(&outcome));
        metrics::counter!("carillon_webhook_deliveries_total", "result" => result).increment(1);
        let answer = match &outcome {
            Outcome::Taken(status) => Some(Answer::Taken(*status)),
            Outcome::Refused(refused) => Some(Answer::Refused(refused.why.clone())),
            Outcome::Gone | Outcome::Unknown => None,
        };
        if let Some(answer) = answer {
            self.queue.told(job, answer, u32::try_from(took.as_millis()).unwrap_or(u32::MAX), now());
        }
        let mut moves_on = true;
        match outcome {
            Outcome::Taken(_) => self.queue.taken(job, now()),
            Outcome::Gone => self.queue.gone(job),
            Outcome::Refused(refused) => {
                let wish = refused.retry_after.map(|wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
                moves_on = self.queue.failed(job, &refused.why, wish, now());
                if !was_down && self.queue.is_down() {
                    let (name, why) = (&webhook.name, &refused.why);
                    warn!(
                        webhook.id = webhook.id.0,
                        name, why, "a webhook takes nothing: it is tried further and further apart"
                    );
                }
            }
            Outcome::Unknown => {
                self.queue.give_back(job);
                sleep(AFTER_FAILURE).await;
                return;
            }
        }
        if was_down && !self.queue.is_down() {
            info!(webhook.id = webhook.id.0, name = webhook.name, "a webhook takes events again");
        }
        if let (true, Job::Lane(key, seq)) = (moves_on, job) {
            match self.receiver.next_in(key, *seq, self.queue.read_to()).await {
                Ok(next) => self.queue.goes_on(key, next, now()),
                // The same event once more: twice is better than never.
                Err(_) => self.queue.goes_on(key, Some(*seq), now().plus_seconds(5)),
            }
        }
    }
}

fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Taken(_) => "taken",
        Outcome::Refused(_) => "refused",
        Outcome::Gone => "gone",
        Outcome::Unknown => "unknown",
    }
}

fn until(at: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(at.ms_since(now())).unwrap_or(0) + 1)
}

impl Receiver {
    async fn send(&self, job: &Job) -> Outcome {
        let event: Arc<LogEvent> = match job {
            Job::Fresh(event) => Arc::clone(event),
            Job::Lane(_, seq) | Job::Dead(seq) => match self.store.event(&self.record.scope(), *seq).await {
                Ok(Some(event)) => Arc::new(event),
                Ok(None) => return Outcome::Gone,
                Err(_) => return Outcome::Unknown,
            },
        };
        let id = self.poster.id(event.seq);
        let form = match self.record.webhook.format {
            WebhookFormat::Json => None,
            WebhookFormat::Form => match self.form(&event).await {
                Ok(Some(form)) => Some(form),
                Ok(None) => return Outcome::Gone,
                Err(_) => return Outcome::Unknown,
            },
        };
        let body = form.as_deref().unwrap_or(&event.json);
        match self.poster.send(&self.record.webhook, &self.secrets, &id, now(), body).await {
            Ok(status) => Outcome::Taken(status),
            Err(refused) => Outcome::Refused(refused),
        }
    }

    /// The form of the attempt that has ended; `None`: the contact was forgotten meanwhile, and nobody is told of it.
    async fn form(&self, event: &LogEvent) -> store::Result<Option<String>> {
        let scope = self.record.scope();
        let attempt = match self.store.attempt(&scope, AttemptId(event.entity_id)).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            attempt => attempt?,
        };
        let Some(number) = attempt.number.as_deref() else { return Ok(None) };
        match self.store.contact(&scope, attempt.contact).await {
            Err(Error::NotFound { .. }) => Ok(None),
            contact => {
                let call = Call { number, attempt: &attempt, inputs: &contact?.attributes, outputs: &attempt.outputs };
                Ok(Some(form::of(&call)))
            }
        }
    }

    /// The next event of a lane that is wanted, behind `after` and up to `upto`.
    async fn next_in(&self, key: &LaneKey, mut after: i64, upto: i64) -> store::Result<Option<i64>> {
        let scope = self.record.scope();
        loop {
            let page = self.store.lane_events(&scope, key, (after, upto), LANE_PAGE).await?;
            if let Some(event) = page.iter().find(|event| self.filter.wants(&scope, event)) {
                return Ok(Some(event.seq));
            }
            match page.last() {
                Some(last) if page.len() >= LANE_PAGE as usize => after = last.seq,
                _ => return Ok(None),
            }
        }
    }
}
