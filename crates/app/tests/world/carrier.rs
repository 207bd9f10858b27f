//! What the carrier itself saw: the judge of what was dialled.

use std::collections::BTreeMap;
use std::time::Duration;
use testkit::Instance;
use testkit::ami::Ami;

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

    /// Calls so far.
    pub fn total(&mut self) -> usize {
        self.read();
        self.seen.values().map(Vec::len).sum()
    }

    /// Calls so far to each number.
    pub fn by_number(&mut self) -> BTreeMap<String, usize> {
        self.read();
        self.seen.iter().map(|(number, calls)| (number.clone(), calls.len())).collect()
    }

    fn read(&mut self) {
        // Answers come after the events that were before them: what is on its way is in when this one is.
        self.ami.action("Ping", &[]).unwrap();
        while let Ok(event) = self.ami.wait_for(Duration::ZERO, |event| event.get("Event") == "Newchannel") {
            let calls = self.seen.entry(event.get("Exten").to_owned()).or_default();
            calls.push(event.get("Uniqueid").to_owned());
        }
    }
}
