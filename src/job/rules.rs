//! The rules of safety as a value: the tests take one away and must see the proof fail.

use super::model::Job;
use super::view::Answer;
use crate::plan::conflict::Conflicts;
use crate::plan::level::Room;
use crate::plan::model::{Need, Node, NodeIx, Phase, Plan, Step, Target, TargetIx};
use crate::playbook::model::{StepKind, Strategy, TakesDown};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// All true in every real run; a saboteur of the tests makes one false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The host under work is never its own witness.
    pub never_ask_the_host_itself: bool,
    /// A node that is down occupies the ranges it replicates.
    pub count_down_nodes: bool,
    /// Nobody may name a co-replica as unreachable.
    pub count_cuts: bool,
    /// Nothing starts before the gate of the one before has passed.
    pub wait_for_the_gate: bool,
    /// An answer about liveness grows stale.
    pub refuse_stale_answers: bool,
    /// A restart is proved.
    pub prove_the_restart: bool,
    /// Hosts of a group go out together, and count as out together.
    pub count_groups: bool,
    /// A range keeps the level that was asked for.
    pub keep_the_level: bool,
    /// Nobody is taken out while the playbook's lock may be another's.
    pub confirm_the_lock: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            never_ask_the_host_itself: true,
            count_down_nodes: true,
            count_cuts: true,
            wait_for_the_gate: true,
            refuse_stale_answers: true,
            prove_the_restart: true,
            count_groups: true,
            keep_the_level: true,
            confirm_the_lock: true,
        }
    }
}

/// How many observers are asked, when there are so many.
pub const OBSERVERS: usize = 3;

/// What does not change while a run lasts, prepared once.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    pub plan: &'a Plan,
    pub conflicts: Conflicts,
    /// What each phase's level leaves room for.
    rooms: Vec<Room<'a>>,
    pub rules: Rules,
    /// In a calm world every answer is the good one: only the preview of a plan.
    pub calm: bool,
    target_of: Vec<Option<TargetIx>>,
    by_address: BTreeMap<IpAddr, NodeIx>,
    /// Of each node the numbers of its data centre and of its rack: names are compared once.
    datacenters: Vec<usize>,
    racks: Vec<usize>,
    /// Of each phase, does one rack of a data centre come before the next? By its number.
    rack_by_rack: Vec<Vec<bool>>,
    /// Nodes in the order in which they are preferred as observers: one a rack and data centre in turn.
    pub observers: Vec<NodeIx>,
    /// Does any step of any phase take a host away?
    pub disruptive: bool,
    /// Of each host under work, the others of its group.
    siblings: Vec<Vec<TargetIx>>,
}

impl<'a> Frame<'a> {
    pub fn new(plan: &'a Plan, rules: Rules) -> Self {
        let mut target_of = vec![None; plan.nodes.len()];
        plan.hosts.iter().enumerate().for_each(|(ix, host)| target_of[host.node] = Some(ix));
        let datacenter = |node: &Node| node.datacenter.clone();
        let rack = |node: &Node| (node.datacenter.clone(), node.rack.clone());
        let names: BTreeSet<String> = plan.nodes.iter().map(datacenter).collect();
        let of = |phase: &Phase, name: &String| {
            phase.datacenters.iter().any(|datacenter| datacenter.name == *name && datacenter.rack_by_rack)
        };
        let siblings = |(ix, host): (TargetIx, &Target)| {
            let group = plan.group(host.node).filter(|_| rules.count_groups);
            let nodes = group.into_iter().flat_map(|group| &group.nodes);
            nodes.filter_map(|node| target_of[*node]).filter(|other| *other != ix).collect()
        };
        let siblings = plan.hosts.iter().enumerate().map(siblings).collect();
        Frame {
            plan,
            conflicts: if rules.count_groups { Conflicts::of(plan) } else { Conflicts::without_groups(plan) },
            rooms: plan.phases.iter().map(|phase| Room::of(plan, phase)).collect(),
            rules,
            calm: false,
            target_of,
            siblings,
            by_address: plan.nodes.iter().enumerate().map(|(ix, node)| (node.address, ix)).collect(),
            datacenters: numbers(plan, datacenter),
            racks: numbers(plan, rack),
            rack_by_rack: plan.phases.iter().map(|phase| names.iter().map(|name| of(phase, name)).collect()).collect(),
            observers: observer_order(plan),
            disruptive: plan.steps.iter().any(|step| step.disruptive()),
        }
    }

    pub fn calm(plan: &'a Plan) -> Self {
        Frame { calm: true, ..Frame::new(plan, Rules::default()) }
    }

    /// The rules of the phase that goes on.
    pub fn phase(&self, job: &Job) -> &'a Phase {
        job.current(self.plan)
    }

    /// Is every outage of this phase a reboot, which another boot id proves?
    pub fn reboots(&self, job: &Job) -> bool {
        let gate = |step: &Step| step.kind == StepKind::WaitUp;
        let reboots = |step: &Step| step.takes_down == TakesDown::Reboot && step.when.is_none();
        let outages = self.phase(job).chain(self.plan).split(gate).filter(|steps| steps.iter().any(Step::disruptive));
        outages.map(|steps| steps.iter().any(reboots)).reduce(|a, b| a && b).unwrap_or(false)
    }

    /// The strategy of the phase that goes on.
    pub fn strategy(&self, job: &Job) -> Strategy {
        self.phase(job).strategy
    }

    /// Does any step of this phase take a host away?
    pub fn takes_out(&self, job: &Job) -> bool {
        self.phase(job).disruptive(self.plan)
    }

    /// May the two not be out together in this phase?
    pub fn exclude_each_other(&self, job: &Job, a: NodeIx, b: NodeIx) -> bool {
        let strategy = self.strategy(job);
        let by_pairs = match (self.plan.known_down.contains(&a), self.plan.known_down.contains(&b)) {
            (false, false) => self.conflicts.exclude_each_other(strategy, a, b),
            // it is away for good: it occupies the ranges that it holds itself, and no slot of its data centre
            (_, true) => self.conflicts.excludes_one_that_is_away(strategy, a, b),
            (true, false) => self.conflicts.excludes_one_that_is_away(strategy, b, a),
        };
        by_pairs || self.too_many_of_two(job, a, b).is_some()
    }

    /// Nodes that some phase keeps up, or some of them, while this one is away: by pairs, or by a level.
    pub fn kept_for(&self, node: NodeIx) -> BTreeSet<NodeIx> {
        let by_pairs = |other: &NodeIx| {
            let mut phases = self.plan.phases.iter();
            phases.any(|phase| self.conflicts.exclude_each_other(phase.strategy, node, *other))
        };
        let by_level = self.rooms.iter().flat_map(|room| room.with(self.unit(node)));
        (0..self.plan.nodes.len()).filter(by_pairs).chain(by_level).collect()
    }

    /// A range that those two alone, with all that go out with them, would leave below its level.
    fn too_many_of_two(&self, job: &Job, a: NodeIx, b: NodeIx) -> Option<&'a Need> {
        let room = self.room(job).filter(|_| self.rules.keep_the_level)?;
        let alone = |node: NodeIx| self.plan.known_down.contains(&node).then(|| BTreeSet::from([node]));
        let (down_a, down_b) = (alone(a), alone(b));
        room.broken_by_two(down_a.as_ref().unwrap_or(self.unit(a)), down_b.as_ref().unwrap_or(self.unit(b)))
    }

    /// A range that is left below its level when these go out while those are away.
    pub fn too_many(&self, job: &Job, going: &BTreeSet<NodeIx>, away: impl Fn(NodeIx) -> bool) -> Option<&'a Need> {
        self.room(job).filter(|_| self.rules.keep_the_level).and_then(|room| room.broken(going, away))
    }

    /// What the level of this phase leaves room for; None: there is nothing that it asks for.
    pub fn room(&self, job: &Job) -> Option<&Room<'a>> {
        self.rooms.get(job.phase).filter(|room| !room.is_empty())
    }

    /// All that go out with a node, itself among them.
    pub fn unit(&self, node: NodeIx) -> &BTreeSet<NodeIx> {
        self.conflicts.unit(node)
    }

    /// Why they may not, as a sentence.
    pub fn why(&self, job: &Job, a: NodeIx, b: NodeIx) -> String {
        match self.too_many_of_two(job, a, b) {
            Some(need) if !self.conflicts.exclude_each_other(self.strategy(job), a, b) => {
                self.why_too_many(job, need, a, |node| self.unit(b).contains(&node))
            }
            _ => self.conflicts.why(self.strategy(job), a, b),
        }
    }

    /// Why a node may not go while these are away, as a sentence.
    pub fn why_too_many(&self, job: &Job, need: &Need, node: NodeIx, away: impl Fn(NodeIx) -> bool) -> String {
        self.rooms[job.phase].words(self.plan, need, node, away)
    }

    /// Nodes that count as out: those of the job, and with each all of its group.
    pub fn out(&self, job: &Job) -> BTreeSet<NodeIx> {
        let mut out = job.out_nodes(self.plan);
        for target in job.out_targets().filter(|_| self.rules.count_groups) {
            out.extend(self.plan.group(self.plan.hosts[target].node).into_iter().flat_map(|group| &group.nodes));
        }
        out
    }

    /// The others of its group that are worked on in this phase.
    pub fn siblings(&self, job: &Job, host: TargetIx) -> impl Iterator<Item = TargetIx> {
        let hosts = &self.phase(job).hosts;
        self.siblings[host].iter().copied().filter(|other| hosts.contains(other))
    }

    /// Do both lie where their turn comes together, as a rule: in one data centre and, where racks come one by one, in one
    /// rack?
    pub fn may_come_together(&self, job: &Job, a: NodeIx, b: NodeIx) -> bool {
        self.datacenters[a] == self.datacenters[b] && (!self.rack_by_rack(job, a) || self.racks[a] == self.racks[b])
    }

    /// The number of its data centre, among those of the plan's nodes by name.
    pub fn datacenter(&self, node: NodeIx) -> usize {
        self.datacenters[node]
    }

    pub fn one_rack(&self, a: NodeIx, b: NodeIx) -> bool {
        self.racks[a] == self.racks[b]
    }

    /// Does one rack of its data centre come before the next, in this phase?
    pub fn rack_by_rack(&self, job: &Job, node: NodeIx) -> bool {
        self.rack_by_rack[job.phase][self.datacenters[node]]
    }

    /// Do both share a fate?
    pub fn one_group(&self, a: NodeIx, b: NodeIx) -> bool {
        self.rules.count_groups && self.plan.group(a).is_some_and(|group| group.nodes.contains(&b))
    }

    /// The node as a host that is worked on, if it is one.
    pub fn target_of(&self, node: NodeIx) -> Option<TargetIx> {
        self.target_of.get(node).copied().flatten()
    }

    pub fn address(&self, node: NodeIx) -> IpAddr {
        self.plan.nodes[node].address
    }

    pub fn node_at(&self, address: &IpAddr) -> Option<NodeIx> {
        self.by_address.get(address).copied()
    }

    /// Every node with what a table by address has of it.
    pub fn in_table<'v, T>(&self, table: &'v BTreeMap<IpAddr, T>) -> impl Iterator<Item = (NodeIx, Option<&'v T>)> {
        joined(&self.by_address, table)
    }
}

/// What is on the left, with what the right has of it. Both are in order: nothing is looked up.
pub(super) fn joined<'v, K: Ord, T>(
    left: &BTreeMap<K, NodeIx>,
    right: &'v BTreeMap<K, T>,
) -> impl Iterator<Item = (NodeIx, Option<&'v T>)> {
    let mut rows = right.iter().peekable();
    left.iter().map(move |(key, node)| {
        while rows.next_if(|(at, _)| *at < key).is_some() {}
        (*node, rows.next_if(|(at, _)| *at == key).map(|(_, row)| row))
    })
}

/// Of each node the number of its name, in the order of names.
fn numbers<T: Ord>(plan: &Plan, name: impl Fn(&Node) -> T) -> Vec<usize> {
    let names: BTreeSet<T> = plan.nodes.iter().map(&name).collect();
    let number: BTreeMap<T, usize> = names.into_iter().zip(0..).collect();
    plan.nodes.iter().map(|node| number[&name(node)]).collect()
}

/// One data centre after the other in turn, and in each one rack after the other: an observer in each corner
/// of the cluster before a second in one.
fn observer_order(plan: &Plan) -> Vec<NodeIx> {
    let mut corners: BTreeMap<&str, BTreeMap<&str, Vec<NodeIx>>> = BTreeMap::new();
    for (ix, node) in plan.nodes.iter().enumerate() {
        corners.entry(&node.datacenter).or_default().entry(&node.rack).or_default().push(ix);
    }
    in_turn(corners.into_values().map(|racks| in_turn(racks.into_values().collect())).collect())
}

fn in_turn(lists: Vec<Vec<NodeIx>>) -> Vec<NodeIx> {
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest).flat_map(|turn| lists.iter().filter_map(move |list| list.get(turn).copied())).collect()
}

/// What an unreadable answer says, as a sentence.
pub(super) fn unreadable(answer: &Answer) -> String {
    match answer {
        Answer::Unreadable(why) => why.clone(),
        _ => "gave an answer to another question".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::samples::six_hosts;

    #[test]
    fn whoever_is_missing_in_a_table_is_missing_and_a_stranger_is_nobody() {
        let left: BTreeMap<u8, NodeIx> = [(2, 7), (4, 0), (6, 3), (9, 1)].into();
        let joined = |right: &[u8]| {
            let table: BTreeMap<u8, u8> = right.iter().map(|key| (*key, key * 10)).collect();
            joined(&left, &table).map(|(node, row)| (node, row.copied())).collect::<Vec<_>>()
        };
        assert_eq!(joined(&[]), [(7, None), (0, None), (3, None), (1, None)]);
        assert_eq!(joined(&[2, 4, 6, 9]), [(7, Some(20)), (0, Some(40)), (3, Some(60)), (1, Some(90))]);
        assert_eq!(joined(&[0, 1, 3, 4, 5, 9, 10]), [(7, None), (0, Some(40)), (3, None), (1, Some(90))]);
        assert_eq!(joined(&[6]), [(7, None), (0, None), (3, Some(60)), (1, None)]);
    }

    #[test]
    fn a_phase_reboots_when_every_outage_of_it_does_and_on_every_host() {
        let reboots = |plan: &Plan| Frame::new(plan, Rules::default()).reboots(&Job::new(plan));
        let plan = six_hosts();
        assert!(reboots(&plan), "drain, stop, reboot, wait-up");
        let reboot = plan.steps.iter().position(|step| step.kind == StepKind::Reboot).unwrap();
        let mut sometimes = plan.clone();
        sometimes.steps[reboot].when = Some("host.vars.kernel".into());
        assert!(!reboots(&sometimes), "a host may go without");
        let mut restarts = plan.clone();
        restarts.steps[reboot].takes_down = TakesDown::Restart;
        assert!(!reboots(&restarts));
        // a second outage behind the first, which only restarts
        let mut both = plan.clone();
        let again: Vec<Step> = restarts.steps.clone();
        both.steps.extend(again);
        both.phases[0].to = both.steps.len();
        assert!(!reboots(&both));
    }
}
