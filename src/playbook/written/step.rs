//! A step of the chain: a kind, and what belongs to it.

use super::{Command, CommandOrNothing, Duration, Nothing, PlainName, Retries, Text, VarName, env_schema, present};
use crate::playbook::model::{ApproveScope, OnFailure};
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// A step: a kind alone, or a map with exactly one kind and its settings beside it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Step {
    Bare(BareStep),
    Map(Box<StepMap>),
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BareStep {
    Drain,
    Stop,
    Start,
    Restart,
    Reboot,
    WaitUp,
    WaitDown,
}

/// A step with settings: exactly one kind key, and beside it what belongs to the step.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = one_kind)]
pub struct StepMap {
    // `present` keeps `drain:` from meaning "absent".
    /// Flush and stop taking requests (default command: nodetool drain); done when the node says so.
    #[serde(default, deserialize_with = "present")]
    pub drain: Option<CommandOrNothing>,
    /// Stop the service; done when the other nodes see it down.
    #[serde(default, deserialize_with = "present")]
    pub stop: Option<CommandOrNothing>,
    /// Start the service; proved at `wait-up`.
    #[serde(default, deserialize_with = "present")]
    pub start: Option<CommandOrNothing>,
    /// Restart the service; proved at `wait-up`.
    #[serde(default, deserialize_with = "present")]
    pub restart: Option<CommandOrNothing>,
    /// Reboot the host; proved by another boot id at `wait-up`.
    #[serde(default, deserialize_with = "present")]
    pub reboot: Option<CommandOrNothing>,
    /// Wait until the host serves again and every observer agrees.
    #[serde(default, deserialize_with = "present")]
    pub wait_up: Option<Nothing>,
    /// Wait until the other nodes see the host down.
    #[serde(default, deserialize_with = "present")]
    pub wait_down: Option<Nothing>,
    /// A command of your own, run on this machine; or nothing, beside a `script`.
    #[serde(default, deserialize_with = "present")]
    pub run: Option<CommandOrNothing>,
    /// A command that only looks: asked again every `poll` until it is as expected, at most for `timeout`.
    pub verify: Option<Command>,
    /// Wait for a time.
    pub pause: Option<Duration>,
    /// Wait for a person, who is shown this text; answered at the terminal or by `rollbook approve RUN`.
    pub approve: Option<Text>,

    /// Shown in plans and reports (default: the kind).
    pub name: Option<PlainName>,
    /// The step takes part only if this is true: an expression over `params` and `host.vars`, without braces.
    pub when: Option<Text>,
    pub timeout: Option<Duration>,
    /// Text of a program, run on this machine by bash -euo pipefail, or by its own #!; no template.
    pub script: Option<Text>,
    /// Environment variables of the command or script.
    #[schemars(schema_with = "env_schema")]
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Exit statuses that mean success (default: 0; reboot: 0 and 255).
    #[serde(default)]
    #[schemars(length(min = 1), inner(range(min = 0, max = 255)))]
    pub ok_exit: Vec<i32>,
    /// A regular expression that the standard output must match somewhere, `^` and `$` at a line's ends; values in it stand for themselves.
    pub expect: Option<Text>,
    /// Its standard output, trimmed, becomes `host.vars.NAME` for later steps of the same host.
    pub register: Option<VarName>,
    /// How often the step is tried again when it failed. What may still be running is never tried again.
    pub retries: Option<Retries>,
    /// Of an approval: this host alone (host, default), or it and all that come after it (rest).
    pub scope: Option<ApproveScope>,
    /// Time between two looks (default: 5s).
    pub poll: Option<Duration>,
    /// How many good looks in a row are needed (default: 3).
    #[schemars(range(min = 1, max = 1000))]
    pub stable: Option<u32>,
    /// Takes back what a `run` did: runs when the host ends, however it ends, if the step was started; in reverse order.
    pub undo: Option<Command>,
    /// A command that tells by exit status 0 that a step whose end nobody saw was done.
    pub probe: Option<Command>,
    /// A step whose end nobody saw may simply run again.
    pub idempotent: Option<bool>,
    /// What a `run` takes away; without it rollbook guesses, and takes the unknown for disruptive.
    pub takes_down: Option<TakesDown>,
    /// What follows a failure of this step on its host (default: stop).
    pub on_failure: Option<OnFailure>,
    /// What follows when its time is over (default: stop; ask where `on-failure` is; on `verify` as `on-failure`).
    pub on_timeout: Option<OnFailure>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TakesDown {
    Nothing,
    Restart,
    Reboot,
}

/// Names that steps register.
pub fn registered<'a>(steps: impl Iterator<Item = &'a Step>) -> BTreeSet<&'a str> {
    let maps = steps.filter_map(|step| match step {
        Step::Map(map) => map.register.as_ref(),
        Step::Bare(_) => None,
    });
    maps.map(|name| name.0.as_str()).collect()
}

/// Exactly one kind in a step; only a kind may stand without a value.
fn one_kind(schema: &mut Schema) {
    crate::playbook::schema::without_nulls(schema, &crate::playbook::KINDS);
    crate::playbook::schema::one_of(schema, crate::playbook::KINDS.iter().map(std::slice::from_ref));
}
