//! How many calls are on their way for each agent that is free.

use crate::error::Invalid;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Calls on their way per free agent, as a whole number of thousandths: 1 is progressive dialling, more over-dials.
///
/// Written and read as a decimal number, e.g. `1.3`; further decimals are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "f64", try_from = "f64")]
pub struct Boost(u32);

impl Boost {
    /// One call per free agent.
    pub const ONE: Self = Self(1_000);
    /// The smallest, in thousandths.
    pub const MIN_PERMILLE: u32 = 10;
    /// The largest, in thousandths.
    pub const MAX_PERMILLE: u32 = 20_000;

    /// From calls per free agent, `0.01..=20`.
    pub fn of(field: &str, factor: f64) -> Result<Self, Invalid> {
        let permille = (factor * 1_000.0).round();
        if !(f64::from(Self::MIN_PERMILLE)..=f64::from(Self::MAX_PERMILLE)).contains(&permille) {
            return Err(Invalid::new(field, format!("{factor} is outside 0.01..=20")));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "inside the range above")]
        let permille = permille as u32;
        Ok(Self(permille))
    }

    /// From thousandths, as the database has it; what is out of range becomes the nearest that is not.
    pub fn from_permille(permille: u32) -> Self {
        Self(permille.clamp(Self::MIN_PERMILLE, Self::MAX_PERMILLE))
    }

    /// In thousandths.
    pub fn permille(self) -> u32 {
        self.0
    }

    /// As a decimal number.
    pub fn factor(self) -> f64 {
        f64::from(self.0) / 1_000.0
    }
}

impl Default for Boost {
    fn default() -> Self {
        Self::ONE
    }
}

impl From<Boost> for f64 {
    fn from(boost: Boost) -> Self {
        boost.factor()
    }
}

impl TryFrom<f64> for Boost {
    type Error = Invalid;

    fn try_from(factor: f64) -> Result<Self, Invalid> {
        Self::of("boost", factor)
    }
}

impl fmt::Display for Boost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.factor())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_kept_to_the_thousandth_and_in_its_range() {
        assert_eq!(Boost::of("boost", 1.3).unwrap().permille(), 1_300);
        assert_eq!(serde_json::to_string(&Boost::of("boost", 1.3).unwrap()).unwrap(), "1.3");
        assert_eq!(serde_json::from_str::<Boost>("2").unwrap(), Boost::from_permille(2_000));
        for bad in [0.0, -1.0, 20.001, f64::NAN, f64::INFINITY] {
            assert_eq!(Boost::of("initial_boost", bad).unwrap_err().field, "initial_boost", "{bad}");
        }
        assert!(serde_json::from_str::<Boost>("0").is_err());
        assert_eq!(Boost::ONE.to_string(), "1");
    }
}
