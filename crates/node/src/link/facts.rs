//! What a PBX lists and tells, as what it is for us.

use super::line::{Listed, LookedUp};
use super::{Seen, Told, What, user_event};
use crate::channels::{FoundChannel, leg_about, leg_of};
use asterisk::{Channel, ChannelState, DialStatus, EventKind, Incoming, Lost, Outcome};
use dialer::{Event, FoundLeg};
use domain::PbxLink;

pub(super) fn looked_up(prefix: &str, answer: Outcome<Option<Channel>>) -> LookedUp {
    match answer {
        Outcome::Done(None) => LookedUp::Missing,
        Outcome::Done(Some(channel)) => match found(prefix, &channel) {
            FoundChannel::Ours { leg, .. } => LookedUp::Found(leg),
            FoundChannel::OfOurs | FoundChannel::Strange => LookedUp::NotAnswered,
        },
        _ => LookedUp::NotAnswered,
    }
}

pub(super) fn listed(prefix: &str, answer: Outcome<Vec<Channel>>) -> Listed {
    match answer {
        Outcome::Done(channels) => Listed::Channels(channels.iter().map(|channel| found(prefix, channel)).collect()),
        Outcome::NotSent(_) => Listed::NotAsked,
        Outcome::Refused { .. } | Outcome::Unknown(_) => Listed::NotAnswered,
    }
}

/// A channel as the PBX lists it.
fn found(prefix: &str, channel: &Channel) -> FoundChannel {
    match leg_of(prefix, &channel.id) {
        Some(leg) => {
            let (up, ringing) = (channel.state == ChannelState::Up, channel.state == ChannelState::Ringing);
            FoundChannel::Ours { leg: FoundLeg { leg, up, ringing }, name: channel.id.clone() }
        }
        None if is_of_ours(prefix, channel) => FoundChannel::OfOurs,
        None => FoundChannel::Strange,
    }
}

/// The second half of a `Local` channel, or one that a dialplan made for one of ours.
fn is_of_ours(prefix: &str, channel: &Channel) -> bool {
    leg_about(prefix, &channel.id).is_some() || leg_about(prefix, &channel.linked_id).is_some()
}

pub(super) fn told(prefix: &str, link: PbxLink, incoming: Incoming) -> Told {
    match incoming {
        Incoming::Connected { version, epoch, .. } => Told::Connected { version, epoch },
        Incoming::Doubted { why, .. } => Told::Doubted { why: why.to_string() },
        Incoming::Lost { why, .. } => Told::Lost { silent: why == Lost::Stale, why: why.to_string() },
        Incoming::Event(event) => {
            let what = meaning(prefix, link, &event);
            let at = match link {
                PbxLink::Ari => event.at,
                PbxLink::Ami => event.at.as_deref().and_then(instant),
            };
            Told::Seen(Seen { at, what })
        }
    }
}

/// What an event of Asterisk is for us.
fn meaning(prefix: &str, link: PbxLink, event: &asterisk::Event) -> What {
    let channel = event.channel.as_deref();
    let (id, linked_id) = channel.map_or(("", ""), |channel| (&channel.id, &channel.linked_id));
    if let EventKind::UserEvent { name, headers } = &event.kind {
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        return user_event::read(prefix, name, headers, &[id, linked_id])
            .map_or(What::Nothing, |(about, said)| What::Said { about, said });
    }
    let Some(leg) = leg_of(prefix, id) else {
        return match &event.kind {
            _ if channel.is_none_or(|channel| is_of_ours(prefix, channel)) => What::Nothing,
            EventKind::ChannelCreated => What::StrangerCame,
            EventKind::Destroyed { .. } => What::StrangerWent,
            _ => What::Nothing,
        };
    };
    // Over the manager interface a line that is not told of its dialling has only its state to say what it does.
    let state = channel.map(|channel| &channel.state).filter(|_| link == PbxLink::Ami);
    What::Fact(match &event.kind {
        EventKind::ChannelCreated => Event::LegCreated(leg),
        EventKind::Dial { status: DialStatus::Ringing } => Event::LegRinging(leg),
        EventKind::Dial { status: DialStatus::Progress } => Event::LegProgress(leg),
        EventKind::Dial { status: DialStatus::Answer } => Event::LegAnswered(leg),
        EventKind::StateChange if state == Some(&ChannelState::Ringing) => Event::LegRinging(leg),
        EventKind::StateChange if state == Some(&ChannelState::Up) => Event::LegAnswered(leg),
        // A soft request is the PBX's own: the dialplan's end, an operator at its console, or our hang-up.
        EventKind::HangupRequest { soft: false } => Event::LegHangUpAsked(leg),
        EventKind::Destroyed { cause, tech_cause, .. } => Event::LegEnded {
            leg,
            cause: u16::try_from(*cause).unwrap_or(0),
            tech_cause: tech_cause.and_then(|code| u16::try_from(code).ok()),
        },
        _ => return What::Nothing,
    })
}

/// `1795298160.864222` as `2026-11-21T21:56:00.864+0000`, the way that ARI writes it.
fn instant(seconds: &str) -> Option<String> {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let millis: String = fraction.chars().chain("000".chars()).take(3).collect();
    let millis = whole.parse::<i64>().ok()?.checked_mul(1_000)?.checked_add(millis.parse().ok()?)?;
    let instant = jiff::Timestamp::from_millisecond(millis).ok()?;
    Some(instant.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "c-abc123-";
    const OURS: &str = "c-abc123-7-0000000042";

    /// In words: an event of the dialler has no equality.
    fn of(kind: EventKind, id: &str, linked_id: &str, state: ChannelState) -> String {
        let channel = Channel { id: id.into(), linked_id: linked_id.into(), name: "PJSIP/x-1".into(), state };
        format!(
            "{:?}",
            meaning(PREFIX, PbxLink::Ami, &asterisk::Event { kind, at: None, channel: Some(Box::new(channel)) })
        )
    }

    #[test]
    fn asterisks_time_is_written_the_way_of_the_other_link() {
        assert_eq!(instant("1795298160.864222").as_deref(), Some("2026-11-21T21:56:00.864+0000"));
        assert_eq!(instant("1795298160.8").as_deref(), Some("2026-11-21T21:56:00.800+0000"));
        assert_eq!(instant("now"), None);
    }

    #[test]
    fn what_a_dialplan_makes_for_a_call_of_ours_is_no_stranger() {
        let made = |id: &str, linked_id| of(EventKind::ChannelCreated, id, linked_id, ChannelState::Down);
        assert_eq!(made(OURS, OURS), "Fact(LegCreated(LegId(42)))");
        assert_eq!(made(&format!("{OURS};2"), OURS), "Nothing");
        assert_eq!(made("1700000000.12", OURS), "Nothing");
        assert_eq!(made("1700000000.12", "1700000000.12"), "StrangerCame");
    }

    #[test]
    fn an_answer_is_told_by_the_state_as_well_as_by_the_end_of_dialling() {
        let answered = "Fact(LegAnswered(LegId(42)))";
        assert_eq!(of(EventKind::StateChange, OURS, OURS, ChannelState::Up), answered);
        let status = DialStatus::Answer;
        assert_eq!(of(EventKind::Dial { status }, OURS, OURS, ChannelState::Up), answered);
        let soft = |soft| of(EventKind::HangupRequest { soft }, OURS, OURS, ChannelState::Up);
        assert_eq!(soft(false), "Fact(LegHangUpAsked(LegId(42)))");
        assert_eq!(soft(true), "Nothing");
    }
}
