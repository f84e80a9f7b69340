//! What the operator wrote: YAML → a checked `Playbook`, or findings with their places. Pure.

pub mod model;
