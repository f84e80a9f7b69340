//! In which order hosts are preferred: stated, never by chance (semantics.md §2, 7 and §3 "Order").

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

/// The hosts in order of preference: data centre in the given order, rack by name, numeric address.
pub fn hosts(topology: &Topology, hosts: &BTreeSet<HostIx>, datacenters: &[String]) -> Vec<HostIx> {
    let mut order: Vec<HostIx> = hosts.iter().copied().collect();
    order.sort_by_key(|host| preference(&topology.hosts[*host], datacenters));
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
        let order = hosts(&topology, &all, &datacenters(&topology, &all, &[]));
        assert_eq!(addresses(&topology, &order)[..3], ["10.77.0.20", "10.77.0.100", "10.77.0.12"]);
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
        let order = hosts(&topology, &all, &names(&["west", "east", "dc1"]));
        assert_eq!(addresses(&topology, &order)[..3], ["10.77.0.11", "10.77.0.14", "10.77.0.12"]);
    }
}
