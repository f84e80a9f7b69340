//! Words as written → words of one host. Each word is rendered alone, after splitting: no value can
//! end a quote or add a word. What only a run knows stays a hole (`‹run.id›`, `‹args›`).

mod fill;
mod names;
pub mod safe;
mod values;

pub use fill::{RunValues, check_vars, fill, fill_args, fill_env};
pub use names::{Declared, Scope, check};
pub(super) use names::{judge as judge_name, names as names_in, position as name_at};

use super::command::template_end;
use super::model::{Command, Word};
use crate::diagnostic::{Diagnostic, Span};
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Values of the playbook's parameters, as `params::bind` gives them.
pub type Params = BTreeMap<String, serde_json::Value>;

/// What templates read as `host`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostContext {
    /// The address the cluster knows the host by.
    pub address: String,
    /// What ssh takes; `{{ host }}` prints it.
    pub ssh: String,
    pub name: String,
    /// Cassandra's host id.
    pub id: String,
    pub datacenter: String,
    pub rack: String,
    /// What is known of the host before the run (`cluster.hosts`), by name.
    pub vars: BTreeMap<String, HostVar>,
}

/// A value of a host that a file gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostVar {
    pub value: String,
    /// `names.yaml:3:24`
    pub place: String,
}

/// Before a variable's name in the environment of a script.
pub const VAR_PREFIX: &str = "ROLLBOOK_VAR_";

/// What templates read as `cluster`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterContext {
    pub name: String,
    /// Rendered by `render_ssh`.
    pub ssh: Vec<String>,
    pub service: String,
}

/// Words of a step's command, its probe or of `cluster.nodetool` on one host. Holes stay:
/// `‹run.id›`, `‹run.reason|quote›`, and `‹args›` as a word of its own.
///
/// Errors: an unsafe value, a value of the wrong form, a command that renders to nothing.
pub fn render_command(
    command: &Command,
    host: &HostContext,
    cluster: &ClusterContext,
    params: &Params,
) -> Result<Vec<String>, Diagnostic> {
    render(command, &context(Some(host), Some(cluster), params), &host.vars)
}

/// Words of a `setup` command: there is no `host`.
pub fn render_setup(command: &Command, cluster: &ClusterContext, params: &Params) -> Result<Vec<String>, Diagnostic> {
    render(command, &context(None, Some(cluster), params), &BTreeMap::new())
}

/// Words of `cluster.ssh`: only `params` are known.
pub fn render_ssh(command: &Command, params: &Params) -> Result<Vec<String>, Diagnostic> {
    render(command, &context(None, None, params), &BTreeMap::new())
}

/// The `env` of a step on one host. No shell reads these: any text may stand in them.
pub fn render_env(
    env: &BTreeMap<String, Word>,
    host: &HostContext,
    cluster: &ClusterContext,
    params: &Params,
) -> Result<BTreeMap<String, String>, Diagnostic> {
    let context = context(Some(host), Some(cluster), params);
    let environment = values::environment();
    let vars = &host.vars;
    let render =
        |word: &Word| Renderer { word, environment: &environment, context: &context, vars, safe: false }.text();
    env.iter().map(|(name, word)| Ok((name.clone(), render(word)?))).collect()
}

/// A regular expression on one host: what the author wrote is one, values in it stand for themselves.
pub fn render_pattern(
    word: &Word,
    host: &HostContext,
    cluster: &ClusterContext,
    params: &Params,
) -> Result<String, Diagnostic> {
    let context = context(Some(host), Some(cluster), params);
    let environment = values::environment();
    let renderer = Renderer { word, environment: &environment, context: &context, vars: &host.vars, safe: false };
    let mut pattern = String::new();
    for piece in pieces(&word.template) {
        match piece {
            Piece::Text(text) => pattern.push_str(text),
            Piece::Expression(number, expression) => {
                if renderer.hole(expression).is_some() {
                    let message = format!("`{}` is not known before the run", expression.trim());
                    let error = Diagnostic::error(message).at(place(word, number, expression, None));
                    return Err(error.help("compare it in a command or a script of your own"));
                }
                let value = renderer.value(number, expression)?;
                pattern.push_str(&regex::escape(&renderer.value_text(number, expression, &value)?));
            }
        }
    }
    Ok(pattern)
}

/// The same word, with what the author wrote standing for itself where a regular expression is read.
pub fn literally(word: &Word) -> Word {
    let literal = |piece: Piece| match piece {
        Piece::Text(text) => regex::escape(text),
        Piece::Expression(_, expression) => format!("{{{{{expression}}}}}"),
    };
    Word { template: pieces(&word.template).into_iter().map(literal).collect(), ..word.clone() }
}

/// What a `script` gets as environment variables; `ROLLBOOK_RUN` is a hole, and so is what steps before it register.
/// Lists are joined by spaces.
pub fn script_env(
    host: &HostContext,
    cluster: &ClusterContext,
    params: &Params,
    registered: &BTreeSet<String>,
) -> BTreeMap<String, String> {
    let mut env = BTreeMap::from([
        ("ROLLBOOK_HOST".to_owned(), host.ssh.clone()),
        ("ROLLBOOK_ADDRESS".to_owned(), host.address.clone()),
        ("ROLLBOOK_DC".to_owned(), host.datacenter.clone()),
        ("ROLLBOOK_RACK".to_owned(), host.rack.clone()),
        ("ROLLBOOK_CLUSTER".to_owned(), cluster.name.clone()),
        ("ROLLBOOK_RUN".to_owned(), "‹run.id›".to_owned()),
    ]);
    for name in registered {
        env.insert(format!("{VAR_PREFIX}{}", name.to_uppercase()), format!("‹{VARS}{name}›"));
    }
    for (name, known) in &host.vars {
        env.insert(format!("{VAR_PREFIX}{}", name.to_uppercase()), known.value.clone());
    }
    for (name, value) in params {
        let text = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Object(_) => secret_hole(name),
            serde_json::Value::Array(items) => {
                items.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(" ")
            }
            other => other.to_string(),
        };
        env.insert(format!("ROLLBOOK_PARAM_{}", name.to_uppercase()), text);
    }
    env
}

/// A value of the playbook's parameters for minijinja.
pub(super) fn params_value(params: &Params) -> Value {
    Value::from(minijinja::value::Serde(params))
}

/// An environment for bare expressions, bounded and with nothing undocumented in it.
pub(super) fn expressions() -> Environment<'static> {
    values::environment()
}

fn context(host: Option<&HostContext>, cluster: Option<&ClusterContext>, params: &Params) -> Value {
    let mut names = BTreeMap::from([("params", params_value(params))]);
    if let Some(host) = host {
        names.insert("host", Value::from_object(values::HostValue(host.clone())));
    }
    if let Some(cluster) = cluster {
        // Words of the playbook itself are the author's: rendered once, not judged again.
        let ssh = cluster.ssh.iter().map(|word| Value::from_object(values::Ready(word.clone())));
        let map = BTreeMap::from([
            ("name", Value::from(cluster.name.as_str())),
            ("ssh", Value::from(ssh.collect::<Vec<_>>())),
            ("service", Value::from(cluster.service.as_str())),
        ]);
        names.insert("cluster", Value::from(map));
    }
    Value::from(names)
}

fn render(command: &Command, context: &Value, vars: &BTreeMap<String, HostVar>) -> Result<Vec<String>, Diagnostic> {
    let environment = values::environment();
    let mut words = Vec::new();
    for word in &command.words {
        Renderer { word, environment: &environment, context, vars, safe: true }.words(&mut words)?;
    }
    if words.first().is_none_or(|word| word.is_empty()) {
        let message = "the command renders to nothing: its first word, the program, is empty";
        return Err(Diagnostic::error(message).at(command.span).help("write the program as a word of its own"));
    }
    Ok(words)
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    /// The inside of the n-th `{{ … }}`.
    Expression(usize, &'a str),
}

/// A template's parts. An open `{{` cannot occur in a word that was split; it stays text.
fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let (mut at, mut number) = (0, 0);
    while let Some(open) = template[at..].find("{{").map(|open| at + open) {
        let Some(end) = template_end(template, open) else { break };
        if open > at {
            found.push(Piece::Text(&template[at..open]));
        }
        found.push(Piece::Expression(number, &template[open + 2..end - 2]));
        number += 1;
        at = end;
    }
    if at < template.len() {
        found.push(Piece::Text(&template[at..]));
    }
    found
}

/// Before the name of a secret in a hole.
const SECRETS: &str = "secret.";

fn secret_hole(name: &str) -> String {
    format!("‹{SECRETS}{name}›")
}

/// Before the name of a host's variable.
const VARS: &str = "host.vars.";

/// The variable's name, if a dotted name is one of a host.
pub(super) fn var_name(name: &str) -> Option<&str> {
    let var = name.strip_prefix(VARS)?;
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (var.starts_with(|c: char| c.is_ascii_lowercase()) && var.chars().all(fine)).then_some(var)
}

/// The text of a hole, if an expression is one: `run.id`, `run.reason` or a host's variable with filters, or `args`.
fn hole(expression: &str) -> Option<String> {
    let mut parts = expression.split('|').map(str::trim);
    let name = parts.next()?;
    let filters: Vec<&str> = parts.collect();
    let known = match name {
        "run.id" | "run.reason" => filters.iter().all(|filter| ["word", "quote", "tojson"].contains(filter)),
        "args" => filters.is_empty(),
        name if var_name(name).is_some() => filters.iter().all(|filter| ["word", "quote", "tojson"].contains(filter)),
        _ => false,
    };
    let text = std::iter::once(name).chain(filters).collect::<Vec<_>>().join("|");
    known.then(|| format!("‹{text}›"))
}

/// Parameters that stand in a word as they are, without a filter, with their places.
pub(super) fn bare_params(word: &Word) -> Vec<(String, Span)> {
    let mut found = Vec::new();
    for piece in pieces(&word.template) {
        if let Piece::Expression(number, expression) = piece
            && let Some(name) = expression.trim().strip_prefix("params.")
        {
            found.push((name.to_owned(), place(word, number, expression, None)));
        }
    }
    found
}

/// Variables of the host that a word reads, with their places.
pub(super) fn vars_read(word: &Word) -> Vec<(String, Span)> {
    let mut found = Vec::new();
    for piece in pieces(&word.template) {
        let Piece::Expression(number, expression) = piece else { continue };
        for name in names::names(expression).unwrap_or_default() {
            if let Some(var) = var_name(&name) {
                let part = names::position(expression, &name);
                found.push((var.to_owned(), place(word, number, expression, part)));
            }
        }
    }
    found
}

/// Variables of the host that an expression reads.
pub fn vars_in(expression: &str) -> Vec<String> {
    let names = names::names(expression).unwrap_or_default();
    names.iter().filter_map(|name| var_name(name)).map(str::to_owned).collect()
}

/// Where a word reads the run's reason, if it does.
pub(super) fn reads_reason(word: &Word) -> Option<Span> {
    pieces(&word.template).into_iter().find_map(|piece| match piece {
        Piece::Expression(number, expression) if hole(expression)?.starts_with("‹run.reason") => {
            Some(place(word, number, expression, None))
        }
        _ => None,
    })
}

/// Where the n-th expression of a word, or a part of it, stands in the file.
fn place(word: &Word, number: usize, expression: &str, part: Option<Range<usize>>) -> Span {
    match (word.holes.get(number), part) {
        // Only where the file has the same bytes (no escapes between) does a part keep its place.
        (Some(hole), Some(part)) if hole.end - hole.start == expression.len() => {
            Span::new(hole.start + part.start, hole.start + part.end)
        }
        (Some(hole), _) => *hole,
        (None, _) => word.span,
    }
}

/// What a template error says, without values: they may be secrets.
fn reason(error: &Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

struct Renderer<'a> {
    word: &'a Word,
    environment: &'a Environment<'static>,
    context: &'a Value,
    /// Variables of the host that are known: no holes.
    vars: &'a BTreeMap<String, HostVar>,
    /// Must values be safe words?
    safe: bool,
}

impl Renderer<'_> {
    /// What only the run knows.
    fn hole(&self, expression: &str) -> Option<String> {
        if let Some(secret) = self.secret(expression) {
            return Some(secret);
        }
        let name = expression.split('|').next().unwrap_or_default().trim();
        let known = var_name(name).is_some_and(|var| self.vars.contains_key(var));
        hole(expression).filter(|_| !known)
    }

    /// The hole of a secret. Where a far shell or a process list would see it there is none: it has no text then.
    fn secret(&self, expression: &str) -> Option<String> {
        let name = expression.trim().strip_prefix("params.").filter(|_| !self.safe)?;
        let value = self.context.get_attr("params").and_then(|params| params.get_attr(name)).ok()?;
        (value.kind() == ValueKind::Map).then(|| secret_hole(name))
    }

    fn words(&self, out: &mut Vec<String>) -> Result<(), Diagnostic> {
        if let [Piece::Expression(number, expression)] = pieces(&self.word.template)[..]
            && self.hole(expression).is_none()
        {
            let value = self.value(number, expression)?;
            if value.kind() == ValueKind::Seq {
                for item in value.try_iter().into_iter().flatten() {
                    out.push(self.value_text(number, expression, &item)?);
                }
                return Ok(());
            }
        }
        out.push(self.text()?);
        Ok(())
    }

    fn text(&self) -> Result<String, Diagnostic> {
        let mut text = String::new();
        for piece in pieces(&self.word.template) {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Expression(number, expression) => match self.hole(expression) {
                    Some(hole) => text.push_str(&hole),
                    None => {
                        let value = self.value(number, expression)?;
                        text.push_str(&self.value_text(number, expression, &value)?);
                    }
                },
            }
        }
        Ok(text)
    }

    fn value(&self, number: usize, expression: &str) -> Result<Value, Diagnostic> {
        let evaluated = self.environment.compile_expression(expression).and_then(|it| it.eval(self.context.clone()));
        let value = evaluated.map_err(|error| {
            let message = format!("`{{{{{expression}}}}}` cannot be rendered: {}", reason(&error));
            Diagnostic::error(message).at(place(self.word, number, expression, error.range()))
        })?;
        if value.is_undefined() {
            return Err(self.error(number, expression, "has no value"));
        }
        Ok(value)
    }

    fn value_text(&self, number: usize, expression: &str, value: &Value) -> Result<String, Diagnostic> {
        if value.kind() == ValueKind::Seq {
            let error = self.error(number, expression, "is a list, and a list must stand alone in its word");
            return Err(error.help("put blanks round it, or write one `{{ … }}` for a single value"));
        }
        let Some(text) = values::text(value) else {
            return Err(self.error(number, expression, &format!("is no text but a {}", value.kind())));
        };
        if let Some(bad) = safe::never(&text) {
            return Err(self.error(number, expression, &format!("contains `{}`", bad.escape_debug())));
        }
        if self.safe && value.downcast_object_ref::<values::Ready>().is_none() {
            safe::check(&text).map_err(|why| self.unsafe_value(number, expression, &text, &why))?;
        }
        Ok(text)
    }

    fn unsafe_value(&self, number: usize, expression: &str, text: &str, why: &safe::Unsafe) -> Diagnostic {
        let name = expression.trim();
        if let Some(var) = var_name(name).and_then(|var| self.vars.get(var)) {
            let message = format!("is `{}` ({}): {why}", text.escape_debug(), var.place);
            return self.error(number, expression, &message).help(format!(
                "write another value there, or `{{{{ {name} | quote }}}}` here if a far shell reads it, `{{{{ {name} | \
                 word }}}}` if none does, or give it by `env:`"
            ));
        }
        let error = self.error(number, expression, &format!("is `{}`: {why}", text.escape_debug()));
        error.help(format!(
            "allow only safe values (`pattern:` on the parameter), or write `{{{{ {name} | quote }}}}` if a far shell \
             reads it, `{{{{ {name} | word }}}}` if none does, or give it by `env:`"
        ))
    }

    fn error(&self, number: usize, expression: &str, what: &str) -> Diagnostic {
        Diagnostic::error(format!("`{}` {what}", expression.trim())).at(place(self.word, number, expression, None))
    }
}

#[cfg(test)]
mod tests;
