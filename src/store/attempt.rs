//! The files of one attempt, in a folder of its own: what the command wrote, and how it ended.

use super::durable_file;
use super::owner::Owner;
use crate::job::event::End;
use crate::job::view::Task;
use crate::plan::model::Plan;
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

/// Where the files of a task lie, below the run's folder: `hosts/<address>/<nn>-<step>[-<attempt>]`.
///
/// `session` counts how often the run was taken up: setup runs again each time.
pub fn folder(plan: &Plan, task: Task, session: u32) -> PathBuf {
    let step_folder = |host: usize, step: usize, attempt: u32, what: &str| {
        let address = plan.nodes[plan.hosts[host].node].address.to_string();
        let name = format!("{:02}-{}{what}{}", step + 1, safe(&plan.steps[step].name), again(attempt));
        Path::new("hosts").join(safe(&address)).join(name)
    };
    match task {
        Task::Step { host, step, attempt } => step_folder(host, step, attempt, ""),
        Task::Probe { host, step, attempt } => step_folder(host, step, attempt, "-probe"),
        Task::HostUndo { host, step, attempt } => step_folder(host, step, attempt, "-undo"),
        Task::Setup { index } => Path::new("setup").join(format!("{:02}{}", index + 1, again(session))),
        Task::Undo { index } => Path::new("setup").join(format!("{:02}-undo{}", index + 1, again(session))),
    }
}

fn again(count: u32) -> String {
    if count > 1 { format!("-{count}") } else { String::new() }
}

/// A file name that no shell and no eye mistakes for something else.
fn safe(name: &str) -> String {
    let kept = name.chars().take(60);
    kept.map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':') { c } else { '_' }).collect()
}

/// Attempts below a run's folder whose command, as far as can be told, still runs.
///
/// # Errors
/// When a folder or a file cannot be read.
pub fn running(run_folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![run_folder.join("hosts"), run_folder.join("setup")];
    while let Some(folder) = open.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            }
        }
        if let Some(Watcher::Runs { owner }) = watcher(&folder)?
            && status(&folder)?.is_none()
            && !owner.dead()
        {
            found.push(folder);
        }
    }
    Ok(found)
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
