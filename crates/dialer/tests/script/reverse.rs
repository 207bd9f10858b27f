//! Agents who are called before the person: what leaves when, what is taken back, and who is free.

use crate::queues::{member, observed, told};
use crate::script::*;
use Seen::*;
use dialer::toll::Digits;
use dialer::{AgentState, Command, EndPointSpec, Event, News};
use domain::journal::FirstAgent;
use domain::rules::limits::{Cap, CapBy, HourlyCap};
use domain::rules::{Limits, Rules};
use domain::{CallState, Contact, EndPointId, EndedBy, LegId, NumberKey, ObservedQueue, Rewrite};
use std::sync::Arc;

const QUEUE: &str = "999";
/// The agent's leg is made before the person's.
const AGENT: LegId = LegId(1);
const PERSON: LegId = LegId(2);

fn first(id: i64) -> EndPointSpec {
    let rewrite = Rewrite { find: "^Agent/".into(), replace: "SIP/".into() };
    let queue = ObservedQueue { reverse: true, rewrite, ..ObservedQueue::named(QUEUE) };
    EndPointSpec { queue: Some(queue), ..end_point(id, 10) }
}

/// Agents are there, and the first contact's attempt is decided.
fn decided(agents: &[&str], contacts: i64) -> Script {
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
