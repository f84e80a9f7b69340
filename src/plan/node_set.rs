//! Nodes as bits: whether two large sets have a node in common is asked of every host that waits, at every answer.

use super::model::NodeIx;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSet(Vec<u64>);

impl NodeSet {
    pub fn insert(&mut self, node: NodeIx) {
        let word = node / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (node % 64);
    }

    pub fn contains(&self, node: NodeIx) -> bool {
        self.0.get(node / 64).is_some_and(|word| word & (1 << (node % 64)) != 0)
    }

    /// The smallest node of both.
    pub fn first_common(&self, other: &NodeSet) -> Option<NodeIx> {
        let mut words = self.0.iter().zip(&other.0).enumerate();
        words.find_map(|(at, (a, b))| (a & b != 0).then(|| at * 64 + (a & b).trailing_zeros() as usize))
    }
}

impl FromIterator<NodeIx> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeIx>>(nodes: I) -> Self {
        let mut set = NodeSet::default();
        nodes.into_iter().for_each(|node| set.insert(node));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_sets_have_in_common() {
        let of = |nodes: &[NodeIx]| nodes.iter().copied().collect::<NodeSet>();
        assert_eq!(of(&[3, 64, 700]).first_common(&of(&[65, 700])), Some(700));
        assert_eq!(of(&[3, 64]).first_common(&of(&[64, 3])), Some(3));
        assert_eq!(of(&[3]).first_common(&of(&[700])), None);
        assert_eq!(of(&[]).first_common(&of(&[1])), None);
        assert!(of(&[63]).contains(63) && !of(&[63]).contains(64) && !of(&[]).contains(0));
    }
}
