//! What a run waits for, in a small file beside its outputs: `why`, `runs show` and `runs watch` are other
//! processes, and only the run itself knows what its observers said last.

use super::{Display, waits};
use crate::job::event::{Event, Ms};
use crate::job::waiting::Waiting;
use crate::plan::model::Plan;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// In the folder of a run.
const FILE: &str = "waits";
const NEXT: &str = "waits.next";

/// Keeps the file current, one line a wait. It is no part of the journal: when it cannot be written the run goes on.
pub struct Noted {
    folder: PathBuf,
    written: Option<String>,
}

impl Noted {
    pub fn new(folder: &Path) -> Noted {
        Noted { folder: folder.to_owned(), written: None }
    }
}

impl Display for Noted {
    fn event(&mut self, _: &Plan, _: &Event) {}

    fn waiting(&mut self, plan: &Plan, all: &[Waiting], now: Ms) {
        let text: String = all.iter().map(|wait| waits::line(plan, wait, now) + "\n").collect();
        if self.written.as_ref() == Some(&text) {
            return;
        }
        let next = self.folder.join(NEXT);
        let open = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next);
        let written = open.and_then(|mut file| file.write_all(text.as_bytes()));
        if written.and_then(|()| fs::rename(&next, self.folder.join(FILE))).is_ok() {
            self.written = Some(text);
        }
    }

    fn trouble(&mut self, _: &str, _: Ms) {}
}

impl Drop for Noted {
    fn drop(&mut self) {
        // Nobody waits any more. A run that was killed leaves the file: its readers ask first whether it lives.
        let _ = fs::remove_file(self.folder.join(FILE));
    }
}

/// What the run whose folder this is waits for, as lines; none when it says nothing.
pub fn noted(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join(FILE)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::samples::six_hosts;

    #[test]
    fn another_process_reads_what_is_waited_for_now_and_nothing_afterwards() {
        let (plan, folder) = (six_hosts(), tempfile::tempdir().unwrap());
        let wait = |what: &str| Waiting {
            host: Some(1),
            step: Some(0),
            what: what.into(),
            asked: vec![],
            since: 0,
            person: false,
            deadline: None,
        };
        let mut display = Noted::new(folder.path());
        display.waiting(&plan, &[wait("one"), wait("two")], 1000);
        assert_eq!(noted(folder.path()).len(), 2);
        display.waiting(&plan, &[wait("its end")], 2000);
        assert_eq!(noted(folder.path()), ["10.77.0.14 drain waits for its end, for 2.0s"]);
        drop(display);
        assert_eq!(noted(folder.path()), Vec::<String>::new());
    }
}
