//! One PBX: its connection, its reconciliation after every (re)connect, its audit, and its events as facts.

use crate::channels::{found, leg_of};
use crate::inputs::{FromPbx, Input};
use crate::user_event;
use ari::{Channel, Client, DialStatus, EventKind, Incoming, Lost, Outcome};
use dialer::{Event, FoundLeg};
use domain::{LegId, PbxId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

/// How often the channels of a PBX are compared with ours while the link is up.
const AUDIT_EVERY: Duration = Duration::from_secs(30);
/// Pause before the channels are asked for again when the PBX did not answer.
const RECONCILE_AGAIN: Duration = Duration::from_millis(500);
/// How long the events that belong to a list of channels may come after it.
const SETTLE: Duration = Duration::from_millis(200);
/// How long a link in doubt rests before its channels are compared: the late answer may come, and a PBX that loses
/// answers again and again is not asked for its channels again and again.
const REST: Duration = Duration::from_millis(500);
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
    /// Channels on the PBX that are not ours: as listed last, and what came and went since.
    pub foreign: Arc<AtomicU64>,
}

/// What came of a wait during which the link was read.
enum Waited<T> {
    /// The value, and every event that came before it is told.
    Had(T),
    /// The link was lost meanwhile, and that was told; or nobody listens.
    Lost,
}

impl Link {
    /// Runs until the link or the shell ends.
    pub async fn run(mut self) {
        let mut audit = tokio::time::interval(AUDIT_EVERY);
        audit.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The version and the connection, while the PBX may be dialled on.
        let mut up: Option<(String, u64)> = None;
        loop {
            let told = tokio::select! {
                incoming = self.incoming.recv() => {
                    let Some(incoming) = incoming else { return };
                    match incoming {
                        Incoming::Connected { version, epoch, .. } => {
                            up = self.connected(version, epoch).await;
                            Some(())
                        }
                        Incoming::Doubted { why, .. } => {
                            if let Some((version, epoch)) = up {
                                up = self.doubted(why.to_string(), version, epoch).await;
                            }
                            Some(())
                        }
                        Incoming::Lost { why, .. } => {
                            up = None;
                            self.lost(&why).await
                        }
                        Incoming::Event(event) => self.event(event).await,
                    }
                }
                _ = audit.tick(), if up.is_some() => match self.audit().await {
                    Waited::Had(None) => Some(()),
                    Waited::Had(Some(why)) => {
                        if let Some((version, epoch)) = up {
                            up = self.doubted(why, version, epoch).await;
                        }
                        Some(())
                    }
                    Waited::Lost => {
                        up = None;
                        Some(())
                    }
                },
            };
            if told.is_none() || self.shell.is_closed() {
                return;
            }
        }
    }

    /// Nothing is dialled on a PBX until its channels were compared with ours. Returns what is up then.
    async fn connected(&mut self, version: String, epoch: u64) -> Option<(String, u64)> {
        self.tell(FromPbx::Reconciling { version: version.clone() }).await?;
        self.reconcile(version, epoch).await
    }

    /// The link is open and was silent, or did not answer: nothing new there until its channels were compared.
    async fn doubted(&mut self, why: String, version: String, epoch: u64) -> Option<(String, u64)> {
        metrics::counter!("carillon_pbx_doubts_total").increment(1);
        self.tell(FromPbx::Stale { why }).await?;
        match self.while_reading(tokio::time::sleep(REST)).await {
            Waited::Had(_) => self.reconcile(version, epoch).await,
            Waited::Lost => None,
        }
    }

    async fn reconcile(&mut self, version: String, epoch: u64) -> Option<(String, u64)> {
        let client = self.client.in_epoch(epoch);
        loop {
            // A doubt that comes meanwhile is answered by this very comparison.
            match self.while_reading(async { client.channels().await }).await {
                Waited::Had((Outcome::Done(channels), _)) => {
                    self.count_listed(&channels);
                    if matches!(self.while_reading(tokio::time::sleep(SETTLE)).await, Waited::Lost) {
                        return None;
                    }
                    let (legs, names) = self.ours(&channels);
                    self.tell(FromPbx::Up { version: version.clone(), legs, names }).await?;
                    return Some((version, epoch));
                }
                Waited::Had((Outcome::NotSent(_), _)) | Waited::Lost => return None,
                Waited::Had((Outcome::Refused { .. } | Outcome::Unknown(_), _)) => {
                    if matches!(self.while_reading(tokio::time::sleep(RECONCILE_AGAIN)).await, Waited::Lost) {
                        return None;
                    }
                }
            }
        }
    }

    /// Waits and reads the link meanwhile: a PBX whose events are not taken closes the connection. What was told before
    /// an answer came is older than it and goes first; so does the end of a channel that is missing from a list, given
    /// [`SETTLE`]. Comes with the last doubt that was told meanwhile.
    async fn while_reading<T>(&mut self, wait: impl Future<Output = T>) -> Waited<(T, Option<String>)> {
        let mut wait = std::pin::pin!(wait);
        let mut doubt = None;
        loop {
            let incoming = tokio::select! {
                biased;
                incoming = self.incoming.recv() => incoming,
                value = &mut wait => return Waited::Had((value, doubt)),
            };
            match incoming {
                Some(Incoming::Event(event)) => {
                    if self.event(event).await.is_none() {
                        return Waited::Lost;
                    }
                }
                Some(Incoming::Doubted { why, .. }) => doubt = Some(why.to_string()),
                Some(Incoming::Lost { why, .. }) => {
                    self.lost(&why).await;
                    return Waited::Lost;
                }
                // A connection follows a loss only.
                Some(Incoming::Connected { .. }) | None => return Waited::Lost,
            }
        }
    }

    async fn lost(&self, why: &Lost) -> Option<()> {
        self.foreign.store(0, Ordering::Relaxed);
        self.tell(FromPbx::Down { silent: *why == Lost::Stale, why: why.to_string() }).await
    }

    /// Comes with the doubt about the link that arose meanwhile.
    async fn audit(&mut self) -> Waited<Option<String>> {
        let (asked, answer) = tokio::sync::oneshot::channel();
        if self.tell(FromPbx::AuditBegins { asked }).await.is_none() {
            return Waited::Lost;
        }
        let Ok(asked_at) = answer.await else { return Waited::Lost };
        let client = self.client.clone();
        let (listed, doubt) = match self.while_reading(async { client.channels().await }).await {
            Waited::Had((Outcome::Done(channels), doubt)) => (channels, doubt),
            Waited::Had((_, doubt)) => return Waited::Had(doubt),
            Waited::Lost => return Waited::Lost,
        };
        self.count_listed(&listed);
        let Waited::Had(((), later)) = self.while_reading(tokio::time::sleep(SETTLE)).await else {
            return Waited::Lost;
        };
        let (legs, _) = self.ours(&listed);
        match self.tell(FromPbx::Audited { legs, asked_at }).await {
            Some(()) => Waited::Had(later.or(doubt)),
            None => Waited::Lost,
        }
    }

    fn ours(&self, channels: &[Channel]) -> (Vec<FoundLeg>, Vec<String>) {
        channels.iter().filter_map(|c| Some((found(&self.prefix, c)?, c.id.clone()))).unzip()
    }

    /// As soon as the list is there: what comes and goes afterwards is counted on top of it.
    fn count_listed(&self, channels: &[Channel]) {
        let foreign = channels.iter().filter(|channel| leg_of(&self.prefix, &channel.id).is_none()).count();
        self.foreign.store(foreign as u64, Ordering::Relaxed);
    }

    async fn event(&mut self, event: ari::Event) -> Option<()> {
        if let EventKind::UserEvent { name, headers } = &event.kind {
            let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let Some((about, told)) = user_event::read(name, headers, event.channel_id(), &self.prefix) else {
                return Some(());
            };
            return self.tell(FromPbx::Told { about, told, pbx_at: event.at }).await;
        }
        let Some(leg) = self.leg(&event) else {
            self.count_foreign(&event.kind);
            return Some(());
        };
        let Some(fact) = fact(leg, event.kind) else { return Some(()) };
        self.tell(FromPbx::Fact { fact, pbx_at: event.at }).await
    }

    /// Somebody else uses the PBX, too: counted, and the next list puts the count right.
    fn count_foreign(&self, kind: &EventKind) {
        match kind {
            EventKind::ChannelCreated => {
                self.foreign.fetch_add(1, Ordering::Relaxed);
            }
            EventKind::Destroyed { .. } => {
                // This task alone writes: between the two nobody changes it.
                let now = self.foreign.load(Ordering::Relaxed);
                self.foreign.store(now.saturating_sub(1), Ordering::Relaxed);
            }
            _ => {}
        }
    }

    fn leg(&self, event: &ari::Event) -> Option<LegId> {
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
        _ => None,
    }
}
