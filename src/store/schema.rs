//! The tables, and how those of an earlier rollbook become today's.

use super::StoreError;
use super::durable_file::private_file;
use super::home::DATABASE;
use rusqlite::{Connection, TransactionBehavior};
use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

/// Another process holds the lock only for one small transaction.
const BUSY: Duration = Duration::from_secs(15);

/// Step n takes form n to form n + 1 (`user_version`). Never change one that was released: add one.
const FORMS: [&str; 2] = [
    "
    CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        cluster TEXT NOT NULL,
        plan_hash TEXT NOT NULL,
        created INTEGER NOT NULL,        -- ms since the Unix epoch
        state TEXT NOT NULL,             -- fold of the run's events, kept for the list
        reason TEXT,
        by_whom TEXT NOT NULL,
        host TEXT NOT NULL,              -- name of the machine, for people
        owner TEXT                       -- JSON: the process that works on it
    ) STRICT;
    CREATE TABLE events (
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        json TEXT NOT NULL,
        PRIMARY KEY (run, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE leases (
        host_id TEXT PRIMARY KEY,        -- Cassandra's
        run TEXT NOT NULL,
        cluster TEXT NOT NULL,
        since INTEGER NOT NULL,
        by_whom TEXT NOT NULL,
        reason TEXT,
        host TEXT NOT NULL,
        owner TEXT NOT NULL
    ) STRICT;
    CREATE TABLE requests (
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        what TEXT NOT NULL,
        by_whom TEXT NOT NULL,
        at INTEGER NOT NULL
    ) STRICT;
",
    // (NULL: written by a rollbook that knew no chain)
    "
    ALTER TABLE events ADD COLUMN chain TEXT;   -- `runs::link` of the event and all before it
    ALTER TABLE runs ADD COLUMN chain TEXT;     -- that of its last event
",
];

pub(super) fn open(home: &Path) -> Result<Connection, StoreError> {
    let path = home.join(DATABASE);
    // SQLite would make it readable by others; its journal files take their mode from it.
    private_file(OpenOptions::new().write(true).create(true).truncate(false), &path)
        .map_err(|error| StoreError::files(&path, error))?;
    // One at a time: SQLite answers `database is locked` at once to two who turn a new file to WAL together.
    let turn = home.join("opening.lock");
    let turn = private_file(OpenOptions::new().write(true).create(true).truncate(false), &turn)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| StoreError::files(&turn, error))?;
    let failed = |error| StoreError::database(home, error);
    let mut db = Connection::open(&path).map_err(failed)?;
    settings(&db).map_err(failed)?;
    let form: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let runs = home.join("runs");
    if form == 0 && std::fs::read_dir(&runs).map_err(|error| StoreError::files(&runs, error))?.next().is_some() {
        let what = format!("it is empty, and there are runs in `{}`: it was removed or cut", runs.display());
        return Err(StoreError::unreadable(&path, what));
    }
    match migrate(&mut db).map_err(failed)? {
        Some(found) => Err(StoreError::Newer { path, found, known: FORMS.len() as i64 }),
        None => {
            drop(turn);
            Ok(db)
        }
    }
}

fn settings(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    // An event is on the disk before its effect exists, also when the power goes.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)
}

/// `Some(form)` when the store has a form that this program does not know.
fn migrate(db: &mut Connection) -> rusqlite::Result<Option<i64>> {
    let form = |db: &Connection| db.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    let known = FORMS.len() as i64;
    if form(db)? == known {
        return Ok(None);
    }
    // Two processes may open a new store at once: look again when the lock is ours.
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = form(&transaction)?;
    if found > known {
        return Ok(Some(found));
    }
    for step in &FORMS[found as usize..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(None)
}
