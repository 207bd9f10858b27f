//! Why is nothing dialled: everything between a campaign and its next call, in the order in which the gate asks.

use crate::census::{Asked, Counted};
use crate::handle::{Handle, NodeError};
use crate::live::{Circuit, Dialling, Live, LiveRun, LiveTrunk, PbxState};
use domain::rules::census::{Bucket, Funnel, OutOfReach, Stage};
use domain::rules::receipt::PackAsked;
use domain::rules::verdict::ContactRule;
use domain::rules::window::MEET_DAYS;
use domain::{Campaign, CampaignId, ClosedBy, HourState, Hours, RunState, Timestamp};
use store::{InForce, Scope};

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct CampaignWhy {
    /// When it was true.
    pub at: Timestamp,
    /// Which campaign.
    pub campaign: CampaignId,
    /// Its name.
    pub name: String,
    /// Its packs, and `campaign` for limits of its own.
    pub packs: Vec<PackAsked>,
    /// Its open run.
    pub run: Option<LiveRun>,
    /// The answer in one sentence.
    pub sentence: String,
    /// What has to hold beside the rules of the contacts, in the order in which it is asked.
    pub conditions: Vec<Condition>,
    /// The contacts.
    pub contacts: Counted,
}

/// Something that has to hold before anybody is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its name in receipts, where it is a rule of the gate.
    pub rule: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// How it stands, for people.
    pub text: String,
    /// When that changes by itself, where that is known.
    pub until: Option<Timestamp>,
}

const HOURS_MEET: &str = "hours_meet";
const LISTS_RUNNING: &str = "lists_running";
const HOURLY_CAP_KEPT: &str = "hourly_cap_kept";

impl Handle {
    /// Why the campaign dials, or does not.
    pub async fn why(&self, scope: &Scope, campaign: CampaignId) -> Result<CampaignWhy, NodeError> {
        let in_force = self.store().in_force(scope, campaign).await?;
        let rules = in_force.campaign.callee_rules()?;
        let live = self.live().await?;
        let Asked { contacts, out_of_reach } = self.census().ask(&in_force).await?;
        let run = live.runs.iter().find(|run| Some(run.id) == in_force.run).cloned();
        let conditions = conditions(&in_force, &live, run.as_ref(), out_of_reach)?;
        let sentence = sentence(&in_force, &live, run.as_ref(), &conditions, &contacts);
        let packs = rules.parts.into_iter().map(|part| PackAsked { name: part.name, version: part.version });
        let InForce { campaign, .. } = in_force;
        let packs = packs.collect();
        Ok(CampaignWhy {
            at: live.at,
            campaign: campaign.id,
            name: campaign.name,
            packs,
            run,
            sentence,
            conditions,
            contacts,
        })
    }
}

fn conditions(
    in_force: &InForce,
    live: &Live,
    run: Option<&LiveRun>,
    out_of_reach: OutOfReach,
) -> Result<Vec<Condition>, NodeError> {
    let campaign = &in_force.campaign;
    let mut all = vec![not_held(live)];
    all.extend(live.storage.as_ref().map(|storage| Condition {
        rule: "storage_writable",
        holds: false,
        text: storage.why.clone(),
        until: None,
    }));
    all.push(run_active(in_force, run));
    all.extend(run.and_then(lists_running));
    all.extend(hours_meet(out_of_reach));
    all.push(inside_hours(in_force, live.at)?);
    all.push(pbx_up(campaign, live));
    let trunks: Vec<&LiveTrunk> = live.trunks.iter().filter(|trunk| campaign.trunks.contains(&trunk.id)).collect();
    all.push(trunk_free(&trunks));
    all.push(circuit_closed(&trunks));
    all.push(end_point_free(campaign, live));
    all.extend(agents_free(campaign, live));
    if let Some(run) = run {
        let blocked = run.why == dialer::gate::Refusal::RateReached { at: domain::Mono(0) }.text();
        let text = format!(
            "{} calls of the run in progress, {} contacts in memory, {} retries open{}",
            run.in_flight,
            run.hopper,
            run.open_retries,
            if blocked { "; calls per second reached" } else { "" }
        );
        all.push(Condition { rule: "rate_kept", holds: !blocked, text, until: None });
        all.push(hourly_cap_kept(run));
    }
    Ok(all)
}

/// Paused lists of the run that have contacts left; nothing when there are none.
fn lists_running(run: &LiveRun) -> Option<Condition> {
    let left = |paused: bool| run.lists.iter().filter(move |list| !list.exhausted && list.paused == paused);
    let paused: Vec<String> = left(true).map(|list| list.id.to_string()).collect();
    if paused.is_empty() {
        return None;
    }
    let which = if let [one] = paused.as_slice() {
        format!("list {one} is")
    } else {
        format!("lists {} are", paused.join(", "))
    };
    let text = format!("{which} paused: `carillon run unpause-list` goes on");
    let holds = left(false).next().is_some() || run.cache + run.put_off + run.in_flight > 0;
    Some(Condition { rule: LISTS_RUNNING, holds, text, until: None })
}

fn not_held(live: &Live) -> Condition {
    let text = match &live.hold {
        Some(hold) => format!("held since {} by {}: {}", hold.since, hold.by, hold.why),
        None if live.dialling == Dialling::Held => "held".to_owned(),
        None => "calls may be placed".to_owned(),
    };
    Condition { rule: "dialling_not_held", holds: live.dialling == Dialling::Dialling, text, until: None }
}

fn run_active(in_force: &InForce, run: Option<&LiveRun>) -> Condition {
    let (holds, text) = match run {
        None if in_force.run.is_none() => (false, "no run is open: `carillon campaign start` begins one".to_owned()),
        None => (false, "the run is ending".to_owned()),
        Some(run) => {
            let stands = matches!(run.state, RunState::Paused) || run.why.starts_with("stopped:");
            let why = if run.why.is_empty() { String::new() } else { format!(": {}", run.why) };
            (!stands, format!("run {} is {}{why}", run.id, run.state.code()))
        }
    };
    Condition { rule: "run_active", holds, text, until: None }
}

fn inside_hours(in_force: &InForce, at: Timestamp) -> Result<Condition, NodeError> {
    let hours = in_force.campaign.hours(&in_force.opening_hours)?;
    let (holds, text, until) = match hours.state_at(at) {
        HourState::Open { until: None } => (true, "the campaign's hours do not close".to_owned(), None),
        HourState::Open { until } => (true, "inside the campaign's hours".to_owned(), until),
        HourState::Closed { opens_at } => (false, closed(&hours, at).unwrap_or_default(), opens_at),
    };
    Ok(Condition { rule: "inside_hours", holds, text, until })
}

/// What closes the hours at that instant, for people; `None`: they are open.
pub(crate) fn closed(hours: &Hours, at: Timestamp) -> Option<String> {
    Some(match hours.closed_by(at)? {
        ClosedBy::ActivePeriod => "outside the campaign's hours".to_owned(),
        ClosedBy::Set(set) => {
            format!("outside the campaign's hours: opening hours {:?}, {}", set.name(), set.why(at))
        }
    })
}

/// Whether the campaign's own hours and the calling hours of its contacts have an instant in common; nothing when they do.
fn hours_meet(OutOfReach { contacts, of }: OutOfReach) -> Option<Condition> {
    let whose =
        if contacts == of { format!("all {of} contacts left") } else { format!("{contacts} of {of} contacts left") };
    let text =
        format!("the campaign's hours and the calling hours of {whose} never meet: not in the next {MEET_DAYS} days");
    (contacts > 0).then_some(Condition { rule: HOURS_MEET, holds: contacts < of, text, until: None })
}

/// Calls per hour to a prefix. Contacts behind other prefixes go on.
fn hourly_cap_kept(run: &LiveRun) -> Condition {
    let reached: Vec<String> = run
        .hourly_caps
        .iter()
        .map(|cap| format!("{}: {} of {} calls in the last hour", cap.prefix, cap.calls, cap.calls))
        .collect();
    let text =
        if reached.is_empty() { "no prefix has had its calls of an hour".to_owned() } else { reached.join("; ") };
    let until = run.hourly_caps.iter().map(|cap| cap.opens_at).min();
    Condition { rule: HOURLY_CAP_KEPT, holds: reached.is_empty(), text, until }
}

fn pbx_up(campaign: &Campaign, live: &Live) -> Condition {
    let trunks = live.trunks.iter().filter(|trunk| campaign.trunks.contains(&trunk.id));
    let ids: std::collections::BTreeSet<_> = trunks.map(|trunk| trunk.pbx).collect();
    let pbxs: Vec<_> = live.pbxs.iter().filter(|pbx| ids.contains(&pbx.id)).collect();
    let text = pbxs.iter().map(|pbx| match pbx.state {
        PbxState::Up => format!("{} is up", pbx.name),
        _ => format!("{} is not up since {}: {}", pbx.name, pbx.since, pbx.why),
    });
    let text: Vec<String> = text.collect();
    let text = if text.is_empty() { "the campaign has no trunk on any PBX".to_owned() } else { text.join("; ") };
    Condition { rule: "pbx_up", holds: pbxs.iter().any(|pbx| pbx.state == PbxState::Up), text, until: None }
}

fn trunk_free(trunks: &[&LiveTrunk]) -> Condition {
    let text: Vec<String> =
        trunks.iter().map(|trunk| format!("{}: {} of {} in use", trunk.name, trunk.in_use, trunk.capacity)).collect();
    let holds = trunks.iter().any(|trunk| trunk.in_use < trunk.capacity);
    let text = if text.is_empty() { "the campaign has no trunk".to_owned() } else { text.join("; ") };
    Condition { rule: "trunk_free", holds, text, until: None }
}

fn circuit_closed(trunks: &[&LiveTrunk]) -> Condition {
    let resting: Vec<&&LiveTrunk> = trunks.iter().filter(|trunk| trunk.circuit != Circuit::Closed).collect();
    let text: Vec<String> =
        resting.iter().map(|trunk| format!("{} rests after refusals by the carrier", trunk.name)).collect();
    let text = if text.is_empty() { "no trunk rests".to_owned() } else { text.join("; ") };
    let until = resting.iter().filter_map(|trunk| trunk.probe_at).min();
    Condition { rule: "circuit_closed", holds: trunks.is_empty() || resting.len() < trunks.len(), text, until }
}

fn end_point_free(campaign: &Campaign, live: &Live) -> Condition {
    let of_campaign: Vec<_> = live.end_points.iter().filter(|one| campaign.end_points.contains(&one.id)).collect();
    let text: Vec<String> =
        of_campaign.iter().map(|one| format!("{}: {} of {} in use", one.name, one.in_use, one.capacity)).collect();
    let holds = of_campaign.iter().any(|one| one.in_use < one.capacity);
    let text = if text.is_empty() { "the campaign has no end point".to_owned() } else { text.join("; ") };
    Condition { rule: "end_point_free", holds, text, until: None }
}

/// Agents behind the end points that observe a queue; nothing when none does.
fn agents_free(campaign: &Campaign, live: &Live) -> Option<Condition> {
    let of_campaign: Vec<_> = live.end_points.iter().filter(|one| campaign.end_points.contains(&one.id)).collect();
    let queues: Vec<_> = of_campaign.iter().filter_map(|one| Some((one, one.queue.as_ref()?))).collect();
    let text = queues.iter().map(|(one, queue)| {
        if !queue.observed {
            return format!("{}: {}", one.name, queue.why);
        }
        let why = if queue.why.is_empty() { String::new() } else { format!("; {}", queue.why) };
        format!(
            "{}: {} of {} agents of queue {} free, {} callers waiting, {} calls on the way{why}",
            one.name, queue.free, queue.logged_on, queue.name, queue.waiting, queue.on_the_way
        )
    });
    let text = text.collect::<Vec<String>>().join("; ");
    let holds = of_campaign.iter().any(|one| one.queue.as_ref().is_none_or(|queue| queue.wanted > 0));
    (!queues.is_empty()).then_some(Condition { rule: "agents_free", holds, text, until: None })
}

/// The first thing that stands in the way, in the order of the gate: site and run, contacts, ways out.
fn sentence(
    in_force: &InForce,
    live: &Live,
    run: Option<&LiveRun>,
    conditions: &[Condition],
    contacts: &Counted,
) -> String {
    let standing = |rule: &&Condition| !rule.holds;
    let before = ["dialling_not_held", "storage_writable", "run_active", LISTS_RUNNING, HOURS_MEET, "inside_hours"];
    if let Some(first) = conditions.iter().filter(|one| before.contains(&one.rule)).find(standing) {
        let until = first.until.map(|until| format!(" until {}", local(until, in_force))).unwrap_or_default();
        return format!("nothing is dialled: {}{until}", first.text);
    }
    let dials = run.is_some_and(|run| run.in_flight > 0);
    if let Counted::Done(funnel) = contacts
        && funnel.dialable == 0
    {
        let capped = conditions.iter().find(|one| one.rule == HOURLY_CAP_KEPT && !one.holds);
        let said = match capped
            .filter(|_| most(funnel).is_some_and(|most| most.stage == Stage::Rule(ContactRule::RetryDue).code()))
        {
            Some(capped) => {
                let next = capped.until.map(|at| format!("; the next one is allowed at {}", local(at, in_force)));
                format!("nobody else may be called now: {}{}", capped.text, next.unwrap_or_default())
            }
            None => nobody(funnel, in_force),
        };
        return if dials {
            format!("calls are in progress, and beyond them {said}")
        } else {
            format!("nothing is dialled: {said}")
        };
    }
    // A prefix that had its calls holds up only those behind it.
    if let Some(first) = conditions.iter().filter(|one| one.rule != HOURLY_CAP_KEPT).find(standing) {
        return format!("nothing more is dialled: {}", first.text);
    }
    let may = match contacts {
        Counted::Done(funnel) => format!("{} of {} contacts may be called now", funnel.dialable, funnel.contacts),
        Counted::Counting { done, of } => format!("its contacts are being counted: {done} of {of}"),
        Counted::TooMany { contacts } => format!("{contacts} contacts are too many to be counted"),
    };
    match run {
        Some(run) if dials || run.why.is_empty() => format!("it dials: {} calls in progress; {may}", run.in_flight),
        Some(run) => format!("nothing is dialled at this instant: {}; {may}", run.why),
        None => format!("{may} (as of {})", live.at),
    }
}

/// What keeps back the most of those that are left; the first of several.
fn most(funnel: &Funnel) -> Option<&Bucket> {
    let over = [Stage::Finished, Stage::InCall].map(Stage::code);
    let left = funnel.buckets.iter().filter(|bucket| bucket.first > 0 && !over.contains(&bucket.stage));
    let all = funnel.buckets.iter().filter(|bucket| bucket.first > 0);
    left.rev().max_by_key(|bucket| bucket.first).or_else(|| all.rev().max_by_key(|bucket| bucket.first))
}

fn nobody(funnel: &Funnel, in_force: &InForce) -> String {
    if funnel.contacts == 0 {
        return "its lists are empty".to_owned();
    }
    let Some(most) = most(funnel) else { return String::new() };
    let share = if most.first == funnel.contacts { "all".to_owned() } else { format!("{} of", most.first) };
    let next = funnel.buckets.iter().filter_map(|bucket| bucket.next_change).min();
    let next = next.map(|at| format!("; the next change is at {}", local(at, in_force))).unwrap_or_default();
    format!("nobody may be called now: {share} {} contacts are {}{next}", funnel.contacts, most.text)
}

fn local(at: Timestamp, in_force: &InForce) -> String {
    match jiff::tz::TimeZone::get(&in_force.campaign.zone) {
        Ok(zone) => format!("{} ({})", at.in_zone(&zone), in_force.campaign.zone),
        Err(_) => at.to_string(),
    }
}
