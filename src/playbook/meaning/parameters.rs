//! `params`: types, patterns and defaults.

use super::Reading;
use crate::diagnostic::Diagnostic;
use crate::playbook::model::{Param, ParamType};
use crate::playbook::params::{check_value, type_name};
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
            span: self.span(&path),
        };
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
