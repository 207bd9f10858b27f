//! Spans and instants as people type them.

use domain::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};

/// Seconds of `90`, `90s`, `5m`, `2h` or `1d`.
pub(crate) fn seconds(text: &str) -> Result<u32, String> {
    let wrong = || format!("{text:?} is no span of time, e.g. 90s, 5m, 2h or 1d");
    let seconds = match text.trim() {
        plain if !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_digit()) => {
            plain.parse().map_err(|_| wrong())?
        }
        days if days.ends_with('d') => {
            let days: i64 = days.trim_end_matches('d').trim().parse().map_err(|_| wrong())?;
            days.checked_mul(86_400).ok_or_else(wrong)?
        }
        other => other.parse::<SignedDuration>().map_err(|_| wrong())?.as_secs(),
    };
    u32::try_from(seconds).map_err(|_| wrong())
}

/// Milliseconds of a span.
pub(crate) fn milliseconds(text: &str) -> Result<u32, String> {
    if let Some(ms) = text.trim().strip_suffix("ms") {
        return ms.trim().parse().map_err(|_| format!("{text:?} is no span of time, e.g. 30s or 500ms"));
    }
    seconds(text)?.checked_mul(1_000).ok_or_else(|| format!("{text:?} is too long"))
}

/// An instant: RFC 3339, or `2026-03-29` or `2026-03-29 14:30` in the host's zone.
pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    instant_in(text, false, &TimeZone::system())
}

/// As [`instant`], but a day alone means its end.
pub(crate) fn instant_or_end(text: &str) -> Result<Timestamp, String> {
    instant_in(text, true, &TimeZone::system())
}

fn instant_in(text: &str, end: bool, zone: &TimeZone) -> Result<Timestamp, String> {
    let wrong = || format!("{text:?} is no instant, e.g. 2026-03-29, \"2026-03-29 14:30\" or 2026-03-29T12:30:00Z");
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp::from_jiff(at));
    }
    // A date alone also parses as midnight, so it is told apart by its length.
    let at: DateTime = if text.trim().len() <= "2026-03-29".len() {
        let day: Date = text.trim().parse().map_err(|_| wrong())?;
        let day = if end { day.checked_add(1.day()).map_err(|_| wrong())? } else { day };
        day.to_datetime(jiff::civil::Time::midnight())
    } else {
        text.trim().parse().map_err(|_| wrong())?
    };
    let at = zone.to_zoned(at).map_err(|_| wrong())?;
    Ok(Timestamp::from_jiff(at.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_in_every_unit() {
        for (text, expected) in [("90", 90), ("90s", 90), ("5m", 300), ("2h", 7_200), ("1d", 86_400), ("1h 30m", 5_400)]
        {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in ["", "m", "5 parsecs", "-5m", "-1", "99999999999", "d"] {
            assert!(seconds(text).is_err(), "{text}");
        }
        assert_eq!(milliseconds("30s"), Ok(30_000));
        assert_eq!(milliseconds("500ms"), Ok(500));
    }

    #[test]
    fn instants_are_read_in_the_zone_of_the_host() {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        let read = |text, end| instant_in(text, end, &rome).unwrap().to_string();
        assert_eq!(read("2026-01-31", false), "2026-01-30T23:00:00Z");
        assert_eq!(read("2026-01-31", true), "2026-01-31T23:00:00Z");
        assert_eq!(read("2026-07-01 14:30", false), "2026-07-01T12:30:00Z");
        assert_eq!(read("2026-07-01T14:30:00Z", true), "2026-07-01T14:30:00Z");
        assert!(instant_in("tomorrow", false, &rome).is_err());
    }
}
