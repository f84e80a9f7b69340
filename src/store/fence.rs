//! A process that lost its lock starts nothing further, however late it wakes up.
//!
//! Two fences: its journal takes no more of its events (`Store::append_as_holder`), so that it decides nothing; and the
//! small process beside each command looks for a file before the command exists, so that what was decided before the
//! lock was broken, and not begun, never begins.

use super::durable_file;
use super::owner::{Owner, Stat};
use super::{Store, StoreError, attempt, me};
use crate::job::event::{Event, Ms, RunEvent, What};
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What somebody found when the lock of a run was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// So many hosts are free.
    pub hosts: usize,
    /// The process that worked on the run; it may wake up.
    pub process: Option<Owner>,
    /// Folders of commands that still run: nobody ended them.
    pub left_running: Vec<PathBuf>,
}

/// What a holder of leases is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doing {
    Works,
    /// State T: somebody stopped it, and it can wake up at any time.
    Stopped,
    Gone,
    /// On another machine.
    Unknown,
}

impl Doing {
    pub fn of(owner: &Owner) -> Doing {
        if owner.dead() {
            return Doing::Gone;
        }
        match Owner::this_process() {
            Ok(me) if me.machine == owner.machine => {}
            _ => return Doing::Unknown,
        }
        match Stat::of(owner.pid) {
            Ok(stat) if matches!(stat.state, 'T' | 't') => Doing::Stopped,
            _ => Doing::Works,
        }
    }
}

/// The file that keeps this process from beginning a command of the run.
pub fn bar(run_folder: &Path, owner: &Owner) -> PathBuf {
    run_folder.join(format!("barred-{}-{}", owner.pid, owner.start))
}

impl Store {
    /// Frees the hosts of a run whatever its process does, and keeps that process from starting anything further.
    ///
    /// # Errors
    /// When there is no such run or the store cannot be written; nothing is free then.
    pub fn break_lock(&self, run: &str, by: &str, reason: &str, at: Ms) -> Result<Broken, StoreError> {
        let row = self.find(run)?.ok_or_else(|| StoreError::NoSuchRun(run.to_owned()))?;
        let folder = self.run_folder(run);
        // First the file: whoever claims an attempt from now on sees it, and whoever did before is seen below.
        if let Some(owner) = &row.owner {
            let path = bar(&folder, owner);
            durable_file::replace(&path, format!("{by}: {reason}\n").as_bytes())
                .map_err(|error| StoreError::files(&path, error))?;
        }
        let broken =
            Event { at, what: What::Run(RunEvent::LockBroken { by: by.to_owned(), reason: reason.to_owned() }) };
        let hosts = self.write(|db| {
            let failed = |error| StoreError::database(self.home(), error);
            // (whoever took it up meanwhile is not who was looked at)
            let now = self.row(db, run)?.and_then(|row| row.owner);
            if now != row.owner {
                let pid = now.map_or(0, |owner| owner.pid);
                return Err(StoreError::Running { run: run.to_owned(), pid, machine: row.machine.clone() });
            }
            let hosts = db.execute("DELETE FROM leases WHERE run = ?1", [run]).map_err(failed)?;
            db.execute("UPDATE runs SET owner = NULL WHERE id = ?1", [run]).map_err(failed)?;
            self.insert(db, run, std::slice::from_ref(&broken))?;
            Ok(hosts)
        })?;
        let left_running = attempt::running(&folder).map_err(|error| StoreError::files(&folder, error))?;
        Ok(Broken { hosts, process: row.owner, left_running })
    }

    /// As `append`, for the process that took the run up: nothing is written once another did, or its lock was broken.
    ///
    /// # Errors
    /// `Fenced` then; else as `append`.
    pub fn append_as_holder(&self, run: &str, events: &[Event]) -> Result<(), StoreError> {
        let me = me()?;
        self.write(|db| {
            if self.row(db, run)?.and_then(|row| row.owner) != Some(me) {
                return Err(StoreError::Fenced { run: run.to_owned(), why: self.last_break(db, run)? });
            }
            self.insert(db, run, events)
        })
    }

    /// Who broke the lock last, and why, as a sentence.
    fn last_break(&self, db: &rusqlite::Connection, run: &str) -> Result<Option<String>, StoreError> {
        let query =
            "SELECT json FROM events WHERE run = ?1 AND json LIKE '%\"lock-broken\"%' ORDER BY seq DESC LIMIT 1";
        let json: Option<String> = db
            .query_row(query, params![run], |row| row.get(0))
            .optional()
            .map_err(|error| StoreError::database(self.home(), error))?;
        Ok(match json.map(|json| self.parse::<Event>(&json)).transpose()? {
            Some(Event { what: What::Run(RunEvent::LockBroken { by, reason }), .. }) => Some(format!("{by}: {reason}")),
            _ => None,
        })
    }
}
