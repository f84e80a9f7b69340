//! Ask the cluster, or read a snapshot file → `Topology`. Preflight.
//!
//! Must never go on with less than it asked for: nodes that contradict each other, half a table and a
//! range movement stop it with what was said. Only a seed that is down, and an observer that does not
//! answer, are replaced by the next and named.

mod access;
mod groups;
mod observers;
mod preflight;

pub use access::AccessWords;
pub use groups::ask_groups;
pub use observers::choose_observers;
pub use preflight::{Preflight, PreflightCheck, PreflightFinding, preflight};

use crate::ask::{Asker, Heard, Ledger, NodeWords};
use crate::diagnostic::Diagnostic;
use crate::topology::assembly::{self, Refused, Said};
use crate::topology::model::Topology;
use crate::topology::nodetool::{StatusView, parse_getseeds, parse_hint_window, parse_status};
use crate::topology::snapshot::{self, SnapshotError};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// So many nodes describe the cluster, and must agree.
const OBSERVERS: usize = 3;
/// A snapshot of 1 000 hosts of 256 tokens has some 100 MB.
const SNAPSHOT_LIMIT: u64 = 512 << 20;

/// A cluster as its nodes describe it.
#[derive(Clone, Debug, PartialEq)]
pub struct Discovered {
    pub topology: Topology,
    pub schema_ids: BTreeSet<String>,
    /// What the nodes said of reachability and gossip, by address: fresh enough for a run that begins at once.
    pub heard: Vec<(IpAddr, Heard)>,
    /// What a person should know: seeds and observers that did not answer, nodes that are down.
    pub notes: Vec<String>,
}

/// Why there is no topology.
#[derive(Debug, Error)]
pub enum DiscoverError {
    #[error("no seed answered:\n{}", list(.0))]
    NoSeed(Vec<String>),
    #[error("no seed was named")]
    Nobody,
    /// A seed answered, and no node could be asked by its own address.
    #[error("no node could be asked by its address:\n{}", list(.0))]
    NoObserver(Vec<String>),
    #[error("{0}")]
    Unreadable(String),
    #[error("{0}")]
    Refused(#[from] Refused),
    /// An address, or a name, that the playbook's templates refuse.
    #[error("{}", .0.message)]
    Words(Diagnostic),
    #[error("`{path}`: {error}")]
    Snapshot { path: PathBuf, error: SnapshotError },
    #[error("`{path}` cannot be read: {error}")]
    File { path: PathBuf, error: std::io::Error },
}

fn list(sentences: &[String]) -> String {
    sentences.iter().map(|sentence| format!("  {sentence}")).collect::<Vec<_>>().join("\n")
}

/// Reads a snapshot file.
pub fn from_snapshot(path: &Path) -> Result<Topology, DiscoverError> {
    let file = |error| DiscoverError::File { path: path.to_owned(), error };
    let size = std::fs::metadata(path).map_err(file)?.len();
    if size > SNAPSHOT_LIMIT {
        return Err(file(std::io::Error::other(format!("it has {} MiB, which no snapshot has", size >> 20))));
    }
    let text = std::fs::read_to_string(path).map_err(file)?;
    snapshot::read(&text).map_err(|error| DiscoverError::Snapshot { path: path.to_owned(), error })
}

/// Asks the cluster. Seeds are alternatives: the first that answers shows the nodes, up to three of
/// which describe the cluster and must agree.
pub async fn discover(
    access: &AccessWords,
    seeds: &[String],
    env: BTreeMap<String, String>,
) -> Result<Discovered, DiscoverError> {
    discover_noting(access, seeds, env, &Arc::default()).await
}

/// The same, with a ledger for what is asked.
pub async fn discover_noting(
    access: &AccessWords,
    seeds: &[String],
    env: BTreeMap<String, String>,
    ledger: &Arc<Ledger>,
) -> Result<Discovered, DiscoverError> {
    let mut notes = Vec::new();
    let status = first_answer(access, seeds, &env, ledger, &mut notes).await?;
    let order = choose_observers(&status);
    let words: Vec<NodeWords> =
        order.iter().map(|at| access.words(&at.to_string())).collect::<Result<_, _>>().map_err(DiscoverError::Words)?;
    let asker = Asker::new(words, env).noting(ledger);
    let known = known(seeds, &order, &status);
    let (said, heard) = observe(&asker, known, &mut notes).await?;
    let heard = heard.into_iter().map(|heard| (order[heard.node], heard)).collect();
    assembly::agree(&said.iter().map(|(_, said)| said.clone()).collect::<Vec<_>>())?;
    not_smaller(&status, &said[0].1)?;
    let asked: Vec<usize> = said.iter().map(|(node, _)| *node).collect();
    let (rings, seeds, hint_window_ms) =
        tokio::join!(asker.rings(&asked, &said[0].1), seeds_of(&asker, &said), hint_window(&asker, &asked));
    let (owners, described) = rings.map_err(DiscoverError::Unreadable)?;
    let asked = said.iter().map(|(node, _)| order[*node]).collect();
    let said: Vec<Said> = said.into_iter().map(|(_, said)| said).collect();
    let mut topology = assembly::assemble(&said, &owners, &described, seeds, asked)?;
    topology.hint_window_ms = hint_window_ms;
    topology.validate().map_err(DiscoverError::Unreadable)?;
    notes.extend(shown_down(&said));
    let schema_ids = said.iter().flat_map(|said| said.cluster.schema.keys().cloned()).collect();
    Ok(Discovered { topology, schema_ids, heard, notes })
}

/// The status of the first seed that answers.
async fn first_answer(
    access: &AccessWords,
    seeds: &[String],
    env: &BTreeMap<String, String>,
    ledger: &Arc<Ledger>,
    notes: &mut Vec<String>,
) -> Result<StatusView, DiscoverError> {
    if seeds.is_empty() {
        return Err(DiscoverError::Nobody);
    }
    for seed in seeds {
        let words = access.words(seed).map_err(DiscoverError::Words)?;
        let asker = Asker::new(vec![words], env.clone()).noting(ledger);
        match asker.parsed(0, &["status"], parse_status).await {
            Ok(status) => return Ok(status),
            Err(sentence) => notes.push(format!("seed {seed} did not answer: {sentence}")),
        }
    }
    Err(DiscoverError::NoSeed(std::mem::take(notes)))
}

/// Three nodes at once, in the order given; who does not answer is replaced by the next, and named.
async fn observe(
    asker: &Asker,
    known: Option<(usize, StatusView)>,
    notes: &mut Vec<String>,
) -> Result<(Vec<(usize, Said)>, Vec<Heard>), DiscoverError> {
    let (mut said, mut heard) = (Vec::new(), Vec::new());
    let mut next = 0;
    let mut silent = Vec::new();
    while said.len() < OBSERVERS && next < asker.len() {
        let batch: Vec<usize> = (next..asker.len()).take(OBSERVERS - said.len()).collect();
        next += batch.len();
        for (node, answer) in batch.iter().zip(together(asker, &batch, &known).await) {
            match answer {
                Ok((answer, more)) => {
                    said.push((*node, answer));
                    heard.extend(more);
                }
                Err(sentence) => silent.push(format!("{} was not asked further: {sentence}", asker.name(*node))),
            }
        }
    }
    if said.is_empty() {
        return Err(DiscoverError::NoObserver(silent));
    }
    notes.append(&mut silent);
    // One node alone has nobody to contradict it: its list of keyspaces is read a second time.
    if let [(node, first)] = &said[..] {
        let (again, _) = asker.said(*node, None).await.map_err(DiscoverError::Unreadable)?;
        assembly::agree(&[first.clone(), again])?;
    }
    Ok((said, heard))
}

/// The first seed has just shown its `status`: where it is one of those that are asked, and its only name is its
/// address, that one counts.
fn known(seeds: &[String], order: &[IpAddr], status: &StatusView) -> Option<(usize, StatusView)> {
    let [seed] = seeds else { return None };
    let seed: IpAddr = seed.parse().ok()?;
    Some((order.iter().position(|at| *at == seed)?, status.clone()))
}

type Answered = Result<(Said, Vec<Heard>), String>;

async fn together(asker: &Asker, nodes: &[usize], known: &Option<(usize, StatusView)>) -> Vec<Answered> {
    let said = |node: usize| {
        let status = known.as_ref().filter(|(of, _)| *of == node).map(|(_, status)| status.clone());
        asker.said(node, status)
    };
    match nodes {
        [a] => vec![said(*a).await],
        [a, b] => {
            let (a, b) = tokio::join!(said(*a), said(*b));
            vec![a, b]
        }
        [a, b, c, ..] => {
            let (a, b, c) = tokio::join!(said(*a), said(*b), said(*c));
            vec![a, b, c]
        }
        [] => Vec::new(),
    }
}

/// The seed is one more witness: what it shows must be what the observers show.
fn not_smaller(seed: &StatusView, said: &Said) -> Result<(), Refused> {
    let (a, b): (BTreeSet<_>, BTreeSet<_>) = (seed.rows.keys().collect(), said.status.rows.keys().collect());
    match a.symmetric_difference(&b).next() {
        Some(at) => {
            let by = &said.by;
            Err(Refused::Contradiction(format!("the seed and {by} do not agree whether {at} is a node of the cluster")))
        }
        None => Ok(()),
    }
}

/// Best effort: a node leaves itself out of its own list, so two are needed to know all; else unknown.
async fn seeds_of(asker: &Asker, said: &[(usize, Said)]) -> Vec<IpAddr> {
    let [(a, _), (b, _), ..] = said else { return Vec::new() };
    let (a, b) =
        tokio::join!(asker.parsed(*a, &["getseeds"], parse_getseeds), asker.parsed(*b, &["getseeds"], parse_getseeds));
    match (a, b) {
        (Ok(a), Ok(b)) => a.union(&b).copied().collect(),
        _ => Vec::new(),
    }
}

/// Of the last that was asked: the first are asked for their seeds.
async fn hint_window(asker: &Asker, asked: &[usize]) -> Option<u64> {
    asker.parsed(*asked.last()?, &["getmaxhintwindow"], parse_hint_window).await.ok()
}

fn shown_down(said: &[Said]) -> Vec<String> {
    let rows = &said[0].status.rows;
    let down = |at: &IpAddr| said.iter().any(|one| !one.status.rows.get(at).is_some_and(|row| row.up_normal()));
    rows.keys().filter(|at| down(at)).map(|at| format!("{at} is not up for all the nodes asked")).collect()
}

#[cfg(test)]
mod tests;
