use super::*;
use news::DeviceState;

const PBX: PbxId = PbxId(1);
const NOW: Mono = Mono(0);

fn member(interface: &str) -> Member {
    Member { interface: interface.into(), name: interface.into(), device: DeviceState::NotInUse, ..Member::default() }
}

fn caller(channel: &str) -> Caller {
    Caller { channel: channel.into(), leg: None }
}

fn snapshot(name: &str, members: &[&str], callers: &[&str]) -> QueueSnapshot {
    let (members, callers) = (members.iter().map(|of| member(of)), callers.iter().map(|of| caller(of)));
    QueueSnapshot { name: name.into(), members: members.collect(), callers: callers.collect() }
}

struct Desk(Queues);

impl Desk {
    fn with(all: &[QueueSnapshot]) -> Self {
        let mut desk = Self(Queues::default());
        desk.tell(News::Observed(all.to_vec()));
        desk
    }

    fn tell(&mut self, news: News) -> Effects {
        self.0.told(NOW, PBX, news)
    }

    fn is(&mut self, queue: &str, change: impl FnOnce(&mut Member), interface: &str) {
        let mut member = member(interface);
        change(&mut member);
        self.tell(News::MemberIs { queue: queue.into(), member });
    }

    /// Free and waiting.
    fn at(&mut self, queue: &str) -> (u32, u32) {
        let numbers = self.0.numbers(PBX, queue).unwrap();
        (numbers.free, numbers.waiting)
    }

    fn state(&self, queue: &str, interface: &str) -> AgentState {
        let agents = self.0.agents(PBX, queue);
        agents.into_iter().find(|agent| agent.member.interface == interface).unwrap().state
    }
}

fn called(channel: &str, interface: &str) -> News {
    News::Called { channel: channel.into(), interface: interface.into() }
}

fn gone(queue: &str, channel: &str, gave_up: bool) -> News {
    News::CallerGone { queue: queue.into(), caller: caller(channel), gave_up }
}

#[test]
fn nothing_is_known_before_the_queues_were_read_and_after_they_are_lost() {
    let mut desk = Desk(Queues::default());
    assert_eq!(desk.0.numbers(PBX, "999"), Err(Unseen::NotObserved));
    desk.is("999", |_| (), "SIP/1");
    assert_eq!(desk.0.numbers(PBX, "999"), Err(Unseen::NotObserved), "a member does not make a queue known");
    desk.tell(News::Observed(vec![snapshot("999", &["SIP/1"], &[])]));
    assert_eq!(desk.at("999"), (1, 0));
    assert_eq!(desk.0.numbers(PBX, "400"), Err(Unseen::NoSuchQueue));
    desk.tell(News::Lost { why: "cut".into() });
    assert_eq!(desk.0.numbers(PBX, "999"), Err(Unseen::NotObserved));
    assert_eq!(desk.0.unknown(PBX), Some("cut"));
}

#[test]
fn free_is_who_is_not_paused_and_whose_telephone_is_silent() {
    let mut desk = Desk::with(&[snapshot("999", &["SIP/1", "SIP/2", "SIP/3"], &[])]);
    desk.is("999", |member| member.paused = true, "SIP/1");
    assert_eq!((desk.at("999"), desk.state("999", "SIP/1")), ((2, 0), AgentState::Paused));
    desk.is("999", |member| member.device = DeviceState::InUse, "SIP/2");
    assert_eq!((desk.at("999"), desk.state("999", "SIP/2")), ((1, 0), AgentState::Talking));
    desk.is("999", |member| member.device = DeviceState::Unavailable, "SIP/3");
    assert_eq!((desk.at("999"), desk.state("999", "SIP/3")), ((0, 0), AgentState::Unavailable));
    desk.tell(News::MemberGone { queue: "999".into(), interface: "SIP/3".into() });
    assert_eq!(desk.0.numbers(PBX, "999").unwrap().logged_on, 2);
}

#[test]
fn a_caller_whose_agent_s_telephone_rings_is_not_subtracted_twice() {
    let mut desk = Desk::with(&[snapshot("999", &["SIP/1", "Local/2@x"], &[])]);
    desk.tell(News::CallerCame { queue: "999".into(), caller: caller("1.1") });
    assert_eq!(desk.at("999"), (2, 1));
    desk.tell(called("1.1", "Local/2@x"));
    assert_eq!((desk.at("999"), desk.state("999", "Local/2@x")), ((1, 0), AgentState::Ringing));
    // Asterisk takes the caller out of the queue before it says who has it.
    desk.tell(gone("999", "1.1", false));
    assert_eq!(desk.at("999"), (1, 0));
    desk.tell(News::Connected { caller: caller("1.1"), interface: "Local/2@x".into() });
    assert_eq!((desk.at("999"), desk.state("999", "Local/2@x")), ((1, 0), AgentState::Talking));
    desk.is("999", |member| member.in_call = true, "Local/2@x");
    assert_eq!(desk.at("999"), (1, 0));
    desk.tell(News::Released { channel: Some("1.1".into()), interface: "Local/2@x".into() });
    desk.is("999", |_| (), "Local/2@x");
    assert_eq!(desk.at("999"), (2, 0));
}

#[test]
fn a_conversation_that_never_showed_is_over_when_its_caller_is_gone() {
    // A telephone without a state of its own: Asterisk says nothing of it between the beginning of the ringing and the end.
    let mut desk = Desk::with(&[snapshot("999", &["Local/2@x"], &["1.1", "1.2"])]);
    desk.is("999", |member| member.wrap_up_s = 5, "Local/2@x");
    desk.tell(called("1.1", "Local/2@x"));
    desk.tell(gone("999", "1.1", false));
    desk.tell(News::Connected { caller: caller("1.1"), interface: "Local/2@x".into() });
    assert_eq!(desk.state("999", "Local/2@x"), AgentState::Talking);
    desk.tell(News::Released { channel: None, interface: "Local/2@x".into() });
    assert_eq!((desk.at("999"), desk.state("999", "Local/2@x")), ((0, 1), AgentState::WrapUp));
    assert_eq!(desk.0.next_change(), Some(NOW.plus_ms(5_000)));
    // Its telephone rings for the next one already: that is not what is over.
    desk.tell(called("1.2", "Local/2@x"));
    desk.tell(News::Released { channel: None, interface: "Local/2@x".into() });
    assert_eq!(desk.state("999", "Local/2@x"), AgentState::Ringing);
}

#[test]
fn an_agent_who_did_not_take_the_caller_is_free_again() {
    let mut desk = Desk::with(&[snapshot("999", &["SIP/1", "SIP/2"], &["1.1"])]);
    desk.tell(called("1.1", "SIP/1"));
    desk.tell(News::Released { channel: Some("1.1".into()), interface: "SIP/1".into() });
    assert_eq!(desk.at("999"), (2, 1));
    desk.tell(called("1.1", "SIP/1"));
    desk.tell(called("1.1", "SIP/2"));
    assert_eq!(desk.at("999"), (0, 0));
    desk.tell(gone("999", "1.1", true));
    assert_eq!(desk.at("999"), (2, 0));
    // Out of the queue by another way: after a moment nobody reckons with the agent's call any more.
    desk.tell(News::CallerCame { queue: "999".into(), caller: caller("1.2") });
    desk.tell(called("1.2", "SIP/1"));
    desk.tell(gone("999", "1.2", false));
    let until = desk.0.next_change().unwrap();
    assert_eq!((desk.at("999"), until), ((1, 0), NOW.plus_ms(CONNECTING_MS)));
    assert!(!desk.0.expire(Mono(until.0 - 1)) && desk.0.expire(until));
    assert_eq!((desk.at("999"), desk.0.next_change()), ((2, 0), None));
}

#[test]
fn an_agent_of_two_queues_is_one_agent() {
    let two = [snapshot("400", &["SIP/1", "SIP/2"], &[]), snapshot("401", &["SIP/1", "SIP/2", "SIP/3"], &[])];
    let mut desk = Desk::with(&two);
    assert_eq!(desk.0.agents_for(PBX, "400", &[]), Ok(2));
    assert_eq!(desk.0.agents_for(PBX, "400", &[("401", 1)]), Ok(2), "the other queue has one of its own");
    assert_eq!(desk.0.agents_for(PBX, "400", &[("401", 3)]), Ok(0));
    desk.is("401", |member| member.in_call = true, "SIP/1");
    assert_eq!((desk.at("400"), desk.at("401")), ((1, 0), (2, 0)));
    assert_eq!(desk.state("400", "SIP/1"), AgentState::Talking);
    desk.tell(News::CallerCame { queue: "401".into(), caller: caller("1.1") });
    desk.tell(News::CallerCame { queue: "401".into(), caller: caller("1.2") });
    assert_eq!(desk.0.agents_for(PBX, "400", &[]), Ok(0), "those who wait elsewhere take the rest");
    assert_eq!(desk.0.agents_for(PBX, "401", &[]), Ok(0));
}

#[test]
fn what_differs_twice_in_the_same_way_was_missed_and_is_put_right() {
    let mut desk = Desk::with(&[snapshot("999", &["SIP/1", "SIP/2"], &["1.1"])]);
    desk.tell(called("1.1", "SIP/1"));
    let now = [snapshot("999", &["SIP/2", "SIP/3"], &[])];
    assert_eq!(desk.tell(News::Audited(now.to_vec())).healed, 0, "it may be late");
    assert!(desk.0.is_suspected(PBX));
    assert_eq!(desk.at("999"), (1, 0));
    // One of them was late.
    desk.tell(News::MemberGone { queue: "999".into(), interface: "SIP/1".into() });
    assert_eq!(desk.tell(News::Audited(now.to_vec())).healed, 3, "a member, a caller and its agent");
    assert_eq!((desk.at("999"), desk.0.healed(PBX)), ((2, 0), 3));
    assert_eq!(desk.tell(News::Audited(now.to_vec())).healed, 0);
    assert!(!desk.0.is_suspected(PBX));
    let two = [now[0].clone(), snapshot("400", &[], &[])];
    desk.tell(News::Audited(two.to_vec()));
    desk.tell(News::Audited(two.to_vec()));
    assert_eq!(desk.at("400"), (0, 0));
}

#[test]
fn a_queue_leaves_an_agent_alone_after_a_call() {
    let mut desk = Desk::with(&[snapshot("999", &["SIP/1"], &[])]);
    desk.is("999", |member| (member.in_call, member.wrap_up_s) = (true, 10), "SIP/1");
    desk.is("999", |member| member.wrap_up_s = 10, "SIP/1");
    assert_eq!((desk.at("999"), desk.state("999", "SIP/1")), ((0, 0), AgentState::WrapUp));
    assert!(desk.0.expire(NOW.plus_ms(10_000)));
    assert_eq!(desk.at("999"), (1, 0));
}

#[test]
fn legs_of_ours_that_come_to_a_queue_are_told() {
    let mut desk = Desk::with(&[snapshot("999", &[], &[])]);
    let ours = |leg| Caller { channel: format!("c-{leg}"), leg: Some(LegId(leg)) };
    assert_eq!(desk.tell(News::CallerCame { queue: "999".into(), caller: ours(7) }).arrived, [LegId(7)]);
    let all = vec![QueueSnapshot { callers: vec![ours(8)], ..snapshot("999", &[], &[]) }];
    assert_eq!(desk.tell(News::Audited(all.clone())).arrived, [LegId(8)]);
    let effects = desk.tell(News::Observed(all));
    assert!(effects.begins && effects.arrived == [LegId(8)]);
}
