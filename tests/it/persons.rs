//! What waits for a person, what is asked again until it is so, and what is done already: real children each time.

use crate::desk::{Desk, expect, find};
use rollbook::sandbox::{Fate, Fault, Shape};

fn cluster() -> Desk {
    Desk::beside(&Shape { speed: 8.0, ..Shape::of(3) })
}

fn begun(desk: &Desk) -> usize {
    let said = desk.rollbook(&["runs", "show", "last", "--events"]);
    said.out.matches("\"event\":\"opened\"").count()
}

fn file(desk: &Desk, body: &str) -> String {
    desk.file("p.yaml", &format!("rollbook: 1\nname: base\n{body}\n"))
}

const LOOK: &str = "steps: [{ run: 'echo seen', takes-down: nothing }]";

#[test]
fn behind_the_canary_nobody_begins_before_a_person_says_so() {
    let desk = cluster();
    let go = desk.path("go").display().to_string();
    let look = format!("steps: [{{ run: sh -c 'while test ! -e {go}; do sleep 0.1; done', takes-down: nothing }}]");
    let playbook = file(&desk, &format!("first: 1\n{look}"));
    let seed = desk.lab().sandbox.seed();
    let run = desk.start(&["run", &playbook, "--seed-host", &seed, "--yes"]);
    desk.wait_for_event("\"spawned\"");
    // nobody is asked for a word that would be refused
    expect(desk.rollbook(&["why", "last", "10.10.0.12"]), 0, &["waits for its turn: the canary, which is in work"]);
    expect(desk.rollbook(&["approve", "last"]), 64, &["waits for an approval now"]);
    desk.file("go", "");
    desk.wait_for_event("\"event\":\"done\"");
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(begun(&desk), 1, "only the canary");
    expect(desk.rollbook(&["approve", "last"]), 0, &["the canary is through, 1 of 1 done; shall the other 2 follow?"]);
    let said: crate::sandbox::Said = run.wait_with_output().unwrap().into();
    expect(
        said,
        0,
        &["approves: the hosts behind the canary may begin (plan sha256:", "3 done", "waiting for an approval"],
    );
    expect(desk.rollbook(&["approve", "last"]), 64, &["waits for an approval now"]);
}

#[test]
fn a_canary_may_stop_the_run_and_resume_goes_on() {
    let desk = cluster();
    let playbook = file(&desk, &format!("first: 2\nthen: stop\n{LOOK}"));
    expect(desk.on_cluster(&["run", &playbook, "--yes"]), 4, &["the canary, 2 hosts, is through", "1 not begun"]);
    expect(desk.rollbook(&["resume", "last"]), 0, &["3 done"]);
}

#[test]
fn a_stop_at_an_approval_puts_an_untouched_host_back() {
    let desk = cluster();
    let playbook = file(&desk, "steps: [approve: shall it be?, { run: 'echo seen', takes-down: nothing }]");
    let seed = desk.lab().sandbox.seed();
    let run = desk.start(&["run", &playbook, "--seed-host", &seed, "--yes"]);
    desk.wait_for_event("\"event\":\"started\",\"attempt\":1");
    expect(
        desk.rollbook(&["approve", "last", "10.10.0.13"]),
        64,
        &["`10.10.0.13` waits for no approval now; 10.10.0.11 does: shall it be?"],
    );
    expect(desk.rollbook(&["stop", "last"]), 0, &[]);
    let said: crate::sandbox::Said = run.wait_with_output().unwrap().into();
    expect(said, 4, &["put back, nothing was done to it", "3 not begun", "shall it be?"]);
    let run = desk.start(&["resume", "last"]);
    for host in ["10.10.0.11", "10.10.0.12", "10.10.0.13"] {
        let start = std::time::Instant::now();
        while desk.rollbook(&["approve", "last", host]).exit != Some(0) {
            assert!(start.elapsed().as_secs() < 60, "{host} is never asked about");
        }
    }
    let said: crate::sandbox::Said = run.wait_with_output().unwrap().into();
    expect(said, 0, &["approve of 10.10.0.12", "3 done"]);
}

#[test]
fn an_approval_of_the_rest_is_asked_once() {
    let desk = cluster();
    let playbook =
        file(&desk, "steps: [{ approve: and the rest?, scope: rest }, { run: 'echo seen', takes-down: nothing }]");
    let seed = desk.lab().sandbox.seed();
    let run = desk.start(&["run", &playbook, "--seed-host", &seed, "--yes"]);
    desk.wait_for_event("\"event\":\"started\",\"attempt\":1");
    expect(desk.rollbook(&["approve", "last"]), 0, &["10.10.0.11: and the rest?"]);
    let said: crate::sandbox::Said = run.wait_with_output().unwrap().into();
    let said = expect(said, 0, &["3 done"]);
    assert_eq!(said.err.matches("approves:").count(), 1, "{said:?}");
}

#[test]
fn a_verify_is_asked_again_until_it_is_as_expected_and_no_longer() {
    let desk = cluster();
    let count = desk.path("count").display().to_string();
    let body = format!(
        "params: {{ want: {{ default: 'v1.3' }} }}\nsteps:\n  - verify: sh -c 'echo x >> {count}; echo v1.$(wc -l < {count})'\n    expect: '^{{{{ params.want }}}}$'\n    poll: 500ms\n    timeout: 20s\n"
    );
    let playbook = file(&desk, &body);
    expect(desk.on_cluster(&["run", &playbook, "--yes", "--only", "10.10.0.11"]), 0, &["1 done"]);
    assert_eq!(std::fs::read_to_string(&count).unwrap().lines().count(), 3);
    let never = file(&desk, &body.replace("timeout: 20s", "timeout: 3s").replace("v1.3", "v1x4"));
    let said = desk.on_cluster(&["run", &never, "--yes", "--only", "10.10.0.11"]);
    expect(said, 3, &["verify failed", "which is not as expected", "it said `v1."]);
}

#[test]
fn an_output_that_is_not_as_expected_is_a_failure_of_a_run_step() {
    let desk = cluster();
    let playbook = file(&desk, "steps: [{ run: 'echo no', expect: '^yes', takes-down: nothing }]");
    expect(desk.on_cluster(&["run", &playbook, "--yes"]), 3, &["it said `no`, which is not as expected", "1 failed"]);
}

#[test]
fn a_step_is_tried_again_as_often_as_said() {
    let desk = cluster();
    let count = desk.path("count").display().to_string();
    let body = format!(
        "steps:\n  - run: sh -c 'echo x >> {count}; test $(wc -l < {count}) -ge 3'\n    takes-down: nothing\n    retries: {{ times: 2, delay: 200ms, backoff: 2 }}\n"
    );
    let playbook = file(&desk, &body);
    expect(desk.on_cluster(&["run", &playbook, "--yes", "--only", "10.10.0.11"]), 0, &["1 done", "2 retries"]);
    std::fs::remove_file(&count).unwrap();
    let once = file(&desk, &body.replace("times: 2", "times: 1"));
    expect(desk.on_cluster(&["run", &once, "--yes", "--only", "10.10.0.11"]), 3, &["1 failed"]);
    assert_eq!(std::fs::read_to_string(&count).unwrap().lines().count(), 2);
}

#[test]
fn a_host_that_is_done_already_is_passed_over_and_one_nobody_knows_of_is_not() {
    let desk = cluster();
    let body = "until: { command: \"sh -c 'case {{ host }} in *.12) exit 1;; *.13) exit 7;; esac'\" }\nmax-failures: 3\nsteps: [{ run: 'echo seen', takes-down: nothing }]";
    let playbook = file(&desk, body);
    let words = ["passed over: its command says that it is done", "1 done, 1 done already, 1 failed", "exit status 7"];
    expect(desk.on_cluster(&["run", &playbook, "--yes"]), 3, &words);
    assert_eq!(find(&desk.home(), "out").iter().filter(|out| std::fs::read(out).unwrap() == b"seen\n").count(), 1);
}

#[test]
fn a_release_that_already_runs_is_a_goal_reached() {
    let desk = cluster();
    let here = file(&desk, "until: { release: 5.0.5 }\nsteps: [drain, restart, wait-up]");
    expect(desk.on_cluster(&["run", &here, "--yes"]), 0, &["3 done already"]);
    let other = file(&desk, "until: { release: 5.0.6 }\nsteps: [{ run: 'echo seen', takes-down: nothing }]");
    expect(desk.on_cluster(&["run", &other, "--yes"]), 0, &["3 done;"]);
}

#[test]
fn a_unit_that_has_failed_is_seen_at_once_and_not_at_the_deadline() {
    let desk = cluster();
    desk.lab().sandbox.inject(Fault::on("h1", Fate::StartFails)).unwrap();
    let playbook = file(&desk, "steps: [drain, restart, { wait-up: , poll: 1s, timeout: 10m }]");
    let start = std::time::Instant::now();
    let said = desk.on_cluster(&["run", &playbook, "--yes", "--only", "10.10.0.11"]);
    expect(said, 3, &["the unit cassandra has failed", "systemctl status cassandra", "1 failed"]);
    assert!(start.elapsed().as_secs() < 90, "{:?}", start.elapsed());
}

/// The one works on h1, the other on h2: each must find the other's host up, and may not look at the same moment.
#[test]
fn a_second_run_may_not_take_out_what_the_first_one_needs() {
    let desk = cluster();
    let playbook = file(&desk, "steps: [pause: 20s, restart, wait-up]");
    let seed = desk.lab().sandbox.seed();
    let mut first = desk.start(&["run", &playbook, "--seed-host", &seed, "--yes", "--only", "10.10.0.11"]);
    desk.wait_for_event("\"event\":\"opened\"");
    let second = desk.on_cluster(&["run", &playbook, "--yes", "--only", "10.10.0.12"]);
    expect(second, 7, &["nothing was done"]);
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn a_node_that_is_known_to_be_down_keeps_its_co_replicas_up_and_the_others_are_worked_on() {
    let desk = Desk::beside(&Shape { speed: 8.0, ..Shape::of(6) });
    desk.lab().sandbox.inject(Fault::on("h4", Fate::Killed)).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(8));
    let steps = "steps: [drain, restart, { wait-up: , poll: 1s }]";
    let known = format!("known-down: {{ hosts: ['10.10.0.14'], reason: disk is on its way }}\n{steps}");
    let said_with = desk.on_cluster(&["run", &file(&desk, &known), "--yes"]);
    // h1 is in its rack and shares nothing with it; all others hold the replicas that are left
    let words = ["known to be down: 10.10.0.14 (disk is on its way)", "10.10.0.12, 10.10.0.15", "1 done"];
    let said_with = expect(said_with, 0, &words);
    assert!(said_with.out.contains("1 host: 1 done"), "{said_with:?}");
    assert!(!said_with.err.contains("which is up"), "{said_with:?}");
    // it has come back, and the playbook does not know yet
    desk.lab().sandbox.heal(&Fault::on("h4", Fate::Killed)).unwrap();
    expect(desk.lab().ssh(&["h4", "sudo", "systemctl", "start", "cassandra"]), 0, &[]);
    desk.lab().wait("h4 is up again", || desk.lab().state("h1", "10.10.0.14") == "UN");
    let words =
        ["warning: `known-down` names 10.10.0.14, which is up: it is not worked on, and counts as down", "1 done"];
    expect(desk.on_cluster(&["run", &file(&desk, &known), "--yes"]), 0, &words);
}

#[test]
fn a_waived_check_may_fail_and_only_until_its_day() {
    let desk = Desk::beside(&Shape { speed: 8.0, ..Shape::of(6) });
    desk.lab().sandbox.inject(Fault::on("h6", Fate::OtherSchema)).unwrap();
    let body = |day: &str| {
        format!(
            "waive: [{{ check: schema-agreement, reason: a bug of ours, expires: '{day}' }}]\nsteps: [drain, restart, {{ wait-up: , poll: 1s }}]"
        )
    };
    let expired = file(&desk, &body("2026-01-01"));
    expect(desk.rollbook(&["check", &expired]), 0, &["warning: `schema-agreement` is no longer waived: today is"]);
    expect(desk.on_cluster(&["run", &expired, "--yes", "--only", "10.10.0.11"]), 5, &["waived until 2026-01-01"]);
    let holds = file(&desk, &body("2099-01-01"));
    let said = desk.on_cluster(&["run", &holds, "--yes", "--only", "10.10.0.11"]);
    expect(said, 0, &["check schema-agreement is waived until 2099-01-01: a bug of ours", "1 done"]);
}

/// Each check with a number: what stops it, how it is said, and that `warn` only says it.
#[test]
fn a_number_beyond_its_bound_keeps_the_host_up_or_is_only_said() {
    let cases = [
        ("pending-compactions", Fate::PendingCompactions(40), "40 compactions wait on 10.10.0.11, 20 are allowed"),
        ("no-repair", Fate::Repairing, "10.10.0.11 works on a repair (3 tasks)"),
        ("hints-drained", Fate::HoldsHints, "10.10.0.11 holds hints for 1 nodes"),
        ("disk-headroom", Fate::DiskUsed(95), "5 % of the disk of 10.10.0.11 are free, 20 % are demanded"),
    ];
    for (check, fate, words) in cases {
        let desk = cluster();
        desk.lab().sandbox.inject(Fault::on("h1", fate)).unwrap();
        let body = |asked: &str| {
            format!(
                "blocked-timeout: 3s\nchecks: {{ each-host: [{asked}] }}\nsteps: [restart, {{ wait-up: , poll: 1s, stable: 1 }}]"
            )
        };
        let said = |asked: &str| {
            let playbook = file(&desk, &body(asked));
            desk.on_cluster(&["run", &playbook, "--yes", "--only", "10.10.0.11"])
        };
        expect(said(check), 3, &[words, "1 skipped"]);
        expect(said(&format!("{check}: {{ severity: warn }}")), 0, &[&format!("warning: {check}: {words}"), "1 done"]);
    }
}

#[test]
fn while_a_gate_is_closed_nobody_opens_and_after_a_time_the_run_stops() {
    let desk = cluster();
    let (open, log) = (desk.path("open"), desk.path("log").display().to_string());
    let body = format!(
        "gates: [{{ name: latency, run: 'ls {}', poll: 500ms, stable: 2, timeout: 5s }}]\nsteps: [{{ run: \"sh -c 'echo x >> {log}'\", takes-down: nothing }}]",
        open.display()
    );
    let playbook = file(&desk, &body);
    let words = ["gate `latency` was closed for too long: exit status 2: `ls: cannot access", "3 not begun"];
    expect(desk.on_cluster(&["run", &playbook, "--yes"]), 4, &words);
    let run = desk.start(&["resume", "last"]);
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(!std::path::Path::new(&log).exists(), "nobody began");
    std::fs::write(&open, "").unwrap();
    let said: crate::sandbox::Said = run.wait_with_output().unwrap().into();
    expect(said, 0, &["3 done"]);
    let unknown = file(
        &desk,
        "gates: [{ name: latency, run: 'no-such-program', timeout: 2s, poll: 500ms }]\nsteps: [{ run: 'true', takes-down: nothing }]",
    );
    expect(desk.on_cluster(&["run", &unknown, "--yes"]), 4, &["there is no program `no-such-program`", "3 not begun"]);
}

#[test]
fn a_file_says_by_which_name_ssh_knows_an_address() {
    let desk = cluster();
    let playbook = file(
        &desk,
        "cluster: { hosts: names.yaml }\nsteps: [{ run: '{{ cluster.ssh }} {{ host }} hostname', takes-down: nothing }]",
    );
    let said = desk.on_cluster(&["run", &playbook, "--yes"]);
    expect(said, 65, &["names.yaml` cannot be read", "cluster: { hosts: names.yaml }", "ADDRESS: NAME"]);
    desk.file("names.yaml", "10.10.0.11: h1\n10.10.0.12: h2\n");
    expect(desk.rollbook(&["check", &playbook]), 0, &["sound"]);
    expect(desk.on_cluster(&["run", &playbook, "--yes"]), 0, &["3 done"]);
    // discovery and the step went by the names, where there are any
    let calls = std::fs::read_to_string(desk.lab().sandbox.dir().join("calls.log")).unwrap();
    assert!(calls.contains(" h2 hostname"), "{calls}");
    assert!(calls.contains(" 10.10.0.13 hostname"), "{calls}");
    assert!(!calls.contains(" 10.10.0.12 hostname"), "{calls}");
    desk.file("names.yaml", "10.10.0.11: h1\n10.10.0.12: h1\n");
    expect(desk.rollbook(&["check", &playbook]), 65, &["`h1` stands for both 10.10.0.11 and 10.10.0.12"]);
}
