//! People who find no agent are brought to the recorded message of their PBX.
//!
//! Over the manager interface, also beside a link over ARI: these channels are in the dialplan, and the REST interface moves
//! only what is in an application of its own.

use crate::link::Line;
use crate::shell::Shell;
use asterisk::Outcome;
use dialer::{BringToHarbour, Event, HarbourAnswer};
use domain::pacing::HARBOUR;
use domain::{LegId, PbxId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

/// How long the look at the call may take, and until when its redirection leaves: later nobody knows who talks to whom.
const DEADLINE: Duration = Duration::from_secs(1);
/// How long a call that was not brought there is spoken of.
const TOLD_FOR_MS: i64 = 600_000;

/// Who is being brought, and where that did not work.
#[derive(Debug, Default)]
pub(crate) struct Harbours {
    asked: BTreeMap<LegId, PbxId>,
    missed: BTreeMap<PbxId, Missed>,
}

/// The last calls of a PBX that were not brought to the message; one that is ends it.
#[derive(Debug)]
struct Missed {
    at: Timestamp,
    why: String,
}

impl Harbours {
    /// Why people were lately not brought to the message; empty: nobody, or they were.
    pub(crate) fn trouble(&self, pbx: PbxId, now: Timestamp) -> String {
        let lately = |missed: &&Missed| now.ms_since(missed.at) < TOLD_FOR_MS;
        self.missed.get(&pbx).filter(lately).map(|missed| missed.why.clone()).unwrap_or_default()
    }

    fn answered(&mut self, leg: LegId, answer: &HarbourAnswer, now: Timestamp) {
        let Some(pbx) = self.asked.remove(&leg) else { return };
        let outcome = match answer {
            HarbourAnswer::Done => {
                self.missed.remove(&pbx);
                "done"
            }
            HarbourAnswer::NotWanted(_) => "not_wanted",
            HarbourAnswer::Refused(why) | HarbourAnswer::Unknown(why) => {
                warn!(pbx.id = pbx.0, why, "a person who found no agent was not brought to the recorded message");
                self.missed.insert(pbx, Missed { at: now, why: why.clone() });
                if matches!(answer, HarbourAnswer::Refused(_)) { "refused" } else { "unknown" }
            }
        };
        metrics::counter!("carillon_harbours_total", "outcome" => outcome).increment(1);
    }
}

impl Shell {
    pub(crate) fn bring_to_harbour(&mut self, to: BringToHarbour) {
        let (leg, line, channel) = (to.leg, self.manager(to.pbx), self.channels.name(to.leg));
        let sender = self.sender.clone();
        self.harbours.asked.insert(leg, to.pbx);
        tokio::spawn(async move {
            let answer = match line {
                Some(Line::Ami(client)) => bring(&client, &channel).await,
                _ => HarbourAnswer::Refused("no manager user is connected".to_owned()),
            };
            let _ = sender.send(crate::inputs::Input::Answer(Event::HarbourAnswered { leg, answer })).await;
        });
    }

    pub(crate) fn harbour_answered(&mut self, event: &Event) {
        if let Event::HarbourAnswered { leg, answer } = event {
            let now = self.clock.now().wall;
            self.harbours.answered(*leg, answer, now);
        }
    }
}

/// Asterisk has no redirection on a condition. So the call is looked at right before: an agent who took it in the meantime,
/// and of whom nobody has told us yet, keeps it.
async fn bring(client: &ami::Client, channel: &str) -> HarbourAnswer {
    let until = Instant::now() + DEADLINE;
    let client = client.sending_before(Some(until));
    match timeout_at(until, client.is_bridged(channel)).await {
        Ok(Outcome::Done(Some(false))) => {}
        Ok(Outcome::Done(Some(true))) => return HarbourAnswer::NotWanted("an agent has the call".to_owned()),
        Ok(Outcome::Done(None)) => return HarbourAnswer::NotWanted("the call is over".to_owned()),
        Ok(Outcome::Refused { message, .. }) => return HarbourAnswer::Refused(message),
        Ok(Outcome::Unknown(why)) => return HarbourAnswer::Refused(why.to_string()),
        Ok(Outcome::NotSent(why)) => return HarbourAnswer::Refused(why.to_string()),
        Err(_) => return HarbourAnswer::Refused("the PBX did not say where the call is".to_owned()),
    }
    let (context, extension) = HARBOUR;
    match client.redirect(channel, context, extension).await {
        Outcome::Done(()) => HarbourAnswer::Done,
        Outcome::Refused { message, .. } if message.contains("does not exist") => {
            HarbourAnswer::NotWanted("the call is over".to_owned())
        }
        Outcome::Refused { message, .. } => HarbourAnswer::Refused(message),
        Outcome::Unknown(why) => HarbourAnswer::Unknown(why.to_string()),
        Outcome::NotSent(why) => HarbourAnswer::Refused(why.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pbx_that_did_not_do_it_is_spoken_of_until_it_does_or_for_ten_minutes() {
        let (pbx, minute) = (PbxId(1), |minutes: i64| Timestamp(minutes * 60_000_000));
        let mut harbours = Harbours::default();
        let tell = |harbours: &mut Harbours, answer: HarbourAnswer, at: i64| {
            harbours.asked.insert(LegId(1), pbx);
            harbours.answered(LegId(1), &answer, minute(at));
        };
        tell(&mut harbours, HarbourAnswer::NotWanted("over".into()), 0);
        assert_eq!(harbours.trouble(pbx, minute(0)), "");
        tell(&mut harbours, HarbourAnswer::Refused("Permission denied".into()), 1);
        assert_eq!(harbours.trouble(pbx, minute(5)), "Permission denied");
        assert_eq!(harbours.trouble(PbxId(2), minute(5)), "");
        assert_eq!(harbours.trouble(pbx, minute(11)), "");
        tell(&mut harbours, HarbourAnswer::Unknown("late".into()), 12);
        tell(&mut harbours, HarbourAnswer::Done, 13);
        assert_eq!(harbours.trouble(pbx, minute(13)), "");
        assert!(harbours.asked.is_empty());
    }
}
