//! One lease a host: no two runs work on one host.

use super::owner::{Owner, machine_name};
use super::runs::signed;
use super::{Doing, Store, StoreError, attempt, me};
use crate::job::event::Ms;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Who wants which hosts.
#[derive(Clone, Debug)]
pub struct LeaseRequest<'a> {
    pub run: &'a str,
    pub cluster: &'a str,
    /// Cassandra's host ids.
    pub host_ids: Vec<&'a str>,
    pub by: &'a str,
    pub reason: Option<&'a str>,
    pub at: Ms,
}

/// Another run has a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    pub host_id: String,
    pub run: String,
    pub cluster: String,
    pub since: Ms,
    pub by: String,
    pub reason: Option<String>,
    pub machine: String,
    pub pid: u32,
    /// Its process is gone, but commands that it started still run; their folders.
    pub left_running: Vec<PathBuf>,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = jiff::Timestamp::from_millisecond(signed(self.since))
            .map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
            .unwrap_or_else(|_| self.since.to_string());
        write!(f, "host `{}` of `{}` is held by run `{}`", self.host_id, self.cluster, self.run)?;
        write!(f, " of {} since {since} (process {} on {}", self.by, self.pid, self.machine)?;
        match &self.reason {
            Some(reason) => write!(f, "; {reason})")?,
            None => write!(f, ")")?,
        }
        match self.left_running.first() {
            Some(folder) => write!(f, "; that process is gone, but its command in `{}` still runs", folder.display()),
            None => Ok(()),
        }
    }
}

/// The hosts that one process holds for a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lease {
    pub run: String,
    pub cluster: String,
    pub since: Ms,
    pub by: String,
    pub reason: Option<String>,
    pub machine: String,
    pub pid: u32,
    pub process: Doing,
    pub host_ids: Vec<String>,
    /// Folders of its commands that run now.
    pub running: Vec<PathBuf>,
}

struct Row {
    run: String,
    cluster: String,
    since: Ms,
    by: String,
    reason: Option<String>,
    machine: String,
    owner: String,
}

impl Store {
    /// Takes all hosts or none. A lease whose process is certainly gone, and left no command running,
    /// is taken over; so is this run's own from an earlier process.
    ///
    /// # Errors
    /// `Held` by another run, or when the store cannot be written.
    pub fn acquire_leases(&self, request: &LeaseRequest) -> Result<(), StoreError> {
        let me = me()?;
        let owner = self.json(&me)?;
        self.write(|db| {
            let failed = |error| StoreError::database(self.home(), error);
            for host_id in &request.host_ids {
                let row = lease_of(db, host_id).map_err(failed)?;
                if let Some(held) =
                    row.map(|row| self.still_held(host_id, row, Some(request.run), &me)).transpose()?.flatten()
                {
                    return Err(StoreError::Held(Box::new(held)));
                }
                db.execute(
                    "INSERT OR REPLACE INTO leases (host_id, run, cluster, since, by_whom, reason, host, owner)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                    params![
                        host_id,
                        request.run,
                        request.cluster,
                        signed(request.at),
                        request.by,
                        request.reason,
                        machine_name(),
                        owner
                    ],
                )
                .map_err(failed)?;
            }
            Ok(())
        })
    }

    /// Does somebody else than this run, if it is one, still hold it?
    fn still_held(&self, host_id: &str, row: Row, run: Option<&str>, me: &Owner) -> Result<Option<Held>, StoreError> {
        let owner: Owner = self.parse(&row.owner)?;
        let dead = owner.dead();
        if owner == *me || (dead && run == Some(&row.run)) {
            return Ok(None);
        }
        let folder = self.run_folder(&row.run);
        // A folder that cannot be read may hide a command that runs: an error, not a lease.
        let left_running =
            if dead { attempt::running(&folder).map_err(|e| StoreError::files(&folder, e))? } else { vec![] };
        if dead && left_running.is_empty() {
            return Ok(None);
        }
        let Row { run, cluster, since, by, reason, machine, .. } = row;
        let (host_id, pid) = (host_id.to_owned(), owner.pid);
        Ok(Some(Held { host_id, run, cluster, since, by, reason, machine, pid, left_running }))
    }

    /// Which of these hosts does a run hold, if any?
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn who_holds(&self, host_ids: &[String]) -> Result<Option<Held>, StoreError> {
        let me = me()?;
        for host_id in host_ids {
            let row = self.read(|db| lease_of(db, host_id))?;
            if let Some(held) = row.map(|row| self.still_held(host_id, row, None, &me)).transpose()?.flatten() {
                return Ok(Some(held));
            }
        }
        Ok(None)
    }

    /// When another run of this cluster last wrote into its journal: what was heard before that may be about hosts that
    /// it has taken out since.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn others_wrote_at(&self, run: &str, cluster: &str) -> Result<Option<Ms>, StoreError> {
        let query = "SELECT max(events.at) FROM events JOIN runs ON runs.id = events.run
                     WHERE runs.cluster = ?1 AND runs.id <> ?2";
        self.read(|db| {
            let at: Option<i64> = db.query_row(query, [cluster, run], |row| row.get(0))?;
            Ok(at.map(|at| at as Ms))
        })
    }

    /// Gives back every host of the run that this process holds.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn release_leases(&self, run: &str) -> Result<(), StoreError> {
        let me = me()?;
        let me = self.json(&me)?;
        self.write(|db| {
            // (another process may hold them for the same run by now)
            db.execute("DELETE FROM leases WHERE run = ?1 AND owner = ?2", [run, &me])
                .map_err(|error| StoreError::database(self.home(), error))
                .map(drop)
        })
    }

    /// Who holds hosts, one entry a run and process, the oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        let rows: Vec<(String, Row)> = self.read(|db| {
            let query = "SELECT run, cluster, since, by_whom, reason, host, owner, host_id FROM leases ORDER BY since, run, host_id";
            let mut query = db.prepare(query)?;
            query.query_map([], |row| Ok((row.get(7)?, lease_row(row)?)))?.collect()
        })?;
        let mut leases: Vec<Lease> = Vec::new();
        for (host_id, row) in rows {
            let owner: Owner = self.parse(&row.owner)?;
            if let Some(known) = leases.iter_mut().find(|lease| lease.run == row.run && lease.pid == owner.pid) {
                known.host_ids.push(host_id);
                continue;
            }
            let folder = self.run_folder(&row.run);
            let left_running = attempt::running(&folder).map_err(|error| StoreError::files(&folder, error))?;
            let Row { run, cluster, since, by, reason, machine, .. } = row;
            let (host_ids, pid, process) = (vec![host_id], owner.pid, Doing::of(&owner));
            leases.push(Lease {
                run,
                cluster,
                since,
                by,
                reason,
                machine,
                pid,
                process,
                host_ids,
                running: left_running,
            });
        }
        Ok(leases)
    }
}

fn lease_of(db: &rusqlite::Connection, host_id: &str) -> rusqlite::Result<Option<Row>> {
    let query = "SELECT run, cluster, since, by_whom, reason, host, owner FROM leases WHERE host_id = ?1";
    db.query_row(query, [host_id], lease_row).optional()
}

fn lease_row(row: &rusqlite::Row) -> rusqlite::Result<Row> {
    Ok(Row {
        run: row.get(0)?,
        cluster: row.get(1)?,
        since: row.get::<_, i64>(2)? as Ms,
        by: row.get(3)?,
        reason: row.get(4)?,
        machine: row.get(5)?,
        owner: row.get(6)?,
    })
}
