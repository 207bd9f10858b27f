//! A check that cannot fail is a defect: each is shown a world in which what it looks for goes wrong.

use sim::{Check, FaultSet, Options, Sabotage};

/// Worlds that a sabotage may take to be found in.
const WORLDS: u64 = 300;

#[test]
fn every_check_finds_what_it_looks_for() {
    let mut blind = Vec::new();
    for (sabotage, check) in Sabotage::ALL {
        let mut found = (1..=WORLDS).filter_map(|seed| finds(seed, sabotage));
        if !found.any(|found| found == check) {
            let found = (1..=WORLDS).filter_map(|seed| finds(seed, sabotage));
            let mut others: Vec<String> = found.map(Check::name).collect();
            others.sort();
            others.dedup();
            blind.push(format!("{sabotage:?}: {} finds nothing, found by {others:?}", check.name()));
        }
    }
    assert!(blind.is_empty(), "{}", blind.join("\n"));
    for check in Check::ALL {
        assert!(Sabotage::ALL.iter().any(|(_, by)| *by == check), "{} is never shown a wrong world", check.name());
    }
}

fn finds(seed: u64, sabotage: Sabotage) -> Option<Check> {
    // Some are seen only when something else goes wrong, others only when nothing does.
    let second_process = FaultSet::parse("second-process,commits-slow,database-stops").expect("these are kinds");
    let restarts = FaultSet::parse("process-killed").expect("this is a kind");
    let kills = FaultSet::parse("process-killed,process-killed-at-step").expect("these are kinds");
    let faults = match seed % 3 {
        _ if sabotage == Sabotage::IgnoresLease => Some(second_process),
        _ if sabotage == Sabotage::ForgetsTheHour => Some(restarts),
        _ if sabotage == Sabotage::ForgetsAgents => Some(kills),
        0 => Some(FaultSet::NONE),
        1 => None,
        _ => Some(FaultSet::ALL),
    };
    let options = Options { trail: 0, faults, hours: 0.1, sabotage: Some(sabotage), ..Options::default() };
    sim::run(seed, &options).err().map(|failure| failure.check)
}
