//! What was down together, from a record and the ring. Prints `word value…` lines for scripts to read.

use crate::record::Change;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Hosts = BTreeSet<String>;

/// The replica sets, by address, of what `nodetool describering` printed. Deliberately not rollbook's own reader.
pub fn replica_sets(text: &str) -> Result<BTreeSet<Hosts>> {
    let mut sets = BTreeSet::new();
    for line in text.lines().filter(|line| line.trim_start().starts_with("TokenRange(")) {
        let list = line.split_once(" endpoints:[").and_then(|(_, rest)| rest.split_once(']'));
        let (list, _) = list.with_context(|| format!("no endpoints in: {line}"))?;
        sets.insert(list.split(", ").map(str::to_string).collect());
    }
    if sets.is_empty() {
        bail!("no token ranges in the ring");
    }
    Ok(sets)
}

/// A stretch of time in which the same hosts were down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub from: u64,
    pub to: u64,
    pub down: Hosts,
}

/// Cuts a record, sorted by time, into stretches. Before its first line a host counts as up.
pub fn stretches(changes: &[Change], end: u64) -> Vec<Stretch> {
    let mut down = Hosts::new();
    let mut since = changes.first().map_or(0, |change| change.at);
    let mut all = Vec::new();
    for change in changes {
        let before = down.clone();
        if change.seen.up() {
            down.remove(&change.address);
        } else {
            down.insert(change.address.clone());
        }
        if down != before {
            if change.at > since {
                all.push(Stretch { from: since, to: change.at, down: before });
            }
            since = change.at;
        }
    }
    all.push(Stretch { from: since, to: end.max(since), down });
    all
}

/// Times in which at least one host was down, each with all hosts that were: what really were the waves.
pub fn outages(stretches: &[Stretch]) -> Vec<Stretch> {
    let mut all: Vec<Stretch> = Vec::new();
    let mut open = false;
    for stretch in stretches {
        if stretch.down.is_empty() {
            open = false;
        } else if open && let Some(last) = all.last_mut() {
            last.to = stretch.to;
            last.down.extend(stretch.down.iter().cloned());
        } else {
            open = true;
            all.push(stretch.clone());
        }
    }
    all
}

/// How many replicas of one range were down at worst.
pub fn most_of_a_range(stretches: &[Stretch], sets: &BTreeSet<Hosts>) -> usize {
    let of = |stretch: &Stretch| sets.iter().map(|set| set.intersection(&stretch.down).count()).max().unwrap_or(0);
    stretches.iter().map(of).max().unwrap_or(0)
}

/// When more than one replica of a range was down.
pub fn conflicts<'a>(stretches: &'a [Stretch], sets: &BTreeSet<Hosts>) -> Vec<&'a Stretch> {
    stretches.iter().filter(|s| sets.iter().any(|set| set.intersection(&s.down).count() > 1)).collect()
}

/// How often each host's boot number changed.
fn boots(changes: &[Change]) -> BTreeMap<&str, u32> {
    let mut first_last: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for change in changes {
        let boot = change.seen.boot;
        first_last.entry(&change.host).and_modify(|(_, last)| *last = boot).or_insert((boot, boot));
    }
    first_last.into_iter().map(|(host, (first, last))| (host, last - first)).collect()
}

/// The changes from `from` to `to`, each host's last one before `from` among them, moved to `from`.
fn window(changes: Vec<Change>, from: u64, to: u64) -> Vec<Change> {
    let mut before: BTreeMap<String, Change> = BTreeMap::new();
    let mut within = Vec::new();
    for change in changes {
        if change.at < from {
            before.insert(change.host.clone(), Change { at: from, ..change });
        } else if change.at <= to {
            within.push(change);
        }
    }
    before.into_values().chain(within).collect()
}

fn names(hosts: &Hosts) -> String {
    hosts.iter().cloned().collect::<Vec<_>>().join(" ")
}

/// Reads a record: its changes by time, and when it ended. One without an end was cut short and proves nothing.
fn read(path: &Path) -> Result<(Vec<Change>, u64)> {
    let mut changes: Vec<Change> = Vec::new();
    let mut end = None;
    for line in fs::read_to_string(path)?.lines() {
        let value: serde_json::Value = serde_json::from_str(line).with_context(|| line.to_string())?;
        match value.get("end").and_then(serde_json::Value::as_u64) {
            Some(at) => end = Some(at),
            None => changes.push(serde_json::from_value(value).with_context(|| line.to_string())?),
        }
    }
    changes.sort_by_key(|change| change.at);
    Ok((changes, end.with_context(|| format!("{}: the record has no end", path.display()))?))
}

pub fn judge(record: &Path, rings: &[impl AsRef<Path>], from: u64, to: u64) -> Result<()> {
    let mut sets = BTreeSet::new();
    for ring in rings {
        sets.extend(replica_sets(&fs::read_to_string(ring)?)?);
    }
    let (changes, end) = read(record)?;
    let known: Hosts = changes.iter().map(|change| change.address.clone()).collect();
    for set in &sets {
        anyhow::ensure!(set.is_subset(&known), "the ring names {set:?}, not all of them watched");
    }
    let end = end.min(to);
    let changes = window(changes, from, to);
    let stretches = stretches(&changes, end);
    println!("seconds {:.1}", (end - changes.first().map_or(end, |c| c.at)) as f64 / 1e3);
    let most = stretches.iter().max_by_key(|s| s.down.len()).context("an empty record")?;
    println!("most-down {} {}", most.down.len(), names(&most.down));
    println!("most-of-a-range {}", most_of_a_range(&stretches, &sets));
    let conflicts = conflicts(&stretches, &sets);
    println!("conflicts {}", conflicts.len());
    for s in conflicts {
        println!("conflict {} {} {}", s.from, s.to, names(&s.down));
    }
    let outages = outages(&stretches);
    println!("waves {}", outages.len());
    for s in &outages {
        println!("wave {:.1} s {}", (s.to - s.from) as f64 / 1e3, names(&s.down));
    }
    let last = stretches.last().context("an empty record")?;
    println!("down-at-end {} {}", last.down.len(), names(&last.down));
    for (host, n) in boots(&changes) {
        println!("boots {host} {n}");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
