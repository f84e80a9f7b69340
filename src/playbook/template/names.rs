//! Names in templates, judged without values: what a template may read where it stands.

use super::{Piece, hole, pieces, place, reason, values};
use crate::diagnostic::Diagnostic;
use crate::playbook::model::Word;
use crate::playbook::suggest;
use std::collections::BTreeSet;

/// Where a template stands decides what it may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `cluster.ssh`: only parameters.
    Ssh,
    /// `cluster.nodetool`: the host's address, and `args`.
    Nodetool,
    /// `setup`: the cluster and the run, no host.
    Setup,
    /// `gates`: the cluster; asked again and again, it knows no host and no run.
    Gate,
    /// A step's command or probe.
    Step,
    /// A step's `env`: what a step may read, and secrets.
    Env,
    /// `when`: parameters, and variables of the host.
    When,
}

impl Scope {
    fn names(self) -> &'static [&'static str] {
        const CLUSTER: [&str; 3] = ["cluster.name", "cluster.ssh", "cluster.service"];
        const HOST: [&str; 7] =
            ["host", "host.address", "host.ssh", "host.name", "host.id", "host.datacenter", "host.rack"];
        // Asked before anything is known of a node but its address.
        const NODETOOL: [&str; 6] = ["host", "host.address", "host.ssh", "cluster.ssh", "cluster.service", "args"];
        const SETUP: [&str; 5] = joined(&[&CLUSTER, &["run.id", "run.reason"]]);
        const STEP: [&str; 12] = joined(&[&HOST, &CLUSTER, &["run.id", "run.reason"]]);
        match self {
            Scope::Ssh | Scope::When => &[],
            Scope::Nodetool => &NODETOOL,
            Scope::Setup => &SETUP,
            Scope::Gate => &CLUSTER,
            Scope::Step | Scope::Env => &STEP,
        }
    }
}

const fn joined<const N: usize>(parts: &[&[&'static str]]) -> [&'static str; N] {
    let mut all = [""; N];
    let (mut part, mut at) = (0, 0);
    while part < parts.len() {
        let mut item = 0;
        while item < parts[part].len() {
            all[at] = parts[part][item];
            at += 1;
            item += 1;
        }
        part += 1;
    }
    all
}

/// The parameters of a playbook.
#[derive(Clone, Debug, Default)]
pub struct Declared<'a> {
    pub names: BTreeSet<&'a str>,
    /// Those of them whose values may stand nowhere.
    pub secrets: BTreeSet<&'a str>,
}

/// Everything wrong with the expressions of a word: syntax, unknown names, a run's value in the middle
/// of an expression, a secret that would be seen.
pub fn check(word: &Word, scope: Scope, params: &Declared) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for piece in pieces(&word.template) {
        let Piece::Expression(number, expression) = piece else { continue };
        let at = |part| place(word, number, expression, part);
        match names(expression) {
            Err(error) => {
                let message = format!("`{{{{{expression}}}}}` cannot be read: {}", error.0);
                let help = "a template names one value: `{{ host.rack }}`, `{{ params.version | quote }}`";
                found.push(Diagnostic::error(message).at(at(error.1)).help(help));
            }
            Ok(names) => {
                if let Some(filter) = unknown_filter(expression) {
                    let help = suggest::did_you_mean(filter, FILTERS);
                    let error = Diagnostic::error(format!("unknown filter `{filter}`")).help(help);
                    found.push(error.at(at(position(expression, filter))));
                }
                for name in names {
                    if let Some(finding) = judge(&name, expression, scope, params) {
                        found.push(finding.at(at(position(expression, &name))));
                    }
                }
            }
        }
    }
    found
}

const FILTERS: [&str; 3] = ["word", "quote", "tojson"];

/// The first filter that does not exist; `|` inside a string of the expression is text.
fn unknown_filter(expression: &str) -> Option<&str> {
    let mut quote = None;
    for (at, character) in expression.char_indices() {
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if character == '"' || character == '\'' => quote = Some(character),
            None if character == '|' => {
                let name = expression[at + 1..].trim_start();
                let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
                if !FILTERS.contains(&&name[..end]) {
                    return Some(&name[..end]);
                }
            }
            None => {}
        }
    }
    None
}

/// Names that an expression reads, dotted; or why it cannot be read, with the place inside it.
pub(in crate::playbook) fn names(
    expression: &str,
) -> Result<BTreeSet<String>, (String, Option<std::ops::Range<usize>>)> {
    if expression.trim().is_empty() {
        return Err(("it is empty".to_owned(), None));
    }
    if expression.starts_with(['-', '+']) || expression.ends_with(['-', '+']) {
        return Err(("a sign at the braces has no meaning here".to_owned(), None));
    }
    let environment = values::environment();
    let compiled = environment.compile_expression(expression).map_err(|error| (reason(&error), error.range()))?;
    Ok(compiled.undeclared_variables(true).into_iter().collect())
}

/// Where a name stands in its expression.
pub(in crate::playbook) fn position(expression: &str, name: &str) -> Option<std::ops::Range<usize>> {
    expression.find(name).map(|at| at..at + name.len())
}

/// What is wrong with one name, if anything.
pub(in crate::playbook) fn judge(name: &str, expression: &str, scope: Scope, params: &Declared) -> Option<Diagnostic> {
    let (secrets, params) = (&params.secrets, &params.names);
    if let Some(param) = name.strip_prefix("params.") {
        if secrets.contains(param) {
            return secret_is_seen(param, expression, scope);
        }
        if params.contains(param) {
            return None;
        }
        let error = Diagnostic::error(format!("unknown parameter `{param}`"));
        return Some(match params.is_empty() {
            true => error.help(format!("declare it: `params: {{ {}: {{}} }}`", param.replace(['.', '-'], "_"))),
            false => error.help(suggest::did_you_mean(param, params.iter().copied())),
        });
    }
    let var = super::var_name(name).is_some() && matches!(scope, Scope::Step | Scope::Env | Scope::When);
    if scope.names().contains(&name) || var {
        let waits_for_the_run = scope != Scope::When && (name.starts_with("run.") || name == "args" || var);
        if waits_for_the_run && hole(expression).is_none() {
            let when = if var { "the run comes to the step" } else { "the run starts" };
            let message = format!("`{name}` is known only when {when}, so no expression can use it");
            let help =
                format!("let it stand alone: `{{{{ {name} }}}}`, at most with a filter (`word`, `quote`, `tojson`)");
            return Some(Diagnostic::error(message).help(help));
        }
        return None;
    }
    Some(unknown(name, scope, params))
}

/// A secret may stand alone in an `env`, and nowhere else.
fn secret_is_seen(param: &str, expression: &str, scope: Scope) -> Option<Diagnostic> {
    let name = format!("params.{param}");
    if scope != Scope::Env {
        let error = Diagnostic::error(format!("`{name}` is a secret, and would be seen here"));
        let variable = param.to_uppercase();
        let help = format!(
            "only the environment of a step has secrets: write `env: {{ {variable}: \"{{{{ {name} }}}}\" }}` beside it and \
             let the command read `{variable}`, or write a `script:`, which reads `ROLLBOOK_PARAM_{variable}`"
        );
        return Some(error.help(help));
    }
    (expression.trim() != name).then(|| {
        let error = Diagnostic::error(format!("`{name}` is a secret, and no expression can use it"));
        error.help(format!("let it stand alone: `{{{{ {name} }}}}`"))
    })
}

fn unknown(name: &str, scope: Scope, params: &BTreeSet<&str>) -> Diagnostic {
    let error = Diagnostic::error(format!("unknown name `{name}`"));
    if name == "params" {
        return Diagnostic::error("`params` is no value by itself").help("name one: `params.NAME`");
    }
    if params.contains(name) {
        return error.help(format!("did you mean `params.{name}`?"));
    }
    if name.starts_with("host.vars") && matches!(scope, Scope::Step | Scope::Env | Scope::When) {
        let help = "write `host.vars.NAME`, the name as in `register: NAME`: small letters, digits and `_`";
        return Diagnostic::error(format!("`{name}` is no variable of a host")).help(help);
    }
    if Scope::Step.names().contains(&name) || name.starts_with("host.vars") || Scope::Nodetool.names().contains(&name) {
        let where_to = match scope {
            Scope::When => "`when` reads `params`, and `host.vars` of the host",
            Scope::Ssh => "`cluster.ssh` is the same for every host: it reads only `params`",
            Scope::Setup => "`setup` and `lock` are not for a host: they read `params`, `cluster` and `run`",
            Scope::Gate => "a gate is asked about the whole cluster: it reads `params` and `cluster`",
            Scope::Nodetool => {
                "`cluster.nodetool` asks what the cluster is: it reads only `params`, `host`, `cluster.ssh`, \
                 `cluster.service` and `args`; a gateway for each data centre belongs in ssh's own configuration"
            }
            Scope::Step | Scope::Env => {
                "`args` are the words of a nodetool question: only `cluster.nodetool` reads them"
            }
        };
        return Diagnostic::error(format!("`{name}` is not known here")).help(where_to);
    }
    let params: Vec<String> = params.iter().map(|param| format!("params.{param}")).collect();
    let known = scope.names().iter().copied().chain(params.iter().map(String::as_str));
    error.help(suggest::did_you_mean(name, known))
}
