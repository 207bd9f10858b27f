//! From a database to a dialling node, and back to rest.

use crate::alerts::{self, mail::Mailer};
use crate::channels::Channels;
use crate::configuration::{Configuration, OpenAttempts, run_spec};
use crate::disk::watch_space;
use crate::handle::{Handle, Health, NodeError};
use crate::inputs::{Ask, INPUTS_MAX, Input};
use crate::shell::Shell;
use dialer::Event;
use dialer::toll::Digits;
use domain::journal::OpenAttempt;
use std::collections::BTreeMap;
use std::time::Duration;
use store::{Scope, Store};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{debug, info, warn};

/// How long a stop waits for decided writes to reach the disk.
const STOP_DEADLINE: Duration = Duration::from_secs(4);

/// How often the database is offered what is in the reserve.
const RESERVE_EVERY: Duration = Duration::from_secs(2);

/// What the node may be told at its start. PBXs, trunks and campaigns live in the database.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Free space of the database's disk, in bytes, below which nothing new is dialled. 0 = never looked at.
    pub disk_free_min_bytes: u64,
    /// Where alerts are mailed to, if anywhere.
    pub mailer: Option<Mailer>,
}

impl Default for Settings {
    /// 256 MiB: more than the log of a busy hour, and than the reserve that is kept for what must still be taken.
    fn default() -> Self {
        Self { disk_free_min_bytes: 256 << 20, mailer: None }
    }
}

/// Stops the node.
#[derive(Debug)]
pub struct Stopper {
    shell: mpsc::Sender<Input>,
}

impl Stopper {
    /// No new calls; what was decided is written; links are closed; conversations go on in Asterisk. At most 4 s.
    pub async fn stop(self) {
        let (done, stopped) = oneshot::channel();
        if self.shell.send(Input::Ask(Ask::Stop(done))).await.is_ok()
            && tokio::time::timeout(STOP_DEADLINE, stopped).await.is_err()
        {
            warn!("the database did not take the last writes in time; open attempts are reconciled at the next start");
        }
    }
}

/// Begins an epoch, restores what was open, connects the PBXs and dials on.
///
/// Attempts that were open when the last process ended keep their trunk, end point and number occupied until their PBX
/// was compared with the database: nobody is called twice because we forgot.
pub async fn start(store: Store, settings: Settings) -> Result<(Handle, Stopper), NodeError> {
    let scope = Scope::installation();
    let epoch = store.begin_epoch().await?;
    info!(epoch = epoch.epoch, installation = epoch.installation, "node starts");
    store.note_start(&scope, &epoch, env!("CARGO_PKG_VERSION"), crate::clock::wall()).await?;
    store.empty_reserve().await?;
    let open = store.open_attempts(&scope).await?;
    let configuration = Configuration::read(&store).await?;
    let (sender, receiver) = mpsc::channel(INPUTS_MAX);
    let (health, watched) = watch::channel(Health { ready: true, reasons: Vec::new(), storage: None });
    let mut shell = Shell::new(store.clone(), Channels::new(epoch), (sender.clone(), receiver), health);

    shell.hold = store.hold(&scope).await?;
    if shell.hold.is_some() {
        warn!("dialling is held since before this start: lift it with `carillon resume-dialling`");
        shell.step(Event::DiallingHeld, None);
    }
    let calls = store.calls_of_last_hour(&scope, crate::clock::wall()).await?;
    let calls = calls.iter().filter_map(|(at, number)| Some((*at, Digits::of(number)?)));
    shell.step(Event::CallsRemembered(calls.collect()), None);
    restore_runs(&mut shell, &store, &open).await?;
    shell.configure(configuration);
    let called = store.agents_called_lately(&scope, crate::clock::wall()).await?;
    shell.step(Event::AgentsRemembered(called), None);
    let restored = open.len();
    for attempt in open {
        shell.log_restored(&attempt);
        shell.step(Event::AttemptRestored(Box::new(attempt)), None);
    }
    if restored > 0 {
        info!(attempts = restored, "open attempts wait for their PBX to be compared");
    }
    if settings.disk_free_min_bytes > 0 {
        tokio::spawn(watch_space(store.clone(), settings.disk_free_min_bytes, sender.clone()));
    }
    let touches = shell.touches.clone();
    tokio::spawn(shell.run());
    tokio::spawn(empty_reserve(store.clone(), sender.clone()));
    let handle = Handle::new(store.clone(), sender.clone(), watched, settings.mailer.clone(), touches);
    let alerted = settings.mailer.filter(Mailer::tells_alerts);
    tokio::spawn(alerts::run(handle.clone(), store.clone(), alerted));
    if let Some(restore) = store.open_restore(&scope).await? {
        tokio::spawn(crate::restored::wait(restore, store, handle.clone()));
    }
    Ok((handle, Stopper { shell: sender }))
}

/// What had to go to the reserve goes to the database as soon as that takes it again. Until then the dialler knows it.
async fn empty_reserve(store: Store, shell: mpsc::Sender<Input>) {
    let mut every = tokio::time::interval(RESERVE_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = shell.closed() => return,
        }
        if store.in_reserve() > 0
            && let Err(error) = store.empty_reserve().await
        {
            debug!(%error, "the reserve stays as it is");
        }
    }
}

/// Runs that are not over, and runs that are but whose calls were still up.
async fn restore_runs(shell: &mut Shell, store: &Store, open: &[OpenAttempt]) -> Result<(), NodeError> {
    let mut open_by_run: BTreeMap<_, OpenAttempts> = BTreeMap::new();
    for attempt in open {
        let of_run = open_by_run.entry(attempt.run).or_default();
        of_run.count += 1;
        of_run.answered += u64::from(attempt.connected_at.is_some());
    }
    let scope = Scope::installation();
    let runs = store.open_runs(&scope).await?;
    for restore in runs {
        let spec = run_spec(store, &restore, open_by_run.get(&restore.record.id).copied().unwrap_or_default()).await?;
        info!(run.id = restore.record.id.0, placed = spec.totals.placed, "run goes on");
        let books = store.abandonment_now(&scope, restore.record.campaign).await?;
        shell.begin_run(spec, restore.settings, restore.record.started_at, books);
    }
    Ok(())
}
