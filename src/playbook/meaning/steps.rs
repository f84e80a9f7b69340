//! `steps`: each with its kind's defaults; a key that has no effect on its kind is refused.

use super::Reading;
use crate::diagnostic::{Diagnostic, Span};
use crate::playbook::document::{Content, Places};
use crate::playbook::model::{Access, ApproveScope, Command, OnFailure, Step, StepKind, TakesDown, When, Word};
use crate::playbook::template::{self, Scope, judge_name, name_at, names_in};
use crate::playbook::{defaults, params, written};
use std::collections::BTreeMap;

/// Keys beside a kind that have an effect only on some kinds.
const EFFECTS: [(&str, &[StepKind]); 16] = {
    use StepKind::*;
    const COMMANDS: &[StepKind] = &[Drain, Stop, Start, Restart, Reboot, Run, Verify];
    [
        ("timeout", &[Drain, Stop, Start, Restart, Reboot, Run, Verify, WaitUp, WaitDown, Approve]),
        ("on-failure", &[Drain, Stop, Start, Restart, Reboot, Run, Verify, WaitUp, WaitDown]),
        ("on-timeout", &[Drain, Stop, Start, Restart, Reboot, Run, Verify, WaitUp, WaitDown]),
        ("script", COMMANDS),
        ("env", COMMANDS),
        ("ok-exit", COMMANDS),
        ("probe", &[Drain, Stop, Start, Restart, Reboot, Run]),
        ("undo", &[Run]),
        ("expect", &[Run, Verify]),
        ("register", &[Run, Verify]),
        ("retries", &[Drain, Stop, Start, Run]),
        ("scope", &[Approve]),
        ("idempotent", &[Drain, Stop, Start, Run]),
        ("poll", &[WaitUp, WaitDown, Verify]),
        ("stable", &[WaitUp]),
        ("takes-down", &[Run]),
    ]
};

/// May the key stand beside the kind?
pub(in crate::playbook) fn has_effect(key: &str, kind: StepKind) -> bool {
    EFFECTS.iter().all(|(known, kinds)| *known != key || kinds.contains(&kind))
}

impl Reading<'_> {
    pub(super) fn steps(&mut self, written: Vec<written::Step>, access: &Access) -> Vec<Step> {
        let mut steps = Vec::new();
        for (number, step) in written.into_iter().enumerate() {
            let path = format!("steps[{number}]");
            steps.push(match step {
                written::Step::Bare(bare) => {
                    let mut step = step_of(bare_kind(bare), self.span(&path));
                    step.command = self.default_command(step.kind, access, step.span);
                    step
                }
                written::Step::Map(map) => self.step(&path, *map, access),
            });
        }
        steps
    }

    fn step(&mut self, path: &str, map: written::StepMap, access: &Access) -> Step {
        let (kind, own_command) = kind_of(&map);
        let own_command = own_command.map(str::to_owned);
        let mut step = step_of(kind, self.kind_span(path, kind));
        self.keys_have_an_effect(path, kind);
        let at = |key: &str| format!("{path}.{key}");
        if let Some(name) = map.name {
            step.name = name.0;
        }
        step.when = map.when.map(|when| self.when(&at("when"), &when.0));
        if let Some(text) = &map.timeout {
            step.timeout = self.positive(&at("timeout"), text);
        }
        if let Some(text) = &map.poll {
            step.poll = self.positive(&at("poll"), text);
        }
        step.stable = map.stable.unwrap_or(step.stable);
        step.expect = map.expect.map(|text| self.expect(&at("expect"), &text.0));
        step.register = map.register.map(|name| name.0);
        step.retries = map.retries.map(|retries| self.retries(&at("retries"), &retries));
        if kind == StepKind::Approve {
            step.scope = Some(map.scope.unwrap_or(ApproveScope::Host));
            step.message = map.approve.map(|text| text.0);
        }
        step.pause = map.pause.map(|text| self.positive(&at("pause"), &text));
        step.env = self.env(&at("env"), map.env);
        step.probe = map.probe.map(|probe| self.command(&at("probe"), Scope::Step, &probe.0));
        step.undo = map.undo.map(|undo| self.command(&at("undo"), Scope::Step, &undo.0));
        step.idempotent = map.idempotent.unwrap_or(false);
        step.takes_down = map.takes_down.map(takes_down).or(step.takes_down);
        if !map.ok_exit.is_empty() {
            step.ok_exit = map.ok_exit;
        }
        if let Some(on_failure) = map.on_failure {
            step.on_failure = on_failure;
            self.may_continue(&at("on-failure"), kind, on_failure);
        }
        step.on_timeout = match (map.on_timeout, step.on_failure) {
            (Some(written), _) => written,
            (None, OnFailure::Ask) => OnFailure::Ask,
            // a `verify` fails by its time being over, and in no other way
            (None, on_failure) if kind == StepKind::Verify => on_failure,
            (None, _) => OnFailure::Stop,
        };
        if map.on_timeout == Some(OnFailure::Continue) {
            self.may_time_out(&at("on-timeout"), &step);
        }
        step.script = map.script.map(|script| {
            self.script(&at("script"), &script.0);
            script.0
        });
        step.command = match (own_command, &step.script) {
            (Some(_), Some(_)) => {
                let error = Diagnostic::error("a step has a command or a `script`, not both");
                self.find(
                    &at("script"),
                    error.help(format!("leave `{}:` without a value, or remove the script", word(kind))),
                );
                None
            }
            (Some(text), None) => Some(self.command(&at(word(kind)), Scope::Step, &text)),
            (None, Some(_)) => None,
            (None, None) => self.default_command(kind, access, step.span),
        };
        if kind == StepKind::Verify {
            self.only_looks(&step);
        }
        if kind == StepKind::Run && step.command.is_none() && step.script.is_none() {
            let error = Diagnostic::error("`run` needs a command").at(step.span);
            self.findings.push(error.help("write `- run: COMMAND`, or a `script:` beside it"));
        }
        step
    }

    /// The key of the kind, which stands for the whole step in a finding.
    fn kind_span(&self, path: &str, kind: StepKind) -> Span {
        let node = self.node(path);
        node.and_then(|node| node.entry(word(kind)).map(|entry| entry.key_span)).unwrap_or_else(|| self.span(path))
    }

    fn keys_have_an_effect(&mut self, path: &str, kind: StepKind) {
        let Some(Content::Map(entries)) = self.node(path).map(|node| node.content) else { return };
        for entry in entries {
            let Some((key, kinds)) = EFFECTS.iter().find(|(key, _)| *key == entry.key) else { continue };
            if !kinds.contains(&kind) {
                let error = Diagnostic::error(format!("`{key}` has no effect on `{}`", word(kind))).at(entry.key_span);
                let kinds = crate::playbook::suggest::listed(kinds.iter().map(|kind| word(*kind)));
                self.findings.push(error.help(format!("remove it; it belongs to {kinds}")));
            }
        }
    }

    fn default_command(&mut self, kind: StepKind, access: &Access, span: Span) -> Option<Command> {
        let mut command = defaults::command(kind, &access.nodetool)?;
        command.span = span;
        // Findings about words nobody wrote point at the step that stands for them.
        for word in command.words.iter_mut().filter(|word| word.span == Span::default()) {
            word.span = span;
        }
        Some(command)
    }

    fn when(&mut self, path: &str, text: &str) -> When {
        let when = When { expression: text.trim().to_owned(), span: self.span(path) };
        if text.contains("{{") {
            let bare = text.replace("{{", "").replace("}}", "");
            let error = Diagnostic::error("`when` is an expression already: braces have no place in it");
            self.find(
                path,
                error.help(format!("write `when: {}`", bare.split_whitespace().collect::<Vec<_>>().join(" "))),
            );
            return when;
        }
        let mut found = Vec::new();
        match names_in(text) {
            Err((why, _)) => found.push((
                Diagnostic::error(format!("`when` cannot be read: {why}"))
                    .help("for example: `not params.reboot`, `params.mode == 'fast'`"),
                None,
            )),
            Ok(names) => {
                for name in names {
                    let finding = judge_name(&name, text, Scope::When, &self.samples.declared());
                    found.extend(finding.map(|finding| (finding, name_at(text, &name))));
                }
            }
        }
        if found.is_empty()
            && let Err(finding) = params::eval_when(&when, &self.samples.params, &self.samples.vars_of(text))
        {
            found.push((finding, None));
        }
        let places = self.node(path).map(|node| Places::of(self.source, &node));
        for (finding, part) in found {
            let span = part.and_then(|part| places.as_ref().map(|places| places.span(part)));
            self.find(path, if let Some(span) = span { finding.at(span) } else { finding });
        }
        when
    }

    fn env(&mut self, path: &str, written: BTreeMap<String, String>) -> BTreeMap<String, Word> {
        let mut env = BTreeMap::new();
        for (name, text) in written {
            let place = format!("{path}.{name}");
            if name.starts_with("ROLLBOOK_") {
                let error = Diagnostic::error(format!("`{name}`: names with `ROLLBOOK_` are rollbook's own"));
                self.find(&place, error.help("choose another name"));
            }
            env.insert(name, self.word(&place, Scope::Env, &text));
        }
        env
    }

    fn may_continue(&mut self, path: &str, kind: StepKind, on_failure: OnFailure) {
        let may = matches!(kind, StepKind::Drain | StepKind::Run | StepKind::Verify);
        if on_failure == OnFailure::Continue && !may {
            let message =
                format!("`on-failure: continue` on `{}`: a host that may be down would count as up", word(kind));
            self.find(
                path,
                Diagnostic::error(message).help("remove it; only `drain`, `run` and `verify` may fail and go on"),
            );
        }
    }

    /// What may still be running on the host must not be left behind unknown.
    fn may_time_out(&mut self, path: &str, step: &Step) {
        let kind = step.kind;
        let resolved = step.probe.is_some() || step.idempotent;
        match kind {
            StepKind::Drain | StepKind::Verify => {}
            StepKind::Run if resolved => {}
            StepKind::Run => {
                let error =
                    Diagnostic::error("`on-timeout: continue` on a `run` that may still be running on the host");
                self.find(
                    path,
                    error.help("add `probe: COMMAND`, which tells whether it was done, or `idempotent: true`"),
                );
            }
            _ => {
                let message =
                    format!("`on-timeout: continue` on `{}`: a host that may be down would count as up", word(kind));
                let help = "write `ask` or `stop`; only `drain`, `verify` and a `run` with `probe` or `idempotent: true` go on";
                self.find(path, Diagnostic::error(message).help(help));
            }
        }
    }

    /// A script is no template: it gets its values from its environment.
    fn script(&mut self, path: &str, written: &str) {
        let Some(node) = self.same(path, written) else { return };
        let text = node.text().unwrap_or_default();
        let Some(open) = text.find("{{") else { return };
        let end = text[open..].find("}}").map_or(text.len().min(open + 2), |close| open + close + 2);
        let span = Places::of(self.source, &node).span(open..end);
        let name = text[open..end].trim_matches(['{', '}']).trim();
        let help = match variable(name) {
            Some(variable) => format!("write `\"${variable}\"`: a script gets its values as environment variables"),
            None => "give the value by `env:` and read it as a variable".to_owned(),
        };
        self.findings.push(Diagnostic::error("a script is not a template").at(span).help(help));
    }
}

/// The environment variable that holds what a template would name.
fn variable(name: &str) -> Option<String> {
    let fixed = match name {
        "host" | "host.ssh" => "ROLLBOOK_HOST",
        "host.address" => "ROLLBOOK_ADDRESS",
        "host.datacenter" => "ROLLBOOK_DC",
        "host.rack" => "ROLLBOOK_RACK",
        "cluster.name" => "ROLLBOOK_CLUSTER",
        "run.id" => "ROLLBOOK_RUN",
        _ => {
            let of = |start: &str, variable: &str| {
                name.strip_prefix(start).map(|rest| format!("{variable}{}", rest.to_uppercase()))
            };
            return of("params.", "ROLLBOOK_PARAM_").or_else(|| of("host.vars.", template::VAR_PREFIX));
        }
    };
    Some(fixed.to_owned())
}

/// A step of a kind with all its defaults, but for the command.
pub(in crate::playbook) fn step_of(kind: StepKind, span: Span) -> Step {
    Step {
        kind,
        name: word(kind).to_owned(),
        when: None,
        timeout: defaults::timeout(kind),
        command: None,
        script: None,
        env: BTreeMap::new(),
        ok_exit: defaults::ok_exit(kind),
        expect: None,
        register: None,
        retries: None,
        scope: None,
        message: None,
        poll: defaults::POLL,
        stable: defaults::stable(kind),
        probe: None,
        undo: None,
        idempotent: false,
        takes_down: defaults::takes_down(kind),
        on_failure: OnFailure::Stop,
        on_timeout: OnFailure::Stop,
        pause: None,
        span,
    }
}

fn bare_kind(bare: written::BareStep) -> StepKind {
    match bare {
        written::BareStep::Drain => StepKind::Drain,
        written::BareStep::Stop => StepKind::Stop,
        written::BareStep::Start => StepKind::Start,
        written::BareStep::Restart => StepKind::Restart,
        written::BareStep::Reboot => StepKind::Reboot,
        written::BareStep::WaitUp => StepKind::WaitUp,
        written::BareStep::WaitDown => StepKind::WaitDown,
    }
}

/// The kind of a step, and its command, if it has one of its own. The structure has exactly one.
fn kind_of(map: &written::StepMap) -> (StepKind, Option<&str>) {
    let commands = [
        (StepKind::Drain, &map.drain),
        (StepKind::Stop, &map.stop),
        (StepKind::Start, &map.start),
        (StepKind::Restart, &map.restart),
        (StepKind::Reboot, &map.reboot),
        (StepKind::Run, &map.run),
    ];
    for (kind, command) in commands {
        if let Some(command) = command {
            return (kind, command.0.as_deref());
        }
    }
    if let Some(command) = &map.verify {
        return (StepKind::Verify, Some(&command.0));
    }
    if map.approve.is_some() {
        return (StepKind::Approve, None);
    }
    match (&map.wait_up, &map.wait_down) {
        (Some(_), _) => (StepKind::WaitUp, None),
        (_, Some(_)) => (StepKind::WaitDown, None),
        _ => (StepKind::Pause, None),
    }
}

fn takes_down(written: written::TakesDown) -> TakesDown {
    match written {
        written::TakesDown::Nothing => TakesDown::Nothing,
        written::TakesDown::Restart => TakesDown::Restart,
        written::TakesDown::Reboot => TakesDown::Reboot,
    }
}

/// A kind as the playbook writes it.
pub(in crate::playbook) fn word(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Drain => "drain",
        StepKind::Stop => "stop",
        StepKind::Start => "start",
        StepKind::Restart => "restart",
        StepKind::Reboot => "reboot",
        StepKind::WaitUp => "wait-up",
        StepKind::WaitDown => "wait-down",
        StepKind::Run => "run",
        StepKind::Verify => "verify",
        StepKind::Pause => "pause",
        StepKind::Approve => "approve",
        StepKind::Until => "until",
    }
}
