//! The shell of the machine: processes, answers, signals, timers.
//!
//! Must never decide: what starts, what is ended and what is asked comes from `job::decide`, and its
//! events are durable before anything is done.

mod adoption;
pub mod child;
pub mod engine;
mod orders;
mod output;
mod remarks;
pub mod process;
pub mod session;
pub mod signals;
