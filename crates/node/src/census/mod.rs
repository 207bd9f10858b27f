//! The counted contacts of campaigns that somebody asks about: from all of them to those that may be dialled now.
//!
//! A campaign is counted when it is first asked about, in a task of its own from the database's readers, and kept up with
//! what every commit tells for ten minutes after the last question. The answer is one pass over its contacts in memory.

mod counting;
pub(crate) mod touches;

use crate::clock::wall;
use crate::handle::NodeError;
use domain::rules::Limits;
use domain::rules::census::{Census, Funnel, OutOfReach};
use domain::{CampaignId, ContactId, Invalid, ListId, RunId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use store::{InForce, Scope, Store};
use tokio::sync::watch;
use touches::{Touched, Touches, lock};

/// Contacts counted at once, of all campaigns.
pub const MAX_CONTACTS: u64 = 4_000_000;
/// How long a question waits for a campaign that is being counted.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a campaign is kept up after the last question.
const KEPT_UP: Duration = Duration::from_secs(600);

/// What is known of a campaign's contacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    /// All of them.
    Done(Funnel),
    /// They are being counted: so many so far.
    Counting {
        /// So far.
        done: u64,
        /// About so many there are.
        of: u64,
    },
    /// More than [`MAX_CONTACTS`].
    TooMany {
        /// So many.
        contacts: u64,
    },
}

/// The contacts of a campaign, and those that its own hours never reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) contacts: Counted,
    pub(crate) out_of_reach: OutOfReach,
}

impl From<Counted> for Asked {
    fn from(contacts: Counted) -> Self {
        Self { contacts, out_of_reach: OutOfReach::default() }
    }
}

/// What decides the verdicts of a campaign's contacts: with another the campaign is counted anew.
#[derive(Debug, Clone, PartialEq)]
struct Subject {
    campaign: CampaignId,
    packs: Vec<String>,
    limits: Limits,
    zone: String,
    lists: Vec<ListId>,
    black_lists: Vec<ListId>,
    run: Option<RunId>,
}

impl Subject {
    fn of(in_force: &InForce) -> Self {
        let InForce { campaign, run, opening_hours: _, black_lists } = in_force;
        Self {
            campaign: campaign.id,
            packs: campaign.packs.clone(),
            limits: campaign.limits.clone(),
            zone: campaign.zone.clone(),
            lists: campaign.lists.clone(),
            black_lists: black_lists.clone(),
            run: *run,
        }
    }
}

/// How far the counting is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    Counting,
    Counted,
    /// It has to be begun again: the reason, for people; empty when nothing went wrong.
    Over(String),
}

/// One counted campaign.
#[derive(Debug)]
struct Slot {
    subject: Subject,
    of: u64,
    done: AtomicU64,
    progress: watch::Sender<Progress>,
    asked_at: Mutex<Instant>,
    touched: Arc<Mutex<Touched>>,
    census: Mutex<Census>,
    /// Each list with the last contact that was counted.
    read_to: Mutex<BTreeMap<ListId, ContactId>>,
}

/// All counted campaigns.
#[derive(Debug)]
pub(crate) struct Room {
    store: Store,
    touches: Touches,
    slots: Mutex<BTreeMap<CampaignId, Arc<Slot>>>,
}

impl Room {
    pub(crate) fn new(store: Store, touches: Touches) -> Self {
        Self { store, touches, slots: Mutex::default() }
    }

    /// Whoever was counted is counted again when somebody asks.
    pub(crate) fn count_again(&self) {
        self.touches.everything();
    }

    /// The funnel of a campaign as it is in force. Waits for the counting, at most 5 s.
    pub(crate) async fn ask(&self, in_force: &InForce) -> Result<Asked, NodeError> {
        let scope = Scope::installation();
        let mut of = 0;
        for list in &in_force.campaign.lists {
            of += u64::try_from(self.store.list(&scope, *list).await?.contacts).unwrap_or(0);
        }
        if of > MAX_CONTACTS {
            return Ok(Counted::TooMany { contacts: of }.into());
        }
        let slot = self.slot(Subject::of(in_force), of)?;
        let mut progress = slot.progress.subscribe();
        let counted = tokio::time::timeout(PATIENCE, progress.wait_for(|now| *now != Progress::Counting)).await;
        match counted.map(|waited| waited.map(|now| now.clone())) {
            Ok(Ok(Progress::Counted)) => {}
            Ok(Ok(Progress::Over(why))) if !why.is_empty() => return Err(NodeError::Conflict(why)),
            _ => {
                let done = slot.done.load(Ordering::Relaxed);
                return Ok(Counted::Counting { done, of: slot.of.max(1) }.into());
            }
        }
        counting::keep_up(&self.store, &slot).await?;
        let in_flight = self.store.numbers_in_flight(&scope).await?;
        let hours = in_force.campaign.hours(&in_force.opening_hours)?;
        let look = move || {
            let (mut census, now) = (lock(&slot.census), wall());
            let contacts = Counted::Done(census.funnel(now, &in_flight));
            Asked { contacts, out_of_reach: census.out_of_reach(&hours, now) }
        };
        tokio::task::spawn_blocking(look).await.map_err(|_| NodeError::Unavailable("the census broke off"))
    }

    /// The slot of this subject, begun if it is new; others make room, those first that nobody asked for the longest.
    fn slot(&self, subject: Subject, of: u64) -> Result<Arc<Slot>, Invalid> {
        let mut slots = lock(&self.slots);
        slots.retain(|_, slot| !matches!(*slot.progress.borrow(), Progress::Over(_)));
        if let Some(slot) = slots.get(&subject.campaign).filter(|slot| slot.subject == subject) {
            *lock(&slot.asked_at) = Instant::now();
            return Ok(Arc::clone(slot));
        }
        slots.remove(&subject.campaign);
        while !slots.is_empty() && slots.values().map(|slot| slot.of).sum::<u64>() + of > MAX_CONTACTS {
            let oldest = slots.iter().min_by_key(|(_, slot)| *lock(&slot.asked_at)).map(|(campaign, _)| *campaign);
            oldest.map(|oldest| slots.remove(&oldest));
        }
        let rules = domain::rules::Rules::of(&subject.packs, &subject.limits, &subject.zone)?;
        let slot = Arc::new(Slot {
            of,
            done: AtomicU64::new(0),
            progress: watch::Sender::new(Progress::Counting),
            asked_at: Mutex::new(Instant::now()),
            touched: self.touches.listen(),
            census: Mutex::new(Census::new(rules)),
            read_to: Mutex::new(subject.lists.iter().map(|list| (*list, ContactId(0))).collect()),
            subject,
        });
        slots.insert(slot.subject.campaign, Arc::clone(&slot));
        tokio::spawn(counting::count(self.store.clone(), Arc::downgrade(&slot)));
        Ok(slot)
    }
}
