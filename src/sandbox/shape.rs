//! What a sandbox looks like when it is made.

use super::fault::Fault;
use crate::topology::model::{Factor, Replication};
use std::collections::BTreeMap;

/// Size, layout and speed of a cluster to make.
#[derive(Clone, Debug)]
pub struct Shape {
    pub name: String,
    pub hosts: usize,
    pub datacenters: usize,
    /// In each data centre.
    pub racks: usize,
    /// Nodes on each machine: they share its machine id, its boots and its rack.
    pub nodes_a_machine: usize,
    /// Tokens a node.
    pub vnodes: usize,
    /// Replicated keyspaces; the local ones (`system`, `system_schema`) are always there.
    pub keyspaces: Vec<(String, Replication)>,
    /// 1: a reboot takes about 4 s, drain to open CQL port; 2: twice as fast.
    pub speed: f64,
    /// Ids and tokens follow from it.
    pub seed: u64,
    /// First number of every address: two clusters side by side need two.
    pub network: u8,
    /// What is wrong from the start.
    pub faults: Vec<Fault>,
}

impl Default for Shape {
    /// Twelve hosts in three racks, RF 3: three waves, and nothing to warn of.
    fn default() -> Self {
        Shape::of(12)
    }
}

impl Shape {
    /// The default with so many hosts.
    pub fn of(hosts: usize) -> Self {
        Shape {
            name: "sandbox".to_owned(),
            hosts,
            datacenters: 1,
            racks: 3,
            nodes_a_machine: 1,
            vnodes: 8,
            keyspaces: Vec::new(),
            speed: 1.0,
            seed: 1,
            network: 10,
            faults: Vec::new(),
        }
        .with_usual_keyspaces()
    }

    /// One data centre more or less: `orders` and `system_auth` with three replicas in each.
    pub fn with_datacenters(mut self, datacenters: usize) -> Self {
        self.datacenters = datacenters;
        self.with_usual_keyspaces()
    }

    fn with_usual_keyspaces(mut self) -> Self {
        let three = self.everywhere(3);
        let simple = |total| Replication::Simple(Factor { total, transient: 0 });
        self.keyspaces = vec![
            ("system_distributed".to_owned(), simple(3)),
            ("system_traces".to_owned(), simple(2)),
            ("orders".to_owned(), three.clone()),
            ("system_auth".to_owned(), three),
        ];
        self
    }

    /// NetworkTopologyStrategy with so many replicas in each data centre.
    pub fn everywhere(&self, total: u32) -> Replication {
        let names = (1..=self.datacenters).map(|d| format!("dc{d}"));
        let factors: BTreeMap<String, Factor> = names.map(|name| (name, Factor { total, transient: 0 })).collect();
        Replication::NetworkTopology(factors)
    }
}
