//! The queues of the PBXs as they are observed: who is free, who waits, and whether that is known at all.
//!
//! A member is an agent: the same telephone in several queues of one PBX is one person, free in none of them while one of
//! them has it in a call. A caller counts as waiting until an agent's telephone rings for it: from then on it has its
//! agent, who is not free any more, and neither is counted twice. What is not known is not free.

mod first;
pub(crate) mod news;
pub(crate) mod share;

use domain::{LegId, Mono, PbxId};
use news::{Caller, Member, News, QueueSnapshot};
use share::Group;
use std::collections::{BTreeMap, BTreeSet};

/// How long an agent is counted on for a caller that left the queue before it is told that they talk: Asterisk takes the
/// caller out first, and may play an announcement in between. Milliseconds.
const CONNECTING_MS: u64 = 2_000;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Queues(BTreeMap<PbxId, Observed>);

/// The queues of one PBX.
#[derive(Debug, Default)]
struct Observed {
    /// Why nothing is known; `None`: it is.
    unknown: Option<String>,
    queues: BTreeMap<String, Queue>,
    /// Agents whose telephone rings for a caller, or who are about to talk to it.
    claims: BTreeMap<(Interface, Channel), Claim>,
    /// Telephones that are left alone after a call, until then.
    wrapping: BTreeMap<Interface, Mono>,
    /// Agents whom a call of ours has that does not come through a queue: they are called first. Known to us whatever is
    /// known of the queues.
    taken: BTreeSet<Interface>,
    /// When each was taken last: a number that grows.
    turns: BTreeMap<Interface, u64>,
    /// Pauses of ours that were to be ended, by queue, and when that was asked for.
    unpausing: BTreeMap<(String, Interface), Mono>,
    /// What differed when it was last compared.
    suspected: BTreeSet<Difference>,
    /// What was missed and put right, since this process began.
    healed: u64,
    /// The numbers that follow from it; `None`: something changed.
    counted: Option<Counted>,
}

type Interface = String;
type Channel = String;

#[derive(Debug, Default, Clone)]
struct Queue {
    members: BTreeMap<Interface, Member>,
    callers: BTreeMap<Channel, Option<LegId>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claim {
    /// The agent took it, and the call does not show yet.
    connected: bool,
    /// Not longer than that.
    until: Option<Mono>,
}

/// Something that is otherwise on the PBX than here, with how it is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    Member(String, Interface, Option<Member>),
    Caller(String, Channel, Option<Option<LegId>>),
    Queue(String, bool),
    Claim(Interface, Channel),
}

#[derive(Debug, Default)]
struct Counted {
    index: BTreeMap<String, usize>,
    queues: Vec<Numbers>,
    /// Free agents by the queues that they serve.
    groups: Vec<Group>,
    /// Whether somebody who is free serves more than one queue.
    shared: bool,
}

/// A queue in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// Members, paused or not.
    pub(crate) logged_on: u32,
    /// Agents whom a call would reach now.
    pub(crate) free: u32,
    /// Members who are paused, and not by us for a call of ours.
    pub(crate) paused: u32,
    /// Callers for whom no telephone rings yet.
    pub(crate) waiting: u32,
    /// Callers, those for whom one rings too.
    pub(crate) callers: u32,
}

/// What an agent is doing, as far as its queues show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentState {
    /// A call would reach it.
    Idle,
    /// Paused in the queue.
    Paused,
    /// Its telephone rings.
    Ringing,
    /// A call of ours has it: it is called before the person.
    Taken,
    /// In a call, of this queue or not.
    Talking,
    /// Its last call was a moment ago.
    WrapUp,
    /// Its telephone is not there.
    Unavailable,
}

/// An agent of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The member.
    pub member: Member,
    /// What it is doing.
    pub state: AgentState,
}

/// Why nothing is known of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unseen {
    /// Its PBX's queues are not observed.
    NotObserved,
    /// They are, and there is none of that name.
    NoSuchQueue,
}

/// What news bring with them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    /// Legs of ours that are in a queue.
    pub(crate) arrived: Vec<LegId>,
    /// The observation begins, maybe after a gap.
    pub(crate) begins: bool,
    /// What was missed and put right now.
    pub(crate) healed: u32,
}

impl Queues {
    /// Takes over what was told.
    pub(crate) fn told(&mut self, now: Mono, pbx: PbxId, news: News) -> Effects {
        let observed = self.0.entry(pbx).or_insert_with(Observed::unseen);
        observed.counted = None;
        let mut effects = Effects::default();
        match news {
            News::Lost { why } => {
                *observed = Observed { unknown: Some(why), ..observed.forgotten() };
            }
            News::Observed(all) => {
                effects.begins = true;
                effects.arrived = legs(&all).collect();
                observed.observe(all);
            }
            // Without a beginning there is nothing to compare or to change: it comes.
            _ if observed.unknown.is_some() => {}
            News::Audited(all) => {
                effects.arrived = legs(&all).collect();
                effects.healed = observed.audit(now, &all);
            }
            News::MemberIs { queue, member } => observed.member_is(now, queue, member),
            News::MemberGone { queue, interface } => {
                observed.unpausing.remove(&(queue.clone(), interface.clone()));
                if let Some(queue) = observed.queues.get_mut(&queue) {
                    queue.members.remove(&interface);
                }
            }
            News::CallerCame { queue, caller } => {
                effects.arrived.extend(caller.leg);
                observed.queues.entry(queue).or_default().callers.insert(caller.channel, caller.leg);
            }
            News::CallerGone { queue, caller, gave_up } => {
                observed.caller_gone(now, &queue, &caller.channel, gave_up);
            }
            News::Called { channel, interface } => {
                observed.claims.insert((interface, channel), Claim { connected: false, until: None });
            }
            News::Connected { caller: Caller { channel, .. }, interface } => {
                // Of several whose telephones rang it was this one.
                observed.claims.retain(|(_, of), _| *of != channel);
                if !observed.in_call(&interface) {
                    observed.claims.insert((interface, channel), Claim { connected: true, until: None });
                }
            }
            News::Released { channel, interface } => observed.released(now, channel, interface),
        }
        effects
    }

    /// Agents who are left alone for a while are free again; whether some are.
    pub(crate) fn expire(&mut self, now: Mono) -> bool {
        let mut any = false;
        for observed in self.0.values_mut() {
            let before = (observed.claims.len(), observed.wrapping.len());
            observed.claims.retain(|_, claim| claim.until.is_none_or(|until| until > now));
            observed.wrapping.retain(|_, until| *until > now);
            if before != (observed.claims.len(), observed.wrapping.len()) {
                observed.counted = None;
                any = true;
            }
        }
        any
    }

    /// When [`Queues::expire`] is worth a call.
    pub(crate) fn next_change(&self) -> Option<Mono> {
        let claims = self.0.values().flat_map(|observed| observed.claims.values().filter_map(|claim| claim.until));
        claims.chain(self.0.values().flat_map(|observed| observed.wrapping.values().copied())).min()
    }

    /// A queue in numbers.
    pub(crate) fn numbers(&mut self, pbx: PbxId, queue: &str) -> Result<Numbers, Unseen> {
        let counted = self.counted(pbx)?;
        counted.index.get(queue).map(|index| counted.queues[*index]).ok_or(Unseen::NoSuchQueue)
    }

    /// Free agents whom the queue can have: less those for whom callers wait, in this queue or in another one that they
    /// serve, and those whom `demands`, agents by name of the queue, need elsewhere.
    pub(crate) fn agents_for(&mut self, pbx: PbxId, queue: &str, demands: &[(&str, u32)]) -> Result<u32, Unseen> {
        let counted = self.counted(pbx)?;
        let index = *counted.index.get(queue).ok_or(Unseen::NoSuchQueue)?;
        let numbers = counted.queues[index];
        if !counted.shared && demands.iter().all(|(name, _)| *name != queue) {
            return Ok(numbers.free.saturating_sub(numbers.waiting));
        }
        let waiting = counted.queues.iter().enumerate().map(|(index, numbers)| (index, numbers.waiting));
        let dialled = demands.iter().filter_map(|(name, need)| Some((*counted.index.get(*name)?, *need)));
        let demands: Vec<(usize, u32)> = waiting.chain(dialled).filter(|(_, need)| *need > 0).collect();
        Ok(share::left_for(&counted.groups, &demands, index))
    }

    /// The leg of a caller who waits in a queue of the PBX, when it is one of ours.
    pub(crate) fn leg_of(&self, pbx: PbxId, channel: &str) -> Option<LegId> {
        self.0.get(&pbx)?.queues.values().find_map(|queue| queue.callers.get(channel).copied().flatten())
    }

    /// Whether a telephone rings for a leg of ours that waits in a queue of the PBX; `None`: it waits in none that is seen.
    pub(crate) fn rings_for(&self, pbx: PbxId, leg: LegId) -> Option<bool> {
        let observed = self.0.get(&pbx).filter(|observed| observed.unknown.is_none())?;
        let callers = observed.queues.values().flat_map(|queue| &queue.callers);
        let (channel, _) = callers.into_iter().find(|(_, of)| **of == Some(leg))?;
        Some(observed.claims.keys().any(|(_, of)| of == channel))
    }

    /// The telephones of a queue; none when nothing is known of it.
    pub(crate) fn interfaces(&self, pbx: PbxId, queue: &str) -> impl Iterator<Item = &str> {
        let queue = self.0.get(&pbx).and_then(|observed| observed.queues.get(queue));
        queue.into_iter().flat_map(|queue| queue.members.keys().map(String::as_str))
    }

    /// What an agent is doing, as the queue shows; `None`: it is not logged on there.
    pub(crate) fn state_in(&self, pbx: PbxId, queue: &str, interface: &str) -> Option<AgentState> {
        let observed = self.0.get(&pbx)?;
        Some(observed.state_of(observed.queues.get(queue)?.members.get(interface)?))
    }

    /// Why the queues of a PBX are not known, for people.
    pub(crate) fn unknown(&self, pbx: PbxId) -> Option<&str> {
        match self.0.get(&pbx) {
            None => Some("its queues are not observed"),
            Some(observed) => observed.unknown.as_deref(),
        }
    }

    /// What was missed on a PBX and put right.
    pub(crate) fn healed(&self, pbx: PbxId) -> u64 {
        self.0.get(&pbx).map_or(0, |observed| observed.healed)
    }

    /// Whether something differed when it was last compared: it is to be compared again soon.
    pub(crate) fn is_suspected(&self, pbx: PbxId) -> bool {
        self.0.get(&pbx).is_some_and(|observed| !observed.suspected.is_empty())
    }

    /// The agents of a queue, by their telephone.
    pub(crate) fn agents(&self, pbx: PbxId, queue: &str) -> Vec<Agent> {
        let Some(observed) = self.0.get(&pbx) else { return Vec::new() };
        let Some(queue) = observed.queues.get(queue) else { return Vec::new() };
        let agent = |member: &Member| Agent { state: observed.state_of(member), member: member.clone() };
        queue.members.values().map(agent).collect()
    }

    fn counted(&mut self, pbx: PbxId) -> Result<&Counted, Unseen> {
        let observed = self.0.get_mut(&pbx).filter(|observed| observed.unknown.is_none());
        let observed = observed.ok_or(Unseen::NotObserved)?;
        if observed.counted.is_none() {
            observed.counted = Some(observed.count());
        }
        observed.counted.as_ref().ok_or(Unseen::NotObserved)
    }
}

fn legs(all: &[QueueSnapshot]) -> impl Iterator<Item = LegId> {
    all.iter().flat_map(|queue| queue.callers.iter().filter_map(|caller| caller.leg))
}

impl Observed {
    fn unseen() -> Self {
        Self { unknown: Some("its queues were not read yet".to_owned()), ..Self::default() }
    }

    /// Without what was seen of the queues.
    fn forgotten(&mut self) -> Self {
        let (taken, turns) = (std::mem::take(&mut self.taken), std::mem::take(&mut self.turns));
        Self { healed: self.healed, taken, turns, ..Self::default() }
    }

    fn observe(&mut self, all: Vec<QueueSnapshot>) {
        *self = self.forgotten();
        for QueueSnapshot { name, members, callers } in all {
            let queue = self.queues.entry(name).or_default();
            queue.members.extend(members.into_iter().map(|member| (member.interface.clone(), member)));
            queue.callers.extend(callers.into_iter().map(|Caller { channel, leg }| (channel, leg)));
        }
    }

    fn member_is(&mut self, now: Mono, queue: String, member: Member) {
        let interface = member.interface.clone();
        if !member.paused_by_us {
            self.unpausing.remove(&(queue.clone(), interface.clone()));
        }
        if member.in_call {
            // The call shows now: it need not be remembered otherwise.
            self.claims.retain(|(of, _), claim| *of != interface || !claim.connected);
            self.wrapping.remove(&interface);
        }
        let wrap_up_s = member.wrap_up_s;
        let is_in_call = member.in_call;
        let was = self.queues.entry(queue).or_default().members.insert(interface.clone(), member);
        if was.is_some_and(|was| was.in_call) && !is_in_call && wrap_up_s > 0 {
            self.wrapping.insert(interface, now.plus_ms(u64::from(wrap_up_s) * 1_000));
        }
    }

    fn caller_gone(&mut self, now: Mono, queue: &str, channel: &str, gave_up: bool) {
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.callers.remove(channel);
        }
        if gave_up {
            return self.claims.retain(|(_, of), _| of != channel);
        }
        let until = Some(now.plus_ms(CONNECTING_MS));
        for ((_, of), claim) in &mut self.claims {
            if of == channel && !claim.connected {
                claim.until = until;
            }
        }
    }

    fn released(&mut self, now: Mono, channel: Option<Channel>, interface: Interface) {
        let queues = &self.queues;
        let waits = |caller: &str| queues.values().any(|queue| queue.callers.contains_key(caller));
        let mut talked = false;
        self.claims.retain(|(of, caller), claim| {
            let is_it = channel.as_ref().map_or(claim.connected || !waits(caller), |gone| gone == caller);
            let over = *of == interface && is_it;
            talked |= over && claim.connected;
            !over
        });
        // A conversation that did not show as one is followed by the same quiet as others.
        let members = queues.values().filter_map(|queue| queue.members.get(&interface));
        let wrap_up_s = members.map(|member| member.wrap_up_s).max().unwrap_or(0);
        if talked && wrap_up_s > 0 {
            self.wrapping.insert(interface, now.plus_ms(u64::from(wrap_up_s) * 1_000));
        }
    }

    fn in_call(&self, interface: &str) -> bool {
        self.queues.values().any(|queue| queue.members.get(interface).is_some_and(|member| member.in_call))
    }

    /// Telephones that no queue should reckon with, pauses and their own state aside.
    fn engaged(&self) -> BTreeSet<&str> {
        let in_call = self.queues.values().flat_map(|queue| queue.members.values()).filter(|member| member.in_call);
        let in_call = in_call.map(|member| member.interface.as_str());
        let claimed = self.claims.keys().map(|(interface, _)| interface.as_str());
        let taken = self.taken.iter().map(String::as_str);
        in_call.chain(claimed).chain(taken).chain(self.wrapping.keys().map(String::as_str)).collect()
    }

    fn count(&self) -> Counted {
        let engaged = self.engaged();
        let served: BTreeSet<&str> = self.claims.keys().map(|(_, channel)| channel.as_str()).collect();
        let free = |member: &Member| {
            !member.paused && member.device.takes_a_call() && !engaged.contains(member.interface.as_str())
        };
        let count = |of: usize| u32::try_from(of).unwrap_or(u32::MAX);
        let mut counted = Counted::default();
        let mut serves: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, (name, queue)) in self.queues.iter().enumerate() {
            counted.index.insert(name.clone(), index);
            let members = queue.members.values();
            let all_free = members.clone().filter(|member| free(member));
            for member in all_free.clone() {
                serves.entry(&member.interface).or_default().push(index);
            }
            counted.queues.push(Numbers {
                logged_on: count(members.len()),
                free: count(all_free.count()),
                paused: count(members.filter(|member| member.paused && !member.paused_by_us).count()),
                callers: count(queue.callers.len()),
                waiting: count(queue.callers.keys().filter(|channel| !served.contains(channel.as_str())).count()),
            });
        }
        let mut groups: BTreeMap<Vec<usize>, u32> = BTreeMap::new();
        for queues in serves.into_values() {
            counted.shared |= queues.len() > 1;
            *groups.entry(queues).or_default() += 1;
        }
        counted.groups = groups.into_iter().map(|(queues, free)| Group { queues, free }).collect();
        counted
    }

    fn state_of(&self, member: &Member) -> AgentState {
        use news::DeviceState::{Busy, InUse, Invalid, NotInUse, OnHold, RingInUse, Ringing, Unavailable, Unknown};
        let interface = &member.interface;
        let claim = self.claims.iter().find(|((of, _), _)| of == interface).map(|(_, claim)| claim);
        match member.device {
            InUse | Busy | OnHold | RingInUse => AgentState::Talking,
            _ if self.in_call(interface) || claim.is_some_and(|claim| claim.connected) => AgentState::Talking,
            Ringing => AgentState::Ringing,
            _ if claim.is_some() => AgentState::Ringing,
            _ if self.taken.contains(interface) => AgentState::Taken,
            Invalid | Unavailable => AgentState::Unavailable,
            Unknown | NotInUse if member.paused => AgentState::Paused,
            Unknown | NotInUse if self.wrapping.contains_key(interface) => AgentState::WrapUp,
            Unknown | NotInUse => AgentState::Idle,
        }
    }

    /// Compares with what the PBX says. Something that is otherwise in the same way for the second time was missed, not
    /// late: it is put right. How much that is.
    fn audit(&mut self, now: Mono, all: &[QueueSnapshot]) -> u32 {
        let found = self.differences(all);
        let (missed, suspected): (BTreeSet<_>, BTreeSet<_>) =
            found.into_iter().partition(|difference| self.suspected.contains(difference));
        self.suspected = suspected;
        let healed = u32::try_from(missed.len()).unwrap_or(u32::MAX);
        for difference in missed {
            match difference {
                Difference::Queue(name, true) => {
                    self.queues.entry(name).or_default();
                }
                Difference::Queue(name, false) => {
                    self.queues.remove(&name);
                }
                Difference::Member(queue, _, Some(member)) => self.member_is(now, queue, member),
                Difference::Member(queue, interface, None) => {
                    if let Some(queue) = self.queues.get_mut(&queue) {
                        queue.members.remove(&interface);
                    }
                }
                Difference::Caller(queue, channel, Some(leg)) => {
                    self.queues.entry(queue).or_default().callers.insert(channel, leg);
                }
                Difference::Caller(queue, channel, None) => self.caller_gone(now, &queue, &channel, true),
                Difference::Claim(interface, channel) => {
                    self.claims.remove(&(interface, channel));
                }
            }
        }
        self.healed += u64::from(healed);
        healed
    }

    fn differences(&self, all: &[QueueSnapshot]) -> BTreeSet<Difference> {
        let mut found = BTreeSet::new();
        let there: BTreeSet<&str> = all.iter().map(|queue| queue.name.as_str()).collect();
        let gone = self.queues.keys().filter(|name| !there.contains(name.as_str()));
        found.extend(gone.map(|name| Difference::Queue(name.clone(), false)));
        let nothing = Queue::default();
        let mut waits = BTreeSet::new();
        let mut idle: BTreeMap<&str, bool> = BTreeMap::new();
        for snapshot in all {
            let name = &snapshot.name;
            if !self.queues.contains_key(name) {
                found.insert(Difference::Queue(name.clone(), true));
            }
            let here = self.queues.get(name).unwrap_or(&nothing);
            let mut members: BTreeSet<&str> = here.members.keys().map(String::as_str).collect();
            for member in &snapshot.members {
                members.remove(member.interface.as_str());
                let is_idle = !member.in_call && member.device.takes_a_call();
                *idle.entry(&member.interface).or_insert(true) &= is_idle;
                if here.members.get(&member.interface) != Some(member) {
                    let interface = member.interface.clone();
                    found.insert(Difference::Member(name.clone(), interface, Some(member.clone())));
                }
            }
            found.extend(members.into_iter().map(|of| Difference::Member(name.clone(), of.to_owned(), None)));
            let mut callers: BTreeSet<&str> = here.callers.keys().map(String::as_str).collect();
            for caller in &snapshot.callers {
                waits.insert(caller.channel.as_str());
                if !callers.remove(caller.channel.as_str()) {
                    found.insert(Difference::Caller(name.clone(), caller.channel.clone(), Some(caller.leg)));
                }
            }
            found.extend(callers.into_iter().map(|of| Difference::Caller(name.clone(), of.to_owned(), None)));
        }
        // Nobody waits and the telephone is silent: what was told of it was not told to its end.
        let over = self.claims.keys().filter(|(interface, channel)| {
            !waits.contains(channel.as_str()) && idle.get(interface.as_str()).copied().unwrap_or(true)
        });
        found.extend(over.map(|(interface, channel)| Difference::Claim(interface.clone(), channel.clone())));
        found
    }
}

#[cfg(test)]
mod tests;
