//! The moments at which a crash is worst: before and after whatever is made durable, and every command that begins.
//!
//! In debug builds alone, `ROLLBOOK_POWER_CUT=N` ends the program at the N-th of them as a power cut would (SIGKILL), and
//! `ROLLBOOK_POWER_CUT_LOG=FILE` gets a line for each: the tests cut a run at every one. A release has none of it.

/// One of the moments.
#[inline]
pub fn may_come(_moment: &str) {
    #[cfg(debug_assertions)]
    armed::count(_moment);
}

/// This process is one that is cut: not the small ones beside its commands, which a crash leaves behind.
#[inline]
pub fn arm() {
    #[cfg(debug_assertions)]
    armed::arm();
}

#[cfg(debug_assertions)]
mod armed {
    use std::io::Write as _;
    use std::path::PathBuf;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static CUT: OnceLock<(Option<u64>, Option<PathBuf>)> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);

    pub fn arm() {
        let at = std::env::var("ROLLBOOK_POWER_CUT").ok().and_then(|at| at.parse().ok());
        let log = std::env::var_os("ROLLBOOK_POWER_CUT_LOG").map(PathBuf::from);
        if at.is_some() || log.is_some() {
            CUT.get_or_init(|| (at, log));
        }
    }

    pub fn count(moment: &str) {
        let Some((at, log)) = CUT.get() else { return };
        let number = COUNT.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(log) = log {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(log);
            // One write: lines of several threads do not mix.
            drop(file.and_then(|mut file| file.write_all(format!("{number} {moment}\n").as_bytes())));
        }
        if *at == Some(number) {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            loop {
                std::thread::park();
            }
        }
    }
}
