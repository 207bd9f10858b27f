//! The world: everything that exists, and the loop that lets it happen.

use crate::agenda::{Agenda, At, HOUR, Happening, MS, SECOND};
use crate::agents::{self, Floor};
use crate::crash::CrashPoint;
use crate::fault::{Fault, Faults};
use crate::lease::Zombie;
use crate::liveness::Liveness;
use crate::pbx::Pbx;
use crate::preview::Desks;
use crate::process::Process;
use crate::proof::Check;
use crate::report::{Failure, Options, Scene, Summary};
use crate::rng::Rng;
use crate::sabotage::Sabotage;
use crate::scenario::{self, Roughness, Site};
use crate::store::Store;
use crate::witness::Witness;
use dialer::Event;
use domain::{PbxId, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// Happenings of one world, at most: more is a loop that does not end.
const MOST_HAPPENINGS: u64 = 20_000_000;
/// After the faults every run has to end within this much virtual time: some numbers are in many contacts of many runs,
/// and may be called a few times a week.
const LIVENESS: At = 500 * 24 * HOUR;
/// A day of work goes on this long after its faults.
const AFTER_THE_DAY: At = 60 * SECOND;

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) options: Options,
    /// Latencies, and what has no stream of its own.
    pub(crate) rng: Rng,
    /// What people do.
    pub(crate) people: Rng,
    /// What goes wrong when.
    pub(crate) trouble: Rng,
    pub(crate) now: At,
    wall_at_start: Timestamp,
    /// How far the wall clock was stepped, microseconds.
    pub(crate) skew: i64,
    /// How fast it runs ahead, microseconds per second, and since when.
    pub(crate) slew: (i64, At),
    pub(crate) agenda: Agenda,
    pub(crate) store: Store,
    pub(crate) rough: Roughness,
    pub(crate) site: Site,
    pub(crate) pbxs: BTreeMap<PbxId, Pbx>,
    pub(crate) floors: BTreeMap<PbxId, Floor>,
    /// What agents and callers do.
    pub(crate) floors_rng: Rng,
    /// Agents who look before they dial, and what they do.
    pub(crate) desks: Desks,
    pub(crate) desks_rng: Rng,
    pub(crate) process: Option<Process>,
    /// The process does nothing before then.
    pub(crate) stopped_until: At,
    /// A process that was taken over from.
    pub(crate) zombie: Option<Zombie>,
    /// Processes so far.
    pub(crate) processes: u32,
    pub(crate) faults: Faults,
    /// Crash points passed so far.
    pub(crate) points: u64,
    /// Writes fail before then.
    pub(crate) disk_fails_until: At,
    /// Writes take until then.
    pub(crate) disk_stops_until: At,
    /// Nothing goes wrong any more, and from when on.
    pub(crate) calm: bool,
    pub(crate) calm_at: At,
    pub(crate) liveness: Liveness,
    /// When every run was over first.
    pub(crate) runs_over_at: Option<At>,
    pub(crate) witness: Witness,
    pub(crate) summary: Summary,
    pub(crate) broken: Option<(Check, String)>,
    trail: Option<VecDeque<String>>,
}

impl World {
    pub(crate) fn new(seed: u64, options: &Options) -> Self {
        let mut scene = Rng::stream(seed, 1);
        let wall_at_start = scenario::wall_at_start(&mut scene);
        let rough = scenario::roughness(&mut scene, options.scene);
        let (mut site, pbxs) = scenario::site(&mut scene, options.scene);
        let floors = agents::furnish(seed, &mut site, options.scene);
        let mut store = Store::default();
        store.seed = seed;
        store.sabotage = options.sabotage;
        scenario::fill(&mut scene, &mut store, &site, options.scene);
        let mut agenda = Agenda::default();
        agenda.add(0, Happening::Start);
        if rough.operators_ms > 0 {
            agenda.add(scene.within(1..=30) * SECOND, Happening::Operator);
        }
        agenda.add(scene.within(1..=60) * SECOND, Happening::Fault);
        for pbx in floors.keys() {
            agenda.add(SECOND, Happening::Floor { pbx: *pbx });
            agenda.add(SECOND, Happening::Preview { pbx: *pbx });
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "hours of an option, checked there"
        )]
        let faults_end = (options.hours * HOUR as f64) as At;
        agenda.add(faults_end, Happening::FaultsEnd);
        Self {
            seed,
            options: *options,
            rng: Rng::stream(seed, 2),
            people: Rng::stream(seed, 3),
            trouble: Rng::stream(seed, 4),
            now: 0,
            wall_at_start,
            skew: 0,
            slew: (0, 0),
            agenda,
            store,
            rough,
            site,
            pbxs,
            floors,
            floors_rng: Rng::stream(seed, 6),
            desks: Desks::default(),
            desks_rng: Rng::stream(seed, 7),
            process: None,
            stopped_until: 0,
            zombie: None,
            processes: 0,
            faults: Faults::new(seed, options.faults_of(seed), matches!(options.scene, Scene::Day { .. })),
            points: 0,
            disk_fails_until: 0,
            disk_stops_until: 0,
            calm: false,
            calm_at: faults_end,
            liveness: Liveness::default(),
            runs_over_at: None,
            witness: Witness::default(),
            summary: Summary::default(),
            broken: None,
            trail: None,
        }
    }

    /// Plays to the end. A world that fails is played again, the same, with its trail written.
    pub(crate) fn play(mut self) -> Result<Summary, Box<Failure>> {
        let (seed, options) = (self.seed, self.options);
        let Err(failure) = self.play_on() else { return Ok(self.summary) };
        if options.trail == 0 {
            return Err(failure);
        }
        let mut again = Self::new(seed, &options);
        again.trail = Some(VecDeque::new());
        Err(again.play_on().err().unwrap_or(failure))
    }

    fn play_on(&mut self) -> Result<(), Box<Failure>> {
        let mut liveness = At::MAX;
        for _ in 0..MOST_HAPPENINGS {
            let Some((at, what)) = self.agenda.next() else {
                return Err(self.failure(Check::RunsEnd, "nothing happens any more"));
            };
            self.now = self.now.max(at);
            self.happen(what);
            if let Some((check, what)) = self.broken.take() {
                return Err(self.failure(check, &what));
            }
            if self.calm {
                liveness = liveness.min(self.now + LIVENESS);
                if self.is_over() {
                    self.check_end();
                    self.check_questions();
                    self.summary.virtual_s = self.now / SECOND;
                    self.summary.contacts = self.store.contacts().count() as u64;
                    return self.broken.take().map_or(Ok(()), |(check, what)| Err(self.failure(check, &what)));
                }
                if self.now > liveness {
                    let what = format!("still going on: {}", self.what_goes_on());
                    return Err(self.failure(Check::RunsEnd, &what));
                }
            }
        }
        let what = format!("more than {MOST_HAPPENINGS} happenings: {}", self.what_goes_on());
        Err(self.failure(Check::RunsEnd, &what))
    }

    fn is_over(&mut self) -> bool {
        let day = matches!(self.options.scene, Scene::Day { .. });
        self.liveness.is_done()
            && if day { self.now > self.liveness.since() + AFTER_THE_DAY } else { self.every_run_is_over() }
            && self.pauses_are_over()
    }

    fn failure(&mut self, check: Check, what: &str) -> Box<Failure> {
        Box::new(Failure {
            seed: self.seed,
            options: self.options,
            at_ms: self.now / MS,
            check,
            what: what.to_owned(),
            trail: self.trail.take().unwrap_or_default().into(),
        })
    }

    fn happen(&mut self, what: Happening) {
        if self.now < self.stopped_until && what.is_the_process_s() {
            return self.agenda.add(self.stopped_until, what);
        }
        match what {
            Happening::Wake { process, request } => self.woken(process, request),
            Happening::Committed { process, commit, written } => self.committed(process, commit, written),
            Happening::Tell { process, event } => self.tell(process, event),
            Happening::Request { process, pbx, link, boot, request } => self.heard(process, pbx, (link, boot), request),
            Happening::OriginateDeadline { process, leg } => self.originate_deadline(process, leg),
            Happening::HarbourDeadline { process, leg } => self.harbour_deadline(process, leg),
            Happening::ListDeadline { pbx, link, asked } => self.list_deadline(pbx, link, asked),
            Happening::ListAgain { pbx, link } => self.list_again(pbx, link),
            Happening::FromPbx { pbx, link, event } => self.pbx_says(pbx, link, event),
            Happening::Listed { pbx, link, asked, legs, asked_at } => self.listed(pbx, (link, asked), legs, asked_at),
            Happening::Channel { pbx, leg, step } => self.channel_step(pbx, leg, step),
            Happening::Floor { pbx } => self.floor_happens(pbx),
            Happening::Preview { pbx } => self.preview_happens(pbx),
            Happening::QueueAudit { pbx, link } => self.audit_queues(pbx, link),
            Happening::Audit { pbx, link } => self.audit(pbx, link),
            Happening::LinkDoubted { pbx, link } => self.link_doubted(pbx, link),
            Happening::LinkLost { pbx, link } => self.link_lost(pbx, link),
            Happening::LinkMade { pbx } => self.link_made(pbx),
            Happening::Fault => self.fault(),
            Happening::Operator => self.operator(),
            Happening::Start => self.start_process(),
            Happening::ZombieWakes => self.zombie_wakes(),
            Happening::StormEnds { pbx } => self.storm_ends(pbx),
            Happening::FaultsEnd => self.faults_end(),
            Happening::ResumeDeadline => self.resume_deadline(),
            Happening::LastUnpause => self.last_unpause(),
        }
    }

    /// An event reaches the dialler over the network or from the disk: a crash point before and after.
    pub(crate) fn deliver(&mut self, event: Event, pbx: Option<PbxId>) {
        let Some(no) = self.process.as_ref().map(|process| process.no) else { return };
        let (before, after) = (CrashPoint::before(&event), CrashPoint::after(&event));
        self.at_maybe(before, pbx);
        if self.lives(no) {
            self.step(event);
        }
        if self.lives(no) {
            self.at_maybe(after, pbx);
        }
    }

    /// Whether it is still this process.
    pub(crate) fn lives(&self, no: u32) -> bool {
        self.process.as_ref().is_some_and(|process| process.no == no)
    }

    pub(crate) fn wall(&self) -> Timestamp {
        Timestamp(self.wall_at_start.0 + i64::try_from(self.now).unwrap_or(i64::MAX) + self.skew + self.slewed())
    }

    /// How far the wall clock ran ahead since its speed was last changed, microseconds.
    pub(crate) fn slewed(&self) -> i64 {
        let (ppm, since) = self.slew;
        i64::try_from(self.now.saturating_sub(since) / SECOND).unwrap_or(0) * ppm
    }

    /// The kind of fault struck.
    pub(crate) fn struck(&mut self, fault: Fault) {
        self.summary.faults[fault as usize] += 1;
        self.log(|| format!("fault: {}", fault.name()));
    }

    /// Whether the habit strikes this message.
    pub(crate) fn strikes(&mut self, fault: Fault) -> bool {
        let strikes = !self.calm && self.faults.strikes(fault);
        if strikes {
            self.summary.faults[fault as usize] += 1;
        }
        strikes
    }

    pub(crate) fn is(&self, sabotage: Sabotage) -> bool {
        self.options.sabotage == Some(sabotage)
    }

    /// A rule was broken; the first one counts.
    pub(crate) fn broke(&mut self, check: Check, what: impl Into<String>) {
        self.broken.get_or_insert_with(|| (check, what.into()));
    }

    pub(crate) fn log(&mut self, line: impl FnOnce() -> String) {
        let at_ms = self.now / MS;
        if let Some(trail) = &mut self.trail {
            if trail.len() >= self.options.trail {
                trail.pop_front();
            }
            trail.push_back(format!("{at_ms:>9} {}", line()));
        }
    }
}
