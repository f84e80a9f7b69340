//! Forgetting runs.

use super::{RunRow, RunState, Store, StoreError, attempt};
use crate::job::event::Ms;

/// What `clean` did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    pub removed: Vec<RunRow>,
    /// Kept, each with the reason.
    pub kept: Vec<(RunRow, &'static str)>,
}

impl Store {
    /// Forgets runs made before `before`, their journal and their outputs. Never one that is unfinished;
    /// one that stopped or failed, and so could be resumed, only with `resumable`.
    ///
    /// # Errors
    /// When the store or a folder cannot be written.
    pub fn clean(&self, before: Ms, resumable: bool) -> Result<Cleaned, StoreError> {
        let mut cleaned = Cleaned::default();
        for run in self.runs()? {
            if run.created >= before {
                continue;
            }
            match self.why_kept(&run, resumable)? {
                Some(why) => cleaned.kept.push((run, why)),
                None => {
                    self.forget(&run.id)?;
                    cleaned.removed.push(run);
                }
            }
        }
        Ok(cleaned)
    }

    fn why_kept(&self, run: &RunRow, resumable: bool) -> Result<Option<&'static str>, StoreError> {
        let folder = self.run_folder(&run.id);
        if run.alive() {
            return Ok(Some("a process works on it"));
        }
        if !attempt::running(&folder).map_err(|error| StoreError::files(&folder, error))?.is_empty() {
            return Ok(Some("a command of it still runs"));
        }
        Ok(match run.interrupted() {
            true => Some("it was interrupted: `rollbook resume` first"),
            false if !run.state.final_state() && !resumable => Some("it can be resumed"),
            false => None,
        })
    }

    /// Forgets a run that never began, because another holds its hosts.
    ///
    /// # Errors
    /// When it began after all, or the store or its folder cannot be written.
    pub fn withdraw(&self, run: &str) -> Result<(), StoreError> {
        match self.find(run)? {
            Some(row) if row.state == RunState::Planned && !row.alive() => self.forget(run),
            Some(_) => Err(StoreError::Taken(run.to_owned())),
            None => Ok(()),
        }
    }

    fn forget(&self, run: &str) -> Result<(), StoreError> {
        let failed = |error| StoreError::database(self.home(), error);
        self.write(|db| {
            db.execute("DELETE FROM leases WHERE run = ?1", [run]).map_err(failed)?;
            // Events and requests go with it.
            db.execute("DELETE FROM runs WHERE id = ?1", [run]).map_err(failed).map(drop)
        })?;
        let folder = self.run_folder(run);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::files(&folder, error)),
            _ => Ok(()),
        }
    }
}
