//! How many replicas of each range may be away so that a consistency level is kept (semantics.md §3, "Availability").
//!
//! The need comes from the configured factor, whatever the ring shows. Where two replicas at most could be spared but
//! one may, the pairs say the same as the set, and there are far fewer of them.

use super::model::{Need, NodeIx, Phase, Plan};
use super::protection::{protects, readable};
use crate::playbook::model::{Availability, Keyspaces, Level, Strategy};
use crate::topology::model::{HostIx, Replication, Ring, Token, Topology};
use std::collections::{BTreeMap, BTreeSet};

/// Why a level cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cannot {
    /// Nobody knows where the replicas of a keyspace are, or what they are.
    Unknown { keyspace: String, why: String },
    /// A range needs every replica that it has.
    Never { keyspace: String, why: String },
    /// A range is below the level before anybody is taken out.
    Below { keyspace: String, why: String },
}

/// What is planned, as far as a level is concerned.
pub struct Planned<'a> {
    pub worked: &'a BTreeSet<HostIx>,
    pub known_down: &'a BTreeSet<HostIx>,
    /// Some hosts go out together, whatever ranges they share.
    pub grouped: bool,
    /// Does any step take a host away?
    pub disruptive: bool,
}

/// What the level asks for, of every keyspace that protects and is not accepted, as far as a host that is worked on is
/// concerned and the strategy does not see to it by itself.
///
/// # Errors
/// The first keyspace that can never keep it while a host that is worked on is away, or that does not keep it as it is.
/// Where nothing is taken out, what the level cannot say is left out.
pub fn needs(
    topology: &Topology,
    asked: &Keyspaces,
    (strategy, kept): (Strategy, &Availability),
    planned: &Planned,
) -> Result<Vec<Need>, Cannot> {
    let mut found = Found::default();
    let mut done: BTreeMap<(usize, &Replication), &String> = BTreeMap::new();
    let counts = |name: &String| protects(asked, name) && !kept.accept.contains(name);
    for (name, keyspace) in topology.keyspaces.iter().filter(|(name, _)| counts(name)) {
        let unknown = |why: String| Cannot::Unknown { keyspace: name.clone(), why };
        let known = readable(topology, name).and_then(|_| match transient(&keyspace.replication) {
            true => Err("which of its replicas are transient, and hold not all, is not known".into()),
            false => Ok(()),
        });
        match known {
            Err(why) if planned.disruptive => return Err(unknown(why)),
            Err(_) => continue,
            Ok(()) => {}
        }
        let Some(index) = keyspace.ring else { continue };
        // keyspaces of equal replication ask for the same, and the first by name stands for them
        if done.insert((index, &keyspace.replication), name).is_none() {
            found.of_keyspace(topology, (name, &topology.rings[index], &keyspace.replication), kept, planned)?;
        }
    }
    Ok(if follows_from(strategy, kept.level) && !planned.grouped { Vec::new() } else { found.needs() })
}

/// Does the strategy keep such a level by itself, once every range can spare one replica in each data centre? Under
/// `topology` and `one` at most one replica of a range is out in a data centre, and all others there are up. (Not where
/// hosts go out together.)
fn follows_from(strategy: Strategy, level: Level) -> bool {
    matches!(strategy, Strategy::Topology | Strategy::One) && level.is_local()
}

fn transient(replication: &Replication) -> bool {
    match replication {
        Replication::NetworkTopology(factors) => factors.values().any(|factor| factor.transient > 0),
        Replication::Simple(factor) => factor.transient > 0,
        _ => false,
    }
}

/// Needs by their nodes, each with what it asks for and how many ranges of which keyspace do.
#[derive(Default)]
struct Found {
    of: BTreeMap<(Vec<NodeIx>, u32), Asked>,
}

struct Asked {
    replicas: u32,
    datacenter: Option<String>,
    ranges: BTreeMap<String, u32>,
}

/// Replicas that are counted together.
struct Part<'a> {
    nodes: Vec<NodeIx>,
    needed: u32,
    datacenter: Option<&'a str>,
}

impl Found {
    fn of_keyspace(
        &mut self,
        topology: &Topology,
        (name, ring, replication): (&str, &Ring, &Replication),
        kept: &Availability,
        planned: &Planned,
    ) -> Result<(), Cannot> {
        let mut ranges = vec![0u32; ring.sets.len()];
        let mut first: Vec<Option<&Token>> = vec![None; ring.sets.len()];
        for range in &ring.ranges {
            ranges[range.set] += 1;
            first[range.set].get_or_insert(&range.end);
        }
        let sets = ring.sets.iter().enumerate().filter_map(|(at, set)| Some((at, set, first[at]?)));
        for (at, set, end) in sets {
            for part in parts(topology, set, replication, kept) {
                let up = part.nodes.iter().filter(|node| !planned.known_down.contains(node)).count() as u32;
                if up < part.needed && planned.disruptive {
                    return Err(below(topology, name, kept.level, (&part, up), end));
                }
                if !part.nodes.iter().any(|node| planned.worked.contains(node)) {
                    continue;
                }
                let replicas = part.nodes.len() as u32;
                if part.needed >= replicas {
                    if planned.disruptive {
                        return Err(never(topology, name, kept.level, &part, end));
                    }
                    continue;
                }
                self.add(name, &part, replicas - part.needed, ranges[at]);
            }
        }
        Ok(())
    }

    fn add(&mut self, keyspace: &str, part: &Part, spare: u32, ranges: u32) {
        let mut put = |nodes: Vec<NodeIx>| {
            let asked = self.of.entry((nodes, spare)).or_insert_with(|| Asked {
                replicas: part.nodes.len() as u32,
                datacenter: part.datacenter.map(str::to_owned),
                ranges: BTreeMap::new(),
            });
            match asked.ranges.get_mut(keyspace) {
                Some(known) => *known += ranges,
                None => drop(asked.ranges.insert(keyspace.to_owned(), ranges)),
            }
        };
        if spare > 1 {
            return put(part.nodes.clone());
        }
        for (place, a) in part.nodes.iter().enumerate() {
            part.nodes[place + 1..].iter().for_each(|b| put(vec![*a, *b]));
        }
    }

    fn needs(self) -> Vec<Need> {
        let mut needs: Vec<Need> = Vec::new();
        for ((nodes, spare), asked) in self.of {
            // sorted by nodes, then spare: the first of the same nodes asks for the most
            if needs.last().is_some_and(|last| last.nodes == nodes) {
                continue;
            }
            let most = asked.ranges.values().copied().max().unwrap_or(0);
            let keyspace = asked.ranges.into_iter().find(|(_, ranges)| *ranges == most).map(|(name, _)| name);
            let Asked { replicas, datacenter, .. } = Asked { ranges: BTreeMap::new(), ..asked };
            let keyspace = keyspace.unwrap_or_default();
            needs.push(Need { nodes, spare, replicas, datacenter, keyspace, ranges: most });
        }
        needs
    }
}

/// The replicas of a range as the level counts them: in each data centre by itself, or all together.
fn parts<'a>(
    topology: &'a Topology,
    set: &[HostIx],
    replication: &Replication,
    kept: &'a Availability,
) -> Vec<Part<'a>> {
    let part = |datacenter: Option<&'a str>| {
        let here = |node: &NodeIx| datacenter.is_none_or(|name| topology.hosts[*node].datacenter == name);
        let nodes: BTreeSet<NodeIx> = set.iter().copied().filter(here).collect();
        let needed = kept.level.needs(configured(replication, datacenter));
        Part { nodes: nodes.into_iter().collect(), needed, datacenter }
    };
    if !kept.level.is_local() {
        return vec![part(None)];
    }
    let all: BTreeSet<&str> = set.iter().map(|node| topology.hosts[*node].datacenter.as_str()).collect();
    let wanted = |name: &&str| kept.datacenters.is_empty() || kept.datacenters.iter().any(|dc| dc == name);
    all.into_iter().filter(wanted).map(|name| part(Some(name))).collect()
}

/// The replicas that were asked for, in a data centre or in all. (SimpleStrategy knows no data centre.)
fn configured(replication: &Replication, datacenter: Option<&str>) -> u32 {
    match replication {
        Replication::NetworkTopology(factors) => {
            let here = factors.iter().filter(|(name, _)| datacenter.is_none_or(|wanted| wanted == name.as_str()));
            here.fold(0, |sum: u32, (_, factor)| sum.saturating_add(factor.total))
        }
        Replication::Simple(factor) => factor.total,
        _ => 0,
    }
}

fn never(topology: &Topology, keyspace: &str, level: Level, part: &Part, end: &Token) -> Cannot {
    let why = format!("{}: none may be away", wanted(topology, keyspace, level, part, end));
    Cannot::Never { keyspace: keyspace.to_owned(), why }
}

fn below(topology: &Topology, keyspace: &str, level: Level, (part, up): (&Part, u32), end: &Token) -> Cannot {
    let why = match up as usize == part.nodes.len() {
        true => format!("{}: it is below the level as it is", wanted(topology, keyspace, level, part, end)),
        false => format!(
            "{}, and without those that are known to be down {up} are left: it is below the level as it is",
            wanted(topology, keyspace, level, part, end)
        ),
    };
    Cannot::Below { keyspace: keyspace.to_owned(), why }
}

fn wanted(topology: &Topology, keyspace: &str, level: Level, part: &Part, end: &Token) -> String {
    let holders: Vec<String> = part.nodes.iter().map(|node| topology.hosts[*node].address.to_string()).collect();
    let place = part.datacenter.map(|name| format!(" in {name}")).unwrap_or_default();
    let (has, plural) = (part.nodes.len(), if part.nodes.len() == 1 { "" } else { "s" });
    if part.needed as usize > has {
        return format!(
            "{} needs {} replicas, and the range of {keyspace} up to token {end} has {has}{place} ({})",
            level.word(),
            part.needed,
            holders.join(", ")
        );
    }
    format!(
        "{} needs {} of the {} replica{plural} that the range of {keyspace} up to token {end} has{place} ({})",
        level.word(),
        part.needed,
        has,
        holders.join(", ")
    )
}

/// The needs of one phase, ready to be asked often.
#[derive(Clone, Debug)]
pub struct Room<'p> {
    needs: &'p [Need],
    level: Option<Level>,
    of: Vec<Vec<usize>>,
}

impl<'p> Room<'p> {
    /// # Panics
    /// When a need names a node that does not exist; `lint` finds that before.
    pub fn of(plan: &Plan, phase: &'p Phase) -> Self {
        Room::new(&phase.needs, plan.nodes.len(), phase.availability.as_ref().map(|kept| kept.level))
    }

    /// The same from the needs alone, of a cluster of so many nodes.
    pub fn new(needs: &'p [Need], nodes: usize, level: Option<Level>) -> Self {
        let mut of = vec![Vec::new(); if needs.is_empty() { 0 } else { nodes }];
        for (index, need) in needs.iter().enumerate() {
            need.nodes.iter().for_each(|node| of[*node].push(index));
        }
        Room { needs, level, of }
    }

    pub fn is_empty(&self) -> bool {
        self.needs.is_empty()
    }

    /// A need that is not met once these are away beside those that are.
    pub fn broken(&self, going: &BTreeSet<NodeIx>, away: impl Fn(NodeIx) -> bool) -> Option<&'p Need> {
        let gone = |need: &&Need| need.nodes.iter().filter(|node| going.contains(node) || away(**node)).count();
        self.asked_of(going).find(|need| gone(need) > need.spare as usize)
    }

    /// The same of these two alone, with all that go out with each; never within one unit.
    pub fn broken_by_two(&self, a: &BTreeSet<NodeIx>, b: &BTreeSet<NodeIx>) -> Option<&'p Need> {
        // (most plans ask for no level, and this is asked often)
        let apart = !self.is_empty() && a.is_disjoint(b);
        apart.then(|| self.broken(a, |node| b.contains(&node))).flatten()
    }

    /// All that hold a replica of a range with one of these, and are none of them.
    pub fn with(&self, going: &BTreeSet<NodeIx>) -> BTreeSet<NodeIx> {
        let nodes = self.asked_of(going).flat_map(|need| &need.nodes);
        nodes.copied().filter(|node| !going.contains(node)).collect()
    }

    fn asked_of<'a>(&'a self, going: &'a BTreeSet<NodeIx>) -> impl Iterator<Item = &'p Need> + 'a {
        let indexes = going.iter().filter_map(|node| self.of.get(*node)).flatten();
        indexes.map(|index| &self.needs[*index])
    }

    /// Why `node` may not go while these are away, as a sentence without a full stop.
    pub fn words(&self, plan: &Plan, need: &Need, node: NodeIx, away: impl Fn(NodeIx) -> bool) -> String {
        let address = |node: &NodeIx| plan.nodes[*node].address.to_string();
        let gone: Vec<String> = need.nodes.iter().filter(|of| **of != node && away(**of)).map(address).collect();
        let ranges = if need.ranges == 1 { "a range".to_owned() } else { format!("{} ranges", need.ranges) };
        let place = need.datacenter.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
        format!(
            "{} holds {ranges} of {} with {}: {} needs {} of the {} replicas{place}",
            plan.nodes[node].address,
            need.keyspace,
            if gone.is_empty() { "others of its group".to_owned() } else { gone.join(", ") },
            self.level.map_or("the level", Level::word),
            need.replicas - need.spare,
            need.replicas,
        )
    }
}

#[cfg(test)]
mod tests;
