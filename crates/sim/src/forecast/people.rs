//! The contacts of a forecast in little room, shared by all its plays.

use domain::journal::PutOffBy;
use domain::rules::census::{Census, Entry, Funnel, Place};
use domain::rules::{Facts, Rules, Standing, Zones};
use domain::{Attributes, Contact, ContactId, Dialable, ListId, NumberKey, NumberRef, Timestamp, contact};
use std::ops::Range;
use std::sync::Arc;

/// Where a contact is in its run when the forecast begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// In its list, never tried.
    Fresh,
    /// Waits for its time.
    Waiting {
        /// The 0-based counter of the coming attempt.
        retry: u32,
        /// The number whose turn it is.
        number_no: u32,
        /// Not before.
        due_at: Timestamp,
        /// What put it off; `None` of a retry and of a planned call.
        put_off_by: Option<PutOffBy>,
    },
    /// A rule refused it until the run is reloaded.
    Refused,
    /// In a call: what becomes of it is not foretold.
    InCall,
    /// The run is done with it.
    Finished,
}

#[derive(Debug)]
struct Row {
    id: i64,
    key: i64,
    person: Option<NumberKey>,
    consent_at: Option<Timestamp>,
    zones: Zones,
    dialled: Box<str>,
    e164: Option<Box<str>>,
    /// What most do not have.
    more: Option<Box<More>>,
    at: Where,
}

#[derive(Debug, Default)]
struct More {
    standing: Standing,
    /// The contact itself where it has several numbers.
    contact: Option<Contact>,
}

/// All contacts of the campaign, by list in dialling order and then by id.
#[derive(Debug, Default)]
pub struct People {
    rows: Vec<Row>,
    lists: Vec<(ListId, Range<usize>)>,
}

impl People {
    /// Begins a list: what is added from now on is its.
    pub fn begin_list(&mut self, list: ListId) {
        self.lists.push((list, self.rows.len()..self.rows.len()));
    }

    /// Adds a contact to the list that was begun last, behind those with smaller ids. Its attributes and the name of its list are
    /// left out; `standing` is that of its own number.
    pub fn add(&mut self, contact: &Contact, standing: Standing, at: Where) {
        let several = contact.numbers.is_some().then(|| {
            let mut kept = Contact { list_name: String::new(), attributes: Attributes::default(), ..contact.clone() };
            if let Some(zone) = contact.attributes.get(contact::ZONE) {
                // It was an attribute before.
                let _ = kept.attributes.add(contact::ZONE, zone);
            }
            kept
        });
        let more = (several.is_some() || standing != Standing::default())
            .then(|| Box::new(More { standing, contact: several }));
        self.rows.push(Row {
            id: contact.id.0,
            key: contact.key.0,
            person: contact.person,
            consent_at: contact.consent_at,
            zones: contact.zones,
            dialled: contact.number.dialled.as_str().into(),
            e164: contact.number.e164.as_deref().map(Into::into),
            more,
            at,
        });
        if let Some((_, range)) = self.lists.last_mut() {
            range.end = self.rows.len();
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many each rule keeps back at that instant, counted as for the question why nothing is dialled. Whose number is in
    /// another call is not asked.
    pub fn funnel(&self, rules: &Rules, at: Timestamp) -> Funnel {
        let mut census = Census::new(rules.clone());
        for index in 0..self.rows.len() {
            let row = &self.rows[index];
            let (number_no, due_at, place) = match row.at {
                Where::Fresh => (0, None, Place::Waiting),
                Where::Waiting { number_no, due_at, put_off_by: None, .. } => (number_no, Some(due_at), Place::Waiting),
                Where::Waiting { number_no, due_at, .. } => (number_no, Some(due_at), Place::PutOff),
                Where::Refused => (0, None, Place::Refused),
                Where::InCall => (0, None, Place::InCall),
                Where::Finished => (0, None, Place::Finished),
            };
            let contact = self.contact(index, number_no);
            let standing = self.standing(index).at(contact.number_no);
            let facts = Facts {
                denied: rules.denies(&contact.number).is_some(),
                suppressed: standing.suppressed_by.is_some() || standing.black_listed_by.is_some(),
                consent_at: contact.consent_at,
                due_at,
                number: &standing.number,
                person: &standing.person,
                zones: contact.zones,
                in_flight: false,
            };
            census.add(&Entry { contact: contact.id, key: contact.key, person: contact.person, place, facts });
        }
        census.sort();
        census.funnel(at, &[])
    }

    pub(super) fn at(&self, index: usize) -> Where {
        self.rows[index].at
    }

    pub(super) fn id(&self, index: usize) -> ContactId {
        ContactId(self.rows[index].id)
    }

    /// The places of a list's contacts.
    pub(super) fn of_list(&self, list: ListId) -> Range<usize> {
        self.lists.iter().find(|(id, _)| *id == list).map_or(0..0, |(_, range)| range.clone())
    }

    /// The place of the first contact of a list behind this one.
    pub(super) fn behind(&self, range: &Range<usize>, after: ContactId) -> usize {
        range.start + self.rows[range.clone()].partition_point(|row| row.id <= after.0)
    }

    /// The place of a contact.
    pub(super) fn place_of(&self, id: ContactId) -> Option<usize> {
        self.lists.iter().find_map(|(_, range)| {
            let found = self.rows[range.clone()].binary_search_by_key(&id.0, |row| row.id).ok()?;
            Some(range.start + found)
        })
    }

    fn list_of(&self, index: usize) -> ListId {
        let holds = |(_, range): &&(ListId, Range<usize>)| range.contains(&index);
        self.lists.iter().find(holds).map_or(ListId(0), |(list, _)| *list)
    }

    /// The contact as it is called when it is the turn of that number.
    pub(super) fn contact(&self, index: usize, number_no: u32) -> Arc<Contact> {
        let row = &self.rows[index];
        if let Some(contact) = row.more.as_ref().and_then(|more| more.contact.as_ref()) {
            return Arc::new(contact.turn(number_no));
        }
        let number = Dialable {
            as_given: String::new(),
            dialled: row.dialled.to_string(),
            e164: row.e164.as_ref().map(|e164| e164.to_string()),
        };
        let contact = Contact {
            id: ContactId(row.id),
            list: self.list_of(index),
            list_name: String::new(),
            number,
            number_ref: NumberRef(row.id),
            key: NumberKey(row.key),
            number_no: 0,
            numbers: None,
            attributes: Attributes::default(),
            zones: row.zones,
            person: row.person,
            consent_at: row.consent_at,
        };
        // Of one whose further numbers were taken away its own stands in their place.
        Arc::new(if number_no == 0 { contact } else { contact.turn(number_no) })
    }

    /// What was known of its own number, and of all of several, when the contacts were read.
    pub(super) fn standing(&self, index: usize) -> Standing {
        self.rows[index].more.as_ref().map(|more| more.standing.clone()).unwrap_or_default()
    }
}
