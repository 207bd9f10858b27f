//! The E.164 form of a number. libphonenumber's data decide; its parser is asked only where they leave something to decide.
//!
//! The parser costs microseconds and a lock that all threads share, or milliseconds when a list mixes countries, because it
//! keeps a hundred patterns and compiles the others anew. Most numbers need none of that: no country that the number may
//! belong to has a pattern that takes something off its front, so that it is already what the parser would make of it.
//! Patterns are compiled once for each country, when its first number comes.

use phonenumber::country::Id;
use phonenumber::metadata::{DATABASE, Metadata};
use regex::{Regex, RegexBuilder};
use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

/// Digits of a number that is decided here, its country's code left out. The parser has opinions on others.
const DIGITS: std::ops::RangeInclusive<usize> = 4..=14;
/// Longest country code.
const CODE_DIGITS: usize = 3;

/// `+` and digits; `None` when neither the number nor the country tells it. `dialled` is not empty.
pub(super) fn e164(dialled: &str, country: Option<&str>) -> Option<String> {
    if dialled.contains(['*', '#']) || dialled[1..].contains('+') {
        return None;
    }
    if dialled.starts_with('+') {
        // Without our own country: its prefixes must not be taken off a number of another one.
        return abroad(dialled).or_else(|| parsed(dialled, None));
    }
    let country = country?;
    let Some(home) = Home::of(country) else { return parsed(dialled, country.parse().ok()) };
    if let Some(rest) = home.behind_international_prefix(dialled) {
        return e164(&format!("+{rest}"), None);
    }
    home.plain(dialled).or_else(|| parsed(dialled, Some(home.id)))
}

fn parsed(dialled: &str, country: Option<Id>) -> Option<String> {
    if country.is_none() && !dialled.starts_with('+') {
        return None;
    }
    // The library is fed hostile text and holds assertions; a panic there must cost one number, not the process.
    let parsed = std::panic::catch_unwind(|| phonenumber::parse(country, dialled)).ok()?.ok()?;
    Some(parsed.format().mode(phonenumber::Mode::E164).to_string())
}

/// A number with its country's code, when nothing can be taken off what follows that.
fn abroad(dialled: &str) -> Option<String> {
    let digits = dialled.strip_prefix('+')?;
    // The shortest code that is one: none begins another.
    let (length, prefixes) = (1..=CODE_DIGITS).find_map(|length| {
        let code: u16 = digits.get(..length).filter(|code| is_digits(code) && !code.starts_with('0'))?.parse().ok()?;
        Some((length, CODES.get(&code)?))
    })?;
    let national = &digits[length..];
    if !is_plain(national) {
        return None;
    }
    let metas = || DATABASE.by_code(&digits[..length].parse::<u16>().ok()?);
    let prefixes = prefixes.get_or_init(|| prefixes_of(&metas().unwrap_or_default()));
    prefixes.as_ref().is_none_or(|prefixes| !prefixes.is_match(national)).then(|| dialled.to_owned())
}

/// What may be taken off the front of a national number of any of the countries that share a code, by code.
static CODES: LazyLock<BTreeMap<u16, OnceLock<Option<Regex>>>> =
    LazyLock::new(|| DATABASE.iter().map(|meta| (meta.country_code(), OnceLock::new())).collect());

/// The countries that national numbers may belong to.
static HOMES: LazyLock<BTreeMap<&str, OnceLock<Home>>> = LazyLock::new(|| {
    let countries = DATABASE.iter().filter(|meta| meta.id().parse::<Id>().is_ok());
    countries.map(|meta| (meta.id(), OnceLock::new())).collect()
});

/// How numbers are dialled within a country.
struct Home {
    id: Id,
    code: String,
    /// What is dialled before a country's code.
    international: Option<Regex>,
    /// What is dialled before a national number.
    prefixes: Option<Regex>,
    literal: Option<&'static str>,
    /// A prefix is not only taken off: something else may take its place.
    transforms: bool,
    /// Fewer digits are no number of this country.
    shortest: usize,
}

impl Home {
    fn of(country: &str) -> Option<&'static Self> {
        let home = HOMES.get(country)?;
        let meta = DATABASE.by_id(country)?;
        Some(home.get_or_init(|| Self {
            id: country.parse().expect("only such countries are in the map"),
            code: meta.country_code().to_string(),
            international: meta.international_prefix().and_then(|prefix| anchored(&[prefix.as_str().to_owned()])),
            prefixes: meta.national_prefix_for_parsing().and_then(|prefix| anchored(&[prefix.as_str().to_owned()])),
            literal: meta.national_prefix(),
            transforms: meta.national_prefix_transform_rule().is_some(),
            shortest: meta.descriptors().general().possible_length().first().copied().map_or(0, usize::from),
        }))
    }

    /// The country's code and what follows, when the number begins with what is dialled before these.
    fn behind_international_prefix<'a>(&self, dialled: &'a str) -> Option<&'a str> {
        let end = self.international.as_ref()?.find(dialled)?.end();
        dialled.get(end..).filter(|rest| !rest.is_empty() && !rest.starts_with('0'))
    }

    fn plain(&self, dialled: &str) -> Option<String> {
        // It may have its country's code without a `+`.
        if !is_plain(dialled) || dialled.starts_with(&self.code) {
            return None;
        }
        let national = match self.prefixes.as_ref().map(|prefixes| prefixes.find(dialled)) {
            Some(None) => dialled,
            Some(Some(_)) if self.transforms => return None,
            Some(Some(found)) => &dialled[found.end()..],
            None => self.literal.and_then(|literal| dialled.strip_prefix(literal)).unwrap_or(dialled),
        };
        let again = self.literal.is_some_and(|literal| national.starts_with(literal));
        let plain = is_plain(national) && national.len() >= self.shortest && !again;
        plain.then(|| format!("+{}{national}", self.code))
    }
}

fn prefixes_of(metas: &[&Metadata]) -> Option<Regex> {
    let patterns = metas.iter().filter_map(|meta| Some(meta.national_prefix_for_parsing()?.as_str().to_owned()));
    let literals = metas.iter().filter_map(|meta| Some(regex::escape(meta.national_prefix()?)));
    let mut all: Vec<String> = patterns.chain(literals).collect();
    all.sort();
    all.dedup();
    anchored(&all)
}

/// One of the patterns, at the beginning. `None`: there is no pattern.
fn anchored(patterns: &[String]) -> Option<Regex> {
    if patterns.is_empty() {
        return None;
    }
    let any = patterns.iter().map(|pattern| format!("(?:{pattern})")).collect::<Vec<_>>().join("|");
    let built = RegexBuilder::new(&format!("^(?:{any})")).ignore_whitespace(true).build();
    Some(built.expect("the library compiles the same patterns"))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Nothing but digits, neither too few nor too many, and not all of them zeros.
fn is_plain(national: &str) -> bool {
    DIGITS.contains(&national.len()) && is_digits(national) && national.bytes().any(|byte| byte != b'0')
}

#[cfg(test)]
mod tests;
