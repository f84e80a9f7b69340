//! The time as a run tells it.
//!
//! It is the wall clock's when the process first asks, and from then on it passes as time does (also while the machine
//! sleeps), whatever is done to the wall clock: set forward, every deadline would be over at once, and a node that is
//! silent would have been quiet for long; set back, answers from before would stay fresh for as long as that was.

use crate::job::event::Ms;
use rustix::time::{ClockId, clock_gettime};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the wall clock said, less what had passed then since the machine booted.
static BEGAN: OnceLock<Ms> = OnceLock::new();
/// So much later than that it is for this process.
static AHEAD: AtomicU64 = AtomicU64::new(0);

/// Milliseconds since the Unix epoch; never less than before.
pub fn now() -> Ms {
    let wall = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as Ms);
    let began = *BEGAN.get_or_init(|| wall().saturating_sub(since_boot()));
    began + since_boot() + AHEAD.load(Ordering::SeqCst)
}

/// From here on it is not before this: what an earlier process wrote down lies in the past, even if the wall clock was
/// set back since.
pub fn not_before(at: Ms) {
    AHEAD.fetch_add(at.saturating_sub(now()), Ordering::SeqCst);
}

fn since_boot() -> Ms {
    let time = clock_gettime(ClockId::Boottime);
    // (neither is ever negative)
    Ms::try_from(time.tv_sec).unwrap_or(0) * 1000 + Ms::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}
