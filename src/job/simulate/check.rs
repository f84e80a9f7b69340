//! The promises, judged by the world's truth and by what was really started, never by what the machine believes.

use super::scene::Scene;
use super::spare::Spare;
use super::truth::World;
use crate::job::event::{Event, HostEvent, Ms, Resolution, RunEvent, StepEvent, What};
use crate::job::model::Job;
use crate::job::rules::joined;
use crate::job::view::{Answer, Task};
use crate::plan::model::NodeIx;
use crate::plan::protection::protects;
use crate::playbook::model::{StepKind, TakesDown};
use crate::topology::model::Replication;
use crate::topology::nodetool::StatusRow;
use std::collections::{BTreeMap, BTreeSet};

/// A promise that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub at: Ms,
    pub what: String,
}

/// Down for so long in an honest observer's answers: nothing of its ranges may be taken out.
pub(super) const KNOWN_DOWN_MS: Ms = 30_000;
/// A conviction (29 s here), twice a poll, and the time of two slow answers: longer nobody honest can overlook it.
const LONGEST_UNSEEN_MS: Ms = 90_000;
/// With liars among the observers the node itself, asked for its reachability, does not answer.
const LONGEST_UNKNOWN_MS: Ms = 250_000;
/// A cut older than this is older than any answer about reachability that may still be used (`reach-age`
/// of the sizes simulated here, one answer's duration, one poll).
const KNOWN_CUT_MS: Ms = 120_000;

pub(super) struct Checks<'a> {
    pub(super) scene: &'a Scene,
    pub violations: Vec<Violation>,
    /// By the ring itself, every protecting keyspace, whatever the plan says.
    conflicts: Vec<BTreeSet<NodeIx>>,
    /// Of each phase, what its level can spare.
    pub(super) spares: Vec<Option<Spare>>,
    pub(super) taken: BTreeMap<NodeIx, Taken>,
    /// (observer, node) → since when it says down, and when it said so last.
    pub(super) said_down: BTreeMap<(NodeIx, NodeIx), (Ms, Ms)>,
    pub(super) down_since: BTreeMap<NodeIx, Ms>,
    running: BTreeMap<usize, Task>,
    /// Machine → the host that rebooted it last, while that is not proved.
    rebooted: BTreeMap<usize, usize>,
    stopped: bool,
    /// What the step that registers printed on each host.
    printed: BTreeMap<usize, String>,
    /// Steps with an undo that were started, by host.
    undone: BTreeMap<usize, BTreeMap<usize, Left>>,
    /// At which step each host failed, was lost or waits for an answer.
    failed_at: BTreeMap<usize, usize>,
    /// Hosts of which rollbook says that they have ended.
    over: BTreeSet<usize>,
    /// Which host is through which phase, and at which step each was last.
    finished: BTreeSet<(usize, usize)>,
    last_step: BTreeMap<usize, usize>,
}

/// What a step with an undo did on its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Owed,
    TakenBack,
    /// Its undo failed.
    Failed,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// rollbook says that it is back.
    proved: bool,
}

impl<'a> Checks<'a> {
    pub fn new(scene: &'a Scene) -> Self {
        Checks {
            scene,
            violations: vec![],
            conflicts: conflicts(scene),
            spares: scene.plan.phases.iter().map(|phase| Spare::of(scene, phase)).collect(),
            taken: BTreeMap::new(),
            said_down: BTreeMap::new(),
            down_since: BTreeMap::new(),
            running: BTreeMap::new(),
            rebooted: BTreeMap::new(),
            stopped: false,
            printed: BTreeMap::new(),
            undone: BTreeMap::new(),
            failed_at: BTreeMap::new(),
            over: BTreeSet::new(),
            finished: BTreeSet::new(),
            last_step: BTreeMap::new(),
        }
    }

    pub fn violation(&mut self, at: Ms, what: String) {
        self.violations.push(Violation { at, what });
    }

    pub(super) fn name(&self, node: NodeIx) -> std::net::IpAddr {
        self.scene.plan.nodes[node].address
    }

    /// Taken out, and not proved back or not really back: somebody honest does not see it serve.
    fn out(&self, world: &World, node: NodeIx, now: Ms) -> bool {
        let Some(taken) = self.taken.get(&node) else { return false };
        let of = &world.nodes[node];
        let peers = (0..world.nodes.len()).filter(|peer| *peer != node && !world.nodes[*peer].liar);
        let mut peers = peers.filter(|peer| !self.taken.contains_key(peer) && !world.down(*peer));
        let seen = peers.all(|peer| world.believes_up(peer, node, now) || now < world.nodes[peer].joined + 60_000);
        !(taken.proved && of.pending == 0 && of.serving && !of.drained && seen)
    }

    /// Proved back and really back: what becomes of it from now on, nobody took out. Asked before a node dies by itself.
    pub fn settle(&mut self, world: &World, node: NodeIx, now: Ms) {
        if !self.out(world, node, now) {
            self.taken.remove(&node);
        }
    }

    pub fn spawned(&mut self, world: &World, job: &Job, task: Task, disruptive: bool, now: Ms) {
        let Task::Step { host, step, .. } = task else { return };
        let undone = self.undone.entry(host).or_default();
        let phases = &self.scene.plan.phases;
        let from = phases.iter().find(|phase| (phase.from..phase.to).contains(&step)).map_or(0, |phase| phase.from);
        if undone.range(from..step).any(|(_, left)| *left == Left::TakenBack) {
            self.violation(now, format!("(vi) {task:?} starts, and an earlier step of its host was taken back"));
        }
        if self.scene.plan.hosts[host].words[step].undo.is_some() {
            self.undone.entry(host).or_default().insert(step, Left::Owed);
        }
        let reads = self.scene.plan.hosts[host].words[step].command.iter().any(|word| word.contains("‹host.vars."));
        if reads && !self.printed.get(&host).is_some_and(|value| !value.is_empty() && !value.contains(' ')) {
            self.violation(now, format!("(v) {task:?} starts without the value that its words need"));
        }
        let printed = self.printed.get(&host).map(String::as_str);
        if self.scene.plan.steps[step].when.is_some() && matches!(printed, None | Some("no")) {
            self.violation(now, format!("(v) {task:?} starts where its `when` is false"));
        }
        if let Some(other) = self.running.insert(host, task) {
            self.violation(now, format!("(iii) {task:?} starts while {other:?} runs"));
        }
        if !disruptive {
            return;
        }
        let node = self.scene.plan.hosts[host].node;
        let others: Vec<NodeIx> = self.taken.keys().copied().filter(|other| *other != node).collect();
        others.into_iter().for_each(|other| self.settle(world, other, now));
        // whoever is on its machine goes with it, now or at the reboot
        let machine: Vec<NodeIx> = self.scene.on_machine_of(node).collect();
        self.level_is_kept(job, &machine, now);
        let by_pairs = self.by_pairs(job);
        for on in machine.iter().filter(|_| by_pairs) {
            for other in self.conflicts[*on].clone() {
                if self.taken.contains_key(&other) && !machine.contains(&other) {
                    let (node, of, on_it) = (self.name(node), self.name(other), self.name(*on));
                    let range = shared_range(self.scene, *on, other);
                    self.violation(
                        now,
                        format!("(i) {node} is taken out while {of} is, which holds {range} as {on_it} does"),
                    );
                }
            }
        }
        if !job.hosts[host].disrupted || self.taken.get(&node).is_none_or(|taken| taken.proved) {
            self.not_known_down(job, world, node, now);
            self.not_known_cut(job, world, node, now);
            self.not_without_the_lock(world, node, now);
        }
        self.taken.insert(node, Taken { proved: false });
    }

    /// A machine goes down: every node on it, not only the one that the command was for.
    pub fn rebooted(&mut self, job: &Job, host: usize, now: Ms) {
        let node = self.scene.plan.hosts[host].node;
        for on in self.scene.on_machine_of(node).collect::<Vec<_>>() {
            let target = self.scene.plan.hosts.iter().position(|host| host.node == on);
            if target.is_none_or(|target| !job.hosts[target].out()) {
                self.violation(
                    now,
                    format!(
                        "(v) the machine of {} is rebooted while {} on it is not taken out",
                        self.name(node),
                        self.name(on)
                    ),
                );
            }
            self.taken.insert(on, Taken { proved: false });
        }
        let machine = self.scene.machines[node];
        if let Some(before) = self.rebooted.insert(machine, host).filter(|before| *before != host) {
            self.violation(
                now,
                format!("(v) the machine of {} is rebooted again, after that for host {before}", self.name(node)),
            );
        }
    }

    fn not_known_down(&mut self, job: &Job, world: &World, node: NodeIx, now: Ms) {
        let liars = world.nodes.iter().any(|node| node.liar);
        let longest = if liars { LONGEST_UNKNOWN_MS } else { LONGEST_UNSEEN_MS };
        self.level_counts_the_dead(job, world, node, longest, now);
        if !self.by_pairs(job) {
            return;
        }
        for other in self.conflicts[node].clone() {
            let really = self.down_since.get(&other).is_some_and(|since| since + KNOWN_DOWN_MS <= now);
            let said = self.said_down.iter().any(|((by, of), (since, last))| {
                *of == other && !world.nodes[*by].liar && since + KNOWN_DOWN_MS <= now && last + 60_000 >= now
            });
            let names = format!("(ii) {} is taken out while {}", self.name(node), self.name(other));
            if self.down_since.get(&other).is_some_and(|since| since + longest <= now) {
                self.violation(now, format!("{names} has long been down"));
            }
            if really && said {
                self.violation(now, format!("{names} has been down for 30 s, as was said"));
            }
        }
    }

    fn not_known_cut(&mut self, job: &Job, world: &World, node: NodeIx, now: Ms) {
        for ((a, b), (from, to)) in &world.cuts {
            let both = match (&self.spares[job.phase], self.by_pairs(job)) {
                (Some(spare), false) => a != b && node != *a && node != *b && spare.tight([node, *a, *b]),
                _ => self.conflicts[node].contains(a) && self.conflicts[node].contains(b) && a != b,
            };
            let honest = !world.nodes[*a].liar && !world.nodes[*b].liar;
            if both && honest && from + KNOWN_CUT_MS <= now && now < *to {
                let [node, a, b] = [node, *a, *b].map(|of| self.name(of));
                let what =
                    format!("(ii) {node} is taken out while its co-replicas {a} and {b} are cut from each other");
                return self.violations.push(Violation { at: now, what });
            }
        }
    }

    /// In reverse order, and while nothing of the host runs.
    pub fn undo_started(&mut self, task: Task, now: Ms) {
        let Task::HostUndo { host, step, .. } = task else { return };
        if let Some(other) = self.running.get(&host) {
            self.violation(now, format!("(vi) {task:?} starts while {other:?} runs"));
        }
        let undone = self.undone.entry(host).or_default();
        let last = undone.iter().rev().find(|(_, left)| **left == Left::Owed).map(|(step, _)| *step);
        let again = undone.insert(step, Left::TakenBack) == Some(Left::Failed);
        if last != Some(step) && !again {
            self.violation(now, format!("(vi) {task:?} starts, and {last:?} is to be taken back first"));
        }
    }

    pub fn undo_ended(&mut self, task: Task, ok: bool) {
        let Task::HostUndo { host, step, .. } = task else { return };
        if !ok {
            self.undone.entry(host).or_default().insert(step, Left::Failed);
        }
    }

    fn whether_over(&mut self, event: &Event) {
        let (host, event) = match &event.what {
            What::Host { host, event } => (host, event),
            What::Step { host, step, event: StepEvent::Asked { .. } } => {
                self.failed_at.insert(*host, *step);
                return;
            }
            _ => return,
        };
        match event {
            HostEvent::Failed { step, .. } | HostEvent::Lost { step, .. } => {
                self.failed_at.insert(*host, *step);
            }
            // a person vouches for the step: what it did is there
            HostEvent::Resolved { how: Resolution::Done, .. } => {
                let step = self.failed_at.get(host).and_then(|step| self.undone.get_mut(host)?.get_mut(step));
                step.into_iter().for_each(|left| *left = Left::Owed);
            }
            // a person wants it once more, whoever of the machine gave the command before
            HostEvent::Resolved { how: Resolution::Retry, .. } => {
                let step = self.failed_at.get(host).map(|step| &self.scene.plan.steps[*step]);
                if step.is_some_and(|step| step.takes_down == TakesDown::Reboot) {
                    self.rebooted.remove(&self.scene.machines[self.scene.plan.hosts[*host].node]);
                }
            }
            _ => {}
        }
        let on = matches!(event, HostEvent::Resolved { how: Resolution::Done | Resolution::Retry, .. });
        if on || *event == HostEvent::Opened {
            self.over.remove(host);
        } else if ends(event) {
            self.over.insert(*host);
        }
    }

    /// Nothing of a host that has ended is left as its steps made it.
    fn all_undone(&mut self, now: Ms) {
        let left = self
            .undone
            .iter()
            .find(|(host, steps)| self.over.contains(host) && steps.values().any(|left| *left == Left::Owed));
        if let Some((host, steps)) = left {
            self.violation(now, format!("(vi) the run ends, and of host {host} {steps:?} were not taken back"));
        }
    }

    pub fn printed(&mut self, host: usize, value: &str) {
        self.printed.insert(host, value.to_owned());
    }

    pub fn ended(&mut self, task: Task) {
        if let Task::Step { host, .. } = task {
            self.running.remove(&host);
        }
    }

    /// An answer about who is up, from a node that nobody works on.
    pub fn heard(&mut self, world: &World, by: NodeIx, answer: &Answer, now: Ms) {
        let Answer::Status(view) = answer else { return };
        if self.taken.contains_key(&by) {
            return;
        }
        let said = self.said_down.range((by, 0)..=(by, NodeIx::MAX)).next().is_some();
        for (node, row) in joined(&world.by_address, &view.rows) {
            match row.is_some_and(StatusRow::up_normal) {
                true if said => drop(self.said_down.remove(&(by, node))),
                true => {}
                false => self.said_down.entry((by, node)).or_insert((now, now)).1 = now,
            }
        }
    }

    pub fn changed(&mut self, world: &World, node: NodeIx, now: Ms) {
        if world.down(node) {
            self.down_since.entry(node).or_insert(now);
        } else {
            self.down_since.remove(&node);
        }
    }

    pub fn event(&mut self, _world: &World, job: &Job, event: &Event) {
        self.whether_over(event);
        match &event.what {
            What::Run(RunEvent::Started { .. }) => {
                self.stopped = false;
                self.running.clear();
            }
            What::Run(RunEvent::Stopping { .. }) => self.stopped = true,
            What::Host { event: HostEvent::Opened, .. } => {
                let failed = job.failures();
                if self.stopped || failed > self.scene.plan.max_failures {
                    self.violation(event.at, format!("(iii) a host opens after {failed} failures, or after a stop"));
                }
            }
            What::Run(RunEvent::Ended { .. }) => self.all_undone(event.at),
            What::Host { host, event: HostEvent::Back } => self.proved(*host),
            What::Host { host, event: HostEvent::Done | HostEvent::AlreadyDone { .. } } => {
                let step = self.last_step.get(host).copied().unwrap_or(0);
                let phase = self.scene.plan.phases.iter().position(|phase| (phase.from..phase.to).contains(&step));
                self.finished.insert((phase.unwrap_or(0), *host));
            }
            What::Host { host, event: HostEvent::Resolved { how: Resolution::Skip, .. } } => {
                self.finished.extend((0..self.scene.plan.phases.len()).map(|phase| (phase, *host)));
            }
            What::Step { host, step, event: StepEvent::Started { .. } } => {
                self.last_step.insert(*host, *step);
                self.phases_before_are_over(*step, event.at);
            }
            What::Step { host, step, event: StepEvent::Passed { .. } }
                if self.scene.plan.steps[*step].kind == StepKind::WaitUp =>
            {
                self.proved(*host);
            }
            _ => {}
        }
    }

    /// A step of a phase begins only when every host of the phases before is through them.
    fn phases_before_are_over(&mut self, step: usize, now: Ms) {
        let before = self.scene.plan.phases.iter().enumerate().take_while(|(_, phase)| phase.to <= step);
        let all: Vec<(usize, usize)> =
            before.flat_map(|(number, phase)| phase.hosts.iter().map(move |host| (number, *host))).collect();
        if let Some((phase, host)) = all.into_iter().find(|of| !self.finished.contains(of)) {
            self.violation(now, format!("(vi) step {step} begins while host {host} is not through phase {phase}"));
        }
    }

    fn proved(&mut self, host: usize) {
        self.rebooted.remove(&self.scene.machines[self.scene.plan.hosts[host].node]);
        if let Some(taken) = self.taken.get_mut(&self.scene.plan.hosts[host].node) {
            taken.proved = true;
        }
    }
}

fn ends(event: &HostEvent) -> bool {
    let settled = |how: &Resolution| matches!(how, Resolution::Failed | Resolution::Skip);
    match event {
        HostEvent::Done | HostEvent::Failed { .. } | HostEvent::Lost { .. } | HostEvent::Skipped { .. } => true,
        HostEvent::Resolved { how, .. } => settled(how),
        _ => false,
    }
}

/// The rule itself, written apart from the plan's: every range of every protecting keyspace, pair by pair.
fn conflicts(scene: &Scene) -> Vec<BTreeSet<NodeIx>> {
    let topology = &scene.topology;
    let mut all = vec![BTreeSet::new(); topology.hosts.len()];
    if scene.plan.accept_outage.is_some() {
        return all; // nobody is protected, as somebody has said
    }
    for (_, keyspace) in topology.keyspaces.iter().filter(|(name, _)| protects(&scene.protect, name)) {
        let Some(ring) = keyspace.ring else {
            // nobody knows who holds what of it
            let everybody = |node| (0..all.len()).filter(move |other| *other != node).collect();
            return (0..all.len()).map(everybody).collect();
        };
        let one_datacenter = matches!(keyspace.replication, Replication::NetworkTopology(_));
        for set in &topology.rings[ring].sets {
            for a in set {
                for b in set.iter().filter(|b| *b != a) {
                    if !one_datacenter || topology.hosts[*a].datacenter == topology.hosts[*b].datacenter {
                        all[*a].insert(*b);
                    }
                }
            }
        }
    }
    all
}

/// A range that two nodes hold, for a sentence.
fn shared_range(scene: &Scene, a: NodeIx, b: NodeIx) -> String {
    let topology = &scene.topology;
    for (name, keyspace) in topology.keyspaces.iter().filter(|(name, _)| protects(&scene.protect, name)) {
        let Some(ring) = keyspace.ring.map(|ring| &topology.rings[ring]) else { continue };
        let both = |set: usize| ring.sets[set].contains(&a) && ring.sets[set].contains(&b);
        if let Some(range) = ring.ranges.iter().find(|range| both(range.set)) {
            return format!("the range ({}, {}] of {name}", range.start, range.end);
        }
    }
    "ranges that nobody can name".into()
}
