//! What the person at the keyboard, or the machine, tells the run: gently first, then not.

use crate::job::event::Resolution;
use crate::job::view::{Input, Told};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;

/// `timeout` and some supervisors send one SIGTERM to a process and to its group: that is one word, said twice.
const ONE_WORD: Duration = Duration::from_millis(500);

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
        let (mut heard, mut ended) = (0u32, None::<Instant>);
        loop {
            let by = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
                _ = hangup.recv() => continue,
            }
            .to_owned();
            if by == "SIGTERM" && ended.replace(Instant::now()).is_some_and(|before| before.elapsed() < ONE_WORD) {
                continue;
            }
            heard += 1;
            let told = if heard == 1 { Told::Stop { by } } else { Told::Kill { by } };
            if tx.send(Input::Told(told)).is_err() {
                return;
            }
        }
    }))
}

/// From now on a line that says `yes` or `approve` approves of what waits for a person, and `retry`, `done` or `failed`
/// says what became of a step that a person is asked about: `hosts` are the addresses, in the plan's order. A thread of
/// its own: a read from a terminal cannot be given up, and the program ends without it.
pub fn listen_to_the_terminal(tx: UnboundedSender<Input>, by: String, hosts: Vec<String>) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let Some(told) = understood(&line, &by, &hosts) else { continue };
            if tx.send(Input::Told(told)).is_err() {
                return;
            }
        }
    });
}

fn understood(line: &str, by: &str, hosts: &[String]) -> Option<Told> {
    let line = line.trim().to_ascii_lowercase();
    let (word, host) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
    let by = by.to_owned();
    let how = match word {
        "yes" | "approve" => return Some(Told::Approve { by, host: None }),
        "retry" => Resolution::Retry,
        "done" => Resolution::Done,
        "failed" => Resolution::Failed,
        _ => return None,
    };
    // an address that is none of the plan's is nobody's: it is answered with those that wait
    let named = |host: &str| hosts.iter().position(|known| known == host).unwrap_or(usize::MAX);
    Some(Told::Resolve { by, host: (!host.is_empty()).then(|| named(host.trim())), how })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_at_the_terminal_is_an_approval_or_an_answer() {
        let hosts = ["10.0.0.1".to_owned(), "10.0.0.2".to_owned()];
        let said = |line: &str| understood(line, "anna", &hosts);
        let resolve = |host, how| Some(Told::Resolve { by: "anna".into(), host, how });
        assert_eq!(said(" Yes "), Some(Told::Approve { by: "anna".into(), host: None }));
        assert_eq!(said("retry"), resolve(None, Resolution::Retry));
        assert_eq!(said("done  10.0.0.2"), resolve(Some(1), Resolution::Done));
        assert_eq!(said("failed 10.0.0.9"), resolve(Some(usize::MAX), Resolution::Failed));
        assert_eq!((said("no"), said("")), (None, None));
    }
}
