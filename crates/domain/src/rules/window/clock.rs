//! Windows of the callee's clock as instants.
//!
//! While a window is open the callee's clock never shows a time outside it, and no day is open longer than its windows
//! are written: an edge that the clock jumps over is the instant of the jump; where an hour is repeated an opening is its
//! second occurrence and a closing its first. A window that lies inside the repeated hour is open in its first occurrence.

use super::{CalleeHours, LOOK_AHEAD_DAYS, State};
use crate::time::Timestamp;
use jiff::ToSpan;
use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

const DAY_SECONDS: u32 = 86_400;

impl CalleeHours {
    /// Whether it is open in `zone`, and until when.
    pub(super) fn state_at(&self, zone: &TimeZone, at: Timestamp) -> State {
        let today = at.to_jiff().to_zoned(zone.clone()).date();
        let mut closes = None;
        // From yesterday: a clock that is turned back over midnight shows a day twice.
        for day in -1..=LOOK_AHEAD_DAYS {
            let Ok(date) = today.checked_add(day.days()) else { continue };
            for window in self.windows_of(date) {
                let Some((opens_at, closes_at)) = instants(zone, date, *window) else { continue };
                match closes {
                    // The next window follows at once: at midnight, day after day, where all hours are open.
                    Some(end) if opens_at <= end => closes = Some(closes_at.max(end)),
                    Some(end) => return State::Open(end),
                    None if closes_at <= at => {}
                    None if opens_at <= at => closes = Some(closes_at),
                    None => return State::Closed(Some(opens_at)),
                }
                if day > 1
                    && let Some(end) = closes
                {
                    // Far enough: who asks again then is told what follows.
                    return State::Open(end);
                }
            }
        }
        closes.map_or(State::Closed(None), State::Open)
    }

    fn windows_of(&self, date: Date) -> &[(u32, u32)] {
        let closed = self.every_year.contains(&(date.month(), date.day())) || self.once.contains(&date);
        let weekday = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
        if closed { &[] } else { &self.days[weekday] }
    }
}

/// A window of one day as instants; `None` where the clock jumps over all of it.
fn instants(zone: &TimeZone, date: Date, (from, to): (u32, u32)) -> Option<(Timestamp, Timestamp)> {
    let (first_open, last_open) = edge(zone, date, from)?;
    let (closes, _) = edge(zone, date, to)?;
    let opens = if last_open < closes { last_open } else { first_open };
    (opens < closes).then_some((opens, closes))
}

/// The first and the last instant at which the clock shows that second of the day.
fn edge(zone: &TimeZone, date: Date, second: u32) -> Option<(Timestamp, Timestamp)> {
    let (date, second) = if second == DAY_SECONDS { (date.tomorrow().ok()?, 0) } else { (date, second) };
    let time = Time::new((second / 3_600) as i8, (second / 60 % 60) as i8, (second % 60) as i8, 0).ok()?;
    let shown = date.to_datetime(time);
    let at = |offset: Offset| offset.to_timestamp(shown).ok().map(Timestamp::from_jiff);
    match zone.to_ambiguous_timestamp(shown).offset() {
        AmbiguousOffset::Unambiguous { offset } => at(offset).map(|at| (at, at)),
        AmbiguousOffset::Fold { before, after } => Some((at(before)?, at(after)?)),
        AmbiguousOffset::Gap { after, .. } => {
            // With the later offset the time lies before the jump, and nothing but the jump lies between.
            let early = after.to_timestamp(shown).ok()?;
            let jump = Timestamp::from_jiff(zone.following(early).next()?.timestamp());
            Some((jump, jump))
        }
    }
}
