//! The cluster as facts: hosts, keyspaces, token ranges and who holds a replica of what.

pub use super::token::Token;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Index of a host in `Topology::hosts`.
pub type HostIx = usize;

/// A cluster at one moment. Hosts are sorted by data centre name, rack name and numeric address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Topology {
    /// Version of this form on disk.
    pub version: u32,
    pub cluster: String,
    pub partitioner: String,
    pub hosts: Vec<Host>,
    /// Every keyspace but the local ones (LocalStrategy and virtual).
    pub keyspaces: BTreeMap<String, Keyspace>,
    /// Replica sets, one ring for each distinct replication setting; `Keyspace::ring` points here.
    pub rings: Vec<Ring>,
    /// Addresses that the nodes name as seeds (`nodetool getseeds`); empty: unknown.
    #[schemars(with = "Vec<String>")]
    pub seeds: Vec<IpAddr>,
    /// For so long hints are kept for a node that is away, in milliseconds, as one node said (`nodetool getmaxhintwindow`);
    /// absent: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint_window_ms: Option<u64>,
    /// Addresses of the nodes that were asked, in order, and agree.
    #[schemars(with = "Vec<String>")]
    pub asked: Vec<IpAddr>,
    /// How the replica sets came to be known, one entry for each distinct replication setting: under the first keyspace
    /// by name that is replicated so. Empty: whoever made this did not say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub placement: BTreeMap<String, Placement>,
}

/// How the replica sets of one replication setting came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Computed from tokens and replication, and `describering` printed the same.
    Compared,
    /// Computed, and compared with nothing: the ring is too large to be printed.
    TooLarge,
    /// As `describering` printed them: replicas are transient, and which of them are is not printed.
    Transient,
    /// As `describering` printed them: the partitioner's tokens are no numbers.
    Tokens,
    /// As `describering` printed them: the strategy's members are known to the cluster alone.
    Everywhere,
    /// Not known, because the strategy is not: everybody conflicts with everybody.
    UnknownStrategy,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Host {
    /// Cassandra's host id (a UUID), stable over restarts and changes of address.
    pub id: String,
    #[schemars(with = "String")]
    pub address: IpAddr,
    pub datacenter: String,
    pub rack: String,
    /// Cassandra release, as `describecluster` prints it, `5.0.5`; empty: unknown (the node was down).
    pub release: String,
    /// SHA-256 over the node's tokens in ascending order, hex, first 16 digits: moves are drift.
    pub tokens_digest: String,
    pub tokens: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Keyspace {
    pub replication: Replication,
    /// Index into `Topology::rings`. None: the ring could not be read; everybody conflicts with everybody.
    pub ring: Option<usize>,
}

/// How a keyspace is replicated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Replication {
    /// Data centre → replication factor (as configured, `3` or transient `3/1`: total, transient).
    NetworkTopology(BTreeMap<String, Factor>),
    Simple(Factor),
    /// Every node holds everything (EverywhereStrategy, MetaStrategy of system_cluster_metadata).
    Everywhere,
    /// Local to each node: no constraint. Never stored in `Topology::keyspaces`.
    Local,
    /// Class and options as printed; treated as: every node is a replica of every range.
    Unknown(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Factor {
    pub total: u32,
    #[serde(default)]
    pub transient: u32,
}

/// The replica sets of one replication setting: one range for each token of the ring, in token order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ring {
    /// Distinct replica sets, each sorted by host index.
    pub sets: Vec<Vec<HostIx>>,
    pub ranges: Vec<TokenRange>,
}

/// A range (start, end]; the replica set stands in `Ring::sets`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TokenRange {
    pub start: Token,
    pub end: Token,
    pub set: usize,
}
