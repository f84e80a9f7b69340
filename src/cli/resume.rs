//! `rollbook resume`: goes on with a run. Never reads the playbook again and never replans.

use super::carry_out::{self, Work};
use super::cluster::Cluster;
use super::context::Context;
use super::earlier_run::{Earlier, target};
use super::exit::{Exit, Failure};
use super::secrets;
use crate::job::event::{Outcome, Resolution};
use crate::job::model::{HostState, Standing};
use crate::plan::model::TargetIx;
use crate::store::RunState;
use clap::Args;

#[derive(Args, Debug)]
pub struct Options {
    /// The run: `last`, its id, or as much of it as is unique
    #[arg(value_name = "RUN")]
    run: String,
    /// Failed hosts go on from the step that failed
    #[arg(long)]
    retry_failed: bool,
    /// This host is neither worked on again nor counted as a failure; it stays out until its gate passes
    #[arg(long, value_name = "HOST")]
    skip: Vec<String>,
}

pub fn run(context: &Context, options: &Options) -> anyhow::Result<Exit> {
    let earlier = Earlier::find(context, &options.run)?;
    earlier.must_be_idle()?;
    let settle = settled(&earlier, options)?;
    if let RunState::Ended(outcome) = earlier.row.state
        && settle.is_empty()
    {
        match outcome {
            Outcome::Succeeded => {
                context.say(format_args!("run `{}` has nothing left to do", earlier.short()));
                return Ok(Exit::Done);
            }
            Outcome::Stale => {
                let message = format!("run `{}` cannot be resumed: its plan did not fit the cluster", earlier.short());
                return Err(Failure::new(Exit::Stale, message).help("plan anew: `rollbook plan PLAYBOOK …`").into());
            }
            _ => {}
        }
    }
    few_enough_failures(&earlier, &settle)?;
    let folder = earlier.store.run_folder(&earlier.row.id);
    let mut cluster = Cluster::of_run(&folder, Vec::new())?;
    let reason = earlier.row.reason.clone();
    super::block_on(async {
        let secrets = secrets::of(&earlier.file.plan).await?;
        let (store, run, file) = (earlier.store, earlier.row.id, earlier.file);
        let work = Work { store, run, file, reason, new: false, settle, secrets };
        carry_out::carry_out(context, work, &mut cluster).await
    })
}

fn settled(earlier: &Earlier, options: &Options) -> anyhow::Result<Vec<(TargetIx, Resolution)>> {
    let mut settle = Vec::new();
    for word in &options.skip {
        settle.push((target(&earlier.file.plan, word)?, Resolution::Skip));
    }
    if options.retry_failed {
        let hosts = earlier.job.hosts.iter().enumerate();
        let again = |host: &HostState| match host.standing {
            Standing::Failed { .. } => true,
            Standing::Skipped { .. } => !host.settled && !host.unproved,
            _ => false,
        };
        let failed = hosts.filter(|(_, host)| again(host));
        let failed = failed.map(|(host, _)| (host, Resolution::Retry));
        let skipped: Vec<TargetIx> = settle.iter().map(|(host, _)| *host).collect();
        settle.extend(failed.filter(|(host, _)| !skipped.contains(host)));
    }
    Ok(settle)
}

fn few_enough_failures(earlier: &Earlier, settle: &[(TargetIx, Resolution)]) -> anyhow::Result<()> {
    let plan = &earlier.file.plan;
    // one that waits for a person's answer is asked about again
    let counts = |host: &HostState| host.counts_as_failure() && !host.asks();
    let open: Vec<TargetIx> = (0..earlier.job.hosts.len())
        .filter(|host| counts(&earlier.job.hosts[*host]) && !settle.iter().any(|(other, _)| other == host))
        .collect();
    if open.len() as u32 <= plan.max_failures {
        return Ok(());
    }
    let run = earlier.short();
    let first = plan.nodes[plan.hosts[open[0]].node].address;
    let names: Vec<String> = open.iter().map(|host| plan.nodes[plan.hosts[*host].node].address.to_string()).collect();
    let message = format!(
        "{} failed or in doubt ({}), and this run bears {}; nothing was started",
        if open.len() == 1 { "one host is".to_owned() } else { format!("{} hosts are", open.len()) },
        names.join(", "),
        plan.max_failures
    );
    Err(Failure::new(Exit::Refused, message)
        .help(format!(
            "`rollbook resume {run} --retry-failed` goes on from the failed step, `rollbook resume {run} --skip {}` \
             leaves alone, `rollbook resolve {run} {first} --as done|failed|retry` says what happened",
            names.join(" --skip ")
        ))
        .into())
}
