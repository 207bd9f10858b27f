//! The two clocks, read in one place.

use domain::{Mono, Now, Timestamp};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Counts from the start of the process.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began: Instant,
}

impl Clock {
    /// Begins to count.
    pub fn start() -> Self {
        Self { began: Instant::now() }
    }

    /// Both clocks, as close together as can be.
    pub fn now(&self) -> Now {
        Now { mono: Mono(micros(self.began.elapsed())), wall: wall() }
    }

    /// The runtime's instant for a mono time.
    pub fn instant(&self, at: Mono) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.began + Duration::from_micros(at.0))
    }
}

/// The wall clock; 1970 when the host's clock is before that.
pub fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, micros);
    Timestamp(i64::try_from(since).unwrap_or(i64::MAX))
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
