//! What each check is, as facts: how it is asked, of whom, when, with which bound. The table in README is made of this.

use super::{Check, Demand, Waivable};

/// One check, for the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckFacts {
    /// What is read.
    pub asked: &'static str,
    pub of_whom: &'static str,
    pub made: &'static str,
}

impl Check {
    /// All of them, in the order of the table.
    pub const ALL: [Check; 13] = [
        Check::AllUp,
        Check::ReplicasUp,
        Check::SchemaAgreement,
        Check::NoRangeMovement,
        Check::OwnViewComplete,
        Check::NativeTransport,
        Check::Restarted,
        Check::SameRelease,
        Check::NoStreaming,
        Check::NoRepair,
        Check::HintsDrained,
        Check::PendingCompactions,
        Check::DiskHeadroom,
    ];

    pub fn facts(self) -> CheckFacts {
        const OBSERVERS: &str = "the observers";
        const HOST: &str = "the host";
        const HOST_OR_ALL: &str = "the host; at the start every node";
        const AROUND_OR_ALL: &str = "the host, its co-replicas and the observers; at the start every node";
        const BEFORE: &str = "before each host";
        const NAMED: &str = "where it is named";
        let (asked, of_whom, made) = match self {
            Check::AllUp => ("`status`", OBSERVERS, "at the start; before and after each host where it is named"),
            Check::ReplicasUp => {
                ("`status`; `describecluster`", "the observers; for `describecluster` every co-replica too", BEFORE)
            }
            Check::SchemaAgreement => ("`gossipinfo`", OBSERVERS, "at the start, before and after each host"),
            Check::NoRangeMovement => ("`status`", OBSERVERS, BEFORE),
            Check::OwnViewComplete => ("`status`", HOST, "after each host; at the start where it is named"),
            Check::NativeTransport => (
                "`info`; `/proc/net/tcp`",
                HOST,
                "after each host, if CQL was open before; at the start and before each host where it is named",
            ),
            Check::Restarted => (
                "`gossipinfo`; boot id, `info`",
                "the observers; the host",
                "after each host that was to restart; after any where it is named",
            ),
            Check::SameRelease => ("`gossipinfo`", OBSERVERS, NAMED),
            Check::NoStreaming => ("`netstats`", HOST_OR_ALL, NAMED),
            Check::NoRepair => ("`tpstats`", AROUND_OR_ALL, NAMED),
            Check::HintsDrained => ("`listpendinghints` (4.1 and newer)", AROUND_OR_ALL, NAMED),
            Check::PendingCompactions => ("`compactionstats`", HOST_OR_ALL, NAMED),
            Check::DiskHeadroom => ("`df -P` by `cluster.ssh`", HOST_OR_ALL, NAMED),
        };
        CheckFacts { asked, of_whom, made }
    }

    /// May it be named under `waive`?
    pub fn waivable(self) -> Option<Waivable> {
        match self {
            Check::AllUp => Some(Waivable::AllUp),
            Check::SchemaAgreement => Some(Waivable::SchemaAgreement),
            Check::NoRangeMovement => Some(Waivable::NoRangeMovement),
            Check::NativeTransport => Some(Waivable::NativeTransport),
            Check::OwnViewComplete => Some(Waivable::OwnViewComplete),
            _ => None,
        }
    }
}

/// The table of all checks, as Markdown.
pub fn checks_table() -> String {
    let mut text =
        "| check | read from | asked of | made | bound | severity | waivable |\n|---|---|---|---|---|---|---|\n"
            .to_owned();
    for check in Check::ALL {
        let CheckFacts { asked, of_whom, made } = check.facts();
        let bound = match (check, Demand::of(check)) {
            (Check::DiskHeadroom, Some(demand)) => format!("`min`, {} % free", demand.bound),
            (Check::PendingCompactions, Some(demand)) => format!("`max`, {}", demand.bound),
            (_, Some(_)) => "none at all".to_owned(),
            (_, None) => "-".to_owned(),
        };
        let severity = if Demand::of(check).is_some() { "`stop`, `warn`" } else { "stop" };
        let waivable = if check.waivable().is_some() { "yes" } else { "no" };
        let word = crate::playbook::check_word(check);
        text += &format!("| `{word}` | {asked} | {of_whom} | {made} | {bound} | {severity} | {waivable} |\n");
    }
    text
}
