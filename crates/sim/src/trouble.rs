//! Things that go wrong at an instant, and their end.

use crate::agenda::{At, Happening, MS, SECOND};
use crate::fault::Fault;
use crate::pbx::Link;
use crate::scenario::PROBES;
use crate::world::World;
use dialer::Event;
use domain::{PbxId, RunId, RunState};

/// The shell hears nothing on a link for so long before it takes it for dead, at least and at most.
const STALE: std::ops::RangeInclusive<u64> = 2_500..=5_000;
/// Events of others that a flood brings to the dialler; the thousands before them end in the shell.
const FLOOD: u64 = 200;

impl World {
    /// One thing goes wrong, and another one later.
    pub(crate) fn fault(&mut self) {
        if self.calm {
            return;
        }
        // Which kind strikes when is drawn from all of them, so that a world without one is like the world with it.
        let next = self.now + self.trouble.within(50..=self.rough.faults_ms / 2) * MS;
        self.agenda.add(next, Happening::Fault);
        let pbxs: Vec<PbxId> = self.pbxs.keys().copied().collect();
        let (fault, id) = (self.trouble.pick(&Fault::ACUTE).copied(), self.trouble.pick(&pbxs).copied());
        let (Some(fault), Some(id)) = (fault.filter(|fault| self.faults.set.has(*fault)), id) else { return };
        self.struck(fault);
        match fault {
            Fault::ProcessKilled => {
                let again = self.faults.rng(fault).within(500..=20_000) * MS;
                self.kill(again);
            }
            Fault::ProcessStops => {
                let ms = self.faults.rng(fault).within(50..=8_000);
                // What waits for it waits in order: a stop is not made longer.
                if self.now >= self.stopped_until {
                    self.stopped_until = self.now + ms * MS;
                }
            }
            Fault::SecondProcess => self.second_process(),
            Fault::PbxCrashes => self.pbx_crashes(id, fault),
            Fault::PbxStops => self.pbx_stops(id),
            Fault::LinkCut => {
                let notice = self.faults.rng(fault).within(0..=100) * MS;
                self.deafen(id, true, true);
                self.link_breaks(id, notice);
            }
            Fault::LinkHalfOpen => {
                let notice = self.faults.rng(fault).within(STALE) * MS;
                let (to, from) = *self
                    .faults
                    .rng(fault)
                    .pick(&[(true, true), (true, false), (false, true)])
                    .unwrap_or(&(true, true));
                self.deafen(id, to, from);
                self.link_will_be_doubted(id);
                self.link_breaks(id, notice);
            }
            Fault::LinkSlow => {
                let ms = self.faults.rng(fault).within(1_000..=60_000);
                if let Some(pbx) = self.pbxs.get_mut(&id) {
                    pbx.slow_until = self.now + ms * MS;
                }
            }
            Fault::LinkFlooded => self.flood(id),
            Fault::DatabaseStops => {
                let ms = *self.faults.rng(fault).pick(&[200, 2_000, 5_000, 30_000]).unwrap_or(&5_000);
                self.disk_stops_until = self.now + self.faults.rng(fault).within(1..=ms) * MS;
            }
            Fault::DatabaseFails => {
                self.disk_fails_until = self.now + self.faults.rng(fault).within(100..=8_000) * MS;
            }
            Fault::ClockSteps => self.clock_steps(),
            Fault::ClockSlews => {
                self.skew += self.slewed();
                let ppm = i64::from(self.faults.rng(fault).number(0..=1_000)) - 500;
                self.slew = (ppm, self.now);
            }
            _ => {
                let code = if self.faults.rng(fault).percent(70) { 503 } else { 429 };
                let ends = self.now + self.faults.rng(fault).within(5..=120) * SECOND;
                if let Some(pbx) = self.pbxs.get_mut(&id) {
                    pbx.storm = Some(code);
                    self.agenda.add(ends, Happening::StormEnds { pbx: id });
                }
            }
        }
    }

    fn deafen(&mut self, id: PbxId, to: bool, from: bool) {
        if let Some(pbx) = self.pbxs.get_mut(&id).filter(|pbx| pbx.link != Link::Down) {
            // What is lost stays lost until there is another link.
            (pbx.to_lost, pbx.from_lost) = (pbx.to_lost || to, pbx.from_lost || from);
        }
    }

    pub(crate) fn pbx_crashes(&mut self, id: PbxId, fault: Fault) {
        let away = self.faults.rng(fault).within(300..=15_000) * MS;
        let notice = self.faults.rng(fault).within(0..=300) * MS;
        let Some(pbx) = self.pbxs.get_mut(&id) else { return };
        let channels = std::mem::take(&mut pbx.channels);
        pbx.agents.clear();
        pbx.boot += 1;
        (pbx.stalled_until, pbx.back_at) = (0, self.now + away);
        for channel in channels.values() {
            self.channel_gone(channel, None);
        }
        self.floor_restarts(id);
        self.deafen(id, true, true);
        self.link_breaks(id, notice);
    }

    /// It stands still; the shell takes a link for dead on which it hears nothing. Afterwards it does what it was asked.
    fn pbx_stops(&mut self, id: PbxId) {
        let rng = self.faults.rng(Fault::PbxStops);
        let longest = *rng.pick(&[3_000, 9_000, 60_000]).unwrap_or(&3_000);
        let (stands, notice) = (rng.within(500..=longest) * MS, rng.within(STALE) * MS);
        let Some(pbx) = self.pbxs.get_mut(&id) else { return };
        // At the end of the faults it goes on, too, and what waits for it with it.
        pbx.stalled_until = pbx.stalled_until.max((self.now + stands).min(self.calm_at));
        self.link_will_be_doubted(id);
        if stands > notice {
            self.link_breaks(id, notice);
        }
    }

    /// Others' events fill the link: ours come up to three seconds late, or Asterisk gives up on us and closes it.
    fn flood(&mut self, id: PbxId) {
        let rng = self.faults.rng(Fault::LinkFlooded);
        let (late, closes) = (rng.within(100..=3_000) * MS, rng.percent(50));
        let Some(pbx) = self.pbxs.get_mut(&id).filter(|pbx| pbx.link != Link::Down) else { return };
        let at = pbx.says_at(self.now, late, &mut self.rng);
        for _ in 0..FLOOD {
            self.foreign_event(id, at);
        }
        if closes {
            self.deafen(id, false, true);
            self.link_breaks(id, late);
        }
    }

    fn clock_steps(&mut self) {
        let rng = self.faults.rng(Fault::ClockSteps);
        let ms = match rng.within(0..=9) {
            0..=3 => rng.within(100..=1_900),
            4..=5 => 3_600_000,
            _ => rng.within(2_100..=7_200_000),
        };
        let forward = rng.percent(50);
        let us = i64::try_from(ms * MS).unwrap_or(0);
        self.skew += if forward { us } else { -us };
        self.witness.clock_set_at = self.now;
        self.log(|| format!("the clock steps by {} ms", if forward { us } else { -us } / 1_000));
    }

    pub(crate) fn storm_ends(&mut self, id: PbxId) {
        if let Some(pbx) = self.pbxs.get_mut(&id) {
            pbx.storm = None;
        }
    }

    /// Everything is repaired, everybody wants calls to be made.
    pub(crate) fn faults_end(&mut self) {
        if self.stopped_until > self.now {
            return self.agenda.add(self.stopped_until, Happening::FaultsEnd);
        }
        self.calm = true;
        self.log(|| "faults end".to_owned());
        (self.disk_fails_until, self.disk_stops_until) = (0, 0);
        self.skew += self.slewed();
        self.slew = (0, self.now);
        for pbx in self.pbxs.values_mut() {
            if pbx.reachable_at() > self.now {
                pbx.forget_queues();
            }
            (pbx.storm, pbx.stalled_until, pbx.back_at, pbx.slow_until) = (None, 0, 0, 0);
        }
        self.begin_liveness();
        self.start_process();
        self.hurry_commit();
        let down: Vec<PbxId> = self.pbxs.iter().filter(|(_, pbx)| pbx.link == Link::Down).map(|(id, _)| *id).collect();
        for pbx in down {
            let at = self.now + self.rng.within(200..=2_000) * MS;
            self.agenda.add(at, Happening::LinkMade { pbx });
        }
        // Steps of the clock are noticed now, and the hold they cause is lifted like any other.
        self.step(Event::Tick);
        self.lift();
        self.want_probes();
        self.floors_calm();
        self.agenda.add(self.now + 10 * SECOND, Happening::LastUnpause);
    }

    pub(crate) fn last_unpause(&mut self) {
        let runs: Vec<RunId> = (self.store.runs.iter())
            .filter(|(id, run)| !run.state.is_final() && id.0 < PROBES)
            .map(|(id, _)| *id)
            .collect();
        for run in runs {
            let known = self.process.iter().flat_map(|process| process.dialer.run_figures());
            let paused = known.into_iter().any(|figures| figures.run == run && figures.state == RunState::Paused);
            if paused || self.rng.percent(50) {
                self.step(Event::RunUnpaused(run));
            }
            for list in self.store.runs[&run].paused.clone() {
                self.set_list(run, list, false);
            }
        }
    }

    /// A link that the shell believes in while the PBX says nothing on it.
    pub(crate) fn was_healthy(&self, id: PbxId) -> bool {
        self.pbxs
            .get(&id)
            .is_some_and(|pbx| pbx.link == Link::Up && !pbx.to_lost && !pbx.from_lost && pbx.reachable_at() <= self.now)
    }

    pub(crate) fn since(&self, at: At) -> u64 {
        self.now.saturating_sub(at) / MS
    }
}
