//! What becomes of each campaign's calls, and whether that changed suddenly: a carrier that answers everything, a list of
//! dead numbers, a caller id that is blocked show here first.
//!
//! Attempts are counted by the minute in which they were decided, a little later, when most have ended. The last five
//! minutes are compared with the half hour before by the share of calls whose end is another (total variation distance).

use super::episodes::{AlertKind, Trouble};
use domain::CampaignId;
use std::collections::{BTreeMap, VecDeque};
use store::{OutcomeCount, Scope, Store};

/// Minutes that are compared, and those they are compared with.
const RECENT: usize = 5;
const BEFORE: usize = 30;
/// Minutes that pass before the attempts of a minute are counted.
const LAG: usize = 1;
/// Fewer calls say nothing.
const LEAST_RECENT: u64 = 50;
const LEAST_BEFORE: u64 = 200;
/// The share of calls that end otherwise than before at which it is told, and below which it is over.
const TOLD: f64 = 0.25;
const OVER: f64 = 0.15;

type Counts = BTreeMap<String, u64>;

/// The last minutes, newest last.
#[derive(Debug, Default)]
pub(super) struct Mix {
    /// The last attempt id at each of the last looks, oldest first.
    marks: VecDeque<i64>,
    minutes: VecDeque<BTreeMap<CampaignId, Counts>>,
    names: BTreeMap<CampaignId, String>,
    /// What was told and is not over.
    told: BTreeMap<CampaignId, String>,
}

impl Mix {
    /// One more minute. Reads only the attempts of that minute, by their ids.
    pub(super) async fn read(&mut self, store: &Store) -> store::Result<()> {
        self.marks.push_back(store.last_attempt_id(&Scope::installation()).await?);
        if self.marks.len() < LAG + 2 {
            return Ok(());
        }
        let from = self.marks.pop_front().unwrap_or(0);
        let to = self.marks.front().copied().unwrap_or(from);
        let counted = store.outcomes(&Scope::installation(), from, to).await?;
        self.add(counted);
        Ok(())
    }

    fn add(&mut self, counted: Vec<OutcomeCount>) {
        let mut minute: BTreeMap<CampaignId, Counts> = BTreeMap::new();
        for OutcomeCount { campaign, name, outcome, count } in counted {
            self.names.insert(campaign, name);
            minute.entry(campaign).or_default().insert(outcome, count);
        }
        self.minutes.push_back(minute);
        if self.minutes.len() > RECENT + BEFORE {
            self.minutes.pop_front();
        }
        let seen = |campaign: &CampaignId| self.minutes.iter().any(|minute| minute.contains_key(campaign));
        self.names.retain(|campaign, _| seen(campaign));
        self.judge();
    }

    fn judge(&mut self) {
        let split = self.minutes.len().saturating_sub(RECENT);
        let (recent, before): (Vec<_>, Vec<_>) =
            self.minutes.iter().enumerate().partition::<Vec<_>, _>(|(at, _)| *at >= split);
        let sum = |minutes: &[(usize, &BTreeMap<CampaignId, Counts>)], campaign| {
            let mut sum = Counts::new();
            for counts in minutes.iter().filter_map(|(_, minute)| minute.get(campaign)) {
                counts.iter().for_each(|(outcome, count)| *sum.entry(outcome.clone()).or_default() += count);
            }
            sum
        };
        let mut told = BTreeMap::new();
        for (campaign, name) in &self.names {
            let (now, then) = (sum(&recent, campaign), sum(&before, campaign));
            if now.values().sum::<u64>() < LEAST_RECENT || then.values().sum::<u64>() < LEAST_BEFORE {
                continue;
            }
            let (distance, most) = distance(&now, &then);
            let limit = if self.told.contains_key(campaign) { OVER } else { TOLD };
            if distance >= limit {
                let why = format!(
                    "campaign {name}: {:.0} % of its calls end otherwise than in the half hour before; {most}",
                    distance * 100.0
                );
                told.insert(*campaign, why);
            }
        }
        self.told = told;
    }

    /// What changed suddenly and did not change back.
    pub(super) fn troubles(&self) -> Vec<Trouble> {
        let trouble = |(campaign, why): (&CampaignId, &String)| Trouble {
            kind: AlertKind::OutcomeMix,
            subject: campaign.0,
            name: self.names.get(campaign).cloned().unwrap_or_default(),
            why: why.clone(),
        };
        self.told.iter().map(trouble).collect()
    }
}

/// The share of calls that end otherwise, `0..=1`, and the outcome that changed most, in words.
fn distance(now: &Counts, then: &Counts) -> (f64, String) {
    let total = |counts: &Counts| counts.values().sum::<u64>().max(1) as f64;
    let share = |counts: &Counts, outcome: &str| counts.get(outcome).map_or(0.0, |n| *n as f64 / total(counts));
    let mut outcomes: Vec<&String> = now.keys().chain(then.keys()).collect();
    outcomes.sort();
    outcomes.dedup();
    let mut sum = 0.0;
    let mut most = (0.0, String::new());
    for outcome in outcomes {
        let (p, q) = (share(now, outcome), share(then, outcome));
        sum += (p - q).abs() / 2.0;
        if (p - q).abs() > most.0 {
            most = ((p - q).abs(), format!("{outcome} went from {:.0} % to {:.0} %", q * 100.0, p * 100.0));
        }
    }
    (sum, most.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(answered: u64, busy: u64) -> Vec<OutcomeCount> {
        [("answered", answered), ("RS_BUSY", busy)]
            .into_iter()
            .map(|(outcome, count)| OutcomeCount {
                campaign: CampaignId(1),
                name: "spring".into(),
                outcome: outcome.into(),
                count,
            })
            .collect()
    }

    #[test]
    fn a_sudden_change_is_told_and_a_slow_one_is_not() {
        let mut mix = Mix::default();
        for _ in 0..30 {
            mix.add(minute(14, 6));
        }
        assert!(mix.troubles().is_empty(), "30 % busy is how it is");
        for _ in 0..5 {
            mix.add(minute(2, 18));
        }
        let troubles = mix.troubles();
        assert_eq!(troubles.len(), 1);
        assert!(troubles[0].why.contains("RS_BUSY went from 30 % to 90 %"), "{}", troubles[0].why);
        for _ in 0..40 {
            mix.add(minute(2, 18));
        }
        assert!(mix.troubles().is_empty(), "that is how it is now");

        let mut slow = Mix::default();
        for at in 0..100 {
            slow.add(minute(60 - at / 2, 10 + at / 2));
            assert!(slow.troubles().is_empty(), "at {at}");
        }
    }

    #[test]
    fn few_calls_say_nothing() {
        let mut mix = Mix::default();
        for _ in 0..30 {
            mix.add(minute(5, 0));
        }
        for _ in 0..5 {
            mix.add(minute(0, 5));
        }
        assert!(mix.troubles().is_empty());
    }
}
