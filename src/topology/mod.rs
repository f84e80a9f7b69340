//! What the cluster is: hosts, ring, token ranges, who holds a replica of what. Pure.
//!
//! Must never ask anything and never guess: what cannot be read is an error, and unknown is unsafe.

pub mod model;
pub mod nodetool;
pub mod placement;
pub mod assembly;
pub mod snapshot;
pub mod token;
