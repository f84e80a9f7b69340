//! A fault that somebody wants to see: where, what, and when.

use crate::job::event::Ms;
use crate::plan::model::NodeIx;

/// One fault of a simulated run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub node: NodeIx,
    pub kind: FaultKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// What befalls the command of a step, each time it is started.
    Step { step: usize, what: StepFault },
    /// What befalls the node, whatever rollbook does; times count from the beginning of the run.
    World { at: Ms, lasts: Option<Ms>, what: WorldFault },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepFault {
    /// It ends with status 1, and did nothing.
    Fails,
    /// It never ends, and does nothing.
    Hangs,
    /// It ends with status 0, and did nothing.
    Lies,
    /// The host does not come back after it.
    NeverBack,
    /// The host comes back so much later.
    Late(Ms),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorldFault {
    /// Its Cassandra ends without a word; back after `lasts`.
    Dies,
    /// It answers no question.
    Silent,
    /// It and this one do not reach each other.
    CutFrom(NodeIx),
}
