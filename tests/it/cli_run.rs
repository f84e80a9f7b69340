//! Whole runs with the real program: stopped and resumed, failed and settled, stale, locked, interrupted.

use crate::desk::{Desk, REBOOT, expect, find, tell};
use rollbook::sandbox::{Fate, Fault, Shape, judge};
use std::time::Duration;

/// A command that fails on one host, and takes nothing down.
const FAILS_ON_12: &str = "
rollbook: 1
name: fails-on-12
steps:
  - run:
    script: 'test -e \"$MEND\" || test \"$ROLLBOOK_ADDRESS\" != 10.10.0.12'
    env: { MEND: MENDED }
    takes-down: nothing
";

fn three() -> Desk {
    Desk::beside(&Shape { speed: 3.0, ..Shape::of(3) })
}

#[test]
fn a_rolling_reboot_of_a_sandbox_ends_with_every_host_done() {
    let desk = Desk::new();
    let playbook = "playbooks/rolling-reboot.yaml";
    let said = expect(desk.rollbook(&["run", playbook, "--sandbox=6", "--yes", "--reason", "a test"]), 0, &[]);
    assert!(said.out.contains("6 hosts: 6 done"), "{}", said.out);
    assert!(said.err.contains("another boot id"), "{}", said.err);
    // Nobody needs the sandbox of a run that is done.
    assert_eq!(find(&desk.home().join("sandboxes"), "hosts.tsv").len(), 0);
    assert_eq!(find(&desk.home(), "plan.json").len(), 1);
    assert_eq!(readable_by_others(&desk.home()), Vec::<std::path::PathBuf>::new());
    assert_eq!(find(&desk.home().join("runs"), "status").len(), 18, "three commands on each of six hosts");
    expect(desk.rollbook(&["runs"]), 0, &["rolling-reboot", "succeeded", "a test"]);
    let json = expect(desk.rollbook(&["runs", "--format", "json"]), 0, &[]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json.out).unwrap()[0]["reason"], "a test");
    expect(desk.rollbook(&["runs", "show", "last"]), 0, &["6 done", "because: a test"]);
    let asked = expect(
        desk.rollbook(&["runs", "show", "last", "--questions"]),
        0,
        &["nodetool status", "before the run began"],
    );
    let count = |words: &str| {
        let rest = asked.out.lines().find_map(|line| line.trim_start().strip_prefix(words))?;
        rest.split_whitespace().next().and_then(|count| count.parse::<u32>().ok())
    };
    assert!(
        count("nodetool gossipinfo") >= Some(9),
        "three observers, before and in each of three waves at least: {}",
        asked.out
    );
    assert_eq!(
        count("cat /etc/machine-id && sudo -n true && systemctl is-enabled cassandra"),
        Some(6),
        "one session a host"
    );
    assert_eq!(count("sudo -n true"), None, "asked alone only where something stands in the way");
    let json = expect(desk.rollbook(&["runs", "show", "last", "--questions", "--format", "json"]), 0, &[]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["hosts"], 6);
    assert!(json["by-kind"]["nodetool gossipinfo"]["count"].as_u64() >= Some(9), "{json}");
    let events = expect(desk.rollbook(&["runs", "show", "last", "--events"]), 0, &[]);
    assert!(events.out.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    expect(desk.rollbook(&["runs", "watch", "last"]), 0, &["nothing is left to do"]);
    expect(desk.rollbook(&["resume", "last"]), 0, &["nothing left to do"]);
    expect(desk.rollbook(&["stop", "last"]), 64, &["nothing to stop"]);
    expect(desk.rollbook(&["runs", "show", "nonesuch"]), 64, &["nonesuch"]);
    expect(desk.rollbook(&["runs", "clean"]), 0, &[]);
    expect(desk.rollbook(&["runs", "clean", "--older-than", "0s"]), 0, &["forgot"]);
    expect(desk.rollbook(&["runs"]), 0, &["no run yet"]);
}

/// Files and folders, the folder itself included, that others on this machine may look into.
fn readable_by_others(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let (mut open, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(path) = open.pop() {
        let about = std::fs::symlink_metadata(&path).unwrap();
        if about.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        if !about.is_symlink() && about.permissions().mode() & 0o077 != 0 {
            found.push(path);
        }
    }
    found
}

#[test]
fn stopped_after_one_host_and_gone_on_with_on_the_same_sandbox() {
    let desk = Desk::new();
    let playbook = desk.file("p.yaml", REBOOT);
    let said = desk.rollbook(&["run", &playbook, "--sandbox=3", "--yes", "--stop-after", "2"]);
    expect(said, 4, &["2 done", "rollbook resume"]);
    expect(desk.rollbook(&["why", "last", "10.10.0.13"]), 0, &["was not begun", "wave 3 of 3"]);
    expect(desk.rollbook(&["why", "last", "10.10.0.99"]), 64, &["10.10.0.99"]);
    expect(desk.rollbook(&["runs", "clean", "--older-than", "0s"]), 0, &["kept", "can be resumed"]);
    expect(desk.rollbook(&["resume", "last"]), 0, &["3 done"]);
    assert_eq!(find(&desk.home().join("sandboxes"), "hosts.tsv").len(), 0);
}

#[test]
fn a_host_that_was_not_begun_can_be_left_out() {
    let desk = Desk::new();
    let playbook = desk.file("p.yaml", REBOOT);
    expect(desk.rollbook(&["run", &playbook, "--sandbox=3", "--yes", "--stop-after", "2"]), 4, &["2 done"]);
    let said = desk.rollbook(&["resume", "last", "--skip", "10.10.0.13"]);
    expect(said, 0, &["2 done", "1 skipped", "left out by the operator", "nothing is left to do"]);
}

#[test]
fn a_failed_host_stops_new_starts_and_three_ways_lead_out() {
    let desk = three();
    let mended = desk.path("mended");
    let playbook = desk.file("p.yaml", &FAILS_ON_12.replace("MENDED", mended.to_str().unwrap()));
    let run = || desk.on_cluster(&["run", &playbook, "--yes"]);
    expect(run(), 3, &["10.10.0.12", "1 failed", "rollbook resume"]);
    expect(desk.rollbook(&["why", "last", "10.10.0.12"]), 0, &["failed"]);
    let refused = expect(desk.rollbook(&["resume", "last"]), 5, &["--retry-failed", "--skip 10.10.0.12", "--as done"]);
    assert!(!refused.err.contains("outputs in"), "{refused:?}");
    // It fails again.
    expect(desk.rollbook(&["resume", "last", "--retry-failed"]), 3, &["10.10.0.12"]);
    expect(desk.rollbook(&["resolve", "last", "10.10.0.11", "--as", "done"]), 64, &["nothing to settle"]);
    // First way: mend it, and try again.
    std::fs::write(&mended, "").unwrap();
    expect(desk.rollbook(&["resume", "last", "--retry-failed"]), 0, &["3 done"]);
    std::fs::remove_file(&mended).unwrap();
    // Second: leave it.
    expect(run(), 3, &[]);
    expect(desk.rollbook(&["resume", "last", "--skip", "10.10.0.12"]), 0, &["2 done"]);
    // Third: a person says that it is done.
    expect(run(), 3, &[]);
    expect(desk.rollbook(&["resolve", "last", "10.10.0.12", "--as", "done"]), 0, &["rollbook resume"]);
    expect(desk.rollbook(&["resume", "last"]), 0, &["3 done"]);
    // What a run has done is left out of the next.
    expect(run(), 3, &[]);
    let rest = desk.on_cluster(&["plan", &playbook, "--not-done-in", "last", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&rest.out).unwrap();
    assert_eq!(json["plan"]["hosts"].as_array().unwrap().len(), 2);
}

#[test]
fn a_saved_plan_is_run_as_it_is_or_not_at_all() {
    let desk = three();
    let playbook = desk.file("p.yaml", FAILS_ON_12.replace(" != ", " != x").as_str());
    let plan = desk.path("plan.json");
    let plan = plan.to_str().unwrap();
    expect(desk.on_cluster(&["plan", &playbook, "--out", plan]), 0, &["saved to"]);
    expect(desk.rollbook(&["why", plan, "10.10.0.12"]), 0, &["wave 2 of 3", "shares"]);
    expect(desk.rollbook(&["run", plan, "--only", "10.10.0.11"]), 64, &["plan anew"]);
    expect(desk.rollbook(&["run", plan]), 0, &["3 done"]);
    // Edited by hand.
    let text = std::fs::read_to_string(plan).unwrap();
    let edited = desk.file("edited.json", &text.replacen("10.10.0.12", "10.10.0.13", 1));
    expect(desk.rollbook(&["run", &edited]), 65, &["edited.json"]);
    // Another playbook.
    desk.file("p.yaml", &(FAILS_ON_12.to_owned() + "# changed\n"));
    expect(desk.rollbook(&["run", plan]), 6, &["the playbook", "stale"]);
    // Absent, it cannot be compared: a warning. And the cluster is another now.
    std::fs::remove_file(desk.path("p.yaml")).unwrap();
    let three = rollbook::topology::model::Factor { total: 2, transient: 0 };
    let altered = rollbook::topology::model::Replication::Simple(three);
    desk.lab().sandbox.inject(Fault::AlterKeyspace("orders".to_owned(), altered)).unwrap();
    let stale = expect(desk.rollbook(&["run", plan]), 6, &["orders", "warning: the playbook"]);
    assert!(stale.err.contains("rollbook plan"), "{}", stale.err);
}

#[test]
fn a_second_run_on_a_host_is_locked_out_and_told_by_whom() {
    let desk = three();
    // While the first host waits, every node can be asked: it is the lock that refuses, not a node that is away.
    let playbook = desk.file("p.yaml", &REBOOT.replace("steps:\n", "steps:\n  - pause: 20s\n"));
    let seed = desk.lab().sandbox.seed();
    let words = [
        "run",
        &playbook,
        "--seed-host",
        &seed,
        "--yes",
        "--reason",
        "the first",
        "--only",
        "10.10.0.12",
        "--only",
        "10.10.0.13",
    ];
    let first = desk.start(&words);
    desk.wait_for_event("opened");
    let said = desk.on_cluster(&["run", &playbook, "--yes", "--only", "10.10.0.13"]);
    expect(said, 7, &["held by run", "the first", "rollbook runs watch"]);
    // The run that was refused is not kept: `last` is the one that runs.
    let runs = expect(desk.rollbook(&["runs"]), 0, &["running", "the first"]);
    assert_eq!(runs.out.lines().count(), 2, "{runs:?}");
    let watch = desk.start(&["runs", "watch", "last"]);
    // Stopped from outside: hosts in work finish their chain.
    let running = running_run(&desk);
    expect(desk.rollbook(&["resume", &running]), 7, &["being worked on"]);
    expect(desk.rollbook(&["stop", &running]), 0, &["finish their whole chain"]);
    let output = first.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    drop(watch.wait_with_output());
    assert!(judge(desk.lab().sandbox.dir()).unwrap().is_empty());
    // The hosts are free again.
    expect(desk.rollbook(&["resume", &running]), 0, &["2 done"]);
}

fn running_run(desk: &Desk) -> String {
    let said = desk.rollbook(&["runs", "--format", "json"]);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&said.out).unwrap();
    let running = rows.iter().find(|row| row["state"] == "running").unwrap_or_else(|| panic!("{said:?}"));
    running["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_first_ctrl_c_ends_gently_and_the_second_at_once_and_hosts_are_named() {
    let desk = three();
    let playbook = desk.file("p.yaml", REBOOT);
    let seed = desk.lab().sandbox.seed();
    let words = ["run", playbook.as_str(), "--seed-host", &seed, "--yes"];
    let child = desk.start(&words);
    desk.wait_for_event("opened");
    tell(&child, rustix::process::Signal::INT);
    let said: crate::sandbox::Said = child.wait_with_output().unwrap().into();
    expect(said, 4, &["1 done", "rollbook resume"]);

    desk.lab().sandbox.inject(Fault::on("h2", Fate::SlowStart(600.0))).unwrap();
    let resume = desk.start(&["resume", "last"]);
    desk.wait_for_event("\"host\":1,\"step\":3,\"event\":\"started\"");
    std::thread::sleep(Duration::from_millis(500));
    let second = desk.start(&["resume", "last"]);
    assert_eq!(second.wait_with_output().unwrap().status.code(), Some(7));
    tell(&resume, rustix::process::Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    tell(&resume, rustix::process::Signal::INT);
    let said: crate::sandbox::Said = resume.wait_with_output().unwrap().into();
    expect(said, 130, &["10.10.0.12", "systemctl restart cassandra"]);
}

#[test]
fn the_doctor_tells_what_stands_in_the_way() {
    let desk = three();
    let playbook = desk.file("p.yaml", REBOOT);
    expect(desk.on_cluster(&["doctor", &playbook]), 0, &["3 hosts in 3 waves", "the start checks hold"]);
    let sandbox = &desk.lab().sandbox;
    for (fate, told) in [
        (Fate::SudoAsksPassword, "sudo"),
        (Fate::NotEnabled, "does not start at boot"),
        (Fate::SshAsksPassword, "10.10.0.13"),
        (Fate::NodetoolMissing, "nodetool"),
    ] {
        let fault = Fault::on("h3", fate);
        sandbox.inject(fault.clone()).unwrap();
        let said = expect(desk.on_cluster(&["doctor", &playbook]), 5, &["10.10.0.13", told]);
        assert!(said.err.contains("help: "), "{said:?}");
        // A run is refused for the same reason, before it exists.
        expect(desk.on_cluster(&["run", &playbook, "--yes"]), 5, &["10.10.0.13", told]);
        sandbox.heal(&fault).unwrap();
    }
    expect(desk.rollbook(&["runs"]), 0, &["no run yet"]);
}

#[test]
fn while_it_runs_everybody_can_see_what_it_waits_for_and_every_stop_is_answered() {
    let desk = three();
    let playbook = desk.file(
        "p.yaml",
        "rollbook: 1\nname: slow\nsteps:\n  - run: sh -c 'while test ! -e \"$GO\"; do sleep 0.1; done; echo too late >&2; exit 7'\n    env: { GO: GOFILE }\n    takes-down: nothing\n"
            .replace("GOFILE", &desk.path("go").display().to_string())
            .as_str(),
    );
    let seed = desk.lab().sandbox.seed();
    let child = desk.start(&["run", &playbook, "--seed-host", &seed, "--yes", "--stop-after", "1"]);
    desk.wait_for_event("\"spawned\"");
    let shown = std::iter::repeat_with(|| {
        std::thread::sleep(Duration::from_millis(200));
        desk.rollbook(&["runs", "show", "last"]).out
    });
    let shown = shown.take(100).find(|text| text.contains("now: 10.10.0.11 run waits for")).expect("a wait is shown");
    assert!(shown.contains("1 in work") && shown.contains("being worked on; next: rollbook runs watch"), "{shown}");
    assert!(!shown.contains("brings it back") && !shown.contains("resume"), "{shown}");
    expect(desk.rollbook(&["why", "last", "10.10.0.11"]), 0, &["is in work at run", "now: 10.10.0.11 run waits for"]);
    expect(desk.rollbook(&["why", "last"]), 0, &["now: 10.10.0.11 run waits for"]);
    expect(desk.on_cluster(&["doctor", &playbook]), 7, &["10.10.0.11", "held by run"]);
    // `timeout` tells the process and its group: one word
    tell(&child, rustix::process::Signal::TERM);
    std::thread::sleep(Duration::from_millis(100));
    tell(&child, rustix::process::Signal::TERM);
    std::thread::sleep(Duration::from_millis(500));
    expect(desk.rollbook(&["stop", "last"]), 0, &[]);
    std::thread::sleep(Duration::from_secs(3));
    desk.file("go", "");
    let said: crate::sandbox::Said = child.wait_with_output().unwrap().into();
    assert_eq!(said.exit, Some(3), "{said:?}");
    for text in [
        "in work: 10.10.0.11; a second signal ends what runs at once; later: rollbook resume",
        "it is stopping already",
    ] {
        assert!(said.err.contains(text), "{text}: {said:?}");
    }
    assert!(said.err.contains("10.10.0.11 run said last: too late (all of it: "), "{said:?}");
    assert!(
        said.out.contains("| too late") && said.out.contains("run failed") && said.out.contains("--as done"),
        "{said:?}"
    );
    expect(desk.rollbook(&["why", "last", "10.10.0.11"]), 0, &["| too late", "01-run/err"]);
    assert!(!desk.rollbook(&["runs", "show", "last"]).out.contains("now:"));
}

#[test]
fn a_setup_that_fails_and_an_undo_that_fails_are_said_at_the_end() {
    let desk = Desk::new();
    let playbook = |setup: &str| {
        let steps = "steps: [{ run: 'true', takes-down: nothing }]";
        desk.file("p.yaml", &format!("rollbook: 1\nname: x\nsetup: [{setup}]\n{steps}\n"))
    };
    let file = playbook("{ run: 'true', undo: sh -c 'exit 4' }");
    let said = expect(desk.rollbook(&["run", &file, "--sandbox=3", "--yes"]), 0, &["3 done"]);
    assert!(
        said.out.contains("the undo of setup 1 failed (exit status 4); type it yourself: sh -c exit 4"),
        "{said:?}"
    );
    let file = playbook("{ run: sh -c 'echo no room >&2; exit 4' }");
    let said = expect(desk.rollbook(&["run", &file, "--sandbox=3", "--yes"]), 3, &["setup 1 said last: no room"]);
    assert!(said.out.contains("nothing was done on any host in this session; next: rollbook resume "), "{said:?}");
    assert!(!said.out.contains("HOST") && !said.out.contains("--retry-failed"), "{said:?}");
}

#[test]
fn streams_and_mixed_releases_hold_a_run_back_until_they_are_over() {
    let desk = three();
    let sandbox = &desk.lab().sandbox;
    let [streams, mixed] = [Fault::on("h3", Fate::Streaming), Fault::on("h2", Fate::OtherRelease("4.1.10".into()))];
    sandbox.inject(streams.clone()).unwrap();
    sandbox.inject(mixed.clone()).unwrap();
    let checks = "checks: { start: [no-streaming], each-host: [no-streaming, same-release] }\nsteps:";
    let playbook = desk.file("p.yaml", &REBOOT.replace("steps:", checks));
    let child = desk.start(&["run", &playbook, "--seed-host", &sandbox.seed(), "--yes", "--skip", "10.10.0.12"]);
    let waits_for = |text: &str| {
        for _ in 0..150 {
            std::thread::sleep(Duration::from_millis(200));
            if desk.rollbook(&["why", "last"]).out.contains(text) {
                return;
            }
        }
        panic!("{text} is not in {:?}", desk.rollbook(&["why", "last"]));
    };
    waits_for("the start checks: no-streaming: 10.10.0.13 sends or receives streams");
    sandbox.heal(&streams).unwrap();
    waits_for("10.10.0.11 runs 5.0.5, 10.10.0.12 runs 4.1.10");
    assert!(!desk.rollbook(&["runs", "show", "last", "--events"]).out.contains("\"opened\""));
    sandbox.inject(streams.clone()).unwrap();
    sandbox.heal(&mixed).unwrap();
    waits_for("10.10.0.13 waits for this to change: no-streaming: 10.10.0.13 sends or receives streams");
    sandbox.heal(&streams).unwrap();
    let said: crate::sandbox::Said = child.wait_with_output().unwrap().into();
    assert_eq!(said.exit, Some(0), "{said:?}");
    assert!(judge(sandbox.dir()).unwrap().is_empty());
}
