//! Numbers that were suppressed while the dialler runs: at once, wherever they are.

use crate::calls::LegState;
use crate::command::Command;
use crate::judging::No;
use crate::step::{Attempt, Dialer};
use domain::journal::Again;
use domain::{AttemptId, CampaignId, EndedBy, LegId, Now, NumberKey, RunId, SuppressionListId, WhyLeftOut};
use std::collections::BTreeSet;

/// What was suppressed since this process began. What was before is in the standing of every contact that is read and of
/// every attempt that is journalled.
#[derive(Debug, Default)]
pub(crate) struct Suppressed {
    everywhere: BTreeSet<NumberKey>,
    by_campaign: BTreeSet<(CampaignId, NumberKey)>,
}

/// Stands for a list whose entry was told without its name.
const UNNAMED_LIST: SuppressionListId = SuppressionListId(0);

impl Suppressed {
    pub(crate) fn add(&mut self, keys: &[NumberKey], campaigns: Option<&[CampaignId]>) {
        match campaigns {
            None => self.everywhere.extend(keys),
            Some(campaigns) => {
                self.by_campaign.extend(campaigns.iter().flat_map(|campaign| keys.iter().map(|key| (*campaign, *key))));
            }
        }
    }

    /// The list of the number, for a contact that was read before it was on it.
    pub(crate) fn by(&self, campaign: Option<CampaignId>, key: NumberKey) -> Option<SuppressionListId> {
        self.holds(campaign, key).then_some(UNNAMED_LIST)
    }

    pub(crate) fn holds(&self, campaign: Option<CampaignId>, key: NumberKey) -> bool {
        self.everywhere.contains(&key) || campaign.is_some_and(|campaign| self.by_campaign.contains(&(campaign, key)))
    }
}

impl Dialer {
    /// Contacts in memory are refused, calls that nobody has answered are hung up, what agents look at ends; attempts on their way to the disk end
    /// when they arrive there.
    pub(crate) fn suppress(
        &mut self,
        now: Now,
        keys: &[NumberKey],
        campaigns: Option<&[CampaignId]>,
        out: &mut Vec<Command>,
    ) {
        self.suppressed.add(keys, campaigns);
        let keys: BTreeSet<NumberKey> = keys.iter().copied().collect();
        let concerned = |campaign: CampaignId| campaigns.is_none_or(|campaigns| campaigns.contains(&campaign));
        let runs: Vec<RunId> = self.runs.values().filter(|run| concerned(run.campaign)).map(|run| run.id).collect();
        for id in runs {
            let Some(run) = self.runs.get_mut(&id) else { continue };
            let mut put_off = Vec::new();
            for mut ready in run.hopper.take_numbers(&keys) {
                let own = ready.contact.at(0).is_none_or(|own| keys.contains(&own.key));
                if own || !run.pass_over(&mut ready, WhyLeftOut::Suppressed, now.wall) {
                    put_off.push(run.put_off(&ready, No::SUPPRESSED));
                } else {
                    run.hopper.put_back(ready);
                }
            }
            self.tell_put_off(now, id, put_off, out);
        }
        let ring: Vec<LegId> = (self.attempts.values())
            .filter(|attempt| keys.contains(&attempt.key) || keys.contains(&attempt.own_key()))
            .filter(|attempt| self.was_suppressed(attempt))
            .filter_map(|attempt| self.calls.leg(attempt.leg))
            .filter(|leg| leg.state != LegState::Journalling && leg.answered_at.is_none())
            .map(|leg| leg.id)
            .collect();
        for leg in ring {
            self.hang_up(now, leg, EndedBy::Suppression, out);
        }
        let agents_ring: Vec<AttemptId> = (self.agents.values())
            .filter_map(|agent| Some((agent.attempt, self.attempts.get(&agent.attempt)?)))
            .filter(|(_, attempt)| keys.contains(&attempt.key) || keys.contains(&attempt.own_key()))
            .filter(|(_, attempt)| self.was_suppressed(attempt))
            .filter(|(_, attempt)| self.agent_was_asked(attempt) || attempt.reserved.is_held())
            .map(|(id, _)| id)
            .collect();
        for attempt in agents_ring {
            self.journalled_suppressed(now, attempt, out);
        }
    }

    /// The lists are others: what was suppressed since the process began is in the database as it counts now, and every
    /// attempt is asked there. An attempt that is on its way to the disk may have been asked before.
    pub(crate) fn suppressions_changed(&mut self, now: Now, out: &mut Vec<Command>) {
        let numbers = |attempt: &Attempt| [vec![attempt.key], attempt.other_keys()].concat();
        let open: BTreeSet<NumberKey> = self.attempts.values().flat_map(numbers).collect();
        self.suppressed.everywhere.retain(|key| open.contains(key));
        self.suppressed.by_campaign.retain(|(_, key)| open.contains(key));
        self.ledger.suppressions_changed(&open);
        self.judge_all_again(now, Again::Suppressed, out);
    }

    pub(crate) fn campaign_of(&self, run: RunId) -> Option<CampaignId> {
        self.runs.get(&run).map(|run| run.campaign)
    }
}
