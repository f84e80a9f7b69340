//! `rollbook simulate`: a playbook on a snapshot, in virtual time, with faults. Asks no cluster, runs nothing.

use super::arguments::duration;
use super::context::Context;
use super::exit::{Exit, Failure};
use super::planning::{Asked, Choice};
use super::playbook_file;
use crate::display;
use crate::job::event::{HostEvent, Ms, Outcome, What};
use crate::job::rules::Rules;
use crate::job::simulate::{Fault, FaultKind, Report, START, Scene, StepFault, WorldFault, run as simulated};
use crate::plan::model::{NodeIx, Plan, PlanFile};
use crate::report::{gantt_svg, plain};
use crate::topology::model::Topology;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What `--fault` takes; `--help` shows it.
const FAULTS: &str = "\
Faults: a place, what happens, and when, as key=value, with commas between them.
  host=10.0.0.1,step=drain,kind=hangs      that step's command on that host: fails, hangs, lies (says 0, does nothing),
                                           never-back (the host does not return after it), late,by=10m
  host=10.0.0.1,kind=dies,at=5m,for=10m    whatever is done: dies (its Cassandra ends), silent (answers nothing),
                                           cut,from=10.0.0.2 (the two do not reach each other); without `for`, for ever
Times count from the beginning of the run. What a step takes, and how soon a host is back, is drawn by the seed: 0.2 to 15 s
a step, 5 to 120 s a reboot.";

#[derive(Args, Debug)]
#[command(after_help = FAULTS)]
pub struct Options {
    /// The playbook
    #[arg(value_name = "FILE")]
    playbook: PathBuf,
    /// The cluster, as `rollbook topology --out` wrote it
    #[arg(long, value_name = "SNAPSHOT")]
    topology: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// Something that goes wrong (see below); repeat for more
    #[arg(long = "fault", value_name = "SPEC")]
    faults: Vec<String>,
    /// A file of such faults, one a line; `#` begins a remark
    #[arg(long = "faults", value_name = "FILE")]
    fault_file: Option<PathBuf>,
    /// Let each seed choose what else goes wrong: commands that fail, hang or lie, nodes that die, cuts, silence
    #[arg(long)]
    hostile: bool,
    /// The first seed; one seed is the same run for ever
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// So many seeds, from the first on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: u64,
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    /// One seed as a picture: a row for each host, a bar for each step
    Svg,
}

pub fn run(context: &Context, options: &Options) -> anyhow::Result<Exit> {
    if options.format == Format::Svg && options.seeds > 1 {
        return Err(Failure::new(
            Exit::Usage,
            "a picture shows one seed: leave out `--seeds`, and name it by `--seed`",
        )
        .into());
    }
    let loaded = playbook_file::load(context, &options.playbook)?;
    let asked = Asked::snapshot(&options.topology)?;
    let (topology, file) = asked.planned(context, &loaded, &options.choice)?;
    let faults = faults(&file.plan, options)?;
    let reports = all(context, options, &file, &topology, &faults);
    let text = match options.format {
        Format::Text => text(options, &file, &reports),
        Format::Json => serde_json::to_string_pretty(&json(options, &file.plan, &reports))? + "\n",
        Format::Svg => {
            let (seed, report) = reports.first_key_value().expect("there is at least one seed");
            gantt_svg(&file.plan, &report.events, &headline(&file.plan, *seed, report))
        }
    };
    std::io::stdout().write_all(text.as_bytes())?;
    let broken = reports.values().filter(|report| !report.violations.is_empty()).count();
    match broken {
        0 => Ok(Exit::Done),
        _ => Err(Failure::new(Exit::Unexpected, format!("{broken} of {} seeds broke a promise", reports.len()))
            .help("please report it, with the playbook, the snapshot and the seed: the same seed is the same run")
            .into()),
    }
}

/// Every seed, by two threads or as many as there are processors.
fn all(
    context: &Context,
    options: &Options,
    file: &PlanFile,
    topology: &Topology,
    faults: &[Fault],
) -> BTreeMap<u64, Report> {
    let (next, reports) = (AtomicU64::new(0), Mutex::new(BTreeMap::new()));
    let threads = std::thread::available_parallelism().map_or(2, |count| count.get() as u64).min(options.seeds);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut scene = Scene::of(topology.clone(), file.plan.clone(), faults.to_vec());
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= options.seeds {
                        return;
                    }
                    let seed = options.seed.wrapping_add(number);
                    scene.reseed(seed, options.hostile);
                    let mut report = simulated(&scene, Rules::default());
                    if options.seeds > 1 && report.violations.is_empty() {
                        report.events.retain(|event| tells(&event.what)); // a thousand whole runs are not kept
                    }
                    let mut reports = reports.lock().expect("no thread panics with it");
                    reports.insert(seed, report);
                    if reports.len() % 50 == 0 && (reports.len() as u64) < options.seeds {
                        context.say(format_args!("{} of {} seeds", reports.len(), options.seeds));
                    }
                }
            });
        }
    });
    reports.into_inner().expect("no thread panicked with it")
}

/// Is it told of one among many seeds?
fn tells(what: &What) -> bool {
    matches!(
        what,
        What::Host { event: HostEvent::Failed { .. } | HostEvent::Lost { .. } | HostEvent::Skipped { .. }, .. }
    )
}

fn headline(plan: &Plan, seed: u64, report: &Report) -> String {
    format!(
        "{} on cluster {}, in virtual time, seed {seed}: {} after {}; {} of {} hosts done, {} questions",
        plan.name,
        plan.cluster,
        ended(report),
        display::duration(report.took),
        report.done,
        plan.hosts.len(),
        report.questions
    )
}

fn ended(report: &Report) -> &'static str {
    match report.outcome {
        Some(Outcome::Succeeded) => "every host done",
        Some(Outcome::Failed) => "failed",
        Some(Outcome::Stopped) => "stopped",
        Some(Outcome::Refused) => "refused at the start",
        Some(Outcome::Stale) => "stale",
        Some(Outcome::InDoubt) => "hosts in doubt",
        Some(Outcome::Killed) => "killed",
        Some(Outcome::NotApproved) => "not approved",
        Some(Outcome::Locked) => "locked out",
        None => "not ended",
    }
}

/// How many seeds ended how, and of those that did not end well the first to look at: `3 every host done; 2 failed (seed 4, 9)`.
fn ends(reports: &BTreeMap<u64, Report>) -> String {
    let mut by: BTreeMap<(bool, &str), Vec<u64>> = BTreeMap::new();
    for (seed, report) in reports {
        by.entry((report.outcome != Some(Outcome::Succeeded), ended(report))).or_default().push(*seed);
    }
    let words = by.into_iter().map(|((look, how), seeds)| {
        let first: Vec<String> = seeds.iter().take(3).map(u64::to_string).collect();
        let more = if seeds.len() > first.len() { ", …" } else { "" };
        let which = if look { format!(" (seed {}{more})", first.join(", ")) } else { String::new() };
        format!("{} {how}{which}", seeds.len())
    });
    words.collect::<Vec<_>>().join("; ")
}

fn text(options: &Options, file: &PlanFile, reports: &BTreeMap<u64, Report>) -> String {
    let plan = &file.plan;
    let mut out = String::new();
    if let (1, Some((seed, report))) = (reports.len(), reports.first_key_value()) {
        let _ = writeln!(out, "{}", plain::terminal(&headline(plan, *seed, report)));
        for event in report.events.iter().filter(|event| tells(&event.what)) {
            let _ = writeln!(out, "  {}  {}", after(event.at), plain::terminal(&display::sentence(plan, event)));
        }
    } else {
        let mut took: Vec<Ms> = reports.values().map(|report| report.took).collect();
        took.sort_unstable();
        let [least, middle, most] = [0, took.len() / 2, took.len() - 1].map(|at| display::duration(took[at]));
        let _ = writeln!(
            out,
            "{} on cluster {}, in virtual time, {} seeds from {} on{}: {}; shortest {least}, in the middle {middle}, longest \
             {most}",
            plain::terminal(&plan.name),
            plain::terminal(&plan.cluster),
            reports.len(),
            options.seed,
            if options.hostile { ", hostile" } else { "" },
            ends(reports),
        );
    }
    let broken: Vec<(&u64, &Report)> = reports.iter().filter(|(_, report)| !report.violations.is_empty()).collect();
    for (seed, report) in broken.iter().take(20) {
        for violation in &report.violations {
            let _ = writeln!(out, "BROKEN  seed {seed}, after {}: {}", after(violation.at), violation.what);
        }
    }
    if broken.is_empty() {
        let _ = writeln!(
            out,
            "no promise was broken: judged by the rings of the snapshot and by what was really down, not by what was believed"
        );
    }
    out
}

fn after(at: Ms) -> String {
    display::duration(at.saturating_sub(START))
}

fn json(options: &Options, plan: &Plan, reports: &BTreeMap<u64, Report>) -> Value {
    let runs: Vec<Value> = reports
        .iter()
        .map(|(seed, report)| {
            let broken: Vec<Value> = report
                .violations
                .iter()
                .map(|violation| json!({ "at-ms": violation.at.saturating_sub(START), "what": violation.what }))
                .collect();
            let mut run = json!({
                "seed": seed,
                "outcome": report.outcome,
                "took-ms": report.took,
                "done": report.done,
                "questions": report.questions,
                "decisions": report.decisions,
                "broken": broken,
            });
            if options.seeds == 1 {
                run["events"] = json!(report.events);
            }
            run
        })
        .collect();
    json!({ "name": plan.name, "cluster": plan.cluster, "hosts": plan.hosts.len(), "hostile": options.hostile, "runs": runs })
}

fn faults(plan: &Plan, options: &Options) -> anyhow::Result<Vec<Fault>> {
    let mut specs: Vec<(String, &str)> =
        options.faults.iter().map(|spec| ("`--fault`".into(), spec.as_str())).collect();
    let text = options.fault_file.as_deref().map(read).transpose()?.unwrap_or_default();
    let file = options.fault_file.as_deref().unwrap_or(Path::new("")).display().to_string();
    for (line, spec) in text.lines().enumerate() {
        let spec = spec.split('#').next().unwrap_or_default().trim();
        if !spec.is_empty() {
            specs.push((format!("{file}:{}", line + 1), spec));
        }
    }
    let read = |(place, spec): (String, &str)| {
        fault(plan, spec).map_err(|why| {
            let failure = Failure::new(Exit::Usage, format!("{place}: `{spec}`: {why}"));
            failure.help("`rollbook simulate --help` shows what a fault looks like").into()
        })
    };
    specs.into_iter().map(read).collect()
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::new(Exit::BadFile, format!("cannot read `{}`: {error}", path.display()))
            .help("`--faults` names a file of faults, one a line")
            .into()
    })
}

/// Reads one fault.
fn fault(plan: &Plan, spec: &str) -> Result<Fault, String> {
    let mut words: BTreeMap<&str, &str> = BTreeMap::new();
    for pair in spec.split(',') {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("`{pair}` is not key=value"))?;
        let (key, value) = (key.trim(), value.trim());
        if !["host", "step", "kind", "at", "for", "by", "from"].contains(&key) {
            return Err(format!("`{key}` is not known; host, step, kind, at, for, by and from are"));
        }
        if words.insert(key, value).is_some() {
            return Err(format!("`{key}` is named twice"));
        }
    }
    let mut take = |key: &str| words.remove(key);
    let node = node(plan, take("host").ok_or("it names no `host`")?)?;
    let kind = take("kind").ok_or("it names no `kind`")?;
    let time = |text: &str| Ok::<Ms, String>(u64::try_from(duration(text)?.as_millis()).unwrap_or(Ms::MAX));
    let kind = match kind {
        "fails" | "hangs" | "lies" | "never-back" | "late" => {
            let name = take("step").ok_or_else(|| format!("`{kind}` is about a step, and it names no `step`"))?;
            let step = step(plan, name)?;
            let what = match kind {
                "fails" => StepFault::Fails,
                "hangs" => StepFault::Hangs,
                "lies" => StepFault::Lies,
                "never-back" => StepFault::NeverBack,
                _ => StepFault::Late(time(take("by").ok_or("how late? `by=10m`")?)?),
            };
            FaultKind::Step { step, what }
        }
        "dies" | "silent" | "cut" => {
            let at = time(take("at").ok_or_else(|| format!("when? `{kind}` wants `at`"))?)?;
            let lasts = take("for").map(time).transpose()?;
            let what = match kind {
                "dies" => WorldFault::Dies,
                "silent" => WorldFault::Silent,
                _ => match self::node(plan, take("from").ok_or("from whom is it cut? `from=HOST`")?)? {
                    other if other == node => return Err("a node is not cut from itself".into()),
                    other => WorldFault::CutFrom(other),
                },
            };
            FaultKind::World { at, lasts, what }
        }
        other => {
            let known = "fails, hangs, lies, never-back, late, dies, silent and cut are";
            return Err(format!("the kind `{other}` is not known; {known}"));
        }
    };
    match words.keys().next() {
        Some(key) => Err(format!("`{key}` says nothing here")),
        None => Ok(Fault { node, kind }),
    }
}

fn node(plan: &Plan, name: &str) -> Result<NodeIx, String> {
    let found = plan.nodes.iter().position(|node| node.address.to_string() == name || node.id == name);
    found.ok_or_else(|| format!("no node of the cluster has the address or the host id `{name}`"))
}

/// By its name; where several have it, the first.
fn step(plan: &Plan, name: &str) -> Result<usize, String> {
    let found = plan.steps.iter().position(|step| step.name == name && step.kind.has_process());
    found.ok_or_else(|| {
        let all: Vec<&str> =
            plan.steps.iter().filter(|step| step.kind.has_process()).map(|step| step.name.as_str()).collect();
        format!("no step that runs a command is called `{name}`; {} are", all.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::samples;

    #[test]
    fn a_fault_is_a_place_a_kind_and_a_time() {
        let plan = samples::six_hosts();
        let step = |kind| Ok(Fault { node: 2, kind });
        let of = |text: &str| fault(&plan, text);
        assert_eq!(
            of("host=10.77.0.12,step=reboot,kind=never-back"),
            step(FaultKind::Step { step: 2, what: StepFault::NeverBack })
        );
        assert_eq!(
            of("kind=late, step=reboot, by=10m, host=10.77.0.12"),
            step(FaultKind::Step { step: 2, what: StepFault::Late(600_000) })
        );
        assert_eq!(
            of("host=10.77.0.12,kind=cut,from=10.77.0.11,at=5m"),
            step(FaultKind::World { at: 300_000, lasts: None, what: WorldFault::CutFrom(0) })
        );
        for (text, why) in [
            ("", "`` is not key=value"),
            ("host=10.77.0.12", "it names no `kind`"),
            ("kind=dies,at=1m", "it names no `host`"),
            ("host=10.0.0.9,kind=dies,at=1m", "no node of the cluster"),
            ("host=10.77.0.12,kind=dies", "when?"),
            ("host=10.77.0.12,kind=dies,at=5", "`5` has no unit"),
            ("host=10.77.0.12,kind=dies,at=5m,step=drain", "`step` says nothing here"),
            ("host=10.77.0.12,kind=fails", "names no `step`"),
            ("host=10.77.0.12,kind=fails,step=wait-up", "drain, stop, reboot are"),
            ("host=10.77.0.12,kind=explodes,at=5m", "`explodes` is not known"),
            ("host=10.77.0.12,host=10.77.0.12,kind=dies,at=5m", "`host` is named twice"),
            ("host=10.77.0.12,kind=cut,from=10.77.0.12,at=5m", "not cut from itself"),
            ("host=10.77.0.12,kind=late,step=reboot", "how late?"),
            ("who=10.77.0.12", "`who` is not known"),
        ] {
            let said = of(text).expect_err(text);
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
