//! What is shown beside a plan and never steers it: waves, the bound, the cost of more keyspaces.

use super::bound::lower_bound;
use super::compile::with_all_keyspaces;
use super::model::{Estimate, Plan, Wave};
use crate::topology::model::Topology;

/// `waves` is `job::preview::waves`: a noun further down, so it is handed in.
pub fn estimate(plan: &Plan, topology: &Topology, waves: impl Fn(&Plan) -> Vec<Wave>) -> Estimate {
    let (lower_bound, lower_bound_reason) = lower_bound(plan);
    let all = with_all_keyspaces(plan, topology);
    Estimate {
        waves: waves(plan),
        lower_bound,
        lower_bound_reason,
        waves_with_all_keyspaces: all.map(|all| waves(&all).len() as u32),
        asked: topology.asked.clone(),
    }
}
