//! Several plays of one plan side by side.

use super::figures::{HourFigures, Played};
use domain::journal::PutOffBy;
use domain::{CallState, Timestamp};
use std::collections::BTreeSet;

/// A figure over several plays: the middle of them, and what a tenth is below and a tenth above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// A tenth of the plays is below.
    pub low: f64,
    /// The middle.
    pub median: f64,
    /// A tenth of the plays is above.
    pub high: f64,
}

impl Spread {
    /// Of the figures of the plays, in any order; `None` of none. Between two neighbours it is drawn straight.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let at = |share: f64| {
            let place = share * last as f64;
            let (low, part) = (place as usize, place.fract());
            sorted[low] * (1.0 - part) + sorted[(low + 1).min(last)] * part
        };
        Some(Self { low: at(0.1), median: at(0.5), high: at(0.9) })
    }
}

/// One hour over several plays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HourSpread {
    /// When it begins.
    pub at: Timestamp,
    /// Calls made in it.
    pub attempts: Spread,
    /// Calls answered in it.
    pub answered: Spread,
    /// Calls abandoned in it.
    pub abandoned: Spread,
    /// Talk and wrap-up of the agents' time, `0..=1`; `None` where none was there.
    pub occupancy: Option<Spread>,
}

/// All plays of one plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// How many plays.
    pub plays: usize,
    /// Of these, those whose run was completed within the horizon.
    pub finished: usize,
    /// When the run is completed: a tenth of all plays is done by then, half, nine tenths. `None`: that many are not.
    pub finished_at: [Option<Timestamp>; 3],
    /// Contacts that are left at the end.
    pub left: Spread,
    /// Calls made.
    pub attempts: Spread,
    /// Calls answered.
    pub answered: Spread,
    /// Calls made in an hour in which calls were made.
    pub calls_per_hour: Spread,
    /// Answered calls that want an agent.
    pub live: Spread,
    /// Those without one in time.
    pub abandoned: Spread,
    /// Their share of the live ones.
    pub abandoned_share: Spread,
    /// The worst quarter of an hour.
    pub worst_quarter: Spread,
    /// Calls abandoned in it.
    pub worst_quarter_calls: Spread,
    /// Conversations with agents.
    pub conversations: Spread,
    /// Talk and wrap-up of the agents' time.
    pub occupancy: Option<Spread>,
    /// How long an agent waits for a conversation, seconds.
    pub idle_s: Option<Spread>,
    /// Calls after the first one of their contact.
    pub retries: Spread,
    /// How calls ended: calls, and those of them that are tried again.
    pub outcomes: Vec<(CallState, Spread, Spread)>,
    /// Contacts that each rule put off, and how often.
    pub put_off: Vec<(PutOffBy, Spread, Spread)>,
    /// Contacts that each rule refused.
    pub refused: Vec<(PutOffBy, Spread)>,
    /// Hour by hour.
    pub hours: Vec<HourSpread>,
}

const HOUR_S: i64 = 3_600;
const NOTHING: Spread = Spread { low: 0.0, median: 0.0, high: 0.0 };

impl Summary {
    /// Of plays that began at `begins_at`; `None` of none.
    pub fn of(begins_at: Timestamp, all: &[Played]) -> Option<Self> {
        if all.is_empty() {
            return None;
        }
        let of = |figure: &dyn Fn(&Played) -> f64| Spread::of(all.iter().map(figure)).unwrap_or(NOTHING);
        let states: BTreeSet<CallState> = all.iter().flat_map(|play| play.outcomes.keys().copied()).collect();
        let put_off: BTreeSet<PutOffBy> = all.iter().flat_map(|play| play.put_off.keys().copied()).collect();
        let refused: BTreeSet<PutOffBy> = all.iter().flat_map(|play| play.refused.keys().copied()).collect();
        let count = |count: u64| count as f64;
        Some(Self {
            plays: all.len(),
            finished: all.iter().filter(|play| play.finished_at.is_some()).count(),
            finished_at: [0.1, 0.5, 0.9].map(|share| finished_at(all, share)),
            left: of(&|play| count(play.left)),
            attempts: of(&|play| count(play.attempts)),
            answered: of(&|play| count(play.answered)),
            calls_per_hour: of(&calls_per_hour),
            live: of(&|play| count(play.live)),
            abandoned: of(&|play| count(play.abandoned)),
            abandoned_share: of(&|play| count(play.abandoned) / count(play.live.max(1))),
            worst_quarter: of(&|play| play.worst_quarter),
            worst_quarter_calls: of(&|play| count(play.worst_quarter_calls)),
            conversations: of(&|play| count(play.conversations)),
            occupancy: Spread::of(all.iter().filter_map(|play| play.occupancy)),
            idle_s: Spread::of(all.iter().filter_map(|play| play.idle_s)),
            retries: of(&|play| count(play.retries)),
            outcomes: states
                .into_iter()
                .map(|state| {
                    let of_state = |play: &Played| play.outcomes.get(&state).copied().unwrap_or_default();
                    let (calls, retried) =
                        (of(&|play| count(of_state(play).calls)), of(&|play| count(of_state(play).retried)));
                    (state, calls, retried)
                })
                .collect(),
            put_off: put_off
                .into_iter()
                .map(|rule| {
                    let of_rule = |play: &Played| play.put_off.get(&rule).copied().unwrap_or_default();
                    let (contacts, times) =
                        (of(&|play| count(of_rule(play).contacts)), of(&|play| count(of_rule(play).times)));
                    (rule, contacts, times)
                })
                .collect(),
            refused: refused
                .into_iter()
                .map(|rule| (rule, of(&|play| count(play.refused.get(&rule).copied().unwrap_or(0)))))
                .collect(),
            hours: hours(begins_at, all),
        })
    }
}

/// When this share of the plays is done; those that are not come last.
fn finished_at(all: &[Played], share: f64) -> Option<Timestamp> {
    let mut ends: Vec<Timestamp> = all.iter().filter_map(|play| play.finished_at).collect();
    ends.sort_unstable();
    let place = (share * (all.len() - 1) as f64).ceil() as usize;
    ends.get(place).copied()
}

fn calls_per_hour(play: &Played) -> f64 {
    let dialled = play.hours.iter().filter(|hour| hour.attempts > 0);
    play.attempts as f64 / dialled.count().max(1) as f64
}

fn hours(begins_at: Timestamp, all: &[Played]) -> Vec<HourSpread> {
    let count = all.iter().map(|play| play.hours.len()).max().unwrap_or(0);
    let hour = |index: usize| {
        let of_hour = |play: &Played| play.hours.get(index).copied().unwrap_or_default();
        let of = |figure: &dyn Fn(HourFigures) -> f64| {
            Spread::of(all.iter().map(|play| figure(of_hour(play)))).unwrap_or(NOTHING)
        };
        let present = all.iter().map(of_hour).filter(|hour| hour.present_s > 0.0);
        HourSpread {
            at: begins_at.plus_seconds(HOUR_S * i64::try_from(index).unwrap_or(0)),
            attempts: of(&|hour| hour.attempts as f64),
            answered: of(&|hour| hour.answered as f64),
            abandoned: of(&|hour| hour.abandoned as f64),
            occupancy: Spread::of(present.map(|hour| hour.busy_s / hour.present_s)),
        }
    };
    (0..count).map(hour).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_middle_and_the_tenths() {
        let of = Spread::of((0..=10).rev().map(f64::from)).unwrap();
        assert_eq!(of, Spread { low: 1.0, median: 5.0, high: 9.0 });
        assert_eq!(Spread::of([3.0]), Some(Spread { low: 3.0, median: 3.0, high: 3.0 }));
        assert_eq!(Spread::of([]), None);
    }
}
