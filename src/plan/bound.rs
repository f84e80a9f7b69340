//! How few waves can there be, and in how little time can it be done? True lower bounds, with their reasons.
//!
//! Hosts that exclude each other need a wave each (a clique), and a wave holds at most `max-hosts`; in time: those
//! hosts go one after the other, and `max-hosts` share all the work. The heaviest clique is searched with a budget:
//! exact for small clusters, a good one for large; any clique is a true bound.

use super::conflict::Conflicts;
use super::level::Room;
use super::model::{Group, Need, NodeIx, Phase, Plan, TargetIx};
use crate::playbook::model::{DatacenterOrder, Strategy};
use std::collections::{BTreeMap, BTreeSet};

/// Steps of the search: enough to be exact on some fifty hosts, a blink on a thousand.
const BUDGET: u32 = 100_000;

/// No run of the whole plan that keeps its rule has fewer waves; and what the number comes from.
///
/// `stop_after` is not looked at: the estimate shows the whole plan, as a resumed run goes on.
pub fn lower_bound(plan: &Plan) -> (u32, String) {
    let conflicts = Conflicts::of(plan);
    if let [phase] = plan.phases.as_slice() {
        return of_phase(plan, phase, &conflicts);
    }
    let mut sum = 0;
    let mut parts = Vec::new();
    for phase in &plan.phases {
        let (waves, reason) = of_phase(plan, phase, &conflicts);
        sum += waves;
        parts.push(format!("`{}` needs {waves} ({reason})", phase.name.as_deref().unwrap_or_default()));
    }
    (sum, format!("one phase after the other: {}", parts.join(", ")))
}

/// No run of the whole plan that keeps its rule ends sooner, if each host is out for so long (of `Plan::hosts`, in any
/// unit); and what the time comes from.
pub fn least_time(plan: &Plan, took: &[u64]) -> (u64, String) {
    let conflicts = Conflicts::of(plan);
    let mut sum = 0;
    let mut parts = Vec::new();
    for phase in &plan.phases {
        let serial = phase.datacenter_order == DatacenterOrder::Serial && phase.datacenters.len() > 1;
        let names: Vec<Option<&String>> = match serial {
            true => phase.datacenters.iter().map(|dc| Some(&dc.name)).collect(),
            false => vec![None],
        };
        for name in names {
            let node = |target: &TargetIx| plan.hosts[*target].node;
            let here = |target: &TargetIx| name.is_none_or(|name| plan.nodes[node(target)].datacenter == *name);
            let hosts: BTreeMap<NodeIx, u64> =
                phase.hosts.iter().filter(|target| here(target)).map(|target| (node(target), took[*target])).collect();
            let (least, reason) = least_of(plan, phase, &conflicts, &hosts);
            sum += least;
            let place = [phase.name.as_ref(), name].into_iter().flatten().map(|name| format!("{name}: "));
            parts.push(place.chain([reason]).collect::<String>());
        }
    }
    (sum, parts.join("; "))
}

fn least_of(plan: &Plan, phase: &Phase, conflicts: &Conflicts, hosts: &BTreeMap<NodeIx, u64>) -> (u64, String) {
    let room = Room::of(plan, phase);
    let nodes: Vec<NodeIx> = hosts.keys().copied().collect();
    let clique = heaviest_clique(conflicts, &room, phase.strategy, &nodes, &|node| hosts[&node]);
    let by_conflict: u64 = clique.iter().map(|node| hosts[node]).sum();
    // a group goes out at one stroke: of each the longest is certain
    let alone = nodes.iter().filter(|node| plan.group(**node).is_none()).map(|node| hosts[node]);
    let longest = |group: &Group| group.nodes.iter().filter_map(|node| hosts.get(node)).max().copied();
    let work: u64 = alone.chain(plan.groups.iter().filter_map(longest)).sum();
    let by_limit = phase.max_hosts.map_or(0, |limit| work.div_ceil(u64::from(limit.max(1))));
    match clique.len() {
        _ if by_limit > by_conflict => {
            (by_limit, format!("the work of {} hosts, at most {} at once", nodes.len(), phase.max_hosts.unwrap_or(1)))
        }
        0 => (0, "no host".into()),
        1 => (by_conflict, format!("{} alone takes so long", plan.nodes[clique[0]].address)),
        _ => (by_conflict, format!("{} exclude each other{}", listed(plan, &clique), under(plan, phase))),
    }
}

fn of_phase(plan: &Plan, phase: &Phase, conflicts: &Conflicts) -> (u32, String) {
    let all: Vec<NodeIx> = phase.hosts.iter().map(|target| plan.hosts[*target].node).collect();
    if phase.datacenter_order == DatacenterOrder::Parallel || phase.datacenters.len() < 2 {
        return of(plan, phase, conflicts, &all);
    }
    let mut sum = 0;
    let mut parts = Vec::new();
    for dc in &phase.datacenters {
        let here: Vec<NodeIx> = all.iter().copied().filter(|node| plan.nodes[*node].datacenter == dc.name).collect();
        let (waves, reason) = of(plan, phase, conflicts, &here);
        sum += waves;
        parts.push(format!("{} needs {waves} ({reason})", dc.name));
    }
    (sum, format!("one data centre after the other: {}", parts.join(", ")))
}

fn of(plan: &Plan, phase: &Phase, conflicts: &Conflicts, hosts: &[NodeIx]) -> (u32, String) {
    let room = Room::of(plan, phase);
    let clique = heaviest_clique(conflicts, &room, phase.strategy, hosts, &|_| 1);
    let by_conflict = clique.len() as u32;
    let by_level = phase.needs.iter().map(|need| (waves_of(plan, need, hosts), need)).max_by_key(|(waves, _)| *waves);
    let by_limit = phase.max_hosts.map_or(1, |limit| counted(plan, hosts, limit.max(1)).div_ceil(limit.max(1)));
    if let Some((waves, need)) = by_level.filter(|(waves, _)| *waves > by_conflict.max(by_limit)) {
        let level = phase.availability.as_ref().map_or("the level", |kept| kept.level.word());
        let (keyspace, replicas, spare) = (&need.keyspace, need.replicas, need.spare);
        return (waves, format!("of {replicas} replicas of a range of {keyspace} {level} can spare {spare} at once"));
    }
    if by_limit > by_conflict {
        let limit = phase.max_hosts.unwrap_or(1);
        return (by_limit, format!("{} hosts, at most {limit} at once", hosts.len()));
    }
    match by_conflict {
        0 => (0, "no host".into()),
        1 => (1, "no two of the hosts exclude each other".into()),
        number => (number, format!("{} exclude each other{}", listed(plan, &clique), under(plan, phase))),
    }
}

/// So many waves the hosts of one need take.
fn waves_of(plan: &Plan, need: &Need, hosts: &[NodeIx]) -> u32 {
    let down = need.nodes.iter().filter(|node| plan.known_down.contains(node)).count() as u32;
    let worked = need.nodes.iter().filter(|node| hosts.contains(node)).count() as u32;
    // (those of one group go in one wave)
    let of = |group: &Group| need.nodes.iter().filter(|node| group.nodes.contains(node)).count();
    if plan.groups.iter().any(|group| of(group) > 1) {
        return 0;
    }
    worked.div_ceil(need.spare.saturating_sub(down).max(1))
}

/// Hosts as they count against the limit: a group that is larger fills it alone.
fn counted(plan: &Plan, hosts: &[NodeIx], limit: u32) -> u32 {
    let grouped = plan.groups.iter().map(|group| hosts.iter().filter(|host| group.nodes.contains(host)).count() as u32);
    let grouped: Vec<u32> = grouped.collect();
    let alone = hosts.len() as u32 - grouped.iter().sum::<u32>();
    alone + grouped.into_iter().map(|size| size.min(limit)).sum::<u32>()
}

fn under(plan: &Plan, phase: &Phase) -> &'static str {
    match phase.strategy {
        Strategy::One => ": one host of a data centre at a time",
        _ if plan.everybody_conflicts.is_some() && phase.strategy == Strategy::Topology => {
            ": everybody conflicts with everybody"
        }
        _ => "",
    }
}

fn listed(plan: &Plan, hosts: &[NodeIx]) -> String {
    let address = |node: &NodeIx| plan.nodes[*node].address.to_string();
    match hosts {
        [some @ .., last] if hosts.len() <= 4 => {
            format!("{} and {}", some.iter().map(address).collect::<Vec<_>>().join(", "), address(last))
        }
        _ => format!("{} and {} more", hosts[..3].iter().map(address).collect::<Vec<_>>().join(", "), hosts.len() - 3),
    }
}

/// A clique of hosts that exclude each other: the heaviest, unless the budget ends first. Sorted.
fn heaviest_clique(
    conflicts: &Conflicts,
    room: &Room,
    strategy: Strategy,
    hosts: &[NodeIx],
    weight: &dyn Fn(NodeIx) -> u64,
) -> Vec<NodeIx> {
    let by_level = |a: NodeIx, b: NodeIx| room.broken_by_two(conflicts.unit(a), conflicts.unit(b)).is_some();
    let excludes = |a: NodeIx, b: NodeIx| conflicts.exclude_each_other(strategy, a, b) || by_level(a, b);
    let exclude = |a: NodeIx| hosts.iter().copied().filter(move |b| excludes(a, *b));
    let graph: Vec<(NodeIx, BTreeSet<NodeIx>)> = hosts.iter().map(|host| (*host, exclude(*host).collect())).collect();
    let weights = hosts.iter().map(|host| (*host, weight(*host))).collect();
    let graph = graph.into_iter().collect();
    let mut search = Search { graph, weights, best: Vec::new(), most: 0, budget: BUDGET };
    let mut order: Vec<NodeIx> = hosts.to_vec();
    // (of equal weights: whoever excludes the most; else the heavy ones, which say soon what need not be looked at)
    order.sort_by_key(|host| {
        let host = *host;
        (std::cmp::Reverse((search.weights[&host], search.graph[&host].len())), host)
    });
    search.extend(&mut Vec::new(), 0, order);
    search.best.sort_unstable();
    search.best
}

struct Search {
    graph: BTreeMap<NodeIx, BTreeSet<NodeIx>>,
    weights: BTreeMap<NodeIx, u64>,
    best: Vec<NodeIx>,
    /// What the best weighs.
    most: u64,
    budget: u32,
}

impl Search {
    /// Branch and bound: candidates are coloured greedily, and a clique has at most one host a colour.
    fn extend(&mut self, clique: &mut Vec<NodeIx>, weight: u64, candidates: Vec<NodeIx>) {
        if weight > self.most {
            (self.best, self.most) = (clique.clone(), weight);
        }
        let mut coloured = self.colours(&candidates);
        while let Some((host, rest)) = coloured.pop() {
            if weight + rest <= self.most || self.budget == 0 {
                return;
            }
            self.budget -= 1;
            let rest = coloured.iter().map(|(other, _)| *other).filter(|other| self.graph[&host].contains(other));
            let rest: Vec<NodeIx> = rest.collect();
            clique.push(host);
            self.extend(clique, weight + self.weights[&host], rest);
            clique.pop();
        }
    }

    /// Hosts with what a clique of them and those before them can weigh: no two of one colour exclude each other, so
    /// that it is the heaviest of each colour together.
    fn colours(&self, candidates: &[NodeIx]) -> Vec<(NodeIx, u64)> {
        let mut classes: Vec<Vec<NodeIx>> = Vec::new();
        for host in candidates {
            let free = |class: &&mut Vec<NodeIx>| class.iter().all(|other| !self.graph[host].contains(other));
            match classes.iter_mut().find(free) {
                Some(class) => class.push(*host),
                None => classes.push(vec![*host]),
            }
        }
        let mut sum = 0;
        let mut weighed = Vec::new();
        for class in classes {
            sum += class.iter().map(|host| self.weights[host]).max().unwrap_or(0);
            weighed.extend(class.into_iter().map(|host| (host, sum)));
        }
        weighed
    }
}

#[cfg(test)]
mod tests;
