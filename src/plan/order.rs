//! In which order hosts are preferred: stated, never by chance (semantics.md §2, 7 and §3 "Order").

mod search;
mod trial;

use super::model::Datacenter;
use super::protection::Protection;
use super::select;
use crate::diagnostic::Diagnostic;
use crate::playbook::model::Playbook;
use crate::topology::model::{Host, HostIx, Topology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How long hosts took in an earlier run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// Which run, in words.
    pub from: String,
    /// Milliseconds by host id. Empty: nobody knows.
    pub took: BTreeMap<String, u64>,
}

/// Where an order of hosts comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HostOrder {
    /// Rack by name, then numeric address, and what the playbook asks for.
    #[default]
    ByRack,
    /// Orders were tried out with durations as nobody knows them: by rack it takes longer.
    Search,
    /// The same with the durations of an earlier run.
    Durations,
}

impl HostOrder {
    pub fn is_by_rack(&self) -> bool {
        *self == HostOrder::ByRack
    }
}

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
    order.sort_by_key(|host| {
        let (datacenter, name, rack, address) = preference(&topology.hosts[*host], datacenters);
        (datacenter, name, wanted.place(topology, *host), rack, address)
    });
    order
}

impl Wanted {
    /// Hosts of a smaller number come before those of a larger one.
    fn place(&self, topology: &Topology, host: HostIx) -> usize {
        match self.first.iter().position(|first| *first == host) {
            Some(place) => place,
            None if self.seeds_last && topology.seeds.contains(&topology.hosts[host].address) => usize::MAX,
            None => self.first.len(),
        }
    }
}

/// What an order is searched for.
pub struct Search<'a> {
    pub topology: &'a Topology,
    pub protection: &'a Protection,
    pub wanted: &'a Wanted,
    /// Hosts that may be out at once in one data centre.
    pub slots: usize,
    pub durations: &'a Durations,
}

impl Search<'_> {
    /// The hosts of each data centre in the order in which they are done soonest, where one is better than the usual.
    /// Only who is preferred changes, and whether racks are finished one by one: who may be out with whom does not.
    pub fn quickest(&self, order: Vec<HostIx>, datacenters: &mut [Datacenter]) -> Vec<HostIx> {
        let mut all = Vec::new();
        for datacenter in datacenters {
            let name = &datacenter.name;
            let here = order.iter().copied().filter(|host| self.topology.hosts[*host].datacenter == *name);
            let here: Vec<HostIx> = here.collect();
            let found = self.better(&here, datacenter.rack_by_rack);
            if let Some(found) = &found {
                datacenter.rack_by_rack = found.rack_by_rack;
                datacenter.order =
                    if self.durations.took.is_empty() { HostOrder::Search } else { HostOrder::Durations };
            }
            let numbers = found.map_or((0..here.len()).collect(), |found| found.hosts);
            all.extend(numbers.into_iter().map(|number| here[number]));
        }
        all
    }

    fn better(&self, hosts: &[HostIx], rack_by_rack: bool) -> Option<trial::Order> {
        if hosts.len() < 3 {
            return None;
        }
        let number: BTreeMap<HostIx, usize> = hosts.iter().enumerate().map(|(at, host)| (*host, at)).collect();
        let mut excludes = vec![Vec::new(); hosts.len()];
        for pair in &self.protection.shared {
            if let (Some(a), Some(b)) = (number.get(&pair.a), number.get(&pair.b)) {
                excludes[*a].push(*b);
                excludes[*b].push(*a);
            }
        }
        excludes.iter_mut().for_each(|others: &mut Vec<usize>| others.sort_unstable());
        let racks: BTreeSet<&str> = hosts.iter().map(|host| self.topology.hosts[*host].rack.as_str()).collect();
        let rack = |host: &HostIx| racks.iter().position(|rack| *rack == self.topology.hosts[*host].rack).unwrap_or(0);
        let racks = hosts.iter().map(rack).collect();
        let work = trial::Work { excludes, racks, slots: self.slots.max(1) };
        let place: Vec<usize> = hosts.iter().map(|host| self.wanted.place(self.topology, *host)).collect();
        let took = self.durations.of(hosts.iter().map(|host| self.topology.hosts[*host].id.as_str()));
        let usual = trial::Order { hosts: (0..hosts.len()).collect(), rack_by_rack };
        search::better(&search::Wanted { work: &work, usual, place: &place, took: took.as_deref() })
    }
}

fn preference<'t>(host: &'t Host, datacenters: &[String]) -> (usize, &'t str, &'t str, std::net::IpAddr) {
    let place = datacenters.iter().position(|name| *name == host.datacenter).unwrap_or(datacenters.len());
    (place, &host.datacenter, &host.rack, host.address)
}

impl Durations {
    /// How long these hosts may take: as in that run, and the median of them where one was not in it. None: nobody
    /// knows.
    pub fn of<'h>(&self, hosts: impl Iterator<Item = &'h str>) -> Option<Vec<u64>> {
        let known: Vec<Option<u64>> = hosts.map(|id| self.took.get(id).copied()).collect();
        let mut sorted: Vec<u64> = known.iter().flatten().copied().collect();
        sorted.sort_unstable();
        let median = *sorted.get(sorted.len() / 2)?;
        Some(known.into_iter().map(|took| took.unwrap_or(median)).collect())
    }
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
    fn a_host_that_was_not_in_the_earlier_run_takes_the_median() {
        let took = [("a", 5), ("b", 9), ("c", 7)].map(|(id, ms)| (id.to_owned(), ms)).into();
        let durations = Durations { from: "a test".into(), took };
        assert_eq!(durations.of(["c", "x", "a", "b"].into_iter()), Some(vec![7, 7, 5, 9]));
        assert_eq!(durations.of(["x", "y"].into_iter()), None, "none of them was in it");
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
