//! `rollbook lock`: who holds which hosts, and the way out where whoever holds them is lost.

use super::arguments::Format;
use super::context::{Context, tell, unusable, who};
use super::earlier_run::Earlier;
use super::exit::{Exit, Failure};
use crate::clock::now;
use crate::diagnostic::{line, terminal};
use crate::display::stamp;
use crate::store::{Doing, Lease, short};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use std::io::Write;

#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Who holds how many hosts, since when, why, and what its process does
    Show(Show),
    /// Free the hosts of a run; its process, should it still be there, starts nothing further
    Break(Break),
}

#[derive(Args, Debug)]
struct Show {
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Args, Debug)]
struct Break {
    /// The run: `last`, its id, or as much of it as is unique
    #[arg(value_name = "RUN")]
    run: String,
    /// Why; kept in the journal of the run
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub fn run(context: &Context, options: &Options) -> anyhow::Result<Exit> {
    match &options.what {
        What::Show(options) => show(context, options.format),
        What::Break(options) => break_lock(context, options),
    }
}

fn show(context: &Context, format: Format) -> anyhow::Result<Exit> {
    let store = context.store()?;
    let leases = store.leases().map_err(unusable)?;
    let mut stdout = std::io::stdout();
    if format == Format::Json {
        writeln!(stdout, "{}", serde_json::to_string_pretty(&leases)?)?;
        return Ok(Exit::Done);
    }
    if leases.is_empty() {
        context.say(format_args!("no run holds a host, as far as `{}` knows", store.home().display()));
        return Ok(Exit::Done);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["run", "cluster", "hosts", "since", "by", "process", "reason"]);
    for lease in &leases {
        let process = format!("{} on {}, {}", lease.pid, terminal(&lease.machine), doing(lease.process));
        let reason = line(lease.reason.as_deref().unwrap_or_default());
        let (cluster, by) = (terminal(&lease.cluster), terminal(&lease.by));
        let (hosts, since) = (lease.host_ids.len().to_string(), stamp(lease.since));
        table.add_row([short(&lease.run), &cluster, &hosts, &since, &by, &process, &reason]);
    }
    writeln!(stdout, "{}", table.trim_fmt())?;
    leases.iter().for_each(|lease| advice(context, lease));
    Ok(Exit::Done)
}

fn doing(process: Doing) -> &'static str {
    match process {
        Doing::Works => "at work",
        Doing::Stopped => "stopped (state T)",
        Doing::Gone => "gone",
        Doing::Unknown => "on another machine",
    }
}

fn advice(context: &Context, lease: &Lease) {
    let run = short(&lease.run);
    for folder in &lease.running {
        context.say(format_args!("run `{run}`: a command of it runs, see {}", folder.display()));
    }
    match lease.process {
        Doing::Works => context.say(format_args!("next: rollbook runs watch {run}, or rollbook stop {run}")),
        Doing::Gone if lease.running.is_empty() => {
            context.say(format_args!("run `{run}` holds nobody back any more; next: rollbook resume {run}"));
        }
        Doing::Gone => context.say(format_args!("it is free when that command ends; next: rollbook resume {run}")),
        Doing::Stopped | Doing::Unknown => {
            context.say(format_args!("if nobody brings it back: rollbook lock break {run} --reason '…'"));
        }
    }
}

fn break_lock(context: &Context, options: &Break) -> anyhow::Result<Exit> {
    let reason = options.reason.trim();
    if reason.is_empty() {
        return Err(Failure::new(Exit::Usage, "a lock is broken for a reason, and `--reason` is empty").into());
    }
    let earlier = Earlier::find(context, &options.run)?;
    let run = earlier.short();
    let holds = earlier.store.leases().map_err(unusable)?.iter().any(|lease| lease.run == earlier.row.id);
    if !holds && earlier.row.owner.is_none() {
        return Err(Failure::new(Exit::Usage, format!("run `{run}` holds no host: there is no lock to break"))
            .help("`rollbook lock show` lists who does")
            .into());
    }
    let broken = earlier.store.break_lock(&earlier.row.id, &who(), reason, now()).map_err(unusable)?;
    tell(format_args!("{} hosts of cluster {} are free", broken.hosts, earlier.row.cluster));
    if let Some(process) = broken.process.filter(|process| !process.dead()) {
        tell(format_args!("process {} of run `{run}` starts nothing further, should it go on", process.pid));
    }
    for folder in &broken.left_running {
        tell(format_args!("still running, and not ended by this: the command in {}", folder.display()));
    }
    let plan = &earlier.file.plan;
    for (target, state) in earlier.job.hosts.out() {
        let address = plan.nodes[plan.hosts[target].node].address;
        let step = state.working().and_then(|work| plan.steps.get(work.step)).map(|step| step.name.as_str());
        let at = step.map(|step| format!(", at `{step}`")).unwrap_or_default();
        tell(format_args!("not proved back: {address}{at}"));
    }
    tell(format_args!("next: rollbook resume {run}"));
    Ok(Exit::Done)
}
