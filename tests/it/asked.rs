//! A person who is asked at a failure, at the run's terminal and elsewhere; and what a time that is over means.

use crate::desk::{Desk, expect};
use crate::sandbox::Said;
use rollbook::sandbox::Shape;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::{Child, Stdio};

fn cluster() -> Desk {
    Desk::beside(&Shape { speed: 8.0, ..Shape::of(3) })
}

fn file(desk: &Desk, body: &str) -> String {
    desk.file("p.yaml", &format!("rollbook: 1\nname: base\n{body}\n"))
}

/// A command whose standard input is a terminal; what is written to the file is typed there.
fn at_a_terminal(desk: &Desk, words: &[&str]) -> (Child, File) {
    let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&keyboard).unwrap();
    unlockpt(&keyboard).unwrap();
    let name = ptsname(&keyboard, Vec::new()).unwrap().into_string().unwrap();
    let terminal = OpenOptions::new().read(true).write(true).open(name).unwrap();
    let mut command = desk.command(words);
    let child = command.stdin(terminal).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    (child, File::from(keyboard))
}

fn run_at_a_terminal(desk: &Desk, playbook: &str) -> (Child, File) {
    let seed = desk.lab().sandbox.seed();
    at_a_terminal(desk, &["run", playbook, "--seed-host", &seed, "--yes"])
}

fn ended(child: Child) -> Said {
    child.wait_with_output().unwrap().into()
}

const FAILS: &str = "steps:\n  - { run: 'test -e GO', takes-down: nothing, on-failure: ask }\n  - { run: 'echo on', takes-down: nothing }";

#[test]
fn without_a_terminal_nobody_is_asked() {
    let desk = cluster();
    let playbook = file(&desk, &FAILS.replace("GO", &desk.path("go").display().to_string()));
    expect(desk.on_cluster(&["plan", &playbook]), 0, &["at a failure a person is asked"]);
    let said = expect(desk.on_cluster(&["run", &playbook, "--yes"]), 3, &["1 failed", "exit status 1"]);
    assert!(!said.err.contains("a person is asked"), "{said:?}");
}

#[test]
fn while_a_person_is_asked_nobody_else_begins_and_every_reader_is_told_what_to_type() {
    let desk = cluster();
    let go = desk.path("go");
    let playbook = file(&desk, &FAILS.replace("GO", &go.display().to_string()));
    let (run, _keyboard) = run_at_a_terminal(&desk, &playbook);
    desk.wait_for_event("\"event\":\"asked\"");
    std::thread::sleep(std::time::Duration::from_secs(3));
    let words =
        ["a person (type `retry`, `done` or `failed`", "--as retry|done|failed", "23h 59m more", "exit status 1"];
    expect(desk.rollbook(&["why", "last", "10.10.0.11"]), 0, &words);
    expect(desk.rollbook(&["runs", "show", "last"]), 0, &["1 asked about, 2 not begun", words[1]]);
    expect(desk.rollbook(&["resolve", "last", "10.10.0.12", "--as", "retry"]), 7, &["is being worked on"]);
    std::fs::write(&go, "").unwrap();
    expect(desk.rollbook(&["resolve", "last", "10.10.0.11", "--as", "retry"]), 0, &["is answered"]);
    let words =
        ["failed, and a person is asked", "settled by", "the step is tried again", "3 done", "run waits for a person"];
    expect(ended(run), 0, &words);
}

#[test]
fn what_is_typed_at_the_terminal_settles_the_step() {
    let desk = cluster();
    let playbook = file(&desk, &FAILS.replace("GO", &desk.path("never").display().to_string()));
    let (run, mut keyboard) = run_at_a_terminal(&desk, &playbook);
    desk.wait_for_event("\"event\":\"asked\"");
    keyboard.write_all(b"done 10.10.0.13\n").unwrap();
    keyboard.write_all(b"done\n").unwrap();
    desk.wait_for_event("\"how\":\"done\"");
    let asked = |desk: &Desk| desk.rollbook(&["runs", "show", "last", "--events"]).out.matches("\"asked\"").count();
    let start = std::time::Instant::now();
    while asked(&desk) < 2 {
        assert!(start.elapsed().as_secs() < 60, "the second host is never asked about");
    }
    keyboard.write_all(b"failed\n").unwrap();
    let words = ["1 done, 1 failed, 1 not begun", "which host? `retry`, `done` or `failed` and one of 10.10.0.11"];
    expect(ended(run), 3, &words);
}

#[test]
fn a_stop_takes_the_question_back_where_nothing_was_taken_out() {
    let desk = cluster();
    let playbook = file(&desk, &FAILS.replace("GO", &desk.path("never").display().to_string()));
    let (run, _keyboard) = run_at_a_terminal(&desk, &playbook);
    desk.wait_for_event("\"event\":\"asked\"");
    expect(desk.rollbook(&["stop", "last"]), 0, &[]);
    expect(ended(run), 3, &["nobody said what to do", "1 failed, 2 not begun"]);
}

/// What may still run on the host is first resolved: by what `idempotent` allows, or by the probe.
#[test]
fn a_time_that_is_over_stops_the_host_or_is_passed_over_where_that_is_safe() {
    let desk = cluster();
    let run = |beside: &str| {
        let body = format!(
            "steps:\n  - {{ run: sleep 60, takes-down: nothing, timeout: 1s, {beside} }}\n  - {{ run: 'echo on', takes-down: nothing }}"
        );
        desk.on_cluster(&["run", &file(&desk, &body), "--yes", "--only", "10.10.0.11"])
    };
    expect(run("idempotent: true, retries: { times: 1 }"), 10, &["1 in doubt"]);
    let goes_on = ["failed, the chain goes on", "timed out", "1 done"];
    expect(run("idempotent: true, retries: { times: 1 }, on-timeout: continue"), 0, &goes_on);
    expect(run("probe: 'false', on-timeout: continue"), 0, &goes_on);
    expect(run("probe: sleep 60, on-timeout: continue"), 10, &["1 in doubt"]);
    let late = "steps: [{ verify: 'false', poll: 500ms, timeout: 1s, on-timeout: continue }]";
    expect(desk.on_cluster(&["run", &file(&desk, late), "--yes", "--only", "10.10.0.11"]), 0, &["1 done", "goes on"]);
}
