//! Can every word be executed, and shown, as it is?

use crate::plan::model::{Plan, Rendered, Step};
use crate::playbook;
use crate::playbook::model::StepKind;
use crate::playbook::secret::Source;
use crate::playbook::template;
use std::collections::BTreeSet;

pub fn check(plan: &Plan, found: &mut Vec<String>) {
    let mut names = vec![&plan.name, &plan.cluster, &plan.partitioner];
    names.extend(plan.keyspaces.keys());
    names.extend(plan.gates.iter().map(|gate| &gate.name));
    names.extend(plan.phases.iter().filter_map(|phase| phase.name.as_ref()));
    names.extend(plan.steps.iter().map(|step| &step.name));
    for node in &plan.nodes {
        names.extend([&node.id, &node.datacenter, &node.rack, &node.release]);
        for words in [&node.ssh, &node.nodetool] {
            command(&node.address.to_string(), words, found);
        }
    }
    for (name, value) in plan.params.iter().filter(|(_, value)| value.is_object()) {
        let fine = match Source::of(value) {
            Some(Source::Env(variable)) => is_variable(&variable),
            Some(Source::File(path)) => path.starts_with('/') && !has_control(&path),
            Some(Source::Command(words)) => {
                command(&format!("secret {name}"), &words, found);
                true
            }
            None => false,
        };
        if !fine {
            found.push(format!("parameter {name:?} has no value, and comes from nowhere"));
        }
    }
    for name in names {
        if name.chars().any(char::is_control) {
            found.push(format!("control character in the name {name:?}"));
        }
    }
    for (number, target) in plan.hosts.iter().enumerate() {
        let mut registered = BTreeSet::new();
        for (index, (step, words)) in plan.steps.iter().zip(&target.words).enumerate() {
            // a step of a phase that leaves this host alone
            if *words == Rendered::default() && !works_on(plan, index, number) {
                continue;
            }
            let place = format!("{} step {}", plan.nodes[target.node].address, index + 1);
            rendered(&place, step, words, found);
            let all = words.command.iter().chain(words.probe.iter().flatten()).chain(words.env.values());
            holes(&place, all, &registered, found);
            let decides = step.when.iter().flat_map(|when| template::vars_in(when));
            for name in decides.filter(|name| !registered.contains(name.as_str()) && !target.vars.contains_key(name)) {
                found.push(format!("{place}: nobody gives the host.vars.{name} that its `when` reads"));
            }
            registered.extend(step.register.as_deref());
            holes(&place, words.undo.iter().flatten(), &registered, found);
        }
    }
    for step in plan.steps.iter().filter(|step| step.register.is_some()) {
        if !matches!(step.kind, StepKind::Run | StepKind::Verify) {
            found.push(format!("step {:?} registers what no command of its author prints", step.name));
        }
    }
    for gate in &plan.gates {
        match gate.measure {
            None => command("gate", &gate.run, found),
            Some(_) if !gate.run.is_empty() || gate.max.is_none() => {
                found.push(format!("gate {:?} measures without a bound, or runs a command too", gate.name));
            }
            Some(_) => {}
        }
        if [gate.max, gate.min].iter().flatten().any(|bound| !bound.is_finite()) {
            found.push(format!("gate {:?} has a bound that is no number", gate.name));
        }
        if gate.stable == 0 || gate.poll_ms == 0 || gate.timeout_ms == 0 {
            found.push(format!("gate {:?} would be open without being asked", gate.name));
        }
    }
    let later = plan.setup.iter().skip(1).any(|setup| setup.lock) || plan.gates.iter().skip(1).any(|gate| gate.lock);
    let renewed = plan.gates.first().is_some_and(|gate| gate.lock);
    let held = plan.setup.first().is_some_and(|setup| setup.lock && setup.undo.is_some());
    if later || (renewed && !held) {
        found.push("the lock is taken first, once, and freed in the end; only what is taken is renewed".into());
    }
    for setup in &plan.setup {
        command("setup", &setup.run, found);
        if let Some(undo) = &setup.undo {
            command("undo", undo, found);
        }
    }
}

fn works_on(plan: &Plan, step: usize, target: usize) -> bool {
    plan.phase_of(step).is_some_and(|phase| phase.hosts.contains(&target))
}

fn rendered(place: &str, step: &Step, words: &Rendered, found: &mut Vec<String>) {
    if words.left_out.is_some() {
        if *words != (Rendered { left_out: words.left_out.clone(), ..Rendered::default() }) {
            found.push(format!("{place}: it is left out, and has words"));
        }
        return;
    }
    let silent = !step.kind.has_process();
    if silent == (!words.command.is_empty() || step.script.is_some()) {
        found.push(format!("{place}: a command where none belongs, or none where one does"));
    }
    if !words.command.is_empty() && step.script.is_some() {
        found.push(format!("{place}: both a command and a script"));
    }
    if !words.command.is_empty() {
        command(place, &words.command, found);
    }
    if let Some(probe) = &words.probe {
        command(place, probe, found);
    }
    if let Some(undo) = &words.undo {
        command(place, undo, found);
        if step.kind != StepKind::Run || step.disruptive() {
            found.push(format!("{place}: an undo beside what may take the host away"));
        }
    }
    if let Some(pattern) = &words.expect
        && playbook::pattern(pattern).is_err()
    {
        found.push(format!("{place}: {pattern:?} is no regular expression"));
    }
    for (name, value) in &words.env {
        if !is_variable(name) || has_control(value) {
            found.push(format!("{place}: environment variable {name:?} cannot be passed on"));
        }
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A variable of the host that no step before registers would never have a value.
fn holes<'a>(
    place: &str,
    words: impl Iterator<Item = &'a String>,
    registered: &BTreeSet<&str>,
    found: &mut Vec<String>,
) {
    for text in words {
        for (_, rest) in text.match_indices("‹host.vars.").map(|(at, hole)| (at, &text[at + hole.len()..])) {
            let name = rest.split(['|', '›']).next().unwrap_or_default();
            if !registered.contains(name) {
                found.push(format!("{place}: no step before it registers host.vars.{name}"));
            }
        }
    }
}

fn command(place: &str, words: &[String], found: &mut Vec<String>) {
    if words.first().is_none_or(|first| first.is_empty()) {
        found.push(format!("{place}: there is no program to run"));
    }
    for word in words.iter().filter(|word| has_control(word)) {
        found.push(format!("{place}: control character in {word:?}"));
    }
}

/// Line breaks and tabs are text of the author; anything else could steer a terminal, and NUL ends a word.
fn has_control(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && c != '\n' && c != '\t')
}
