//! From a playbook and a cluster to a plan: what `plan`, `run` and `doctor` have in common.

use super::cluster::{self, Cluster, SANDBOX_POLL};
use super::context::{Context, unusable};
use super::durations;
use super::exit::{Exit, Failure, Said};
use super::playbook_file::Loaded;
use crate::diagnostic::Diagnostic;
use crate::job::apply::apply;
use crate::job::model::{Job, Standing};
use crate::job::preview;
use crate::plan::compile::{self, Answers, compile};
use crate::plan::model::PlanFile;
use crate::plan::order::Durations;
use crate::plan::select::Pick;
use crate::plan::{estimate, file, lint, warn};
use crate::playbook::bind_params;
use crate::playbook::model::Playbook;
use crate::playbook::template::Params;
use crate::topology::model::Topology;
use anyhow::Context as _;
use clap::Args;
use std::path::Path;

/// What narrows or fills in a playbook.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "What the plan is of")]
pub struct Choice {
    /// Value of a parameter of the playbook
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    pub params: Vec<(String, String)>,
    /// Work only on these: an address, a host id, rack=R or dc=D; what is checked stays the whole cluster
    #[arg(long, value_name = "WHICH", value_delimiter = ',')]
    pub only: Vec<Pick>,
    /// Do not work on these: the same words
    #[arg(long, value_name = "WHICH", value_delimiter = ',')]
    pub skip: Vec<Pick>,
    /// Leave out what this earlier run has done
    #[arg(long, value_name = "RUN")]
    pub not_done_in: Option<String>,
    /// Open so many hosts and stop; each `rollbook resume` opens as many again
    #[arg(long, value_name = "HOSTS", value_parser = clap::value_parser!(u32).range(1..))]
    pub stop_after: Option<u32>,
    /// How long hosts took in an earlier run: the order is the one that is done soonest by them. A run (`last`, its id),
    /// or a file: `rollbook runs show RUN --format json`, or `{ "10.0.0.1": "90s", … }`
    #[arg(long, value_name = "RUN|FILE")]
    pub durations: Option<String>,
}

impl Choice {
    /// A saved plan takes none of these.
    pub fn is_empty(&self) -> bool {
        self.params.is_empty()
            && self.only.is_empty()
            && self.skip.is_empty()
            && self.not_done_in.is_none()
            && self.stop_after.is_none()
            && self.durations.is_none()
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` has no `=`; write NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The values of the playbook's parameters.
///
/// # Errors
/// 64, after the findings were shown.
pub fn params(context: &Context, loaded: &Loaded, choice: &Choice) -> anyhow::Result<Params> {
    Ok(bind_params(&loaded.playbook, &choice.params).map_err(|findings| {
        loaded.print(context, &findings);
        Said(Exit::Usage)
    })?)
}

/// The cluster as it was read for a plan.
pub struct Seen<'a> {
    pub topology: &'a Topology,
    /// What the hosts answered, where the playbook has them asked with whom they share a fate.
    pub groups: Option<Answers>,
    pub simulated: bool,
}

/// The plan of a playbook for a cluster as it is now.
///
/// # Errors
/// 65 for what is wrong with the playbook on this cluster, after it was shown.
pub fn plan(
    context: &Context,
    loaded: &Loaded,
    params: &Params,
    choice: &Choice,
    seen: Seen,
) -> anyhow::Result<PlanFile> {
    let topology = seen.topology;
    let mut skip = choice.skip.clone();
    if let Some(run) = &choice.not_done_in {
        skip.extend(done_in(context, run, topology)?);
    }
    let durations = match &choice.durations {
        Some(word) => durations::of(context, word, topology)?,
        None => Durations::default(),
    };
    let options = compile::Options {
        durations,
        source: Some(loaded.source.clone()),
        only: choice.only.clone(),
        skip,
        stop_after: choice.stop_after,
        poll: seen.simulated.then_some(SANDBOX_POLL),
        groups: seen.groups,
        ..compile::Options::default()
    };
    let file = sealed(&loaded.playbook, topology, params, &options);
    file.map_err(|findings| {
        if findings.iter().all(|found| found.message.starts_with("`--")) {
            // typed, not written: no line of the playbook is to blame
            let message = findings.iter().map(|found| found.message.as_str()).collect::<Vec<_>>().join("; ");
            return Failure { exit: Exit::Usage, message, help: findings[0].help.clone() }.into();
        }
        loaded.print(context, &findings);
        Said(if unaccepted_outage(&findings) { Exit::Refused } else { Exit::BadFile }).into()
    })
}

/// Nothing is wrong with what was written: it would only take down what nobody said may be down.
pub fn unaccepted_outage(findings: &[Diagnostic]) -> bool {
    let way_out = |found: &Diagnostic| found.help.as_deref().is_some_and(|help| help.contains("accept-outage"));
    !findings.is_empty() && findings.iter().all(way_out)
}

/// Compiles, estimates and seals.
///
/// # Errors
/// Findings; a plan that breaks an invariant of any plan is one too.
pub fn sealed(
    playbook: &Playbook,
    topology: &Topology,
    params: &Params,
    options: &compile::Options,
) -> Result<PlanFile, Vec<Diagnostic>> {
    let mut plan = compile(playbook, topology, params, options)?;
    let mut estimate = estimate::estimate(&plan, topology, preview::waves);
    estimate.time = estimate::time(&plan, &options.durations, preview::ends);
    plan.warnings.extend(warn::seeds_warning(&plan, &estimate));
    let broken = lint::check_against(&plan, topology);
    if !broken.is_empty() {
        let mistake = |what: String| {
            Diagnostic::error(format!("rollbook made a plan that breaks its own rules: {what}"))
                .help("nothing was done; please report it, with `rollbook topology --out`")
        };
        return Err(broken.into_iter().map(mistake).collect());
    }
    Ok(file::seal(plan, estimate))
}

/// The hosts that an earlier run has done, by host id.
fn done_in(context: &Context, word: &str, topology: &Topology) -> anyhow::Result<Vec<Pick>> {
    let store = context.store()?;
    let row = store.resolve(word).map_err(unusable)?;
    let (file, events) = store.load(&row.id).map_err(unusable)?;
    if file.plan.phases.len() > 1 {
        let message = format!("run `{}` has phases: what of it is done is not told by its hosts alone", row.id);
        return Err(Failure::new(Exit::Usage, message)
            .help(format!("`rollbook resume {}` goes on with it", row.id))
            .into());
    }
    let mut job = Job::new(&file.plan);
    for event in &events {
        apply(&file.plan, &mut job, event).context("the journal of that run cannot be read")?;
    }
    if file.plan.cluster != topology.cluster {
        let message = format!("run `{}` was of cluster `{}`, not `{}`", row.id, file.plan.cluster, topology.cluster);
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let done = job.hosts.iter().enumerate().filter(|(_, host)| matches!(host.standing, Standing::Done));
    let ids = done.map(|(target, _)| file.plan.nodes[file.plan.hosts[target].node].id.clone());
    // A node that has left the cluster since is not to be worked on anyway.
    Ok(ids.filter(|id| topology.by_id(id).is_some()).map(Pick::Host).collect())
}

/// Where a plan's cluster comes from.
pub enum Asked {
    Live(Box<Cluster>),
    Snapshot(Box<Topology>),
}

impl Asked {
    pub fn simulated(&self) -> bool {
        matches!(self, Asked::Live(cluster) if cluster.sandbox.is_some())
    }

    /// The cluster, and the plan for it.
    ///
    /// # Errors
    /// Those of `params` and `plan`, and a cluster that cannot be read.
    pub fn planned(&self, context: &Context, loaded: &Loaded, choice: &Choice) -> anyhow::Result<(Topology, PlanFile)> {
        let params = params(context, loaded, choice)?;
        let topology = self.topology(context, loaded, &params)?;
        let groups = self.groups(loaded, &topology, &params)?;
        let seen = Seen { topology: &topology, groups, simulated: self.simulated() };
        let file = plan(context, loaded, &params, choice, seen)?;
        Ok((topology, file))
    }

    /// The cluster as it is, or as the snapshot has it.
    fn topology(&self, context: &Context, loaded: &Loaded, params: &Params) -> anyhow::Result<Topology> {
        match self {
            Asked::Snapshot(topology) => Ok((**topology).clone()),
            Asked::Live(cluster) => {
                let found = super::block_on(cluster.discover(context, &loaded.playbook.cluster, params))?;
                Ok(found.topology)
            }
        }
    }

    /// With whom the hosts say that they share a fate, where they are asked.
    fn groups(&self, loaded: &Loaded, topology: &Topology, params: &Params) -> anyhow::Result<Option<Answers>> {
        match self {
            Asked::Snapshot(_) => Ok(None),
            Asked::Live(cluster) => super::block_on(cluster.groups(&loaded.playbook, topology, params)),
        }
    }

    pub fn snapshot(path: &Path) -> anyhow::Result<Asked> {
        Ok(Asked::Snapshot(Box::new(cluster::snapshot(path)?)))
    }
}

/// Waves for the eye.
pub fn text(file: &PlanFile) -> String {
    crate::report::plan_text(file, None)
}
