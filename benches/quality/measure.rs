//! One seed of one shape, and what comes of many.

use super::rivals::{Cluster, Order};
use super::shapes::{Luck, Shape};
use rollbook::job::preview;
use rollbook::plan::bound::least_time;
use rollbook::plan::compile::{Options, compile};
use rollbook::plan::conflict::Conflicts;
use rollbook::plan::model::Plan;
use rollbook::plan::order::Durations;
use rollbook::playbook::model::Playbook;
use rollbook::topology::model::Topology;
use std::collections::BTreeMap;

const ALLOWED: f64 = 1.05;

/// When the last host is through, by each.
pub struct Times {
    pub unknown: u64,
    pub near: u64,
    pub known: u64,
    pub barrier: u64,
    pub cstar: u64,
    pub search: u64,
    pub least: u64,
}

impl Times {
    pub fn best(&self) -> u64 {
        self.barrier.min(self.cstar).min(self.search)
    }
}

pub fn measure(shape: &Shape, playbook: &Playbook, seed: u64) -> Times {
    let mut luck = Luck::new(seed);
    let topology = shape.topology(&mut luck);
    let took: Vec<u64> = topology.hosts.iter().map(|_| shape.duration(&mut luck)).collect();
    let near: Vec<u64> = took.iter().map(|ms| luck.near(*ms)).collect();
    let mut playbook = playbook.clone();
    playbook.concurrency.max_hosts = shape.cap;
    let plan = |durations: Option<&Vec<u64>>| planned(&playbook, &topology, durations);
    let unknown = plan(None);
    let cluster = cluster(&unknown, shape, &took);
    let (barrier, cstar) = (cluster.barrier(), cluster.cstar(&mut luck));
    let (near, known) = (plan(Some(&near)), plan(Some(&took)));
    let offline = cluster.search(&mut luck);
    let times = Times {
        unknown: run(&unknown, &took),
        near: run(&near, &took),
        known: run(&known, &took),
        barrier,
        cstar,
        search: offline,
        least: least_time(&unknown, &by_target(&unknown, &took)).0,
    };
    assert!(times.least <= times.best().min(times.known), "{}: the bound is none", shape.name());
    times
}

fn planned(playbook: &Playbook, topology: &Topology, durations: Option<&Vec<u64>>) -> Plan {
    let by_id = |took: &Vec<u64>| Durations {
        from: "the bench".into(),
        took: topology.hosts.iter().map(|host| host.id.clone()).zip(took.iter().copied()).collect(),
    };
    let options = Options { durations: durations.map(by_id).unwrap_or_default(), ..Options::default() };
    compile(playbook, topology, &BTreeMap::new(), &options).unwrap()
}

/// The real machine, in a world where each host takes so long.
fn run(plan: &Plan, took: &[u64]) -> u64 {
    preview::ends(plan, &by_target(plan, took))
}

fn by_target(plan: &Plan, took: &[u64]) -> Vec<u64> {
    plan.hosts.iter().map(|host| took[host.node]).collect()
}

/// The same conflicts, cap and racks for the others.
fn cluster(plan: &Plan, shape: &Shape, took: &[u64]) -> Cluster {
    let conflicts = Conflicts::of(plan);
    let hosts = plan.nodes.len();
    let rack: Vec<usize> =
        plan.nodes.iter().map(|node| plan.phases[0].datacenters[0].racks.binary_search(&node.rack).unwrap()).collect();
    let mut order: Order = (0..hosts).collect();
    order.sort_by_key(|host| (rack[*host], plan.nodes[*host].address));
    Cluster {
        excludes: (0..hosts).map(|node| conflicts.neighbours(node).iter().copied().collect()).collect(),
        rack,
        order,
        slots: shape.cap.map_or(hosts, |cap| cap as usize),
        took: took.to_vec(),
    }
}

/// Sums of ratios over the seeds, and the worst.
#[derive(Default)]
pub struct Sum {
    count: f64,
    /// In all, of those that know nothing: in one seed somebody is lucky, and nobody can be the luckiest each time.
    unknown: u64,
    barrier: u64,
    cstar: u64,
    to_best: [f64; 6],
    worst: [f64; 3],
    gap: [f64; 2],
}

impl Sum {
    pub fn add(&mut self, times: &Times) {
        let ratio = |a: u64, b: u64| a as f64 / b as f64;
        self.count += 1.0;
        self.unknown += times.unknown;
        self.barrier += times.barrier;
        self.cstar += times.cstar;
        let all = [times.unknown, times.near, times.known, times.barrier, times.cstar, times.search];
        self.to_best.iter_mut().zip(all).for_each(|(sum, time)| *sum += ratio(time, times.best()));
        self.worst.iter_mut().zip(all).for_each(|(worst, time)| *worst = worst.max(ratio(time, times.cstar)));
        self.gap[0] += ratio(times.best(), times.least);
        self.gap[1] += ratio(times.known, times.least);
    }

    fn blind(&self) -> f64 {
        self.unknown as f64 / self.barrier.min(self.cstar) as f64
    }

    pub fn faults(&self) -> Vec<&'static str> {
        let mean = |sum: f64| sum / self.count;
        let tests = [
            (self.blind(), "KNOWING NOTHING, TOO SLOW"),
            (mean(self.to_best[2]), "KNOWN, TOO SLOW"),
            (self.worst[2], "KNOWN, ONE SEED TOO SLOW"),
        ];
        tests.into_iter().filter(|(ratio, _)| *ratio > ALLOWED).map(|(_, what)| what).collect()
    }

    pub fn words(&self) -> String {
        let list =
            |all: &[f64], by: f64| all.iter().map(|sum| format!("{:.2}", sum / by)).collect::<Vec<_>>().join(" ");
        format!(
            "{:.2} | {} | {} | {}",
            self.blind(),
            list(&self.to_best, self.count),
            list(&self.worst, 1.0),
            list(&self.gap, self.count)
        )
    }
}
