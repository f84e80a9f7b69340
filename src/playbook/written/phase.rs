//! A phase as it stands in the file.

use super::{Availability, Checks, Concurrency, Goal, PlainName, Step, Targets, without_nulls};
use crate::playbook::model::{Strategy, Then};
use schemars::JsonSchema;
use serde::Deserialize;

/// A part of the procedure. What it does not say is as the playbook says for all.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct Phase {
    /// Shown in plans and reports.
    pub name: PlainName,
    pub targets: Option<Targets>,
    /// Which hosts may be out at the same time.
    pub strategy: Option<Strategy>,
    pub availability: Option<Availability>,
    pub concurrency: Option<Concurrency>,
    /// Besides those of the playbook; `start`: before the first host of this phase.
    pub checks: Option<Checks>,
    /// What makes a host already through this phase: it is passed over, with the reason.
    pub until: Option<Goal>,
    /// The canary: so many hosts first, all others after `then`.
    #[schemars(range(min = 1))]
    pub first: Option<u32>,
    /// After the canary: wait for an approval (ask, default), or stop so that `rollbook resume` goes on (stop).
    pub then: Option<Then>,
    /// The chain every host goes through.
    #[schemars(length(min = 1, max = 200))]
    pub steps: Vec<Step>,
}
