//! Placing calls: whose turn it is, what the gate says, and what becomes of a contact whose call was not made.

use crate::calls::Role;
use crate::command::Command;
use crate::counting::Served;
use crate::gate::{self, Refusal};
use crate::hopper::Ready;
use crate::judging::No;
use crate::numbers::in_a_call;
use crate::pacing::Pace;
use crate::reserving::{Chosen, Reserved};
use crate::runs::ListProgress;
use crate::step::{Attempt, Dialer};
use crate::toll::Digits;
use domain::journal::{FirstAgent, NewAttempt, PutOff, PutOffBy, QueueReceipt, Withdrawal};
use domain::{AttemptId, Contact, EndPointId, HourState, LegId, Mono, Now, RunId, Timestamp, TrunkId};

/// Calls placed in one step, at most; the rest follows in the next.
pub const PLACED_PER_STEP: u32 = 100;
/// Contacts passed over in one search because their number is in a call, at most.
pub const PASSED_OVER: u32 = 32;
/// Seconds after which a contact is looked at again whose number was in a call.
const PARKED_SECONDS: i64 = 1;
/// Seconds after which a contact is looked at again that the database refused for now.
const REFUSED_SECONDS: i64 = 5;

/// When the contact of an attempt that was taken back is tried again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Again {
    /// As if it had not been picked.
    AsBefore,
    /// Not before then.
    At(Timestamp),
    /// When the rules allow it.
    PutOff(No),
}

/// A trunk, an end point on its PBX, whether the call probes the trunk, and what is known of the end point's queue.
type Way = (TrunkId, EndPointId, bool, Option<QueueReceipt>);

impl Dialer {
    /// Places what may be placed, lower priorities first, runs of one priority in turn, one call each.
    pub(crate) fn place_calls(&mut self, now: Now, out: &mut Vec<Command>) {
        self.may_place = false;
        self.place_at = None;
        let mut order: Vec<(i32, RunId)> =
            self.runs.values().filter(|run| !run.state.is_final()).map(|run| (run.settings.priority, run.id)).collect();
        self.turns.order(&mut order);
        let mut budget = PLACED_PER_STEP;
        for group in order.chunk_by(|a, b| a.0 == b.0) {
            let mut open: Vec<RunId> = group.iter().map(|run| run.1).collect();
            while !open.is_empty() && budget > 0 {
                open.retain(|run| {
                    if budget == 0 {
                        return false;
                    }
                    let placed = self.place_one(now, *run, None, out);
                    let refusal = placed.err();
                    if refusal.is_none() {
                        budget -= 1;
                        self.turns.served(group[0].0, *run);
                        self.touch(*run);
                    }
                    if let Some(run) = self.runs.get_mut(run) {
                        run.blocked = refusal;
                    }
                    refusal.is_none()
                });
            }
        }
        if budget == 0 {
            self.place_at = Some(now.mono);
        }
    }

    /// Places one call for the run, or says which rule of the gate stands against it.
    pub(crate) fn place_one(
        &mut self,
        now: Now,
        id: RunId,
        chosen: Option<&Chosen>,
        out: &mut Vec<Command>,
    ) -> Result<AttemptId, Refusal> {
        if self.held || self.storage_lost {
            return Err(Refusal::Held);
        }
        let run = self.runs.get_mut(&id).ok_or(Refusal::RunNotActive)?;
        if run.stopped || run.paused || run.state.is_final() {
            return Err(Refusal::RunNotActive);
        }
        let hours = run.hours_at(now.wall);
        if let HourState::Closed { opens_at } = hours {
            return Err(Refusal::OutsideHours { opens_at });
        }
        if !run.hopper.has_ready(now.wall) {
            return Err(run.nothing_ready());
        }
        let (way, wake) = self.route(now, id, chosen);
        self.wake_for_placing(wake);
        let (trunk_id, end_point_id, probe, queue) = way?;
        let first = match chosen {
            Some(chosen) => Some(chosen.interface.clone()),
            None => self.pick_agent(end_point_id)?,
        };
        let ready = self.next_contact(now, id, out)?;
        let agent_leg = first.as_ref().and_then(|_| self.take_leg());
        let ids = self.take_ids().filter(|_| first.is_some() == agent_leg.is_some());
        let Some((attempt, call, leg)) = ids else {
            self.runs.get_mut(&id).ok_or(Refusal::RunNotActive)?.hopper.put_back(ready);
            return Err(Refusal::NoIds);
        };
        let trunk = self.resources.trunks.get_mut(&trunk_id).ok_or(Refusal::NoRoute)?;
        let end_point = self.resources.end_points.get(&end_point_id).ok_or(Refusal::NoRoute)?;
        let run = self.runs.get_mut(&id).ok_or(Refusal::RunNotActive)?;
        let contact = run.contact_receipt(&ready, now.wall);
        let receipt = gate::receipt(&ready, hours, run, trunk, end_point, probe, contact, queue);
        let pbx = trunk.spec.pbx;
        // What an agent looks at leaves later, in its own time.
        if chosen.is_none() {
            trunk.rate.take(now.mono);
        }
        if probe {
            trunk.circuit.probing(attempt);
        }
        if let Some(pbx) = self.resources.pbxs.get_mut(&pbx).filter(|_| chosen.is_none()) {
            pbx.rate.take(now.mono);
        }
        self.resources.occupy(pbx, trunk_id, end_point_id);
        let agent = first.zip(agent_leg).map(|(interface, leg)| Box::new(FirstAgent { leg, interface }));
        match &agent {
            Some(agent) => self.book_agent(attempt, call, pbx, agent),
            None => {
                if let Some(end_point) = self.resources.end_points.get_mut(&end_point_id) {
                    end_point.approached(id);
                }
            }
        }
        let agent_leg = agent.as_ref().map(|agent| agent.leg);
        self.calls.open(leg, call, pbx, Role::Customer);
        self.by_leg.insert(leg, attempt);
        self.open_numbers.insert(ready.contact.key, attempt);
        self.kept_free.take(ready.contact.other_keys());
        if let Some(digits) = Digits::of(&ready.contact.number) {
            self.toll.placed(digits, now.wall, now.wall);
        }
        let run = self.runs.get_mut(&id).ok_or(Refusal::RunNotActive)?;
        run.picked(ready.contact.id);
        let campaign = run.campaign;
        run.no_longer_waits(ready.due_at, ready.put_off_by);
        out.push(Command::Journal(Box::new(NewAttempt {
            attempt,
            call,
            leg,
            run: id,
            campaign: run.campaign,
            contact: ready.contact.id,
            list: ready.contact.list,
            number_ref: ready.contact.number_ref,
            number_key: ready.contact.key,
            person_key: ready.contact.person,
            retry: ready.retry,
            number_no: ready.contact.number_no,
            trunk: trunk_id,
            end_point: end_point_id,
            pbx,
            scheduled_at: now.wall,
            agent,
            reserved: chosen.is_some(),
            receipt,
        })));
        let open = Attempt {
            call,
            leg,
            run: id,
            campaign: run.campaign,
            contact: ready.contact.id,
            key: ready.contact.key,
            number_no: ready.contact.number_no,
            others: Vec::new(),
            details: Some(ready.contact),
            corrected: None,
            retry: ready.retry,
            turn_no: ready.turn_no,
            due_at: ready.due_at,
            put_off_by: ready.put_off_by,
            standing: ready.standing,
            trunk: trunk_id,
            end_point: end_point_id,
            queued: agent_leg.is_some(),
            pbx,
            agent: agent_leg,
            reserved: if chosen.is_some() { Reserved::Asked } else { Reserved::No },
            scheduled_at: now.wall,
            ext_state: String::new(),
            served: Served::default(),
        };
        self.attempts.insert(attempt, open);
        self.paced.placed(campaign, attempt);
        Ok(attempt)
    }

    /// The run's emptiest trunk that the gate lets through, with an end point on the same PBX; and when a way that is
    /// closed now opens by itself.
    ///
    /// End points where agents look first are for those who asked, and for nobody else.
    fn route(&mut self, now: Now, id: RunId, chosen: Option<&Chosen>) -> (Result<Way, Refusal>, Option<Mono>) {
        let Some(run) = self.runs.get(&id) else { return (Err(Refusal::RunNotActive), None) };
        let settings = &run.settings;
        let mut pace = Pace::new(&self.runs, &self.resources, &mut self.queues, &self.paced);
        let mut best: Option<(u32, Way)> = None;
        let mut refusal = Refusal::NoRoute;
        let mut wake: Option<Mono> = None;
        for trunk in settings.trunks.iter().filter_map(|id| self.resources.trunks.get(id)) {
            let mut end_points = settings
                .end_points
                .iter()
                .filter_map(|id| self.resources.end_points.get(id))
                .filter(|end_point| end_point.spec.pbx == trunk.spec.pbx)
                .filter(|end_point| chosen.is_none_or(|chosen| chosen.end_points.contains(&end_point.spec.id)))
                .peekable();
            if end_points.peek().is_none() {
                continue;
            }
            let open = match gate::route(now.mono, self.resources.pbxs.get(&trunk.spec.pbx), trunk) {
                // What an agent looks at leaves later: its rate is asked then, and whether it probes the trunk.
                Ok(_) | Err(Refusal::RateReached { .. }) if chosen.is_some() => Ok(false),
                other => other,
            };
            match open {
                Err(reason) => {
                    if let Refusal::RateReached { at } | Refusal::CircuitOpen { until: Some(at) } = reason {
                        wake = Some(wake.map_or(at, |other| other.min(at)));
                    }
                    refusal = nearer(refusal, reason);
                }
                Ok(probe) => {
                    let free = trunk.spec.capacity - trunk.in_use;
                    let better = best.is_none_or(|(most, ..)| free > most);
                    for end_point in end_points.take_while(|_| better) {
                        let preview = end_point.spec.queue.as_ref().is_some_and(|queue| queue.preview);
                        match pace.capacity(end_point, run) {
                            Ok(_) if preview && chosen.is_none() => refusal = nearer(refusal, Refusal::AgentsDecide),
                            Ok(capacity) => {
                                best = Some((free, (trunk.spec.id, end_point.spec.id, probe, capacity.queue)));
                                break;
                            }
                            Err(reason) => refusal = nearer(refusal, reason),
                        }
                    }
                }
            }
        }
        match best {
            Some((_, way)) => (Ok(way), None),
            None => (Err(refusal), wake),
        }
    }

    fn wake_for_placing(&mut self, at: Option<Mono>) {
        self.place_at = [self.place_at, at].into_iter().flatten().min();
    }

    /// The next contact of the run that may be called now. Those whose number is in a call are looked at again in a second,
    /// those that the rules put off leave the memory.
    fn next_contact(&mut self, now: Now, id: RunId, out: &mut Vec<Command>) -> Result<Ready, Refusal> {
        let mut put_off = Vec::new();
        let found = self.look_for_contact(now, id, &mut put_off);
        self.tell_put_off(now, id, put_off, out);
        found
    }

    fn look_for_contact(&mut self, now: Now, id: RunId, put_off: &mut Vec<PutOff>) -> Result<Ready, Refusal> {
        let run = self.runs.get_mut(&id).ok_or(Refusal::RunNotActive)?;
        let mut in_flight = false;
        for _ in 0..PASSED_OVER {
            let Some(mut ready) = run.hopper.pop(now.wall) else {
                return Err(if in_flight { Refusal::NumberInFlight } else { run.nothing_ready() });
            };
            if run.in_flight.contains(&ready.contact.id) {
                continue;
            }
            if in_a_call(&self.open_numbers, &self.kept_free, &ready.contact) {
                in_flight = true;
                run.hopper.push_timed(now.wall.plus_seconds(PARKED_SECONDS), ready);
                continue;
            }
            let mut verdict = run.judge_numbers(&mut ready, now.wall);
            if let (Ok(()), Some(until)) =
                (verdict, self.toll.opens_at(&run.settings.rules, &ready.contact.number, now.wall))
            {
                verdict = Err(No { by: PutOffBy::HourlyCap, until: Some(until) });
            }
            match verdict {
                Ok(()) => return Ok(ready),
                Err(no) => match no.is_short(now.wall) {
                    Some(until) => {
                        run.hopper.push_timed(until, ready);
                    }
                    None => put_off.push(run.put_off(&ready, no)),
                },
            }
        }
        // Behind those that were passed over others may be ready: the next step looks on.
        self.wake_for_placing(Some(now.mono));
        Err(if in_flight { Refusal::NumberInFlight } else { Refusal::NothingReady })
    }

    /// Takes an attempt back that was provably never sent; its contact goes back to where it was, or is put off.
    pub(crate) fn withdraw(&mut self, now: Now, leg: LegId, why: &str, again: Again, out: &mut Vec<Command>) {
        let Some((id, attempt)) = self.forget(leg) else { return };
        self.not_called(&attempt);
        if let Some(trunk) = self.resources.trunks.get_mut(&attempt.trunk) {
            trunk.circuit.probe_lost(now.mono, id);
        }
        out.push(Command::Withdraw(Box::new(Withdrawal {
            attempt: id,
            run: attempt.run,
            contact: attempt.contact,
            retry: attempt.retry,
            number_no: attempt.turn_no,
            due_at: attempt.due_at,
            put_off_by: attempt.put_off_by,
            why: why.to_owned(),
            at: now.wall,
        })));
        let (run, agent, held) = (attempt.run, attempt.agent, attempt.reserved.is_held());
        let put_off = self.give_back(now, attempt, again);
        self.let_agent_go(now, agent, out);
        self.tell_put_off(now, run, put_off.into_iter().collect(), out);
        self.not_dialled(now, id, held, why, out);
    }

    /// The link could not send it: the contact rests a little, so that a dead way out is not asked without end.
    pub(crate) fn not_sent(&mut self, now: Now, leg: LegId, why: &str, out: &mut Vec<Command>) {
        let Some(leg) = self.agent_not_sent(now, leg, out) else { return };
        self.withdraw(now, leg, why, Again::At(now.wall.plus_seconds(PARKED_SECONDS)), out);
    }

    /// The database holds an attempt that excludes this one.
    pub(crate) fn journal_refused(&mut self, now: Now, id: AttemptId, later: bool, out: &mut Vec<Command>) {
        let Some(leg) = self.leg_of(id) else { return };
        let Some((_, attempt)) = self.forget(leg) else { return };
        self.not_called(&attempt);
        self.let_agent_go(now, attempt.agent, out);
        if let Some(trunk) = self.resources.trunks.get_mut(&attempt.trunk) {
            trunk.circuit.probe_lost(now.mono, id);
        }
        if later {
            self.give_back(now, attempt, Again::At(now.wall.plus_seconds(REFUSED_SECONDS)));
        } else if let Some(run) = self.runs.get_mut(&attempt.run) {
            run.totals.placed -= 1;
        }
        self.not_dialled(now, id, false, "the journal refused it", out);
    }

    /// Puts the contact of a taken-back attempt into the hopper again, or off.
    fn give_back(&mut self, now: Now, attempt: Attempt, again: Again) -> Option<PutOff> {
        let run = self.runs.get_mut(&attempt.run)?;
        run.totals.placed -= 1;
        run.waits_again(attempt.due_at, attempt.put_off_by);
        // A fresh contact whose list was taken away meanwhile is not the run's any more.
        let waited = attempt.due_at.is_some();
        let ours = |contact: &Contact| waited || run.lists.iter().any(|p| p.list == contact.list);
        let (retry, turn_no) = (attempt.retry, attempt.turn_no);
        let (due_at, put_off_by) = (attempt.due_at, attempt.put_off_by);
        let (contact, standing) = attempt.into_waiting()?;
        if !ours(&contact) {
            return None;
        }
        // Of a list that was paused meanwhile it is read again when that goes on.
        let paused = |list: &&mut ListProgress| list.list == contact.list && list.paused;
        if let Some(list) = run.lists.iter_mut().find(paused).filter(|_| !waited) {
            list.unread_from(contact.id);
            return None;
        }
        let ready = Ready { contact, retry, turn_no, due_at, put_off_by, standing, left_out: Vec::new() };
        match again {
            Again::AsBefore => run.hopper.put_back(ready),
            Again::At(at) => {
                run.hopper.push_timed(at, ready);
            }
            Again::PutOff(no) => match no.is_short(now.wall) {
                Some(until) => {
                    run.hopper.push_timed(until, ready);
                }
                None => return Some(run.put_off(&ready, no)),
            },
        }
        None
    }

    /// The attempt was decided and never sent: it costs nothing.
    pub(crate) fn not_called(&mut self, attempt: &Attempt) {
        if let Some(contact) = &attempt.details {
            self.toll.not_placed(&contact.number, attempt.scheduled_at);
        }
    }

    /// Takes an attempt out of every book: resources, numbers, its run's contacts in flight.
    pub(crate) fn forget(&mut self, leg: LegId) -> Option<(AttemptId, Attempt)> {
        let id = self.by_leg.remove(&leg)?;
        let attempt = self.attempts.remove(&id)?;
        self.left_to_agents.remove(&leg);
        let leg = self.calls.remove(leg);
        self.open_numbers.remove(&attempt.key);
        self.kept_free.give_back(attempt.other_keys().into_iter());
        self.attempts_of_none.remove(&id);
        self.resources.release(attempt.trunk, attempt.end_point);
        if let Some(end_point) = self.resources.end_points.get_mut(&attempt.end_point).filter(|_| !attempt.queued) {
            end_point.arrived(attempt.run);
        }
        self.pace_ended(attempt.campaign, id);
        if let Some(run) = self.runs.get_mut(&attempt.run) {
            run.landed(attempt.contact);
            if leg.is_some_and(|leg| leg.answered_at.is_some()) {
                run.connected_now = run.connected_now.saturating_sub(1);
            }
        }
        self.touch(attempt.run);
        self.may_place = true;
        Some((id, attempt))
    }
}

/// Of two refusals the one that is closer to a call, so that people read what they can change.
fn nearer(a: Refusal, b: Refusal) -> Refusal {
    let rank = |refusal: &Refusal| match refusal {
        Refusal::NoRoute => 0,
        Refusal::PbxDown => 1,
        Refusal::TrunksFull => 2,
        Refusal::CircuitOpen { .. } => 3,
        Refusal::NoSuchQueue => 4,
        Refusal::QueueUnknown => 5,
        Refusal::NobodyLoggedOn => 6,
        Refusal::NoAgentFree => 7,
        Refusal::TooManyWait => 8,
        Refusal::AgentsTaken | Refusal::Paced { .. } => 9,
        Refusal::EndPointsFull => 10,
        Refusal::AgentsDecide => 11,
        Refusal::RateReached { .. } => 12,
        _ => 13,
    };
    match (a, b) {
        (Refusal::RateReached { at: x }, Refusal::RateReached { at: y }) => Refusal::RateReached { at: x.min(y) },
        (Refusal::CircuitOpen { until: Some(x) }, Refusal::CircuitOpen { until: Some(y) }) => {
            Refusal::CircuitOpen { until: Some(x.min(y)) }
        }
        (Refusal::CircuitOpen { until: None }, other @ Refusal::CircuitOpen { .. }) => other,
        (a, b) => {
            if rank(&b) > rank(&a) {
                b
            } else {
                a
            }
        }
    }
}
