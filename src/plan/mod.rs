//! What would be done: playbook + topology → an immutable `Plan`. Pure, and same inputs give the same bytes.

pub mod model;
