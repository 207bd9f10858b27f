//! One connection while it lives: actions out, answers and events in.

use std::time::Duration;

use asterisk::{
    Entered, Event, EventKind, InFlight, Interface, Lanes, Lost, NotSent, Outcome, Patience, Teller, Unknown,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::debug;

use crate::action::Action;
use crate::client::{Answered, Ask, Reply};
use crate::codec::{Decoder, Message, Unreadable};
use crate::event::event;
use crate::login::{Opened, open};
use crate::pace::Pace;
use crate::settings::Settings;

/// Most items of one list.
pub const LIST_ITEMS_MAX: usize = 50_000;
/// How long news of a channel may come after the news that its originate failed: Asterisk tells them on two ways.
const CHANNEL_AFTER_FAILURE: Duration = Duration::from_millis(200);
/// From a ping to the end of our interest in its answer.
const PING_DEADLINE: Duration = Duration::from_secs(5);
/// Bytes read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Actions in flight. An originate counts until its channel is told of.
type Waiting = InFlight<Ends, Reply>;

/// The interface as its link's task needs it.
pub(crate) struct Manager {
    settings: Settings,
    /// Of the PBX, not of one connection.
    pace: Pace,
}

impl Manager {
    pub(crate) fn new(settings: Settings) -> Self {
        let pace = Pace::new(settings.messages_per_unit, settings.unit);
        Self { settings, pace }
    }
}

impl Interface for Manager {
    type Opened = Opened;
    type Request = Ask;
    type Answer = Reply;

    fn address(&self) -> String {
        self.settings.address()
    }

    async fn open(&mut self) -> Result<(Opened, Entered), Lost> {
        open(&self.settings, &mut self.pace).await
    }

    async fn serve(&mut self, opened: Opened, lanes: &mut Lanes<Ask, Reply>, teller: &Teller) -> Option<Lost> {
        let (reader, writer) = opened.stream.into_split();
        let (waiting, patience) = (Waiting::default(), &self.settings.patience);
        let ended = tokio::select! {
            ended = read(reader, opened.decoder, opened.held, &waiting, teller) => ended,
            ended = write(writer, &waiting, lanes, &mut self.pace, teller.epoch(), patience) => ended,
            ended = waiting.watch(patience, teller, Ends::over) => ended,
        };
        waiting.lose_all();
        ended
    }
}

/// What ends an action, and what came of it so far.
#[derive(Debug)]
enum Ends {
    Answer,
    List(Reply),
    Channel {
        id: String,
        /// Asterisk said that it failed, and when that is believed.
        failed: Option<(String, Instant)>,
    },
}

impl Ends {
    /// An originate that failed and made no channel.
    fn over(&self, now: Instant) -> Option<Outcome<Reply>> {
        match self {
            Self::Channel { failed: Some((why, believed_at)), .. } if *believed_at <= now => {
                Some(Outcome::Refused { status: None, message: why.clone() })
            }
            _ => None,
        }
    }
}

/// An answer, which is no event.
fn answer(waiting: &Waiting, message: Message) {
    let Some(number) = number(&message) else {
        debug!("answer without an id of ours");
        return;
    };
    if !message.is_success() {
        waiting.end(number, Outcome::Refused { status: None, message: words(&message) });
        return;
    }
    let response = waiting.with(number, |ends| match ends {
        Ends::Answer => Some(message),
        // The answer of a list announces it, that of an originate says that it was taken.
        Ends::List(reply) => {
            reply.response = message;
            None
        }
        Ends::Channel { .. } => None,
    });
    match response {
        Some(Some(response)) => {
            waiting.end(number, Outcome::Done(Reply { response, items: Vec::new() }));
        }
        Some(None) => {}
        // Its deadline passed: that one ended as unknown.
        None => debug!("answer to an action nobody waits for"),
    }
}

/// Whether the event belongs to an action, as an item or the end of its list.
fn belongs_to_list(waiting: &Waiting, message: &Message) -> bool {
    let Some(number) = number(message) else { return false };
    let complete = message.get("EventList").is_some_and(|text| text.eq_ignore_ascii_case("complete"));
    let taken = waiting.with(number, |ends| match ends {
        Ends::List(reply) if complete => Some(Some(Outcome::Done(std::mem::take(reply)))),
        Ends::List(reply) if reply.items.len() < LIST_ITEMS_MAX => {
            reply.items.push(message.clone());
            Some(None)
        }
        Ends::List(_) => {
            let why = format!("a list of more than {LIST_ITEMS_MAX} items");
            Some(Some(Outcome::Unknown(Unknown::Unreadable(why))))
        }
        Ends::Answer | Ends::Channel { .. } => None,
    });
    match taken.flatten() {
        Some(Some(outcome)) => waiting.end(number, outcome),
        Some(None) => true,
        // An item of a list whose deadline passed is nobody's either.
        None => message.get("EventList").is_some(),
    }
}

/// The end of dialling, told for its originate: with a channel it was done, without one it was refused.
fn originate_response(waiting: &Waiting, message: &Message, now: Instant) {
    let Some(number) = number(message) else { return };
    let failure = (!message.is_success()).then(|| (reason(message), now + CHANNEL_AFTER_FAILURE));
    let done = waiting.with(number, |ends| match ends {
        Ends::Channel { failed, .. } => {
            *failed = failure;
            failed.is_none()
        }
        Ends::Answer | Ends::List(_) => false,
    });
    if done == Some(true) {
        waiting.end(number, Outcome::Done(Reply::default()));
    }
}

fn channel_created(waiting: &Waiting, created: &str) {
    // A few hundred at the most, and only when a channel is made.
    if let Some(number) = waiting.find(|ends| matches!(ends, Ends::Channel { id, .. } if id == created)) {
        waiting.end(number, Outcome::Done(Reply::default()));
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
    waiting: &Waiting,
    teller: &Teller,
) -> Option<Lost> {
    let mut messages: Vec<Result<Message, Unreadable>> = held.into_iter().map(Ok).collect();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        for message in messages.drain(..) {
            let event = match message {
                Ok(message) => take(waiting, message),
                Err(error) => {
                    teller.unreadable(error.bytes);
                    None
                }
            };
            let Some(event) = event else { continue };
            if let Err(ended) = teller.event(event) {
                return ended;
            }
        }
        match reader.read(&mut chunk).await {
            Ok(0) => return Some(Lost::Closed("end of stream".to_owned())),
            Ok(length) => {
                waiting.heard();
                decoder.feed(&chunk[..length], &mut messages);
            }
            Err(error) => return Some(Lost::Closed(error.to_string().to_lowercase())),
        }
    }
}

/// What a message is for the reader of events; answers and their lists go to who asked.
fn take(waiting: &Waiting, message: Message) -> Option<Event> {
    if !message.is_event() {
        answer(waiting, message);
        return None;
    }
    // Looked at first: an item of a list may have the name of an event.
    if message.get("ActionID").is_some() && belongs_to_list(waiting, &message) {
        return None;
    }
    let event = event(&message)?;
    match &event.kind {
        EventKind::ChannelCreated => channel_created(waiting, event.channel_id().unwrap_or_default()),
        EventKind::Other(name) if name == "OriginateResponse" => originate_response(waiting, &message, Instant::now()),
        _ => {}
    }
    Some(event)
}

async fn write(
    mut writer: OwnedWriteHalf,
    waiting: &Waiting,
    lanes: &mut Lanes<Ask, Reply>,
    pace: &mut Pace,
    epoch: u64,
    patience: &Patience,
) -> Option<Lost> {
    let mut ping = interval(patience.ping_every);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = 0;
    loop {
        // First the pace, then the choice: what is urgent at that moment goes first.
        pace.ready().await;
        let full = waiting.is_full();
        let text = tokio::select! {
            biased;
            now = ping.tick() => {
                number += 1;
                (waiting.silent_for(now) >= patience.ping_every).then(|| {
                    // Nobody waits for its answer but the watch.
                    waiting.note(number, Ends::Answer, now + PING_DEADLINE);
                    Action::new("Ping").encode(&id(number)).expect("a ping is short and plain")
                })
            }
            () = waiting.room(), if full => continue,
            command = lanes.recv(), if !full => {
                number += 1;
                waiting.admit(command?, epoch, number, |ask| encoded(ask, number))
            }
        };
        let Some(text) = text else { continue };
        if let Err(error) = writer.write_all(text.as_bytes()).await {
            return Some(Lost::Closed(error.to_string().to_lowercase()));
        }
        pace.sent(Instant::now());
    }
}

fn encoded(ask: Ask, number: u64) -> Result<(String, Ends), NotSent> {
    let text = ask.action.encode(&id(number))?;
    let ends = match ask.answered {
        Answered::Once => Ends::Answer,
        Answered::List => Ends::List(Reply::default()),
        Answered::Channel(id) => Ends::Channel { id, failed: None },
    };
    Ok((text, ends))
}

/// Written with an action, and read back by [`number`].
fn id(number: u64) -> String {
    format!("carillon-{number}")
}

#[cfg(test)]
mod tests;
