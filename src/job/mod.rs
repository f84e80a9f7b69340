//! What is happening: one machine, pure. `decide` looks at the plan, the journal's fold and what was
//! last heard, and says what to journal and what to do; it never acts and never reads a clock.
//!
//! The same machine previews a plan (a calm world), runs it (the engine), replays it (`apply` alone)
//! and is attacked by the simulator (a hostile world that owns the truth).

mod advance;
pub mod apply;
pub mod approval;
pub mod begin;
mod conditions;
pub mod decide;
pub mod event;
pub mod evidence;
pub mod gate;
pub mod group;
pub mod heard;
pub mod brake;
mod measure;
pub mod model;
pub mod observe;
pub mod open;
pub mod preview;
mod proof;
pub mod rules;
pub mod simulate;
pub mod takeout;
mod undo;
pub mod view;
pub mod waiting;
