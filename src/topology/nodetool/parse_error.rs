//! The one way a text is refused, and the numbered lines that every parser reads.

use thiserror::Error;

/// Text that could not be read. Shows the place and the words, since unknown is unsafe.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`nodetool {command}`, line {line}: {reason}: `{text}`")]
pub struct ParseError {
    pub command: &'static str,
    /// From 1; one past the end where something is missing.
    pub line: usize,
    /// The line as printed, at most 200 characters of it, control characters escaped.
    pub text: String,
    pub reason: String,
}

/// Foreign text for a sentence: at most so many characters, and nothing that steers a terminal.
pub fn shown(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == most {
            shown.push('…');
            break;
        }
        match character {
            // Tabs are part of what nodetool prints.
            '\t' => shown.push(' '),
            _ if character.is_control() => shown.extend(character.escape_default()),
            _ => shown.push(character),
        }
    }
    shown
}

/// One line with its number, without its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub command: &'static str,
    pub number: usize,
    pub text: &'a str,
}

impl Line<'_> {
    pub fn error(&self, reason: impl Into<String>) -> ParseError {
        // The reason may quote a word of the line.
        let reason = shown(&reason.into(), 400);
        ParseError { command: self.command, line: self.number, text: shown(self.text, 200), reason }
    }

    pub fn blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// The lines of a text that nodetool ended properly: it always ends its last line.
///
/// A text without any word is refused too: no command prints nothing when it worked (`gossipinfo`
/// does so on a node that is starting, with exit status 0).
pub(super) fn lines<'a>(command: &'static str, text: &'a str) -> Result<Vec<Line<'a>>, ParseError> {
    let mut lines: Vec<Line> = Vec::with_capacity(text.len() / 80);
    let numbered = text.lines().enumerate();
    lines.extend(numbered.map(|(at, text)| Line {
        command,
        number: at + 1,
        text: text.strip_suffix('\r').unwrap_or(text),
    }));
    if lines.iter().all(Line::blank) {
        return Err(end(command, &lines).error("it printed nothing"));
    }
    Ok(lines)
}

/// As `lines`, and the last line is a whole one.
pub(super) fn whole_lines<'a>(command: &'static str, text: &'a str) -> Result<Vec<Line<'a>>, ParseError> {
    let lines = lines(command, text)?;
    match lines.last() {
        Some(last) if !text.ends_with('\n') => Err(last.error("the text ends in the middle of a line")),
        _ => Ok(lines),
    }
}

/// The place after the last line, for what is missing.
pub(super) fn end<'a>(command: &'static str, lines: &[Line<'a>]) -> Line<'a> {
    Line { command, number: lines.len() + 1, text: "" }
}
