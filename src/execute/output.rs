//! What a command printed, before its end counts: is it as the step expects, and what becomes a variable of the host?
//! The text stays in its file; a verdict and a short value leave.

use crate::job::event::End;
use crate::job::view::Task;
use crate::plan::model::Plan;
use crate::playbook;
use crate::playbook::template::safe;
use crate::store::{attempt, last_words};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// So much of an output is looked at, in bytes, from its beginning.
const MOST: u64 = 1 << 20;
/// A value that is registered stands in the journal and in commands: it is a word or a line, no report.
const LONGEST_VALUE: usize = 4096;

/// The end of a step's command, and what it registers. A good end becomes `Unlike` when the output does not match, and
/// `Unfit` when it is to be registered and cannot be.
pub(super) fn judge(plan: &Plan, folder: &Path, task: Task, session: u32, end: End) -> (End, Option<String>) {
    let Task::Step { host, step, .. } = task else { return (end, None) };
    let (expect, register) = (&plan.hosts[host].words[step].expect, &plan.steps[step].register);
    let good = matches!(&end, End::Exit { status } if plan.steps[step].ok_exit.contains(status));
    if !good || (expect.is_none() && register.is_none()) {
        return (end, None);
    }
    let dir = folder.join(attempt::folder(plan, task, session));
    let bytes = match read(&dir.join(attempt::OUT)) {
        Ok(bytes) => bytes,
        Err(error) => return (End::Unfit { because: format!("its output cannot be read: {error}") }, None),
    };
    if let Some(expect) = expect {
        // a plan was linted before it is run; one that cannot be read matches nothing
        let text = String::from_utf8_lossy(&bytes);
        if !playbook::pattern(expect).is_ok_and(|pattern| pattern.is_match(&text)) {
            let last = last_words(&dir).and_then(|(_, lines)| lines.into_iter().next_back());
            return (End::Unlike { said: last.unwrap_or_default() }, None);
        }
    }
    let Some(name) = register else { return (end, None) };
    match value(bytes) {
        Ok(value) => (end, Some(value)),
        Err(why) => (End::Unfit { because: format!("its output cannot become host.vars.{name}: {why}") }, None),
    }
}

/// An output without the blanks and line breaks round it.
fn value(bytes: Vec<u8>) -> Result<String, String> {
    let cut = bytes.len() as u64 == MOST;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let text = text.trim();
    if cut || text.len() > LONGEST_VALUE {
        let long = if cut { format!("{MOST} or more") } else { text.len().to_string() };
        return Err(format!("it has {long} bytes, and a value at most {LONGEST_VALUE}"));
    }
    match safe::never(text) {
        Some(bad) => Err(format!("it contains `{}`, which no value may", bad.escape_debug())),
        None => Ok(text.to_owned()),
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_short_text() {
        assert_eq!(value(b" 9042\n".to_vec()).unwrap(), "9042");
        assert_eq!(value(b"a\nb\n".to_vec()).unwrap(), "a\nb");
        assert_eq!(value(vec![b'x'; LONGEST_VALUE]).unwrap().len(), LONGEST_VALUE);
        for (bytes, why) in [
            (vec![b'x'; LONGEST_VALUE + 1], "it has 4097 bytes, and a value at most 4096"),
            (vec![b' '; MOST as usize], "1048576 or more"),
            (vec![0xff], "not UTF-8"),
            (vec![b'a', 0], "contains `\\0`"),
            ("‹args›".into(), "contains `‹`"),
        ] {
            assert!(value(bytes).unwrap_err().contains(why), "{why}");
        }
    }
}
