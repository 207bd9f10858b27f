//! Agents who are shown whom they would call, and say when: a reservation is an attempt that is on disk and of which nothing
//! has left.
//!
//! It holds its contact, its number, its agent and its line, so that the agent who says yes is not told no. Nobody waits for
//! ever: after the end point's minutes the contact goes back as if it had not been picked, and no attempt is counted. The
//! agent's yes goes to the disk before his telephone rings, and the gate is asked again with what is known then.

use crate::calls::LegState;
use crate::circuit::Verdict;
use crate::command::Command;
use crate::dial::Again;
use crate::runs::Run;
use crate::step::{Attempt, Dialer};
use crate::timers::Timer;
use crate::toll::Digits;
use domain::end_point::DEFAULT_RESERVATION_MINUTES;
use domain::journal::{Fact, OpenAttempt};
use domain::{AttemptId, CampaignId, Contact, EndPointId, EndedBy, LegId, Now, PbxId, RunId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Contacts that are tried for one question, at most: each was refused by the journal after it was picked.
const TRIES: u8 = 8;
/// Reservations that are over and of which is remembered why.
const REMEMBERED: usize = 1_000;

/// How long a reservation whose time is over waits for a restart to end before it is looked at again, milliseconds.
const RESTORING_MS: u64 = 1_000;

/// What an agent asks for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The member of the queue, as Asterisk calls it.
    pub interface: String,
    /// Only of these campaigns; `None`: of any.
    pub campaigns: Option<BTreeSet<CampaignId>>,
}

/// Why an agent does not get what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoReservation {
    /// No queue of an end point with preview has such a member who is free.
    AgentNotAvailable,
    /// There is nobody to call for it now.
    NobodyToCall,
    /// There is no such call in progress.
    NotFound,
    /// There is none any more, and this is why.
    Over(String),
    /// The call is not reserved: it is being dialled already.
    WrongState,
    /// It may not be dialled now; this is why.
    NotNow(String),
}

/// A call that an agent looks at.
#[derive(Debug, Clone)]
pub struct Reservation {
    /// Its attempt: WombatDialer's id.
    pub attempt: AttemptId,
    /// Of which run.
    pub run: RunId,
    /// Of which campaign; `None`: its run is not here.
    pub campaign: Option<CampaignId>,
    /// Whom; `None`: the contact was deleted.
    pub contact: Option<Arc<Contact>>,
    /// 0-based retry counter.
    pub retry: u32,
    /// For whom.
    pub interface: String,
    /// Since when.
    pub since: Timestamp,
    /// Not longer than that.
    pub until: Timestamp,
}

/// How far an attempt is that an agent looks at first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Reserved {
    /// It is dialled without being asked, or the agent said yes.
    #[default]
    No,
    /// It is on its way to the disk.
    Asked,
    /// It is on disk and the agent looks at it, not longer than until then.
    Held { until: Timestamp },
}

impl Reserved {
    pub(crate) fn is_held(self) -> bool {
        matches!(self, Self::Held { .. })
    }
}

/// The agent for whom a contact is picked, and the end points whose queues have it free.
pub(crate) struct Chosen {
    pub(crate) interface: String,
    pub(crate) end_points: Vec<EndPointId>,
}

/// Agents who wait for an answer, and what became of reservations lately.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    waiting: BTreeMap<AttemptId, Vec<Question>>,
    /// Reservations that nobody decided, oldest first, and why they are over.
    over: VecDeque<(AttemptId, String)>,
}

/// What an agent waits for.
#[derive(Debug)]
struct Question {
    request: u64,
    /// It asked for somebody to call; `None`: it said yes.
    wish: Option<Wish>,
    tries: u8,
}

impl Desk {
    fn waits(&mut self, attempt: AttemptId, question: Question) {
        self.waiting.entry(attempt).or_default().push(question);
    }
}

impl Dialer {
    /// What an agent has reserved, if the attempt is on disk and still reserved.
    pub fn reservation(&self, id: AttemptId) -> Option<Reservation> {
        let attempt = self.attempts.get(&id)?;
        let Reserved::Held { until } = attempt.reserved else { return None };
        Some(Reservation {
            attempt: id,
            run: attempt.run,
            campaign: self.campaign_of(attempt.run),
            contact: attempt.who().map(Arc::clone),
            retry: attempt.retry,
            interface: self.agents.get(&attempt.agent?)?.interface.clone(),
            since: attempt.scheduled_at,
            until,
        })
    }

    /// Every reservation, oldest first.
    pub fn reservations(&self) -> impl Iterator<Item = Reservation> {
        self.attempts.keys().filter_map(|id| self.reservation(*id))
    }

    fn reserved_until(&self, end_point: EndPointId, since: Timestamp) -> Timestamp {
        let queue = self.resources.end_points.get(&end_point).and_then(|end_point| end_point.spec.queue.as_ref());
        let minutes = queue.map_or(DEFAULT_RESERVATION_MINUTES, |queue| queue.reservation_minutes);
        since.plus_seconds(i64::from(minutes) * 60)
    }

    /// An agent asks for somebody to call; asked again it gets the same.
    pub(crate) fn reserve(&mut self, now: Now, request: u64, wish: Wish, out: &mut Vec<Command>) {
        self.try_to_reserve(now, Question { request, wish: Some(wish), tries: 0 }, out);
    }

    fn try_to_reserve(&mut self, now: Now, question: Question, out: &mut Vec<Command>) {
        let (request, Some(wish)) = (question.request, question.wish.as_ref()) else { return };
        let no = |no: NoReservation| Command::Reserved { request, answer: Err(no) };
        let seen = |run: RunId| match &wish.campaigns {
            Some(campaigns) => self.campaign_of(run).is_some_and(|campaign| campaigns.contains(&campaign)),
            None => true,
        };
        let its = self.agents.values().filter(|agent| agent.interface == wish.interface);
        let mut has = its.filter_map(|agent| Some((agent.attempt, self.attempts.get(&agent.attempt)?)));
        match has.find(|(_, attempt)| attempt.reserved != Reserved::No && seen(attempt.run)) {
            Some((id, attempt)) if attempt.reserved.is_held() => {
                return out.push(Command::Reserved { request, answer: Ok(id) });
            }
            Some((id, _)) => return self.desk.waits(id, question),
            None => {}
        }
        let end_points = self.end_points_of(&wish.interface);
        if end_points.is_empty() {
            return out.push(no(NoReservation::AgentNotAvailable));
        }
        let mut order: Vec<(i32, RunId)> = (self.runs.values())
            .filter(|run| !run.state.is_final() && seen(run.id))
            .map(|run| (run.settings.priority, run.id))
            .collect();
        self.turns.order(&mut order);
        let chosen = Chosen { interface: wish.interface.clone(), end_points };
        for (priority, run) in order {
            if let Ok(attempt) = self.place_one(now, run, Some(&chosen), out) {
                self.turns.served(priority, run);
                self.touch(run);
                return self.desk.waits(attempt, question);
            }
        }
        out.push(no(NoReservation::NobodyToCall));
    }

    /// The end points with preview whose queue has this agent free.
    fn end_points_of(&self, interface: &str) -> Vec<EndPointId> {
        let all = self.resources.end_points.values().filter(|end_point| !end_point.removed);
        let its = all.filter(|end_point| {
            let queue = end_point.spec.queue.as_ref().filter(|queue| queue.reverse && queue.preview);
            queue.is_some_and(|queue| {
                queue.rewrite.device(interface).is_ok()
                    && self.queues.is_free(end_point.spec.pbx, &queue.name, interface)
            })
        });
        its.map(|end_point| end_point.spec.id).collect()
    }

    /// It is on disk: the agent may look at it.
    pub(crate) fn reserved_on_disk(&mut self, now: Now, id: AttemptId, out: &mut Vec<Command>) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        let (leg, until) = (attempt.leg, self.reserved_until(attempt.end_point, attempt.scheduled_at));
        self.holds(now, id, leg, until);
        self.pause_agent(id, out);
        self.answer(id, &Ok(id), out);
    }

    /// One that was reserved when the process ended. One whose number was suppressed meanwhile is not looked at any longer.
    pub(crate) fn restore_reservation(&mut self, now: Now, open: &OpenAttempt) {
        let until = self.reserved_until(open.end_point, open.scheduled_at);
        let until = if open.suppressed { now.wall.plus_seconds(1) } else { until };
        self.holds(now, open.attempt, open.leg, until);
    }

    fn holds(&mut self, now: Now, id: AttemptId, leg: LegId, until: Timestamp) {
        if let Some(attempt) = self.attempts.get_mut(&id) {
            attempt.reserved = Reserved::Held { until };
        }
        let left = u64::try_from(until.ms_since(now.wall)).unwrap_or(0);
        self.timers.set(now.mono.plus_ms(left), leg, Timer::ReservationOver);
    }

    /// Nobody decided in time.
    pub(crate) fn reservation_over(&mut self, now: Now, leg: LegId, out: &mut Vec<Command>) {
        let attempt = self.by_leg.get(&leg).and_then(|id| self.attempts.get(id));
        let Some(attempt) = attempt.filter(|attempt| attempt.reserved.is_held()) else { return };
        // After a restart its time may be over before every open attempt of its run is told.
        if self.runs.get(&attempt.run).is_some_and(Run::awaits_restored) {
            return self.timers.set(now.mono.plus_ms(RESTORING_MS), leg, Timer::ReservationOver);
        }
        self.withdraw(now, leg, "its agent did not decide in time", Again::AsBefore, out);
    }

    /// Those that agents look at and that this says: they go back.
    pub(crate) fn give_up_reservations(
        &mut self,
        now: Now,
        why: &str,
        which: impl Fn(&Self, &Attempt) -> bool,
        out: &mut Vec<Command>,
    ) {
        let held = self.attempts.values().filter(|attempt| attempt.reserved.is_held());
        let legs: Vec<LegId> = held.filter(|attempt| which(self, attempt)).map(|attempt| attempt.leg).collect();
        for leg in legs {
            self.withdraw(now, leg, why, Again::AsBefore, out);
        }
    }

    /// Whoever looks at a call and is not logged on to its queue any more does not decide.
    pub(crate) fn agents_may_have_left(&mut self, now: Now, pbx: PbxId, out: &mut Vec<Command>) {
        let left = |dialer: &Self, attempt: &Attempt| {
            let end_point = dialer.resources.end_points.get(&attempt.end_point);
            let queue = end_point.and_then(|end_point| end_point.spec.queue.as_ref());
            let agent = attempt.agent.and_then(|leg| dialer.agents.get(&leg));
            attempt.pbx == pbx
                && queue.zip(agent).is_some_and(|(queue, agent)| {
                    dialer.queues.is_member(pbx, &queue.name, &agent.interface) == Some(false)
                })
        };
        self.give_up_reservations(now, "its agent logged off", left, out);
    }

    /// The agent says yes. That goes to disk before his telephone rings: a reservation that is found after a crash is one of
    /// which nothing has left.
    pub(crate) fn accept(&mut self, now: Now, request: u64, id: AttemptId, out: &mut Vec<Command>) {
        if let Err(no) = self.may_be_accepted(now, id) {
            return out.push(Command::Reserved { request, answer: Err(no) });
        }
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        attempt.reserved = Reserved::No;
        let (trunk, pbx) = (attempt.trunk, attempt.pbx);
        // From now on it counts as a call of this moment, wherever calls are counted by their time.
        let decided_at = std::mem::replace(&mut attempt.scheduled_at, now.wall);
        if let Some(number) = attempt.who().map(|contact| contact.number.clone()) {
            self.toll.not_placed(&number, decided_at);
            if let Some(digits) = Digits::of(&number) {
                self.toll.placed(digits, now.wall, now.wall);
            }
        }
        if let Some(trunk) = self.resources.trunks.get_mut(&trunk) {
            trunk.rate.take(now.mono);
            if trunk.circuit.verdict(now.mono) == Verdict::Probe {
                trunk.circuit.probing(id);
            }
        }
        if let Some(pbx) = self.resources.pbxs.get_mut(&pbx) {
            pbx.rate.take(now.mono);
        }
        self.desk.waits(id, Question { request, wish: None, tries: 0 });
        out.push(Command::Accept { attempt: id, at: now.wall });
    }

    /// What stands against it now and may pass while the agent looks on; the contact's rules are asked when it is on disk.
    fn may_be_accepted(&mut self, now: Now, id: AttemptId) -> Result<(), NoReservation> {
        self.is_looked_at(id)?;
        let not_now = |why: &str| Err(NoReservation::NotNow(why.to_owned()));
        let Some(attempt) = self.attempts.get(&id) else { return Err(NoReservation::NotFound) };
        let (run, trunk, pbx, agent) = (attempt.run, attempt.trunk, attempt.pbx, attempt.agent);
        if let Some(why) = self.forbidden(now, run, pbx) {
            return not_now(why);
        }
        if let Some(why) = agent.and_then(|leg| self.agent_is_gone(leg)) {
            return not_now(why);
        }
        match self.resources.trunks.get(&trunk).filter(|trunk| !trunk.removed) {
            None => return not_now("its trunk was deleted"),
            Some(trunk) if matches!(trunk.circuit.verdict(now.mono), Verdict::Wait { .. }) => {
                return not_now("its trunk rests after refusals by the carrier");
            }
            Some(_) => {}
        }
        match self.hour_was_filled(now, id) {
            Some(_) => not_now("its hour was filled with other calls"),
            None => Ok(()),
        }
    }

    fn is_looked_at(&self, id: AttemptId) -> Result<(), NoReservation> {
        match self.attempts.get(&id) {
            Some(attempt) if attempt.reserved.is_held() => Ok(()),
            Some(_) => Err(NoReservation::WrongState),
            None => Err(self
                .desk
                .over
                .iter()
                .rev()
                .find(|(over, _)| *over == id)
                .map_or(NoReservation::NotFound, |(_, why)| NoReservation::Over(why.clone()))),
        }
    }

    /// The agent does not want it: it ends with his word for why, and is tried again only if a rule for that says so.
    pub(crate) fn skip(&mut self, now: Now, request: u64, id: AttemptId, status: String, out: &mut Vec<Command>) {
        let answer = self.is_looked_at(id);
        if answer.is_ok()
            && let Some(leg) = self.leg_of(id).and_then(|leg| self.calls.leg(leg))
        {
            debug_assert_eq!(leg.state, LegState::Journalling, "nothing of a reservation was sent");
            let (leg, facts) = (leg.id, leg.facts_ended_by(EndedBy::AgentSkip, 0, None));
            if let Some(attempt) = self.attempts.get_mut(&id).filter(|_| !status.is_empty()) {
                attempt.ext_state.clone_from(&status);
                self.note_leg(leg, Fact::StatusSet { status }, now.wall, out);
            }
            self.finish(now, leg, facts, out);
        }
        out.push(Command::Reserved { request, answer: answer.map(|()| id) });
    }

    /// The agent gives it back, for whoever asks next.
    pub(crate) fn release_reservation(&mut self, now: Now, request: u64, id: AttemptId, out: &mut Vec<Command>) {
        let answer = self.is_looked_at(id);
        if let (Ok(()), Some(leg)) = (&answer, self.leg_of(id)) {
            self.withdraw(now, leg, "its agent gave it back", Again::AsBefore, out);
        }
        out.push(Command::Reserved { request, answer: answer.map(|()| id) });
    }

    /// The journal does not take the agent's yes: the contact has another number by now.
    pub(crate) fn accept_refused(&mut self, now: Now, id: AttemptId, out: &mut Vec<Command>) {
        if let Some(leg) = self.leg_of(id) {
            self.withdraw(now, leg, "its contact was changed before it was dialled", Again::AsBefore, out);
        }
    }

    /// Whoever waits for the attempt is answered.
    pub(crate) fn answer(&mut self, id: AttemptId, answer: &Result<AttemptId, NoReservation>, out: &mut Vec<Command>) {
        for Question { request, .. } in self.desk.waiting.remove(&id).unwrap_or_default() {
            out.push(Command::Reserved { request, answer: answer.clone() });
        }
    }

    /// The attempt is over without a call. Whoever asked for somebody gets somebody else; whoever said yes is told why.
    pub(crate) fn not_dialled(&mut self, now: Now, id: AttemptId, held: bool, why: &str, out: &mut Vec<Command>) {
        if held {
            if self.desk.over.len() >= REMEMBERED {
                self.desk.over.pop_front();
            }
            self.desk.over.push_back((id, why.to_owned()));
        }
        for mut question in self.desk.waiting.remove(&id).unwrap_or_default() {
            question.tries += 1;
            let request = question.request;
            let no = match question.wish {
                Some(_) if question.tries < TRIES => {
                    self.try_to_reserve(now, question, out);
                    continue;
                }
                Some(_) => NoReservation::NobodyToCall,
                None => NoReservation::NotNow(why.to_owned()),
            };
            out.push(Command::Reserved { request, answer: Err(no) });
        }
    }
}
