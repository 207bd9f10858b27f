//! Agents who are called before the person: what leaves when, what is taken back, and who is free.

use crate::queues::{member, observed, told};
use crate::script::*;
use Seen::*;
use dialer::toll::Digits;
use dialer::{AgentState, Command, EndPointSpec, Event, News};
use domain::journal::FirstAgent;
use domain::rules::limits::{Cap, CapBy, HourlyCap};
use domain::rules::{Limits, Rules};
use domain::{AttemptId, CallId, CallState, Contact, EndPointId, EndedBy, LegId, NumberKey, ObservedQueue, Rewrite};
use std::sync::Arc;

const QUEUE: &str = "999";
/// The agent's leg is made before the person's.
pub(crate) const AGENT: LegId = LegId(1);
pub(crate) const PERSON: LegId = LegId(2);

fn first(id: i64) -> EndPointSpec {
    let rewrite = Rewrite { find: "^Agent/".into(), replace: "SIP/".into() };
    let queue = ObservedQueue { reverse: true, rewrite, ..ObservedQueue::named(QUEUE) };
    EndPointSpec { queue: Some(queue), ..end_point(id, 10) }
}

/// Agents are there, and the first contact's attempt is decided.
pub(crate) fn decided(agents: &[&str], contacts: i64) -> Script {
    let mut script = Script::new();
    script.feed(vec![Event::EndPointConfigured(first(1)), observed(&[(QUEUE, agents)])]);
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, contacts))), fresh(RUN, 1..=contacts)]);
    script
}

/// The first agent's telephone rings.
fn called(agents: &[&str], contacts: i64) -> Script {
    let mut script = decided(agents, contacts);
    script.feed(vec![journalled(A1), Event::OriginateDone(AGENT)]);
    script
}

fn free(script: &mut Script) -> u32 {
    script.dialer.queue_figures(END_POINT).unwrap().unwrap().seen.free
}

fn state(script: &Script) -> CallState {
    script.dialer.call_figures().next().unwrap().state
}

#[test]
fn the_agent_is_called_when_it_is_on_disk_and_the_person_when_he_answers() {
    let mut script = decided(&["Agent/1"], 2);
    assert_eq!((state(&script), free(&mut script)), (CallState::RdScheduled, 0));
    script.check(&[(1, journalled(A1))], &[(1, CallAgent(AGENT))]);
    let Some(Command::CallAgent(call)) = script.commands.iter().find(|one| matches!(one, Command::CallAgent(_))) else {
        panic!("{:?}", script.commands);
    };
    assert_eq!((call.device.as_str(), call.contact.id.0), ("SIP/1", 1));
    assert_eq!(state(&script), CallState::RdRequested);
    script.check(&[(2, Event::OriginateDone(AGENT)), (3, Event::LegRinging(AGENT))], &[]);
    assert_eq!(state(&script), CallState::RdAgentreq);
    script.check(&[(900, Event::LegAnswered(AGENT))], &[(900, Originate(PERSON))]);
    let agent = script.commands.iter().find_map(|one| match one {
        Command::Originate(call) => call.agent,
        _ => None,
    });
    assert_eq!(agent, Some(AGENT));
    script.check(&[(901, Event::OriginateDone(PERSON)), (1_900, Event::LegAnswered(PERSON))], &[]);
    assert_eq!((state(&script), free(&mut script)), (CallState::Connected, 0));
    // The person hangs up: the agent's call is ended, and he is free when it is gone, not before.
    let over = Event::LegEnded { leg: PERSON, cause: 16, tech_cause: None };
    script.check(
        &[(5_000, over)],
        &[(5_000, Close(1, CallState::Terminated, None)), (5_000, HangUp(AGENT, EndedBy::FarEnd))],
    );
    assert_eq!(free(&mut script), 0);
    let gone = Event::LegEnded { leg: AGENT, cause: 16, tech_cause: None };
    script.check(&[(5_001, gone)], &[(5_001, Journal(2, 0))]);
}

#[test]
fn an_agent_who_does_not_come_is_no_call_to_the_person_and_rests() {
    let mut script = called(&["SIP/1"], 2);
    // The ring time is the campaign's.
    script.wait(30_000, &[(30_000, HangUp(AGENT, EndedBy::AnswerTimeout))]);
    script.check(&[(30_010, ended(AGENT, 19, 480))], &[(30_010, Close(1, CallState::RsNoagent, None))]);
    assert!(!script.commands.iter().any(|one| matches!(one, Command::Originate(_))));
    assert_eq!(free(&mut script), 0, "he is left alone for a while");
    script.wait(35_010, &[(35_010, Journal(2, 0))]);
}

#[test]
fn whoever_leaves_ends_the_other_one_s_call_unless_they_talk() {
    // The agent hangs up while the person's telephone rings.
    let mut script = called(&["SIP/1"], 1);
    script.feed(vec![Event::LegAnswered(AGENT), Event::OriginateDone(PERSON), Event::LegRinging(PERSON)]);
    script.check(
        &[(10, Event::LegHangUpAsked(AGENT)), (11, ended(AGENT, 16, 0))],
        &[(11, HangUp(PERSON, EndedBy::Agent))],
    );
    let seen = script.play(&[(20, ended(PERSON, 19, 0))]);
    assert!(seen.contains(&(20, Close(1, CallState::RsNoanswer, None))), "{seen:?}");
    // While they talk the PBX ends both; if it does not, somebody else talks to the person by now, and the agent is free.
    let mut script = called(&["SIP/1"], 2);
    script.feed(vec![Event::LegAnswered(AGENT), Event::OriginateDone(PERSON), Event::LegAnswered(PERSON)]);
    script.check(&[(10, ended(AGENT, 16, 0))], &[(10, Journal(2, 0))]);
    let seen = script.play(&[(60, ended(PERSON, 16, 0))]);
    assert!(seen.contains(&(60, Close(1, CallState::Terminated, None))), "{seen:?}");
}

#[test]
fn the_gate_is_asked_once_more_when_the_agent_answers() {
    let answered = Event::LegAnswered(AGENT);
    for (change, expected) in [
        (Event::DiallingHeld, Withdraw(1)),
        (Event::RunPaused(RUN), Withdraw(1)),
        (Event::PbxStale(PBX), Withdraw(1)),
        (Event::RunRemoved(RUN), Withdraw(1)),
    ] {
        let mut script = called(&["SIP/1"], 1);
        script.feed(vec![change]);
        script.check(&[(5, answered.clone())], &[(5, expected), (5, HangUp(AGENT, EndedBy::FarEnd))]);
    }
    // A number that is suppressed while the agent's telephone rings ends it at once.
    let mut script = called(&["SIP/1"], 1);
    let seen = script.play(&[(5, suppressed(contact(1).key))]);
    assert!(
        seen.starts_with(&[(5, Close(1, CallState::RsBlacklist, None)), (5, HangUp(AGENT, EndedBy::FarEnd))]),
        "{seen:?}"
    );
}

#[test]
fn an_hour_that_others_filled_while_the_agent_was_called_is_kept() {
    let limits = Limits { hourly: vec![HourlyCap { prefix: "+1001".into(), calls: 2 }], ..Limits::default() };
    let rules = Arc::new(Rules::of(&["unrestricted".to_owned()], &limits, "UTC").unwrap());
    let answered_after = |others: usize| {
        let mut spec = run_spec(1, 1);
        spec.settings.rules = Arc::clone(&rules);
        let mut script = Script::new();
        script.feed(vec![Event::EndPointConfigured(first(1)), observed(&[(QUEUE, &["SIP/1"])])]);
        script.feed(vec![Event::RunStarted(Box::new(spec)), fresh(RUN, 1..=1)]);
        script.feed(vec![journalled(A1), Event::OriginateDone(AGENT)]);
        let number = Digits::of(&contact(1).number).unwrap();
        script.feed(vec![Event::CallsRemembered(vec![(script.now().wall, number); others])]);
        script.play(&[(5, Event::LegAnswered(AGENT))])
    };
    // Its own call has its place in the hour.
    assert_eq!(answered_after(1), [(5, Originate(PERSON))]);
    assert_eq!(answered_after(2), [(5, Withdraw(1)), (5, HangUp(AGENT, EndedBy::FarEnd))]);
}

#[test]
fn an_agent_is_taken_over_end_points_and_given_back_with_what_was_not_sent() {
    let mut script = decided(&["SIP/1", "SIP/2"], 5);
    let other = EndPointSpec { queue: Some(ObservedQueue::named(QUEUE)), ..end_point(2, 10) };
    let mut direct = run_spec(2, 5);
    direct.settings.end_points = vec![EndPointId(2)];
    script.feed(vec![Event::EndPointConfigured(other)]);
    let start = [Event::RunStarted(Box::new(direct)), fresh(direct_run(), 6..=9)];
    let seen = script.play(&start.map(|event| (1, event)));
    assert!(!seen.iter().any(|(_, one)| matches!(one, Journal(..))), "both agents are taken: {seen:?}");
    let agents: Vec<AgentState> = script.dialer.queue_agents(END_POINT).into_iter().map(|agent| agent.state).collect();
    assert_eq!(agents, [AgentState::Taken, AgentState::Taken]);
    // One was not sent: the agent and the contact are free again.
    script.feed(vec![journalled(A1)]);
    let seen = script.play(&[(2, Event::OriginateNotSent { leg: AGENT, why: "not connected".into() })]);
    assert!(seen.contains(&(2, Withdraw(1))), "{seen:?}");
    // A pause in the queue takes the other one back before it leaves.
    let paused = dialer::Member { paused: true, ..member("SIP/2") };
    script.feed(vec![told(News::MemberIs { queue: QUEUE.into(), member: paused })]);
    let seen = script.play(&[(3, journalled(A2))]);
    assert!(seen.contains(&(3, Withdraw(2))), "{seen:?}");
    assert!(!seen.iter().any(|(_, one)| matches!(one, Violated(_))), "{seen:?}");
}

/// A member as it is told when it is paused: by us, or by itself.
fn paused(interface: &str, paused_by_us: bool) -> Event {
    let member = dialer::Member { paused: true, paused_by_us, ..member(interface) };
    told(News::MemberIs { queue: QUEUE.into(), member })
}

/// An agent of two queues, paused in the second one by himself; the first contact's attempt is on its way to the disk.
fn with_autopause() -> Script {
    let mut script = Script::new();
    script.feed(vec![
        Event::EndPointConfigured(first(1)),
        observed(&[(QUEUE, &["SIP/1"]), ("other", &["SIP/1"]), ("third", &["SIP/1"])]),
    ]);
    let own = dialer::Member { paused: true, ..member("SIP/1") };
    script.feed(vec![told(News::MemberIs { queue: "other".into(), member: own })]);
    let mut spec = run_spec(1, 2);
    spec.settings.autopause = true;
    script.feed(vec![Event::RunStarted(Box::new(spec)), fresh(RUN, 1..=2)]);
    script
}

#[test]
fn an_agent_is_paused_where_he_is_not_before_he_is_called_and_let_on_when_his_call_is_over() {
    let mut script = with_autopause();
    script.feed(vec![journalled(A1)]);
    assert_eq!(script.pauses, [(true, "SIP/1 in 999 and third".to_owned())]);
    // Our pause does not make him one who is gone.
    script.feed(vec![paused("SIP/1", true), Event::OriginateDone(AGENT)]);
    script.check(&[(5, Event::LegAnswered(AGENT))], &[(5, Originate(PERSON))]);
    let agents: Vec<AgentState> = script.dialer.queue_agents(END_POINT).into_iter().map(|agent| agent.state).collect();
    assert_eq!(agents, [AgentState::Taken]);
    script.feed(vec![Event::OriginateDone(PERSON), Event::LegAnswered(PERSON), ended(PERSON, 16, 0)]);
    assert_eq!(script.pauses.len(), 1, "his own channel is still there");
    script.feed(vec![ended(AGENT, 16, 0)]);
    assert_eq!(script.pauses[1..], [(false, "SIP/1 in 999".to_owned())]);
    assert_eq!(free(&mut script), 0, "he is when the queue says so");
    // The pause in the third queue is told late: it ends as well. Neither is asked for twice.
    let third = dialer::Member { paused: true, paused_by_us: true, ..member("SIP/1") };
    script.feed(vec![told(News::MemberIs { queue: "third".into(), member: third }), paused("SIP/1", true)]);
    assert_eq!(script.pauses[2..], [(false, "SIP/1 in third".to_owned())]);
    let let_on = told(News::MemberIs { queue: QUEUE.into(), member: member("SIP/1") });
    let seen = script.play(&[(6, let_on)]);
    assert!(seen.contains(&(6, Journal(2, 0))), "{seen:?}");
}

#[test]
fn who_pauses_himself_during_the_call_stays_paused() {
    let mut script = with_autopause();
    script.feed(vec![journalled(A1), paused("SIP/1", true), Event::OriginateDone(AGENT), Event::LegAnswered(AGENT)]);
    script.feed(vec![paused("SIP/1", false), Event::OriginateDone(PERSON), Event::LegAnswered(PERSON)]);
    script.feed(vec![ended(PERSON, 16, 0), ended(AGENT, 16, 0)]);
    assert_eq!(script.pauses, [(true, "SIP/1 in 999 and third".to_owned())]);
}

#[test]
fn a_pause_of_ours_that_nobody_has_any_more_is_ended_and_asked_about_again_when_it_lasts() {
    let open = FirstAgent { leg: LegId(7), interface: "SIP/1".into() };
    let restored = domain::journal::OpenAttempt { agent: Some(open), ..*open_attempt(1) };
    let mut script = Script::new();
    script.feed(vec![
        Event::PbxDown(PBX),
        Event::EndPointConfigured(first(1)),
        Event::RunStarted(Box::new(run_spec(1, 2))),
        Event::AttemptRestored(Box::new(restored)),
    ]);
    let members = || {
        let ours = |interface: &str| dialer::Member { paused: true, paused_by_us: true, ..member(interface) };
        let own = dialer::Member { paused: true, ..member("SIP/3") };
        let members = vec![ours("SIP/1"), ours("SIP/2"), own];
        vec![dialer::QueueSnapshot { name: QUEUE.into(), members, callers: vec![] }]
    };
    script.feed(vec![told(News::Observed(members()))]);
    assert_eq!(script.pauses, [(false, "SIP/2 in 999".to_owned())], "the first one's attempt is open");
    script.play(&[(5_000, told(News::Audited(members())))]);
    assert_eq!(script.pauses.len(), 1, "it is on its way");
    script.play(&[(30_000, told(News::Audited(members())))]);
    assert_eq!(script.pauses[1..], [(false, "SIP/2 in 999".to_owned())]);
}

#[test]
fn an_agent_of_a_call_that_was_over_before_a_restart_is_hung_up_when_he_is_found() {
    let called = |n: i64, interface: &str| domain::journal::CalledBefore {
        attempt: AttemptId(90 + n),
        call: CallId(90 + n),
        pbx: PBX,
        agent: FirstAgent { leg: LegId(70 + n), interface: interface.into() },
    };
    let mut script = Script::new();
    script.feed(vec![
        Event::PbxDown(PBX),
        Event::EndPointConfigured(first(1)),
        Event::AgentsRemembered(vec![called(1, "SIP/1"), called(2, "SIP/2")]),
        observed(&[(QUEUE, &["SIP/1", "SIP/2"])]),
    ]);
    assert_eq!(free(&mut script), 0, "nobody knows where they are");
    let found = dialer::FoundLeg { leg: LegId(71), up: true, ringing: false };
    script.check(&[(1, Event::PbxUp { pbx: PBX, legs: vec![found] })], &[(1, HangUp(LegId(71), EndedBy::FarEnd))]);
    assert_eq!(free(&mut script), 1, "the second one is not on the phone");
    script.feed(vec![ended(LegId(71), 16, 0)]);
    assert_eq!(free(&mut script), 2);
}

#[test]
fn a_person_who_was_called_while_the_agent_was_is_not_called_once_more() {
    let of_person = |id| Arc::new(Contact { person: Some(NumberKey(7)), ..(*contact(id)).clone() });
    let caps = vec![Cap { attempts: 1, hours: 24, by: CapBy::Person }];
    let limits = Limits { caps, ..Limits::default() };
    let mut capped = run_spec(1, 1);
    capped.settings.rules = Arc::new(Rules::of(&["unrestricted".to_owned()], &limits, "UTC").unwrap());
    let mut script = Script::new();
    script.feed(vec![Event::EndPointConfigured(first(1)), observed(&[(QUEUE, &["SIP/1"])])]);
    script.feed(vec![Event::RunStarted(Box::new(capped)), loaded(RUN, vec![of_person(1)], vec![], None)]);
    script.feed(vec![journalled(A1), Event::OriginateDone(AGENT)]);
    // Another campaign has no such cap and calls another number of theirs.
    let mut direct = run_spec(2, 1);
    direct.settings.end_points = vec![EndPointId(2)];
    script.feed(vec![Event::EndPointConfigured(end_point(2, 10)), Event::RunStarted(Box::new(direct))]);
    script.feed(vec![loaded(direct_run(), vec![of_person(2)], vec![], None)]);
    script.check(&[(4, journalled(A2))], &[(4, Originate(LegId(3)))]);
    let off = PutOff(1, "attempts_below_cap", Some(86_399));
    let back = [Withdraw(1), HangUp(AGENT, EndedBy::FarEnd), off].map(|one| (5, one));
    script.check(&[(5, Event::LegAnswered(AGENT))], &back);
}

#[test]
fn an_agent_whom_two_open_attempts_had_is_taken_until_the_second_lets_him_go() {
    let open = |n: i64, leg: i64| {
        let agent = FirstAgent { leg: LegId(leg), interface: "SIP/1".into() };
        Event::AttemptRestored(Box::new(domain::journal::OpenAttempt { agent: Some(agent), ..*open_attempt(n) }))
    };
    let mut script = Script::new();
    script.feed(vec![
        Event::PbxDown(PBX),
        Event::EndPointConfigured(first(1)),
        observed(&[(QUEUE, &["SIP/1"])]),
        Event::RunStarted(Box::new(run_spec(1, 2))),
        open(1, 7),
        open(2, 8),
        Event::PbxUp { pbx: PBX, legs: vec![found(LegId(8), false)] },
    ]);
    let mut seen = vec![];
    for at in [3_000, 6_000, 9_000] {
        seen.extend(script.play(&[(at, Event::LegMissing(L1)), (at, Event::LegMissing(LegId(7)))]));
    }
    assert!(seen.iter().any(|(_, one)| *one == Close(1, CallState::RsLost, None)), "{seen:?}");
    assert_eq!(free(&mut script), 0);
}

fn direct_run() -> domain::RunId {
    domain::RunId(2)
}

#[test]
fn after_a_restart_they_talk_on_or_it_is_unknown_and_the_agent_is_let_go() {
    let open = || {
        let agent = FirstAgent { leg: LegId(7), interface: "SIP/1".into() };
        Box::new(domain::journal::OpenAttempt { agent: Some(agent), ..*open_attempt(1) })
    };
    let restarted = || {
        let mut script = Script::new();
        script.feed(vec![
            Event::PbxDown(PBX),
            Event::EndPointConfigured(first(1)),
            observed(&[(QUEUE, &["SIP/1"])]),
            Event::RunStarted(Box::new(run_spec(1, 1))),
            Event::AttemptRestored(open()),
        ]);
        script
    };
    let mut script = restarted();
    assert_eq!(free(&mut script), 0);
    script.check(&[(5, Event::PbxUp { pbx: PBX, legs: vec![found(L1, true), found(LegId(7), true)] })], &[]);
    let seen = script.play(&[(9, ended(L1, 16, 0)), (9, ended(LegId(7), 16, 0))]);
    assert!(seen.contains(&(9, Close(1, CallState::Terminated, None))), "{seen:?}");
    assert_eq!(free(&mut script), 1);
    // Only the agent is there: nobody knows whether the person was called.
    let mut script = restarted();
    script.feed(vec![Event::PbxUp { pbx: PBX, legs: vec![found(LegId(7), true)] }]);
    let mut seen = vec![];
    for at in [3_000, 6_000, 9_000] {
        seen = script.play(&[(at, Event::LegMissing(L1))]);
    }
    let lost = seen.iter().position(|(_, one)| *one == Close(1, CallState::RsLost, None));
    let let_go = seen.iter().position(|(_, one)| *one == HangUp(LegId(7), EndedBy::FarEnd));
    assert!(lost.is_some() && lost < let_go, "{seen:?}");
    assert!(!seen.iter().any(|(_, one)| matches!(one, Originate(_) | CallAgent(_))), "{seen:?}");
}
