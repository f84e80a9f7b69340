//! What was last heard: never journalled, empty after a restart, and empty means unknown.

use super::event::{Asked, Ms, Question};
use crate::plan::model::NodeIx;
use crate::topology::model::Topology;
use crate::topology::nodetool::{ClusterView, GossipView, InfoView, NetstatsView, StatusView};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What came back. Text that could not be read, a status other than 0 and silence are `Unreadable`.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Status(Arc<StatusView>),
    Gossip(Arc<GossipView>),
    Describe(Arc<ClusterView>),
    Info(Arc<InfoView>),
    /// `NORMAL`, `DRAINED`, …
    Mode(NetstatsView),
    BootId {
        id: String,
        /// Something listens on Cassandra's usual CQL port, 9042.
        cql_port: bool,
    },
    /// A gate's command: does the cluster bear it well, and what was said.
    Gate {
        open: bool,
        said: String,
    },
    /// Of a `Measure`.
    Number(u64),
    /// Of a `Measure` of a gate: milliseconds, or a load.
    Amount(f64),
    /// `active`, `activating`, `failed`, … as systemd says it.
    Unit(String),
    Shape(Arc<Shape>),
    /// One sentence: what was asked and what came instead.
    Unreadable(String),
}

/// The cluster read anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    pub topology: Topology,
    pub schema_ids: BTreeSet<String>,
}

/// What the world tells the machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// An action `Ask` was taken up.
    Asking {
        node: NodeIx,
        question: Question,
    },
    Answered {
        node: NodeIx,
        question: Question,
        answer: Answer,
        asked: Ms,
        at: Ms,
    },
    /// An action `End` was taken up: TERM is on its way.
    Ending {
        task: Task,
    },
    /// A process exists.
    Spawned {
        task: Task,
        pid: u32,
    },
    Ended {
        task: Task,
        end: super::event::End,
        /// What a step with `register` printed.
        registered: Option<String>,
    },
    Told(Told),
    /// A time that `decide` asked for has come.
    Woke,
}

/// Something that runs as a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    Step {
        host: usize,
        step: usize,
        attempt: u32,
    },
    Probe {
        host: usize,
        step: usize,
        attempt: u32,
    },
    Setup {
        index: usize,
    },
    Undo {
        index: usize,
    },
    /// Of a host's step, so many times.
    HostUndo {
        host: usize,
        step: usize,
        attempt: u32,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Open no further host.
    Stop { by: String },
    /// End what runs.
    Kill { by: String },
    /// Go on: what waits for an approval, or only this host.
    Approve { by: String, host: Option<crate::plan::model::TargetIx> },
    /// What became of the step that a person is asked about; without a host: of the only one.
    Resolve { by: String, host: Option<crate::plan::model::TargetIx>, how: super::event::Resolution },
}

/// What the machine wants done. Events of the same decision are durable first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Ask(Asked),
    Spawn(Task),
    /// TERM to the group, KILL after a grace.
    End {
        task: Task,
        timed_out: bool,
    },
}
