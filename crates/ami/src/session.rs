//! One connection while it lives: actions out, answers and events in, and the watch that ends it when it falls silent.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{debug, warn};

use crate::action::{Action, NotSent, Unknown};
use crate::client::{Answered, Command, Commands, Outcome, Reply};
use crate::codec::{Decoder, Message, Unreadable};
use crate::event::{Event, EventKind};
use crate::link::{Doubt, Incoming, Lost};
use crate::login::Opened;
use crate::pace::Pace;
use crate::settings::Settings;

/// Actions written and not yet answered; the rest waits in our queue. An originate counts until its channel is told of.
pub const IN_FLIGHT_MAX: usize = 256;
/// Most items of one list.
pub const LIST_ITEMS_MAX: usize = 50_000;
/// How often deadlines and silence are looked at.
const WATCH_EVERY: Duration = Duration::from_millis(50);
/// How long news of a channel may come after the news that its originate failed: Asterisk tells them on two ways.
const CHANNEL_AFTER_FAILURE: Duration = Duration::from_millis(200);
/// Bytes read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Runs one connection until it is lost, or until `None`: every client, or the receiver of events, is gone.
pub(crate) async fn pump(
    opened: Opened,
    epoch: u64,
    settings: &Settings,
    pace: &mut Pace,
    commands: &mut Commands,
    incoming: &mpsc::Sender<Incoming>,
    unreadable: &AtomicU64,
) -> Option<Lost> {
    let (reader, writer) = opened.stream.into_split();
    let state = State::default();
    let ended = tokio::select! {
        ended = read(reader, opened.decoder, opened.held, &state, incoming, unreadable) => ended,
        ended = write(writer, &state, commands, pace, epoch, settings.ping_every) => ended,
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
    /// Originates in flight, by the id of their channel.
    by_channel: BTreeMap<String, u64>,
    last_heard_at: Instant,
    /// The present silence was told as a doubt.
    silence_told: bool,
}

/// An action that was written and not yet answered.
struct InFlight {
    deadline: Instant,
    written_at: Instant,
    /// Its silence was told as a doubt.
    told: bool,
    ends: Ends,
    reply: oneshot::Sender<Outcome<Reply>>,
}

/// What ends an action, and what came of it so far.
enum Ends {
    Answer,
    List(Reply),
    Channel {
        id: String,
        /// Asterisk said that it failed, and when that is believed.
        failed: Option<(String, Instant)>,
    },
}

impl Default for State {
    fn default() -> Self {
        let waiting = Waiting {
            by_number: BTreeMap::new(),
            by_channel: BTreeMap::new(),
            last_heard_at: Instant::now(),
            silence_told: false,
        };
        Self { waiting: Mutex::new(waiting), room: Notify::new() }
    }
}

impl Waiting {
    fn take(&mut self, number: u64) -> Option<InFlight> {
        let action = self.by_number.remove(&number)?;
        if let Ends::Channel { id, .. } = &action.ends {
            self.by_channel.remove(id);
        }
        Some(action)
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no code panics while it holds this lock")
    }

    fn is_full(&self) -> bool {
        self.lock().by_number.len() >= IN_FLIGHT_MAX
    }

    fn end(&self, number: u64, outcome: Outcome<Reply>) {
        if let Some(action) = self.lock().take(number) {
            self.room.notify_one();
            let _gone = action.reply.send(outcome);
        }
    }

    /// An answer, which is no event.
    fn answer(&self, message: Message) {
        let Some(number) = number(&message) else {
            debug!("answer without an id of ours");
            return;
        };
        let refused = (!message.is_success()).then(|| words(&message));
        let mut waiting = self.lock();
        let Some(action) = waiting.by_number.get_mut(&number) else {
            // Its deadline passed: that one ended as unknown.
            debug!("answer to an action nobody waits for");
            return;
        };
        let outcome = match (refused, &mut action.ends) {
            (Some(message), _) => Outcome::Refused { message },
            (None, Ends::Answer) => Outcome::Done(Reply { response: message, items: Vec::new() }),
            // The answer of a list announces it, that of an originate says that it was taken.
            (None, Ends::List(reply)) => {
                reply.response = message;
                return;
            }
            (None, Ends::Channel { .. }) => return,
        };
        drop(waiting);
        self.end(number, outcome);
    }

    /// Whether the event belongs to an action, as an item or the end of its list.
    fn belongs_to_list(&self, message: &Message) -> bool {
        let Some(number) = number(message) else { return false };
        let mut waiting = self.lock();
        let Some(InFlight { ends: Ends::List(reply), .. }) = waiting.by_number.get_mut(&number) else {
            // An item of a list whose deadline passed is nobody's either.
            return message.get("EventList").is_some();
        };
        let outcome = if message.get("EventList").is_some_and(|text| text.eq_ignore_ascii_case("complete")) {
            Outcome::Done(std::mem::take(reply))
        } else if reply.items.len() < LIST_ITEMS_MAX {
            reply.items.push(message.clone());
            return true;
        } else {
            Outcome::Unknown(Unknown::TooLong)
        };
        drop(waiting);
        self.end(number, outcome);
        true
    }

    /// The end of dialling, told for its originate: with a channel it was done, without one it was refused.
    fn originate_response(&self, message: &Message, now: Instant) {
        let Some(number) = number(message) else { return };
        let failure = (!message.is_success()).then(|| reason(message));
        let mut waiting = self.lock();
        let Some(InFlight { ends: Ends::Channel { failed, .. }, .. }) = waiting.by_number.get_mut(&number) else {
            return;
        };
        if let Some(why) = failure {
            *failed = Some((why, now + CHANNEL_AFTER_FAILURE));
            return;
        }
        drop(waiting);
        self.end(number, Outcome::Done(Reply::default()));
    }

    fn channel_created(&self, id: &str) {
        let number = self.lock().by_channel.get(id).copied();
        if let Some(number) = number {
            self.end(number, Outcome::Done(Reply::default()));
        }
    }

    fn heard(&self) {
        let mut waiting = self.lock();
        waiting.last_heard_at = Instant::now();
        waiting.silence_told = false;
    }

    /// Why the connection is in doubt, told once per silence and once per action that is not answered.
    fn doubt(&self, now: Instant, doubt_after: Duration) -> Option<Doubt> {
        let mut waiting = self.lock();
        if now.saturating_duration_since(waiting.last_heard_at) >= doubt_after {
            return (!std::mem::replace(&mut waiting.silence_told, true)).then_some(Doubt::Silent);
        }
        // Actions are served one after the other: the first one that is late speaks for those behind it, too.
        let late = |action: &InFlight| now.saturating_duration_since(action.written_at) >= doubt_after;
        let mut told = false;
        for action in waiting.by_number.values_mut().filter(|action| !action.told && late(action)) {
            action.told = true;
            told = true;
        }
        told.then_some(Doubt::Unanswered)
    }

    /// Ends what waited for too long, and originates that failed and made no channel.
    fn expire(&self, now: Instant) {
        let over = |action: &InFlight| match &action.ends {
            Ends::Channel { failed: Some((why, believed_at)), .. } if *believed_at <= now => {
                Some(Outcome::Refused { message: why.clone() })
            }
            _ if action.deadline <= now => Some(Outcome::Unknown(Unknown::Deadline)),
            _ => None,
        };
        let ends: Vec<_> =
            self.lock().by_number.iter().filter_map(|(number, action)| Some((*number, over(action)?))).collect();
        for (number, outcome) in ends {
            self.end(number, outcome);
        }
    }

    fn lose_all(&self) {
        let mut waiting = self.lock();
        waiting.by_channel.clear();
        for (_, action) in std::mem::take(&mut waiting.by_number) {
            let _gone = action.reply.send(Outcome::Unknown(Unknown::ConnectionLost));
        }
    }
}

/// The number of the action that a message belongs to, if it is one of ours.
fn number(message: &Message) -> Option<u64> {
    message.get("ActionID")?.strip_prefix("carillon-")?.parse().ok()
}

/// Asterisk's own words for a no.
fn words(message: &Message) -> String {
    message.get("Message").or_else(|| message.get("Response")).unwrap_or("no reason given").to_owned()
}

/// Asterisk's number for the end of a dialling without a channel, in words. It gives 0 for everything but a few.
fn reason(message: &Message) -> String {
    match message.get("Reason").unwrap_or_default() {
        "0" | "" => "Asterisk could not make the channel: is its end point there?".to_owned(),
        other => format!("Asterisk could not make the channel: reason {other}"),
    }
}

async fn read(
    mut reader: OwnedReadHalf,
    mut decoder: Decoder,
    held: Vec<Message>,
    state: &State,
    incoming: &mpsc::Sender<Incoming>,
    unreadable: &AtomicU64,
) -> Option<Lost> {
    let mut messages: Vec<Result<Message, Unreadable>> = held.into_iter().map(Ok).collect();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        for message in messages.drain(..) {
            let event = match message {
                Ok(message) => take(state, message),
                Err(error) => {
                    unreadable.fetch_add(1, Ordering::Relaxed);
                    warn!(bytes = error.bytes, "unreadable message from the PBX");
                    None
                }
            };
            let Some(event) = event else { continue };
            match incoming.try_send(Incoming::Event(event)) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => return Some(Lost::Overrun),
                Err(TrySendError::Closed(_)) => return None,
            }
        }
        match reader.read(&mut chunk).await {
            Ok(0) => return Some(Lost::Closed("end of stream".to_owned())),
            Ok(length) => {
                state.heard();
                decoder.feed(&chunk[..length], &mut messages);
            }
            Err(error) => return Some(Lost::Closed(error.to_string().to_lowercase())),
        }
    }
}

/// What a message is for the reader of events; answers and their lists go to who asked.
fn take(state: &State, message: Message) -> Option<Event> {
    if !message.is_event() {
        state.answer(message);
        return None;
    }
    // Looked at first: an item of a list may have the name of an event.
    if message.get("ActionID").is_some() && state.belongs_to_list(&message) {
        return None;
    }
    let event = Event::of(&message)?;
    match &event.kind {
        EventKind::ChannelCreated => state.channel_created(event.channel_id().unwrap_or_default()),
        EventKind::Other(name) if name == "OriginateResponse" => state.originate_response(&message, Instant::now()),
        _ => {}
    }
    Some(event)
}

async fn write(
    mut writer: OwnedWriteHalf,
    state: &State,
    commands: &mut Commands,
    pace: &mut Pace,
    epoch: u64,
    ping_every: Duration,
) -> Option<Lost> {
    let mut ping = interval(ping_every);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = 0;
    loop {
        // First the pace, then the choice: what is urgent at that moment goes first.
        pace.ready().await;
        let full = state.is_full();
        let text = tokio::select! {
            biased;
            now = ping.tick() => {
                let silent = now.saturating_duration_since(state.lock().last_heard_at) >= ping_every;
                number += 1;
                silent.then(|| admit(state, ping_command(now), epoch, number)).flatten()
            }
            () = state.room.notified(), if full => continue,
            command = commands.recv(), if !full => {
                number += 1;
                admit(state, command?, epoch, number)
            }
        };
        let Some(text) = text else { continue };
        if let Err(error) = writer.write_all(text.as_bytes()).await {
            return Some(Lost::Closed(error.to_string().to_lowercase()));
        }
        pace.sent(Instant::now());
    }
}

/// A silence is broken with it; nobody waits for its answer but the watch.
fn ping_command(now: Instant) -> Command {
    const PING_DEADLINE: Duration = Duration::from_secs(5);
    let (reply, _nobody) = oneshot::channel();
    let deadline = now + PING_DEADLINE;
    Command {
        action: Action::new("Ping"),
        answered: Answered::Once,
        only_epoch: None,
        send_before: deadline,
        deadline,
        reply,
    }
}

/// The text to write, already noted as in flight: from here on its fate is unknown until it is answered.
fn admit(state: &State, command: Command, epoch: u64, number: u64) -> Option<String> {
    let Command { action, answered, only_epoch, send_before, deadline, reply } = command;
    let now = Instant::now();
    let text = if only_epoch.is_some_and(|only| only != epoch) {
        Err(NotSent::OtherConnection)
    } else if send_before <= now {
        Err(NotSent::Deadline)
    } else {
        action.encode(&format!("carillon-{number}"))
    };
    let text = match text {
        Ok(text) => text,
        Err(why) => {
            let _gone = reply.send(Outcome::NotSent(why));
            return None;
        }
    };
    let mut waiting = state.lock();
    let ends = match answered {
        Answered::Once => Ends::Answer,
        Answered::List => Ends::List(Reply::default()),
        Answered::Channel(id) => {
            waiting.by_channel.insert(id.clone(), number);
            Ends::Channel { id, failed: None }
        }
    };
    waiting.by_number.insert(number, InFlight { deadline, written_at: now, told: false, ends, reply });
    Some(text)
}

/// Ends actions at their deadline, tells of doubts, and ends the connection when nothing at all was read for
/// `stale_after`.
async fn watch(state: &State, settings: &Settings, incoming: &mpsc::Sender<Incoming>, epoch: u64) -> Option<Lost> {
    let mut tick = interval(WATCH_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = tick.tick().await;
        state.expire(now);
        if now.saturating_duration_since(state.lock().last_heard_at) >= settings.stale_after {
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
