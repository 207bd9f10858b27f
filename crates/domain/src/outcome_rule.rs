//! Outcome rules: what is done about a call when it has ended (WombatDialer's disposition rules).
//!
//! A rule that matches becomes an *action*: written with the end of the attempt, carried out once afterwards.

use crate::attributes::Attributes;
use crate::error::{Invalid, check_optional_text, check_range};
use crate::ids::{CampaignId, ListId, OutcomeRuleId};
use crate::outcome::CallState;
use crate::template;
use serde::{Deserialize, Serialize};

/// Rules of one campaign, at most.
pub const MAX_OUTCOME_RULES: usize = 50;
/// Longest delay before an action, in seconds: 30 days.
pub const MAX_DEFER_SECONDS: u32 = 30 * 86_400;
/// Longest address, or addresses, in characters.
pub const MAX_DESTINATION_CHARS: usize = 1_000;
/// Longest text, in characters.
pub const MAX_TEXT_CHARS: usize = 4_000;
/// Receivers of one letter, at most.
pub const MAX_RECEIVERS: usize = 10;
/// How often rules may hand a number on, from list to list and campaign to campaign, before they leave it: campaigns that
/// send their numbers to each other would call people for ever.
pub const MAX_HANDED_ON: u32 = 10;
/// As the extended status of a rule: whatever the call's is.
pub const ANY_STATUS: &str = "*";

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verb {
    /// Nothing: the rule is switched off.
    None,
    /// Asks a program for an address.
    HttpGet,
    /// Posts to a program.
    HttpPost,
    /// Adds the number to a list.
    AddList,
    /// Adds the number to a list that is somebody's black list, unless it has it.
    AddBlacklist,
    /// Sends a letter.
    Email,
    /// Adds the number to the run of a campaign.
    Reschedule,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::None, Self::HttpGet, Self::HttpPost, Self::AddList, Self::AddBlacklist, Self::Email, Self::Reschedule];

    /// Its name in the API, e.g. `HTTP_POST`.
    pub fn code(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::HttpGet => "HTTP_GET",
            Self::HttpPost => "HTTP_POST",
            Self::AddList => "ADD_LIST",
            Self::AddBlacklist => "ADD_BLACKLIST",
            Self::Email => "EMAIL",
            Self::Reschedule => "RESCHEDULE",
        }
    }

    /// Whether it asks another system, which may be slow, away, or told twice.
    pub fn is_told_outside(self) -> bool {
        matches!(self, Self::HttpGet | Self::HttpPost | Self::Email)
    }
}

/// Which of a call's attributes go with what a rule does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VarMode {
    /// The contact's, and the output attributes; of one name, the latter.
    #[default]
    All,
    /// The contact's.
    Input,
    /// The output attributes.
    Output,
    /// None.
    None,
}

/// One rule of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeRule {
    /// 0 until it is saved.
    pub id: OutcomeRuleId,
    /// The final state it answers to.
    pub status: CallState,
    /// The extended status it answers to; empty answers to calls without one, `*` to every call.
    pub status_ext: String,
    /// It also answers to a call after which the contact is tried again.
    pub with_retries_pending: bool,
    /// What it does.
    pub verb: Verb,
    /// To which list, for `AddList` and `AddBlacklist`.
    pub list: Option<ListId>,
    /// To which campaign, for `Reschedule`.
    pub campaign: Option<CampaignId>,
    /// The address for `HttpGet` and `HttpPost`, with place-holders behind the host; the receivers of `Email`, with commas
    /// between them.
    pub destination: String,
    /// The body of `HttpPost` (empty: the form of an ended attempt) and the letter of `Email`, with place-holders.
    pub text: String,
    /// Seconds from the end of the call, `0..=2592000`: the action waits for so long, and `Reschedule` dials not before.
    pub defer_s: u32,
    /// Which attributes go with it.
    pub var_mode: VarMode,
    /// Attributes that go with it besides; of one name, these. Place-holders in values are replaced.
    pub attributes: Attributes,
}

impl OutcomeRule {
    /// A rule that does nothing about calls that end in `status` for good and say no more.
    pub fn on(status: CallState) -> Self {
        Self {
            id: OutcomeRuleId(0),
            status,
            status_ext: String::new(),
            with_retries_pending: false,
            verb: Verb::None,
            list: None,
            campaign: None,
            destination: String::new(),
            text: String::new(),
            defer_s: 0,
            var_mode: VarMode::All,
            attributes: Attributes::default(),
        }
    }

    /// Refuses, by field, a state that never ends a call, values out of range, and what means nothing to the verb. Whether
    /// the list or the campaign exists is the store's to say.
    pub fn check(&self) -> Result<(), Invalid> {
        if !self.status.is_final() {
            return Err(Invalid::new("status", format!("{} does not end a call", self.status.code())));
        }
        check_optional_text("status_ext", &self.status_ext, 64)?;
        check_range("defer_s", self.defer_s, 0, MAX_DEFER_SECONDS)?;
        check_optional_text("destination", &self.destination, MAX_DESTINATION_CHARS)?;
        template::check_place_holders("destination", &self.destination)?;
        let lines: String = self.text.chars().filter(|c| !matches!(c, '\n' | '\r' | '\t')).collect();
        check_optional_text("text", &lines, MAX_TEXT_CHARS)?;
        template::check_place_holders("text", &self.text)?;
        for (_, value) in self.attributes.iter() {
            template::check_place_holders("attributes", value)?;
        }
        if self.verb == Verb::None {
            return Ok(());
        }
        let lists = matches!(self.verb, Verb::AddList | Verb::AddBlacklist);
        self.wants("list", lists, self.list.is_some(), "a list")?;
        self.wants("campaign", self.verb == Verb::Reschedule, self.campaign.is_some(), "a campaign")?;
        let address = if self.verb == Verb::Email { "receivers" } else { "an address" };
        self.wants("destination", self.verb.is_told_outside(), !self.destination.trim().is_empty(), address)?;
        if !matches!(self.verb, Verb::HttpPost | Verb::Email) && !self.text.is_empty() {
            return Err(Invalid::new("text", format!("means nothing to {}", self.verb.code())));
        }
        match self.verb {
            Verb::HttpGet | Verb::HttpPost => check_address(&self.destination),
            Verb::Email => check_receivers("destination", &self.destination),
            _ => Ok(()),
        }
    }

    fn wants(&self, field: &str, wanted: bool, given: bool, what: &str) -> Result<(), Invalid> {
        match (wanted, given) {
            (true, false) => Err(Invalid::new(field, format!("{} needs {what}", self.verb.code()))),
            (false, true) => Err(Invalid::new(field, format!("means nothing to {}", self.verb.code()))),
            _ => Ok(()),
        }
    }

    /// Whether it answers to a call that ended so.
    ///
    /// `ext` is the extended status, empty for none; `reported`: it is a state's own code and decided the outcome, so that
    /// rules for the state alone are meant for it, too. `retry_pending`: the contact is tried again.
    pub fn matches(&self, state: CallState, ext: &str, reported: bool, retry_pending: bool) -> bool {
        let says = self.status_ext == ext || self.status_ext == ANY_STATUS || reported && self.status_ext.is_empty();
        self.verb != Verb::None && self.status == state && says && (self.with_retries_pending || !retry_pending)
    }

    /// Whether the rule answers when a retry that was pending does not come after all: the contact is refused for good.
    /// A rule that answers to calls with a retry pending was asked when the call ended.
    pub fn matches_late(&self, state: CallState, ext: &str, reported: bool) -> bool {
        !self.with_retries_pending && self.matches(state, ext, reported, false)
    }
}

/// An address begins plainly, and nothing of a call decides on which machine it is.
fn check_address(text: &str) -> Result<(), Invalid> {
    let wrong = |why: &str| Err(Invalid::new("destination", why));
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else { return wrong("must begin with https:// or http://") };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    if host.is_empty() || host.contains("${") {
        return wrong("must name its host: place-holders stand behind the host");
    }
    if host.contains('@') {
        return wrong("must not hold a user or a password");
    }
    if rest.contains('#') {
        return wrong("must not hold a #");
    }
    Ok(())
}

/// Receivers with commas between them; each an address, or a place-holder for one.
pub fn check_receivers(field: &str, text: &str) -> Result<(), Invalid> {
    let receivers: Vec<&str> = receivers(text).collect();
    check_range(field, receivers.len(), 1, MAX_RECEIVERS)?;
    for receiver in receivers {
        let plain = receiver.rsplit_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
        if !plain && !receiver.contains("${") {
            return Err(Invalid::new(field, format!("{receiver:?} is no address of mail")));
        }
    }
    Ok(())
}

/// The receivers of a text that has commas or semicolons between them.
pub fn receivers(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';']).map(str::trim).filter(|receiver| !receiver.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use CallState::*;
    use proptest::prelude::*;

    fn rule(verb: Verb) -> OutcomeRule {
        OutcomeRule { verb, ..OutcomeRule::on(RsBusy) }
    }

    fn field(rule: &OutcomeRule) -> String {
        rule.check().unwrap_err().field
    }

    #[test]
    fn a_rule_answers_to_its_state_and_extended_status() {
        let mut rule = rule(Verb::AddList);
        assert!(rule.matches(RsBusy, "", false, false));
        assert!(!rule.matches(RsNoanswer, "", false, false));
        assert!(!rule.matches(RsBusy, "2", false, false), "blank answers to calls without one");
        assert!(rule.matches(RsBusy, "RS_BUSY", true, false), "a report is the state itself");
        rule.status_ext = "2".into();
        assert!(rule.matches(RsBusy, "2", false, false) && !rule.matches(RsBusy, "", false, false));
        assert!(!rule.matches(RsBusy, "RS_BUSY", true, false));
        rule.status_ext = ANY_STATUS.into();
        assert!(rule.matches(RsBusy, "2", false, false) && rule.matches(RsBusy, "", false, false));
    }

    #[test]
    fn a_pending_retry_keeps_a_rule_quiet_unless_it_says_otherwise() {
        let mut rule = rule(Verb::AddList);
        assert!(!rule.matches(RsBusy, "", false, true));
        assert!(rule.matches_late(RsBusy, "", false) && !rule.matches_late(RsNoanswer, "", false));
        rule.with_retries_pending = true;
        assert!(rule.matches(RsBusy, "", false, true) && rule.matches(RsBusy, "", false, false));
        assert!(!rule.matches_late(RsBusy, "", false), "it was asked when the call ended");
    }

    #[test]
    fn every_verb_wants_what_it_needs_and_refuses_what_means_nothing_to_it() {
        for (verb, needs) in [
            (Verb::AddList, "list"),
            (Verb::AddBlacklist, "list"),
            (Verb::Reschedule, "campaign"),
            (Verb::HttpGet, "destination"),
            (Verb::HttpPost, "destination"),
            (Verb::Email, "destination"),
        ] {
            assert_eq!(field(&rule(verb)), needs, "{verb:?}");
        }
        let list = OutcomeRule { list: Some(ListId(1)), ..rule(Verb::AddList) };
        list.check().unwrap();
        assert_eq!(field(&OutcomeRule { verb: Verb::Reschedule, ..list.clone() }), "list");
        assert_eq!(field(&OutcomeRule { text: "x".into(), ..list.clone() }), "text");
        assert_eq!(field(&OutcomeRule { status: Connected, ..list.clone() }), "status");
        assert_eq!(field(&OutcomeRule { defer_s: MAX_DEFER_SECONDS + 1, ..list.clone() }), "defer_s");
        OutcomeRule { verb: Verb::None, text: "kept".into(), ..list }.check().unwrap();
    }

    #[test]
    fn addresses_name_their_host_and_receivers_are_addresses() {
        let get = |to: &str| OutcomeRule { destination: to.into(), ..rule(Verb::HttpGet) };
        get("https://crm.example/busy?n=${num}&who=${NAME}").check().unwrap();
        for wrong in [
            "crm.example",
            "ftp://crm.example/",
            "https://${HOST}/",
            "https://",
            "https://a:b@c/",
            "http://c/#x",
            "http://c/${",
        ] {
            assert_eq!(field(&get(wrong)), "destination", "{wrong}");
        }
        let mail =
            |to: &str| OutcomeRule { destination: to.into(), text: "Hello\n${NAME}".into(), ..rule(Verb::Email) };
        mail("ops@example.com, ${EMAIL}").check().unwrap();
        let many = ["a@b"; 11].join(",");
        for wrong in ["nobody", " , ", many.as_str(), "@example.com"] {
            assert_eq!(field(&mail(wrong)), "destination", "{wrong}");
        }
    }

    proptest! {
        /// The state alone never suffices, and nothing but the fields that are asked decides.
        #[test]
        fn a_match_implies_each_of_its_conditions(
            state in 0..CallState::ALL.len(),
            rule_state in 0..CallState::ALL.len(),
            ext in "(|\\*|A|B|RS_BUSY)",
            rule_ext in "(|\\*|A|B|RS_BUSY)",
            verb in 0..Verb::ALL.len(),
            reported: bool,
            pending: bool,
            with_pending: bool,
        ) {
            let (state, verb) = (CallState::ALL[state], Verb::ALL[verb]);
            let rule = OutcomeRule {
                status: CallState::ALL[rule_state],
                status_ext: rule_ext.clone(),
                with_retries_pending: with_pending,
                verb,
                ..OutcomeRule::on(RsBusy)
            };
            let expected = verb != Verb::None
                && state == rule.status
                && (rule_ext == "*" || rule_ext == ext || reported && rule_ext.is_empty())
                && (!pending || with_pending);
            prop_assert_eq!(rule.matches(state, &ext, reported, pending), expected);
        }
    }
}
