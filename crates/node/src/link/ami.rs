//! Over Asterisk's manager interface.

use super::line::Placed;
use crate::configuration::Password;
use ami::{Client, Incoming, NotSent, Originate, Outcome, Secret, Settings};
use domain::Pbx;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

pub(super) fn connect(pbx: &Pbx, password: &Password) -> Result<(Client, mpsc::Receiver<Incoming>), String> {
    let Pbx { host, port, username, .. } = pbx.clone();
    let mut settings = Settings::new(host, port, username, Secret::new(password.0.as_str()));
    settings.unit = Duration::from_millis(u64::from(pbx.unit_ms));
    settings.messages_per_unit = pbx.messages_per_unit;
    ami::connect(settings).map_err(|error| error.to_string())
}

pub(super) fn originate(
    client: &Client,
    mut call: Originate,
    send_before: Option<Instant>,
) -> impl Future<Output = Placed> + Send + use<> {
    // A line end cannot travel over this interface.
    for value in call.variables.values_mut().filter(|value| value.contains(['\r', '\n'])) {
        *value = value.replace("\r\n", " ").replace(['\r', '\n'], " ");
    }
    let answer = client.sending_before(send_before).originate(&call);
    let client = client.clone();
    async move {
        match answer.await {
            Outcome::Done(()) => Placed::Done,
            // It says no in the same way when there is no such device and when the id exists already: ask.
            Outcome::Refused { message, .. } => match client.channel(&call.channel_id).await {
                Outcome::Done(None) => Placed::Refused { status: 500, message },
                _ => Placed::Unknown("the PBX may have this channel already".to_owned()),
            },
            Outcome::Unknown(why) => Placed::Unknown(why.to_string()),
            Outcome::NotSent(NotSent::Invalid(message)) => Placed::Refused { status: 400, message },
            Outcome::NotSent(why) => Placed::NotSent(why.to_string()),
        }
    }
}
