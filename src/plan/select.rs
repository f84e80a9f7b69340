//! Which hosts are worked on. Narrows the work, never what is checked; a selector that matches
//! nothing is a mistake, for it would silently leave out what somebody meant.

use crate::diagnostic::{Diagnostic, Span};
use crate::playbook::model::{Playbook, Selector, Targets};
use crate::topology::model::{Host, HostIx, Topology};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::str::FromStr;

/// One `--only` or `--skip`: `HOST` (address or host id), `rack=R`, `dc=D`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    Host(String),
    Rack(String),
    Datacenter(String),
}

impl FromStr for Pick {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, value) = match text.split_once('=') {
            Some(("rack", rack)) => (Pick::Rack as fn(String) -> Pick, rack),
            Some(("dc" | "datacenter", name)) => (Pick::Datacenter as fn(String) -> Pick, name),
            Some((other, _)) => return Err(format!("`{other}` selects nothing: write HOST, `rack=R` or `dc=D`")),
            None => (Pick::Host as fn(String) -> Pick, text),
        };
        if value.is_empty() { Err("an empty name selects nothing".into()) } else { Ok(kind(value.to_string())) }
    }
}

/// The hosts to work on.
///
/// Different kinds narrow each other, several of one kind add up; `exclude` and `skip` take away.
///
/// # Errors
/// Every selector that matches no host of the cluster, with the name that was probably meant, and a
/// selection that leaves no host at all.
pub fn hosts(
    playbook: &Playbook,
    topology: &Topology,
    only: &[Pick],
    skip: &[Pick],
) -> Result<BTreeSet<HostIx>, Vec<Diagnostic>> {
    let targets = &playbook.targets;
    let mut match_up = Match { playbook, topology, errors: Vec::new() };
    let mut left: BTreeSet<HostIx> = (0..topology.hosts.len()).collect();
    let Targets { datacenters, racks, hosts, exclude } = targets;
    for (kind, names) in [(Kind::Datacenter, datacenters), (Kind::Rack, racks), (Kind::Host, hosts)] {
        let found = match_up.listed(kind, names, "targets");
        left.retain(|host| names.is_empty() || found.contains(host));
    }
    let Selector { datacenters, racks, hosts } = exclude;
    for (kind, names) in [(Kind::Datacenter, datacenters), (Kind::Rack, racks), (Kind::Host, hosts)] {
        let found = match_up.listed(kind, names, "targets.exclude");
        left.retain(|host| !found.contains(host));
    }
    for kind in [Kind::Datacenter, Kind::Rack, Kind::Host] {
        let names = picked(only, kind);
        let found = match_up.picked(kind, &names, "--only");
        left.retain(|host| names.is_empty() || found.contains(host));
    }
    for kind in [Kind::Datacenter, Kind::Rack, Kind::Host] {
        let found = match_up.picked(kind, &picked(skip, kind), "--skip");
        left.retain(|host| !found.contains(host));
    }
    if match_up.errors.is_empty() && left.is_empty() {
        let narrowed = if only.is_empty() && skip.is_empty() { "`targets`" } else { "`targets`, `--only` and `--skip`" };
        let mut nothing = Diagnostic::error(format!("{narrowed} together leave no host to work on"))
            .help("data centres, racks and hosts narrow each other; `exclude` and `--skip` take away");
        nothing.span = playbook.span("targets");
        match_up.errors.push(nothing);
    }
    if match_up.errors.is_empty() { Ok(left) } else { Err(match_up.errors) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Datacenter,
    Rack,
    Host,
}

impl Kind {
    fn key(self) -> &'static str {
        match self {
            Kind::Datacenter => "datacenters",
            Kind::Rack => "racks",
            Kind::Host => "hosts",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Kind::Datacenter => "data centre",
            Kind::Rack => "rack",
            Kind::Host => "host",
        }
    }

    fn is(self, host: &Host, name: &str) -> bool {
        match self {
            Kind::Datacenter => host.datacenter == name,
            Kind::Rack => host.rack == name,
            Kind::Host => host.id == name || name.parse::<IpAddr>().is_ok_and(|address| address == host.address),
        }
    }

    fn name(self, host: &Host) -> String {
        match self {
            Kind::Datacenter => host.datacenter.clone(),
            Kind::Rack => host.rack.clone(),
            Kind::Host => host.address.to_string(),
        }
    }
}

fn picked(picks: &[Pick], kind: Kind) -> Vec<&str> {
    let name = |pick: &Pick| match (pick, kind) {
        (Pick::Host(_), Kind::Host) | (Pick::Rack(_), Kind::Rack) | (Pick::Datacenter(_), Kind::Datacenter) => true,
        _ => false,
    };
    let text = |pick| match pick {
        Pick::Host(text) | Pick::Rack(text) | Pick::Datacenter(text) => text,
    };
    picks.iter().filter(|pick| name(pick)).map(|pick| text(pick).as_str()).collect()
}

struct Match<'a> {
    playbook: &'a Playbook,
    topology: &'a Topology,
    errors: Vec<Diagnostic>,
}

impl Match<'_> {
    fn listed(&mut self, kind: Kind, names: &[String], under: &str) -> BTreeSet<HostIx> {
        let mut found = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            let path = format!("{under}.{}[{index}]", kind.key());
            let span = self.playbook.span(&path);
            found.extend(self.one(kind, name, &format!("`{under}.{}`", kind.key()), span));
        }
        found
    }

    fn picked(&mut self, kind: Kind, names: &[&str], option: &str) -> BTreeSet<HostIx> {
        let mut found = BTreeSet::new();
        for name in names {
            found.extend(self.one(kind, name, &format!("`{option}`"), None));
        }
        found
    }

    fn one(&mut self, kind: Kind, name: &str, by: &str, span: Option<Span>) -> Vec<HostIx> {
        let hosts = self.topology.hosts.iter().enumerate();
        let found: Vec<HostIx> = hosts.filter(|(_, host)| kind.is(host, name)).map(|(index, _)| index).collect();
        if found.is_empty() {
            let present: BTreeSet<String> = self.topology.hosts.iter().map(|host| kind.name(host)).collect();
            let noun = kind.noun();
            let mut error = Diagnostic::error(format!("{by} names the {noun} `{name}`, which the cluster does not have"))
                .help(hint(noun, name, &present));
            error.span = span;
            self.errors.push(error);
        }
        found
    }
}

/// The name that was probably meant, else what there is.
pub(super) fn hint(noun: &str, name: &str, present: &BTreeSet<String>) -> String {
    let near = present.iter().map(|other| (distance(name, other), other)).min();
    match near {
        Some((distance, other)) if distance <= (name.chars().count() / 3).clamp(1, 3) => {
            format!("did you mean `{other}`?")
        }
        _ => {
            let some: Vec<String> = present.iter().take(8).map(|other| format!("`{other}`")).collect();
            let more = present.len().saturating_sub(8);
            let and = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("there {} {noun} {}{and}", if present.len() == 1 { "is" } else { "are" }, some.join(", "))
        }
    }
}

/// Letters to insert, delete or change (Levenshtein), case not counted.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
