//! Which keyspaces protect hosts from each other, and which hosts they protect (semantics.md §3).
//!
//! Fails closed: a ring that is missing, empty or thinner than configured, a strategy that is not
//! known, or no keyspace at all make everybody conflict with everybody (semantics.md §2, 1).

use super::drift::shown;
use super::model::{NodeIx, Shared};
use crate::playbook::model::Keyspaces;
use crate::topology::model::{Host, HostIx, Replication, Ring, Topology};
use std::collections::BTreeSet;

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
        let mut shared = Vec::new();
        let mut everybody = None;
        let mut seen: BTreeSet<(Option<usize>, &Replication)> = BTreeSet::new();
        let mut any = false;
        for (name, keyspace) in topology.keyspaces.iter().filter(|(name, _)| protects(asked, name)) {
            any = true;
            // of keyspaces that are replicated alike the first by name speaks
            if !seen.insert((keyspace.ring, &keyspace.replication)) {
                continue;
            }
            let local = match readable(topology, name) {
                Ok(local) => local,
                Err(reason) => {
                    everybody.get_or_insert(reason);
                    continue;
                }
            };
            let Some(ring) = keyspace.ring else { continue };
            shared = most(shared, pairs(topology, &topology.rings[ring], local), name);
        }
        if !any {
            everybody = Some("no keyspace protects anything".into());
        }
        Protection { shared, everybody }
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
    // of each host the place in `wanted` that it counts for: names are compared once, and not for each range
    let place = |host: &Host| wanted.iter().position(|(dc, _)| dc.is_none_or(|dc| host.datacenter == dc));
    let places: Vec<Option<usize>> = topology.hosts.iter().map(place).collect();
    let sets = ring.ranges.iter().map(|range| range.set).max().map_or(0, |last| last + 1);
    let mut used = vec![false; sets];
    ring.ranges.iter().for_each(|range| used[range.set] = true);
    let mut seen = vec![0; wanted.len()];
    for set in (0..sets).filter(|set| used[*set]) {
        seen.fill(0);
        let hosts = ring.sets.get(set).into_iter().flatten();
        hosts.filter_map(|host| places[*host]).for_each(|place| seen[place] += 1);
        if let Some((place, (dc, wanted))) =
            wanted.iter().enumerate().find(|(place, (_, wanted))| seen[*place] < *wanted)
        {
            return Some((dc.unwrap_or("the cluster").to_string(), *wanted, seen[place]));
        }
    }
    None
}

/// Pairs that hold replicas of one range, with the number of ranges, in order.
///
/// Host by host: rings of a thousand hosts have hundreds of thousands of sets, and a table of pairs would be searched
/// for each pair of each of them.
fn pairs(topology: &Topology, ring: &Ring, local: bool) -> Vec<(NodeIx, NodeIx, u32)> {
    let mut ranges = vec![0u32; ring.sets.len()];
    for range in &ring.ranges {
        ranges[range.set] += 1;
    }
    let mut holds: Vec<Vec<u32>> = vec![Vec::new(); topology.hosts.len()];
    for (ix, set) in ring.sets.iter().enumerate().filter(|(ix, _)| ranges[*ix] > 0) {
        set.iter().for_each(|host| holds[*host].push(ix as u32));
    }
    let mut pairs = Vec::new();
    let mut with = vec![0u32; topology.hosts.len()];
    for (a, sets) in holds.iter().enumerate() {
        for ix in sets {
            let others = ring.sets[*ix as usize].iter().filter(|b| **b > a);
            others.for_each(|b| with[*b] += ranges[*ix as usize]);
        }
        let near = |b: NodeIx| !local || topology.hosts[a].datacenter == topology.hosts[b].datacenter;
        for (b, ranges) in with.iter_mut().enumerate().skip(a + 1) {
            let ranges = std::mem::take(ranges);
            if ranges > 0 && near(b) {
                pairs.push((a, b, ranges));
            }
        }
    }
    pairs
}

/// Of each pair the keyspace of which both hold the most ranges; the one that is known already, where it is as many.
fn most(known: Vec<Shared>, pairs: Vec<(NodeIx, NodeIx, u32)>, keyspace: &str) -> Vec<Shared> {
    let mut all = Vec::with_capacity(known.len().max(pairs.len()));
    let mut known = known.into_iter().peekable();
    for (a, b, ranges) in pairs {
        while let Some(before) = known.next_if(|shared| (shared.a, shared.b) < (a, b)) {
            all.push(before);
        }
        match known.next_if(|shared| (shared.a, shared.b) == (a, b)) {
            Some(same) if same.ranges >= ranges => all.push(same),
            _ => all.push(Shared { a, b, keyspace: keyspace.to_owned(), ranges }),
        }
    }
    all.extend(known);
    all
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
