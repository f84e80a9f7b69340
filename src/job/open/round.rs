//! Who of those that wait may open, by the journal alone: slots, data centres, racks, conflicts, the level.

use super::super::group;
use super::super::model::Job;
use super::super::rules::Frame;
use super::Hold;
use crate::plan::model::{NodeIx, TargetIx};
use crate::plan::node_set::NodeSet;
use crate::playbook::model::{DatacenterOrder, Strategy};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// So many candidates are looked at side by side; more would only wear the nodes out with questions.
const CANDIDATES: usize = 32;

/// One look over the hosts that wait.
pub struct Round<'a> {
    frame: &'a Frame<'a>,
    job: &'a Job,
    pub(super) out: BTreeSet<NodeIx>,
    /// The same with the candidates, as bits.
    away: NodeSet,
    /// Candidates before this one: they hold their conflicts among the candidates.
    reserved: BTreeSet<NodeIx>,
    /// Waiting hosts that only failed or foreign-down hosts hold back: they do not hold their rack.
    blocked: BTreeSet<TargetIx>,
    /// Hosts that are out, and those begun, before this round.
    taken: u32,
    begun: u32,
    /// Does anybody work on a host?
    busy: bool,
    /// Of each data centre the rack that is open, once it was looked for: it is asked of every host that waits.
    racks: RefCell<BTreeMap<usize, Option<Rc<OpenRack>>>>,
}

/// The rack of the first host that waits and is not blocked, in the plan's order, which the playbook may have changed.
struct OpenRack {
    first: NodeIx,
    /// Its hosts that wait so, as bits.
    waiting: NodeSet,
}

impl<'a> Round<'a> {
    pub fn new(frame: &'a Frame<'a>, job: &'a Job) -> Self {
        let out = frame.out(job);
        Round {
            frame,
            job,
            away: out.iter().copied().collect(),
            out,
            reserved: BTreeSet::new(),
            blocked: BTreeSet::new(),
            taken: job.out_targets().count() as u32,
            begun: job.begun(frame.plan),
            busy: job.hosts.busy(),
            racks: RefCell::default(),
        }
    }

    pub(super) fn block(&mut self, unit: &[TargetIx]) {
        self.blocked.extend(unit);
        self.racks.get_mut().clear();
    }

    /// Every slot is taken, and somebody works on one of those hosts or is about to: nobody else need be looked at.
    pub(super) fn no_slot_is_left(&self) -> bool {
        let limit = self.frame.phase(self.job).max_hosts;
        let taken = self.taken + self.reserved.len() as u32;
        limit.is_some_and(|limit| taken >= limit) && (self.busy || !self.reserved.is_empty())
    }

    pub(super) fn full(&self) -> bool {
        self.reserved.len() >= CANDIDATES
    }

    /// Hosts begun, or about to be.
    fn begun(&self) -> u32 {
        self.begun + self.reserved.len() as u32
    }

    pub(super) fn reserve(&mut self, target: TargetIx) {
        self.reserved.insert(self.frame.plan.hosts[target].node);
        self.away.insert(self.frame.plan.hosts[target].node);
    }

    /// What the journal alone says against opening this host.
    pub fn hold(&self, target: TargetIx) -> Option<Hold> {
        let (plan, phase) = (self.frame.plan, self.frame.phase(self.job));
        let node = plan.hosts[target].node;
        if let Some(first) = phase.first.filter(|first| !self.job.first_over && self.begun() >= first.hosts) {
            return Some(Hold::First(first.hosts));
        }
        let taken = self.taken + self.reserved.len() as u32;
        if let Some(other) = self.conflict(node) {
            return Some(Hold::Conflict(other));
        }
        let away = |other: NodeIx| self.out.contains(&other) || self.reserved.contains(&other);
        if let Some(need) = self.frame.too_many(self.job, self.frame.unit(node), away) {
            return Some(Hold::Level(need.nodes.iter().copied().filter(|other| away(*other)).collect()));
        }
        // a group that is larger than the limit goes out when nobody else is out
        let wanted = group::waiting(self.frame, self.job, target).len().max(1) as u32;
        if let Some(limit) = phase.max_hosts.filter(|limit| taken > 0 && taken + wanted > *limit) {
            return Some(Hold::Slots(limit));
        }
        self.datacenter_before(node).or_else(|| self.rack_before(node))
    }

    /// Who of those that are out, or about to be, excludes it.
    fn conflict(&self, node: NodeIx) -> Option<NodeIx> {
        self.excluded_by(node, &self.away, || self.out.iter().chain(&self.reserved).copied())
    }

    /// Who of these excludes it: the same nodes as bits, and one by one.
    fn excluded_by<I: Iterator<Item = NodeIx>>(
        &self,
        node: NodeIx,
        set: &NodeSet,
        each: impl FnOnce() -> I,
    ) -> Option<NodeIx> {
        // (where only pairs count, which is most often so, they are not looked at one by one)
        let simple = self.frame.strategy(self.job) == Strategy::Topology
            && self.frame.room(self.job).is_none()
            && self.frame.plan.known_down.is_empty();
        let found = simple.then(|| self.frame.conflicts.first_that_shares(node, set)).flatten();
        found.unwrap_or_else(|| each().find(|other| self.frame.exclude_each_other(self.job, node, *other)))
    }

    /// The next data centre opens when the one before has no host in work, failed, lost or in doubt, nor waiting.
    fn datacenter_before(&self, node: NodeIx) -> Option<Hold> {
        let phase = self.frame.phase(self.job);
        if phase.datacenter_order == DatacenterOrder::Parallel {
            return None;
        }
        let mine = &self.frame.plan.nodes[node].datacenter;
        let before = phase.datacenters.iter().take_while(|datacenter| datacenter.name != *mine);
        let busy = |name: &String| {
            self.of(|at| self.frame.plan.nodes[at].datacenter == *name).any(|target| {
                let host = &self.job.hosts[target];
                let waits = host.waits() && !self.blocked.contains(&target);
                host.out() || waits || host.counts_as_failure()
            })
        };
        before.map(|datacenter| &datacenter.name).find(|name| busy(name)).map(|name| Hold::Datacenter(name.clone()))
    }

    /// Only hosts of the first rack that still has waiting hosts may open, and those of a later one for which none of these
    /// would have to wait: a free slot may stay idle.
    fn rack_before(&self, node: NodeIx) -> Option<Hold> {
        if !self.frame.rack_by_rack(self.job, node) {
            return None;
        }
        let datacenter = self.frame.datacenter(node);
        let open =
            Rc::clone(self.racks.borrow_mut().entry(datacenter).or_insert_with(|| self.open(datacenter)).as_ref()?);
        let later = !self.frame.one_rack(open.first, node);
        let each = || (0..self.frame.plan.nodes.len()).filter(|other| open.waiting.contains(*other));
        let held = later && self.excluded_by(node, &open.waiting, each).is_some();
        held.then(|| Hold::Rack(self.frame.plan.nodes[open.first].rack.clone()))
    }

    fn open(&self, datacenter: usize) -> Option<Rc<OpenRack>> {
        let plan = self.frame.plan;
        let waits = |target: &TargetIx| self.job.hosts[*target].waits() && !self.blocked.contains(target);
        let here = self.of(|at| self.frame.datacenter(at) == datacenter).filter(waits);
        let mut nodes = here.map(|target| plan.hosts[target].node);
        let first = nodes.next()?;
        let others = nodes.filter(|node| self.frame.one_rack(first, *node));
        Some(Rc::new(OpenRack { first, waiting: std::iter::once(first).chain(others).collect() }))
    }

    fn of(&self, test: impl Fn(NodeIx) -> bool) -> impl Iterator<Item = TargetIx> {
        let plan = self.frame.plan;
        let hosts = self.frame.phase(self.job).hosts.iter().copied();
        hosts.filter(move |target| test(plan.hosts[*target].node))
    }

    /// Is it held back by a host that nobody works on any more?
    pub(super) fn held_by_the_unproved(&self, hold: &Hold) -> bool {
        if let Hold::Level(others) = hold {
            let away = |other: &NodeIx| self.frame.plan.known_down.contains(other) || self.only_unproved(*other);
            return others.iter().all(away);
        }
        let Hold::Conflict(other) = hold else {
            return !self.busy && self.reserved.is_empty() && !matches!(hold, Hold::Rack(_));
        };
        self.only_unproved(*other)
    }

    /// Is it out, and does nobody work on it or on one that goes with it?
    fn only_unproved(&self, other: NodeIx) -> bool {
        // (of a group one may be back that holds its place only for the others)
        let in_work = |target: TargetIx| self.job.hosts[target].busy();
        let target = self.frame.target_of(other);
        target.is_some_and(|target| !in_work(target) && !self.frame.siblings(self.job, target).any(in_work))
            && !self.reserved.contains(&other)
    }
}
