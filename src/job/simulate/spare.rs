//! A consistency level, judged by the ring itself and apart from the plan's needs.

use super::check::{Checks, KNOWN_DOWN_MS};
use super::scene::Scene;
use super::truth::World;
use crate::job::event::Ms;
use crate::job::model::Job;
use crate::plan::model::{NodeIx, Phase};
use crate::plan::protection::protects;
use crate::playbook::model::{Level, Strategy};
use crate::topology::model::Replication;
use std::collections::{BTreeMap, BTreeSet};

/// Replicas that are counted together, of which so many may be away.
pub(super) struct Spare {
    sets: Vec<(BTreeSet<NodeIx>, usize)>,
}

impl Spare {
    /// None: the phase keeps no level.
    pub fn of(scene: &Scene, phase: &Phase) -> Option<Self> {
        let kept = phase.availability.as_ref()?;
        let topology = &scene.topology;
        let mut sets: BTreeMap<BTreeSet<NodeIx>, usize> = BTreeMap::new();
        // (where the playbook names data centres, the local levels are asked for there only)
        let named = |dc: &str| kept.datacenters.is_empty() || kept.datacenters.iter().any(|name| name == dc);
        let counts = |name: &String| protects(&scene.protect, name) && !kept.accept.contains(name);
        for keyspace in topology.keyspaces.iter().filter(|(name, _)| counts(name)).map(|(_, keyspace)| keyspace) {
            let Some(ring) = keyspace.ring else { continue };
            let factors: BTreeMap<&str, usize> = match &keyspace.replication {
                Replication::NetworkTopology(factors) => {
                    factors.iter().map(|(dc, factor)| (dc.as_str(), factor.total as usize)).collect()
                }
                // counted among the local ones, but of the whole factor
                Replication::Simple(factor) => {
                    topology.hosts.iter().map(|host| (host.datacenter.as_str(), factor.total as usize)).collect()
                }
                _ => continue,
            };
            let all = match &keyspace.replication {
                Replication::Simple(factor) => factor.total as usize,
                _ => factors.values().sum(),
            };
            for set in &topology.rings[ring].sets {
                let here =
                    |dc: &str| set.iter().copied().filter(|node| topology.hosts[*node].datacenter == dc).collect();
                let mut put = |nodes: BTreeSet<NodeIx>, needed: usize| {
                    let spare = nodes.len().saturating_sub(needed);
                    let known = sets.entry(nodes).or_insert(spare);
                    *known = spare.min(*known);
                };
                match kept.level {
                    Level::One => put(set.iter().copied().collect(), 1),
                    Level::Two => put(set.iter().copied().collect(), 2),
                    Level::Three => put(set.iter().copied().collect(), 3),
                    Level::All => put(set.iter().copied().collect(), all),
                    Level::Quorum => put(set.iter().copied().collect(), all / 2 + 1),
                    Level::LocalOne => factors.iter().filter(|(dc, _)| named(dc)).for_each(|(dc, _)| put(here(dc), 1)),
                    Level::LocalQuorum | Level::EachQuorum => {
                        factors
                            .iter()
                            .filter(|(dc, _)| named(dc))
                            .for_each(|(dc, factor)| put(here(dc), factor / 2 + 1));
                    }
                }
            }
        }
        Some(Spare { sets: sets.into_iter().collect() })
    }

    /// Replicas of which too many are away when these go.
    pub fn exceeded(&self, going: &[NodeIx], away: impl Fn(NodeIx) -> bool) -> Option<&BTreeSet<NodeIx>> {
        let gone = |set: &BTreeSet<NodeIx>| set.iter().filter(|node| going.contains(node) || away(**node)).count();
        let touched = self.sets.iter().filter(|(set, _)| going.iter().any(|node| set.contains(node)));
        touched.clone().find(|(set, spare)| gone(set) > *spare).map(|(set, _)| set)
    }

    /// Do these three hold a range of which only one may be away?
    pub fn tight(&self, nodes: [NodeIx; 3]) -> bool {
        self.sets.iter().any(|(set, spare)| *spare == 1 && nodes.iter().all(|node| set.contains(node)))
    }
}

impl Checks<'_> {
    /// Does the strategy of the phase forbid two replicas of a range?
    pub(super) fn by_pairs(&self, job: &Job) -> bool {
        self.scene.plan.phases[job.phase].strategy != Strategy::Availability
    }

    pub(super) fn level_is_kept(&mut self, job: &Job, machine: &[NodeIx], now: Ms) {
        let Some(spare) = &self.spares[job.phase] else { return };
        if let Some(set) = spare.exceeded(machine, |other| self.taken.contains_key(&other)) {
            let what = format!("(i) {} is taken out, and too few of {set:?} are left", self.name(machine[0]));
            self.violation(now, what);
        }
    }

    /// Under a level those count that have been down for so long that somebody must have seen it.
    pub(super) fn level_counts_the_dead(&mut self, job: &Job, world: &World, node: NodeIx, longest: Ms, now: Ms) {
        let Some(spare) = &self.spares[job.phase] else { return };
        let said = |of: NodeIx| {
            let lately = |last: &Ms| last + 60_000 >= now;
            let mut all = self.said_down.iter().filter(|((by, node), _)| *node == of && !world.nodes[*by].liar);
            all.any(|(_, (since, last))| since + KNOWN_DOWN_MS <= now && lately(last))
        };
        let dead = |of: NodeIx| {
            let since = |least: Ms| self.down_since.get(&of).is_some_and(|since| since + least <= now);
            since(longest) || (since(KNOWN_DOWN_MS) && said(of))
        };
        let machine: Vec<NodeIx> = self.scene.on_machine_of(node).collect();
        if let Some(set) = spare.exceeded(&machine, |other| self.taken.contains_key(&other) || dead(other)) {
            let what = format!(
                "(ii) {} is taken out, and with those that are down too few of {set:?} are left",
                self.name(node)
            );
            self.violation(now, what);
        }
    }
}
