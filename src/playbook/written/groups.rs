//! `groups`: a list, a question to every host, or the machine id.

use super::{Command, Name, PlainName, without_nulls};
use schemars::JsonSchema;
use serde::Deserialize;

/// Hosts that share a fate (a machine, a hypervisor, a power strip): they go out and come back together, step by step.
/// Replicas of one range in one group are an error, unless `accept-outage` says why that may be. Of nodes on one machine,
/// which their boot ids tell, only the first reboots it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Groups {
    Word(GroupsWord),
    Command(GroupsCommand),
    Listed(#[schemars(length(min = 1))] Vec<ListedGroup>),
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupsWord {
    /// Nodes of one machine: `cat /etc/machine-id` by `cluster.ssh`, asked when the plan is made.
    MachineId,
}

/// A command that is asked once for each host when the plan is made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct GroupsCommand {
    /// Run on this machine; hosts of the same standard output are one group, which has that name.
    pub command: Command,
}

/// The hosts of a group, or its name and them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ListedGroup {
    Hosts(#[schemars(length(min = 2))] Vec<Name>),
    Named(NamedGroup),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct NamedGroup {
    /// Shown in plans and reports.
    pub name: PlainName,
    /// Addresses or host ids.
    #[schemars(length(min = 2))]
    pub hosts: Vec<Name>,
}
