//! Over Asterisk's REST interface: requests from commands, facts from events.

use super::line::{Listed, LookedUp, Placed};
use super::{Seen, Told, What, user_event};
use crate::channels::{FoundChannel, leg_about, leg_of};
use crate::configuration::Password;
use crate::placing::Placement;
use ari::{Channel, ChannelState, Client, DialStatus, EventKind, HangUpReason, Incoming, Lost, Outcome, Secret};
use dialer::{Event, FoundLeg};
use domain::Pbx;
use tokio::sync::mpsc;
use tokio::time::Instant;

pub(super) fn connect(pbx: &Pbx, password: &Password) -> Result<(Client, mpsc::Receiver<Incoming>), String> {
    let Pbx { host, port, username, application, .. } = pbx.clone();
    let settings = ari::Settings::new(host, port, username, Secret::new(password.0.as_str()), application);
    ari::connect(settings).map_err(|error| error.to_string())
}

pub(super) fn originate(
    client: &Client,
    call: Placement,
    send_before: Option<Instant>,
) -> impl Future<Output = Placed> + Send + use<> {
    let originate = ari::Originate {
        channel_id: call.channel_id,
        endpoint: call.device,
        context: call.context,
        extension: call.extension,
        priority: 1,
        caller_id: call.caller_id,
        ring_seconds_max: Some(call.timeout_ms.div_ceil(1_000)),
        variables: call.variables,
        account_code: call.account_code,
        user_field: Some(call.mark),
        formats: Vec::new(),
    };
    let answer = client.sending_before(send_before).originate(&originate);
    let client = client.clone();
    async move {
        match answer.await {
            Outcome::Done(_) => Placed::Done,
            Outcome::Refused { status: 409, .. } => {
                // A 409 is no proof that the id exists: ask.
                match client.channel(&originate.channel_id).await {
                    Outcome::Done(None) => {
                        Placed::Refused { status: 500, message: "Asterisk refused the end point".to_owned() }
                    }
                    _ => Placed::Unknown("the PBX has this channel already".to_owned()),
                }
            }
            Outcome::Refused { status, message } => Placed::Refused { status, message },
            Outcome::Unknown(why) => Placed::Unknown(why.to_string()),
            Outcome::NotSent(ari::NotSent::Invalid(message)) => Placed::Refused { status: 400, message },
            Outcome::NotSent(why) => Placed::NotSent(why.to_string()),
        }
    }
}

pub(super) async fn hang_up(client: &Client, channel: &str, rang_too_long: bool) {
    let reason = if rang_too_long { HangUpReason::NoAnswer } else { HangUpReason::Normal };
    let _its_end_is_an_event = client.hang_up(channel, reason).await;
}

pub(super) async fn look_up(client: &Client, prefix: &str, channel: &str) -> LookedUp {
    match client.channel(channel).await {
        Outcome::Done(None) => LookedUp::Missing,
        Outcome::Done(Some(channel)) => match found(prefix, &channel) {
            FoundChannel::Ours { leg, .. } => LookedUp::Found(leg),
            FoundChannel::OfOurs | FoundChannel::Strange => LookedUp::NotAnswered,
        },
        _ => LookedUp::NotAnswered,
    }
}

pub(super) async fn channels(client: &Client, prefix: &str) -> Listed {
    match client.channels().await {
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
        None if leg_about(prefix, &channel.id).is_some() => FoundChannel::OfOurs,
        None => FoundChannel::Strange,
    }
}

pub(super) fn told(prefix: &str, incoming: Incoming) -> Told {
    match incoming {
        Incoming::Connected { version, epoch, .. } => Told::Connected { version, epoch },
        Incoming::Doubted { why, .. } => Told::Doubted { why: why.to_string() },
        Incoming::Lost { why, .. } => Told::Lost { why: why.to_string(), silent: why == Lost::Stale },
        Incoming::Event(event) => {
            let what = meaning(prefix, &event);
            Told::Seen(Seen { at: event.at, what })
        }
    }
}

/// What an event of Asterisk is for us.
fn meaning(prefix: &str, event: &ari::Event) -> What {
    let channel = event.channel_id().unwrap_or_default();
    if let EventKind::UserEvent { name, headers } = &event.kind {
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        return user_event::read(prefix, name, headers, &[channel])
            .map_or(What::Nothing, |(about, said)| What::Said { about, said });
    }
    let Some(leg) = leg_of(prefix, channel) else {
        return match &event.kind {
            _ if leg_about(prefix, channel).is_some() => What::Nothing,
            EventKind::ChannelCreated => What::StrangerCame,
            EventKind::Destroyed { .. } => What::StrangerWent,
            _ => What::Nothing,
        };
    };
    What::Fact(match &event.kind {
        EventKind::ChannelCreated => Event::LegCreated(leg),
        EventKind::Dial { status: DialStatus::Ringing } => Event::LegRinging(leg),
        EventKind::Dial { status: DialStatus::Progress } => Event::LegProgress(leg),
        EventKind::Dial { status: DialStatus::Answer } => Event::LegAnswered(leg),
        // A soft request is the PBX's own: the dialplan's end, an operator at its console, or our hang-up.
        EventKind::HangupRequest { soft: false, .. } => Event::LegHangUpAsked(leg),
        EventKind::Destroyed { cause, tech_cause, .. } => Event::LegEnded {
            leg,
            cause: u16::try_from(*cause).unwrap_or(0),
            tech_cause: tech_cause.and_then(|code| u16::try_from(code).ok()),
        },
        _ => return What::Nothing,
    })
}
