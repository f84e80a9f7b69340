//! A playbook with every default written out, as a text that reads back to the same playbook.

use super::document::{Reads, reads_as};
use super::meaning::{has_effect, kind_word};
use super::model::{
    ApproveScope, Availability, Check, Checks, Command, Concurrency, DatacenterOrder, Demand, GateQuestion, Goal,
    Groups, Keyspaces, Lock, OnFailure, Param, Phase, Playbook, Retries, SetupStep, Severity, Step, StepKind, Strategy,
    TakesDown, Targets, Then, Waivable,
};
use super::secret::Source;
use super::{command, duration, params};
use std::fmt::Write;

/// The playbook as YAML; comments of the original are not kept.
pub fn explain(playbook: &Playbook) -> String {
    let mut out = Lines(String::new());
    out.key(0, "rollbook", "1");
    out.key(0, "name", &scalar(&playbook.name));
    out.option(0, "description", playbook.description.as_deref().map(scalar));
    out.option(0, "reason", playbook.reason_required.then(|| "required".to_owned()));
    if !playbook.params.is_empty() {
        out.line(0, "params:");
        playbook.params.iter().for_each(|(name, param)| parameter(&mut out, name, param));
    }
    cluster(&mut out, playbook);
    targets(&mut out, 0, &playbook.targets);
    out.key(0, "strategy", strategy(playbook.strategy));
    availability(&mut out, 0, playbook.availability.as_ref());
    out.option(0, "accept-outage", playbook.accept_outage.as_deref().map(scalar));
    concurrency(&mut out, 0, &playbook.concurrency);
    out.key(0, "max-failures", &playbook.max_failures.to_string());
    out.key(0, "blocked-timeout", &duration::print(playbook.blocked_timeout));
    checks(&mut out, 0, &playbook.checks);
    groups(&mut out, &playbook.groups);
    let mut order: Vec<String> = playbook.order.first.clone();
    order.extend(playbook.order.seeds_last.then(|| "seeds-last".to_owned()));
    out.list(0, "order", &order);
    if let Some(known) = &playbook.known_down {
        out.line(0, "known-down:");
        out.list(2, "hosts", &known.hosts);
        out.key(2, "reason", &scalar(&known.reason));
    }
    if !playbook.waive.is_empty() {
        out.line(0, "waive:");
    }
    for waiver in &playbook.waive {
        out.key(2, "- check", waivable_word(waiver.check));
        out.key(4, "reason", &scalar(&waiver.reason));
        out.key(4, "expires", &quoted(&waiver.expires));
    }
    if !playbook.gates.is_empty() {
        out.line(0, "gates:");
    }
    for gate in &playbook.gates {
        out.key(2, "- name", &scalar(&gate.name));
        let indent = match &gate.asks {
            GateQuestion::Command(run) => {
                out.key(4, "run", &command_text(run));
                out.option(4, "max", gate.max.map(|max| max.to_string()));
                out.option(4, "min", gate.min.map(|min| min.to_string()));
                4
            }
            GateQuestion::Measure(measure) => {
                out.line(4, &format!("{}:", measure.word()));
                let bound = |max: f64| match measure.costly() {
                    true => duration::print(std::time::Duration::from_secs_f64(max / 1000.0)),
                    false => max.to_string(),
                };
                out.option(6, "max", gate.max.map(bound));
                6
            }
        };
        out.key(indent, "poll", &duration::print(gate.poll));
        out.key(indent, "stable", &gate.stable.to_string());
        out.key(indent, "timeout", &duration::print(gate.timeout));
    }
    if let Some(held) = &playbook.lock {
        lock(&mut out, held);
    }
    if !playbook.setup.is_empty() {
        out.line(0, "setup:");
        playbook.setup.iter().for_each(|step| setup(&mut out, step));
    }
    match playbook.phases.as_slice() {
        [] => chain(&mut out, 0, playbook),
        phases => {
            out.line(0, "phases:");
            phases.iter().for_each(|one| phase(&mut out, playbook, one));
        }
    }
    out.0
}

/// The settings of a phase that differ from the playbook's, and its chain.
fn phase(out: &mut Lines, whole: &Playbook, phase: &Phase) {
    let book = &phase.book;
    out.key(2, "- name", &scalar(&phase.name));
    if book.targets != whole.targets {
        targets(out, 4, &book.targets);
    }
    out.key(4, "strategy", strategy(book.strategy));
    if book.availability != whole.availability {
        availability(out, 4, book.availability.as_ref());
    }
    concurrency(out, 4, &book.concurrency);
    let own = |all: &[Check], before: &[Check]| all[before.len()..].to_vec();
    let bounds = |all: &[Demand], before: &[Demand]| {
        all.iter().filter(|demand| !before.contains(demand)).copied().collect::<Vec<_>>()
    };
    let (all, before) = (&book.checks, &whole.checks);
    let added = Checks {
        start: own(&all.start, &before.start),
        each_host: own(&all.each_host, &before.each_host),
        demands_start: bounds(&all.demands_start, &before.demands_start),
        demands_each_host: bounds(&all.demands_each_host, &before.demands_each_host),
    };
    checks(out, 4, &added);
    chain(out, 4, book);
}

fn chain(out: &mut Lines, indent: usize, playbook: &Playbook) {
    if let Some(goal) = &playbook.until {
        out.line(indent, "until:");
        match goal {
            Goal::Command(command) => out.key(indent + 2, "command", &command_text(command)),
            Goal::Release(word) => out.key(indent + 2, "release", &quoted(&word.template)),
            Goal::BootedAfter(second) => out.key(indent + 2, "booted-after", &quoted(&duration::moment(*second))),
        }
    }
    if let Some(first) = playbook.first {
        out.key(indent, "first", &first.hosts.to_string());
        out.key(indent, "then", if first.then == Then::Ask { "ask" } else { "stop" });
    }
    out.line(indent, "steps:");
    playbook.steps.iter().for_each(|one| step(out, indent, one));
}

struct Lines(String);

impl Lines {
    fn line(&mut self, indent: usize, text: &str) {
        writeln!(self.0, "{:indent$}{text}", "").expect("a String takes everything");
    }

    fn key(&mut self, indent: usize, key: &str, value: &str) {
        self.line(indent, format!("{key}: {value}").trim_end());
    }

    fn option(&mut self, indent: usize, key: &str, value: Option<String>) {
        if let Some(value) = value {
            self.key(indent, key, &value);
        }
    }

    fn list(&mut self, indent: usize, key: &str, items: &[String]) {
        if !items.is_empty() {
            self.key(indent, key, &flow(items));
        }
    }
}

fn parameter(out: &mut Lines, name: &str, param: &Param) {
    out.line(2, &format!("{name}:"));
    out.option(4, "description", param.description.as_deref().map(scalar));
    if let Some(source) = &param.secret {
        out.line(4, "secret:");
        return match source {
            Source::Env(name) => out.key(6, "env", &scalar(name)),
            Source::File(path) => out.key(6, "file", &scalar(path)),
            Source::Command(words) => {
                out.key(6, "command", &scalar(&command::join_words(words.iter().map(String::as_str))))
            }
        };
    }
    out.key(4, "type", params::type_name(param.kind).trim_matches('`'));
    out.option(4, "pattern", param.pattern.as_deref().map(scalar));
    // JSON is YAML: texts are quoted, lists in brackets.
    out.option(4, "default", param.default.as_ref().map(json));
}

fn cluster(out: &mut Lines, playbook: &Playbook) {
    let access = &playbook.cluster;
    out.line(0, "cluster:");
    let words: Vec<String> = access.ssh.words.iter().map(|word| word.template.clone()).collect();
    out.list(2, "ssh", &words);
    out.key(2, "nodetool", &scalar(&command::join(&access.nodetool)));
    out.key(2, "service", &scalar(&access.service));
    match &access.keyspaces {
        Keyspaces::Data => out.key(2, "keyspaces", "data"),
        Keyspaces::All => out.key(2, "keyspaces", "all"),
        Keyspaces::Only(names) => out.list(2, "keyspaces", names),
    }
    out.option(2, "hosts", access.hosts_file.as_deref().map(scalar));
    out.list(2, "seeds", &access.seeds);
}

fn targets(out: &mut Lines, indent: usize, targets: &Targets) {
    if *targets == Targets::default() {
        return;
    }
    if targets.required {
        return out.line(indent, "targets: required");
    }
    out.line(indent, "targets:");
    out.list(indent + 2, "datacenters", &targets.datacenters);
    out.list(indent + 2, "racks", &targets.racks);
    out.list(indent + 2, "hosts", &targets.hosts);
    if targets.exclude != Default::default() {
        out.line(indent + 2, "exclude:");
        out.list(indent + 4, "datacenters", &targets.exclude.datacenters);
        out.list(indent + 4, "racks", &targets.exclude.racks);
        out.list(indent + 4, "hosts", &targets.exclude.hosts);
    }
}

fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::One => "one",
        Strategy::Topology => "topology",
        Strategy::Availability => "availability",
        Strategy::All => "all",
    }
}

fn availability(out: &mut Lines, indent: usize, kept: Option<&Availability>) {
    let Some(kept) = kept else { return };
    out.line(indent, "availability:");
    out.key(indent + 2, "level", kept.level.word());
    out.list(indent + 2, "datacenters", &kept.datacenters);
    out.list(indent + 2, "accept", &kept.accept);
}

fn concurrency(out: &mut Lines, indent: usize, concurrency: &Concurrency) {
    out.line(indent, "concurrency:");
    out.option(indent + 2, "max-hosts", concurrency.max_hosts.map(|hosts| hosts.to_string()));
    let datacenters = match concurrency.datacenters {
        DatacenterOrder::Serial => "serial",
        DatacenterOrder::Parallel => "parallel",
    };
    out.key(indent + 2, "datacenters", datacenters);
    out.key(indent + 2, "grace", &duration::print(concurrency.grace));
}

fn checks(out: &mut Lines, indent: usize, checks: &Checks) {
    let names = |checks: &[Check]| checks.iter().map(|check| check_word(*check).to_owned()).collect::<Vec<_>>();
    if *checks == Checks::default() {
        return;
    }
    out.line(indent, "checks:");
    let parts = [
        ("start", names(&checks.start), &checks.demands_start),
        ("each-host", names(&checks.each_host), &checks.demands_each_host),
    ];
    for (key, names, demands) in parts {
        if !(names.is_empty() && demands.is_empty()) {
            out.line(indent + 2, &format!("{key}:"));
            names.iter().for_each(|name| out.line(indent + 4, &format!("- {name}")));
            demands.iter().for_each(|demand| out.line(indent + 4, &format!("- {}", demand_text(demand))));
        }
    }
}

fn groups(out: &mut Lines, groups: &Groups) {
    match groups {
        Groups::None => {}
        Groups::MachineId => out.key(0, "groups", "machine-id"),
        Groups::Command(command) => {
            out.line(0, "groups:");
            out.key(2, "command", &command_text(command));
        }
        Groups::Listed(listed) => {
            out.line(0, "groups:");
            for group in listed {
                match &group.name {
                    None => out.line(2, &format!("- {}", flow(&group.hosts))),
                    Some(name) => {
                        out.key(2, "- name", &scalar(name));
                        out.list(4, "hosts", &group.hosts);
                    }
                }
            }
        }
    }
}

fn demand_text(demand: &Demand) -> String {
    let bound = match demand.check {
        Check::PendingCompactions => format!("max: {}, ", demand.bound),
        Check::DiskHeadroom => format!("min: {}, ", demand.bound),
        _ => String::new(),
    };
    let severity = if demand.severity == Severity::Stop { "stop" } else { "warn" };
    format!("{}: {{ {bound}severity: {severity} }}", check_word(demand.check))
}

/// A check as the playbook writes it.
pub fn check_word(check: Check) -> &'static str {
    match check {
        Check::AllUp => "all-up",
        Check::ReplicasUp => "replicas-up",
        Check::SchemaAgreement => "schema-agreement",
        Check::NoRangeMovement => "no-range-movement",
        Check::NativeTransport => "native-transport",
        Check::OwnViewComplete => "own-view-complete",
        Check::Restarted => "restarted",
        Check::NoStreaming => "no-streaming",
        Check::SameRelease => "same-release",
        Check::NoRepair => "no-repair",
        Check::HintsDrained => "hints-drained",
        Check::PendingCompactions => "pending-compactions",
        Check::DiskHeadroom => "disk-headroom",
    }
}

/// A check that may be waived, as the playbook writes it.
pub fn waivable_word(check: Waivable) -> &'static str {
    Check::ALL.into_iter().find(|all| all.waivable() == Some(check)).map_or("", check_word)
}

fn lock(out: &mut Lines, lock: &Lock) {
    out.line(0, "lock:");
    out.key(2, "acquire", &command_text(&lock.acquire));
    out.key(2, "release", &command_text(&lock.release));
    if let Some(renewal) = &lock.renewal {
        out.key(2, "renew", &command_text(&renewal.command));
        out.key(2, "every", &duration::print(renewal.every));
        out.key(2, "timeout", &duration::print(renewal.timeout));
    }
}

fn setup(out: &mut Lines, step: &SetupStep) {
    out.key(2, "- run", &command_text(&step.run));
    out.option(4, "undo", step.undo.as_ref().map(command_text));
    out.key(4, "timeout", &duration::print(step.timeout));
}

fn step(out: &mut Lines, indent: usize, step: &Step) {
    let value = match (&step.command, step.pause, &step.message) {
        (Some(command), ..) => command_text(command),
        (None, Some(pause), _) => duration::print(pause),
        (None, None, Some(message)) => scalar(message),
        (None, None, None) => String::new(),
    };
    out.key(indent + 2, &format!("- {}", kind_word(step.kind)), &value);
    out.key(indent + 4, "name", &scalar(&step.name));
    out.option(indent + 4, "when", step.when.as_ref().map(|when| scalar(&when.expression)));
    let has = |key: &str| has_effect(key, step.kind);
    out.option(indent + 4, "timeout", has("timeout").then(|| duration::print(step.timeout)));
    if let Some(script) = &step.script {
        write_script(out, indent, script);
    }
    if !step.env.is_empty() {
        out.line(indent + 4, "env:");
        step.env.iter().for_each(|(name, word)| out.key(indent + 6, name, &scalar(&word.template)));
    }
    let statuses: Vec<String> = step.ok_exit.iter().map(i32::to_string).collect();
    out.option(indent + 4, "ok-exit", has("ok-exit").then(|| format!("[{}]", statuses.join(", "))));
    out.option(indent + 4, "expect", step.expect.as_ref().map(|word| quoted(&word.template)));
    out.option(indent + 4, "register", step.register.clone());
    out.option(indent + 4, "retries", step.retries.map(retries));
    let scope = |scope| if scope == ApproveScope::Host { "host" } else { "rest" };
    out.option(indent + 4, "scope", step.scope.map(|word| scope(word).to_owned()));
    out.option(indent + 4, "poll", has("poll").then(|| duration::print(step.poll)));
    out.option(indent + 4, "stable", has("stable").then(|| step.stable.to_string()));
    out.option(indent + 4, "probe", step.probe.as_ref().map(command_text));
    out.option(indent + 4, "undo", step.undo.as_ref().map(command_text));
    out.option(indent + 4, "idempotent", has("idempotent").then(|| step.idempotent.to_string()));
    let takes_down = step.takes_down.filter(|_| step.kind == StepKind::Run).map(takes_down_word);
    out.option(indent + 4, "takes-down", takes_down.map(str::to_owned));
    out.option(indent + 4, "on-failure", has("on-failure").then(|| on_failure_word(step.on_failure).to_owned()));
    out.option(indent + 4, "on-timeout", has("on-timeout").then(|| on_failure_word(step.on_timeout).to_owned()));
}

fn retries(retries: Retries) -> String {
    let delay = duration::print(std::time::Duration::from_millis(retries.delay_ms));
    format!("{{ times: {}, delay: {delay}, backoff: {} }}", retries.times, retries.backoff)
}

fn on_failure_word(on_failure: OnFailure) -> &'static str {
    match on_failure {
        OnFailure::Stop => "stop",
        OnFailure::Continue => "continue",
        OnFailure::Ask => "ask",
    }
}

fn takes_down_word(takes_down: TakesDown) -> &'static str {
    match takes_down {
        TakesDown::Nothing => "nothing",
        TakesDown::Restart => "restart",
        TakesDown::Reboot => "reboot",
        TakesDown::Unknown => unreachable!("nobody writes unknown"),
    }
}

/// As a block where YAML keeps every byte of it, else as one quoted text.
fn write_script(out: &mut Lines, indent: usize, script: &str) {
    let odd =
        |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{feff}' || c == '\u{2028}' || c == '\u{2029}';
    let one_end = script.ends_with('\n') && !script.ends_with("\n\n");
    if one_end && !script.starts_with([' ', '\t', '\n']) && !script.contains(odd) {
        out.line(indent + 4, "script: |");
        script.lines().for_each(|line| out.line(if line.is_empty() { 0 } else { indent + 6 }, line));
    } else {
        out.key(indent + 4, "script", &quoted(script));
    }
}

fn command_text(command: &Command) -> String {
    scalar(&command::join(command))
}

fn flow(items: &[String]) -> String {
    format!("[{}]", items.iter().map(|item| flow_item(item)).collect::<Vec<_>>().join(", "))
}

fn flow_item(text: &str) -> String {
    if text.contains([' ', ',', '{', '[']) { quoted(text) } else { scalar(text) }
}

/// A text as YAML reads it back: plain where nobody can take it for anything else.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ._/=@+-".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    if begins && text.chars().all(plain) && text.trim() == text && reads_as(text) == Reads::Text {
        return text.to_owned();
    }
    quoted(text)
}

fn quoted(text: &str) -> String {
    if text.contains(['"', '\\']) && !text.chars().any(|c| c.is_control()) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    json(&serde_json::Value::from(text))
}

/// JSON, with the characters escaped that YAML does not print.
fn json(value: &serde_json::Value) -> String {
    let mut out = String::new();
    for character in value.to_string().chars() {
        match character {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                write!(out, "\\u{:04x}", u32::from(character)).expect("a String takes everything");
            }
            other => out.push(other),
        }
    }
    out
}
