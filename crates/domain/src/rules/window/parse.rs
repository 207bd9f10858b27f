//! Hours and holidays as they are written.

use super::CalleeHours;
use crate::error::{Invalid, check_range};
use crate::rules::limits::{DayHours, Limits};
use jiff::civil::Date;

/// Windows, at most.
const MAX_WINDOWS: usize = 50;
/// Holidays, at most.
const MAX_HOLIDAYS: usize = 1_000;

impl CalleeHours {
    /// The hours of these limits; `None`: any hour of any day. Overlapping windows, unknown days and days that no year
    /// has are refused by field.
    pub fn of(limits: &Limits) -> Result<Option<Self>, Invalid> {
        check_range("limits.hours", limits.hours.len(), 0, MAX_WINDOWS)?;
        check_range("limits.holidays", limits.holidays.len(), 0, MAX_HOLIDAYS)?;
        if limits.hours.is_empty() && limits.holidays.is_empty() {
            return Ok(None);
        }
        let mut hours = Self::default();
        limits.hours.iter().enumerate().try_for_each(|(place, window)| hours.open(place, window))?;
        if limits.hours.is_empty() {
            hours.days = [const { Vec::new() }; 7].map(|_: Vec<(u32, u32)>| vec![(0, 86_400)]);
        }
        limits.holidays.iter().enumerate().try_for_each(|(place, day)| hours.close(place, day))?;
        Ok(Some(hours))
    }

    fn open(&mut self, place: usize, window: &DayHours) -> Result<(), Invalid> {
        let field = |name: &str| format!("limits.hours[{place}].{name}");
        let from = second_of_day(&field("from"), &window.from)?;
        let to = second_of_day(&field("to"), &window.to)?;
        if to <= from {
            return Err(Invalid::new(field("to"), format!("{} is not after {}", window.to, window.from)));
        }
        if window.days.is_empty() {
            return Err(Invalid::new(field("days"), "names no day: use digits 1 (Sunday) to 7 (Saturday)"));
        }
        for digit in window.days.chars() {
            let sunday_first = digit.to_digit(10).filter(|digit| (1..=7).contains(digit)).ok_or_else(|| {
                Invalid::new(field("days"), format!("{:?}: use digits 1 (Sunday) to 7 (Saturday)", window.days))
            })?;
            let day = &mut self.days[(sunday_first as usize + 5) % 7];
            if let Some((other_from, other_to)) =
                day.iter().find(|(other_from, other_to)| from < *other_to && *other_from < to)
            {
                let (from, to) = (clock(*other_from), clock(*other_to));
                return Err(Invalid::new(
                    field("from"),
                    format!("{}-{} overlaps {from}-{to} on day {digit}", window.from, window.to),
                ));
            }
            day.push((from, to));
            day.sort_unstable();
        }
        Ok(())
    }

    fn close(&mut self, place: usize, text: &str) -> Result<(), Invalid> {
        let problem = || {
            let field = format!("limits.holidays[{place}]");
            Invalid::new(field, format!("{text:?} is no day: 2026-12-25, or 12-25 for every year"))
        };
        let number = |part: &str, digits: usize| {
            let well_formed = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
            well_formed.then(|| part.parse::<i16>().ok()).flatten().ok_or_else(problem)
        };
        let small = |part: &str| number(part, 2).map(|number| number as i8);
        match *text.split('-').collect::<Vec<_>>() {
            [year, month, day] => {
                let date = Date::new(number(year, 4)?, small(month)?, small(day)?).map_err(|_| problem())?;
                self.once.insert(date);
            }
            [month, day] => {
                // A leap year has every day that any year has.
                let date = Date::new(2024, small(month)?, small(day)?).map_err(|_| problem())?;
                self.every_year.insert((date.month(), date.day()));
            }
            _ => return Err(problem()),
        }
        Ok(())
    }
}

fn second_of_day(field: &str, text: &str) -> Result<u32, Invalid> {
    let problem = || Invalid::new(field, format!("{text:?} is no time of day as HH:MM, 00:00 to 24:00"));
    let (hours, minutes) = text.split_once(':').ok_or_else(problem)?;
    let number = |part: &str| {
        let well_formed = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        well_formed.then(|| part.parse::<u32>().ok()).flatten().ok_or_else(problem)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 24 || minutes > 59 || (hours == 24 && minutes > 0) {
        return Err(problem());
    }
    Ok(hours * 3_600 + minutes * 60)
}

fn clock(second: u32) -> String {
    format!("{:02}:{:02}", second / 3_600, second / 60 % 60)
}
