//! Is the cluster still the one the plan was made for? (semantics.md §5, "Drift")
//!
//! Stale: a node new, gone, joining, leaving or moving; a changed id, address, data centre, rack or token;
//! replication of a protecting keyspace, one new or gone. Not: liveness, load, schema id, release.

use super::model::{Node, NodeIx, Plan};
use super::protection::{self, Protection};
use crate::topology::model::{Host, Replication, Topology};
use crate::topology::nodetool::{Movement, StatusRow, StatusView};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What differs, one sentence each, with the planned and the present value. Empty: the plan still holds.
pub fn differences(plan: &Plan, topology: &Topology) -> Vec<String> {
    let mut found = Vec::new();
    changed("the cluster's name", &plan.cluster, &topology.cluster, &mut found);
    changed("the partitioner", &plan.partitioner, &topology.partitioner, &mut found);
    hosts(plan, topology, &mut found);
    keyspaces(plan, topology, &mut found);
    if found.is_empty() {
        rings(plan, topology, &mut found);
    }
    found
}

/// The same as far as one observer's `nodetool status` shows it: cheap, for every poll.
///
/// A host id that the observer does not print is no difference: `differences` reads all of them anew.
///
/// `node_at`: which node of the plan has this address; asked for every row, so it had better be quick.
pub fn membership(plan: &Plan, status: &StatusView, node_at: impl Fn(&IpAddr) -> Option<NodeIx>) -> Vec<String> {
    let mut found = Vec::new();
    let mut known = 0;
    for (address, row) in &status.rows {
        if let Some(what) = moving(row.movement) {
            found.push(format!("{address} is {what}"));
        }
        match node_at(address) {
            Some(node) => {
                known += 1;
                placed(&plan.nodes[node], row, &mut found);
            }
            None => found.push(format!("{address} ({}, {}) is new", row.datacenter, row.rack)),
        }
    }
    if known == plan.nodes.len() {
        return found;
    }
    for node in plan.nodes.iter().filter(|node| !status.rows.contains_key(&node.address)) {
        found.push(format!("{} ({}, {}) is gone", node.address, node.datacenter, node.rack));
    }
    found
}

fn placed(node: &Node, row: &StatusRow, found: &mut Vec<String>) {
    let id = row.host_id.as_ref().map(|id| ("host id", &node.id, id));
    let place = [("data centre", &node.datacenter, &row.datacenter), ("rack", &node.rack, &row.rack)];
    for (what, planned, now) in id.into_iter().chain(place).filter(|(_, planned, now)| planned != now) {
        changed(&format!("the {what} of {}", node.address), planned, now, found);
    }
}

fn moving(movement: Movement) -> Option<&'static str> {
    match movement {
        Movement::Normal => None,
        Movement::Leaving => Some("leaving"),
        Movement::Joining => Some("joining"),
        Movement::Moving => Some("moving"),
    }
}

/// By id first: a node may keep its id and change its address, or lose its address to another node.
fn hosts(plan: &Plan, topology: &Topology, found: &mut Vec<String>) {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for node in &plan.nodes {
        let by_id = topology.hosts.iter().find(|host| host.id == node.id);
        let by_address = topology.hosts.iter().find(|host| host.address == node.address);
        let Some(host) = by_id.or(by_address) else {
            found.push(format!("{} ({}, {}) is gone", node.address, node.datacenter, node.rack));
            continue;
        };
        known.insert(&host.id);
        host_differs(node, host, found);
    }
    for host in topology.hosts.iter().filter(|host| !known.contains(host.id.as_str())) {
        found.push(format!("{} ({}, {}) is new", host.address, host.datacenter, host.rack));
    }
}

fn host_differs(node: &Node, host: &Host, found: &mut Vec<String>) {
    let of = |what: &str| format!("the {what} of {}", node.address);
    changed(&of("host id"), &node.id, &host.id, found);
    changed(&of("address"), &node.address.to_string(), &host.address.to_string(), found);
    changed(&of("data centre"), &node.datacenter, &host.datacenter, found);
    changed(&of("rack"), &node.rack, &host.rack, found);
    changed(&of("token digest"), &node.tokens_digest, &host.tokens_digest, found);
}

fn keyspaces(plan: &Plan, topology: &Topology, found: &mut Vec<String>) {
    for (name, planned) in plan.keyspaces.iter().filter(|(_, planned)| planned.protects) {
        match topology.keyspaces.get(name) {
            None => found.push(format!("keyspace {name}, which protects, is gone")),
            Some(now) => changed(
                &format!("the replication of keyspace {name}"),
                &shown(&planned.replication),
                &shown(&now.replication),
                found,
            ),
        }
    }
    for (name, now) in &topology.keyspaces {
        if !plan.keyspaces.contains_key(name) && protection::protects(&plan.protect, name) {
            found.push(format!("keyspace {name} ({}) is new, and protects", shown(&now.replication)));
        }
    }
}

/// With everything else unchanged the pairs must be the same; if not, something was read wrongly, now or then.
fn rings(plan: &Plan, topology: &Topology, found: &mut Vec<String>) {
    let now = Protection::of(topology, &plan.protect);
    if plan.everybody_conflicts.is_none()
        && let Some(reason) = now.everybody
    {
        found.push(format!("everybody conflicts with everybody now: {reason}"));
        return;
    }
    let planned: BTreeMap<_, _> = plan.shared.iter().map(|pair| ((pair.a, pair.b), pair.ranges)).collect();
    for pair in &now.shared {
        let before = planned.get(&(pair.a, pair.b)).copied().unwrap_or(0);
        if before == 0 {
            let (a, b) = (plan.nodes[pair.a].address, plan.nodes[pair.b].address);
            found.push(format!("{a} and {b} share {} ranges of {} now, none before", pair.ranges, pair.keyspace));
        }
    }
}

fn changed(what: &str, planned: &str, now: &str, found: &mut Vec<String>) {
    if planned != now {
        found.push(format!("{what} was `{planned}`, is `{now}`"));
    }
}

/// Replication in one line: `dc1: 3, dc2: 2`, `SimpleStrategy 3`.
pub fn shown(replication: &Replication) -> String {
    match replication {
        Replication::NetworkTopology(factors) if factors.is_empty() => "NetworkTopologyStrategy, nowhere".into(),
        Replication::NetworkTopology(factors) => {
            let parts: Vec<String> = factors.iter().map(|(dc, factor)| format!("{dc}: {}", number(*factor))).collect();
            parts.join(", ")
        }
        Replication::Simple(factor) => format!("SimpleStrategy {}", number(*factor)),
        Replication::Everywhere => "on every node".into(),
        Replication::Local => "local".into(),
        Replication::Unknown(text) => format!("unknown strategy {text}"),
    }
}

fn number(factor: crate::topology::model::Factor) -> String {
    match factor.transient {
        0 => factor.total.to_string(),
        transient => format!("{}/{transient}", factor.total),
    }
}

#[cfg(test)]
mod tests;
