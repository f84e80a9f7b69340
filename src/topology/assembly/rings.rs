//! Described rings → replica sets of host indexes, each held against the owners of the tokens.

use super::describe::by_number;
use super::{Refused, contradiction};
use crate::topology::model::{Host, HostIx, Replication, Ring, Token, TokenRange};
use crate::topology::nodetool::{DescribedNode, DescribedRange, DescribedRing, RingView};
use crate::topology::placement;
use std::collections::BTreeMap;
use std::net::IpAddr;

pub struct Rings<'a> {
    hosts: &'a [Host],
    index: BTreeMap<IpAddr, HostIx>,
    tokens: &'a [(Token, IpAddr)],
    /// The same as numbers, with the indexes of their owners. None: the partitioner orders them otherwise, or not all owners are known.
    owners: Option<Vec<(i128, HostIx)>>,
    rings: Vec<Ring>,
}

impl<'a> Rings<'a> {
    pub fn new(hosts: &'a [Host], owners: &'a RingView, partitioner: &str) -> Self {
        let index: BTreeMap<IpAddr, HostIx> = hosts.iter().enumerate().map(|(at, host)| (host.address, at)).collect();
        let owner = |(token, at): &(Token, IpAddr)| Some((token.number()?, *index.get(at)?));
        let numbers: Option<Vec<(i128, HostIx)>> = owners.tokens.iter().map(owner).collect();
        let numbers = numbers.filter(|_| by_number(partitioner));
        Rings { hosts, index, tokens: &owners.tokens, owners: numbers, rings: Vec::new() }
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
        let nodes = self.nodes(keyspace, described)?;
        let mut sorted: Vec<_> = described.ranges.iter().collect();
        sorted.sort_by(|a, b| a.end.cmp(&b.end));
        if let Some(token) = only_in_one(self.tokens, &sorted) {
            return contradiction(format!("token {token} is only in one of ring and describering of `{keyspace}`"));
        }
        let mut known: BTreeMap<Vec<HostIx>, usize> = BTreeMap::new();
        let mut ring = Ring::default();
        for range in sorted {
            let mut set: Vec<HostIx> = range.endpoints.iter().map(|node| nodes[*node as usize]).collect();
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

    /// Of each endpoint the host, whose place must be the same here.
    fn nodes(&self, keyspace: &str, described: &DescribedRing) -> Result<Vec<HostIx>, Refused> {
        let mut found = Vec::with_capacity(described.nodes.len());
        for DescribedNode { address: at, datacenter, rack } in &described.nodes {
            let Some(ix) = self.index.get(at) else {
                return contradiction(format!("{at} holds ranges of `{keyspace}` and is not in status"));
            };
            let host = &self.hosts[*ix];
            found.push(*ix);
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
        Ok(found)
    }

    pub fn done(self) -> Vec<Ring> {
        self.rings
    }
}

/// Tokens of owners and ends of ranges, both in order.
fn only_in_one<'a>(owners: &'a [(Token, IpAddr)], ranges: &[&'a DescribedRange]) -> Option<&'a Token> {
    let mut owned = owners.iter().map(|(token, _)| token);
    let mut ends = ranges.iter().map(|range| &range.end);
    loop {
        match (owned.next(), ends.next()) {
            (None, None) => return None,
            (Some(token), Some(end)) if token == end => {}
            (Some(token), Some(end)) => return Some(token.min(end)),
            (token, end) => return token.or(end),
        }
    }
}
