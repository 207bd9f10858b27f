//! One connection through the proxy: a reader and a writer for either direction.

use super::frame::{Frame, read_frame, read_head};
use super::{Direction, Shared, manager};
use serde_json::Value;
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Parcels that may wait for their writer; beyond it the reader does not read, and the sender feels it.
const PARCELS_MAX: usize = 64;
/// Bytes of a raw (not websocket) connection taken at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// Bytes on their way.
pub(super) struct Parcel {
    bytes: Vec<u8>,
    /// When they arrived.
    at: Instant,
    /// Which originate they are: an index into the log.
    originate: Option<usize>,
}

impl Parcel {
    pub(super) fn new(bytes: Vec<u8>, originate: Option<usize>) -> Self {
        Self { bytes, at: Instant::now(), originate }
    }
}

/// One connection.
pub(super) struct Connection {
    client: TcpStream,
    pbx: TcpStream,
    /// To the client, from the PBX or from us.
    pub(super) to_client: SyncSender<Parcel>,
    /// Asterisk greeted as its manager interface does.
    manager: Arc<AtomicBool>,
}

impl Connection {
    pub(super) fn is_manager(&self) -> bool {
        self.manager.load(Ordering::Relaxed)
    }

    /// Ends it in both directions, at once.
    pub(super) fn cut(&self) {
        for stream in [&self.client, &self.pbx] {
            // Closed already: all the better.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Begins to pass on what comes from `client`.
pub(super) fn connect(client: TcpStream, shared: &Arc<Shared>) -> std::io::Result<Arc<Connection>> {
    let pbx = TcpStream::connect(("127.0.0.1", shared.target))?;
    for stream in [&client, &pbx] {
        stream.set_nodelay(true)?;
    }
    let (to_pbx, for_pbx) = sync_channel(PARCELS_MAX);
    let (to_client, for_client) = sync_channel(PARCELS_MAX);
    let is_manager = Arc::new(AtomicBool::new(false));
    let connection = Arc::new(Connection {
        client: client.try_clone()?,
        pbx: pbx.try_clone()?,
        to_client: to_client.clone(),
        manager: Arc::clone(&is_manager),
    });
    spawn(write(for_pbx, pbx.try_clone()?, Direction::ToPbx, Arc::clone(shared)));
    spawn(write(for_client, client.try_clone()?, Direction::FromPbx, Arc::clone(shared)));
    spawn(read(client, to_pbx, Direction::ToPbx, Arc::clone(shared), Arc::clone(&is_manager)));
    spawn(read(pbx, to_client, Direction::FromPbx, Arc::clone(shared), is_manager));
    Ok(connection)
}

fn spawn(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().name("proxy".into()).spawn(work).expect("a thread can be started");
}

/// An empty parcel is the end of the stream.
fn end() -> Parcel {
    Parcel::new(Vec::new(), None)
}

fn read(
    stream: TcpStream,
    out: SyncSender<Parcel>,
    direction: Direction,
    shared: Arc<Shared>,
    manager: Arc<AtomicBool>,
) -> impl FnOnce() {
    move || {
        let mut stream = BufReader::new(stream);
        // Whoever is gone on the other side ends this side, too.
        let _ = pass_on(&mut stream, &out, direction, &shared, &manager);
        let _ = out.send(end());
    }
}

fn pass_on(
    stream: &mut impl Read,
    out: &SyncSender<Parcel>,
    direction: Direction,
    shared: &Shared,
    is_manager: &AtomicBool,
) -> Option<()> {
    let head = read_head(stream).ok()?;
    let is_websocket = match direction {
        Direction::ToPbx => String::from_utf8_lossy(&head).to_ascii_lowercase().contains("upgrade: websocket"),
        Direction::FromPbx => head.starts_with(b"HTTP/1.1 101"),
    };
    let greets = head.starts_with(manager::GREETING);
    is_manager.fetch_or(greets, Ordering::Relaxed);
    let speaks_manager = greets || head.starts_with(b"Action: ");
    out.send(Parcel::new(head, None)).ok()?;
    if speaks_manager {
        loop {
            let message = manager::read_message(stream).ok()?;
            match direction {
                Direction::ToPbx => manager::action(message, out, shared)?,
                Direction::FromPbx => manager::told(message, out, shared)?,
            }
        }
    }
    if is_websocket {
        loop {
            let frame = read_frame(stream).ok()?;
            match direction {
                Direction::ToPbx => request(frame, out, shared)?,
                Direction::FromPbx => from_pbx(frame, out, shared)?,
            }
        }
    }
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = stream.read(&mut chunk).ok().filter(|length| *length > 0)?;
        out.send(Parcel::new(chunk[..length].to_vec(), None)).ok()?;
    }
}

fn request(frame: Frame, out: &SyncSender<Parcel>, shared: &Shared) -> Option<()> {
    let Some(channel) = originated(&frame.text) else { return out.send(Parcel::new(frame.raw, None)).ok() };
    let mut state = shared.lock();
    state.originates.push(super::Originate { channel, passed: None });
    let number = state.originates.len() - 1;
    let parcel = Parcel::new(frame.raw, Some(number));
    if state.faults.hold_originates {
        state.held.push((out.clone(), parcel));
        return Some(());
    }
    drop(state);
    out.send(parcel).ok()
}

/// The channel id of an originate.
fn originated(text: &[u8]) -> Option<String> {
    let request: Value = serde_json::from_slice(text).ok()?;
    if request["method"] != "POST" || request["uri"] != "channels" {
        return None;
    }
    let body: Value = serde_json::from_str(request["message_body"].as_str()?).ok()?;
    Some(body["channelId"].as_str()?.to_owned())
}

fn from_pbx(frame: Frame, out: &SyncSender<Parcel>, shared: &Shared) -> Option<()> {
    let copies = if frame.text.is_empty() {
        1
    } else if frame.text.windows(14).take(200).any(|part| part == b"\"RESTResponse\"") {
        let mut state = shared.lock();
        state.answers += 1;
        let answers = state.answers;
        u8::from(state.faults.swallow_every.is_none_or(|every| !answers.is_multiple_of(u64::from(every.max(1)))))
    } else {
        let mut state = shared.lock();
        state.events += 1;
        1 + u8::from(state.faults.duplicate_events)
    };
    for _ in 0..copies {
        out.send(Parcel::new(frame.raw.clone(), None)).ok()?;
    }
    Some(())
}

fn write(parcels: Receiver<Parcel>, mut stream: TcpStream, direction: Direction, shared: Arc<Shared>) -> impl FnOnce() {
    move || {
        for parcel in parcels {
            let Some(way) = shared.wait_for_way(direction) else { break };
            thread::sleep((parcel.at + way.delay).saturating_duration_since(Instant::now()));
            // What was let through is let through; the way may have closed while it was delayed.
            if shared.wait_for_way(direction).is_none() || parcel.bytes.is_empty() {
                break;
            }
            if let Some(rate) = way.bytes_per_second {
                thread::sleep(Duration::from_secs_f64(parcel.bytes.len() as f64 / f64::from(rate.max(1))));
            }
            if stream.write_all(&parcel.bytes).is_err() {
                break;
            }
            if let Some(number) = parcel.originate {
                shared.lock().originates[number].passed = Some(Instant::now());
            }
        }
        // Not there any more: nobody waits for it.
        let _ = stream.shutdown(Shutdown::Both);
    }
}
