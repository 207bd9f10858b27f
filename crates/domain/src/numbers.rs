//! The numbers of one contact: its own, and those that its attributes `MULTINUM1`, `MULTINUM2`, … name.
//!
//! Number 0 is the contact's own: it stands for the contact in lists, and who suppresses it suppresses the contact. The others
//! are tried behind it, in the order of their attributes.

use crate::attributes::Attributes;
use crate::contact::Contact;
use crate::error::Invalid;
use crate::ids::NumberRef;
use crate::number::{Dialable, NumberKey};
use crate::rules::{Rules, Standing, Zones};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Begins the name of an attribute that holds another number of the contact; its place follows, from 1 on.
pub const MULTINUM: &str = "MULTINUM";
/// The last place that such an attribute may have.
pub const MAX_ALTERNATES: u32 = 20;

/// One number of a contact. Its `Debug` shows no number.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// Its place: 0 the contact's own, `n` that of `MULTINUMn`.
    pub no: u32,
    /// The number.
    pub number: Dialable,
    /// Stands for the number where it may not be written.
    pub number_ref: NumberRef,
    /// Keyed hash of the number.
    pub key: NumberKey,
}

impl fmt::Debug for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Numbered({})", self.no)
    }
}

/// Why a number of a contact is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyLeftOut {
    /// It cannot be dialled.
    Malformed,
    /// It is that of an earlier place.
    Duplicate,
    /// A suppression list names it.
    Suppressed,
    /// A black list of the campaign names it.
    BlackListed,
    /// It lies in a range that the campaign does not call.
    Denied,
    /// No hour is right to call it: nobody knows where it is.
    NoHour,
}

impl WhyLeftOut {
    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Malformed => "cannot be dialled",
            Self::Duplicate => "is one of the contact's other numbers",
            Self::Suppressed => "is suppressed",
            Self::BlackListed => "is on a black list of the campaign",
            Self::Denied => "lies in a range that is not called",
            Self::NoHour => "is somewhere where no hour is right",
        }
    }
}

/// A number that is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its place.
    pub no: u32,
    /// Why.
    pub why: WhyLeftOut,
}

/// What a contact's attributes name beside its own number, as it is kept with the contact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternates {
    /// Those that can be dialled, by place.
    pub numbers: Vec<Numbered>,
    /// Those that cannot, by place.
    pub left_out: Vec<LeftOut>,
}

impl Alternates {
    /// Those of a contact with this number and these attributes; `None`: they name none. `country` is the one that national
    /// numbers belong to, `secret` keys the hashes. A number that it `had` before keeps what stands for it.
    pub fn of(
        number: &Dialable,
        attributes: &Attributes,
        country: Option<&str>,
        secret: u64,
        had: Option<&Self>,
        mut number_ref: impl FnMut() -> i64,
    ) -> Option<Self> {
        let mut named: Vec<(u32, &str)> =
            attributes.iter().filter_map(|(name, value)| Some((place(name)?.ok()?, value.trim()))).collect();
        named.retain(|(_, value)| !value.is_empty());
        if named.is_empty() {
            return None;
        }
        named.sort_by_key(|(no, _)| *no);
        let mut keys = vec![number.key(secret)];
        let mut all = Self::default();
        for (no, text) in named {
            let Ok(number) = Dialable::parse(text, country) else {
                all.left_out.push(LeftOut { no, why: WhyLeftOut::Malformed });
                continue;
            };
            let key = number.key(secret);
            if keys.contains(&key) {
                all.left_out.push(LeftOut { no, why: WhyLeftOut::Duplicate });
                continue;
            }
            keys.push(key);
            let before = had.and_then(|had| had.numbers.iter().find(|before| before.key == key));
            let number_ref = before.map_or_else(|| NumberRef(number_ref()), |before| before.number_ref);
            all.numbers.push(Numbered { no, number, number_ref, key });
        }
        Some(all)
    }
}

/// Refuses a `MULTINUM` of a place that there is not.
pub(crate) fn check_places(attributes: &Attributes) -> Result<(), Invalid> {
    attributes.iter().filter_map(|(name, _)| place(name)).try_for_each(|place| place.map(drop))
}

/// The place that an attribute of this name gives a number; `None`: it is another attribute.
fn place(name: &str) -> Option<Result<u32, Invalid>> {
    let digits = name.strip_prefix(MULTINUM)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let no = digits.parse().ok().filter(|no| (1..=MAX_ALTERNATES).contains(no) && !digits.starts_with('0'));
    Some(no.ok_or_else(|| Invalid::new(name, format!("further numbers are {MULTINUM}1 to {MULTINUM}{MAX_ALTERNATES}"))))
}

/// All numbers of a contact that has more than one, or names more than one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    /// By place, its own first.
    pub all: Vec<Numbered>,
    /// Those that cannot be dialled, by place.
    pub left_out: Vec<LeftOut>,
}

impl Numbers {
    /// Its own, and what it names beside.
    pub fn of(own: Numbered, alternates: Alternates) -> Self {
        Self { all: [vec![own], alternates.numbers].concat(), left_out: alternates.left_out }
    }
}

/// Another number of a contact that is in a call, without the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherNumber {
    /// Its place.
    pub no: u32,
    /// Its key; `None` of one that cannot be dialled.
    pub key: Option<NumberKey>,
    /// Why it is passed over, if it is.
    pub left_out: Option<WhyLeftOut>,
}

impl Contact {
    /// The contact's own number, whichever it is about to be called on.
    pub fn own_number(&self) -> &Dialable {
        self.numbers.as_ref().map_or(&self.number, |numbers| &numbers.all[0].number)
    }

    /// The keys of its numbers but the one that it is about to be called on.
    pub fn other_keys(&self) -> impl Iterator<Item = NumberKey> + '_ {
        let all = self.numbers.as_ref().map_or(&[][..], |numbers| &numbers.all);
        all.iter().map(|one| one.key).filter(|key| *key != self.key)
    }

    /// The contact as it is called on another of its numbers; `None`: it has none of that place.
    pub fn at(&self, no: u32) -> Option<Self> {
        if no == self.number_no {
            return Some(self.clone());
        }
        let one = self.numbers.as_ref()?.all.iter().find(|one| one.no == no)?;
        Some(self.called_on(one))
    }

    /// The contact as it is called when the turn is that of `no`. When that number was taken away since, it is the next one
    /// behind it, and when there is none its own, in the place of that which is gone.
    pub fn turn(&self, no: u32) -> Self {
        if no == self.number_no {
            return self.clone();
        }
        let behind = self.numbers.iter().flat_map(|numbers| &numbers.all).find(|one| one.no >= no);
        match behind {
            Some(one) => self.called_on(one),
            None => Self { number_no: no, ..self.at(0).unwrap_or_else(|| self.clone()) },
        }
    }

    fn called_on(&self, one: &Numbered) -> Self {
        Self {
            number: one.number.clone(),
            number_ref: one.number_ref,
            key: one.key,
            number_no: one.no,
            zones: Zones::of(&one.number, &self.attributes),
            ..self.clone()
        }
    }

    /// Its numbers but the one that it is called on, by place, with why they are passed over by a campaign with these rules.
    /// `no_hour` says of zones whether no hour is right there.
    pub fn other_numbers(
        &self,
        rules: &Rules,
        standing: &Standing,
        mut no_hour: impl FnMut(Zones) -> bool,
    ) -> Vec<OtherNumber> {
        let Some(numbers) = &self.numbers else { return Vec::new() };
        let mut others: Vec<OtherNumber> = Vec::with_capacity(numbers.all.len() + numbers.left_out.len());
        for one in numbers.all.iter().filter(|one| one.no != self.number_no) {
            let known = standing.numbers.iter().find(|known| known.no == one.no);
            let left_out = match known {
                Some(known) if known.suppressed_by.is_some() => Some(WhyLeftOut::Suppressed),
                Some(known) if known.black_listed_by.is_some() => Some(WhyLeftOut::BlackListed),
                _ if rules.denies(&one.number).is_some() => Some(WhyLeftOut::Denied),
                _ => no_hour(Zones::of(&one.number, &self.attributes)).then_some(WhyLeftOut::NoHour),
            };
            others.push(OtherNumber { no: one.no, key: Some(one.key), left_out });
        }
        let left_out = numbers.left_out.iter();
        others.extend(left_out.map(|one| OtherNumber { no: one.no, key: None, left_out: Some(one.why) }));
        others.sort_by_key(|one| one.no);
        others
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ContactId, ListId};
    use crate::rules::NumberStanding;
    use crate::{SuppressionListId, contact};
    use std::sync::Arc;

    fn attributes(pairs: &[(&str, &str)]) -> Attributes {
        let mut attributes = Attributes::default();
        for (name, value) in pairs {
            attributes.add(name, value).unwrap();
        }
        attributes
    }

    fn alternates(pairs: &[(&str, &str)]) -> Option<Alternates> {
        let own = Dialable::parse("06 6982 0001", Some("IT")).unwrap();
        let mut next = 100;
        Alternates::of(&own, &attributes(pairs), Some("IT"), 7, None, || {
            next += 1;
            next
        })
    }

    fn person(pairs: &[(&str, &str)]) -> Contact {
        let number = Dialable::parse("06 6982 0001", Some("IT")).unwrap();
        let own = Numbered { no: 0, number: number.clone(), number_ref: NumberRef(100), key: number.key(7) };
        let attributes = attributes(pairs);
        Contact {
            id: ContactId(1),
            list: ListId(1),
            list_name: "spring".into(),
            zones: Zones::of(&number, &attributes),
            key: own.key,
            number_ref: own.number_ref,
            number_no: 0,
            numbers: alternates(pairs).map(|alternates| Arc::new(Numbers::of(own, alternates))),
            number,
            attributes,
            person: None,
            consent_at: None,
        }
    }

    #[test]
    fn attributes_name_further_numbers_in_the_order_of_their_places() {
        let pairs = [
            ("MULTINUM10", "0669820010"),
            ("NAME", "Ann"),
            ("MULTINUM2", " "),
            ("MULTINUM1", "+39 06 6982 0002"),
            ("MULTINUM4", "no number"),
            ("MULTINUM3", "+390669820001"),
            ("MULTINUM5", "0669820002"),
            ("MULTINUM", "not a place"),
        ];
        let found = alternates(&pairs).unwrap();
        let places: Vec<_> = found.numbers.iter().map(|one| (one.no, one.number.dialled.as_str())).collect();
        assert_eq!(places, [(1, "+390669820002"), (10, "0669820010")]);
        let left_out: Vec<_> = found.left_out.iter().map(|one| (one.no, one.why)).collect();
        let (malformed, duplicate) = (WhyLeftOut::Malformed, WhyLeftOut::Duplicate);
        assert_eq!(left_out, [(3, duplicate), (4, malformed), (5, duplicate)]);
        assert_eq!(alternates(&[("NAME", "Ann"), ("MULTINUM1", "")]), None);
    }

    #[test]
    fn a_number_that_stays_keeps_what_stands_for_it() {
        let had = alternates(&[("MULTINUM1", "0669820002"), ("MULTINUM2", "0669820003")]).unwrap();
        let own = Dialable::parse("0669820001", Some("IT")).unwrap();
        let now = attributes(&[("MULTINUM1", "0669820003"), ("MULTINUM2", "0669820004")]);
        let now = Alternates::of(&own, &now, Some("IT"), 7, Some(&had), || 999).unwrap();
        assert_eq!(now.numbers[0].number_ref, had.numbers[1].number_ref);
        assert_eq!(now.numbers[1].number_ref, NumberRef(999));
    }

    #[test]
    fn places_that_there_are_not_are_refused_by_name() {
        for name in ["MULTINUM0", "MULTINUM21", "MULTINUM01", "MULTINUM99999999999"] {
            let refused = contact::check_meaning(&attributes(&[(name, "1")])).unwrap_err();
            assert_eq!(refused.field, name);
        }
        contact::check_meaning(&attributes(&[("MULTINUM20", "x"), ("MULTINUMBER", "y"), ("MULTINUM", "z")])).unwrap();
    }

    #[test]
    fn a_contact_is_called_on_the_number_whose_turn_it_is() {
        let contact = person(&[("MULTINUM1", "+442079460001"), ("MULTINUM3", "0669820003")]);
        let second = contact.at(1).unwrap();
        assert_eq!((second.number_no, second.number.dialled.as_str()), (1, "+442079460001"));
        assert_ne!(second.zones, contact.zones, "each number has its own place on the map");
        assert_eq!(second.own_number(), &contact.number);
        assert_eq!(second.other_keys().count(), 2);
        assert!(contact.at(2).is_none());
        assert_eq!(contact.turn(2).number_no, 3, "the next one behind a number that is gone");
        let own = contact.turn(4);
        assert_eq!((own.number_no, &own.number), (4, &contact.number), "its own in the place of one that is gone");
        let single = person(&[]);
        assert_eq!((single.at(0).is_some(), single.at(1).is_some(), single.turn(1).number_no), (true, false, 1));
    }

    #[test]
    fn what_is_known_of_a_number_passes_it_over() {
        let contact = person(&[
            ("MULTINUM1", "0669820002"),
            ("MULTINUM2", "x"),
            ("MULTINUM3", "+881612345678"),
            ("MULTINUM4", "+9990001"),
        ]);
        let suppressed = NumberStanding { suppressed_by: Some(SuppressionListId(1)), ..NumberStanding::of(1) };
        let standing = Standing { numbers: vec![NumberStanding::of(0), suppressed], ..Standing::default() };
        let rules = Rules::of(&["default".to_owned()], &Default::default(), "UTC").unwrap();
        let others = contact.other_numbers(&rules, &standing, |zones| zones == Zones::Unknown);
        let others: Vec<_> = others.iter().map(|one| (one.no, one.left_out)).collect();
        let why = [WhyLeftOut::Suppressed, WhyLeftOut::Malformed, WhyLeftOut::Denied, WhyLeftOut::NoHour].map(Some);
        assert_eq!(others, [(1, why[0]), (2, why[1]), (3, why[2]), (4, why[3])]);
    }
}
