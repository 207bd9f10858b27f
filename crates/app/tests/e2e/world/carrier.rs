//! What the carrier itself saw: the judge of what was dialled.

use std::collections::BTreeMap;
use std::time::Duration;
use testkit::ami::Ami;
use testkit::{Instance, process};

/// How long Asterisk may take to tell of a call, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// Calls that reached the carrier since this was made, by the number that was dialled.
pub struct Invites {
    ami: Ami,
    seen: BTreeMap<String, Vec<String>>,
}

impl Invites {
    /// Begins to listen.
    pub fn watch(carrier: &Instance) -> Self {
        Self { ami: Ami::connect(&carrier.ami()).unwrap(), seen: BTreeMap::new() }
    }

    /// Calls, once there are as many as `expected`, or those that came in time. Asterisk tells of a call a little after
    /// it has answered it.
    pub fn reaching(&mut self, expected: usize) -> usize {
        process::until(PATIENCE, || Ok((self.total() >= expected).then_some(()))).unwrap();
        self.total()
    }

    /// Calls that were told of so far.
    pub fn total(&mut self) -> usize {
        self.read();
        self.seen.values().map(Vec::len).sum()
    }

    /// Calls to each number, once there are as many as `expected`, or those that came in time.
    pub fn by_number(&mut self, expected: usize) -> BTreeMap<String, usize> {
        self.reaching(expected);
        self.seen.iter().map(|(number, calls)| (number.clone(), calls.len())).collect()
    }

    fn read(&mut self) {
        // Reads what has come, up to the answer.
        self.ami.action("Ping", &[]).unwrap();
        while let Ok(event) = self.ami.wait_for(Duration::ZERO, |event| event.get("Event") == "Newchannel") {
            let calls = self.seen.entry(event.get("Exten").to_owned()).or_default();
            calls.push(event.get("Uniqueid").to_owned());
        }
    }
}
