//! The generated table of prefixes, as a tree of digits.

use super::place_of;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The table, read when it is first asked.
pub(super) static MAP: LazyLock<Map> = LazyLock::new(|| Map::parse(include_str!("map.txt")));

const NONE: u16 = u16::MAX;

/// Prefixes with their sets of zones.
pub(super) struct Map {
    nodes: Vec<Node>,
    /// Each set of zones, as places among all names.
    pub(super) sets: Vec<Vec<u16>>,
}

#[derive(Clone)]
struct Node {
    /// The node behind each digit, [`NONE`] where there is none.
    behind: [u16; 10],
    /// The set of this prefix, [`NONE`] where it has none of its own.
    set: u16,
}

impl Node {
    const EMPTY: Self = Self { behind: [NONE; 10], set: NONE };
}

impl Map {
    /// Lines of a prefix and its zones; `#` begins a comment. The text is ours: what cannot be read is a defect.
    fn parse(text: &str) -> Self {
        let mut map = Self { nodes: vec![Node::EMPTY], sets: Vec::new() };
        let mut known = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let prefix = words.next().expect("every line begins with a prefix");
            let places: Vec<u16> = words.map(|name| place_of(name).expect("the table names IANA zones")).collect();
            let set = *known.entry(places).or_insert_with_key(|places| {
                map.sets.push(places.clone());
                map.sets.len() - 1
            });
            let node = prefix.bytes().fold(0, |node, digit| map.node_behind(node, digit));
            map.nodes[node].set = u16::try_from(set).expect("hundreds of sets");
        }
        map
    }

    fn node_behind(&mut self, node: usize, digit: u8) -> usize {
        let digit = usize::from(digit - b'0');
        if self.nodes[node].behind[digit] == NONE {
            self.nodes[node].behind[digit] = u16::try_from(self.nodes.len()).expect("thousands of prefixes");
            self.nodes.push(Node::EMPTY);
        }
        usize::from(self.nodes[node].behind[digit])
    }

    /// The set of the longest prefix of `digits`.
    pub(super) fn set_of(&self, digits: &str) -> Option<u16> {
        let (mut node, mut set) = (0, NONE);
        for digit in digits.bytes() {
            let Some(digit) = digit.checked_sub(b'0').filter(|digit| *digit < 10) else { break };
            let behind = self.nodes[node].behind[usize::from(digit)];
            if behind == NONE {
                break;
            }
            node = usize::from(behind);
            if self.nodes[node].set != NONE {
                set = self.nodes[node].set;
            }
        }
        (set != NONE).then_some(set)
    }
}
