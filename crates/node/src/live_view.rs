//! The live figures, put together from the dialler's books and the names of things.

use crate::link::MAX_STATUS_CHARS;
use crate::live::{
    Circuit, Dialling, Live, LiveCall, LiveEndPoint, LiveHold, LiveHourlyCap, LiveList, LivePacing, LivePbx, LiveQueue,
    LiveRun, LiveTotals, LiveTrunk, PacedBy, PbxState, share,
};
use crate::shell::{RunView, Shell};
use crate::why::closed;
use dialer::figures::{QueueFigures, RunFigures};
use dialer::gate::Refusal;
use dialer::toll::Reached;
use dialer::{Dialer, PacingFigures};
use domain::{EndPoint, Now, ObservedQueue, RunState, Timestamp};
use std::sync::atomic::Ordering;

/// Calls shown at once.
pub(crate) const MAX_CALLS: usize = 1_000;

const _: () = assert!(MAX_STATUS_CHARS <= 64, "the database keeps 64 characters of a status");

/// Why a campaign that may look ahead does not.
const NO_HARBOUR: &str = "one call for each free agent: a PBX of its end points has no safe harbour, the extension s of the context \
    carillon-abandoned, for people who find no agent";

impl Shell {
    /// Everything at this instant.
    pub(crate) fn live(&mut self) -> Live {
        let now = self.clock.now();
        let paused = self.storage.paused.as_ref().map(|storage| storage.why.as_str());
        let mut runs: Vec<LiveRun> = self
            .dialer
            .run_figures()
            .filter(|run| !run.state.is_final())
            .filter_map(|run| {
                let caps = self.dialer.hourly_caps_reached(run.run, now.wall);
                let pacing = live_pacing(self.dialer.pacing_figures(run.run)?);
                Some(live_run(now.wall, run.clone(), (caps, pacing), self.runs.get(&run.run)?, paused))
            })
            .collect();
        runs.sort_by_key(|run| (run.priority, run.id));
        let totals = LiveTotals::of(&runs, self.dialer.open_calls());
        Live {
            at: now.wall,
            dialling: if self.dialer.is_held() { Dialling::Held } else { Dialling::Dialling },
            hold: self.hold.as_ref().map(|hold| LiveHold {
                since: hold.since,
                by: hold.by.clone(),
                why: hold.why.clone(),
            }),
            storage: self.storage.paused.clone(),
            pbxs: self.pbxs(now.wall),
            trunks: self.trunks(now),
            end_points: self.end_points(),
            runs,
            calls: self.calls(),
            totals,
        }
    }

    fn pbxs(&self, now: Timestamp) -> Vec<LivePbx> {
        let mut pbxs: Vec<LivePbx> = Vec::new();
        for (pbx, _) in self.configuration.pbxs.values() {
            let link = self.links.get(&pbx.id);
            pbxs.push(LivePbx {
                id: pbx.id,
                name: pbx.name.clone(),
                state: link.map_or(PbxState::Down, |link| link.state),
                since: link.map_or(now, |link| link.since),
                why: link.map_or_else(|| "its settings cannot work".to_owned(), |link| link.why.clone()),
                version: link.and_then(|link| link.version.clone()),
                in_use: 0,
                foreign_channels: link.map_or(0, |link| link.foreign.load(Ordering::Relaxed)),
                harbour: self.dialer.has_harbour(pbx.id),
                harbour_why: self.harbours.trouble(pbx.id, now),
            });
        }
        for call in self.dialer.call_figures() {
            if let Some(pbx) = pbxs.iter_mut().find(|pbx| pbx.id == call.pbx) {
                pbx.in_use += 1;
            }
        }
        pbxs
    }

    fn trunks(&self, now: Now) -> Vec<LiveTrunk> {
        let trunks = self.dialer.trunk_figures().filter_map(|figures| {
            let trunk = self.configuration.trunks.get(&figures.trunk)?;
            let (circuit, probe_at) = match figures.circuit {
                None => (Circuit::Closed, None),
                Some(None) => (Circuit::Probing, None),
                Some(Some(until)) => (Circuit::Open, Some(Dialer::wall_of(now, until))),
            };
            Some(LiveTrunk {
                id: trunk.id,
                name: trunk.name.clone(),
                pbx: trunk.pbx,
                capacity: trunk.capacity,
                in_use: figures.in_use,
                calls_per_second: trunk.calls_per_second,
                circuit,
                probe_at,
            })
        });
        trunks.collect()
    }

    fn end_points(&mut self) -> Vec<LiveEndPoint> {
        let in_use: Vec<_> = self.dialer.end_point_use().collect();
        let end_points = in_use.into_iter().filter_map(|(id, in_use)| {
            let end_point = self.configuration.end_points.get(&id)?;
            let queue = end_point.queue.as_ref().map(|queue| live_queue(&mut self.dialer, end_point, queue));
            Some(LiveEndPoint { id, name: end_point.name.clone(), capacity: end_point.max_channels, in_use, queue })
        });
        end_points.collect()
    }

    fn calls(&self) -> Vec<LiveCall> {
        let calls = self.dialer.call_figures().take(MAX_CALLS).map(|call| LiveCall {
            attempt: call.attempt,
            run: call.run,
            contact: call.contact,
            number: call.details.map(|contact| contact.number.dialled.clone()).unwrap_or_default(),
            retry: call.retry,
            number_no: call.number_no,
            trunk: call.trunk,
            end_point: call.end_point,
            pbx: call.pbx,
            state: call.state,
            channel: self.channels.name(call.leg),
            scheduled_at: call.scheduled_at,
            connected_at: call.connected_at,
            agent: call.agent,
        });
        calls.collect()
    }
}

fn live_queue(dialer: &mut Dialer, end_point: &EndPoint, queue: &ObservedQueue) -> LiveQueue {
    let (missed, _) = dialer.queues_healed(end_point.pbx);
    let mut live = LiveQueue {
        name: queue.name.clone(),
        observed: false,
        why: String::new(),
        logged_on: 0,
        paused: 0,
        free: 0,
        waiting: 0,
        callers: 0,
        agents: 0,
        on_the_way: 0,
        over_dialled: 0,
        wanted: 0,
        boost: queue.boost.factor(),
        blocked_by_waiting: false,
        missed,
    };
    match dialer.queue_figures(end_point.id) {
        Some(Ok(QueueFigures { seen, wanted, refusal })) => {
            live.observed = true;
            live.why = refusal.map(|refusal| refusal.text().to_owned()).unwrap_or_default();
            (live.logged_on, live.paused, live.free) = (seen.logged_on, seen.paused, seen.free);
            (live.waiting, live.agents, live.on_the_way) = (seen.waiting, seen.agents, seen.on_the_way);
            (live.callers, live.over_dialled) = (seen.callers, seen.on_the_way.saturating_sub(seen.agents));
            (live.wanted, live.blocked_by_waiting) = (wanted, seen.too_many_wait);
        }
        Some(Err(refusal)) => {
            let unknown = dialer.queues_unknown(end_point.pbx).map(|why| format!("{}: {why}", refusal.text()));
            live.why = unknown.unwrap_or_else(|| refusal.text().to_owned());
        }
        None => live.why = "the end point is being changed".to_owned(),
    }
    live
}

fn live_pacing(figures: PacingFigures) -> LivePacing {
    let PacingFigures { asked: mode, by, cap } = figures;
    let mut live = LivePacing {
        mode,
        by: PacedBy::Engine,
        policy: None,
        why: String::new(),
        free: 0,
        open: 0,
        waiting: 0,
        abandoned: 0,
        live: 0,
        cap,
        budget_left: 0.0,
    };
    live.by = match by {
        dialer::PacedBy::Channels => PacedBy::Channels,
        dialer::PacedBy::Boost => PacedBy::Boost,
        dialer::PacedBy::OneEach => PacedBy::OneEach,
        dialer::PacedBy::NoHarbour => {
            NO_HARBOUR.clone_into(&mut live.why);
            PacedBy::NoHarbour
        }
        dialer::PacedBy::Ratio => PacedBy::Ratio,
        dialer::PacedBy::Engine { mode, why, free, open, waiting, abandoned, live: answered, .. } => {
            live.policy = mode.policy();
            why.text().clone_into(&mut live.why);
            (live.free, live.open, live.waiting) = (free, open, waiting);
            (live.abandoned, live.live) = (abandoned, answered);
            live.budget_left = cap * answered as f64 - abandoned as f64;
            PacedBy::Engine
        }
    };
    live
}

fn live_run(
    now: Timestamp,
    run: RunFigures,
    (caps, pacing): (Vec<Reached>, LivePacing),
    view: &RunView,
    storage: Option<&str>,
) -> LiveRun {
    let running_s = u64::try_from(now.ms_since(view.started_at) / 1_000).unwrap_or(0);
    let per_hour = |count: u64| if running_s == 0 { 0.0 } else { count as f64 * 3_600.0 / running_s as f64 };
    let termination_rate = share(run.terminated, run.placed);
    // The pace of this process: what a run did before a restart says nothing about how long it stood still.
    let seen_s = now.ms_since(view.seen_at) as f64 / 1_000.0;
    let finished_here = run.terminated.saturating_sub(view.terminated_before);
    let eta = (finished_here > 0 && run.state == RunState::Running)
        .then(|| (run.remaining as f64 * seen_s / finished_here as f64).round() as u64);
    let why = match (run.stopped, run.state, run.blocked) {
        (false, RunState::Running | RunState::WrongTime | RunState::Runnable, _) if storage.is_some() => {
            storage.unwrap_or_default().to_owned()
        }
        (true, ..) => "stopped: a rule of the house was about to be broken, see the log".to_owned(),
        (_, RunState::Running | RunState::WrongTime, Some(Refusal::OutsideHours { .. })) => {
            closed(&view.hours, now).unwrap_or_else(|| "outside the campaign's hours".to_owned())
        }
        (_, RunState::Running | RunState::WrongTime, Some(refusal)) => refusal.text().to_owned(),
        (_, RunState::Paused, _) => "paused by an operator".to_owned(),
        (_, RunState::Idle, _) => "out of contacts, waiting for more".to_owned(),
        (_, RunState::Runnable, _) => "reading its first contacts".to_owned(),
        _ => String::new(),
    };
    LiveRun {
        id: run.run,
        campaign: run.campaign,
        campaign_name: view.campaign.name.clone(),
        state: run.state,
        why,
        priority: run.priority,
        boost: run.boost.factor(),
        started_at: view.started_at,
        placed: run.placed,
        terminated: run.terminated,
        termination_rate,
        reschedule_rate: if run.placed == 0 { 0.0 } else { 1.0 - termination_rate },
        hopper: run.hopper,
        open_retries: run.open_retries,
        cache: run.hopper + run.open_retries,
        in_flight: run.in_flight,
        connected_now: run.connected_now,
        put_off: run.put_off,
        refused: run.refused,
        remaining_estimate: run.remaining,
        running_s,
        eta_s: eta,
        attempts_per_hour: per_hour(run.placed),
        completions_per_hour: per_hour(run.terminated),
        next_due: run.next_due,
        pacing,
        hourly_caps: caps
            .into_iter()
            .map(|cap| LiveHourlyCap { prefix: cap.prefix, calls: cap.calls, opens_at: cap.opens_at })
            .collect(),
        lists: run
            .lists
            .iter()
            .map(|list| LiveList {
                id: list.list,
                high_water: list.high_water,
                exhausted: list.exhausted,
                paused: list.paused,
            })
            .collect(),
    }
}
