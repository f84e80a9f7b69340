//! The command line: exit codes, refusals, and what a person is told, with the real program.

use crate::desk::{Desk, REBOOT, expect};
use std::io::{Read, Write};
use std::process::Stdio;

#[test]
fn wrong_usage_is_64_and_help_is_success() {
    let desk = Desk::new();
    expect(desk.rollbook(&["frobnicate"]), 64, &[]);
    expect(desk.rollbook(&[]), 64, &["Usage"]);
    expect(desk.rollbook(&["run"]), 64, &["FILE"]);
    expect(desk.rollbook(&["runs", "--format", "xml"]), 64, &["json"]);
    expect(desk.rollbook(&["--help"]), 0, &["topology"]);
    expect(desk.rollbook(&["exec", "--help"]), 0, &["--seed-host"]);
    expect(desk.rollbook(&["--version"]), 0, &[env!("CARGO_PKG_VERSION")]);
    expect(desk.rollbook(&["topology"]), 64, &["which cluster?", "--seed-host"]);
    expect(desk.rollbook(&["topology", "--sandbox=0"]), 64, &["1 to 2000 hosts"]);
    expect(desk.rollbook(&["exec", "--seed-host", "h"]), 64, &["was not told what to run", "help: "]);
    expect(desk.rollbook(&["simulate"]), 64, &[]);
}

#[test]
fn bad_files_are_65_and_name_the_place() {
    let desk = Desk::new();
    let bad = desk.file("bad.yaml", "rollbook: 1\nname: x\nsteps: [drian]\n");
    expect(desk.rollbook(&["plan", &bad, "--sandbox"]), 65, &["bad.yaml:3:", "drain"]);
    let empty = desk.file("empty.yaml", "");
    expect(desk.rollbook(&["run", &empty, "--sandbox", "--yes"]), 65, &["empty"]);
    expect(desk.rollbook(&["plan", "no-such-file.yaml", "--sandbox"]), 65, &["no-such-file.yaml"]);
    expect(desk.rollbook(&["plan", ".", "--sandbox"]), 65, &["directory"]);
    let json = desk.file("plan.json", "{\"hash\": \"sha256:0\"}");
    expect(desk.rollbook(&["run", &json, "--sandbox"]), 65, &["plan.json"]);
    let snapshot = desk.file("snapshot.json", "{}");
    let playbook = desk.file("p.yaml", REBOOT);
    expect(desk.rollbook(&["plan", &playbook, "--topology", &snapshot]), 65, &["version"]);
}

#[test]
fn durations_order_the_hosts_and_a_bad_file_of_them_is_65_with_the_place() {
    let desk = Desk::new();
    let playbook = desk.file("p.yaml", REBOOT);
    let plan = |file: &str| desk.rollbook(&["plan", &playbook, "--sandbox=6", "--durations", file]);
    let bad = desk.file("cut.json", "{ \"10.10.0.11\":\n  \"90s\"");
    expect(plan(&bad), 65, &["cut.json:2:", "runs show RUN"]);
    let unit = desk.file("unit.json", "{ \"10.10.0.11\": \"90\" }");
    expect(plan(&unit), 65, &["unit.json", "`10.10.0.11`", "no unit"]);
    let number = desk.file("number.json", "{ \"10.10.0.11\": 90 }");
    expect(plan(&number), 65, &["number.json", "`10.10.0.11`", "not a time"]);
    let run = desk.file("run.json", "{ \"plan\": {}, \"events\": [] }");
    expect(plan(&run), 65, &["run.json", "`plan`"]);
    let other = desk.file("other.json", "{ \"192.0.2.1\": \"90s\" }");
    expect(plan(&other), 64, &["no host of cluster"]);
    expect(plan("no-such-run"), 64, &["no-such-run"]);
    let good = desk.file("good.json", "{ \"10.10.0.11\": \"1m\", \"10.10.0.14\": \"5m\" }");
    expect(plan(&good), 0, &["durations of", "2 of 6 hosts", "takes less", "sha256:"]);
}

#[test]
fn a_cluster_that_cannot_be_reached_is_75_and_names_the_command() {
    let desk = Desk::new();
    // Nobody listens there, and no resolver knows the second.
    let said = desk.rollbook(&["topology", "--seed-host", "127.255.255.254,no-such-host.invalid"]);
    expect(said, 75, &["no seed answered", "127.255.255.254", "no-such-host.invalid", "help: "]);
    let hostile = desk.rollbook(&["topology", "--seed-host", "$(reboot)"]);
    expect(hostile, 5, &["$(reboot)"]);
}

#[test]
fn whoever_stops_reading_is_no_error() {
    let desk = Desk::new();
    let mut child = desk.start(&["topology", "--sandbox=3"]);
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_same_inputs_give_the_same_bytes_also_from_a_snapshot() {
    let desk = Desk::new();
    let playbook = desk.file("p.yaml", REBOOT);
    let (a, b) = (desk.path("a.json"), desk.path("b.json"));
    let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());
    let first = expect(desk.rollbook(&["plan", &playbook, "--sandbox=6", "--format", "json", "--out", a]), 0, &[]);
    let second = expect(desk.rollbook(&["plan", &playbook, "--sandbox=6", "--format", "json", "--out", b]), 0, &[]);
    assert_eq!(first.out, second.out);
    assert_eq!(std::fs::read(a).unwrap(), std::fs::read(b).unwrap());
    assert_eq!(std::fs::read_to_string(a).unwrap(), first.out);
    assert!(first.err.contains("next: rollbook run"), "{}", first.err);
    let snapshot = desk.path("snapshot.json");
    let snapshot = snapshot.to_str().unwrap();
    expect(desk.rollbook(&["topology", "--sandbox=6", "--out", snapshot]), 0, &["10.10.0.11", "orders", "rack3"]);
    let again = desk.rollbook(&["plan", &playbook, "--topology", snapshot, "--format", "json"]);
    let hash = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["plan"].clone();
    // The sandbox polls faster, and says so; nothing else differs.
    let mut live = hash(&first.out);
    let mut still = hash(&again.out);
    for plan in [&mut live, &mut still] {
        plan["poll-ms"] = 0.into();
    }
    assert_eq!(live, still);
    expect(desk.rollbook(&["plan", &playbook, "--topology", snapshot, "--detailed-exitcode"]), 2, &["wave"]);
    // A snapshot is no cluster: nothing can be run on it.
    expect(desk.rollbook(&["run", &playbook, "--topology", snapshot, "--yes"]), 64, &["--topology"]);
}

#[test]
fn nobody_at_the_terminal_is_no_yes() {
    let desk = Desk::new();
    let playbook = desk.file("p.yaml", REBOOT);
    expect(desk.rollbook(&["run", &playbook, "--sandbox=3"]), 5, &["`--yes`", "nothing was done"]);
    expect(desk.rollbook(&["runs"]), 0, &["no run yet"]);
    // Words on a pipe are no person either.
    let mut command = desk.command(&["run", &playbook, "--sandbox=3"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(b"yes\n");
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5), "{said}");
}

#[test]
fn a_required_reason_is_asked_for_before_anything_is_read() {
    let desk = Desk::new();
    let playbook = desk.file("p.yaml", &REBOOT.replace("steps:", "reason: required\nsteps:"));
    expect(desk.rollbook(&["run", &playbook, "--sandbox=3", "--yes"]), 64, &["--reason"]);
    expect(desk.rollbook(&["run", &playbook, "--sandbox=3", "--yes", "--reason", " "]), 64, &["--reason"]);
}

#[test]
fn parameters_and_narrowing() {
    let desk = Desk::new();
    let text = REBOOT.replace("steps:", "params:\n  kernel: { pattern: '[0-9.]+' }\nsteps:\n  - run: \"ssh {{ host }} echo {{ params.kernel }}\"\n    takes-down: nothing");
    let playbook = desk.file("p.yaml", &text);
    let plan = |words: &[&str]| desk.rollbook(&[&["plan", &playbook, "--sandbox=6"], words].concat());
    expect(plan(&[]), 64, &["kernel"]);
    expect(plan(&["--param", "kernel=6.1;reboot"]), 64, &["kernel"]);
    expect(plan(&["--param", "kernel"]), 64, &["NAME=VALUE"]);
    expect(plan(&["--param", "kernle=6.1"]), 64, &["kernle"]);
    let whole = expect(plan(&["--param", "kernel=6.1.2", "--format", "json"]), 0, &["6.1.2"]);
    assert!(!whole.out.contains("params.kernel"));
    let narrow = expect(plan(&["--param", "kernel=6.1", "--only", "rack=rack2", "--format", "json"]), 0, &[]);
    let json: serde_json::Value = serde_json::from_str(&narrow.out).unwrap();
    assert_eq!(json["plan"]["hosts"].as_array().unwrap().len(), 2);
    assert_eq!(json["plan"]["nodes"].as_array().unwrap().len(), 6);
    let skip = expect(plan(&["--param", "kernel=6.1", "--skip", "10.10.0.11", "--format", "json"]), 0, &[]);
    let json: serde_json::Value = serde_json::from_str(&skip.out).unwrap();
    assert_eq!(json["plan"]["hosts"].as_array().unwrap().len(), 5);
    expect(plan(&["--param", "kernel=6.1", "--only", "rack=rack9"]), 64, &["error: `--only`", "rack9", "rack1"]);
    expect(plan(&["--param", "kernel=6.1", "--only", "disk=1"]), 64, &["rack=R"]);
    let two = expect(plan(&["--param", "kernel=6.1", "--only", "10.10.0.11,10.10.0.12", "--format", "json"]), 0, &[]);
    let json: serde_json::Value = serde_json::from_str(&two.out).unwrap();
    assert_eq!(json["plan"]["hosts"].as_array().unwrap().len(), 2);
    expect(
        plan(&["--param", "kernel=6.1", "--out", &desk.path("saved.json").display().to_string()]),
        0,
        &["saved.json --sandbox=6` runs exactly this"],
    );
    let saved = desk.path("saved.json").display().to_string();
    expect(desk.rollbook(&["check", &saved]), 65, &["this is a saved plan"]);
    for command in ["plan", "doctor"] {
        expect(desk.rollbook(&[command, &saved, "--sandbox=6"]), 65, &["this is a saved plan", "`rollbook run FILE`"]);
    }
    let skip = expect(plan(&["--param", "kernel=6.1", "--skip", "10.10.0.61"]), 64, &["the cluster has the hosts"]);
    assert!(!skip.err.contains("did you mean"), "the nearest address is another machine: {skip:?}");
}

#[test]
fn a_playbook_may_demand_that_a_run_says_which_hosts() {
    let desk = Desk::new();
    let playbook = desk.file("p.yaml", &REBOOT.replace("steps:", "targets: required\nsteps:"));
    let plan = |words: &[&str]| desk.rollbook(&[&["plan", &playbook, "--sandbox=3"], words].concat());
    expect(plan(&[]), 64, &["targets: required", "--only rack=R"]);
    expect(plan(&["--only", "10.10.0.12"]), 0, &["1 of 3 hosts"]);
    expect(desk.rollbook(&["run", &playbook, "--sandbox=3", "--yes"]), 64, &["targets: required"]);
    expect(desk.rollbook(&["runs"]), 0, &["no run yet"]);
    expect(desk.rollbook(&["check", "--explain", &playbook]), 0, &["targets: required"]);
}

#[test]
fn completions_and_schemas_are_printed() {
    let desk = Desk::new();
    expect(desk.rollbook(&["completions", "bash"]), 0, &["rollbook", "topology"]);
    expect(desk.rollbook(&["completions", "tcl"]), 64, &[]);
    for what in ["playbook", "plan", "topology", "event"] {
        let said = expect(desk.rollbook(&["schema", what]), 0, &["$schema"]);
        let kept = std::fs::read_to_string(format!("schemas/{what}.schema.json")).unwrap();
        assert!(kept == said.out, "not current: rollbook schema {what} > schemas/{what}.schema.json");
    }
}
