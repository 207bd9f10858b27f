//! What the package says: its table of zones and the numbering plan of each region.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::Map;
use crate::wheel;

/// libphonenumber's data.
pub(crate) struct Source {
    /// Of the package.
    pub(crate) version: String,
    /// The table of zones.
    pub(crate) map: Map,
    /// The plan of each region.
    pub(crate) regions: Vec<Region>,
}

/// The numbering plan of one region.
pub(crate) struct Region {
    /// Its calling code.
    pub(crate) calling_code: String,
    /// A pattern of national numbers for each kind, `fixed_line`, `mobile`, ...
    pub(crate) patterns: BTreeMap<&'static str, String>,
}

/// The kinds of numbers that a plan knows.
pub(crate) const KINDS: [&str; 10] = [
    "fixed_line",
    "mobile",
    "premium_rate",
    "toll_free",
    "shared_cost",
    "personal_number",
    "voip",
    "pager",
    "uan",
    "voicemail",
];

/// Asks the package index for the newest version, by name, and reads it.
pub(crate) fn fetch() -> Result<Source> {
    let scratch = tempfile::tempdir()?;
    let wheel = wheel::unpack("phonenumbers", scratch.path())?;
    let version = wheel.split('-').nth(1).context("a wheel's name holds its version")?.to_owned();
    read(&scratch.path().join("phonenumbers"), version)
}

fn read(folder: &Path, version: String) -> Result<Source> {
    let mut map = Map::new();
    for file in files(&folder.join("tzdata"))? {
        map.extend(file.lines().filter_map(entry));
    }
    let plans = files(&folder.join("data"))?;
    let regions: Vec<Region> = plans.iter().filter_map(|text| region(text)).collect();
    ensure!(regions.len() > 200, "only {} regions: the source has another shape", regions.len());
    Ok(Source { version, map, regions })
}

fn files(folder: &Path) -> Result<Vec<String>> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "py"));
    paths.sort();
    paths.iter().map(|path| Ok(fs::read_to_string(path)?)).collect()
}

/// ` '1208':('America/Boise', 'America/Los_Angeles'),`
fn entry(line: &str) -> Option<(String, Vec<String>)> {
    let (prefix, zones) = line.trim().split_once(":(")?;
    let prefix = prefix.trim_matches('\'');
    let all_digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let zones = zones.split('\'').skip(1).step_by(2).map(str::to_owned).collect();
    all_digits.then(|| (prefix.to_owned(), zones))
}

fn region(text: &str) -> Option<Region> {
    let code = text.split_once("country_code=")?.1;
    let calling_code = code.chars().take_while(char::is_ascii_digit).collect();
    let pattern = |kind: &&'static str| {
        let desc = text.split_once(&format!("    {kind}=PhoneNumberDesc(national_number_pattern='"))?.1;
        Some((*kind, desc.split_once('\'')?.0.replace("\\\\", "\\")))
    };
    Some(Region { calling_code, patterns: KINDS.iter().filter_map(pattern).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_the_table_is_read() {
        let (prefix, zones) = entry(" '12082':('America/Boise', 'America/Los_Angeles'),").unwrap();
        assert_eq!((prefix.as_str(), zones.len(), zones[1].as_str()), ("12082", 2, "America/Los_Angeles"));
        assert_eq!(entry("TIMEZONE_LONGEST_PREFIX = 9"), None);
    }

    #[test]
    fn a_plan_is_read() {
        let text = "X = PhoneMetadata(id='KZ', country_code=7, international_prefix='810',\n    \
            mobile=PhoneNumberDesc(national_number_pattern='7(?:0[0-25-8]|47)\\\\d{7}', example_number='7'),\n";
        let region = region(text).unwrap();
        assert_eq!(region.calling_code, "7");
        assert_eq!(region.patterns["mobile"], "7(?:0[0-25-8]|47)\\d{7}");
    }
}
