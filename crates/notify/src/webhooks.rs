//! All webhooks: which are at work, and the one place that writes how far they are.

use crate::courier::Courier;
use crate::guard::Guard;
use crate::post::{Poster, Tested};
use domain::WebhookId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::webhooks::Progress;
use store::{Feed, Scope, Store, WebhookRecord, now};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{debug, warn};

/// Between two writes of how far webhooks are: what was delivered since the last one comes twice after a crash.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// How long a stop waits for the last write.
const LAST_WRITE: Duration = Duration::from_secs(2);

/// The webhooks at work. A clone is another way to the same.
#[derive(Debug, Clone)]
pub struct Webhooks {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    feed: Feed,
    poster: Poster,
    ledger: Arc<Ledger>,
    couriers: tokio::sync::Mutex<BTreeMap<WebhookId, AtWork>>,
}

/// A webhook's task, and what stops it.
type AtWork = (JoinHandle<()>, watch::Sender<bool>);

/// How far webhooks are, until it is written.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pending: Mutex<BTreeMap<WebhookId, Progress>>,
}

impl Ledger {
    pub(crate) fn note(&self, id: WebhookId, progress: Progress) {
        let mut pending = self.pending();
        let before = pending.remove(&id);
        pending.insert(id, before.map_or(progress.clone(), |before| before.and(progress)));
    }

    /// Writes what is there; it is kept when that fails.
    async fn write(&self, store: &Store) -> store::Result<()> {
        let taken = std::mem::take(&mut *self.pending());
        if taken.is_empty() {
            return Ok(());
        }
        let saved = store.save_progress(&Scope::installation(), &taken).await;
        if saved.is_err() {
            let mut pending = self.pending();
            for (id, earlier) in taken {
                let later = pending.remove(&id);
                pending.insert(id, later.map_or(earlier.clone(), |later| earlier.and(later)));
            }
        }
        saved
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, BTreeMap<WebhookId, Progress>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Webhooks {
    /// Puts every webhook to work.
    pub async fn start(store: Store, feed: Feed, guard: Guard) -> Result<Self, store::Error> {
        let poster = Poster::new(guard, store.installation_name()).map_err(|error| store::Error::Conflict {
            what: "webhooks".into(),
            why: format!("cannot be sent: {error}"),
        })?;
        let ledger = Arc::new(Ledger::default());
        let inner = Inner { store, feed, poster, ledger, couriers: tokio::sync::Mutex::default() };
        let webhooks = Self { inner: Arc::new(inner) };
        for record in webhooks.inner.store.webhooks(&Scope::installation()).await? {
            webhooks.begin(record).await;
        }
        tokio::spawn(write(Arc::downgrade(&webhooks.inner)));
        Ok(webhooks)
    }

    /// Judges addresses.
    pub fn guard(&self) -> &Guard {
        self.inner.poster.guard()
    }

    /// Sends something that did not happen, once.
    pub async fn test(&self, record: &WebhookRecord) -> store::Result<Tested> {
        let secrets = self.inner.store.webhook_secrets(&record.scope(), record.webhook.id).await?;
        Ok(self.inner.poster.test(&record.webhook, &secrets, now()).await)
    }

    /// Stops a webhook, writes how far it was, changes it, and puts it to work again as it is then.
    pub async fn change<T>(&self, id: WebhookId, change: impl Future<Output = store::Result<T>>) -> store::Result<T> {
        let mut couriers = self.inner.couriers.lock().await;
        if let Some((task, stop)) = couriers.remove(&id) {
            end(task, &stop).await;
        }
        // A place that cannot be written now is behind: what was delivered comes twice.
        if let Err(error) = self.inner.ledger.write(&self.inner.store).await {
            debug!(%error, "how far webhooks are could not be written");
        }
        forget(&self.inner.ledger, id);
        let changed = change.await;
        drop(couriers);
        self.put_to_work(id).await;
        changed
    }

    /// Puts a new webhook to work.
    pub async fn put_to_work(&self, id: WebhookId) {
        match self.inner.store.webhook(&Scope::installation(), id).await {
            Ok(record) => self.begin(record).await,
            Err(store::Error::NotFound { .. }) => {}
            Err(error) => warn!(webhook.id = id.0, %error, "a webhook rests until the next start"),
        }
    }

    async fn begin(&self, record: WebhookRecord) {
        let (id, inner) = (record.webhook.id, &self.inner);
        let mut couriers = inner.couriers.lock().await;
        if !record.webhook.enabled || couriers.contains_key(&id) {
            return;
        }
        let (store, poster, ledger) = (inner.store.clone(), inner.poster.clone(), Arc::clone(&inner.ledger));
        match Courier::begin(store, poster, &inner.feed, record, ledger).await {
            Ok(courier) => {
                let (stop, stopped) = watch::channel(false);
                couriers.insert(id, (tokio::spawn(courier.run(stopped)), stop));
            }
            Err(error) => warn!(webhook.id = id.0, %error, "a webhook rests: its secrets or its place cannot be read"),
        }
    }

    /// Stops all of them and writes how far they were. At most 2 s.
    pub async fn stop(&self) {
        let stopped = async {
            for (task, stop) in std::mem::take(&mut *self.inner.couriers.lock().await).into_values() {
                end(task, &stop).await;
            }
            self.inner.ledger.write(&self.inner.store).await
        };
        match tokio::time::timeout(LAST_WRITE, stopped).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "how far webhooks were is not written: some deliveries come twice"),
            Err(_) => warn!("how far webhooks were is not written in time: some deliveries come twice"),
        }
    }
}

/// What could not be written of this one must not be written over its change.
fn forget(ledger: &Ledger, id: WebhookId) {
    ledger.pending().remove(&id);
}

async fn end(task: JoinHandle<()>, stop: &watch::Sender<bool>) {
    stop.send_replace(true);
    if let Err(error) = task.await {
        warn!(%error, "a webhook broke off");
    }
}

/// Writes once a second what changed, for all webhooks in one transaction, until they are gone.
async fn write(webhooks: std::sync::Weak<Inner>) {
    let mut every = tokio::time::interval(WRITE_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let Some(inner) = webhooks.upgrade() else { return };
        if let Err(error) = inner.ledger.write(&inner.store).await {
            debug!(%error, "how far webhooks are could not be written: later");
        }
    }
}
