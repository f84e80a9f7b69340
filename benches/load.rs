//! Many hosts that all talk: `exec` on a sandbox of 1000 hosts, 100 at once, each writes 1 MB in a minute, so that it takes
//! ten minutes. `cargo bench --bench load [-- HOSTS AT_ONCE SECONDS]`.
//!
//! What must hold, or it ends with 1: every host is done, with each event of its chain once in the journal and every byte
//! that it wrote on the disk; no line of the display comes more than a second after the second that it names; and the most
//! memory that rollbook took in its second half is no more than a tenth over that of its first. Not a timed test.

use rollbook::job::event::{Event, HostEvent, StepEvent, What};
use rollbook::store::{Store, attempt};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const ROLLBOOK: &str = env!("CARGO_BIN_EXE_rollbook");
/// Written by a host each second: a megabyte a minute.
const EACH_SECOND: usize = 17_476;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let [hosts, at_once, seconds] = numbers[..].try_into().unwrap_or([1000, 100, 60]);
    let folder = tempfile::tempdir().unwrap();
    println!("{hosts} hosts, {at_once} at once, {} MB each in {seconds} s", megabytes(EACH_SECOND * seconds));
    let seen = run(folder.path(), hosts, at_once, seconds);
    let found = faults(folder.path(), hosts, seconds, &seen);
    println!(
        "  took {:.0} s; {} lines of display, at most {} s late",
        seen.took.as_secs_f64(),
        seen.lines,
        seen.latest
    );
    println!(
        "  most memory: {} MB in the first half, {} MB in the second",
        seen.memory[0] / 1000,
        seen.memory[1] / 1000
    );
    found.iter().for_each(|fault| println!("  {fault}"));
    if !found.is_empty() {
        std::process::exit(1);
    }
}

struct Seen {
    took: Duration,
    lines: usize,
    /// Whole seconds between the one that a line names and its coming.
    latest: u64,
    /// Kilobytes, at most: in the first and in the second half.
    memory: [u64; 2],
}

fn run(home: &Path, hosts: usize, at_once: usize, seconds: usize) -> Seen {
    let script =
        format!("i=0; while [ $i -lt {seconds} ]; do printf '%{}s\\n' x; sleep 1; i=$((i + 1)); done", EACH_SECOND - 1);
    let mut command = Command::new(ROLLBOOK);
    command.args(["exec", &format!("--sandbox={hosts}"), "--expect", "nothing", "--strategy", "all"]);
    command.args(["--max-concurrency", &at_once.to_string(), "--", &format!("sh -c \"{script}\"")]);
    command.env("ROLLBOOK_HOME", home).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let began = Instant::now();
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let (tx, rx) = mpsc::channel();
    let err = child.stderr.take().unwrap();
    std::thread::spawn(move || {
        for line in BufReader::new(err).lines() {
            let _ = tx.send((line.unwrap(), now()));
        }
    });
    let (mut lines, mut latest, mut samples) = (0, 0, Vec::new());
    loop {
        match rx.recv_timeout(Duration::from_secs(1)) {
            Ok((line, at)) => {
                if let Some(named) = named(&line) {
                    lines += 1;
                    latest = latest.max(at.saturating_sub(named));
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
        samples.extend(memory(&status).map(|kilobytes| (began.elapsed(), kilobytes)));
    }
    let ended = child.wait().unwrap();
    assert!(ended.success(), "{ended}");
    let took = began.elapsed();
    let most =
        |half: bool| samples.iter().filter(|(at, _)| (*at > took / 2) == half).map(|(_, of)| *of).max().unwrap_or(0);
    Seen { took, lines, latest, memory: [most(false), most(true)] }
}

fn faults(home: &Path, hosts: usize, seconds: usize, seen: &Seen) -> Vec<String> {
    let mut found = Vec::new();
    let store = Store::open(home).unwrap();
    let run = store.resolve("last").unwrap().id;
    let (file, events) = store.load(&run).unwrap();
    let mut of: BTreeMap<usize, Vec<&Event>> = BTreeMap::new();
    for event in &events {
        match event.what {
            What::Host { host, .. } | What::Step { host, .. } => of.entry(host).or_default().push(event),
            _ => {}
        }
    }
    for host in 0..hosts {
        let events = of.remove(&host).unwrap_or_default();
        let steps = |test: fn(&StepEvent) -> bool| {
            events.iter().filter(|event| matches!(&event.what, What::Step { event, .. } if test(event))).count()
        };
        let once = [
            steps(|event| matches!(event, StepEvent::Started { .. })),
            steps(|event| matches!(event, StepEvent::Spawned { .. })),
            steps(|event| matches!(event, StepEvent::Ended { .. })),
            events.iter().filter(|event| matches!(event.what, What::Host { event: HostEvent::Done, .. })).count(),
        ];
        let task = rollbook::job::view::Task::Step { host, step: 0, attempt: 1 };
        let out = store.run_folder(&run).join(attempt::folder(&file.plan, task, 1)).join("out");
        let bytes = out.metadata().map_or(0, |of| of.len());
        if once != [1; 4] || bytes != (EACH_SECOND * seconds) as u64 {
            found.push(format!(
                "LOST: host {host} began, ran, ended, was done {once:?} times, and {bytes} bytes are there"
            ));
        }
    }
    if seen.latest > 1 {
        found.push(format!("LATE: a line came {} s after its second", seen.latest));
    }
    if seen.memory[1] * 10 > seen.memory[0] * 11 {
        found.push("GROWS: more memory in the second half".into());
    }
    found
}

/// The second that a line begins with.
fn named(line: &str) -> Option<u64> {
    let time: jiff::Timestamp = line.split(' ').next()?.parse().ok()?;
    u64::try_from(time.as_second()).ok()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What it holds in memory now, in kilobytes.
fn memory(status: &str) -> Option<u64> {
    let status = std::fs::read_to_string(status).ok()?;
    status.lines().find(|line| line.starts_with("VmRSS"))?.split_whitespace().nth(1)?.parse().ok()
}

fn megabytes(bytes: usize) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}
