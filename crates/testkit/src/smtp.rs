//! A mail server that keeps every letter: for one sender at a time, without TLS, on loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;

/// Longest wait for the sender's next line.
const PATIENCE: Duration = Duration::from_secs(30);
/// A longer letter is cut off.
const LINES_MAX: usize = 1_000;

/// Takes letters until it is dropped.
#[derive(Debug)]
pub struct MailServer {
    /// Where it listens.
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    letters: Mutex<Vec<String>>,
    refuses: AtomicBool,
    refused: Mutex<usize>,
    stopped: AtomicBool,
}

impl MailServer {
    /// Listens on a port that is free now.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared::default());
        let server = Self { port, shared: shared.clone() };
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopped.load(Ordering::Relaxed) {
                    return;
                }
                // A sender that goes away in the middle has sent nothing.
                let _ = stream.and_then(|stream| serve(&stream, &shared));
            }
        });
        Ok(server)
    }

    /// From now on it says that it is busy, or takes letters again.
    pub fn refuse(&self, yes: bool) {
        self.shared.refuses.store(yes, Ordering::Relaxed);
    }

    /// How often it said that it is busy.
    pub fn refused(&self) -> usize {
        *self.shared.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every letter so far, with its head.
    pub fn letters(&self) -> Vec<String> {
        self.shared.letters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(mut stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    if shared.refuses.load(Ordering::Relaxed) {
        *shared.refused.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        return stream.write_all(b"421 busy\r\n");
    }
    stream.write_all(b"220 carillon.test\r\n")?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next() {
        let line = line?;
        let verb = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "DATA" => {
                stream.write_all(b"354 go on\r\n")?;
                let mut letter = Vec::new();
                for line in lines.by_ref().take(LINES_MAX) {
                    let line = line?;
                    if line == "." {
                        break;
                    }
                    letter.push(line);
                }
                shared.letters.lock().unwrap_or_else(PoisonError::into_inner).push(letter.join("\n"));
                b"250 taken\r\n"
            }
            "QUIT" => return stream.write_all(b"221 bye\r\n"),
            "EHLO" | "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP" => b"250 fine\r\n",
            _ => b"502 no\r\n",
        };
        stream.write_all(answer)?;
    }
    Ok(())
}
