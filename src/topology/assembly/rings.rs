//! Described rings → replica sets of host indexes, each held against the owners of the tokens.

use super::{Refused, contradiction};
use crate::topology::model::{Host, HostIx, Ring, TokenRange};
use crate::topology::nodetool::{DescribedRing, RingView};
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
    rings: Vec<Ring>,
}

impl<'a> Rings<'a> {
    pub fn new(hosts: &'a [Host], owners: &'a RingView) -> Self {
        let index = hosts.iter().enumerate().map(|(at, host)| (host.address, at)).collect();
        Rings { hosts, index, tokens: owners.tokens.keys().map(String::as_str).collect(), rings: Vec::new() }
    }

    /// Adds the ring of one keyspace; gives its index.
    pub fn add(&mut self, keyspace: &str, described: &DescribedRing) -> Result<usize, Refused> {
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
        self.rings.push(ring);
        Ok(self.rings.len() - 1)
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
