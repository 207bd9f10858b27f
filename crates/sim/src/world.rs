//! The world: everything that exists, and the loop that lets it happen.

use crate::agenda::{Agenda, At, HOUR, Happening, MS, SECOND};
use crate::check::Witness;
use crate::pbx::Pbx;
use crate::process::Process;
use crate::report::{Failure, Options, Summary};
use crate::rng::Rng;
use crate::scenario::{self, Roughness, Site};
use crate::store::Store;
use domain::{PbxId, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// Happenings of one world, at most: more is a loop that does not end.
const MOST_HAPPENINGS: u64 = 5_000_000;
/// After the faults every run has to end within this much virtual time.
const LIVENESS: At = 20 * 24 * HOUR;

pub(crate) struct World {
    seed: u64,
    options: Options,
    pub(crate) rng: Rng,
    pub(crate) now: At,
    wall_at_start: Timestamp,
    /// How far the wall clock was stepped, microseconds.
    pub(crate) skew: i64,
    pub(crate) agenda: Agenda,
    pub(crate) store: Store,
    pub(crate) rough: Roughness,
    pub(crate) site: Site,
    pub(crate) pbxs: BTreeMap<PbxId, Pbx>,
    pub(crate) process: Option<Process>,
    /// Processes so far.
    pub(crate) processes: u32,
    /// Writes fail before then.
    pub(crate) disk_fails_until: At,
    /// Nothing goes wrong any more.
    pub(crate) calm: bool,
    pub(crate) witness: Witness,
    pub(crate) summary: Summary,
    pub(crate) broken: Option<String>,
    trail: Option<VecDeque<String>>,
}

impl World {
    pub(crate) fn new(seed: u64, options: &Options) -> Self {
        let mut rng = Rng::new(seed);
        let wall_at_start = scenario::wall_at_start(&mut rng);
        let rough = scenario::roughness(&mut rng);
        let (site, pbxs) = scenario::site(&mut rng);
        let mut store = Store::default();
        scenario::fill(&mut rng, &mut store, &site);
        let mut agenda = Agenda::default();
        agenda.add(0, Happening::Start);
        agenda.add(rng.within(1..=30) * SECOND, Happening::Operator);
        agenda.add(rng.within(1..=60) * SECOND, Happening::Fault);
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
            rng,
            now: 0,
            wall_at_start,
            skew: 0,
            agenda,
            store,
            rough,
            site,
            pbxs,
            process: None,
            processes: 0,
            disk_fails_until: 0,
            calm: false,
            witness: Witness::default(),
            summary: Summary::default(),
            broken: None,
            trail: None,
        }
    }

    /// Plays to the end. A world that fails is played again, the same, with its trail written.
    pub(crate) fn play(mut self) -> Result<Summary, Failure> {
        let (seed, options) = (self.seed, self.options);
        let Err(failure) = self.play_on() else { return Ok(self.summary) };
        let mut again = Self::new(seed, &options);
        again.trail = Some(VecDeque::new());
        Err(again.play_on().err().unwrap_or(failure))
    }

    fn play_on(&mut self) -> Result<(), Failure> {
        let mut liveness = At::MAX;
        for _ in 0..MOST_HAPPENINGS {
            let Some((at, what)) = self.agenda.next() else { return Err(self.failure("nothing happens any more")) };
            self.now = self.now.max(at);
            self.happen(what);
            if let Some(what) = self.broken.take() {
                return Err(self.failure(&what));
            }
            if self.calm {
                liveness = liveness.min(self.now + LIVENESS);
                if self.is_over() {
                    self.check_end();
                    self.summary.virtual_s = self.now / SECOND;
                    self.summary.contacts = self.store.lists.values().map(|list| list.len() as u64).sum();
                    return self.broken.take().map_or(Ok(()), |what| Err(self.failure(&what)));
                }
                if self.now > liveness {
                    let what = format!("liveness: still going on: {}", self.what_goes_on());
                    return Err(self.failure(&what));
                }
            }
        }
        let what = format!("liveness: more than {MOST_HAPPENINGS} happenings: {}", self.what_goes_on());
        Err(self.failure(&what))
    }

    fn failure(&mut self, what: &str) -> Failure {
        Failure {
            seed: self.seed,
            options: self.options,
            at_ms: self.now / MS,
            what: what.to_owned(),
            trail: self.trail.take().unwrap_or_default().into(),
        }
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Wake { request } => self.woken(request),
            Happening::Committed { process, written } => self.committed(process, written),
            Happening::Tell { process, event } => self.tell(process, event),
            Happening::Request { process, pbx, request } => self.heard(process, pbx, request),
            Happening::OriginateDeadline { process, leg } => self.originate_deadline(process, leg),
            Happening::FromPbx { pbx, link, event } => self.pbx_says(pbx, link, event),
            Happening::Listed { pbx, link, legs, asked_at } => self.listed(pbx, link, legs, asked_at),
            Happening::Channel { pbx, leg, step } => self.channel_step(pbx, leg, step),
            Happening::Audit { pbx, link } => self.audit(pbx, link),
            Happening::LinkLost { pbx, link } => self.link_lost(pbx, link),
            Happening::LinkMade { pbx } => self.link_made(pbx),
            Happening::Fault => self.fault(),
            Happening::Operator => self.operator(),
            Happening::Start => self.start_process(),
            Happening::StormEnds { pbx } => self.storm_ends(pbx),
            Happening::FaultsEnd => self.faults_end(),
            Happening::LastLift => self.last_lift(),
        }
    }

    pub(crate) fn wall(&self) -> Timestamp {
        let elapsed = i64::try_from(self.now).unwrap_or(i64::MAX);
        Timestamp(self.wall_at_start.0 + elapsed + self.skew)
    }

    /// A rule was broken; the first one counts.
    pub(crate) fn broke(&mut self, what: impl Into<String>) {
        self.broken.get_or_insert(what.into());
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
