//! The bare ARI loop: originates at fixed times over one link, and nothing else. What Asterisk and the link can do.
//!
//! As Carillon does: our own channel ids, the answered call goes to context and extension, all channels subscribed.
//! Not as Carillon does: no journal, no decisions, no variables.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ari::{Client, DialStatus, EventKind, Incoming, Originate, Outcome, Secret, Settings};
use testkit::Login;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::World;
use crate::campaign::{APPLICATION, CONTEXT, EXTENSION, FIRST_NUMBER};
use crate::ladder::Ladder;
use crate::processes::Meter;
use crate::step::{Driver, Step};

/// From the start of a link to its connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// After the window: an answer that comes later counts as none.
const LATE: Duration = Duration::from_secs(5);
/// Asterisk's own limit on ringing, as Carillon sets it.
const RING_SECONDS: u32 = 40;

/// The knee of the bare loop.
pub(crate) fn knee(world: &World, driver: Driver, ladder: &mut Ladder) -> Result<Option<Step>> {
    // One thread: it is a loop, and the machine belongs to Asterisk.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    ladder.knee(driver, |rate| runtime.block_on(offer(world, driver, rate)))
}

async fn offer(world: &World, driver: Driver, rate: u32) -> Result<Step> {
    let (client, incoming) = connect(world.pbx.ari()).await?;
    let offered = (f64::from(rate) * world.options.window.as_secs_f64()) as usize;
    let mut dialling = Dialling {
        client: client.clone(),
        incoming,
        prefix: format!("bench-{}-{rate}-", driver.name().replace(' ', "")),
        requested: Vec::with_capacity(offered),
        waits: BTreeMap::new(),
        refusals: BTreeMap::new(),
    };
    let meter = Meter::start(world, std::process::id())?;
    let began = Instant::now();
    dialling.dial(began, rate, offered).await?;
    timeout_at(began + world.options.window, dialling.listen_on()).await.unwrap_or(Ok(()))?;
    let shares = meter.stop()?;
    dialling.listen(LATE, offered).await?;
    client.shutdown();
    for (why, count) in &dialling.refusals {
        eprintln!("{driver}: {rate}/s: {count} originates came to nothing: {why}");
    }
    Ok(Step::new(driver, rate, offered, dialling.waits.into_values().collect(), shares))
}

async fn connect(login: Login) -> Result<(Client, Receiver<Incoming>)> {
    let settings = Settings::new(login.host, login.port, login.user, Secret::new(login.password), APPLICATION);
    let (client, mut incoming) = ari::connect(settings)?;
    let first = timeout(CONNECT_DEADLINE, incoming.recv()).await.context("no ARI link within its deadline")?;
    match first {
        Some(Incoming::Connected { .. }) => Ok((client, incoming)),
        other => bail!("no ARI link: {other:?}"),
    }
}

/// A step under way.
struct Dialling {
    client: Client,
    incoming: Receiver<Incoming>,
    prefix: String,
    /// When each originate was handed to the link.
    requested: Vec<Instant>,
    /// From request to answer, by the number of the attempt.
    waits: BTreeMap<usize, Duration>,
    /// How many originates had no channel, by reason.
    refusals: BTreeMap<String, usize>,
}

impl Dialling {
    /// Originates at their times, whatever comes back: an open loop.
    async fn dial(&mut self, began: Instant, rate: u32, offered: usize) -> Result<()> {
        let mut answers = JoinSet::new();
        while self.requested.len() < offered {
            let due = began + Duration::from_secs_f64(self.requested.len() as f64 / f64::from(rate));
            tokio::select! {
                biased;
                incoming = self.incoming.recv() => self.heard(incoming)?,
                Some(answer) = answers.join_next() => self.answered(answer?),
                () = sleep_until(due) => {
                    let originate = self.originate(self.requested.len());
                    self.requested.push(Instant::now());
                    let answer = self.client.originate(&originate);
                    answers.spawn(async move { answer.await.map(drop) });
                }
            }
        }
        // Answers that are still out are not waited for: the events tell.
        answers.detach_all();
        Ok(())
    }

    /// Until the caller's deadline.
    async fn listen_on(&mut self) -> Result<()> {
        loop {
            let incoming = self.incoming.recv().await;
            self.heard(incoming)?;
        }
    }

    /// Until every attempt was answered, or `at_most` has passed.
    async fn listen(&mut self, at_most: Duration, offered: usize) -> Result<()> {
        let deadline = Instant::now() + at_most;
        while self.waits.len() < offered {
            let Ok(incoming) = timeout_at(deadline, self.incoming.recv()).await else { break };
            self.heard(incoming)?;
        }
        Ok(())
    }

    fn heard(&mut self, incoming: Option<Incoming>) -> Result<()> {
        let event = match incoming {
            Some(Incoming::Event(event)) => event,
            other => bail!("the ARI link ended: {other:?}"),
        };
        if event.kind == (EventKind::Dial { status: DialStatus::Answer })
            && let Some(number) = event.channel_id().and_then(|id| id.strip_prefix(&self.prefix))
            && let Ok(number) = number.parse::<usize>()
            && let Some(requested) = self.requested.get(number)
        {
            self.waits.entry(number).or_insert_with(|| requested.elapsed());
        }
        Ok(())
    }

    fn answered(&mut self, answer: Outcome<()>) {
        if !matches!(answer, Outcome::Done(())) {
            *self.refusals.entry(format!("{answer:?}")).or_default() += 1;
        }
    }

    fn originate(&self, number: usize) -> Originate {
        Originate {
            channel_id: format!("{}{number}", self.prefix),
            endpoint: format!("PJSIP/{}@sipp", FIRST_NUMBER + number as u64),
            context: CONTEXT.to_owned(),
            extension: EXTENSION.to_owned(),
            priority: 1,
            caller_id: None,
            ring_seconds_max: Some(RING_SECONDS),
            variables: BTreeMap::new(),
            account_code: None,
            user_field: None,
            formats: Vec::new(),
        }
    }
}
