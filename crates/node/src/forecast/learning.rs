//! What people do, learnt from the campaign's own last attempts where there are enough of them.

use super::{WhatIf, about};
use domain::CallState;
use jiff::tz::TimeZone;
use sim::forecast::{Habits, Lasts};
use store::forecasts::Lately;

/// Attempts from which on their shares are believed.
const MIN_ATTEMPTS: usize = 100;
/// Answers and conversations from which on their durations are believed.
const MIN_DURATIONS: usize = 30;
/// Durations that are kept to draw from, at most.
const MAX_DURATIONS: usize = 1_000;
/// An hour of the day leans on the whole day as if it had seen so many attempts of that.
const LEANS_ON: f64 = 200.0;
/// Between channel and first ring, on the average: what is measured is from the channel on. Seconds.
const SETS_UP_S: f64 = 2.4;

/// Where a figure is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Whoever asked said it.
    Given,
    /// From the campaign's own last attempts.
    Learnt,
    /// From the queues as they are now.
    Seen,
    /// Nothing is known: a usual figure.
    Assumed,
}

/// A figure that a forecast goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assumption {
    /// `agents`, `answer_rate`, ...
    pub name: &'static str,
    /// Its value; of a duration the mean, in seconds.
    pub value: f64,
    /// Where it is from.
    pub source: Source,
    /// What was seen: attempts, answers, conversations, agents.
    pub seen: u64,
}

/// What the last attempts of a campaign tell.
#[derive(Debug, Clone, Default)]
pub(super) struct Learnt {
    attempts: usize,
    answered: usize,
    by_hour: [(usize, usize); 24],
    machines: usize,
    busy: usize,
    wrong_number: usize,
    rejected: usize,
    no_answer: usize,
    rings_s: Vec<f32>,
    talks_s: Vec<f32>,
}

impl Learnt {
    pub(super) fn of(lately: &[Lately], zone: &TimeZone) -> Self {
        let mut learnt = Self::default();
        // Where agents take the calls, what is told of a call without one is no conversation.
        let with_agents = lately.iter().any(|one| one.counted);
        for one in lately {
            let counter = match one.state {
                _ if one.answered => &mut learnt.answered,
                CallState::RsBusy => &mut learnt.busy,
                CallState::RsNumber => &mut learnt.wrong_number,
                CallState::RsRejected => &mut learnt.rejected,
                CallState::RsNoanswer => &mut learnt.no_answer,
                // What went wrong on our side says nothing about people.
                _ => continue,
            };
            *counter += 1;
            learnt.attempts += 1;
            let hour = one.scheduled_at.to_jiff().to_zoned(zone.clone()).hour();
            let by_hour = &mut learnt.by_hour[usize::try_from(hour).unwrap_or(0) % 24];
            by_hour.0 += 1;
            by_hour.1 += usize::from(one.answered);
            if !one.answered {
                continue;
            }
            learnt.machines += usize::from(one.machine);
            if learnt.rings_s.len() < MAX_DURATIONS {
                let rang_s = one.wait_after_ms as f64 / 1_000.0 - SETS_UP_S;
                learnt.rings_s.push(rang_s.max(0.3) as f32);
            }
            let talked_ms = match one.agent_after_ms {
                Some(waited_ms) => Some(one.talk_ms - waited_ms),
                None if with_agents => None,
                None => Some(one.talk_ms),
            };
            if let Some(talked_ms) = talked_ms.filter(|ms| *ms > 0 && learnt.talks_s.len() < MAX_DURATIONS) {
                learnt.talks_s.push(talked_ms as f32 / 1_000.0);
            }
        }
        learnt
    }

    /// What the forecast goes by, with what somebody asked for in front of what was learnt.
    /// `wrap_up_s` is that of the queues.
    pub(super) fn habits(
        &self,
        what_if: &WhatIf,
        wrap_up_s: Option<f64>,
        answer_timeout_ms: u32,
    ) -> (Habits, Vec<Assumption>) {
        let mut habits = Habits::default();
        let mut assumptions = Vec::new();
        let seen = self.attempts as u64;
        let known = self.attempts >= MIN_ATTEMPTS;
        let share = |count: usize| count as f64 / self.attempts.max(1) as f64;
        if known {
            habits.answered = self.by_hour.map(|(attempts, answered)| {
                (answered as f64 + LEANS_ON * share(self.answered)) / (attempts as f64 + LEANS_ON)
            });
            (habits.busy, habits.wrong_number) = (share(self.busy), share(self.wrong_number));
            (habits.rejected, habits.no_answer) = (share(self.rejected), share(self.no_answer));
            habits.machines = self.machines as f64 / self.answered.max(1) as f64;
        }
        let mut tell = |name, value, given: bool, known: bool, seen| {
            let source = match (given, known) {
                (true, _) => Source::Given,
                (false, true) => Source::Learnt,
                (false, false) => Source::Assumed,
            };
            assumptions.push(Assumption { name, value, source, seen });
        };
        if let Some(rate) = what_if.answer_rate {
            habits.answered = [rate; 24];
        }
        let rate = what_if.answer_rate.unwrap_or(if known { share(self.answered) } else { habits.answered[0] });
        tell("answer_rate", rate, what_if.answer_rate.is_some(), known, seen);
        habits.machines = what_if.machine_share.unwrap_or(habits.machines);
        let answers_known = known && self.answered >= MIN_DURATIONS;
        tell("machine_share", habits.machines, what_if.machine_share.is_some(), answers_known, self.answered as u64);
        // The shares of what is not answered, of all that is not.
        let others = habits.busy + habits.wrong_number + habits.rejected + habits.no_answer;
        if others <= 0.0 {
            habits.no_answer = 1.0;
        }
        for (name, value) in [
            ("busy_share", habits.busy),
            ("wrong_number_share", habits.wrong_number),
            ("rejected_share", habits.rejected),
            ("no_answer_share", habits.no_answer),
        ] {
            let others = if others > 0.0 { others } else { 1.0 };
            tell(name, value / others * (1.0 - rate), false, known, seen);
        }
        let enough = |seconds: &[f32]| seconds.len() >= MIN_DURATIONS;
        let seen_of = |seconds: &[f32]| Lasts::seen(seconds.to_vec()).filter(|_| enough(seconds));
        habits.rings = what_if.ring_s.map(about).or_else(|| seen_of(&self.rings_s)).unwrap_or(habits.rings);
        habits.talk = what_if.talk_s.map(about).or_else(|| seen_of(&self.talks_s)).unwrap_or(habits.talk);
        // Queues leave every agent alone for the same time.
        let of_queues = wrap_up_s.map(|seconds| Lasts::About(seconds, 0.0));
        habits.wrap_up = what_if.wrap_up_s.map(about).or(of_queues).unwrap_or(habits.wrap_up);
        // A share of answers that was seen holds for calls that rang this long; one that is assumed is meant so.
        let longest_s = f64::from(answer_timeout_ms) / 1_000.0;
        if let Lasts::About(mean, variation) = habits.rings {
            habits.rings = Lasts::About(mean.min(0.5 * longest_s), variation);
        }
        tell(
            "ring_s",
            habits.rings.mean_s(),
            what_if.ring_s.is_some(),
            enough(&self.rings_s),
            self.rings_s.len() as u64,
        );
        tell(
            "talk_s",
            habits.talk.mean_s(),
            what_if.talk_s.is_some(),
            enough(&self.talks_s),
            self.talks_s.len() as u64,
        );
        tell("wrap_up_s", habits.wrap_up.mean_s(), what_if.wrap_up_s.is_some(), false, 0);
        if let Some(last) = assumptions.last_mut().filter(|last| last.source == Source::Assumed && wrap_up_s.is_some())
        {
            last.source = Source::Seen;
        }
        (habits, assumptions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;

    /// Half past nine in the morning, UTC.
    const MORNING: Timestamp = Timestamp(1_795_426_200_000_000);

    fn attempt(state: CallState, answered: bool) -> Lately {
        Lately {
            state,
            scheduled_at: MORNING,
            answered,
            wait_after_ms: 8_400,
            talk_ms: 60_000,
            counted: answered,
            agent_after_ms: answered.then_some(1_000),
            machine: false,
        }
    }

    fn source(assumptions: &[Assumption], name: &str) -> (f64, Source) {
        let one = assumptions.iter().find(|one| one.name == name).unwrap();
        (one.value, one.source)
    }

    #[test]
    fn a_campaign_of_which_nothing_is_known_says_so() {
        let (habits, assumptions) = Learnt::of(&[], &TimeZone::UTC).habits(&WhatIf::default(), None, 30_000);
        assert_eq!(habits, Habits::default());
        assert!(assumptions.iter().all(|one| one.source == Source::Assumed && one.seen == 0), "{assumptions:?}");
        let asked = WhatIf { answer_rate: Some(0.4), talk_s: Some(90.0), ..WhatIf::default() };
        let (habits, assumptions) = Learnt::of(&[], &TimeZone::UTC).habits(&asked, Some(7.0), 30_000);
        assert_eq!((habits.answered[7], habits.talk.mean_s()), (0.4, 90.0));
        assert_eq!(source(&assumptions, "answer_rate"), (0.4, Source::Given));
        assert_eq!(source(&assumptions, "ring_s").1, Source::Assumed);
        assert_eq!(source(&assumptions, "wrap_up_s"), (7.0, Source::Seen));
    }

    #[test]
    fn its_own_attempts_teach_it() {
        let mut lately = vec![attempt(CallState::Terminated, true); 40];
        lately.extend(vec![attempt(CallState::RsBusy, false); 20]);
        lately.extend(vec![attempt(CallState::RsNoanswer, false); 40]);
        lately.extend(vec![attempt(CallState::RsLost, false); 500]);
        let (habits, assumptions) = Learnt::of(&lately, &TimeZone::UTC).habits(&WhatIf::default(), None, 30_000);
        for (name, share) in [("answer_rate", 0.4), ("busy_share", 0.2), ("no_answer_share", 0.4)] {
            let (value, source) = source(&assumptions, name);
            assert!((value - share).abs() < 1e-9 && source == Source::Learnt, "{name} {value}");
        }
        assert!((source(&assumptions, "talk_s").0 - 59.0).abs() < 1e-6, "the time with the agent");
        assert!((source(&assumptions, "ring_s").0 - 6.0).abs() < 1e-6);
        assert!((habits.answered[9] - 0.4).abs() < 1e-9 && (habits.answered[3] - 0.4).abs() < 1e-9);
        let few = Learnt::of(&lately[..60], &TimeZone::UTC).habits(&WhatIf::default(), None, 30_000).1;
        assert_eq!(source(&few, "answer_rate").1, Source::Assumed, "sixty attempts are too few");
    }

    #[test]
    fn a_call_without_an_agent_is_no_conversation() {
        let abandoned = Lately { agent_after_ms: None, ..attempt(CallState::Terminated, true) };
        let mut lately = vec![attempt(CallState::Terminated, true); 30];
        lately.extend(vec![Lately { talk_ms: 5_000, ..abandoned }; 300]);
        let learnt = Learnt::of(&lately, &TimeZone::UTC);
        assert_eq!(learnt.talks_s.len(), 30);
    }
}
