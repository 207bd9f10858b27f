//! A proxy before a real Asterisk's HTTP port or manager interface: it delays, blackholes, cuts, holds, loses, doubles and floods.
//!
//! It understands as much of the events websocket, and of the manager's messages, as it needs to lose one message whole, and keeps a log of the
//! originates that reached the PBX: the witness of what was dialled, whoever died meanwhile.

mod frame;
mod manager;
mod pump;

use anyhow::{Context, Result};
use pump::{Connection, Parcel};
use std::net::TcpListener;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// How often a new connection is looked for, and a closed way is asked whether the proxy has ended.
const POLL: Duration = Duration::from_millis(5);
/// Floods are sent in bursts this far apart.
const BURST_EVERY: Duration = Duration::from_millis(10);

/// Where something travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToPbx,
    FromPbx,
}

/// How one direction is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Way {
    /// Nothing passes and nothing is lost: what waits passes when it is over, as with TCP. Nobody is told.
    pub blackhole: bool,
    /// Later by this much; order is kept.
    pub delay: Duration,
    /// Not faster than this; `None`: as fast as can be.
    pub bytes_per_second: Option<u32>,
}

/// What is wrong. The default is nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// From the client to the PBX.
    pub to_pbx: Way,
    /// From the PBX to the client.
    pub from_pbx: Way,
    /// Originates are kept until [`Proxy::release`] or [`Proxy::forget`].
    pub hold_originates: bool,
    /// Every n-th answer to a request is lost.
    pub swallow_every: Option<u32>,
    /// Every event comes twice.
    pub duplicate_events: bool,
    /// Connections are closed as soon as they are made.
    pub refuse: bool,
}

/// An originate that the client sent.
#[derive(Debug, Clone)]
pub struct Originate {
    /// Its channel id.
    pub channel: String,
    /// When it was passed on to the PBX; `None`: it is held, waits, or was lost.
    pub passed: Option<Instant>,
}

#[derive(Default)]
struct State {
    faults: Faults,
    originates: Vec<Originate>,
    held: Vec<(SyncSender<Parcel>, Parcel)>,
    connections: Vec<Arc<Connection>>,
    answers: u64,
    events: u64,
    ended: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// TCP port on loopback.
    target: u16,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    /// Waits until the way is open; `None`: the proxy has ended.
    fn wait_for_way(&self, direction: Direction) -> Option<Way> {
        let way = |state: &State| match direction {
            Direction::ToPbx => state.faults.to_pbx,
            Direction::FromPbx => state.faults.from_pbx,
        };
        let closed = |state: &mut State| way(state).blackhole && !state.ended;
        let state = self.changed.wait_while(self.lock(), closed).expect("no holder panics");
        (!state.ended).then(|| way(&state))
    }
}

/// A running proxy. Dropping it ends every connection.
pub struct Proxy {
    shared: Arc<Shared>,
    /// The port it listens on, on 127.0.0.1.
    pub port: u16,
}

impl Proxy {
    /// Listens on `port` of 127.0.0.1 and passes on to `target` there.
    pub fn start(port: u16, target: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).with_context(|| format!("proxy on port {port}"))?;
        listener.set_nonblocking(true)?;
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), target });
        let accepting = Arc::clone(&shared);
        thread::Builder::new().name("proxy".into()).spawn(move || accept(&listener, &accepting))?;
        Ok(Self { shared, port })
    }

    /// Changes what is wrong, from now on.
    pub fn set(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.shared.lock().faults);
        self.shared.changed.notify_all();
    }

    /// Nothing passes in either direction.
    pub fn blackhole(&self) {
        self.set(|faults| {
            faults.to_pbx.blackhole = true;
            faults.from_pbx.blackhole = true;
        });
    }

    /// Nothing is wrong any more. What was held stays held.
    pub fn heal(&self) {
        self.set(|faults| *faults = Faults::default());
    }

    /// Ends every connection there is.
    pub fn cut(&self) {
        for connection in std::mem::take(&mut self.shared.lock().connections) {
            connection.cut();
        }
    }

    /// Passes on what was held, in order.
    pub fn release(&self) {
        let held = std::mem::take(&mut self.shared.lock().held);
        for (to_pbx, parcel) in held {
            // Its connection may be gone: then so is the request.
            let _ = to_pbx.send(parcel);
        }
    }

    /// Loses what was held.
    pub fn forget(&self) {
        self.shared.lock().held.clear();
    }

    /// Originates that are held now.
    pub fn held(&self) -> usize {
        self.shared.lock().held.len()
    }

    /// Every originate that the client sent, in order.
    pub fn originates(&self) -> Vec<Originate> {
        self.shared.lock().originates.clone()
    }

    /// Channel ids of the originates that were passed on to the PBX, in order.
    pub fn passed(&self) -> Vec<String> {
        let state = self.shared.lock();
        state.originates.iter().filter(|call| call.passed.is_some()).map(|call| call.channel.clone()).collect()
    }

    /// Events that the PBX sent so far.
    pub fn events(&self) -> u64 {
        self.shared.lock().events
    }

    /// Sends events about strangers' channels to every client: `per_second` for `span`, each channel made and ended.
    /// Returns how many were sent; a client that does not keep up gets fewer.
    pub fn flood(&self, per_second: u32, span: Duration) -> u64 {
        let began = Instant::now();
        let (mut due, mut sent) = (0, 0);
        while began.elapsed() < span {
            due = (began.elapsed().as_secs_f64() * f64::from(per_second)) as u64;
            while sent < due {
                let frame = frame::server_text(&stranger(sent));
                let connections = self.shared.lock().connections.clone();
                for connection in connections {
                    let bytes = if connection.is_manager() { manager::stranger(sent) } else { frame.clone() };
                    let mut parcel = Parcel::new(bytes, None);
                    while let Err(TrySendError::Full(back)) = connection.to_client.try_send(parcel) {
                        parcel = back;
                        thread::sleep(Duration::from_millis(1));
                        if began.elapsed() >= span {
                            return sent;
                        }
                    }
                }
                sent += 1;
            }
            thread::sleep(BURST_EVERY);
        }
        sent.min(due)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
        self.cut();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while !shared.lock().ended {
        let Ok((client, _)) = listener.accept() else {
            thread::sleep(POLL);
            continue;
        };
        if shared.lock().faults.refuse || client.set_nonblocking(false).is_err() {
            continue;
        }
        // A PBX that is not there closes the client's connection: dropping it does.
        if let Ok(connection) = pump::connect(client, shared) {
            shared.lock().connections.push(connection);
        }
    }
}

/// An event about a channel that is nobody's: made, then ended.
fn stranger(number: u64) -> String {
    let id = number / 2;
    let (kind, cause) = match number.is_multiple_of(2) {
        true => ("ChannelCreated", ""),
        false => ("ChannelDestroyed", "\"cause\":16,\"cause_txt\":\"Normal Clearing\","),
    };
    format!(
        "{{\"type\":\"{kind}\",\"timestamp\":\"2026-11-21T08:30:08.342+0000\",{cause}\"channel\":{{\"id\":\"1700000000.{id}\",\
         \"name\":\"PJSIP/stranger-{id:08x}\",\"state\":\"Down\",\"protocol_id\":\"stranger{id}\",\
         \"caller\":{{\"name\":\"\",\"number\":\"\"}},\"connected\":{{\"name\":\"\",\"number\":\"\"}},\"accountcode\":\"\",\
         \"dialplan\":{{\"context\":\"elsewhere\",\"exten\":\"s\",\"priority\":1,\"app_name\":\"\",\"app_data\":\"\"}},\
         \"creationtime\":\"2026-11-21T08:30:08.341+0000\",\"language\":\"en\"}},\"asterisk_id\":\"00:00:00:00:00:00\",\
         \"application\":\"carillon\"}}"
    )
}

#[cfg(test)]
mod tests;
