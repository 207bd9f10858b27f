//! Our PBX and a carrier behind it.

use std::thread;

use anyhow::Result;

use crate::{Instance, PortBlock, Template};

/// Two Asterisks that know each other: what the PBX dials as `PJSIP/<number>@carrier` reaches the simulator.
pub struct Pair {
    /// Ours: ARI, manager interface, trunks, end points.
    pub pbx: Instance,
    /// The simulator; the dialled number decides.
    pub carrier: Instance,
    /// The ports of both, and some more.
    pub ports: PortBlock,
}

impl Pair {
    /// Starts both at once on leased ports. Takes about as long as one.
    pub fn start() -> Result<Self> {
        Self::start_on(PortBlock::lease()?)
    }

    /// As [`Pair::start`], on the given ports.
    pub fn start_on(ports: PortBlock) -> Result<Self> {
        Self::start_with(ports, &[])
    }

    /// As [`Pair::start`], with a PBX that keeps call records: `log/cdr-csv/Master.csv`.
    pub fn start_with_call_records() -> Result<Self> {
        Self::start_with(PortBlock::lease()?, &[("CDR", "yes"), ("CDR_MODULE", "load")])
    }

    fn start_with(ports: PortBlock, pbx: &[(&str, &str)]) -> Result<Self> {
        // One finds (or fetches) Asterisk, before two threads ask for it.
        crate::asterisk::find()?;
        let (pbx, carrier) = thread::scope(|scope| {
            let carrier = scope.spawn(|| Instance::start(Template::Carrier, &ports));
            let pbx = Instance::start_with(Template::Pbx, &ports, pbx);
            (pbx, carrier.join().expect("starting does not panic"))
        });
        Ok(Self { pbx: pbx?, carrier: carrier?, ports })
    }
}
