//! From what is wrong at each look to episodes with a beginning and an end. Pure.
//!
//! What comes and goes within a moment is nobody's business, and what is gone for a moment is not over.

use domain::Timestamp;
use std::collections::BTreeMap;
use store::AlertRecord;

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum AlertKind {
    /// A PBX is stale or not connected.
    PbxLost,
    /// Dialling is held.
    DiallingHeld,
    /// The database cannot be written, or its disk is nearly full.
    Storage,
    /// The carrier behind a trunk refuses call after call.
    CircuitOpen,
    /// What becomes of a campaign's calls changed suddenly.
    OutcomeMix,
    /// A webhook takes no events.
    WebhookBacklog,
    /// A PBX does not bring people who find no agent to the recorded message.
    HarbourMissed,
}

impl AlertKind {
    pub(super) const ALL: [Self; 7] = [
        Self::PbxLost,
        Self::DiallingHeld,
        Self::Storage,
        Self::CircuitOpen,
        Self::OutcomeMix,
        Self::WebhookBacklog,
        Self::HarbourMissed,
    ];

    /// Its name in events and the API.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::PbxLost => "pbx_lost",
            Self::DiallingHeld => "dialling_held",
            Self::Storage => "storage",
            Self::CircuitOpen => "circuit_open",
            Self::OutcomeMix => "outcome_mix",
            Self::WebhookBacklog => "webhook_backlog",
            Self::HarbourMissed => "harbour_missed",
        }
    }

    /// It must last this long to be told, and be gone this long to be over: seconds.
    fn patience_s(self) -> (i64, i64) {
        match self {
            Self::PbxLost => (5, 5),
            Self::DiallingHeld => (0, 0),
            Self::Storage => (0, 5),
            Self::CircuitOpen | Self::HarbourMissed => (0, 30),
            Self::OutcomeMix => (0, 120),
            Self::WebhookBacklog => (0, 30),
        }
    }
}

/// What it is about: its kind, and the id of the PBX, trunk or campaign; 0 for the installation.
pub(super) type Key = (AlertKind, i64);

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: AlertKind,
    pub(super) subject: i64,
    /// The name of the subject; empty for the installation.
    pub(super) name: String,
    /// For people: what is wrong, and what follows from it.
    pub(super) why: String,
}

impl Trouble {
    pub(super) fn key(&self) -> Key {
        (self.kind, self.subject)
    }

    /// `None`: of a kind that a later version knows.
    pub(super) fn from_record(record: &AlertRecord) -> Option<Self> {
        let kind = AlertKind::ALL.into_iter().find(|kind| kind.code() == record.kind)?;
        Some(Self { kind, subject: record.subject, name: record.name.clone(), why: record.why.clone() })
    }
}

/// What a look changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// It is wrong since then.
    Raised(Trouble, Timestamp),
    /// It is right again since then.
    Ended(Key, Timestamp),
}

#[derive(Debug, Clone)]
struct Episode {
    since: Timestamp,
    raised: bool,
    gone_since: Option<Timestamp>,
}

/// What is wrong, and since when.
#[derive(Debug, Default)]
pub(super) struct Episodes {
    known: BTreeMap<Key, Episode>,
}

impl Episodes {
    /// It was told before, by another process.
    pub(super) fn goes_on(&mut self, trouble: &Trouble, since: Timestamp) {
        self.known.insert(trouble.key(), Episode { since, raised: true, gone_since: None });
    }

    /// Everything that is wrong at `now`.
    pub(super) fn look(&mut self, now: Timestamp, troubles: Vec<Trouble>) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut present = Vec::with_capacity(troubles.len());
        for trouble in troubles {
            let key = trouble.key();
            present.push(key);
            let episode = self.known.entry(key).or_insert(Episode { since: now, raised: false, gone_since: None });
            episode.gone_since = None;
            // A clock that was set back makes nothing older.
            episode.since = episode.since.min(now);
            let waited_s = now.ms_since(episode.since) / 1_000;
            if !episode.raised && waited_s >= trouble.kind.patience_s().0 {
                episode.raised = true;
                changes.push(Change::Raised(trouble, episode.since));
            }
        }
        self.known.retain(|key, episode| {
            if present.contains(key) {
                return true;
            }
            let gone_since = (*episode.gone_since.get_or_insert(now)).min(now);
            let gone_s = now.ms_since(gone_since) / 1_000;
            if episode.raised && gone_s < key.0.patience_s().1 {
                return true;
            }
            if episode.raised {
                changes.push(Change::Ended(*key, gone_since));
            }
            false
        });
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(1_000_000_000).plus_seconds(seconds)
    }

    fn lost(subject: i64) -> Trouble {
        Trouble { kind: AlertKind::PbxLost, subject, name: "office".into(), why: "silent".into() }
    }

    #[test]
    fn an_episode_is_told_once_when_it_lasts_and_once_when_it_is_over() {
        let mut episodes = Episodes::default();
        for second in 0..5 {
            assert_eq!(episodes.look(at(second), vec![lost(1)]), []);
        }
        assert_eq!(episodes.look(at(5), vec![lost(1)]), [Change::Raised(lost(1), at(0))]);
        assert_eq!(episodes.look(at(6), vec![lost(1)]), [], "once");
        assert_eq!(episodes.look(at(7), vec![]), [], "gone for a moment");
        assert_eq!(episodes.look(at(8), vec![lost(1)]), []);
        assert_eq!(episodes.look(at(20), vec![]), []);
        assert_eq!(episodes.look(at(25), vec![]), [Change::Ended((AlertKind::PbxLost, 1), at(20))]);
        assert_eq!(episodes.look(at(26), vec![]), []);
        assert!(episodes.known.is_empty());
    }

    #[test]
    fn what_comes_and_goes_within_a_moment_is_not_told() {
        let mut episodes = Episodes::default();
        assert_eq!(episodes.look(at(0), vec![lost(1)]), []);
        assert_eq!(episodes.look(at(4), vec![]), []);
        assert_eq!(episodes.look(at(8), vec![lost(1)]), [], "it begins anew");
        assert_eq!(episodes.look(at(13), vec![lost(1), lost(2)]), [Change::Raised(lost(1), at(8))]);
    }

    #[test]
    fn an_episode_of_another_process_goes_on_and_ends() {
        let mut episodes = Episodes::default();
        episodes.goes_on(&lost(1), at(-100));
        assert_eq!(episodes.look(at(0), vec![lost(1)]), [], "it was told already");
        assert_eq!(episodes.look(at(1), vec![]), []);
        assert_eq!(episodes.look(at(6), vec![]), [Change::Ended((AlertKind::PbxLost, 1), at(1))]);
    }

    #[test]
    fn a_hold_is_told_at_once_and_a_clock_set_back_makes_nothing_stick() {
        let hold = Trouble { kind: AlertKind::DiallingHeld, subject: 0, name: String::new(), why: "drill".into() };
        let mut episodes = Episodes::default();
        assert_eq!(episodes.look(at(100), vec![hold.clone()]), [Change::Raised(hold.clone(), at(100))]);
        assert_eq!(episodes.look(at(0), vec![hold]), []);
        assert_eq!(episodes.look(at(1), vec![]), [Change::Ended((AlertKind::DiallingHeld, 0), at(1))]);
        assert_eq!(episodes.look(at(50), vec![lost(1)]), []);
        assert_eq!(episodes.look(at(10), vec![lost(1)]), []);
        assert_eq!(episodes.look(at(15), vec![lost(1)]), [Change::Raised(lost(1), at(10))]);
    }
}
