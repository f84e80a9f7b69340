//! A YAML text as a tree in which every key and value knows its bytes in the file.
//!
//! Anchors, aliases and merge keys are resolved here, within a bound; duplicate keys, tags, several
//! documents and tabs are findings. Knows nothing of playbooks.

mod places;
mod scalar;
mod syntax;

pub use places::Places;
pub use scalar::{Reads, reads_as};

use crate::diagnostic::{Diagnostic, Span};
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::BTreeMap;

/// A real playbook is flat; the second parser stops at 128.
const MAX_DEPTH: usize = 64;
/// Nodes after aliases are resolved: a file of 1 MiB has fewer, a bomb has more.
const MAX_NODES: usize = 200_000;

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub span: Span,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Scalar { text: String, style: Style },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Single,
    Double,
    /// `|` or `>`.
    Block,
}

impl Node {
    /// The value of a key of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    pub fn items(&self) -> &[Node] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Nothing written, or `null`.
    pub fn is_null(&self) -> bool {
        self.reads() == Some(Reads::Null)
    }

    /// What a scalar is to YAML: only plain ones are anything but text.
    pub fn reads(&self) -> Option<Reads> {
        match &self.content {
            Content::Scalar { text, style: Style::Plain } => Some(reads_as(text)),
            Content::Scalar { .. } => Some(Reads::Text),
            _ => None,
        }
    }
}

/// Reads one document. Errors: everything found until reading had to stop.
pub fn read(source: &str) -> Result<Node, Vec<Diagnostic>> {
    let mut builder = Builder {
        source,
        bytes: byte_offsets(source),
        anchors: BTreeMap::new(),
        nodes: 0,
        depth: 0,
        findings: Vec::new(),
    };
    let mut parser = Parser::new_from_str(source);
    let root = builder.document(&mut parser);
    let mut findings = builder.findings;
    match root {
        Ok(Some(root)) if findings.is_empty() => Ok(root),
        Ok(Some(_)) => Err(findings),
        Ok(None) => {
            findings.push(
                Diagnostic::error("the file has no content").help("a comment alone says nothing: write `key: value`"),
            );
            Err(findings)
        }
        Err(stop) => {
            findings.push(stop);
            Err(findings)
        }
    }
}

/// Byte offset of each character, and of the end: the parser counts characters.
fn byte_offsets(source: &str) -> Vec<usize> {
    source.char_indices().map(|(byte, _)| byte).chain([source.len()]).collect()
}

type Events<'a> = Parser<'a, saphyr_parser::StrInput<'a>>;

struct Builder<'a> {
    source: &'a str,
    bytes: Vec<usize>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    depth: usize,
    findings: Vec<Diagnostic>,
}

impl<'a> Builder<'a> {
    fn document(&mut self, parser: &mut Events<'a>) -> Result<Option<Node>, Diagnostic> {
        let mut root = None;
        while let Some((event, span)) = self.next(parser)? {
            match event {
                Event::DocumentStart(_) if root.is_some() => {
                    let error = Diagnostic::error("a second document: a playbook is one").at(span);
                    return Err(error.help("remove the line `---`, or put the rest into a file of its own"));
                }
                Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                event => root = Some(self.node(event, span, parser)?),
            }
        }
        // A file of comments is one empty plain scalar, or no event at all.
        Ok(root.filter(|node| !(node.is_null() && node.span.start == node.span.end)))
    }

    fn next(&self, parser: &mut Events<'a>) -> Result<Option<(Event<'a>, Span)>, Diagnostic> {
        match parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, self.span(span)))),
            Some(Err(error)) => Err(syntax::explain(self.source, self.byte(error.marker().index()), error.info())),
        }
    }

    fn byte(&self, character: usize) -> usize {
        self.bytes[character.min(self.bytes.len() - 1)]
    }

    fn span(&self, span: saphyr_parser::Span) -> Span {
        Span::new(self.byte(span.start.index()), self.byte(span.end.index()))
    }

    fn node(&mut self, event: Event<'a>, span: Span, parser: &mut Events<'a>) -> Result<Node, Diagnostic> {
        self.count(1, span)?;
        let (node, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                self.no_tag(tag.as_deref(), span);
                let content = Content::Scalar { text: text.into_owned(), style: style_of(style) };
                (Node { span, content }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.no_tag(tag.as_deref(), span);
                (self.deeper(span, |builder| builder.list(span, parser))?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.no_tag(tag.as_deref(), span);
                (self.deeper(span, |builder| builder.map(span, parser))?, anchor)
            }
            _ => return Err(Diagnostic::error("the YAML ends in the middle").at(span)),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn deeper(
        &mut self,
        span: Span,
        read: impl FnOnce(&mut Self) -> Result<Node, Diagnostic>,
    ) -> Result<Node, Diagnostic> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Diagnostic::error(format!("nested deeper than {MAX_DEPTH} levels")).at(span));
        }
        let node = read(self);
        self.depth -= 1;
        node
    }

    fn list(&mut self, start: Span, parser: &mut Events<'a>) -> Result<Node, Diagnostic> {
        let mut items = Vec::new();
        loop {
            match self.next(parser)? {
                Some((Event::SequenceEnd, end)) => {
                    let span = Span::new(start.start, end.end.max(start.end));
                    return Ok(Node { span, content: Content::List(items) });
                }
                Some((event, span)) => items.push(self.node(event, span, parser)?),
                None => return Err(Diagnostic::error("a list that never ends").at(start)),
            }
        }
    }

    fn map(&mut self, start: Span, parser: &mut Events<'a>) -> Result<Node, Diagnostic> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        let mut seen = BTreeMap::new();
        loop {
            let (key, key_span) = match self.next(parser)? {
                Some((Event::MappingEnd, end)) => {
                    for entry in merged {
                        if seen.insert(entry.key.clone(), entry.key_span).is_none() {
                            entries.push(entry);
                        }
                    }
                    let span = Span::new(start.start, end.end.max(start.end));
                    return Ok(Node { span, content: Content::Map(entries) });
                }
                Some((event, span)) => (self.node(event, span, parser)?, span),
                None => return Err(Diagnostic::error("a map that never ends").at(start)),
            };
            let Some((event, span)) = self.next(parser)? else {
                return Err(Diagnostic::error("a key without a value").at(key_span));
            };
            let value = self.node(event, span, parser)?;
            match key.content {
                Content::Scalar { text, style: Style::Plain } if text == "<<" => merged.extend(self.merge(value)),
                Content::Scalar { text, .. } => match seen.insert(text.clone(), key_span) {
                    Some(first) => self.duplicate(&text, first, key_span),
                    None => entries.push(Entry { key: text, key_span, value }),
                },
                _ => return Err(syntax::key_is_no_word(self.source, key_span)),
            }
        }
    }

    fn duplicate(&mut self, key: &str, first: Span, second: Span) {
        if self.findings.len() > super::MAX_FINDINGS {
            return;
        }
        let (line, _) = crate::diagnostic::position(first.start, self.source);
        let error = Diagnostic::error(format!("duplicate key `{key}`")).at(second);
        self.findings.push(error.help(format!("it already stands in line {line}; keep one of the two")));
    }

    /// The entries a `<<` brings in; of several maps the first wins.
    fn merge(&mut self, value: Node) -> Vec<Entry> {
        match value.content {
            Content::Map(entries) => entries,
            Content::List(items) if items.iter().all(|item| matches!(item.content, Content::Map(_))) => {
                items.into_iter().flat_map(|item| self.merge(item)).collect()
            }
            _ => {
                let error = Diagnostic::error("`<<` merges a map, or a list of maps").at(value.span);
                self.findings.push(error.help("name an anchor of a map: `<<: *defaults`"));
                Vec::new()
            }
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Node, Diagnostic> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(Diagnostic::error("an alias inside its own anchor never ends").at(span));
        };
        self.count(size(&node), span)?;
        Ok(node)
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Diagnostic> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            let message = format!("the aliases of this file grow to more than {MAX_NODES} values");
            return Err(Diagnostic::error(message)
                .at(span)
                .help("write out what is needed instead of aliases of aliases"));
        }
        Ok(())
    }

    fn no_tag(&mut self, tag: Option<&saphyr_parser::Tag>, span: Span) {
        if let Some(tag) = tag {
            let name = format!("{}{}", tag.handle, tag.suffix);
            let error = Diagnostic::error(format!("the tag `{name}` has no meaning in a playbook")).at(span);
            self.findings.push(error.help("remove it; quote a value that must be text"));
        }
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.content {
        Content::Scalar { .. } => 0,
        Content::List(items) => items.iter().map(size).sum(),
        Content::Map(entries) => entries.iter().map(|entry| 1 + size(&entry.value)).sum(),
    }
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
    }
}

#[cfg(test)]
mod tests;
