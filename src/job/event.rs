//! Facts about a run, journalled before their effects. Events are never rewritten; fields may only be added.

use crate::plan::model::{NodeIx, TargetIx};
use crate::playbook::model::GateMeasure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch (virtual in the simulator). The machine never reads a clock.
pub type Ms = u64;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    pub at: Ms,
    #[serde(flatten)]
    pub what: What,
}

/// What a person approves of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "of", rename_all = "kebab-case")]
pub enum Approval {
    /// The hosts behind the canary.
    Others,
    /// An `approve` step of one host; None: of every host.
    Step { step: usize, host: Option<TargetIx> },
}

/// Events by subject; each group has one small renderer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "subject", rename_all = "kebab-case")]
pub enum What {
    Run(RunEvent),
    Host {
        host: TargetIx,
        #[serde(flatten)]
        event: HostEvent,
    },
    Step {
        host: TargetIx,
        step: usize,
        #[serde(flatten)]
        event: StepEvent,
    },
    Setup {
        index: usize,
        #[serde(flatten)]
        event: SetupEvent,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum RunEvent {
    /// A process took the run up, for the first time or again.
    Started {
        session: u32,
        plan: String,
        reason: Option<String>,
        by: String,
        /// A person sits at its terminal, and can be asked (`on-failure: ask`).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        attended: bool,
    },
    /// A person let it go on.
    Approved { what: Approval, by: String, plan: String },
    /// A check of severity `warn` does not hold.
    Warned { because: String },
    /// The start checks held.
    Checked,
    /// Every host is through the phase before; this one of `Plan::phases` begins.
    Phase { phase: usize },
    /// The start checks did not hold by their deadline; nothing was started.
    Refused { because: String },
    /// No further host opens.
    Stopping { why: Stop },
    /// Nothing is in work any more; undos are done.
    Ended { outcome: Outcome },
    /// Somebody freed its hosts while its process may still have been there, which starts nothing further.
    LockBroken { by: String, reason: String },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Stop {
    /// First signal, or `rollbook stop`.
    Asked { by: String },
    /// Second signal: steps in work are ended too.
    Killed { by: String },
    /// `--stop-after`.
    After { hosts: u32 },
    /// More hosts failed than `max-failures`.
    Failures { failed: u32, allowed: u32 },
    /// The cluster is no longer the one the plan was made for.
    Drift { differences: Vec<String> },
    /// A setup step failed.
    Setup { index: usize },
    /// A gate was not answered well for too long.
    Gate { name: String, because: String },
    /// Nobody confirmed for too long that the playbook's lock is still this run's.
    Lock { because: String },
    /// The canary is through (`then: stop`).
    First { hosts: u32 },
    /// Nobody approved in time.
    NotApproved { waited_ms: Ms },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Succeeded,
    /// Some host failed, or was skipped as blocked.
    Failed,
    /// Can be resumed.
    Stopped,
    /// The start checks refused.
    Refused,
    Stale,
    /// Some host is in doubt.
    InDoubt,
    /// Ended by a second signal.
    Killed,
    /// An approval is missing; can be resumed.
    NotApproved,
    /// Another has the playbook's lock; can be resumed.
    Locked,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum HostEvent {
    /// A check of severity `warn` does not hold.
    Warned {
        because: String,
    },
    /// From now on the host holds its conflicts and its slot.
    Opened,
    /// What it was before its first disruptive step; kept for every later attempt.
    Baseline(Baseline),
    /// The gate passed; `grace` runs.
    Settling,
    Done,
    /// It was already as it shall be (`until`): nothing was done to it.
    AlreadyDone {
        because: String,
    },
    /// Nothing was done to it yet: it waits for its turn again.
    PutBack {
        because: String,
    },
    Failed {
        step: usize,
        because: String,
    },
    /// Nobody knows whether the step happened; a person must say (`rollbook resolve`).
    Lost {
        step: usize,
        because: String,
    },
    Skipped {
        because: String,
    },
    /// A host that had failed or was in doubt passed the gate: it no longer counts as out.
    Back,
    /// The operator settled it; it stays out until its gate passes.
    Resolved {
        how: Resolution,
        by: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// The step counts as done; the chain goes on after it.
    Done,
    /// The host counts as failed.
    Failed,
    /// The step runs again.
    Retry,
    /// Neither worked on again nor counted in `max-failures`.
    Skip,
}

/// Proof of a restart is a difference from this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Baseline {
    pub boot_id: Option<String>,
    /// As the observers see it.
    pub generation: Option<u64>,
    pub uptime_s: Option<u64>,
    /// Was the native transport running?
    pub transport: Option<bool>,
    pub release: Option<String>,
    /// Did it listen on Cassandra's usual CQL port, as its machine says?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cql_port: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum StepEvent {
    /// Durable before the process exists.
    Started {
        attempt: u32,
    },
    Spawned {
        attempt: u32,
        pid: u32,
    },
    Ended {
        attempt: u32,
        end: End,
        /// What a step with `register` printed: from now on a variable of the host.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        registered: Option<String>,
    },
    /// What makes the step succeed is proved.
    Passed {
        attempt: u32,
        proof: String,
    },
    /// It failed, or nobody knows whether it was done, and a person is asked.
    Asked {
        attempt: u32,
        because: String,
        /// Nobody knows: without an answer the host is in doubt, not failed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        lost: bool,
    },
    /// It is not done on this host, because its `when` is false: nothing was started.
    LeftOut {
        because: String,
    },
    /// It failed, and the chain goes on (`on-failure: continue`).
    Tolerated {
        attempt: u32,
        because: String,
    },
    /// The probe of a lost step was started.
    Probing {
        attempt: u32,
    },
    /// What the probe said.
    Probed {
        attempt: u32,
        end: End,
    },
    /// The host has ended, or is through its chain: what this step did is taken back. Durable before the process exists.
    UndoStarted {
        attempt: u32,
    },
    UndoEnded {
        attempt: u32,
        end: End,
    },
}

/// How a command's process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum End {
    Exit {
        status: i32,
    },
    Signal {
        signal: i32,
    },
    /// Killed at its deadline: it may still run on the host.
    TimedOut,
    /// Ended by the operator's second signal.
    Killed,
    /// It never existed.
    NotSpawned {
        because: String,
    },
    /// It was ordered, and it is certain that it never began: the process of the run ended before, or stood still too long.
    NeverBegan,
    /// Nobody saw the end.
    Unseen,
    /// A good exit status, but not the output that was expected.
    Unlike {
        said: String,
    },
    /// A good exit status, but an output that no variable of a host may hold.
    Unfit {
        because: String,
    },
}

impl End {
    pub fn ok(&self) -> bool {
        *self == End::Exit { status: 0 }
    }

    /// Is it known how the command ended? One that timed out, was killed, or whose end nobody saw may still
    /// run on the host: it is lost, not failed.
    pub fn known(&self) -> bool {
        matches!(
            self,
            End::Exit { .. } | End::NotSpawned { .. } | End::NeverBegan | End::Unlike { .. } | End::Unfit { .. }
        )
    }

    /// Is it certain that no process of it ever was?
    pub fn never_was(&self) -> bool {
        matches!(self, End::NotSpawned { .. } | End::NeverBegan)
    }

    /// For a sentence: `exit status 3`.
    pub fn words(&self) -> String {
        match self {
            End::Exit { status } => format!("exit status {status}"),
            End::Signal { signal } => format!("ended by signal {signal}"),
            End::TimedOut => "timed out; it may still run on the host".into(),
            End::Killed => "ended by the operator; it may still run on the host".into(),
            End::NotSpawned { because } => format!("could not be started: {because}"),
            End::NeverBegan => "it never began".into(),
            End::Unseen => "nobody saw its end".into(),
            End::Unlike { said } if said.is_empty() => "it said nothing, which is not as expected".into(),
            End::Unlike { said } => format!("it said `{said}`, which is not as expected"),
            End::Unfit { because } => because.clone(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum SetupEvent {
    Started,
    Ended { end: End },
    UndoStarted,
    UndoEnded { end: End },
}

/// One question to one node, answered by text that nodetool (or ssh) prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// `nodetool status`
    Status,
    /// `nodetool gossipinfo`
    Gossip,
    /// `nodetool describecluster`: whom can it not reach?
    Describe,
    /// `nodetool info`
    Info,
    /// `nodetool netstats`, its first line
    Mode,
    /// `cat /proc/sys/kernel/random/boot_id /proc/net/tcp` by `cluster.ssh`: which boot, and who listens
    BootId,
    /// A gate of the playbook; whoever is named as the node is not asked.
    Gate(usize),
    /// One number of the node.
    Measure(Measure),
    /// `systemctl show` of the service by `cluster.ssh`: has its unit failed?
    Unit,
    /// Ring and replication, read anew (several commands): is the plan still of this cluster?
    Shape,
}

/// What a check with a bound compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Compactions that wait (`nodetool compactionstats`).
    PendingCompactions,
    /// Tasks of repairs that run or wait (`nodetool tpstats`).
    Repairs,
    /// Nodes for which it holds hints in closed files (`nodetool listpendinghints`).
    Hints,
    /// Percent of the data's disk that are free (`df`).
    DiskFree,
    /// What a gate of the playbook compares.
    Gate(GateMeasure),
}

/// A node to ask.
pub type Asked = (NodeIx, Question);
