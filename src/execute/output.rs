//! Does the output of a command match what its step expects? The text stays in its file; only a verdict leaves.

use crate::job::event::End;
use crate::job::view::Task;
use crate::plan::model::Plan;
use crate::playbook;
use crate::store::{attempt, last_words};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// So much of an output is looked at, in bytes, from its beginning.
const MOST: u64 = 1 << 20;

/// The end of a step's command; a good one becomes `Unlike` when the output does not match.
pub(super) fn judge(plan: &Plan, folder: &Path, task: Task, session: u32, end: End) -> End {
    let Task::Step { host, step, .. } = task else { return end };
    let (Some(expect), End::Exit { status }) = (&plan.hosts[host].words[step].expect, &end) else { return end };
    if !plan.steps[step].ok_exit.contains(status) {
        return end;
    }
    let dir = folder.join(attempt::folder(plan, task, session));
    let text = match read(&dir.join(attempt::OUT)) {
        Ok(text) => text,
        Err(error) => return End::Unlike { said: format!("(its output cannot be read: {error})") },
    };
    // a plan was linted before it is run; one that cannot be read matches nothing
    if playbook::pattern(expect).is_ok_and(|pattern| pattern.is_match(&text)) {
        return end;
    }
    let last = last_words(&dir).and_then(|(_, lines)| lines.into_iter().next_back());
    End::Unlike { said: last.unwrap_or_default() }
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
