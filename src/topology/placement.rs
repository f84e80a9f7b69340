//! Who holds a replica of what, computed from tokens as Cassandra computes it.
//!
//! Used where there is no cluster to ask (sandbox, simulator) and to check what a cluster said;
//! a plan for a real cluster uses the replica sets that the cluster itself printed.

use super::model::{Host, HostIx, Replication, Ring, TokenRange};
use std::collections::{BTreeMap, BTreeSet};

/// The ring of one replication setting: one range for each token, in token order.
///
/// `tokens` need not be sorted; a token must occur once. Only hosts that own a token count as
/// nodes of their data centre and rack (`TokenMetadata.updateNormalTokens`). LocalStrategy gives an
/// empty ring (no constraint); an unknown strategy makes every host a replica of every range.
///
/// # Panics
/// When a token names a host that is not in `hosts`, or occurs twice.
pub fn replicas(tokens: &[(i128, HostIx)], hosts: &[Host], replication: &Replication) -> Ring {
    let mut sorted = tokens.to_vec();
    sorted.sort_unstable();
    assert!(sorted.windows(2).all(|pair| pair[0].0 != pair[1].0), "a token occurs twice");
    let walk = Walk { tokens: &sorted, hosts };
    let everybody = || (0..hosts.len()).collect::<Vec<_>>();
    match replication {
        Replication::Local => Ring::default(),
        Replication::Unknown(_) => walk.ring(|_| everybody()),
        Replication::Everywhere => {
            let owners: BTreeSet<HostIx> = sorted.iter().map(|(_, host)| *host).collect();
            walk.ring(|_| owners.iter().copied().collect())
        }
        Replication::Simple(factor) => walk.ring(|at| walk.simple(at, factor.total as usize)),
        Replication::NetworkTopology(factors) => {
            let racks = RackCounts::of(&walk);
            let wanted: BTreeMap<&str, Need> = factors
                .iter()
                .filter_map(|(dc, factor)| Some((dc.as_str(), racks.need(dc, factor.total as usize)?)))
                .collect();
            walk.ring(|at| walk.network_topology(at, &wanted))
        }
    }
}

struct Walk<'a> {
    tokens: &'a [(i128, HostIx)],
    hosts: &'a [Host],
}

/// What a data centre still needs on one walk.
#[derive(Clone, Copy)]
struct Need {
    left: usize,
    /// So many replicas may stand in a rack that already has one.
    repeats: usize,
}

/// Nodes and racks of each data centre, token owners only.
struct RackCounts<'a> {
    nodes: BTreeMap<&'a str, BTreeSet<HostIx>>,
    racks: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> RackCounts<'a> {
    fn of(walk: &Walk<'a>) -> Self {
        let mut counts = RackCounts { nodes: BTreeMap::new(), racks: BTreeMap::new() };
        for &(_, ix) in walk.tokens {
            let host = &walk.hosts[ix];
            counts.nodes.entry(&host.datacenter).or_default().insert(ix);
            counts.racks.entry(&host.datacenter).or_default().insert(&host.rack);
        }
        counts
    }

    /// None: the data centre has no node, or factor 0, and takes no part in the walk.
    fn need(&self, dc: &str, factor: usize) -> Option<Need> {
        let nodes = self.nodes.get(dc)?.len();
        let racks = self.racks.get(dc)?.len();
        (factor > 0).then(|| Need { left: factor.min(nodes), repeats: factor.saturating_sub(racks) })
    }
}

impl Walk<'_> {
    /// One range a token: (predecessor, token]; equal replica sets are stored once.
    fn ring(&self, mut set_at: impl FnMut(usize) -> Vec<HostIx>) -> Ring {
        let mut ring = Ring::default();
        let mut known: BTreeMap<Vec<HostIx>, usize> = BTreeMap::new();
        for (at, (token, _)) in self.tokens.iter().enumerate() {
            let mut set = set_at(at);
            set.sort_unstable();
            let next = known.len();
            let index = *known.entry(set).or_insert(next);
            let before = self.tokens[(at + self.tokens.len() - 1) % self.tokens.len()].0;
            ring.ranges.push(TokenRange { start: before.to_string(), end: token.to_string(), set: index });
        }
        ring.sets = vec![Vec::new(); known.len()];
        for (set, index) in known {
            ring.sets[index] = set;
        }
        ring
    }

    /// Owners in ring order from position `at`, one turn.
    fn from(&self, at: usize) -> impl Iterator<Item = HostIx> {
        self.tokens[at..].iter().chain(&self.tokens[..at]).map(|(_, host)| *host)
    }

    fn simple(&self, at: usize, factor: usize) -> Vec<HostIx> {
        let mut chosen = Vec::new();
        for host in self.from(at) {
            if chosen.len() == factor {
                break;
            }
            if !chosen.contains(&host) {
                chosen.push(host);
            }
        }
        chosen
    }

    /// `NetworkTopologyStrategy.calculateNaturalReplicas`: a node that is passed over is not tried again.
    fn network_topology(&self, at: usize, wanted: &BTreeMap<&str, Need>) -> Vec<HostIx> {
        let mut open = wanted.clone();
        let mut racks: BTreeSet<(&str, &str)> = BTreeSet::new();
        let mut chosen = Vec::new();
        for ix in self.from(at) {
            if open.is_empty() {
                break;
            }
            let host = &self.hosts[ix];
            let Some(need) = open.get_mut(host.datacenter.as_str()) else { continue };
            if chosen.contains(&ix) {
                continue;
            }
            if !racks.insert((&host.datacenter, &host.rack)) {
                if need.repeats == 0 {
                    continue;
                }
                need.repeats -= 1;
            }
            chosen.push(ix);
            need.left -= 1;
            if need.left == 0 {
                open.remove(host.datacenter.as_str());
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests;
