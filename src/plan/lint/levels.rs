//! Is what a consistency level asks for all there, and right? Judged range by range, where `level` counts sets.

use super::pairs::protects;
use crate::plan::model::{NodeIx, Phase, Plan};
use crate::playbook::model::{Availability, Level, Strategy};
use crate::topology::model::{Replication, Topology};
use std::collections::{BTreeMap, BTreeSet};

/// Needs are of nodes that exist, sorted, and leave something to spare and something to keep.
pub fn well_formed(plan: &Plan, found: &mut Vec<String>) {
    for phase in &plan.phases {
        if phase.strategy == Strategy::Availability && phase.availability.is_none() {
            found.push("strategy `availability` without a level".into());
        }
        if phase.availability.is_none() && !phase.needs.is_empty() {
            found.push("needs of no level".into());
        }
        for need in &phase.needs {
            let sorted = need.nodes.windows(2).all(|two| two[0] < two[1]);
            if !sorted || need.nodes.last().is_none_or(|node| *node >= plan.nodes.len()) {
                found.push(format!("a need of {} names a node that is none, or one twice", need.keyspace));
            }
            if need.spare == 0 || need.spare as usize >= need.nodes.len() || need.replicas <= need.spare {
                found.push(format!("a need of {} spares {} of {} nodes", need.keyspace, need.spare, need.nodes.len()));
            }
        }
    }
}

/// Every range that a host is worked on of can lose no more than its level allows.
pub fn all_present(plan: &Plan, topology: &Topology, found: &mut Vec<String>) {
    for phase in &plan.phases {
        let Some(kept) = phase.availability.as_ref().filter(|_| phase.disruptive(plan)) else { continue };
        let worked: BTreeSet<NodeIx> = phase.hosts.iter().map(|target| plan.hosts[*target].node).collect();
        let needs: BTreeMap<&[NodeIx], u32> =
            phase.needs.iter().map(|need| (need.nodes.as_slice(), need.spare)).collect();
        for (name, keyspace) in
            topology.keyspaces.iter().filter(|(name, _)| protects(plan, name) && !kept.accept.contains(name))
        {
            let Some(ring) = keyspace.ring.and_then(|ring| topology.rings.get(ring)) else {
                found.push(format!("whether {name} keeps its level is unknown"));
                continue;
            };
            let sets: BTreeSet<usize> = ring.ranges.iter().map(|range| range.set).collect();
            for (nodes, needed) in
                sets.iter().flat_map(|set| counted(topology, &ring.sets[*set], &keyspace.replication, kept))
            {
                let grouped = !plan.groups.is_empty();
                if nodes.iter().any(|node| worked.contains(node))
                    && !held(phase, (kept, grouped), &needs, &nodes, needed)
                {
                    found.push(format!("a range of {name} can lose its level, and the plan does not know"));
                    break;
                }
            }
        }
    }
}

/// The replicas of a range with how many of them the level needs: in each data centre, or all together.
fn counted(
    topology: &Topology,
    set: &[NodeIx],
    replication: &Replication,
    kept: &Availability,
) -> Vec<(Vec<NodeIx>, usize)> {
    let factor = |datacenter: Option<&str>| match replication {
        Replication::NetworkTopology(factors) => {
            let here = factors.iter().filter(|(name, _)| datacenter.is_none_or(|wanted| wanted == name.as_str()));
            here.map(|(_, factor)| factor.total as usize).sum()
        }
        Replication::Simple(factor) => factor.total as usize,
        _ => usize::MAX / 2,
    };
    let needed = |replicas: usize| match kept.level {
        Level::One | Level::LocalOne => 1,
        Level::Two => 2,
        Level::Three => 3,
        Level::All => replicas,
        Level::Quorum | Level::LocalQuorum | Level::EachQuorum => replicas / 2 + 1,
    };
    let nodes = |datacenter: Option<&str>| {
        let here = |node: &&NodeIx| datacenter.is_none_or(|name| topology.hosts[**node].datacenter == name);
        let mut nodes: Vec<NodeIx> = set.iter().filter(here).copied().collect();
        nodes.sort_unstable();
        nodes
    };
    if matches!(kept.level, Level::One | Level::Two | Level::Three | Level::Quorum | Level::All) {
        return vec![(nodes(None), needed(factor(None)))];
    }
    let all: BTreeSet<&str> = set.iter().map(|node| topology.hosts[*node].datacenter.as_str()).collect();
    let wanted =
        all.into_iter().filter(|name| kept.datacenters.is_empty() || kept.datacenters.iter().any(|of| of == name));
    wanted.map(|name| (nodes(Some(name)), needed(factor(Some(name))))).collect()
}

/// Does the plan know of these replicas, by a need of its own, by every pair of them, or by the strategy's rule?
fn held(
    phase: &Phase,
    (kept, grouped): (&Availability, bool),
    needs: &BTreeMap<&[NodeIx], u32>,
    nodes: &[NodeIx],
    needed: usize,
) -> bool {
    let Some(spare) = nodes.len().checked_sub(needed).filter(|spare| *spare > 0) else { return false };
    let local = matches!(kept.level, Level::LocalOne | Level::LocalQuorum | Level::EachQuorum);
    if local && !grouped && matches!(phase.strategy, Strategy::One | Strategy::Topology) {
        return true;
    }
    if needs.get(nodes).is_some_and(|known| *known as usize <= spare) {
        return true;
    }
    let mut pairs = nodes.iter().enumerate().flat_map(|(place, a)| nodes[place + 1..].iter().map(move |b| [*a, *b]));
    pairs.all(|pair| needs.get(pair.as_slice()) == Some(&1))
}
