//! What bounds a run and each of its phases: waits, limits, checks beyond the built-in ones.

use super::{ANSWER_MS, count, time};
use crate::job::approval::PATIENCE_MS;
use crate::job::begin;
use crate::plan::model::{HostOrder, Phase, Plan};
use crate::plan::warn::reach_age_ms;
use crate::playbook::check_word;
use crate::playbook::model::{Availability, Check, DatacenterOrder, Demand, Severity, Strategy, Then};
use crate::report::plan::units::gate_question;

/// Every wait that is no step, with its end.
pub fn waits(plan: &Plan) -> Vec<String> {
    let mut waits = vec![format!("start checks {}, then nothing starts", time(begin::DEADLINE_MS))];
    waits.push(format!("a host held back {}, then it is skipped", time(plan.blocked_timeout_ms)));
    waits.push(format!("one answer of a node {}, then it is silent", time(ANSWER_MS)));
    if plan.phases.iter().any(|phase| phase.first.is_some_and(|first| first.then == Then::Ask)) {
        waits.push(format!("a person's word behind the canary {}, then it stops", time(PATIENCE_MS)));
    }
    waits.push(format!("a node's word on whom it reaches counts {}", time(reach_age_ms(plan))));
    waits
}

/// What bounds the run, and each phase.
pub fn limits(plan: &Plan) -> Vec<String> {
    let mut limits = Vec::new();
    for phase in &plan.phases {
        let of = phase.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        limits.extend(phase_limits(phase).into_iter().map(|limit| format!("{of}{limit}")));
    }
    limits.push(match plan.max_failures {
        0 => "the first failure stops new starts".into(),
        most => format!("more than {} stop new starts", count(most, "failure", "")),
    });
    if plan.phases.len() > 1 {
        limits.push("a phase begins when every host of the one before is through".into());
    }
    for (_, gate) in plan.own_gates() {
        limits.push(format!(
            "gate {}: {} every {}; after a no {} in a row, for {} at most",
            gate.name,
            gate_question(gate),
            time(gate.poll_ms),
            count(gate.stable, "good answer", ""),
            time(gate.timeout_ms)
        ));
    }
    if let Some(hosts) = plan.stop_after {
        limits.push(format!("stops after {}, can be resumed", count(hosts, "host", "")));
    }
    limits
}

fn phase_limits(phase: &Phase) -> Vec<String> {
    let strategy = match phase.strategy {
        Strategy::One => "strategy one: one host of a data centre at a time",
        Strategy::Topology => "strategy topology: no two hosts that share a range",
        Strategy::Availability => "strategy availability: as many hosts as the level leaves room for",
        Strategy::All => "strategy all: no placement rule",
    };
    let mut limits = vec![strategy.to_string()];
    limits.extend(phase.availability.as_ref().map(availability));
    limits.push(
        phase.max_hosts.map_or("any number of hosts at once".into(), |most| {
            format!("at most {} at once", count(most, "host", ""))
        }),
    );
    if phase.datacenters.len() > 1 {
        limits.push(match phase.datacenter_order {
            DatacenterOrder::Serial => "one data centre after the other".into(),
            DatacenterOrder::Parallel => "data centres in parallel".into(),
        });
    }
    for (order, words) in [
        (HostOrder::Search, "a free slot is taken at once, not rack by rack: tried out, that is done sooner"),
        (HostOrder::Durations, "hosts are in the order that is done soonest by the durations of an earlier run"),
    ] {
        let found = phase.datacenters.iter().filter(|dc| dc.order == order).map(|dc| dc.name.as_str());
        let found: Vec<&str> = found.collect();
        if !found.is_empty() {
            limits.push(format!("{}: {words}", found.join(", ")));
        }
    }
    if phase.grace_ms > 0 {
        limits.push(format!("{} of grace after each host", time(phase.grace_ms)));
    }
    if let Some(first) = phase.first {
        limits.push(match first.then {
            Then::Ask => {
                format!("{} first; then `rollbook approve RUN` lets the others begin", count(first.hosts, "host", ""))
            }
            Then::Stop => {
                format!("{} first; then it stops, and `rollbook resume RUN` goes on", count(first.hosts, "host", ""))
            }
        });
    }
    limits
}

/// `every range keeps LOCAL_QUORUM in dc1, but not those of cache`.
fn availability(kept: &Availability) -> String {
    let place = match (kept.datacenters.as_slice(), kept.level.is_local()) {
        ([], true) => " in each data centre that holds it".to_owned(),
        ([], false) => String::new(),
        (some, _) => format!(" in {}", some.join(", ")),
    };
    let but = match kept.accept.as_slice() {
        [] => String::new(),
        accepted => format!(", but not those of {}", accepted.join(", ")),
    };
    format!("every range keeps {}{place}{but}", kept.level.word())
}

/// Checks beyond those that are always made.
pub fn checks(plan: &Plan) -> Option<String> {
    let named = |checks: &[Check]| {
        let name = |check: &Check| serde_json::to_value(check).ok().and_then(|name| name.as_str().map(String::from));
        checks.iter().filter_map(name).collect::<Vec<_>>().join(", ")
    };
    let both = |checks: &[Check], demands: &[Demand]| {
        let named = Some(named(checks)).filter(|names| !names.is_empty());
        named.into_iter().chain(demands.iter().map(demand)).collect::<Vec<_>>().join(", ")
    };
    let mut parts = Vec::new();
    for phase in &plan.phases {
        let of = phase.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        if !(phase.checks_start.is_empty() && phase.demands_start.is_empty()) {
            parts.push(format!("{of}at the start {}", both(&phase.checks_start, &phase.demands_start)));
        }
        if !(phase.checks_each_host.is_empty() && phase.demands_each_host.is_empty()) {
            parts.push(format!("{of}round each host {}", both(&phase.checks_each_host, &phase.demands_each_host)));
        }
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn demand(demand: &Demand) -> String {
    let bound = match demand.check {
        Check::PendingCompactions => format!(" at most {}", demand.bound),
        Check::DiskHeadroom => format!(" at least {} %", demand.bound),
        _ => String::new(),
    };
    let only = if demand.severity == Severity::Warn { " (only said)" } else { "" };
    format!("{}{bound}{only}", check_word(demand.check))
}
