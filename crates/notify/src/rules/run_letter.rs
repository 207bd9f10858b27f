//! What a letter about a run says.

use domain::RunState;
use jiff::tz::TimeZone;
use node::Letter;
use std::fmt::Write;
use store::{RunLetter, RunRecord};

/// Times are those of the clock in `zone`.
pub(super) fn of(letter: &RunLetter, run: &RunRecord, zone: &str) -> Letter {
    let subject = format!("[Carillon] {}: {}", run.campaign_name, word(letter.state()));
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let zone_name = zone.iana_name().unwrap_or("UTC").to_owned();
    let mut body = format!("Campaign {}, run {}. Times are those of {zone_name}.\n\n", run.campaign_name, run.id);
    if letter.left_out > 0 {
        let _ = writeln!(body, "({} changes before these)", letter.left_out);
    }
    for news in &letter.changes {
        let why = if news.why.is_empty() { String::new() } else { format!(": {}", news.why) };
        let _ = writeln!(body, "{}  {}{why}", news.at.in_zone(&zone), word(news.state));
    }
    let figures = &letter.figures;
    let _ = write!(
        body,
        "\nCalls placed      {}\nAnswered          {}\nContacts finished {}\nWaiting for retry {}\n",
        figures.placed, figures.connected, figures.terminated, figures.open_retries
    );
    Letter::new(&subject, body)
}

/// As people say it.
fn word(state: RunState) -> &'static str {
    match state {
        RunState::Runnable => "started",
        RunState::Running => "running",
        RunState::WrongTime => "outside its hours",
        RunState::Idle => "out of numbers, waiting for more",
        RunState::Paused => "paused",
        RunState::Completed => "completed",
        RunState::Removed => "ended by hand",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Boost, CampaignId, RunId, Timestamp};
    use store::{RunFigures, RunNews, RunTotals};

    #[test]
    fn a_letter_says_what_became_of_the_run_and_how_far_it_is() {
        let at = Timestamp(1_774_742_400_000_000); // 29 March 2026, midnight in UTC
        let run = RunRecord {
            id: RunId(7),
            campaign: CampaignId(3),
            campaign_name: "spring".into(),
            state: RunState::Completed,
            why: String::new(),
            actor: "ana".into(),
            started_at: at,
            ended_at: None,
            boost: Boost::ONE,
            totals: RunTotals::default(),
        };
        let news = |state, why: &str, s| RunNews { state, why: why.into(), at: at.plus_seconds(s) };
        let letter = RunLetter {
            changes: vec![news(RunState::Runnable, "started by ana", 0), news(RunState::Completed, "", 3_600)],
            left_out: 4,
            figures: RunFigures { placed: 12, connected: 5, terminated: 11, open_retries: 0 },
        };
        let body = "Campaign spring, run 7. Times are those of Europe/Madrid.\n\n\
            (4 changes before these)\n2026-03-29 01:00:00  started: started by ana\n2026-03-29 03:00:00  completed\n\n\
            Calls placed      12\nAnswered          5\nContacts finished 11\nWaiting for retry 0\n";
        assert_eq!(of(&letter, &run, "Europe/Madrid"), Letter::new("[Carillon] spring: completed", body.into()));
    }
}
