//! The one table of exit codes, and the error that carries one. Nothing else in the program names a number.

use super::context::tell;
use std::fmt;

/// How `rollbook` ends (README has the same table for people).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every target is done.
    Done,
    /// An error that rollbook did not foresee.
    Unexpected,
    /// Only with `--detailed-exitcode`: there is work.
    WorkToDo,
    /// A host failed, or was skipped as blocked.
    HostFailed,
    /// Stopped; can be resumed.
    Stopped,
    /// Refused for safety.
    Refused,
    /// The cluster or the playbook is no longer what the plan was made for.
    Stale,
    /// Another run holds one of the hosts.
    Locked,
    /// An approval is missing; can be resumed.
    NotApproved,
    /// Hosts are in doubt: a person must say what happened.
    InDoubt,
    Usage,
    /// A playbook, plan or snapshot that cannot be used.
    BadFile,
    /// Cluster or store cannot be reached; try again.
    Unreachable,
    /// Ended by a second SIGINT.
    Interrupted,
    /// Ended by a second SIGTERM.
    Terminated,
}

/// For whoever asks for help; README has the same.
pub const TABLE: &str = "\
Exit codes:
  0    every target done, done already (until), or skipped by the operator
  1    unexpected error
  2    only with --detailed-exitcode: there is work, or drift
  3    a host failed, or was skipped as blocked
  4    stopped; can be resumed
  5    refused for safety
  6    stale: the cluster or the playbook is no longer the one of the plan
  7    locked by another run, or the playbook's lock: is another's
  9    an approval is missing; can be resumed
  10   hosts in doubt
  64   wrong usage
  65   bad playbook, topology or plan file
  75   cluster or store unreachable; try again
  130  ended by a second SIGINT, 143 by a second SIGTERM";

impl Exit {
    /// Semantics: one table for all commands.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Unexpected => 1,
            Exit::WorkToDo => 2,
            Exit::HostFailed => 3,
            Exit::Stopped => 4,
            Exit::Refused => 5,
            Exit::Stale => 6,
            Exit::Locked => 7,
            Exit::NotApproved => 9,
            Exit::InDoubt => 10,
            Exit::Usage => 64,
            Exit::BadFile => 65,
            Exit::Unreachable => 75,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        }
    }

    /// Of several runs, the gravest end is told.
    pub fn gravity(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::WorkToDo => 1,
            Exit::Stopped | Exit::NotApproved => 2,
            Exit::HostFailed => 4,
            Exit::InDoubt => 5,
            Exit::Interrupted | Exit::Terminated => 6,
            Exit::Unexpected => 7,
            Exit::Refused | Exit::Stale | Exit::Locked | Exit::Usage | Exit::BadFile | Exit::Unreachable => 3,
        }
    }
}

/// An error that was foreseen: what to say, what to type next, how to end.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
    pub help: Option<String>,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Failure { exit, message: message.into(), help: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Everything was said already (findings in a playbook, a run's table): only the code is left.
#[derive(Debug)]
pub struct Said(pub Exit);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit status {}", self.0.code())
    }
}

impl std::error::Error for Said {}

/// Says what went wrong on standard error, and gives the code to end with.
pub fn report(error: &anyhow::Error) -> Exit {
    if let Some(said) = error.downcast_ref::<Said>() {
        return said.0;
    }
    if is_broken_pipe(error) {
        return Exit::Done;
    }
    // `{:#}` puts the causes on one line: context first, as in `cannot read x: permission denied`.
    tell(format_args!("error: {error:#}"));
    let Some(failure) = error.downcast_ref::<Failure>() else { return Exit::Unexpected };
    if let Some(help) = &failure.help {
        tell(format_args!("help: {help}"));
    }
    failure.exit
}

/// Whoever read our output has gone, as in `rollbook runs | head`: that is success.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let pipe = |e: &std::io::Error| e.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(pipe))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_pipe_is_success_and_a_failure_keeps_its_code() {
        let pipe = anyhow::Error::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe)).context("cannot print");
        assert_eq!(report(&pipe), Exit::Done);
        let refused = anyhow::Error::from(Failure::new(Exit::Refused, "no").help("yes"));
        assert_eq!(report(&refused).code(), 5);
        assert_eq!(report(&anyhow::anyhow!("odd")).code(), 1);
    }
}
