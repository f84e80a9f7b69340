//! What can be wrong with a simulated cluster, from when to when.

use super::pace::Moment;
use crate::topology::model::Replication;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// Something that goes wrong with one host, named by its name (`h3`) or address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    // What happens to the machine and the process.
    /// A reboot (or power-off) ends in the dark: ssh times out.
    NeverComesBack,
    /// The next boots take so many seconds longer.
    SlowBoot(f64),
    /// Cassandra takes so many seconds longer to start.
    SlowStart(f64),
    /// Cassandra dies right after each start; the unit is `failed`.
    StartFails,
    /// `reboot` exits 0 and nothing happens.
    RebootDoesNothing,
    /// systemd does not start Cassandra at boot.
    NotEnabled,
    /// `drain` never returns, and the mode stays DRAINING.
    DrainHangs,
    /// `drain` exits 0, and the mode stays DRAINING.
    DrainFails,
    /// `systemctl stop` never returns; Cassandra goes on.
    StopHangs,
    /// Cassandra is killed, without a word to its peers. Happens once and cannot be healed.
    Killed,
    /// The whole machine stands still: ssh connects, no banner comes.
    Frozen,
    /// The CQL port stays closed.
    TransportStaysClosed,

    // What its peers and it see.
    /// It sees no other node (its own `status` shows everybody else down).
    SeesNobody,
    /// It says `UN` of everybody and reaches everybody, whatever is true.
    SaysAllUp,
    /// It says `DN` of the host named here.
    SaysDown(String),
    /// It and the host named here cannot talk: only `describecluster` on one of the two shows it.
    CutFrom(String),
    /// It has another schema version than the rest.
    OtherSchema,
    /// It is shown `UJ` and owns nothing yet.
    Joining,
    /// It is shown `UL`.
    Leaving,
    /// A repair sends data from it.
    Streaming,
    /// So many compactions wait on it.
    PendingCompactions(u64),
    /// It works on a repair.
    Repairing,
    /// It holds hints for a node.
    HoldsHints,
    /// Reads that it coordinates take so many milliseconds, 99th percentile; writes a tenth of it.
    Latency(u64),
    /// So many percent of one CPU are wanted, on a machine of two.
    Load(u64),
    /// So many percent of its disk are used.
    DiskUsed(u64),
    /// It runs this release instead.
    OtherRelease(String),

    // What stands between it and the operator.
    SshRefused,
    /// sshd takes no key and asks for a password.
    SshAsksPassword,
    HostKeyUnknown,
    /// ssh connects, the far command is never answered.
    SshHangs,
    SudoAsksPassword,
    NodetoolMissing,
    /// Every `nodetool` takes so many seconds.
    NodetoolSlow(f64),
    /// Every `nodetool` ends with exit status 2 and a stack trace.
    NodetoolFails,
    /// Every `nodetool` prints the first half of its output, and exits 0.
    NodetoolHalf,
    /// Every `nodetool` prints bytes that are no text, and exits 0.
    NodetoolJunk,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    Host(String, Fate),
    /// Somebody changes a keyspace (or makes one): replication and schema version change.
    AlterKeyspace(String, Replication),
}

impl Fault {
    pub fn on(host: impl Into<String>, fate: Fate) -> Fault {
        Fault::Host(host.into(), fate)
    }
}

/// A fault with its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planted {
    pub fault: Fault,
    pub from: Moment,
    pub until: Option<Moment>,
}

impl Planted {
    pub fn holds(&self, at: Moment) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// All faults of a sandbox, past and future; an absent file means none.
pub fn load(dir: &Path) -> Result<Vec<Planted>> {
    match fs::read(dir.join("faults.json")) {
        Ok(text) => serde_json::from_slice(&text).context("faults.json"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

pub fn save(dir: &Path, faults: &[Planted]) -> Result<()> {
    super::host::replace(&dir.join("faults.json"), &serde_json::to_vec(faults)?)
}
