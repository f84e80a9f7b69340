//! The verdict from outside: when was each host really away, and were two replicas of a range away
//! at once? Computed from what happened to the hosts, never from what rollbook or nodetool says.

use super::cluster::Cluster;
use super::host::History;
use super::life::Life;
use super::pace::Moment;
use super::world::World;
use crate::topology::model::{Replication, Token};
use anyhow::Result;
use std::collections::BTreeSet;
use std::path::Path;

/// Why a host went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A command took it out: drain, stop, reboot, `disablegossip`.
    Taken,
    /// It died, or its start failed, unasked.
    Died,
    /// It stood still.
    Froze,
}

/// A time during which a host did not serve: from its goodbye (or death) until its CQL port opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    pub host: String,
    pub address: String,
    pub cause: Cause,
    pub from: Moment,
    /// None: still away.
    pub to: Option<Moment>,
}

/// Two replicas of one range away at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub keyspace: String,
    /// End token of one such range.
    pub range: String,
    pub one: Absence,
    pub other: Absence,
}

/// Every absence so far, by host, then by time.
pub fn absences(dir: &Path) -> Result<Vec<Absence>> {
    let world = World::open(dir)?;
    let mut all = Vec::new();
    for machine in &world.cluster.machines {
        let history = world.history(machine)?;
        let mut away = gaps(&history);
        away.extend(world.frozen(machine).iter().map(|span| (Cause::Froze, span.from, span.to)));
        away.sort_by_key(|gap| gap.1);
        for (cause, from, to) in away.into_iter().filter(|gap| gap.1 <= world.now) {
            let (host, address) = (machine.name.clone(), machine.address.to_string());
            all.push(Absence { host, address, cause, from, to: to.filter(|to| *to <= world.now) });
        }
    }
    Ok(all)
}

/// The times between the lives of a host's Cassandra, and without gossip within one.
fn gaps(history: &History) -> Vec<(Cause, Moment, Option<Moment>)> {
    let mut gaps = Vec::new();
    let mut open: Option<(Cause, Moment)> = None;
    for life in &history.lives {
        let last = left(life);
        // A life that ended before it served changes nothing: the host stays away.
        if last.is_some_and(|(_, at)| at <= life.cql) {
            continue;
        }
        if let Some((cause, from)) = open.take() {
            gaps.push((cause, from, Some(life.cql)));
        }
        gaps.extend(life.gossip_off.iter().map(|span| (Cause::Taken, span.from, span.to)));
        open = last;
    }
    if let Some((cause, from)) = open {
        gaps.push((cause, from, None));
    }
    gaps
}

/// When, and why, a life stopped serving.
fn left(life: &Life) -> Option<(Cause, Moment)> {
    let drained = life.drain.map(|drain| (Cause::Taken, drain.announced));
    let ended = life.end.map(|end| match end.announced {
        Some(at) => (Cause::Taken, at),
        None => (Cause::Died, end.at),
    });
    drained.into_iter().chain(ended).min_by_key(|(_, at)| *at)
}

/// Two replicas of a range of a protecting keyspace that were away at once, in one data centre or
/// under a strategy that knows none. One violation for each pair of absences and keyspace.
///
/// Protecting is every replicated keyspace but `system_distributed` and `system_traces`.
pub fn judge(dir: &Path) -> Result<Vec<Violation>> {
    let world = World::open(dir)?;
    let absences = absences(dir)?;
    let mut pairs = Vec::new();
    for (i, one) in absences.iter().enumerate() {
        for other in &absences[i + 1..] {
            if one.host != other.host && overlap(one, other) {
                pairs.push((one, other));
            }
        }
    }
    let mut found = Vec::new();
    if pairs.is_empty() {
        return Ok(found);
    }
    for (keyspace, replication) in world.keyspaces()? {
        let protects = !matches!(replication, Replication::Local)
            && keyspace != "system_distributed"
            && keyspace != "system_traces";
        if !protects {
            continue;
        }
        let ring = world.ring(&replication)?;
        let mut range_of: Vec<Option<&Token>> = vec![None; ring.sets.len()];
        for range in &ring.ranges {
            range_of[range.set].get_or_insert(&range.end);
        }
        let sets: Vec<BTreeSet<usize>> = ring.sets.iter().map(|set| set.iter().copied().collect()).collect();
        for (one, other) in &pairs {
            let (a, b) = (index(&world.cluster, one), index(&world.cluster, other));
            let near = world.cluster.machines[a].datacenter == world.cluster.machines[b].datacenter;
            if !near && matches!(replication, Replication::NetworkTopology(_)) {
                continue;
            }
            if let Some(shared) = sets.iter().position(|set| set.contains(&a) && set.contains(&b)) {
                let range = range_of[shared].map(Token::to_string).unwrap_or_default();
                let (one, other) = ((*one).clone(), (*other).clone());
                found.push(Violation { keyspace: keyspace.clone(), range, one, other });
            }
        }
    }
    Ok(found)
}

fn overlap(one: &Absence, other: &Absence) -> bool {
    one.to.is_none_or(|to| other.from < to) && other.to.is_none_or(|to| one.from < to)
}

fn index(cluster: &Cluster, absence: &Absence) -> usize {
    cluster.find(&absence.host).map_or(0, |machine| machine.ix)
}
