//! One connection while it lives: requests out, answers and events in, and the watch that ends it when it falls silent.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tracing::{debug, warn};

use crate::client::{Command, Outcome};
use crate::codec::{Message, Response, decode};
use crate::event::EventKind;
use crate::link::{Doubt, Incoming, Lost};
use crate::request::{NotSent, REQUEST_BYTES_MAX, Unknown};
use crate::settings::Settings;

/// Requests written and not yet answered. Asterisk serves them one after the other, about 350 originates a second;
/// the rest waits in our queue. Small enough that they fit the socket's buffers and a write never blocks for long.
pub const IN_FLIGHT_MAX: usize = 256;
/// Longest message taken from Asterisk, in bytes: room for the list of about 20 000 channels.
pub const MESSAGE_BYTES_MAX: usize = 32 << 20;
/// How often deadlines and silence are looked at.
const WATCH_EVERY: Duration = Duration::from_millis(50);

pub(crate) type Socket = WebSocketStream<TcpStream>;
type Writer = SplitSink<Socket, tungstenite::Message>;
type Reader = SplitStream<Socket>;

/// Runs one connection until it is lost, or until `None`: every client, or the receiver of events, is gone.
pub(crate) async fn pump(
    socket: Socket,
    epoch: u64,
    settings: &Settings,
    commands: &mut mpsc::Receiver<Command>,
    incoming: &mpsc::Sender<Incoming>,
    unreadable: &AtomicU64,
) -> Option<Lost> {
    let (writer, reader) = socket.split();
    let state = State::default();
    let ended = tokio::select! {
        ended = read(reader, &state, incoming, unreadable) => ended,
        ended = write(writer, &state, commands, epoch, settings.ping_every) => ended,
        ended = watch(&state, settings, incoming, epoch) => ended,
    };
    state.lose_all();
    ended
}

/// What reader, writer and watch share. All three run in one task: the lock is never waited for.
struct State {
    waiting: Mutex<Waiting>,
    room: Notify,
}

struct Waiting {
    by_number: BTreeMap<u64, InFlight>,
    last_frame_at: Instant,
    /// The present silence was told as a doubt.
    silence_told: bool,
}

/// A request that was written and not yet answered.
struct InFlight {
    deadline: Instant,
    written_at: Instant,
    /// Its silence was told as a doubt.
    told: bool,
    reply: oneshot::Sender<Outcome<Response>>,
}

impl Default for State {
    fn default() -> Self {
        let waiting = Waiting { by_number: BTreeMap::new(), last_frame_at: Instant::now(), silence_told: false };
        Self { waiting: Mutex::new(waiting), room: Notify::new() }
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no code panics while it holds this lock")
    }

    fn is_full(&self) -> bool {
        self.lock().by_number.len() >= IN_FLIGHT_MAX
    }

    fn answer(&self, response: Response) {
        let number = response.request_id.parse::<u64>().ok();
        let Some(request) = number.and_then(|number| self.lock().by_number.remove(&number)) else {
            // Its deadline passed, or Asterisk could not read the request (empty id): that one ends as unknown.
            debug!(status = response.status, "answer to a request nobody waits for");
            return;
        };
        self.room.notify_one();
        let _gone = request.reply.send(outcome(response));
    }

    fn heard(&self) {
        let mut waiting = self.lock();
        waiting.last_frame_at = Instant::now();
        waiting.silence_told = false;
    }

    /// Why the connection is in doubt, told once per silence and once per request that is not answered.
    fn doubt(&self, now: Instant, doubt_after: Duration) -> Option<Doubt> {
        let mut waiting = self.lock();
        if now.saturating_duration_since(waiting.last_frame_at) >= doubt_after {
            return (!std::mem::replace(&mut waiting.silence_told, true)).then_some(Doubt::Silent);
        }
        // Requests are served one after the other: the first one that is late speaks for those behind it, too.
        let late = |request: &InFlight| now.saturating_duration_since(request.written_at) >= doubt_after;
        let mut told = false;
        for request in waiting.by_number.values_mut().filter(|request| !request.told && late(request)) {
            request.told = true;
            told = true;
        }
        told.then_some(Doubt::Unanswered)
    }

    fn expire(&self, now: Instant) {
        let late: Vec<_> = self.lock().by_number.extract_if(.., |_, request| request.deadline <= now).collect();
        for (_, request) in late {
            self.room.notify_one();
            let _gone = request.reply.send(Outcome::Unknown(Unknown::Deadline));
        }
    }

    fn lose_all(&self) {
        for (_, request) in std::mem::take(&mut self.lock().by_number) {
            let _gone = request.reply.send(Outcome::Unknown(Unknown::ConnectionLost));
        }
    }
}

fn outcome(response: Response) -> Outcome<Response> {
    if (200..300).contains(&response.status) {
        return Outcome::Done(response);
    }
    Outcome::Refused { status: response.status, message: refusal(&response) }
}

/// Asterisk's own words: `message` or `error` of the body, else the words of the status.
pub(crate) fn refusal(response: &Response) -> String {
    let body: serde_json::Value = serde_json::from_str(&response.body).unwrap_or_default();
    ["message", "error"].iter().find_map(|field| body[*field].as_str()).unwrap_or(&response.reason).to_owned()
}

async fn read(
    mut reader: Reader,
    state: &State,
    incoming: &mpsc::Sender<Incoming>,
    unreadable: &AtomicU64,
) -> Option<Lost> {
    loop {
        let frame = match reader.next().await {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Some(Lost::Closed(error.to_string().to_lowercase())),
            None => return Some(Lost::Closed("end of stream".to_owned())),
        };
        state.heard();
        let text = match frame {
            tungstenite::Message::Text(text) => text,
            tungstenite::Message::Close(_) => return Some(Lost::Closed("closed by the PBX".to_owned())),
            _ => continue,
        };
        match decode(&text) {
            Ok(Message::Response(response)) => state.answer(response),
            Ok(Message::Event(event)) if event.kind == EventKind::ApplicationReplaced => return Some(Lost::Replaced),
            Ok(Message::Event(event)) => match incoming.try_send(Incoming::Event(event)) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => return Some(Lost::Overrun),
                Err(TrySendError::Closed(_)) => return None,
            },
            Err(error) => {
                unreadable.fetch_add(1, Ordering::Relaxed);
                warn!(bytes = error.bytes, "unreadable message from the PBX");
            }
        }
    }
}

async fn write(
    mut writer: Writer,
    state: &State,
    commands: &mut mpsc::Receiver<Command>,
    epoch: u64,
    ping_every: Duration,
) -> Option<Lost> {
    let mut ping = interval(ping_every);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = 0;
    loop {
        let full = state.is_full();
        let command = tokio::select! {
            _ = ping.tick() => None,
            () = state.room.notified(), if full => continue,
            command = commands.recv(), if !full => Some(command?),
        };
        let result = match command {
            None => writer.send(tungstenite::Message::Ping(tungstenite::Bytes::new())).await,
            Some(command) => write_all(&mut writer, state, commands, command, epoch, &mut number).await,
        };
        if let Err(error) = result {
            return Some(Lost::Closed(error.to_string().to_lowercase()));
        }
    }
}

/// Writes `command` and what else is in the queue already, then flushes once.
async fn write_all(
    writer: &mut Writer,
    state: &State,
    commands: &mut mpsc::Receiver<Command>,
    mut command: Command,
    epoch: u64,
    number: &mut u64,
) -> Result<(), tungstenite::Error> {
    loop {
        *number += 1;
        if let Some(text) = admit(state, command, epoch, *number) {
            writer.feed(tungstenite::Message::text(text)).await?;
        }
        if state.is_full() {
            break;
        }
        match commands.try_recv() {
            Ok(next) => command = next,
            Err(_) => break,
        }
    }
    writer.flush().await
}

/// The text to write, already noted as in flight: from here on its fate is unknown until it is answered.
fn admit(state: &State, command: Command, epoch: u64, number: u64) -> Option<String> {
    let Command { request, only_epoch, send_before, deadline, reply } = command;
    if reply.is_closed() {
        return None;
    }
    let text = request.encode(number);
    let refusal = if only_epoch.is_some_and(|only| only != epoch) {
        Some(NotSent::OtherConnection)
    } else if send_before <= Instant::now() {
        Some(NotSent::Deadline)
    } else if text.len() > REQUEST_BYTES_MAX {
        Some(NotSent::TooLarge { bytes: text.len() })
    } else {
        None
    };
    if let Some(why) = refusal {
        let _gone = reply.send(Outcome::NotSent(why));
        return None;
    }
    state.lock().by_number.insert(number, InFlight { deadline, written_at: Instant::now(), told: false, reply });
    Some(text)
}

/// Ends requests at their deadline, tells of doubts, and ends the connection when nothing at all was read for
/// `stale_after`.
async fn watch(state: &State, settings: &Settings, incoming: &mpsc::Sender<Incoming>, epoch: u64) -> Option<Lost> {
    let mut tick = interval(WATCH_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = tick.tick().await;
        state.expire(now);
        if now.saturating_duration_since(state.lock().last_frame_at) >= settings.stale_after {
            return Some(Lost::Stale);
        }
        let Some(why) = state.doubt(now, settings.doubt_after) else { continue };
        warn!(pbx = %settings.address(), epoch, %why, "PBX link in doubt");
        match incoming.try_send(Incoming::Doubted { epoch, why }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Some(Lost::Overrun),
            Err(TrySendError::Closed(_)) => return None,
        }
    }
}

#[cfg(test)]
mod tests;
