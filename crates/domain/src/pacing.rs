//! How many calls a campaign has on their way for the agents of its queues, and how many may be abandoned.

use crate::boost::Boost;
use crate::error::{Invalid, check_range};
use serde::{Deserialize, Serialize};

/// Days of a counting period, at most.
pub const PERIOD_DAYS_MAX: u32 = 30;

/// Where people who answered and find no agent in time are brought on a PBX: context and extension, at priority 1. Its dialplan
/// has them told who called and why.
pub const HARBOUR: (&str, &str) = ("carillon-abandoned", "s");
/// What a dialplan that has no [`HARBOUR`] needs, with the messages still to be recorded.
pub const HARBOUR_LINES: &str = "[carillon-abandoned]\n\
    exten => s,1,Background(your-message)\n same => n,WaitExten(5)\n same => n,Hangup(16)\n\
    exten => 1,1,UserEvent(CALLSTATUS,Uniqueid: ${UNIQUEID},V: OPTOUT)\n same => n,Playback(your-goodbye)\n\
    \x20same => n,Hangup(16)\n";
/// So long before an agent has to be there, milliseconds, a person who has none is brought to [`HARBOUR`]: the message begins in
/// time.
pub const HARBOUR_LEAD_MS: u32 = 200;

/// By which rule calls are launched for the agents of observed queues. Other end points take a call per channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PacingMode {
    /// Predictive where that is possible and nobody chose a boost; otherwise by boost, which is progressive where it is 1.
    #[default]
    Automatic,
    /// `floor((free - waiting) x boost of the end point x boost of the run)` calls on their way, as WombatDialer has it.
    Boost,
    /// One call per free agent, whatever the boosts.
    Progressive,
    /// So many calls per free agent, those who wait taken off the calls.
    Ratio,
    /// VICIdial's `ADAPT_HARD_LIMIT`: its dial level, and one call per agent while more than the cap is abandoned.
    AdaptHardLimit,
    /// VICIdial's `ADAPT_AVERAGE`: its dial level, lowered while more than the cap is abandoned.
    AdaptAverage,
    /// VICIdial's `ADAPT_TAPERED`: as the hard limit, with more allowed at the beginning of the period.
    AdaptTapered,
    /// Looks ahead; refused where there is no safe harbour for those who find no agent.
    Predictive,
}

/// What predictive pacing promises of the cap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PacingPolicy {
    /// It holds when the counting period ends.
    #[default]
    Budget,
    /// It holds at every instant, whatever the calls on their way do.
    Guaranteed,
}

/// How a campaign is paced.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pacing {
    /// By which rule.
    pub mode: PacingMode,
    /// Calls per free agent of the mode `ratio`.
    pub ratio: Boost,
    /// What predictive pacing promises.
    pub policy: PacingPolicy,
    /// Abandoned calls of live answers, at most, over the counting period, `0..=1`.
    pub cap: f64,
    /// Days of the counting period, `1..=30`, from the first call in it.
    pub period_days: u32,
    /// Milliseconds after the answer in which an agent must have the call, `500..=60000`: later it counts as abandoned.
    pub deadline_ms: u32,
    /// Whether people who find no agent in time are brought to [`HARBOUR`], on a PBX that has it. `None`: in every mode but
    /// [`PacingMode::Boost`], where they wait on, as WombatDialer's do.
    pub safe_harbour: Option<bool>,
    /// Seconds of ringing before which a call is never cancelled for want of an agent, `0..=300`.
    pub min_ring_s: u32,
    /// Whether people whom analysis takes for machines count as abandoned, as in the United Kingdom.
    pub false_positives_count: bool,
    /// The share of live answers that they are estimated to be, `0..=1`.
    pub false_positives_estimate: f64,
}

impl Default for Pacing {
    /// What a new campaign begins with: the rules of the United States.
    fn default() -> Self {
        Self {
            mode: PacingMode::Automatic,
            ratio: Boost::ONE,
            policy: PacingPolicy::Budget,
            cap: 0.03,
            period_days: PERIOD_DAYS_MAX,
            deadline_ms: 2_000,
            safe_harbour: None,
            min_ring_s: 15,
            false_positives_count: false,
            false_positives_estimate: 0.0,
        }
    }
}

impl Pacing {
    /// WombatDialer's boost of end point and run: what campaigns did before they had pacing.
    pub fn by_boost() -> Self {
        Self { mode: PacingMode::Boost, ..Self::default() }
    }

    /// Whether people who find no agent in time are brought to [`HARBOUR`], where the PBX has it.
    pub fn brings_to_harbour(&self) -> bool {
        self.safe_harbour.unwrap_or(self.mode != PacingMode::Boost)
    }

    /// The share of live answers that analysis takes for machines and that count as abandoned.
    pub fn lost_to_analysis(&self) -> f64 {
        if self.false_positives_count { self.false_positives_estimate } else { 0.0 }
    }

    /// Refuses values out of range, by field.
    pub fn check(&self) -> Result<(), Invalid> {
        check_share("pacing.cap", self.cap)?;
        check_range("pacing.period_days", self.period_days, 1, PERIOD_DAYS_MAX)?;
        check_range("pacing.deadline_ms", self.deadline_ms, 500, 60_000)?;
        check_range("pacing.min_ring_s", self.min_ring_s, 0, 300)?;
        check_share("pacing.false_positives_estimate", self.false_positives_estimate)?;
        if self.false_positives_count && self.false_positives_estimate == 0.0 {
            let problem = "is 0: where people whom analysis takes for machines count, their share has to be estimated";
            return Err(Invalid::new("pacing.false_positives_estimate", problem));
        }
        Ok(())
    }
}

fn check_share(field: &str, share: f64) -> Result<(), Invalid> {
    // Not a number is in no range.
    if (0.0..=1.0).contains(&share) {
        Ok(())
    } else {
        Err(Invalid::new(field, format!("{share} is outside 0..=1: 0.03 is 3 %")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_campaign_can_be_paced_by_is_refused_by_field() {
        assert!(Pacing::default().check().is_ok());
        let refused = |change: fn(&mut Pacing)| {
            let mut pacing = Pacing::default();
            change(&mut pacing);
            pacing.check().unwrap_err().to_string()
        };
        assert_eq!(refused(|pacing| pacing.cap = 3.0), "pacing.cap: 3 is outside 0..=1: 0.03 is 3 %");
        assert!(refused(|pacing| pacing.cap = -0.01).starts_with("pacing.cap: "));
        assert!(refused(|pacing| pacing.cap = f64::NAN).starts_with("pacing.cap: "));
        assert!(refused(|pacing| pacing.period_days = 0).starts_with("pacing.period_days: "));
        assert!(refused(|pacing| pacing.period_days = 31).starts_with("pacing.period_days: "));
        assert!(refused(|pacing| pacing.deadline_ms = 0).starts_with("pacing.deadline_ms: "));
        assert!(refused(|pacing| pacing.min_ring_s = 301).starts_with("pacing.min_ring_s: "));
        let estimate = refused(|pacing| pacing.false_positives_count = true);
        assert!(estimate.starts_with("pacing.false_positives_estimate: is 0"), "{estimate}");
        assert!(refused(|pacing| pacing.false_positives_estimate = 1.5).contains("1.5 is outside 0..=1"));
    }

    #[test]
    fn the_lines_to_add_make_the_place_that_is_looked_for() {
        let (context, extension) = HARBOUR;
        assert!(HARBOUR_LINES.starts_with(&format!("[{context}]\nexten => {extension},1,")), "{HARBOUR_LINES}");
        assert!(
            HARBOUR_LINES.lines().skip(1).all(|line| line.starts_with("exten => ") || line.starts_with(" same => n,"))
        );
    }

    #[test]
    fn people_of_a_campaign_that_goes_by_boost_wait_on_unless_it_says_otherwise() {
        assert!(Pacing::default().brings_to_harbour() && !Pacing::by_boost().brings_to_harbour());
        assert!(Pacing { safe_harbour: Some(true), ..Pacing::by_boost() }.brings_to_harbour());
        assert!(!Pacing { safe_harbour: Some(false), ..Pacing::default() }.brings_to_harbour());
    }

    #[test]
    fn it_is_read_as_it_is_written_and_unknown_fields_are_refused() {
        let uk = Pacing { false_positives_count: true, false_positives_estimate: 0.01, ..Pacing::by_boost() };
        assert_eq!(serde_json::from_str::<Pacing>(&serde_json::to_string(&uk).unwrap()).unwrap(), uk);
        assert_eq!(serde_json::from_str::<Pacing>("{}").unwrap(), Pacing::default());
        assert!(serde_json::from_str::<Pacing>(r#"{"mode":"fast"}"#).is_err());
        assert!(serde_json::from_str::<Pacing>(r#"{"caps":0.03}"#).is_err());
        assert!(serde_json::from_str::<Pacing>(r#"{"ratio":-1}"#).is_err());
    }
}
