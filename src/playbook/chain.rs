//! Does the chain make sense, for every combination of its `when`s? No host may end stopped or unproved.

use super::guess;
use super::meaning::{Samples, kind_word};
use super::model::{ParamType, Playbook, Step, StepKind, Strategy, TakesDown};
use super::params::eval_when;
use super::registers;
use super::template::Params;
use crate::diagnostic::Diagnostic;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Decisions that are tried: combinations of parameter values, times steps. A chain with more is beyond a
/// reader too.
const MAX_DECISIONS: usize = 50_000;

/// Findings about the chain as a whole, each once.
pub fn check(playbook: &Playbook, samples: &Samples) -> Vec<Diagnostic> {
    let effects: Vec<TakesDown> = playbook.steps.iter().map(|step| effect(step, samples)).collect();
    let mut findings = Vec::new();
    for (step, effect) in playbook.steps.iter().zip(&effects) {
        if step.kind == StepKind::Run && *effect == TakesDown::Unknown {
            findings.push(unknown_effect(step, samples));
        }
    }
    let disruptive = playbook.steps.iter().zip(&effects).find(|(_, effect)| **effect != TakesDown::Nothing);
    if let (Strategy::All, None, Some((step, _))) = (playbook.strategy, &playbook.accept_outage, disruptive) {
        let message = format!("`strategy: all` takes every host away at once: `{}` is disruptive", step.name);
        let help = "say that the outage is accepted, and why: `accept-outage: REASON`; or choose `strategy: topology`";
        let span = playbook.span("strategy").unwrap_or(step.span);
        findings.push(Diagnostic::error(message).at(span).help(help));
    }
    let Some(combinations) = combinations(playbook) else {
        let message = "the `when`s of this playbook have too many combinations to try them all";
        let help = "let fewer parameters decide, or write several playbooks";
        findings.push(Diagnostic::error(message).help(help).at(playbook.span("steps").unwrap_or_default()));
        return findings;
    };
    let mut seen = BTreeSet::new();
    for params in combinations {
        let takes_part = |step: &Step| step.when.as_ref().is_none_or(|when| eval_when(when, &params).unwrap_or(true));
        let unregistered = || registers::walk(playbook, &|number| takes_part(&playbook.steps[number]));
        let Some(finding) = walk(playbook, &effects, &takes_part).or_else(unregistered) else { continue };
        if seen.insert((finding.message.clone(), finding.span)) {
            findings.push(with_values(finding, playbook, &params));
        }
    }
    findings
}

fn effect(step: &Step, samples: &Samples) -> TakesDown {
    step.takes_down.unwrap_or_else(|| guessed(step, samples).0)
}

fn guessed(step: &Step, samples: &Samples) -> (TakesDown, String) {
    let words = step.command.as_ref().and_then(|command| samples.words(command).ok()).unwrap_or_default();
    guess::takes_down(&words, step.script.as_deref())
}

fn unknown_effect(step: &Step, samples: &Samples) -> Diagnostic {
    let why = guessed(step, samples).1;
    let message = format!("what `{}` takes away is unknown, and counts as disruptive: {why}", step.name);
    Diagnostic::warning(message).at(step.span).help("say it: `takes-down: nothing`, `restart` or `reboot`")
}

/// The first thing wrong on the way of a host that goes through these steps.
fn walk(playbook: &Playbook, effects: &[TakesDown], takes_part: &dyn Fn(&Step) -> bool) -> Option<Diagnostic> {
    let mut down: Option<&Step> = None;
    let mut unproved: Option<&Step> = None;
    for (step, effect) in playbook.steps.iter().zip(effects) {
        if !takes_part(step) {
            continue;
        }
        match step.kind {
            StepKind::Drain if down.is_some_and(|before| before.kind == StepKind::Stop) => {
                let error = Diagnostic::error("a stopped host cannot be drained").at(step.span);
                return Some(error.help("put `drain` before `stop`"));
            }
            StepKind::Drain | StepKind::Stop => down = Some(step),
            StepKind::WaitUp => {
                if let Some(before) = down {
                    let message =
                        format!("`wait-up` after `{}` waits for a host that nobody starts", kind_word(before.kind));
                    return Some(Diagnostic::error(message).at(step.span).help(STARTS));
                }
                unproved = None;
            }
            StepKind::WaitDown if unproved.is_none() => {
                let error = Diagnostic::error("`wait-down` waits for a host that nothing takes down").at(step.span);
                return Some(error.help("put it after `stop`, or remove it"));
            }
            StepKind::Start | StepKind::Restart | StepKind::Reboot => down = None,
            StepKind::Run if matches!(effect, TakesDown::Restart | TakesDown::Reboot) => down = None,
            _ => {}
        }
        if *effect != TakesDown::Nothing {
            unproved = Some(step);
        }
    }
    if let Some(step) = down {
        let left = if step.kind == StepKind::Drain { "drained" } else { "stopped" };
        let error = Diagnostic::error(format!("the chain leaves every host {left}")).at(step.span);
        return Some(error.help(STARTS));
    }
    unproved.map(|step| {
        let message = format!("nothing proves that a host is back after `{}`", step.name);
        let help = match step.kind {
            StepKind::Run => "add `wait-up` after it; or say `takes-down: nothing`, if that is so",
            _ => "add `wait-up` after it",
        };
        Diagnostic::error(message).at(step.span).help(help)
    })
}

const STARTS: &str = "add `start`, `restart` or `reboot` after it, and then `wait-up`";

/// Says with which values a chain fails, where others make sense.
fn with_values(finding: Diagnostic, playbook: &Playbook, params: &Params) -> Diagnostic {
    let read = names_read(playbook);
    let values: Vec<String> = params
        .iter()
        .filter(|(name, _)| read.contains(*name))
        .map(|(name, value)| format!("`{name}` is {value}"))
        .collect();
    if values.is_empty() {
        return finding;
    }
    Diagnostic { message: format!("{} when {}", finding.message, values.join(" and ")), ..finding }
}

/// Parameters that the `when`s read.
fn names_read(playbook: &Playbook) -> BTreeSet<String> {
    let whens = playbook.steps.iter().filter_map(|step| step.when.as_ref());
    let names = whens.filter_map(|when| super::template::names_in(&when.expression).ok()).flatten();
    names.filter_map(|name| name.strip_prefix("params.").map(str::to_owned)).collect()
}

/// Values of the parameters that matter, every combination; none where there are too many.
fn combinations(playbook: &Playbook) -> Option<Vec<Params>> {
    let literals = literals(playbook);
    let mut all = vec![Params::new()];
    for name in names_read(playbook) {
        let values = candidates(playbook, &name, &literals);
        if values.is_empty() || all.len() * values.len() * playbook.steps.len() > MAX_DECISIONS {
            return None;
        }
        let with = |params: &Params, value: &Value| {
            let mut params = params.clone();
            params.insert(name.clone(), value.clone());
            params
        };
        all = all.iter().flat_map(|params| values.iter().map(move |value| with(params, value))).collect();
    }
    Some(all)
}

/// Texts and numbers that the `when`s compare with: the values at which a decision can turn.
fn literals(playbook: &Playbook) -> (BTreeSet<String>, BTreeSet<i64>) {
    let (mut texts, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for when in playbook.steps.iter().filter_map(|step| step.when.as_ref()) {
        for (number, part) in when.expression.split(['\'', '"']).enumerate() {
            if number % 2 == 1 {
                texts.insert(part.to_owned());
            } else {
                let digits = part.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse::<i64>().ok());
                numbers.extend(digits.flat_map(|n| [n - 1, n, n + 1, -n]));
            }
        }
    }
    (texts, numbers)
}

fn candidates(playbook: &Playbook, name: &str, literals: &(BTreeSet<String>, BTreeSet<i64>)) -> Vec<Value> {
    let Some(param) = playbook.params.get(name) else { return Vec::new() };
    let mut values: Vec<Value> = match param.kind {
        ParamType::Bool => return vec![json!(true), json!(false)],
        ParamType::Int => literals.1.iter().copied().chain([0, 1_000_003]).map(Value::from).collect(),
        ParamType::String | ParamType::Text => match param.pattern.as_deref().and_then(alternatives) {
            Some(all) => return all.into_iter().map(Value::from).collect(),
            None => literals.0.iter().cloned().chain(["something-else".to_owned()]).map(Value::from).collect(),
        },
        ParamType::List => {
            let each = literals.0.iter().map(|text| json!([text]));
            each.chain([json!([]), json!(literals.0), json!(["something-else"])]).collect()
        }
    };
    values.extend(param.default.clone());
    let distinct: BTreeMap<String, Value> = values.into_iter().map(|value| (value.to_string(), value)).collect();
    distinct.into_values().collect()
}

/// All values of a pattern that lists them: `a|b`, `(a|b)`.
fn alternatives(pattern: &str) -> Option<Vec<String>> {
    let inner = pattern.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(pattern);
    let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    inner.split('|').map(|text| word(text).then(|| text.to_owned())).collect()
}
