//! The journal of systemd, in its native protocol: a datagram per line.
//!
//! Source: <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>.

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;
use tracing::{Level, Metadata};
use tracing_appender::non_blocking::NonBlocking;
use tracing_subscriber::fmt::MakeWriter;

/// Where the journal listens.
pub(in super::super) const SOCKET: &str = "/run/systemd/journal/socket";
/// A journal that takes longer for a line loses it.
const SEND_DEADLINE: Duration = Duration::from_millis(500);
/// A longer message is cut, bytes: well below the smallest bound of a datagram.
const MESSAGE_BYTES_MAX: usize = 60_000;

/// Marks every line with its level, in a byte before it, on its way through the queue.
pub(super) struct ToJournal(pub(super) NonBlocking);

/// A line's way into the queue.
pub(super) struct Marked {
    queue: NonBlocking,
    priority: u8,
}

impl<'a> MakeWriter<'a> for ToJournal {
    type Writer = Marked;

    fn make_writer(&'a self) -> Marked {
        Marked { queue: self.0.clone(), priority: priority(Level::INFO) }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Marked {
        Marked { queue: self.0.clone(), priority: priority(*meta.level()) }
    }
}

/// syslog's.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => b'3',
        Level::WARN => b'4',
        Level::INFO => b'6',
        Level::DEBUG | Level::TRACE => b'7',
    }
}

impl Write for Marked {
    /// The subscriber hands over a line at a time.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.queue.write_all(&[&[self.priority], line].concat())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends what the queue delivers.
pub(super) struct Journal {
    socket: UnixDatagram,
}

impl Journal {
    /// Fails when nobody listens.
    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        socket.set_write_timeout(Some(SEND_DEADLINE))?;
        Ok(Self { socket })
    }
}

impl Write for Journal {
    fn write(&mut self, marked: &[u8]) -> io::Result<usize> {
        if let Some((priority, line)) = marked.split_first() {
            self.socket.send(&datagram(*priority, line.trim_ascii_end()))?;
        }
        Ok(marked.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The message with its length, so that whatever is in it cannot become a field.
fn datagram(priority: u8, message: &[u8]) -> Vec<u8> {
    let message = &message[..message.len().min(MESSAGE_BYTES_MAX)];
    let mut out = Vec::with_capacity(message.len() + 64);
    out.extend_from_slice(b"PRIORITY=");
    out.push(priority);
    out.extend_from_slice(b"\nSYSLOG_IDENTIFIER=carillon\nMESSAGE\n");
    out.extend_from_slice(&(message.len() as u64).to_le_bytes());
    out.extend_from_slice(message);
    out.push(b'\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::fmt;

    #[test]
    fn the_journal_gets_every_line_with_its_priority_and_nothing_in_it_becomes_a_field() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        assert_eq!(Journal::connect(&path).err().unwrap().kind(), io::ErrorKind::NotFound);
        let listener = UnixDatagram::bind(&path).unwrap();
        listener.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let (queue, writer) = super::super::queue(Journal::connect(&path).unwrap());
        let subscriber = fmt().with_writer(ToJournal(queue)).with_ansi(false).without_time().with_level(false).finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(trunk.id = 7, "first\nPRIORITY=0");
            tracing::info!("second");
        });
        drop(writer);
        let receive = || {
            let mut bytes = [0; 1_000];
            let length = listener.recv(&mut bytes).unwrap();
            bytes[..length].to_vec()
        };
        let first = receive();
        let message = b"carillon::alone::logs::journal::tests: first\nPRIORITY=0 trunk.id=7";
        assert_eq!(first, datagram(b'4', message), "{}", String::from_utf8_lossy(&first));
        assert!(receive().starts_with(b"PRIORITY=6\nSYSLOG_IDENTIFIER=carillon\nMESSAGE\n"));
    }
}
