//! Gates: what is asked about how the cluster bears the work, and within which bounds the answer must be.

use super::Command;
use std::time::Duration;

/// A question about the cluster's work that holds back every host while it is answered badly.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    pub name: String,
    pub asks: GateQuestion,
    /// The number that is answered is at most so much (of a latency: milliseconds).
    pub max: Option<f64>,
    pub min: Option<f64>,
    pub poll: Duration,
    /// Good answers in a row after a bad one.
    pub stable: u32,
    /// The run stops when it was bad for so long.
    pub timeout: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub enum GateQuestion {
    /// A command of this machine.
    Command(Command),
    /// Of the nodes that are not out.
    Measure(GateMeasure),
}

/// What rollbook itself knows how to ask of the nodes that are left.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum GateMeasure {
    /// 99th percentile of reads, in milliseconds.
    ReadLatency,
    /// 99th percentile of writes, in milliseconds.
    WriteLatency,
    /// Load average of one minute for each CPU.
    Load,
}

impl GateMeasure {
    /// As the playbook writes it.
    pub fn word(self) -> &'static str {
        match self {
            GateMeasure::ReadLatency => "read-latency",
            GateMeasure::WriteLatency => "write-latency",
            GateMeasure::Load => "load",
        }
    }

    /// Behind a number: ` ms`.
    pub fn unit(self) -> &'static str {
        match self {
            GateMeasure::ReadLatency | GateMeasure::WriteLatency => " ms",
            GateMeasure::Load => "",
        }
    }

    /// An answer costs a node the start of a JVM: then only the observers are asked.
    pub fn costly(self) -> bool {
        self != GateMeasure::Load
    }
}

impl Gate {
    pub(super) fn command_mut(&mut self) -> Option<&mut Command> {
        match &mut self.asks {
            GateQuestion::Command(command) => Some(command),
            GateQuestion::Measure(_) => None,
        }
    }
}
