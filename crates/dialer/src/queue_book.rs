//! The checker's own book of queues: who could take a call at all, from the facts alone, without what the decider follows
//! from them. It knows no calls that are being connected, so it may take somebody for free who is not; never the other way.

use crate::command::Pause;
use crate::event::EndPointSpec;
use crate::invariants::Invariant;
use crate::queues::news::{Member, News};
use domain::journal::QueueReceipt;
use domain::{EndPointId, PbxId};
use std::collections::BTreeMap;

/// Queues of the PBXs that are observed.
#[derive(Debug, Default)]
pub(crate) struct QueueBook {
    /// The queue of each end point that has one.
    end_points: BTreeMap<EndPointId, (PbxId, String)>,
    /// Members by queue and telephone. A PBX that is not here is not observed.
    pbxs: BTreeMap<PbxId, BTreeMap<String, BTreeMap<String, Seen>>>,
}

/// A member as it was last told of.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// It could take a call.
    could: bool,
    /// It is paused, and that was us.
    paused_by_us: bool,
}

impl Seen {
    fn of(member: &Member) -> Self {
        let could = !member.paused && !member.in_call && member.device.takes_a_call();
        Self { could, paused_by_us: member.paused_by_us }
    }
}

impl QueueBook {
    pub(crate) fn end_point_is(&mut self, spec: &EndPointSpec) {
        match &spec.queue {
            Some(queue) => self.end_points.insert(spec.id, (spec.pbx, queue.name.clone())),
            None => self.end_points.remove(&spec.id),
        };
    }

    /// Whether the end point has a queue.
    pub(crate) fn has_queue(&self, end_point: EndPointId) -> bool {
        self.end_points.contains_key(&end_point)
    }

    pub(crate) fn told(&mut self, pbx: PbxId, news: &News) {
        match news {
            News::Observed(all) => {
                let queues = all.iter().map(|queue| {
                    let members = queue.members.iter().map(|member| (member.interface.clone(), Seen::of(member)));
                    (queue.name.clone(), members.collect())
                });
                self.pbxs.insert(pbx, queues.collect());
            }
            News::Lost { .. } => {
                self.pbxs.remove(&pbx);
            }
            News::MemberIs { queue, member } => {
                if let Some(queues) = self.pbxs.get_mut(&pbx) {
                    queues.entry(queue.clone()).or_default().insert(member.interface.clone(), Seen::of(member));
                }
            }
            News::MemberGone { queue, interface } => {
                if let Some(queue) = self.pbxs.get_mut(&pbx).and_then(|queues| queues.get_mut(queue)) {
                    queue.remove(interface);
                }
            }
            // What an audit puts right may be one late fact away from here: somebody more may be free.
            News::Audited(all) => {
                let Some(queues) = self.pbxs.get_mut(&pbx) else { return };
                for queue in all {
                    let here = queues.entry(queue.name.clone()).or_default();
                    for member in &queue.members {
                        let (seen, now) = (here.entry(member.interface.clone()).or_default(), Seen::of(member));
                        seen.could |= now.could;
                        seen.paused_by_us |= now.paused_by_us;
                    }
                }
            }
            News::CallerCame { .. }
            | News::CallerGone { .. }
            | News::Called { .. }
            | News::Connected { .. }
            | News::Released { .. } => {}
        }
    }

    /// Whether a pause that ends is one of ours, in each of its queues.
    pub(crate) fn is_ours(&self, pause: &Pause) -> bool {
        let Some(queues) = self.pbxs.get(&pause.pbx) else { return false };
        let member = |queue: &String| queues.get(queue)?.get(&pause.interface);
        pause.queues.iter().all(|queue| member(queue).is_some_and(|seen| seen.paused_by_us))
    }

    /// A call to the end point is decided with this receipt.
    pub(crate) fn check(
        &self,
        end_point: EndPointId,
        receipt: Option<&QueueReceipt>,
        agent: Option<&str>,
    ) -> Result<(), (Invariant, String)> {
        let Some((pbx, queue)) = self.end_points.get(&end_point) else { return Ok(()) };
        let known = self.pbxs.get(pbx).and_then(|queues| queues.get(queue));
        let (Some(members), Some(receipt)) = (known, receipt) else {
            return Err((Invariant::AgentsKnown, "nothing is known of its queue".to_owned()));
        };
        if agent.is_some_and(|agent| members.get(agent).is_none_or(|seen| !seen.could)) {
            return Err((Invariant::AgentNotDoubleBooked, "the agent cannot take a call".to_owned()));
        }
        let could = members.values().filter(|seen| seen.could).count();
        let agents = usize::try_from(receipt.agents).unwrap_or(usize::MAX);
        if agents > could {
            let why = format!("{agents} agents are reckoned with, {could} could take a call");
            return Err((Invariant::AgentsNotOversold, why));
        }
        if receipt.pace.is_some() {
            // An engine looks ahead: calls are also for those who will be free.
            return Ok(());
        }
        let call = 1_000_000 / u64::from(receipt.boost_permille.max(1));
        if receipt.taken_permille + call > u64::from(receipt.agents) * 1_000 {
            let why = format!("{} calls are on their way to {agents} agents already", receipt.on_the_way);
            return Err((Invariant::AgentsNotOversold, why));
        }
        Ok(())
    }
}
