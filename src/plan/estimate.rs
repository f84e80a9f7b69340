//! What is shown beside a plan and never steers it: waves, the bound, the cost of more keyspaces.

use super::bound::lower_bound;
use super::compile::with_all_keyspaces;
use super::model::{Estimate, Plan, Wave};
use crate::topology::model::Topology;

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
    }
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
