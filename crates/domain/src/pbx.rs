//! Where calls are placed: PBXs and trunks.

use crate::error::{Invalid, check_range, check_text};
use crate::ids::{PbxId, TrunkId};
use serde::{Deserialize, Serialize};

/// Default cap on originates per second of one Asterisk; measured knee is 350, p99 below 15 ms at 100.
pub const DEFAULT_ORIGINATES_PER_SECOND: u32 = 100;
/// Default seconds without RINGING or PROGRESS after which a route counts as dead.
pub const DEFAULT_PROGRESS_TIMEOUT_MS: u32 = 10_000;

/// Default length of the unit of time for [`Pbx::messages_per_unit`], milliseconds.
pub const DEFAULT_UNIT_MS: u32 = 50;
/// Default messages per unit: with [`DEFAULT_UNIT_MS`] a hundred a second, half of what Asterisk was seen to take.
pub const DEFAULT_MESSAGES_PER_UNIT: u32 = 5;
/// Messages that a call over the manager interface may need: its originate, and its hang-up.
const MESSAGES_PER_CALL: u32 = 2;

/// How a PBX is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PbxLink {
    /// Asterisk's REST interface: one websocket to its HTTP server.
    #[default]
    Ari,
    /// Asterisk's manager interface: nothing is needed on the PBX but a manager user.
    Ami,
}

impl PbxLink {
    /// Both, the preferred one first.
    pub const ALL: [Self; 2] = [Self::Ari, Self::Ami];

    /// As it is written: `ARI`, `AMI`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ari => "ARI",
            Self::Ami => "AMI",
        }
    }

    /// Reads a code, in any case of letters.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let known = Self::ALL.into_iter().find(|link| link.code().eq_ignore_ascii_case(text.trim()));
        known.ok_or_else(|| Invalid::new("link", format!("{text:?} is neither ARI nor AMI")))
    }

    /// Asterisk's own default port for it.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Ari => 8_088,
            Self::Ami => 5_038,
        }
    }
}

/// The manager interface of a PBX that is driven over ARI, through which its queues are observed. The password is kept
/// apart, encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manager {
    /// Host name or address.
    pub host: String,
    /// Its port; Asterisk's own default is 5038.
    pub port: u16,
    /// The manager user.
    pub username: String,
}

impl Manager {
    fn check(&self) -> Result<(), Invalid> {
        check_text("manager_host", &self.host, 253)?;
        check_host("manager_host", &self.host)?;
        check_range("manager_port", self.port, 1, u16::MAX)?;
        check_text("manager_username", &self.username, 60)
    }
}

/// An Asterisk server. The password is kept apart, encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pbx {
    /// 0 until it is saved.
    pub id: PbxId,
    /// Unique, 1..=60 characters.
    pub name: String,
    /// How it is reached. ARI where an earlier version of this program noted it.
    #[serde(default)]
    pub link: PbxLink,
    /// Host name or address of its HTTP server, or of its manager interface.
    pub host: String,
    /// Port of its HTTP server, or of its manager interface.
    pub port: u16,
    /// The ARI user, or the manager user.
    pub username: String,
    /// The ARI application name: one per installation and PBX; a second controller with the same name takes it over.
    /// Without meaning over AMI.
    pub application: String,
    /// Originates sent per second, at most, `1..=1000`.
    pub originates_per_second: u32,
    /// Over AMI: length of the unit of time for `messages_per_unit`, milliseconds, `1..=60000`.
    #[serde(default = "default_unit_ms")]
    pub unit_ms: u32,
    /// Over AMI: messages sent in any one unit, at most, `1..=1000`.
    #[serde(default = "default_messages_per_unit")]
    pub messages_per_unit: u32,
    /// Over ARI: where its queues are observed, if they are.
    #[serde(default)]
    pub manager: Option<Manager>,
}

fn default_unit_ms() -> u32 {
    DEFAULT_UNIT_MS
}

fn default_messages_per_unit() -> u32 {
    DEFAULT_MESSAGES_PER_UNIT
}

impl Pbx {
    /// Refuses values out of range, by field.
    pub fn check(&self) -> Result<(), Invalid> {
        check_text("name", &self.name, 60)?;
        check_text("host", &self.host, 253)?;
        check_host("host", &self.host)?;
        check_range("port", self.port, 1, u16::MAX)?;
        check_text("username", &self.username, 60)?;
        check_text("application", &self.application, 60)?;
        if !self.application.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
            return Err(Invalid::new("application", "may hold letters, digits, - and _ only"));
        }
        check_range("originates_per_second", self.originates_per_second, 1, 1_000)?;
        check_range("unit_ms", self.unit_ms, 1, 60_000)?;
        check_range("messages_per_unit", self.messages_per_unit, 1, 1_000)?;
        match &self.manager {
            Some(_) if self.link == PbxLink::Ami => Err(Invalid::new(
                "manager_username",
                "is for a PBX over ARI: over AMI its own user observes the queues",
            )),
            Some(manager) => manager.check(),
            None => Ok(()),
        }
    }

    /// Whether its queues can be observed.
    pub fn observes_queues(&self) -> bool {
        self.link == PbxLink::Ami || self.manager.is_some()
    }

    /// Calls started per second, at most and at least one: over AMI no more than leave room for the hang-up of each.
    pub fn calls_per_second(&self) -> u32 {
        let room = match self.link {
            PbxLink::Ari => u32::MAX,
            PbxLink::Ami => self.messages_per_unit.saturating_mul(1_000) / self.unit_ms.max(1) / MESSAGES_PER_CALL,
        };
        self.originates_per_second.min(room).max(1)
    }
}

fn check_host(field: &str, host: &str) -> Result<(), Invalid> {
    if host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:_[]".contains(&b)) {
        return Ok(());
    }
    Err(Invalid::new(field, format!("{host:?} is no host name or address")))
}

/// A way out of a PBX.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trunk {
    /// 0 until it is saved.
    pub id: TrunkId,
    /// The PBX it belongs to.
    pub pbx: PbxId,
    /// Unique, 1..=60 characters.
    pub name: String,
    /// Asterisk's dial string with `${num}` where the number goes, e.g. `PJSIP/${num}@carrier`.
    pub dial_string: String,
    /// Calls at once, `1..=10000`.
    pub capacity: u32,
    /// Calls started per second, `1..=1000`; 0 = as fast as the PBX allows.
    pub calls_per_second: u32,
    /// Milliseconds without RINGING or PROGRESS after which the route counts as dead, `1000..=60000`.
    pub progress_timeout_ms: u32,
}

impl Trunk {
    /// Refuses values out of range, by field.
    pub fn check(&self) -> Result<(), Invalid> {
        check_text("name", &self.name, 60)?;
        check_text("dial_string", &self.dial_string, 200)?;
        if !self.dial_string.contains("${num}") {
            return Err(Invalid::new("dial_string", "has no ${num}: the number would never be dialled"));
        }
        if self.dial_string.replace("${num}", "").contains("${") {
            return Err(Invalid::new("dial_string", "may hold no place-holder but ${num}"));
        }
        let Some((technology, _)) = self.dial_string.split_once('/') else {
            return Err(Invalid::new("dial_string", "must be technology/resource, e.g. PJSIP/${num}@carrier"));
        };
        if technology.is_empty() || !technology.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(Invalid::new("dial_string", "must start with a channel technology, e.g. PJSIP/"));
        }
        if technology.eq_ignore_ascii_case("local") && !self.dial_string.ends_with("/n") {
            return Err(Invalid::new(
                "dial_string",
                "a Local channel must end in /n: Asterisk optimises it away otherwise and the call is lost",
            ));
        }
        check_range("capacity", self.capacity, 1, 10_000)?;
        check_range("calls_per_second", self.calls_per_second, 0, 1_000)?;
        check_range("progress_timeout_ms", self.progress_timeout_ms, 1_000, 60_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk(dial_string: &str) -> Trunk {
        Trunk {
            id: TrunkId(0),
            pbx: PbxId(1),
            name: "out".into(),
            dial_string: dial_string.into(),
            capacity: 10,
            calls_per_second: 0,
            progress_timeout_ms: DEFAULT_PROGRESS_TIMEOUT_MS,
        }
    }

    #[test]
    fn over_ami_every_call_has_room_for_its_hang_up() {
        let pbx = |link, unit_ms, messages_per_unit| Pbx {
            id: PbxId(0),
            name: "office".into(),
            link,
            host: "127.0.0.1".into(),
            port: 5_038,
            username: "carillon".into(),
            application: "carillon".into(),
            originates_per_second: 100,
            unit_ms,
            messages_per_unit,
            manager: None,
        };
        assert_eq!(pbx(PbxLink::Ari, 50, 5).calls_per_second(), 100);
        assert_eq!(pbx(PbxLink::Ami, 50, 5).calls_per_second(), 50);
        assert_eq!(pbx(PbxLink::Ami, 10, 1_000).calls_per_second(), 100);
        assert_eq!(pbx(PbxLink::Ami, 60_000, 1).calls_per_second(), 1);
        assert_eq!(pbx(PbxLink::Ami, 0, 5).check().unwrap_err().field, "unit_ms");
        assert_eq!(pbx(PbxLink::Ami, 50, 1_001).check().unwrap_err().field, "messages_per_unit");

        let manager = |host: &str| Some(Manager { host: host.into(), port: 5_038, username: "watcher".into() });
        let with = |link, manager| Pbx { manager, ..pbx(link, 50, 5) };
        with(PbxLink::Ari, manager("pbx.local")).check().unwrap();
        assert_eq!(with(PbxLink::Ari, manager("a b")).check().unwrap_err().field, "manager_host");
        assert_eq!(with(PbxLink::Ami, manager("pbx.local")).check().unwrap_err().field, "manager_username");
        assert!(with(PbxLink::Ari, manager("pbx.local")).observes_queues());
        assert!(!pbx(PbxLink::Ari, 50, 5).observes_queues() && pbx(PbxLink::Ami, 50, 5).observes_queues());
    }

    #[test]
    fn links_are_read_in_any_case_of_letters() {
        for link in PbxLink::ALL {
            assert_eq!(PbxLink::parse(link.code()), Ok(link));
            assert_eq!(serde_json::to_value(link).unwrap(), link.code());
        }
        assert_eq!(PbxLink::parse(" ami "), Ok(PbxLink::Ami));
        assert_eq!(PbxLink::parse("SIP").unwrap_err().field, "link");
    }

    #[test]
    fn dial_strings_that_would_lose_calls_are_refused() {
        for good in ["PJSIP/${num}@carrier", "DAHDI/g0/0${num}", "Local/9${num}@from-internal/n"] {
            trunk(good).check().unwrap();
        }
        for bad in ["", "PJSIP/carrier", "${num}", "Local/${num}@x", "PJSIP/${num}@${EVIL}", "PJSIP/${num}\r\nX: y"] {
            assert_eq!(trunk(bad).check().unwrap_err().field, "dial_string", "{bad:?}");
        }
    }
}
