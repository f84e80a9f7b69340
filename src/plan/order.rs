//! In which order hosts are preferred: stated, never by chance (semantics.md §2, 7 and §3 "Order").

use super::select;
use crate::diagnostic::Diagnostic;
use crate::playbook::model::Playbook;
use crate::topology::model::{Host, HostIx, Topology};
use std::collections::BTreeSet;

/// Data centres of these hosts: as listed in `wanted`, then the others by name.
pub fn datacenters(topology: &Topology, hosts: &BTreeSet<HostIx>, wanted: &[String]) -> Vec<String> {
    let present: BTreeSet<&str> = hosts.iter().map(|host| topology.hosts[*host].datacenter.as_str()).collect();
    let mut order: Vec<String> = Vec::new();
    for name in wanted.iter().map(String::as_str).chain(present.iter().copied()) {
        if present.contains(name) && !order.iter().any(|seen| seen == name) {
            order.push(name.to_string());
        }
    }
    order
}

/// What a playbook asks for: hosts before all others of their data centre, and whether seeds come behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    first: Vec<HostIx>,
    seeds_last: bool,
}

/// # Errors
/// A name that is no node, and `seeds-last` where nobody said which nodes are seeds.
pub fn wanted(playbook: &Playbook, topology: &Topology) -> Result<Wanted, Vec<Diagnostic>> {
    let order = &playbook.order;
    let mut first = Vec::new();
    for (number, name) in order.first.iter().enumerate() {
        let found = select::named(playbook, topology, std::slice::from_ref(name), "order").map_err(|mut errors| {
            errors.iter_mut().for_each(|error| error.span = playbook.span(&format!("order[{number}]")));
            errors
        })?;
        first.extend(found);
    }
    if order.seeds_last && topology.seeds.is_empty() {
        let mut error = Diagnostic::error("`seeds-last`: no node said which nodes are seeds");
        error.span = playbook.span("order");
        return Err(vec![error.help("name the hosts that come first instead")]);
    }
    Ok(Wanted { first, seeds_last: order.seeds_last })
}

/// The hosts in order of preference: data centre in the given order, then as wanted, rack by name, numeric address.
pub fn hosts(topology: &Topology, hosts: &BTreeSet<HostIx>, datacenters: &[String], wanted: &Wanted) -> Vec<HostIx> {
    let mut order: Vec<HostIx> = hosts.iter().copied().collect();
    let place = |host: &HostIx| match wanted.first.iter().position(|first| first == host) {
        Some(place) => place,
        None if wanted.seeds_last && topology.seeds.contains(&topology.hosts[*host].address) => usize::MAX,
        None => wanted.first.len(),
    };
    order.sort_by_key(|host| {
        let (datacenter, name, rack, address) = preference(&topology.hosts[*host], datacenters);
        (datacenter, name, place(host), rack, address)
    });
    order
}

fn preference<'t>(host: &'t Host, datacenters: &[String]) -> (usize, &'t str, &'t str, std::net::IpAddr) {
    let place = datacenters.iter().position(|name| *name == host.datacenter).unwrap_or(datacenters.len());
    (place, &host.datacenter, &host.rack, host.address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::samples;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| name.to_string()).collect()
    }

    fn addresses(topology: &Topology, order: &[HostIx]) -> Vec<String> {
        order.iter().map(|host| topology.hosts[*host].address.to_string()).collect()
    }

    #[test]
    fn by_rack_name_and_numeric_address() {
        let mut topology = samples::six_hosts_topology();
        topology.hosts[0].address = "10.77.0.100".parse().unwrap();
        topology.hosts[1].address = "10.77.0.20".parse().unwrap();
        let all = (0..6).collect();
        let order = hosts(&topology, &all, &datacenters(&topology, &all, &[]), &Wanted::default());
        assert_eq!(addresses(&topology, &order)[..3], ["10.77.0.20", "10.77.0.100", "10.77.0.12"]);
    }

    #[test]
    fn hosts_that_are_named_come_first_and_seeds_last() {
        let mut topology = samples::six_hosts_topology();
        topology.seeds = [topology.hosts[0].address].into();
        let all = (0..6).collect();
        let wanted = Wanted { first: vec![5, 2], seeds_last: true };
        assert_eq!(hosts(&topology, &all, &datacenters(&topology, &all, &[]), &wanted), [5, 2, 1, 3, 4, 0]);
    }

    #[test]
    fn data_centres_as_listed_else_by_name() {
        let mut topology = samples::six_hosts_topology();
        topology.hosts[0].datacenter = "west".into();
        topology.hosts[1].datacenter = "east".into();
        let all: BTreeSet<HostIx> = (0..6).collect();
        assert_eq!(datacenters(&topology, &all, &[]), names(&["dc1", "east", "west"]));
        assert_eq!(datacenters(&topology, &all, &names(&["west", "dc1", "east"])), names(&["west", "dc1", "east"]));
        assert_eq!(datacenters(&topology, &BTreeSet::from([0]), &names(&["east", "west"])), names(&["west"]));
        let order = hosts(&topology, &all, &names(&["west", "east", "dc1"]), &Wanted::default());
        assert_eq!(addresses(&topology, &order)[..3], ["10.77.0.11", "10.77.0.14", "10.77.0.12"]);
    }
}
