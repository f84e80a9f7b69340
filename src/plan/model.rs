//! A plan: what would be done, complete in itself. A run reads nothing else.
//!
//! The plan fixes *what* (rendered words, order of preference, limits); the machine in `job`
//! chooses *when*. It is a permission set: a run may do less, never more.

mod once;

pub use super::order::HostOrder;
pub use once::{Gate, Setup};

use super::estimate::Time;
use crate::playbook::model::{
    ApproveScope, Availability, Check, DatacenterOrder, Demand, First, Keyspaces, OnFailure, Retries, StepKind,
    Strategy, TakesDown, Waivable, Waiver,
};
use crate::topology::model::{Placement, Replication};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Index of a node in `Plan::nodes`.
pub type NodeIx = usize;
/// Index of a host under work in `Plan::hosts`: the order of preference.
pub type TargetIx = usize;

/// Version of the form on disk.
pub const VERSION: u32 = 2;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Plan {
    pub version: u32,
    pub name: String,
    pub description: Option<String>,
    /// Where the playbook was read; None for `exec`.
    pub playbook: Option<Source>,
    pub params: BTreeMap<String, serde_json::Value>,
    pub reason_required: bool,
    pub accept_outage: Option<String>,

    pub cluster: String,
    /// The systemd unit of `stop`, `start`, `restart`; the preflight asks whether it starts at boot.
    pub service: String,
    pub partitioner: String,
    /// Every node of the cluster, also those that are not worked on: they observe and they are protected.
    pub nodes: Vec<Node>,
    /// Replication of every keyspace that protects, and of those left out (`protects: false`).
    pub keyspaces: BTreeMap<String, PlannedKeyspace>,
    /// Which keyspaces were asked for.
    pub protect: Keyspaces,
    /// Pairs of nodes that hold replicas of one range, under the conflict rule (semantics.md §3), sorted.
    pub shared: Vec<Shared>,
    /// Some protecting keyspace's ring is unknown: everybody conflicts with everybody, and why.
    pub everybody_conflicts: Option<String>,

    /// Nodes that share a fate: all of a group are out while one of them is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,

    /// The parts, one after the other; a playbook without `phases` has one.
    pub phases: Vec<Phase>,
    pub max_failures: u32,
    /// Hosts opened before the run stops by itself (`--stop-after`); it can be resumed.
    pub stop_after: Option<u32>,
    pub blocked_timeout_ms: u64,
    /// Between two polls of a node before a host is taken out; `wait-up` has its own.
    pub poll_ms: u64,
    /// Nodes that are down and known to be: they count as out in every rule.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub known_down: BTreeSet<NodeIx>,
    /// Why that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_down_reason: Option<String>,
    /// Checks that may fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<Waiver>,
    /// For so long hints are kept for a node that is away, in milliseconds, as a node said; absent: nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint_window_ms: Option<u64>,
    /// Nodes that may be down at the start (`--ignore-down-nodes`): the check `all-up` is not made.
    pub ignore_down: bool,

    /// Questions about the cluster's work: while one is not answered well, no host opens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    pub setup: Vec<Setup>,
    /// The chains that hosts go through, one phase's behind the other's; steps whose `when` is false are left out.
    pub steps: Vec<Step>,
    /// Hosts under work: of the first phase in its order of preference, then those that only later ones add.
    pub hosts: Vec<Target>,
    pub warnings: Vec<Warning>,
}

/// A part of the plan with rules of its own. The next begins when every host of it is through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Phase {
    /// None: the playbook has no `phases`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its chain: these of `Plan::steps`, the first and the one behind the last.
    pub from: usize,
    pub to: usize,
    /// Its hosts, of `Plan::hosts`, in order of preference.
    pub hosts: Vec<TargetIx>,
    pub strategy: Strategy,
    /// The consistency level that every range keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Availability>,
    /// What that level asks for, as far as the strategy does not see to it by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// In the order in which they are worked on.
    pub datacenters: Vec<Datacenter>,
    pub datacenter_order: DatacenterOrder,
    pub max_hosts: Option<u32>,
    /// The canary: so many hosts first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<First>,
    pub grace_ms: u64,
    pub checks_start: Vec<Check>,
    pub checks_each_host: Vec<Check>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub demands_start: Vec<Demand>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub demands_each_host: Vec<Demand>,
    /// Steps left out, with the `when` that was false, for the reader.
    pub left_out: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Source {
    pub path: String,
    /// SHA-256 of the file's bytes, hex.
    pub sha256: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Node {
    pub id: String,
    #[schemars(with = "String")]
    pub address: IpAddr,
    pub datacenter: String,
    pub rack: String,
    pub release: String,
    pub tokens_digest: String,
    pub seed: bool,
    /// `cluster.ssh` and the host, for a far command that follows as further words.
    pub ssh: Vec<String>,
    /// `cluster.nodetool` with the hole `‹args›`, which takes the words of one question.
    pub nodetool: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PlannedKeyspace {
    pub replication: Replication,
    pub protects: bool,
}

/// Two nodes that share ranges of protecting keyspaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Shared {
    pub a: NodeIx,
    pub b: NodeIx,
    /// The keyspace with the most shared ranges (the first by name among equals), to show.
    pub keyspace: String,
    pub ranges: u32,
}

/// Of these nodes, which hold replicas of one range, only so many may be away at once, or it loses its level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Need {
    /// In ascending order; two of them stand for every range that both hold.
    pub nodes: Vec<NodeIx>,
    /// So many may be away.
    pub spare: u32,
    /// Replicas that count, of which `replicas` − `spare` are needed.
    pub replicas: u32,
    /// Where it is counted; absent: in all data centres together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacenter: Option<String>,
    /// The keyspace with the most such ranges (the first by name among equals), to show.
    pub keyspace: String,
    pub ranges: u32,
}

/// Nodes on one machine, one hypervisor, one power strip: they go out and come back together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Group {
    pub name: String,
    pub nodes: BTreeSet<NodeIx>,
    /// By their machine id: the preflight reads it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_machine_id: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Datacenter {
    pub name: String,
    /// No two hosts of one rack share a range: one rack comes before the next.
    pub rack_by_rack: bool,
    /// In order.
    pub racks: Vec<String>,
    /// Where the order of its hosts comes from.
    #[serde(default, skip_serializing_if = "HostOrder::is_by_rack")]
    pub order: HostOrder,
}

/// One position of the chain: what holds for every host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    pub kind: StepKind,
    pub name: String,
    /// Done on a host only where this is true, decided before the step from what its steps have registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    pub timeout_ms: u64,
    pub poll_ms: u64,
    pub stable: u32,
    pub ok_exit: Vec<i32>,
    pub on_failure: OnFailure,
    /// When its time is over, and what is proved is that it was not done, or nothing.
    #[serde(default, skip_serializing_if = "OnFailure::is_stop")]
    pub on_timeout: OnFailure,
    pub idempotent: bool,
    /// What the step takes away; for `run` also when guessed.
    pub takes_down: TakesDown,
    /// Why, when rollbook guessed: shown in the plan.
    pub guessed: Option<String>,
    pub pause_ms: Option<u64>,
    /// Text of a script, run by `bash -euo pipefail` or by its own `#!`.
    pub script: Option<String>,
    /// Its standard output, trimmed, becomes this variable of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<Retries>,
    /// Of `approve`: whom it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ApproveScope>,
    /// Of `approve`: what the person is asked; of `until`: the goal, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Phase {
    /// Its part of the plan's steps.
    pub fn chain<'p>(&self, plan: &'p Plan) -> &'p [Step] {
        &plan.steps[self.from..self.to]
    }

    /// Does any step of it take a host away, or may it?
    pub fn disruptive(&self, plan: &Plan) -> bool {
        self.chain(plan).iter().any(Step::disruptive)
    }
}

impl Plan {
    /// The phase whose chain has this step.
    pub fn phase_of(&self, step: usize) -> Option<&Phase> {
        self.phases.iter().find(|phase| (phase.from..phase.to).contains(&step))
    }

    /// May this check fail?
    pub fn waives(&self, check: Waivable) -> bool {
        self.waived.iter().any(|waiver| waiver.check == check)
    }

    /// With whom a node shares its fate.
    pub fn group(&self, node: NodeIx) -> Option<&Group> {
        self.groups.iter().find(|group| group.nodes.contains(&node))
    }

    /// The first waiver that no longer holds on this day (`2026-12-31`: such days sort as their texts do).
    pub fn expired(&self, today: &str) -> Option<&Waiver> {
        self.waived.iter().find(|waiver| waiver.expires.as_str() < today)
    }
}

impl Step {
    /// Does it take the host away, or may it?
    pub fn disruptive(&self) -> bool {
        self.takes_down != TakesDown::Nothing
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Target {
    pub node: NodeIx,
    /// Its variables, as a file gave them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vars: BTreeMap<String, String>,
    /// One entry a step of `Plan::steps`; empty ones for the steps of phases that leave the host alone.
    pub words: Vec<Rendered>,
}

/// What one step is on one host. Holes: `‹run.id›`, `‹run.reason›`, `‹host.vars.port›` that a step before it registers;
/// with a filter `‹run.reason|quote›`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rendered {
    /// The step is not done on this host, because this `when` is false of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// Empty where the step has no command (`wait-up`, `wait-down`, `pause`) or has a script.
    pub command: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Vec<String>>,
    /// Takes back what the step did, when the host ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Vec<String>>,
    /// A regular expression that the standard output must match somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Warning {
    pub message: String,
    pub help: Option<String>,
}

/// A plan with what is shown beside it. Only `plan` is hashed; `estimate` never steers a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PlanFile {
    /// `sha256:` and 64 hex digits over the canonical JSON of `plan`.
    pub hash: String,
    pub plan: Plan,
    pub estimate: Estimate,
}

/// What the machine would do in a calm world, for the eye.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Estimate {
    pub waves: Vec<Wave>,
    /// No plan that keeps the rule has fewer waves.
    pub lower_bound: u32,
    /// What the bound comes from, as a sentence.
    pub lower_bound_reason: String,
    /// Waves if the keyspaces left out protected too; None where nothing is left out.
    pub waves_with_all_keyspaces: Option<u32>,
    /// Waves without `max-hosts`; None where it makes no difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waves_without_limit: Option<u32>,
    /// None: nobody knows how long a host takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// The nodes that were asked for the topology, and agree. Empty: not known.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub asked: Vec<IpAddr>,
    /// How the replica sets came to be known, under one keyspace of each replication setting. Empty: not recorded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub placement: BTreeMap<String, Placement>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Wave {
    /// Index of the phase.
    #[serde(default)]
    pub phase: usize,
    pub hosts: Vec<WaveHost>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WaveHost {
    pub target: TargetIx,
    #[schemars(with = "String")]
    pub address: IpAddr,
    /// Why not sooner; None in the first wave.
    pub because: Option<String>,
}
