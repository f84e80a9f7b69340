//! What holds for a run as a whole: checks that may fail, the lock, setup.

use super::{Command, Duration, Text, without_nulls};
use crate::playbook::model::Waivable;
use schemars::JsonSchema;
use serde::Deserialize;

/// A check that may fail, for a reason, until a day.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Waiver {
    pub check: Waivable,
    /// Shown in plans and reports.
    pub reason: Text,
    /// The last day on which it holds: 2026-12-31.
    pub expires: Text,
}

/// A command that runs once, before the first host.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct Setup {
    pub run: Command,
    /// Runs when the run ends, for whatever reason.
    pub undo: Option<Command>,
    /// Default: 1h.
    pub timeout: Option<Duration>,
}

/// A lock that other automation sees: nobody works on the cluster without it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
#[schemars(extend("dependentRequired" = { "every": ["renew"], "timeout": ["renew"] }))]
pub struct Lock {
    /// Takes it, within 1m; any exit status but 0 means that another has it. It runs before `setup`, and again at `resume`.
    pub acquire: Command,
    /// Confirms it, ended after 30s: exit status 0, and it is still this run's. While that is not known no host opens.
    pub renew: Option<Command>,
    /// Frees it, when the process ends for whatever reason.
    pub release: Command,
    /// Between two renewals; a confirmation counts for twice as long (default: 20s).
    pub every: Option<Duration>,
    /// The run stops when it was not confirmed for so long (default: 5m).
    pub timeout: Option<Duration>,
}
