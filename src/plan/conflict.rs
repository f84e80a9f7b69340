//! Who may not be out together, read off a plan (semantics.md §3).

use super::model::{NodeIx, Plan};
use super::node_set::NodeSet;
use crate::playbook::model::Strategy;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The conflict rule of one plan, ready to be asked often.
///
/// Knows every node, also those that are not worked on: a foreign node that is down occupies its ranges.
#[derive(Clone, Debug)]
pub struct Conflicts {
    everybody: Option<String>,
    nodes: Vec<(IpAddr, String)>,
    neighbours: Vec<BTreeSet<NodeIx>>,
    /// The same as bits.
    near: Vec<NodeSet>,
    grouped: bool,
    /// Of each node, those that go out with it, itself among them.
    units: Vec<BTreeSet<NodeIx>>,
    shared: BTreeMap<(NodeIx, NodeIx), (String, u32)>,
}

impl Conflicts {
    /// # Panics
    /// When a pair of `plan.shared` names a node that does not exist; `lint` finds that before.
    pub fn of(plan: &Plan) -> Self {
        let mut conflicts = Conflicts::without_groups(plan);
        for group in &plan.groups {
            let union: BTreeSet<NodeIx> =
                group.nodes.iter().flat_map(|node| &conflicts.neighbours[*node]).copied().collect();
            let union: BTreeSet<NodeIx> = union.difference(&group.nodes).copied().collect();
            for node in &group.nodes {
                conflicts.neighbours[*node].clone_from(&union);
                conflicts.units[*node].clone_from(&group.nodes);
            }
        }
        conflicts.near = bits(&conflicts.neighbours);
        conflicts.grouped = !plan.groups.is_empty();
        conflicts
    }

    /// As if every node had a fate of its own: only a saboteur of the tests asks so.
    pub fn without_groups(plan: &Plan) -> Self {
        let count = plan.nodes.len();
        let mut neighbours = vec![BTreeSet::new(); count];
        if plan.everybody_conflicts.is_some() {
            for (node, others) in neighbours.iter_mut().enumerate() {
                others.extend((0..count).filter(|other| *other != node));
            }
        }
        let mut shared = BTreeMap::new();
        for pair in &plan.shared {
            neighbours[pair.a].insert(pair.b);
            neighbours[pair.b].insert(pair.a);
            shared.insert(key(pair.a, pair.b), (pair.keyspace.clone(), pair.ranges));
        }
        Conflicts {
            everybody: plan.everybody_conflicts.clone(),
            nodes: plan.nodes.iter().map(|node| (node.address, node.datacenter.clone())).collect(),
            near: bits(&neighbours),
            neighbours,
            grouped: false,
            units: (0..count).map(|node| BTreeSet::from([node])).collect(),
            shared,
        }
    }

    /// The co-replicas of the node, and of all that go out with it, under the conflict rule, whatever the strategy.
    /// Never the node itself, nor one of its group.
    pub fn neighbours(&self, node: NodeIx) -> &BTreeSet<NodeIx> {
        &self.neighbours[node]
    }

    /// All that go out with a node, itself among them.
    pub fn unit(&self, node: NodeIx) -> &BTreeSet<NodeIx> {
        &self.units[node]
    }

    /// Do both, or those that go out with them, hold replicas of one range under the conflict rule, whatever the
    /// strategy? Not within one group, which is out as a whole.
    pub fn share(&self, a: NodeIx, b: NodeIx) -> bool {
        if !self.grouped {
            return self.near[a].contains(b);
        }
        !self.units[a].contains(&b) && self.units[b].iter().any(|node| self.neighbours[a].contains(node))
    }

    /// The first of these that shares a range with a node; None where hosts go out together: then it is not that simple.
    pub fn first_that_shares(&self, node: NodeIx, others: &NodeSet) -> Option<Option<NodeIx>> {
        (!self.grouped).then(|| self.near[node].first_common(others))
    }

    /// Does `away`, which nobody is going to bring back in this run, keep `node` up, or one that goes out with it? It does
    /// so by the ranges that it holds itself.
    pub fn excludes_one_that_is_away(&self, strategy: Strategy, node: NodeIx, away: NodeIx) -> bool {
        if matches!(strategy, Strategy::All | Strategy::Availability) || self.units[node].contains(&away) {
            return false;
        }
        self.everybody.is_some() || self.units[node].iter().any(|of| self.shared.contains_key(&key(*of, away)))
    }

    /// The most ranges of one keyspace that both hold.
    pub fn ranges(&self, a: NodeIx, b: NodeIx) -> u32 {
        self.shared.get(&key(a, b)).map_or(0, |(_, ranges)| *ranges)
    }

    /// May the two not be out together under this strategy? A node never excludes itself.
    pub fn exclude_each_other(&self, strategy: Strategy, a: NodeIx, b: NodeIx) -> bool {
        match strategy {
            // what a level leaves room for is no matter of pairs (`level::Room`)
            Strategy::All | Strategy::Availability => false,
            Strategy::Topology => self.share(a, b),
            Strategy::One => {
                let datacenters = |unit: NodeIx| -> BTreeSet<&String> {
                    self.units[unit].iter().map(|node| &self.nodes[*node].1).collect()
                };
                !self.units[a].contains(&b) && (!datacenters(a).is_disjoint(&datacenters(b)) || self.share(a, b))
            }
        }
    }

    /// Why `a` may not be out while `b` is, as a sentence without a full stop.
    pub fn why(&self, strategy: Strategy, a: NodeIx, b: NodeIx) -> String {
        let (address, datacenter) = (self.nodes[a].0, &self.nodes[a].1);
        let other = self.nodes[b].0;
        if let Some((keyspace, ranges)) = self.shared.get(&key(a, b)) {
            let noun = if *ranges == 1 { "range" } else { "ranges" };
            return format!("{address} shares {ranges} {noun} of {keyspace} with {other}");
        }
        let pairs = self.units[a].iter().flat_map(|x| self.units[b].iter().map(move |y| (*x, *y)));
        if let Some((x, y)) = pairs.clone().find(|(x, y)| self.shared.contains_key(&key(*x, *y))) {
            let with = |node: NodeIx, asked: NodeIx| match node == asked {
                true => self.nodes[node].0.to_string(),
                false => format!("{} (which goes out with {})", self.nodes[node].0, self.nodes[asked].0),
            };
            let (keyspace, ranges) = &self.shared[&key(x, y)];
            let noun = if *ranges == 1 { "range" } else { "ranges" };
            return format!("{} shares {ranges} {noun} of {keyspace} with {}", with(x, a), with(y, b));
        }
        if let Some(reason) = self.everybody.as_ref().filter(|_| a != b) {
            return format!("{address} counts as sharing ranges with {other}: {reason}");
        }
        if strategy == Strategy::One && self.nodes[b].1 == *datacenter {
            return format!("strategy `one` takes out one host of {datacenter} at a time, and {other} comes before");
        }
        format!("{address} and {other} share no range that protects")
    }
}

fn bits(sets: &[BTreeSet<NodeIx>]) -> Vec<NodeSet> {
    sets.iter().map(|set| set.iter().copied().collect()).collect()
}

fn key(a: NodeIx, b: NodeIx) -> (NodeIx, NodeIx) {
    (a.min(b), a.max(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::model::Group;
    use crate::plan::samples;

    #[test]
    fn co_replicas_are_symmetric_and_never_the_node_itself() {
        let plan = samples::six_hosts();
        let conflicts = Conflicts::of(&plan);
        for node in 0..plan.nodes.len() {
            assert!(!conflicts.neighbours(node).contains(&node));
            for other in conflicts.neighbours(node) {
                assert!(conflicts.neighbours(*other).contains(&node));
            }
        }
        assert_eq!(conflicts.neighbours(0), &BTreeSet::from([2, 3, 4, 5]), "all hosts of the two other racks");
    }

    #[test]
    fn each_strategy_has_its_own_rule() {
        let mut plan = samples::six_hosts();
        let under = |plan: &Plan, strategy, a, b| Conflicts::of(plan).exclude_each_other(strategy, a, b);
        let topology = |a, b| under(&plan, Strategy::Topology, a, b);
        assert!(topology(0, 2) && !topology(0, 1) && !topology(0, 0));
        let ask = |plan: &Plan, a, b| under(plan, Strategy::One, a, b);
        assert!(ask(&plan, 0, 2) && ask(&plan, 0, 1) && !ask(&plan, 0, 0));
        plan.nodes[1].datacenter = "dc2".into();
        assert!(!ask(&plan, 0, 1), "another data centre, and no common range");
        plan.nodes[2].datacenter = "dc2".into();
        assert!(ask(&plan, 0, 2), "strategy one still tests conflicts between data centres");
        assert!(!under(&plan, Strategy::All, 0, 2));
        assert!(Conflicts::of(&plan).share(0, 2), "what is shared does not depend on the strategy");
    }

    #[test]
    fn an_unreadable_ring_makes_everybody_conflict() {
        let mut plan = samples::six_hosts();
        plan.shared.clear();
        plan.everybody_conflicts = Some("the ring of orders could not be read".into());
        let conflicts = Conflicts::of(&plan);
        for node in 0..6 {
            assert_eq!(conflicts.neighbours(node).len(), 5);
        }
        assert_eq!(
            conflicts.why(Strategy::Topology, 1, 0),
            "10.77.0.14 counts as sharing ranges with 10.77.0.11: the ring of orders could not be read"
        );
    }

    /// A group is out as a whole: whoever excludes one of it excludes all of it.
    #[test]
    fn a_group_has_the_neighbours_of_all_of_it() {
        let mut plan = samples::six_hosts();
        plan.shared.retain(|pair| (pair.a, pair.b) == (0, 2));
        let ask = |plan: &Plan, a, b| Conflicts::of(plan).exclude_each_other(Strategy::Topology, a, b);
        assert!(ask(&plan, 0, 2) && !ask(&plan, 1, 2) && !ask(&plan, 1, 3));
        let group =
            |nodes: &[NodeIx]| Group { name: "g".into(), nodes: nodes.iter().copied().collect(), by_machine_id: false };
        plan.groups = vec![group(&[0, 1]), group(&[2, 3])];
        assert!(ask(&plan, 0, 2) && ask(&plan, 1, 2) && ask(&plan, 1, 3) && ask(&plan, 3, 1));
        assert!(!ask(&plan, 0, 1) && !ask(&plan, 2, 3), "they go out together");
        assert!(!ask(&plan, 0, 4) && !ask(&plan, 1, 4));
        let conflicts = Conflicts::of(&plan);
        assert_eq!(conflicts.neighbours(1), &BTreeSet::from([2]), "what is asked before it is taken out");
        assert_eq!(
            conflicts.why(Strategy::Topology, 3, 1),
            "10.77.0.12 (which goes out with 10.77.0.15) shares 2 ranges of orders with 10.77.0.11 (which goes out with 10.77.0.14)"
        );
        let one = |a, b| conflicts.exclude_each_other(Strategy::One, a, b);
        assert!(!one(0, 1) && one(0, 4), "one group of a data centre at a time");
        assert!(!Conflicts::without_groups(&plan).share(1, 3));
    }

    #[test]
    fn the_reason_names_keyspace_and_ranges() {
        let conflicts = Conflicts::of(&samples::six_hosts());
        assert_eq!(conflicts.why(Strategy::Topology, 2, 0), "10.77.0.12 shares 2 ranges of orders with 10.77.0.11");
        assert_eq!(conflicts.why(Strategy::Topology, 0, 2), "10.77.0.11 shares 2 ranges of orders with 10.77.0.12");
        assert_eq!(conflicts.why(Strategy::Topology, 0, 1), "10.77.0.11 and 10.77.0.14 share no range that protects");
        assert_eq!(
            conflicts.why(Strategy::One, 1, 0),
            "strategy `one` takes out one host of dc1 at a time, and 10.77.0.11 comes before"
        );
    }
}
