//! `known-down`: who is away, and who must therefore stay.

use crate::diagnostic::Diagnostic;
use crate::plan::level::Room;
use crate::plan::model::{Group, NodeIx, Warning};
use crate::plan::protection::Protection;
use crate::plan::select;
use crate::playbook::model::{Playbook, Strategy};
use crate::topology::model::{HostIx, Topology};
use std::collections::BTreeSet;

/// What is left of the selection.
pub struct Away {
    pub chosen: BTreeSet<HostIx>,
    pub known_down: BTreeSet<NodeIx>,
    pub warnings: Vec<Warning>,
}

/// The nodes that the playbook says are down.
///
/// # Errors
/// A name that is no node.
pub fn named(playbook: &Playbook, topology: &Topology) -> Result<BTreeSet<NodeIx>, Vec<Diagnostic>> {
    match &playbook.known_down {
        Some(known) => select::named(playbook, topology, &known.hosts, "known-down.hosts"),
        None => Ok(BTreeSet::new()),
    }
}

/// Takes nodes that are known to be down out of the selection, and all that share a range with one: while it is away
/// they are the replicas that are left.
///
/// # Errors
/// A name that is no node. Of the selection nothing may be left.
pub fn leave_out(
    playbook: &Playbook,
    topology: &Topology,
    (protection, room): (&Protection, &Room),
    groups: &[Group],
    mut chosen: BTreeSet<HostIx>,
) -> Result<Away, Vec<Diagnostic>> {
    let known_down = named(playbook, topology)?;
    if known_down.is_empty() {
        return Ok(Away { chosen, known_down, warnings: Vec::new() });
    }
    let shares = |host: &HostIx| {
        // and all that go out with it
        let group = groups.iter().find(|group| group.nodes.contains(host));
        let unit = group.map_or_else(|| BTreeSet::from([*host]), |group| group.nodes.clone());
        if room.broken(&unit, |node| known_down.contains(&node)).is_some() {
            return true;
        }
        if matches!(playbook.strategy, Strategy::All | Strategy::Availability) {
            return false;
        }
        let goes = |node: &HostIx| unit.contains(node);
        let away = |node: &HostIx| known_down.contains(node) && !goes(node);
        protection.everybody.is_some()
            || protection.shared.iter().any(|pair| (goes(&pair.a) && away(&pair.b)) || (goes(&pair.b) && away(&pair.a)))
    };
    let mut warnings = Vec::new();
    let address = |host: &HostIx| topology.hosts[*host].address.to_string();
    let list = |hosts: &BTreeSet<HostIx>| hosts.iter().map(address).collect::<Vec<_>>().join(", ");
    let away: BTreeSet<HostIx> = chosen.intersection(&known_down).copied().collect();
    chosen.retain(|host| !known_down.contains(host));
    if !away.is_empty() {
        let message = format!("not worked on, because they are known to be down: {}", list(&away));
        warnings.push(Warning { message, help: Some("plan again when they are back".into()) });
    }
    let kept: BTreeSet<HostIx> = chosen.iter().copied().filter(shares).collect();
    chosen.retain(|host| !kept.contains(host));
    if !kept.is_empty() {
        let message =
            format!("not worked on, because they share ranges with a node that is known to be down: {}", list(&kept));
        warnings.push(Warning { message, help: Some("plan again when it is back".into()) });
    }
    Ok(Away { chosen, known_down, warnings })
}

/// What to say when of no phase a host is left.
pub fn nobody_left(playbook: &Playbook) -> Diagnostic {
    let mut error = Diagnostic::error("every host is known to be down, or shares ranges with one that is");
    error.span = playbook.span("known-down");
    error.help("bring the nodes back first")
}
