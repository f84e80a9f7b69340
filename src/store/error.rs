//! What can go wrong with the store, each with what to do about it.

use super::{Held, home::DATABASE, short};
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("`{}` cannot be used: {source}", path.display())]
    Files { path: PathBuf, source: io::Error },
    #[error("the store `{}` cannot be {}: {what}", path.display(), if *.full { "written, the disk is full" } else { "used" })]
    Database { path: PathBuf, full: bool, what: String },
    #[error("the store `{}` has form {found}; this rollbook knows forms up to {known}", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("`{}` lies on a network file system ({kind}), where locks between machines do not hold", path.display())]
    Network { path: PathBuf, kind: &'static str },
    #[error("there is no folder for the store: neither ROLLBOOK_HOME nor XDG_STATE_HOME nor HOME is set")]
    NoHome,
    #[error("there is no run `{0}`")]
    NoSuchRun(String),
    #[error("`{word}` is short for several runs: {}", runs.join(", "))]
    Ambiguous { word: String, runs: Vec<String> },
    #[error("there is a run `{0}` already")]
    Taken(String),
    #[error("run `{run}` is being worked on by process {pid} on {machine}")]
    Running { run: String, pid: u32, machine: String },
    #[error("{0}")]
    Held(Box<Held>),
    #[error("run `{run}` is no longer worked on by this process: {}", why.as_deref().map_or("another took it up".to_owned(), |why| format!("its lock was broken by {why}")))]
    Fenced { run: String, why: Option<String> },
    #[error("the store `{}` holds what cannot be read: {what}", path.display())]
    Unreadable { path: PathBuf, what: String },
}

impl StoreError {
    pub(super) fn files(path: &Path, source: io::Error) -> StoreError {
        StoreError::Files { path: path.to_owned(), source }
    }

    pub(super) fn database(home: &Path, error: rusqlite::Error) -> StoreError {
        use rusqlite::ErrorCode::{DatabaseCorrupt, DiskFull, NotADatabase};
        let full = error.sqlite_error_code() == Some(DiskFull);
        if matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)) {
            return StoreError::unreadable(&home.join(DATABASE), error);
        }
        StoreError::Database { path: home.join(DATABASE), full, what: error.to_string() }
    }

    pub(super) fn unreadable(path: &Path, what: impl ToString) -> StoreError {
        StoreError::Unreadable { path: path.to_owned(), what: what.to_string() }
    }

    /// What to type next.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            StoreError::Files { .. } | StoreError::NoHome | StoreError::Network { .. } => {
                "name a folder on a disk of this machine that you may write to: `--home DIR` or ROLLBOOK_HOME".into()
            }
            StoreError::Database { full: true, .. } => "make room, for instance with `rollbook runs clean`".into(),
            StoreError::Newer { .. } => "use the newer rollbook, or another `--home DIR`".into(),
            StoreError::NoSuchRun(_) => "`rollbook runs` lists them".into(),
            StoreError::Ambiguous { .. } => "write more of it; `rollbook runs` lists them".into(),
            StoreError::Running { run, .. } => {
                format!("`rollbook runs watch {run}` shows it, `rollbook stop {run}` ends it gently")
            }
            StoreError::Held(held) => {
                let run = short(&held.run);
                format!(
                    "`rollbook runs watch {run}` shows it, `rollbook stop {run}` ends it gently, `rollbook lock show` \
                     tells what its process does"
                )
            }
            StoreError::Fenced { run, .. } => {
                format!("`rollbook runs show {}` tells how it stands", short(run))
            }
            StoreError::Unreadable { .. } => {
                "nothing was changed; put it back from a backup, or put it aside and begin anew with another `--home DIR`".into()
            }
            StoreError::Database { .. } | StoreError::Taken(_) => return None,
        })
    }
}
