//! Who holds a replica of what, computed from tokens as Cassandra computes it.
//!
//! Used where there is no cluster to ask (sandbox, simulator), to check what a cluster said (`assembly`), and in place of
//! that where a ring is too large to be printed.

use super::model::{Factor, Host, HostIx, Replication, Ring, Token, TokenRange};
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
    match replication {
        Replication::Local => Ring::default(),
        Replication::Unknown(_) => ring(&sorted, |_| (0..hosts.len()).collect()),
        Replication::Everywhere => {
            let owners: BTreeSet<HostIx> = sorted.iter().map(|(_, host)| *host).collect();
            ring(&sorted, |_| owners.iter().copied().collect())
        }
        // racks do not count: as if each host had one of its own
        Replication::Simple(factor) => {
            let mut walk = Walk::new(sorted.clone(), (0..hosts.len()).collect(), factor.total as usize);
            ring(&sorted, |token| walk.replicas(token))
        }
        // each data centre by itself: what stands in others does not change what it holds
        Replication::NetworkTopology(factors) => {
            let mut numbers = BTreeMap::new();
            let racks: Vec<usize> = hosts
                .iter()
                .map(|host| {
                    let next = numbers.len();
                    *numbers.entry((&host.datacenter, &host.rack)).or_insert(next)
                })
                .collect();
            let walk = |(name, factor): (&String, &Factor)| {
                let tokens = sorted.iter().filter(|(_, ix)| hosts[*ix].datacenter == *name).copied().collect();
                Walk::new(tokens, racks.clone(), factor.total as usize)
            };
            let mut walks: Vec<Walk> = factors.iter().map(walk).collect();
            ring(&sorted, |token| walks.iter_mut().flat_map(|walk| walk.replicas(token)).collect())
        }
    }
}

/// One range a token: (predecessor, token]; equal replica sets are stored once.
fn ring(tokens: &[(i128, HostIx)], mut set_at: impl FnMut(i128) -> Vec<HostIx>) -> Ring {
    let mut ring = Ring::default();
    let mut known: BTreeMap<Vec<HostIx>, usize> = BTreeMap::new();
    for (at, (token, _)) in tokens.iter().enumerate() {
        let mut set = set_at(*token);
        set.sort_unstable();
        let next = known.len();
        let index = *known.entry(set).or_insert(next);
        let before = tokens[(at + tokens.len() - 1) % tokens.len()].0;
        ring.ranges.push(TokenRange { start: Token::from(before), end: Token::from(*token), set: index });
    }
    ring.sets = vec![Vec::new(); known.len()];
    for (set, index) in known {
        ring.sets[index] = set;
    }
    ring
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

/// The tokens that are walked for one factor, again and again.
struct Walk {
    tokens: Vec<(i128, HostIx)>,
    /// Of each host of the cluster the number of its rack.
    racks: Vec<usize>,
    replicas: usize,
    /// So many replicas may stand in a rack that already has one.
    repeats: usize,
    met: Met,
    racks_met: Met,
}

impl Walk {
    /// Only hosts that own one of the tokens count, and only their racks.
    fn new(tokens: Vec<(i128, HostIx)>, racks: Vec<usize>, factor: usize) -> Self {
        let nodes: BTreeSet<HostIx> = tokens.iter().map(|(_, ix)| *ix).collect();
        let with_nodes: BTreeSet<usize> = nodes.iter().map(|ix| racks[*ix]).collect();
        let (met, racks_met) = (Met::of(racks.len()), Met::of(racks.len()));
        let (replicas, repeats) = (factor.min(nodes.len()), factor.saturating_sub(with_nodes.len()));
        Walk { tokens, racks, replicas, repeats, met, racks_met }
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

#[cfg(test)]
mod tests;
