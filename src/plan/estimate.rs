//! What is shown beside a plan and never steers it: waves, the bound, the cost of more keyspaces.

use super::bound::{least_time, lower_bound};
use super::compile::with_all_keyspaces;
use super::model::{Estimate, Plan, Wave};
use super::order::Durations;
use crate::topology::model::Topology;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long the whole plan takes, by the durations of an earlier run. A run that fails nowhere comes near it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Time {
    /// Which run, in words.
    pub from: String,
    /// So many hosts of the plan were in it; the others are taken to last as its median.
    pub known: u32,
    pub expected_ms: u64,
    /// No plan that keeps the rule takes less.
    pub least_ms: u64,
    /// What that comes from, as a sentence.
    pub least_reason: String,
}

/// `waves` is `job::preview::waves`: a noun further down, so it is handed in.
pub fn estimate(plan: &Plan, topology: &Topology, waves: impl Fn(&Plan) -> Vec<Wave>) -> Estimate {
    let (lower_bound, lower_bound_reason) = lower_bound(plan);
    let all = with_all_keyspaces(plan, topology);
    let planned = waves(plan);
    Estimate {
        waves_without_limit: without_limit(plan, &planned, &waves),
        waves: planned,
        lower_bound,
        lower_bound_reason,
        waves_with_all_keyspaces: all.map(|all| waves(&all).len() as u32),
        asked: topology.asked.clone(),
        placement: topology.placement.clone(),
        time: None,
    }
}

/// `ends` is `job::preview::ends`. None where nobody knows how long a host takes, and for phases, whose shares of it
/// nobody knows.
pub fn time(plan: &Plan, durations: &Durations, ends: impl Fn(&Plan, &[u64]) -> u64) -> Option<Time> {
    let ids = || plan.hosts.iter().map(|host| plan.nodes[host.node].id.as_str());
    let took = durations.of(ids()).filter(|_| plan.phases.len() == 1)?;
    let (least_ms, least_reason) = least_time(plan, &took);
    Some(Time {
        from: durations.from.clone(),
        known: ids().filter(|id| durations.took.contains_key(*id)).count() as u32,
        expected_ms: ends(plan, &took),
        least_ms,
        least_reason,
    })
}

/// How many waves there would be if `max-hosts` did not bind; None where it does not.
fn without_limit(plan: &Plan, planned: &[Wave], waves: impl Fn(&Plan) -> Vec<Wave>) -> Option<u32> {
    let limit = |wave: &Wave| plan.phases.get(wave.phase).and_then(|phase| phase.max_hosts);
    if !planned.iter().any(|wave| limit(wave).is_some_and(|most| wave.hosts.len() as u32 >= most)) {
        return None;
    }
    let mut free = plan.clone();
    free.phases.iter_mut().for_each(|phase| phase.max_hosts = None);
    let fewer = waves(&free).len();
    (fewer < planned.len()).then_some(fewer as u32)
}
