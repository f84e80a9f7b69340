//! Which keyspaces protect hosts from each other, and which hosts they protect (semantics.md §3).
//!
//! Fails closed: a ring that is missing, empty or thinner than configured, a strategy that is not
//! known, or no keyspace at all make everybody conflict with everybody (semantics.md §2, 1).

use super::drift::shown;
use super::model::{NodeIx, Shared};
use crate::playbook::model::Keyspaces;
use crate::topology::model::{HostIx, Replication, Ring, Topology};
use std::collections::{BTreeMap, BTreeSet};

/// No client reads or writes them, and their SimpleStrategy ignores racks.
pub const LEFT_OUT: [&str; 2] = ["system_distributed", "system_traces"];

/// Does a keyspace of this name protect, when these were asked for?
pub fn protects(asked: &Keyspaces, name: &str) -> bool {
    match asked {
        Keyspaces::Data => !LEFT_OUT.contains(&name),
        Keyspaces::All => true,
        Keyspaces::Only(names) => names.iter().any(|listed| listed == name),
    }
}

/// What a plan knows about who conflicts with whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Sorted by `a`, then `b`; `a < b`.
    pub shared: Vec<Shared>,
    /// Why everybody conflicts with everybody, if so.
    pub everybody: Option<String>,
}

impl Protection {
    pub fn of(topology: &Topology, asked: &Keyspaces) -> Self {
        let mut best: BTreeMap<(NodeIx, NodeIx), Shared> = BTreeMap::new();
        let mut everybody = None;
        let mut counted: BTreeMap<(usize, bool), BTreeMap<(NodeIx, NodeIx), u32>> = BTreeMap::new();
        let mut any = false;
        for (name, keyspace) in topology.keyspaces.iter().filter(|(name, _)| protects(asked, name)) {
            any = true;
            let local = match readable(topology, name) {
                Ok(local) => local,
                Err(reason) => {
                    everybody.get_or_insert(reason);
                    continue;
                }
            };
            let Some(ring) = keyspace.ring else { continue };
            let pairs = counted.entry((ring, local)).or_insert_with(|| pairs(topology, &topology.rings[ring], local));
            for ((a, b), ranges) in pairs.iter() {
                let now = Shared { a: *a, b: *b, keyspace: name.clone(), ranges: *ranges };
                let known = best.entry((*a, *b)).or_insert_with(|| now.clone());
                if now.ranges > known.ranges {
                    *known = now; // names come sorted, so the first keeps its place among equals
                }
            }
        }
        if !any {
            everybody = Some("no keyspace protects anything".into());
        }
        Protection { shared: best.into_values().collect(), everybody }
    }
}

/// Is the keyspace's ring one to rely on, and do only replicas of one data centre conflict?
///
/// # Errors
/// Why everybody must conflict with everybody.
pub(super) fn readable(topology: &Topology, name: &str) -> Result<bool, String> {
    let keyspace = &topology.keyspaces[name];
    let local = match &keyspace.replication {
        Replication::NetworkTopology(_) => true,
        Replication::Simple(_) => false,
        Replication::Everywhere => return Err(format!("every node holds all of {name}")),
        Replication::Local => return Err(format!("{name} is local to each node, and yet listed as replicated")),
        Replication::Unknown(class) => return Err(format!("{name} is replicated by {class}, which is not known")),
    };
    let Some(ring) = keyspace.ring.and_then(|ring| topology.rings.get(ring)) else {
        return Err(format!("the ring of {name} could not be read"));
    };
    if ring.ranges.is_empty() {
        return Err(format!("the ring of {name} has no range"));
    }
    match thin(topology, &keyspace.replication, ring) {
        Some((place, wanted, seen)) => Err(format!(
            "the ring of {name} ({}) shows a range with {seen} replicas in {place}, not {wanted}",
            shown(&keyspace.replication)
        )),
        None => Ok(local),
    }
}

/// A range with fewer replicas than configured (and than there are nodes): part of the ring was not read.
fn thin(topology: &Topology, replication: &Replication, ring: &Ring) -> Option<(String, usize, usize)> {
    let owners = |dc: Option<&str>| {
        let here = |host: &HostIx| dc.is_none_or(|dc| topology.hosts[*host].datacenter == dc);
        (0..topology.hosts.len()).filter(|host| topology.hosts[*host].tokens > 0 && here(host)).count()
    };
    let wanted: Vec<(Option<&str>, usize)> = match replication {
        Replication::NetworkTopology(factors) => {
            factors.iter().map(|(dc, f)| (Some(dc.as_str()), owners(Some(dc)).min(f.total as usize))).collect()
        }
        Replication::Simple(factor) => vec![(None, owners(None).min(factor.total as usize))],
        _ => Vec::new(),
    };
    let sets: BTreeSet<usize> = ring.ranges.iter().map(|range| range.set).collect();
    for set in sets {
        for (dc, wanted) in &wanted {
            let here = |host: &&HostIx| dc.is_none_or(|dc| topology.hosts[**host].datacenter == dc);
            let seen = ring.sets.get(set).map_or(0, |hosts| hosts.iter().filter(here).count());
            if seen < *wanted {
                return Some((dc.unwrap_or("the cluster").to_string(), *wanted, seen));
            }
        }
    }
    None
}

/// Pairs that hold replicas of one range, with the number of ranges.
fn pairs(topology: &Topology, ring: &Ring, local: bool) -> BTreeMap<(NodeIx, NodeIx), u32> {
    let mut ranges = vec![0u32; ring.sets.len()];
    for range in &ring.ranges {
        ranges[range.set] += 1;
    }
    let mut pairs = BTreeMap::new();
    for (set, ranges) in ring.sets.iter().zip(ranges).filter(|(_, ranges)| *ranges > 0) {
        for (place, a) in set.iter().enumerate() {
            for b in &set[place + 1..] {
                if !local || topology.hosts[*a].datacenter == topology.hosts[*b].datacenter {
                    *pairs.entry((*a.min(b), *a.max(b))).or_insert(0) += ranges;
                }
            }
        }
    }
    pairs
}

/// No two hosts of one rack of this data centre share a range under the rule: racks can be worked on as a whole.
pub fn racks_are_free(topology: &Topology, protection: &Protection, datacenter: &str) -> bool {
    let one_rack = |pair: &Shared| {
        let (a, b) = (&topology.hosts[pair.a], &topology.hosts[pair.b]);
        a.datacenter == datacenter && (&a.datacenter, &a.rack) == (&b.datacenter, &b.rack)
    };
    protection.everybody.is_none() && !protection.shared.iter().any(one_rack)
}

#[cfg(test)]
mod tests;
