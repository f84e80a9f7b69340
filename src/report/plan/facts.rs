//! The sentences about a plan, without layout. Text of others is still raw here.

mod limits;
mod placement;
mod steps;

pub use limits::{checks, limits, waits};
pub use placement::placement;
#[cfg(test)]
pub use steps::replace_address;
pub use steps::{command, done_when, shown_on, undo};

use crate::plan::drift;
use crate::plan::model::{Datacenter, Plan, PlanFile, Wave};
use crate::playbook::duration;
use crate::playbook::model::Strategy;
use crate::playbook::secret::Source;
use crate::playbook::waivable_word;
use crate::topology::model::{Factor, Replication};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// So many hosts of a wave, and waves of a plan, are shown; all are in the JSON.
pub const HOSTS_SHOWN: usize = 10;
pub const WAVES_SHOWN: usize = 24;
/// How long one question to a node may take (`ask`).
const ANSWER_MS: u64 = 30_000;

pub fn time(ms: u64) -> String {
    duration::print(Duration::from_millis(ms))
}

/// `3 observers (10.77.0.11, .12, .13)`
pub fn asked(file: &PlanFile) -> Option<String> {
    let asked = &file.estimate.asked;
    let noun = if asked.len() == 1 { "node" } else { "nodes" };
    let agree = if asked.len() == 1 { "" } else { ", which agree" };
    (!asked.is_empty()).then(|| format!("{} {noun} ({}){agree}", asked.len(), addresses(asked, ", ")))
}

/// Addresses of one network are shortened after the first: `10.77.0.11, .12`.
pub fn addresses(list: &[IpAddr], between: &str) -> String {
    let mut shown = Vec::new();
    let mut network: Option<[u8; 3]> = None;
    for address in list {
        let IpAddr::V4(v4) = address else {
            network = None;
            shown.push(address.to_string());
            continue;
        };
        let [a, b, c, d] = v4.octets();
        shown.push(if network == Some([a, b, c]) { format!(".{d}") } else { address.to_string() });
        network = Some([a, b, c]);
    }
    shown.join(between)
}

/// `6 hosts · dc1: rack1 2, rack2 2, rack3 2`, with `of` where some hosts are not worked on.
pub fn hosts(plan: &Plan) -> String {
    let worked: BTreeSet<usize> = plan.hosts.iter().map(|target| target.node).collect();
    let count = |here: &dyn Fn(usize) -> bool| {
        let all = (0..plan.nodes.len()).filter(|node| here(*node)).count();
        let some = worked.iter().filter(|node| here(**node)).count();
        if some == all { all.to_string() } else { format!("{some} of {all}") }
    };
    let mut parts = vec![format!("{} hosts", count(&|_| true))];
    if plan.nodes.len() == 1 {
        parts = vec!["1 host".into()];
    }
    for dc in datacenters(plan) {
        let rack = |rack: &String| {
            let here = |node: usize| plan.nodes[node].datacenter == dc.name && plan.nodes[node].rack == *rack;
            format!("{rack} {}", count(&here))
        };
        let more = dc.racks.len().saturating_sub(12);
        let mut racks: Vec<String> = dc.racks.iter().take(12).map(rack).collect();
        if more > 0 {
            racks.push(format!("… and {more} more racks"));
        }
        parts.push(format!("{}: {}", dc.name, racks.join(", ")));
    }
    parts.join(" · ")
}

/// The data centres that are worked on, each once, in their order.
fn datacenters(plan: &Plan) -> Vec<Datacenter> {
    let mut all: Vec<Datacenter> = Vec::new();
    for dc in plan.phases.iter().flat_map(|phase| &phase.datacenters) {
        match all.iter_mut().find(|known| known.name == dc.name) {
            Some(known) => {
                known.racks.extend(dc.racks.iter().cloned());
                known.racks.sort();
                known.racks.dedup();
            }
            None => all.push(dc.clone()),
        }
    }
    all
}

/// `Cassandra 5.0.5`, or every release with its number of nodes.
pub fn releases(plan: &Plan) -> String {
    let mut releases: BTreeMap<&str, usize> = BTreeMap::new();
    for node in &plan.nodes {
        *releases.entry(if node.release.is_empty() { "unknown" } else { &node.release }).or_default() += 1;
    }
    match releases.len() {
        1 => format!("Cassandra {}", releases.keys().next().unwrap_or(&"unknown")),
        _ => {
            let each = releases.iter().map(|(release, count)| format!("{release} on {count}"));
            format!("Cassandra {}", each.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Keyspaces that protect, with their replication, many alike together.
pub fn protected(plan: &Plan) -> String {
    let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, keyspace) in plan.keyspaces.iter().filter(|(_, keyspace)| keyspace.protects) {
        alike.entry(replicas(plan, &keyspace.replication)).or_default().push(name);
    }
    if alike.is_empty() {
        return "nothing".into();
    }
    let group = |(replication, names): (&String, &Vec<&str>)| {
        let more = names.len().saturating_sub(HOSTS_SHOWN);
        let some = names.iter().take(HOSTS_SHOWN).copied().collect::<Vec<_>>().join(", ");
        let and = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{some}{and} ({replication})")
    };
    alike.iter().map(group).collect::<Vec<_>>().join(", ")
}

/// `RF 3` where there is one data centre, else `RF 3 in east, 2 in west`.
fn replicas(plan: &Plan, replication: &Replication) -> String {
    let one = plan.nodes.iter().map(|node| &node.datacenter).collect::<BTreeSet<_>>().len() == 1;
    let number = |factor: &Factor| match factor.transient {
        0 => factor.total.to_string(),
        transient => format!("{}/{transient}", factor.total),
    };
    match replication {
        Replication::NetworkTopology(factors) if one && factors.len() == 1 => {
            format!("RF {}", factors.values().map(number).collect::<String>())
        }
        Replication::NetworkTopology(factors) if !factors.is_empty() => {
            let each = factors.iter().map(|(dc, factor)| format!("{} in {dc}", number(factor)));
            format!("RF {}", each.collect::<Vec<_>>().join(", "))
        }
        Replication::Simple(factor) => format!("RF {}, SimpleStrategy", number(factor)),
        other => drift::shown(other),
    }
}

/// Which rings were computed, and compared with what the cluster printed.
pub fn placed(file: &PlanFile) -> String {
    let replication = |name: &str| Some(replicas(&file.plan, &file.plan.keyspaces.get(name)?.replication));
    placement(&file.estimate.placement, replication)
}

/// What is left out, and what it would cost.
pub fn left_out(file: &PlanFile) -> Option<String> {
    let names = file.plan.keyspaces.iter().filter(|(_, keyspace)| !keyspace.protects).map(|(name, _)| name.as_str());
    let names: Vec<&str> = names.collect();
    let cost = file.estimate.waves_with_all_keyspaces.map(|waves| format!(" ({})", count(waves, "wave", " with them")));
    (!names.is_empty()).then(|| format!("{}{}", names.join(", "), cost.unwrap_or_default()))
}

pub fn count(number: u32, noun: &str, after: &str) -> String {
    format!("{number} {noun}{}{after}", if number == 1 { "" } else { "s" })
}

/// `rack1 10.77.0.11 .14 · rack2 10.77.0.12`, with the data centre where there are several.
pub fn wave_hosts(plan: &Plan, wave: &Wave) -> String {
    let several = datacenters(plan).len() > 1;
    let mut groups: Vec<(String, Vec<IpAddr>)> = Vec::new();
    for host in wave.hosts.iter().take(HOSTS_SHOWN) {
        let Some(node) = plan.hosts.get(host.target).map(|target| &plan.nodes[target.node]) else { continue };
        let place = if several { format!("{}/{}", node.datacenter, node.rack) } else { node.rack.clone() };
        match groups.last_mut().filter(|(last, _)| *last == place) {
            Some((_, list)) => list.push(node.address),
            None => groups.push((place, vec![node.address])),
        }
    }
    let shown: Vec<String> = groups.iter().map(|(place, list)| format!("{place} {}", addresses(list, " "))).collect();
    let more = wave.hosts.len().saturating_sub(HOSTS_SHOWN);
    let and = if more > 0 { format!(" … and {more} more") } else { String::new() };
    format!("{}{and}", shown.join(" · "))
}

/// Why the wave is not one with the wave before: of its first host that waits.
pub fn because(wave: &Wave) -> &str {
    wave.hosts.iter().find_map(|host| host.because.as_deref()).unwrap_or("")
}

pub fn bound(file: &PlanFile) -> String {
    let estimate = &file.estimate;
    let waves = estimate.waves.len() as u32;
    let reason = &estimate.lower_bound_reason;
    let all = file.plan.phases.iter().all(|phase| phase.strategy == Strategy::All);
    let rule = if all { "limits" } else { "rule" };
    let sentence = match waves.cmp(&estimate.lower_bound) {
        std::cmp::Ordering::Greater => {
            let least = estimate.lower_bound;
            let many = format!("{}, at most {} too many", count(waves, "wave", ""), waves - least);
            format!("{many}: no plan that keeps the {rule} has fewer than {least} ({reason})")
        }
        _ if waves <= 1 => format!("{}: {reason}", count(waves, "wave", "")),
        _ => format!("{}; no plan that keeps the {rule} has fewer: {reason}", count(waves, "wave", "")),
    };
    sentence + &limit(file).map(|limit| format!("; {limit}")).unwrap_or_default()
}

/// How long it takes by an earlier run, and how far that may be from the least possible.
pub fn lasts(file: &PlanFile) -> Option<String> {
    let expected = file.estimate.time.as_ref()?;
    // (of hours the seconds are noise)
    let about = |ms: u64| time(if ms < 3_600_000 { ms.div_ceil(1000) * 1000 } else { ms.div_ceil(60_000) * 60_000 });
    let hosts = file.plan.hosts.len();
    let known =
        if expected.known as usize == hosts { String::new() } else { format!(", {} of {hosts} hosts", expected.known) };
    let over = (expected.expected_ms.saturating_sub(expected.least_ms)).saturating_mul(100) / expected.least_ms.max(1);
    let gap = match over {
        0 => "and no plan that keeps the rule takes less".to_owned(),
        over => format!(
            "at most {over} % too long: no plan that keeps the rule takes less than {}",
            about(expected.least_ms)
        ),
    };
    let (from, reason) = (&expected.from, &expected.least_reason);
    Some(format!("about {} (durations of {from}{known}), {gap} ({reason})", about(expected.expected_ms)))
}

/// `` `max-hosts` 10 binds: 14 waves instead of 6 ``, where it does.
pub fn limit(file: &PlanFile) -> Option<String> {
    let fewer = file.estimate.waves_without_limit?;
    let all: BTreeSet<Option<u32>> = file.plan.phases.iter().map(|phase| phase.max_hosts).collect();
    let most = match all.first() {
        Some(Some(most)) if all.len() == 1 => format!(" {most}"),
        _ => String::new(),
    };
    Some(format!("`max-hosts`{most} binds: {} instead of {fewer}", count(file.estimate.waves.len() as u32, "wave", "")))
}

/// What the operator has taken upon himself.
pub fn accepted(plan: &Plan) -> Vec<String> {
    let mut accepted = Vec::new();
    if let Some(reason) = &plan.known_down_reason {
        let nodes: Vec<IpAddr> = plan.known_down.iter().map(|node| plan.nodes[*node].address).collect();
        accepted.push(format!("known to be down: {} ({reason})", addresses(&nodes, ", ")));
    }
    for waiver in &plan.waived {
        let (check, expires) = (waivable_word(waiver.check), &waiver.expires);
        accepted.push(format!("check {check} is waived until {expires}: {}", waiver.reason));
    }
    accepted
}

/// Parameters as `name = value`; of a secret, where it comes from.
pub fn params(plan: &Plan) -> Option<String> {
    let each = plan.params.iter().map(|(name, value)| match Source::of(value) {
        Some(source) => format!("{name} = a secret, from {source}"),
        None => format!("{name} = {value}"),
    });
    (!plan.params.is_empty()).then(|| each.collect::<Vec<_>>().join(", "))
}

/// Who else is kept away from these hosts, and how far that reaches.
pub fn lock(plan: &Plan) -> Vec<String> {
    let Some(taken) = plan.lock() else {
        return vec!["the lock on these hosts holds within one $ROLLBOOK_HOME: a run elsewhere does not see it".into()];
    };
    let mut lines = vec![format!(
        "the lock is taken before anything else, {} allowed: {}",
        time(taken.timeout_ms),
        taken.run.join(" ")
    )];
    lines.extend(plan.renewal().map(|renewal| {
        let (every, most) = (time(renewal.poll_ms), time(renewal.timeout_ms));
        format!(
            "it is confirmed every {every}; while it is not no host opens, for {most} at most: {}",
            renewal.run.join(" ")
        )
    }));
    lines.extend(taken.undo.iter().map(|release| format!("it is freed when the process ends: {}", release.join(" "))));
    lines
}
