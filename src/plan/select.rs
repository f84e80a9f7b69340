//! Which hosts are worked on. Narrows the work, never what is checked; a selector that matches
//! nothing is a mistake, for it would silently leave out what somebody meant.

use crate::diagnostic::{Diagnostic, Span};
use crate::playbook::model::{Playbook, Selector, Targets};
use crate::playbook::suggest;
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

impl Pick {
    fn name(&self) -> &str {
        match self {
            Pick::Host(name) | Pick::Rack(name) | Pick::Datacenter(name) => name,
        }
    }
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
/// Every selector that matches no host of the cluster, with the name that was probably meant.
pub fn hosts(
    playbook: &Playbook,
    topology: &Topology,
    only: &[Pick],
    skip: &[Pick],
) -> Result<BTreeSet<HostIx>, Vec<Diagnostic>> {
    let targets = &playbook.targets;
    let mut match_up = Match { playbook, topology, errors: Vec::new() };
    let mut left: BTreeSet<HostIx> = (0..topology.hosts.len()).collect();
    if targets.required && only.is_empty() {
        let missing = Diagnostic::error("`--only` is missing: this playbook says `targets: required`");
        let help = "say which hosts: `--only 10.0.0.11`, `--only rack=R` or `--only dc=D`";
        match_up.errors.push(missing.help(help));
    }
    let Targets { required: _, datacenters, racks, hosts, exclude } = targets;
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
    if match_up.errors.is_empty() { Ok(left) } else { Err(match_up.errors) }
}

/// Names of a list in the playbook that the cluster has not, each an error where it stands. `noun`: what there is, `kind`: what they had to be.
pub fn absent(
    playbook: &Playbook,
    place: &str,
    names: &[String],
    (noun, kind): (&str, &str),
    present: &BTreeSet<String>,
) -> Vec<Diagnostic> {
    let missing = names.iter().enumerate().filter(|(_, name)| !present.contains(*name));
    let error = |(number, name): (usize, &String)| {
        let message = format!("`{place}` names `{name}`, which is no {kind} of the cluster");
        let mut error = Diagnostic::error(message).help(hint(noun, name, present));
        error.span = playbook.span(&format!("{place}[{number}]"));
        error
    };
    missing.map(error).collect()
}

/// What to say of a selection that leaves no host at all.
pub fn nothing(playbook: &Playbook, only: &[Pick], skip: &[Pick]) -> Diagnostic {
    let narrowed = if only.is_empty() && skip.is_empty() { "`targets`" } else { "`targets`, `--only` and `--skip`" };
    let mut nothing = Diagnostic::error(format!("{narrowed} together leave no host to work on"))
        .help("data centres, racks and hosts narrow each other; `exclude` and `--skip` take away");
    nothing.span = playbook.span("targets");
    nothing
}

/// The nodes of a list of addresses or host ids.
///
/// # Errors
/// Every name that is none.
pub fn named(
    playbook: &Playbook,
    topology: &Topology,
    names: &[String],
    place: &str,
) -> Result<BTreeSet<HostIx>, Vec<Diagnostic>> {
    let mut match_up = Match { playbook, topology, errors: Vec::new() };
    let mut found = BTreeSet::new();
    for (number, name) in names.iter().enumerate() {
        let hosts = (0..topology.hosts.len()).filter(|host| Kind::Host.is(&topology.hosts[*host], name));
        let before = found.len();
        found.extend(hosts);
        if found.len() == before {
            let mut error = Diagnostic::error(format!("`{place}` names `{name}`, which is no node of the cluster"));
            error.span = playbook.span(&format!("{place}[{number}]"));
            match_up.errors.push(error.help("write an address or a host id, as `rollbook topology` shows them"));
        }
    }
    if match_up.errors.is_empty() { Ok(found) } else { Err(match_up.errors) }
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
    let of_kind = |pick: &Pick| match pick {
        Pick::Host(_) => kind == Kind::Host,
        Pick::Rack(_) => kind == Kind::Rack,
        Pick::Datacenter(_) => kind == Kind::Datacenter,
    };
    picks.iter().filter(|pick| of_kind(pick)).map(Pick::name).collect()
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
            let mut error =
                Diagnostic::error(format!("{by} names the {noun} `{name}`, which the cluster does not have"))
                    .help(hint(noun, name, &present));
            error.span = span;
            self.errors.push(error);
        }
        found
    }
}

/// The name that was probably meant, else what there is.
pub(super) fn hint(noun: &str, name: &str, present: &BTreeSet<String>) -> String {
    // never of addresses: the nearest is another machine
    let near = suggest::nearest(name, present.iter().map(String::as_str)).filter(|_| noun != Kind::Host.noun());
    if let Some(near) = near {
        return format!("did you mean `{near}`?");
    }
    let listed = suggest::listed(present.iter().take(8).map(String::as_str));
    let more = present.len().saturating_sub(8);
    let and = if more > 0 { format!(" … and {more} more") } else { String::new() };
    let plural = if present.len() == 1 { "" } else { "s" };
    format!("the cluster has the {noun}{plural} {listed}{and}")
}

#[cfg(test)]
mod tests;
