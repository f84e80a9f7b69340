//! What has happened to one machine: its boots and the lives of its Cassandra. One small file a
//! host, written only once something has happened; the whole history stays, so it can be judged.

use super::cluster::{Cluster, Machine};
use super::draw;
use super::life::{Life, Span};
use super::pace::{self, Moment, Pace};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

/// A time during which sshd answers (or will); `from` none: it never comes back by itself.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Boot {
    pub from: Option<Moment>,
    pub to: Option<Moment>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct History {
    /// In order; never empty.
    pub boots: Vec<Boot>,
    /// In order; never empty.
    pub lives: Vec<Life>,
    /// The unit starts at boot.
    pub enabled: bool,
}

impl History {
    /// A host to which nothing has happened: it has been running for hours.
    pub fn untouched(cluster: &Cluster, machine: &Machine) -> History {
        let age = 3_600_000 + draw::number(cluster.seed, "age", machine.ix as u64) % 86_400_000;
        let start = cluster.created - age;
        let boot = Boot { from: Some(start - 60_000), to: None };
        History { boots: vec![boot], lives: vec![Life::new(start, 0, 0, Pace::new(1.0))], enabled: true }
    }

    /// Index of the boot whose boot id the kernel has, or had last.
    pub fn boot(&self, at: Moment) -> usize {
        self.boots.iter().rposition(|boot| boot.from.is_some_and(|from| from <= at)).unwrap_or(0)
    }

    /// sshd answers.
    pub fn is_up(&self, at: Moment) -> bool {
        self.boots[self.boot(at)].to.is_none_or(|to| at < to)
    }

    /// It is down and nothing will bring it back but a hand.
    pub fn is_dark(&self, at: Moment) -> bool {
        !self.is_up(at) && self.boots[self.boots.len() - 1].from.is_none()
    }

    /// The life that began last.
    pub fn life(&self, at: Moment) -> &Life {
        self.lives.iter().rev().find(|life| life.start <= at).unwrap_or(&self.lives[0])
    }

    pub fn newest(&mut self) -> &mut Life {
        let last = self.lives.len() - 1;
        &mut self.lives[last]
    }

    /// Kills whatever Cassandra ran at a moment.
    pub fn kill(&mut self, at: Moment) {
        for life in &mut self.lives {
            if life.runs(at) {
                life.end = Some(super::life::End { at, announced: None });
            }
        }
    }

    /// Whether peers that hear gossip at a moment hold this node up. A node that went without a
    /// word is held up until it is convicted; one that said goodbye is down at once.
    pub fn held_up(&self, at: Moment, frozen: &[Span], pace: Pace) -> bool {
        let was_seen = |life: &&Life| life.seen <= at && life.end.is_none_or(|end| end.at >= life.seen);
        let Some(life) = self.lives.iter().rev().find(was_seen) else { return false };
        if life.said_goodbye(at) {
            return false;
        }
        let lost = life.end.filter(|end| end.at <= at).map(|end| end.at);
        let still = frozen.iter().filter(|span| span.covers(at)).map(|span| span.from);
        let silent_since = lost.into_iter().chain(still).min();
        silent_since.is_none_or(|since| at < since + pace.of(pace::CONVICTION))
    }
}

pub fn load(cluster: &Cluster, machine: &Machine) -> Result<History> {
    let path = cluster.dir.join("state").join(format!("{}.json", machine.name));
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).with_context(|| path.display().to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(History::untouched(cluster, machine)),
        Err(error) => Err(error.into()),
    }
}

/// Names of the hosts to which something has happened: those that have a file.
pub fn touched(cluster: &Cluster) -> Result<BTreeSet<String>> {
    let mut touched = BTreeSet::new();
    for entry in fs::read_dir(cluster.dir.join("state"))? {
        if let Some(name) = entry?.file_name().to_str().and_then(|name| name.strip_suffix(".json")) {
            touched.insert(name.to_owned());
        }
    }
    Ok(touched)
}

pub fn save(cluster: &Cluster, machine: &Machine, history: &History) -> Result<()> {
    let path = cluster.dir.join("state").join(format!("{}.json", machine.name));
    replace(&path, &serde_json::to_vec(history)?)
}

/// Held while a host's history is changed.
pub fn lock(dir: &Path, name: &str) -> Result<File> {
    let path = dir.join("state").join(format!("{name}.lock"));
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    file.lock()?;
    Ok(file)
}

/// Readers see the old text or the new one, never half of it.
pub fn replace(path: &Path, text: &[u8]) -> Result<()> {
    let fresh = path.with_extension(format!("new{}", std::process::id()));
    let mut file = File::create(&fresh)?;
    file.write_all(text)?;
    fs::rename(&fresh, path)?;
    Ok(())
}
