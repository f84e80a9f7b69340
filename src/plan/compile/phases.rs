//! The phases: which hosts each works on, in which order, through which chain.

use super::{Options, down, levels, milliseconds, steps};
use crate::diagnostic::Diagnostic;
use crate::plan::level::Room;
use crate::plan::model::{Datacenter, Group, HostOrder, NodeIx, Phase, Rendered, Step, Target, TargetIx, Warning};
use crate::plan::protection::{self, Protection};
use crate::plan::{order, select};
use crate::playbook::model::{Check, DatacenterOrder, Playbook, Strategy};
use crate::playbook::template::{ClusterContext, Params};
use crate::topology::model::{HostIx, Topology};
use std::collections::{BTreeMap, BTreeSet};

/// What is the same for every phase.
pub struct Around<'a> {
    pub topology: &'a Topology,
    pub protection: &'a Protection,
    pub groups: &'a [Group],
    pub cluster: &'a ClusterContext,
    pub params: &'a Params,
    pub options: &'a Options,
}

/// All phases together.
#[derive(Default)]
pub struct Worked {
    pub phases: Vec<Phase>,
    pub steps: Vec<Step>,
    pub hosts: Vec<Target>,
    pub known_down: BTreeSet<NodeIx>,
    pub warnings: Vec<Warning>,
}

/// One phase before its hosts and steps have their places in the plan.
struct Part {
    phase: Phase,
    order: Vec<HostIx>,
    chain: steps::Chain,
}

/// The hosts of each phase. `--only` and `--skip` may leave a phase none, but not all of them.
///
/// # Errors
/// A selector that matches nothing, and a selection of which nothing is left.
pub fn choose(
    playbook: &Playbook,
    topology: &Topology,
    options: &Options,
) -> Result<Vec<BTreeSet<HostIx>>, Vec<Diagnostic>> {
    let (mut errors, mut all) = (Vec::new(), Vec::new());
    for (_, book) in playbook.parts() {
        match select::hosts(book, topology, &options.only, &options.skip) {
            Ok(chosen) => all.push(chosen),
            Err(found) => errors.extend(found.into_iter().filter(|error| !errors.contains(error)).collect::<Vec<_>>()),
        }
    }
    let narrowed = !(options.only.is_empty() && options.skip.is_empty());
    let empty = all.iter().position(BTreeSet::is_empty);
    if let Some(empty) = empty.filter(|_| errors.is_empty() && (!narrowed || all.iter().all(BTreeSet::is_empty))) {
        errors.push(select::nothing(playbook.parts()[empty].1, &options.only, &options.skip));
    }
    if errors.is_empty() { Ok(all) } else { Err(errors) }
}

/// # Errors
/// Of every phase: an outage nobody accepted, a chain that cannot be.
pub fn work(playbook: &Playbook, chosen: Vec<BTreeSet<HostIx>>, around: &Around) -> Result<Worked, Vec<Diagnostic>> {
    let (mut errors, mut parts, mut worked) = (Vec::new(), Vec::new(), Worked::default());
    for ((name, book), chosen) in playbook.parts().into_iter().zip(chosen) {
        if chosen.is_empty() {
            let name = name.unwrap_or_default();
            let message = format!("phase `{name}` is left out: `--only` and `--skip` leave it no host");
            worked.warnings.push(Warning { message, help: None });
            continue;
        }
        match part(name, book, around, chosen, &mut worked) {
            Ok(Some(part)) => parts.push(part),
            Ok(None) => {
                let name = name.unwrap_or_default();
                let message = format!(
                    "phase `{name}` is left out: its hosts are known to be down, or share ranges with one that is"
                );
                worked.warnings.push(Warning { message, help: None });
            }
            Err(found) => errors.extend(found),
        }
    }
    if parts.is_empty() && errors.is_empty() {
        errors.push(down::nobody_left(playbook));
    }
    // said once, whichever phase found it
    let mut seen = BTreeSet::new();
    errors.retain(|error| seen.insert((error.message.clone(), error.span)));
    if !errors.is_empty() {
        return Err(errors);
    }
    place(parts, &mut worked);
    for target in &mut worked.hosts {
        target.vars = steps::vars(playbook, &around.topology.hosts[target.node]);
    }
    Ok(worked)
}

fn part(
    name: Option<&str>,
    book: &Playbook,
    around: &Around,
    chosen: BTreeSet<HostIx>,
    worked: &mut Worked,
) -> Result<Option<Part>, Vec<Diagnostic>> {
    let topology = around.topology;
    let needs = levels::needs(book, topology, around.groups, &chosen)?;
    let room = Room::new(&needs, topology.hosts.len(), None);
    let away = down::leave_out(book, topology, (around.protection, &room), around.groups, chosen)?;
    worked.known_down.extend(away.known_down);
    let new = away.warnings.into_iter().filter(|warning| !worked.warnings.contains(warning)).collect::<Vec<_>>();
    worked.warnings.extend(new);
    if away.chosen.is_empty() {
        return Ok(None);
    }
    let names = order::datacenters(topology, &away.chosen, &book.targets.datacenters);
    let wanted = order::wanted(book, topology)?;
    let order = order::hosts(topology, &away.chosen, &names, &wanted);
    let rule = (book.strategy, &room);
    let mut datacenters = datacenters(topology, &order, names, (around.protection, around.groups), rule);
    let order = quickest(book, around, &wanted, order, &mut datacenters);
    let chain = steps::chain(book, topology, &order, around.cluster, around.params, around.options)?;
    let mut errors = Vec::new();
    let disruptive = chain.steps.iter().any(Step::disruptive);
    let unprotected =
        if disruptive { levels::unprotected(book, topology, &room, &away.chosen) } else { Default::default() };
    outage(book, topology, disruptive, &unprotected, &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    let new = unprotected.left_out.into_iter().chain(unprotected.accepted);
    let new: Vec<Warning> = new.filter(|warning| !worked.warnings.contains(warning)).collect();
    worked.warnings.extend(new);
    let phase = Phase {
        name: name.map(str::to_owned),
        from: 0,
        to: chain.steps.len(),
        hosts: Vec::new(),
        strategy: book.strategy,
        availability: book.availability.clone(),
        needs,
        datacenters,
        datacenter_order: book.concurrency.datacenters,
        max_hosts: book.concurrency.max_hosts,
        first: book.first,
        grace_ms: milliseconds(book.concurrency.grace),
        checks_start: once(&book.checks.start),
        checks_each_host: once(&book.checks.each_host),
        demands_start: book.checks.demands_start.clone(),
        demands_each_host: book.checks.demands_each_host.clone(),
        left_out: chain.left_out.clone(),
    };
    Ok(Some(Part { phase, order, chain }))
}

/// Where pairs exclude each other and nothing else binds but `max-hosts`, the order decides how long it takes.
fn quickest(
    book: &Playbook,
    around: &Around,
    wanted: &order::Wanted,
    order: Vec<HostIx>,
    datacenters: &mut [Datacenter],
) -> Vec<HostIx> {
    let pairs = book.strategy == Strategy::Topology && around.protection.everybody.is_none();
    if !pairs || !around.groups.is_empty() {
        return order;
    }
    let side_by_side = match book.concurrency.datacenters {
        DatacenterOrder::Parallel => datacenters.len().max(1),
        DatacenterOrder::Serial => 1,
    };
    let slots = book.concurrency.max_hosts.map_or(order.len(), |most| most as usize / side_by_side);
    let durations = &around.options.durations;
    let search = order::Search { topology: around.topology, protection: around.protection, wanted, slots, durations };
    search.quickest(order, datacenters)
}

/// Steps one phase behind the other; hosts as the phases name them first.
fn place(parts: Vec<Part>, worked: &mut Worked) {
    let total: usize = parts.iter().map(|part| part.chain.steps.len()).sum();
    let mut target_of: BTreeMap<HostIx, TargetIx> = BTreeMap::new();
    for Part { mut phase, order, chain } in parts {
        let from = worked.steps.len();
        (phase.from, phase.to) = (from, from + chain.steps.len());
        worked.steps.extend(chain.steps);
        for (node, words) in order.into_iter().zip(chain.words) {
            let target = *target_of.entry(node).or_insert_with(|| {
                worked.hosts.push(Target { node, vars: BTreeMap::new(), words: vec![Rendered::default(); total] });
                worked.hosts.len() - 1
            });
            worked.hosts[target].words[phase.from..phase.to].clone_from_slice(&words);
            phase.hosts.push(target);
        }
        worked.phases.push(phase);
    }
}

/// The data centres in order, each with the racks that are worked on.
pub fn datacenters(
    topology: &Topology,
    order: &[HostIx],
    names: Vec<String>,
    (protection, groups): (&Protection, &[Group]),
    (strategy, room): (Strategy, &Room),
) -> Vec<Datacenter> {
    let of = |name: String| {
        let here = order.iter().map(|host| &topology.hosts[*host]).filter(|host| host.datacenter == name);
        let racks: BTreeSet<String> = here.map(|host| host.rack.clone()).collect();
        // a group that lies across racks takes hosts of several out at once
        let across = |group: &Group| {
            let place = |node: &NodeIx| (&topology.hosts[*node].datacenter, &topology.hosts[*node].rack);
            let places: BTreeSet<_> = group.nodes.iter().map(place).collect();
            places.len() > 1 && places.iter().any(|(datacenter, _)| **datacenter == name)
        };
        let free = match strategy {
            Strategy::Topology => protection::racks_are_free(topology, protection, &name),
            Strategy::Availability => {
                let mine = |rack: &String| {
                    let place = |host: &HostIx| (&topology.hosts[*host].datacenter, &topology.hosts[*host].rack);
                    order.iter().copied().filter(|host| place(host) == (&name, rack)).collect()
                };
                one_rack_after_the_other(room, &racks.iter().map(mine).collect::<Vec<_>>())
            }
            Strategy::One | Strategy::All => false,
        };
        let free = free && !groups.iter().any(across);
        Datacenter { rack_by_rack: free, racks: racks.into_iter().collect(), name, order: HostOrder::default() }
    };
    names.into_iter().map(of).collect()
}

/// Each rack may be out as a whole, and no two of them together: then it is best to finish one before the next.
fn one_rack_after_the_other(room: &Room, racks: &[BTreeSet<NodeIx>]) -> bool {
    let fits = |nodes: &BTreeSet<NodeIx>| room.broken(nodes, |_| false).is_none();
    let two = |a: &BTreeSet<NodeIx>, b: &BTreeSet<NodeIx>| fits(&a.union(b).copied().collect());
    racks.iter().all(fits) && racks.iter().enumerate().all(|(place, a)| racks[place + 1..].iter().all(|b| !two(a, b)))
}

/// An outage must be accepted by somebody, with a reason, also when only a guess says that there is one.
fn outage(
    playbook: &Playbook,
    topology: &Topology,
    disruptive: bool,
    unprotected: &levels::Unprotected,
    errors: &mut Vec<Diagnostic>,
) {
    let accepted = playbook.accept_outage.as_ref().is_some_and(|reason| !reason.trim().is_empty());
    if !disruptive || accepted {
        return;
    }
    let help = "say why it may be: `accept-outage: REASON` (`exec`: `--accept-outage REASON`)";
    if playbook.strategy == Strategy::All {
        let mut error =
            Diagnostic::error("strategy `all` takes down every host at once, and nobody accepted the outage");
        error.span = playbook.span("strategy");
        errors.push(error.help(format!("{help}, or `takes-down: nothing` on a `run` that takes nothing down")));
    } else if topology.hosts.len() == 1 {
        let message = "the cluster has one node: while it is away nobody can say how it is, and nothing serves";
        errors.push(Diagnostic::error(message).help(help));
    }
    errors.extend(unprotected.refused(playbook));
}

fn once(checks: &[Check]) -> Vec<Check> {
    checks.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()
}
