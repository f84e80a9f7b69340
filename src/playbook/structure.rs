//! The document against the schema: unknown keys, types, units, one indent too deep.
//!
//! The schema alone says what is accepted; this says it with places and advice. All findings, not the first.

pub(super) mod advice;

use super::document::{Content, Entry, Node, Reads};
use super::{KINDS, duration, suggest};
use crate::diagnostic::{Diagnostic, Span};
use serde_json::Value;
use std::collections::BTreeMap;

/// Everything that stands where the language has no place for it.
pub fn check(root: &Node, schema: &Value) -> Vec<Diagnostic> {
    let mut judge = Judge { schema, findings: Vec::new(), patterns: BTreeMap::new() };
    judge.node(root, schema, &At { name: "a playbook".to_owned(), span: Span::new(0, 1) });
    judge.findings
}

/// What a value is called in a sentence, and where its key stands.
struct At {
    name: String,
    span: Span,
}

impl At {
    /// The place of a value, or of its key where there is none.
    fn of(&self, node: &Node) -> Span {
        if node.span.start == node.span.end { self.span } else { node.span }
    }
}

struct Judge<'a> {
    schema: &'a Value,
    findings: Vec<Diagnostic>,
    /// Each pattern of the schema is compiled once.
    patterns: BTreeMap<String, Option<regex::Regex>>,
}

impl<'a> Judge<'a> {
    fn node(&mut self, node: &Node, schema: &'a Value, at: &At) {
        let (definition, schema) = self.resolve(schema);
        if definition == "Step" {
            return self.step(node, schema, at);
        }
        if let Some(words) = words_of(schema) {
            return self.word(node, &words, at);
        }
        if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
            let fitting = branches.iter().find(|branch| self.fits(node, branch));
            return match fitting {
                Some(branch) => self.node(node, branch, at),
                None => self.wrong_type(node, schema, at),
            };
        }
        if !self.fits(node, schema) {
            return self.wrong_type(node, schema, at);
        }
        match &node.content {
            Content::Map(entries) => self.map(entries, definition, schema, at),
            Content::List(items) => self.list(items, schema, at, node),
            Content::Scalar { text, .. } if schema.get("type").and_then(Value::as_str) == Some("number") => {
                self.number(node, text, at);
            }
            Content::Scalar { text, .. } if node.reads() == Some(Reads::Int) => self.integer(node, text, schema, at),
            Content::Scalar { text, .. } => self.text(node, text, definition, schema, at),
        }
    }

    /// The schema behind `$ref` and `allOf`, with its definition's name.
    fn resolve(&self, schema: &'a Value) -> (&'a str, &'a Value) {
        let schema = schema.pointer("/allOf/0").unwrap_or(schema);
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let name = reference.rsplit('/').next().unwrap_or_default();
                (name, &self.schema["definitions"][name])
            }
            None => ("", schema),
        }
    }

    /// Is the node of a type the schema takes? Judged by form alone, not by content.
    fn fits(&self, node: &Node, schema: &'a Value) -> bool {
        let (_, schema) = self.resolve(schema);
        if words_of(schema).is_some() {
            return node.reads() == Some(Reads::Text);
        }
        let types = match schema.get("type") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => return false,
        };
        let form = match &node.content {
            Content::Map(_) => "object",
            Content::List(_) => "array",
            Content::Scalar { .. } => match node.reads() {
                Some(Reads::Text) => "string",
                Some(Reads::Int | Reads::Number) if types.contains(&"number") => "number",
                Some(Reads::Int) => "integer",
                Some(Reads::Bool) => "boolean",
                Some(Reads::Null) => "null",
                _ => "",
            },
        };
        types.contains(&form)
    }

    fn step(&mut self, node: &Node, schema: &'a Value, at: &At) {
        let Content::Map(entries) = &node.content else {
            let bare = node.text().filter(|_| node.reads() == Some(Reads::Text));
            return match bare {
                Some(word) => self.bare_step(word, node, schema),
                None => self.wrong_type(node, schema, at),
            };
        };
        let kinds: Vec<&Entry> = entries.iter().filter(|entry| KINDS.contains(&entry.key.as_str())).collect();
        match &kinds[..] {
            [_] => {}
            [first, second, ..] => {
                let message =
                    format!("a step has exactly one kind, and this one has `{}` and `{}`", first.key, second.key);
                let help = format!("begin a step of its own with `- {}`", second.key);
                self.findings.push(Diagnostic::error(message).at(second.key_span).help(help));
            }
            [] => self.step_without_kind(entries, node),
        }
        if let Some(entry) = kinds.first()
            && let Content::Map(inner) = &entry.value.content
            && let Some(first) = inner.first()
        {
            return self.too_deep(entry, first);
        }
        let map = schema["anyOf"].as_array().and_then(|branches| branches.last());
        if let Some(map) = map {
            let (definition, map) = self.resolve(map);
            self.map(entries, definition, map, at);
        }
    }

    fn bare_step(&mut self, word: &str, node: &Node, schema: &'a Value) {
        let (_, bare) = self.resolve(&schema["anyOf"][0]);
        if words_of(bare).unwrap_or_default().contains(&word) {
            return;
        }
        let error = match word {
            "run" => Diagnostic::error("`run` needs a command")
                .help("write `- run: COMMAND`, or `- run:` with a `script:` beside it"),
            "pause" => Diagnostic::error("`pause` needs a time").help("write `- pause: 30s`"),
            "verify" => Diagnostic::error("`verify` needs a command").help("write `- verify: COMMAND`"),
            "approve" => Diagnostic::error("`approve` needs a question").help("write `- approve: \"shall it go on?\"`"),
            _ => advice::not_yet(word, "StepMap").unwrap_or_else(|| {
                Diagnostic::error(format!("unknown step `{word}`")).help(suggest::did_you_mean(word, KINDS))
            }),
        };
        self.findings.push(error.at(node.span));
    }

    fn step_without_kind(&mut self, entries: &[Entry], node: &Node) {
        let meant = |entry: &Entry| {
            advice::not_yet(&entry.key, "StepMap").is_some() || suggest::nearest(&entry.key, KINDS).is_some()
        };
        // A misspelt kind is reported as an unknown key; twice would be noise.
        if !entries.iter().any(meant) {
            let error =
                Diagnostic::error("a step without a kind").at(entries.first().map_or(node.span, |e| e.key_span));
            self.findings.push(error.help(format!("add one of {}", suggest::listed(KINDS))));
        }
    }

    fn too_deep(&mut self, kind: &Entry, first: &Entry) {
        let message =
            format!("`{}` stands one indent too deep: what belongs to a step stands beside its kind", first.key);
        let help = format!("write it below `{}:` in the same column, not further in", kind.key);
        self.findings.push(Diagnostic::error(message).at(first.key_span).help(help));
    }

    fn map(&mut self, entries: &[Entry], definition: &str, schema: &'a Value, at: &At) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for entry in entries {
            let inner = At { name: format!("`{}`", entry.key), span: entry.key_span };
            if let Some(property) = properties.and_then(|known| known.get(&entry.key)) {
                self.node(&entry.value, property, &inner);
            } else if let Some(value) = schema.get("additionalProperties").filter(|value| value.is_object()) {
                self.free_name(entry, schema);
                self.node(&entry.value, value, &inner);
            } else {
                let known = properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
                self.findings.push(advice::unknown_key(entry, definition, known, self.schema));
            }
        }
        for required in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            let name = required.as_str().unwrap_or_default();
            let misspelt = |entry: &Entry| {
                properties.is_some_and(|known| !known.contains_key(&entry.key))
                    && suggest::nearest(&entry.key, [name]).is_some()
            };
            if entries.iter().all(|entry| entry.key != name && !misspelt(entry)) {
                let span = entries.first().map_or(at.span, |entry| entry.key_span);
                let error = Diagnostic::error(format!("{} needs `{name}`", at.name)).at(span);
                self.findings.push(error.help(advice::example(name)));
            }
        }
        // of the root alone: a step has its own words for its kinds
        if definition.is_empty() && schema.get("oneOf").is_some() {
            self.steps_or_phases(entries, at);
        }
    }

    /// One chain, or phases with one each.
    fn steps_or_phases(&mut self, entries: &[Entry], at: &At) {
        let chains: Vec<&Entry> = entries.iter().filter(|entry| ["steps", "phases"].contains(&&*entry.key)).collect();
        let misspelt = |entry: &Entry| suggest::nearest(&entry.key, ["steps", "phases"]).is_some();
        match chains[..] {
            [] if !entries.iter().any(misspelt) => {
                let span = entries.first().map_or(at.span, |entry| entry.key_span);
                let error = Diagnostic::error(format!("{} needs `steps`", at.name)).at(span);
                self.findings.push(error.help(advice::example("steps")));
            }
            [_, second, ..] => {
                let error = Diagnostic::error(format!("{} has `steps` or `phases`, not both", at.name));
                let help = "make the steps a phase of their own: `- name: …` with `steps:` under `phases`";
                self.findings.push(error.at(second.key_span).help(help));
            }
            _ => {}
        }
    }

    fn free_name(&mut self, entry: &Entry, schema: &Value) {
        let pattern = schema.pointer("/propertyNames/pattern").and_then(Value::as_str).unwrap_or_default();
        if !self.matches(pattern, &entry.key) {
            let error = Diagnostic::error(format!("`{}` is not a name that can stand here", entry.key));
            self.findings.push(error.at(entry.key_span).help(advice::better_name(&entry.key, pattern)));
        }
    }

    fn list(&mut self, items: &[Node], schema: &'a Value, at: &At, node: &Node) {
        if items.is_empty() && schema.get("minItems").is_some() {
            let error = Diagnostic::error(format!("{} is an empty list", at.name)).at(at.of(node));
            self.findings.push(error.help(advice::empty_list(&at.name)));
        }
        let most = schema.get("maxItems").and_then(Value::as_u64).unwrap_or(u64::MAX);
        if items.len() as u64 > most {
            let error =
                Diagnostic::error(format!("{} has {} items, and at most {most} are read", at.name, items.len()));
            self.findings.push(error.at(at.of(node)).help("a chain that long is for a script"));
            return;
        }
        for item in items {
            let inner = At { name: format!("an item of {}", at.name), span: item.span };
            self.node(item, &schema["items"], &inner);
        }
    }

    fn word(&mut self, node: &Node, words: &[&str], at: &At) {
        let Some(text) = node.text().filter(|_| node.reads() == Some(Reads::Text)) else {
            return self.findings.push(advice::wrong_word(node, words, &at.name).at(at.of(node)));
        };
        if !words.contains(&text) {
            let error = Diagnostic::error(format!("{} cannot be `{text}`", at.name));
            let error = error.help(suggest::did_you_mean(text, words.iter().copied()));
            self.findings.push(error.at(node.span));
        }
    }

    fn integer(&mut self, node: &Node, text: &str, schema: &Value, at: &At) {
        let value: Option<i64> = text.parse().ok();
        let bound = |name: &str| schema.get(name).and_then(Value::as_i64);
        let within = |value: i64| {
            bound("minimum").is_none_or(|least| value >= least) && bound("maximum").unwrap_or(1_000_000) >= value
        };
        if let Some(only) = bound("const") {
            if value != Some(only) {
                let error =
                    Diagnostic::error(format!("{} {text} is unknown: this program reads version {only}", at.name));
                self.findings
                    .push(error.at(node.span).help(format!("write `rollbook: {only}`, or use a newer program")));
            }
        } else if !value.is_some_and(within) {
            let least = bound("minimum").unwrap_or(0);
            let most = bound("maximum").unwrap_or(1_000_000);
            let error = Diagnostic::error(format!("{} must be a number from {least} to {most}", at.name));
            self.findings.push(error.at(node.span).help(format!("write {least} or more")));
        }
    }

    /// A bound: decimal, and as everybody reads it (YAML knows octal numbers and numbers of base 60 too).
    fn number(&mut self, node: &Node, text: &str, at: &At) {
        let plain = text.chars().all(|c| c.is_ascii_digit() || ".-".contains(c));
        if !plain || !text.parse().is_ok_and(|number: f64| number.is_finite()) {
            let error = Diagnostic::error(format!("{} must be a decimal number", at.name));
            self.findings.push(error.at(node.span).help("write it as `200` or `1.5`"));
        }
    }

    fn text(&mut self, node: &Node, text: &str, definition: &str, schema: &Value, at: &At) {
        if definition == "Duration" {
            if let Err((message, help)) = duration::parse(text) {
                self.findings.push(Diagnostic::error(message).at(node.span).help(help));
            }
            return;
        }
        let pattern = schema.get("pattern").and_then(Value::as_str);
        if definition == "VarName" && pattern.is_some_and(|pattern| !self.matches(pattern, text)) {
            let error = Diagnostic::error(format!("{} `{text}` is no name that templates read", at.name));
            let help = advice::better_name(text, pattern.unwrap_or_default());
            return self.findings.push(error.at(at.of(node)).help(help));
        }
        if node.reads() == Some(Reads::Text) && pattern.is_some_and(|pattern| !self.matches(pattern, text)) {
            let error = match text.trim().is_empty() {
                true => Diagnostic::error(format!("{} is empty", at.name)),
                false => Diagnostic::error(format!("{} must be one line of at most 100 characters", at.name)),
            };
            self.findings.push(error.at(at.of(node)).help("write a short text"));
        }
    }

    fn matches(&mut self, pattern: &str, text: &str) -> bool {
        if !self.patterns.contains_key(pattern) {
            self.patterns.insert(pattern.to_owned(), regex::Regex::new(pattern).ok());
        }
        self.patterns[pattern].as_ref().is_some_and(|pattern| pattern.is_match(text))
    }

    fn wrong_type(&mut self, node: &Node, schema: &'a Value, at: &At) {
        let branches = schema.get("anyOf").and_then(Value::as_array);
        let wanted: Vec<(&str, &Value)> = match branches {
            Some(branches) => branches.iter().map(|branch| self.resolve(branch)).collect(),
            None => vec![self.resolve(schema)],
        };
        // `resolve` loses the name of a schema that is resolved already; a duration is known by its pattern.
        self.findings.push(advice::wrong_type(node, &wanted, &at.name).at(at.of(node)));
    }
}

/// The words an enumeration takes, however schemars wrote it.
fn words_of(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return Some(words.iter().filter_map(Value::as_str).collect());
    }
    schema.get("oneOf")?.as_array()?.iter().map(|branch| branch.get("const")?.as_str()).collect()
}
