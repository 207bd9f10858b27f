//! The rules of the house, checked from outside after every step.
//!
//! The ledger keeps books of its own from the commands alone and shares no state with the code that decides. A command
//! that would break a rule is taken out before the shell sees it; the run is stopped; conversations go on.
//! `docs/GLOSSARY.md` lists the names.

use crate::callbook::{Call, CallBook};
use crate::command::{Command, Originate};
use crate::event::EndPointSpec;
use crate::known::Known;
use crate::numbers::KeptFree;
use crate::queue_book::QueueBook;
use crate::queues::news::News;
use domain::journal::{Fact, OpenAttempt, PaceReceipt};
use domain::rules::{Rules, Standing};
use domain::{
    AttemptId, CampaignId, ContactId, EndPointId, LegId, NumberKey, PacingPolicy, PbxId, RunId, Timestamp, TrunkId,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// The rules, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Invariant {
    /// At most one open attempt per number.
    SingleFlight,
    /// At most one open attempt per contact of a run.
    OneAttemptPerContact,
    /// No person is called on two of their numbers at a time.
    OneNumberPerPerson,
    /// Nothing is sent before its attempt is on disk, and nothing twice.
    JournalledBeforeSent,
    /// No originate while dialling is held.
    HoldKept,
    /// No originate outside the campaign's hours.
    WindowKept,
    /// No originate to a number that was suppressed before.
    SuppressionKept,
    /// No originate that the contact's rules forbid: denied ranges, consent, caps, gaps, rests, the callee's hours.
    ContactRulesKept,
    /// No retry before its time.
    GapKept,
    /// Every attempt gets exactly one end.
    OneOutcome,
    /// Attempts, legs and the use of trunks, end points and runs are the same number.
    OccupancyAddsUp,
    /// No trunk beyond its capacity.
    TrunkCapacityKept,
    /// No end point beyond its channels.
    EndPointCapacityKept,
    /// No call for the agents of a queue of which nothing is known.
    AgentsKnown,
    /// No more calls on their way to a queue than its free agents are good for.
    AgentsNotOversold,
    /// Where the cap is guaranteed no call that might break it, whatever the calls on their way do.
    GuaranteedNeverOverCap,
    /// No agent who is called first for two calls at a time, and none who cannot take one.
    AgentNotDoubleBooked,
    /// No call of a reservation before its agent said yes, and that is on disk.
    AgentDecides,
    /// Nobody is paused but an agent whom a call of ours has, and no pause ends but one of ours after that.
    OnlyOwnPauses,
    /// Nobody is brought to the recorded message twice.
    HarbourOnce,
    /// Nobody is brought there who did not answer, or has an agent.
    HarbourNeverTakesATalk,
    /// placed = terminated + rescheduled + in flight, for every run.
    AccountsAddUp,
}

impl Invariant {
    /// Every rule.
    pub const ALL: [Self; 22] = [
        Self::SingleFlight,
        Self::OneAttemptPerContact,
        Self::OneNumberPerPerson,
        Self::JournalledBeforeSent,
        Self::HoldKept,
        Self::WindowKept,
        Self::SuppressionKept,
        Self::ContactRulesKept,
        Self::GapKept,
        Self::OneOutcome,
        Self::OccupancyAddsUp,
        Self::TrunkCapacityKept,
        Self::EndPointCapacityKept,
        Self::AgentsKnown,
        Self::AgentsNotOversold,
        Self::GuaranteedNeverOverCap,
        Self::AgentNotDoubleBooked,
        Self::AgentDecides,
        Self::OnlyOwnPauses,
        Self::HarbourOnce,
        Self::HarbourNeverTakesATalk,
        Self::AccountsAddUp,
    ];

    /// Its name in logs, tests and the glossary.
    pub fn name(self) -> &'static str {
        match self {
            Self::SingleFlight => "single_flight",
            Self::OneAttemptPerContact => "one_attempt_per_contact",
            Self::OneNumberPerPerson => "one_number_per_person",
            Self::JournalledBeforeSent => "journalled_before_sent",
            Self::HoldKept => "hold_kept",
            Self::WindowKept => "window_kept",
            Self::SuppressionKept => "suppression_kept",
            Self::ContactRulesKept => "contact_rules_kept",
            Self::GapKept => "gap_kept",
            Self::OneOutcome => "one_outcome",
            Self::OccupancyAddsUp => "occupancy_adds_up",
            Self::TrunkCapacityKept => "trunk_capacity_kept",
            Self::EndPointCapacityKept => "end_point_capacity_kept",
            Self::AgentsKnown => "agents_known",
            Self::AgentsNotOversold => "agents_not_oversold",
            Self::GuaranteedNeverOverCap => "guaranteed_never_over_cap",
            Self::AgentNotDoubleBooked => "agent_not_double_booked",
            Self::AgentDecides => "agent_decides",
            Self::OnlyOwnPauses => "only_own_pauses",
            Self::HarbourOnce => "harbour_once",
            Self::HarbourNeverTakesATalk => "harbour_never_takes_a_talk",
            Self::AccountsAddUp => "accounts_add_up",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Journalling,
    Journalled,
    Sent,
}

#[derive(Debug, Clone)]
struct Entry {
    stage: Stage,
    leg: LegId,
    key: NumberKey,
    run: RunId,
    campaign: Option<CampaignId>,
    contact: ContactId,
    trunk: TrunkId,
    end_point: EndPointId,
    /// When it was decided.
    decided_at: Timestamp,
    /// What the journal knew of number and person.
    standing: Known,
    /// Whom, when it was sent and the contact names somebody.
    person: Option<NumberKey>,
    /// Other numbers of whom, when it was sent.
    others: Vec<NumberKey>,
    /// The agent who is called first.
    agent: Option<Agent>,
    /// It was.
    agent_called: bool,
    /// Somebody answered.
    answered: bool,
    /// It was brought to the recorded message.
    in_harbour: bool,
    word: Word,
}

/// What an agent says to an attempt that it looks at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// It was not asked, or its yes is on disk.
    Given,
    /// Nothing yet.
    Awaited,
    /// Yes, which is on its way to the disk.
    Underway,
}

/// An agent, by its PBX and telephone.
type Agent = (PbxId, String);

/// What the decider claims about itself, compared with the books.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Claims {
    /// Open attempts.
    pub attempts: usize,
    /// Legs.
    pub legs: usize,
    /// Sum of the trunks' use.
    pub trunks_in_use: usize,
    /// Sum of the end points' use.
    pub end_points_in_use: usize,
    /// Sum of the runs' contacts in flight.
    pub in_flight: usize,
}

/// The circumstances under which commands were decided.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// Dialling is held.
    pub held: bool,
    /// The wall clock.
    pub wall: Timestamp,
}

/// What holds for a run now.
#[derive(Debug, Clone, Copy)]
pub struct RunNow<'a> {
    /// Its campaign's hours are open.
    pub hours_open: bool,
    /// Whom it may call and when.
    pub rules: &'a Arc<Rules>,
}

/// The checker's own books.
#[derive(Debug, Default)]
pub struct Ledger {
    open: BTreeMap<AttemptId, Entry>,
    by_key: BTreeMap<NumberKey, AttemptId>,
    by_contact: BTreeMap<(RunId, ContactId), AttemptId>,
    /// Other numbers of those who were called.
    by_other: KeptFree,
    by_agent: BTreeMap<Agent, AttemptId>,
    on_trunk: BTreeMap<TrunkId, u32>,
    to_end_point: BTreeMap<EndPointId, u32>,
    /// Legs whose person an agent took.
    talking: BTreeSet<LegId>,
    /// Since this process began, and for which campaign; `None`: for all.
    suppressed: BTreeSet<(NumberKey, Option<CampaignId>)>,
    book: CallBook,
    queues: QueueBook,
}

/// A broken rule.
pub type Violation = (Invariant, Option<RunId>, String);

impl Ledger {
    /// An attempt that was open before a restart.
    pub fn restored(&mut self, open: &OpenAttempt) {
        let entry = Entry {
            // Nothing was sent of one that an agent looks at.
            stage: if open.reserved { Stage::Journalled } else { Stage::Sent },
            leg: open.leg,
            key: open.number_key,
            run: open.run,
            campaign: None,
            contact: open.contact,
            trunk: open.trunk,
            end_point: open.end_point,
            decided_at: open.scheduled_at,
            standing: Known::default(),
            person: None,
            others: open.other_numbers.iter().filter_map(|other| other.key).collect(),
            agent: open.agent.as_ref().map(|agent| (open.pbx, agent.interface.clone())),
            agent_called: !open.reserved,
            answered: open.connected_at.is_some(),
            in_harbour: false,
            word: if open.reserved { Word::Awaited } else { Word::Given },
        };
        self.insert(open.attempt, entry);
    }

    /// The attempt is on disk.
    pub fn journalled(&mut self, attempt: AttemptId, standing: &Standing) {
        let Some(entry) = self.open.get_mut(&attempt) else { return };
        let said_yes = entry.word == Word::Underway;
        if entry.stage == Stage::Journalling || said_yes {
            entry.stage = Stage::Journalled;
            entry.standing = standing.clone().into();
        }
        if said_yes {
            entry.word = Word::Given;
        }
    }

    /// The agent's yes was not written.
    pub fn accept_refused(&mut self, attempt: AttemptId) {
        if let Some(entry) = self.open.get_mut(&attempt).filter(|entry| entry.word == Word::Underway) {
            entry.word = Word::Awaited;
        }
    }

    /// The lists of suppressed numbers are others: of what was said before only these numbers stay.
    pub fn suppressions_changed(&mut self, stay: &BTreeSet<NumberKey>) {
        self.suppressed.retain(|(key, _)| stay.contains(key));
    }

    /// These numbers were suppressed.
    pub fn suppressed(&mut self, keys: &[NumberKey], campaigns: Option<&[CampaignId]>) {
        match campaigns {
            None => self.suppressed.extend(keys.iter().map(|key| (*key, None))),
            Some(campaigns) => {
                let each =
                    |key: &NumberKey| campaigns.iter().map(|campaign| (*key, Some(*campaign))).collect::<Vec<_>>();
                self.suppressed.extend(keys.iter().flat_map(each));
            }
        }
    }

    /// An end point was added or changed.
    pub fn end_point_is(&mut self, spec: &EndPointSpec) {
        self.queues.end_point_is(spec);
    }

    /// What was told of the queues of a PBX.
    pub fn told(&mut self, pbx: PbxId, news: &News) {
        if let News::Connected { caller, .. } = news {
            let ours = |leg: &LegId| self.open.values().any(|entry| entry.leg == *leg);
            self.talking.extend(caller.leg.filter(ours));
        }
        self.queues.told(pbx, news);
    }

    /// The leg to the agent of an attempt is gone: the agent may be called for another one, also while the person, whom he
    /// passed on, still talks.
    pub fn agent_left(&mut self, attempt: AttemptId) {
        if let Some(agent) = self.open.get_mut(&attempt).and_then(|entry| entry.agent.take()) {
            self.by_agent.remove(&agent);
        }
    }

    /// The attempt was not written.
    pub fn journal_refused(&mut self, attempt: AttemptId) {
        self.forget(attempt);
    }

    /// Checks one command and books it. `run_of` tells what holds for a run; `None`: it is over.
    pub fn check<'a>(
        &mut self,
        command: &Command,
        now: Circumstances,
        run_of: impl Fn(RunId) -> Option<RunNow<'a>>,
    ) -> Result<(), Violation> {
        match command {
            Command::Journal(new) => {
                let broken = |invariant, detail: String| Err((invariant, Some(new.run), detail));
                if let Some(other) = self.by_key.get(&new.number_key) {
                    return broken(Invariant::SingleFlight, format!("attempt {} while {other} is open", new.attempt));
                }
                if let Some(other) = self.by_contact.get(&(new.run, new.contact)) {
                    let detail = format!("contact {} has attempt {other} open", new.contact);
                    return broken(Invariant::OneAttemptPerContact, detail);
                }
                if let Some(due_at) = new.receipt.picked.due_at()
                    && due_at > now.wall
                {
                    return broken(Invariant::GapKept, format!("contact {} is due at {due_at}", new.contact));
                }
                let (trunk, end_point) = (new.trunk, new.end_point);
                let on_trunk = self.on_trunk.get(&trunk).copied().unwrap_or(0);
                if on_trunk >= new.receipt.trunk_capacity {
                    return broken(Invariant::TrunkCapacityKept, format!("trunk {trunk} has {on_trunk} calls already"));
                }
                let to_end_point = self.to_end_point.get(&end_point).copied().unwrap_or(0);
                if to_end_point >= new.receipt.end_point_capacity {
                    let detail = format!("end point {end_point} has {to_end_point} calls already");
                    return broken(Invariant::EndPointCapacityKept, detail);
                }
                let interface = new.agent.as_ref().map(|agent| agent.interface.as_str());
                if let Err((invariant, why)) = self.queues.check(end_point, new.receipt.queue.as_deref(), interface) {
                    return broken(invariant, format!("end point {end_point}: {why}"));
                }
                let pace = new.receipt.queue.as_ref().and_then(|queue| queue.pace);
                if let Some(pace) = pace.filter(|pace| pace.policy == Some(PacingPolicy::Guaranteed))
                    && let Err(why) = self.guaranteed(new.run, &pace)
                {
                    return broken(Invariant::GuaranteedNeverOverCap, why);
                }
                let agent = interface.map(|interface| (new.pbx, interface.to_owned()));
                if let Some(other) = agent.as_ref().and_then(|agent| self.by_agent.get(agent)) {
                    let detail = format!("attempt {} takes the agent of attempt {other}", new.attempt);
                    return broken(Invariant::AgentNotDoubleBooked, detail);
                }
                let (stage, leg, in_harbour) = (Stage::Journalling, new.leg, false);
                let (key, run, campaign, contact) = (new.number_key, new.run, Some(new.campaign), new.contact);
                let (decided_at, standing, person) = (new.scheduled_at, Known::default(), None);
                let (agent_called, answered, others) = (false, false, Vec::new());
                let word = if new.reserved { Word::Awaited } else { Word::Given };
                let entry = Entry {
                    stage,
                    leg,
                    key,
                    run,
                    campaign,
                    contact,
                    trunk,
                    end_point,
                    decided_at,
                    standing,
                    person,
                    others,
                    agent,
                    agent_called,
                    answered,
                    in_harbour,
                    word,
                };
                self.insert(new.attempt, entry);
            }
            Command::Accept { attempt, at } => match self.open.get_mut(attempt) {
                Some(entry) if entry.word == Word::Awaited && entry.stage == Stage::Journalled => {
                    (entry.word, entry.decided_at) = (Word::Underway, *at);
                }
                _ => return Err((Invariant::AgentDecides, None, format!("attempt {attempt} is not reserved"))),
            },
            Command::CallAgent(call) => {
                let broken = |invariant, detail: String| Err((invariant, Some(call.run), detail));
                let detail = format!("the agent of attempt {}", call.attempt);
                match self.open.get_mut(&call.attempt) {
                    Some(entry) if entry.word != Word::Given => return broken(Invariant::AgentDecides, detail),
                    Some(entry) if entry.stage == Stage::Journalled && entry.agent.is_some() && !entry.agent_called => {
                        if now.held {
                            return broken(Invariant::HoldKept, detail);
                        }
                        if run_of(call.run).is_none_or(|run| !run.hours_open) {
                            return broken(Invariant::WindowKept, detail);
                        }
                        entry.agent_called = true;
                    }
                    _ => return broken(Invariant::JournalledBeforeSent, detail),
                }
            }
            Command::BringToHarbour(harbour) => {
                let detail = format!("attempt {}", harbour.attempt);
                match self.open.get_mut(&harbour.attempt) {
                    Some(entry) if entry.in_harbour => return Err((Invariant::HarbourOnce, Some(entry.run), detail)),
                    Some(entry) if entry.answered && entry.agent.is_none() && !self.talking.contains(&entry.leg) => {
                        entry.in_harbour = true;
                    }
                    other => return Err((Invariant::HarbourNeverTakesATalk, other.map(|entry| entry.run), detail)),
                }
            }
            Command::PauseAgent(pause) | Command::UnpauseAgent(pause) => {
                let taken = self.by_agent.contains_key(&(pause.pbx, pause.interface.clone()));
                let begins = matches!(command, Command::PauseAgent(_));
                if taken != begins || !begins && !self.queues.is_ours(pause) {
                    let what = if begins { "paused without a call of ours" } else { "let on, and not paused by us" };
                    return Err((Invariant::OnlyOwnPauses, None, format!("{} is {what}", pause.interface)));
                }
            }
            Command::Originate(call) => {
                let broken = |invariant, detail: String| Err((invariant, Some(call.run), detail));
                if let Some(why) = self.on_another_number(call) {
                    return broken(Invariant::OneNumberPerPerson, format!("attempt {}: {why}", call.attempt));
                }
                match self.open.get_mut(&call.attempt) {
                    Some(entry) if entry.word != Word::Given => {
                        return broken(Invariant::AgentDecides, format!("attempt {}", call.attempt));
                    }
                    Some(entry) if entry.stage == Stage::Journalled => {
                        if now.held {
                            return broken(Invariant::HoldKept, format!("attempt {}", call.attempt));
                        }
                        let Some(run) = run_of(call.run).filter(|run| run.hours_open) else {
                            return broken(Invariant::WindowKept, format!("attempt {}", call.attempt));
                        };
                        if [None, entry.campaign].iter().any(|of| self.suppressed.contains(&(entry.key, *of))) {
                            return broken(Invariant::SuppressionKept, format!("attempt {}", call.attempt));
                        }
                        let (contact, standing) = (&call.contact, &entry.standing);
                        if let Err(why) = self.book.check(call.run, run.rules, contact, standing, now.wall) {
                            return broken(Invariant::ContactRulesKept, format!("attempt {}: {why}", call.attempt));
                        }
                        entry.stage = Stage::Sent;
                        entry.person = contact.person;
                        entry.others = contact.other_keys().collect();
                        self.by_other.take(entry.others.iter().copied());
                        self.book.sent(Call { number: entry.key, person: entry.person, at: entry.decided_at });
                    }
                    other => {
                        let stage = other.map(|entry| entry.stage);
                        let detail = format!("attempt {} is {stage:?}", call.attempt);
                        return broken(Invariant::JournalledBeforeSent, detail);
                    }
                }
            }
            Command::Note(note) if note.fact == Fact::Answered => {
                if let Some(entry) = self.open.get_mut(&note.attempt) {
                    entry.answered = true;
                }
            }
            Command::Close(end) => return self.end(end.attempt, end.run),
            Command::Withdraw(withdrawal) => {
                if let Some(entry) = self.open.get(&withdrawal.attempt).filter(|entry| entry.stage == Stage::Sent) {
                    self.book.not_sent(Call { number: entry.key, person: entry.person, at: entry.decided_at });
                }
                return self.end(withdrawal.attempt, withdrawal.run);
            }
            _ => {}
        }
        Ok(())
    }

    /// One call more: with the free agents taken by machines, everybody else who may answer is abandoned.
    fn guaranteed(&self, run: RunId, pace: &PaceReceipt) -> Result<(), String> {
        let unanswered = |entry: &&Entry| {
            entry.run == run && !entry.answered && entry.agent.is_none() && self.queues.has_queue(entry.end_point)
        };
        let on_the_way = self.open.values().filter(unanswered).count() as u64;
        if on_the_way > u64::from(pace.open) {
            return Err(format!("{on_the_way} calls are on their way, reckoned with {}", pace.open));
        }
        let lost = u128::from(u64::from(pace.open) + 1).saturating_sub(pace.free.into());
        let (abandoned, live) = (u128::from(pace.abandoned) + lost, u128::from(pace.abandoned + pace.persons) + lost);
        if lost > 0 && abandoned * 1_000_000 > live * u128::from(pace.cap_ppm) {
            return Err(format!("{abandoned} of {live} live calls may be abandoned"));
        }
        Ok(())
    }

    /// Whether whom a call goes to is being called on another of their numbers.
    fn on_another_number(&self, call: &Originate) -> Option<String> {
        if self.by_other.holds(call.contact.key) {
            return Some("its number is another one of somebody who is in a call".to_owned());
        }
        let sent = |id: &&AttemptId| self.open.get(*id).is_some_and(|entry| entry.stage == Stage::Sent);
        let other = call.contact.other_keys().find_map(|key| self.by_key.get(&key).filter(sent));
        other.map(|other| format!("another number of contact {} is in attempt {other}", call.contact.id))
    }

    fn end(&mut self, attempt: AttemptId, run: RunId) -> Result<(), Violation> {
        let not_open = || (Invariant::OneOutcome, Some(run), format!("attempt {attempt} is not open"));
        self.forget(attempt).map(|_| ()).ok_or_else(not_open)
    }

    /// Compares the decider's numbers with the books.
    pub fn compare(&self, claims: &Claims) -> Result<(), Violation> {
        let open = self.open.len();
        let expected =
            Claims { attempts: open, legs: open, trunks_in_use: open, end_points_in_use: open, in_flight: open };
        if *claims != expected {
            return Err((Invariant::OccupancyAddsUp, None, format!("{open} attempts are open, claimed {claims:?}")));
        }
        Ok(())
    }

    fn insert(&mut self, attempt: AttemptId, entry: Entry) {
        self.by_key.insert(entry.key, attempt);
        self.by_contact.insert((entry.run, entry.contact), attempt);
        self.by_agent.extend(entry.agent.clone().map(|agent| (agent, attempt)));
        self.by_other.take(entry.others.iter().copied());
        *self.on_trunk.entry(entry.trunk).or_default() += 1;
        *self.to_end_point.entry(entry.end_point).or_default() += 1;
        self.open.insert(attempt, entry);
    }

    fn forget(&mut self, attempt: AttemptId) -> Option<Entry> {
        let entry = self.open.remove(&attempt)?;
        self.talking.remove(&entry.leg);
        self.by_key.remove(&entry.key);
        self.by_contact.remove(&(entry.run, entry.contact));
        self.by_other.give_back(entry.others.iter().copied());
        if let Some(agent) = entry.agent.as_ref().filter(|agent| self.by_agent.get(*agent) == Some(&attempt)) {
            self.by_agent.remove(agent);
        }
        if let Some(calls) = self.on_trunk.get_mut(&entry.trunk) {
            *calls = calls.saturating_sub(1);
        }
        if let Some(calls) = self.to_end_point.get_mut(&entry.end_point) {
            *calls = calls.saturating_sub(1);
        }
        Some(entry)
    }
}
