//! Small clusters whose rings are computed as Cassandra computes them, kept as snapshots in
//! `tests/data/topologies/`. `ROLLBOOK_WRITE=1` writes them, and the expected texts, anew.

use rollbook::plan::compile::{Options, compile};
use rollbook::plan::estimate::estimate;
use rollbook::plan::lint;
use rollbook::plan::model::{PlanFile, Wave};
use rollbook::plan::{file, warn};
use rollbook::playbook::model::Playbook;
use rollbook::topology::model::{Factor, Host, HostIx, Keyspace, Replication, Topology};
use rollbook::topology::{placement, snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The file's text is the expected one; with `ROLLBOOK_WRITE` it becomes it.
pub fn held_current(path: &str, text: &str) {
    let file = root().join(path);
    if std::env::var_os("ROLLBOOK_WRITE").is_some() {
        fs::write(&file, text).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(found == text, "{path} is not current (ROLLBOOK_WRITE=1 writes it anew); expected\n{text}");
}

/// Data centre, racks, hosts a rack.
type Place = (&'static str, usize, usize);

fn hosts(places: &[Place], tokens: u32) -> Vec<Host> {
    let mut hosts = Vec::new();
    for (number, (datacenter, racks, in_rack)) in places.iter().enumerate() {
        for rack in 0..*racks {
            for place in 0..*in_rack {
                // As in the lab: one host a rack, then the next round.
                let last = (11 + place * racks + rack) as u8;
                hosts.push(Host {
                    id: format!("00000000-0000-4000-8000-0000{number:04}{last:04}"),
                    address: Ipv4Addr::new(10, 77, number as u8, last).into(),
                    datacenter: datacenter.to_string(),
                    rack: format!("rack{}", rack + 1),
                    release: "5.0.5".into(),
                    tokens_digest: format!("{:016x}", u64::from(last) * 0x9e37_79b9 + number as u64),
                    tokens,
                });
            }
        }
    }
    hosts
}

/// Tokens from a fixed sequence: the same clusters for ever.
fn tokens(hosts: &[Host], each: u32) -> Vec<(i128, HostIx)> {
    let mut state = 0x853c_49e6_748f_ea9b_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i128::from((state ^ (state >> 29)) as i64)
    };
    hosts.iter().enumerate().flat_map(|(ix, _)| (0..each).map(move |_| ix)).map(|ix| (next(), ix)).collect()
}

fn factor(total: u32) -> Factor {
    Factor { total, transient: 0 }
}

pub fn nts(factors: &[(&str, u32)]) -> Replication {
    Replication::NetworkTopology(factors.iter().map(|(dc, total)| (dc.to_string(), factor(*total))).collect())
}

pub fn simple(total: u32) -> Replication {
    Replication::Simple(factor(total))
}

pub fn cluster(places: &[Place], each: u32, keyspaces: &[(&str, Replication)]) -> Topology {
    let hosts = hosts(places, each);
    let tokens = tokens(&hosts, each);
    let mut rings = Vec::new();
    let mut known: BTreeMap<Replication, usize> = BTreeMap::new();
    let mut all = BTreeMap::new();
    for (name, replication) in keyspaces {
        let ring = *known.entry(replication.clone()).or_insert_with(|| {
            rings.push(placement::replicas(&tokens, &hosts, replication));
            rings.len() - 1
        });
        all.insert(name.to_string(), Keyspace { replication: replication.clone(), ring: Some(ring) });
    }
    let firsts = |host: &&Host| [".11", ".12"].iter().any(|last| host.address.to_string().ends_with(last));
    let topology = Topology {
        version: snapshot::VERSION,
        cluster: "lab".into(),
        partitioner: "org.apache.cassandra.dht.Murmur3Partitioner".into(),
        hint_window_ms: None,
        seeds: hosts.iter().filter(firsts).map(|host| host.address).collect(),
        asked: hosts.iter().step_by(hosts.len().div_ceil(3)).map(|host| host.address).collect(),
        placement: BTreeMap::new(),
        hosts,
        keyspaces: all,
        rings,
    };
    assert_eq!(topology.validate(), Ok(()));
    topology
}

/// Every snapshot, by name.
pub fn all() -> Vec<(&'static str, Topology)> {
    let system = [("system_distributed", simple(3)), ("system_traces", simple(2))];
    let three = |dc| nts(&[(dc, 3)]);
    let with = |own: &[(&'static str, Replication)]| [own, &system[..]].concat();
    let both = nts(&[("east", 3), ("west", 3)]);
    vec![
        ("six-hosts", cluster(&[("dc1", 3, 2)], 4, &with(&[("orders", three("dc1")), ("system_auth", three("dc1"))]))),
        (
            "twelve-hosts-mixed-factors",
            cluster(
                &[("dc1", 3, 4)],
                8,
                &with(&[("cache", nts(&[("dc1", 2)])), ("orders", three("dc1")), ("system_auth", simple(1))]),
            ),
        ),
        (
            "two-datacenters",
            cluster(&[("east", 3, 2), ("west", 3, 2)], 4, &with(&[("orders", both.clone()), ("system_auth", both)])),
        ),
        ("one-rack", cluster(&[("dc1", 1, 12)], 16, &[("orders", three("dc1"))])),
        ("fewer-racks-than-replicas", cluster(&[("dc1", 2, 4)], 4, &[("orders", three("dc1"))])),
        ("simple-strategy", cluster(&[("dc1", 3, 2)], 1, &[("old", simple(3))])),
        ("many-hosts", cluster(&[("dc1", 3, 34)], 1, &[("orders", three("dc1"))])),
    ]
}

pub fn playbook(name: &str) -> Playbook {
    let bytes = fs::read(root().join(format!("playbooks/{name}.yaml"))).unwrap();
    rollbook::playbook::read(&bytes).unwrap().0
}

/// Compiled, estimated and sealed; linted, and its waves judged by the rings themselves.
pub fn planned(playbook: &Playbook, topology: &Topology, options: &Options) -> PlanFile {
    let mut plan = compile(playbook, topology, &BTreeMap::new(), options).unwrap();
    let estimate = estimate(&plan, topology, rollbook::job::preview::waves);
    plan.warnings.extend(warn::seeds_warning(&plan, &estimate));
    assert_eq!(lint::check_against(&plan, topology), Vec::<String>::new());
    let file = file::seal(plan, estimate);
    assert_eq!(file::read(file::write(&file).as_bytes()).as_ref(), Ok(&file));
    every_host_once(&file);
    assert!(file.estimate.lower_bound as usize <= file.estimate.waves.len(), "{:?}", file.estimate);
    file
}

fn every_host_once(file: &PlanFile) {
    let mut seen: Vec<usize> =
        file.estimate.waves.iter().flat_map(|wave| &wave.hosts).map(|host| host.target).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..file.plan.hosts.len()).collect::<Vec<_>>(), "every host in one wave");
}

/// Two hosts of one wave that hold replicas of one range under the rule, found by reading the rings.
pub fn together(topology: &Topology, file: &PlanFile, wave: &Wave) -> Option<(HostIx, HostIx)> {
    let out: BTreeSet<HostIx> = wave.hosts.iter().map(|host| file.plan.hosts[host.target].node).collect();
    for (name, keyspace) in &topology.keyspaces {
        let local = matches!(keyspace.replication, Replication::NetworkTopology(_));
        let Some(ring) = keyspace.ring.filter(|_| file.plan.keyspaces[name].protects) else { continue };
        for set in &topology.rings[ring].sets {
            let away: Vec<HostIx> = set.iter().copied().filter(|host| out.contains(host)).collect();
            for (place, a) in away.iter().enumerate() {
                let same = |b: &&HostIx| !local || topology.hosts[**b].datacenter == topology.hosts[*a].datacenter;
                if let Some(b) = away[place + 1..].iter().find(same) {
                    return Some((*a, *b));
                }
            }
        }
    }
    None
}
