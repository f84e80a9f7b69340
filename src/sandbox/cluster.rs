//! What does not change while a sandbox lives: its machines, their ids, racks and tokens.
//!
//! Lines with tabs instead of JSON: every simulated command reads them, and a thousand hosts must
//! not make a `nodetool` slow.

use super::pace::{Moment, Pace};
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// A Cassandra node with the machine it is on, which it may share with others.
#[derive(Clone, Debug)]
pub struct Machine {
    pub ix: usize,
    /// `h1`, `h2`, …: ssh knows it by this name and by its address.
    pub name: String,
    pub address: IpAddr,
    pub datacenter: String,
    pub rack: String,
    pub host_id: String,
    pub machine_id: String,
    pub first_token: i64,
    /// Bytes on disk.
    pub load: u64,
    /// Effective ownership of the user keyspace, in tenths of a per cent.
    pub owns: u32,
}

/// The cluster as laid out at its creation.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub dir: PathBuf,
    pub name: String,
    pub seed: u64,
    pub created: Moment,
    pub pace: Pace,
    pub speed: f64,
    pub vnodes: usize,
    pub seeds: Vec<IpAddr>,
    pub machines: Vec<Machine>,
}

impl Cluster {
    pub fn find(&self, word: &str) -> Option<&Machine> {
        let address = word.parse::<IpAddr>().ok();
        self.machines.iter().find(|m| m.name == word || Some(m.address) == address)
    }

    /// All nodes on the machine of this one, itself among them.
    pub fn on_machine_of<'a>(&'a self, machine: &'a Machine) -> impl Iterator<Item = &'a Machine> {
        self.machines.iter().filter(|other| other.machine_id == machine.machine_id)
    }

    /// Writes the cluster; tokens go to a file of their own, which only ring commands read.
    pub fn save(&self, tokens: &[(i64, usize)]) -> Result<()> {
        let seeds: Vec<String> = self.seeds.iter().map(IpAddr::to_string).collect();
        let mut text = format!(
            "{}\t{}\t{}\t{}\t{}\t{}\n",
            self.name,
            self.seed,
            self.created,
            self.speed,
            self.vnodes,
            seeds.join(" ")
        );
        for m in &self.machines {
            let place = format!("{}\t{}\t{}\t{}", m.name, m.address, m.datacenter, m.rack);
            let numbers = format!("{}\t{}\t{}", m.first_token, m.load, m.owns);
            writeln!(text, "{place}\t{}\t{}\t{numbers}", m.host_id, m.machine_id)?;
        }
        fs::write(self.dir.join("hosts.tsv"), text)?;
        let mut text = String::new();
        for (token, host) in tokens {
            writeln!(text, "{token}\t{host}")?;
        }
        fs::write(self.dir.join("tokens.tsv"), text)?;
        Ok(())
    }

    pub fn load(dir: &Path) -> Result<Cluster> {
        let path = dir.join("hosts.tsv");
        let text = fs::read_to_string(&path).with_context(|| format!("no sandbox in `{}`", dir.display()))?;
        let mut lines = text.lines();
        let head: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
        let [name, seed, created, speed, vnodes, seeds] = head[..] else {
            bail!("`{}` is not a sandbox's file", path.display());
        };
        let speed: f64 = speed.parse()?;
        let machines = lines.enumerate().map(|(ix, line)| machine(ix, line)).collect::<Result<_>>()?;
        Ok(Cluster {
            dir: dir.to_path_buf(),
            name: name.to_owned(),
            seed: seed.parse()?,
            created: created.parse()?,
            pace: Pace::new(speed),
            speed,
            vnodes: vnodes.parse()?,
            seeds: seeds.split_whitespace().map(str::parse).collect::<Result<_, _>>()?,
            machines,
        })
    }

    /// Every token with the index of its owner, in no order.
    pub fn tokens(&self) -> Result<Vec<(i64, usize)>> {
        let text = fs::read_to_string(self.dir.join("tokens.tsv"))?;
        let pair = |line: &str| -> Result<(i64, usize)> {
            let (token, host) = line.split_once('\t').context("a line of tokens.tsv without a tab")?;
            Ok((token.parse()?, host.parse()?))
        };
        text.lines().map(pair).collect()
    }
}

fn machine(ix: usize, line: &str) -> Result<Machine> {
    let words: Vec<&str> = line.split('\t').collect();
    let [name, address, datacenter, rack, host_id, machine_id, first_token, load, owns] = words[..] else {
        bail!("`{line}` is not a line of hosts.tsv");
    };
    Ok(Machine {
        ix,
        name: name.to_owned(),
        address: address.parse()?,
        datacenter: datacenter.to_owned(),
        rack: rack.to_owned(),
        host_id: host_id.to_owned(),
        machine_id: machine_id.to_owned(),
        first_token: first_token.parse()?,
        load: load.parse()?,
        owns: owns.parse()?,
    })
}
