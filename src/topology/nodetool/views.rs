//! What one node says, by command.

use crate::topology::model::{Replication, Token};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// `nodetool status`: one node's own view of who is alive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusView {
    pub rows: BTreeMap<IpAddr, StatusRow>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusRow {
    pub liveness: Liveness,
    pub movement: Movement,
    pub datacenter: String,
    pub rack: String,
    /// Number of tokens; None: `?`, or the layout that has no such column.
    pub tokens: Option<u32>,
    /// None: printed as blank or `null`.
    pub host_id: Option<String>,
}

impl StatusRow {
    /// `UN`, the only state that counts as up.
    pub fn up_normal(&self) -> bool {
        self.liveness == Liveness::Up && self.movement == Movement::Normal
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    Up,
    Down,
    /// `?`
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movement {
    Normal,
    Leaving,
    Joining,
    Moving,
}

/// `nodetool describecluster`: asks every node directly, so `unreachable` is what the node *asked* cannot reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterView {
    pub name: String,
    pub partitioner: String,
    /// Schema version → the nodes that hold it.
    pub schema: BTreeMap<String, BTreeSet<IpAddr>>,
    pub unreachable: BTreeSet<IpAddr>,
    /// Release → nodes (4.0 and newer).
    pub releases: BTreeMap<IpAddr, String>,
    pub keyspaces: BTreeMap<String, Replication>,
}

/// `nodetool gossipinfo`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GossipView {
    pub nodes: BTreeMap<IpAddr, GossipState>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GossipState {
    /// Second at which gossip last started there.
    pub generation: u64,
    /// First word of STATUS or STATUS_WITH_PORT: `NORMAL`, `shutdown`, `LEAVING`, …
    pub status: Option<String>,
    pub schema: Option<String>,
    pub release: Option<String>,
    pub host_id: Option<String>,
    pub datacenter: Option<String>,
    pub rack: Option<String>,
    pub rpc_ready: Option<bool>,
}

/// `nodetool netstats`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetstatsView {
    /// `NORMAL`, `DRAINED`, …
    pub mode: String,
    /// Anything but the sentence that says that there are none.
    pub streams: bool,
}

/// `nodetool info`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InfoView {
    pub host_id: String,
    pub generation: u64,
    /// Seconds since the JVM started.
    pub uptime_s: u64,
    pub native_transport: bool,
    pub gossip: bool,
}

/// `nodetool describering KEYSPACE`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribedRing {
    pub schema: String,
    /// In the order printed, which is arbitrary.
    pub ranges: Vec<DescribedRange>,
    /// Every endpoint once, with its place.
    pub nodes: Vec<DescribedNode>,
}

/// An endpoint, its data centre and rack; None where it was not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedNode {
    pub address: IpAddr,
    pub datacenter: Option<String>,
    pub rack: Option<String>,
}

/// A range (start, end] and its natural replicas; empty where no data centre of the keyspace has a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedRange {
    pub start: Token,
    pub end: Token,
    /// Indexes into `DescribedRing::nodes`.
    pub endpoints: Box<[u32]>,
}

/// `nodetool ring`: each token once, in order, with its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RingView {
    pub tokens: Vec<(Token, IpAddr)>,
}
