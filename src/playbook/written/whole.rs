//! What holds for a run as a whole: checks that may fail, setup.

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
