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
        Replication::Simple(factor) => {
            let owners: BTreeSet<HostIx> = sorted.iter().map(|(_, host)| *host).collect();
            let factor = owners.len().min(factor.total as usize);
            let mut met = Met::of(hosts.len());
            walk.ring(|at| walk.simple(at, factor, &mut met))
        }
        Replication::NetworkTopology(factors) => {
            let mut datacenters: Vec<DatacenterWalk> = factors
                .iter()
                .filter_map(|(name, factor)| DatacenterWalk::of(&walk, name, factor.total as usize))
                .collect();
            walk.ring(|at| datacenters.iter_mut().flat_map(|datacenter| datacenter.replicas(sorted[at].0)).collect())
        }
    }
}

struct Walk<'a> {
    tokens: &'a [(i128, HostIx)],
    hosts: &'a [Host],
}

/// What was met on one walk round the ring: cleared in no time.
struct Met {
    walk: Vec<u32>,
    now: u32,
}

impl Met {
    fn of(count: usize) -> Self {
        Met { walk: vec![0; count], now: 0 }
    }

    fn clear(&mut self) {
        self.now += 1;
    }

    /// True the first time on this walk.
    fn first(&mut self, what: usize) -> bool {
        std::mem::replace(&mut self.walk[what], self.now) != self.now
    }
}

/// The tokens of one data centre: those of others do not change what it holds.
struct DatacenterWalk {
    tokens: Vec<(i128, HostIx)>,
    /// Of each host of the cluster the number of its rack.
    racks: Vec<usize>,
    replicas: usize,
    /// So many replicas may stand in a rack that already has one.
    repeats: usize,
    met: Met,
    racks_met: Met,
}

impl DatacenterWalk {
    /// None: the data centre has no node that owns tokens, or factor 0, and takes no part.
    fn of(walk: &Walk, name: &str, factor: usize) -> Option<Self> {
        let tokens: Vec<_> = walk.tokens.iter().filter(|(_, ix)| walk.hosts[*ix].datacenter == name).copied().collect();
        let nodes: BTreeSet<HostIx> = tokens.iter().map(|(_, ix)| *ix).collect();
        let names: BTreeSet<&str> = nodes.iter().map(|ix| walk.hosts[*ix].rack.as_str()).collect();
        let number: BTreeMap<&str, usize> = names.iter().enumerate().map(|(number, name)| (*name, number)).collect();
        let racks = walk.hosts.iter().map(|host| number.get(host.rack.as_str()).copied().unwrap_or(0)).collect();
        (factor > 0 && !tokens.is_empty()).then(|| DatacenterWalk {
            tokens,
            racks,
            replicas: factor.min(nodes.len()),
            repeats: factor.saturating_sub(names.len()),
            met: Met::of(walk.hosts.len()),
            racks_met: Met::of(names.len()),
        })
    }

    /// `NetworkTopologyStrategy.calculateNaturalReplicas`: a node that is passed over is not tried again.
    fn replicas(&mut self, from: i128) -> Vec<HostIx> {
        self.met.clear();
        self.racks_met.clear();
        let mut repeats = self.repeats;
        let start = self.tokens.partition_point(|(token, _)| *token < from);
        let mut chosen = Vec::with_capacity(self.replicas);
        for (_, ix) in self.tokens[start..].iter().chain(&self.tokens[..start]) {
            if chosen.len() == self.replicas {
                break;
            }
            if !self.met.first(*ix) {
                continue;
            }
            if !self.racks_met.first(self.racks[*ix]) {
                if repeats == 0 {
                    continue;
                }
                repeats -= 1;
            }
            chosen.push(*ix);
        }
        chosen
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

    fn simple(&self, at: usize, factor: usize, met: &mut Met) -> Vec<HostIx> {
        met.clear();
        let mut chosen = Vec::with_capacity(factor);
        for host in self.from(at) {
            if chosen.len() == factor {
                break;
            }
            if met.first(host) {
                chosen.push(host);
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests;
