//! The simulated tools of a machine: ssh, sudo, systemctl, reboot, cat and the like, with the words
//! and exit statuses of the real ones. None of them may act on the machine it runs on.

pub mod machine;
pub mod outside;
pub mod packages;
pub mod power;
pub mod ssh;
pub mod sudo;
pub mod systemctl;

use std::io::Write as _;

/// Prints to standard output; a reader that has gone away is nobody's error.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints to standard error.
pub fn complain(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
