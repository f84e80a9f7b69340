//! The machine in a hostile world, in virtual time. The world owns the truth: who is really up, what a
//! command really did. No judgement here asks the machine what is down.
//!
//! Pure: a seed gives the same run, byte for byte.

mod check;
mod drive;
mod effect;
mod fault;
mod hazards;
mod lock;
mod scene;
mod spare;
mod shapes;
mod truth;

pub use crate::plan::dice::Dice;
pub use check::Violation;
pub use drive::{Report, START, run};
pub use fault::{Fault, FaultKind, StepFault, WorldFault};
pub use scene::{Hazards, Scene};
pub use shapes::scene;
