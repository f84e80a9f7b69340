//! Are the pairs that exclude each other all there, and right?

use crate::plan::level::Room;
use crate::plan::model::{NodeIx, Phase, Plan};
use crate::playbook::model::{Keyspaces, Strategy};
use crate::topology::model::{Replication, Topology};
use std::collections::BTreeMap;

/// Pairs are of nodes that exist, each once and sorted, of a keyspace that protects.
pub fn well_formed(plan: &Plan, found: &mut Vec<String>) {
    for pair in &plan.shared {
        if pair.a >= pair.b || pair.b >= plan.nodes.len() {
            found.push(format!("pair {}-{} is not of two nodes, the smaller first", pair.a, pair.b));
        }
        if pair.ranges == 0 || !plan.keyspaces.get(&pair.keyspace).is_some_and(|keyspace| keyspace.protects) {
            found.push(format!("pair {}-{} names no range of a keyspace that protects", pair.a, pair.b));
        }
    }
    if plan.shared.windows(2).any(|two| (two[0].a, two[0].b) >= (two[1].a, two[1].b)) {
        found.push("pairs are not sorted, or one is there twice".into());
    }
}

/// Where racks are finished one by one, no two hosts of one rack exclude each other.
pub fn racks_are_free<'p>(plan: &'p Plan, found: &mut Vec<String>) {
    let of = |phase: &'p Phase| phase.datacenters.iter().map(move |dc| (phase, dc));
    for (phase, dc) in plan.phases.iter().flat_map(of).filter(|(_, dc)| dc.rack_by_rack) {
        if phase.strategy == Strategy::Availability {
            let room = Room::of(plan, phase);
            for rack in &dc.racks {
                let here = |node: &NodeIx| plan.nodes[*node].datacenter == dc.name && plan.nodes[*node].rack == *rack;
                let nodes = phase.hosts.iter().map(|target| plan.hosts[*target].node).filter(here).collect();
                if room.broken(&nodes, |_| false).is_some() {
                    found.push(format!("{} goes rack by rack, but {rack} may not be out as a whole", dc.name));
                }
            }
            continue;
        }
        if phase.strategy != Strategy::Topology || plan.everybody_conflicts.is_some() {
            found.push(format!("{} goes rack by rack, without a rule that frees a rack", dc.name));
        }
        for pair in &plan.shared {
            let (a, b) = (&plan.nodes[pair.a], &plan.nodes[pair.b]);
            if (&a.datacenter, &a.rack) == (&b.datacenter, &b.rack) && a.datacenter == dc.name {
                found.push(format!("{} goes rack by rack, but {} and {} share ranges", dc.name, a.address, b.address));
            }
        }
    }
}

/// Does this keyspace protect? (Written apart from `protection`, as all of this.)
pub(super) fn protects(plan: &Plan, name: &String) -> bool {
    match &plan.protect {
        Keyspaces::All => true,
        Keyspaces::Data => name != "system_traces" && name != "system_distributed",
        Keyspaces::Only(list) => list.contains(name),
    }
}

/// Every pair of the cluster's rings is in the plan with its count, and no other.
///
/// Walks range by range, where `compile` counts replica sets.
pub fn all_present(plan: &Plan, topology: &Topology, found: &mut Vec<String>) {
    let mut pairs: BTreeMap<(NodeIx, NodeIx), BTreeMap<&str, u32>> = BTreeMap::new();
    let mut unknown = Vec::new();
    for (name, keyspace) in &topology.keyspaces {
        let protects = protects(plan, name);
        match plan.keyspaces.get(name) {
            None => found.push(format!("keyspace {name} is missing")),
            Some(planned) if planned.protects != protects => {
                found.push(format!("keyspace {name}: whether it protects is wrong"))
            }
            Some(planned) if planned.replication != keyspace.replication => {
                found.push(format!("keyspace {name} has another replication"))
            }
            Some(_) => {}
        }
        if !protects {
            continue;
        }
        let local = matches!(keyspace.replication, Replication::NetworkTopology(_));
        let known = local || matches!(keyspace.replication, Replication::Simple(_));
        let Some(ring) = keyspace.ring.map(|ring| &topology.rings[ring]).filter(|_| known) else {
            unknown.push(name);
            continue;
        };
        for range in &ring.ranges {
            for a in &ring.sets[range.set] {
                for b in ring.sets[range.set].iter().filter(|b| *b > a) {
                    if !local || plan.nodes[*a].datacenter == plan.nodes[*b].datacenter {
                        *pairs.entry((*a, *b)).or_default().entry(name).or_default() += 1;
                    }
                }
            }
        }
    }
    if plan.everybody_conflicts.is_none() {
        found.extend(unknown.iter().map(|name| format!("the ring of {name} is unknown, and not everybody conflicts")));
        if !plan.keyspaces.values().any(|keyspace| keyspace.protects) {
            found.push("no keyspace protects, and not everybody conflicts".into());
        }
    }
    // (where everybody conflicts with everybody, pairs add nothing to it)
    if plan.everybody_conflicts.is_none() {
        compare(plan, &pairs, found);
    }
}

fn compare(plan: &Plan, pairs: &BTreeMap<(NodeIx, NodeIx), BTreeMap<&str, u32>>, found: &mut Vec<String>) {
    let planned: BTreeMap<_, _> = plan.shared.iter().map(|pair| ((pair.a, pair.b), pair)).collect();
    let name = |(a, b): &(NodeIx, NodeIx)| format!("{} and {}", plan.nodes[*a].address, plan.nodes[*b].address);
    for (pair, keyspaces) in pairs {
        let most = keyspaces.values().max().copied().unwrap_or(0);
        let first = keyspaces.iter().find(|(_, ranges)| **ranges == most).map(|(name, _)| *name);
        match planned.get(pair) {
            None => found.push(format!("{} share {most} ranges, and the plan does not know", name(pair))),
            Some(shown) if shown.ranges != most || Some(shown.keyspace.as_str()) != first => {
                found.push(format!("{} share {most} ranges, the plan says {}", name(pair), shown.ranges))
            }
            Some(_) => {}
        }
    }
    for pair in planned.keys().filter(|pair| !pairs.contains_key(pair)) {
        found.push(format!("{} share nothing, the plan says they do", name(pair)));
    }
}
