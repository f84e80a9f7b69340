//! Runs, events and leases on disk (SQLite), outputs in plain files.
//!
//! What `append` returned for is on the disk. Must never hold a secret, and never cache what the
//! cluster said: a run starts with empty eyes.

pub mod attempt;
mod clean;
pub mod durable_file;
mod error;
mod fence;
pub mod home;
mod last_words;
mod leases;
pub mod owner;
pub mod power_cut;
mod requests;
mod runs;
mod schema;

pub use clean::Cleaned;
pub use error::StoreError;
pub use fence::{Broken, Doing, bar};
pub use last_words::last_words;
pub use leases::{Held, Lease, LeaseRequest};
pub use requests::Request;
pub use runs::{NewRun, RunRow, RunState, short};

use owner::Owner;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The store of one home folder. Calls block (a disk sync): in async code use `spawn_blocking`.
#[derive(Debug)]
pub struct Store {
    home: PathBuf,
    db: Mutex<Connection>,
}

impl Store {
    /// Opens the store, and makes it where there is none.
    ///
    /// # Errors
    /// When the folder cannot be made or written, lies on a network file system, or holds the
    /// store of a newer rollbook.
    pub fn open(home: &Path) -> Result<Store, StoreError> {
        home::prepare(home)?;
        let db = schema::open(home)?;
        Ok(Store { home: home.to_owned(), db: Mutex::new(db) })
    }

    /// Where `plan.json` and the outputs of a run lie.
    pub fn run_folder(&self, run: &str) -> PathBuf {
        self.home.join("runs").join(run)
    }

    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Does the database hold together? Reads all of it.
    ///
    /// # Errors
    /// What does not, where something does not.
    pub fn sound(&self) -> Result<(), StoreError> {
        match self.read(|db| db.pragma_query_value(None, "quick_check", |row| row.get::<_, String>(0)))? {
            fine if fine == "ok" => Ok(()),
            damage => Err(StoreError::unreadable(&self.home.join(home::DATABASE), damage)),
        }
    }

    fn read<T>(&self, what: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        // A panic in another call cannot have left a transaction half done: dropping one rolls it back.
        let db = self.db.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        what(&db).map_err(|error| StoreError::database(&self.home, error))
    }

    /// All of it is on the disk, or nothing. The lock is taken before the first read, so that what was
    /// read still holds when it is written.
    fn write<T>(&self, what: impl FnOnce(&Transaction) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut db = self.db.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let database = |error| StoreError::database(&self.home, error);
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(database)?;
        let done = what(&transaction)?;
        power_cut::may_come("before a write to the store");
        transaction.commit().map_err(database)?;
        power_cut::may_come("after a write to the store");
        Ok(done)
    }
}

/// This process, as it stands in rows that it owns.
fn me() -> Result<Owner, StoreError> {
    Owner::this_process().map_err(|error| StoreError::files(Path::new("/proc"), error))
}

#[cfg(test)]
mod tests;
