//! Alerts: what is wrong for long enough that a person should know, told once when it begins and once when it ends.
//!
//! [`conditions`] says what is wrong now, [`episodes`] (pure) makes beginnings and ends of it, [`mix`] watches what becomes of
//! calls, [`mail`] writes letters. This file brings what an episode says to the event log (and so to the stream and to
//! webhooks) and to the post, each as soon as it can be reached: a full disk keeps no letter back, a dead mail server no
//! event.

mod conditions;
mod episodes;
pub mod mail;
mod mix;

use crate::clock::wall;
use crate::handle::Handle;
use domain::{Masked, Timestamp};
use episodes::{Change, Episodes, Trouble};
use mail::{Letter, MailError, Mailer};
use mix::Mix;
use std::collections::VecDeque;
use std::time::Duration;
use store::{AlertRecord, Scope, Store, WebhookRecord};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{info, warn};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Between two looks at what becomes of calls, and the width of its buckets.
const MIX: Duration = Duration::from_secs(60);
/// Between two looks at how far webhooks are.
const WEBHOOKS: Duration = Duration::from_secs(10);
/// Episodes that are still to be told, at most; the oldest is given up for a new one.
const UNTOLD: usize = 200;
/// A letter that could not be sent is tried again after this long, then after twice as long, and so on.
const MAIL_AGAIN: Duration = Duration::from_secs(5);
const MAIL_AGAIN_MOST: Duration = Duration::from_secs(900);
/// Nobody wants to read of it later.
const MAIL_FOR_S: i64 = 24 * 3_600;

/// One episode and whom it was told to.
#[derive(Debug, Clone)]
struct Told {
    trouble: Trouble,
    raised_at: Timestamp,
    ended_at: Option<Timestamp>,
    /// In the database.
    id: Option<i64>,
    end_saved: bool,
    /// Letters: 0 none, 1 that it began, 2 that it is over.
    mailed: u8,
}

impl Told {
    fn from_record(record: AlertRecord) -> Option<Self> {
        let trouble = Trouble::from_record(&record)?;
        let AlertRecord { id, raised_at, ended_at, mailed, .. } = record;
        Some(Self { trouble, raised_at, ended_at, id: Some(id), end_saved: ended_at.is_some(), mailed })
    }

    /// Letters that are due.
    fn letters_due(&self) -> u8 {
        1 + u8::from(self.ended_at.is_some())
    }
}

/// A letter on its way.
struct Sending {
    /// Of the episode of this that began then.
    key: episodes::Key,
    raised_at: Timestamp,
    /// Letters sent when this one was taken.
    letters: u8,
    done: JoinHandle<Result<(), MailError>>,
}

/// What watches.
struct Watch {
    handle: Handle,
    store: Store,
    mailer: Option<Mailer>,
    episodes: Episodes,
    told: VecDeque<Told>,
    sending: Option<Sending>,
    mail_again_at: Instant,
    mail_failures: u32,
    mix: Mix,
    mix_at: Instant,
    webhooks: Vec<WebhookRecord>,
    webhooks_at: Instant,
}

/// Watches until it is dropped. Episodes that were open when the last process ended go on.
pub async fn run(handle: Handle, store: Store, mailer: Option<Mailer>) {
    let mut watch = Watch {
        handle,
        store,
        mailer,
        episodes: Episodes::default(),
        told: VecDeque::new(),
        sending: None,
        mail_again_at: Instant::now(),
        mail_failures: 0,
        mix: Mix::default(),
        mix_at: Instant::now(),
        webhooks: Vec::new(),
        webhooks_at: Instant::now(),
    };
    match watch.store.unfinished_alerts(&Scope::installation(), wall().plus_seconds(-MAIL_FOR_S)).await {
        Ok(records) => {
            watch.told = records.into_iter().filter_map(Told::from_record).collect();
            for told in watch.told.iter().filter(|told| told.ended_at.is_none()) {
                watch.episodes.goes_on(&told.trouble, told.raised_at);
            }
        }
        Err(error) => warn!(%error, "alerts of the last process cannot be read: they begin anew"),
    }
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        watch.look().await;
        watch.save().await;
        watch.post().await;
    }
}

impl Watch {
    /// What is wrong now.
    async fn look(&mut self) {
        // The dialler's task does not answer: the watchdog's business, and nothing is known.
        let Ok(live) = self.handle.live().await else { return };
        if self.mix_at <= Instant::now() {
            self.mix_at = Instant::now() + MIX;
            if let Err(error) = self.mix.read(&self.store).await {
                warn!(%error, "what becomes of calls cannot be read");
            }
        }
        if self.webhooks_at <= Instant::now()
            && let Ok(webhooks) = self.store.webhooks(&Scope::installation()).await
        {
            (self.webhooks, self.webhooks_at) = (webhooks, Instant::now() + WEBHOOKS);
        }
        let mut troubles = conditions::of(&live);
        troubles.extend(conditions::of_webhooks(&self.webhooks, live.at));
        troubles.extend(self.mix.troubles());
        for change in self.episodes.look(live.at, troubles) {
            match change {
                Change::Raised(trouble, raised_at) => {
                    let why = Masked(&trouble.why);
                    warn!(kind = trouble.kind.code(), name = trouble.name, %why, "alert");
                    if self.told.len() >= UNTOLD {
                        self.told.pop_front();
                    }
                    let told = Told { trouble, raised_at, ended_at: None, id: None, end_saved: false, mailed: 0 };
                    self.told.push_back(told);
                }
                Change::Ended(key, ended_at) => {
                    let open = self.told.iter_mut().find(|told| told.trouble.key() == key && told.ended_at.is_none());
                    if let Some(told) = open {
                        info!(kind = told.trouble.kind.code(), name = told.trouble.name, "the alert is over");
                        told.ended_at = Some(ended_at);
                    }
                }
            }
        }
    }

    /// Brings episodes to the database; what fails is tried again at the next look.
    async fn save(&mut self) {
        let scope = Scope::installation();
        for told in &mut self.told {
            let Trouble { kind, subject, name, why } = &told.trouble;
            if told.id.is_none() {
                let raised = self.store.raise_alert(&scope, kind.code(), *subject, name, why, told.raised_at).await;
                let Ok(id) = raised else { return };
                told.id = Some(id);
            }
            if let (Some(id), Some(ended_at), false) = (told.id, told.ended_at, told.end_saved) {
                if self.store.end_alert(&scope, id, ended_at).await.is_err() {
                    return;
                }
                told.end_saved = true;
            }
        }
        let mailing = self.mailer.is_some();
        self.told.retain(|told| !told.end_saved || (mailing && told.mailed < 2));
    }

    /// Sends the next letter, one at a time.
    async fn post(&mut self) {
        let Some(mailer) = &self.mailer else { return };
        if let Some(Sending { key, raised_at, letters, done }) =
            self.sending.take_if(|sending| sending.done.is_finished())
        {
            match done.await.unwrap_or_else(|error| Err(MailError::broke_off(&error))) {
                Ok(()) => {
                    self.mail_failures = 0;
                    let known = |told: &&mut Told| told.trouble.key() == key && told.raised_at == raised_at;
                    if let Some(told) = self.told.iter_mut().find(known) {
                        told.mailed = letters;
                        if let Some(id) = told.id {
                            // At worst the letter is sent once more after a restart.
                            let _ = self.store.alert_mailed(&Scope::installation(), id, letters).await;
                        }
                    }
                }
                Err(error) => {
                    let wait = MAIL_AGAIN.saturating_mul(1 << self.mail_failures.min(8)).min(MAIL_AGAIN_MOST);
                    self.mail_failures += 1;
                    self.mail_again_at = Instant::now() + wait;
                    warn!(%error, again_in_s = wait.as_secs(), "an alert could not be mailed");
                }
            }
        }
        if self.sending.is_some() || self.mail_again_at > Instant::now() {
            return;
        }
        let fresh = wall().plus_seconds(-MAIL_FOR_S);
        let due = self.told.iter_mut().find(|told| told.mailed < told.letters_due());
        let Some(told) = due else { return };
        if told.raised_at < fresh {
            told.mailed = 2;
            return;
        }
        let letters = told.letters_due();
        let letter = Letter::of(&told.trouble, told.raised_at, told.ended_at);
        let mailer = mailer.clone();
        let done = tokio::spawn(async move { mailer.send(letter).await });
        self.sending = Some(Sending { key: told.trouble.key(), raised_at: told.raised_at, letters, done });
    }
}
