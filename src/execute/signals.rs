//! What the person at the keyboard, or the machine, tells the run: gently first, then not.

use crate::job::view::{Input, Told};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;

/// From now on a first SIGINT or SIGTERM says stop, the second says kill, and SIGHUP says nothing:
/// the run goes on without a terminal.
///
/// # Errors
/// When the signals cannot be caught.
pub fn listen(tx: UnboundedSender<Input>) -> std::io::Result<tokio::task::JoinHandle<()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(tokio::spawn(async move {
        let mut heard = 0u32;
        loop {
            let by = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
                _ = hangup.recv() => continue,
            }
            .to_owned();
            heard += 1;
            let told = if heard == 1 { Told::Stop { by } } else { Told::Kill { by } };
            if tx.send(Input::Told(told)).is_err() {
                return;
            }
        }
    }))
}

/// From now on a line that says `yes` or `approve` approves of what waits for a person. A thread of its own: a read
/// from a terminal cannot be given up, and the program ends without it.
pub fn listen_to_the_terminal(tx: UnboundedSender<Input>, by: String) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let word = line.trim().to_ascii_lowercase();
            if matches!(word.as_str(), "yes" | "approve") {
                let told = Told::Approve { by: by.clone(), host: None };
                if tx.send(Input::Told(told)).is_err() {
                    return;
                }
            }
        }
    });
}
