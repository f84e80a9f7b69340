//! Mistakes of YAML itself, told in terms of the mistake and not of the grammar.

use crate::diagnostic::{Diagnostic, Span};

/// What a parser's error at a byte means. `info` is the parser's own word, used when nothing better is seen.
pub fn explain(source: &str, byte: usize, info: &str) -> Diagnostic {
    let line_start = source[..byte].rfind('\n').map_or(0, |newline| newline + 1);
    let line = source[line_start..].lines().next().unwrap_or_default();
    if let Some(tab) = tab_in_indentation(source, line_start + line.len()) {
        let error = Diagnostic::error("a tab indents this line: YAML allows only spaces").at(Span::new(tab, tab + 1));
        return error.help("replace each tab by two spaces");
    }
    if let Some(open) = bare_template(source, line_start, line) {
        let error = Diagnostic::error("a value that begins with `{{` must be quoted: to YAML a bare `{` opens a map");
        let value = line[open..].trim_end();
        return error.at(Span::new(line_start + open, line_start + open + 2)).help(format!("write `\"{value}\"`"));
    }
    if info.contains("recursion limit") {
        return Diagnostic::error("nested deeper than 64 levels").at(Span::new(byte, byte));
    }
    if info.contains("unknown anchor") {
        let error = Diagnostic::error("an alias of an anchor that is not there").at(Span::new(byte, byte));
        return error.help("set the anchor first, `&name`; quote a text that begins with `*`");
    }
    let error = Diagnostic::error(format!("this is not YAML: {info}")).at(Span::new(byte, byte));
    error.help("look at the indentation and the quotes of this line and the one above")
}

/// A key that is a list or a map; most often a template without quotes.
pub fn key_is_no_word(source: &str, span: Span) -> Diagnostic {
    let line_start = source[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
    let line = source[line_start..].lines().next().unwrap_or_default();
    if bare_template(source, line_start, line).is_some() {
        return explain(source, span.start, "");
    }
    Diagnostic::error("a key must be a word").at(span).help("write `key: value`")
}

/// The first tab among the leading white space of a line, up to a byte.
pub fn tab_in_indentation(source: &str, until: usize) -> Option<usize> {
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        if at > until {
            return None;
        }
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indent].find('\t')
            && !line.trim().is_empty()
        {
            return Some(at + tab);
        }
        at += line.len();
    }
    None
}

/// A `{{` at the beginning of a value of a line: `key: {{`, `- {{`.
fn bare_template(source: &str, line_start: usize, line: &str) -> Option<usize> {
    let open = line.find("{{")?;
    let before = source[line_start..line_start + open].trim_end();
    (before.ends_with(':') || before.ends_with('-')).then_some(open)
}
