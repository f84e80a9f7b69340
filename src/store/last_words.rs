//! The end of what a failed command printed: what a person would look at first.

use super::attempt::{ERR, OUT};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// So much of a file's end is read, in bytes.
const TAIL: u64 = 4096;
/// So many lines of it are shown.
const LINES: usize = 3;
/// So much of a line is shown, in characters.
const WIDTH: usize = 200;

/// The last lines of `err`, or of `out` when `err` has none, and the file they stand in. `dir` is an attempt's.
pub fn last_words(dir: &Path) -> Option<(PathBuf, Vec<String>)> {
    [ERR, OUT].into_iter().find_map(|name| {
        let path = dir.join(name);
        let lines = tail(&path)?;
        (!lines.is_empty()).then_some((path, lines))
    })
}

fn tail(path: &Path) -> Option<Vec<String>> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<String> =
        text.lines().rev().filter(|line| !line.trim().is_empty()).take(LINES).map(shown).collect();
    lines.reverse();
    Some(lines)
}

/// What a host printed must not move our cursor.
fn shown(line: &str) -> String {
    line.trim_end().chars().take(WIDTH).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_those_of_err_else_of_out_bounded_and_without_escapes() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(last_words(dir.path()), None);
        std::fs::write(dir.path().join(OUT), "one\n").unwrap();
        std::fs::write(dir.path().join(ERR), "\n").unwrap();
        assert_eq!(last_words(dir.path()), Some((dir.path().join(OUT), vec!["one".into()])));
        let long = format!("{}\nb\n\x1b[2Jc\nd\n", "x".repeat(100_000));
        std::fs::write(dir.path().join(ERR), long).unwrap();
        let (path, lines) = last_words(dir.path()).unwrap();
        assert_eq!((path, lines), (dir.path().join(ERR), vec!["b".into(), " [2Jc".into(), "d".into()]));
    }
}
