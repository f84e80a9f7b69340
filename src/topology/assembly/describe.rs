//! Which rings the cluster is asked to print, and how each replica set comes to be known then.

use super::Said;
use crate::topology::model::{Factor, Placement, Replication};
use std::collections::{BTreeMap, BTreeSet};

/// So many replicas of ranges one answer may have. A replica takes some 130 bytes of `describering`, 250 with long names
/// and IPv6 addresses: 30 to 60 MB, which a node still makes and sends within the 30 s, and this program reads within the
/// 64 MiB, that an answer is given. (100 nodes of 256 tokens with RF 9 have 230 400, 1 000 of 16 have 144 000.)
const ANSWER: u64 = 250_000;
/// And so many all answers together: one such of each of the three nodes that are asked.
const ANSWERS: u64 = 3 * ANSWER;

/// Which keyspaces to ask `describering` of: one for each distinct replication setting, the first by name.
///
/// None for LocalStrategy (no constraint), unknown strategies (no ring is believed) and what can be computed and is too
/// large to be printed. Keyspaces that are everywhere are asked one by one: the members of MetaStrategy are known to the
/// cluster alone.
pub fn to_describe(said: &Said) -> Vec<String> {
    let asked = |how: &Placement| !matches!(how, Placement::TooLarge | Placement::UnknownStrategy);
    placements(said).into_iter().filter(|(_, how)| asked(how)).map(|(name, _)| name).collect()
}

/// How the replica sets of each distinct replication setting come to be known, by the keyspace that stands for it.
pub fn placements(said: &Said) -> BTreeMap<String, Placement> {
    let mut seen: BTreeSet<&Replication> = BTreeSet::new();
    let mut known = BTreeMap::new();
    let mut computable = Vec::new();
    let numbers = by_number(&said.cluster.partitioner);
    for (name, replication) in &said.cluster.keyspaces {
        let first = seen.insert(replication);
        let how = match replication {
            Replication::Local => continue,
            Replication::Everywhere => Placement::Everywhere,
            _ if !first => continue,
            Replication::Unknown(_) => Placement::UnknownStrategy,
            _ if transient(replication) => Placement::Transient,
            _ if !numbers => Placement::Tokens,
            Replication::Simple(_) | Replication::NetworkTopology(_) => {
                computable.push((name, replication));
                continue;
            }
        };
        known.insert(name.clone(), how);
    }
    // What cannot be computed is asked for anyway. Of the rest the rack rule first: it is what one may get wrong.
    computable.sort_by_key(|(name, replication)| (matches!(replication, Replication::Simple(_)), *name));
    let mut printed = 0;
    for (name, replication) in computable {
        let replicas = replicas(said, replication);
        let fits = replicas <= ANSWER && printed + replicas <= ANSWERS;
        printed += if fits { replicas } else { 0 };
        known.insert(name.clone(), if fits { Placement::Compared } else { Placement::TooLarge });
    }
    known
}

/// Can its tokens be walked in the order of their numbers?
pub fn by_number(partitioner: &str) -> bool {
    ["Murmur3Partitioner", "RandomPartitioner"].iter().any(|name| partitioner.ends_with(name))
}

fn transient(replication: &Replication) -> bool {
    let some = |factor: &Factor| factor.transient > 0;
    match replication {
        Replication::Simple(factor) => some(factor),
        Replication::NetworkTopology(factors) => factors.values().any(some),
        _ => false,
    }
}

/// Ranges times replicas, at most: what `describering` would print.
fn replicas(said: &Said, replication: &Replication) -> u64 {
    let rows = said.status.rows.values();
    // (the layout without a number of tokens is that of one token a node)
    let ranges: u64 = rows.clone().map(|row| u64::from(row.tokens.unwrap_or(1))).sum();
    let nodes = |dc: Option<&String>| rows.clone().filter(|row| dc.is_none_or(|name| row.datacenter == *name)).count();
    let there = |dc, factor: &Factor| u64::from(factor.total).min(nodes(dc) as u64);
    ranges
        * match replication {
            Replication::Simple(factor) => there(None, factor),
            Replication::NetworkTopology(factors) => factors.iter().map(|(dc, factor)| there(Some(dc), factor)).sum(),
            _ => 0,
        }
}

#[cfg(test)]
mod tests;
