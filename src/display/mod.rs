//! What a person sees while it runs, and at the end: one dated line an event, a heartbeat that says what is
//! waited for, a table of hosts, and what to type next.
//!
//! Must never decide anything, and a display that cannot write (a closed pipe) never stops a run.

mod detached;
mod incident;
mod lines;
mod noted;
mod summary;
mod time;
mod waits;

pub use detached::Detached;
pub use incident::sentence;
pub use lines::{Lines, Volume};
pub use noted::{Noted, noted};
pub use summary::{About, summary};
pub use time::{duration, stamp};

use crate::job::event::{Event, Ms};
use crate::job::waiting::Waiting;
use crate::plan::model::Plan;

/// Whatever follows a run. Called after the event is durable.
pub trait Display: Send {
    fn event(&mut self, plan: &Plan, event: &Event);

    /// What is waited for now; called every second, shown when the display thinks fit.
    fn waiting(&mut self, plan: &Plan, waits: &[Waiting], now: Ms);

    /// Something that is no event of the journal: the store cannot be written any more.
    fn trouble(&mut self, sentence: &str, now: Ms);
}
