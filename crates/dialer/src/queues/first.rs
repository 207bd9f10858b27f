//! Agents who are called before the person: who may be, and whom a call of ours has.

use super::news::Member;
use super::{Observed, Queues, Unseen};
use crate::command::Pause;
use domain::{Mono, PbxId};
use std::collections::BTreeMap;

/// A pause that was to be ended and lasts is asked about again after this, microseconds: the answer may be lost.
const UNPAUSE_AGAIN_US: u64 = 10_000_000;

impl Queues {
    /// The free agent of a queue whose turn it is to be called: of those who serve the fewest queues, so that callers
    /// elsewhere keep theirs, the one whose last turn is longest ago. `able` says whose telephone can be dialled.
    pub(crate) fn next_agent(&self, pbx: PbxId, queue: &str, able: impl Fn(&str) -> bool) -> Option<String> {
        let observed = self.0.get(&pbx).filter(|observed| observed.unknown.is_none())?;
        let engaged = observed.engaged();
        let members = observed.queues.get(queue)?.members.values();
        let free = members.filter(|member| !engaged.contains(member.interface.as_str()) && takes_a_call(member));
        let free = free.filter(|member| able(&member.interface));
        let turn = |member: &&Member| {
            let serves = observed.queues.values().filter(|queue| queue.members.contains_key(&member.interface)).count();
            (serves, observed.turns.get(&member.interface).copied().unwrap_or(0))
        };
        free.min_by_key(turn).map(|member| member.interface.clone())
    }

    /// Whether this agent of the queue is free.
    pub(crate) fn is_free(&self, pbx: PbxId, queue: &str, interface: &str) -> bool {
        let Some(observed) = self.0.get(&pbx).filter(|observed| observed.unknown.is_none()) else { return false };
        let member = observed.queues.get(queue).and_then(|queue| queue.members.get(interface));
        member.is_some_and(takes_a_call) && !observed.engaged().contains(interface)
    }

    /// Whether it is logged on there; `None`: nothing is known of the queue.
    pub(crate) fn is_member(&self, pbx: PbxId, queue: &str, interface: &str) -> Option<bool> {
        let observed = self.0.get(&pbx).filter(|observed| observed.unknown.is_none())?;
        Some(observed.queues.get(queue)?.members.contains_key(interface))
    }

    /// A call of ours has the agent: nobody else reckons with it.
    pub(crate) fn take(&mut self, pbx: PbxId, interface: &str) {
        let observed = self.0.entry(pbx).or_insert_with(Observed::unseen);
        let turn = observed.turns.values().max().copied().unwrap_or(0) + 1;
        observed.turns.insert(interface.to_owned(), turn);
        observed.taken.insert(interface.to_owned());
        observed.counted = None;
    }

    /// It is nobody's any more.
    pub(crate) fn release(&mut self, pbx: PbxId, interface: &str) {
        if let Some(observed) = self.0.get_mut(&pbx) {
            observed.taken.remove(interface);
            observed.counted = None;
        }
    }

    /// It is left alone until then.
    pub(crate) fn rest(&mut self, pbx: PbxId, interface: &str, until: Mono) {
        if let Some(observed) = self.0.get_mut(&pbx) {
            observed.wrapping.insert(interface.to_owned(), until);
            observed.counted = None;
        }
    }

    /// Whether an agent whom a call of ours has could be called now.
    pub(crate) fn can_be_called(&self, pbx: PbxId, queue: &str, interface: &str) -> Result<bool, Unseen> {
        let observed = self.0.get(&pbx).filter(|observed| observed.unknown.is_none()).ok_or(Unseen::NotObserved)?;
        let queue = observed.queues.get(queue).ok_or(Unseen::NoSuchQueue)?;
        let engaged = observed.in_call(interface) || observed.claims.keys().any(|(of, _)| of == interface);
        let member = queue.members.get(interface);
        // A pause of ours is for this very call.
        let can = |member: &Member| takes_a_call(member) || member.paused_by_us && member.device.takes_a_call();
        Ok(member.is_some_and(can) && !engaged)
    }

    /// How an agent is paused: in the queues in which it is a member and not paused; `None`: there is none.
    pub(crate) fn pause_of(&self, pbx: PbxId, interface: &str) -> Option<Pause> {
        let observed = self.0.get(&pbx).filter(|observed| observed.unknown.is_none());
        let queues = observed.into_iter().flat_map(|observed| &observed.queues);
        let its = queues.filter(|(_, queue)| queue.members.get(interface).is_some_and(|member| !member.paused));
        let queues: Vec<String> = its.map(|(name, _)| name.clone()).collect();
        (!queues.is_empty()).then(|| Pause { pbx, interface: interface.to_owned(), queues })
    }

    /// Whom we paused and no call of ours has any more, with the queues where it is so: told once, and again when it is so
    /// still after a while. `only`: as far as this agent is concerned.
    pub(crate) fn left_paused(&mut self, now: Mono, pbx: PbxId, only: Option<&str>) -> Vec<Pause> {
        let mut left: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let Some(observed) = self.0.get_mut(&pbx).filter(|observed| observed.unknown.is_none()) else {
            return Vec::new();
        };
        for (name, queue) in &observed.queues {
            let members: Vec<&Member> = match only {
                Some(interface) => queue.members.get(interface).into_iter().collect(),
                None => queue.members.values().collect(),
            };
            for member in members.into_iter().filter(|member| member.paused_by_us) {
                let key = (name.clone(), member.interface.clone());
                let asked = observed.unpausing.get(&key).is_some_and(|at| now.since(*at) < UNPAUSE_AGAIN_US);
                if !asked && !observed.taken.contains(&member.interface) {
                    left.entry(member.interface.clone()).or_default().push(name.clone());
                    observed.unpausing.insert(key, now);
                }
            }
        }
        left.into_iter().map(|(interface, queues)| Pause { pbx, interface, queues }).collect()
    }
}

fn takes_a_call(member: &Member) -> bool {
    !member.paused && member.device.takes_a_call()
}
