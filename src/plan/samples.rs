//! Small clusters and a plan written by hand, for the unit tests of plan, job and report.

use super::model::*;
use crate::playbook::model::{Check, DatacenterOrder, Keyspaces, OnFailure, StepKind, Strategy, TakesDown};
use crate::topology::model::{Factor, Host, Keyspace, Placement, Replication, Ring, TokenRange, Topology};
use std::collections::BTreeMap;

/// Six hosts in three racks, RF 3: every range has one replica in each rack, every such triple is a range.
pub fn six_hosts_topology() -> Topology {
    let places = [("11", 1), ("14", 1), ("12", 2), ("15", 2), ("13", 3), ("16", 3)];
    let hosts = places
        .iter()
        .map(|(last, rack)| Host {
            id: format!("00000000-0000-0000-0000-0000000000{last}"),
            address: format!("10.77.0.{last}").parse().unwrap(),
            datacenter: "dc1".into(),
            rack: format!("rack{rack}"),
            release: "5.0.5".into(),
            tokens_digest: format!("{:0>16}", last),
            tokens: 4,
        })
        .collect();
    let mut ring = Ring::default();
    for (index, triple) in (0..8).enumerate() {
        let bit = |shift: usize| (triple >> shift) & 1;
        ring.sets.push(vec![bit(0), 2 + bit(1), 4 + bit(2)]);
        let token = |n: usize| (n as i128 * 1000).into();
        ring.ranges.push(TokenRange { start: token(index), end: token((index + 1) % 8), set: index });
    }
    let three = Replication::NetworkTopology(BTreeMap::from([("dc1".into(), Factor { total: 3, transient: 0 })]));
    Topology {
        version: 1,
        cluster: "lab".into(),
        partitioner: "org.apache.cassandra.dht.Murmur3Partitioner".into(),
        hosts,
        keyspaces: BTreeMap::from([("orders".into(), Keyspace { replication: three, ring: Some(0) })]),
        rings: vec![ring],
        seeds: vec!["10.77.0.11".parse().unwrap()],
        hint_window_ms: None,
        asked: vec!["10.77.0.11".parse().unwrap(), "10.77.0.12".parse().unwrap(), "10.77.0.13".parse().unwrap()],
        placement: BTreeMap::from([("orders".into(), Placement::Compared)]),
    }
}

/// A rolling reboot (`drain, stop, reboot, wait-up`) of `six_hosts_topology`.
pub fn six_hosts() -> Plan {
    let topology = six_hosts_topology();
    let words = |text: &str| text.split(' ').map(str::to_string).collect::<Vec<_>>();
    let nodes: Vec<Node> = topology
        .hosts
        .iter()
        .map(|host| Node {
            id: host.id.clone(),
            address: host.address,
            datacenter: host.datacenter.clone(),
            rack: host.rack.clone(),
            release: host.release.clone(),
            tokens_digest: host.tokens_digest.clone(),
            seed: topology.seeds.contains(&host.address),
            ssh: words(&format!("ssh {}", host.address)),
            nodetool: words(&format!("ssh {} nodetool ‹args›", host.address)),
        })
        .collect();
    let mut shared = Vec::new();
    for a in 0..6 {
        for b in a + 1..6 {
            if nodes[a].rack != nodes[b].rack {
                shared.push(Shared { a, b, keyspace: "orders".into(), ranges: 2 });
            }
        }
    }
    let hosts = (0..6)
        .map(|node| {
            let command = |far: &str| Rendered {
                command: words(&format!("ssh {} {far}", nodes[node].address)),
                ..Rendered::default()
            };
            let stop = command("sudo systemctl stop cassandra");
            let reboot = command("sudo systemctl reboot");
            Target {
                node,
                vars: Default::default(),
                words: vec![command("nodetool drain"), stop, reboot, Rendered::default()],
            }
        })
        .collect();
    Plan {
        version: VERSION,
        name: "rolling-reboot".into(),
        description: None,
        playbook: None,
        params: BTreeMap::new(),
        reason_required: false,
        accept_outage: None,
        cluster: topology.cluster.clone(),
        service: "cassandra".into(),
        partitioner: topology.partitioner.clone(),
        keyspaces: BTreeMap::from([(
            "orders".into(),
            PlannedKeyspace { replication: topology.keyspaces["orders"].replication.clone(), protects: true },
        )]),
        nodes,
        protect: Keyspaces::Data,
        shared,
        groups: vec![],
        everybody_conflicts: None,
        phases: vec![Phase {
            name: None,
            from: 0,
            to: 4,
            hosts: (0..6).collect(),
            strategy: Strategy::Topology,
            availability: None,
            needs: vec![],
            datacenters: vec![Datacenter {
                name: "dc1".into(),
                rack_by_rack: true,
                racks: vec!["rack1".into(), "rack2".into(), "rack3".into()],
                order: HostOrder::ByRack,
            }],
            datacenter_order: DatacenterOrder::Serial,
            max_hosts: Some(10),
            first: None,
            grace_ms: 0,
            checks_start: vec![Check::AllUp],
            checks_each_host: Vec::new(),
            demands_start: vec![],
            demands_each_host: vec![],
            left_out: Vec::new(),
        }],
        max_failures: 0,
        stop_after: None,
        blocked_timeout_ms: 30 * 60_000,
        poll_ms: 5_000,
        gates: vec![],
        known_down: Default::default(),
        known_down_reason: None,
        waived: vec![],
        hint_window_ms: None,
        ignore_down: false,
        setup: Vec::new(),
        steps: vec![
            step(StepKind::Drain, TakesDown::Restart, 10),
            step(StepKind::Stop, TakesDown::Restart, 5),
            step(StepKind::Reboot, TakesDown::Reboot, 2),
            step(StepKind::WaitUp, TakesDown::Nothing, 30),
        ],
        hosts,
        warnings: Vec::new(),
    }
}

/// After steps or hosts were changed by hand: the only phase has them all.
pub fn all_in_one(plan: &mut Plan) {
    (plan.phases[0].to, plan.phases[0].hosts) = (plan.steps.len(), (0..plan.hosts.len()).collect());
}

/// One step with its defaults; `minutes` is its timeout.
pub fn step(kind: StepKind, takes_down: TakesDown, minutes: u64) -> Step {
    let name = serde_json::to_value(kind).unwrap();
    Step {
        kind,
        name: name.as_str().unwrap().to_string(),
        timeout_ms: minutes * 60_000,
        poll_ms: 5_000,
        stable: 3,
        ok_exit: if kind == StepKind::Reboot { vec![0, 255] } else { vec![0] },
        on_failure: OnFailure::Stop,
        on_timeout: OnFailure::Stop,
        idempotent: false,
        takes_down,
        guessed: None,
        pause_ms: None,
        script: None,
        register: None,
        when: None,
        retries: None,
        scope: None,
        message: None,
    }
}
