//! Groups: which hosts share a fate, and that they may go out together.

use crate::diagnostic::Diagnostic;
use crate::plan::level::Room;
use crate::plan::model::{Group, NodeIx, Phase, Plan, Shared};
use crate::plan::select;
use crate::playbook::model::{DatacenterOrder, Groups, Playbook, Strategy, TakesDown};
use crate::topology::model::{HostIx, Topology};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What the hosts said: of one answer are those that share a fate.
pub type Answers = BTreeMap<IpAddr, String>;

/// # Errors
/// A name that is no node, a host of two groups, a group of one, and answers that are missing.
pub fn groups(
    playbook: &Playbook,
    topology: &Topology,
    asked: Option<&Answers>,
) -> Result<Vec<Group>, Vec<Diagnostic>> {
    let mut groups = match &playbook.groups {
        Groups::None => return Ok(Vec::new()),
        Groups::Listed(_) => listed(playbook, topology)?,
        Groups::MachineId | Groups::Command(_) => answered(playbook, topology, asked)?,
    };
    groups.sort_by_key(|group| group.nodes.first().copied());
    Ok(groups)
}

fn listed(playbook: &Playbook, topology: &Topology) -> Result<Vec<Group>, Vec<Diagnostic>> {
    let Groups::Listed(written) = &playbook.groups else { return Ok(Vec::new()) };
    let (mut groups, mut errors) = (Vec::<Group>::new(), Vec::new());
    for (number, written) in written.iter().enumerate() {
        let place = format!("groups[{number}]");
        let hosts = if written.name.is_some() { format!("{place}.hosts") } else { place.clone() };
        let nodes = match select::named(playbook, topology, &written.hosts, &hosts) {
            Ok(nodes) => nodes,
            Err(found) => {
                errors.extend(found);
                continue;
            }
        };
        let mut error = |message: String, help: &str| {
            let mut error = Diagnostic::error(message);
            error.span = playbook.span(&place);
            errors.push(error.help(help));
        };
        if nodes.len() < 2 {
            error("a group of one host".into(), "name the hosts that go out with it, or leave the group out");
        }
        if let Some(twice) = groups.iter().flat_map(|group| &group.nodes).find(|node| nodes.contains(node)) {
            let address = topology.hosts[*twice].address;
            error(
                format!("{address} is in two groups"),
                "hosts that share a fate are one group: name all of them in it",
            );
        }
        let name = written.name.clone().unwrap_or_else(|| format!("group {}", number + 1));
        groups.push(Group { name, nodes, by_machine_id: false });
    }
    if errors.is_empty() { Ok(groups) } else { Err(errors) }
}

fn answered(playbook: &Playbook, topology: &Topology, asked: Option<&Answers>) -> Result<Vec<Group>, Vec<Diagnostic>> {
    let refuse = |message: String, help: &str| {
        let mut error = Diagnostic::error(message);
        error.span = playbook.span("groups");
        vec![error.help(help)]
    };
    let Some(asked) = asked else {
        let help = "plan with `--seed-host` (or `--sandbox`), or list the groups: a snapshot does not hold the answers";
        return Err(refuse("which hosts share a fate is asked of the hosts, and nobody asked them".into(), help));
    };
    let silent: Vec<String> = topology
        .hosts
        .iter()
        .map(|host| host.address)
        .filter(|at| !asked.contains_key(at))
        .map(|at| at.to_string())
        .collect();
    if !silent.is_empty() {
        let message = format!("whose fate they share was not said by {}", silent.join(", "));
        return Err(refuse(
            message,
            "every host must be asked: one that is forgotten would be taken for a group of its own",
        ));
    }
    let by_machine_id = playbook.groups == Groups::MachineId;
    let mut same: BTreeMap<&str, BTreeSet<HostIx>> = BTreeMap::new();
    for (node, host) in topology.hosts.iter().enumerate() {
        same.entry(asked[&host.address].as_str()).or_default().insert(node);
    }
    let group = |(answer, nodes): (&str, BTreeSet<HostIx>)| Group {
        name: match by_machine_id {
            true => format!("machine {}", answer.chars().take(8).collect::<String>()),
            false => answer.to_owned(),
        },
        nodes,
        by_machine_id,
    };
    Ok(same.into_iter().filter(|(_, nodes)| nodes.len() > 1).map(group).collect())
}

/// Replicas of one range in one group: they go out together, whatever the waves.
pub fn share_nothing_inside(playbook: &Playbook, plan: &Plan) -> Vec<Diagnostic> {
    let accepted = plan.accept_outage.as_ref().is_some_and(|reason| !reason.trim().is_empty());
    let worked: BTreeSet<NodeIx> = plan.hosts.iter().map(|target| target.node).collect();
    let disruptive = plan.steps.iter().any(|step| step.disruptive());
    let mut errors = Vec::new();
    for (number, group) in plan.groups.iter().enumerate().filter(|(_, group)| !group.nodes.is_disjoint(&worked)) {
        let phases: Vec<&Phase> = plan.phases.iter().filter(|phase| touches(plan, phase, group)).collect();
        let by_pairs = phases.iter().any(|phase| phase.strategy != Strategy::Availability);
        let inside = plan.shared.iter().filter(|pair| group.nodes.contains(&pair.a) && group.nodes.contains(&pair.b));
        let inside = inside.filter(|_| by_pairs);
        let said = |pair: &Shared| {
            let noun = if pair.ranges == 1 { "range" } else { "ranges" };
            let (a, b) = (plan.nodes[pair.a].address, plan.nodes[pair.b].address);
            format!("{a} and {b} both hold {} {noun} of {}", pair.ranges, pair.keyspace)
        };
        let mut shared: Vec<String> = inside.map(said).collect();
        let broken = phases.iter().find_map(|phase| {
            let room = Room::of(plan, phase);
            let need = room.broken(&group.nodes, |_| false)?;
            let node = *need.nodes.iter().find(|node| group.nodes.contains(node))?;
            Some((need, room.words(plan, need, node, |other| group.nodes.contains(&other))))
        });
        // (an outage that is accepted takes no level back that is asked for beside it)
        if let Some((need, why)) = broken.filter(|_| disruptive) {
            let mut error = Diagnostic::error(format!("the hosts of {} go out together, and {why}", group.name));
            error.span = playbook.span(&format!("groups[{number}]")).or_else(|| playbook.span("groups"));
            errors.push(error.help(format!(
                "give the nodes of one machine one rack, so that no two hold a range; or say that {0} may lose the level: \
                 `availability: {{ …, accept: [{0}] }}`",
                need.keyspace
            )));
            continue;
        }
        shared.extend(
            plan.everybody_conflicts
                .iter()
                .filter(|_| by_pairs)
                .map(|why| format!("who holds what is not known: {why}")),
        );
        if shared.is_empty() || accepted || !disruptive {
            continue;
        }
        let message = format!("the hosts of {} go out together, and {}", group.name, shared.join("; "));
        let mut error = Diagnostic::error(message);
        error.span = playbook.span(&format!("groups[{number}]")).or_else(|| playbook.span("groups"));
        errors.push(error.help(
            "give the nodes of one machine one rack, so that no two hold a range; or say that it may be: \
             `accept-outage: REASON`",
        ));
    }
    errors
}

fn touches(plan: &Plan, phase: &Phase, group: &Group) -> bool {
    phase.hosts.iter().any(|target| group.nodes.contains(&plan.hosts[*target].node))
}

/// What a step takes down must be known, and a reboot takes all of a group.
pub fn goes_out_whole(playbook: &Playbook, plan: &Plan) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    let mut error = |message: String, help: String| {
        let mut error = Diagnostic::error(message);
        error.span = playbook.span("groups");
        errors.push(error.help(help));
    };
    let list = |nodes: Vec<NodeIx>| {
        nodes.iter().map(|node| plan.nodes[*node].address.to_string()).collect::<Vec<_>>().join(", ")
    };
    for phase in &plan.phases {
        let worked: BTreeSet<NodeIx> = phase.hosts.iter().map(|target| plan.hosts[*target].node).collect();
        let touched: Vec<&Group> = plan.groups.iter().filter(|group| !group.nodes.is_disjoint(&worked)).collect();
        for group in touched.iter().filter(|_| phase.datacenter_order == DatacenterOrder::Serial) {
            let here = group.nodes.intersection(&worked).map(|node| plan.nodes[*node].datacenter.as_str());
            let datacenters: BTreeSet<&str> = here.collect();
            if datacenters.len() > 1 {
                let all = datacenters.into_iter().collect::<Vec<_>>().join(" and ");
                let message = format!(
                    "the hosts of {} go out together, and lie in {all}, which are worked on one after the other",
                    group.name
                );
                error(message, "let them be worked on side by side: `concurrency: { datacenters: parallel }`".into());
            }
        }
        let steps = (phase.from..phase.to).filter(|_| !touched.is_empty());
        for number in steps.clone().filter(|step| plan.steps[*step].takes_down == TakesDown::Unknown) {
            let message = format!(
                "step {} (`{}`): hosts of a group go out together, and it is not known whether this takes down the node \
                 or its machine",
                number + 1,
                plan.steps[number].name
            );
            error(message, "say it beside the step: `takes-down: nothing | restart | reboot`".into());
        }
        if !steps.clone().any(|step| plan.steps[step].takes_down == TakesDown::Reboot) {
            continue;
        }
        for group in touched {
            let left = group.nodes.iter().copied();
            let left: Vec<NodeIx> =
                left.filter(|node| !worked.contains(node) && !plan.known_down.contains(node)).collect();
            if !left.is_empty() {
                let some = list(group.nodes.intersection(&worked).copied().collect());
                let left = list(left);
                let message =
                    format!("a reboot of {some} takes {left} with it ({}), which is not worked on", group.name);
                error(message, format!("work on all of them, or on none: leave out {some} too, or add {left}"));
            }
        }
    }
    errors
}
