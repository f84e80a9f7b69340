//! Groups: hosts that share a fate, and how it is known which.

use super::Command;

#[derive(Clone, Debug, Default, PartialEq)]
pub enum Groups {
    /// Every host has its own.
    #[default]
    None,
    /// Nodes of one machine, by `/etc/machine-id`.
    MachineId,
    /// Of one standard output are those that share a fate.
    Command(Command),
    Listed(Vec<ListedGroup>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    pub name: Option<String>,
    /// Addresses or host ids.
    pub hosts: Vec<String>,
}
