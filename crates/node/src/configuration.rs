//! PBXs, trunks and end points as the database has them, and runs as the dialler wants them.

use dialer::{EndPointSpec, PbxSpec, RunSettings, RunSpec, TrunkSpec};
use domain::journal::CallerIdFrom;
use domain::{
    Campaign, EndPoint, EndPointId, Hours, OpeningHours, OpeningHoursId, Pbx, PbxId, RunState, Trunk, TrunkId,
};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use store::{RunRestore, Scope, Store};

/// Everything that is not a run.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// With the passwords to log in.
    pub pbxs: BTreeMap<PbxId, (Pbx, Password)>,
    /// Passwords of the manager users through which queues are observed.
    pub managers: BTreeMap<PbxId, Password>,
    /// By id.
    pub trunks: BTreeMap<TrunkId, Trunk>,
    /// By id.
    pub end_points: BTreeMap<EndPointId, EndPoint>,
    /// By id.
    pub opening_hours: BTreeMap<OpeningHoursId, OpeningHours>,
}

/// The password of a PBX, on its way from the database to the link. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub(crate) String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(redacted)")
    }
}

impl Configuration {
    /// Reads it, in a few queries.
    pub async fn read(store: &Store) -> store::Result<Self> {
        let scope = Scope::installation();
        let (mut pbxs, mut managers) = (BTreeMap::new(), BTreeMap::new());
        let mut passwords = store.pbx_passwords(&scope).await?;
        for pbx in store.pbxs(&scope).await? {
            // One that was made since is in the next configuration, which follows.
            let Some((password, manager)) = passwords.remove(&pbx.id) else { continue };
            if let Some(password) = manager {
                managers.insert(pbx.id, Password(password));
            }
            pbxs.insert(pbx.id, (pbx, Password(password)));
        }
        let trunks = store.trunks(&scope).await?.into_iter().map(|trunk| (trunk.id, trunk)).collect();
        let end_points = store.end_points(&scope).await?.into_iter().map(|ep| (ep.id, ep)).collect();
        let opening_hours = store.all_opening_hours(&scope).await?;
        Ok(Self { pbxs, managers, trunks, end_points, opening_hours })
    }

    /// Whether an end point observes a queue there.
    pub fn wants_queues(&self, pbx: PbxId) -> bool {
        self.end_points.values().any(|end_point| end_point.pbx == pbx && end_point.queue.is_some())
    }

    /// Whether an end point observes this very queue.
    pub fn wants_queue(&self, pbx: PbxId, name: &str) -> bool {
        let is_it = |queue: &domain::ObservedQueue| queue.name == name;
        self.end_points.values().any(|end_point| end_point.pbx == pbx && end_point.queue.as_ref().is_some_and(is_it))
    }

    /// What the dialler needs to know of a PBX.
    pub fn pbx_spec(pbx: &Pbx) -> PbxSpec {
        PbxSpec { id: pbx.id, originates_per_second: pbx.calls_per_second() }
    }

    /// What the dialler needs to know of a trunk.
    pub fn trunk_spec(trunk: &Trunk) -> TrunkSpec {
        TrunkSpec {
            id: trunk.id,
            pbx: trunk.pbx,
            capacity: trunk.capacity,
            calls_per_second: trunk.calls_per_second,
            progress_timeout_ms: trunk.progress_timeout_ms,
        }
    }

    /// What the dialler needs to know of an end point.
    pub fn end_point_spec(end_point: &EndPoint) -> EndPointSpec {
        let EndPoint { id, pbx, max_channels, queue, .. } = end_point.clone();
        EndPointSpec { id, pbx, max_channels, queue }
    }
}

/// The part of a campaign that the dialler decides by. Its hours were checked when it was saved.
pub fn run_settings(campaign: &Campaign, hours: Hours) -> Result<RunSettings, domain::Invalid> {
    let rules = campaign.callee_rules()?;
    Ok(RunSettings {
        priority: campaign.priority,
        batch_size: campaign.batch_size,
        hours,
        // A campaign that was saved before its packs wanted this rings as long as they want.
        answer_timeout_ms: campaign.answer_timeout_ms.max(rules.min_ring_s() * 1_000),
        forced_closure_s: campaign.forced_closure_s,
        idle_on_termination: campaign.idle_on_termination,
        caller_id: match campaign.dial_clid.is_empty() && campaign.dial_presentation.is_empty() {
            true => CallerIdFrom::Pbx,
            false => CallerIdFrom::Campaign,
        },
        trunks: campaign.trunks.clone(),
        end_points: campaign.end_points.clone(),
        reschedule: campaign.rules.clone(),
        outcome_rules: campaign.outcome_rules.clone().into(),
        rules: Arc::new(rules),
        boost: campaign.initial_boost,
        pacing: campaign.pacing,
        autopause: campaign.autopause,
    })
}

/// Attempts of a run that have not ended.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAttempts {
    /// All of them.
    pub count: u64,
    /// Those that were answered: the dialler counts them when it takes them over.
    pub answered: u64,
}

/// A run for the dialler.
pub async fn run_spec(store: &Store, restore: &RunRestore, open: OpenAttempts) -> store::Result<RunSpec> {
    let scope = Scope::installation();
    let mut contacts = 0;
    for list in &restore.lists {
        contacts += u64::try_from(store.list(&scope, list.list).await?.contacts).unwrap_or(0);
    }
    contacts += store.calls_of_run(&scope, restore.record.id).await?;
    let sets = match restore.settings.opening_hours.as_slice() {
        [] => BTreeMap::new(),
        _ => store.all_opening_hours(&scope).await?,
    };
    let hours = restore.settings.hours(&sets)?;
    let totals = restore.record.totals;
    let count = |value: i64| u64::try_from(value).unwrap_or(0);
    Ok(RunSpec {
        run: restore.record.id,
        campaign: restore.record.campaign,
        settings: RunSettings { boost: restore.record.boost, ..run_settings(&restore.settings, hours)? },
        lists: restore.lists.iter().map(|list| list.list).collect(),
        paused_lists: restore.lists.iter().filter(|list| list.paused).map(|list| list.list).collect(),
        contacts,
        totals: dialer::RunTotals {
            placed: count(totals.placed),
            terminated: count(totals.terminated),
            rescheduled: count(totals.placed).saturating_sub(count(totals.terminated) + open.count),
            open_retries: count(totals.open_retries),
            put_off: count(totals.put_off),
            refused: count(totals.refused),
            connected: count(totals.connected).saturating_sub(open.answered),
        },
        state: match restore.record.state {
            state @ (RunState::Paused | RunState::Removed | RunState::Completed) => state,
            _ => RunState::Runnable,
        },
    })
}
