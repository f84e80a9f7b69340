//! What a plan says of groups of hosts, and of the gates that hold all of them back.

use super::facts::{HOSTS_SHOWN, addresses};
use crate::plan::model::{Gate, Group, Plan};
use crate::playbook::model::GateMeasure;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What a gate asks, whom, and within which bounds the answer must be.
pub fn gate_question(gate: &Gate) -> String {
    let bounds = if gate.bounded() { format!(", {},", gate.bounds()) } else { String::new() };
    match gate.measure {
        None => format!("`{}`{bounds}", gate.run.join(" ")),
        Some(GateMeasure::Load) => format!("load for each CPU of every node that is not out{bounds}"),
        Some(measure) => {
            let what = if measure == GateMeasure::ReadLatency { "reads" } else { "writes" };
            format!("99th percentile of {what} at up to three observers{bounds}")
        }
    }
}

/// `groups that go out as one: hv1 10.0.0.1, .2 · hv2 10.0.0.3, .4`
pub fn groups(plan: &Plan) -> Option<String> {
    let worked: BTreeSet<usize> = plan.hosts.iter().map(|target| target.node).collect();
    let touched: Vec<&Group> = plan.groups.iter().filter(|group| !group.nodes.is_disjoint(&worked)).collect();
    let shown = touched.iter().take(HOSTS_SHOWN).map(|group| {
        let list: Vec<IpAddr> = group.nodes.iter().map(|node| plan.nodes[*node].address).collect();
        format!("{} {}", group.name, addresses(&list, ", "))
    });
    let shown: Vec<String> = shown.collect();
    let more = touched.len().saturating_sub(HOSTS_SHOWN);
    let and = if more > 0 { format!(" … and {more} more") } else { String::new() };
    (!shown.is_empty()).then(|| format!("groups that go out as one: {}{and}", shown.join(" · ")))
}
