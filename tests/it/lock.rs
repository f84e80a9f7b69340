//! The lock: shown, broken, and what a holder can still do that wakes up after that.

use crate::desk::{Desk, REBOOT, expect, tell};
use rollbook::sandbox::{Shape, calls, judge};
use rustix::process::Signal;

/// How often a host was told to drain.
fn drains(desk: &Desk) -> usize {
    calls(desk.lab().sandbox.dir()).iter().filter(|call| call.tool == "nodetool" && call.args.contains("drain")).count()
}

#[test]
fn a_holder_that_wakes_up_after_its_lock_was_broken_starts_nothing() {
    let desk = Desk::beside(&Shape { speed: 3.0, ..Shape::of(3) });
    let slow = desk.file("slow.yaml", &REBOOT.replace("steps:\n", "steps:\n  - pause: 5s\n"));
    let quick = desk.file("quick.yaml", REBOOT);
    expect(desk.rollbook(&["lock", "show"]), 0, &["no run holds a host"]);
    let seed = desk.lab().sandbox.seed();
    let only = ["--only", "10.10.0.12", "--yes"];
    let words = [&["run", &slow, "--seed-host", &seed, "--reason", "the first"][..], &only].concat();
    let first = desk.start(&words);
    desk.wait_for_event("opened");
    let run = desk.newest_run();
    expect(desk.rollbook(&["lock", "show"]), 0, &["the first", "at work", "rollbook stop"]);
    tell(&first, Signal::STOP);
    let shown = expect(desk.rollbook(&["lock", "show"]), 0, &["stopped (state T)", "rollbook lock break"]);
    assert!(shown.out.contains(" 3 "), "the host and its two co-replicas are held: {shown:?}");
    let json = expect(desk.rollbook(&["lock", "show", "--format", "json"]), 0, &[]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json[0]["run"], &json[0]["process"]), (&run.as_str().into(), &"stopped".into()));
    expect(desk.on_cluster(&[&["run", quick.as_str()][..], &only].concat()), 7, &["held by run", "rollbook lock show"]);

    expect(desk.rollbook(&["lock", "break", &run]), 64, &["--reason"]);
    expect(desk.rollbook(&["lock", "break", &run, "--reason", " "]), 64, &["for a reason"]);
    let said = desk.rollbook(&["lock", "break", &run, "--reason", "the bastion hangs"]);
    expect(said, 0, &["3 hosts of cluster", "starts nothing further", "not proved back: 10.10.0.12"]);
    expect(desk.rollbook(&["lock", "break", &run, "--reason", "again"]), 64, &["no lock to break"]);
    expect(desk.rollbook(&["lock", "show"]), 0, &["no run holds a host"]);
    expect(desk.on_cluster(&[&["run", quick.as_str()][..], &only].concat()), 0, &["1 done"]);
    assert_eq!(drains(&desk), 1);

    // It goes on after the other is done: it may not do the same again.
    tell(&first, Signal::CONT);
    let said = first.wait_with_output().unwrap().into();
    let said = expect(said, 7, &["its lock was broken by", "the bastion hangs", "nothing further"]);
    assert_eq!(drains(&desk), 1, "{said:?}");
    let events = expect(desk.rollbook(&["runs", "show", &run, "--events"]), 0, &["lock-broken", "the bastion hangs"]);
    assert!(events.out.lines().last().unwrap().contains("lock-broken"), "nothing of it came after: {events:?}");
    assert!(judge(desk.lab().sandbox.dir()).unwrap().is_empty());
    // Whoever resumes it holds the hosts again, and is hindered by nothing that was broken.
    expect(desk.rollbook(&["resume", &run]), 0, &["1 done"]);
    assert_eq!(drains(&desk), 2);
}
