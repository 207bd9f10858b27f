//! A virtual PBX: its channels, its link, and the order in which it hears and says things.

use crate::agenda::{At, MS};
use crate::carrier::Temper;
use crate::rng::Rng;
use dialer::{FoundLeg, Originate};
use domain::{AttemptId, LegId};
use std::collections::BTreeMap;

/// How the link to a PBX is, as its shell knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Down,
    /// Connected; its channels are being compared.
    Comparing,
    Up,
}

#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) call: Originate,
    pub(crate) ringing: bool,
    pub(crate) up: bool,
    /// When its last event is read at the latest: its end comes after it.
    pub(crate) said_until: At,
}

/// A channel to an agent who is called before the person.
#[derive(Debug)]
pub(crate) struct AgentChannel {
    pub(crate) attempt: AttemptId,
    pub(crate) interface: String,
    pub(crate) up: bool,
    /// Whom it is connected with.
    pub(crate) person: Option<LegId>,
    /// How long it waits for the person.
    pub(crate) wait_ms: u32,
    /// When its last event is read at the latest: its end comes after it.
    pub(crate) said_until: At,
}

#[derive(Debug)]
pub(crate) struct Pbx {
    pub(crate) channels: BTreeMap<LegId, Channel>,
    /// Agents who are called first.
    pub(crate) agents: BTreeMap<LegId, AgentChannel>,
    pub(crate) link: Link,
    /// Since when, while it is up.
    pub(crate) up_since: At,
    /// What is sent to it is lost, and nobody has noticed yet.
    pub(crate) to_lost: bool,
    /// What it says is lost, and nobody has noticed yet.
    pub(crate) from_lost: bool,
    /// The link is in doubt; the dialler was told that it is stale, not that it is down.
    pub(crate) stale: bool,
    /// Counts the links, so that what belongs to an old one is known.
    pub(crate) link_no: u32,
    /// Counts its starts: what was on its way to an earlier one is gone.
    pub(crate) boot: u32,
    /// Counts the questions for its channels, and how many of them were answered.
    pub(crate) lists: u32,
    pub(crate) listed: u32,
    pub(crate) temper: Temper,
    /// Its carriers answer everything with this code.
    pub(crate) storm: Option<u16>,
    /// It does nothing before then.
    pub(crate) stalled_until: At,
    /// It starts again then.
    pub(crate) back_at: At,
    /// Its link is slow until then.
    pub(crate) slow_until: At,
    heard_until: At,
    said_until: At,
}

impl Pbx {
    pub(crate) fn new(temper: Temper) -> Self {
        Self {
            channels: BTreeMap::new(),
            agents: BTreeMap::new(),
            link: Link::Down,
            up_since: 0,
            to_lost: false,
            from_lost: false,
            stale: false,
            link_no: 0,
            boot: 1,
            lists: 0,
            listed: 0,
            temper,
            storm: None,
            stalled_until: 0,
            back_at: 0,
            slow_until: 0,
            heard_until: 0,
            said_until: 0,
        }
    }

    /// When a new link can be made at the earliest.
    pub(crate) fn reachable_at(&self) -> At {
        self.stalled_until.max(self.back_at)
    }

    fn slowness(&self, now: At, rng: &mut Rng) -> At {
        if now < self.slow_until { rng.within(300..=500) * MS } else { 0 }
    }

    /// When a request that is sent now arrives: in order, and not while the PBX stands still.
    pub(crate) fn hears_at(&mut self, now: At, rng: &mut Rng) -> At {
        let arrives = (now + rng.within(200..=3_000) + self.slowness(now, rng)).max(self.stalled_until);
        self.heard_until = self.heard_until.max(arrives) + 1;
        self.heard_until
    }

    /// When what is said now, `late` microseconds later than usual, is read: in order.
    pub(crate) fn says_at(&mut self, now: At, late: At, rng: &mut Rng) -> At {
        let usual = rng.within(100..=2_000) + self.slowness(now, rng);
        self.said_until = self.said_until.max(now + usual + late) + 1;
        self.said_until
    }

    /// The link is another one, or the PBX works again: nothing waits in its queues.
    pub(crate) fn forget_queues(&mut self) {
        (self.heard_until, self.said_until) = (0, 0);
    }

    pub(crate) fn found(&self) -> Vec<FoundLeg> {
        let found = |(leg, channel): (&LegId, &Channel)| FoundLeg {
            leg: *leg,
            up: channel.up,
            ringing: channel.ringing && !channel.up,
        };
        let agent = |(leg, agent): (&LegId, &AgentChannel)| FoundLeg { leg: *leg, up: agent.up, ringing: !agent.up };
        self.channels.iter().map(found).chain(self.agents.iter().map(agent)).collect()
    }
}
