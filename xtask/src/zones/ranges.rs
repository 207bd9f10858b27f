//! Which prefixes hold numbers of which kind, exactly: each pattern becomes an automaton that is walked digit by digit.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use regex_automata::dfa::{Automaton, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

use super::source::Source;
use super::{Map, PREFIX_DIGITS_MAX, looked_up};

/// Countries whose mobile numbers belong to a place, as libphonenumber has it: Mexico, Argentina, Brazil, Indonesia, China.
const PLACED_MOBILES: [&str; 5] = ["52", "54", "55", "62", "86"];
/// Digits behind the calling code that are looked at to tell kinds apart.
const DIGITS_LOOKED_AT: usize = 4;

/// All numbering plans.
pub(crate) struct Plan {
    regions: Vec<Region>,
}

struct Region {
    calling_code: String,
    kinds: Vec<(&'static str, dense::DFA<Vec<u32>>)>,
}

/// Where a prefix stands in each pattern: the region, the kind, and the state behind the digits so far.
type Places = Vec<(usize, usize, StateID)>;

impl Plan {
    pub(crate) fn of(source: &Source) -> Result<Self> {
        let regions = source.regions.iter().map(|region| {
            let fixed = region.patterns.get("fixed_line");
            // Where both are the same nobody can tell them apart: the number is where its prefix is.
            let told_apart = |kind: &str, pattern: &String| kind != "mobile" || Some(pattern) != fixed;
            let patterns = region.patterns.iter().filter(|(kind, pattern)| told_apart(kind, pattern));
            let kinds = patterns.map(|(kind, pattern)| Ok((*kind, automaton(pattern)?)));
            Ok(Region { calling_code: region.calling_code.clone(), kinds: kinds.collect::<Result<_>>()? })
        });
        Ok(Self { regions: regions.collect::<Result<_>>()? })
    }

    /// Gives every prefix of numbers without a place all zones of their regions.
    pub(crate) fn place_numbers_without_a_place(&self, map: &mut Map) {
        let given = map.clone();
        for code in self.calling_codes() {
            let mut zones = given.range(code.to_owned()..).take_while(|(prefix, _)| prefix.starts_with(code));
            let Some((_, first)) = zones.next() else { continue };
            if zones.any(|(_, others)| others != first) {
                self.place(code, self.start(code), &given, map);
            }
        }
    }

    fn place(&self, prefix: &str, places: Places, given: &Map, map: &mut Map) {
        let is_placed = |&(region, kind, _): &(usize, usize, StateID)| self.is_placed(region, kind);
        let (placed, without): (Places, Places) = places.iter().partition(|place| is_placed(place));
        if without.is_empty() {
            return;
        }
        let regions = |of: &Places| of.iter().map(|(region, ..)| *region).collect::<BTreeSet<_>>();
        if placed.is_empty() {
            map.retain(|other, _| other == prefix || !other.starts_with(prefix));
            map.insert(prefix.to_owned(), self.zones(&regions(&without), given));
            return;
        }
        let deeper = given.range(format!("{prefix}0")..).next().is_some_and(|(other, _)| other.starts_with(prefix));
        let code = &self.regions[places[0].0].calling_code;
        let looked_at = prefix.len() - code.len() >= DIGITS_LOOKED_AT && !deeper;
        if prefix.len() < PREFIX_DIGITS_MAX && !looked_at {
            for digit in '0'..='9' {
                self.place(&format!("{prefix}{digit}"), self.next(&places, digit), given, map);
            }
            return;
        }
        // Both kinds behind one prefix: a mobile may be anywhere, and the strict answer is right for both. Of the rare
        // other kinds (a company's number between ordinary ones) the prefix says enough.
        let mobiles: Places =
            without.into_iter().filter(|&(region, kind, _)| self.kind(region, kind) == "mobile").collect();
        if !mobiles.is_empty() {
            let mut zones = self.zones(&regions(&mobiles), given);
            zones.extend(looked_up(given, prefix).into_iter().flatten().cloned());
            zones.sort();
            zones.dedup();
            map.insert(prefix.to_owned(), zones);
        }
    }

    /// The ranges of premium rate numbers, as short as they can be without an ordinary number among them.
    pub(crate) fn premium(&self) -> Vec<String> {
        let mut found = Vec::new();
        for code in self.calling_codes() {
            self.premium_behind(code, self.start(code), &mut found);
        }
        found
    }

    fn premium_behind(&self, prefix: &str, places: Places, found: &mut Vec<String>) {
        let premium = |&(region, kind, _): &(usize, usize, StateID)| self.kind(region, kind) == "premium_rate";
        if !places.iter().any(premium) {
            return;
        }
        if places.iter().all(premium) {
            found.push(prefix.to_owned());
        } else if prefix.len() < PREFIX_DIGITS_MAX {
            for digit in '0'..='9' {
                self.premium_behind(&format!("{prefix}{digit}"), self.next(&places, digit), found);
            }
        }
    }

    /// The zones of these regions: those of their fixed lines.
    fn zones(&self, regions: &BTreeSet<usize>, given: &Map) -> Vec<String> {
        let mut zones = BTreeSet::new();
        for region in regions {
            let code = &self.regions[*region].calling_code;
            let mut fixed = self.start(code);
            fixed.retain(|place| place.0 == *region && self.is_placed(place.0, place.1));
            self.reached(code, fixed, given, &mut zones);
        }
        zones.into_iter().collect()
    }

    fn reached(&self, prefix: &str, places: Places, given: &Map, zones: &mut BTreeSet<String>) {
        if places.is_empty() {
            return;
        }
        let deeper = given.range(format!("{prefix}0")..).next().is_some_and(|(other, _)| other.starts_with(prefix));
        if !deeper {
            return zones.extend(looked_up(given, prefix).into_iter().flatten().cloned());
        }
        for digit in '0'..='9' {
            self.reached(&format!("{prefix}{digit}"), self.next(&places, digit), given, zones);
        }
    }

    fn calling_codes(&self) -> BTreeSet<&str> {
        self.regions.iter().map(|region| region.calling_code.as_str()).collect()
    }

    fn kind(&self, region: usize, kind: usize) -> &'static str {
        self.regions[region].kinds[kind].0
    }

    fn is_placed(&self, region: usize, kind: usize) -> bool {
        match self.kind(region, kind) {
            "fixed_line" => true,
            "mobile" => PLACED_MOBILES.contains(&self.regions[region].calling_code.as_str()),
            _ => false,
        }
    }

    fn start(&self, calling_code: &str) -> Places {
        let of_code = |region: &&(usize, &Region)| region.1.calling_code == calling_code;
        let regions = self.regions.iter().enumerate().collect::<Vec<_>>();
        let regions = regions.iter().filter(of_code);
        let places = regions.flat_map(|(place, region)| {
            let states = region.kinds.iter().enumerate().map(|(kind, (_, dfa))| {
                let anchored = Input::new("").anchored(Anchored::Yes);
                (*place, kind, dfa.start_state_forward(&anchored).expect("an anchored start was built"))
            });
            states.collect::<Vec<_>>()
        });
        places.collect()
    }

    /// What is still possible behind one more digit.
    fn next(&self, places: &Places, digit: char) -> Places {
        let behind = places.iter().filter_map(|&(region, kind, state)| {
            let dfa = &self.regions[region].kinds[kind].1;
            let next = dfa.next_state(state, digit as u8);
            (!dfa.is_dead_state(next)).then_some((region, kind, next))
        });
        behind.collect()
    }
}

fn automaton(pattern: &str) -> Result<dense::DFA<Vec<u32>>> {
    dense::Builder::new()
        .configure(dense::Config::new().start_kind(regex_automata::dfa::StartKind::Anchored))
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .build(&format!("^(?:{pattern})$"))
        .with_context(|| format!("pattern {pattern}"))
}
