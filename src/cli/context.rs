//! What every command knows: where runs are kept, how much is said, whether to colour.

use super::arguments::{Common, When};
use super::exit::{Exit, Failure};
use crate::diagnostic::lines;
use crate::store::{Store, StoreError, home};
use std::io::IsTerminal;
use std::io::Write as _;
use std::path::PathBuf;

/// The common options, settled.
#[derive(Clone, Debug)]
pub struct Context {
    home: Option<PathBuf>,
    pub color: When,
    pub quiet: bool,
    pub verbose: u8,
}

impl Context {
    pub fn of(common: &Common) -> Self {
        Context { home: common.home.clone(), color: common.color, quiet: common.quiet, verbose: common.verbose }
    }

    /// The folder in which runs are kept; nothing is made there.
    pub fn home(&self) -> anyhow::Result<PathBuf> {
        match &self.home {
            // Processes that outlive us and are started elsewhere read it.
            Some(home) => Ok(std::path::absolute(home)?),
            None => Ok(home::from_environment().map_err(unusable)?),
        }
    }

    /// The store, made where there is none.
    pub fn store(&self) -> anyhow::Result<Store> {
        Ok(Store::open(&self.home()?).map_err(unusable)?)
    }

    /// Something for a person, on standard error; `--quiet` silences it.
    pub fn say(&self, line: impl std::fmt::Display) {
        if !self.quiet {
            tell(line);
        }
    }

    /// Is the stream to be coloured? `NO_COLOR` and a dumb terminal are heeded.
    pub fn colour(&self, stream: &impl IsTerminal) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match self.color {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                stream.is_terminal() && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
            }
        }
    }
}

/// The store cannot be used now: try again, or look at the disk.
pub fn unusable(error: StoreError) -> Failure {
    let exit = match &error {
        StoreError::NoSuchRun(_) | StoreError::Ambiguous { .. } | StoreError::Taken(_) => Exit::Usage,
        StoreError::Held(_) | StoreError::Running { .. } | StoreError::Fenced { .. } => Exit::Locked,
        StoreError::Unreadable { .. } => Exit::BadFile,
        _ => Exit::Unreachable,
    };
    Failure { help: error.help(), ..Failure::new(exit, error.to_string()) }
}

/// Who is at work, for journals and leases: `user@machine`.
pub fn who() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let user = user.unwrap_or_else(|| name_of(rustix::process::getuid().as_raw()));
    format!("{user}@{}", crate::store::owner::machine_name())
}

/// Services and cron jobs have no USER: the name is looked up where it is written.
fn name_of(uid: u32) -> String {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid.to_string()).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("uid-{uid}"))
}

/// The day, as a playbook writes it, in the world's own time: the same for everybody who reads the plan.
pub fn today() -> String {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

/// A line on standard error, in which no text of others steers the terminal; that nobody reads it any more is no error.
pub fn tell(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{}", lines(&line.to_string()));
}
