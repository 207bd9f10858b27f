//! The log of the server: to stderr, to systemd's journal or to a file that is replaced when it is full; text or JSON.
//!
//! Lines leave through a bounded queue and a thread of their own: a disk that is full, a journal that hangs or a pipe
//! that nobody reads costs lines, which are counted, and never stops the dialler.

mod clean;
mod journal;
mod rotating;

use crate::config::{Log, LogFormat, LogTarget};
use crate::failure::Failure;
use clean::Clean;
pub(super) use journal::SOCKET;
use journal::{Journal, ToJournal};
use rotating::Rotating;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{DefaultFields, Format};
use tracing_subscriber::fmt::{MakeWriter, SubscriberBuilder};

/// Lines that may wait to be written. More are dropped and counted.
const LINES_MAX: usize = 20_000;
/// Between two looks at what was lost.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// Libraries that print what they carry at `debug` or `trace`: numbers, names and passwords among it.
const TELLTALES: &str = "tungstenite=info,tokio_tungstenite=info,hyper=info,hyper_util=info,h2=info,rustls=info,\
    reqwest=info,sqlx=info,axum=info,axum_server=info,tower_http=info";

/// The log while it is written. Dropped, it writes what waits, for a second at most.
pub(super) struct Logging {
    _writer: WorkerGuard,
    losses: Losses,
}

/// Lines that nobody will read.
#[derive(Clone)]
struct Losses {
    dropped: ErrorCounter,
    failed: Arc<AtomicU64>,
}

/// Starts logging; once per process.
pub(super) fn start(log: &Log) -> Result<Logging, Failure> {
    let filter = filter(&log.level)?;
    let failed = Arc::new(AtomicU64::new(0));
    let (queue, writer) = match log.target {
        LogTarget::Stderr => queue(Counted { sink: io::stderr(), failed: Arc::clone(&failed) }),
        LogTarget::Journald => {
            let sink = Journal::connect(SOCKET.as_ref()).map_err(|error| {
                Failure::refused(format!("log.target: the journal {} does not answer: {error}", SOCKET))
                    .remedy("is this systemd's machine? otherwise set log.target to \"stderr\" or \"file\"")
            })?;
            queue(Counted { sink, failed: Arc::clone(&failed) })
        }
        LogTarget::File => {
            let bytes = u64::from(log.file_size_mb) * 1_000_000;
            let sink = Rotating::open(&log.file, bytes, log.files).map_err(|error| {
                Failure::refused(format!("log.file: cannot write {}: {error}", log.file.display()))
                    .remedy("check the folder and who may write to it, or set log.target to \"stderr\"")
            })?;
            queue(Counted { sink, failed: Arc::clone(&failed) })
        }
    };
    let losses = Losses { dropped: queue.error_counter(), failed };
    let colours = log.target == LogTarget::Stderr && io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours);
    match log.target {
        // The journal writes down itself when it got a line, and how urgent it is.
        LogTarget::Journald => begin(builder.with_writer(Clean { to: ToJournal(queue), colours }), log.format, false)?,
        LogTarget::Stderr | LogTarget::File => {
            begin(builder.with_writer(Clean { to: queue, colours }), log.format, true)?
        }
    }
    Ok(Logging { _writer: writer, losses })
}

impl Logging {
    /// Shows in the metrics what was lost, for as long as the runtime lives.
    pub(super) fn count_losses(&self) {
        let losses = self.losses.clone();
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(COUNT_EVERY);
            loop {
                tick.tick().await;
                let dropped = u64::try_from(losses.dropped.dropped_lines()).unwrap_or(u64::MAX);
                metrics::counter!("carillon_log_lines_dropped_total").absolute(dropped);
                let failed = losses.failed.load(Ordering::Relaxed);
                metrics::counter!("carillon_log_lines_not_written_total").absolute(failed);
            }
        });
    }
}

fn filter(level: &str) -> Result<EnvFilter, Failure> {
    // What the user names comes last and wins over ours, but only by name: `trace` alone does not open the libraries.
    EnvFilter::try_new(format!("{TELLTALES},{level}"))
        .map_err(|error| Failure::config(format!("log.level: {error}")).remedy("use a level such as info"))
}

fn queue(sink: impl Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES_MAX).thread_name("log").finish(sink)
}

/// A subscriber with everything but its format.
type Builder<W> = SubscriberBuilder<DefaultFields, Format, EnvFilter, W>;

/// `heads`: whether a line begins with its time and level.
fn begin<W>(builder: Builder<W>, format: LogFormat, heads: bool) -> Result<(), Failure>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    match (format, heads) {
        (LogFormat::Text, true) => builder.try_init(),
        (LogFormat::Text, false) => builder.without_time().with_level(false).try_init(),
        (LogFormat::Json, true) => builder.json().flatten_event(true).try_init(),
        (LogFormat::Json, false) => builder.json().flatten_event(true).without_time().with_level(false).try_init(),
    }
    .map_err(|error| Failure::refused(error).remedy("is the log started twice?"))
}

/// A sink whose failures are counted: there is nobody to tell them to.
struct Counted<S> {
    sink: S,
    failed: Arc<AtomicU64>,
}

impl<S: Write> Write for Counted<S> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.sink.write_all(line).is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        // A rest is not written again: the next line may fit.
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.sink.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_sink_that_fails_or_hangs_costs_lines_and_never_the_caller() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        let failed = Arc::new(AtomicU64::new(0));
        let (mut queue_of_full, writer) = queue(Counted { sink: Full, failed: Arc::clone(&failed) });
        for _ in 0..3 {
            queue_of_full.write_all(b"line\n").unwrap();
        }
        drop(writer);
        assert_eq!(failed.load(Ordering::Relaxed), 3);

        struct Hanging(mpsc::Receiver<()>);
        impl Write for Hanging {
            fn write(&mut self, line: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                Ok(line.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (go_on, hang) = mpsc::channel();
        let (mut queue_of_hanging, writer) = queue(Hanging(hang));
        let began = std::time::Instant::now();
        for _ in 0..LINES_MAX + 100 {
            queue_of_hanging.write_all(b"line\n").unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        // One line is in the hands of the sink.
        assert!(queue_of_hanging.error_counter().dropped_lines() >= 99);
        drop(go_on);
        drop(writer);
    }

    #[test]
    fn the_libraries_stay_silent_until_they_are_named() {
        let shown = |level: &str| filter(level).unwrap().to_string();
        assert!(shown("trace").contains("tungstenite=info"), "{}", shown("trace"));
        assert!(shown("info,tungstenite=trace").contains("tungstenite=trace"), "{}", shown("info,tungstenite=trace"));
        assert_eq!(filter("ari=loud").unwrap_err().exit, 2);
    }
}
