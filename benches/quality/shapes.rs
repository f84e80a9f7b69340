//! The shapes, and the luck of one seed.

use rollbook::job::simulate::Dice;
use rollbook::topology::model::{Factor, Host, Keyspace, Replication, Topology};
use rollbook::topology::placement;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// σ of a host's duration, as cstar's order was measured with.
const SIGMA: f64 = 0.5;
const SIGMA_NEAR: f64 = 0.15;
const MEDIAN_MS: f64 = 100_000.0;

pub struct Shape {
    pub racks: usize,
    pub hosts: usize,
    pub vnodes: usize,
    pub cap: Option<u32>,
    pub stragglers: bool,
}

/// A cap that leaves out less than half of the hosts hardly binds, and one is enough to see it.
pub fn all() -> Vec<Shape> {
    let mut all = Vec::new();
    for racks in [3, 6, 9, 1] {
        for hosts in [12, 36, 60, 120, 300].into_iter().filter(|hosts| *hosts >= 2 * racks) {
            for vnodes in [1, 16, 256] {
                // (300 hosts of 256 tokens: everybody shares with everybody of another rack, as with 120)
                if hosts == 300 && vnodes == 256 {
                    continue;
                }
                for cap in
                    [None, Some(10), Some(30)].into_iter().filter(|cap| cap.is_none_or(|cap| cap as usize * 2 <= hosts))
                {
                    for stragglers in [false, true] {
                        all.push(Shape { racks, hosts, vnodes, cap, stragglers });
                    }
                }
            }
        }
    }
    all
}

impl Shape {
    pub fn name(&self) -> String {
        let cap = self.cap.map_or("-".to_string(), |cap| cap.to_string());
        let kind = if self.stragglers { "S" } else { "J" };
        format!("{}r {}h {}v cap{cap} {kind}", self.racks, self.hosts, self.vnodes)
    }

    /// One data centre, RF 3, tokens at random.
    pub fn topology(&self, luck: &mut Luck) -> Topology {
        let host = |ix: usize| Host {
            id: format!("00000000-0000-4000-8000-{ix:012x}"),
            address: IpAddr::from([10, 0, (ix >> 8) as u8, ix as u8]),
            datacenter: "dc1".into(),
            rack: format!("rack{}", ix * self.racks / self.hosts + 1),
            release: "5.0.5".into(),
            tokens_digest: format!("{ix:016x}"),
            tokens: self.vnodes as u32,
        };
        let hosts: Vec<Host> = (0..self.hosts).map(host).collect();
        let mut tokens: Vec<(i128, usize)> =
            (0..self.hosts * self.vnodes).map(|at| (i128::from(luck.dice.roll() as i64), at % self.hosts)).collect();
        tokens.sort_unstable();
        let three = Factor { total: 3, transient: 0 };
        let replication = Replication::NetworkTopology(BTreeMap::from([("dc1".into(), three)]));
        Topology {
            version: rollbook::topology::snapshot::VERSION,
            cluster: "bench".into(),
            partitioner: "org.apache.cassandra.dht.Murmur3Partitioner".into(),
            rings: vec![placement::replicas(&tokens, &hosts, &replication)],
            keyspaces: BTreeMap::from([("orders".into(), Keyspace { replication, ring: Some(0) })]),
            seeds: vec![],
            hint_window_ms: None,
            asked: vec![hosts[0].address],
            placement: BTreeMap::new(),
            hosts,
        }
    }

    /// Milliseconds.
    pub fn duration(&self, luck: &mut Luck) -> u64 {
        let times = if self.stragglers && luck.dice.roll().is_multiple_of(30) { 4.0 } else { 1.0 };
        (MEDIAN_MS * times * (SIGMA * luck.normal()).exp()) as u64
    }
}

pub struct Luck {
    pub dice: Dice,
}

impl Luck {
    pub fn new(seed: u64) -> Self {
        Luck { dice: Dice::new(seed.wrapping_mul(0x5851_F42D_4C95_7F2D)) }
    }

    fn unit(&mut self) -> f64 {
        ((self.dice.roll() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Of the normal distribution (Box, Muller 1958).
    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// The same host another day.
    pub fn near(&mut self, ms: u64) -> u64 {
        (ms as f64 * (SIGMA_NEAR * self.normal()).exp()) as u64
    }
}
