//! Making a sandbox, opening one, and planting faults in it.

use super::act::Power;
use super::cluster::{Cluster, Machine};
use super::fault::{self, Fate, Fault, Planted};
use super::keyspaces;
use super::pace::{self, Pace};
use super::shape::Shape;
use super::world::World;
use super::{dispatch, draw, host};
use crate::topology::model::Replication;
use crate::topology::placement;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A simulated cluster. It lives as long as its folder: nothing runs between commands.
#[derive(Clone, Debug)]
pub struct Sandbox {
    dir: PathBuf,
    seed: String,
}

/// Makes a sandbox in a folder (made if absent) whose tools are this very program.
///
/// # Errors
/// When the folder already holds a sandbox or cannot be written.
pub fn create(dir: &Path, shape: &Shape) -> Result<Sandbox> {
    let program = std::env::current_exe().context("cannot tell which file this program is")?;
    create_running(dir, shape, &program)
}

/// The same with another program that calls [`dispatch`](super::dispatch()) (for tests).
pub fn create_running(dir: &Path, shape: &Shape, program: &Path) -> Result<Sandbox> {
    if shape.hosts == 0 || shape.nodes_a_machine == 0 || shape.datacenters == 0 || shape.racks == 0 || shape.vnodes == 0
    {
        bail!("a sandbox needs hosts, data centres, racks and tokens");
    }
    if shape.speed.is_nan() || shape.speed <= 0.0 {
        bail!("a sandbox needs a speed above 0");
    }
    for part in ["bin", "state", "home"] {
        fs::create_dir_all(dir.join(part)).with_context(|| dir.display().to_string())?;
    }
    let dir = dir.canonicalize()?;
    if is_sandbox(&dir) {
        bail!("`{}` already holds a sandbox", dir.display());
    }
    for name in dispatch::NAMES {
        symlink(program, dir.join("bin").join(name))?;
    }
    let (cluster, tokens) = lay_out(&dir, shape);
    keyspaces::save(&dir, &shape.keyspaces)?;
    let faults = shape.faults.iter().cloned().map(|fault| Planted { fault, from: cluster.created, until: None });
    fault::save(&dir, &faults.collect::<Vec<_>>())?;
    // Last: this file is what makes the folder a sandbox.
    cluster.save(&tokens)?;
    open(&dir)
}

/// Does a folder hold a sandbox?
pub fn is_sandbox(dir: &Path) -> bool {
    dir.join("hosts.tsv").exists()
}

/// A sandbox made before.
pub fn open(dir: &Path) -> Result<Sandbox> {
    let dir = dir.canonicalize().with_context(|| format!("no sandbox in `{}`", dir.display()))?;
    let cluster = Cluster::load(&dir)?;
    let seed = cluster.seeds.first().context("a sandbox without seeds")?.to_string();
    Ok(Sandbox { dir, seed })
}

fn lay_out(dir: &Path, shape: &Shape) -> (Cluster, Vec<(i64, usize)>) {
    let in_each = shape.hosts.div_ceil(shape.datacenters);
    let machines: Vec<Machine> = (0..shape.hosts)
        .map(|ix| {
            let (dc, at) = (ix / in_each, ix % in_each);
            let n = ix as u64;
            Machine {
                ix,
                name: format!("h{}", ix + 1),
                address: IpAddr::V4(Ipv4Addr::new(
                    shape.network,
                    10 + dc as u8,
                    (at / 200) as u8,
                    11 + (at % 200) as u8,
                )),
                datacenter: format!("dc{}", dc + 1),
                rack: format!("rack{}", at / shape.nodes_a_machine % shape.racks + 1),
                host_id: draw::uuid(shape.seed, "host", n),
                machine_id: draw::machine_id(shape.seed, n / shape.nodes_a_machine as u64),
                first_token: 0,
                load: 150_000 + draw::number(shape.seed, "load", n) % 150_000,
                owns: 0,
            }
        })
        .collect();
    let seeds = (0..shape.datacenters).flat_map(|dc| [dc * in_each, dc * in_each + 1]);
    let seeds = seeds.filter_map(|ix| machines.get(ix)).map(|m| m.address).collect::<BTreeSet<_>>();
    let mut cluster = Cluster {
        dir: dir.to_path_buf(),
        name: shape.name.replace(['\t', '\n'], " "),
        seed: shape.seed,
        created: pace::now(),
        pace: Pace::new(shape.speed),
        speed: shape.speed,
        vnodes: shape.vnodes,
        seeds: seeds.into_iter().collect(),
        machines,
    };
    let mut taken: BTreeMap<i64, usize> = BTreeMap::new();
    for host in 0..shape.hosts {
        let mut draws = 0;
        let mut mine = 0;
        while mine < shape.vnodes {
            let token = draw::number(shape.seed, "token", ((host as u64) << 24) + draws) as i64;
            draws += 1;
            if let std::collections::btree_map::Entry::Vacant(place) = taken.entry(token) {
                place.insert(host);
                if mine == 0 {
                    cluster.machines[host].first_token = token;
                }
                mine += 1;
            }
        }
    }
    let tokens: Vec<(i64, usize)> = taken.into_iter().collect();
    set_ownership(&mut cluster, &tokens, shape);
    (cluster, tokens)
}

/// Effective ownership, as `status` prints it: the share of each data centre's data, replicas counted.
fn set_ownership(cluster: &mut Cluster, tokens: &[(i64, usize)], shape: &Shape) {
    let mut users = shape.keyspaces.iter().filter(|(name, _)| !keyspaces::is_system(name));
    let Some((_, replication)) = users.next() else { return };
    if !matches!(replication, Replication::NetworkTopology(_) | Replication::Simple(_)) {
        return;
    }
    let wide: Vec<(i128, usize)> = tokens.iter().map(|(token, host)| (i128::from(*token), *host)).collect();
    let ring = placement::replicas(&wide, &keyspaces::hosts(&cluster.machines), replication);
    let mut share = vec![0.0_f64; cluster.machines.len()];
    for (at, range) in ring.ranges.iter().enumerate() {
        let before = wide[(at + wide.len() - 1) % wide.len()].0;
        let width = (wide[at].0 - before).rem_euclid(1 << 64);
        for &host in &ring.sets[range.set] {
            share[host] += width as f64 / 2_f64.powi(64);
        }
    }
    for (machine, share) in cluster.machines.iter_mut().zip(share) {
        machine.owns = (share * 1000.0).round() as u32;
    }
}

impl Sandbox {
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Address of a seed: what `--seed-host` takes.
    pub fn seed(&self) -> String {
        self.seed.clone()
    }

    /// What a process needs in its environment to live in the sandbox: its tools first in `PATH`.
    pub fn env(&self) -> BTreeMap<String, String> {
        let old = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
        let bin = self.dir.join("bin");
        BTreeMap::from([
            ("PATH".to_owned(), format!("{}:{old}", bin.display())),
            (dispatch::SANDBOX.to_owned(), self.dir.display().to_string()),
        ])
    }

    /// Lets something go wrong from now on.
    pub fn inject(&self, fault: Fault) -> Result<()> {
        self.inject_after(fault, Duration::ZERO)
    }

    /// Lets something go wrong in a while (real time, not the sandbox's).
    pub fn inject_after(&self, fault: Fault, after: Duration) -> Result<()> {
        if let Fault::Host(host, fate) = &fault {
            let machine = self.machine(host)?;
            if *fate == Fate::Killed && after.is_zero() {
                return World::open(&self.dir)?.kill(&machine);
            }
            if let Fate::CutFrom(other) | Fate::SaysDown(other) = fate {
                self.machine(other)?;
            }
        }
        self.edit(|faults| {
            faults.push(Planted { fault, from: pace::now() + after.as_millis() as u64, until: None });
        })
    }

    /// Ends a fault that was planted, word for word the same.
    pub fn heal(&self, fault: &Fault) -> Result<()> {
        let now = pace::now();
        self.edit(|faults| {
            for planted in faults.iter_mut().filter(|planted| planted.fault == *fault && planted.until.is_none()) {
                planted.until = Some(now);
            }
        })
    }

    /// Turns a machine on again that never came back, or was powered off.
    pub fn press_button(&self, host: &str) -> Result<()> {
        World::open(&self.dir)?.press_button(&self.machine(host)?)
    }

    /// Somebody else reboots a host, past rollbook.
    pub fn reboot(&self, host: &str) -> Result<()> {
        World::open(&self.dir)?.power(&self.machine(host)?, Power::Reboot, pace::now())?;
        Ok(())
    }

    fn edit(&self, change: impl FnOnce(&mut Vec<Planted>)) -> Result<()> {
        let _lock = host::lock(&self.dir, "faults")?;
        let mut faults = fault::load(&self.dir)?;
        change(&mut faults);
        fault::save(&self.dir, &faults)
    }

    fn machine(&self, word: &str) -> Result<Machine> {
        let cluster = Cluster::load(&self.dir)?;
        cluster.find(word).cloned().with_context(|| format!("the sandbox has no host `{word}`"))
    }
}
