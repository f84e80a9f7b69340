//! Looks at the hosts and writes one line a change.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// `on`, `off` or `rebooting`, as the lab's supervisor of the host has it.
    pub power: String,
    pub boot: u32,
    /// The host's cgroup of `cassandra.service` holds processes.
    pub unit: bool,
    /// Port 9042 accepts a connection from outside.
    pub cql: bool,
    /// The host hangs: the kernel still accepts connections for it, so the port alone would not show it.
    pub frozen: bool,
}

impl Seen {
    /// Can it serve a client? A drained node cannot: its port is closed.
    pub fn up(&self) -> bool {
        self.power == "on" && self.unit && self.cql && !self.frozen
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Milliseconds since the epoch.
    pub at: u64,
    pub host: String,
    pub address: String,
    #[serde(flatten)]
    pub seen: Seen,
}

struct Host {
    name: String,
    address: String,
    folder: PathBuf,
    group: PathBuf,
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

fn word(path: &Path) -> Result<String> {
    Ok(fs::read_to_string(path).with_context(|| path.display().to_string())?.trim().to_string())
}

/// A connection that is refused is closed at once; one that merely takes long on a busy machine gets a second chance.
fn accepts(address: SocketAddr) -> bool {
    for patience in [Duration::from_millis(700), Duration::from_secs(2)] {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(_) => return true,
            Err(e) if e.kind() == ErrorKind::TimedOut => {}
            Err(_) => return false,
        }
    }
    false
}

impl Host {
    fn look(&self) -> Result<Seen> {
        let power = word(&self.folder.join("power"))?;
        let boot: u32 = word(&self.folder.join("boots"))?.parse()?;
        // Gone with the host while it is off: then there are no processes.
        let payload = self.group.join(format!("boot{boot}/payload"));
        let procs = fs::read_to_string(payload.join("system.slice/cassandra.service/cgroup.procs")).unwrap_or_default();
        let events = fs::read_to_string(payload.join("cgroup.events")).unwrap_or_default();
        let socket = SocketAddr::new(self.address.parse()?, 9042);
        let frozen = events.lines().any(|line| line == "frozen 1");
        Ok(Seen { power, boot, unit: !procs.trim().is_empty(), cql: accepts(socket), frozen })
    }
}

fn hosts() -> Result<Vec<Host>> {
    let live = PathBuf::from(std::env::var("LAB_LIVE").context("run this under tests/lab/exec")?);
    let group = PathBuf::from(std::env::var("LAB_GROUP").context("run this under tests/lab/exec")?);
    let mut hosts = Vec::new();
    for entry in fs::read_dir(live.join("hosts"))? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        hosts.push(Host { address: word(&folder.join("address"))?, group: group.join(&name), name, folder });
    }
    anyhow::ensure!(!hosts.is_empty(), "the lab has no hosts");
    Ok(hosts)
}

pub fn record(out: &Path, stop: &Path) -> Result<()> {
    let mut file = fs::File::create(out)?;
    let (send, changes) = mpsc::channel();
    for host in hosts()? {
        let (send, stop) = (send.clone(), stop.to_path_buf());
        std::thread::spawn(move || {
            let mut last = None;
            while !stop.exists() {
                // Dated before looking: a change is never dated after it was true.
                let at = now();
                let seen = host.look();
                if last.as_ref() != seen.as_ref().ok() || seen.is_err() {
                    last = seen.as_ref().ok().cloned();
                    let (host, address) = (host.name.clone(), host.address.clone());
                    if send.send(seen.map(|seen| Change { at, host, address, seen })).is_err() {
                        return;
                    }
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        });
    }
    drop(send);
    for change in changes {
        writeln!(file, "{}", serde_json::to_string(&change?)?)?;
    }
    writeln!(file, "{}", serde_json::json!({ "end": now() }))?;
    Ok(())
}
