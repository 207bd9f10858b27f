//! What-if: a campaign played ahead over its own contacts, rules and hours, while it runs or before.
//!
//! Contacts are read from the readers' connections, a page at a time; the plays run on threads for work that blocks, half as many
//! as there are cores, so that dialling keeps the others.

mod learning;
mod reading;

use crate::clock::wall;
use crate::configuration::{Configuration, run_settings};
use crate::handle::{Handle, NodeError};
use crate::live::QueueAgentState;
use dialer::toll::Digits;
use domain::rules::census::Funnel;
use domain::{
    Boost, CampaignId, EndPoint, Invalid, ObservedQueue, Pacing, PacingMode, PacingPolicy, PbxId, RunId, Timestamp,
};
use learning::Learnt;
pub use learning::{Assumption, Source};
use sim::forecast::{Crew, Lasts, Plan, PlanPbx, Stopped, play};
pub use sim::forecast::{HourSpread, Played, Spread, Summary};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use store::{InForce, Scope};
use tracing::info;

/// Seeds of one forecast, at most.
pub const MAX_SEEDS: u32 = 100;
/// A forecast that takes longer is given up.
pub const DEADLINE: Duration = Duration::from_secs(900);

/// What is to be different from how the campaign is, and how it is to be played. `None`: as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatIf {
    /// Agents; otherwise those who are logged on and not paused.
    pub agents: Option<u32>,
    /// Calls that are answered, `0..=1`.
    pub answer_rate: Option<f64>,
    /// Answers of machines that analysis finds out, `0..=1` of all answers.
    pub machine_share: Option<f64>,
    /// The abandonment cap, `0..=1`.
    pub cap: Option<f64>,
    /// By which rule calls are launched.
    pub mode: Option<PacingMode>,
    /// What predictive pacing promises.
    pub policy: Option<PacingPolicy>,
    /// Calls per free agent of the mode `ratio`.
    pub ratio: Option<Boost>,
    /// Calls on their way per free agent, times that of the end point.
    pub boost: Option<Boost>,
    /// Conversation, mean seconds.
    pub talk_s: Option<f64>,
    /// Wrap-up, mean seconds.
    pub wrap_up_s: Option<f64>,
    /// From the first ring to the answer, mean seconds.
    pub ring_s: Option<f64>,
    /// When it begins; otherwise now.
    pub from: Option<Timestamp>,
    /// Seconds that are looked ahead.
    pub horizon_s: u32,
    /// How often it is played, `1..=`[`MAX_SEEDS`].
    pub seeds: u32,
    /// The seed of the first play; the others follow.
    pub seed: u64,
}

impl Default for WhatIf {
    fn default() -> Self {
        Self {
            agents: None,
            answer_rate: None,
            machine_share: None,
            cap: None,
            mode: None,
            policy: None,
            ratio: None,
            boost: None,
            talk_s: None,
            wrap_up_s: None,
            ring_s: None,
            from: None,
            horizon_s: 86_400,
            seeds: 5,
            seed: 1,
        }
    }
}

impl WhatIf {
    /// Refuses what is out of range, by field. What depends on the campaign is refused when it is played.
    pub fn check(&self) -> Result<(), Invalid> {
        let within = |field: &str, value: Option<f64>, high: f64| match value {
            Some(value) if !(0.0..=high).contains(&value) => {
                Err(Invalid::new(field, format!("{value} is outside 0..={high}")))
            }
            _ => Ok(()),
        };
        let whole = |field: &str, value: u32, high: u32| {
            if (1..=high).contains(&value) {
                return Ok(());
            }
            Err(Invalid::new(field, format!("{value} is outside 1..={high}")))
        };
        whole("seeds", self.seeds, MAX_SEEDS)?;
        whole("agents", self.agents.unwrap_or(1), sim::forecast::MAX_AGENTS)?;
        within("answer_rate", self.answer_rate, 1.0)?;
        within("machine_share", self.machine_share, 1.0)?;
        within("cap", self.cap, 1.0)?;
        within("talk_s", self.talk_s, 86_400.0)?;
        within("wrap_up_s", self.wrap_up_s, 86_400.0)?;
        within("ring_s", self.ring_s, 600.0)?;
        let (low, high) = (60, sim::forecast::MAX_HORIZON_S);
        if !(low..=high).contains(&self.horizon_s) {
            let hours = f64::from(self.horizon_s) / 3_600.0;
            return Err(Invalid::new("hours", format!("{hours} is outside 0.0167..={}", high / 3_600)));
        }
        if self.from.is_some_and(|from| from.ms_since(wall()).abs() > 366 * 86_400_000) {
            return Err(Invalid::new("from", "is more than a year from now"));
        }
        Ok(())
    }
}

/// How far a forecast is; whoever holds it may end it.
#[derive(Debug, Default)]
pub struct Progress {
    cancelled: AtomicBool,
    /// Contacts that were read, and all of them.
    read: AtomicU64,
    contacts: AtomicU64,
    /// Plays that are over, and how much of all of them is, in millionths.
    played: AtomicU64,
    millionths: AtomicU64,
}

/// A look at a [`Progress`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HowFar {
    /// Contacts that were read.
    pub read: u64,
    /// All of them, about.
    pub contacts: u64,
    /// Plays that are over.
    pub played: u64,
    /// How much of all of them is over, `0..=1`.
    pub share: f64,
}

impl Progress {
    /// Ends the forecast soon.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether somebody ended it.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// How far it is.
    pub fn look(&self) -> HowFar {
        HowFar {
            read: self.read.load(Ordering::Relaxed),
            contacts: self.contacts.load(Ordering::Relaxed),
            played: self.played.load(Ordering::Relaxed),
            share: self.millionths.load(Ordering::Relaxed) as f64 / 1e6,
        }
    }
}

/// What a forecast says.
#[derive(Debug, Clone)]
pub struct Forecast {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// Its run that is open.
    pub run: Option<RunId>,
    /// When it was made.
    pub made_at: Timestamp,
    /// From when on it speaks.
    pub begins_at: Timestamp,
    /// How far it looks, seconds.
    pub horizon_s: u32,
    /// Contacts of its lists.
    pub contacts: u64,
    /// Whom each rule keeps back when it begins.
    pub funnel: Funnel,
    /// Agents; 0 where nobody takes the calls.
    pub agents: u32,
    /// How it is paced.
    pub pacing: Pacing,
    /// What it goes by, and whence that is known.
    pub assumptions: Vec<Assumption>,
    /// Every play.
    pub played: Vec<Played>,
    /// All of them side by side.
    pub summary: Summary,
    /// How long it took, milliseconds.
    pub took_ms: u64,
}

const CANCELLED: &str = "the forecast was cancelled";

impl Handle {
    /// Plays a campaign ahead. `progress` says how far it is, and ends it.
    pub async fn forecast(
        &self,
        scope: &Scope,
        campaign: CampaignId,
        what_if: &WhatIf,
        progress: &Arc<Progress>,
    ) -> Result<Forecast, NodeError> {
        what_if.check()?;
        let (began, made_at) = (Instant::now(), wall());
        let in_force = self.store().in_force(scope, campaign).await?;
        let run = in_force.run;
        let (plan, assumptions) = self.plan(&in_force, what_if, made_at, progress).await?;
        plan.check()?;
        let (horizon_s, begins_at) = (plan.horizon_s, plan.begins_at);
        let (agents, pacing) = (plan.crew.agents, plan.settings.pacing);
        let plan = Arc::new(plan);
        let counted = Arc::clone(&plan);
        let funnel =
            tokio::task::spawn_blocking(move || counted.people.funnel(&counted.settings.rules, counted.begins_at));
        let funnel = funnel.await.map_err(|_| NodeError::Unavailable("the count of the contacts broke off"))?;
        let played = played(&plan, what_if, progress, began).await?;
        let summary = Summary::of(begins_at, &played).ok_or(NodeError::Conflict(CANCELLED.to_owned()))?;
        let (contacts, took_ms) = (plan.people.len() as u64, began.elapsed().as_millis() as u64);
        info!(campaign.id = campaign.0, contacts, plays = played.len(), took_ms, "a campaign was played ahead");
        Ok(Forecast {
            campaign,
            run,
            made_at,
            begins_at,
            horizon_s,
            contacts,
            funnel,
            agents,
            pacing,
            assumptions,
            played,
            summary,
            took_ms,
        })
    }

    async fn plan(
        &self,
        in_force: &InForce,
        what_if: &WhatIf,
        made_at: Timestamp,
        progress: &Arc<Progress>,
    ) -> Result<(Plan, Vec<Assumption>), NodeError> {
        let (store, all, campaign) = (self.store(), Scope::installation(), &in_force.campaign);
        let begins_at = what_if.from.unwrap_or(made_at);
        let mut settings = run_settings(campaign, campaign.hours(&in_force.opening_hours)?)?;
        let mut paused_lists = BTreeSet::new();
        if let Some(run) = in_force.run {
            let restore = store.run_restore(&all, run).await?;
            settings.boost = restore.record.boost;
            paused_lists.extend(restore.lists.iter().filter(|list| list.paused).map(|list| list.list));
        }
        let end_points = store.end_points(&all).await?;
        let mut end_points: Vec<EndPoint> =
            end_points.into_iter().filter(|end_point| campaign.end_points.contains(&end_point.id)).collect();
        // What somebody asks for counts, whatever the end points say.
        if let Some(boost) = what_if.boost {
            settings.boost = boost;
            let queues = end_points.iter_mut().filter_map(|end_point| end_point.queue.as_mut());
            queues.for_each(|queue| queue.boost = Boost::ONE);
        }
        settings.pacing = paced(settings.pacing, what_if);
        let trunks = store.trunks(&all).await?;
        let trunks: Vec<_> = trunks.iter().filter(|trunk| campaign.trunks.contains(&trunk.id)).collect();
        for (field, none) in [("trunks", trunks.is_empty()), ("end_points", end_points.is_empty())] {
            if none {
                let problem = format!("the campaign has no {}: nobody could be called", field.replace('_', " "));
                return Err(Invalid::new(field, problem).into());
            }
        }
        let used: BTreeSet<PbxId> =
            trunks.iter().map(|trunk| trunk.pbx).chain(end_points.iter().map(|end_point| end_point.pbx)).collect();
        let live = self.live().await?;
        let harbour = |pbx: PbxId| live.pbxs.iter().any(|seen| seen.id == pbx && seen.harbour);
        let pbxs = store.pbxs(&all).await?;
        let pbxs: Vec<PlanPbx> = pbxs
            .iter()
            .filter(|pbx| used.contains(&pbx.id))
            .map(|pbx| PlanPbx { spec: Configuration::pbx_spec(pbx), harbour: harbour(pbx.id) })
            .collect();
        if what_if.mode == Some(PacingMode::Predictive) {
            let paced = |end_point: &&EndPoint| end_point.queue.as_ref().is_some_and(|queue| !queue.reverse);
            if let Some(end_point) = end_points.iter().filter(paced).find(|end_point| !harbour(end_point.pbx)) {
                let problem = format!(
                    "predictive needs a safe harbour for people who find no agent, and none is seen on the pbx of end point {}",
                    end_point.name
                );
                return Err(Invalid::new("mode", problem).into());
            }
        }
        let there = self.there(&end_points).await?;
        let learnt = Learnt::of(&store.lately(&all, campaign.id).await?, settings.hours.zone());
        let (habits, mut assumptions) = learnt.habits(what_if, there.wrap_up_s, settings.answer_timeout_ms);
        let agents = agents(&end_points, what_if, there.agents, &mut assumptions)?;
        let since = store.calls_of_last_hour(&all, begins_at).await?;
        let called_before = since.iter().filter_map(|(at, number)| Some((*at, Digits::of(number)?))).collect();
        let people = reading::people(store, in_force, made_at, progress).await?;
        let plan = Plan {
            begins_at,
            horizon_s: what_if.horizon_s,
            campaign: campaign.id,
            settings,
            pbxs,
            trunks: trunks.into_iter().map(Configuration::trunk_spec).collect(),
            end_points: end_points.iter().map(Configuration::end_point_spec).collect(),
            lists: campaign.lists.clone(),
            paused_lists,
            people,
            called_before,
            books: store.abandonment_now(&all, campaign.id).await?,
            crew: Crew { agents },
            habits,
        };
        Ok((plan, assumptions))
    }

    /// Agents who would take a call of these end points, or do: each telephone of a PBX once.
    async fn there(&self, end_points: &[EndPoint]) -> Result<There, NodeError> {
        let mut working = BTreeMap::new();
        for end_point in end_points.iter().filter(|end_point| end_point.queue.is_some()) {
            let agents = self.queue_agents(end_point.id).await?;
            let away = [QueueAgentState::Paused, QueueAgentState::Unavailable];
            let agents = agents.into_iter().filter(|agent| !away.contains(&agent.state));
            working.extend(agents.map(|agent| ((end_point.pbx, agent.interface), agent.wrap_up_s)));
        }
        let wrap_up_s = working.values().map(|seconds| f64::from(*seconds)).sum::<f64>() / working.len().max(1) as f64;
        let agents = u32::try_from(working.len()).unwrap_or(u32::MAX);
        // A queue without a wrap-up leaves it to its agents, who pause: how long is not known.
        Ok(There { agents, wrap_up_s: Some(wrap_up_s).filter(|seconds| *seconds > 0.0) })
    }
}

/// The agents of the campaign's queues as they are now.
struct There {
    agents: u32,
    /// Seconds after a call in which their queues leave them alone, on the average.
    wrap_up_s: Option<f64>,
}

fn agents(
    end_points: &[EndPoint],
    what_if: &WhatIf,
    logged_on: u32,
    assumptions: &mut Vec<Assumption>,
) -> Result<u32, Invalid> {
    let queues: Vec<&ObservedQueue> = end_points.iter().filter_map(|end_point| end_point.queue.as_ref()).collect();
    let (agents, source) = match (what_if.agents, queues.is_empty()) {
        (None, true) => return Ok(0),
        (Some(given), _) => (given, Source::Given),
        (None, false) if logged_on == 0 => {
            let problem =
                "nobody is logged on in the campaign's queues and not paused: say how many agents there will be";
            return Err(Invalid::new("agents", problem));
        }
        (None, false) => (logged_on, Source::Seen),
    };
    assumptions.insert(0, Assumption { name: "agents", value: f64::from(agents), source, seen: u64::from(logged_on) });
    Ok(agents)
}

fn paced(pacing: Pacing, what_if: &WhatIf) -> Pacing {
    let mode = match (what_if.mode, what_if.boost) {
        (Some(mode), _) => mode,
        // A boost that is asked for is meant to count.
        (None, Some(_)) => PacingMode::Boost,
        (None, None) => pacing.mode,
    };
    Pacing {
        mode,
        policy: what_if.policy.unwrap_or(pacing.policy),
        ratio: what_if.ratio.unwrap_or(pacing.ratio),
        cap: what_if.cap.unwrap_or(pacing.cap),
        ..pacing
    }
}

/// A mean as a distribution of the usual shape.
fn about(mean_s: f64) -> Lasts {
    Lasts::About(mean_s, 0.7)
}

/// Plays every seed, on some threads.
async fn played(
    plan: &Arc<Plan>,
    what_if: &WhatIf,
    progress: &Arc<Progress>,
    began: Instant,
) -> Result<Vec<Played>, NodeError> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() / 2);
    let seeds = u64::from(what_if.seeds);
    let (next, results) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
    let mut threads = tokio::task::JoinSet::new();
    for _ in 0..cores.clamp(1, what_if.seeds as usize) {
        let (plan, progress, next, results) =
            (Arc::clone(plan), Arc::clone(progress), Arc::clone(&next), Arc::clone(&results));
        let first = what_if.seed;
        threads.spawn_blocking(move || -> Result<(), Stopped> {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                if place >= seeds {
                    return Ok(());
                }
                let play = one(&plan, first.wrapping_add(place), seeds, &progress, began)?;
                results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((place, play));
                progress.played.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let mut stopped = None;
    while let Some(joined) = threads.join_next().await {
        match joined {
            Ok(Ok(())) => {}
            Ok(Err(why)) => {
                progress.cancel();
                // The first tells why: the others were stopped because of it.
                stopped.get_or_insert(why);
            }
            Err(_) => {
                progress.cancel();
                stopped.get_or_insert(Stopped::Broken("a play of the forecast broke off".to_owned()));
            }
        }
    }
    match stopped {
        None => {}
        Some(Stopped::Cancelled) if began.elapsed() > DEADLINE => {
            let problem =
                format!("takes longer than {} minutes: ask for fewer seeds, hours or agents", DEADLINE.as_secs() / 60);
            return Err(Invalid::new("seeds", problem).into());
        }
        Some(Stopped::Cancelled) => return Err(NodeError::Conflict(CANCELLED.to_owned())),
        Some(Stopped::Broken(why)) => {
            tracing::error!(%why, "a forecast could not be played");
            return Err(NodeError::Conflict(format!("the forecast could not be played: {why}")));
        }
    }
    let mut results = std::mem::take(&mut *results.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    results.sort_unstable_by_key(|(place, _)| *place);
    Ok(results.into_iter().map(|(_, play)| play).collect())
}

/// Plays one seed; what is told of it to `progress` is one of so many parts.
fn one(plan: &Plan, seed: u64, seeds: u64, progress: &Progress, began: Instant) -> Result<Played, Stopped> {
    let part = 1_000_000 / seeds;
    let mut told = 0;
    let horizon_us = u64::from(plan.horizon_s) * 1_000_000;
    let play = play(plan, seed, &mut |at| {
        let passed = u64::try_from(at.0 - plan.begins_at.0).unwrap_or(0);
        let share =
            u64::try_from(u128::from(part) * u128::from(passed) / u128::from(horizon_us)).unwrap_or(part).min(part);
        progress.millionths.fetch_add(share.saturating_sub(told), Ordering::Relaxed);
        told = told.max(share);
        !progress.is_cancelled() && began.elapsed() < DEADLINE
    })?;
    progress.millionths.fetch_add(part - told, Ordering::Relaxed);
    Ok(play)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_refused_by_field() {
        let refused = |change: fn(&mut WhatIf)| {
            let mut what_if = WhatIf::default();
            change(&mut what_if);
            what_if.check().unwrap_err().field
        };
        assert!(WhatIf::default().check().is_ok());
        assert_eq!(refused(|what_if| what_if.seeds = 0), "seeds");
        assert_eq!(refused(|what_if| what_if.seeds = 101), "seeds");
        assert_eq!(refused(|what_if| what_if.agents = Some(0)), "agents");
        assert_eq!(refused(|what_if| what_if.agents = Some(5_001)), "agents");
        assert_eq!(refused(|what_if| what_if.answer_rate = Some(1.01)), "answer_rate");
        assert_eq!(refused(|what_if| what_if.answer_rate = Some(f64::NAN)), "answer_rate");
        assert_eq!(refused(|what_if| what_if.cap = Some(-0.01)), "cap");
        assert_eq!(refused(|what_if| what_if.talk_s = Some(1e9)), "talk_s");
        assert_eq!(refused(|what_if| what_if.horizon_s = 59), "hours");
        assert_eq!(refused(|what_if| what_if.horizon_s = 32 * 86_400), "hours");
        assert_eq!(refused(|what_if| what_if.from = Some(Timestamp(0))), "from");
    }

    #[test]
    fn a_boost_that_is_asked_for_counts() {
        let boosted = WhatIf { boost: Some(Boost::from_permille(2_000)), ..WhatIf::default() };
        assert_eq!(paced(Pacing::default(), &boosted).mode, PacingMode::Boost);
        let both = WhatIf { mode: Some(PacingMode::Progressive), ..boosted };
        assert_eq!(paced(Pacing::default(), &both).mode, PacingMode::Progressive);
    }
}
