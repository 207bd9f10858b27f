//! What a forecast is played from.

use super::habits::Habits;
use super::people::People;
use dialer::toll::Digits;
use dialer::{EndPointSpec, PbxSpec, RunSettings, TrunkSpec};
use domain::abandonment::PeriodNow;
use domain::{CampaignId, Invalid, ListId, Timestamp};
use std::collections::BTreeSet;

/// Agents, at most.
pub const MAX_AGENTS: u32 = 5_000;
/// Contacts, at most.
pub const MAX_CONTACTS: u64 = 1_000_000;
/// Seconds that are looked ahead, at most: 31 days.
pub const MAX_HORIZON_S: u32 = 31 * 86_400;

/// A campaign as it is to be played. Nobody else uses its trunks, end points and agents.
#[derive(Debug)]
pub struct Plan {
    /// When it begins.
    pub begins_at: Timestamp,
    /// Seconds after which it is left, `60..=`[`MAX_HORIZON_S`].
    pub horizon_s: u32,
    /// Which campaign.
    pub campaign: CampaignId,
    /// What its run goes by.
    pub settings: RunSettings,
    /// Where it dials.
    pub pbxs: Vec<PlanPbx>,
    /// Through what.
    pub trunks: Vec<TrunkSpec>,
    /// Whereto.
    pub end_points: Vec<EndPointSpec>,
    /// Its lists in dialling order.
    pub lists: Vec<ListId>,
    /// Those of them that are paused.
    pub paused_lists: BTreeSet<ListId>,
    /// Whom.
    pub people: People,
    /// Calls of the last hour before it: they count towards the calls per hour to a prefix.
    pub called_before: Vec<(Timestamp, Digits)>,
    /// The counting period of the abandonment ledger, if something was counted before.
    pub books: Option<PeriodNow>,
    /// Who takes the calls.
    pub crew: Crew,
    /// What everybody does.
    pub habits: Habits,
}

/// A PBX of the plan.
#[derive(Debug, Clone, Copy)]
pub struct PlanPbx {
    /// As it is configured.
    pub spec: PbxSpec,
    /// Whether people who find no agent hear a message there.
    pub harbour: bool,
}

/// The agents behind the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crew {
    /// How many, logged in all the time; on each PBX all of them serve all queues of the campaign there. 0 where no end point
    /// has a queue.
    pub agents: u32,
}

impl Plan {
    /// Whether agents take its calls.
    pub fn has_agents(&self) -> bool {
        self.end_points.iter().any(|end_point| end_point.queue.is_some())
    }

    /// Refuses what cannot be played, by field.
    pub fn check(&self) -> Result<(), Invalid> {
        let within = |field: &str, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(Invalid::new(field, format!("{value} is outside {low}..={high}")))
        };
        within("hours", f64::from(self.horizon_s) / 3_600.0, 1.0 / 60.0, f64::from(MAX_HORIZON_S) / 3_600.0)?;
        if self.people.len() as u64 > MAX_CONTACTS {
            return Err(Invalid::new("campaign", format!("more than {MAX_CONTACTS} contacts cannot be forecast")));
        }
        if self.has_agents() {
            within("agents", self.crew.agents.into(), 1.0, MAX_AGENTS.into())?;
        } else if self.crew.agents > 0 {
            return Err(Invalid::new("agents", "no end point of the campaign has a queue: nobody takes its calls"));
        }
        let preview = |end_point: &&EndPointSpec| end_point.queue.as_ref().is_some_and(|queue| queue.preview);
        if let Some(end_point) = self.end_points.iter().find(preview) {
            let problem =
                format!("end point {}: agents decide there when is dialled, and that is not forecast", end_point.id);
            return Err(Invalid::new("campaign", problem));
        }
        let Habits { answered, machines, busy, wrong_number, rejected, no_answer, .. } = &self.habits;
        for share in answered {
            within("answer_rate", *share, 0.0, 1.0)?;
        }
        within("machine_share", *machines, 0.0, 1.0)?;
        for (field, share) in
            [("busy", busy), ("wrong_number", wrong_number), ("rejected", rejected), ("no_answer", no_answer)]
        {
            within(field, *share, 0.0, 1.0)?;
        }
        for (field, lasts) in
            [("ring_s", &self.habits.rings), ("talk_s", &self.habits.talk), ("wrap_up_s", &self.habits.wrap_up)]
        {
            within(field, lasts.mean_s(), 0.0, 86_400.0)?;
        }
        self.settings.pacing.check()
    }
}
