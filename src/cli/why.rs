//! `rollbook why`: why this host is not running now, or comes in this wave.

use super::context::Context;
use super::earlier_run::{Earlier, target};
use super::exit::{Exit, Failure};
use super::{playbook_file, saved_plan};
use crate::clock::now;
use crate::diagnostic::lines;
use crate::display::{sentence, summary};
use crate::job::event::{HostEvent, What};
use crate::job::heard::View;
use crate::job::model::Standing;
use crate::job::rules::{Frame, Rules};
use crate::job::waiting;
use crate::plan::conflict::Conflicts;
use crate::plan::level::Room;
use crate::plan::model::{NodeIx, PlanFile, TargetIx};
use crate::playbook::model::Strategy;
use crate::report;
use clap::Args;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

#[derive(Args, Debug)]
pub struct Options {
    /// A run (`last`, its id, a part of it), or a saved plan
    #[arg(value_name = "RUN|PLAN")]
    of: String,
    /// The host: its address or host id; without one, the run's table and what it waits for
    #[arg(value_name = "HOST")]
    host: Option<String>,
}

pub fn run(context: &Context, options: &Options) -> anyhow::Result<Exit> {
    let path = Path::new(&options.of);
    let text = match (&options.host, path.is_file()) {
        (Some(host), true) => of_plan(path, host)?,
        (Some(host), false) => of_run(&Earlier::find(context, &options.of)?, host)?,
        (None, true) => {
            let failure = Failure::new(Exit::Usage, "why which host of the plan?");
            return Err(failure.help(format!("`rollbook why {} HOST`", path.display())).into());
        }
        (None, false) => {
            let earlier = Earlier::find(context, &options.of)?;
            summary(&earlier.file.plan, &earlier.job, &earlier.events, &earlier.about())
        }
    };
    std::io::stdout().write_all(lines(&text).as_bytes())?;
    Ok(Exit::Done)
}

fn of_plan(path: &Path, host: &str) -> anyhow::Result<String> {
    let bytes = playbook_file::bytes(path)?;
    if !saved_plan::is_one(&bytes) {
        return Err(Failure::new(Exit::BadFile, format!("`{}` is no saved plan", path.display()))
            .help("save one: `rollbook plan PLAYBOOK … --out plan.json`")
            .into());
    }
    let file = saved_plan::read(path, &bytes)?;
    let target = target(&file.plan, host)?;
    Ok(wave(&file, target) + &group(&file, target) + &neighbours(&file, target))
}

fn wave(file: &PlanFile, target: TargetIx) -> String {
    let places = file.estimate.waves.iter().enumerate().filter_map(|(number, wave)| {
        let host = wave.hosts.iter().find(|host| host.target == target)?;
        Some((number + 1, wave.phase, host))
    });
    let address = file.plan.nodes[file.plan.hosts[target].node].address;
    let mut text = String::new();
    for (number, phase, host) in places {
        let why = host.because.as_deref().unwrap_or("nothing keeps it from being among the first");
        let name = file.plan.phases.get(phase).and_then(|phase| phase.name.as_ref());
        let of = name.map(|name| format!(" (phase {}: {name})", phase + 1)).unwrap_or_default();
        let _ = writeln!(text, "{address} comes in wave {number} of {}{of}: {why}", file.estimate.waves.len());
    }
    if text.is_empty() {
        return format!("{address} stands in no wave\n");
    }
    text + &report::limit(file).map(|limit| format!("{limit}\n")).unwrap_or_default()
}

/// With whom it goes out.
fn group(file: &PlanFile, target: TargetIx) -> String {
    let node = file.plan.hosts[target].node;
    let Some(group) = file.plan.group(node) else { return String::new() };
    let others =
        group.nodes.iter().filter(|other| **other != node).map(|other| file.plan.nodes[*other].address.to_string());
    format!("it goes out with {}: {}\n", group.name, others.collect::<Vec<_>>().join(", "))
}

/// So many of the nodes that it shares data with are named, those with the most ranges; all are in the plan's JSON.
const NAMED: usize = 20;

/// With whom it shares data, and how many of them may be out: the strategy's rule, and the level's.
fn neighbours(file: &PlanFile, target: TargetIx) -> String {
    let plan = &file.plan;
    let node = plan.hosts[target].node;
    let conflicts = Conflicts::of(plan);
    let others = conflicts.neighbours(node);
    let mut text = format!("it shares data with {} nodes:\n", others.len());
    let mut shown: Vec<NodeIx> = others.iter().copied().collect();
    shown.sort_by_key(|other| std::cmp::Reverse(conflicts.ranges(node, *other)));
    for other in shown.iter().take(NAMED) {
        let _ = writeln!(text, "  {}", conflicts.why(Strategy::Topology, node, *other));
    }
    if shown.len() > NAMED {
        let _ = writeln!(text, "  … and {} more, with fewer ranges", shown.len() - NAMED);
    }
    for phase in &plan.phases {
        let room = Room::of(plan, phase);
        let unit = conflicts.unit(node);
        let tightest = phase.needs.iter().filter(|need| need.nodes.iter().any(|of| unit.contains(of)));
        if let Some(need) = tightest.max_by_key(|need| (std::cmp::Reverse(need.spare), need.ranges)) {
            let away = |of: NodeIx| of != node && need.nodes.contains(&of);
            let _ = writeln!(text, "{}, so {} may be away at once", room.words(plan, need, node, away), need.spare);
        }
    }
    text
}

fn of_run(earlier: &Earlier, named: &str) -> anyhow::Result<String> {
    let plan = &earlier.file.plan;
    let host = target(plan, named)?;
    let frame = Frame::new(plan, Rules::default());
    let about = earlier.about();
    let mut text = match &earlier.job.hosts[host].standing {
        Standing::Waiting if earlier.row.alive() => {
            let wait = waiting::turn(&frame, &earlier.job, &View::default(), host, now());
            format!("{} waits for its turn: {}\n", named, wait.what)
        }
        Standing::Waiting => format!("{} was not begun: nobody works on this run now\n", named),
        Standing::Working(work) => {
            let name = earlier.job.step(plan, work.step).map_or("the end of its chain", |step| step.name.as_str());
            let now = if earlier.row.alive() { "is in work" } else { "was left" };
            format!("{} {now} at {name}\n", named)
        }
        Standing::Settling { .. } => format!("{} is through its chain and in its grace\n", named),
        Standing::Done => format!("{} is done\n", named),
        Standing::Failed { because, .. } => format!("{} failed: {because}\n", named),
        Standing::Lost { because, .. } => format!("{} is in doubt: {because}\n", named),
        Standing::Skipped { because } => format!("{} was skipped: {because}\n", named),
    };
    if earlier.job.hosts[host].out() && !earlier.job.hosts[host].in_work() {
        text += "it counts as out until its gate passes\n";
    }
    let address = format!("{} ", plan.nodes[plan.hosts[host].node].address);
    for wait in about.waits.iter().filter(|wait| wait.starts_with(&address)) {
        let _ = writeln!(text, "now: {wait}");
    }
    for line in about.said.get(&host).into_iter().flatten() {
        let _ = writeln!(text, "  {line}");
    }
    text += &wave(&earlier.file, host);
    text += &group(&earlier.file, host);
    let of_host = |what: &What| match what {
        What::Host { event: HostEvent::Baseline(_), .. } => false,
        What::Host { host: of, .. } | What::Step { host: of, .. } => *of == host,
        What::Run(_) | What::Setup { .. } => false,
    };
    for event in earlier.events.iter().filter(|event| of_host(&event.what)) {
        let _ = writeln!(text, "  {} {}", crate::display::stamp(event.at), sentence(plan, event));
    }
    Ok(text)
}
