//! What the operator wrote: YAML → a checked `Playbook`, or findings with their places. Pure.

pub mod model;
pub mod command;
pub mod suggest;
pub mod template;
pub mod defaults;
pub mod params;

pub use params::{bind_params, eval_when};
