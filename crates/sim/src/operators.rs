//! People who operate, and things that go wrong.

use crate::agenda::{HOUR, Happening, MS, SECOND};
use crate::pbx::Link;
use crate::scenario;
use crate::world::World;
use dialer::Event;
use domain::{ListId, NumberKey, PbxId, RunId, RunState, TrunkId};

impl World {
    /// A person does one thing, and another one later.
    pub(crate) fn operator(&mut self) {
        if self.calm {
            return;
        }
        let next = self.now + self.rng.within(1..=self.rough.operators_ms) * MS;
        self.agenda.add(next, Happening::Operator);
        if self.process.is_none() {
            return;
        }
        self.summary.operations += 1;
        match self.rng.within(0..=99) {
            0..=19 => self.change_run(Event::RunPaused),
            20..=49 => self.change_run(Event::RunUnpaused),
            50..=51 => self.change_run(Event::RunRemoved),
            52..=59 => self.hold(),
            60..=69 => self.lift(),
            70..=81 => self.add_to_a_list(),
            82..=88 => self.reload_a_run(),
            89..=90 => self.suppress_a_number(),
            _ => self.change_a_trunk(),
        }
    }

    fn open_run(&mut self) -> Option<RunId> {
        let open: Vec<RunId> =
            self.store.runs.iter().filter(|(_, run)| !run.state.is_final()).map(|(id, _)| *id).collect();
        self.rng.pick(&open).copied()
    }

    fn change_run(&mut self, event: fn(RunId) -> Event) {
        if let Some(run) = self.open_run() {
            self.step(event(run));
        }
    }

    fn hold(&mut self) {
        self.store.held = true;
        self.step(Event::DiallingHeld);
    }

    fn lift(&mut self) {
        self.store.held = false;
        self.step(Event::DiallingLifted);
    }

    fn add_to_a_list(&mut self) {
        let lists: Vec<ListId> = self.store.lists.keys().copied().collect();
        let Some(list) = self.rng.pick(&lists).copied() else { return };
        let added = self.rng.within(1..=6);
        scenario::add_contacts(&mut self.rng, &mut self.store, list, added);
        self.step(Event::ContactsAdded { list, added });
    }

    /// Somebody asks not to be called again. The reply comes when entry and dialler have it.
    fn suppress_a_number(&mut self) {
        let keys: Vec<NumberKey> = self.store.lists.values().flatten().map(|contact| contact.key).collect();
        let Some(key) = self.rng.pick(&keys).copied() else { return };
        self.log(|| format!("{key:?} is suppressed"));
        self.store.suppressed.insert(key);
        self.step(Event::NumbersSuppressed(vec![key]));
    }

    fn reload_a_run(&mut self) {
        let Some(id) = self.open_run() else { return };
        let settings = scenario::settings(&mut self.rng, &self.site);
        let lists: Vec<ListId> = self.store.lists.keys().copied().collect();
        let lists = scenario::some(&mut self.rng, &lists);
        if let Some(run) = self.store.runs.get_mut(&id) {
            run.settings = settings;
            // A list with contacts that were dialled stays with the run in the world's books, as it does in the store.
            run.lists = lists;
        }
        let spec = self.run_spec(id);
        self.step(Event::RunReloaded(Box::new(spec)));
    }

    fn change_a_trunk(&mut self) {
        let trunks: Vec<TrunkId> = self.site.trunks.keys().copied().collect();
        let Some(id) = self.rng.pick(&trunks).copied() else { return };
        if self.rng.percent(15) {
            // Deleted by mistake, and made again.
            self.step(Event::TrunkRemoved(id));
        }
        let (capacity, calls_per_second) = (self.rng.number(1..=12), self.rng.number(0..=6));
        let Some(spec) = self.site.trunks.get_mut(&id) else { return };
        (spec.capacity, spec.calls_per_second) = (capacity, calls_per_second);
        let spec = *spec;
        self.witness.changed_at.insert(id.0, self.now);
        self.step(Event::TrunkConfigured(spec));
    }

    /// One thing goes wrong, and another one later.
    pub(crate) fn fault(&mut self) {
        if self.calm {
            return;
        }
        let next = self.now + self.rng.within(100..=self.rough.faults_ms) * MS;
        self.agenda.add(next, Happening::Fault);
        let pbxs: Vec<PbxId> = self.pbxs.keys().copied().collect();
        let Some(id) = self.rng.pick(&pbxs).copied() else { return };
        match self.rng.within(0..=99) {
            0..=17 => self.kill(),
            18..=44 => self.link_breaks(id),
            45..=52 => self.pbx_crashes(id),
            53..=67 => {
                if let Some(pbx) = self.pbxs.get_mut(&id) {
                    pbx.stall(self.now, &mut self.rng);
                }
            }
            68..=80 => {
                if let Some(pbx) = self.pbxs.get_mut(&id) {
                    pbx.storm = true;
                    let ends = self.now + self.rng.within(5..=120) * SECOND;
                    self.agenda.add(ends, Happening::StormEnds { pbx: id });
                }
            }
            81..=90 => self.disk_fails_until = self.now + self.rng.within(100..=8_000) * MS,
            _ => self.clock_steps(),
        }
    }

    fn pbx_crashes(&mut self, id: PbxId) {
        let Some(pbx) = self.pbxs.get_mut(&id) else { return };
        for channel in std::mem::take(&mut pbx.channels).into_values() {
            self.witness.channel_ended(&channel.call);
        }
        self.link_breaks(id);
    }

    fn clock_steps(&mut self) {
        let ms = if self.rng.percent(40) { self.rng.within(100..=1_900) } else { self.rng.within(2_100..=7_200_000) };
        let us = i64::try_from(ms * MS).unwrap_or(0);
        self.skew += if self.rng.percent(50) { us } else { -us };
        self.log(|| format!("the clock steps by {ms} ms"));
    }

    pub(crate) fn storm_ends(&mut self, id: PbxId) {
        if let Some(pbx) = self.pbxs.get_mut(&id) {
            pbx.storm = false;
        }
    }

    /// Everything is repaired, everybody wants calls to be made.
    pub(crate) fn faults_end(&mut self) {
        self.calm = true;
        self.log(|| "faults end".to_owned());
        self.disk_fails_until = 0;
        self.start_process();
        for pbx in self.pbxs.values_mut() {
            pbx.storm = false;
            pbx.stalled_until = 0;
        }
        let down: Vec<PbxId> = self.pbxs.iter().filter(|(_, pbx)| pbx.link == Link::Down).map(|(id, _)| *id).collect();
        for pbx in down {
            self.agenda.add(self.now + SECOND, Happening::LinkMade { pbx });
        }
        self.step(Event::Tick);
        self.agenda.add(self.now + 10 * SECOND, Happening::LastLift);
    }

    pub(crate) fn last_lift(&mut self) {
        self.lift();
        let runs: Vec<RunId> =
            self.store.runs.iter().filter(|(_, run)| !run.state.is_final()).map(|(id, _)| *id).collect();
        for run in runs {
            let known = self.process.iter().flat_map(|process| process.dialer.run_figures());
            let paused = known.into_iter().any(|figures| figures.run == run && figures.state == RunState::Paused);
            if paused || self.rng.percent(50) {
                self.step(Event::RunUnpaused(run));
            }
        }
        debug_assert!(self.now < 1_000 * HOUR, "the virtual clock counts in microseconds");
    }
}
