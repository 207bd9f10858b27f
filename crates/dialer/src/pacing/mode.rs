//! The ways to pace a campaign.

use domain::{Boost, Invalid, PacingPolicy};
use std::fmt;

/// How many calls a campaign has on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One call per free agent.
    Progressive,
    /// So many calls per free agent, those who wait taken off the calls.
    Ratio(Boost),
    /// WombatDialer's rule: `floor((free - waiting) x boost)` calls on their way.
    Boost(Boost),
    /// VICIdial's `ADAPT_HARD_LIMIT`: its dial level, and one call per agent while the drop limit is exceeded.
    AdaptHardLimit,
    /// VICIdial's `ADAPT_AVERAGE`: its dial level, lowered while the drop limit is exceeded.
    AdaptAverage,
    /// VICIdial's `ADAPT_TAPERED`: as the hard limit, with more allowed in the first half of the day.
    AdaptTapered,
    /// Looks ahead, with one of two policies.
    Predictive(PacingPolicy),
}

impl Mode {
    /// What it promises of the cap; `None`: nothing, it does not look ahead.
    pub fn policy(self) -> Option<PacingPolicy> {
        match self {
            Self::Predictive(policy) => Some(policy),
            _ => None,
        }
    }
}

/// What is chosen by its name alone.
const NAMED: [(&str, Mode); 6] = [
    ("predictive", Mode::Predictive(PacingPolicy::Budget)),
    ("guaranteed", Mode::Predictive(PacingPolicy::Guaranteed)),
    ("progressive", Mode::Progressive),
    ("adapt-hard-limit", Mode::AdaptHardLimit),
    ("adapt-average", Mode::AdaptAverage),
    ("adapt-tapered", Mode::AdaptTapered),
];

impl std::str::FromStr for Mode {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if let Some((_, mode)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(*mode);
        }
        let factor = |factor: &str| {
            let factor = factor.parse().map_err(|_| Invalid::new("mode", format!("{factor:?} is not a number")))?;
            Boost::of("mode", factor)
        };
        match text.split_once(':') {
            Some(("ratio", calls)) => Ok(Self::Ratio(factor(calls)?)),
            Some(("boost", calls)) => Ok(Self::Boost(factor(calls)?)),
            _ => {
                let names = NAMED.map(|(name, _)| name).join(", ");
                Err(Invalid::new("mode", format!("{text:?} is none of {names}, ratio:N, boost:N")))
            }
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ratio(calls) => write!(f, "ratio:{}", calls.factor()),
            Self::Boost(calls) => write!(f, "boost:{}", calls.factor()),
            named => {
                let name = NAMED.iter().find(|(_, mode)| mode == named).map_or("", |(name, _)| name);
                f.write_str(name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_as_they_are_written() {
        for text in ["predictive", "guaranteed", "progressive", "adapt-tapered", "ratio:1.5", "boost:2"] {
            assert_eq!(text.parse::<Mode>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_mode_is_refused_with_what_there_is() {
        let refused = |text: &str| text.parse::<Mode>().unwrap_err().to_string();
        assert!(refused("fast").contains("\"fast\" is none of predictive, guaranteed, progressive"));
        assert_eq!(refused("boost:x"), "mode: \"x\" is not a number");
        assert_eq!(refused("ratio:-1"), "mode: -1 is outside 0.01..=20");
        assert!(refused("ratio:NaN").starts_with("mode: "));
    }
}
