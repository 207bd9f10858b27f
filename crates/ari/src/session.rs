//! One connection while it lives: requests out, answers and events in.

use asterisk::{Entered, InFlight, Interface, Lanes, Lost, NotSent, Outcome, Patience, Teller};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tracing::debug;

use crate::codec::{Message, Response, decode};
use crate::handshake::{Opened, open};
use crate::request::{REQUEST_BYTES_MAX, Request};
use crate::settings::Settings;

/// Longest message taken from Asterisk, in bytes: room for the list of about 20 000 channels.
pub const MESSAGE_BYTES_MAX: usize = 32 << 20;

pub(crate) type Socket = WebSocketStream<TcpStream>;
type Writer = SplitSink<Socket, tungstenite::Message>;
type Reader = SplitStream<Socket>;
type Requests = Lanes<Request, Response>;
/// A request ends with its answer, and nothing is to be remembered for that.
type Waiting = InFlight<(), Response>;

/// The interface as its link's task needs it.
pub(crate) struct Websocket {
    pub(crate) settings: Settings,
}

impl Interface for Websocket {
    type Opened = Opened;
    type Request = Request;
    type Answer = Response;

    fn address(&self) -> String {
        self.settings.address()
    }

    async fn open(&mut self) -> Result<(Opened, Entered), Lost> {
        open(&self.settings).await
    }

    async fn serve(&mut self, opened: Opened, lanes: &mut Requests, teller: &Teller) -> Option<Lost> {
        for event in opened.held {
            if let Err(ended) = teller.event(event) {
                return ended;
            }
        }
        let (writer, reader) = opened.socket.split();
        let (waiting, patience) = (Waiting::default(), &self.settings.patience);
        let ended = tokio::select! {
            ended = read(reader, &waiting, teller) => ended,
            ended = write(writer, &waiting, lanes, teller.epoch(), patience) => ended,
            ended = waiting.watch(patience, teller, |(), _| None) => ended,
        };
        waiting.lose_all();
        ended
    }
}

fn answer(waiting: &Waiting, response: Response) {
    let status = response.status;
    let ended = response.request_id.parse().is_ok_and(|number| waiting.end(number, outcome(response)));
    if !ended {
        // Its deadline passed, or Asterisk could not read the request (empty id): that one ends as unknown.
        debug!(status, "answer to a request nobody waits for");
    }
}

fn outcome(response: Response) -> Outcome<Response> {
    if (200..300).contains(&response.status) {
        return Outcome::Done(response);
    }
    Outcome::Refused { status: Some(response.status), message: refusal(&response) }
}

/// Asterisk's own words: `message` or `error` of the body, else the words of the status.
pub(crate) fn refusal(response: &Response) -> String {
    let body: serde_json::Value = serde_json::from_str(&response.body).unwrap_or_default();
    ["message", "error"].iter().find_map(|field| body[*field].as_str()).unwrap_or(&response.reason).to_owned()
}

async fn read(mut reader: Reader, waiting: &Waiting, teller: &Teller) -> Option<Lost> {
    loop {
        let frame = match reader.next().await {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Some(Lost::Closed(error.to_string().to_lowercase())),
            None => return Some(Lost::Closed("end of stream".to_owned())),
        };
        waiting.heard();
        let text = match frame {
            tungstenite::Message::Text(text) => text,
            tungstenite::Message::Close(_) => return Some(Lost::Closed("closed by the PBX".to_owned())),
            _ => continue,
        };
        match decode(&text) {
            Ok(Message::Response(response)) => answer(waiting, response),
            Ok(Message::Replaced) => return Some(Lost::Replaced),
            Ok(Message::Event(event)) => {
                if let Err(ended) = teller.event(event) {
                    return ended;
                }
            }
            Err(error) => teller.unreadable(error.bytes),
        }
    }
}

async fn write(
    mut writer: Writer,
    waiting: &Waiting,
    requests: &mut Requests,
    epoch: u64,
    patience: &Patience,
) -> Option<Lost> {
    let mut ping = interval(patience.ping_every);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = 0;
    loop {
        let full = waiting.is_full();
        let command = tokio::select! {
            _ = ping.tick() => None,
            () = waiting.room(), if full => continue,
            command = requests.recv(), if !full => Some(command?),
        };
        let written = match command {
            None => writer.send(tungstenite::Message::Ping(tungstenite::Bytes::new())).await,
            Some(command) => write_all(&mut writer, waiting, requests, command, epoch, &mut number).await,
        };
        if let Err(error) = written {
            return Some(Lost::Closed(error.to_string().to_lowercase()));
        }
    }
}

/// Writes `command` and what else is in the queue already, then flushes once.
async fn write_all(
    writer: &mut Writer,
    waiting: &Waiting,
    requests: &mut Requests,
    mut command: asterisk::Command<Request, Response>,
    epoch: u64,
    number: &mut u64,
) -> Result<(), tungstenite::Error> {
    loop {
        *number += 1;
        if let Some(text) = waiting.admit(command, epoch, *number, |request| encoded(&request, *number)) {
            writer.feed(tungstenite::Message::text(text)).await?;
        }
        if waiting.is_full() {
            break;
        }
        match requests.try_recv() {
            Some(next) => command = next,
            None => break,
        }
    }
    writer.flush().await
}

fn encoded(request: &Request, number: u64) -> Result<(String, ()), NotSent> {
    let text = request.encode(number);
    if text.len() > REQUEST_BYTES_MAX {
        return Err(NotSent::TooLarge { bytes: text.len(), bytes_max: REQUEST_BYTES_MAX });
    }
    Ok((text, ()))
}

#[cfg(test)]
mod tests;
