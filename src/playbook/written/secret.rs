//! A parameter whose value may stand nowhere.

use super::{Command, Text};
use schemars::{JsonSchema, Schema};
use serde::Deserialize;

/// Where the value comes from when a run begins: exactly one of the keys. It reaches the environment of the steps that
/// name it (`env: { TOKEN: "{{ params.NAME }}" }`, or a `script`) and nothing else: no command line, plan, journal or report.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = one_source)]
pub struct Secret {
    /// A variable of rollbook's own environment.
    pub env: Option<Text>,
    /// An absolute path.
    pub file: Option<Text>,
    /// A command on this machine that prints it; it takes no templates.
    pub command: Option<Command>,
}

fn one_source(schema: &mut Schema) {
    crate::playbook::schema::exactly_one(schema, &["env", "file", "command"]);
}
