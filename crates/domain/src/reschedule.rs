//! Reschedule rules: whether and when a contact is tried again (WombatDialer's R1-R10).

use crate::error::{Invalid, check_optional_text, check_range};
use crate::ids::RuleId;
use crate::outcome::CallState;
use serde::{Deserialize, Serialize};

/// Longest delay, in seconds: 30 days.
pub const MAX_RETRY_SECONDS: u32 = 30 * 86_400;
/// Largest `max_attempts`.
pub const MAX_ATTEMPTS: u32 = 100;

/// How the delay grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mode {
    /// The same delay every time.
    Fixed,
    /// The delay times the attempt number: 300, 600, 900 s.
    Mult,
}

/// One rule of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RescheduleRule {
    /// 0 until it is saved.
    pub id: RuleId,
    /// The final state it answers to.
    pub status: CallState,
    /// The extended status it answers to; empty answers to calls without one.
    pub status_ext: String,
    /// Applies while the 0-based retry counter is below this: 2 means three attempts in all. `1..=100`.
    pub max_attempts: u32,
    /// Seconds from the end of the call, `1..=2592000`.
    pub retry_after_s: u32,
    /// How the delay grows.
    pub mode: Mode,
}

impl RescheduleRule {
    /// Refuses a state that never ends a call and values out of range.
    pub fn check(&self) -> Result<(), Invalid> {
        if !self.status.is_final() {
            return Err(Invalid::new("status", format!("{} does not end a call", self.status.code())));
        }
        check_optional_text("status_ext", &self.status_ext, 64)?;
        check_range("max_attempts", self.max_attempts, 1, MAX_ATTEMPTS)?;
        check_range("retry_after_s", self.retry_after_s, 1, MAX_RETRY_SECONDS)
    }
}

/// A retry that the rules ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The rule that asked.
    pub rule: RuleId,
    /// Seconds from the end of the call.
    pub delay_s: u32,
}

/// Decides on the attempt with the 0-based counter `retry` that ended in `state` with `ext` (empty: none).
///
/// R1 only this attempt's state counts. R2 a rule applies while `retry < max_attempts`, over all states together.
/// R3 of several, the one with the smallest `max_attempts`. R5 the extended status must be equal. R6 FIXED or MULT.
/// R8, R9 no rule: `None`, the contact is finished. (R4 follows from R2; R7 and R10 are the caller's: the delay counts
/// from the call's end and is served inside the active period.)
/// A suppressed number (`RS_BLACKLIST`) is never tried again, whatever a rule says.
/// An unknown outcome (`RS_LOST`) waits at least the longest delay of the set: nobody knows how long ago it rang.
pub fn decide(rules: &[RescheduleRule], state: CallState, ext: &str, retry: u32) -> Option<Retry> {
    if state == CallState::RsBlacklist {
        return None;
    }
    let rule = rules
        .iter()
        .filter(|rule| rule.status == state && rule.status_ext == ext && retry < rule.max_attempts)
        .min_by_key(|rule| rule.max_attempts)?;
    let delay = |rule: &RescheduleRule| match rule.mode {
        Mode::Fixed => rule.retry_after_s,
        Mode::Mult => rule.retry_after_s.saturating_mul(retry + 1).min(MAX_RETRY_SECONDS),
    };
    let longest = rules.iter().map(delay).max().unwrap_or(0);
    let delay_s = if state == CallState::RsLost { delay(rule).max(longest) } else { delay(rule) };
    Some(Retry { rule: rule.id, delay_s })
}

#[cfg(test)]
mod tests {
    use super::*;
    use CallState::*;

    fn rule(id: i64, status: CallState, max_attempts: u32, retry_after_s: u32) -> RescheduleRule {
        RescheduleRule {
            id: RuleId(id),
            status,
            status_ext: String::new(),
            max_attempts,
            retry_after_s,
            mode: Mode::Fixed,
        }
    }

    /// The delays until the record is finished, when every attempt ends in `state`.
    fn delays(rules: &[RescheduleRule], state: CallState) -> Vec<u32> {
        (0..).map_while(|retry| decide(rules, state, "", retry).map(|r| r.delay_s)).take(200).collect()
    }

    #[test]
    fn r2_two_attempts_more_make_three_in_all() {
        assert_eq!(delays(&[rule(1, RsRejected, 2, 120)], RsRejected), [120, 120]);
    }

    #[test]
    fn r3_the_smallest_range_that_still_applies_wins() {
        let rules = [rule(2, RsBusy, 5, 1_800), rule(1, RsBusy, 2, 300)];
        assert_eq!(delays(&rules, RsBusy), [300, 300, 1_800, 1_800, 1_800]);
    }

    #[test]
    fn r4_the_counter_is_shared_by_all_states() {
        let rules = [rule(1, RsBusy, 3, 300), rule(2, RsNoanswer, 1, 600)];
        assert!(decide(&rules, RsBusy, "", 0).is_some());
        assert_eq!(decide(&rules, RsNoanswer, "", 1), None);
    }

    #[test]
    fn r5_extended_statuses_match_exactly() {
        let mut with_ext = rule(1, Terminated, 3, 60);
        with_ext.status_ext = "2".into();
        let rules = [with_ext, rule(2, RsBusy, 1, 30)];
        assert!(decide(&rules, Terminated, "2", 0).is_some());
        assert_eq!(decide(&rules, Terminated, "", 0), None);
        assert_eq!(decide(&rules, RsBusy, "2", 0), None);
    }

    #[test]
    fn r6_mult_grows_with_the_attempt_number() {
        let rules = [RescheduleRule { mode: Mode::Mult, ..rule(1, RsBusy, 3, 300) }];
        assert_eq!(delays(&rules, RsBusy), [300, 600, 900]);
    }

    #[test]
    fn r8_r9_no_rule_means_finished() {
        let rules = [rule(1, RsBusy, 3, 300)];
        assert_eq!(decide(&rules, Terminated, "", 0), None);
        assert_eq!(decide(&rules, RsTimeout, "", 0), None);
        assert_eq!(decide(&[], RsBusy, "", 0), None);
    }

    #[test]
    fn an_unknown_outcome_waits_the_longest_gap() {
        let rules = [rule(1, RsLost, 3, 10), rule(2, RsNoanswer, 3, 900)];
        assert_eq!(decide(&rules, RsLost, "", 0), Some(Retry { rule: RuleId(1), delay_s: 900 }));
    }

    #[test]
    fn a_suppressed_number_is_never_tried_again() {
        assert_eq!(decide(&[rule(1, RsBlacklist, 3, 10)], RsBlacklist, "", 0), None);
    }

    #[test]
    fn rules_that_can_never_match_are_refused() {
        assert_eq!(rule(1, Connected, 1, 1).check().unwrap_err().field, "status");
        assert_eq!(rule(1, RsBusy, 0, 1).check().unwrap_err().field, "max_attempts");
        assert_eq!(rule(1, RsBusy, 1, 0).check().unwrap_err().field, "retry_after_s");
    }
}
