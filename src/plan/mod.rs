//! What would be done: playbook + topology → an immutable `Plan`. Pure, and same inputs give the same bytes.
//!
//! Must never ask a cluster, read a clock or choose *when*: it fixes what is done, in which order of
//! preference and who excludes whom; the machine in `job` does the rest. `lint` is written apart from
//! `compile` on purpose, so that one mistake does not hide in both.

pub mod model;
pub mod bound;
pub mod compile;
pub mod conflict;
pub mod dice;
pub mod drift;
pub mod estimate;
pub mod file;
pub mod level;
pub mod lint;
pub mod node_set;
pub mod order;
pub mod protection;
pub mod reach;
pub mod select;
pub mod warn;
#[cfg(test)]
pub(crate) mod samples;
