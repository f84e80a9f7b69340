//! The program is killed before and after everything that it makes durable and every command that it begins; then the
//! run is resumed. Judged by what the hosts did, never by the journal.
//!
//!     ROLLBOOK_CRASHES=500 cargo test --test it crash -- --nocapture     # so many random times as well (a quarter of an hour)

use crate::desk::{Desk, REBOOT, find};
use crate::sandbox::Said;
use rollbook::plan::dice::Dice;
use rollbook::sandbox::{Shape, calls, judge};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const HOST: &str = "10.10.0.12";
/// Runs side by side: most of the time each waits.
const SIDE_BY_SIDE: usize = 4;

/// A desk with a cluster, and a playbook with a step of every kind that takes something down, and a local one.
fn desk() -> (Desk, String) {
    let desk = Desk::beside(&Shape { speed: 8.0, ..Shape::of(3) });
    let marks = desk.path("marks").display().to_string();
    let mark = format!("  - run: sh -c 'echo mark >> {marks}'\n    name: mark\n    takes-down: nothing\n");
    let playbook = desk.file("p.yaml", &REBOOT.replace("steps:\n", &format!("steps:\n{mark}")));
    (desk, playbook)
}

fn run(desk: &Desk, playbook: &str, env: &[(&str, &str)]) -> Said {
    let seed = desk.lab().sandbox.seed();
    let mut command = desk.command(&["run", playbook, "--seed-host", &seed, "--only", HOST, "--yes"]);
    command.envs(env.iter().copied()).output().unwrap().into()
}

/// Until nothing is left to do; what fails on the way is tried again, as an operator would. Says how often it was.
fn resume(desk: &Desk, about: &str) -> usize {
    let mut said = Vec::new();
    for times in 0..6 {
        let again: &[&str] = if times == 0 { &["resume", "last"] } else { &["resume", "last", "--retry-failed"] };
        let resumed = desk.rollbook(again);
        if resumed.exit == Some(0) {
            return times;
        }
        said.push(resumed);
        std::thread::sleep(Duration::from_millis(500));
    }
    panic!("{about}: it never ends well: {said:#?}");
}

/// Each step once, whatever the program believes.
fn done_once(desk: &Desk, about: &str) {
    let marks = std::fs::read_to_string(desk.path("marks")).unwrap_or_default();
    assert_eq!(marks, "mark\n", "{about}");
    // (not by the calls: a reboot ends the session that would have noted it)
    let done: Vec<String> = desk.truth().into_iter().map(|(_, host, what)| format!("{host} {what}")).collect();
    assert_eq!(done, ["h2 drain", "h2 stop", "h2 reboot"], "{about}: {:#?}", calls(desk.lab().sandbox.dir()));
    assert!(judge(desk.lab().sandbox.dir()).unwrap().is_empty(), "{about}");
    let runs = desk.home().join("runs");
    let (begun, ended) = (find(&runs, "watcher").len(), find(&runs, "status").len());
    assert!(begun >= ended && ended >= 4, "{about}: {begun} attempts began, {ended} ended");
}

#[test]
fn a_run_that_is_cut_at_any_moment_does_every_step_once() {
    let (desk, playbook) = self::desk();
    let log = desk.path("moments");
    let whole = run(&desk, &playbook, &[("ROLLBOOK_POWER_CUT_LOG", log.to_str().unwrap())]);
    assert_eq!(whole.exit, Some(0), "{whole:?}");
    done_once(&desk, "without a cut");
    let moments = std::fs::read_to_string(&log).unwrap();
    let count = moments.lines().count();
    for what in ["a write to the store", "a file is in its place", "a command beg"] {
        assert!(moments.contains(what), "{what}: {moments}");
    }
    let again = side_by_side(count, |ix| {
        let number = (ix + 1).to_string();
        let (desk, playbook) = self::desk();
        let log = desk.path("moments");
        let env = [("ROLLBOOK_POWER_CUT", number.as_str()), ("ROLLBOOK_POWER_CUT_LOG", log.to_str().unwrap())];
        let cut = run(&desk, &playbook, &env);
        let moments = std::fs::read_to_string(&log).unwrap();
        go_on(&desk, &playbook, &cut, &format!("cut at {}", moments.lines().last().unwrap_or_default()))
    });
    println!("{count} moments; {again} resumes did not end well at once");
}

#[test]
fn a_run_that_is_killed_at_any_time_does_every_step_once() {
    let count = std::env::var("ROLLBOOK_CRASHES").ok().and_then(|count| count.parse().ok()).unwrap_or(8);
    let (desk, playbook) = self::desk();
    let began = Instant::now();
    assert_eq!(run(&desk, &playbook, &[]).exit, Some(0));
    let whole = began.elapsed().as_millis() as u64;
    let again = side_by_side(count, |ix| {
        let after = Duration::from_millis(Dice::new(ix as u64).between(0, whole));
        let (desk, playbook) = self::desk();
        let seed = desk.lab().sandbox.seed();
        let mut child = desk.start(&["run", &playbook, "--seed-host", &seed, "--only", HOST, "--yes"]);
        std::thread::sleep(after);
        child.kill().unwrap();
        let cut = child.wait_with_output().unwrap().into();
        go_on(&desk, &playbook, &cut, &format!("killed after {after:?} of {whole} ms"))
    });
    println!("{count} times; {again} resumes did not end well at once");
}

fn side_by_side(count: usize, one: impl Fn(usize) -> usize + Sync) -> usize {
    let (next, sum) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let ix = next.fetch_add(1, Ordering::SeqCst);
                    if ix >= count {
                        break;
                    }
                    sum.fetch_add(one(ix), Ordering::SeqCst);
                }
            });
        }
    });
    sum.into_inner()
}

/// After a run that was cut. How often it was resumed before it ended well.
fn go_on(desk: &Desk, playbook: &str, cut: &Said, about: &str) -> usize {
    // (the order of moments differs from run to run: near its end this one may have fewer)
    if cut.exit.is_some() {
        assert!(cut.exit == Some(0), "{about}: {cut:?}");
        done_once(desk, about);
        return 0;
    }
    let runs = desk.rollbook(&["runs", "--format", "json"]);
    let kept = serde_json::from_str::<serde_json::Value>(&runs.out).unwrap();
    // killed before it was kept it did nothing, and is begun anew
    if kept.as_array().unwrap().is_empty() {
        let anew = run(desk, playbook, &[]);
        assert_eq!(anew.exit, Some(0), "{about}: {anew:?}");
        done_once(desk, about);
        return 0;
    }
    let times = resume(desk, about);
    done_once(desk, about);
    times
}
