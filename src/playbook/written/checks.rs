//! `checks`: names, or a name with its bound and severity.

use super::without_nulls;
use crate::playbook::model::{Check, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

/// A check alone, or with what it demands.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum AskedCheck {
    Named(Check),
    Bounded(BoundedCheck),
}

/// One check with its bound and severity.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct BoundedCheck {
    pub pending_compactions: Option<Bound>,
    pub disk_headroom: Option<Bound>,
    pub hints_drained: Option<Bound>,
    pub no_repair: Option<Bound>,
}

/// What a check demands.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct Bound {
    /// Of `pending-compactions`: at most so many (default: 20).
    pub max: Option<u32>,
    /// Of `disk-headroom`: at least so many percent free (default: 20).
    #[schemars(range(min = 1, max = 99))]
    pub min: Option<u32>,
    /// stop (default): the host waits, and nothing begins at the start; warn: it is said, and the run goes on.
    pub severity: Option<Severity>,
}
