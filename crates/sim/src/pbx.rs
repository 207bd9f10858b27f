//! A virtual PBX: its channels, its link, and the order in which it hears and says things.

use crate::agenda::{At, MS, SECOND};
use crate::carrier::Temper;
use crate::rng::Rng;
use dialer::{FoundLeg, Originate};
use domain::LegId;
use std::collections::BTreeMap;

/// How the link to a PBX is.
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
}

#[derive(Debug)]
pub(crate) struct Pbx {
    pub(crate) channels: BTreeMap<LegId, Channel>,
    pub(crate) link: Link,
    /// The link is broken and nobody has noticed yet.
    pub(crate) deaf: bool,
    /// Counts the links, so that what belongs to an old one is known.
    pub(crate) link_no: u32,
    pub(crate) temper: Temper,
    /// Its carriers answer everything with 503.
    pub(crate) storm: bool,
    /// It does nothing before then.
    pub(crate) stalled_until: At,
    heard_until: At,
    said_until: At,
}

impl Pbx {
    pub(crate) fn new(temper: Temper) -> Self {
        Self {
            channels: BTreeMap::new(),
            link: Link::Down,
            deaf: false,
            link_no: 0,
            temper,
            storm: false,
            stalled_until: 0,
            heard_until: 0,
            said_until: 0,
        }
    }

    /// When a request that is sent now arrives: in order, and not while the PBX stands still.
    pub(crate) fn hears_at(&mut self, now: At, rng: &mut Rng) -> At {
        let arrives = (now + rng.within(200..=3_000)).max(self.stalled_until);
        self.heard_until = self.heard_until.max(arrives) + 1;
        self.heard_until
    }

    /// When an event that is sent now is read: in order.
    pub(crate) fn says_at(&mut self, now: At, rng: &mut Rng) -> At {
        let late = if rng.percent(2) { rng.within(5..=150) * MS } else { rng.within(100..=2_000) };
        self.said_until = self.said_until.max(now + late) + 1;
        self.said_until
    }

    pub(crate) fn stall(&mut self, now: At, rng: &mut Rng) {
        self.stalled_until = now + rng.within(1..=9) * SECOND;
    }

    pub(crate) fn found(&self) -> Vec<FoundLeg> {
        let found = |(leg, channel): (&LegId, &Channel)| FoundLeg {
            leg: *leg,
            up: channel.up,
            ringing: channel.ringing && !channel.up,
        };
        self.channels.iter().map(found).collect()
    }
}
