//! Random clusters, random plans, random hazards.

use super::lock;
use super::scene::{Hazards, Scene};
use crate::plan::dice::Dice;
use crate::plan::level::{self, Room};
use crate::plan::model::{
    Datacenter, Group, HostOrder, Node, Phase, Plan, PlannedKeyspace, Rendered, Setup, Step, Target, VERSION,
};
use crate::plan::protection::{Protection, protects, racks_are_free};
use crate::playbook::model::{
    ApproveScope, Availability, DatacenterOrder, First, Keyspaces, Level, OnFailure, Retries, StepKind, Strategy,
    TakesDown, Then,
};
use crate::topology::model::{Factor, Host, Keyspace, Replication, Topology};
use crate::topology::placement::replicas;
use std::collections::{BTreeMap, BTreeSet};

/// The scene of a seed. `ignored`: a saboteur leaves this keyspace out of the plan (by its place among them).
pub fn scene(seed: u64, ignored: Option<usize>) -> Scene {
    let mut dice = Dice::new(seed);
    let topology = topology(&mut dice);
    let hazards = hazards(&mut dice);
    let mut plan = plan(&mut dice, &topology, ignored);
    let machines = groups(&mut dice.aside(), &topology, &mut plan);
    level(&mut dice.aside(), &topology, &mut plan);
    Scene { seed, topology, plan, hazards, machines, faults: vec![], protect: Keyspaces::Data, sessions: 6 }
}

/// Sometimes a consistency level is kept, and decides who may be out together, where the cluster can keep it.
fn level(dice: &mut Dice, topology: &Topology, plan: &mut Plan) {
    if !dice.chance(300) || plan.everybody_conflicts.is_some() {
        return;
    }
    let levels =
        [Level::LocalQuorum, Level::LocalQuorum, Level::Quorum, Level::LocalOne, Level::Two, Level::EachQuorum];
    let kept = Availability { level: *dice.pick(&levels), datacenters: vec![], accept: vec![] };
    for at in 0..plan.phases.len() {
        let decides = dice.chance(800);
        let worked = plan.phases[at].hosts.iter().map(|target| plan.hosts[*target].node).collect();
        let strategy = if decides { Strategy::Availability } else { plan.phases[at].strategy };
        let (known_down, grouped) = (&plan.known_down, !plan.groups.is_empty());
        let planned = level::Planned { worked: &worked, known_down, grouped, disruptive: true };
        let Ok(needs) = level::needs(topology, &plan.protect, (strategy, &kept), &planned) else { continue };
        if decides && needs.is_empty() {
            continue; // nobody would be kept apart: an outage that somebody must have accepted
        }
        let room = Room::new(&needs, topology.hosts.len(), Some(kept.level));
        if plan.groups.iter().any(|group| room.broken(&group.nodes, |_| false).is_some()) {
            continue;
        }
        let phase = &mut plan.phases[at];
        if decides {
            phase.datacenters.iter_mut().for_each(|dc| dc.rack_by_rack = false);
        }
        (phase.strategy, phase.needs, phase.availability) = (strategy, needs, Some(kept.clone()));
    }
}

/// Sometimes two or three nodes share a machine, or only a fate (each machine its own). The plan knows; the truth is
/// the returned machine of each node.
fn groups(dice: &mut Dice, topology: &Topology, plan: &mut Plan) -> Vec<usize> {
    let mut machines: Vec<usize> = (0..topology.hosts.len()).collect();
    // what nobody knows whether it takes the node or the machine is refused in a group
    let known = plan.steps.iter().all(|step| step.takes_down != TakesDown::Unknown);
    let protection = Protection::of(topology, &Keyspaces::All);
    if !dice.chance(350) || !known || protection.everybody.is_some() {
        return machines;
    }
    let share = |a: usize, b: usize| protection.shared.iter().any(|pair| (pair.a, pair.b) == (a, b));
    let mut node = 0;
    while node + 1 < topology.hosts.len() {
        let most = dice.between(1, 3) as usize;
        let mut nodes = BTreeSet::from([node]);
        while nodes.len() < most && node + nodes.len() < topology.hosts.len() {
            let next = node + nodes.len();
            if nodes.iter().any(|of| share(*of, next)) {
                break;
            }
            nodes.insert(next);
        }
        let one_machine = dice.chance(700);
        let first = node;
        node += nodes.len();
        if nodes.len() < 2 {
            continue;
        }
        nodes.iter().filter(|_| one_machine).for_each(|of| machines[*of] = first);
        let places: BTreeSet<_> =
            nodes.iter().map(|of| (&topology.hosts[*of].datacenter, &topology.hosts[*of].rack)).collect();
        for dc in plan.phases.iter_mut().flat_map(|phase| &mut phase.datacenters) {
            dc.rack_by_rack &= places.len() == 1 || places.iter().all(|at| *at.0 != dc.name);
        }
        whole(plan, &nodes);
        plan.groups.push(Group { name: format!("group {first}"), nodes, by_machine_id: false });
    }
    machines
}

/// A group is worked on whole: in each phase all of it, or none.
fn whole(plan: &mut Plan, nodes: &BTreeSet<usize>) {
    let Some(words) = plan.hosts.iter().find(|host| nodes.contains(&host.node)).map(|host| host.words.clone()) else {
        return;
    };
    let missing: Vec<usize> =
        nodes.iter().copied().filter(|of| plan.hosts.iter().all(|host| host.node != *of)).collect();
    plan.hosts.extend(missing.into_iter().map(|node| Target { node, vars: BTreeMap::new(), words: words.clone() }));
    let targets: Vec<usize> = (0..plan.hosts.len()).filter(|host| nodes.contains(&plan.hosts[*host].node)).collect();
    for phase in plan.phases.iter_mut().filter(|phase| targets.iter().any(|target| phase.hosts.contains(target))) {
        let missing: Vec<usize> = targets.iter().copied().filter(|target| !phase.hosts.contains(target)).collect();
        phase.hosts.extend(missing);
    }
}

pub(super) fn hazards(dice: &mut Dice) -> Hazards {
    if dice.chance(150) {
        return Hazards::CALM;
    }
    let mut some = |most: u64| if dice.chance(400) { dice.between(0, most) } else { 0 };
    Hazards {
        command_fails: some(60),
        command_hangs: some(60),
        command_lies: some(80),
        never_back: some(80),
        deaths: some(900),
        cuts: some(900),
        liars: some(1000),
        silent: some(500),
        interruptions: some(800),
        slow_answer: *dice.pick(&[300, 1500, 4000, 12_000]),
    }
}

fn topology(dice: &mut Dice) -> Topology {
    let datacenters = dice.between(1, 3);
    let most = *dice.pick(&[3, 6, 6, 9, 12, 12, 24, 60]);
    let mut hosts = Vec::new();
    for dc in 1..=datacenters {
        let count = dice.between(1, (most / datacenters).max(1));
        let racks = dice.between(1, 6.min(count));
        for n in 0..count {
            let number = hosts.len();
            hosts.push(Host {
                id: format!("00000000-0000-4000-8000-{number:012}"),
                address: format!("10.{dc}.{}.{}", n / 200, n % 200 + 1).parse().expect("an address"),
                datacenter: format!("dc{dc}"),
                rack: format!("r{}", n % racks + 1),
                release: "5.0.5".into(),
                tokens_digest: format!("{number:016x}"),
                tokens: 0,
            });
        }
    }
    hosts.sort_by(|a, b| (&a.datacenter, &a.rack, a.address).cmp(&(&b.datacenter, &b.rack, b.address)));
    let vnodes = if hosts.len() <= 12 { *dice.pick(&[1, 1, 4, 16, 256]) } else { *dice.pick(&[1, 1, 4, 16]) };
    let mut taken = BTreeSet::new();
    let mut tokens = Vec::new();
    for (host, of) in hosts.iter_mut().enumerate() {
        of.tokens = vnodes as u32;
        for _ in 0..vnodes {
            let mut token = dice.roll() as i64 as i128;
            while !taken.insert(token) {
                token += 1;
            }
            tokens.push((token, host));
        }
    }
    let mut topology = Topology {
        version: 1,
        cluster: "hostile".into(),
        partitioner: "org.apache.cassandra.dht.Murmur3Partitioner".into(),
        hosts,
        keyspaces: BTreeMap::new(),
        rings: vec![],
        seeds: vec![],
        hint_window_ms: None,
        asked: vec![],
        placement: BTreeMap::new(),
    };
    for number in 0..dice.between(1, 4) {
        let replication = replication(dice, datacenters);
        let ring = replicas(&tokens, &topology.hosts, &replication);
        topology.rings.push(ring);
        let ring = Some(topology.rings.len() - 1);
        topology.keyspaces.insert(format!("ks{number}"), Keyspace { replication, ring });
    }
    topology
}

fn replication(dice: &mut Dice, datacenters: u64) -> Replication {
    let mut factor = |low| Factor { total: dice.between(low, 5) as u32, transient: 0 };
    if factor(1).total == 1 {
        return Replication::Simple(factor(1));
    }
    let mut of =
        |dc: u64| (format!("dc{dc}"), Factor { total: [3, 3, 3, 2, 1, 5, 4][factor(0).total as usize], transient: 0 });
    Replication::NetworkTopology((1..=datacenters).map(&mut of).collect())
}

fn plan(dice: &mut Dice, topology: &Topology, ignored: Option<usize>) -> Plan {
    let mut counted = Keyspaces::Data;
    if let Some(ignored) = ignored {
        let names = topology.keyspaces.keys().enumerate().filter(|(ix, _)| *ix != ignored % topology.keyspaces.len());
        let names: Vec<String> = names.map(|(_, name)| name.clone()).collect();
        counted = Keyspaces::Only(names);
    }
    let protection = Protection::of(topology, &counted);
    let steps = chain(dice);
    let words = words(dice.aside(), &steps);
    let skip = dice.chance(300);
    let worked: Vec<usize> = (0..topology.hosts.len()).filter(|_| !skip || dice.chance(700)).collect();
    let worked = if worked.is_empty() { vec![0] } else { worked };
    let first = person(&mut dice.aside(), steps.as_slice());
    let mut plan = Plan {
        version: VERSION,
        name: "hostile".into(),
        description: None,
        playbook: None,
        params: BTreeMap::new(),
        reason_required: false,
        accept_outage: (topology.hosts.len() == 1).then(|| "one node".into()),
        cluster: topology.cluster.clone(),
        partitioner: topology.partitioner.clone(),
        service: "cassandra".into(),
        nodes: topology.hosts.iter().map(node).collect(),
        keyspaces: topology
            .keyspaces
            .iter()
            .map(|(name, keyspace)| {
                let protects = protects(&counted, name);
                (name.clone(), PlannedKeyspace { replication: keyspace.replication.clone(), protects })
            })
            .collect(),
        protect: counted.clone(),
        shared: protection.shared.clone(),
        everybody_conflicts: protection.everybody.clone(),
        phases: vec![Phase {
            availability: None,
            needs: vec![],
            name: None,
            from: 0,
            to: steps.len(),
            hosts: (0..worked.len()).collect(),
            strategy: if dice.chance(150) { Strategy::One } else { Strategy::Topology },
            datacenters: datacenters(topology, &protection),
            datacenter_order: if dice.chance(500) { DatacenterOrder::Parallel } else { DatacenterOrder::Serial },
            max_hosts: Some(*dice.pick(&[1, 2, 3, 10, 100])),
            first: None,
            grace_ms: 0,
            checks_start: vec![],
            checks_each_host: vec![],
            demands_start: vec![],
            demands_each_host: vec![],
            left_out: vec![],
        }],
        groups: vec![],
        max_failures: *dice.pick(&[0, 0, 1, 3]),
        stop_after: dice.chance(100).then(|| dice.between(1, 5) as u32),
        blocked_timeout_ms: 300_000,
        poll_ms: 5_000,
        gates: vec![],
        known_down: Default::default(),
        known_down_reason: None,
        waived: vec![],
        hint_window_ms: None,
        ignore_down: false,
        // (drawn from the seed itself: the rest of a scene stays what it was)
        setup: setup(dice.clone()),
        steps,
        hosts: worked.into_iter().map(|node| Target { node, vars: BTreeMap::new(), words: words.clone() }).collect(),
        warnings: vec![],
    };
    if Dice::new(dice.clone().roll() ^ 0x10CC).chance(250) {
        lock::add(&mut plan);
    }
    let phase = &mut plan.phases[0];
    (phase.first, phase.grace_ms) = (first, *dice.pick(&[0, 0, 20_000]));
    let mut aside = dice.aside();
    if aside.chance(250) {
        second_phase(&mut aside, &mut plan);
    }
    plan
}

/// Another chain behind the first, for some of the hosts, in another order.
fn second_phase(dice: &mut Dice, plan: &mut Plan) {
    let (from, steps) = (plan.steps.len(), chain(dice));
    let words = vec![Rendered { command: vec!["true".into()], ..Rendered::default() }; steps.len()];
    plan.steps.extend(steps);
    plan.hosts.iter_mut().for_each(|host| host.words.extend(words.clone()));
    let mut hosts: Vec<usize> = (0..plan.hosts.len()).filter(|_| dice.chance(800)).collect();
    hosts.reverse();
    let mut phase =
        Phase { from, to: plan.steps.len(), max_hosts: Some(*dice.pick(&[1, 3, 10])), ..plan.phases[0].clone() };
    phase.hosts = if hosts.is_empty() { vec![0] } else { hosts };
    phase.first = person(dice, &plan.steps);
    phase.strategy = *dice.pick(&[Strategy::One, Strategy::Topology, Strategy::Topology]);
    (plan.phases[0].name, phase.name) = (Some("one".into()), Some("two".into()));
    plan.phases.push(phase);
}

/// Behind a step that registers some step reads what it printed.
fn words(mut dice: Dice, steps: &[Step]) -> Vec<Rendered> {
    let mut words = vec![Rendered { command: vec!["true".into()], ..Rendered::default() }; steps.len()];
    if let Some(registers) = steps.iter().position(|step| step.register.is_some()) {
        let reads = dice.between(registers as u64 + 1, steps.len() as u64 - 1) as usize;
        words[reads].command.push("‹host.vars.port›".into());
    }
    for (step, words) in steps.iter().zip(&mut words).filter(|(step, _)| step.name == UNDOABLE) {
        debug_assert!(!step.disruptive());
        words.undo = Some(vec!["true".into()]);
    }
    words
}

/// Steps of this name have an undo.
const UNDOABLE: &str = "undoable";

/// Sometimes a canary, after which a person is asked or the run stops.
fn person(dice: &mut Dice, steps: &[Step]) -> Option<First> {
    let then = *dice.pick(&[Then::Ask, Then::Stop]);
    let hosts = dice.between(1, 3) as u32;
    (dice.chance(200) && !steps.is_empty()).then_some(First { hosts, then })
}

fn setup(mut dice: Dice) -> Vec<Setup> {
    let one = || Setup { run: vec!["true".into()], undo: Some(vec!["true".into()]), timeout_ms: 60_000, lock: false };
    (0..*dice.pick(&[0, 0, 1, 2])).map(|_| one()).collect()
}

fn node(host: &Host) -> Node {
    Node {
        id: host.id.clone(),
        address: host.address,
        datacenter: host.datacenter.clone(),
        rack: host.rack.clone(),
        release: host.release.clone(),
        tokens_digest: host.tokens_digest.clone(),
        seed: false,
        ssh: vec![],
        nodetool: vec![],
    }
}

fn datacenters(topology: &Topology, protection: &Protection) -> Vec<Datacenter> {
    let mut racks: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for host in &topology.hosts {
        racks.entry(&host.datacenter).or_default().insert(&host.rack);
    }
    let one = |(name, racks): (&String, BTreeSet<&String>)| Datacenter {
        name: name.clone(),
        rack_by_rack: racks_are_free(topology, protection, name),
        racks: racks.into_iter().cloned().collect(),
        order: HostOrder::ByRack,
    };
    racks.into_iter().map(one).collect()
}

fn chain(dice: &mut Dice) -> Vec<Step> {
    use StepKind::{Drain, Reboot, Restart, Run, Start, Stop, WaitUp};
    let kinds: &[StepKind] = match dice.between(0, 5) {
        0 => &[Reboot, WaitUp],
        1 => &[Drain, Restart, WaitUp],
        2 => &[Run, WaitUp],
        3 => &[Drain, Stop, Start, WaitUp],
        _ => &[Drain, Stop, Reboot, WaitUp],
    };
    let mut steps: Vec<Step> = kinds.iter().map(|kind| step(*kind)).collect();
    let mut aside = dice.aside();
    if aside.chance(200) {
        steps.push(step(StepKind::Verify));
    }
    if aside.chance(150) {
        let scope = *aside.pick(&[ApproveScope::Host, ApproveScope::Rest]);
        steps.insert(0, Step { scope: Some(scope), ..step(StepKind::Approve) });
    }
    if aside.chance(150) {
        steps.insert(0, step(StepKind::Until));
    }
    for step in steps.iter_mut().filter(|step| matches!(step.kind, StepKind::Drain | StepKind::Stop | StepKind::Start))
    {
        let retries = Retries { times: 2, delay_ms: 5_000, backoff: 2 };
        step.retries = aside.chance(200).then_some(retries);
    }
    if aside.chance(250) {
        let registers = Step { takes_down: TakesDown::Nothing, register: Some("port".into()), ..step(StepKind::Run) };
        // all that takes the host away, or nothing
        let decides = aside.chance(400);
        for step in steps.iter_mut().filter(|step| decides && step.disruptive()) {
            step.when = Some("host.vars.port != 'no'".into());
        }
        steps.insert(usize::from(steps[0].kind == StepKind::Until), registers);
    }
    let first = usize::from(steps[0].kind == StepKind::Until);
    for _ in 0..*aside.pick(&[0, 0, 0, 1, 2]) {
        let at = aside.between(first as u64, steps.len() as u64) as usize;
        let undoable = Step { takes_down: TakesDown::Nothing, name: UNDOABLE.into(), ..step(StepKind::Run) };
        steps.insert(at, undoable);
    }
    for step in steps.iter_mut().filter(|step| !matches!(step.kind, StepKind::Until | StepKind::Approve)) {
        if aside.chance(120) {
            (step.on_failure, step.on_timeout) = (OnFailure::Ask, OnFailure::Ask);
        } else if matches!(step.kind, StepKind::Drain | StepKind::Verify) && aside.chance(200) {
            step.on_timeout = OnFailure::Continue;
        }
    }
    steps
}

fn step(kind: StepKind) -> Step {
    let (takes_down, minutes) = match kind {
        StepKind::Drain | StepKind::Stop | StepKind::Start | StepKind::Restart => (TakesDown::Restart, 5),
        StepKind::Reboot => (TakesDown::Reboot, 2),
        StepKind::Run => (TakesDown::Unknown, 5),
        _ => (TakesDown::Nothing, 10),
    };
    Step {
        kind,
        name: format!("{kind:?}").to_lowercase(),
        timeout_ms: minutes * 60_000,
        poll_ms: 5_000,
        stable: 3,
        ok_exit: vec![0],
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
