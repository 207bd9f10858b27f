//! Floors that nobody thought of: every figure drawn from a seed.

use super::chance::Chance;
use super::named::base;
use super::{Floor, Rates, Staffing};

/// The floor of a seed: 3 to `agents_max` agents, evenly on a scale of powers.
pub fn drawn(seed: u64, agents_max: u32) -> Floor {
    let mut chance = Chance::of(seed, u64::MAX);
    let powers = (f64::from(agents_max.max(4)) / 3.0).ln();
    let agents = (3.0 * (powers * chance.share()).exp()).round() as u32;
    let mut floor = base(&format!("drawn {seed}"), agents);
    let yes = |chance: &mut Chance, share: f64| chance.share() < share;
    if yes(&mut chance, 0.5) {
        floor.days = 1;
        floor.terms.period_s = floor.shift_s;
    }
    floor.terms.analysis = yes(&mut chance, 0.6);
    let person = chance.between(0.06, 0.4);
    floor.rates = Rates {
        person,
        machine: chance.between(0.05, 0.4),
        failed: chance.between(0.02, 0.2),
        wave: (person * chance.between(0.0, 0.5), chance.between(0.5, 6.0)),
        drift: (person * chance.between(-0.5, 0.5), 0.0),
        ..Rates::default()
    };
    if yes(&mut chance, 0.2) {
        let every_s = chance.between(900.0, 4_000.0);
        floor.rates.bursts = Some((every_s, chance.between(120.0, 600.0), chance.between(0.02, 0.6)));
    }
    if yes(&mut chance, 0.2) {
        let from = chance.between(0.1, 0.9);
        floor.rates.outages = vec![(from, from + chance.between(0.005, 0.05))];
    }
    floor.talk = (chance.between(40.0, 300.0), chance.between(0.4, 1.6));
    floor.heavy = if yes(&mut chance, 0.25) { chance.between(0.1, 0.6) } else { 0.0 };
    floor.wrap_up = (chance.between(4.0, 60.0), chance.between(0.2, 1.0));
    floor.rings = (chance.between(5.0, 14.0), chance.between(0.3, 0.8));
    floor.terms.ring_timeout_s = chance.between(20.0, 40.0).round();
    if yes(&mut chance, 0.3) {
        floor.staffing = Staffing::Comes(chance.between(0.5, 0.95), chance.between(300.0, 3_600.0));
    }
    if yes(&mut chance, 0.3) {
        floor.pauses = (0.0, 0.0);
    }
    floor.mistakes = (chance.between(0.0, 0.04), chance.between(0.0, 0.1));
    if floor.terms.analysis && yes(&mut chance, 0.3) {
        floor.mistakes.0 = chance.between(0.003, 0.012);
        floor.terms.lost_to_analysis = floor.mistakes.0;
    }
    if yes(&mut chance, 0.2) {
        floor.terms.lines_max = agents * 3;
    }
    if yes(&mut chance, 0.2) {
        floor.terms.launches_per_s = (agents / 8).max(2);
    }
    floor
}
