//! Text that nodetool printed → facts. Fails closed: a line that does not parse is an error that
//! shows it; nothing is skipped, nothing is guessed (semantics.md §2, 1 and 2).

mod views;

pub use views::*;
