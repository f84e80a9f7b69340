//! `params`: types, patterns and defaults.

use super::Reading;
use crate::diagnostic::Diagnostic;
use crate::playbook::model::{Param, ParamType};
use crate::playbook::params::{check_value, type_name};
use crate::playbook::secret::Source;
use crate::playbook::template::Scope;
use crate::playbook::written;
use serde_json::Value;
use std::collections::BTreeMap;

impl Reading<'_> {
    pub(super) fn params(&mut self, written: BTreeMap<String, written::Param>) -> BTreeMap<String, Param> {
        written.into_iter().map(|(name, param)| (name.clone(), self.param(&name, param))).collect()
    }

    fn param(&mut self, name: &str, written: written::Param) -> Param {
        let path = format!("params.{name}");
        let kind = written.kind.map_or(ParamType::String, kind_of);
        let param = Param {
            description: written.description,
            kind,
            pattern: written.pattern,
            default: written.default,
            secret: None,
            span: self.span(&path),
        };
        if let Some(secret) = written.secret {
            let secret = self.secret(&path, &param, written.kind.is_some(), secret);
            return Param { secret: Some(secret), default: None, ..param };
        }
        if !self.pattern(&path, &param) {
            return param;
        }
        let place = format!("{path}.default");
        if let Some(default) = &param.default
            && let Err(mut finding) = check_value(name, &param, default)
        {
            if let (None, Some(fitting)) = (written.kind, type_of(default)) {
                finding = finding.help(format!("add `type: {fitting}`"));
            }
            self.find(&place, finding);
        }
        param
    }

    /// Where a secret comes from. One that cannot be read has its finding, and a stand-in.
    fn secret(&mut self, path: &str, param: &Param, typed: bool, written: written::Secret) -> Source {
        let set = [
            ("type", typed, "it is any text"),
            ("pattern", param.pattern.is_some(), "a value that does not match would have to be shown"),
            ("default", param.default.is_some(), "its value may stand in no file"),
        ];
        for (key, _, why) in set.into_iter().filter(|(_, set, _)| *set) {
            let error = Diagnostic::error(format!("a secret has no `{key}`: {why}"));
            self.find(&format!("{path}.{key}"), error.help("remove it"));
        }
        let place = format!("{path}.secret");
        match (written.env, written.file, written.command) {
            (Some(name), None, None) => {
                let fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
                if !name.0.chars().all(fine) || name.0.starts_with(|c: char| c.is_ascii_digit()) {
                    let error = Diagnostic::error(format!("`{}` is no name of a variable", name.0.escape_debug()));
                    self.find(&format!("{place}.env"), error.help("letters, digits and `_`: `REAPER_TOKEN`"));
                }
                Source::Env(name.0)
            }
            (None, Some(file), None) => {
                if !file.0.starts_with('/') || file.0.chars().any(char::is_control) {
                    let error = Diagnostic::error(format!("`{}` is no absolute path", file.0.escape_debug()));
                    let help = "a plan may be run from elsewhere: write the whole path, `/run/secrets/reaper`";
                    self.find(&format!("{place}.file"), error.help(help));
                }
                Source::File(file.0)
            }
            (None, None, Some(command)) => Source::Command(self.plain_words(&format!("{place}.command"), &command.0)),
            _ => {
                let error = Diagnostic::error("a secret comes from exactly one place");
                self.find(&place, error.help("write one of `env`, `file`, `command` under it"));
                Source::Env(String::new())
            }
        }
    }

    /// Words of a command that is run before anything is known.
    fn plain_words(&mut self, path: &str, written: &str) -> Vec<String> {
        if written.contains("{{") {
            let error = Diagnostic::error("the command of a secret takes no template");
            self.find(path, error.help("write it as it stands, or a `file:`, or a variable by `env:`"));
            return vec!["true".to_owned()];
        }
        let command = self.command(path, Scope::Ssh, written);
        command.words.into_iter().map(|word| word.template).collect()
    }

    /// Can values be judged by the pattern?
    fn pattern(&mut self, path: &str, param: &Param) -> bool {
        let Some(pattern) = &param.pattern else { return true };
        let place = format!("{path}.pattern");
        if matches!(param.kind, ParamType::Bool | ParamType::Int) {
            let message = format!("`pattern` has no effect on the type {}", type_name(param.kind));
            self.find(&place, Diagnostic::error(message).help("remove it"));
            return false;
        }
        match regex::Regex::new(&format!("^(?:{pattern})$")) {
            Ok(_) => true,
            Err(error) => {
                let why = match error {
                    regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
                    other => {
                        other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
                    }
                };
                let error = Diagnostic::error(format!("`pattern` is no regular expression: {why}"));
                self.find(&place, error.help("for example `'[0-9]+\\.[0-9]+'`; the whole value must match"));
                false
            }
        }
    }
}

fn kind_of(written: written::ParamType) -> ParamType {
    match written {
        written::ParamType::String => ParamType::String,
        written::ParamType::Text => ParamType::Text,
        written::ParamType::Bool => ParamType::Bool,
        written::ParamType::Int => ParamType::Int,
        written::ParamType::List => ParamType::List,
    }
}

/// The type a default would have.
fn type_of(value: &Value) -> Option<&'static str> {
    match value {
        Value::Bool(_) => Some("bool"),
        Value::Number(_) => Some("int"),
        Value::Array(_) => Some("list"),
        _ => None,
    }
}
