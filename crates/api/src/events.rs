//! `/api/events`: the event log, as a stream of server-sent events from any retained place, or in pages.
//!
//! A stream is one task that takes from the shared feed and hands on through a short queue. A consumer that does not take
//! what is sent is cut, and goes on where it was: the id of a message is the place in the log.

use crate::App;
use crate::auth::{self, Read};
use crate::error::ApiError;
use crate::extract::Query;
use crate::page::limit;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{CampaignId, Invalid, Masked, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use store::events::{Batch, Subscription};
use store::{EventFilter, Feed, LogEvent, Scope, TokenScope};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{MissedTickBehavior, interval, timeout};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Streams at once, at most.
const MAX_STREAMS: usize = 200;
/// Messages that wait for one consumer, at most; each holds the events of one batch.
const QUEUE: usize = 4;
/// A consumer that takes nothing for this long is cut.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two signs of life; each also looks whether the token still holds.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// After how long a browser comes back, in milliseconds.
const RETRY_MS: u32 = 2_000;
/// Events that one page looks through, at most.
const LOOKED_THROUGH: u32 = 5_000;
const STREAM: &str = "text/event-stream";

/// What all streams share.
#[derive(Debug, Clone)]
pub struct Streams {
    feed: Feed,
    places: Arc<Semaphore>,
    patience: Duration,
    heartbeat: Duration,
}

impl Streams {
    /// Streams of this feed.
    pub fn of(feed: Feed) -> Self {
        let places = Arc::new(Semaphore::new(MAX_STREAMS));
        Self { feed, places, patience: PATIENCE, heartbeat: HEARTBEAT }
    }
}

/// Something that happened.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LoggedEvent {
    /// Its place in the log; grows, some numbers are never used.
    pub seq: i64,
    /// What it is about.
    #[schema(example = "attempt")]
    pub entity: String,
    /// Which of them.
    pub entity_id: i64,
    /// 1, 2, 3, ... per entity, without a gap.
    pub entity_seq: i64,
    /// What happened: dotted, past tense.
    #[schema(example = "leg.answered")]
    pub kind: String,
    /// Version of `data`.
    pub version: i64,
    /// When Carillon saw it.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When it happened in the PBX's words.
    pub pbx_at: Option<String>,
    /// Who did it: a token's name, `carillon`, or empty for the dialler.
    pub actor: String,
    /// What made it happen, or empty.
    pub cause: String,
    /// The campaign it belongs to.
    pub campaign: Option<i64>,
    /// The run it belongs to.
    pub run: Option<i64>,
    /// The contact it is about.
    pub contact: Option<i64>,
    /// What else is known, by kind: `GET /api/events/schema`.
    pub data: serde_json::Value,
}

/// A part of the log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventPage {
    /// The events, oldest first.
    pub items: Vec<LoggedEvent>,
    /// Give this as `after` to go on.
    pub next: i64,
    /// The oldest event that is kept; 0: there is none.
    pub oldest: i64,
    /// The newest. Everything was read when `next` is not less.
    pub newest: i64,
}

/// Which events.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Those behind this place; 0: from the oldest that is kept. A stream begins now when it is not given, a page at the
    /// oldest. The header `Last-Event-ID` wins.
    pub after: Option<i64>,
    /// Of this campaign, its runs and attempts.
    pub campaign: Option<i64>,
    /// About this kind of thing: `attempt`, `run`, `dialling`, ...
    pub entity: Option<String>,
    /// With `entity`: about this one.
    pub id: Option<i64>,
    /// Of these kinds, between commas; `leg.*` is every kind that begins so.
    #[param(example = "attempt.ended,leg.*")]
    pub kind: Option<String>,
    /// Events per page, `1..=1000`; 100 when not given.
    pub limit: Option<u32>,
}

impl EventQuery {
    fn filter(&self) -> Result<EventFilter, ApiError> {
        let kinds = self.kind.iter().flat_map(|kinds| kinds.split(','));
        let filter = EventFilter {
            campaign: self.campaign.map(CampaignId),
            entity: self.entity.clone(),
            entity_id: self.id,
            kinds: kinds.map(|kind| kind.trim().to_owned()).filter(|kind| !kind.is_empty()).collect(),
        };
        filter.check()?;
        Ok(filter)
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_events)).routes(routes!(get_event_schema))
}

/// The event log: a stream that goes on for ever, or a page for those who accept `application/json` only.
///
/// A stream is `text/event-stream`: `id` is the place in the log, `data` the event as one line of JSON; there is a comment
/// every 15 s. Whoever is cut off comes back with `Last-Event-ID` and misses nothing. What is not kept any more is
/// refused with 410, which names the oldest event.
#[utoipa::path(get, path = "/api/events", tag = "results", params(EventQuery,
        ("Last-Event-ID" = Option<i64>, Header, description = "the last event that was seen; wins over `after`")),
    security(("token" = ["read"])),
    responses((status = 200, description = "events as they happen, or a page",
        content((String = "text/event-stream"), (EventPage = "application/json")))))]
async fn get_events(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<EventQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let filter = query.filter()?;
    let after = last_event_id(&headers)?.or(query.after);
    if wants_page(&headers) {
        return Ok(axum::Json(page(&app, &caller.scope, after, &filter, limit(query.limit)?).await?).into_response());
    }
    let after = app.store.events_from(after).await?;
    let streams = app.events.clone();
    let place = Arc::clone(&streams.places).try_acquire_owned().map_err(|_| {
        ApiError::unavailable("too_many_streams", format!("{MAX_STREAMS} streams of events are open already"))
    })?;
    let (sender, receiver) = mpsc::channel(QUEUE);
    let stream =
        Stream { app, scope: caller.scope, filter, headers, sender, patience: streams.patience, _place: place };
    tokio::spawn(stream.run(streams.feed.subscribe(after), streams.heartbeat));
    let body = futures_util::stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|chunk: Bytes| (Ok::<_, std::convert::Infallible>(chunk), receiver))
    });
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(STREAM));
    // Proxies that buffer would hold back what happens now.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// The JSON schema of the events, with that of each kind's data.
#[utoipa::path(get, path = "/api/events/schema", tag = "results", security(("token" = ["read"])),
    responses((status = 200, description = "the schema", body = serde_json::Value)))]
async fn get_event_schema(Read(_caller): Read) -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (StatusCode::OK, kind, store::events::kinds::schema_json()).into_response()
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("application/json") && !accept.contains(STREAM)
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    match value.to_str().unwrap_or_default().trim() {
        "" => Ok(None),
        text => match text.parse() {
            Ok(id) => Ok(Some(id)),
            Err(_) => Err(Invalid::new("Last-Event-ID", "is no id of an event: a number").into()),
        },
    }
}

async fn page(
    app: &App,
    scope: &Scope,
    after: Option<i64>,
    filter: &EventFilter,
    limit: u32,
) -> Result<EventPage, ApiError> {
    let mut next = app.store.events_from(after.or(Some(0))).await?;
    let mut items = Vec::new();
    let mut looked = 0;
    while looked < LOOKED_THROUGH {
        let read = app.store.events_after(scope, next, store::events::MAX_PAGE).await?;
        let wanted = limit as usize - items.len();
        let mut chosen = read.iter().filter(|event| filter.wants(scope, event)).take(wanted + 1);
        for event in chosen.by_ref().take(wanted) {
            items.push(serde_json::from_str(&event.json).map_err(ApiError::internal)?);
            next = event.seq;
        }
        let is_full = chosen.next().is_some();
        drop(chosen);
        if is_full || read.is_empty() {
            break;
        }
        next = read.last().map_or(next, |event| event.seq);
        looked += read.len() as u32;
    }
    let kept = app.store.retained_events().await?;
    Ok(EventPage { items, next, oldest: kept.oldest, newest: kept.newest })
}

/// One consumer.
struct Stream {
    app: App,
    scope: Scope,
    filter: EventFilter,
    headers: HeaderMap,
    sender: mpsc::Sender<Bytes>,
    patience: Duration,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    /// Until the consumer goes away or is cut.
    async fn run(self, mut events: Subscription, heartbeat: Duration) {
        metrics::gauge!("carillon_event_streams").increment(1.0);
        if let Err(why) = self.pump(&mut events, heartbeat).await {
            tracing::info!(why = %Masked(&why), at = events.position(), "a stream of events was ended");
        }
        metrics::gauge!("carillon_event_streams").decrement(1.0);
    }

    async fn pump(&self, events: &mut Subscription, heartbeat: Duration) -> Result<(), String> {
        let mut beat = interval(heartbeat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.tick().await;
        self.send(format!("retry: {RETRY_MS}\nid: {}\n\n", events.position())).await?;
        loop {
            tokio::select! {
                batch = events.next() => match batch {
                    Ok(Some(batch)) => {
                        let text = self.text(&batch);
                        if !text.is_empty() {
                            self.send(text).await?;
                        }
                    }
                    Ok(None) => return Ok(()),
                    Err(error) => {
                        self.send(": the log cannot be read on\n\n".to_owned()).await?;
                        return Err(error.to_string());
                    }
                },
                _ = beat.tick() => {
                    let caller = auth::check(&self.headers, &self.app, TokenScope::Read).await;
                    if caller.map_err(|_| "its token is gone")?.scope != self.scope {
                        return Err("it sees other things now: it comes back and goes on".into());
                    }
                    // With its place: who comes back need not look through again what was not for him.
                    self.send(format!(": alive\nid: {}\n\n", events.position())).await?;
                }
                () = self.sender.closed() => return Ok(()),
            }
        }
    }

    fn text(&self, batch: &Batch) -> String {
        let wanted = batch.events.iter().filter(|event| self.filter.wants(&self.scope, event));
        wanted.map(|event| message(event)).collect()
    }

    async fn send(&self, text: String) -> Result<(), String> {
        match timeout(self.patience, self.sender.send(text.into())).await {
            Ok(_) => Ok(()), // a consumer that went away is noticed by `closed`
            Err(_) => {
                metrics::counter!("carillon_event_streams_cut_total").increment(1);
                Err(format!("the consumer took nothing for {} s", self.patience.as_secs()))
            }
        }
    }
}

/// No `event:` line: a browser would then hand the event to listeners of that very kind only.
fn message(event: &LogEvent) -> String {
    format!("id: {}\ndata: {}\n\n", event.seq, event.json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Server;
    use futures_util::StreamExt;
    use serde_json::{Value, json};

    const SOON: Duration = Duration::from_secs(20);

    /// The body of a stream, read message by message.
    struct Consumer {
        body: axum::body::BodyDataStream,
        text: String,
    }

    impl Consumer {
        async fn open(server: &Server, path: &str, last: Option<i64>) -> Self {
            let response = server.stream(path, last).await;
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()[header::CONTENT_TYPE], STREAM);
            Self { body: response.into_body().into_data_stream(), text: String::new() }
        }

        /// The next message; `None`: the stream has ended.
        async fn message(&mut self) -> Option<String> {
            loop {
                if let Some((message, rest)) = self.text.split_once("\n\n") {
                    let (message, rest) = (message.to_owned(), rest.to_owned());
                    self.text = rest;
                    return Some(message);
                }
                let chunk = timeout(SOON, self.body.next()).await.expect("in time")?.unwrap();
                self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        }

        /// The next event, with the id of its message.
        async fn event(&mut self) -> (i64, Value) {
            loop {
                let message = self.message().await.expect("the stream goes on");
                let line = |name: &str| message.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                if let Some(data) = line("data: ") {
                    return (line("id: ").unwrap().parse().unwrap(), serde_json::from_str(&data).unwrap());
                }
            }
        }
    }

    async fn hold_and_lift(server: &Server, times: i64) {
        let scope = Scope::installation();
        for at in 0..times {
            server.app.store.set_hold(&scope, "ops", "test", Timestamp(at)).await.unwrap();
            server.app.store.lift_hold(&scope, "ops", Timestamp(at)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_stream_begins_where_it_is_told_and_goes_on_as_things_happen() {
        let server = Server::start().await;
        hold_and_lift(&server, 2).await;
        let mut all = Consumer::open(&server, "/api/events?after=0", None).await;
        let mut now = Consumer::open(&server, "/api/events", None).await;
        let mut lifted = Consumer::open(&server, "/api/events?after=0&kind=dialling.lifted", Some(2)).await;
        hold_and_lift(&server, 1).await;
        for seq in 1..=6 {
            let (id, event) = all.event().await;
            assert_eq!((id, &event["seq"], &event["entity_seq"]), (seq, &json!(seq), &json!(seq)));
            server.check_component("LoggedEvent", &event);
        }
        assert_eq!(now.event().await.0, 5);
        assert_eq!([lifted.event().await.0, lifted.event().await.0], [4, 6], "the header wins over the query");
    }

    #[tokio::test]
    async fn a_consumer_that_is_cut_goes_on_without_a_gap() {
        let mut server = Server::start().await;
        server.hurry(|events| events.patience = Duration::from_millis(50));
        let mut stalled = Consumer::open(&server, "/api/events?after=0&kind=dialling.held", None).await;
        let mut last = 0;
        // Nobody reads: the queue fills, and the stream ends behind what was queued.
        for _ in 0..20 {
            hold_and_lift(&server, 5).await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        let mut given = Vec::new();
        while let Some(message) = stalled.message().await {
            if let Some(id) = message.lines().find_map(|line| line.strip_prefix("id: "))
                && message.contains("data: ")
            {
                last = id.parse().unwrap();
                given.push(last);
            }
        }
        assert!(given.len() < 100, "it was not cut");
        let mut again = Consumer::open(&server, "/api/events?after=0&kind=dialling.held", Some(last)).await;
        while given.len() < 100 {
            given.push(again.event().await.0);
        }
        let all: Vec<i64> = (0..100).map(|n| 2 * n + 1).collect();
        assert_eq!(given, all);
    }

    #[tokio::test]
    async fn a_stream_says_where_it_is_and_ends_with_its_token_and_with_the_server() {
        let mut server = Server::start().await;
        server.hurry(|events| events.heartbeat = Duration::from_millis(20));
        hold_and_lift(&server, 1).await;
        let mut filtered = Consumer::open(&server, "/api/events?after=0&entity=run", None).await;
        while !filtered.message().await.unwrap().ends_with(": alive\nid: 2") {}
        server.app.store.revoke_token(&Scope::installation(), 1).await.unwrap();
        while filtered.message().await.is_some() {}

        let server = Server::start().await;
        let mut open = Consumer::open(&server, "/api/events", None).await;
        open.message().await.unwrap();
        server.app.events.feed.close();
        assert_eq!(open.message().await, None);
    }

    #[tokio::test]
    async fn pages_hold_what_streams_hold() {
        let server = Server::start().await;
        server.journal().await;
        let first = server.page("/api/events?limit=3").await.expect(200);
        let rest = server.page(&format!("/api/events?limit=1000&after={}", first["next"])).await.expect(200);
        assert_eq!(rest["next"], rest["newest"]);
        let items = |page: &Value| page["items"].as_array().unwrap().clone();
        let all = [items(&first), items(&rest)].concat();
        let mut stream = Consumer::open(&server, "/api/events?after=0", None).await;
        for item in &all {
            assert_eq!(&stream.event().await.1, item);
        }
        let ended = server.page("/api/events?kind=attempt.ended&limit=1").await.expect(200);
        assert_eq!(ended["items"][0]["kind"], "attempt.ended");
        let next = server.page(&format!("/api/events?kind=attempt.ended&after={}", ended["next"])).await.expect(200);
        assert_eq!((items(&next).len(), &next["next"]), (1, &next["newest"]));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_refused_by_name() {
        let server = Server::start().await;
        hold_and_lift(&server, 3).await;
        for (path, field) in [
            ("/api/events?after=-1", "after"),
            ("/api/events?after=7", "after"),
            ("/api/events?kind=leg", "kind"),
            ("/api/events?entity=weather", "entity"),
            ("/api/events?id=3", "id"),
        ] {
            assert_eq!(server.get(path).await.refused(422), ("invalid".into(), field.into()), "{path}");
        }
        let wrong = server.stream_raw("/api/events", "yesterday").await;
        assert_eq!(wrong.refused(422).1, "Last-Event-ID");
        let schema = server.get("/api/events/schema").await.expect(200);
        assert_eq!(schema["title"], "An event of Carillon");
    }
}
