//! People who operate.

use crate::agenda::{Happening, MS};
use crate::report::Scene;
use crate::sabotage::Sabotage;
use crate::scenario::{self, PROBES};
use crate::world::World;
use dialer::Event;
use domain::{LegId, ListId, NumberKey, RunId};

impl World {
    /// A person does one thing, and another one later.
    pub(crate) fn operator(&mut self) {
        if self.calm {
            return;
        }
        let next = self.now + self.people.within(1..=self.rough.operators_ms) * MS;
        self.agenda.add(next, Happening::Operator);
        if self.process.is_none() {
            return;
        }
        self.summary.operations += 1;
        if let Scene::Day { .. } = self.options.scene {
            return self.lift();
        }
        match self.people.within(0..=99) {
            0..=19 => self.change_run(Event::RunPaused),
            20..=49 => self.change_run(Event::RunUnpaused),
            50..=51 => self.change_run(Event::RunRemoved),
            52..=59 => self.hold(),
            60..=69 => self.lift(),
            70..=78 => self.add_to_a_list(),
            79..=81 => self.pause_a_list(),
            82..=86 => self.reload_a_run(),
            87..=88 => self.change_hours(),
            89..=90 => self.suppress_a_number(),
            91..=92 => self.black_list_a_number(),
            93..=94 => self.hang_up_a_call(),
            _ => self.change_a_trunk(),
        }
    }

    fn open_run(&mut self) -> Option<RunId> {
        let open: Vec<RunId> =
            self.store.runs.iter().filter(|(_, run)| !run.state.is_final()).map(|(id, _)| *id).collect();
        self.people.pick(&open).copied()
    }

    fn change_run(&mut self, event: fn(RunId) -> Event) {
        let Some(run) = self.open_run() else { return };
        let event = event(run);
        if self.is(Sabotage::KeepsPausesBack) && matches!(event, Event::RunPaused(_)) {
            return self.witness.hears(&event);
        }
        self.step(event);
    }

    fn hold(&mut self) {
        self.store.held = true;
        if !self.is(Sabotage::KeepsHoldsBack) {
            self.step(Event::DiallingHeld);
        }
    }

    pub(crate) fn lift(&mut self) {
        self.store.held = false;
        self.step(Event::DiallingLifted);
    }

    fn usual_lists(&self) -> Vec<ListId> {
        self.store.lists.keys().copied().filter(|list| list.0 < PROBES).collect()
    }

    fn add_to_a_list(&mut self) {
        let lists = self.usual_lists();
        let Some(list) = self.people.pick(&lists).copied() else { return };
        let added = self.people.within(1..=6);
        scenario::add_contacts(&mut self.people, &mut self.store, list, added);
        self.step(Event::ContactsAdded { list, added });
    }

    /// Somebody pauses a list of a run, or lets it go on.
    fn pause_a_list(&mut self) {
        let Some(run) = self.open_run() else { return };
        let lists = self.store.runs[&run].lists.clone();
        let Some(list) = self.people.pick(&lists).copied() else { return };
        let paused = !self.store.runs[&run].paused.contains(&list);
        self.set_list(run, list, paused);
    }

    /// On the disk before the dialler hears of it.
    pub(crate) fn set_list(&mut self, run: RunId, list: ListId, paused: bool) {
        let Some(row) = self.store.runs.get_mut(&run) else { return };
        if paused {
            row.paused.insert(list);
        } else {
            row.paused.remove(&list);
        }
        self.log(|| format!("list {list} of run {run} is {}", if paused { "paused" } else { "resumed" }));
        self.step(Event::ListPaused { run, list, paused });
    }

    /// Somebody puts a number on a black list of a campaign.
    fn black_list_a_number(&mut self) {
        let keys: Vec<NumberKey> = self.store.contacts().map(|contact| contact.key).collect();
        let (Some(key), Some(run)) = (self.people.pick(&keys).copied(), self.open_run()) else { return };
        let (campaign, now) = (crate::store::campaign_of(run), self.wall());
        self.log(|| format!("{key:?} is black-listed for {campaign:?}"));
        self.store.black.entry((key, campaign)).or_insert(now);
    }

    /// Somebody asks not to be called again. The reply comes when entry and dialler have it.
    fn suppress_a_number(&mut self) {
        let keys: Vec<NumberKey> = self.store.contacts().map(|contact| contact.key).collect();
        let Some(key) = self.people.pick(&keys).copied() else { return };
        // For one campaign, or for all.
        let campaign = if self.people.percent(30) { self.open_run().map(crate::store::campaign_of) } else { None };
        self.log(|| format!("{key:?} is suppressed for {campaign:?}"));
        self.store.suppressed.insert((key, campaign));
        if campaign.is_none() {
            self.witness.suppressed_at.insert(key, self.now);
        }
        if !self.is(Sabotage::KeepsSuppressionsBack) {
            let campaigns = campaign.map(|campaign| vec![campaign]);
            let of_some = campaigns.is_some();
            self.step(Event::NumbersSuppressed { keys: vec![key], campaigns });
            if of_some {
                // Somebody looks at the lists and saves one as it was: who is on one stays on it.
                self.step(Event::SuppressionsChanged);
            }
        }
    }

    fn hang_up_a_call(&mut self) {
        let dialer = self.process.iter().map(|process| &process.dialer);
        let legs: Vec<LegId> = dialer.flat_map(|dialer| dialer.call_figures().map(|call| call.leg)).collect();
        let Some(leg) = self.people.pick(&legs).copied() else { return };
        self.log(|| format!("an operator hangs up {leg:?}"));
        self.step(Event::OperatorHungUp(leg));
    }

    fn reload_a_run(&mut self) {
        let Some(id) = self.open_run() else { return };
        let settings = scenario::settings(&mut self.people, &self.site);
        let lists = self.usual_lists();
        let lists = scenario::some(&mut self.people, &lists);
        if let Some(run) = self.store.runs.get_mut(&id) {
            run.settings = settings;
            // A list with contacts that were dialled stays with the run in the world's books, as it does in the store.
            run.lists = lists;
        }
        let spec = self.run_spec(id);
        self.step(Event::RunReloaded(Box::new(spec)));
    }

    /// Somebody changes a set of opening hours that a run goes by.
    fn change_hours(&mut self) {
        let Some(run) = self.open_run() else { return };
        let Some(row) = self.store.runs.get_mut(&run) else { return };
        if row.settings.rules.parts.iter().any(|part| part.hours.is_some()) {
            // They and the hours of people on the other side of the world may never be open together.
            return;
        }
        let Some(hours) = scenario::other_sets(&mut self.people, &row.settings.hours) else { return };
        row.settings.hours = hours.clone();
        self.step(Event::HoursChanged { run, hours });
    }

    fn change_a_trunk(&mut self) {
        let trunks = self.site.usual_trunks();
        let Some(id) = self.people.pick(&trunks).copied() else { return };
        if self.people.percent(15) {
            // Deleted by mistake, and made again.
            self.step(Event::TrunkRemoved(id));
        }
        let (capacity, calls_per_second) = (self.people.number(1..=12), self.people.number(0..=6));
        let Some(spec) = self.site.trunks.get_mut(&id) else { return };
        (spec.capacity, spec.calls_per_second) = (capacity, calls_per_second);
        let spec = *spec;
        self.witness.changed_at.insert(id.0, self.now);
        self.step(Event::TrunkConfigured(spec));
    }
}
