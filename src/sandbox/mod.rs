//! A simulated cluster on this machine whose ssh, nodetool, systemctl and reboot are this very
//! program under other names: real child processes, output as Cassandra 5.0.5 prints it, no daemon.
//!
//! State is files below one folder plus the clock: what a host does next is computed from the
//! moments at which things happened to it. It must never touch the machine it runs on (its `reboot`
//! and `systemctl` act on files only), and it knows nothing of plans and jobs: what happened is told
//! by the hosts (`judge`), so that a run can be judged by something else than rollbook.

mod act;
mod calls;
mod cluster;
mod create;
mod dispatch;
mod draw;
mod fault;
mod host;
mod judge;
mod keyspaces;
mod life;
mod manual;
mod nodetool;
mod pace;
mod shape;
mod sight;
mod tools;
mod world;

pub use calls::{Call, calls};
pub use create::{Sandbox, create, create_running, open};
pub use dispatch::dispatch;
pub use fault::{Fate, Fault};
pub use judge::{Absence, Cause, Violation, absences, judge};
pub use shape::Shape;
