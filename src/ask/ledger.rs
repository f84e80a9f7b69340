//! What was asked of whom, and how long it took: each question costs a node time, so it can be counted afterwards.

use crate::job::event::Ms;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

/// The file of a run's questions, in its folder.
pub const FILE: &str = "questions.tsv";

/// One call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When the process was started.
    pub asked: Ms,
    pub took: Ms,
    /// The node, or the name of a gate.
    pub node: String,
    /// `nodetool status`
    pub what: String,
    /// Did it end with status 0 and text?
    pub answered: bool,
}

/// Shared by everything that asks for one command of the user. Losing it costs nothing but the count.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    /// Until there is a file.
    early: Vec<Line>,
    file: Option<File>,
}

impl Ledger {
    pub fn note(&self, line: Line) {
        let mut lines = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        match &mut lines.file {
            // (a full disk must not end a run for the sake of a count; the journal says so itself)
            Some(file) => drop(file.write_all(line.text().as_bytes())),
            None => lines.early.push(line),
        }
    }

    /// From now on in this file, behind what is there; what was asked before goes in too.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_in(&self, folder: &Path) -> std::io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(folder.join(FILE))?;
        let mut lines = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        let early: String = lines.early.drain(..).map(|line| line.text()).collect();
        file.write_all(early.as_bytes())?;
        lines.file = Some(file);
        Ok(())
    }
}

impl Line {
    fn text(&self) -> String {
        let plain = |text: &str| text.replace(['\t', '\n'], " ");
        let word = if self.answered { "answered" } else { "unanswered" };
        format!("{}\t{}\t{}\t{word}\t{}\n", self.asked, self.took, plain(&self.node), plain(&self.what))
    }

    fn read(text: &str) -> Option<Line> {
        let mut words = text.split('\t');
        let mut next = || words.next();
        Some(Line {
            asked: next()?.parse().ok()?,
            took: next()?.parse().ok()?,
            node: next()?.to_owned(),
            answered: next()? == "answered",
            what: next()?.to_owned(),
        })
    }
}

/// The questions of a run, as its file has them; a last line that was cut off is left out.
///
/// # Errors
/// When the file cannot be read; an absent file is no error: nothing was asked.
pub fn read(folder: &Path) -> std::io::Result<Vec<Line>> {
    match std::fs::read_to_string(folder.join(FILE)) {
        Ok(text) => Ok(text.lines().filter_map(Line::read).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Of one kind of question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    pub count: usize,
    pub unanswered: usize,
    /// Milliseconds in all, side by side.
    #[serde(rename = "took-ms")]
    pub took: Ms,
    #[serde(rename = "slowest-ms")]
    pub slowest: Ms,
}

/// By what was asked.
pub fn by_kind(lines: &[Line]) -> BTreeMap<&str, Sum> {
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for line in lines {
        let sum = sums.entry(&line.what).or_default();
        sum.count += 1;
        sum.unanswered += usize::from(!line.answered);
        sum.took += line.took;
        sum.slowest = sum.slowest.max(line.took);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(what: &str, asked: Ms, took: Ms, answered: bool) -> Line {
        Line { asked, took, node: "10.0.0.1".into(), what: what.into(), answered }
    }

    #[test]
    fn what_was_asked_before_and_after_there_is_a_file_is_counted_by_kind() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::default();
        ledger.note(line("nodetool status", 1, 900, true));
        ledger.keep_in(folder.path()).unwrap();
        ledger.note(line("nodetool status", 5, 1_100, false));
        ledger.note(line("nodetool\tinfo", 7, 10, true));
        let lines = read(folder.path()).unwrap();
        assert_eq!(lines[0], line("nodetool status", 1, 900, true));
        let sums = by_kind(&lines);
        let status = Sum { count: 2, unanswered: 1, took: 2_000, slowest: 1_100 };
        assert_eq!(sums["nodetool status"], status);
        assert_eq!(sums["nodetool info"].count, 1, "no text of a cluster breaks the file");
        // a second session goes on behind the first
        let again = Ledger::default();
        again.keep_in(folder.path()).unwrap();
        again.note(line("nodetool status", 9, 1, true));
        assert_eq!(by_kind(&read(folder.path()).unwrap())["nodetool status"].count, 3);
        assert_eq!(read(&folder.path().join("absent")).unwrap(), []);
    }
}
