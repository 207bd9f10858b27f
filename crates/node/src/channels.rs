//! Channel ids and leg ids: `c-<installation>-<epoch>-<leg>`.

use dialer::FoundLeg;
use domain::LegId;
use std::collections::BTreeMap;
use store::Epoch;

/// Knows which channels are ours, and what those of earlier starts are called.
#[derive(Debug)]
pub struct Channels {
    epoch: Epoch,
    prefix: String,
    pause_reason: String,
    /// Legs that were found under the name of an earlier epoch.
    adopted: BTreeMap<LegId, String>,
}

impl Channels {
    /// The names of this start.
    pub fn new(epoch: Epoch) -> Self {
        let prefix = format!("c-{}-", epoch.installation);
        let pause_reason = format!("carillon-{}", epoch.installation);
        Self { epoch, prefix, pause_reason, adopted: BTreeMap::new() }
    }

    /// The start whose names are given to new legs.
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// The channel id of a leg.
    pub fn name(&self, leg: LegId) -> String {
        self.adopted.get(&leg).cloned().unwrap_or_else(|| self.epoch.channel(leg))
    }

    /// The leg of a channel id; `None`: the channel is not ours.
    pub fn leg(&self, channel: &str) -> Option<LegId> {
        leg_of(&self.prefix, channel)
    }

    /// Remembers what a leg is called on the PBX.
    pub fn adopt(&mut self, channel: &str) {
        if let Some(leg) = self.leg(channel)
            && channel != self.epoch.channel(leg)
        {
            self.adopted.insert(leg, channel.to_owned());
        }
    }

    /// The leg has ended.
    pub fn forget(&mut self, leg: LegId) {
        self.adopted.remove(&leg);
    }

    /// The reason of pauses that are ours, in every start the same.
    pub fn pause_reason(&self) -> &str {
        &self.pause_reason
    }

    /// The prefix by which a PBX link tells our channels from others'.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

/// The leg of a channel id with our prefix.
pub fn leg_of(prefix: &str, channel: &str) -> Option<LegId> {
    let (_epoch, leg) = channel.strip_prefix(prefix)?.split_once('-')?;
    leg.parse().ok().map(LegId)
}

/// The leg that a channel id is about: its own, or that of the first half of its `Local` channel.
pub fn leg_about(prefix: &str, channel: &str) -> Option<LegId> {
    let channel = channel.strip_suffix(";2").or_else(|| channel.strip_suffix(";1")).unwrap_or(channel);
    leg_of(prefix, channel)
}

/// A channel as a PBX lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundChannel {
    /// A leg of ours.
    Ours {
        /// Which, and in what state.
        leg: FoundLeg,
        /// Its channel id.
        name: String,
    },
    /// Made for a leg of ours by the PBX.
    OfOurs,
    /// Somebody else's.
    Strange,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_of_others_are_not_ours() {
        let mut channels = Channels::new(Epoch { installation: "abc123".into(), epoch: 7 });
        assert_eq!(channels.name(LegId(42)), "c-abc123-7-0000000042");
        assert_eq!(channels.leg("c-abc123-7-0000000042"), Some(LegId(42)));
        for foreign in ["c-other1-7-42", "c-abc123-7-", "c-abc123-7", "1700000000.12", "c-abc123-7-4x"] {
            assert_eq!(channels.leg(foreign), None, "{foreign}");
        }
        assert_eq!(leg_about("c-abc123-", "c-abc123-7-0000000042;2"), Some(LegId(42)));
        assert_eq!(channels.leg("c-abc123-7-0000000042;2"), None, "the second half is no leg");
        channels.adopt("c-abc123-6-0000000041");
        assert_eq!(channels.name(LegId(41)), "c-abc123-6-0000000041");
    }
}
