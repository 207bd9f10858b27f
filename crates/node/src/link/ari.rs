//! Over Asterisk's REST interface.

use super::line::Placed;
use crate::configuration::Password;
use ari::{Client, Incoming, NotSent, Originate, Outcome, Secret, Settings};
use domain::Pbx;
use tokio::sync::mpsc;
use tokio::time::Instant;

pub(super) fn connect(pbx: &Pbx, password: &Password) -> Result<(Client, mpsc::Receiver<Incoming>), String> {
    let Pbx { host, port, username, application, .. } = pbx.clone();
    let settings = Settings::new(host, port, username, Secret::new(password.0.as_str()), application);
    ari::connect(settings).map_err(|error| error.to_string())
}

pub(super) fn originate(
    client: &Client,
    call: Originate,
    send_before: Option<Instant>,
) -> impl Future<Output = Placed> + Send + use<> {
    let answer = client.sending_before(send_before).originate(&call);
    let client = client.clone();
    async move {
        match answer.await {
            Outcome::Done(_) => Placed::Done,
            // A 409 is no proof that the id exists: ask.
            Outcome::Refused { status: Some(409), .. } => match client.channel(&call.channel_id).await {
                Outcome::Done(None) => {
                    Placed::Refused { status: 500, message: "Asterisk refused the end point".to_owned() }
                }
                _ => Placed::Unknown("the PBX has this channel already".to_owned()),
            },
            Outcome::Refused { status, message } => Placed::Refused { status: status.unwrap_or(500), message },
            Outcome::Unknown(why) => Placed::Unknown(why.to_string()),
            Outcome::NotSent(NotSent::Invalid(message)) => Placed::Refused { status: 400, message },
            Outcome::NotSent(why) => Placed::NotSent(why.to_string()),
        }
    }
}
