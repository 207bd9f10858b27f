//! Kinds of faults, and the swarm: which of them a world knows, and how rough each is.

use crate::rng::Rng;
use std::fmt;

/// What can go wrong. Each world knows some of them, drawn from its seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The process is killed at any moment.
    ProcessKilled,
    /// The process is killed at a named step of the dial protocol.
    ProcessKilledAtStep,
    /// The process stands still for up to eight seconds, as by `SIGSTOP`.
    ProcessStops,
    /// The process stands still, a second one takes over its database, then it wakes.
    SecondProcess,
    /// A PBX dies with its calls and comes back empty.
    PbxCrashes,
    /// The same at a named step of the dial protocol.
    PbxCrashesAtStep,
    /// A PBX stands still for up to a minute, and then does what it was asked.
    PbxStops,
    /// A link is cut; both ends see it soon.
    LinkCut,
    /// A link loses what is sent, one way or both, and nobody tells.
    LinkHalfOpen,
    /// A link gets slow: half a second more for everything.
    LinkSlow,
    /// A link brings thousands of events that are nobody's, and what is ours comes late behind them.
    LinkFlooded,
    /// Single events never arrive.
    EventsLost,
    /// Events arrive twice.
    EventsTwice,
    /// A link's events arrive up to three seconds late, in order.
    EventsLate,
    /// Events overtake each other, also those of one channel, but for its end.
    EventsReordered,
    /// Events of channels that are none of ours, or of ours that ended long ago.
    EventsForeign,
    /// A request is carried out and its answer never arrives.
    RepliesLost,
    /// A request cannot be sent.
    SendFails,
    /// A PBX refuses an originate with 500.
    PbxRefuses,
    /// A PBX answers 409 to an originate that it carried out.
    ChannelExists,
    /// Making a channel takes seconds.
    ChannelsSlow,
    /// Commits take up to a second and a half.
    CommitsSlow,
    /// The database stands still for up to thirty seconds.
    DatabaseStops,
    /// The database cannot be written.
    DatabaseFails,
    /// The wall clock steps, by up to two hours.
    ClockSteps,
    /// The wall clock runs up to 500 ppm fast or slow.
    ClockSlews,
    /// A carrier answers everything with 503 or 429.
    CarrierStorms,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 27] = [
        Self::ProcessKilled,
        Self::ProcessKilledAtStep,
        Self::ProcessStops,
        Self::SecondProcess,
        Self::PbxCrashes,
        Self::PbxCrashesAtStep,
        Self::PbxStops,
        Self::LinkCut,
        Self::LinkHalfOpen,
        Self::LinkSlow,
        Self::LinkFlooded,
        Self::EventsLost,
        Self::EventsTwice,
        Self::EventsLate,
        Self::EventsReordered,
        Self::EventsForeign,
        Self::RepliesLost,
        Self::SendFails,
        Self::PbxRefuses,
        Self::ChannelExists,
        Self::ChannelsSlow,
        Self::CommitsSlow,
        Self::DatabaseStops,
        Self::DatabaseFails,
        Self::ClockSteps,
        Self::ClockSlews,
        Self::CarrierStorms,
    ];

    /// Those that happen at an instant and last a while; the others are habits of single messages.
    pub(crate) const ACUTE: [Self; 14] = [
        Self::ProcessKilled,
        Self::ProcessStops,
        Self::SecondProcess,
        Self::PbxCrashes,
        Self::PbxStops,
        Self::LinkCut,
        Self::LinkHalfOpen,
        Self::LinkSlow,
        Self::LinkFlooded,
        Self::DatabaseStops,
        Self::DatabaseFails,
        Self::ClockSteps,
        Self::ClockSlews,
        Self::CarrierStorms,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::ProcessKilled => "process-killed",
            Self::ProcessKilledAtStep => "process-killed-at-step",
            Self::ProcessStops => "process-stops",
            Self::SecondProcess => "second-process",
            Self::PbxCrashes => "pbx-crashes",
            Self::PbxCrashesAtStep => "pbx-crashes-at-step",
            Self::PbxStops => "pbx-stops",
            Self::LinkCut => "link-cut",
            Self::LinkHalfOpen => "link-half-open",
            Self::LinkSlow => "link-slow",
            Self::LinkFlooded => "link-flooded",
            Self::EventsLost => "events-lost",
            Self::EventsTwice => "events-twice",
            Self::EventsLate => "events-late",
            Self::EventsReordered => "events-reordered",
            Self::EventsForeign => "events-foreign",
            Self::RepliesLost => "replies-lost",
            Self::SendFails => "send-fails",
            Self::PbxRefuses => "pbx-refuses",
            Self::ChannelExists => "channel-exists",
            Self::ChannelsSlow => "channels-slow",
            Self::CommitsSlow => "commits-slow",
            Self::DatabaseStops => "database-stops",
            Self::DatabaseFails => "database-fails",
            Self::ClockSteps => "clock-steps",
            Self::ClockSlews => "clock-slews",
            Self::CarrierStorms => "carrier-storms",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }
}

/// Some kinds of faults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultSet(u32);

impl FaultSet {
    /// Nothing goes wrong.
    pub const NONE: Self = Self(0);
    /// Everything may.
    pub const ALL: Self = Self((1 << Fault::ALL.len()) - 1);

    /// The swarm of a seed: about half of the kinds; one seed in eight knows all, one in thirty-two none. A mixture
    /// finds what the sum of all hides: a kill in every second leaves no time for anything else to go wrong.
    pub fn drawn(seed: u64) -> Self {
        let mut rng = Rng::stream(seed, 0xfa01);
        match rng.within(0..=31) {
            0 => Self::NONE,
            1..=4 => Self::ALL,
            _ => Fault::ALL.into_iter().filter(|_| rng.percent(50)).fold(Self::NONE, Self::with),
        }
    }

    /// Whether it holds this kind.
    pub fn has(self, fault: Fault) -> bool {
        self.0 & (1 << fault as u32) != 0
    }

    /// With this kind.
    #[must_use]
    pub fn with(self, fault: Fault) -> Self {
        Self(self.0 | 1 << fault as u32)
    }

    /// Without this kind.
    #[must_use]
    pub fn without(self, fault: Fault) -> Self {
        Self(self.0 & !(1 << fault as u32))
    }

    /// Its kinds, in order.
    pub fn iter(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.into_iter().filter(move |fault| self.has(*fault))
    }

    /// Reads names with commas between them, `all` or `none`; the name that is no kind comes back.
    pub fn parse(names: &str) -> Result<Self, String> {
        match names {
            "all" => Ok(Self::ALL),
            "none" => Ok(Self::NONE),
            _ => names.split(',').try_fold(Self::NONE, |set, name| {
                Fault::parse(name).map(|fault| set.with(fault)).ok_or_else(|| name.to_owned())
            }),
        }
    }
}

impl fmt::Display for FaultSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NONE => f.write_str("none"),
            Self::ALL => f.write_str("all"),
            set => f.write_str(&set.iter().map(Fault::name).collect::<Vec<_>>().join(",")),
        }
    }
}

/// The faults of one world. Each kind draws from a stream of its own, so that a world without one of them stays as near
/// to the world with it as it can.
#[derive(Debug)]
pub(crate) struct Faults {
    pub(crate) set: FaultSet,
    streams: Vec<Rng>,
    /// How often a habit strikes, of a thousand messages.
    shares: Vec<u64>,
}

impl Faults {
    /// `rare`: a day as it could be, not as bad as it can be.
    pub(crate) fn new(seed: u64, set: FaultSet, rare: bool) -> Self {
        let often: &[u64] = if rare { &[1, 2] } else { &[2, 10, 10, 40, 150] };
        let mut streams: Vec<Rng> = (0..).map(|n| Rng::stream(seed, 0xfa_0000 + n)).take(Fault::ALL.len()).collect();
        let shares = streams.iter_mut().map(|rng| *rng.pick(often).unwrap_or(&1)).collect();
        Self { set, streams, shares }
    }

    pub(crate) fn rng(&mut self, fault: Fault) -> &mut Rng {
        &mut self.streams[fault as usize]
    }

    /// Whether the habit strikes this message.
    pub(crate) fn strikes(&mut self, fault: Fault) -> bool {
        let share = self.shares[fault as usize];
        self.set.has(fault) && self.rng(fault).per_mille(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_as_they_are_written() {
        for seed in 0..200 {
            let set = FaultSet::drawn(seed);
            assert_eq!(FaultSet::parse(&set.to_string()), Ok(set));
        }
        assert_eq!(FaultSet::parse("link-cut,moon"), Err("moon".to_owned()));
    }

    #[test]
    fn the_swarm_draws_every_kind_alone_and_in_company() {
        let sets: Vec<FaultSet> = (0..400).map(FaultSet::drawn).collect();
        assert!(sets.contains(&FaultSet::NONE) && sets.contains(&FaultSet::ALL));
        for fault in Fault::ALL {
            let with = sets.iter().filter(|set| set.has(fault)).count();
            assert!((120..320).contains(&with), "{} in {with} of 400 worlds", fault.name());
        }
    }
}
