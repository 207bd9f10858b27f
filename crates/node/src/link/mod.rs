//! One PBX: its connection, its reconciliation after every (re)connect, its audit, and its events as facts.
//!
//! The two ways to reach a PBX, [`ari`] and [`ami`], differ in how they connect and what a refused originate means;
//! [`facts`] makes the dialler's events of what either tells. Here is what does not depend on the way.

mod ami;
mod ari;
mod facts;
mod line;
mod queues;
mod user_event;

pub use line::{Line, Listed, LookedUp, Placed, Source};
pub use queues::{Marks, NOT_WANTED, Observed, Observer, connect as connect_manager};
pub use user_event::{About, MAX_STATUS_CHARS, Said};

use crate::channels::FoundChannel;
use crate::inputs::{FromPbx, Input};
use dialer::{Event, FoundLeg};
use domain::PbxId;
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

/// What a PBX tells, whichever way it is reached.
#[derive(Debug)]
pub enum Told {
    /// A connection is up.
    Connected {
        /// Asterisk's version.
        version: String,
        /// Which connection of the line, from 1.
        epoch: u64,
    },
    /// Something happened there.
    Seen(Seen),
    /// The connection is open and cannot be relied upon.
    Doubted {
        /// Why, for people.
        why: String,
    },
    /// The connection is gone, or could not be made.
    Lost {
        /// Why, for people.
        why: String,
        /// It fell silent, as opposed to: it said no, or closed the connection.
        silent: bool,
    },
}

/// Something that happened on a PBX.
#[derive(Debug)]
pub struct Seen {
    /// Asterisk's own time of it.
    pub at: Option<String>,
    /// What.
    pub what: What,
}

/// What an event of a PBX is for us.
#[derive(Debug, Clone)]
pub enum What {
    /// For the dialler.
    Fact(Event),
    /// The dialplan says something of a call.
    Said {
        /// Of which.
        about: About,
        /// What.
        said: Said,
    },
    /// Somebody else's channel was made.
    StrangerCame,
    /// Somebody else's channel has ended.
    StrangerWent,
    /// Nothing.
    Nothing,
}

/// Reads one PBX until the link ends; every input goes to the shell in order.
pub struct Link {
    /// Which PBX.
    pub pbx: PbxId,
    /// Which link: a PBX whose login changed gets a new one while the old one may still have something to say.
    pub number: u64,
    /// Requests to it.
    pub line: Line,
    /// What comes from it.
    pub source: Source,
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
                told = self.source.next(&self.prefix) => {
                    let Some(told) = told else { return };
                    match told {
                        Told::Connected { version, epoch } => {
                            up = self.connected(version, epoch).await;
                            Some(())
                        }
                        Told::Doubted { why } => {
                            if let Some((version, epoch)) = up {
                                up = self.doubted(why, version, epoch).await;
                            }
                            Some(())
                        }
                        Told::Lost { why, silent } => {
                            up = None;
                            self.lost(why, silent).await
                        }
                        Told::Seen(seen) => self.seen(seen).await,
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
        let line = self.line.in_epoch(epoch);
        loop {
            let prefix = self.prefix.clone();
            // A doubt that comes meanwhile is answered by this very comparison.
            match self.while_reading(async { line.channels(&prefix).await }).await {
                Waited::Had((Listed::Channels(channels), _)) => {
                    self.count_listed(&channels);
                    if matches!(self.while_reading(tokio::time::sleep(SETTLE)).await, Waited::Lost) {
                        return None;
                    }
                    let (legs, names) = ours(channels);
                    self.tell(FromPbx::Up { version: version.clone(), legs, names }).await?;
                    return Some((version, epoch));
                }
                Waited::Had((Listed::NotAsked, _)) | Waited::Lost => return None,
                Waited::Had((Listed::NotAnswered, _)) => {
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
            let told = tokio::select! {
                biased;
                told = self.source.next(&self.prefix) => told,
                value = &mut wait => return Waited::Had((value, doubt)),
            };
            match told {
                Some(Told::Seen(seen)) => {
                    if self.seen(seen).await.is_none() {
                        return Waited::Lost;
                    }
                }
                Some(Told::Doubted { why }) => doubt = Some(why),
                Some(Told::Lost { why, silent }) => {
                    self.lost(why, silent).await;
                    return Waited::Lost;
                }
                // A connection follows a loss only.
                Some(Told::Connected { .. }) | None => return Waited::Lost,
            }
        }
    }

    async fn lost(&self, why: String, silent: bool) -> Option<()> {
        self.foreign.store(0, Ordering::Relaxed);
        self.tell(FromPbx::Down { silent, why }).await
    }

    /// Comes with the doubt about the link that arose meanwhile.
    async fn audit(&mut self) -> Waited<Option<String>> {
        let (asked, answer) = tokio::sync::oneshot::channel();
        if self.tell(FromPbx::AuditBegins { asked }).await.is_none() {
            return Waited::Lost;
        }
        let Ok(asked_at) = answer.await else { return Waited::Lost };
        let (line, prefix) = (self.line.clone(), self.prefix.clone());
        let (listed, doubt) = match self.while_reading(async { line.channels(&prefix).await }).await {
            Waited::Had((Listed::Channels(channels), doubt)) => (channels, doubt),
            Waited::Had((_, doubt)) => return Waited::Had(doubt),
            Waited::Lost => return Waited::Lost,
        };
        self.count_listed(&listed);
        let Waited::Had(((), later)) = self.while_reading(tokio::time::sleep(SETTLE)).await else {
            return Waited::Lost;
        };
        let (legs, _) = ours(listed);
        match self.tell(FromPbx::Audited { legs, asked_at }).await {
            Some(()) => Waited::Had(later.or(doubt)),
            None => Waited::Lost,
        }
    }

    /// As soon as the list is there: what comes and goes afterwards is counted on top of it.
    fn count_listed(&self, channels: &[FoundChannel]) {
        let foreign = channels.iter().filter(|channel| **channel == FoundChannel::Strange).count();
        self.foreign.store(foreign as u64, Ordering::Relaxed);
    }

    async fn seen(&mut self, seen: Seen) -> Option<()> {
        let Seen { at: pbx_at, what } = seen;
        match what {
            What::Fact(fact) => self.tell(FromPbx::Fact { fact, pbx_at }).await?,
            What::Said { about, said } => self.tell(FromPbx::Said { about, said, pbx_at }).await?,
            // Somebody else uses the PBX, too: counted, and the next list puts the count right.
            What::StrangerCame => {
                self.foreign.fetch_add(1, Ordering::Relaxed);
            }
            What::StrangerWent => {
                // This task alone writes: between the two nobody changes it.
                let now = self.foreign.load(Ordering::Relaxed);
                self.foreign.store(now.saturating_sub(1), Ordering::Relaxed);
            }
            What::Nothing => {}
        }
        Some(())
    }

    async fn tell(&self, what: FromPbx) -> Option<()> {
        self.shell.send(Input::Pbx(self.pbx, self.number, what)).await.ok()
    }
}

/// Our legs among the channels of a PBX, and what they are called there.
fn ours(channels: Vec<FoundChannel>) -> (Vec<FoundLeg>, Vec<String>) {
    let ours = |channel| match channel {
        FoundChannel::Ours { leg, name } => Some((leg, name)),
        FoundChannel::OfOurs | FoundChannel::Strange => None,
    };
    channels.into_iter().filter_map(ours).unzip()
}
