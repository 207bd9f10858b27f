//! A program that is told things over HTTP: remembers what it was sent, and answers as it is told.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A connection on which nothing comes ends after this.
const IDLE: Duration = Duration::from_secs(60);
/// The answer to a request that none is to come to.
pub const SILENCE: u16 = 0;

/// A request.
#[derive(Debug, Clone)]
pub struct Received {
    /// Method and path with the query, e.g. `GET /hook?a=b`.
    pub asked: String,
    /// Lower-case names.
    pub headers: BTreeMap<String, String>,
    /// As it came.
    pub body: String,
    /// What was answered.
    pub status: u16,
}

/// Says what to answer: an HTTP status, or [`SILENCE`].
type Answer = dyn Fn(&Received) -> u16 + Send + Sync;

/// The program. Dropping it closes its port and every connection.
pub struct Receiver {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    received: Arc<Mutex<Vec<Received>>>,
    answer: Arc<Mutex<Arc<Answer>>>,
    stopped: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Receiver {
    /// Takes everything.
    pub fn start() -> Result<Self> {
        Self::on(0)
    }

    /// The same on this port.
    pub fn on(port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).context("cannot listen")?;
        let port = listener.local_addr()?.port();
        let everything: Arc<Answer> = Arc::new(|_| 204);
        let (received, open) = (Arc::default(), Arc::default());
        let receiver = Self { port, received, answer: Arc::new(Mutex::new(everything)), stopped: Arc::default(), open };
        let (received, answer) = (Arc::clone(&receiver.received), Arc::clone(&receiver.answer));
        let (stopped, open) = (Arc::clone(&receiver.stopped), Arc::clone(&receiver.open));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream.try_clone() {
                    lock(&open).push(stream);
                }
                let (received, answer) = (Arc::clone(&received), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &received, &answer));
            }
        });
        Ok(receiver)
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// Answers like this from now on.
    pub fn answers(&self, answer: impl Fn(&Received) -> u16 + Send + Sync + 'static) {
        *lock(&self.answer) = Arc::new(answer);
    }

    /// What came so far, in the order in which it was answered.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.received).clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        for stream in lock(&self.open).drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        // Wakes the listener, which then lets its port go.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Requests of one connection, one after the other.
fn serve(stream: TcpStream, received: &Mutex<Vec<Received>>, answer: &Mutex<Arc<Answer>>) {
    let Ok(reading) = stream.try_clone() else { return };
    let _ = stream.set_read_timeout(Some(IDLE));
    let (mut reader, mut writer) = (BufReader::new(reading), stream);
    while let Some(mut request) = read(&mut reader) {
        let how = Arc::clone(&lock(answer));
        request.status = how(&request);
        if request.status == SILENCE {
            lock(received).push(request);
            thread::sleep(IDLE);
            return;
        }
        let text = format!("HTTP/1.1 {} X\r\ncontent-length: 0\r\n\r\n", request.status);
        lock(received).push(request);
        if writer.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Received> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
    let asked = line.trim().rsplit_once(' ').map(|(asked, _)| asked.to_owned()).unwrap_or_default();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        match line.trim().split_once(':') {
            Some((name, value)) => headers.insert(name.trim().to_lowercase(), value.trim().to_owned()),
            None => break,
        };
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received { asked, headers, body: String::from_utf8_lossy(&body).into_owned(), status: 0 })
}
