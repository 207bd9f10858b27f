//! Times of the API's answers.

use serde_json::Value;

/// Milliseconds since 1970 of a time in an answer.
#[track_caller]
pub fn ms(time: &Value) -> i64 {
    let text = time.as_str().unwrap_or_else(|| panic!("{time} is no time"));
    text.parse::<jiff::Timestamp>().unwrap_or_else(|error| panic!("{text}: {error}")).as_millisecond()
}

/// Seconds from one time to another.
#[track_caller]
pub fn seconds_between(from: &Value, to: &Value) -> f64 {
    (ms(to) - ms(from)) as f64 / 1_000.0
}
