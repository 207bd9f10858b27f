//! Deliveries to a real receiver over TCP, from a real database.
#![allow(clippy::unwrap_used, reason = "tests")]

use domain::{Timestamp, WebhookId};
use notify::{Guard, Webhooks};
use serde_json::Value;
use std::time::Duration;
use store::webhooks::Secrets;
use store::{Feed, Scope, Settings, Store, Webhook};
use testkit::receiver::{Receiver, SILENCE};

const PATIENCE: Duration = Duration::from_secs(30);

struct Hub {
    store: Store,
    feed: Feed,
    webhooks: Webhooks,
    folder: tempfile::TempDir,
}

impl Hub {
    async fn start() -> Self {
        Self::open(tempfile::tempdir().unwrap()).await
    }

    async fn open(folder: tempfile::TempDir) -> Self {
        let path = folder.path().join("carillon.db");
        let settings = Settings { path, server: None, key_file: folder.path().join("key"), country: None };
        let store = Store::open(&settings).await.unwrap();
        let feed = Feed::start(store.clone());
        let guard = Guard::allowing(vec!["127.0.0.0/8".parse().unwrap()]);
        let webhooks = Webhooks::start(store.clone(), feed.clone(), guard).await.unwrap();
        Self { store, feed, webhooks, folder }
    }

    /// Stops as a crash does when `abruptly`: nothing that was learnt lately is written.
    async fn again(self, abruptly: bool) -> Self {
        let Self { store, feed, webhooks, folder } = self;
        if abruptly {
            store.close().await;
        }
        feed.close();
        webhooks.stop().await;
        store.close().await;
        drop((store, feed, webhooks));
        Self::open(folder).await
    }

    async fn webhook(&self, url: &str, change: impl FnOnce(&mut Webhook)) -> WebhookId {
        let mut webhook = Webhook {
            id: WebhookId(0),
            name: "crm".into(),
            url: url.into(),
            format: store::WebhookFormat::Json,
            campaign: None,
            kinds: vec!["dialling.*".into()],
            enabled: true,
            timeout_ms: 1_000,
            max_tries: 2,
        };
        change(&mut webhook);
        let secrets = Secrets { key: vec![7; 32], headers: vec![("X-Key".into(), "one".into())] };
        let made = self.store.create_webhook(&Scope::installation(), &webhook, &secrets).await.unwrap();
        self.webhooks.put_to_work(made.webhook.id).await;
        made.webhook.id
    }

    /// Two events each time.
    async fn hold_and_lift(&self, times: i64) {
        let scope = Scope::installation();
        for at in 0..times {
            self.store.set_hold(&scope, "ops", "test", Timestamp(at)).await.unwrap();
            self.store.lift_hold(&scope, "ops", Timestamp(at)).await.unwrap();
        }
    }

    async fn record(&self, id: WebhookId) -> store::WebhookRecord {
        self.store.webhook(&Scope::installation(), id).await.unwrap()
    }
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap_or_else(|_| panic!("{what} did not happen"));
}

/// The events that were taken, in order.
fn taken(receiver: &Receiver) -> Vec<i64> {
    let taken = receiver.received().into_iter().filter(|request| request.status == 204);
    taken.map(|request| serde_json::from_str::<Value>(&request.body).unwrap()["seq"].as_i64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_arrives_once_in_order_signed_and_under_the_name_it_always_has() {
    let (hub, receiver) = (Hub::start().await, Receiver::start().unwrap());
    let id = hub.webhook(&receiver.url(), |_| ()).await;
    hub.hold_and_lift(5).await;
    until("ten deliveries", async || taken(&receiver).len() == 10).await;
    assert_eq!(taken(&receiver), (1..=10).collect::<Vec<_>>());
    let first = &receiver.received()[0];
    assert_eq!(first.headers["webhook-id"], format!("evt_{}_1", hub.store.installation_name()));
    assert_eq!((first.headers["x-key"].as_str(), first.headers["content-type"].as_str()), ("one", "application/json"));
    assert!(first.headers["webhook-signature"].starts_with("v1,"));
    let logged = hub.store.event(&Scope::installation(), 1).await.unwrap().unwrap();
    assert_eq!(first.body, logged.json, "what is delivered is what the stream says");
    until("its books", async || hub.record(id).await.place == 10).await;
    let record = hub.record(id).await;
    assert_eq!((record.delivered, record.behind, record.last_error.as_str()), (10, 0, ""));
    let again = hub.again(false).await;
    again.hold_and_lift(1).await;
    until("two more", async || taken(&receiver).len() == 12).await;
    assert_eq!(taken(&receiver)[10..], [11, 12], "nothing comes twice after an orderly stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_delivered_and_not_written_comes_twice_under_the_same_name_and_nothing_is_missed() {
    let (hub, receiver) = (Hub::start().await, Receiver::start().unwrap());
    hub.webhook(&receiver.url(), |_| ()).await;
    hub.hold_and_lift(20).await;
    until("some deliveries", async || !taken(&receiver).is_empty()).await;
    let hub = hub.again(true).await;
    hub.hold_and_lift(1).await;
    until("the last one", async || taken(&receiver).contains(&42)).await;
    let mut seqs = taken(&receiver);
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs, (1..=42).collect::<Vec<_>>());
    let mut bodies = std::collections::BTreeMap::new();
    for request in receiver.received() {
        let before = bodies.insert(request.headers["webhook-id"].clone(), request.body.clone());
        assert!(before.is_none_or(|before| before == request.body), "the same name, the same event");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_holds_up_its_lane_until_it_is_taken_and_everything_can_be_had_again() {
    let (hub, receiver) = (Hub::start().await, Receiver::start().unwrap());
    receiver.answers(|request| if request.body.contains("\"dialling.held\"") { 400 } else { 204 });
    let id = hub.webhook(&receiver.url(), |_| ()).await;
    hub.hold_and_lift(1).await;
    until("a refusal in its books", async || hub.record(id).await.last_error.contains("answered 400")).await;
    assert_eq!(hub.record(id).await.lanes, 1);
    receiver.answers(|_| 204);
    until("both, in order", async || taken(&receiver) == [1, 2]).await;
    until("its books", async || hub.record(id).await.lanes == 0).await;
    // Everything once more, under the same names.
    let scope = Scope::installation();
    hub.webhooks.change(id, hub.store.replay_webhook(&scope, id, 0)).await.unwrap();
    until("both again", async || taken(&receiver) == [1, 2, 1, 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_silent_or_sends_elsewhere_is_said_so_and_its_deadline_holds() {
    let (hub, receiver) = (Hub::start().await, Receiver::start().unwrap());
    let id = hub.webhook(&receiver.url(), |webhook| webhook.timeout_ms = 200).await;
    receiver.answers(|_| 302);
    let tested = hub.webhooks.test(&hub.record(id).await).await.unwrap();
    assert!(!tested.taken && tested.why.contains("302") && tested.why.contains("redirects"), "{tested:?}");
    receiver.answers(|_| SILENCE);
    let tested = hub.webhooks.test(&hub.record(id).await).await.unwrap();
    assert!(tested.why.contains("within 200 ms") && tested.took_ms < 5_000, "{tested:?}");
    receiver.answers(|_| 200);
    let tested = hub.webhooks.test(&hub.record(id).await).await.unwrap();
    assert!(tested.taken, "{tested:?}");
    assert!(receiver.received().last().unwrap().headers["webhook-id"].starts_with("tst_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_allowed_when_it_was_saved_is_judged_again_when_it_is_used() {
    let (hub, receiver) = (Hub::start().await, Receiver::start().unwrap());
    let id = hub.webhook(&receiver.url(), |_| ()).await;
    let strict = Webhooks::start(hub.store.clone(), hub.feed.clone(), Guard::default()).await.unwrap();
    let tested = strict.test(&hub.record(id).await).await.unwrap();
    assert!(!tested.taken && tested.why.contains("not on the internet"), "{tested:?}");
    assert!(receiver.received().is_empty());
}
