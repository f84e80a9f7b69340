//! Invariants of any plan, judged apart from `compile`: by other paths, so that one mistake does not hide in both.
//!
//! Each finding is a sentence about a defect of rollbook or of a file edited by hand, never about a
//! playbook. `check` needs the plan alone; `check_against` also the cluster it was made for.

mod chain;
mod levels;
mod pairs;
mod words;

use super::level::Room;
use super::model::{Group, NodeIx, Phase, Plan, Shared, Step, VERSION};
use crate::playbook::model::{Strategy, TakesDown};
use crate::topology::model::Topology;
use std::collections::BTreeSet;

/// What is wrong with the plan in itself. Empty: nothing.
pub fn check(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    if plan.version != VERSION {
        found.push(format!("version {} is not {VERSION}", plan.version));
    }
    nodes(plan, &mut found);
    pairs::well_formed(plan, &mut found);
    levels::well_formed(plan, &mut found);
    if !found.is_empty() {
        return found; // what follows indexes by what was just found wrong
    }
    targets(plan, &mut found);
    if !found.is_empty() {
        return found;
    }
    limits(plan, &mut found);
    away(plan, &mut found);
    groups(plan, &mut found);
    pairs::racks_are_free(plan, &mut found);
    chain::check(plan, &mut found);
    words::check(plan, &mut found);
    found
}

/// What is wrong with the plan as a plan of this cluster: everything `check` finds, and every pair recomputed.
pub fn check_against(plan: &Plan, topology: &Topology) -> Vec<String> {
    let mut found = check(plan);
    if !found.is_empty() {
        return found;
    }
    let planned: Vec<_> = plan.nodes.iter().map(|n| (&n.id, n.address, &n.datacenter, &n.rack)).collect();
    let present: Vec<_> = topology.hosts.iter().map(|h| (&h.id, h.address, &h.datacenter, &h.rack)).collect();
    if planned != present {
        found.push("the nodes are not the hosts of the cluster, in its order".into());
        return found;
    }
    pairs::all_present(plan, topology, &mut found);
    levels::all_present(plan, topology, &mut found);
    found
}

fn nodes(plan: &Plan, found: &mut Vec<String>) {
    if plan.nodes.is_empty() {
        found.push("there is no node".into());
    }
    let ids: BTreeSet<_> = plan.nodes.iter().map(|node| &node.id).collect();
    let addresses: BTreeSet<_> = plan.nodes.iter().map(|node| node.address).collect();
    if ids.len() != plan.nodes.len() || addresses.len() != plan.nodes.len() {
        found.push("two nodes have one id or one address".into());
    }
    let place = |node: NodeIx| {
        let node = &plan.nodes[node];
        (&node.datacenter, &node.rack, node.address)
    };
    if (1..plan.nodes.len()).any(|node| place(node - 1) >= place(node)) {
        found.push("nodes are not sorted by data centre, rack and address".into());
    }
}

fn targets(plan: &Plan, found: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for target in &plan.hosts {
        let Some(node) = plan.nodes.get(target.node) else {
            found.push(format!("host {} is no node", target.node));
            continue;
        };
        if !seen.insert(target.node) {
            found.push(format!("{} is worked on twice", node.address));
        }
        if target.words.len() != plan.steps.len() {
            found.push(format!("{} has {} steps of {}", node.address, target.words.len(), plan.steps.len()));
        }
    }
    if found.is_empty() {
        phases(plan, found);
    }
}

/// The phases share the steps out among themselves, and each has hosts in its order.
fn phases(plan: &Plan, found: &mut Vec<String>) {
    let mut behind = 0;
    for phase in &plan.phases {
        if phase.from != behind || phase.to <= phase.from {
            found.push("the phases do not share the steps out among themselves".into());
            return;
        }
        behind = phase.to;
    }
    if behind != plan.steps.len() {
        found.push("steps that belong to no phase".into());
        return;
    }
    let worked: BTreeSet<usize> = plan.phases.iter().flat_map(|phase| phase.hosts.iter().copied()).collect();
    if worked != (0..plan.hosts.len()).collect() {
        found.push("a phase names a host that is none, or no phase works on a host".into());
        return;
    }
    let names: BTreeSet<&Option<String>> = plan.phases.iter().map(|phase| &phase.name).collect();
    if names.len() < plan.phases.len() || plan.phases.iter().any(|phase| phase.hosts.is_empty()) {
        found.push("two phases of one name, or one without hosts".into());
    }
    for phase in &plan.phases {
        hosts(plan, phase, found);
    }
}

fn hosts(plan: &Plan, phase: &Phase, found: &mut Vec<String>) {
    let mut last = None;
    let mut seen = BTreeSet::new();
    for target in &phase.hosts {
        let node = &plan.nodes[plan.hosts[*target].node];
        if !seen.insert(plan.hosts[*target].node) {
            found.push(format!("{} is twice in a phase", node.address));
        }
        let datacenter = phase.datacenters.iter().position(|dc| dc.name == node.datacenter);
        let rack = datacenter.and_then(|dc| phase.datacenters[dc].racks.iter().position(|rack| *rack == node.rack));
        if datacenter.is_none() || rack.is_none() {
            found.push(format!("{}: its data centre or rack is not in the order", node.address));
        }
        // within a data centre the playbook may ask for another order than by rack and address
        if last.is_some_and(|last| last > datacenter) {
            found.push(format!("{} is out of order", node.address));
        }
        last = Some(datacenter);
    }
    for (position, dc) in phase.datacenters.iter().enumerate() {
        if phase.datacenters[..position].iter().any(|before| before.name == dc.name) {
            found.push(format!("data centre {} is listed twice", dc.name));
        }
        if dc.racks.windows(2).any(|two| two[0] >= two[1]) {
            found.push(format!("racks of {} are not sorted", dc.name));
        }
        for rack in &dc.racks {
            let here = |node: &NodeIx| plan.nodes[*node].datacenter == dc.name && plan.nodes[*node].rack == *rack;
            if !seen.iter().any(here) {
                found.push(format!("rack {rack} of {} has no host to work on", dc.name));
            }
        }
    }
}

fn away(plan: &Plan, found: &mut Vec<String>) {
    if plan.known_down.iter().any(|node| *node >= plan.nodes.len()) {
        found.push("a node that is known to be down is none".into());
        return;
    }
    for target in plan.hosts.iter().filter(|target| plan.known_down.contains(&target.node)) {
        found.push(format!("{} is worked on and known to be down", plan.nodes[target.node].address));
    }
    let shares = |a: NodeIx, b: NodeIx| {
        plan.everybody_conflicts.is_some()
            || plan.shared.iter().any(|pair| (pair.a, pair.b) == (a, b) || (pair.a, pair.b) == (b, a))
    };
    let by_pairs = |phase: &&Phase| !matches!(phase.strategy, Strategy::All | Strategy::Availability);
    let protected = plan.phases.iter().filter(by_pairs);
    let protected: BTreeSet<usize> = protected.flat_map(|phase| phase.hosts.iter().copied()).collect();
    for target in protected.into_iter().map(|target| &plan.hosts[target]) {
        if plan.known_down.iter().any(|down| shares(target.node, *down)) {
            let address = plan.nodes[target.node].address;
            found.push(format!("{address} is worked on and shares ranges with a node that is known to be down"));
        }
    }
    for phase in &plan.phases {
        let room = Room::of(plan, phase);
        for node in phase.hosts.iter().map(|target| plan.hosts[*target].node) {
            let unit = plan.group(node).map_or_else(|| BTreeSet::from([node]), |group| group.nodes.clone());
            if room.broken(&unit, |node| plan.known_down.contains(&node)).is_some() {
                let address = plan.nodes[node].address;
                found.push(format!("{address} is worked on, and a range would lose its level by it"));
            }
        }
    }
}

/// Groups are of nodes, disjoint, share no range inside, and go out whole.
fn groups(plan: &Plan, found: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    let worked: BTreeSet<NodeIx> = plan.hosts.iter().map(|target| target.node).collect();
    let disruptive = plan.steps.iter().any(|step| step.disruptive());
    for group in &plan.groups {
        if group.nodes.len() < 2 || group.nodes.iter().any(|node| *node >= plan.nodes.len()) {
            found.push(format!("{} is no group of two nodes or more", group.name));
            continue;
        }
        if group.nodes.iter().any(|node| !seen.insert(*node)) {
            found.push(format!("a node of {} is in another group too", group.name));
        }
        let inside = |pair: &Shared| group.nodes.contains(&pair.a) && group.nodes.contains(&pair.b);
        let by_pairs = plan.phases.iter().any(|phase| phase.strategy != Strategy::Availability);
        let shares = by_pairs && (plan.everybody_conflicts.is_some() || plan.shared.iter().any(inside));
        if disruptive && shares && plan.accept_outage.is_none() && !group.nodes.is_disjoint(&worked) {
            found.push(format!("nodes of {} share ranges, and nobody accepted the outage", group.name));
        }
        plan.phases.iter().for_each(|phase| whole(plan, phase, group, found));
    }
}

fn whole(plan: &Plan, phase: &Phase, group: &Group, found: &mut Vec<String>) {
    let worked: BTreeSet<NodeIx> = phase.hosts.iter().map(|target| plan.hosts[*target].node).collect();
    if group.nodes.is_disjoint(&worked) {
        return;
    }
    let takes = |what| plan.steps[phase.from..phase.to].iter().any(|step| step.takes_down == what);
    let all = group.nodes.iter().all(|node| worked.contains(node) || plan.known_down.contains(node));
    if takes(TakesDown::Reboot) && !all {
        found.push(format!("a reboot takes down nodes of {} that are not worked on", group.name));
    }
    if takes(TakesDown::Unknown) {
        found.push(format!("{} goes out by a step of which nobody knows what it takes down", group.name));
    }
    let place = |node: &NodeIx| (&plan.nodes[*node].datacenter, &plan.nodes[*node].rack);
    let racks: BTreeSet<_> = group.nodes.iter().map(place).collect();
    for dc in phase.datacenters.iter().filter(|dc| dc.rack_by_rack && racks.len() > 1) {
        if racks.iter().any(|(datacenter, _)| **datacenter == dc.name) {
            found.push(format!("{} goes rack by rack, and {} lies across racks", dc.name, group.name));
        }
    }
}

/// No time in a plan is longer, so that none is beyond what can be added to another.
const LONGEST_MS: u64 = 366 * 24 * 3_600_000;

fn longest(plan: &Plan) -> u64 {
    let phases = plan.phases.iter().map(|phase| phase.grace_ms);
    let gates = plan.gates.iter().flat_map(|gate| [gate.poll_ms, gate.timeout_ms]);
    let retries = |step: &Step| step.retries.map_or(0, |retries| retries.delay_ms);
    let steps =
        plan.steps.iter().flat_map(|step| [step.timeout_ms, step.poll_ms, step.pause_ms.unwrap_or(0), retries(step)]);
    let setup = plan.setup.iter().map(|setup| setup.timeout_ms);
    let all = phases.chain(gates).chain(steps).chain(setup);
    all.chain([plan.poll_ms, plan.blocked_timeout_ms]).max().unwrap_or(0)
}

fn limits(plan: &Plan, found: &mut Vec<String>) {
    if plan.phases.iter().any(|phase| phase.max_hosts == Some(0)) || plan.stop_after == Some(0) {
        found.push("a limit of no hosts at all".into());
    }
    if longest(plan) > LONGEST_MS {
        found.push("a time of more than a year".into());
    }
    if plan.phases.iter().any(|phase| phase.first.is_some_and(|first| first.hosts == 0)) {
        found.push("a canary of no host".into());
    }
    if plan.poll_ms == 0 {
        found.push("polls without a pause".into());
    }
    let disruptive = plan.steps.iter().any(|step| step.disruptive());
    let accepted = plan.accept_outage.as_ref().is_some_and(|reason| !reason.trim().is_empty());
    let all = |phase: &Phase| phase.strategy == Strategy::All && phase.disruptive(plan);
    // (a level that counts nothing keeps nobody apart)
    let nothing = |phase: &Phase| {
        let several = phase.hosts.len() > 1 && phase.max_hosts != Some(1);
        phase.strategy == Strategy::Availability && phase.needs.is_empty() && several && phase.disruptive(plan)
    };
    if plan.phases.iter().any(|phase| all(phase) || nothing(phase)) && !accepted {
        found.push("takes down every host at once, and nobody accepted the outage".into());
    }
    if disruptive && plan.nodes.len() == 1 && !accepted {
        found.push("takes down the only node, and nobody accepted the outage".into());
    }
}

#[cfg(test)]
mod tests;
