//! `nodetool describecluster`: asks every node directly, and waits for those that do not answer.

use super::status::scattered;
use super::{Answer, Question};
use crate::sandbox::keyspaces::{describe, is_system};
use crate::sandbox::pace;
use crate::topology::model::Replication;
use anyhow::Result;
use std::collections::BTreeMap;

const HEAD: &str = "\tSnitch: org.apache.cassandra.locator.GossipingPropertyFileSnitch
\tDynamicEndPointSnitch: enabled
\tPartitioner: org.apache.cassandra.dht.Murmur3Partitioner
\tSchema versions:
";

const MIXED: &str = "\nNote: Non-system keyspaces don't have the same replication settings, effective ownership \
                     information is meaningless\n";

pub fn describecluster(question: &Question) -> Result<Answer> {
    let world = question.world;
    let sight = world.sight(question.machine)?;
    let machines = scattered(&world.cluster.machines, world.cluster.seed);
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut unreachable = Vec::new();
    let (mut live, mut joining, mut leaving) = (0, 0, 0);
    let mut sizes: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut releases: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut waits = false;
    for machine in machines {
        let seen = sight.seen[machine.ix];
        let shown = question.show(machine.address);
        if seen.reached {
            versions.entry(world.schema(machine)).or_default().push(shown);
        } else {
            unreachable.push(shown);
            waits |= seen.up;
        }
        live += usize::from(seen.up);
        joining += usize::from(seen.joining);
        leaving += usize::from(seen.leaving);
        let size = sizes.entry(&machine.datacenter).or_default();
        if !seen.joining {
            size.0 += 1;
            size.1 += usize::from(!seen.up);
        }
        let release = if sight.blind { "" } else { world.release(machine) };
        releases.entry(release).or_default().push(format!("{}:7000", machine.address));
    }
    if waits {
        pace::sleep_until(world.now + world.cluster.pace.of(pace::NO_ANSWER));
    }
    let mut out = format!("Cluster Information:\n\tName: {}\n{HEAD}", world.cluster.name);
    for (version, nodes) in &versions {
        out += &format!("\t\t{version}: [{}]\n\n", nodes.join(", "));
    }
    if !unreachable.is_empty() {
        out += &format!("\t\tUNREACHABLE: [{}]\n\n", unreachable.join(", "));
    }
    let down = world.cluster.machines.len() - live;
    out += &format!("Stats for all nodes:\n\tLive: {live}\n\tJoining: {joining}\n\tMoving: 0\n");
    out += &format!("\tLeaving: {leaving}\n\tUnreachable: {down}\n\nData Centers: \n");
    for (name, (nodes, down)) in sizes {
        out += &format!("\t{name} #Nodes: {nodes} #Down: {down}\n");
    }
    out += "\nDatabase versions:\n";
    for (release, nodes) in releases {
        out += &format!("\t{release}: [{}]\n\n", nodes.join(", "));
    }
    out += "Keyspaces:\n";
    let keyspaces = world.keyspaces()?;
    for (name, replication) in &keyspaces {
        out += &format!("\t{name} -> Replication class: {}\n", describe(replication));
    }
    if differ(&keyspaces) {
        out += MIXED;
    }
    Ok(Answer::text(out))
}

fn differ(keyspaces: &[(String, Replication)]) -> bool {
    let mut users = keyspaces.iter().filter(|(name, _)| !is_system(name)).map(|(_, replication)| replication);
    let first = users.next();
    users.any(|replication| Some(replication) != first)
}
