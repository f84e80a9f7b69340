//! Values of the playbook's parameters: bound and judged before anything is read; `when` over them.

use super::model::{Param, ParamType, Playbook, When};
use super::suggest;
use super::template::{Params, params_value, safe, vars_in};
use crate::diagnostic::Diagnostic;
use minijinja::value::Value;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The values of all parameters of a run: those given (`--param NAME=VALUE`, in order), else the defaults.
///
/// A list takes commas, or is given several times. Errors, all of them: an unknown or missing
/// parameter, one given twice, a value of the wrong type, outside its pattern or unsafe in a command.
pub fn bind_params(playbook: &Playbook, given: &[(String, String)]) -> Result<Params, Vec<Diagnostic>> {
    let mut findings = Vec::new();
    let mut texts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, text) in given {
        match playbook.params.contains_key(name) {
            true => texts.entry(name).or_default().push(text),
            false => {
                let help = suggest::did_you_mean(name, playbook.params.keys().map(String::as_str));
                findings.push(Diagnostic::error(format!("unknown parameter `{name}`")).help(help));
            }
        }
    }
    let mut values = Params::new();
    for (name, param) in &playbook.params {
        match bound(name, param, texts.get(name.as_str())) {
            Ok(value) => drop(values.insert(name.clone(), value)),
            Err(finding) => findings.push(finding),
        }
    }
    if findings.is_empty() { Ok(values) } else { Err(findings) }
}

fn bound(name: &str, param: &Param, texts: Option<&Vec<&str>>) -> Result<Json, Diagnostic> {
    if let Some(source) = &param.secret {
        return match texts {
            None => Ok(source.stand_in()),
            Some(_) => {
                let message = format!("`{name}` is a secret: everybody on this machine can read a command line");
                let help = format!("leave `--param` out: it comes from {source}");
                Err(Diagnostic::error(message).at(param.span).help(help))
            }
        };
    }
    let Some(texts) = texts else {
        return param.default.clone().ok_or_else(|| {
            let description = param.description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default();
            let error = Diagnostic::error(format!("parameter `{name}` has no value{description}")).at(param.span);
            error.help(format!("give one: `--param {name}=VALUE`, or a `default:` in the playbook"))
        });
    };
    if texts.len() > 1 && param.kind != ParamType::List {
        return Err(Diagnostic::error(format!("parameter `{name}` is given {} times", texts.len())));
    }
    let value = read(name, param.kind, texts)?;
    check_value(name, param, &value)?;
    Ok(value)
}

fn read(name: &str, kind: ParamType, texts: &[&str]) -> Result<Json, Diagnostic> {
    let text = texts.first().copied().unwrap_or_default();
    let wrong = |what: &str| Diagnostic::error(format!("parameter `{name}` is {what}, not `{}`", text.escape_debug()));
    match kind {
        ParamType::String | ParamType::Text => Ok(Json::from(text)),
        ParamType::Bool => match text {
            "true" => Ok(Json::from(true)),
            "false" => Ok(Json::from(false)),
            _ => Err(wrong("`true` or `false`")),
        },
        ParamType::Int => text.parse::<i64>().map(Json::from).map_err(|_| wrong("a whole number")),
        ParamType::List => {
            let items = texts.iter().filter(|text| !text.is_empty()).flat_map(|text| text.split(','));
            Ok(items.map(Json::from).collect())
        }
    }
}

/// Judges a value of a parameter, whether given or its default: type, pattern, safe words.
pub fn check_value(name: &str, param: &Param, value: &Json) -> Result<(), Diagnostic> {
    let (texts, of_the_type): (Vec<&str>, bool) = match (param.kind, value) {
        (ParamType::String | ParamType::Text, Json::String(text)) => (vec![text], true),
        (ParamType::Bool, Json::Bool(_)) => (vec![], true),
        (ParamType::Int, Json::Number(number)) => (vec![], number.is_i64()),
        (ParamType::List, Json::Array(items)) => {
            (items.iter().filter_map(Json::as_str).collect(), items.iter().all(Json::is_string))
        }
        _ => (vec![], false),
    };
    if !of_the_type {
        let message = format!("parameter `{name}` is of type {}, and its value is not", type_name(param.kind));
        return Err(Diagnostic::error(message));
    }
    for text in texts {
        check_text(name, param, text)?;
    }
    Ok(())
}

fn check_text(name: &str, param: &Param, text: &str) -> Result<(), Diagnostic> {
    let shown = text.escape_debug();
    if let Some(bad) = safe::never(text) {
        let message = format!("parameter `{name}` contains `{}`, which no value may", bad.escape_debug());
        return Err(Diagnostic::error(message));
    }
    if let Some(pattern) = &param.pattern {
        // Read when the playbook was; one that does not compile matches nothing.
        let whole = regex::Regex::new(&format!("^(?:{pattern})$"));
        if !whole.is_ok_and(|whole| whole.is_match(text)) {
            let message = format!("parameter `{name}` is `{shown}`, which its pattern `{pattern}` does not match");
            return Err(Diagnostic::error(message).help("the whole value must match"));
        }
    }
    if param.kind != ParamType::Text
        && let Err(why) = safe::check(text)
    {
        let message = format!("parameter `{name}` is `{shown}`: {why}");
        let help = "a value may hold ASCII letters, digits and `_ @ % + = : , . / -`; `type: text` takes any text, \
                    which then needs a filter (`word`, `quote`) or `env:`";
        return Err(Diagnostic::error(message).help(help));
    }
    Ok(())
}

/// The type as the playbook writes it.
pub fn type_name(kind: ParamType) -> &'static str {
    match kind {
        ParamType::String => "`string`",
        ParamType::Text => "`text`",
        ParamType::Bool => "`bool`",
        ParamType::Int => "`int`",
        ParamType::List => "`list`",
    }
}

/// Does the step take part on a host that has these variables? Errors: as of `holds`.
pub fn eval_when(when: &When, params: &Params, vars: &BTreeMap<String, String>) -> Result<bool, Diagnostic> {
    holds(&when.expression, params, vars).map_err(|error| error.at(when.span))
}

/// Is the expression of a `when` true? Errors: it fails, reads a variable that the host does not have, or gives anything
/// but true or false.
pub fn holds(expression: &str, params: &Params, vars: &BTreeMap<String, String>) -> Result<bool, Diagnostic> {
    if let Some(missing) = vars_in(expression).into_iter().find(|name| !vars.contains_key(name)) {
        let message = format!("`when` cannot be decided: `host.vars.{missing}` has no value on this host");
        let help = "nothing gave it one: the step that registers it failed, was left out, or its end was not seen";
        return Err(Diagnostic::error(message).help(help));
    }
    let environment = super::template::expressions();
    let vars = vars.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str())));
    let host = BTreeMap::from([("vars", Value::from(vars.collect::<BTreeMap<_, _>>()))]);
    let context = Value::from(BTreeMap::from([("params", params_value(params)), ("host", Value::from(host))]));
    let value = environment.compile_expression(expression).and_then(|it| it.eval(context)).map_err(|error| {
        let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        Diagnostic::error(format!("`when` cannot be decided: {detail}"))
    })?;
    if value.kind() != minijinja::value::ValueKind::Bool {
        let message = format!("`when` must be true or false, and `{expression}` is a {}", value.kind());
        return Err(Diagnostic::error(message).help("compare it: `params.mode == 'fast'`, `host.vars.kind == 'ssd'`"));
    }
    Ok(value.is_true())
}

#[cfg(test)]
mod tests;
