//! Holes of a plan filled while it runs: `‹run.id›`, `‹run.reason|quote›`, `‹host.vars.port›`, `‹args›`.

use super::{SECRETS, VAR_PREFIX, safe, values, var_name};
use crate::diagnostic::Diagnostic;
use crate::playbook::secret::Secret;
use std::collections::BTreeMap;

/// What a run knows when a command starts.
#[derive(Clone, Copy, Debug)]
pub struct RunValues<'a> {
    pub run_id: &'a str,
    pub reason: Option<&'a str>,
    /// What steps of this host have registered.
    pub vars: &'a BTreeMap<String, String>,
    /// Only an environment gets them.
    pub secrets: &'a BTreeMap<String, Secret>,
}

static NO_SECRETS: BTreeMap<String, Secret> = BTreeMap::new();

/// A command's words with the run's values in them. A value without a filter must be a safe word.
///
/// Errors: a hole that nobody knows (a plan edited by hand), no reason given, no value registered, an unsafe one.
pub fn fill(words: &[String], values: &RunValues) -> Result<Vec<String>, Diagnostic> {
    let values = Values { values, safe: true };
    words.iter().map(|word| values.fill(word)).collect()
}

/// An environment with the run's values in it: any text is safe there. What a script would be told of a variable
/// that no step has registered is left out.
pub fn fill_env(env: &BTreeMap<String, String>, values: &RunValues) -> Result<BTreeMap<String, String>, Diagnostic> {
    let all = Values { values, safe: false };
    let known = |name: &str, text: &str| {
        let hole = text.strip_prefix('‹').and_then(|rest| rest.strip_suffix('›')).and_then(var_name);
        !name.starts_with(VAR_PREFIX) || hole.is_none_or(|var| values.vars.contains_key(var))
    };
    let env = env.iter().filter(|(name, text)| known(name, text));
    env.map(|(name, text)| Ok((name.clone(), all.fill(text)?))).collect()
}

/// Can every variable of the host in these words be filled? What the run itself knows is not judged here.
pub fn check_vars<'a>(
    words: impl IntoIterator<Item = &'a String>,
    vars: &BTreeMap<String, String>,
) -> Result<(), Diagnostic> {
    let values = RunValues { run_id: "x", reason: Some("x"), vars, secrets: &NO_SECRETS };
    let values = Values { values: &values, safe: true };
    words.into_iter().filter(|word| word.contains("‹host.")).try_for_each(|word| values.fill(word).map(drop))
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
    values: &'a RunValues<'a>,
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

    fn secret(&self, name: &str) -> Result<String, Diagnostic> {
        if self.safe {
            let message = format!("the secret `{name}` stands in a command, where everybody would see it");
            return Err(Diagnostic::error(message));
        }
        let secret = self.values.secrets.get(name).map(|secret| secret.expose().to_owned());
        secret.ok_or_else(|| Diagnostic::error(format!("the secret `{name}` was not read")))
    }

    fn value(&self, hole: &str, word: &str) -> Result<String, Diagnostic> {
        if let Some(name) = hole.strip_prefix(SECRETS) {
            return self.secret(name);
        }
        let mut parts = hole.split('|');
        let name = parts.next().unwrap_or_default();
        let given = match name {
            "run.id" => Some(self.values.run_id),
            "run.reason" => self.values.reason.map(str::trim).filter(|reason| !reason.is_empty()),
            name if var_name(name).is_some() => {
                let known = var_name(name).and_then(|var| self.values.vars.get(var));
                let help = "no step before it registered one: it failed, was left out, or its end was not seen";
                let missing = || Diagnostic::error(format!("`{name}` has no value on this host")).help(help);
                Some(known.ok_or_else(missing)?.as_str())
            }
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
                let or = if name == "run.reason" {
                    "or give a reason in one safe word".to_owned()
                } else {
                    format!(
                        "`{{{{ {name} | word }}}}` where no far shell reads it, or give it by `env:` or to a script"
                    )
                };
                Diagnostic::error(message).help(format!("write `{{{{ {name} | quote }}}}` in the playbook, {or}"))
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
