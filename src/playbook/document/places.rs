//! Where the characters of a scalar's value stand in the file, past quotes, escapes, folds and indents.

use super::{Content, Node, Style};
use crate::diagnostic::Span;
use std::ops::Range;

/// Maps bytes of a scalar's value to bytes of the file.
pub struct Places {
    whole: Span,
    /// File offset of each byte of the value, and of its end; empty where the two could not be matched.
    bytes: Vec<usize>,
}

impl Places {
    /// Follows the value along the source. Where they cannot be matched (an unusual escape), every
    /// range is the whole scalar: a coarse place, never a wrong one.
    pub fn of(source: &str, node: &Node) -> Places {
        let whole = node.span;
        let Content::Scalar { text, style } = &node.content else {
            return Places { whole, bytes: Vec::new() };
        };
        let bytes = follow(source, whole, text, *style).unwrap_or_default();
        Places { whole, bytes }
    }

    /// A range of the value as a range of the file.
    pub fn span(&self, range: Range<usize>) -> Span {
        match (self.bytes.get(range.start), self.bytes.get(range.end.saturating_sub(1).max(range.start))) {
            (Some(start), Some(last)) if range.end > range.start => Span::new(*start, last + 1),
            (Some(start), _) => Span::new(*start, *start),
            _ => self.whole,
        }
    }
}

fn follow(source: &str, whole: Span, text: &str, style: Style) -> Option<Vec<usize>> {
    let mut at = match style {
        Style::Plain => whole.start,
        Style::Single | Style::Double => whole.start + 1,
        Style::Block => block_content(source, whole)?,
    };
    let mut bytes = Vec::with_capacity(text.len() + 1);
    for (number, wanted) in text.char_indices() {
        let rest = source.get(at..whole.end.max(at))?;
        let found = rest.chars().next();
        let (start, width) = match found {
            Some('\\') if style == Style::Double => (at, escape(rest, wanted)?),
            Some('\'') if style == Style::Single => (at, 2),
            Some(c) if c == wanted && c != '\n' => (at, c.len_utf8()),
            _ => {
                // The end of a line of the file: a fold gives one blank or newline for it and the indent.
                let blank = rest.len() - rest.trim_start().len();
                match wanted {
                    ' ' | '\n' if blank > 0 => {
                        let lines = rest[..blank].matches('\n').count();
                        // Block scalars keep inner indentation and empty lines: step over one line end only.
                        let step = if style == Style::Block && lines > 0 { rest.find('\n')? + 1 } else { blank };
                        (at, step)
                    }
                    _ if blank > 0 && rest[blank..].starts_with(wanted) => (at + blank, wanted.len_utf8()),
                    '\n' if number + 1 == text.len() => (at, 0),
                    _ => return None,
                }
            }
        };
        bytes.extend(std::iter::repeat_n(start, wanted.len_utf8()));
        for (inner, byte) in bytes.iter_mut().rev().take(wanted.len_utf8()).enumerate() {
            // Every byte of a character has a place of its own where the file has the same bytes.
            if width == wanted.len_utf8() {
                *byte = start + wanted.len_utf8() - 1 - inner;
            }
        }
        at = start + width;
    }
    bytes.push(at);
    Some(bytes)
}

/// The first content character of a block scalar, whose span may begin at its `|`.
fn block_content(source: &str, whole: Span) -> Option<usize> {
    let text = source.get(whole.start..whole.end)?;
    if !text.starts_with(['|', '>']) {
        return Some(whole.start);
    }
    let line_end = text.find('\n')?;
    Some(whole.start + line_end + 1)
}

/// How long the escape at the beginning of `rest` is, if it stands for `wanted`.
fn escape(rest: &str, wanted: char) -> Option<usize> {
    let letter = rest[1..].chars().next()?;
    let simple = match letter {
        'n' => '\n',
        't' => '\t',
        '"' | '\\' | '/' | ' ' => letter,
        'x' | 'u' | 'U' => {
            let length = [('x', 2), ('u', 4), ('U', 8)].into_iter().find(|(c, _)| *c == letter)?.1;
            let code = u32::from_str_radix(rest.get(2..2 + length)?, 16).ok()?;
            return (char::from_u32(code) == Some(wanted)).then_some(2 + length);
        }
        _ => return None,
    };
    (simple == wanted).then_some(2)
}
