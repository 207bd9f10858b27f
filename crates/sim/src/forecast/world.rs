//! The world of a play: its clock, its PBXs, and the shell around the dialler.

use super::Stopped;
use super::books::Books;
use super::fate::{Fate, Kind};
use super::figures::{Figures, Played};
use super::floor::{AgentNo, Floor, Left};
use super::plan::Plan;
use dialer::{CallAgent, Command, Dialer, Event, FoundLeg, HarbourAnswer, IdKind, Originate, RunSpec};
use domain::journal::Fact;
use domain::{EndPointId, LegId, Mono, Now, RunId, RunState, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};

/// The run of the play.
const RUN: RunId = RunId(1);
/// Steps between two looks at whoever watches.
const WATCHED_EVERY: u64 = 2_048;
/// Steps in one instant, at most: more is a loop that does not end.
const STEPS_AT_ONCE: u64 = 1_000_000;
/// A timer is told this late, microseconds: a little behind its time, as production is.
const LATE_US: u64 = 1_000;
/// A machine is found out so long after it answered, seconds.
const FOUND_OUT_S: f64 = 1.5;
/// What analysis says of it.
const MACHINE: &str = "MACHINE";
/// Where there is a safe harbour, a person without an agent hears its message for so long, seconds.
const MESSAGE_S: f64 = 8.0;
/// An agent who is called before the person answers after so long, seconds.
const AGENT_COMES_S: f64 = 2.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Do {
    Rings(LegId),
    Fails(LegId),
    Answers(LegId),
    PicksUp(AgentNo, LegId),
    FoundOut(LegId),
    /// Patience, a message or a conversation is over.
    Over(LegId, u32),
    WrappedUp(AgentNo),
    /// An agent who is called first answers.
    AgentAnswers(LegId),
}

#[derive(Debug)]
struct Call {
    end_point: EndPointId,
    fate: Fate,
    up: bool,
    talks: bool,
    /// What ends it next; an older end is none.
    ends: u32,
    agent_leg: Option<LegId>,
}

/// An agent's own leg, who is called before the person.
#[derive(Debug)]
struct AgentLeg {
    agent: Option<AgentNo>,
    up: bool,
    wrap_up_s: u32,
}

pub(super) struct World<'a> {
    plan: &'a Plan,
    seed: u64,
    dialer: Dialer,
    now: u64,
    /// When what happens, in order; equal times in order of entry.
    agenda: BinaryHeap<Reverse<(u64, u64, Do)>>,
    entries: u64,
    inbox: VecDeque<Event>,
    books: Books<'a>,
    floor: Floor,
    calls: HashMap<LegId, Call>,
    agent_legs: HashMap<LegId, AgentLeg>,
    ids: BTreeMap<IdKind, i64>,
    figures: Figures<'a>,
    steps: u64,
    broken: Option<String>,
}

fn us(seconds: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is no negative time")]
    let us = (seconds * 1e6) as u64;
    us
}

impl<'a> World<'a> {
    pub(super) fn new(plan: &'a Plan, seed: u64) -> Self {
        Self {
            plan,
            seed,
            dialer: Dialer::new(),
            now: 0,
            agenda: BinaryHeap::new(),
            entries: 0,
            inbox: VecDeque::new(),
            books: Books::new(plan),
            floor: Floor::new(plan),
            calls: HashMap::new(),
            agent_legs: HashMap::new(),
            ids: BTreeMap::new(),
            figures: Figures::new(plan, seed),
            steps: 0,
            broken: None,
        }
    }

    pub(super) fn play(mut self, watch: &mut dyn FnMut(Timestamp) -> bool) -> Result<Played, Stopped> {
        self.begin();
        let end = u64::from(self.plan.horizon_s) * 1_000_000;
        let (mut watched_at, mut at_once) = (0, 0);
        self.deliver()?;
        while !self.figures.is_finished() {
            let wake = self.dialer.next_wake(self.time()).map(|wake| wake.0.max(self.now) + LATE_US);
            let next = self.agenda.peek().map(|Reverse((at, ..))| *at);
            let Some(at) = [wake, next].into_iter().flatten().min().filter(|at| *at < end) else { break };
            at_once = if at > self.now { 0 } else { at_once + 1 };
            if at_once > STEPS_AT_ONCE {
                return Err(Stopped::Broken(format!("nothing moves at {}", self.time().wall)));
            }
            let (busy, agents) = self.floor.counts();
            self.figures.passes(self.now, at, busy, agents);
            self.now = at.max(self.now);
            match self.agenda.peek() {
                Some(Reverse((due, ..))) if *due <= at => {
                    if let Some(Reverse((_, _, what))) = self.agenda.pop() {
                        self.happens(what);
                    }
                }
                _ => self.inbox.push_back(Event::Tick),
            }
            self.deliver()?;
            if self.steps >= watched_at {
                watched_at = self.steps + WATCHED_EVERY;
                if !watch(self.time().wall) {
                    return Err(Stopped::Cancelled);
                }
            }
        }
        if !self.figures.is_finished() {
            let (busy, agents) = self.floor.counts();
            self.figures.passes(self.now, end, busy, agents);
        }
        Ok(self.figures.over(self.books.left(), self.steps))
    }

    /// What a dialler is told first: configuration, links, queues, and the run.
    fn begin(&mut self) {
        for pbx in &self.plan.pbxs {
            self.inbox.push_back(Event::PbxConfigured(pbx.spec));
            self.inbox.push_back(Event::HarbourSeen { pbx: pbx.spec.id, there: pbx.harbour });
        }
        self.inbox.extend(self.plan.trunks.iter().map(|spec| Event::TrunkConfigured(*spec)));
        self.inbox.extend(self.plan.end_points.iter().map(|spec| Event::EndPointConfigured(spec.clone())));
        self.inbox.push_back(Event::CallsRemembered(self.plan.called_before.clone()));
        let campaign = self.plan.campaign;
        self.inbox.extend(self.plan.books.map(|period| Event::BooksRemembered { campaign, period }));
        self.inbox.extend(self.plan.pbxs.iter().map(|pbx| Event::PbxUp { pbx: pbx.spec.id, legs: vec![] }));
        self.inbox.extend(self.floor.observed());
        let totals = self.books.totals();
        let mut settings = self.plan.settings.clone();
        // It ends when everybody was called, also where production waits for more; and whoever is called first has a
        // telephone in use, which says as much as a pause.
        (settings.idle_on_termination, settings.autopause) = (false, false);
        self.inbox.push_back(Event::RunStarted(Box::new(RunSpec {
            run: RUN,
            campaign: self.plan.campaign,
            settings,
            lists: self.plan.lists.clone(),
            paused_lists: self.plan.paused_lists.clone(),
            contacts: self.books.left() + totals.refused,
            totals,
            state: RunState::Runnable,
        })));
    }

    fn time(&self) -> Now {
        Now { mono: Mono(self.now), wall: Timestamp(self.plan.begins_at.0.saturating_add_unsigned(self.now)) }
    }

    fn after(&mut self, seconds: f64, what: Do) {
        self.entries += 1;
        self.agenda.push(Reverse((self.now + us(seconds), self.entries, what)));
    }

    /// Tells the dialler everything that is to be told, and carries out what it says.
    fn deliver(&mut self) -> Result<(), Stopped> {
        let mut out = Vec::new();
        while let Some(event) = self.inbox.pop_front() {
            self.steps += 1;
            self.dialer.step(self.time(), event, &mut out);
            for command in out.drain(..) {
                self.carry_out(command);
            }
            if let Some(broken) = self.broken.take() {
                return Err(Stopped::Broken(broken));
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::LoadContacts(load) => self.inbox.push_back(Event::ContactsLoaded(self.books.load(&load))),
            Command::WantIds { kind, count } => {
                let next = self.ids.entry(kind).or_insert(1);
                let from = *next;
                *next += i64::from(count);
                self.inbox.push_back(Event::IdsGranted { kind, from, to: from + i64::from(count) });
            }
            Command::Journal(new) => match self.books.journal(&new) {
                Some(standing) => self.inbox.push_back(Event::Journalled { attempt: new.attempt, standing }),
                None => self.broken = Some(format!("contact {} is none of the campaign", new.contact)),
            },
            Command::Originate(call) => self.originate(&call),
            Command::CallAgent(call) => self.call_agent(&call),
            Command::BringToHarbour(to) => self.harbour(to.leg),
            Command::HangUp { leg, .. } => self.hang_up(leg),
            Command::LookUp { leg, .. } => {
                let found = self.calls.get(&leg).map(|call| call.up);
                self.inbox.push_back(match found.or(self.agent_legs.get(&leg).map(|agent| agent.up)) {
                    Some(up) => Event::LegFound(FoundLeg { leg, up, ringing: !up }),
                    None => Event::LegMissing(leg),
                });
            }
            Command::Note(note) => {
                match note.fact {
                    Fact::Requested => self.books.requested(note.attempt),
                    Fact::Answered => self.books.answered(note.attempt, note.at),
                    _ => {}
                }
                if let Some(counted) = note.counted {
                    self.figures.counted(self.now, counted.live_by, counted.abandoned_by);
                }
            }
            Command::Close(end) => {
                self.figures.ended(&end);
                self.books.close(&end);
            }
            Command::Withdraw(back) => self.books.withdraw(&back),
            Command::PutOff { contacts, .. } => {
                for off in &contacts {
                    if let Some(index) = self.books.index_of(off.contact) {
                        self.figures.put_off(index, off);
                    }
                    self.books.put_off(off);
                }
            }
            Command::RunChanged(change) if change.state.is_final() => self.figures.finished(self.now),
            Command::HoldDialling { why } => self.broken = Some(format!("dialling was held: {why}")),
            Command::Violated { invariant, detail, .. } => self.broken = Some(format!("{invariant}: {detail}")),
            // Nobody is asked to look first, nothing is judged again, and what is only told is nobody's.
            _ => {}
        }
    }

    fn originate(&mut self, call: &Originate) {
        self.figures.made(self.now, call.retry);
        let hour = self.time().wall.to_jiff().to_zoned(self.plan.settings.hours.zone().clone()).hour();
        let hour = usize::try_from(hour).unwrap_or(0);
        let mut fate = Fate::draw(&self.plan.habits, self.seed, &call.contact, call.retry, hour);
        let trunk = self.plan.trunks.iter().find(|trunk| trunk.id == call.trunk);
        // A trunk that gives up sooner than was assumed is there all the same.
        let gives_up_s = trunk.map_or(f64::MAX, |trunk| f64::from(trunk.progress_timeout_ms) / 1_000.0);
        fate.sets_up_s = fate.sets_up_s.min(0.8 * gives_up_s);
        self.inbox.push_back(Event::OriginateDone(call.leg));
        let then = if matches!(fate.kind, Kind::NotThrough(..)) { Do::Fails(call.leg) } else { Do::Rings(call.leg) };
        self.after(fate.sets_up_s, then);
        let call_of = Call { end_point: call.end_point, fate, up: false, talks: false, ends: 0, agent_leg: call.agent };
        self.calls.insert(call.leg, call_of);
    }

    fn call_agent(&mut self, call: &CallAgent) {
        self.inbox.push_back(Event::OriginateDone(call.leg));
        let agent = self.floor.is_called(&call.device, call.leg, &mut self.inbox);
        self.agent_legs.insert(call.leg, AgentLeg { agent, up: false, wrap_up_s: 0 });
        if agent.is_some() {
            self.after(AGENT_COMES_S, Do::AgentAnswers(call.leg));
        }
    }

    fn hang_up(&mut self, leg: LegId) {
        if self.agent_legs.contains_key(&leg) {
            return self.agent_leg_ends(leg);
        }
        match self.calls.get(&leg) {
            Some(call) if call.up => self.ends(leg, 16, None),
            Some(_) => self.ends(leg, 19, Some(480)),
            None => self.inbox.push_back(Event::LegMissing(leg)),
        }
    }

    fn happens(&mut self, what: Do) {
        match what {
            Do::Rings(leg) => self.rings(leg),
            Do::Fails(leg) => {
                if let Some(Kind::NotThrough(cause, code)) = self.calls.get(&leg).map(|call| call.fate.kind) {
                    self.ends(leg, cause, Some(code));
                }
            }
            Do::Answers(leg) => self.answers(leg),
            Do::PicksUp(agent, leg) => {
                if self.floor.picks_up(agent, leg, &mut self.inbox) {
                    self.talks(leg);
                }
            }
            Do::FoundOut(leg) => {
                if self.calls.contains_key(&leg) {
                    self.inbox.push_back(Event::StatusSet { leg, status: MACHINE.to_owned() });
                    self.ends(leg, 16, None);
                }
            }
            Do::Over(leg, ends) => {
                if self.calls.get(&leg).is_some_and(|call| call.ends == ends) {
                    self.ends(leg, 16, None);
                }
            }
            Do::WrappedUp(agent) => self.free(agent),
            Do::AgentAnswers(leg) => {
                if let Some(agent) = self.agent_legs.get_mut(&leg) {
                    agent.up = true;
                    self.inbox.push_back(Event::LegAnswered(leg));
                }
            }
        }
    }

    fn rings(&mut self, leg: LegId) {
        let Some(call) = self.calls.get(&leg) else { return };
        let answers = matches!(call.fate.kind, Kind::Person | Kind::Machine).then_some(call.fate.rings_s);
        self.inbox.push_back(Event::LegRinging(leg));
        if let Some(after_s) = answers {
            self.after(after_s, Do::Answers(leg));
        }
    }

    fn answers(&mut self, leg: LegId) {
        let Some(call) = self.calls.get_mut(&leg) else { return };
        call.up = true;
        let (kind, end_point, patience_s) = (call.fate.kind, call.end_point, call.fate.patience_s);
        let agent_leg = call.agent_leg;
        self.figures.answered(self.now);
        self.inbox.push_back(Event::LegAnswered(leg));
        if kind == Kind::Machine {
            return self.after(FOUND_OUT_S, Do::FoundOut(leg));
        }
        if agent_leg.is_some() || !self.floor.has_queue(end_point) {
            return self.talks(leg);
        }
        self.after(patience_s, Do::Over(leg, 0));
        let rings = self.floor.joins(leg, end_point, &mut self.inbox);
        self.agent_rings(rings);
    }

    fn agent_rings(&mut self, rings: Option<(AgentNo, LegId)>) {
        if let Some((agent, leg)) = rings {
            self.after(self.plan.habits.agent_answers_s, Do::PicksUp(agent, leg));
        }
    }

    /// The conversation begins, or what comes behind an end point without agents.
    fn talks(&mut self, leg: LegId) {
        let Some(call) = self.calls.get_mut(&leg) else { return };
        call.talks = true;
        call.ends += 1;
        let (talk_s, ends, end_point) = (call.fate.talk_s, call.ends, call.end_point);
        let (agent_leg, wrap_up_s) = (call.agent_leg, call.fate.wrap_up_s);
        if self.floor.has_queue(end_point) {
            self.figures.connected();
        }
        if let Some(agent) = agent_leg.and_then(|leg| self.agent_legs.get_mut(&leg)) {
            agent.wrap_up_s = wrap_up_s;
        }
        self.after(talk_s, Do::Over(leg, ends));
    }

    /// Nobody came in time: the message of the safe harbour, and then the end.
    fn harbour(&mut self, leg: LegId) {
        let Some(call) = self.calls.get_mut(&leg).filter(|call| !call.talks) else {
            let answer = HarbourAnswer::NotWanted("an agent has the call, or it is over".to_owned());
            return self.inbox.push_back(Event::HarbourAnswered { leg, answer });
        };
        call.ends += 1;
        let (ends, end_point) = (call.ends, call.end_point);
        let left = self.floor.leaves(leg, end_point, 0, &mut self.inbox);
        self.inbox.push_back(Event::HarbourAnswered { leg, answer: HarbourAnswer::Done });
        self.after(MESSAGE_S, Do::Over(leg, ends));
        self.after_leaving(left, 0);
    }

    fn after_leaving(&mut self, left: Left, wrap_up_s: u32) {
        match left {
            Left::Nobody => {}
            Left::Rang(agent) => self.free(agent),
            Left::Talked(agent) if wrap_up_s > 0 => self.after(wrap_up_s.into(), Do::WrappedUp(agent)),
            Left::Talked(agent) => self.free(agent),
        }
    }

    fn free(&mut self, agent: AgentNo) {
        let rings = self.floor.becomes_free(agent, &mut self.inbox);
        self.agent_rings(rings);
    }

    fn ends(&mut self, leg: LegId, cause: u16, tech_cause: Option<u16>) {
        let Some(call) = self.calls.remove(&leg) else { return };
        self.inbox.push_back(Event::LegEnded { leg, cause, tech_cause });
        let wrap_up_s = call.fate.wrap_up_s;
        let left = self.floor.leaves(leg, call.end_point, wrap_up_s, &mut self.inbox);
        self.after_leaving(left, wrap_up_s);
        // Where somebody talked Asterisk ends both; otherwise the dialler lets the agent go.
        if let Some(agent_leg) = call.agent_leg.filter(|_| call.talks) {
            self.agent_leg_ends(agent_leg);
        }
    }

    /// The leg of an agent who was called first: he wraps up with his telephone off the hook.
    fn agent_leg_ends(&mut self, leg: LegId) {
        let Some(AgentLeg { agent, wrap_up_s, .. }) = self.agent_legs.remove(&leg) else { return };
        self.inbox.push_back(Event::LegEnded { leg, cause: 16, tech_cause: None });
        match agent {
            Some(agent) if wrap_up_s > 0 => self.after(wrap_up_s.into(), Do::WrappedUp(agent)),
            Some(agent) => self.free(agent),
            None => {}
        }
    }
}
