//! What a reviewer must know before saying yes: each warning with what to type to be rid of it.

use super::conflict::Conflicts;
use super::drift::shown;
use super::level::Room;
use super::model::{Estimate, NodeIx, Phase, Plan, Warning};
use super::protection::LEFT_OUT;
use super::reach;
use crate::playbook::duration;
use crate::playbook::model::{Keyspaces, Strategy, TakesDown};
use crate::topology::model::{Factor, Replication};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Everything that the plan alone shows. Stored in it, so that a saved plan says the same.
pub fn warnings(plan: &Plan) -> Vec<Warning> {
    let mut warnings = Vec::new();
    // (under the other strategies nobody conflicts by pairs: what is accepted there is said where it is checked)
    let by_pairs = |phase: &Phase| matches!(phase.strategy, Strategy::Topology | Strategy::One);
    if let Some(reason) = plan.everybody_conflicts.as_ref().filter(|_| plan.phases.iter().any(by_pairs)) {
        warnings.push(everybody(plan, reason));
    }
    if plan.steps.iter().any(|step| step.disruptive()) {
        few_replicas(plan, &mut warnings);
        blind_to_racks(plan, &mut warnings);
        few_racks(plan, &mut warnings);
        narrowed(plan, &mut warnings);
    }
    guesses(plan, &mut warnings);
    warnings.extend(long_reach(plan));
    if plan.ignore_down {
        let message = "nodes that are down at the start do not stop the run: the check `all-up` is not made";
        warnings.push(warning(message, "leave out `--ignore-down-nodes` to be stopped by them"));
    }
    warnings
}

/// One wave that takes out every seed: a node that starts meanwhile finds nobody to ask.
pub fn seeds_warning(plan: &Plan, estimate: &Estimate) -> Option<Warning> {
    let seeds: BTreeSet<usize> = (0..plan.nodes.len()).filter(|node| plan.nodes[*node].seed).collect();
    if seeds.is_empty() || !plan.steps.iter().any(|step| step.disruptive()) {
        return None;
    }
    let out = |wave: &super::model::Wave| -> BTreeSet<usize> {
        wave.hosts.iter().filter_map(|host| plan.hosts.get(host.target)).map(|target| target.node).collect()
    };
    let takes_out = |wave: &super::model::Wave| plan.phases.get(wave.phase).is_some_and(|phase| phase.disruptive(plan));
    let every = |wave: &super::model::Wave| takes_out(wave) && seeds.is_subset(&out(wave));
    let number = estimate.waves.iter().position(every)? + 1;
    let message = format!("wave {number} takes out every seed: a node that starts meanwhile finds no seed to ask");
    let help = match seeds.len() {
        1 => "name a second seed, in another rack (`seed_provider` in cassandra.yaml)",
        _ => {
            "name seeds in several racks (`seed_provider` in cassandra.yaml), or take fewer hosts at once (`max-hosts`)"
        }
    };
    Some(warning(message, help))
}

fn warning(message: impl Into<String>, help: impl Into<String>) -> Warning {
    Warning { message: message.into(), help: Some(help.into()) }
}

fn everybody(plan: &Plan, reason: &str) -> Warning {
    let protecting: Vec<&str> = names(plan.keyspaces.iter().filter(|(_, k)| k.protects).map(|(name, _)| name));
    let help = match protecting.is_empty() {
        true => "name the keyspaces that protect: `cluster: { keyspaces: [NAME] }`, or `keyspaces: all`",
        false => "if that keyspace need not protect, name those that do: `cluster: { keyspaces: [NAME] }`",
    };
    warning(format!("everybody conflicts with everybody, one host at a time: {reason}"), help)
}

/// Keyspaces of one replication that loses LOCAL_QUORUM, or everything, with one replica.
fn few_replicas(plan: &Plan, warnings: &mut Vec<Warning>) {
    let mut alike: BTreeMap<&Replication, Vec<&str>> = BTreeMap::new();
    for (name, keyspace) in plan.keyspaces.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str())) {
        alike.entry(&keyspace.replication).or_default().push(name);
    }
    let worked = worked(plan);
    for (replication, names) in alike {
        let weak = match replication {
            Replication::NetworkTopology(factors) => {
                let weak = factors.iter().filter(|(dc, factor)| worked.contains(dc.as_str()) && low(**factor));
                weak.map(|(dc, factor)| format!("RF {} in {dc}", factor.total)).collect::<Vec<_>>()
            }
            Replication::Simple(factor) if low(*factor) => vec![format!("RF {}", factor.total)],
            _ => Vec::new(),
        };
        if !weak.is_empty() {
            warnings.push(few(plan, replication, &names, &weak.join(" and ")));
        }
    }
}

/// The data centres that are worked on.
fn worked(plan: &Plan) -> BTreeSet<&str> {
    plan.phases.iter().flat_map(|phase| &phase.datacenters).map(|dc| dc.name.as_str()).collect()
}

fn low(factor: Factor) -> bool {
    factor.total == 1 || factor.total == 2
}

fn few(plan: &Plan, replication: &Replication, names: &[&str], weak: &str) -> Warning {
    let alone = weak.contains("RF 1");
    let plural = names.len() > 1;
    let (have, lose) = if plural { ("have", "lose") } else { ("has", "loses") };
    let what =
        if alone { "LOCAL_QUORUM, and every other level for what only that host holds," } else { "LOCAL_QUORUM" };
    let logins = if names.contains(&"system_auth") { " (system_auth: logins of roles it holds fail)" } else { "" };
    let listed = capped(names, 6);
    let message = format!("{listed} {have} {weak} and {lose} {what} while a replica is away{logins}");
    let small: Vec<String> =
        wanted(plan, replication).into_iter().filter(|(dc, _)| nodes_in(plan, dc) < 3).map(|(dc, _)| dc).collect();
    let more = if plural { format!("; likewise {}", capped(&names[1..], 6)) } else { String::new() };
    let grow = match small.is_empty() {
        true => String::new(),
        false => format!(" (needs three nodes in {} first)", small.join(" and ")),
    };
    let alter = alter(names[0], &wanted(plan, replication));
    warning(message, format!("{alter}; then `nodetool repair --full {}`{more}{grow}", names[0]))
}

fn nodes_in(plan: &Plan, datacenter: &str) -> usize {
    plan.nodes.iter().filter(|node| node.datacenter == datacenter).count()
}

/// The replication to alter to: three where there are one or two, everything else as it is.
fn wanted(plan: &Plan, replication: &Replication) -> BTreeMap<String, String> {
    match replication {
        Replication::NetworkTopology(factors) => {
            let text = |factor: &Factor| match factor.transient {
                _ if low(*factor) => "3".to_string(),
                0 => factor.total.to_string(),
                transient => format!("{}/{transient}", factor.total),
            };
            factors.iter().map(|(dc, factor)| (dc.clone(), text(factor))).collect()
        }
        _ => {
            let total = match replication {
                Replication::Simple(factor) => factor.total.max(3),
                _ => 3,
            };
            plan.nodes.iter().map(|node| (node.datacenter.clone(), total.to_string())).collect()
        }
    }
}

/// The CQL line. Names are quoted as CQL wants it, so that it can be pasted.
fn alter(keyspace: &str, factors: &BTreeMap<String, String>) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let bare = keyspace.chars().all(plain) && keyspace.starts_with(|c: char| c.is_ascii_lowercase());
    let name = if bare { keyspace.to_string() } else { format!("\"{}\"", keyspace.replace('"', "\"\"")) };
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let parts: Vec<String> = factors.iter().map(|(dc, factor)| format!("{}: {}", quoted(dc), quoted(factor))).collect();
    format!("ALTER KEYSPACE {name} WITH replication = {{'class': 'NetworkTopologyStrategy', {}}}", parts.join(", "))
}

fn blind_to_racks(plan: &Plan, warnings: &mut Vec<Warning>) {
    let simple = plan.keyspaces.iter().filter(|(_, keyspace)| {
        keyspace.protects && matches!(keyspace.replication, Replication::Simple(factor) if factor.total > 1)
    });
    let simple: Vec<&str> = names(simple.map(|(name, _)| name));
    let Some(first) = simple.first() else { return };
    let plural = if simple.len() == 1 { "s" } else { "" };
    let message = format!(
        "{} use{plural} SimpleStrategy, which ignores racks and data centres: hosts of one rack conflict, and waves grow",
        capped(&simple, 6)
    );
    warnings.push(warning(message, alter(first, &wanted(plan, &plan.keyspaces[*first].replication))));
}

fn few_racks(plan: &Plan, warnings: &mut Vec<Warning>) {
    for dc in worked(plan) {
        let racks: BTreeSet<&str> =
            plan.nodes.iter().filter(|node| node.datacenter == dc).map(|node| node.rack.as_str()).collect();
        let more = plan.keyspaces.iter().filter(|(_, keyspace)| match &keyspace.replication {
            Replication::NetworkTopology(factors) if keyspace.protects => {
                factors.get(dc).is_some_and(|factor| factor.total as usize > racks.len())
            }
            _ => false,
        });
        let more: Vec<(&String, String)> = more.map(|(name, keyspace)| (name, shown(&keyspace.replication))).collect();
        let Some((_, replication)) = more.first() else { continue };
        let listed = capped(&names(more.iter().map(|(name, _)| *name)), 6);
        let have = if more.len() == 1 { "has" } else { "have" };
        let plural = if racks.len() == 1 { "" } else { "s" };
        warnings.push(Warning {
            message: format!(
                "{listed} {have} more replicas ({replication}) than {} has racks ({} rack{plural}): \
                 hosts of one rack conflict, and racks cannot be worked on as a whole",
                dc,
                racks.len()
            ),
            help: None,
        });
    }
}

/// A list of keyspaces that leaves out some with data: their replicas may be out together.
fn narrowed(plan: &Plan, warnings: &mut Vec<Warning>) {
    if !matches!(plan.protect, Keyspaces::Only(_)) || plan.phases.iter().all(|phase| phase.strategy == Strategy::All) {
        return;
    }
    let left = plan.keyspaces.iter().filter(|(name, k)| !k.protects && !LEFT_OUT.contains(&name.as_str()));
    let left: Vec<&str> = names(left.map(|(name, _)| name));
    if !left.is_empty() {
        let message = format!("not protected, because `keyspaces` does not list them: {}", capped(&left, 6));
        warnings.push(warning(message, "leave out `keyspaces` to protect all that hold data"));
    }
}

/// So many neighbours that their answers are old before the last has come.
fn long_reach(plan: &Plan) -> Option<Warning> {
    let age = reach_age_ms(plan);
    let message = format!(
        "a node's word on whom it reaches is relied on for {}: a cut that appears meanwhile goes unseen",
        duration::print(Duration::from_millis(age))
    );
    let help = "more racks, or fewer tokens a node, give each host fewer neighbours to ask";
    (age > 600_000).then(|| warning(message, help))
}

/// For the host with the most co-replicas, in milliseconds.
pub fn reach_age_ms(plan: &Plan) -> u64 {
    let conflicts = Conflicts::of(plan);
    let rooms: Vec<Room> = plan.phases.iter().map(|phase| Room::of(plan, phase)).collect();
    let asked = |node: NodeIx| {
        let counted = rooms.iter().flat_map(|room| room.with(conflicts.unit(node)));
        counted.chain(conflicts.neighbours(node).iter().copied()).collect::<BTreeSet<_>>().len()
    };
    let most = plan.hosts.iter().map(|target| asked(target.node)).max().unwrap_or(0);
    reach::age_ms(most, reach::SLOWEST_MS)
}

fn guesses(plan: &Plan, warnings: &mut Vec<Warning>) {
    for (number, step) in plan.steps.iter().enumerate() {
        let Some(why) = &step.guessed else { continue };
        let what = match step.takes_down {
            TakesDown::Nothing => continue, // shown beside the step; a warning each time would be read no more
            TakesDown::Restart => "takes down the service (restart)",
            TakesDown::Reboot => "takes down the host (reboot)",
            TakesDown::Unknown => "may take something down, and is treated as if it did",
        };
        let message = format!("step {} (`{}`) {what}; a guess: {why}", number + 1, step.name);
        warnings.push(warning(message, "say it: `takes-down: nothing | restart | reboot` (`exec`: `--expect`)"));
    }
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    names.map(String::as_str).collect()
}

fn capped(names: &[&str], most: usize) -> String {
    let some = names.iter().take(most).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
