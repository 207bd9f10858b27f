//! The people of the demo: a list over all behaviours of the carrier simulator.

use std::fmt::Write;

/// Behaviour of the carrier, seconds, and how many contacts have it. What they mean is written at the head of the
/// carrier's `extensions.conf`.
const CROWD: [(u8, u8, u32); 33] = [
    (10, 1, 40),
    (10, 3, 30),
    (11, 2, 16),
    (12, 2, 6),
    (13, 1, 6),
    (14, 1, 6),
    (20, 2, 24),
    (21, 2, 12),
    (22, 2, 6),
    (30, 0, 24),
    (31, 3, 12),
    (32, 0, 4),
    (33, 0, 6),
    (40, 0, 20),
    (41, 2, 20),
    (42, 0, 8),
    (43, 0, 12),
    (44, 0, 4),
    (45, 0, 4),
    (46, 0, 4),
    (47, 0, 4),
    (48, 0, 6),
    (49, 4, 2),
    (49, 10, 2),
    (49, 80, 2),
    (49, 84, 4),
    (50, 1, 4),
    (51, 1, 6),
    (52, 1, 6),
    (53, 2, 6),
    (54, 1, 4),
    (60, 0, 10),
    (99, 0, 2),
];
/// Coprime to the number of contacts: visits all of them, neighbours far apart.
const STRIDE: usize = 97;
const NAMES: [&str; 10] = ["Ada", "Bruno", "Chiara", "Davide", "Elena", "Fatima", "Goran", "Hélène", "Ivo", "João"];
const SURNAMES: [&str; 7] = ["Rossi", "O'Brien", "Müller", "Nowak", "da Silva", "Yılmaz", "Smith, Jr."];

/// A CSV file with a first row of labels, UTF-8, and the number of contacts in it.
///
/// The order mixes the behaviours: five 503 in a row would open the trunk's circuit, which is not what a demo shows first.
pub(crate) fn csv() -> (String, usize) {
    let kinds: Vec<(u8, u8)> =
        CROWD.iter().flat_map(|&(kind, seconds, count)| (0..count).map(move |_| (kind, seconds))).collect();
    let mut text = String::from("number,NAME,SURNAME\n");
    for place in 0..kinds.len() {
        let (kind, seconds) = kinds[place * STRIDE % kinds.len()];
        let (name, surname) = (NAMES[place % NAMES.len()], SURNAMES[place % SURNAMES.len()]);
        writeln!(text, "+1555{kind:02}{seconds:02}{place:03},{name},\"{surname}\"").expect("a String takes all");
    }
    (text, kinds.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn there_are_300_different_numbers_over_every_behaviour_and_refusals_do_not_come_in_a_row() {
        let (text, count) = csv();
        let numbers: Vec<&str> = text.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
        assert_eq!(numbers.len(), count);
        assert!(count >= 300, "{count}");
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), count);
        let kinds: BTreeSet<&str> = numbers.iter().map(|number| &number[5..7]).collect();
        assert_eq!(kinds.len(), 29);
        let refused = |number: &&str| matches!(&number[5..7], "42" | "45");
        assert!(numbers.windows(3).all(|three| three.iter().filter(|n| refused(n)).count() < 3));
    }
}
