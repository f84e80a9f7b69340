//! The file's form → the model: defaults filled in, commands split, templates tried with sample values.
//!
//! Every finding has a place; all are collected. What only the cluster can tell is left to the plan.

mod access;
mod accepted;
mod gates;
mod goal;
mod parameters;
mod phases;
mod steps;
mod templates;

pub(super) use steps::{has_effect, word as kind_word};
pub use templates::Samples;

use super::document::{Content, Node};
use super::model::{Checks, Concurrency, Playbook, Selector, Targets};
use super::{chain, defaults, duration, written};
use crate::diagnostic::{Diagnostic, Span};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Builds the model of a document whose structure is sound. The playbook is only worth something where
/// no finding is an error.
pub fn build(source: &str, root: &Node, written: written::Playbook) -> (Playbook, Vec<Diagnostic>) {
    let mut playbook = defaults::playbook(&written.name.0);
    let mut spans = BTreeMap::new();
    places(root, String::new(), &mut spans);
    let mut reading =
        Reading { source, root, spans, prefix: String::new(), findings: Vec::new(), samples: Samples::default() };

    playbook.description = written.description;
    playbook.reason_required = written.reason.is_some();
    playbook.params = reading.params(written.params);
    reading.samples.take_params(&playbook.params);
    playbook.cluster = reading.access(written.cluster.unwrap_or_default());
    reading.samples.take_cluster(&playbook.cluster);
    if playbook.cluster.hosts_file.is_some() {
        let of_phases = written.phases.iter().flat_map(|phase| &phase.steps);
        reading.samples.take_hosts_file(source, &written::registered(written.steps.iter().chain(of_phases)));
    }
    playbook.targets = reading.targets(written.targets);
    playbook.strategy = written.strategy.unwrap_or(playbook.strategy);
    playbook.availability = reading.availability(playbook.strategy, written.availability, None);
    playbook.groups = reading.groups(written.groups);
    let phases = written.phases;
    playbook.accept_outage = written.accept_outage.map(|reason| reason.0);
    playbook.concurrency = reading.concurrency(playbook.concurrency, written.concurrency);
    playbook.max_failures = written.max_failures.unwrap_or(0);
    if let Some(text) = written.blocked_timeout {
        playbook.blocked_timeout = reading.positive("blocked-timeout", &text);
    }
    let checks = written.checks.unwrap_or_default();
    let (start, demands_start) = reading.checks("checks.start", checks.start);
    let (each_host, demands_each_host) = reading.checks("checks.each-host", checks.each_host);
    playbook.checks = Checks { start, each_host, demands_start, demands_each_host };
    playbook.gates = reading.gates(written.gates);
    playbook.lock = written.lock.map(|lock| reading.lock(lock));
    playbook.setup = reading.setup(written.setup);
    playbook.order = reading.order(written.order);
    playbook.known_down = written.known_down.map(|known| reading.known_down(known));
    playbook.waive = reading.waivers(written.waive);
    playbook.until = reading.goal(written.until);
    playbook.first = reading.first(written.first, written.then);
    playbook.steps = reading.steps(written.steps, &playbook.cluster);
    reading.reason_is_required(&playbook);
    playbook.spans = reading.spans.clone();
    playbook.phases = reading.phases(&playbook, phases);

    let mut findings = reading.findings;
    // A chain is judged only where its steps and expressions could be read.
    if findings.iter().all(|finding| finding.severity != crate::diagnostic::Severity::Error) {
        for (_, part) in playbook.parts() {
            findings.extend(chain::check(part, &reading.samples));
        }
    }
    (playbook, findings)
}

/// The place of every value, by path: `targets.racks[1]`.
fn places(node: &Node, path: String, spans: &mut BTreeMap<String, Span>) {
    match &node.content {
        Content::Map(entries) => {
            for entry in entries {
                let dot = if path.is_empty() { "" } else { "." };
                let inner = format!("{path}{dot}{}", entry.key);
                let empty = entry.value.span.start == entry.value.span.end;
                spans.insert(inner.clone(), if empty { entry.key_span } else { entry.value.span });
                places(&entry.value, inner, spans);
            }
        }
        Content::List(items) => {
            for (number, item) in items.iter().enumerate() {
                let inner = format!("{path}[{number}]");
                spans.insert(inner.clone(), item.span);
                places(item, inner, spans);
            }
        }
        Content::Scalar { .. } => {}
    }
}

struct Reading<'a> {
    source: &'a str,
    root: &'a Node,
    spans: BTreeMap<String, Span>,
    /// `phases[1].` while that phase is read: paths below are of its keys.
    prefix: String,
    findings: Vec<Diagnostic>,
    samples: Samples,
}

impl Reading<'_> {
    fn span(&self, path: &str) -> Span {
        self.spans.get(&format!("{}{path}", self.prefix)).copied().unwrap_or_default()
    }

    fn find(&mut self, path: &str, finding: Diagnostic) {
        let placed = finding.span.is_some();
        let span = self.span(path);
        self.findings.push(if placed { finding } else { finding.at(span) });
    }

    /// The node at a path of keys and indices as `spans` writes it.
    fn node(&self, path: &str) -> Option<Node> {
        let mut node = self.root;
        for part in format!("{}{path}", self.prefix).split(['.', '[']) {
            node = match part.strip_suffix(']') {
                Some(index) => node.items().get(index.parse::<usize>().ok()?)?,
                None => node.get(part)?,
            };
        }
        Some(node.clone())
    }

    fn duration(&mut self, path: &str, text: &written::Duration) -> Duration {
        duration::parse(&text.0).unwrap_or_else(|(message, help)| {
            self.find(path, Diagnostic::error(message).help(help));
            Duration::ZERO
        })
    }

    /// A duration that must take some time.
    fn positive(&mut self, path: &str, text: &written::Duration) -> Duration {
        let duration = self.duration(path, text);
        if duration.is_zero() {
            let key = path.rsplit('.').next().unwrap_or(path);
            self.find(path, Diagnostic::error(format!("`{key}` of no time at all")).help("write a time such as `30s`"));
        }
        duration
    }

    /// What is written over what holds without it.
    fn concurrency(&mut self, mut concurrency: Concurrency, written: Option<written::Concurrency>) -> Concurrency {
        match written {
            None => {}
            Some(written::Concurrency::MaxHosts(hosts)) => concurrency.max_hosts = Some(hosts),
            Some(written::Concurrency::Settings(settings)) => {
                concurrency.max_hosts = settings.max_hosts.or(concurrency.max_hosts);
                concurrency.datacenters = settings.datacenters.unwrap_or(concurrency.datacenters);
                if let Some(grace) = settings.grace {
                    concurrency.grace = self.duration("concurrency.grace", &grace);
                }
            }
        }
        concurrency
    }

    fn targets(&mut self, written: Option<written::Targets>) -> Targets {
        let written = match written {
            None => return Targets::default(),
            Some(written::Targets::Required(_)) => return Targets { required: true, ..Targets::default() },
            Some(written::Targets::Listed(written)) => *written,
        };
        let exclude = written.exclude.unwrap_or_default();
        Targets {
            required: false,
            datacenters: self.names("targets.datacenters", written.datacenters),
            racks: self.names("targets.racks", written.racks),
            hosts: self.names("targets.hosts", written.hosts),
            exclude: Selector {
                datacenters: self.names("targets.exclude.datacenters", exclude.datacenters),
                racks: self.names("targets.exclude.racks", exclude.racks),
                hosts: self.names("targets.exclude.hosts", exclude.hosts),
            },
        }
    }

    /// Names of a list, each once.
    fn names(&mut self, path: &str, written: Vec<written::Name>) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut seen = BTreeSet::new();
        for (number, name) in written.into_iter().enumerate() {
            let place = format!("{path}[{number}]");
            if name.0.chars().any(char::is_control) {
                self.find(&place, Diagnostic::error("a control character in a name"));
            }
            if !seen.insert(name.0.clone()) {
                self.find(
                    &place,
                    Diagnostic::error(format!("`{}` is named twice", name.0)).help("keep one of the two"),
                );
            }
            names.push(name.0);
        }
        names
    }
}
