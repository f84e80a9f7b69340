//! The conflict rule, and that everything unknown ends in a conflict.

use super::*;
use crate::plan::samples;
use crate::topology::model::{Factor, Keyspace, TokenRange};
use std::collections::BTreeMap;

fn everybody(edit: impl FnOnce(&mut Topology)) -> Option<String> {
    let mut topology = samples::six_hosts_topology();
    edit(&mut topology);
    Protection::of(&topology, &Keyspaces::Data).everybody
}

fn orders(topology: &mut Topology) -> &mut Keyspace {
    topology.keyspaces.get_mut("orders").unwrap()
}

#[test]
fn pairs_of_other_racks_share_two_ranges_each() {
    let topology = samples::six_hosts_topology();
    let protection = Protection::of(&topology, &Keyspaces::Data);
    assert_eq!(protection.everybody, None);
    assert_eq!(protection.shared, samples::six_hosts().shared);
    assert!(racks_are_free(&topology, &protection, "dc1"));
}

#[test]
fn unknown_means_that_everybody_conflicts() {
    assert_eq!(everybody(|_| ()), None);
    let says = |edit: &dyn Fn(&mut Topology), what: &str| {
        let reason = everybody(|topology| edit(topology)).expect("everybody must conflict");
        assert!(reason.contains(what), "{reason}");
    };
    says(&|topology| topology.keyspaces.clear(), "no keyspace protects");
    says(&|topology| orders(topology).ring = None, "could not be read");
    says(&|topology| orders(topology).ring = Some(7), "could not be read");
    says(&|topology| topology.rings[0].ranges.clear(), "has no range");
    says(&|topology| topology.rings[0].sets[5].truncate(2), "a range with 2 replicas in dc1, not 3");
    says(&|topology| orders(topology).replication = Replication::Everywhere, "every node holds all of orders");
    says(&|topology| orders(topology).replication = Replication::Local, "local to each node");
    says(&|topology| orders(topology).replication = Replication::Unknown("com.acme.S".into()), "com.acme.S");
    says(&|topology| topology.rings[0].ranges[0].set = 99, "a range with 0 replicas");
}

#[test]
fn a_node_without_tokens_is_not_missed_in_the_ring() {
    let mut topology = samples::six_hosts_topology();
    for host in &mut topology.hosts[2..6] {
        host.tokens = 0;
    }
    topology.rings[0].sets = vec![vec![0, 1]];
    topology.rings[0].ranges.iter_mut().for_each(|range| range.set = 0);
    assert_eq!(Protection::of(&topology, &Keyspaces::Data).everybody, None);
}

#[test]
fn across_data_centres_only_where_the_strategy_does_not_know_them() {
    let mut topology = samples::six_hosts_topology();
    for host in &mut topology.hosts[4..] {
        host.datacenter = "dc2".into();
    }
    let factor = |total| Factor { total, transient: 0 };
    let both = BTreeMap::from([("dc1".to_string(), factor(2)), ("dc2".to_string(), factor(1))]);
    orders(&mut topology).replication = Replication::NetworkTopology(both);
    let across = |topology: &Topology| {
        let protection = Protection::of(topology, &Keyspaces::Data);
        assert_eq!(protection.everybody, None);
        protection.shared.iter().any(|pair| pair.a < 4 && pair.b >= 4)
    };
    assert!(!across(&topology));
    orders(&mut topology).replication = Replication::Simple(factor(3));
    assert!(across(&topology));
}

#[test]
fn the_keyspace_with_the_most_ranges_is_named() {
    let mut topology = samples::six_hosts_topology();
    let mut ring = topology.rings[0].clone();
    ring.ranges.push(TokenRange { start: "1".into(), end: "2".into(), set: 0 });
    topology.rings.push(ring);
    let replication = topology.keyspaces["orders"].replication.clone();
    topology.keyspaces.insert("zoo".into(), Keyspace { replication: replication.clone(), ring: Some(1) });
    topology.keyspaces.insert("system_traces".into(), Keyspace { replication, ring: Some(1) });
    let shared = Protection::of(&topology, &Keyspaces::Data).shared;
    let named = |a, b| shared.iter().find(|pair| (pair.a, pair.b) == (a, b)).map(|pair| pair.keyspace.as_str());
    assert_eq!(named(0, 2), Some("zoo"), "3 ranges there, 2 of orders");
    assert_eq!(named(1, 3), Some("orders"), "the first by name among equals");
    assert_eq!(shared.iter().find(|pair| (pair.a, pair.b) == (0, 2)).unwrap().ranges, 3);
}

#[test]
fn which_keyspaces_protect() {
    assert!(protects(&Keyspaces::Data, "system_auth") && protects(&Keyspaces::Data, "orders"));
    assert!(!protects(&Keyspaces::Data, "system_traces") && !protects(&Keyspaces::Data, "system_distributed"));
    assert!(protects(&Keyspaces::All, "system_traces"));
    let only = Keyspaces::Only(vec!["orders".into()]);
    assert!(protects(&only, "orders") && !protects(&only, "system_auth"));
}

#[test]
fn a_rack_with_two_replicas_of_a_range_is_not_free() {
    let mut topology = samples::six_hosts_topology();
    topology.rings[0].sets[0] = vec![0, 1, 4];
    let protection = Protection::of(&topology, &Keyspaces::Data);
    assert_eq!(protection.everybody, None);
    assert!(!racks_are_free(&topology, &protection, "dc1"));
    assert!(racks_are_free(&topology, &protection, "dc2"));
}
