//! What rollbook costs beside the commands it starts: `exec --expect nothing -- true` on a sandbox, by strategy, beside
//! `xargs -P` that starts the same children, beside its own critical path, and beside cstarpar where that is installed.
//! `cargo bench --bench overhead [-- HOSTS…]`; without numbers 100, 500 and 1000 hosts.
//!
//! cstarpar: `$CSTARPAR`, else `cstarpar` in the PATH. Not a timed test: machines differ, ratios in one run less.

mod path;
mod rivals;

use path::Path as CriticalPath;
use rivals::Rivals;
use rollbook::ask::ledger::{self, Sum};
use rollbook::job::event::{Event, Ms};
use rollbook::plan::model::PlanFile;
use rollbook::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The program that is measured: also the sandbox's tools, and what watches a command.
const ROLLBOOK: &str = env!("CARGO_BIN_EXE_rollbook");

const STRATEGIES: [&str; 2] = ["all", "topology"];

const WHAT_IS_COMPARED: &str = "\
Each line: `rollbook exec --sandbox=HOSTS --expect nothing --strategy … -q -- true`, from the first question to the end of
the process (the sandbox is made before, and not counted).
  xargs     `xargs -P 16` asks the same questions, word for word and in the same order (rollbook asks at most 16 at once);
            then `xargs -P 0` starts the same commands, as many at once as there are hosts (`exec` has no limit).
            A command has two processes: `true`, and the one that watches it and outlives rollbook, which says how it
            ended. In brackets: beside `true` alone.
  path      topology's own critical path: the questions before the first host, as xargs asks them, and then the longest
            chain of hosts of which each opened when the one before, with which it conflicts, was done; a host takes from
            its opening to its end, as the run's journal has it. The rest of the run is what rollbook added: planning,
            and the time between a host's end and the next one's opening.
  cstarpar  the same hosts and `true`; no questions about who is up after each host but its own, no watcher, no journal
            that survives; `--ssh-pause-time 0`, for its half second a host would be all that is seen.
";

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let sizes = if numbers.is_empty() { vec![100, 500, 1000] } else { numbers };
    println!("{WHAT_IS_COMPARED}");
    let mut runs = Vec::new();
    for hosts in sizes {
        let folder = tempfile::tempdir().unwrap();
        let rivals = Rivals::new(folder.path(), hosts);
        for strategy in STRATEGIES {
            let run = run(folder.path(), hosts, strategy);
            compare(&run, &rivals);
            runs.push(run);
        }
    }
    for strategy in STRATEGIES {
        questions(strategy, &runs.iter().filter(|run| run.strategy == strategy).collect::<Vec<_>>());
    }
}

/// One run of rollbook, as its own folder tells it.
struct Run {
    hosts: usize,
    strategy: &'static str,
    /// From the first question to the end of the process.
    whole: Duration,
    lines: Vec<ledger::Line>,
    file: PlanFile,
    events: Vec<Event>,
    /// User and system time of rollbook itself and of all that it started and waited for.
    cpu: Duration,
}

fn run(folder: &Path, hosts: usize, strategy: &'static str) -> Run {
    let home = folder.join(format!("home-{strategy}"));
    let before = children_cpu();
    let mut command = Command::new(ROLLBOOK);
    command.args(["exec", &format!("--sandbox={hosts}"), "--expect", "nothing", "--strategy", strategy, "-q"]);
    command.args(["--", "true"]).env("ROLLBOOK_HOME", &home).stdin(Stdio::null());
    let said = command.stdout(Stdio::null()).output().unwrap();
    let ended = now();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let store = Store::open(&home).unwrap();
    let id = store.resolve("last").unwrap().id;
    let (file, events) = store.load(&id).unwrap();
    let lines = ledger::read(&store.run_folder(&id)).unwrap();
    let began = lines.iter().map(|line| line.asked).min().unwrap();
    let whole = Duration::from_millis(ended - began);
    Run { hosts, strategy, whole, lines, file, events, cpu: children_cpu() - before }
}

fn compare(run: &Run, rivals: &Rivals) {
    let head = format!("{} hosts, {}", run.hosts, run.strategy);
    println!("{head}: rollbook {} ({} CPU)", seconds(run.whole), seconds(run.cpu));
    let path = CriticalPath::of(run);
    let asked = |before: bool| {
        let lines = run.lines.iter().filter(|line| (line.asked < path.first_opened) == before);
        rivals.questions(&run.file.plan, &lines.collect::<Vec<_>>())
    };
    let (before, after) = (asked(true), asked(false));
    if run.strategy == "all" {
        let (watched, bare) = (rivals.commands(run.hosts, true), rivals.commands(run.hosts, false));
        let (with, without) = (before + after + watched, before + after + bare);
        println!(
            "  xargs {}: questions {}, commands {}; rollbook takes {:.2} times as long (at most 1.5) [{:.2}]",
            seconds(with),
            seconds(before + after),
            seconds(watched),
            ratio(run.whole, with),
            ratio(run.whole, without)
        );
    } else {
        let critical = before + path.length;
        println!(
            "  path {}: questions before {}, {} hosts one after the other {}; rollbook takes {:.2} times as long (at most 1.2)",
            seconds(critical),
            seconds(before),
            path.hosts,
            seconds(path.length),
            ratio(run.whole, critical)
        );
        println!(
            "  of the run {} before the first host, {} from there to the last one's end, {} behind it",
            seconds(path.before),
            seconds(path.span),
            seconds(run.whole.saturating_sub(path.before + path.span))
        );
    }
    match rivals.cstarpar(run.strategy) {
        Ok(took) => {
            println!("  cstarpar {}; rollbook takes {:.2} times as long", seconds(took), ratio(run.whole, took));
        }
        Err(why) => println!("  cstarpar: {why}"),
    }
}

/// How many questions of each kind, how many a host, their share of the time, and how they grow.
fn questions(strategy: &str, runs: &[&Run]) {
    println!("\nQuestions, {strategy}: times, a host, share of the time that nodes were asked");
    let sums: Vec<BTreeMap<&str, Sum>> = runs.iter().map(|run| ledger::by_kind(&run.lines)).collect();
    let kinds: BTreeSet<&str> = sums.iter().flat_map(|sums| sums.keys().copied()).collect();
    let heads: String = runs.iter().map(|run| format!("{:>26}", format!("{} hosts", run.hosts))).collect();
    println!("{:<42}{heads}{:>12}", "", "grows");
    for kind in kinds.into_iter().map(Some).chain([None]) {
        let of = |sums: &BTreeMap<&str, Sum>| {
            let mine = sums.iter().filter(|(other, _)| kind.is_none_or(|kind| kind == **other));
            mine.fold((0, 0), |(count, took), (_, sum)| (count + sum.count, took + sum.took))
        };
        let mut row = format!("{:<42}", kind.unwrap_or("all"));
        for (run, sums) in runs.iter().zip(&sums) {
            let ((count, took), all) = (of(sums), sums.values().map(|sum| sum.took).sum::<Ms>());
            let (a_host, share) = (count as f64 / run.hosts as f64, 100.0 * took as f64 / all.max(1) as f64);
            row += &format!("{count:>10}{a_host:>8.2}{share:>6.1} %");
        }
        let (first, last) = (of(&sums[0]).0, of(&sums[sums.len() - 1]).0);
        println!("{row}{:>12}", if first == 0 { "-".into() } else { format!("{:.1} ×", last as f64 / first as f64) });
    }
    let grown = runs[runs.len() - 1].hosts as f64 / runs[0].hosts as f64;
    println!("{:<42}{:>width$}", "hosts", format!("{grown:.1} ×"), width = 26 * runs.len() + 12);
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn now() -> Ms {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as Ms
}

/// CPU time of children that ended and were waited for, theirs included.
fn children_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // fields 16 and 17 of the whole line, in ticks of 10 ms
    let ticks: u64 = fields[13..=14].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(10 * ticks)
}

/// A folder for one use.
fn fresh(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}
