//! `rollbook runs`: what ran, what is running, what happened.

mod clean;
mod watch;

use super::arguments::Format;
use super::context::{Context, unusable};
use super::earlier_run::Earlier;
use super::exit::Exit;
use crate::ask::ledger;
use crate::diagnostic::{line, terminal};
use crate::display::{stamp, summary};
use crate::job::event::{Ms, Outcome};
use crate::store::{RunRow, RunState, short};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use std::io::Write;

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    what: Option<What>,
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The table of hosts of one run, or its events
    Show(Show),
    /// Follow a run until it ends
    Watch(watch::Options),
    /// Forget finished runs, their journals and outputs
    Clean(clean::Options),
}

#[derive(Args, Debug)]
struct Show {
    /// The run: `last`, its id, or as much of it as is unique
    #[arg(value_name = "RUN")]
    run: String,
    /// Every event of its journal, one JSON object a line
    #[arg(long)]
    events: bool,
    /// What was asked of the nodes, how often (in all, and for each host of the plan) and how long it took, by kind
    #[arg(long, conflicts_with = "events")]
    questions: bool,
    #[arg(long, value_name = "FORMAT", default_value = "text", conflicts_with = "events")]
    format: Format,
}

pub fn run(context: &Context, options: &Options) -> anyhow::Result<Exit> {
    match &options.what {
        None => list(context, options.format),
        Some(What::Show(options)) => show(context, options),
        Some(What::Watch(options)) => watch::run(context, options),
        Some(What::Clean(options)) => clean::run(context, options),
    }
}

fn list(context: &Context, format: Format) -> anyhow::Result<Exit> {
    let rows = context.store()?.runs().map_err(unusable)?;
    let mut stdout = std::io::stdout();
    if format == Format::Json {
        let rows = rows.iter().map(json).collect::<anyhow::Result<Vec<_>>>()?;
        writeln!(stdout, "{}", serde_json::to_string_pretty(&rows)?)?;
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        context.say("no run yet; `rollbook run playbooks/rolling-reboot.yaml --sandbox` makes one");
        return Ok(Exit::Done);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["run", "what", "cluster", "made", "state", "by", "reason"]);
    for row in &rows {
        let (name, cluster, by) = (terminal(&row.name), terminal(&row.cluster), terminal(&row.by));
        let reason = line(row.reason.as_deref().unwrap_or_default());
        table.add_row([short(&row.id), &name, &cluster, &stamp(row.created), state(row), &by, &reason]);
    }
    writeln!(stdout, "{}", table.trim_fmt())?;
    Ok(Exit::Done)
}

/// With the state as the table has it: `interrupted` stands in no row of the store.
fn json(row: &RunRow) -> anyhow::Result<serde_json::Value> {
    let mut value = serde_json::to_value(row)?;
    value["state"] = state(row).into();
    Ok(value)
}

/// In one or two words.
fn state(row: &RunRow) -> &'static str {
    if row.interrupted() {
        return "interrupted";
    }
    match row.state {
        RunState::Planned => "planned",
        RunState::Running => "running",
        RunState::Stopping => "stopping",
        RunState::Ended(outcome) => match outcome {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
            Outcome::Stopped => "stopped",
            Outcome::NotApproved => "not approved",
            Outcome::Locked => "locked out",
            Outcome::Refused => "refused",
            Outcome::Stale => "stale",
            Outcome::InDoubt => "in doubt",
            Outcome::Killed => "killed",
        },
    }
}

fn show(context: &Context, options: &Show) -> anyhow::Result<Exit> {
    let earlier = Earlier::find(context, &options.run)?;
    let mut stdout = std::io::stdout();
    if options.events {
        for event in &earlier.events {
            writeln!(stdout, "{}", serde_json::to_string(event)?)?;
        }
        return Ok(Exit::Done);
    }
    if options.questions {
        return questions(&earlier, options.format);
    }
    if options.format == Format::Json {
        let shown = serde_json::json!({ "run": json(&earlier.row)?, "plan": *earlier.file, "events": earlier.events });
        writeln!(stdout, "{}", serde_json::to_string_pretty(&shown)?)?;
        return Ok(Exit::Done);
    }
    let row = &earlier.row;
    let (name, cluster, by) = (terminal(&row.name), terminal(&row.cluster), terminal(&row.by));
    writeln!(stdout, "run {}: {name} on cluster {cluster}, {}", row.id, state(row))?;
    writeln!(stdout, "made {} by {by}, plan {}", stamp(row.created), row.plan_hash)?;
    if let Some(reason) = &row.reason {
        writeln!(stdout, "because: {}", line(reason))?;
    }
    writeln!(stdout, "outputs in {}\n", earlier.store.run_folder(&row.id).display())?;
    stdout.write_all(summary(&earlier.file.plan, &earlier.job, &earlier.events, &earlier.about()).as_bytes())?;
    Ok(Exit::Done)
}

fn questions(earlier: &Earlier, format: Format) -> anyhow::Result<Exit> {
    let folder = earlier.store.run_folder(&earlier.row.id);
    let lines =
        ledger::read(&folder).with_context(|| format!("cannot read `{}`", folder.join(ledger::FILE).display()))?;
    let begun = earlier.events.first().map_or(Ms::MAX, |event| event.at);
    let before = lines.iter().filter(|line| line.asked < begun).count();
    let (by_kind, hosts) = (ledger::by_kind(&lines), earlier.file.plan.hosts.len());
    if format == Format::Json {
        let shown = serde_json::json!({ "hosts": hosts, "before-the-run": before, "by-kind": by_kind });
        writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&shown)?)?;
        return Ok(Exit::Done);
    }
    let seconds = |ms: Ms| format!("{}.{}", ms / 1000, ms % 1000 / 100);
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["question", "times", "a host", "unanswered", "seconds in all", "share", "slowest"]);
    let mut all = ledger::Sum::default();
    for sum in by_kind.values() {
        (all.count, all.unanswered, all.took) =
            (all.count + sum.count, all.unanswered + sum.unanswered, all.took + sum.took);
    }
    for (kind, sum) in by_kind {
        table.add_row([
            kind.to_owned(),
            sum.count.to_string(),
            format!("{:.2}", sum.count as f64 / hosts.max(1) as f64),
            sum.unanswered.to_string(),
            seconds(sum.took),
            format!("{} %", (100 * sum.took + all.took / 2) / all.took.max(1)),
            seconds(sum.slowest),
        ]);
    }
    writeln!(std::io::stdout(), "{}", table.trim_fmt())?;
    writeln!(
        std::io::stdout(),
        "{} questions, {} without an answer, {} s in all (side by side); {} of them before the run began",
        all.count,
        all.unanswered,
        seconds(all.took),
        before
    )?;
    Ok(Exit::Done)
}
