//! What pacing hears and what it says: facts of calls and agents in, calls to launch and to cancel out.

use domain::Invalid;
use domain::Mono;

/// A call, by the number that its owner gave it.
pub type CallNumber = u64;
/// An agent, by the number that its owner gave it: below [`AGENTS_MAX`].
pub type AgentNumber = u32;

/// Agents of one campaign, at most.
pub const AGENTS_MAX: u32 = 100_000;
/// Days of a counting period, at most, and seconds of dialling on each of them.
const DAYS_MAX: f64 = 366.0;
const DAY_S: f64 = 86_400.0;

/// What happened. Each is told once, in the order in which it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// A period of dialling begins: nobody is logged in and no call is up. What was learnt stays.
    DayBegan,
    /// The call was placed.
    Launched(CallNumber),
    /// It rings.
    Rings(CallNumber),
    /// Somebody or something picked up.
    Answered(CallNumber),
    /// Analysis says: a person.
    Person(CallNumber),
    /// Analysis says: a machine; the call is hung up.
    Machine(CallNumber),
    /// It ended unanswered.
    Ended(CallNumber, Unanswered),
    /// Answered, and no agent is free: its time is running.
    Queued(CallNumber),
    /// Nobody took it in time.
    Abandoned(CallNumber),
    /// An agent has it.
    Connected(CallNumber, AgentNumber),
    /// The conversation is over, the agent wraps up.
    WrapUp(AgentNumber),
    /// The wrap-up is over.
    Done {
        /// Whose.
        agent: AgentNumber,
        /// Whether a person was on the line, as the agent found.
        person: bool,
    },
    /// The agent can take a call.
    Idle(AgentNumber),
    /// The agent can take none: paused.
    Paused(AgentNumber),
    /// The agent can take none: logged out.
    LoggedOut(AgentNumber),
}

/// How a call ended that nobody answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// It rang for too long.
    NoAnswer,
    /// Busy, or the network refused it: it never rang.
    NotThrough,
    /// We cancelled it.
    Cancelled,
}

/// What a campaign is paced by. Durations are seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// Abandoned calls of live answers, at most, over the counting period: `0.0..=1.0`.
    pub cap: f64,
    /// Share of live answers that analysis takes for machines and that count as abandoned; 0 where they do not.
    pub lost_to_analysis: f64,
    /// Most agents at once.
    pub agents_max: u32,
    /// Seconds of dialling in the counting period.
    pub period_s: f64,
    /// Seconds in which a person who answered must have an agent.
    pub deadline_s: f64,
    /// Seconds of ringing after which a call ends by itself.
    pub ring_timeout_s: f64,
    /// Seconds of ringing before which a call is never cancelled.
    pub min_ring_s: f64,
    /// Whether analysis stands between the answer and the agent.
    pub analysis: bool,
    /// Lines at once, those of conversations too; 0: as many as one likes.
    pub lines_max: u32,
    /// Calls launched in a second; 0: as many as one likes.
    pub launches_per_s: u32,
}

impl Terms {
    /// Refuses what no campaign can be paced by, and names the field.
    pub fn check(&self) -> Result<(), Invalid> {
        let within = |field: &str, value: f64, low: f64, high: f64| {
            // Not a number is in no range.
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(Invalid::new(field, format!("{value} is outside {low}..={high}")))
            }
        };
        within("cap", self.cap, 0.0, 1.0)?;
        within("amd_fp_estimate", self.lost_to_analysis, 0.0, 1.0)?;
        within("shift_s", self.period_s, 1.0, DAYS_MAX * DAY_S)?;
        within("deadline_s", self.deadline_s, 0.0, 60.0)?;
        within("ring_timeout_s", self.ring_timeout_s, 1.0, 600.0)?;
        within("min_ring_s", self.min_ring_s, 0.0, 600.0)?;
        if self.agents_max > AGENTS_MAX {
            return Err(Invalid::new("agents_max", format!("{} is more than {AGENTS_MAX}", self.agents_max)));
        }
        Ok(())
    }
}

/// The floor as its owner counts it himself. Where it differs from the facts, the more cautious of both counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Agents who can take a call.
    pub idle: u32,
    /// Agents who talk.
    pub talking: u32,
    /// Calls launched and neither answered nor ended.
    pub dialing: u32,
    /// Calls answered whose verdict is pending.
    pub analysed: u32,
    /// Callers who wait for an agent.
    pub queued: u32,
}

impl Counts {
    /// Calls that have or may still want an agent.
    pub fn open(&self) -> u32 {
        self.dialing.saturating_add(self.analysed).saturating_add(self.queued)
    }

    /// Lines in use.
    pub fn lines(&self) -> u32 {
        self.open().saturating_add(self.talking)
    }
}

/// What to do now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Calls to launch.
    pub launch: u32,
    /// Calls to cancel: each has rung for the shortest ring at least.
    pub cancel: Vec<CallNumber>,
    /// Why not more.
    pub why: Why,
}

/// What holds the pace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Why {
    /// Every free agent has as many calls on their way as the mode allows.
    #[default]
    Agents,
    /// Nobody is logged in.
    Nobody,
    /// Too few answers were seen to estimate anything: one call per free agent.
    Cold,
    /// One call more would more likely find no agent than the budget allows.
    Risk,
    /// Too many of the last quarter of an hour were abandoned, or more than the budget's line allows by now.
    Strict,
    /// The budget is spent, or the period ends, or the policy is such: the cap holds whatever the calls do.
    Guaranteed,
    /// Hardly a call gets through: one per free agent, until they do.
    Outage,
    /// As many calls were abandoned as VICIdial's drop limit allows.
    DropLimit,
    /// All lines are in use.
    Lines,
    /// As many were launched this second as may be.
    Rate,
}

impl Why {
    /// In words, for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Agents => "every free agent has as many calls on their way as the mode allows",
            Self::Nobody => "no agent is logged in",
            Self::Cold => "too few answers seen yet to look ahead: one call per free agent",
            Self::Risk => "one more call would too likely find no agent",
            Self::Strict => "too many calls were abandoned lately",
            Self::Guaranteed => "the cap must hold whatever the calls on their way do",
            Self::Outage => "hardly a call gets through: one per free agent",
            Self::DropLimit => "the drop limit is reached: one call per free agent",
            Self::Lines => "all lines are in use",
            Self::Rate => "as many calls were launched this second as may be",
        }
    }
}

/// Seconds from the beginning of the clock to `at`.
pub(super) fn seconds(at: Mono) -> f64 {
    // 2^53 microseconds are 285 years.
    at.since(Mono(0)) as f64 / 1e6
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The rules of the United States: 3 % over the campaign, two seconds, 15 s of ringing.
    pub(in crate::pacing) fn terms(agents_max: u32) -> Terms {
        Terms {
            cap: 0.03,
            lost_to_analysis: 0.0,
            agents_max,
            period_s: 57_600.0,
            deadline_s: 2.0,
            ring_timeout_s: 25.0,
            min_ring_s: 15.0,
            analysis: true,
            lines_max: 0,
            launches_per_s: 0,
        }
    }

    #[test]
    fn terms_that_make_no_sense_are_refused_by_name() {
        assert!(terms(10).check().is_ok());
        let refused = |change: fn(&mut Terms)| {
            let mut terms = terms(10);
            change(&mut terms);
            terms.check().unwrap_err().to_string()
        };
        assert_eq!(refused(|terms| terms.cap = 1.5), "cap: 1.5 is outside 0..=1");
        assert_eq!(refused(|terms| terms.cap = -0.1), "cap: -0.1 is outside 0..=1");
        assert_eq!(refused(|terms| terms.cap = f64::NAN), "cap: NaN is outside 0..=1");
        assert!(refused(|terms| terms.lost_to_analysis = -0.5).starts_with("amd_fp_estimate: "));
        assert!(refused(|terms| terms.period_s = 0.0).starts_with("shift_s: "));
        assert!(refused(|terms| terms.deadline_s = f64::INFINITY).starts_with("deadline_s: "));
        assert!(refused(|terms| terms.ring_timeout_s = -1.0).starts_with("ring_timeout_s: "));
        assert!(refused(|terms| terms.agents_max = 1_000_000).starts_with("agents_max: "));
    }
}
