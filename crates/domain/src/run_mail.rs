//! Letters about a campaign's runs: what is told, and to whom.

use crate::error::{Invalid, check_range, check_text};
use crate::outcome_rule::MAX_RECEIVERS;
use crate::run::RunState;
use serde::{Deserialize, Serialize};

/// Longest address of mail, in characters.
const MAX_ADDRESS_CHARS: usize = 200;

/// What of a run's life is told (WombatDialer's `emailEvents`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunMailEvents {
    /// Nothing.
    #[default]
    No,
    /// That it began, every new state, and its end.
    All,
    /// Its end: it was completed or removed.
    Completed,
}

/// Whom a campaign writes to about its runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunMail {
    /// What is told.
    pub events: RunMailEvents,
    /// Addresses, 1..=10 of them when anything is told.
    pub to: Vec<String>,
}

impl RunMail {
    /// Refuses what could not be sent, by field.
    pub fn check(&self) -> Result<(), Invalid> {
        const FIELD: &str = "email_addresses";
        check_range(FIELD, self.to.len(), 0, MAX_RECEIVERS)?;
        for address in &self.to {
            check_text(FIELD, address, MAX_ADDRESS_CHARS)?;
            let plain = address.rsplit_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
            if !plain || address.contains(['\r', '\n', ',', ';']) {
                return Err(Invalid::new(FIELD, format!("{address:?} is no address of mail")));
            }
        }
        if self.events != RunMailEvents::No && self.to.is_empty() {
            return Err(Invalid::new(FIELD, "is empty: name who gets the letters, or set email_events to NO"));
        }
        Ok(())
    }

    /// Whether anybody is told that a run is in this state now.
    pub fn tells(&self, state: RunState) -> bool {
        match self.events {
            _ if self.to.is_empty() => false,
            RunMailEvents::No => false,
            RunMailEvents::All => true,
            RunMailEvents::Completed => state.is_final(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(events: RunMailEvents, to: &[&str]) -> RunMail {
        RunMail { events, to: to.iter().map(|text| (*text).to_owned()).collect() }
    }

    #[test]
    fn letters_go_to_addresses_and_somebody_gets_them() {
        use RunMailEvents::{All, Completed, No};
        for fine in [to(No, &[]), to(No, &["a@b.c"]), to(All, &["Ana <ana@example.com>", "b@c.d"])] {
            assert_eq!(fine.check(), Ok(()));
        }
        let long = format!("{}@example.com", "a".repeat(300));
        for wrong in [to(All, &[]), to(Completed, &["nobody"]), to(No, &["a@"]), to(No, &[""]), to(No, &[&long])] {
            assert_eq!(wrong.check().unwrap_err().field, "email_addresses", "{wrong:?}");
        }
        assert!(to(All, &["a@b.c\r\nBcc: d@e.f"]).check().is_err(), "a second head");
        assert!(to(All, &["a@b.c, d@e.f"]).check().is_err(), "two in one");
        assert!(to(All, &["a@b.c"; MAX_RECEIVERS + 1]).check().is_err());
    }

    #[test]
    fn the_end_alone_or_every_state_is_told() {
        let states = [RunState::Runnable, RunState::Idle, RunState::Completed, RunState::Removed];
        let told = |events| states.map(|state| to(events, &["a@b.c"]).tells(state));
        assert_eq!(told(RunMailEvents::No), [false; 4]);
        assert_eq!(told(RunMailEvents::All), [true; 4]);
        assert_eq!(told(RunMailEvents::Completed), [false, false, true, true]);
        assert!(!to(RunMailEvents::All, &[]).tells(RunState::Completed));
    }
}
