//! One PBX: its connection, its reconciliation after every (re)connect, its audit, and its events as facts.

use crate::channels::{found, leg_of};
use crate::inputs::{FromPbx, Input};
use ari::{Client, DialStatus, EventKind, Incoming, Outcome};
use dialer::{Event, FoundLeg};
use domain::{LegId, PbxId};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

/// How often the channels of a PBX are compared with ours while the link is up.
const AUDIT_EVERY: Duration = Duration::from_secs(30);
/// Pause before the channels are asked for again when the PBX did not answer.
const RECONCILE_AGAIN: Duration = Duration::from_millis(500);
/// How long the events that belong to a list of channels may come after it.
const SETTLE: Duration = Duration::from_millis(200);
/// Longest extended status, in characters.
pub const MAX_STATUS_CHARS: usize = 64;

/// Reads one PBX until the link ends; every input goes to the shell in order.
pub struct Link {
    /// Which PBX.
    pub pbx: PbxId,
    /// Which link: a PBX whose login changed gets a new one while the old one may still have something to say.
    pub number: u64,
    /// Requests to it.
    pub client: Client,
    /// What comes from it.
    pub incoming: mpsc::Receiver<Incoming>,
    /// Where it goes.
    pub shell: mpsc::Sender<Input>,
    /// How our channels begin.
    pub prefix: String,
}

impl Link {
    /// Runs until the link or the shell ends.
    pub async fn run(mut self) {
        let mut audit = tokio::time::interval(AUDIT_EVERY);
        audit.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut up = false;
        loop {
            let told = tokio::select! {
                incoming = self.incoming.recv() => {
                    let Some(incoming) = incoming else { return };
                    match incoming {
                        Incoming::Connected { version, epoch, .. } => {
                            up = self.reconcile(version, epoch).await;
                            Some(())
                        }
                        Incoming::Lost { why, .. } => {
                            up = false;
                            self.tell(FromPbx::Down { why: why.to_string() }).await
                        }
                        Incoming::Event(event) => self.event(event).await,
                    }
                }
                _ = audit.tick(), if up => self.audit().await,
            };
            if told.is_none() {
                return;
            }
        }
    }

    /// Nothing is dialled on a PBX until its channels were compared with ours. Returns whether that was done.
    async fn reconcile(&mut self, version: String, epoch: u64) -> bool {
        if self.tell(FromPbx::Reconciling { version: version.clone() }).await.is_none() {
            return false;
        }
        let client = self.client.in_epoch(epoch);
        loop {
            match client.channels().await {
                Outcome::Done(channels) => {
                    if !self.settle().await {
                        return false;
                    }
                    let (legs, names) = self.ours(&channels);
                    self.tell(FromPbx::Up { version, legs, names }).await;
                    return true;
                }
                Outcome::NotSent(_) => return false,
                Outcome::Refused { .. } | Outcome::Unknown(_) => tokio::time::sleep(RECONCILE_AGAIN).await,
            }
        }
    }

    /// The end of a channel that is missing from a list may still be on its way, and what was told before the list is
    /// older than it: both go first. `false`: the link was lost.
    async fn settle(&mut self) -> bool {
        tokio::time::sleep(SETTLE).await;
        while let Ok(incoming) = self.incoming.try_recv() {
            match incoming {
                Incoming::Event(event) => {
                    if self.event(event).await.is_none() {
                        return false;
                    }
                }
                Incoming::Lost { why, .. } => {
                    self.tell(FromPbx::Down { why: why.to_string() }).await;
                    return false;
                }
                Incoming::Connected { .. } => return false,
            }
        }
        true
    }

    async fn audit(&mut self) -> Option<()> {
        let (asked, answer) = tokio::sync::oneshot::channel();
        self.tell(FromPbx::AuditBegins { asked }).await?;
        let asked_at = answer.await.ok()?;
        if let Outcome::Done(channels) = self.client.channels().await {
            if !self.settle().await {
                return Some(());
            }
            let (legs, _) = self.ours(&channels);
            self.tell(FromPbx::Audited { legs, asked_at }).await?;
        }
        Some(())
    }

    fn ours(&self, channels: &[ari::Channel]) -> (Vec<FoundLeg>, Vec<String>) {
        channels.iter().filter_map(|c| Some((found(&self.prefix, c)?, c.id.clone()))).unzip()
    }

    async fn event(&mut self, event: ari::Event) -> Option<()> {
        let Some(leg) = self.leg(&event) else { return Some(()) };
        let Some(fact) = fact(leg, event.kind) else { return Some(()) };
        self.tell(FromPbx::Fact { fact, pbx_at: event.at }).await
    }

    fn leg(&self, event: &ari::Event) -> Option<LegId> {
        // A user event may name the call it is about: it may come from another leg of it.
        if let EventKind::UserEvent { headers, .. } = &event.kind {
            let named = headers.iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("uniqueid"));
            if let Some(leg) = named.and_then(|(_, id)| leg_of(&self.prefix, id.trim())) {
                return Some(leg);
            }
        }
        leg_of(&self.prefix, event.channel_id()?)
    }

    async fn tell(&self, what: FromPbx) -> Option<()> {
        self.shell.send(Input::Pbx(self.pbx, self.number, what)).await.ok()
    }
}

/// What an event of Asterisk is for the dialler.
fn fact(leg: LegId, kind: EventKind) -> Option<Event> {
    match kind {
        EventKind::ChannelCreated => Some(Event::LegCreated(leg)),
        EventKind::Dial { status: DialStatus::Ringing } => Some(Event::LegRinging(leg)),
        EventKind::Dial { status: DialStatus::Progress } => Some(Event::LegProgress(leg)),
        EventKind::Dial { status: DialStatus::Answer } => Some(Event::LegAnswered(leg)),
        // A soft request is the PBX's own: the dialplan's end, an operator at its console, or our hang-up.
        EventKind::HangupRequest { soft: false, .. } => Some(Event::LegHangUpAsked(leg)),
        EventKind::Destroyed { cause, tech_cause, .. } => Some(Event::LegEnded {
            leg,
            cause: u16::try_from(cause).unwrap_or(0),
            tech_cause: tech_cause.and_then(|code| u16::try_from(code).ok()),
        }),
        EventKind::UserEvent { name, headers } if name.trim().eq_ignore_ascii_case("CALLSTATUS") => {
            let (_, status) = headers.iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("v"))?;
            let status = status.trim().chars().filter(|c| !c.is_control()).take(MAX_STATUS_CHARS).collect();
            Some(Event::StatusSet { leg, status })
        }
        _ => None,
    }
}
