//! Holes of a plan filled when the run starts: `‹run.id›`, `‹run.reason|quote›`, `‹args›`.

use super::{safe, values};
use crate::diagnostic::Diagnostic;
use std::collections::BTreeMap;

/// A command's words with the run's values in them. A reason without a filter must be a safe word.
///
/// Errors: a hole that nobody knows (a plan edited by hand), no reason given, an unsafe one.
pub fn fill(words: &[String], run_id: &str, reason: Option<&str>) -> Result<Vec<String>, Diagnostic> {
    let values = Values { run_id, reason, safe: true };
    words.iter().map(|word| values.fill(word)).collect()
}

/// An environment with the run's values in it: any text is safe there.
pub fn fill_env(
    env: &BTreeMap<String, String>,
    run_id: &str,
    reason: Option<&str>,
) -> Result<BTreeMap<String, String>, Diagnostic> {
    let values = Values { run_id, reason, safe: false };
    env.iter().map(|(name, text)| Ok((name.clone(), values.fill(text)?))).collect()
}

/// A nodetool command with the words of one question where `‹args›` stands.
pub fn fill_args(words: &[String], args: &[&str]) -> Vec<String> {
    let mut filled = Vec::new();
    for word in words {
        match word.as_str() {
            "‹args›" => filled.extend(args.iter().map(|arg| (*arg).to_owned())),
            _ => filled.push(word.clone()),
        }
    }
    filled
}

struct Values<'a> {
    run_id: &'a str,
    reason: Option<&'a str>,
    safe: bool,
}

impl Values<'_> {
    /// One pass: a value that looks like a hole is not filled again.
    fn fill(&self, word: &str) -> Result<String, Diagnostic> {
        let mut text = String::new();
        let mut rest = word;
        while let Some((before, after)) = rest.split_once('‹') {
            let Some((hole, after)) = after.split_once('›') else {
                return Err(Diagnostic::error(format!("`{word}` has a `‹` without a `›`")));
            };
            text.push_str(before);
            text.push_str(&self.value(hole, word)?);
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }

    fn value(&self, hole: &str, word: &str) -> Result<String, Diagnostic> {
        let mut parts = hole.split('|');
        let name = parts.next().unwrap_or_default();
        let given = match name {
            "run.id" => Some(self.run_id),
            "run.reason" => self.reason.map(str::trim).filter(|reason| !reason.is_empty()),
            _ => return Err(Diagnostic::error(format!("`‹{hole}›` in `{word}` is nothing that a run knows"))),
        };
        let Some(given) = given else {
            let message = format!("`{word}` needs the reason of the run, and none was given");
            return Err(Diagnostic::error(message).help("say why: `--reason TEXT`"));
        };
        let mut value = given.to_owned();
        let mut filtered = false;
        for filter in parts {
            value = apply(filter, &value).ok_or_else(|| Diagnostic::error(format!("`‹{hole}›` cannot be filled")))?;
            filtered = true;
        }
        if self.safe && !filtered {
            safe::check(&value).map_err(|why| {
                let message = format!("`{name}` is `{}`, and stands bare in `{word}`: {why}", value.escape_debug());
                let help =
                    format!("write `{{{{ {name} | quote }}}}` in the playbook, or give a reason in one safe word");
                Diagnostic::error(message).help(help)
            })?;
        }
        Ok(value)
    }
}

fn apply(filter: &str, value: &str) -> Option<String> {
    match filter {
        "word" => Some(value.to_owned()),
        "quote" => values::quote(value),
        "tojson" => serde_json::to_string(value).ok(),
        _ => None,
    }
}
