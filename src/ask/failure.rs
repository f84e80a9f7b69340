//! Why there is no answer, in words that say what to do.

use crate::topology::nodetool::shown;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

/// A question without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `nodetool status`
    pub what: String,
    pub node: String,
    pub words: Vec<String>,
    pub reason: Reason,
    /// The last 64 KiB.
    pub stderr: String,
    /// The first 4 KiB: nodetool explains wrong usage there.
    pub stdout: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    NoCommand,
    NotStarted(String),
    Exit(i32),
    Signal(i32),
    TimedOut(Duration),
    /// More bytes than this.
    TooMuch(usize),
    NotUtf8 {
        line: usize,
        text: String,
    },
}

impl Reason {
    pub(super) fn of(status: ExitStatus) -> Reason {
        match status.code() {
            Some(code) => Reason::Exit(code),
            None => Reason::Signal(status.signal().unwrap_or_default()),
        }
    }
}

impl std::error::Error for Failure {}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(out, "`{}` on {}: ", self.what, self.node)?;
        match &self.reason {
            Reason::NoCommand => write!(out, "there is no command for it"),
            Reason::NotStarted(why) => write!(out, "{why}"),
            Reason::TimedOut(after) => {
                write!(out, "no answer within {} s; the call was ended", after.as_secs_f32())?;
                self.quoted(out)
            }
            Reason::TooMuch(limit) => {
                write!(out, "it printed more than {} MiB; the call was ended", limit >> 20)
            }
            Reason::NotUtf8 { line, text } => write!(out, "line {line} of its output is not UTF-8: `{text}`"),
            Reason::Signal(signal) => {
                write!(out, "it was ended by signal {signal}")?;
                self.quoted(out)
            }
            Reason::Exit(status) => {
                if let Some(meaning) = self.meaning() {
                    write!(out, "{meaning}; ")?;
                }
                write!(out, "exit status {status}")?;
                self.quoted(out)
            }
        }
    }
}

impl Failure {
    fn quoted(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self.last_line() {
            Some(line) => write!(out, ": `{line}`"),
            None => write!(out, ", and nothing on standard error"),
        }
    }

    /// The line that says most: nodetool puts it before a stack trace, others at the end.
    fn last_line(&self) -> Option<String> {
        let trace = |line: &&str| line.starts_with("\tat ") || line.starts_with("-- StackTrace");
        let lines: Vec<&str> = self.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
        let line = match lines.iter().position(trace) {
            Some(at) if at > 0 => Some(lines[at - 1]),
            _ => lines.last().copied(),
        };
        let line = line.or_else(|| self.stdout.lines().find(|line| !line.trim().is_empty()));
        line.map(|line| shown(line.trim(), 300))
    }

    /// The same of a command that asks no node.
    pub fn own_command(&self) -> String {
        let ended = match &self.reason {
            Reason::Exit(status) => format!("exit status {status}"),
            Reason::Signal(signal) => format!("it was ended by signal {signal}"),
            Reason::TimedOut(after) => format!("no answer within {} s", after.as_secs_f32()),
            Reason::NotStarted(why) => why.clone(),
            _ => "its output is too long, or no text".to_owned(),
        };
        self.last_line().map_or(ended.clone(), |line| format!("{ended}: `{line}`"))
    }

    /// Did the question reach Cassandra's own tool, which says that it is not up yet?
    pub fn starting(&self) -> bool {
        self.says("Server is not initialized yet") || self.says("Has this node finished starting up")
    }

    fn says(&self, text: &str) -> bool {
        self.stderr.contains(text) || self.stdout.contains(text)
    }

    fn meaning(&self) -> Option<&'static str> {
        let Reason::Exit(status) = self.reason else { return None };
        if self.says("a password is required") || self.says("a terminal is required to") {
            return Some("sudo asks for a password there: allow it without one (NOPASSWD) for this user");
        }
        match status {
            255 => Some(self.ssh()),
            127 if self.says("nodetool") => {
                Some("nodetool, or the java it needs, is not in the PATH of a plain ssh session there")
            }
            127 => Some("the command is not in the PATH of a plain ssh session there"),
            126 => Some("the program there may not be executed"),
            _ => self.nodetool(),
        }
    }

    fn nodetool(&self) -> Option<&'static str> {
        if self.starting() {
            Some("Cassandra is still starting there")
        } else if self.says("Failed to connect to") {
            Some("Cassandra does not run there, or its JMX port is closed")
        } else if self.says("Authentication failed") || self.says("Invalid username or password") {
            Some("JMX wants a user and a password: put them into `cluster.nodetool` (`-u`, `-pwf FILE`)")
        } else if self.says("Access denied! Invalid access level") {
            Some("the JMX user may only read, and this command needs more")
        } else {
            None
        }
    }

    /// ssh says 255 for all its own troubles, and when the far command was killed.
    fn ssh(&self) -> &'static str {
        const KNOWN: &[(&str, &str)] = &[
            ("HOST IDENTIFICATION HAS CHANGED", "ssh refuses the host: its key is not the one that is known"),
            ("Host key verification failed", "ssh does not know the host's key: add it to known_hosts"),
            ("host key is known for", "ssh does not know the host's key: add it to known_hosts"),
            ("Permission denied", "ssh was not let in without asking: it needs a key that works without a prompt"),
            ("Too many authentication failures", "ssh was not let in: too many keys were tried"),
            ("Could not resolve hostname", "the name of the host is not known"),
            ("Connection refused", "nobody answers at the ssh port: the host is down, booting, or runs no sshd"),
            ("No route to host", "there is no way to the host"),
            ("Network is unreachable", "there is no way to the host"),
            ("timed out", "the host does not answer ssh"),
            ("not responding", "the host does not answer ssh any more"),
            ("closed by remote host", "the host closed the ssh session"),
            ("Connection reset", "the host closed the ssh session"),
            ("Connection closed", "the host closed the ssh session"),
        ];
        KNOWN
            .iter()
            .find(|(text, _)| self.says(text))
            .map_or("ssh failed, or the command was killed there", |(_, meaning)| meaning)
    }
}

#[cfg(test)]
mod tests;
