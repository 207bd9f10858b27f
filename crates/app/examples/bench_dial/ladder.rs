//! The search for the highest rate that passes.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::options::Options;
use crate::step::{Driver, Step};

/// Climbs and descends the rates, and keeps every step that was made.
pub(crate) struct Ladder {
    rates: Vec<u32>,
    /// Where the next driver begins: at the knee of the one before.
    from: u32,
    drain: Duration,
    steps: Vec<Step>,
}

impl Ladder {
    /// With nothing tried.
    pub(crate) fn new(options: &Options) -> Self {
        Self { rates: options.rates.clone(), from: options.from, drain: options.drain, steps: Vec::new() }
    }

    /// The driver's knee: up while rates pass, else down until one does. `None`: not even the lowest.
    pub(crate) fn knee(&mut self, driver: Driver, mut offer: impl FnMut(u32) -> Result<Step>) -> Result<Option<Step>> {
        let mut place = self.rates.iter().position(|rate| *rate == self.from).unwrap_or(0);
        let mut best: Option<usize> = None;
        loop {
            if !self.steps.is_empty() {
                thread::sleep(self.drain);
            }
            let step = offer(self.rates[place])?;
            eprintln!("{driver}: {}", step.line());
            let passes = step.passes();
            self.steps.push(step);
            if passes {
                best = Some(self.steps.len() - 1);
                if place + 1 == self.rates.len() || self.failed(driver, self.rates[place + 1]) {
                    break;
                }
                place += 1;
            } else {
                if place == 0 || best.is_some() {
                    break;
                }
                place -= 1;
            }
        }
        let knee = best.map(|index| self.steps[index].clone());
        if let Some(knee) = &knee {
            self.from = knee.rate;
        }
        Ok(knee)
    }

    /// Every step, in the order in which they were made.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn failed(&self, driver: Driver, rate: u32) -> bool {
        self.steps.iter().any(|step| step.driver == driver && step.rate == rate && !step.passes())
    }
}
