//! `gates`: a command of the operator's, or a measure that rollbook knows how to ask for.

use super::{Command, Duration, PlainName, without_nulls};
use schemars::{JsonSchema, Schema};
use serde::Deserialize;

/// A question about how the cluster bears the work; while it is not answered well, and while nobody knows, no host opens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = one_question)]
pub struct Gate {
    /// Shown in plans and reports (default: the measure).
    pub name: Option<PlainName>,
    /// A command of your own, run on this machine and ended after 30s: exit status 0 is yes, anything else is no.
    pub run: Option<Command>,
    /// Of `run`: it prints one number, and that is at most so much.
    pub max: Option<f64>,
    /// Of `run`: it prints one number, and that is at least so much.
    pub min: Option<f64>,
    /// Time between two askings (default: 15s).
    pub poll: Option<Duration>,
    /// After a no, so many good answers in a row are needed (default: 3).
    #[schemars(range(min = 1, max = 1000))]
    pub stable: Option<u32>,
    /// The run stops when it was no for so long (default: 30m).
    pub timeout: Option<Duration>,
    /// Reads, 99th percentile as coordinators see it (`nodetool proxyhistograms`), asked of up to three nodes that are
    /// not out, one a rack in turn: each answer costs a node the start of a JVM.
    pub read_latency: Option<LatencyGate>,
    /// Writes, likewise.
    pub write_latency: Option<LatencyGate>,
    /// Load average of one minute for each CPU (`/proc/loadavg`, `nproc`, by `cluster.ssh`), asked of every node that is not out.
    pub load: Option<LoadGate>,
}

/// A latency with its bound.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct LatencyGate {
    /// At most so long, on each node that is asked.
    pub max: Duration,
    /// Time between two askings (default: 15s).
    pub poll: Option<Duration>,
    /// After a no, so many good answers in a row are needed (default: 3).
    #[schemars(range(min = 1, max = 1000))]
    pub stable: Option<u32>,
    /// The run stops when it was no for so long (default: 30m).
    pub timeout: Option<Duration>,
}

/// A load with its bound.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct LoadGate {
    /// At most so much for each CPU, on each node that is asked.
    pub max: f64,
    /// Time between two askings (default: 15s).
    pub poll: Option<Duration>,
    /// After a no, so many good answers in a row are needed (default: 3).
    #[schemars(range(min = 1, max = 1000))]
    pub stable: Option<u32>,
    /// The run stops when it was no for so long (default: 30m).
    pub timeout: Option<Duration>,
}

/// Exactly one question; a command has a name, for it says nothing by itself.
fn one_question(schema: &mut Schema) {
    crate::playbook::schema::without_nulls(schema, &[]);
    let questions = [&["name", "run"][..], &["read-latency"], &["write-latency"], &["load"]];
    crate::playbook::schema::one_of(schema, questions);
}
