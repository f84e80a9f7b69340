//! What several nodes said → one `Topology`, or why not. Pure.
//!
//! Every table is held against another one, so that half a table is never a smaller cluster: `status`
//! against `describecluster` and `gossipinfo` of the same node, and that against the other nodes asked;
//! owners (`ring`) against the number of tokens in `status` and the ends of the ranges (`describering`).

mod describe;
mod rings;

pub use describe::to_describe;

use super::model::{Host, Keyspace, Placement, Replication, Token, Topology};
use super::nodetool::{ClusterView, DescribedRing, GossipView, Movement, RingView, StatusRow, StatusView, shown};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use thiserror::Error;

/// The answers of one node to the three questions about membership.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// How the node is called: its address, or the seed as the operator wrote it.
    pub by: String,
    pub status: StatusView,
    pub cluster: ClusterView,
    pub gossip: GossipView,
}

/// Why no topology can be made of the answers. One sentence; unknown is unsafe.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// Two answers contradict each other; asked again a moment later they may agree.
    #[error("{0}")]
    Contradiction(String),
    /// A node joins, leaves or moves: placements are changing.
    #[error("{0}")]
    Movement(String),
    /// A range is elsewhere than its tokens and its replication put it: one of the two is wrong, and nothing may rest on it.
    #[error("{0}")]
    Misplaced(String),
    /// The cluster cannot say what is needed.
    #[error("{0}")]
    NotSupported(String),
}

pub(crate) fn contradiction<T>(sentence: String) -> Result<T, Refused> {
    Err(Refused::Contradiction(sentence))
}

/// Holds one node's answers against each other.
pub fn consistent(said: &Said) -> Result<(), Refused> {
    printable(said)?;
    movement(said)?;
    let shown: BTreeSet<IpAddr> = said.status.rows.keys().copied().collect();
    let described: BTreeSet<IpAddr> =
        said.cluster.schema.values().flatten().chain(&said.cluster.unreachable).copied().collect();
    same_nodes(&said.by, "describecluster", &shown, &described)?;
    if !said.cluster.releases.is_empty() {
        let released = said.cluster.releases.keys().copied().collect();
        same_nodes(&said.by, "the database versions of describecluster", &shown, &released)?;
    }
    let gossiped = said.gossip.nodes.keys().copied().filter(|at| shown.contains(at) || !left(said, at)).collect();
    same_nodes(&said.by, "gossipinfo", &shown, &gossiped)?;
    for (at, row) in &said.status.rows {
        let gossip = &said.gossip.nodes[at];
        for (what, status, gossip) in [
            ("data centre", Some(&row.datacenter), gossip.datacenter.as_ref()),
            ("rack", Some(&row.rack), gossip.rack.as_ref()),
            ("host id", row.host_id.as_ref(), gossip.host_id.as_ref()),
        ] {
            if let (Some(status), Some(gossip)) = (status, gossip)
                && status != gossip
            {
                let by = &said.by;
                return contradiction(format!(
                    "{by} says two things of {at}: its {what} is `{status}` in status and `{gossip}` in gossipinfo"
                ));
            }
        }
    }
    if said.cluster.keyspaces.is_empty() {
        return Err(Refused::NotSupported(format!(
            "{} does not print the keyspaces in `nodetool describecluster`: Cassandra 4.0 or newer is needed",
            said.by
        )));
    }
    // Every Cassandra has them: without them the list of keyspaces is not whole.
    match ["system", "system_schema"].iter().find(|name| !said.cluster.keyspaces.contains_key(**name)) {
        Some(name) => contradiction(format!("{} lists its keyspaces without `{name}`: the list is not whole", said.by)),
        None => Ok(()),
    }
}

/// Names go to terminals, commands and files: none may steer what reads it.
fn printable(said: &Said) -> Result<(), Refused> {
    let places = said.status.rows.values().flat_map(|row| [("data centre", &row.datacenter), ("rack", &row.rack)]);
    let keyspaces = said.cluster.keyspaces.keys().map(|name| ("keyspace", name));
    let mut names = [("cluster", &said.cluster.name)].into_iter().chain(places).chain(keyspaces);
    match names.find(|(_, name)| name.chars().any(char::is_control)) {
        Some((what, name)) => Err(Refused::NotSupported(format!(
            "{} names a {what} with a control character in it: `{}`",
            said.by,
            shown(name, 200)
        ))),
        None => Ok(()),
    }
}

/// A gossip state that outlives the node.
fn left(said: &Said, at: &IpAddr) -> bool {
    matches!(said.gossip.nodes[at].status.as_deref(), Some("LEFT" | "removed"))
}

fn movement(said: &Said) -> Result<(), Refused> {
    let refuse = |at: &IpAddr, what: &str| {
        Err(Refused::Movement(format!("{} says that {at} is {what}: replicas are changing their places", said.by)))
    };
    for (at, row) in &said.status.rows {
        match row.movement {
            Movement::Normal => {}
            Movement::Joining => return refuse(at, "joining"),
            Movement::Leaving => return refuse(at, "leaving"),
            Movement::Moving => return refuse(at, "moving"),
        }
    }
    for (at, node) in &said.gossip.nodes {
        match node.status.as_deref() {
            Some("BOOT" | "BOOT_REPLACE") => return refuse(at, "joining"),
            Some("LEAVING") => return refuse(at, "leaving"),
            Some("removing") => return refuse(at, "being removed"),
            Some("MOVING") => return refuse(at, "moving"),
            Some("hibernate") if !said.status.rows.contains_key(at) => return refuse(at, "hidden (`hibernate`)"),
            _ => {}
        }
    }
    Ok(())
}

fn same_nodes(by: &str, what: &str, shown: &BTreeSet<IpAddr>, other: &BTreeSet<IpAddr>) -> Result<(), Refused> {
    if let Some(at) = shown.difference(other).next() {
        return contradiction(format!("{by} shows {at} in status and not in {what}"));
    }
    match other.difference(shown).next() {
        Some(at) => contradiction(format!("{by} shows {at} in {what} and not in status")),
        None => Ok(()),
    }
}

/// Do all nodes asked describe one cluster? Liveness, load and schema versions may differ.
pub fn agree(said: &[Said]) -> Result<(), Refused> {
    said.iter().try_for_each(consistent)?;
    let Some((first, others)) = said.split_first() else { return contradiction("nobody was asked".into()) };
    for other in others {
        pair_agrees(first, other)?;
    }
    Ok(())
}

fn pair_agrees(a: &Said, b: &Said) -> Result<(), Refused> {
    let differ = |what: &str, one: &dyn std::fmt::Display, two: &dyn std::fmt::Display| {
        contradiction(format!("{} and {} do not agree on {what}: `{one}` and `{two}`", a.by, b.by))
    };
    if a.cluster.name != b.cluster.name {
        return differ("the cluster's name", &a.cluster.name, &b.cluster.name);
    }
    if a.cluster.partitioner != b.cluster.partitioner {
        return differ("the partitioner", &a.cluster.partitioner, &b.cluster.partitioner);
    }
    for (one, other) in [(a, b), (b, a)] {
        if let Some(at) = one.status.rows.keys().find(|at| !other.status.rows.contains_key(at)) {
            return contradiction(format!("{} shows the node {at}, {} does not", one.by, other.by));
        }
        if let Some(name) = one.cluster.keyspaces.keys().find(|name| !other.cluster.keyspaces.contains_key(*name)) {
            return contradiction(format!("{} lists the keyspace `{name}`, {} does not", one.by, other.by));
        }
    }
    for (at, row) in &a.status.rows {
        let other = &b.status.rows[at];
        if row.datacenter != other.datacenter {
            return differ(&format!("the data centre of {at}"), &row.datacenter, &other.datacenter);
        }
        if row.rack != other.rack {
            return differ(&format!("the rack of {at}"), &row.rack, &other.rack);
        }
        let (one, two) = (host_id(a, at, row), host_id(b, at, other));
        if let (Some(one), Some(two)) = (&one, &two)
            && one != two
        {
            return differ(&format!("the host id of {at}"), one, two);
        }
    }
    match a.cluster.keyspaces.iter().find(|(name, replication)| b.cluster.keyspaces[*name] != **replication) {
        Some((name, _)) => {
            contradiction(format!("{} and {} do not agree on the replication of keyspace `{name}`", a.by, b.by))
        }
        None => Ok(()),
    }
}

fn host_id(said: &Said, at: &IpAddr, row: &StatusRow) -> Option<String> {
    row.host_id.clone().or_else(|| said.gossip.nodes.get(at).and_then(|node| node.host_id.clone()))
}

/// Makes the topology of answers that agree.
///
/// `described` holds the ring of every keyspace in `to_describe`; `asked` the addresses of the nodes asked.
pub fn assemble(
    said: &[Said],
    owners: &RingView,
    described: &BTreeMap<String, DescribedRing>,
    seeds: Vec<IpAddr>,
    asked: Vec<IpAddr>,
) -> Result<Topology, Refused> {
    agree(said)?;
    let hosts = hosts(said, owners)?;
    let first = &said[0].cluster;
    let placement = describe::placements(&said[0]);
    let mut rings = rings::Rings::new(&hosts, owners, &first.partitioner);
    let mut shared: BTreeMap<&Replication, Option<usize>> = BTreeMap::new();
    let mut keyspaces = BTreeMap::new();
    for (name, replication) in first.keyspaces.iter().filter(|(_, replication)| **replication != Replication::Local) {
        let ring = match (placement.get(name), described.get(name)) {
            // the first by name that is replicated so stands for it
            (None, _) => shared.get(replication).copied().flatten(),
            (Some(Placement::UnknownStrategy), _) => None,
            (Some(Placement::TooLarge), _) => Some(rings.computed(name, replication)?),
            (Some(Placement::Compared), Some(text)) => Some(rings.compared(name, replication, text)?),
            (Some(_), Some(text)) => Some(rings.described(name, text)?),
            (Some(_), None) => return contradiction(format!("the ring of `{name}` was not asked for")),
        };
        shared.entry(replication).or_insert(ring);
        keyspaces.insert(name.clone(), Keyspace { replication: replication.clone(), ring });
    }
    let rings = rings.done();
    let known: BTreeSet<IpAddr> = hosts.iter().map(|host| host.address).collect();
    let seeds: BTreeSet<IpAddr> = seeds.into_iter().filter(|seed| known.contains(seed)).collect();
    Ok(Topology {
        version: super::snapshot::VERSION,
        cluster: first.name.clone(),
        partitioner: first.partitioner.clone(),
        hosts,
        keyspaces,
        rings,
        seeds: seeds.into_iter().collect(),
        hint_window_ms: None,
        asked,
        placement,
    })
}

fn hosts(said: &[Said], owners: &RingView) -> Result<Vec<Host>, Refused> {
    let mut tokens: BTreeMap<IpAddr, Vec<&Token>> = BTreeMap::new();
    for (token, owner) in &owners.tokens {
        tokens.entry(*owner).or_default().push(token);
    }
    let mut hosts = Vec::new();
    for (at, row) in &said[0].status.rows {
        let Some(id) = said.iter().find_map(|one| host_id(one, at, one.status.rows.get(at)?)) else {
            return contradiction(format!("no node asked knows the host id of {at}"));
        };
        let own = tokens.remove(at).unwrap_or_default();
        let shown = row.tokens.or_else(|| said.iter().find_map(|one| one.status.rows.get(at)?.tokens));
        if let Some(shown) = shown
            && shown as usize != own.len()
        {
            return contradiction(format!("{at} has {shown} tokens in status and {} in ring", own.len()));
        }
        let release = said.iter().find_map(|one| one.cluster.releases.get(at)).cloned().unwrap_or_default();
        hosts.push(Host {
            id,
            address: *at,
            datacenter: row.datacenter.clone(),
            rack: row.rack.clone(),
            release,
            tokens_digest: digest(&own),
            tokens: own.len() as u32,
        });
    }
    if let Some(at) = tokens.keys().next() {
        return contradiction(format!("{at} owns tokens in ring and is not in status"));
    }
    hosts.sort_by(|a, b| (&a.datacenter, &a.rack, a.address).cmp(&(&b.datacenter, &b.rack, b.address)));
    let mut ids: BTreeMap<&str, IpAddr> = BTreeMap::new();
    for host in &hosts {
        if let Some(other) = ids.insert(&host.id, host.address) {
            return contradiction(format!("{other} and {} have one host id, {}", host.address, host.id));
        }
    }
    Ok(hosts)
}

/// First 16 hexadecimal digits of SHA-256 over the tokens in ascending order, one a line.
fn digest(tokens: &[&Token]) -> String {
    let mut hash = Sha256::new();
    for token in tokens {
        hash.update(format!("{token}\n"));
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
