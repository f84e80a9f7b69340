//! Described rings → replica sets of host indexes, each held against the owners of the tokens.

use super::describe::by_number;
use super::{Refused, contradiction};
use crate::topology::model::{Host, HostIx, Replication, Ring, TokenRange};
use crate::topology::nodetool::{DescribedRing, RingView};
use crate::topology::placement;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Numbers by value (Murmur3, Random), others as bytes (ByteOrdered prints hexadecimal digits).
pub fn token_order(a: &str, b: &str) -> Ordering {
    match (a.parse::<i128>(), b.parse::<i128>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

pub struct Rings<'a> {
    hosts: &'a [Host],
    index: BTreeMap<IpAddr, HostIx>,
    tokens: BTreeSet<&'a str>,
    /// The same as numbers, with their owners. None: the partitioner orders them otherwise, or not all owners are known.
    owners: Option<Vec<(i128, HostIx)>>,
    rings: Vec<Ring>,
}

impl<'a> Rings<'a> {
    pub fn new(hosts: &'a [Host], owners: &'a RingView, partitioner: &str) -> Self {
        let index: BTreeMap<IpAddr, HostIx> = hosts.iter().enumerate().map(|(at, host)| (host.address, at)).collect();
        let tokens: BTreeSet<&str> = owners.tokens.keys().map(String::as_str).collect();
        let owner = |(token, at): (&String, &IpAddr)| Some((token.parse().ok()?, *index.get(at)?));
        let owners: Option<BTreeMap<i128, HostIx>> = owners.tokens.iter().map(owner).collect();
        // (one number written in two ways is no ring that can be walked)
        let owners = owners
            .filter(|owners| by_number(partitioner) && owners.len() == tokens.len())
            .map(|owners| owners.into_iter().collect());
        Rings { hosts, index, tokens, owners, rings: Vec::new() }
    }

    /// Adds the ring that the tokens and the replication make; gives its index.
    pub fn computed(&mut self, keyspace: &str, replication: &Replication) -> Result<usize, Refused> {
        let ring = self.walked(keyspace, replication)?;
        Ok(self.keep(ring))
    }

    /// Adds the ring that the cluster printed.
    pub fn described(&mut self, keyspace: &str, text: &DescribedRing) -> Result<usize, Refused> {
        let ring = self.printed(keyspace, text)?;
        Ok(self.keep(ring))
    }

    /// Adds the ring that is known in both ways, which must lead to one answer: an error in either would take out two
    /// replicas of a range.
    pub fn compared(
        &mut self,
        keyspace: &str,
        replication: &Replication,
        text: &DescribedRing,
    ) -> Result<usize, Refused> {
        let said = self.printed(keyspace, text)?;
        let computed = self.walked(keyspace, replication)?;
        for (said_range, range) in said.ranges.iter().zip(&computed.ranges) {
            let (said_set, set) = (&said.sets[said_range.set], &computed.sets[range.set]);
            if said_set != set {
                return Err(Refused::Misplaced(format!(
                    "the range ({}, {}] of `{keyspace}` is on {} in describering, and on {} by its tokens and its \
                     replication",
                    said_range.start,
                    said_range.end,
                    self.addresses(said_set),
                    self.addresses(set)
                )));
            }
        }
        Ok(self.keep(said))
    }

    fn keep(&mut self, ring: Ring) -> usize {
        self.rings.push(ring);
        self.rings.len() - 1
    }

    fn walked(&self, keyspace: &str, replication: &Replication) -> Result<Ring, Refused> {
        match &self.owners {
            Some(owners) => Ok(placement::replicas(owners, self.hosts, replication)),
            None => {
                contradiction(format!("the tokens in ring are no numbers, and the ring of `{keyspace}` needs them"))
            }
        }
    }

    fn printed(&self, keyspace: &str, described: &DescribedRing) -> Result<Ring, Refused> {
        self.places(keyspace, described)?;
        let ends: BTreeSet<&str> = described.ranges.iter().map(|range| range.end.as_str()).collect();
        if let Some(token) = self.tokens.symmetric_difference(&ends).next() {
            return contradiction(format!("token {token} is only in one of ring and describering of `{keyspace}`"));
        }
        let mut sorted: Vec<_> = described.ranges.iter().collect();
        sorted.sort_by(|a, b| token_order(&a.end, &b.end));
        let mut known: BTreeMap<Vec<HostIx>, usize> = BTreeMap::new();
        let mut ring = Ring::default();
        for range in sorted {
            let mut set = Vec::with_capacity(range.endpoints.len());
            for at in &range.endpoints {
                match self.index.get(at) {
                    Some(host) => set.push(*host),
                    None => return contradiction(format!("{at} holds ranges of `{keyspace}` and is not in status")),
                }
            }
            set.sort_unstable();
            let index = *known.entry(set).or_insert_with_key(|set| {
                ring.sets.push(set.clone());
                ring.sets.len() - 1
            });
            ring.ranges.push(TokenRange { start: range.start.clone(), end: range.end.clone(), set: index });
        }
        Ok(ring)
    }

    fn addresses(&self, set: &[HostIx]) -> String {
        let addresses: Vec<String> = set.iter().map(|host| self.hosts[*host].address.to_string()).collect();
        if addresses.is_empty() { "nobody".into() } else { addresses.join(", ") }
    }

    fn places(&self, keyspace: &str, described: &DescribedRing) -> Result<(), Refused> {
        for (at, (datacenter, rack)) in &described.places {
            let Some(host) = self.index.get(at).map(|ix| &self.hosts[*ix]) else {
                return contradiction(format!("{at} holds ranges of `{keyspace}` and is not in status"));
            };
            for (what, shown, described) in [("data centre", &host.datacenter, datacenter), ("rack", &host.rack, rack)]
            {
                if let Some(described) = described
                    && described != shown
                {
                    return contradiction(format!(
                        "the {what} of {at} is `{shown}` in status and `{described}` in describering of `{keyspace}`"
                    ));
                }
            }
        }
        Ok(())
    }

    pub fn done(self) -> Vec<Ring> {
        self.rings
    }
}
