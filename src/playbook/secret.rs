//! Secrets: a playbook and a plan say where each comes from, never what it is.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// Where a secret is read when a run begins, and again when it is resumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A variable of rollbook's own environment.
    Env(String),
    /// An absolute path.
    File(String),
    /// Words of a command on this machine that prints it.
    Command(Vec<String>),
}

/// The only key of what stands for a secret among the values of parameters.
const KEY: &str = "secret";

impl Source {
    /// What stands for the secret among the values of parameters, in a plan too.
    pub fn stand_in(&self) -> Value {
        json!({ KEY: self })
    }

    /// None: the parameter has a value of its own.
    pub fn of(value: &Value) -> Option<Source> {
        let map = value.as_object().filter(|map| map.len() == 1)?;
        serde_json::from_value(map.get(KEY)?.clone()).ok()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Env(name) => write!(f, "the variable `{name}`"),
            Source::File(path) => write!(f, "the file `{path}`"),
            Source::Command(words) => write!(f, "what `{}` prints", words.join(" ")),
        }
    }
}

/// The secrets among the values of parameters, and where each comes from.
pub fn sources(params: &BTreeMap<String, Value>) -> BTreeMap<&str, Source> {
    params.iter().filter_map(|(name, value)| Some((name.as_str(), Source::of(value)?))).collect()
}

/// A secret's text. It is shown by no `{:?}`, and written nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// For the environment of the command that gets it, and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹secret›")
    }
}
