//! `/api/live`: what the dialler is doing now.
//!
//! The answer is `node::Live` as it is. `node` knows no OpenAPI, so the types here are its document; a test
//! compares both, field by field.

mod delta;
mod stream;

pub use stream::{SIGNED_OUT, Screens};

use crate::App;
use crate::auth::Read;
use crate::dialling::{HoldState, StorageState};
use crate::error::ApiError;
use crate::words::{CallState, Circuit, Dialling, PacedBy, PacingMode, PacingPolicy, PbxState, RunState};
use axum::extract::State;
use std::borrow::Cow;
use std::collections::HashSet;
use store::{Kind, Scope};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

macro_rules! document {
    ($($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, ToSchema)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)* }
    )*};
}

document! {
    /// Everything at one instant.
    Live {
        /// The instant.
        #[schema(format = DateTime)]
        at: String,
        /// Whether calls may be placed at all.
        dialling: Dialling,
        /// Why not, when they may not.
        hold: Option<HoldState>,
        /// Why nothing new is begun, held or not: the database cannot be written, or its disk is nearly full. Passes by
        /// itself.
        storage: Option<StorageState>,
        /// Every PBX.
        pbxs: Vec<LivePbx>,
        /// Every trunk.
        trunks: Vec<LiveTrunk>,
        /// Every end point.
        end_points: Vec<LiveEndPoint>,
        /// Runs that are not over, by priority.
        runs: Vec<LiveRun>,
        /// Calls in progress, oldest first, at most 1000.
        calls: Vec<LiveCall>,
        /// Sums over the runs above.
        totals: LiveTotals,
    }
    /// A PBX.
    LivePbx {
        /// Its id.
        id: i64,
        /// Its name.
        name: String,
        /// State of the link.
        state: PbxState,
        /// Since when it is in this state.
        #[schema(format = DateTime)]
        since: String,
        /// Why it is not up; empty when it is.
        why: String,
        /// Asterisk's version, once connected.
        version: Option<String>,
        /// Our calls on it.
        in_use: u32,
        /// Channels on it that are not ours: other people's calls, and what our calls became behind the end point.
        foreign_channels: u64,
        /// People who find no agent hear a message there: its dialplan has the safe harbour. Looked for while queues are observed.
        harbour: bool,
        /// Why people who found no agent were not brought to that message in the last ten minutes; empty: nobody, or they were.
        harbour_why: String,
    }
    /// A trunk.
    LiveTrunk {
        /// Its id.
        id: i64,
        /// Its name.
        name: String,
        /// Its PBX.
        pbx: i64,
        /// Calls at once.
        capacity: u32,
        /// Calls up.
        in_use: u32,
        /// Calls started per second, at most; 0 = the PBX's limit.
        calls_per_second: u32,
        /// Its circuit breaker.
        circuit: Circuit,
        /// When an open circuit is probed.
        #[schema(format = DateTime)]
        probe_at: Option<String>,
    }
    /// An end point.
    LiveEndPoint {
        /// Its id.
        id: i64,
        /// Its name.
        name: String,
        /// Calls at once.
        capacity: u32,
        /// Calls up or on their way.
        in_use: u32,
        /// The queue that it observes, if it does.
        queue: Option<LiveQueue>,
    }
    /// A queue behind an end point, as it is observed.
    LiveQueue {
        /// As Asterisk calls it.
        name: String,
        /// Whether it is known who is there. Nothing is dialled for it while it is not, and the figures are 0.
        observed: bool,
        /// Why no call may begin for it now; empty when one may.
        why: String,
        /// Members, paused or not.
        logged_on: u32,
        /// Paused members.
        paused: u32,
        /// Agents whom a call would reach now.
        free: u32,
        /// Callers for whom no agent's telephone rings.
        waiting: u32,
        /// Callers in the queue, those for whom a telephone rings too: WombatDialer's `W`.
        callers: u32,
        /// Agents that calls of this end point may reckon with: free ones less those for whom callers wait or other end
        /// points dial.
        agents: u32,
        /// Calls towards the end point that have not come to the queue.
        on_the_way: u32,
        /// Calls towards the end point beyond the agents that they may reckon with: WombatDialer's `O/D`.
        over_dialled: u32,
        /// Calls that may begin now.
        wanted: u32,
        /// Calls on their way per agent, times that of the run.
        boost: f64,
        /// More callers wait than allowed: WombatDialer's `BK:W`.
        blocked_by_waiting: bool,
        /// Facts that were missed and put right since the server started.
        missed: u64,
    }
    /// A run.
    LiveRun {
        /// Its id.
        id: i64,
        /// Its campaign.
        campaign: i64,
        /// The campaign's name.
        campaign_name: String,
        /// Its state.
        state: RunState,
        /// What it waits for when it is not dialling; empty when it dials.
        why: String,
        /// Lower is served first.
        priority: i32,
        /// Calls on their way per free agent of an observed queue, times that of the end point.
        boost: f64,
        /// When it was started.
        #[schema(format = DateTime)]
        started_at: String,
        /// Attempts placed.
        placed: u64,
        /// Attempts that need no retry: successful, or past their last reschedule.
        terminated: u64,
        /// `terminated / placed`, 0 to 1.
        termination_rate: f64,
        /// `1 - termination_rate`.
        reschedule_rate: f64,
        /// Contacts in memory, ready to dial.
        hopper: u64,
        /// Retries waiting for their time.
        open_retries: u64,
        /// `hopper + open_retries`: WombatDialer's "items in call cache".
        cache: u64,
        /// Attempts in progress.
        in_flight: u64,
        /// Of these, answered.
        connected_now: u64,
        /// Contacts waiting that a rule put off until an instant.
        put_off: u64,
        /// Contacts that a rule refused until the run is reloaded.
        refused: u64,
        /// Contacts not yet finished: fresh, waiting for a retry, put off and in flight.
        remaining_estimate: u64,
        /// Seconds since the start.
        running_s: u64,
        /// Seconds to the end at the present pace; unknown until contacts were finished.
        eta_s: Option<u64>,
        /// Attempts per hour since the start.
        attempts_per_hour: f64,
        /// Contacts finished per hour since the start.
        completions_per_hour: f64,
        /// When the next retry is due, if retries wait.
        #[schema(format = DateTime)]
        next_due: Option<String>,
        /// Caps on calls per hour to a prefix that are reached, those first that open first; at most 10.
        hourly_caps: Vec<LiveHourlyCap>,
        /// How it is paced for the agents of its queues.
        pacing: LivePacing,
        /// Its lists in dialling order.
        lists: Vec<LiveList>,
    }
    /// How a run is paced.
    LivePacing {
        /// What its campaign asks for.
        mode: PacingMode,
        /// What is done.
        by: PacedBy,
        /// What predictive pacing promises; none where nothing is promised.
        policy: Option<PacingPolicy>,
        /// Why not more calls are launched, for people; empty where nothing holds them but agents and channels.
        why: String,
        /// Free agents that it reckons with; this and the next four are 0 without an engine.
        free: u32,
        /// Calls that have or may want an agent.
        open: u32,
        /// Callers among them who wait for one.
        waiting: u32,
        /// Abandoned in the counting period, as the ledger has it.
        abandoned: u64,
        /// Live answers in the counting period, as the ledger has it.
        live: u64,
        /// Abandoned calls of live ones, at most, 0 to 1.
        cap: f64,
        /// Calls that may still be abandoned by what was answered so far; less than 0: too many were.
        budget_left: f64,
    }
    /// A cap on calls per hour to a prefix that is reached.
    LiveHourlyCap {
        /// Calls to numbers that begin so.
        prefix: String,
        /// So many are allowed in an hour.
        calls: u32,
        /// When the next one is allowed.
        #[schema(format = DateTime)]
        opens_at: String,
    }
    /// A list of a run.
    LiveList {
        /// Its id.
        id: i64,
        /// The last contact read into the hopper; 0 = none yet.
        high_water: i64,
        /// Whether it was read to its end.
        exhausted: bool,
        /// Whether it is paused: nothing is read from it.
        paused: bool,
    }
    /// A call in progress.
    LiveCall {
        /// Its attempt: WombatDialer's id.
        attempt: i64,
        /// Its run.
        run: i64,
        /// Its contact.
        contact: i64,
        /// The number; empty for a call that was adopted after a restart.
        number: String,
        /// 0-based retry counter: of rounds over the contact's numbers.
        retry: u32,
        /// Which of the contact's numbers: 0 its own, n that of its attribute MULTINUMn.
        number_no: u32,
        /// Its trunk.
        trunk: i64,
        /// Its end point.
        end_point: i64,
        /// Its PBX.
        pbx: i64,
        /// Where it is.
        state: CallState,
        /// Asterisk's channel id.
        channel: String,
        /// When it was decided.
        #[schema(format = DateTime)]
        scheduled_at: String,
        /// When it was answered.
        #[schema(format = DateTime)]
        connected_at: Option<String>,
        /// The agent who is called before the person, by its telephone.
        agent: Option<String>,
    }
    /// Sums over the open runs.
    LiveTotals {
        /// Calls in progress.
        open_calls: u64,
        /// Attempts placed since the runs began.
        placed: u64,
        /// Attempts that need no retry.
        terminated: u64,
        /// `terminated / placed`, 0 to 1.
        termination_rate: f64,
        /// Contacts in the hoppers.
        backlog: u64,
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_live)).routes(routes!(stream::stream_live))
}

/// What of the figures a caller may see: what has no key or one of theirs, the runs of their campaigns and the calls of
/// those; counted again. Costs nothing for who sees everything.
fn seen_by<'a>(scope: &Scope, live: &'a node::Live) -> Cow<'a, node::Live> {
    if scope.sees_all() {
        return Cow::Borrowed(live);
    }
    let mut live = live.clone();
    narrow(scope, &mut live);
    Cow::Owned(live)
}

fn narrow(scope: &Scope, live: &mut node::Live) {
    if scope.sees_all() {
        return;
    }
    live.pbxs.retain(|pbx| scope.sees(Kind::Pbx, pbx.id.0));
    live.trunks.retain(|trunk| scope.sees(Kind::Trunk, trunk.id.0));
    live.end_points.retain(|end_point| scope.sees(Kind::EndPoint, end_point.id.0));
    live.runs.retain(|run| scope.allows(run.campaign));
    let runs: HashSet<_> = live.runs.iter().map(|run| run.id).collect();
    live.calls.retain(|call| runs.contains(&call.run));
    live.totals = node::live::LiveTotals::of(&live.runs, live.calls.len());
}

/// What the dialler is doing now.
#[utoipa::path(get, path = "/api/live", tag = "dialling", security(("token" = ["read"])),
    responses((status = 200, description = "the live figures", body = Live)))]
async fn get_live(Read(caller): Read, State(app): State<App>) -> Result<axum::Json<node::Live>, ApiError> {
    let mut live = app.node()?.live().await?;
    narrow(&caller.scope, &mut live);
    Ok(axum::Json(live))
}

#[cfg(test)]
mod tests {
    use crate::testing::document::Document;
    use domain::{
        AttemptId, CallState, CampaignId, ContactId, EndPointId, ListId, PbxId, RunId, RunState, Timestamp, TrunkId,
    };
    use node::live::*;

    /// Every field filled, so that every field is compared.
    pub(super) fn sample() -> Live {
        let at = Timestamp(1_774_747_800_000_000);
        Live {
            at,
            dialling: Dialling::Held,
            hold: Some(LiveHold { since: at, by: "admin".into(), why: "lunch".into() }),
            storage: Some(LiveStorage { since: at, why: "the disk is full".into() }),
            pbxs: vec![LivePbx {
                id: PbxId(1),
                name: "office".into(),
                state: PbxState::Up,
                since: at,
                why: String::new(),
                version: Some("22.5.0".into()),
                in_use: 3,
                foreign_channels: 2,
                harbour: true,
                harbour_why: "Permission denied".into(),
            }],
            trunks: vec![LiveTrunk {
                id: TrunkId(1),
                name: "carrier".into(),
                pbx: PbxId(1),
                capacity: 30,
                in_use: 3,
                calls_per_second: 5,
                circuit: Circuit::Open,
                probe_at: Some(at),
            }],
            end_points: vec![LiveEndPoint {
                id: EndPointId(1),
                name: "sales".into(),
                capacity: 9,
                in_use: 3,
                queue: Some(LiveQueue {
                    name: "999".into(),
                    observed: true,
                    why: String::new(),
                    logged_on: 4,
                    paused: 1,
                    free: 2,
                    waiting: 1,
                    callers: 2,
                    agents: 1,
                    on_the_way: 0,
                    over_dialled: 0,
                    wanted: 1,
                    boost: 1.3,
                    blocked_by_waiting: false,
                    missed: 0,
                }),
            }],
            runs: vec![LiveRun {
                id: RunId(1),
                campaign: CampaignId(1),
                campaign_name: "spring".into(),
                state: RunState::WrongTime,
                why: "outside its hours".into(),
                priority: 10,
                boost: 1.0,
                started_at: at,
                placed: 10,
                terminated: 5,
                termination_rate: 0.5,
                reschedule_rate: 0.5,
                hopper: 1,
                open_retries: 2,
                cache: 3,
                in_flight: 4,
                connected_now: 5,
                put_off: 11,
                refused: 12,
                remaining_estimate: 6,
                running_s: 7,
                eta_s: Some(8),
                attempts_per_hour: 9.5,
                completions_per_hour: 10.5,
                next_due: Some(at),
                hourly_caps: vec![LiveHourlyCap { prefix: "+881".into(), calls: 3, opens_at: at }],
                pacing: LivePacing {
                    mode: domain::PacingMode::Predictive,
                    by: PacedBy::Engine,
                    policy: Some(domain::PacingPolicy::Budget),
                    why: "too few answers".into(),
                    free: 1,
                    open: 2,
                    waiting: 3,
                    abandoned: 4,
                    live: 5,
                    cap: 0.03,
                    budget_left: -3.9,
                },
                lists: vec![LiveList { id: ListId(1), high_water: ContactId(9), exhausted: true, paused: false }],
            }],
            calls: vec![LiveCall {
                attempt: AttemptId(1),
                run: RunId(1),
                contact: ContactId(1),
                number: "100".into(),
                retry: 0,
                number_no: 0,
                trunk: TrunkId(1),
                end_point: EndPointId(1),
                pbx: PbxId(1),
                state: CallState::Dialling,
                channel: "c-abc-1-1".into(),
                scheduled_at: at,
                connected_at: Some(at),
                agent: Some("PJSIP/1001".into()),
            }],
            totals: LiveTotals { open_calls: 1, placed: 10, terminated: 5, termination_rate: 0.5, backlog: 1 },
        }
    }

    #[test]
    fn the_document_describes_the_live_figures() {
        let live = serde_json::to_value(sample()).unwrap();
        Document::new().check_component("Live", &live).unwrap();
    }

    #[test]
    fn the_document_knows_no_field_that_is_not_there() {
        let live = serde_json::to_value(sample()).unwrap();
        for part in ["LivePbx", "LiveTrunk", "LiveEndPoint", "LiveRun", "LiveCall", "LiveTotals"] {
            let key = match part {
                "LivePbx" => "pbxs",
                "LiveTrunk" => "trunks",
                "LiveEndPoint" => "end_points",
                "LiveRun" => "runs",
                "LiveCall" => "calls",
                _ => "totals",
            };
            let value = if live[key].is_array() { &live[key][0] } else { &live[key] };
            assert_eq!(
                Document::new().properties(part),
                value.as_object().unwrap().keys().cloned().collect(),
                "{part}"
            );
        }
    }
}
