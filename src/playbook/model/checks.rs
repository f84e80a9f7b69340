//! Checks by name, those that compare a number, and those that may fail.

/// A named check (semantics.md §4). Built-in ones cannot be left out, a list only adds.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Every node of the cluster is `UN` at every observer.
    AllUp,
    /// Every node that shares a range with the host is `UN` at every observer.
    ReplicasUp,
    /// One schema version among live nodes of one major release.
    SchemaAgreement,
    /// Nobody joins, leaves or moves.
    NoRangeMovement,
    /// The host's CQL port is open.
    NativeTransport,
    /// The host sees every node up that the observers see up.
    OwnViewComplete,
    /// The restart is proved, whatever the step.
    Restarted,
    /// The host neither sends nor receives streams (bootstrap, repair, decommission); at the start: no node does.
    NoStreaming,
    /// Every node runs the same release of Cassandra, as gossip has it.
    SameRelease,
    /// The host takes part in no repair (`tpstats`); at the start: no node does.
    NoRepair,
    /// Nobody who shares ranges with the host holds hints for somebody (`listpendinghints`, Cassandra 4.1 and newer).
    HintsDrained,
    /// Compactions that wait on the host are few (`compactionstats`); at the start: on every node.
    PendingCompactions,
    /// The disk of the host's data has room (`df`); at the start: of every node.
    DiskHeadroom,
}

/// A check that compares a number of a node with a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Demand {
    pub check: Check,
    /// At most so many; of `disk-headroom`: at least so many percent free.
    pub bound: u64,
    pub severity: Severity,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The host is not taken out; at the start: nothing begins.
    #[default]
    Stop,
    /// It is said, and the run goes on.
    Warn,
}

impl Demand {
    /// The same with the check's own bound; None for a check that has no number.
    pub fn of(check: Check) -> Option<Demand> {
        let bound = match check {
            Check::NoRepair | Check::HintsDrained => 0,
            Check::PendingCompactions | Check::DiskHeadroom => 20,
            _ => return None,
        };
        Some(Demand { check, bound, severity: Severity::Stop })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Once, before the first host.
    pub start: Vec<Check>,
    /// Before and after each host.
    pub each_host: Vec<Check>,
    /// Numbers that must be within bounds, once.
    pub demands_start: Vec<Demand>,
    /// The same before each host.
    pub demands_each_host: Vec<Demand>,
}

/// A check that may fail, for a reason, until a day (`2026-12-31`, which it still holds).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Waiver {
    pub check: Waivable,
    pub reason: String,
    pub expires: String,
}

/// Checks that may be waived. Not among them: that replicas are up, that they reach each other, that a restart is
/// proved; without these nothing is safe.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Waivable {
    AllUp,
    SchemaAgreement,
    NoRangeMovement,
    NativeTransport,
    OwnViewComplete,
}
