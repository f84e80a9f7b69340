//! A command as text → words, before anything is rendered; and back.
//!
//! POSIX quoting, no expansion, a `{{ … }}` is never split. No shell of this machine runs, so what
//! only a shell understands is refused, unless the command is an `ssh`: then it is the far shell's.

use super::model::{Command, Word};
use crate::diagnostic::{Diagnostic, Span};
use std::ops::Range;

/// Marks of a hole that the run fills (`‹run.id›`); nobody may write them, or a value could pose as a hole.
pub const HOLE_MARKS: [char; 2] = ['‹', '›'];

/// Splits a command whose text stands alone: spans are bytes of `text`.
pub fn split(text: &str) -> Result<Command, Diagnostic> {
    split_placed(text, &|range| Span::new(range.start, range.end))
}

/// Splits a command that stands in a file: `place` maps a range of bytes of `text` to the file.
///
/// Errors: nothing to run, an open quote or `{{`, several lines, a character only a shell understands.
pub fn split_placed(text: &str, place: &dyn Fn(Range<usize>) -> Span) -> Result<Command, Diagnostic> {
    let mut splitter = Splitter { text, place, words: Vec::new(), word: None, bare: Vec::new() };
    splitter.read()?;
    splitter.finish()
}

/// A text that is one word as it stands, such as the value of an environment variable: nothing is split,
/// quotes are text, `{{ … }}` are values.
pub fn unsplit_placed(text: &str, place: &dyn Fn(Range<usize>) -> Span) -> Result<Word, Diagnostic> {
    let mut splitter = Splitter { text, place, words: Vec::new(), word: None, bare: Vec::new() };
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        at = if text[at..].starts_with("{{") { splitter.template(at)? } else { splitter.literal(at, character)? };
    }
    splitter.word(0).span = place(0..text.len());
    Ok(splitter.word.map(|(_, word)| word).unwrap_or_else(|| Word::new("")))
}

/// A command of `rollbook exec`: `{}` is the address of the host as in cstarpar, every other brace is text.
pub fn from_exec(text: &str) -> Result<Command, Diagnostic> {
    let mut template = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("{}") {
            template.push_str("{{ host.address }}");
            rest = after;
            continue;
        }
        // A brace that would open a template, or stands before one, goes in as a value.
        if first == '{' && rest[1..].starts_with(['{', '%', '#']) {
            template.push_str("{{ \"{\" | word }}");
        } else {
            template.push(first);
        }
        rest = &rest[first.len_utf8()..];
    }
    let mut command = split(&template)?;
    // Places in a text that nobody wrote would mislead.
    command.span = Span::default();
    command.words = command.words.into_iter().map(|word| Word::new(word.template)).collect();
    Ok(command)
}

/// The text that splits into this command again.
pub fn join(command: &Command) -> String {
    let words = join_words(command.words.iter().map(|word| word.template.as_str()));
    if command.background { words + " &" } else { words }
}

/// The text that splits into these words again.
pub fn join_words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(quote_literals).collect::<Vec<_>>().join(" ")
}

/// Is the program `ssh`, so that the rest is read by a far shell?
pub fn is_ssh(first_word: &str) -> bool {
    let name = first_word.strip_prefix("{{").and_then(|inner| inner.strip_suffix("}}")).map(str::trim);
    name == Some("cluster.ssh") || first_word == "ssh" || first_word.ends_with("/ssh")
}

/// The end of a `{{ … }}` that begins at `start`: the byte after `}}`. Braces in its strings do not count.
pub fn template_end(text: &str, start: usize) -> Option<usize> {
    let mut quote = None;
    let mut characters = text[start + 2..].char_indices();
    while let Some((at, character)) = characters.next() {
        match quote {
            Some(_) if character == '\\' => drop(characters.next()),
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if character == '"' || character == '\'' => quote = Some(character),
            None if text[start + 2 + at..].starts_with("}}") => return Some(start + 2 + at + 2),
            None => {}
        }
    }
    None
}

struct Splitter<'a> {
    text: &'a str,
    place: &'a dyn Fn(Range<usize>) -> Span,
    words: Vec<Word>,
    /// The word being read, with the byte at which it began.
    word: Option<(usize, Word)>,
    /// Unquoted characters that only a shell understands, judged when the first word is known.
    bare: Vec<(Range<usize>, usize)>,
}

impl Splitter<'_> {
    fn read(&mut self) -> Result<(), Diagnostic> {
        let mut at = 0;
        while let Some(character) = self.text[at..].chars().next() {
            at = match character {
                '{' if self.text[at..].starts_with("{{") => self.template(at)?,
                '\'' => self.single_quoted(at)?,
                '"' => self.double_quoted(at)?,
                '\\' => self.escaped(at)?,
                '\n' => self.newline(at)?,
                ' ' | '\t' | '\r' => self.end_word(at, 1),
                '|' | '&' | ';' | '<' | '>' | '`' | '$' => self.shell_character(at),
                character => self.literal(at, character)?,
            };
        }
        self.end_word(at, 0);
        Ok(())
    }

    fn word(&mut self, at: usize) -> &mut Word {
        &mut self.word.get_or_insert_with(|| (at, Word::new(""))).1
    }

    fn literal(&mut self, at: usize, character: char) -> Result<usize, Diagnostic> {
        if HOLE_MARKS.contains(&character) {
            let message =
                format!("`{character}` may not stand in a command: rollbook marks with it what a run fills in");
            let help = "write `{{ run.id }}` for the run, `{{ host }}` for the host";
            return Err(self.error(message, at..at + character.len_utf8()).help(help));
        }
        if character.is_control() && character != '\t' && character != '\n' {
            return Err(self.error("a control character in a command", at..at + character.len_utf8()));
        }
        // Judged on the word as it will be read again, not on the text: quotes between the two are gone there.
        if "{%#".contains(character) && self.word(at).template.ends_with('{') {
            let message = format!("`{{{character}` has no meaning in a command: only `{{{{ … }}}}` has");
            let help = "put what needs more than a value into a `script:`, which gets values as environment variables";
            return Err(self.error(message, at..at + 1).help(help));
        }
        self.word(at).template.push(character);
        Ok(at + character.len_utf8())
    }

    fn template(&mut self, at: usize) -> Result<usize, Diagnostic> {
        let Some(end) = template_end(self.text, at) else {
            return Err(self.error("`{{` without `}}`", at..at + 2).help("close it: `{{ host }}`"));
        };
        let text = &self.text[at..end];
        let inside = (self.place)(at + 2..end - 2);
        if let Some(mark) = text.find(HOLE_MARKS) {
            return Err(self.error("`‹` and `›` may not stand in a template", at + mark..at + mark + 3));
        }
        let word = self.word(at);
        if word.template.ends_with('{') {
            return Err(self
                .error("a `{` right before a `{{`", at..at + 2)
                .help("write `{{ \"{\" | word }}` for the first"));
        }
        let word = self.word(at);
        word.template.push_str(text);
        word.holes.push(inside);
        Ok(end)
    }

    fn single_quoted(&mut self, start: usize) -> Result<usize, Diagnostic> {
        self.word(start);
        let mut at = start + 1;
        while let Some(character) = self.text[at..].chars().next() {
            at = match character {
                '\'' => return Ok(at + 1),
                '{' if self.text[at..].starts_with("{{") => self.template(at)?,
                character => self.literal(at, character)?,
            };
        }
        Err(self.open_quote(start))
    }

    fn double_quoted(&mut self, start: usize) -> Result<usize, Diagnostic> {
        self.word(start);
        let mut at = start + 1;
        while let Some(character) = self.text[at..].chars().next() {
            at = match character {
                '"' => return Ok(at + 1),
                '{' if self.text[at..].starts_with("{{") => self.template(at)?,
                '\\' if self.text[at + 1..].starts_with(['$', '`', '"', '\\']) => self.escaped(at)?,
                '\\' if self.text[at + 1..].starts_with('\n') => at + 2,
                '`' | '$' => self.shell_character(at),
                character => self.literal(at, character)?,
            };
        }
        Err(self.open_quote(start))
    }

    fn escaped(&mut self, at: usize) -> Result<usize, Diagnostic> {
        match self.text[at + 1..].chars().next() {
            None => Err(self.error("a `\\` with nothing after it", at..at + 1)),
            Some('\n') => Ok(at + 2),
            Some(character) => self.literal(at + 1, character),
        }
    }

    fn newline(&mut self, at: usize) -> Result<usize, Diagnostic> {
        let next = self.end_word(at, 1);
        if !self.words.is_empty() && !self.text[at..].trim().is_empty() {
            let help = "write one step for each command, a `\\` at the end of a line that goes on, or a `script:`";
            return Err(self.error("a command is one line", at + 1..self.text.len()).help(help));
        }
        Ok(next)
    }

    /// Kept as text for now; refused in `finish` unless a far shell reads the command.
    fn shell_character(&mut self, at: usize) -> usize {
        let rest = &self.text[at..];
        let dollar = rest.starts_with('$');
        let expands = rest[1..].starts_with(|next: char| next.is_ascii_alphanumeric() || "_({?!$#@*".contains(next));
        if !dollar || expands {
            let length = if rest.starts_with("$(") { 2 } else { 1 };
            self.bare.push((at..at + length, self.words.len()));
        }
        let character = self.text.as_bytes()[at] as char;
        self.word(at).template.push(character);
        at + 1
    }

    fn end_word(&mut self, at: usize, width: usize) -> usize {
        if let Some((start, mut word)) = self.word.take() {
            word.span = (self.place)(start..at);
            self.words.push(word);
        }
        at + width
    }

    fn finish(mut self) -> Result<Command, Diagnostic> {
        let last = self.words.len().wrapping_sub(1);
        let alone = |(range, word): &(Range<usize>, usize)| *word == last && range.len() == 1;
        let background = self.words.last().is_some_and(|word| word.template == "&") && self.bare.iter().any(alone);
        if background {
            self.words.pop();
            self.bare.retain(|found| found.1 != last);
        }
        let Some(first) = self.words.first() else {
            return Err(self.error("a command without a word: there is nothing to run", 0..self.text.len()));
        };
        if !is_ssh(&first.template)
            && let Some((range, _)) = self.bare.first()
        {
            return Err(self.shell_needed(range.clone()));
        }
        let span = (self.place)(0..self.text.len());
        Ok(Command { words: self.words, background, span })
    }

    fn shell_needed(&self, range: Range<usize>) -> Diagnostic {
        let found = &self.text[range.clone()];
        let message = format!("`{found}` is for a shell, and no shell of this machine reads a command");
        let help = "put it in single quotes if it is meant as text; for a far shell begin with `{{ cluster.ssh }} {{ host }}`; \
                    else write a `script:`";
        self.error(message, range).help(help)
    }

    fn open_quote(&self, start: usize) -> Diagnostic {
        let quote = &self.text[start..start + 1];
        let help = format!("close it with `{quote}`, or write `\\{quote}` if it is meant as text");
        self.error("a quote that is never closed", start..start + 1).help(help)
    }

    fn error(&self, message: impl Into<String>, range: Range<usize>) -> Diagnostic {
        Diagnostic::error(message).at((self.place)(range))
    }
}

/// A word with its literal parts quoted where splitting would read them otherwise.
fn quote_literals(template: &str) -> String {
    let mut text = String::new();
    let mut at = 0;
    while at < template.len() {
        let open = template[at..].find("{{").map_or(template.len(), |found| at + found);
        let literal = &template[at..open];
        let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-{}~*?#![]^()".contains(c) || !c.is_ascii();
        if literal.chars().all(plain) {
            text.push_str(literal);
        } else {
            text.push_str(&format!("'{}'", literal.replace('\'', "'\\''")));
        }
        at = if open < template.len() { template_end(template, open).unwrap_or(template.len()) } else { open };
        text.push_str(&template[open..at]);
    }
    if text.is_empty() { "''".to_owned() } else { text }
}

#[cfg(test)]
mod tests;
