//! Stopwatches on what the server tells of itself: when it noticed, when it was back.

use super::World;
use serde_json::Value;
use std::panic::Location;
use std::thread;
use std::time::{Duration, Instant};

/// How often the server is asked.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl World {
    /// How long from `since` until the answer to `GET /api/live` satisfies `wanted`, and that answer. `limit` is the
    /// promise: a later one fails.
    #[track_caller]
    pub fn live_within(
        &self,
        what: &str,
        since: Instant,
        limit: Duration,
        mut wanted: impl FnMut(&Value) -> bool,
    ) -> (Duration, Value) {
        let at = Location::caller();
        loop {
            let live = self.live();
            let took = since.elapsed();
            if wanted(&live) {
                eprintln!("{what} after {:.2} s (at most {:.0} s)", took.as_secs_f64(), limit.as_secs_f64());
                assert!(took <= limit, "{at}: {what} after {took:?}, promised within {limit:?}");
                return (took, live);
            }
            assert!(took <= limit, "{at}: {what} did not come in {limit:?}: {live:#}\n{}", self.server.log_tail());
            thread::sleep(LOOK_EVERY);
        }
    }

    /// The PBX is shown stale, why and since when, within five seconds of `since`.
    #[track_caller]
    pub fn stale(&self, since: Instant) -> Value {
        let (_, live) =
            self.live_within("stale", since, Duration::from_secs(5), |live| live["pbxs"][0]["state"] == "stale");
        let pbx = live["pbxs"][0].clone();
        assert!(pbx["since"].is_string() && !pbx["why"].as_str().unwrap().is_empty(), "{pbx}");
        pbx
    }

    /// The PBX is up again within ten seconds of `since`.
    #[track_caller]
    pub fn back(&self, since: Instant) {
        self.live_within("back", since, Duration::from_secs(10), |live| live["pbxs"][0]["state"] == "up");
    }
}
