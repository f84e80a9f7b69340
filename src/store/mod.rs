//! Runs, events and leases on disk (SQLite), outputs in plain files.
