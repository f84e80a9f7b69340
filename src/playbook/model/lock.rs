//! A lock beside rollbook's own: commands of the operator's, so that other automation sees who works on the cluster.

use super::Command;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq)]
pub struct Lock {
    pub acquire: Command,
    pub release: Command,
    /// None: it never expires.
    pub renewal: Option<Renewal>,
}

/// How it is confirmed while the run works.
#[derive(Clone, Debug, PartialEq)]
pub struct Renewal {
    pub command: Command,
    pub every: Duration,
    /// The run stops when it was not confirmed for so long.
    pub timeout: Duration,
}

impl Lock {
    pub(super) fn commands_mut(&mut self) -> impl Iterator<Item = &mut Command> {
        let renewal = self.renewal.as_mut().map(|renewal| &mut renewal.command);
        [&mut self.acquire, &mut self.release].into_iter().chain(renewal)
    }
}
