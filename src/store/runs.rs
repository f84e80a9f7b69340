//! Runs and their journals.

use super::durable_file::{private_folder, replace};
use super::owner::{Owner, machine_name};
use super::{Store, StoreError, me};
use crate::job::event::{Event, Ms, Outcome, RunEvent, What};
use crate::plan;
use crate::plan::model::PlanFile;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct NewRun<'a> {
    /// None: a new UUID, version 7.
    pub id: Option<uuid::Uuid>,
    pub plan: &'a PlanFile,
    pub reason: Option<&'a str>,
    /// Who started it, for people.
    pub by: &'a str,
    pub at: Ms,
}

/// Where a run stands, by its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "outcome", rename_all = "kebab-case")]
pub enum RunState {
    /// Nobody has taken it up yet.
    Planned,
    Running,
    /// Opens no further host.
    Stopping,
    Ended(Outcome),
}

impl RunState {
    /// Nothing is left that `resume` could do, not even with `--retry-failed`.
    pub fn final_state(self) -> bool {
        matches!(self, RunState::Ended(Outcome::Succeeded | Outcome::Refused | Outcome::Stale))
    }
}

/// One line of `rollbook runs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunRow {
    pub id: String,
    pub name: String,
    pub cluster: String,
    pub plan_hash: String,
    pub created: Ms,
    pub state: RunState,
    pub reason: Option<String>,
    pub by: String,
    /// Name of the machine that works, or last worked, on it.
    pub machine: String,
    /// The process that works, or last worked, on it.
    pub owner: Option<Owner>,
}

impl RunRow {
    /// Does a process work on it? Unknown (another machine) counts as yes.
    pub fn alive(&self) -> bool {
        self.owner.as_ref().is_some_and(|owner| !owner.dead())
    }

    /// Its process went away before the run ended.
    pub fn interrupted(&self) -> bool {
        matches!(self.state, RunState::Running | RunState::Stopping) && !self.alive()
    }
}

/// The last part of the id: the first part is the time, alike for runs of one minute.
pub fn short(run: &str) -> &str {
    run.get(run.len().saturating_sub(8)..).unwrap_or(run)
}

const COLUMNS: &str = "id, name, cluster, plan_hash, created, state, reason, by_whom, host, owner";

impl Store {
    /// Makes a run: its folder with `plan.json`, then its row. Returns its id.
    ///
    /// # Errors
    /// When the id is taken or the store cannot be written.
    pub fn create_run(&self, new: &NewRun) -> Result<String, StoreError> {
        let id = new.id.unwrap_or_else(uuid::Uuid::now_v7).to_string();
        if self.find(&id)?.is_some() {
            return Err(StoreError::Taken(id));
        }
        let folder = self.run_folder(&id);
        let path = folder.join("plan.json");
        private_folder(&folder)
            .and_then(|()| replace(&path, plan::file::write(new.plan).as_bytes()))
            .map_err(|error| StoreError::files(&path, error))?;
        let (plan, state) = (&new.plan.plan, self.json(&RunState::Planned)?);
        self.write(|db| {
            db.execute(
                "INSERT INTO runs (id, name, cluster, plan_hash, created, state, reason, by_whom, host)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    id,
                    plan.name,
                    plan.cluster,
                    new.plan.hash,
                    signed(new.at),
                    state,
                    new.reason,
                    new.by,
                    machine_name()
                ],
            )
            .map_err(|error| StoreError::database(self.home(), error))
        })?;
        Ok(id)
    }

    /// This process works on the run from now on. Requests meant for an earlier process are forgotten.
    ///
    /// # Errors
    /// When another process works on it.
    pub fn take_up(&self, run: &str) -> Result<(), StoreError> {
        let me = me()?;
        let owner = self.json(&me)?;
        self.write(|db| {
            let row = self.row(db, run)?.ok_or_else(|| StoreError::NoSuchRun(run.to_owned()))?;
            if let Some(other) = row.owner.as_ref().filter(|other| **other != me && !other.dead()) {
                return Err(StoreError::Running { run: row.id, pid: other.pid, machine: row.machine });
            }
            let failed = |error| StoreError::database(self.home(), error);
            db.execute("UPDATE runs SET owner = ?2, host = ?3 WHERE id = ?1", params![run, owner, machine_name()])
                .map_err(failed)?;
            db.execute("DELETE FROM requests WHERE run = ?1", [run]).map_err(failed).map(drop)
        })
    }

    /// This process works on it no more.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn let_go(&self, run: &str) -> Result<(), StoreError> {
        let me = me()?;
        let me = self.json(&me)?;
        self.write(|db| {
            // (another may have taken it up since)
            db.execute("UPDATE runs SET owner = NULL WHERE id = ?1 AND owner = ?2", [run, &me])
                .map_err(|error| StoreError::database(self.home(), error))
                .map(drop)
        })
    }

    /// Adds to the journal. When it returns `Ok`, all of them are on the disk; else none is.
    ///
    /// # Errors
    /// When the store cannot be written: then nothing that these events announce may be done.
    pub fn append(&self, run: &str, events: &[Event]) -> Result<(), StoreError> {
        self.write(|db| self.insert(db, run, events))
    }

    pub(super) fn insert(&self, db: &Transaction, run: &str, events: &[Event]) -> Result<(), StoreError> {
        let failed = |error| StoreError::database(self.home(), error);
        let mut insert = db
            .prepare(
                "INSERT INTO events (run, seq, at, json, chain)
                 SELECT ?1, COALESCE(MAX(seq), 0) + 1, ?2, ?3, ?4 FROM events WHERE run = ?1",
            )
            .map_err(failed)?;
        let mut chain = chain_of(db, run).map_err(failed)?;
        for event in events {
            let json = self.json(event)?;
            let link = link(chain.as_deref(), &json);
            insert.execute(params![run, signed(event.at), json, link]).map_err(failed)?;
            chain = Some(link);
        }
        db.execute("UPDATE runs SET chain = ?2 WHERE id = ?1", params![run, chain]).map_err(failed)?;
        if let Some(state) = events.iter().filter_map(state_after).next_back() {
            let state = self.json(&state)?;
            db.execute("UPDATE runs SET state = ?2 WHERE id = ?1", params![run, state]).map_err(failed)?;
        }
        Ok(())
    }

    /// The plan and the journal of a run.
    ///
    /// # Errors
    /// When there is no such run, or its files cannot be read.
    pub fn load(&self, run: &str) -> Result<(PlanFile, Vec<Event>), StoreError> {
        // (its files alone are no run: of a store that was cut to nothing they are what is left)
        if self.find(run)?.is_none() {
            return Err(StoreError::NoSuchRun(run.to_owned()));
        }
        let path = self.run_folder(run).join("plan.json");
        let bytes = std::fs::read(&path).map_err(|error| StoreError::files(&path, error))?;
        let plan = plan::file::read(&bytes).map_err(|error| StoreError::unreadable(&path, error.message))?;
        Ok((plan, self.events_after(run, 0)?.into_iter().map(|(_, event)| event).collect()))
    }

    /// Events after the one with number `seq` (0: all), in order, with their numbers.
    ///
    /// # Errors
    /// When an event cannot be read, is missing, or is not the one that was written.
    pub fn events_after(&self, run: &str, seq: u64) -> Result<Vec<(u64, Event)>, StoreError> {
        let (rows, last) = self.read(|db| {
            // One look at both: somebody may be writing.
            let db = db.unchecked_transaction()?;
            let mut query =
                db.prepare("SELECT seq, json, chain FROM events WHERE run = ?1 AND seq > ?2 ORDER BY seq")?;
            let row = |row: &Row| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            let rows: Vec<Written> = query.query_map(params![run, signed(seq)], row)?.collect::<Result<_, _>>()?;
            Ok((rows, chain_of(&db, run)?))
        })?;
        let damage = |what: String| StoreError::unreadable(self.home(), format!("the journal of run {run}: {what}"));
        unbroken(&rows, signed(seq), last.as_deref()).map_err(damage)?;
        rows.into_iter()
            .map(|(seq, json, _)| {
                let event = serde_json::from_str(&json).map_err(|error| {
                    StoreError::unreadable(self.home(), format!("event {seq} of run {run}: {error}: `{json}`"))
                })?;
                Ok((seq as u64, event))
            })
            .collect()
    }

    /// All runs, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn runs(&self) -> Result<Vec<RunRow>, StoreError> {
        let rows: Vec<RawRow> = self.read(|db| {
            let mut query = db.prepare(&format!("SELECT {COLUMNS} FROM runs ORDER BY created DESC, id DESC"))?;
            query.query_map([], raw)?.collect()
        })?;
        rows.into_iter().map(|row| self.run_row(row)).collect()
    }

    /// The run meant by an id, by so much of its beginning or its end that it is the only one, or by `last`.
    ///
    /// # Errors
    /// When none or several are meant.
    pub fn resolve(&self, word: &str) -> Result<RunRow, StoreError> {
        let mut runs = self.runs()?;
        let wanted = word.to_ascii_lowercase();
        if wanted != "last" {
            let means = |id: &str| {
                id.starts_with(&wanted)
                    || (wanted.len() >= 4 && (id.ends_with(&wanted) || short(id).starts_with(&wanted)))
            };
            runs.retain(|run| means(&run.id));
            if runs.len() > 1 {
                let runs = runs.iter().map(|run| run.id.clone()).collect();
                return Err(StoreError::Ambiguous { word: word.to_owned(), runs });
            }
        }
        match runs.into_iter().next() {
            Some(run) if !wanted.is_empty() => Ok(run),
            _ => Err(StoreError::NoSuchRun(word.to_owned())),
        }
    }

    /// The run with exactly this id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn find(&self, run: &str) -> Result<Option<RunRow>, StoreError> {
        let db = self.db.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.row(&db, run)
    }

    pub(super) fn row(&self, db: &Connection, run: &str) -> Result<Option<RunRow>, StoreError> {
        db.query_row(&format!("SELECT {COLUMNS} FROM runs WHERE id = ?1"), [run], raw)
            .optional()
            .map_err(|error| StoreError::database(self.home(), error))?
            .map(|row| self.run_row(row))
            .transpose()
    }

    fn run_row(&self, row: RawRow) -> Result<RunRow, StoreError> {
        let (mut run, state, owner) = row;
        run.state = self.parse(&state)?;
        run.owner = owner.map(|owner| self.parse(&owner)).transpose()?;
        Ok(run)
    }

    pub(super) fn json<T: Serialize>(&self, value: &T) -> Result<String, StoreError> {
        serde_json::to_string(value).map_err(|error| StoreError::unreadable(self.home(), error))
    }

    pub(super) fn parse<T: serde::de::DeserializeOwned>(&self, json: &str) -> Result<T, StoreError> {
        serde_json::from_str(json).map_err(|error| StoreError::unreadable(self.home(), format!("{error}: `{json}`")))
    }
}

/// An event as it stands in its table: number, JSON, chain.
type Written = (i64, String, Option<String>);

fn chain_of(db: &Connection, run: &str) -> rusqlite::Result<Option<String>> {
    Ok(db.query_row("SELECT chain FROM runs WHERE id = ?1", [run], |row| row.get(0)).optional()?.flatten())
}

/// A digest of an event and of all before it: SHA-256, first 16 hexadecimal digits.
fn link(before: Option<&str>, json: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(before.unwrap_or_default());
    hash.update("\n");
    hash.update(json);
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Are they all that was written behind number `after`, and as it was written? A disk may lose a page or change a bit, and
/// whoever goes on with the rest of a journal does again what was done.
fn unbroken(rows: &[Written], after: i64, last: Option<&str>) -> Result<(), String> {
    let mut chain: Option<&str> = None;
    for ((seq, json, written), expected) in rows.iter().zip(after + 1..) {
        if *seq != expected {
            return Err(format!("event {expected} is missing"));
        }
        // (of a part of it the link before the first is not known)
        let known = after == 0 || expected > after + 1;
        match written.as_deref() {
            Some(written) if known && written != link(chain, json) => {
                return Err(format!("event {seq} is not the one that was written: `{json}`"));
            }
            None if chain.is_some() => return Err(format!("event {seq} has lost its place in the chain")),
            written => chain = written,
        }
    }
    match last {
        Some(last) if chain != Some(last) && !(rows.is_empty() && after > 0) => {
            Err("its last events are missing".into())
        }
        _ => Ok(()),
    }
}

/// A row whose JSON columns are still text: state, owner.
type RawRow = (RunRow, String, Option<String>);

fn raw(row: &Row) -> rusqlite::Result<RawRow> {
    let run = RunRow {
        id: row.get(0)?,
        name: row.get(1)?,
        cluster: row.get(2)?,
        plan_hash: row.get(3)?,
        created: row.get::<_, i64>(4)? as Ms,
        state: RunState::Planned,
        reason: row.get(6)?,
        by: row.get(7)?,
        machine: row.get(8)?,
        owner: None,
    };
    Ok((run, row.get(5)?, row.get(9)?))
}

/// What the list of runs shows after this event, if the event changes it.
fn state_after(event: &Event) -> Option<RunState> {
    match &event.what {
        What::Run(RunEvent::Started { .. }) => Some(RunState::Running),
        What::Run(RunEvent::Stopping { .. }) => Some(RunState::Stopping),
        What::Run(RunEvent::Ended { outcome }) => Some(RunState::Ended(*outcome)),
        What::Run(_) | What::Host { .. } | What::Step { .. } | What::Setup { .. } => None,
    }
}

/// SQLite's integers are signed; a time in ms fits until the year 292 million.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
