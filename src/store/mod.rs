//! Runs, events and leases on disk (SQLite), outputs in plain files.

pub mod durable_file;
pub mod owner;
