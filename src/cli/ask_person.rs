//! A question to the person at the terminal. Nobody there is no answer, never a yes.

use super::exit::{Exit, Failure};
use std::io::{BufRead, IsTerminal, Write};

/// `true` for `y` or `yes`.
///
/// # Errors
/// 5 without a terminal.
pub fn go_on(question: &str) -> anyhow::Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::new(Exit::Refused, "there is no terminal to ask on, and nobody said `--yes`; nothing was done")
            .help("add `--yes`, or save the plan for review: `rollbook plan FILE … --out plan.json`, then `rollbook run plan.json`")
            .into());
    }
    let _ = write!(std::io::stderr(), "{question} [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
