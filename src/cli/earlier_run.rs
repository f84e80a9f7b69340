//! A run of the store, meant by a word (`last`, an id, a part of it), with its plan and where it stands.

use super::context::{Context, unusable};
use super::exit::{Exit, Failure};
use crate::display::{About, noted};
use crate::job::apply::apply;
use crate::job::event::Event;
use crate::job::model::{Job, Standing};
use crate::job::view::Task;
use crate::plan::model::{Plan, PlanFile, TargetIx};
use crate::store::{RunRow, Store, attempt, last_words, short};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub struct Earlier {
    pub store: Arc<Store>,
    pub row: RunRow,
    pub file: Arc<PlanFile>,
    pub events: Vec<Event>,
    pub job: Job,
}

impl Earlier {
    /// # Errors
    /// 64 when the word means no run or several; 65 when its journal does not fit its plan.
    pub fn find(context: &Context, word: &str) -> anyhow::Result<Earlier> {
        let store = Arc::new(context.store()?);
        let row = store.resolve(word).map_err(unusable)?;
        let (file, events) = store.load(&row.id).map_err(unusable)?;
        let job = stands(&file.plan, &events)?;
        Ok(Earlier { store, row, file: Arc::new(file), events, job })
    }

    /// What the run's table needs beside its journal.
    pub fn about(&self) -> About<'_> {
        let folder = self.store.run_folder(&self.row.id);
        let alive = self.row.alive();
        let waits = if alive { noted(&folder) } else { vec![] };
        About { run: self.short(), alive, waits, said: said(&folder, &self.file.plan, &self.job) }
    }

    /// As one would type it.
    pub fn short(&self) -> &str {
        short(&self.row.id)
    }

    /// # Errors
    /// 7 while a process works on it.
    pub fn must_be_idle(&self) -> anyhow::Result<()> {
        if !self.row.alive() {
            return Ok(());
        }
        let run = self.short();
        let pid = self.row.owner.as_ref().map_or(String::new(), |owner| format!(" (process {})", owner.pid));
        Err(Failure::new(Exit::Locked, format!("run `{run}` is being worked on{pid} on {}", self.row.machine))
            .help(format!("`rollbook runs watch {run}` shows it, `rollbook stop {run}` ends it gently"))
            .into())
    }
}

/// What the commands said last on hosts that failed or are in doubt, and where all of it is.
pub fn said(folder: &Path, plan: &Plan, job: &Job) -> BTreeMap<TargetIx, Vec<String>> {
    let hosts = job.hosts.iter().enumerate().filter_map(|(host, state)| {
        let (Standing::Failed { step, .. } | Standing::Lost { step, .. }) = state.standing else { return None };
        let task = Task::Step { host, step, attempt: state.attempts.max(1) };
        let (path, lines) = last_words(&folder.join(attempt::folder(plan, task, job.session)))?;
        let lines = lines.into_iter().map(|line| format!("| {line}"));
        Some((host, lines.chain([format!("all of it: {}", path.display())]).collect()))
    });
    hosts.collect()
}

/// Where a run stands by its journal.
pub fn stands(plan: &Plan, events: &[Event]) -> anyhow::Result<Job> {
    let mut job = Job::new(plan);
    for event in events {
        apply(plan, &mut job, event)
            .map_err(|error| Failure::new(Exit::BadFile, format!("the journal of this run cannot be read: {error}")))?;
    }
    Ok(job)
}

/// A host under work, by address or host id.
///
/// # Errors
/// 64 for a word that means none.
pub fn target(plan: &Plan, word: &str) -> anyhow::Result<TargetIx> {
    let named = |target: &crate::plan::model::Target| {
        let node = &plan.nodes[target.node];
        node.address.to_string() == word || node.id == word
    };
    if let Some(found) = plan.hosts.iter().position(named) {
        return Ok(found);
    }
    let known = plan.nodes.iter().any(|node| node.address.to_string() == word || node.id == word);
    let message = match known {
        true => format!("`{word}` is a node of the cluster, but not worked on in this plan"),
        false => format!("`{word}` is no host of this plan"),
    };
    let addresses: Vec<String> =
        plan.hosts.iter().take(5).map(|target| plan.nodes[target.node].address.to_string()).collect();
    Err(Failure::new(Exit::Usage, message)
        .help(format!("a host is named by its address or its host id, for instance {}", addresses.join(", ")))
        .into())
}
