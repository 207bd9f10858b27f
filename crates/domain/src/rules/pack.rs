//! The rule packs that come with the product.

use super::limits::Limits;
use crate::error::Invalid;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The pack that a campaign has unless it names others.
pub const DEFAULT: &str = "default";
/// The pack without a rule. It has to be named, is shown in red and audited.
pub const UNRESTRICTED: &str = "unrestricted";

/// A named and versioned set of rules with where each comes from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// What campaigns name it by.
    pub id: String,
    /// Changes with every change of a rule; receipts hold it.
    pub version: String,
    /// For people.
    pub title: String,
    /// When somebody last compared it with what it cites, `2026-11-21`.
    pub reviewed: String,
    /// When that is due again.
    pub review_due: String,
    /// Where each limit comes from, by its field.
    #[serde(default)]
    pub cites: BTreeMap<String, String>,
    /// Whether the generated ranges of premium rate numbers are denied.
    #[serde(default)]
    pub deny_premium: bool,
    /// Hours after an abandoned call in which nobody calls again.
    #[serde(default)]
    pub after_abandoned_hours: u32,
    /// Hours after a call at which a machine was detected, in which nobody calls again.
    #[serde(default)]
    pub after_machine_hours: u32,
    /// Its rules.
    #[serde(default)]
    pub limits: Limits,
}

static BUILT_IN: LazyLock<Vec<Pack>> = LazyLock::new(|| {
    let read = |text| toml::from_str(text).expect("a test reads every pack that comes with the product");
    [include_str!("packs/default.toml"), include_str!("packs/uk.toml"), include_str!("packs/unrestricted.toml")]
        .map(read)
        .into()
});

impl Pack {
    /// All packs.
    pub fn all() -> &'static [Self] {
        &BUILT_IN
    }

    /// The pack of that name; an unknown one is refused as `packs`.
    pub fn named(name: &str) -> Result<&'static Self, Invalid> {
        Self::all().iter().find(|pack| pack.id == name).ok_or_else(|| {
            let known = Self::all().iter().map(|pack| pack.id.as_str()).collect::<Vec<_>>().join(", ");
            let shown: String = name.chars().take(100).collect();
            Invalid::new("packs", format!("there is no pack {shown:?}: there are {known}"))
        })
    }
}
