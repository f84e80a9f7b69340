//! `calls.log`: one line for each tool that was run, so that tests can count what rollbook asked.

use super::pace::{self, Moment};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

/// One run of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub begun: Moment,
    /// Milliseconds.
    pub took: u64,
    /// Name of the host on which it ran (for ssh: to which it went), `-` for none.
    pub host: String,
    pub tool: String,
    /// Words, joined by blanks.
    pub args: String,
    /// Exit status; `hangs` when it was written before a wait without end, `exec` when another
    /// program took over.
    pub exit: String,
}

/// Writes a line; a log that cannot be written stops no call.
pub fn write(dir: &Path, begun: Moment, host: &str, tool: &str, args: &[String], exit: &str) {
    let args = args.join(" ").replace(['\t', '\n'], " ");
    let line = format!("{begun}\t{}\t{host}\t{tool}\t{args}\t{exit}\n", pace::now().saturating_sub(begun));
    let file = OpenOptions::new().create(true).append(true).open(dir.join("calls.log"));
    if let Ok(mut file) = file {
        let _ = file.write_all(line.as_bytes());
    }
}

/// Every call so far, in the order in which they ended.
pub fn calls(dir: &Path) -> Vec<Call> {
    let text = fs::read_to_string(dir.join("calls.log")).unwrap_or_default();
    let call = |line: &str| {
        let words: Vec<&str> = line.split('\t').collect();
        let [begun, took, host, tool, args, exit] = words[..] else { return None };
        let (host, tool, args, exit) = (host.to_owned(), tool.to_owned(), args.to_owned(), exit.to_owned());
        Some(Call { begun: begun.parse().ok()?, took: took.parse().ok()?, host, tool, args, exit })
    };
    text.lines().filter_map(call).collect()
}
