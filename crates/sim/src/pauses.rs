//! Agents who are paused by the dialler's shell while a call of ours has them, and by themselves.

use crate::agenda::{At, SECOND};
use crate::agents::Floor;
use crate::proof::Check;
use crate::sabotage::Sabotage;
use crate::world::World;
use dialer::{Member, News, Pause};
use domain::PbxId;

/// How long the last pause may outlive the last run: the PBX hears of its end a moment later, and somebody whose unpause
/// was lost is found by the next look at the queues.
const OUTLIVES_RUNS: At = 1_000 * SECOND;

impl World {
    /// The shell looks before it pauses: whoever is paused stays as he is.
    pub(crate) fn pause_arrives(&mut self, pause: &Pause) {
        let Some(agent) = self.floors.get_mut(&pause.pbx).and_then(|floor| floor.agent(&pause.interface)) else {
            return;
        };
        let queues = pause.queues.iter().filter(|queue| agent.queues.contains(queue));
        let queues: Vec<String> = queues.filter(|_| agent.logged_on && !agent.paused).cloned().collect();
        self.summary.paused += u64::from(!queues.is_empty());
        agent.paused_by_us.extend(queues);
        self.tell_agent_of(pause.pbx, &pause.interface);
    }

    /// And before it lets somebody on.
    pub(crate) fn unpause_arrives(&mut self, pause: &Pause) {
        let looks = !self.is(Sabotage::LetsAnybodyOn);
        let Some(agent) = self.floors.get_mut(&pause.pbx).and_then(|floor| floor.agent(&pause.interface)) else {
            return;
        };
        agent.paused_by_us.retain(|queue| !pause.queues.contains(queue));
        if agent.paused && !looks {
            agent.paused = false;
            let what = format!("{} paused itself and is let on", pause.interface);
            self.broke(Check::OwnPauseKept, what);
        }
        self.tell_agent_of(pause.pbx, &pause.interface);
    }

    fn tell_agent_of(&mut self, id: PbxId, interface: &str) {
        if let Some(index) = self.floors.get(&id).and_then(|floor| floor.index_of(interface)) {
            self.tell_agent(id, index);
            self.serve(id);
        }
    }

    /// The runs are over: so are our pauses, a little later.
    pub(crate) fn pauses_are_over(&mut self) -> bool {
        let left = self.floors.values().flat_map(Floor::paused_by_us).next().map(str::to_owned);
        let Some(interface) = left else { return true };
        let since = *self.runs_over_at.get_or_insert(self.now);
        if self.now > since + OUTLIVES_RUNS {
            self.broke(Check::NobodyLeftPaused, format!("{interface} stays paused for a call that is over"));
            return true;
        }
        false
    }
}

/// A shell that does not look at the reason.
pub(crate) fn all_are_ours(news: &mut News) {
    let ours = |member: &mut Member| member.paused_by_us = member.paused;
    match news {
        News::Observed(all) | News::Audited(all) => all.iter_mut().flat_map(|queue| &mut queue.members).for_each(ours),
        News::MemberIs { member, .. } => ours(member),
        _ => {}
    }
}
