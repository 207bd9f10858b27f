//! What is wrong, as the live figures show it.

use super::episodes::{AlertKind, Trouble};
use crate::live::{Circuit, Live, PbxState};

/// Everything that is wrong at this instant.
pub(super) fn of(live: &Live) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut wrong = |kind, subject, name: &str, why: String| {
        troubles.push(Trouble { kind, subject, name: name.to_owned(), why });
    };
    for pbx in &live.pbxs {
        let state = match pbx.state {
            PbxState::Up | PbxState::Reconciling => continue,
            PbxState::Stale => "does not answer",
            PbxState::Down => "is not connected",
        };
        let because = if pbx.why.is_empty() { String::new() } else { format!(" ({})", pbx.why) };
        let why = format!("PBX {} {state}{because}: nothing new is dialled on it", pbx.name);
        wrong(AlertKind::PbxLost, pbx.id.0, &pbx.name, why);
    }
    if let Some(hold) = &live.hold {
        let why = format!("dialling is held by {}: {}", hold.by, hold.why);
        wrong(AlertKind::DiallingHeld, 0, "", why);
    }
    if let Some(storage) = &live.storage {
        wrong(AlertKind::Storage, 0, "", format!("no new call is begun: {}", storage.why));
    }
    for trunk in live.trunks.iter().filter(|trunk| trunk.circuit != Circuit::Closed) {
        let why = format!("trunk {} rests: its carrier refused call after call", trunk.name);
        wrong(AlertKind::CircuitOpen, trunk.id.0, &trunk.name, why);
    }
    troubles
}
