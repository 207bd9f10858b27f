//! The judges of single moments: an originate, a channel, a write.

use crate::agenda::{At, HOUR, SECOND};
use crate::callees::{self, History, Sent};
use crate::fault::{Fault, FaultSet};
use crate::proof::Check;
use crate::sabotage::Sabotage;
use crate::scenario::NUMBERS;
use crate::store::{AttemptState, campaign_of};
use crate::world::World;
use dialer::{Command, Originate};
use domain::journal::{AttemptEnd, Fact, Picked, PutOff, PutOffBy, RetryAt};
use domain::reschedule::MAX_RETRY_SECONDS;
use domain::rules::{ContactRule, Rules};
use domain::{
    AttemptId, CallState, Contact, EndedBy, HourState, LegId, Mode, NumberKey, OutcomeRule, RescheduleRule, RuleId,
    RunId, Timestamp,
};
use std::collections::VecDeque;

/// A limit that was lowered binds only calls that were decided later, and a PBX may stand still for a minute in between.
const LOWERED_LIMITS: At = 90 * SECOND;
/// What may be missing from a second between two sendings: the disk's usual jitter.
const JITTER: At = 25_000;
/// How long a call to a number that was suppressed may ring on.
const RINGS_ON: At = SECOND;
/// One write in so many is searched for numbers.
const SEARCHED: u64 = 8;

impl World {
    /// An originate is on its way: was it allowed?
    pub(crate) fn check_originate(&mut self, call: &Originate) {
        let (attempt, run, wall) = (call.attempt, call.run, self.wall());
        if self.process.as_ref().is_some_and(|process| process.fence != self.store.fence) {
            self.broke(Check::FencedOff, format!("attempt {attempt} is sent by a process that was taken over from"));
        }
        match self.store.attempts.get(&attempt) {
            Some(row) if row.state == AttemptState::Open && row.new.leg == call.leg => {
                if row.due_at.is_some_and(|due_at| due_at > wall) {
                    self.broke(Check::GapKept, format!("attempt {attempt} is sent before its retry is due"));
                }
            }
            other => {
                let state = other.map(|row| row.state);
                let what = format!("attempt {attempt} is sent while it is {state:?} in the database");
                self.broke(Check::JournalledBeforeSent, what);
            }
        }
        if self.store.held {
            self.broke(Check::HoldKept, format!("attempt {attempt} is sent while dialling is held"));
        }
        if self.store.is_suppressed(&call.contact, campaign_of(run)) {
            self.broke(Check::SuppressionKept, format!("attempt {attempt} is sent to a suppressed number"));
        }
        // What is put on a black list is asked by the journal: what was decided later saw it.
        let decided_at = self.store.attempts.get(&attempt).map(|row| row.new.scheduled_at);
        let black_since = self.store.black.get(&(call.contact.key, campaign_of(run)));
        if black_since.zip(decided_at).is_some_and(|(since, decided_at)| *since < decided_at) {
            self.broke(Check::SuppressionKept, format!("attempt {attempt} is sent to a number on a black list"));
        }
        if self.witness.quiet.contains(&run) {
            let what = format!("attempt {attempt} is sent although run {run} was paused or removed");
            self.broke(Check::PauseKept, what);
        }
        let hours = self.witness.settings.get(&run).map(|settings| settings.hours.state_at(wall));
        if !matches!(hours, Some(HourState::Open { .. })) {
            self.broke(Check::HoursKept, format!("attempt {attempt} is sent outside the hours: {hours:?}"));
        }
        self.check_callee(call);
        self.check_rate(call);
    }

    /// The rules of the campaign, worked out a second time.
    fn check_callee(&mut self, call: &Originate) {
        let Some(settings) = self.witness.settings.get(&call.run) else { return };
        let (attempt, contact, wall) = (call.attempt, &call.contact, self.wall());
        // As the world has it: the dialler may have been told something else.
        let contact = &self.store.called(contact.id, contact.number_no).unwrap_or_else(|| (**contact).clone());
        self.summary.further += u64::from(contact.number_no > 0);
        let broken = callees::broken(&settings.rules, contact, &self.history(contact), wall);
        let (key, person) = (contact.key, contact.person);
        let picked = self.store.attempts.get(&attempt).map(|row| row.new.receipt.picked);
        self.summary.came_back += u64::from(matches!(picked, Some(Picked::PutOffOver { .. })));
        let asked = self.store.attempts.get(&attempt).map(|row| row.new.receipt.rules.as_slice()).unwrap_or_default();
        let unasked = ContactRule::ALL.into_iter().find(|rule| !asked.iter().any(|asked| asked == rule.code()));
        let toll = self.too_many_in_the_hour(&settings.rules, contact, wall);
        if let Some(what) = toll {
            self.broke(Check::HourlyCapKept, format!("attempt {attempt} is sent although {what}"));
        }
        if let Some((check, what)) = broken {
            self.broke(check, format!("attempt {attempt} is sent although {what}"));
        }
        if let Some(rule) = unasked {
            self.broke(Check::ReceiptKept, format!("attempt {attempt} is sent and {} was not asked", rule.code()));
        }
        self.witness.sent.push((self.now, attempt));
        self.witness.sent_to.entry(key).or_default().push(attempt);
        if let Some(person) = person {
            self.witness.sent_to_person.entry(person).or_default().push(attempt);
        }
    }

    /// The calls of the last hour to the number's prefixes, of all runs. What was called before the clock was set does not
    /// count: nobody knows which hour that was.
    fn too_many_in_the_hour(&self, rules: &Rules, contact: &Contact, wall: Timestamp) -> Option<String> {
        let caps = rules.parts.iter().flat_map(|part| &part.limits.hourly);
        caps.filter(|cap| contact.number.dialled.starts_with(&cap.prefix)).find_map(|cap| {
            let since = self.now.saturating_sub(HOUR).max(self.witness.clock_set_at);
            let sent = self.witness.sent.iter().rev().take_while(|(at, _)| *at > since);
            let rows = sent.filter_map(|(_, attempt)| self.store.attempts.get(attempt));
            let of_prefix = |key| self.store.number(key).is_some_and(|text| text.starts_with(&cap.prefix));
            let rows = rows.filter(|row| of_prefix(row.new.number_key));
            let rows = rows.filter(|row| row.state != AttemptState::Withdrawn);
            let made = rows.filter(|row| wall.0 - row.new.scheduled_at.0 < 3_600_000_000).count();
            (made >= cap.calls as usize)
                .then(|| format!("{made} calls were made in the hour, {} are allowed", cap.calls))
        })
    }

    /// What was sent before, as far as it may have arrived.
    fn history(&self, contact: &Contact) -> History {
        let sent = |attempts: Option<&Vec<AttemptId>>| {
            let rows = attempts.into_iter().flatten().filter_map(|attempt| self.store.attempts.get(attempt));
            let rows = rows.filter(|row| row.state != AttemptState::Withdrawn);
            rows.map(|row| Sent { at: row.new.scheduled_at, talked: row.ended_talking }).collect()
        };
        History {
            number: sent(self.witness.sent_to.get(&contact.key)),
            person: sent(contact.person.and_then(|person| self.witness.sent_to_person.get(&person))),
        }
    }

    /// Somebody answers: not whose number was suppressed a while ago, where nothing keeps a hang-up from arriving.
    pub(crate) fn check_opt_out(&mut self, leg: LegId, key: NumberKey) {
        let nothing_wrong = self.faults.set == FaultSet::NONE && self.options.crash.is_none();
        let since = self.witness.suppressed_at.get(&key).map(|at| self.now.saturating_sub(*at));
        if nothing_wrong && since.is_some_and(|since| since > RINGS_ON) {
            self.broke(
                Check::OptOutStopsRinging,
                format!("leg {leg} is answered {since:?} us after its number was suppressed"),
            );
        }
    }

    /// Contacts leave the memory: for a reason?
    fn check_put_off(&mut self, run: RunId, contacts: &[PutOff]) {
        let Some(settings) = self.witness.settings.get(&run) else { return };
        let wall = self.wall();
        let refused = contacts.iter().filter(|off| off.until.is_none()).count();
        self.summary.refused += refused as u64;
        self.summary.put_off += (contacts.len() - refused) as u64;
        let unreasonable = contacts.iter().filter(|off| off.until.is_none()).find(|off| {
            let turn = self.store.turn_of(run, off.contact);
            let Some(contact) = self.store.called(off.contact, turn) else { return true };
            let PutOffBy::Rule(rule) = off.by else { return true };
            let reasonable = |contact: &Contact| match rule {
                ContactRule::NumberNotSuppressed => self.store.is_suppressed(contact, campaign_of(run)),
                rule => callees::refuses(&settings.rules, rule, contact, wall),
            };
            // It may have been the turn of one behind, those before it being passed over.
            let behind =
                contact.numbers.iter().flat_map(|numbers| &numbers.all).filter(|one| one.no > turn && turn > 0);
            !reasonable(&contact) && !behind.filter_map(|one| contact.at(one.no)).any(|contact| reasonable(&contact))
        });
        if let Some(off) = unreasonable {
            let what = format!("contact {} of run {run} is refused by {}", off.contact, off.by.code());
            self.broke(Check::RefusedForAReason, what);
        }
    }

    /// Somebody is refused who waited for a retry or a further number: the rules that were quiet because of it are asked.
    fn check_rules_handed_over(&mut self, run: RunId, contacts: &[PutOff], rules: &[OutcomeRule]) {
        let Some(settings) = self.witness.settings.get(&run) else { return };
        let late = contacts.iter().find(|off| off.until.is_none() && off.was_due_at.is_some());
        let missing = settings.outcome_rules.iter().find(|rule| !rules.contains(rule));
        if let (Some(off), Some(rule)) = (late, missing) {
            let what = format!("contact {} of run {run} is refused and rule {} is not asked", off.contact, rule.id);
            self.broke(Check::RulesAskedOnce, what);
        }
    }

    fn check_rate(&mut self, call: &Originate) {
        let per_second = self.site.trunks.get(&call.trunk).map_or(0, |spec| spec.calls_per_second);
        let window = |sent: &mut VecDeque<At>, now: At| {
            sent.push_back(now);
            while sent.front().is_some_and(|at| at + SECOND - JITTER <= now) {
                sent.pop_front();
            }
            sent.len()
        };
        let now = self.now;
        let made = window(self.witness.by_trunk.entry(call.trunk).or_default(), now);
        if per_second > 0 && made > per_second as usize && !self.was_changed(call.trunk.0) {
            let what = format!("trunk {}: {made} calls in a second, {per_second} are allowed", call.trunk);
            self.broke(Check::RateKept, what);
        }
        let made = window(self.witness.by_pbx.entry(call.pbx).or_default(), now);
        let per_second = self.site.pbxs.get(&call.pbx).map_or(0, |spec| spec.originates_per_second);
        if made > per_second as usize {
            let what = format!("PBX {}: {made} calls in a second, {per_second} are allowed", call.pbx);
            self.broke(Check::RateKept, what);
        }
    }

    fn was_changed(&self, id: i64) -> bool {
        self.witness.changed_at.get(&id).is_some_and(|at| self.now < at + LOWERED_LIMITS)
    }

    /// An originate reached a PBX: is it known, and the only one?
    pub(crate) fn check_channel(&mut self, call: &Originate) {
        match self.store.attempts.get(&call.attempt) {
            Some(row) if row.new.leg == call.leg && row.state != AttemptState::Withdrawn => {
                if let AttemptState::Ended(state) = row.state
                    && !self.is(Sabotage::SendsAgain)
                {
                    let what = format!("attempt {} was closed as {state:?} before its channel was made", call.attempt);
                    self.broke(Check::ChannelHasAttempt, what);
                }
            }
            other => {
                let state = other.map(|row| row.state);
                let what = format!("leg {} is made, its attempt {} is {state:?}", call.leg, call.attempt);
                self.broke(Check::ChannelHasAttempt, what);
            }
        }
        let turn = (call.run, call.contact.id, call.retry, call.contact.number_no);
        if !self.witness.rang.insert(turn) {
            let what =
                format!("contact {} of run {} is dialled twice at retry {}, number {}", turn.1, turn.0, turn.2, turn.3);
            self.broke(Check::TurnDialledOnce, what);
        }
        if let Some(other) = self.witness.numbers.insert(call.contact.key, call.leg) {
            let what = format!("leg {} calls a number that leg {other} is in a call with", call.leg);
            self.broke(Check::OneCallPerNumber, what);
        }
        self.check_person(call);
        let on_trunk = self.witness.on_trunk.entry(call.trunk).or_default();
        *on_trunk += 1;
        let on_trunk = *on_trunk;
        let capacity = self.site.trunks.get(&call.trunk).map_or(0, |spec| spec.capacity);
        if on_trunk > capacity && !self.was_changed(call.trunk.0) {
            let what = format!("trunk {} has {on_trunk} calls, its capacity is {capacity}", call.trunk);
            self.broke(Check::TrunkCapacityKept, what);
        }
        let to_end_point = self.witness.to_end_point.entry(call.end_point).or_default();
        *to_end_point += 1;
        let to_end_point = *to_end_point;
        let channels = self.site.end_points.get(&call.end_point).map_or(0, |spec| spec.max_channels);
        if to_end_point > channels {
            let what = format!("end point {} has {to_end_point} calls, it takes {channels}", call.end_point);
            self.broke(Check::EndPointCapacityKept, what);
        }
    }

    /// A channel is made to a number: is its owner in a call on another one?
    fn check_person(&mut self, call: &Originate) {
        let contact = self.store.called(call.contact.id, call.contact.number_no);
        let others: Vec<NumberKey> = contact.map_or_else(Vec::new, |contact| contact.other_keys().collect());
        let up = others.iter().find_map(|key| self.witness.numbers.get(key)).copied();
        let theirs = self.witness.others.iter().find(|(_, keys)| keys.contains(&call.contact.key)).map(|(leg, _)| *leg);
        if let Some(other) = up.or(theirs) {
            let what = format!("leg {} calls another number of whom leg {other} is in a call with", call.leg);
            self.broke(Check::OneNumberPerPerson, what);
        }
        if !others.is_empty() {
            self.witness.others.insert(call.leg, others);
        }
    }

    /// A call was in vain: every number of the contact behind it, up to the one that follows, is one that may not be called.
    fn check_next_number(&mut self, end: &AttemptEnd) {
        let by_a_person = matches!(end.ended_by, EndedBy::Operator | EndedBy::Suppression | EndedBy::Agent);
        let Some(row) = self.store.attempts.get(&end.attempt) else { return };
        let (no, campaign, wall) = (row.new.number_no, row.new.campaign, self.wall());
        let Some(settings) = self.witness.settings.get(&end.run).filter(|_| !self.witness.quiet.contains(&end.run))
        else {
            return;
        };
        let Some(contact) = self.store.called(end.contact, no) else { return };
        let all = contact.numbers.iter().flat_map(|numbers| &numbers.all).map(|one| one.no);
        let behind: Vec<u32> = all.filter(|other| *other > no).collect();
        let mut wrong = None;
        if end.next_number.is_some_and(|next| !behind.contains(&next) || !end.state.is_not_through() || by_a_person) {
            wrong = Some("is followed by a number out of turn".to_owned());
        }
        let passed = |other: &u32| {
            end.state.is_not_through() && !by_a_person && end.next_number.is_none_or(|next| *other < next)
        };
        for other in behind.into_iter().filter(passed) {
            let Some(contact) = contact.at(other) else { continue };
            let never = |rule| callees::refuses(&settings.rules, rule, &contact, wall);
            let barred = self.store.bars(contact.key, campaign)
                || self.store.black.contains_key(&(contact.key, campaign))
                || never(ContactRule::NumberAllowed)
                || never(ContactRule::InsideCalleeWindow);
            if !barred {
                wrong = Some(format!("was in vain and number {other} is passed over"));
            }
        }
        if let Some(wrong) = wrong {
            self.broke(Check::NumbersTriedInTurn, format!("attempt {} on number {no} {wrong}", end.attempt));
        }
    }

    /// A hang-up is decided: timers for unanswered calls do not end conversations.
    pub(crate) fn check_hang_up(&mut self, leg: LegId, why: EndedBy) {
        let for_silence = matches!(why, EndedBy::AnswerTimeout | EndedBy::ProgressTimeout | EndedBy::Pacing);
        if for_silence && self.witness.told_up.contains(&leg) {
            self.broke(Check::ConversationKept, format!("leg {leg} is up and hung up on: {why:?}"));
        }
    }

    /// A write is decided: is it true, and does it keep the rules?
    pub(crate) fn check_write(&mut self, write: &Command) {
        self.witness.writes += 1;
        if self.witness.writes.is_multiple_of(SEARCHED) {
            self.check_words(&format!("{write:?}"));
        }
        match write {
            Command::Close(end) => {
                self.check_outcome(end);
                self.check_retry(end);
                self.check_next_number(end);
            }
            Command::PutOff { run, contacts, rules, .. } => {
                self.check_put_off(*run, contacts);
                self.check_rules_handed_over(*run, contacts, rules);
            }
            _ => {}
        }
    }

    /// No number is in what the dialler writes and says.
    pub(crate) fn check_words(&mut self, words: &str) {
        if words.contains(NUMBERS) {
            self.broke(Check::NumbersStayOut, format!("a number is in {words}"));
        }
    }

    fn check_outcome(&mut self, end: &AttemptEnd) {
        let truth = self.witness.truth.get(&end.leg).copied().unwrap_or_default();
        let made = truth.made_at.is_some();
        let lost_events = self.faults.set.has(Fault::EventsLost);
        let wrong = match end.state {
            CallState::RsLost if made && !truth.gone => Some("its channel exists"),
            CallState::RsLost => None,
            CallState::RsBlacklist if made && !truth.gone => Some("its channel exists"),
            CallState::RsBlacklist if truth.answered && !lost_events => Some("somebody answered"),
            CallState::RsBlacklist => None,
            CallState::RsNoagent | CallState::RsAgentskip if made => Some("the person was called"),
            CallState::RsNoagent | CallState::RsAgentskip => None,
            _ if made && !truth.gone => Some("its channel exists"),
            CallState::RsError if truth.refused => None,
            _ if !made => Some("no PBX knows of it"),
            CallState::Terminated | CallState::RsTimeout if !truth.answered => Some("nobody answered"),
            CallState::Terminated | CallState::RsTimeout => None,
            _ if truth.answered && !lost_events => Some("somebody answered"),
            CallState::RsBusy if truth.code != Some(486) => Some("it was not busy"),
            CallState::RsNumber if truth.code != Some(404) => Some("the number was good"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            let what = format!("attempt {} ends as {} and {wrong}: {truth:?}", end.attempt, end.state.code());
            self.broke(Check::OutcomeIsTrue, what);
        }
    }

    /// A retry is what a rule allows, and after an unknown outcome it waits the longest gap of all.
    fn check_retry(&mut self, end: &AttemptEnd) {
        let Some(next) = end.retry else { return };
        let retry = self.store.attempts.get(&end.attempt).map_or(0, |row| row.new.retry);
        let rules =
            self.witness.settings.get(&end.run).map(|settings| settings.reschedule.as_slice()).unwrap_or_default();
        let applies = |rule: &&RescheduleRule| {
            rule.status == end.state && rule.status_ext == end.ext_state && retry < rule.max_attempts
        };
        if !rules.iter().any(|rule| applies(&rule)) {
            let what = format!("attempt {} at retry {retry} is tried again and no rule says so", end.attempt);
            return self.broke(Check::AttemptsCapped, what);
        }
        let longest = rules.iter().map(|rule| match rule.mode {
            Mode::Fixed => rule.retry_after_s,
            Mode::Mult => rule.retry_after_s.saturating_mul(retry + 1).min(MAX_RETRY_SECONDS),
        });
        let longest = longest.max().unwrap_or(0);
        if end.state == CallState::RsLost && next.at < end.ended_at.plus_seconds(longest.into()) {
            let what =
                format!("attempt {} is lost, tried again in {} s and not in {longest} s", end.attempt, next.delay_s);
            self.broke(Check::LongestGapKept, what);
        }
    }

    /// What is done wrong on purpose on the way to the disk.
    pub(crate) fn tamper(&mut self, write: &mut Command) {
        let Some(sabotage) = self.options.sabotage else { return };
        match (sabotage, write) {
            (Sabotage::ShortensUnknownGap, Command::Close(end)) if end.state == CallState::RsLost => {
                let at = end.ended_at.plus_seconds(1);
                end.retry = end.retry.map(|retry| RetryAt { delay_s: 1, at, ..retry });
            }
            (Sabotage::RetriesWithoutEnd, Command::Close(end)) => {
                let at = end.ended_at.plus_seconds(5);
                end.retry.get_or_insert(RetryAt { rule: RuleId(1), delay_s: 5, at });
            }
            (Sabotage::StripsReceipts, Command::Journal(new)) => new.receipt.rules.clear(),
            (Sabotage::RefusesWhoIsPutOff, Command::PutOff { contacts, .. }) => {
                contacts.iter_mut().for_each(|off| off.until = None);
            }
            (Sabotage::AsksNoRulesLate, Command::PutOff { rules, .. }) => *rules = [].into(),
            (Sabotage::WritesNumbers, Command::Note(note)) => {
                note.fact = Fact::Uncertain { why: format!("{NUMBERS}0000001 does not answer") };
            }
            _ => {}
        }
    }
}
