//! What every check of something a user wrote returns: a finding with its place.
//!
//! A `Diagnostic` never prints itself; `render` draws one against its source, `json` places it for machines. It must never
//! carry a secret: messages are shown, logged and attached to pull requests.

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet, normalize_untrusted_str};
use serde::Serialize;

/// How bad a finding is: an error stops, a warning is shown and goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// A range of bytes in a source text, end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Self {
        Span { start, end }
    }
}

/// One finding: what is wrong, where, and what to write instead.
///
/// `message` is a lower-case fragment that follows `error:`; names stand in back-ticks;
/// `help` says what to type next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    pub message: String,
    pub span: Option<Span>,
    /// Short text beside the caret.
    pub label: Option<String>,
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn error(message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Error, message: message.into(), span: None, label: None, help: None }
    }

    pub fn warning(message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(message) }
    }

    /// Places the finding. An empty span at the start of the file is no place: words that rollbook
    /// itself wrote carry it.
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span).filter(|span| *span != Span::default());
        self
    }

    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Text of others made fit for a terminal: controls, and the invisible characters that reorder or hide text, written as
/// escapes.
pub fn terminal(text: &str) -> String {
    text.chars().map(|c| if steers(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// Such a text of several lines.
pub fn lines(text: &str) -> String {
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Such a text on one line, whatever breaks and tabs it has.
pub fn line(text: &str) -> String {
    terminal(&text.trim_end_matches('\r').replace(['\n', '\r', '\t'], " "))
}

fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The same for a source text whose bytes are counted: each such character becomes another of as many bytes.
fn source_for_terminal(text: &str) -> String {
    let other = |c: char| match c.len_utf8() {
        1 => '?',
        2 => '¿',
        _ => char::REPLACEMENT_CHARACTER,
    };
    // (the drawing itself sees to line ends and tabs)
    let steering = |c: char| steers(c) && !matches!(c, '\n' | '\r' | '\t');
    text.chars().map(|c| if steering(c) { other(c) } else { c }).collect()
}

/// A finding as text: what is wrong, `--> file:line:column`, the source line with a caret, `help:`.
/// `file_name` is shown as given; `source_text` must be the text the spans were made of.
pub fn render(diagnostic: &Diagnostic, file_name: &str, source_text: &str) -> String {
    render_with(&Renderer::plain(), diagnostic, file_name, source_text)
}

/// `render` with the terminal's colours.
pub fn render_coloured(diagnostic: &Diagnostic, file_name: &str, source_text: &str) -> String {
    render_with(&Renderer::styled(), diagnostic, file_name, source_text)
}

fn render_with(renderer: &Renderer, diagnostic: &Diagnostic, file_name: &str, source_text: &str) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let (message, file_name, source) =
        (lines(&diagnostic.message), terminal(file_name), source_for_terminal(source_text));
    let title = level.primary_title(message.as_str());
    let mut group = match diagnostic.span {
        Some(span) => {
            let range = first_line(span, source_text);
            let mark = AnnotationKind::Primary.span(range).label(diagnostic.label.as_deref());
            title.element(Snippet::source(source.as_str()).path(file_name.as_str()).annotation(mark))
        }
        None => title.element(Origin::path(file_name.as_str())),
    };
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
    }
    let drawn = renderer.render(&[group]);
    // The drawing pads its empty lines; files with expected texts should not have to.
    drawn.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n"
}

/// A finding for machines: `file`, `line` and `column` (1-based, in characters; absent without a
/// place), `severity`, `message`, `label`, `help`.
pub fn json(diagnostic: &Diagnostic, file_name: &str, source_text: &str) -> serde_json::Value {
    let place = diagnostic.span.map(|span| position(span.start, source_text));
    serde_json::json!({
        "file": file_name,
        "line": place.map(|(line, _)| line),
        "column": place.map(|(_, column)| column),
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "label": diagnostic.label,
        "help": diagnostic.help,
    })
}

/// Line and column of a byte, both from 1, the column in characters.
pub fn position(byte: usize, source_text: &str) -> (usize, usize) {
    let before = &source_text[..floor(byte, source_text)];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

/// The part of a span that lies on its first line, at least one character wide where there is one:
/// an excerpt of a whole block hides the place it points at.
fn first_line(span: Span, source_text: &str) -> std::ops::Range<usize> {
    let start = floor(span.start, source_text);
    let line_end = source_text[start..].find(['\n', '\r']).map_or(source_text.len(), |length| start + length);
    let end = floor(span.end, source_text).clamp(start, line_end);
    if end > start {
        return start..start + source_text[start..end].trim_end().len().max(1);
    }
    let next = source_text[start..line_end].chars().next().map_or(0, char::len_utf8);
    start..start + next
}

fn floor(byte: usize, text: &str) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_shows_its_line_with_a_caret_and_the_help() {
        let source = "rollbook: 1\nnäme: x\n";
        let finding = Diagnostic::error("unknown key `näme`").at(Span::new(12, 17)).label("here").help("write `name`");
        let expected = "error: unknown key `näme`\n --> a.yaml:2:1\n  |\n2 | näme: x\n  | ^^^^ here\n  |\n  = help: write `name`\n";
        assert_eq!(render(&finding, "a.yaml", source), expected);
        assert!(render_coloured(&finding, "a.yaml", source).contains('\u{1b}'));
    }

    #[test]
    fn a_span_over_several_lines_shows_its_first_line_only() {
        let source = "steps:\n  - drain:\n      x: 1\n";
        let text = render(&Diagnostic::warning("w").at(Span::new(9, 29)), "a.yaml", source);
        assert_eq!(text, "warning: w\n --> a.yaml:2:3\n  |\n2 |   - drain:\n  |   ^^^^^^^^\n");
    }

    #[test]
    fn a_finding_without_a_place_names_the_file() {
        assert_eq!(
            render(&Diagnostic::error("the file is empty"), "a.yaml", ""),
            "error: the file is empty\n--> a.yaml\n"
        );
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let finding = Diagnostic::error("a \u{1b}[31m b").help("c \u{1b}[0m");
        assert!(!render(&finding, "a\u{1b}[2J.yaml", "").contains('\u{1b}'));
        let source = "x: \u{9b}31m \u{1b}[2J \u{202e} y\n";
        let shown = render(&Diagnostic::error("e").at(Span::new(18, 19)), "a.yaml", source);
        assert_eq!(shown, "error: e\n --> a.yaml:1:16\n  |\n1 | x: ¿31m ?[2J \u{fffd} y\n  |                ^\n");
    }

    #[test]
    fn nothing_steers_a_terminal() {
        assert_eq!(terminal("a\u{1b}[2Jb\u{202e}c"), "a\\u{1b}[2Jb\\u{202e}c");
        assert_eq!(terminal("räck ‹run.id›"), "räck ‹run.id›");
        assert_eq!(lines("a\tc\r\nb\u{7}\n"), "a c\nb\\u{7}\n");
        assert_eq!(line("a\r\nb\t\u{7}"), "a  b \\u{7}");
    }

    #[test]
    fn machines_get_line_and_column_in_characters() {
        let value = json(&Diagnostic::error("e").at(Span::new(6, 7)), "a.yaml", "x\näö b");
        assert_eq!((value["line"].as_u64(), value["column"].as_u64()), (Some(2), Some(3)));
        assert_eq!(value["severity"], "error");
    }
}
