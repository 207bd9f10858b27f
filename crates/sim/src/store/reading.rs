//! What the virtual database tells: contacts to dial, what is known of them, calls and attempts that a new process finds.

use super::{AttemptRow, AttemptState, Row, Store, TOLD_EARLY_S, campaign_of};
use crate::sabotage::Sabotage;
use dialer::toll::Digits;
use dialer::{FreshEntry, LoadContacts, Loaded, RetryEntry};
use domain::abandonment::Tally;
use domain::journal::{CalledBefore, NewAttempt, OpenAttempt};
use domain::rules::{Calls, NumberStanding, Rules, Standing};
use domain::{AttemptId, CampaignId, Contact, ContactId, ListId, Numbered, OtherNumber, SuppressionListId, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Store {
    /// Calls since then that were sent, or may have been.
    pub(crate) fn calls_since(&self, since: Timestamp) -> Vec<(Timestamp, Digits)> {
        let sent = self.attempts.values().filter(|row| row.new.scheduled_at > since && !row.was_never_sent());
        let called = sent.filter_map(|row| {
            let contact = self.called(row.new.contact, row.new.number_no)?;
            Some((row.new.scheduled_at, Digits::of(&contact.number)?))
        });
        called.collect()
    }

    /// Agents of attempts that are over since then: the last one of each.
    pub(crate) fn agents_called_since(&self, since: Timestamp) -> Vec<CalledBefore> {
        let over = self.attempts.values().filter(|row| row.ended_at.is_some_and(|at| at > since));
        let called = over.filter_map(|row| {
            let (agent, new) = (row.new.agent.as_deref()?.clone(), &row.new);
            let called = CalledBefore { attempt: new.attempt, call: new.call, pbx: new.pbx, agent };
            Some(((new.pbx, called.agent.interface.clone()), called))
        });
        called.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    /// A contact as it is told to the dialler.
    pub(super) fn told(&self, contact: &Arc<Contact>, number_no: u32) -> Arc<Contact> {
        let mut told = if number_no == 0 { Arc::clone(contact) } else { Arc::new(contact.turn(number_no)) };
        if self.is(Sabotage::MovesEverybody) {
            Arc::make_mut(&mut told).zones = domain::rules::Zones::Campaign;
        }
        if self.is(Sabotage::TellsOneNumber) {
            Arc::make_mut(&mut told).numbers = None;
        }
        told
    }

    /// What is known of a contact's number and person, this attempt left out.
    pub(super) fn standing(&self, contact: &Contact, campaign: CampaignId, but: Option<AttemptId>) -> Standing {
        let suppressed = self.is_suppressed(contact, campaign) && !self.is(Sabotage::KeepsSuppressionsBack);
        let black = |key| self.black.contains_key(&(key, campaign)) && !self.is(Sabotage::KeepsSuppressionsBack);
        let own = contact.numbers.as_ref().map_or(contact.key, |numbers| numbers.all[0].key);
        let told = |one: &Numbered| NumberStanding {
            no: one.no,
            suppressed_by: (self.bars(one.key, campaign) && !self.is(Sabotage::KeepsSuppressionsBack))
                .then_some(SuppressionListId(1)),
            black_listed_by: black(one.key).then_some(ListId(1)),
            number: self.calls(self.by_number.get(&one.key), but),
        };
        let person = contact.person.and_then(|person| self.by_person.get(&person));
        Standing {
            suppressed_by: suppressed.then_some(SuppressionListId(1)),
            black_listed_by: (black(contact.key) || black(own)).then_some(ListId(1)),
            number: self.calls(self.by_number.get(&contact.key), but),
            person: self.calls(person, but),
            numbers: contact.numbers.iter().flat_map(|numbers| &numbers.all).map(told).collect(),
        }
    }

    /// Attempts that were sent, or may have been.
    pub(super) fn calls(&self, attempts: Option<&Vec<AttemptId>>, but: Option<AttemptId>) -> Calls {
        let mut calls = Calls::default();
        if self.is(Sabotage::ForgetsCalls) {
            return calls;
        }
        let others = attempts.into_iter().flatten().filter(|attempt| Some(**attempt) != but);
        for row in others.filter_map(|attempt| self.attempts.get(attempt)) {
            if !row.was_never_sent() {
                calls.attempted(row.new.scheduled_at);
                if let Some(at) = row.ended_talking.or(row.connected_at) {
                    calls.talked(at);
                }
            }
        }
        calls
    }

    pub(super) fn load(&self, load: &LoadContacts) -> Loaded {
        let rows = self.rows.get(&load.run);
        let skips = self.is(Sabotage::SkipsContacts);
        let limit = load.fresh_limit as usize;
        let mut fresh: Vec<FreshEntry> = Vec::new();
        let campaign = campaign_of(load.run);
        if let Some((list, after)) = load.list {
            let contacts = self.lists.get(&list).map(Vec::as_slice).unwrap_or_default();
            let first = contacts.partition_point(|contact| contact.id <= after);
            // Both are in order: a restart walks along them once, it does not search for each contact.
            let mut rows = rows.into_iter().flat_map(|rows| rows.range(after..)).map(|(id, _)| *id).peekable();
            let is_fresh = |contact: &&Arc<Contact>| {
                while rows.next_if(|id| *id < contact.id).is_some() {}
                rows.peek() != Some(&contact.id) && !(skips && contact.id.0 % 3 == 0)
            };
            let taken = contacts[first..].iter().filter(is_fresh).take(limit);
            let standing = |contact: &Contact| self.standing(contact, campaign, None);
            fresh = taken.map(|c| FreshEntry { contact: self.told(c, 0), standing: standing(c) }).collect();
        }
        let early = if self.is(Sabotage::TellsRetriesEarly) { -TOLD_EARLY_S } else { 0 };
        let mut waiting = self.waiting.get(&load.run).into_iter().flatten().filter_map(|(due_at, id)| {
            let (retry, number_no, put_off_by) = match rows?.get(id)? {
                Row::Waiting { retry, number_no, put_off_by, .. } => (*retry, *number_no, *put_off_by),
                _ => return None,
            };
            let contact = self.told(self.contacts.get(id)?, number_no);
            let standing = self.standing(&contact, campaign, None);
            let due_at = due_at.plus_seconds(early);
            Some(RetryEntry { contact, retry, number_no, due_at, put_off_by, standing })
        });
        let mut retries = Vec::new();
        let (mut next_due, mut next_put_off_by) = (None, None);
        for entry in waiting.by_ref() {
            if entry.due_at > load.due_before || retries.len() >= load.retry_limit as usize {
                (next_due, next_put_off_by) = (Some(entry.due_at), entry.put_off_by);
                break;
            }
            retries.push(entry);
        }
        Loaded {
            run: load.run,
            list: load.list.map(|(list, _)| list),
            list_exhausted: fresh.len() < limit,
            list_end: load
                .list
                .and_then(|(list, _)| self.lists.get(&list)?.last())
                .map_or(ContactId(0), |contact| contact.id),
            fresh,
            retries,
            next_due,
            next_put_off_by,
        }
    }

    /// The other numbers of the contact of an attempt.
    pub(crate) fn other_numbers(&self, new: &NewAttempt) -> Vec<OtherNumber> {
        let Some(contact) = self.called(new.contact, new.number_no) else { return Vec::new() };
        if self.is(Sabotage::TellsOneNumber) {
            return Vec::new();
        }
        contact.other_numbers(&Rules::none(), &self.standing(&contact, new.campaign, None), |_| false)
    }

    /// What a new process finds open.
    pub(crate) fn open_attempts(&self) -> Vec<OpenAttempt> {
        let open = self.open.values().filter_map(|attempt| self.attempts.get(attempt));
        let mut open: Vec<&AttemptRow> = open.filter(|row| row.state == AttemptState::Open).collect();
        open.sort_unstable_by_key(|row| row.new.attempt);
        let open = open.into_iter().map(|row| OpenAttempt {
            attempt: row.new.attempt,
            call: row.new.call,
            leg: row.new.leg,
            run: row.new.run,
            campaign: row.new.campaign,
            contact: row.new.contact,
            number_key: row.new.number_key,
            retry: row.new.retry,
            number_no: row.new.number_no,
            other_numbers: self.other_numbers(&row.new),
            trunk: row.new.trunk,
            end_point: row.new.end_point,
            pbx: row.new.pbx,
            scheduled_at: row.new.scheduled_at,
            connected_at: row.connected_at,
            tally: row.counted.first().map(|first| {
                Tally::restored(first.campaign, first.rule, row.counted.iter().map(|counted| counted.count))
            }),
            ext_state: row.ext_state.clone(),
            agent: row.new.agent.as_deref().cloned(),
            reserved: row.new.reserved,
            details: (self.contacts.get(&row.new.contact).filter(|_| row.new.reserved))
                .map(|contact| self.told(contact, row.new.number_no)),
            suppressed: self
                .called(row.new.contact, row.new.number_no)
                .is_some_and(|contact| self.is_suppressed(&contact, row.new.campaign)),
        });
        open.collect()
    }
}
