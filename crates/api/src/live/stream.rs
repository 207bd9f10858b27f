//! `/api/live/stream`: the live figures as they change, over a websocket.
//!
//! One task looks ten times a second while somebody watches, and says once for all what changed. A screen that is slow
//! takes part in fewer looks: it hears what changed since the last one that it took.

use super::delta::{Delta, calm};
use super::seen_by;
use crate::App;
use crate::auth::{self, Read};
use crate::error::ApiError;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::{Masked, Timestamp};
use node::Handle;
use node::live::Live;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use store::{Scope, TokenScope};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// Screens at once, at most.
const MAX_SCREENS: usize = 500;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Nothing changed for this long: a sign of life.
const BEAT: Duration = Duration::from_secs(1);
/// A screen that takes nothing for this long is cut.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two questions whether who watches still may.
const STILL_ALLOWED: Duration = Duration::from_secs(5);
/// Longest message of a screen, which has nothing to say.
const MAX_INCOMING_BYTES: usize = 4 * 1024;
/// Close code of a screen whose token or session ended (RFC 6455: 4000 to 4999 are ours).
pub const SIGNED_OUT: u16 = 4401;
/// Close code of a server that stops (RFC 6455, "going away").
const GOING_AWAY: u16 = 1001;

/// What all screens share. A clone is another way to the same.
#[derive(Debug, Clone)]
pub struct Screens {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The last look; `None` before the first.
    seen: watch::Sender<Option<Arc<Look>>>,
    arrived: Notify,
    places: Arc<Semaphore>,
    closed: watch::Sender<bool>,
}

/// The live figures at one look.
#[derive(Debug)]
struct Look {
    /// Grows with every change.
    seq: i64,
    at: Timestamp,
    live: Live,
    /// The message for everybody who sees everything and knows the look before.
    message: Utf8Bytes,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said<'a> {
    Snapshot {
        seq: i64,
        live: &'a Live,
    },
    Delta {
        seq: i64,
        after: i64,
        #[serde(flatten)]
        delta: Box<Delta<'a>>,
    },
    Beat {
        at: Timestamp,
    },
}

impl Said<'_> {
    fn text(&self) -> Utf8Bytes {
        serde_json::to_string(self).expect("the live figures are JSON").into()
    }
}

impl Screens {
    /// Screens of this dialler; without one there is nothing to see.
    pub fn start(node: Option<Handle>) -> Self {
        let inner = Inner {
            seen: watch::channel(None).0,
            arrived: Notify::new(),
            places: Arc::new(Semaphore::new(MAX_SCREENS)),
            closed: watch::channel(false).0,
        };
        let screens = Self { inner: Arc::new(inner) };
        if let Some(node) = node {
            tokio::spawn(look(screens.clone(), node));
        }
        screens
    }

    /// Ends every screen: the process stops.
    pub fn close(&self) {
        self.inner.closed.send_replace(true);
    }
}

/// Looks while somebody watches, until the screens are closed.
async fn look(screens: Screens, node: Handle) {
    let inner = &screens.inner;
    let mut closed = inner.closed.subscribe();
    let mut tick = interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Instant::now();
    let mut awaited = false;
    loop {
        tokio::select! {
            _ = tick.tick(), if inner.seen.receiver_count() > 0 => {}
            () = inner.arrived.notified() => {
                awaited = true;
                continue;
            }
            _ = closed.changed() => return,
        }
        // A dialler that does not answer is not alive: screens hear nothing and say so.
        let Ok(live) = node.live().await else { continue };
        let last = inner.seen.borrow().clone();
        if let Some(next) = Look::after(last.as_deref(), live, awaited || told.elapsed() >= BEAT) {
            (told, awaited) = (Instant::now(), false);
            inner.seen.send_replace(Some(Arc::new(next)));
        }
    }
}

impl Look {
    /// `None`: nothing changed, and a beat is not due.
    fn after(last: Option<&Self>, mut live: Live, beat: bool) -> Option<Self> {
        let at = live.at;
        let Some(last) = last else { return Some(Self { seq: 1, at, live, message: Utf8Bytes::default() }) };
        calm(&last.live, &mut live);
        let delta = Delta::between(&last.live, &live);
        if delta.is_empty(&last.live) {
            return beat.then(|| Self { seq: last.seq, at, live, message: Said::Beat { at }.text() });
        }
        let seq = last.seq + 1;
        let message = Said::Delta { seq, after: last.seq, delta: Box::new(delta) }.text();
        Some(Self { seq, at, live, message })
    }
}

/// The live figures as they change: a websocket.
///
/// The first message is `{"type":"snapshot","seq":n,"live":...}` with everything as `GET /api/live` has it. Then, at most
/// ten times a second, `{"type":"delta","seq":m,"after":n,...}`: the parts without keys (`at`, `dialling`, `hold`,
/// `storage`, `totals`) as they are now, and of `pbxs`, `trunks`, `end_points`, `runs` and `calls` those that changed,
/// `{"set":[...],"gone":[id,...]}`; a call's key is `attempt`. `after` is always the `seq` of the message before.
/// While nothing changes there is `{"type":"beat","at":...}` every second: nothing for five means that something is wrong.
/// Closed with 4401 when the token or session ended.
#[utoipa::path(get, path = "/api/live/stream", tag = "dialling", security(("token" = ["read"])),
    responses((status = 101, description = "the websocket"), (status = 426, description = "this is no websocket")))]
pub(super) async fn stream_live(
    Read(caller): Read,
    State(app): State<App>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    app.node()?;
    let upgrade = upgrade.map_err(|_| {
        let message = "this route is a websocket";
        ApiError::new(StatusCode::UPGRADE_REQUIRED, "no_websocket", message).remedy("GET /api/live is the same, once")
    })?;
    let place = Arc::clone(&app.screens.inner.places)
        .try_acquire_owned()
        .map_err(|_| ApiError::unavailable("too_many_screens", format!("{MAX_SCREENS} screens are open already")))?;
    let screen = Screen { scope: caller.scope, headers, app };
    Ok(upgrade.max_message_size(MAX_INCOMING_BYTES).on_upgrade(async move |socket| {
        metrics::gauge!("carillon_live_screens").increment(1.0);
        screen.run(socket).await;
        metrics::gauge!("carillon_live_screens").decrement(1.0);
        drop(place);
    }))
}

/// One who watches.
struct Screen {
    app: App,
    scope: Scope,
    headers: HeaderMap,
}

impl Screen {
    /// Until it goes away or is cut.
    async fn run(self, mut socket: WebSocket) {
        let why = match self.show(&mut socket).await {
            Ok((code, why)) => {
                let close = Message::Close(Some(CloseFrame { code, reason: why.into() }));
                let _ = timeout(PATIENCE, socket.send(close)).await;
                why.to_owned()
            }
            Err(why) => why,
        };
        tracing::debug!(why = %Masked(&why), "a screen was closed");
    }

    /// Returns the close code and why, or what broke.
    async fn show(&self, socket: &mut WebSocket) -> Result<(u16, &'static str), String> {
        let inner = &self.app.screens.inner;
        let (mut seen, mut closed) = (inner.seen.subscribe(), inner.closed.subscribe());
        inner.arrived.notify_one();
        let mut still_allowed = interval(STILL_ALLOWED);
        still_allowed.tick().await;
        let mut shown: Option<Arc<Look>> = None;
        // What was seen while nobody watched is old.
        seen.mark_unchanged();
        loop {
            tokio::select! {
                changed = seen.changed() => {
                    changed.map_err(|_| "the dialler ended")?;
                    let Some(look) = seen.borrow_and_update().clone() else { continue };
                    send(socket, Message::Text(self.message(shown.as_deref(), &look))).await?;
                    shown = Some(look);
                }
                said = socket.recv() => match said {
                    Some(Ok(Message::Close(_))) | None => return Err("it went away".into()),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error.to_string()),
                },
                _ = still_allowed.tick() => {
                    match auth::check(&self.headers, &self.app, TokenScope::Read).await {
                        Err(_) => return Ok((SIGNED_OUT, "signed out")),
                        // It comes back and begins anew with what is seen now.
                        Ok(caller) if caller.scope != self.scope => return Ok((GOING_AWAY, "other keys")),
                        Ok(_) => {}
                    }
                }
                _ = closed.changed() => return Ok((GOING_AWAY, "the server stops")),
            }
        }
    }

    /// What makes `look` of what is shown.
    fn message(&self, shown: Option<&Look>, look: &Look) -> Utf8Bytes {
        let sees_all = self.scope.sees_all();
        let Some(shown) = shown else {
            return Said::Snapshot { seq: look.seq, live: &seen_by(&self.scope, &look.live) }.text();
        };
        if shown.seq == look.seq {
            return Said::Beat { at: look.at }.text();
        }
        if sees_all && shown.seq + 1 == look.seq {
            return look.message.clone();
        }
        let (old, new) = (seen_by(&self.scope, &shown.live), seen_by(&self.scope, &look.live));
        Said::Delta { seq: look.seq, after: shown.seq, delta: Box::new(Delta::between(&old, &new)) }.text()
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), String> {
    match timeout(PATIENCE, socket.send(message)).await {
        Ok(sent) => sent.map_err(|error| error.to_string()),
        Err(_) => {
            metrics::counter!("carillon_live_screens_cut_total").increment(1);
            Err(format!("it took nothing for {} s", PATIENCE.as_secs()))
        }
    }
}
