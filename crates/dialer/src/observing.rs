//! What is told of queues, and what follows from it for the calls on their way.

use crate::command::Command;
use crate::pacing::Pace;
use crate::queues::news::News;
use crate::step::Dialer;
use domain::{AttemptId, LegId, Now, PbxId};

impl Dialer {
    pub(crate) fn queues_told(&mut self, now: Now, pbx: PbxId, news: News, out: &mut Vec<Command>) {
        let touches = match &news {
            News::Observed(_) | News::Audited(_) => Some(None),
            News::MemberIs { member, .. } => Some(Some(member.interface.clone())),
            _ => None,
        };
        let fewer = !matches!(news, News::CallerCame { .. } | News::CallerGone { .. } | News::Called { .. });
        let stopped_ringing = matches!(news, News::Released { .. });
        let hint = self.hint_of(pbx, &news);
        self.calls_told(now, pbx, &news, out);
        let effects = self.queues.told(now.mono, pbx, news);
        self.follow_hint(now.mono, pbx, hint);
        if stopped_ringing {
            self.look_at_left(now, pbx, out);
        }
        if fewer {
            self.agents_may_have_left(now, pbx, out);
        }
        for leg in effects.arrived {
            self.came_to_a_queue(leg);
        }
        if effects.begins {
            // Those who were answered before may have come to their queue, and left it, while nobody watched.
            let answered = self.calls.on_pbx(pbx).filter(|leg| leg.answered_at.is_some());
            let answered: Vec<LegId> = answered.map(|leg| leg.id).collect();
            answered.into_iter().for_each(|leg| self.came_to_a_queue(leg));
        }
        if effects.healed > 0 {
            out.push(Command::QueuesHealed { pbx, count: effects.healed });
        }
        if let Some(only) = touches {
            self.end_pauses(now, pbx, only.as_deref(), out);
        }
    }

    /// Agents whom we paused for calls that are over, also by an earlier process, are let on; `only`: this one.
    pub(crate) fn end_pauses(&mut self, now: Now, pbx: PbxId, only: Option<&str>, out: &mut Vec<Command>) {
        let left = self.queues.left_paused(now.mono, pbx, only);
        out.extend(left.into_iter().map(Command::UnpauseAgent));
    }

    /// From here on the queue's own figures tell of the call.
    fn came_to_a_queue(&mut self, leg: LegId) {
        let Some(attempt) = self.by_leg.get(&leg).and_then(|id| self.attempts.get_mut(id)) else { return };
        if std::mem::replace(&mut attempt.queued, true) {
            return;
        }
        if let Some(end_point) = self.resources.end_points.get_mut(&attempt.end_point) {
            end_point.arrived(attempt.run);
        }
    }

    /// Why an attempt that is on disk may not go to its agents any more, if it is for agents.
    pub(crate) fn agents_are_gone(&mut self, id: AttemptId) -> Option<&'static str> {
        let attempt = self.attempts.get(&id)?;
        let end_point = self.resources.end_points.get(&attempt.end_point)?;
        if let Some(leg) = attempt.agent {
            return self.agent_is_gone(leg);
        }
        let queue = end_point.spec.queue.as_ref()?;
        let run = self.runs.get(&attempt.run);
        let is_void = run.is_some_and(|run| self.paced.is_void(run, id));
        let is_paced = run.is_some_and(|run| self.paced.of(run).is_some());
        let mut pace = Pace::new(&self.runs, &self.resources, &mut self.queues, &self.paced);
        if pace.queue(end_point, queue).is_err() {
            return Some("its queue was lost from sight before it was sent");
        }
        let gone = if is_paced { is_void } else { pace.is_oversold(end_point) };
        gone.then_some("its agents were taken before it was sent")
    }
}
