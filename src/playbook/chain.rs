//! Does the chain make sense, for every combination of its `when`s? No host may end stopped or unproved.

mod cases;

use super::guess;
use super::meaning::{Samples, kind_word};
use super::model::{Playbook, Step, StepKind, Strategy, TakesDown};
use super::registers;
use crate::diagnostic::Diagnostic;
use std::collections::BTreeSet;

/// Findings about the chain as a whole, each once.
pub fn check(playbook: &Playbook, samples: &Samples) -> Vec<Diagnostic> {
    let effects: Vec<TakesDown> = playbook.steps.iter().map(|step| effect(step, samples)).collect();
    let mut findings = Vec::new();
    for (step, effect) in playbook.steps.iter().zip(&effects) {
        if step.kind == StepKind::Run && *effect == TakesDown::Unknown {
            findings.push(unknown_effect(step, samples));
        }
        findings.extend(undo_takes_away(step, *effect, samples));
    }
    let disruptive = playbook.steps.iter().zip(&effects).find(|(_, effect)| **effect != TakesDown::Nothing);
    if let (Strategy::All, None, Some((step, _))) = (playbook.strategy, &playbook.accept_outage, disruptive) {
        let message = format!("`strategy: all` takes every host away at once: `{}` is disruptive", step.name);
        let help = "say that the outage is accepted, and why: `accept-outage: REASON`; or choose `strategy: topology`";
        let span = playbook.span("strategy").unwrap_or(step.span);
        findings.push(Diagnostic::error(message).at(span).help(help));
    }
    let Some(cases) = cases::all(playbook) else {
        let message = "the `when`s of this playbook have too many combinations to try them all";
        let help = "let fewer parameters decide, or write several playbooks";
        findings.push(Diagnostic::error(message).help(help).at(playbook.span("steps").unwrap_or_default()));
        return findings;
    };
    let mut seen = BTreeSet::new();
    for case in cases {
        let takes_part = |number: usize| case.takes_part(number, &playbook.steps[number]);
        let unregistered = || registers::walk(playbook, &takes_part);
        let Some(finding) = walk(playbook, &effects, &takes_part).or_else(unregistered) else { continue };
        if seen.insert((finding.message.clone(), finding.span)) {
            let values = case.words(playbook);
            let when = if values.is_empty() { String::new() } else { format!(" when {values}") };
            findings.push(Diagnostic { message: finding.message.clone() + &when, ..finding });
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

/// An undo takes nothing away, nor takes it back what was taken away: its host is past the gate that would see it.
fn undo_takes_away(step: &Step, effect: TakesDown, samples: &Samples) -> Option<Diagnostic> {
    let undo = step.undo.as_ref()?;
    if effect != TakesDown::Nothing {
        let message = format!("`undo` beside `{}`, which takes the host away, or may", step.name);
        let help = "what takes a host away is ended by a step of the chain and proved by `wait-up`; a `run` that takes \
                    nothing down says so: `takes-down: nothing`";
        return Some(Diagnostic::error(message).at(undo.span).help(help));
    }
    let (takes, why) = guess::takes_down(&samples.words(undo).unwrap_or_default(), None);
    matches!(takes, TakesDown::Restart | TakesDown::Reboot).then(|| {
        let error =
            Diagnostic::error(format!("this `undo` takes the host away, and nothing would prove it back: {why}"));
        error.at(undo.span).help("write it as a step of the chain, before a `wait-up`")
    })
}

fn unknown_effect(step: &Step, samples: &Samples) -> Diagnostic {
    let why = guessed(step, samples).1;
    let message = format!("what `{}` takes away is unknown, and counts as disruptive: {why}", step.name);
    Diagnostic::warning(message).at(step.span).help("say it: `takes-down: nothing`, `restart` or `reboot`")
}

/// The first thing wrong on the way of a host that goes through these steps.
fn walk(playbook: &Playbook, effects: &[TakesDown], takes_part: &dyn Fn(usize) -> bool) -> Option<Diagnostic> {
    let mut down: Option<&Step> = None;
    let mut unproved: Option<&Step> = None;
    for (number, (step, effect)) in playbook.steps.iter().zip(effects).enumerate() {
        if !takes_part(number) {
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
