//! Is every variable of a host there when a step reads it? What a step registers is known to the steps behind it, if
//! it takes part and cannot fail and go on.

use super::model::{Goal, OnFailure, Playbook, Step, When, Word};
use super::suggest;
use super::template::{HostVar, VAR_PREFIX, vars_in, vars_read};
use crate::diagnostic::{Diagnostic, Span};
use std::collections::{BTreeMap, BTreeSet};

/// The first step on the way of a host that reads what nobody is sure to have registered before it. `takes_part`: of
/// the steps by their place.
pub(super) fn walk(playbook: &Playbook, takes_part: &dyn Fn(usize) -> bool) -> Option<Diagnostic> {
    let mut known = Known { playbook, sure: BTreeSet::new(), unsure: BTreeMap::new() };
    if let Some(finding) = playbook.until.as_ref().and_then(|goal| known.missing(read_by_goal(goal))) {
        return Some(finding);
    }
    for (number, step) in playbook.steps.iter().enumerate() {
        if let Some(finding) = step.when.as_ref().and_then(|when| known.missing(read_by_when(when))) {
            return Some(finding);
        }
        if !takes_part(number) {
            continue;
        }
        if let Some(finding) = known.missing(read_by(step)) {
            return Some(finding);
        }
        if let Some(name) = step.register.as_ref().filter(|_| step.undo.is_some()) {
            // the undo comes behind its own step
            known.sure.insert(name.clone());
        }
        if let Some(finding) = known.missing(read_by_undo(step)) {
            return Some(finding);
        }
        let Some(name) = &step.register else { continue };
        if step.on_failure == OnFailure::Continue || step.on_timeout == OnFailure::Continue {
            known.unsure.insert(name.clone(), format!("`{}` may fail, and the chain goes on", step.name));
        } else {
            known.sure.insert(name.clone());
        }
    }
    None
}

/// With the file of hosts read: what is read and nobody gives, and what two give.
pub fn judge_hosts_file(playbook: &Playbook) -> Vec<Diagnostic> {
    let Some(file) = &playbook.cluster.hosts_file else { return Vec::new() };
    let given: BTreeMap<&String, &HostVar> = playbook.cluster.hosts.values().flat_map(|host| &host.vars).collect();
    let mut findings = Vec::new();
    for (_, book) in playbook.parts() {
        judge_part(book, file, &given, &mut findings);
    }
    findings
}

fn judge_part(playbook: &Playbook, file: &str, given: &BTreeMap<&String, &HostVar>, findings: &mut Vec<Diagnostic>) {
    for step in &playbook.steps {
        if let Some((name, var)) = step.register.as_ref().and_then(|name| given.get_key_value(name)) {
            let message =
                format!("`{}` registers `{name}`, and {} gives a host a value of that name", step.name, var.place);
            findings.push(Diagnostic::error(message).at(step.span).help("choose another name for one of the two"));
        }
    }
    let until = playbook.until.as_ref().map(read_by_goal).unwrap_or_default();
    for (name, span) in playbook.steps.iter().flat_map(reads_of_hosts).chain(until) {
        let registered = playbook.steps.iter().any(|step| step.register.as_ref() == Some(&name));
        if !registered && !given.contains_key(&name) {
            let message = format!("no step registers `{name}`, and `{file}` gives it to no host");
            let help = match given.is_empty() {
                true => format!("add it there: `ADDRESS: {{ vars: {{ {name}: \"VALUE\" }} }}`"),
                false => suggest::did_you_mean(&name, given.keys().map(|name| name.as_str())),
            };
            findings.push(Diagnostic::error(message).at(span).help(help));
        }
    }
}

/// What a step reads of a host, with its place.
pub fn reads_of_hosts(step: &Step) -> Vec<(String, Span)> {
    let mut read = read_by(step);
    read.extend(read_by_undo(step).into_iter().filter(|(name, _)| step.register.as_ref() != Some(name)));
    read
}

fn read_by_undo(step: &Step) -> Vec<(String, Span)> {
    step.undo.iter().flat_map(|undo| &undo.words).flat_map(vars_read).collect()
}

struct Known<'a> {
    playbook: &'a Playbook,
    sure: BTreeSet<String>,
    /// Why there may be no value.
    unsure: BTreeMap<String, String>,
}

impl Known<'_> {
    fn missing(&self, read: Vec<(String, Span)>) -> Option<Diagnostic> {
        read.into_iter().find_map(|(name, span)| self.judge(&name).map(|finding| finding.at(span)))
    }

    fn judge(&self, name: &str) -> Option<Diagnostic> {
        if self.sure.contains(name) {
            return None;
        }
        if let Some(why) = self.unsure.get(name) {
            let message = format!("`host.vars.{name}` may have no value here: {why}");
            return Some(Diagnostic::error(message).help("remove `continue` from the step that registers it"));
        }
        let mut names = self.playbook.steps.iter().filter_map(|step| step.register.as_deref());
        let registered = names.clone().any(|known| known == name);
        // the file beside the playbook is read by others; whether it gives the variable is judged there
        if !registered && self.playbook.cluster.hosts_file.is_some() {
            return None;
        }
        let error = Diagnostic::error(format!("no step before this one registers `{name}`"));
        Some(match (registered, names.any(|known| suggest::nearest(name, [known]).is_some())) {
            (true, _) => error.help("put the step that does before it, and let no `when` leave it out"),
            (false, true) => {
                let known = self.playbook.steps.iter().filter_map(|step| step.register.as_deref());
                error.help(suggest::did_you_mean(name, known))
            }
            (false, false) => {
                error.help(format!("add `register: {name}` beside a `run` or `verify` step before it, which prints it"))
            }
        })
    }
}

/// Variables of the host that a step reads, with their places.
pub(super) fn read_by(step: &Step) -> Vec<(String, Span)> {
    let commands = step.command.iter().chain(&step.probe).flat_map(|command| &command.words);
    let words: Vec<&Word> = commands.chain(step.env.values()).chain(&step.expect).collect();
    let mut read: Vec<(String, Span)> = words.into_iter().flat_map(vars_read).collect();
    read.extend(step.when.iter().flat_map(read_by_when));
    read.extend(read_by_script(step.script.as_deref().unwrap_or_default()).into_iter().map(|name| (name, step.span)));
    read
}

fn read_by_when(when: &When) -> Vec<(String, Span)> {
    vars_in(&when.expression).into_iter().map(|name| (name, when.span)).collect()
}

fn read_by_goal(goal: &Goal) -> Vec<(String, Span)> {
    match goal {
        Goal::Command(command) => command.words.iter().flat_map(vars_read).collect(),
        Goal::Release(word) => vars_read(word),
        Goal::BootedAfter(_) => Vec::new(),
    }
}

/// `$ROLLBOOK_VAR_PORT` in the text of a script; one that is given a default (`${ROLLBOOK_VAR_PORT:-}`) may be absent.
fn read_by_script(script: &str) -> Vec<String> {
    let mut read = Vec::new();
    for (at, _) in script.match_indices(VAR_PREFIX) {
        let rest = &script[at + VAR_PREFIX.len()..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let optional = script[..at].ends_with("${") && rest[end..].trim_start_matches(':').starts_with(['-', '+']);
        let dollar = script[..at].ends_with('$') || script[..at].ends_with("${");
        if dollar && !optional && end > 0 {
            read.push(rest[..end].to_lowercase());
        }
    }
    read
}

#[cfg(test)]
mod tests {
    fn first(steps: &str) -> Option<String> {
        let text = format!("rollbook: 1\nname: x\nsteps:\n{steps}");
        crate::playbook::read(text.as_bytes()).err().map(|findings| findings[0].message.clone())
    }

    const PRINTS: &str = "  - { run: echo 7, takes-down: nothing, register: port }\n";

    #[test]
    fn what_is_read_was_registered_before() {
        let reads = "  - { run: 'echo {{ host.vars.port }}', takes-down: nothing }\n";
        assert_eq!(first(&format!("{PRINTS}{reads}")), None);
        assert_eq!(first(&format!("{reads}{PRINTS}")).unwrap(), "no step before this one registers `port`");
        let may_fail = PRINTS.replace(" }", ", on-failure: continue }");
        assert!(first(&format!("{may_fail}{reads}")).unwrap().contains("may have no value here: `run` may fail"));
    }

    #[test]
    fn a_script_reads_by_its_environment() {
        let script = |text: &str| format!("  - run:\n    takes-down: nothing\n    script: '{text}'\n");
        assert_eq!(first(&format!("{PRINTS}{}", script("echo $ROLLBOOK_VAR_PORT"))), None);
        assert!(first(&script("echo \"${ROLLBOOK_VAR_PORT}\"")).is_some());
        assert_eq!(first(&script("echo ${ROLLBOOK_VAR_PORT:-none}")), None);
        assert_eq!(first(&script("# no ROLLBOOK_VAR_PORT")), None);
    }
}
