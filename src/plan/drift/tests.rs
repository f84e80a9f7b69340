//! Each kind of drift is found with both values; what is no drift is not.

use super::*;
use crate::plan::samples;
use crate::topology::model::{Factor, Keyspace};
use crate::topology::nodetool::Liveness;

fn after(edit: impl FnOnce(&mut Topology)) -> Vec<String> {
    let mut topology = samples::six_hosts_topology();
    edit(&mut topology);
    differences(&samples::six_hosts(), &topology)
}

fn only(found: &[String], expected: &str) {
    assert_eq!(found, [expected.to_string()]);
}

#[test]
fn the_same_cluster_has_no_difference() {
    assert_eq!(after(|_| ()), Vec::<String>::new());
}

#[test]
fn liveness_release_and_who_was_asked_are_no_drift() {
    let found = after(|topology| {
        topology.hosts[0].release = "5.0.6".into();
        topology.asked.clear();
        topology.seeds.clear();
    });
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn nodes() {
    let mut gone = after(|topology| drop(topology.hosts.pop()));
    gone.truncate(1);
    only(&gone, "10.77.0.16 (dc1, rack3) is gone");
    let new = after(|topology| {
        let mut host = topology.hosts[5].clone();
        (host.id, host.address) = ("new".into(), "10.77.0.17".parse().unwrap());
        topology.hosts.push(host);
    });
    only(&new, "10.77.0.17 (dc1, rack3) is new");
    only(
        &after(|topology| topology.hosts[0].address = "10.77.0.21".parse().unwrap()),
        "the address of 10.77.0.11 was `10.77.0.11`, is `10.77.0.21`",
    );
    only(
        &after(|topology| topology.hosts[0].id = "replaced".into()),
        "the host id of 10.77.0.11 was `00000000-0000-0000-0000-000000000011`, is `replaced`",
    );
    only(
        &after(|topology| topology.hosts[0].datacenter = "dc2".into()),
        "the data centre of 10.77.0.11 was `dc1`, is `dc2`",
    );
    only(&after(|topology| topology.hosts[0].rack = "r".into()), "the rack of 10.77.0.11 was `rack1`, is `r`");
    only(
        &after(|topology| topology.hosts[0].tokens_digest = "f".into()),
        "the token digest of 10.77.0.11 was `0000000000000011`, is `f`",
    );
    only(&after(|topology| topology.cluster = "prod".into()), "the cluster's name was `lab`, is `prod`");
}

#[test]
fn keyspaces_that_protect() {
    let simple = |total| Replication::Simple(Factor { total, transient: 0 });
    let keyspace = |replication| Keyspace { replication, ring: Some(0) };
    only(
        &after(|topology| topology.keyspaces.get_mut("orders").unwrap().replication = simple(2)),
        "the replication of keyspace orders was `dc1: 3`, is `SimpleStrategy 2`",
    );
    only(&after(|topology| topology.keyspaces.clear()), "keyspace orders, which protects, is gone");
    only(
        &after(|topology| drop(topology.keyspaces.insert("new".into(), keyspace(simple(1))))),
        "keyspace new (SimpleStrategy 1) is new, and protects",
    );
    let traces = after(|topology| drop(topology.keyspaces.insert("system_traces".into(), keyspace(simple(1)))));
    assert_eq!(traces, Vec::<String>::new(), "it would not protect");
}

#[test]
fn rings_that_say_something_else_with_the_same_tokens() {
    only(
        &after(|topology| topology.keyspaces.get_mut("orders").unwrap().ring = None),
        "everybody conflicts with everybody now: the ring of orders could not be read",
    );
    only(
        &after(|topology| topology.rings[0].sets[0] = vec![0, 1, 2]),
        "10.77.0.11 and 10.77.0.14 share 1 ranges of orders now, none before",
    );
}

fn status(edit: impl FnOnce(&mut StatusView)) -> Vec<String> {
    let row = |node: &Node| StatusRow {
        liveness: Liveness::Down,
        movement: Movement::Normal,
        datacenter: node.datacenter.clone(),
        rack: node.rack.clone(),
        tokens: Some(4),
        host_id: Some(node.id.clone()),
    };
    let plan = samples::six_hosts();
    let mut view = StatusView { rows: plan.nodes.iter().map(|node| (node.address, row(node))).collect() };
    edit(&mut view);
    membership(&plan, &view, |address| plan.nodes.iter().position(|node| node.address == *address))
}

#[test]
fn membership_of_one_observer() {
    let first = "10.77.0.11".parse().unwrap();
    assert_eq!(status(|_| ()), Vec::<String>::new(), "down is no drift");
    only(&status(|view| drop(view.rows.remove(&first))), "10.77.0.11 (dc1, rack1) is gone");
    for (movement, what) in
        [(Movement::Leaving, "leaving"), (Movement::Joining, "joining"), (Movement::Moving, "moving")]
    {
        let found = status(|view| view.rows.get_mut(&first).unwrap().movement = movement);
        only(&found, &format!("10.77.0.11 is {what}"));
    }
    only(
        &status(|view| view.rows.get_mut(&first).unwrap().rack = "rack9".into()),
        "the rack of 10.77.0.11 was `rack1`, is `rack9`",
    );
    only(
        &status(|view| {
            let row = view.rows[&first].clone();
            view.rows.insert("10.77.0.99".parse().unwrap(), row);
        }),
        "10.77.0.99 (dc1, rack1) is new",
    );
}
