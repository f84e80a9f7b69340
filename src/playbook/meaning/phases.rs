//! `phases`: each becomes a playbook of its own, with its settings over those of the whole.

use super::Reading;
use crate::diagnostic::{Diagnostic, Span};
use crate::playbook::model::{Checks, Demand, Phase, Playbook, Targets};
use crate::playbook::written;
use std::collections::{BTreeMap, BTreeSet};

impl Reading<'_> {
    pub(super) fn phases(&mut self, whole: &Playbook, written: Vec<written::Phase>) -> Vec<Phase> {
        if written.is_empty() {
            return Vec::new();
        }
        for key in ["until", "first"].into_iter().filter(|key| whole.spans.contains_key(*key)) {
            let error = Diagnostic::error(format!("`{key}` belongs to a phase where there are `phases`"));
            self.find(key, error.help("write it under the phase it is meant for"));
        }
        let mut names = BTreeSet::new();
        let mut phases = Vec::new();
        for (number, phase) in written.into_iter().enumerate() {
            self.prefix = format!("phases[{number}].");
            if !names.insert(phase.name.0.clone()) {
                let error = Diagnostic::error(format!("two phases are called `{}`", phase.name.0));
                self.find("name", error.help("give each its own name"));
            }
            phases.push(self.phase(whole, phase));
        }
        self.prefix.clear();
        phases
    }

    fn phase(&mut self, whole: &Playbook, written: written::Phase) -> Phase {
        let mut book = whole.clone();
        if let Some(targets) = written.targets {
            let own = self.targets(Some(targets));
            if own.required {
                let error = Diagnostic::error("`targets: required` is about the run, not about a phase");
                self.find("targets", error.help("write it at the top, without an indent"));
            }
            book.targets = Targets { required: whole.targets.required, ..own };
        }
        book.strategy = written.strategy.unwrap_or(book.strategy);
        book.availability = self.availability(book.strategy, written.availability, book.availability);
        book.concurrency = self.concurrency(book.concurrency, written.concurrency);
        let checks = written.checks.unwrap_or_default();
        let (start, demands_start) = self.checks("checks.start", checks.start);
        let (each_host, demands_each_host) = self.checks("checks.each-host", checks.each_host);
        add(&mut book.checks, Checks { start, each_host, demands_start, demands_each_host });
        book.until = self.goal(written.until);
        book.first = self.first(written.first, written.then);
        book.steps = self.steps(written.steps, &whole.cluster);
        book.spans = places(&whole.spans, &self.prefix);
        self.reason_is_required(&book);
        Phase { name: written.name.0, book }
    }
}

/// A phase only adds checks; a bound of its own stands in place of the playbook's.
fn add(checks: &mut Checks, own: Checks) {
    let bounds = |all: &mut Vec<Demand>, own: Vec<Demand>| {
        all.retain(|demand| own.iter().all(|other| other.check != demand.check));
        all.extend(own);
    };
    checks.start.extend(own.start);
    checks.each_host.extend(own.each_host);
    bounds(&mut checks.demands_start, own.demands_start);
    bounds(&mut checks.demands_each_host, own.demands_each_host);
}

/// The places of the file, with those of the phase as if they stood at the top.
fn places(all: &BTreeMap<String, Span>, prefix: &str) -> BTreeMap<String, Span> {
    let mut places = all.clone();
    places.extend(all.iter().filter_map(|(path, span)| Some((path.strip_prefix(prefix)?.to_owned(), *span))));
    places
}
