//! `until`: what makes a host already done.

use super::{Command, Text};
use schemars::{JsonSchema, Schema};
use serde::Deserialize;

/// What makes a host already done: exactly one of the keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = one_goal)]
pub struct Goal {
    /// Exit status 0: done; 1: to be worked on; any other is a failure.
    pub command: Option<Command>,
    /// The node runs this release of Cassandra.
    pub release: Option<Text>,
    /// The machine booted after this time: 2026-11-24T00:00:00Z.
    pub booted_after: Option<Text>,
}

/// Exactly one goal.
fn one_goal(schema: &mut Schema) {
    crate::playbook::schema::exactly_one(schema, &["command", "release", "booted-after"]);
}
