//! One link to the PBX, over either of its interfaces, as thin as the bare loop wants it.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use testkit::Instance;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use crate::campaign::{APPLICATION, CONTEXT, EXTENSION};

/// From the start of a link to its connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Asterisk's own limit on ringing, as Carillon sets it, milliseconds.
const RING_MS: u32 = 40_000;
/// The pace over AMI, for both drivers: so high that the PBX is what ends.
pub(crate) const MESSAGES_PER_UNIT: u32 = 100;
/// Its unit, milliseconds.
pub(crate) const UNIT_MS: u32 = 20;

/// Which interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// Asterisk's REST interface.
    Ari,
    /// Its manager interface.
    Ami,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Ari { "ARI" } else { "AMI" })
    }
}

/// A connection.
pub(crate) enum Line {
    /// Over ARI.
    Ari(ari::Client, Receiver<ari::Incoming>),
    /// Over AMI.
    Ami(ami::Client, Receiver<ami::Incoming>),
}

/// What comes of an originate: nothing, or why not.
type Answer = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

impl Line {
    /// Connects.
    pub(crate) async fn connect(link: Link, pbx: &Instance) -> Result<Self> {
        match link {
            Link::Ari => {
                let login = pbx.ari();
                let secret = ari::Secret::new(login.password);
                let settings = ari::Settings::new(login.host, login.port, login.user, secret, APPLICATION);
                let (client, mut incoming) = ari::connect(settings)?;
                match timeout(CONNECT_DEADLINE, incoming.recv()).await.context("no link within its deadline")? {
                    Some(ari::Incoming::Connected { .. }) => Ok(Self::Ari(client, incoming)),
                    other => bail!("no ARI link: {other:?}"),
                }
            }
            Link::Ami => {
                let login = pbx.manager();
                let secret = ami::Secret::new(login.password);
                let mut settings = ami::Settings::new(login.host, login.port, login.user, secret);
                settings.messages_per_unit = MESSAGES_PER_UNIT;
                settings.unit = Duration::from_millis(u64::from(UNIT_MS));
                let (client, mut incoming) = ami::connect(settings)?;
                match timeout(CONNECT_DEADLINE, incoming.recv()).await.context("no link within its deadline")? {
                    Some(ami::Incoming::Connected { .. }) => Ok(Self::Ami(client, incoming)),
                    other => bail!("no AMI link: {other:?}"),
                }
            }
        }
    }

    /// The next event; with the channel's id if it is an answer.
    pub(crate) async fn next(&mut self) -> Result<Option<String>> {
        let (Self::Ari(_, incoming) | Self::Ami(_, incoming)) = self;
        match incoming.recv().await {
            Some(ari::Incoming::Event(event)) => {
                let answer = event.kind == (ari::EventKind::Dial { status: ari::DialStatus::Answer });
                Ok(event.channel_id().filter(|_| answer).map(str::to_owned))
            }
            // A link that gives up under the load costs the step its answers; the client logs in again by itself.
            Some(trouble) => {
                eprintln!("the link: {trouble:?}");
                Ok(None)
            }
            None => bail!("the link ended"),
        }
    }

    /// Queued by the call itself.
    pub(crate) fn originate(&self, id: String, endpoint: String) -> Answer {
        let (context, extension) = (CONTEXT.to_owned(), EXTENSION.to_owned());
        let originate = ari::Originate {
            channel_id: id,
            device: endpoint,
            context,
            extension,
            priority: 1,
            caller_id: None,
            enters_as: None,
            ring_ms_max: RING_MS,
            variables: BTreeMap::new(),
            account_code: None,
            user_field: None,
            application: None,
        };
        let wrong =
            |answer: ari::Outcome<()>| (!matches!(answer, ari::Outcome::Done(()))).then(|| format!("{answer:?}"));
        match self {
            Self::Ari(client, _) => {
                let answer = client.originate(&originate);
                Box::pin(async move { wrong(answer.await.map(drop)) })
            }
            Self::Ami(client, _) => {
                let answer = client.originate(&originate);
                Box::pin(async move { wrong(answer.await) })
            }
        }
    }

    /// Ends it.
    pub(crate) fn shutdown(&self) {
        match self {
            Self::Ari(client, _) => client.link().shutdown(),
            Self::Ami(client, _) => client.link().shutdown(),
        }
    }
}
