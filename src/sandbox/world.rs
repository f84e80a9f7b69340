//! A sandbox at one moment: its cluster, its faults, and the history of the hosts asked for.

use super::cluster::{Cluster, Machine};
use super::fault::{self, Fate, Fault, Planted};
use super::host::{self, History};
use super::life::Span;
use super::nodetool::RELEASE;
use super::pace::{self, Moment};
use anyhow::Result;
use std::path::Path;

pub struct World {
    pub cluster: Cluster,
    pub faults: Vec<Planted>,
    pub now: Moment,
}

impl World {
    pub fn open(dir: &Path) -> Result<World> {
        Ok(World { cluster: Cluster::load(dir)?, faults: fault::load(dir)?, now: pace::now() })
    }

    pub fn tick(&mut self) {
        self.now = pace::now();
    }

    /// The faults of one host with their times.
    fn fates<'a>(&'a self, machine: &'a Machine) -> impl Iterator<Item = (&'a Fate, &'a Planted)> {
        self.faults.iter().filter_map(move |planted| match &planted.fault {
            Fault::Host(host, fate) if self.names(host, machine) => Some((fate, planted)),
            _ => None,
        })
    }

    /// Whether a word is this machine's name or address.
    pub fn names(&self, word: &str, machine: &Machine) -> bool {
        word == machine.name || word.parse() == Ok(machine.address)
    }

    /// The faults of a host that hold now.
    pub fn wrong<'a>(&'a self, machine: &'a Machine) -> impl Iterator<Item = &'a Fate> {
        self.fates(machine).filter(|(_, planted)| planted.holds(self.now)).map(|(fate, _)| fate)
    }

    pub fn has(&self, machine: &Machine, fate: &Fate) -> bool {
        self.wrong(machine).any(|held| held == fate)
    }

    /// The release of Cassandra that a machine runs.
    pub fn release<'a>(&'a self, machine: &'a Machine) -> &'a str {
        let other =
            self.wrong(machine).find_map(|fate| if let Fate::OtherRelease(name) = fate { Some(name) } else { None });
        other.map_or(RELEASE, String::as_str)
    }

    /// A host's history, with the kills planted for it carried out.
    pub fn history(&self, machine: &Machine) -> Result<History> {
        Ok(self.with_kills(machine, host::load(&self.cluster, machine)?))
    }

    pub fn histories(&self) -> Result<Vec<History>> {
        // Of a thousand hosts most are untouched: one look says which have a file to read.
        let touched = host::touched(&self.cluster)?;
        let of = |machine: &Machine| match touched.contains(&machine.name) {
            true => self.history(machine),
            false => Ok(self.with_kills(machine, History::untouched(&self.cluster, machine))),
        };
        self.cluster.machines.iter().map(of).collect()
    }

    fn with_kills(&self, machine: &Machine, mut history: History) -> History {
        for (_, planted) in self.fates(machine).filter(|(fate, _)| **fate == Fate::Killed) {
            if planted.until.is_none_or(|until| until > planted.from) {
                history.kill(planted.from);
            }
        }
        history
    }

    /// When the machine stood still.
    pub fn frozen(&self, machine: &Machine) -> Vec<Span> {
        let frozen = self.fates(machine).filter(|(fate, _)| **fate == Fate::Frozen);
        frozen.map(|(_, planted)| Span { from: planted.from, to: planted.until }).collect()
    }

    pub fn is_frozen(&self, machine: &Machine) -> bool {
        self.has(machine, &Fate::Frozen)
    }

    /// Changes a host's history under its lock.
    pub fn change<T>(&self, machine: &Machine, change: impl FnOnce(&mut History) -> T) -> Result<T> {
        let _lock = host::lock(&self.cluster.dir, &machine.name)?;
        let mut history = self.history(machine)?;
        let result = change(&mut history);
        host::save(&self.cluster, machine, &history)?;
        Ok(result)
    }
}
