//! What a host's steps did is taken back when the host ends: after success, failure, an abort and a crash.

use crate::desk::{Desk, expect, tell};
use crate::sandbox::Said;
use rollbook::sandbox::Shape;

fn cluster() -> Desk {
    Desk::beside(&Shape { speed: 8.0, ..Shape::of(3) })
}

/// Steps that write their name down, and whose undos do: A, B (which fails until a file is there), C.
fn playbook(desk: &Desk, undo_of_a: &str, third: &str) -> String {
    let (log, go) = (desk.path("log").display().to_string(), desk.path("go").display().to_string());
    let undo_of_a = undo_of_a.replace("LOG", &log);
    let body = format!(
        r#"rollbook: 1
name: base
concurrency: 1
steps:
  - run: sh -c 'echo A $0 >> {log}' {{{{ host }}}}
    name: first
    undo: {undo_of_a}
    takes-down: nothing
  - run: sh -c 'echo B $0 >> {log}; test -e {go}' {{{{ host }}}}
    name: second
    undo: sh -c 'echo b $0 >> {log}' {{{{ host }}}}
    takes-down: nothing
  - run: {third}
    name: third
    takes-down: nothing
"#
    );
    desk.file("p.yaml", &body)
}

const UNDO_OF_A: &str = "sh -c 'echo a $0 >> LOG' {{ host }}";

/// Of one host, or all lines with their hosts' last digit.
fn log(desk: &Desk) -> String {
    let text = std::fs::read_to_string(desk.path("log")).unwrap_or_default();
    text.lines().map(|line| line.replace(" 10.10.0.1", "")).collect::<Vec<_>>().join(" ")
}

fn ended(child: std::process::Child) -> Said {
    child.wait_with_output().unwrap().into()
}

#[test]
fn each_host_takes_back_what_it_did_in_reverse_order_before_the_next_begins() {
    let desk = cluster();
    std::fs::write(desk.path("go"), "").unwrap();
    let file = playbook(&desk, UNDO_OF_A, "echo through");
    expect(desk.on_cluster(&["plan", &file]), 0, &["when the host ends: sh -c 'echo a"]);
    expect(desk.on_cluster(&["run", &file, "--yes"]), 0, &["3 done", "10.10.0.11 first: undone"]);
    assert_eq!(log(&desk), "A1 B1 b1 a1 A2 B2 b2 a2 A3 B3 b3 a3");
}

#[test]
fn a_host_that_failed_is_taken_back_and_done_again_when_it_is_tried_again() {
    let desk = cluster();
    let file = playbook(&desk, UNDO_OF_A, "echo through");
    expect(desk.on_cluster(&["run", &file, "--yes", "--only", "10.10.0.11"]), 3, &["1 failed"]);
    assert_eq!(log(&desk), "A1 B1 b1 a1");
    expect(desk.rollbook(&["resume", "last", "--retry-failed"]), 3, &["1 failed"]);
    assert_eq!(log(&desk), "A1 B1 b1 a1 A1 B1 b1 a1");
    std::fs::write(desk.path("go"), "").unwrap();
    expect(desk.rollbook(&["resume", "last", "--retry-failed"]), 0, &["1 done"]);
    assert_eq!(log(&desk), "A1 B1 b1 a1 A1 B1 b1 a1 A1 B1 b1 a1");
}

#[test]
fn what_a_person_did_by_hand_is_taken_back_too() {
    let desk = cluster();
    let file = playbook(&desk, UNDO_OF_A, "echo through");
    expect(desk.on_cluster(&["run", &file, "--yes", "--only", "10.10.0.11"]), 3, &["1 failed"]);
    expect(desk.rollbook(&["resolve", "last", "10.10.0.11", "--as", "done"]), 0, &[]);
    expect(desk.rollbook(&["resume", "last"]), 0, &["1 done"]);
    assert_eq!(log(&desk), "A1 B1 b1 a1 A1 b1 a1");
}

#[test]
fn an_undo_that_fails_is_named_with_its_command_and_stops_nothing() {
    let desk = cluster();
    std::fs::write(desk.path("go"), "").unwrap();
    let file = playbook(&desk, "sh -c 'exit 7'", "echo through");
    let words =
        ["first: undo failed (exit status 7); type it yourself: sh -c exit 7", "the undo of first failed", "3 done"];
    expect(desk.on_cluster(&["run", &file, "--yes"]), 0, &words);
    assert_eq!(log(&desk), "A1 B1 b1 A2 B2 b2 A3 B3 b3");
}

#[test]
fn after_a_crash_the_host_goes_on_and_takes_back_what_both_processes_did() {
    let desk = cluster();
    std::fs::write(desk.path("go"), "").unwrap();
    let file = playbook(&desk, UNDO_OF_A, "sleep 5");
    let seed = desk.lab().sandbox.seed();
    let mut run = desk.start(&["run", &file, "--seed-host", &seed, "--yes", "--only", "10.10.0.11"]);
    desk.wait_for_event("\"step\":2,\"event\":\"spawned\"");
    run.kill().unwrap();
    run.wait().unwrap();
    expect(desk.rollbook(&["runs", "show", "last"]), 0, &["what first did is not taken back yet", "sh -c echo a"]);
    expect(desk.rollbook(&["resume", "last"]), 0, &["1 done"]);
    assert_eq!(log(&desk), "A1 B1 b1 a1");
}

#[test]
fn an_undo_that_a_crash_left_running_is_waited_for_and_not_begun_twice() {
    let desk = cluster();
    std::fs::write(desk.path("go"), "").unwrap();
    let file = playbook(&desk, "sh -c 'echo a $0 >> LOG; sleep 5; echo end >> LOG' {{ host }}", "echo through");
    let seed = desk.lab().sandbox.seed();
    let mut run = desk.start(&["run", &file, "--seed-host", &seed, "--yes", "--only", "10.10.0.11"]);
    let start = std::time::Instant::now();
    while !log(&desk).ends_with("a1") {
        assert!(start.elapsed().as_secs() < 60, "{}", log(&desk));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    expect(desk.rollbook(&["resume", "last"]), 0, &["1 done", "first: undone"]);
    assert_eq!(log(&desk), "A1 B1 b1 a1 end");
}

/// The second signal leaves a host in its chain: nothing is taken back that `resume` still needs, and it is named.
#[test]
fn after_an_abort_what_is_left_is_named_and_resume_takes_it_back() {
    let desk = cluster();
    std::fs::write(desk.path("go"), "").unwrap();
    let file = playbook(&desk, UNDO_OF_A, "sh -c 'sleep 30'");
    let seed = desk.lab().sandbox.seed();
    let run = desk.start(&["run", &file, "--seed-host", &seed, "--yes", "--only", "10.10.0.11"]);
    desk.wait_for_event("\"step\":2,\"event\":\"spawned\"");
    let signal = || tell(&run, rustix::process::Signal::INT);
    signal();
    std::thread::sleep(std::time::Duration::from_secs(1));
    signal();
    expect(ended(run), 130, &["what first did is not taken back yet", "what second did is not taken back yet"]);
    assert_eq!(log(&desk), "A1 B1");
    // nobody saw the end of the third step: a person lets the host be, and what was done before is taken back
    expect(desk.rollbook(&["resume", "last", "--skip", "10.10.0.11"]), 0, &["1 skipped", "first: undone"]);
    assert_eq!(log(&desk), "A1 B1 b1 a1");
}

#[test]
fn what_never_began_is_not_taken_back() {
    let desk = cluster();
    let file = playbook(&desk, UNDO_OF_A, "echo through");
    let text =
        std::fs::read_to_string(&file).unwrap().replace("- run: sh -c 'echo B", "- run: /no/such/program 'echo B");
    std::fs::write(&file, text).unwrap();
    expect(desk.on_cluster(&["run", &file, "--yes", "--only", "10.10.0.11"]), 3, &["could not be started"]);
    assert_eq!(log(&desk), "A1 a1");
}

/// The program ends right before a command of it would have begun: the next begins it, without a word of a person, and
/// takes back what it then did, once.
#[test]
fn a_command_that_never_began_is_begun_by_the_next() {
    let cut = |desk: &Desk, at: &str| {
        let file = playbook(desk, UNDO_OF_A, "echo through");
        let seed = desk.lab().sandbox.seed();
        let mut command = desk.command(&["run", &file, "--yes", "--only", "10.10.0.11", "--seed-host", &seed]);
        let said: Said = command
            .envs([("ROLLBOOK_POWER_CUT", at), ("ROLLBOOK_POWER_CUT_LOG", desk.path("moments").to_str().unwrap())])
            .output()
            .unwrap()
            .into();
        (said, std::fs::read_to_string(desk.path("moments")).unwrap())
    };
    let (said, moments) = cut(&cluster(), "0");
    assert_eq!(said.exit, Some(3), "{said:?}");
    let begins = moments.lines().enumerate().filter(|(_, line)| line.contains("before a command begins"));
    let second = begins.map(|(number, _)| number + 1).nth(1).unwrap();
    let desk = cluster();
    let (said, moments) = cut(&desk, &second.to_string());
    assert!(said.exit.is_none() && moments.lines().last().unwrap().contains("before a command begins"), "{said:?}");
    assert_eq!(log(&desk), "A1");
    expect(desk.rollbook(&["resume", "last"]), 3, &["1 failed"]);
    assert_eq!(log(&desk), "A1 B1 b1 a1");
}
