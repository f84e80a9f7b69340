//! `rollbook run`: plans, shows, asks, runs; or runs exactly a saved plan.

use super::arguments::Where;
use super::carry_out::{self, Work};
use super::cluster::Cluster;
use super::context::{Context, unusable, who};
use super::exit::{Exit, Failure};
use super::planning::{self, Choice};
use super::{ask_person, playbook_file, saved_plan, secrets};
use crate::clock::now;
use crate::plan::model::PlanFile;
use crate::store::NewRun;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use uuid::Uuid;

#[derive(Args, Debug)]
pub struct Options {
    /// The playbook, or a plan that `rollbook plan --out` saved
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    on: Where,
    #[command(flatten)]
    choice: Choice,
    /// Why this is done: journal, reports and locks show it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Do not ask whether to begin; an `approve` step and the hosts behind a canary still wait for a person
    #[arg(long)]
    yes: bool,
}

pub fn run(context: &Context, options: &Options) -> anyhow::Result<Exit> {
    let bytes = playbook_file::bytes(&options.file)?;
    if saved_plan::is_one(&bytes) {
        return run_saved(context, options, &bytes);
    }
    let loaded = playbook_file::of_bytes(context, &options.file, &bytes)?;
    let params = planning::params(context, &loaded, &options.choice)?;
    wants_reason(loaded.playbook.reason_required, options)?;
    let mut cluster = Cluster::named(context, &options.on, &loaded.playbook.cluster.seeds)?;
    super::block_on(async {
        let found = cluster.discover(context, &loaded.playbook.cluster, &params).await?;
        let simulated = cluster.sandbox.is_some();
        let groups = cluster.groups(&loaded.playbook, &found.topology, &params).await?;
        let seen = planning::Seen { topology: &found.topology, groups, simulated };
        let file = planning::plan(context, &loaded, &params, &options.choice, seen)?;
        if !context.quiet {
            std::io::stdout().write_all(planning::text(&file).as_bytes())?;
        }
        if !options.yes && !ask_person::go_on("run this?")? {
            context.say("nothing was done");
            return Ok(Exit::Stopped);
        }
        let begin = Begin { file, reason: options.reason.clone(), id: None };
        begin_and_carry_out(context, begin, &mut cluster).await
    })
}

fn run_saved(context: &Context, options: &Options, bytes: &[u8]) -> anyhow::Result<Exit> {
    if !options.choice.is_empty() {
        let message = "a saved plan is run as it is: it takes no --param, --only, --skip, --not-done-in, --stop-after, --durations";
        return Err(Failure::new(Exit::Usage, message)
            .help("plan anew with them: `rollbook plan PLAYBOOK … --out`")
            .into());
    }
    let file = saved_plan::read(&options.file, bytes)?;
    wants_reason(file.plan.reason_required, options)?;
    let mut cluster = match options.on.sandbox {
        Some(hosts) => Cluster::simulated(context, hosts)?,
        None => {
            let known = file.plan.nodes.iter().map(|node| node.address.to_string());
            let seeds = options.on.seed_host.iter().cloned().chain(known).collect();
            Cluster {
                seeds,
                env: Default::default(),
                sandbox: None,
                seen: Default::default(),
                ledger: Default::default(),
            }
        }
    };
    super::block_on(async {
        saved_plan::still_holds(context, &file, &cluster).await?;
        if !context.quiet {
            std::io::stdout().write_all(planning::text(&file).as_bytes())?;
        }
        let begin = Begin { file, reason: options.reason.clone(), id: None };
        begin_and_carry_out(context, begin, &mut cluster).await
    })
}

fn wants_reason(required: bool, options: &Options) -> anyhow::Result<()> {
    let given = options.reason.as_deref().is_some_and(|reason| !reason.trim().is_empty());
    if required && !given {
        let failure = Failure::new(Exit::Usage, "this playbook says `reason: required`, and no reason was given");
        return Err(failure.help("add `--reason \"kernel update, CHG-1234\"`").into());
    }
    Ok(())
}

/// A plan on the way to becoming a run.
pub struct Begin {
    pub file: PlanFile,
    pub reason: Option<String>,
    /// None: a new one.
    pub id: Option<Uuid>,
}

/// Preflight, the run's row and folder, then the run itself.
pub async fn begin_and_carry_out(context: &Context, begin: Begin, cluster: &mut Cluster) -> anyhow::Result<Exit> {
    let Begin { file, reason, id } = begin;
    if file.plan.hosts.is_empty() {
        context.say("nothing to do: no host is left");
        return Ok(Exit::Done);
    }
    carry_out::can_be_worked_on(context, &file, cluster).await?;
    let secrets = secrets::of(&file.plan).await?;
    let store = Arc::new(context.store()?);
    let new = NewRun { id, plan: &file, reason: reason.as_deref(), by: &who(), at: now() };
    let run = store.create_run(&new).map_err(unusable)?;
    if let Some(sandbox) = &mut cluster.sandbox {
        sandbox.keep_for(&store.run_folder(&run))?;
    }
    let work = Work { store, run, file: Arc::new(file), reason, new: true, settle: Vec::new(), secrets };
    carry_out::carry_out(context, work, cluster).await
}
