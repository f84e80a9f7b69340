//! The playbook's form in the file: what serde reads and schemars describes, and nothing else is accepted.
//!
//! Holds no meaning and no default. Keys are kebab-case; a key that is absent differs from one without a value.

mod availability;
mod checks;
mod gates;
mod goal;
mod groups;
mod hosts;
mod secret;
mod step;
mod phase;
mod whole;

pub use availability::Availability;
pub use checks::{AskedCheck, BoundedCheck};
pub use gates::Gate;
pub use goal::Goal;
pub use groups::{Groups, ListedGroup};
pub use hosts::{KnownDown, Targets};
pub use phase::Phase;
pub use secret::Secret;
pub use step::{BareStep, Step, StepMap, TakesDown, registered};
pub use whole::{Lock, Setup, Waiver};

use super::duration;
use super::model::{DatacenterOrder, Strategy, Then};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A rollbook playbook: what is done to every host of a Cassandra cluster, in which order, under which checks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = steps_or_phases)]
pub struct Playbook {
    /// Version of the playbook language.
    #[schemars(extend("const" = 1))]
    pub rollbook: u32,
    /// Shown in plans and reports.
    pub name: PlainName,
    pub description: Option<String>,
    /// `required`: a run must say why (`--reason`).
    pub reason: Option<Required>,
    /// Values a run gives (`--param NAME=VALUE`), read as `params.NAME`.
    #[schemars(schema_with = "params_schema")]
    #[serde(default)]
    pub params: BTreeMap<String, Param>,
    pub cluster: Option<Cluster>,
    pub targets: Option<Targets>,
    /// Which hosts may be out at the same time (default: topology).
    pub strategy: Option<Strategy>,
    pub availability: Option<Availability>,
    pub groups: Option<Groups>,
    /// Why an outage is accepted: needed by `strategy: all` with a step that takes hosts down.
    pub accept_outage: Option<Text>,
    pub concurrency: Option<Concurrency>,
    /// How many hosts may fail before no further host is opened (default: 0).
    pub max_failures: Option<u32>,
    /// How long a host that is held back by failed hosts waits (default: 30m).
    pub blocked_timeout: Option<Duration>,
    pub checks: Option<Checks>,
    /// Who comes first, and whether seeds come last, within what safety allows.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub order: Vec<Name>,
    pub known_down: Option<KnownDown>,
    /// Checks that may fail, one by one.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub waive: Vec<Waiver>,
    /// Questions about the cluster's work, such as its latency: while one is not answered well, no host opens.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub gates: Vec<Gate>,
    pub lock: Option<Lock>,
    /// Commands that run once, before the first host; each `undo` when the run ends, in reverse order.
    #[serde(default)]
    pub setup: Vec<Setup>,
    /// What makes a host already done: it is passed over, with the reason.
    pub until: Option<Goal>,
    /// The canary: so many hosts first, all others after `then`.
    #[schemars(range(min = 1))]
    pub first: Option<u32>,
    /// After the canary: wait for an approval (ask, default), or stop so that `rollbook resume` goes on (stop).
    pub then: Option<Then>,
    /// The chain every host goes through.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub steps: Vec<Step>,
    /// Instead of `steps`: parts with rules of their own. A phase begins when every host is through the one before.
    #[serde(default)]
    #[schemars(length(min = 1, max = 50))]
    pub phases: Vec<Phase>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Required {
    Required,
}

/// A parameter; without a `default` every run must give it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct Param {
    pub description: Option<String>,
    /// `string` (default): safe in a command; `text`: any text, needs a filter; `bool`; `int`; `list` of safe strings.
    #[serde(rename = "type")]
    pub kind: Option<ParamType>,
    /// A regular expression that the whole value must match.
    pub pattern: Option<String>,
    #[serde(default)]
    #[schemars(schema_with = "default_schema")]
    pub default: Option<ParamValue>,
    pub secret: Option<Secret>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParamType {
    String,
    Text,
    Bool,
    Int,
    List,
}

/// How the cluster is reached. Every command runs on this machine.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct Cluster {
    /// Words before a host and a far command (default: ssh -o BatchMode=yes -o ConnectTimeout=10).
    pub ssh: Option<Words>,
    /// Every question to a node; `{{ args }}` takes its words.
    pub nodetool: Option<Command>,
    /// The unit of systemd (default: cassandra).
    pub service: Option<Name>,
    /// Which keyspaces protect hosts from each other: data (default), all, or a list.
    pub keyspaces: Option<Keyspaces>,
    /// A file beside the playbook with a line for each node whose address ssh cannot use, or that has values of its own
    /// (read as `host.vars.NAME`): `ADDRESS: NAME`, or `ADDRESS: { ssh: NAME, vars: { NAME: "VALUE" } }`.
    pub hosts: Option<Text>,
    /// Where discovery begins; alternatives. `--seed-host` goes before them.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub seeds: Vec<Name>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Keyspaces {
    Word(KeyspacesWord),
    Only(#[schemars(length(min = 1))] Vec<Name>),
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyspacesWord {
    Data,
    All,
}

/// How many hosts at once; a bare number is short for `max-hosts`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Concurrency {
    MaxHosts(#[schemars(range(min = 1))] u32),
    Settings(ConcurrencySettings),
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct ConcurrencySettings {
    /// Over the whole run (default: 10). Every node counts, also those of a group; a group that is larger than this
    /// goes out when nobody else is out.
    #[schemars(range(min = 1))]
    pub max_hosts: Option<u32>,
    /// One data centre after the other (default), or side by side.
    pub datacenters: Option<DatacenterOrder>,
    /// How long a host that is back still holds its place (default: 0s).
    pub grace: Option<Duration>,
}

/// Checks beside the built-in ones, which cannot be left out.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct Checks {
    /// Once, before the first host.
    #[serde(default)]
    pub start: Vec<AskedCheck>,
    /// Before and after each host.
    #[serde(default)]
    pub each_host: Vec<AskedCheck>,
}

/// How often a step that failed is tried again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct Retries {
    #[schemars(range(min = 1, max = 100))]
    pub times: u32,
    /// Before the first of them (default: 10s).
    pub delay: Option<Duration>,
    /// Each delay is so many times the one before (default: 1).
    #[schemars(range(min = 1, max = 10))]
    pub backoff: Option<u32>,
}

/// A key without a value.
#[derive(Debug)]
pub struct Nothing;

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer).map(|()| Nothing)
    }
}

impl JsonSchema for Nothing {
    fn schema_name() -> Cow<'static, str> {
        "Nothing".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "null" })
    }
}

/// A default of a parameter, as YAML reads it.
pub type ParamValue = serde_json::Value;

macro_rules! text_with_schema {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $schema:tt) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

text_with_schema!(
    /// Any text with something in it.
    Text, String, { "type": "string", "pattern": "\\S" }
);
text_with_schema!(
    /// A name on one line.
    PlainName, String, { "type": "string", "pattern": "^\\S(.{0,98}\\S)?$" }
);
text_with_schema!(
    /// A name that templates read: small letters, digits and `_`, a letter first.
    VarName, String, { "type": "string", "pattern": (super::PARAM_NAME) }
);
text_with_schema!(
    /// Name of a host, rack, data centre, keyspace or unit, as the cluster writes it.
    Name, String, { "type": "string", "pattern": "\\S" }
);
text_with_schema!(
    /// A command, split into words as a POSIX shell does, with `{{ … }}` for values.
    Command, String, { "type": "string", "pattern": "\\S" }
);
text_with_schema!(
    /// The default command of the kind, or one of your own.
    CommandOrNothing, Option<String>, { "type": ["string", "null"], "pattern": "\\S" }
);
text_with_schema!(
    /// A time with its unit: 30s, 10m, 1h 30m, 500ms.
    Duration, String, { "type": "string", "pattern": (duration::PATTERN) }
);

/// A command as a text, or already as words.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Words {
    Text(Command),
    List(#[schemars(length(min = 1))] Vec<Command>),
}

fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn params_schema(generator: &mut SchemaGenerator) -> Schema {
    let param = generator.subschema_for::<Param>();
    named(super::PARAM_NAME, param)
}

fn default_schema(_: &mut SchemaGenerator) -> Schema {
    let text = json_schema!({ "type": "string" });
    json_schema!({
        "description": "Used when the run gives none.",
        "anyOf": [text, { "type": "boolean" }, { "type": "integer" }, { "type": "array", "items": text }]
    })
}

fn env_schema(_: &mut SchemaGenerator) -> Schema {
    named(super::ENV_NAME, json_schema!({ "type": "string" }))
}

fn named(pattern: &str, value: Schema) -> Schema {
    json_schema!({ "type": "object", "propertyNames": { "pattern": pattern }, "additionalProperties": value })
}

/// A key that is written has a value: takes back the `null` that an optional field brings.
fn without_nulls(schema: &mut Schema) {
    super::schema::without_nulls(schema, &[]);
}

/// A playbook has one chain, or phases with one each.
fn steps_or_phases(schema: &mut Schema) {
    super::schema::exactly_one(schema, &["steps", "phases"]);
}
