//! rollbook: rolling maintenance of Apache Cassandra that is proved safe, then fast, and says why.
//!
//! # The data's way
//!
//! ```text
//! playbook → topology → plan → job → report        nouns: pure, no clock, no I/O, no HashMap, no async
//! ask · discover · execute · store · display · sandbox · cli   verbs: the shell that touches the world
//! ```
//!
//! A noun imports only nouns above it in this list; nobody imports `cli`. A test holds this.
//!
//! # Invariants
//!
//! * Two hosts that were taken out, and are not proved back, never hold replicas of one range of a
//!   protecting keyspace (semantics: `plan::conflict`, `job::decide`).
//! * Unknown is unsafe: what cannot be read, a host that is lost and a node that is silent count as down.
//! * An event is durable before its effect exists.
//! * Same inputs, same bytes.
//!
//! # On the user's disk
//!
//! `$ROLLBOOK_HOME`, else `$XDG_STATE_HOME/rollbook`, else `~/.local/state/rollbook`, mode 0700:
//! `rollbook.db` (SQLite: runs, events, leases) and
//! `runs/<uuid>/plan.json`, `runs/<uuid>/hosts/<address>/<nn>-<step>/{out,err,status}`.

#![forbid(unsafe_code)]

pub mod clock;
pub mod diagnostic;

pub mod playbook;
pub mod topology;
pub mod plan;
pub mod job;
pub mod report;

pub mod ask;
pub mod discover;
pub mod execute;
pub mod store;
pub mod display;
pub mod sandbox;
pub mod cli;
