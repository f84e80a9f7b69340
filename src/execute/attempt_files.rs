//! The files of one attempt, in a folder of its own: what the command wrote, and how it ended.

use crate::job::event::End;
use crate::store::durable_file;
use crate::store::owner::Owner;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// Standard output of the command, as it came.
pub const OUT: &str = "out";
/// Standard error of the command, as it came.
pub const ERR: &str = "err";
/// How it ended, as JSON; written once, by the process that watched.
pub const STATUS: &str = "status";
/// Who watches; made before the command exists.
pub const WATCHER: &str = "watcher";
/// Why the command could not be executed, in words.
pub const NOT_SPAWNED: &str = "not-spawned";
/// The text of a `script`.
pub const SCRIPT: &str = "script";

/// Who may run the command of an attempt: the first to write this file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Watcher {
    Runs {
        owner: Owner,
    },
    /// A later rollbook settled that this attempt never began.
    GivenUp,
}

/// Becomes the watcher: `Ok(false)` when somebody was first.
///
/// # Errors
/// When the file cannot be written.
pub fn claim(dir: &Path, watcher: &Watcher) -> io::Result<bool> {
    durable_file::create_first(&dir.join(WATCHER), &json(watcher)?)
}

/// # Errors
/// When the file is there and cannot be read.
pub fn watcher(dir: &Path) -> io::Result<Option<Watcher>> {
    read(&dir.join(WATCHER))
}

/// # Errors
/// When the file cannot be written and synced.
pub fn write_status(dir: &Path, end: &End) -> io::Result<()> {
    durable_file::replace(&dir.join(STATUS), &json(end)?)
}

/// # Errors
/// When the file is there and cannot be read.
pub fn status(dir: &Path) -> io::Result<Option<End>> {
    read(&dir.join(STATUS))
}

fn json<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn read<T: serde::de::DeserializeOwned>(path: &PathBuf) -> io::Result<Option<T>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
