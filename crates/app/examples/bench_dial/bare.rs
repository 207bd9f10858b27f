//! The bare loop: originates at fixed times over one link, and nothing else. What Asterisk and the link can do.
//!
//! As Carillon does: our own channel ids, the answered call goes to context and extension, all channels' events.
//! Not as Carillon does: no journal, no decisions, no variables.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::World;
use crate::campaign::FIRST_NUMBER;
use crate::ladder::Ladder;
use crate::line::Line;
use crate::processes::Meter;
use crate::step::{Driver, Step};

/// After the window: an answer that comes later counts as none.
const LATE: Duration = Duration::from_secs(5);

/// The knee of the bare loop.
pub(crate) fn knee(world: &World, driver: Driver, ladder: &mut Ladder) -> Result<Option<Step>> {
    // One thread: it is a loop, and the machine belongs to Asterisk.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    ladder.knee(driver, |rate| runtime.block_on(offer(world, driver, rate)))
}

async fn offer(world: &World, driver: Driver, rate: u32) -> Result<Step> {
    let line = Line::connect(world.options.link, &world.pbx).await?;
    let offered = (f64::from(rate) * world.options.window.as_secs_f64()) as usize;
    let mut dialling = Dialling {
        line,
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
    dialling.line.shutdown();
    for (why, count) in &dialling.refusals {
        eprintln!("{driver}: {rate}/s: {count} originates came to nothing: {why}");
    }
    Ok(Step::new(driver, rate, offered, dialling.waits.into_values().collect(), shares))
}

/// A step under way.
struct Dialling {
    line: Line,
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
                answered = self.line.next() => self.heard(answered?),
                Some(answer) = answers.join_next() => self.answered(answer?),
                () = sleep_until(due) => {
                    let number = self.requested.len();
                    self.requested.push(Instant::now());
                    let endpoint = format!("PJSIP/{}@sipp", FIRST_NUMBER + number as u64);
                    answers.spawn(self.line.originate(format!("{}{number}", self.prefix), endpoint));
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
            let answered = self.line.next().await?;
            self.heard(answered);
        }
    }

    /// Until every attempt was answered, or `at_most` has passed.
    async fn listen(&mut self, at_most: Duration, offered: usize) -> Result<()> {
        let deadline = Instant::now() + at_most;
        while self.waits.len() < offered {
            let Ok(answered) = timeout_at(deadline, self.line.next()).await else { break };
            self.heard(answered?);
        }
        Ok(())
    }

    fn heard(&mut self, answered: Option<String>) {
        if let Some(number) = answered.as_deref().and_then(|id| id.strip_prefix(&self.prefix))
            && let Ok(number) = number.parse::<usize>()
            && let Some(requested) = self.requested.get(number)
        {
            self.waits.entry(number).or_insert_with(|| requested.elapsed());
        }
    }

    fn answered(&mut self, refusal: Option<String>) {
        if let Some(why) = refusal {
            *self.refusals.entry(why).or_default() += 1;
        }
    }
}
