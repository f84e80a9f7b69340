//! The cases a chain must make sense in: every combination of what its `when`s can find.

use crate::playbook::model::{ParamType, Playbook, Step, When};
use crate::playbook::params::eval_when;
use crate::playbook::template::{Params, names_in, vars_in};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Decisions that are tried: combinations of values, times steps. A chain with more is beyond a reader too.
const MAX_DECISIONS: usize = 50_000;

/// One combination of values that decide.
#[derive(Clone, Debug, Default)]
pub struct Case {
    params: Params,
    vars: BTreeMap<String, String>,
    /// Steps, by their place, whose `when` no list of values exhausts: it may come out either way.
    free: BTreeMap<usize, bool>,
}

impl Case {
    pub fn takes_part(&self, number: usize, step: &Step) -> bool {
        let Some(when) = &step.when else { return true };
        let free = self.free.get(&number).copied();
        free.unwrap_or_else(|| eval_when(when, &self.params, &self.vars).unwrap_or(true))
    }

    /// With which values it is so; empty where there is nothing to decide.
    pub fn words(&self, playbook: &Playbook) -> String {
        let params = self.params.iter().map(|(name, value)| format!("`{name}` is {value}"));
        let vars = self.vars.iter().map(|(name, value)| format!("`host.vars.{name}` is {}", json!(value)));
        let free = self.free.iter().map(|(number, done)| {
            format!("`{}` is {}", playbook.steps[*number].name, if *done { "done" } else { "left out" })
        });
        params.chain(vars).chain(free).collect::<Vec<_>>().join(" and ")
    }
}

/// Every combination of the values that matter; none where there are too many.
pub fn all(playbook: &Playbook) -> Option<Vec<Case>> {
    let (literals, free) = (literals(playbook), free(playbook));
    let mut cases = vec![Case::default()];
    let bound =
        |cases: &Vec<Case>, values: usize| values > 0 && cases.len() * values * playbook.steps.len() <= MAX_DECISIONS;
    for name in params_read(playbook) {
        let values = candidates(playbook, &name, &literals);
        if !bound(&cases, values.len()) {
            return None;
        }
        cases = times(&cases, &values, |case, value| drop(case.params.insert(name.clone(), value.clone())));
    }
    for name in vars_read(playbook, &free) {
        let values: Vec<String> = literals.0.iter().cloned().chain(["something-else".to_owned()]).collect();
        if !bound(&cases, values.len()) {
            return None;
        }
        cases = times(&cases, &values, |case, value| drop(case.vars.insert(name.clone(), value.clone())));
    }
    for number in free {
        if !bound(&cases, 2) {
            return None;
        }
        cases = times(&cases, &[true, false], |case, done| {
            case.free.insert(number, *done);
        });
    }
    Some(cases)
}

fn times<T>(cases: &[Case], values: &[T], set: impl Fn(&mut Case, &T)) -> Vec<Case> {
    let with = |case: &Case, value: &T| {
        let mut case = case.clone();
        set(&mut case, value);
        case
    };
    cases.iter().flat_map(|case| values.iter().map(|value| with(case, value)).collect::<Vec<_>>()).collect()
}

fn whens(playbook: &Playbook) -> impl Iterator<Item = &When> {
    playbook.steps.iter().filter_map(|step| step.when.as_ref())
}

/// Parameters that the `when`s read.
fn params_read(playbook: &Playbook) -> BTreeSet<String> {
    let names = whens(playbook).filter_map(|when| names_in(&when.expression).ok()).flatten();
    names.filter_map(|name| name.strip_prefix("params.").map(str::to_owned)).collect()
}

/// Variables of the host that decide by what they are equal to.
fn vars_read(playbook: &Playbook, free: &BTreeSet<usize>) -> BTreeSet<String> {
    let steps = playbook.steps.iter().enumerate().filter(|(number, _)| !free.contains(number));
    steps.filter_map(|(_, step)| step.when.as_ref()).flat_map(|when| vars_in(&when.expression)).collect()
}

/// Steps whose `when` reads a variable of the host in another way than "is it one of these texts", or one that several
/// steps register, so that it is not the same all along the chain.
fn free(playbook: &Playbook) -> BTreeSet<usize> {
    let changes = |name: &String| playbook.steps.iter().filter(|step| step.register.as_ref() == Some(name)).count() > 1;
    let is_free = |when: &When| {
        let vars = vars_in(&when.expression);
        !vars.is_empty() && (!compares_only(&when.expression) || vars.iter().any(changes))
    };
    let steps = playbook.steps.iter().enumerate();
    steps.filter(|(_, step)| step.when.as_ref().is_some_and(is_free)).map(|(number, _)| number).collect()
}

/// Nothing but names, texts, `==`, `!=`, `in` a list, `and`, `or`, `not`.
fn compares_only(expression: &str) -> bool {
    let without_texts: String = expression.split(['\'', '"']).step_by(2).collect::<Vec<_>>().join("''");
    let fine = |c: char| c.is_ascii_alphanumeric() || " \t\n_.()=!,[]'".contains(c);
    let index = without_texts
        .as_bytes()
        .windows(2)
        .any(|two| two[1] == b'[' && (two[0].is_ascii_alphanumeric() || b"_)]'".contains(&two[0])));
    without_texts.chars().all(fine) && !index && !without_texts.contains("in host.")
}

/// Texts and numbers that the `when`s compare with: the values at which a decision can turn.
fn literals(playbook: &Playbook) -> (BTreeSet<String>, BTreeSet<i64>) {
    let (mut texts, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for when in whens(playbook) {
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
