//! Every process of a command: the session that it was started in.
//!
//! A session rather than a group: a script with job control makes groups of its own, and none of
//! them may be left behind. What calls `setsid` itself has left on purpose (`ssh -f`).

use crate::store::owner::Stat;
use rustix::process::{Pid, Signal, kill_process};
use std::time::Duration;

/// How often `/proc` is read while something is waited for to end.
const LOOK: Duration = Duration::from_millis(50);
/// A process that KILL does not end so long hangs in the kernel.
pub const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// Processes of the session that still do something.
pub fn members(session: u32) -> Vec<Stat> {
    // An unreadable /proc shows nobody; then nothing can be found to end either.
    Stat::all().unwrap_or_default().into_iter().filter(|stat| stat.session == session && stat.state != 'Z').collect()
}

/// TERM to all, after `grace` KILL, until nobody is left. `leader` is the session's first process,
/// named because it may not have founded the session yet.
pub async fn end(leader: u32, grace: Duration) {
    signal(leader, Signal::TERM);
    // A stopped process takes TERM only when it goes on.
    signal(leader, Signal::CONT);
    let mut waited = Duration::ZERO;
    while waited < grace {
        if gone(leader) {
            return;
        }
        tokio::time::sleep(LOOK).await;
        waited += LOOK;
    }
    // Again and again: a process may have been made between the look and the signal. But one that hangs
    // in the kernel (state D) takes no signal, and nobody may wait for it for ever.
    let mut waited = Duration::ZERO;
    while waited < KILL_PATIENCE && !gone(leader) {
        signal(leader, Signal::KILL);
        tokio::time::sleep(LOOK).await;
        waited += LOOK;
    }
}

fn gone(leader: u32) -> bool {
    let leader_gone = match Stat::of(leader) {
        Ok(stat) => stat.state == 'Z',
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    leader_gone && members(leader).is_empty()
}

fn signal(leader: u32, signal: Signal) {
    for pid in members(leader).into_iter().map(|stat| stat.pid).chain([leader]) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            // It may have ended meanwhile; `gone` is what counts.
            let _ = kill_process(pid, signal);
        }
    }
}
