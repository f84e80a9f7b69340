//! What to write instead: sentences for each way a document leaves the schema.

use crate::diagnostic::Diagnostic;
use crate::playbook::document::{Content, Entry, Node, Reads};
use crate::playbook::{duration, suggest};
use serde_json::Value;

/// What a playbook is, for whoever has none yet.
pub const SHORTEST: &str =
    "the shortest playbook is: `rollbook: 1`, `name: …`, `steps: [drain, stop, reboot, wait-up]`";

/// Keys of the language that this version does not do; the definition where they would stand, empty: anywhere.
const NOT_YET: [(&str, &str); 2] = [("lock", ""), ("script", "Setup")];

/// A key that the language has and this version does not.
pub fn not_yet(key: &str, definition: &str) -> Option<Diagnostic> {
    let known = NOT_YET.iter().any(|(name, place)| *name == key && (place.is_empty() || *place == definition));
    known.then(|| {
        let help = "remove it: a key without an effect would mislead";
        Diagnostic::error(format!("`{key}` is not implemented yet")).help(help)
    })
}

/// A key that nobody knows here: not implemented, at home elsewhere, or misspelt.
pub fn unknown_key(entry: &Entry, definition: &str, known: Vec<&str>, schema: &Value) -> Diagnostic {
    let key = entry.key.as_str();
    let here = if definition.is_empty() { "Playbook" } else { definition };
    let error = not_yet(key, here).unwrap_or_else(|| {
        let error = Diagnostic::error(format!("unknown key `{key}`"));
        match home_of(key, schema) {
            Some(home) => error.help(format!("`{key}` belongs {home}")),
            None => error.help(suggest::did_you_mean(key, known)),
        }
    });
    error.at(entry.key_span)
}

/// Where a key would be at home.
fn home_of(key: &str, schema: &Value) -> Option<&'static str> {
    const HOMES: [(&str, &str); 7] = [
        ("/properties", "to the top level, without an indent"),
        ("/definitions/StepMap/properties", "to a step, beside its kind"),
        ("/definitions/Cluster/properties", "under `cluster`"),
        ("/definitions/Targets/properties", "under `targets`"),
        ("/definitions/ConcurrencySettings/properties", "under `concurrency`"),
        ("/definitions/Checks/properties", "under `checks`"),
        ("/definitions/Param/properties", "to a parameter"),
    ];
    let has = |pointer: &str| schema.pointer(pointer).is_some_and(|properties| properties.get(key).is_some());
    HOMES.iter().find(|(pointer, _)| has(pointer)).map(|(_, home)| *home)
}

/// How a missing key is written.
pub fn example(key: &str) -> String {
    match key {
        "rollbook" => "begin with `rollbook: 1`, the version of the language".to_owned(),
        "name" => "add a line such as `name: rolling-reboot`".to_owned(),
        "steps" => "add what every host goes through: `steps: [drain, stop, reboot, wait-up]`".to_owned(),
        _ => format!("add `{key}: …`"),
    }
}

/// A free name in the form it should have.
pub fn better_name(name: &str, pattern: &str) -> String {
    let lower = pattern.starts_with("^[a-z]");
    let swapped: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let better = if lower { swapped.to_lowercase() } else { swapped };
    let letters =
        if lower { "small letters, digits and `_`, a letter first" } else { "letters, digits and `_`, no digit first" };
    match better.starts_with(|c: char| c.is_ascii_digit()) || better.is_empty() {
        true => format!("use {letters}"),
        false => format!("use {letters}: `{better}`"),
    }
}

/// What an empty list should have been.
pub fn empty_list(name: &str) -> &'static str {
    match name {
        "`steps`" => "a host goes through at least one step: `steps: [drain, stop, reboot, wait-up]`",
        _ => "leave the key out for its default",
    }
}

/// A value that is no word where one of a few words is wanted.
pub fn wrong_word(node: &Node, words: &[&str], name: &str) -> Diagnostic {
    Diagnostic::error(format!("{name} must be a word, not {}", form(node)))
        .help(format!("write one of {}", suggest::listed(words.iter().copied())))
}

/// A value of the wrong type. `wanted`: the schemas that were possible, with their definitions' names.
pub fn wrong_type(node: &Node, wanted: &[(&str, &Value)], name: &str) -> Diagnostic {
    let is = |kind: &str| wanted.iter().any(|(_, schema)| takes(schema, kind));
    let is_duration = wanted.iter().any(|(_, schema)| schema.get("pattern").is_some_and(|p| p == duration::PATTERN));
    let text = node.text().unwrap_or_default();
    if node.is_null() {
        return Diagnostic::error(format!("{name} has no value")).help("write one behind the `:`, or remove the key");
    }
    if is("object") && name == "a playbook" {
        return Diagnostic::error(format!("a playbook must be a map, not {}", form(node))).help(SHORTEST);
    }
    if forms(wanted) == "nothing" {
        let error = Diagnostic::error(format!("{name} takes no value, and here is {}", form(node)));
        return error.help("remove it: rollbook itself judges this step; a command of your own is a `run` step");
    }
    if is_duration
        && let Err((message, help)) = duration::parse(text)
        && !text.is_empty()
    {
        return Diagnostic::error(message).help(help);
    }
    let reads = node.reads();
    if is("string") && !is("boolean") && matches!(reads, Some(r) if r != Reads::Text) {
        let reads = reads.map_or("", Reads::name);
        let error = Diagnostic::error(format!("`{text}` without quotes reads as {reads}, and {name} is text"));
        return error.help(format!("put it in quotes: `\"{text}\"`"));
    }
    let error = Diagnostic::error(format!("{name} must be {}, not {}", forms(wanted), form(node)));
    match reads {
        Some(Reads::OldBool) if is("boolean") => error.help("YAML 1.2 knows only `true` and `false`"),
        Some(Reads::Text) if is("integer") && text.parse::<i64>().is_ok() => {
            error.help(format!("without quotes: `{text}`"))
        }
        Some(_) if is("array") => error.help(format!("write it as a list: `[{text}]`")),
        None if is("array") => error.help("begin each item with `- `"),
        _ if is("integer") => {
            error.help(format!("write a number behind the `:`, such as `{}: 1`", name.trim_matches('`')))
        }
        _ => error.help(format!("`rollbook schema` shows what {name} may be")),
    }
}

fn takes(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(several)) => several.iter().any(|one| one == kind),
        _ => schema.get("oneOf").is_some() && kind == "string",
    }
}

fn forms(wanted: &[(&str, &Value)]) -> String {
    let names = [
        ("string", "text"),
        ("integer", "a whole number"),
        ("number", "a number"),
        ("boolean", "`true` or `false`"),
        ("array", "a list"),
        ("object", "a map"),
        ("null", "nothing"),
    ];
    let taken = names.iter().filter(|(kind, _)| wanted.iter().any(|(_, schema)| takes(schema, kind)));
    taken.map(|(_, name)| *name).collect::<Vec<_>>().join(" or ")
}

fn form(node: &Node) -> String {
    match (&node.content, node.reads()) {
        (Content::Map(_), _) => "a map".to_owned(),
        (Content::List(_), _) => "a list".to_owned(),
        (Content::Scalar { text, .. }, Some(Reads::Text)) => format!("the text `{}`", text.escape_debug()),
        (Content::Scalar { text, .. }, _) => format!("`{}`", text.escape_debug()),
    }
}
