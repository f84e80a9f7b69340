//! What holds for a run as a whole: checks that may fail, gates, setup.

use super::{Command, Duration, PlainName, Text, without_nulls};
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

/// A command that says by exit status 0 that the cluster bears it well; anything else, and silence, is no.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct Gate {
    /// Shown in plans and reports.
    pub name: PlainName,
    /// Run on this machine; it is ended after 30s.
    pub run: Command,
    /// Time between two askings (default: 15s).
    pub poll: Option<Duration>,
    /// After a no, so many good answers in a row are needed (default: 3).
    #[schemars(range(min = 1, max = 1000))]
    pub stable: Option<u32>,
    /// The run stops when it was no for so long (default: 30m).
    pub timeout: Option<Duration>,
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
