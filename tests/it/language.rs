//! Every key of the language has an effect: what it changes in a plan, and what steps really do.

use crate::desk::{Desk, expect, find};
use rollbook::sandbox::{Fate, Fault, Shape};
use serde_json::Value;
use std::collections::BTreeSet;

/// key, a playbook, what it changes in the plan (a JSON pointer) and to what.
const IN_THE_PLAN: &[(&str, &str, &str, &str)] = &[
    ("name", "name: other\nsteps: [drain, restart, wait-up]", "/name", "\"other\""),
    ("description", "description: why\nsteps: [drain, restart, wait-up]", "/description", "\"why\""),
    ("reason", "reason: required\nsteps: [drain, restart, wait-up]", "/reason-required", "true"),
    ("strategy", "strategy: one\nsteps: [drain, restart, wait-up]", "/phases/0/strategy", "\"one\""),
    (
        "availability",
        "availability: { level: LOCAL_QUORUM, accept: [system_auth] }\nsteps: [restart, wait-up]",
        "/phases/0/availability/level",
        "\"LOCAL_QUORUM\"",
    ),
    ("level", "availability: { level: ONE }\nsteps: [restart, wait-up]", "/phases/0/availability/level", "\"ONE\""),
    (
        "accept",
        "availability: { level: LOCAL_ONE, accept: [orders] }\nsteps: [restart, wait-up]",
        "/phases/0/availability/accept/0",
        "\"orders\"",
    ),
    (
        "datacenters",
        "availability: { level: LOCAL_ONE, datacenters: [dc1] }\nsteps: [restart, wait-up]",
        "/phases/0/availability/datacenters/0",
        "\"dc1\"",
    ),
    (
        "accept-outage",
        "strategy: all\naccept-outage: moved away\nsteps: [restart, wait-up]",
        "/accept-outage",
        "\"moved away\"",
    ),
    ("concurrency", "concurrency: 3\nsteps: [drain, restart, wait-up]", "/phases/0/max-hosts", "3"),
    ("max-hosts", "concurrency: { max-hosts: 4 }\nsteps: [drain, restart, wait-up]", "/phases/0/max-hosts", "4"),
    (
        "datacenters",
        "concurrency: { datacenters: parallel }\nsteps: [restart, wait-up]",
        "/phases/0/datacenter-order",
        "\"parallel\"",
    ),
    ("grace", "concurrency: { grace: 7s }\nsteps: [restart, wait-up]", "/phases/0/grace-ms", "7000"),
    ("max-failures", "max-failures: 2\nsteps: [restart, wait-up]", "/max-failures", "2"),
    ("blocked-timeout", "blocked-timeout: 9m\nsteps: [restart, wait-up]", "/blocked-timeout-ms", "540000"),
    ("keyspaces", "cluster: { keyspaces: all }\nsteps: [restart, wait-up]", "/protect", "\"all\""),
    ("service", "cluster: { service: dse }\nsteps: [stop, start, wait-up]", "/hosts/0/words/0/command/9", "\"dse\""),
    ("ssh", "cluster: { ssh: [ssh, -q] }\nsteps: [restart, wait-up]", "/hosts/0/words/0/command/1", "\"-q\""),
    (
        "nodetool",
        "cluster: { nodetool: 'nodetool -h {{ host }} {{ args }}' }\nsteps: [drain, restart, wait-up]",
        "/hosts/0/words/0/command/3",
        "\"drain\"",
    ),
    ("targets", "targets: { racks: [rack2] }\nsteps: [restart, wait-up]", "/hosts/0/node", "2"),
    ("racks", "targets: { racks: [rack3] }\nsteps: [restart, wait-up]", "/hosts/0/node", "4"),
    ("hosts", "targets: { hosts: ['10.10.0.14'] }\nsteps: [restart, wait-up]", "/hosts/0/node", "1"),
    ("exclude", "targets: { exclude: { racks: [rack1] } }\nsteps: [restart, wait-up]", "/hosts/0/node", "2"),
    (
        "params",
        "params: { x: { default: 1s } }\nsteps: [{ run: 'echo {{ params.x }}', takes-down: nothing }]",
        "/params/x",
        "",
    ),
    (
        "default",
        "params: { x: { default: why } }\nsteps: [{ run: 'echo {{ params.x }}', takes-down: nothing }]",
        "/hosts/0/words/0/command/1",
        "\"why\"",
    ),
    (
        "secret",
        "params: { x: { secret: { env: TOKEN } } }\nsteps: [{ run: 'true', takes-down: nothing }]",
        "/params/x/secret/env",
        "\"TOKEN\"",
    ),
    (
        "file",
        "params: { x: { secret: { file: /run/token } } }\nsteps: [{ run: 'true', takes-down: nothing }]",
        "/params/x/secret/file",
        "\"/run/token\"",
    ),
    ("checks", "checks: { start: [schema-agreement] }\nsteps: [restart, wait-up]", "/phases/0/checks-start", ""),
    ("start", "checks: { start: [native-transport] }\nsteps: [stop, start, wait-up]", "/steps/1/kind", "\"start\""),
    (
        "each-host",
        "checks: { each-host: [schema-agreement] }\nsteps: [restart, wait-up]",
        "/phases/0/checks-each-host",
        "",
    ),
    ("lock", "lock: { acquire: take, release: free }\nsteps: [restart, wait-up]", "/setup/0/lock", "true"),
    ("acquire", "lock: { acquire: take, release: free }\nsteps: [restart, wait-up]", "/setup/0/run/0", "\"take\""),
    ("release", "lock: { acquire: take, release: free }\nsteps: [restart, wait-up]", "/setup/0/undo/0", "\"free\""),
    (
        "renew",
        "lock: { acquire: take, renew: again, release: free }\nsteps: [restart, wait-up]",
        "/gates/0/run/0",
        "\"again\"",
    ),
    (
        "every",
        "lock: { acquire: take, renew: again, release: free, every: 9s }\nsteps: [restart, wait-up]",
        "/gates/0/poll-ms",
        "9000",
    ),
    (
        "timeout",
        "lock: { acquire: take, renew: again, release: free, timeout: 8m }\nsteps: [restart, wait-up]",
        "/gates/0/timeout-ms",
        "480000",
    ),
    ("setup", "setup: [{ run: 'true', undo: 'echo back' }]\nsteps: [restart, wait-up]", "/setup", ""),
    ("undo", "steps: [{ run: 'echo', takes-down: nothing, undo: 'echo back' }]", "/hosts/0/words/0/undo/1", "\"back\""),
    ("undo", "setup: [{ run: 'true', undo: 'echo other' }]\nsteps: [restart, wait-up]", "/setup", ""),
    ("drain", "steps: [drain, restart, wait-up]", "/steps/0/kind", "\"drain\""),
    ("stop", "steps: [stop, start, wait-up]", "/steps/0/kind", "\"stop\""),
    ("restart", "steps: [restart, wait-up]", "/steps/0/kind", "\"restart\""),
    ("reboot", "steps: [reboot, wait-up]", "/steps/0/kind", "\"reboot\""),
    ("wait-up", "steps: [reboot, wait-up]", "/steps/1/kind", "\"wait-up\""),
    ("wait-down", "steps: [stop, wait-down, start, wait-up]", "/steps/1/kind", "\"wait-down\""),
    ("pause", "steps: [pause: 3s]", "/steps/0/pause-ms", "3000"),
    ("run", "steps: [{ run: 'echo hi', takes-down: nothing }]", "/hosts/0/words/0/command/1", "\"hi\""),
    ("timeout", "steps: [{ run: 'true', takes-down: nothing, timeout: 9s }]", "/steps/0/timeout-ms", "9000"),
    ("poll", "steps: [restart, { wait-up: , poll: 2s }]", "/steps/1/poll-ms", "2000"),
    ("stable", "steps: [restart, { wait-up: , stable: 5 }]", "/steps/1/stable", "5"),
    ("ok-exit", "steps: [{ run: 'true', takes-down: nothing, ok-exit: [0, 3] }]", "/steps/0/ok-exit/1", "3"),
    (
        "on-failure",
        "steps: [{ run: 'true', takes-down: nothing, on-failure: continue }]",
        "/steps/0/on-failure",
        "\"continue\"",
    ),
    ("on-timeout", "steps: [{ run: 'echo', takes-down: nothing, on-timeout: ask }]", "/steps/0/on-timeout", "\"ask\""),
    ("idempotent", "steps: [{ run: 'true', takes-down: nothing, idempotent: true }]", "/steps/0/idempotent", "true"),
    ("takes-down", "steps: [{ run: 'true', takes-down: restart }, wait-up]", "/steps/0/takes-down", "\"restart\""),
    ("script", "steps: [{ run: , script: 'echo hi', takes-down: nothing }]", "/steps/0/script", "\"echo hi\""),
    ("env", "steps: [{ run: 'true', takes-down: nothing, env: { A: b } }]", "/hosts/0/words/0/env/A", "\"b\""),
    (
        "verify",
        "steps: [{ run: 'true', takes-down: nothing }, { verify: 'echo seen' }]",
        "/hosts/0/words/1/command/1",
        "\"seen\"",
    ),
    (
        "expect",
        "params: { x: { default: 5.0.5 } }\nsteps: [{ verify: 'echo', expect: '^v{{ params.x }}' }]",
        "/hosts/0/words/0/expect",
        r#""^v5\\.0\\.5""#,
    ),
    ("register", "steps: [{ run: 'echo 7', takes-down: nothing, register: port }]", "/steps/0/register", "\"port\""),
    ("retries", "steps: [{ run: 'true', takes-down: nothing, retries: { times: 2 } }]", "/steps/0/retries/times", "2"),
    ("times", "steps: [{ run: 'true', takes-down: nothing, retries: { times: 3 } }]", "/steps/0/retries/times", "3"),
    (
        "delay",
        "steps: [{ run: 'true', takes-down: nothing, retries: { times: 3, delay: 3s } }]",
        "/steps/0/retries/delay-ms",
        "3000",
    ),
    (
        "backoff",
        "steps: [{ run: 'true', takes-down: nothing, retries: { times: 3, backoff: 2 } }]",
        "/steps/0/retries/backoff",
        "2",
    ),
    ("approve", "steps: [approve: shall it be?, restart, wait-up]", "/steps/0/message", "\"shall it be?\""),
    ("scope", "steps: [{ approve: 'shall it be?', scope: rest }, restart, wait-up]", "/steps/0/scope", "\"rest\""),
    (
        "phases",
        "phases: [{ name: one, steps: [restart, wait-up] }, { name: two, steps: [{ run: 'true', takes-down: nothing }] }]",
        "/phases/1/name",
        "\"two\"",
    ),
    ("first", "first: 2\nsteps: [restart, wait-up]", "/phases/0/first/hosts", "2"),
    ("then", "first: 2\nthen: stop\nsteps: [restart, wait-up]", "/phases/0/first/then", "\"stop\""),
    ("until", "until: { command: 'echo x' }\nsteps: [restart, wait-up]", "/steps/0/kind", "\"until\""),
    ("command", "until: { command: 'echo x' }\nsteps: [restart, wait-up]", "/hosts/0/words/0/command/1", "\"x\""),
    (
        "release",
        "until: { release: 5.0.6 }\nsteps: [restart, wait-up]",
        "/hosts/0/words/0/expect",
        r#""^ReleaseVersion: 5\\.0\\.6\\s*$""#,
    ),
    (
        "booted-after",
        "until: { booted-after: '2026-11-24T00:00:00Z' }\nsteps: [restart, wait-up]",
        "/hosts/0/words/0/command/9",
        "\"1795478400\"",
    ),
    (
        "pending-compactions",
        "checks: { start: [{ pending-compactions: { max: 9 } }] }\nsteps: [restart, wait-up]",
        "/phases/0/demands-start/0/check",
        "\"pending-compactions\"",
    ),
    (
        "max",
        "checks: { start: [{ pending-compactions: { max: 9 } }] }\nsteps: [restart, wait-up]",
        "/phases/0/demands-start/0/bound",
        "9",
    ),
    (
        "disk-headroom",
        "checks: { each-host: [{ disk-headroom: { severity: warn } }] }\nsteps: [restart, wait-up]",
        "/phases/0/demands-each-host/0/check",
        "\"disk-headroom\"",
    ),
    (
        "min",
        "checks: { each-host: [{ disk-headroom: { min: 33 } }] }\nsteps: [restart, wait-up]",
        "/phases/0/demands-each-host/0/bound",
        "33",
    ),
    (
        "hints-drained",
        "checks: { each-host: [{ hints-drained: { severity: stop } }] }\nsteps: [restart, wait-up]",
        "/phases/0/demands-each-host/0/check",
        "\"hints-drained\"",
    ),
    (
        "no-repair",
        "checks: { each-host: [{ no-repair: { severity: stop } }] }\nsteps: [restart, wait-up]",
        "/phases/0/demands-each-host/0/check",
        "\"no-repair\"",
    ),
    (
        "severity",
        "checks: { each-host: [{ no-repair: { severity: warn } }] }\nsteps: [restart, wait-up]",
        "/phases/0/demands-each-host/0/severity",
        "\"warn\"",
    ),
    (
        "gates",
        "gates: [{ name: latency, run: 'p99 --max 50' }]\nsteps: [restart, wait-up]",
        "/gates/0/run/0",
        "\"p99\"",
    ),
    (
        "read-latency",
        "gates: [{ read-latency: { max: 50ms } }]\nsteps: [restart, wait-up]",
        "/gates/0/measure",
        "\"read-latency\"",
    ),
    (
        "write-latency",
        "gates: [{ write-latency: { max: 1500ms } }]\nsteps: [restart, wait-up]",
        "/gates/0/max",
        "1500.0",
    ),
    ("load", "gates: [{ load: { max: 1.5, stable: 5 } }]\nsteps: [restart, wait-up]", "/gates/0/max", "1.5"),
    ("groups", "groups: [['10.10.0.11', '10.10.0.14']]\nsteps: [restart, wait-up]", "/groups/0/nodes", "[0, 1]"),
    ("order", "order: ['10.10.0.16']\nsteps: [restart, wait-up]", "/hosts/0/node", "5"),
    (
        "known-down",
        "known-down: { hosts: ['10.10.0.11'], reason: disk }\nsteps: [restart, wait-up]",
        "/known-down",
        "[0]",
    ),
    (
        "waive",
        "waive: [{ check: all-up, reason: known, expires: '2099-12-31' }]\nsteps: [restart, wait-up]",
        "/waived/0/check",
        "\"all-up\"",
    ),
    (
        "check",
        "waive: [{ check: own-view-complete, reason: known, expires: '2099-12-31' }]\nsteps: [restart, wait-up]",
        "/waived/0/check",
        "\"own-view-complete\"",
    ),
    (
        "expires",
        "waive: [{ check: all-up, reason: known, expires: '2099-12-31' }]\nsteps: [restart, wait-up]",
        "/waived/0/expires",
        "\"2099-12-31\"",
    ),
    ("probe", "steps: [{ run: 'true', takes-down: nothing, probe: 'echo p' }]", "/hosts/0/words/0/probe/1", "\"p\""),
];

/// Keys whose effect is shown below or in the parser's own tests, by name.
const ELSEWHERE: &[(&str, &str)] = &[
    ("rollbook", "bad/018-version-of-the-future"),
    ("steps", "bad/015-empty-steps"),
    ("cluster", "its keys, above"),
    ("when", "what_steps_do"),
    ("pattern", "parameters_are_held_to_their_type_and_pattern"),
    ("type", "parameters_are_held_to_their_type_and_pattern"),
    ("seeds", "cluster_seeds_are_asked"),
];

fn playbook(body: &str) -> String {
    let name = if body.contains("name: ") && body.starts_with("name") { "" } else { "name: base\n" };
    format!("rollbook: 1\n{name}{body}\n")
}

fn keys(schema: &Value, into: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                into.extend(properties.keys().cloned());
            }
            map.values().for_each(|value| keys(value, into));
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, into)),
        _ => {}
    }
}

#[test]
fn no_key_of_the_schema_is_without_a_test_of_its_effect() {
    let schema: Value = serde_json::from_str(include_str!("../../schemas/playbook.schema.json")).unwrap();
    let mut known = BTreeSet::new();
    keys(&schema, &mut known);
    let shown: BTreeSet<String> =
        IN_THE_PLAN.iter().map(|row| row.0).chain(ELSEWHERE.iter().map(|row| row.0)).map(str::to_owned).collect();
    assert_eq!(known, shown);
}

#[test]
fn every_key_changes_what_is_planned() {
    let desk = Desk::new();
    let snapshot = desk.path("snapshot.json").display().to_string();
    expect(desk.rollbook(&["topology", "--sandbox=6", "--out", &snapshot]), 0, &[]);
    let plan = |body: &str| -> Value {
        let file = desk.file("p.yaml", &playbook(body));
        let said = desk.rollbook(&["plan", &file, "--topology", &snapshot, "--format", "json"]);
        assert_eq!(said.exit, Some(0), "{body}: {said:?}");
        serde_json::from_str::<Value>(&said.out).unwrap()["plan"].take()
    };
    // Two without anything beside the steps: what a key changes differs from one of them.
    let base = [plan("steps: [stop, start, wait-up]"), plan("steps: [{ run: 'echo', takes-down: nothing }]")];
    for (key, body, place, value) in IN_THE_PLAN {
        let plan = plan(body);
        let found = plan.pointer(place).unwrap_or_else(|| panic!("{key}: nothing at {place} of {plan:#}"));
        if !value.is_empty() {
            assert_eq!(found, &serde_json::from_str::<Value>(value).unwrap(), "{key}");
        }
        assert!(base.iter().any(|base| base.pointer(place) != Some(found)), "{key} changes nothing at {place}");
    }
}

#[test]
fn parameters_are_held_to_their_type_and_pattern() {
    let desk = Desk::new();
    let body = "params: { x: { pattern: '[a-z]+' }, n: { type: bool, default: true } }\nsteps: [{ run: 'echo {{ params.x }}', takes-down: nothing, when: params.n }]";
    let file = desk.file("p.yaml", &playbook(body));
    let plan = |words: &[&str]| desk.rollbook(&[&["plan", &file, "--sandbox=3"], words].concat());
    expect(plan(&["--param", "x=abc"]), 0, &["echo abc"]);
    let said = plan(&["--param", "x=a1"]);
    assert_ne!(said.exit, Some(0), "{said:?}");
    assert!(said.err.contains("a1"), "{said:?}");
    let said = plan(&["--param", "x=abc", "--param", "n=perhaps"]);
    assert_ne!(said.exit, Some(0), "{said:?}");
    assert!(said.err.contains("perhaps"), "{said:?}");
}

#[test]
fn cluster_seeds_are_asked() {
    let desk = Desk::beside(&Shape { speed: 3.0, ..Shape::of(3) });
    let seed = desk.lab().sandbox.seed();
    let body = format!("cluster: {{ seeds: ['{seed}'] }}\nsteps: [drain, restart, wait-up]");
    let file = desk.file("p.yaml", &playbook(&body));
    expect(desk.rollbook(&["plan", &file]), 0, &["3 hosts"]);
}

/// What the nodes that are left say of latency and load; and a command that prints a number.
#[test]
fn gates_compare_what_is_measured_with_a_bound() {
    let desk = Desk::beside(&Shape { speed: 5.0, ..Shape::of(3) });
    let sandbox = &desk.lab().sandbox;
    let run = |gate: &str| {
        let body = format!("gates: [{gate}]\nsteps: [{{ run: 'true', takes-down: nothing }}]");
        desk.on_cluster(&["run", &desk.file("p.yaml", &playbook(&body)), "--yes"])
    };
    let rest = "poll: 500ms, stable: 1, timeout: 3s";
    for gate in ["read-latency: { max: 50ms, ", "write-latency: { max: 50ms, ", "load: { max: 1, "] {
        expect(run(&format!("{{ {gate}{rest} }} }}")), 0, &["3 done"]);
    }
    expect(run(&format!("{{ name: queue, run: 'echo 7.5', max: 8, {rest} }}")), 0, &["3 done"]);
    sandbox.inject(Fault::on("h2", Fate::Latency(61))).unwrap();
    sandbox.inject(Fault::on("h3", Fate::Load(500))).unwrap();
    for (gate, said) in [
        (
            "read-latency: { max: 50ms, ",
            "gate `read-latency` was closed for too long: 61 ms, at most 50 ms is allowed, at 10.10.0.12",
        ),
        ("load: { max: 2, ", "gate `load` was closed for too long: 2.5, at most 2 is allowed, at 10.10.0.13"),
    ] {
        expect(run(&format!("{{ {gate}{rest} }} }}")), 4, &[said, "3 not begun"]);
    }
    // a tenth of the reads': within the bound
    expect(run(&format!("{{ write-latency: {{ max: 50ms, {rest} }} }}")), 0, &["3 done"]);
    for (command, said) in [
        ("echo 9", "9, at most 8 is allowed"),
        ("echo nine", "it printed `nine`, which is not one number"),
        ("true", "it printed ``, which is not one number"),
    ] {
        let said = format!("gate `queue` was closed for too long: {said}");
        expect(run(&format!("{{ name: queue, run: '{command}', max: 8, {rest} }}")), 4, &[&said, "3 not begun"]);
    }
}

/// One run whose files tell what each key did.
#[test]
fn what_steps_do() {
    let desk = Desk::beside(&Shape { speed: 5.0, ..Shape::of(3) });
    let log = desk.path("log").display().to_string();
    let body = r#"params:
  skip: { type: bool, default: false }
setup:
  - run: sh -c 'echo setup >> "LOGFILE"'
    undo: sh -c 'echo undo >> "LOGFILE"'
concurrency: 1
steps:
  - run: sh -c 'echo "$WHO $COLOUR" >> "LOGFILE"; exit 3'
    env: { WHO: "{{ host }}", COLOUR: red }
    ok-exit: [3]
    takes-down: nothing
  - run: sh -c 'exit 9'
    on-failure: continue
    takes-down: nothing
  - run: sh -c 'echo never >> "LOGFILE"'
    when: params.skip
    takes-down: nothing
  - run:
    script: echo "script $ROLLBOOK_HOST $ROLLBOOK_RACK $ROLLBOOK_PARAM_SKIP" >> "LOGFILE"
    takes-down: nothing
  - pause: 1s
"#;
    let file = desk.file("p.yaml", &playbook(&body.replace("LOGFILE", &log)));
    expect(desk.on_cluster(&["run", &file, "--yes"]), 0, &["3 done", "exit status 9"]);
    let said = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "setup");
    assert_eq!(lines[1], "10.10.0.11 red");
    assert!(lines[2].starts_with("script 10.10.0.11 rack1"), "{said}");
    assert_eq!(*lines.last().unwrap(), "undo");
    assert_eq!(lines.len(), 8, "setup, three hosts with two lines each, undo: {said}");
    assert_eq!(
        find(&desk.home().join("runs"), "status").len(),
        11,
        "three commands on each of three hosts, setup and undo"
    );
}

/// What a step of each host prints is read by its later steps, in words and in scripts, also after another process
/// has taken the run up.
#[test]
fn what_a_step_registers_its_later_steps_read() {
    let desk = Desk::beside(&Shape { speed: 5.0, ..Shape::of(3) });
    let (log, go) = (desk.path("log").display().to_string(), desk.path("go").display().to_string());
    let body = format!(
        r#"steps:
  - run: sh -c 'echo " 90{{{{ host.rack }}}} "'
    register: port
    takes-down: nothing
  - run: test -e {go}
    takes-down: nothing
  - run: sh -c 'echo "$0 $1 $P" >> {log}' {{{{ host }}}} --p={{{{ host.vars.port }}}}
    env: {{ P: "in {{{{ host.vars.port }}}}" }}
    takes-down: nothing
  - run:
    script: echo "script $ROLLBOOK_VAR_PORT" >> {log}
    takes-down: nothing
"#
    );
    let file = desk.file("p.yaml", &playbook(&body));
    expect(
        desk.rollbook(&["plan", &file, "--sandbox=3"]),
        0,
        &["its output becomes host.vars.port", "‹host.vars.port›"],
    );
    expect(desk.on_cluster(&["run", &file, "--yes", "--only", "10.10.0.12"]), 3, &["1 failed"]);
    let said = desk.rollbook(&["runs", "show", "last", "--events"]);
    assert!(said.out.contains("\"registered\":\"90rack2\""), "{said:?}");
    std::fs::write(&go, "").unwrap();
    expect(desk.rollbook(&["resume", "last", "--retry-failed"]), 0, &["1 done"]);
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "10.10.0.12 --p=90rack2 in 90rack2\nscript 90rack2\n");
}

/// Before a step is begun with it; what it would have done is not done.
#[test]
fn a_registered_value_that_a_shell_would_read_again_ends_the_host_at_the_step_that_uses_it() {
    let desk = Desk::beside(&Shape { speed: 5.0, ..Shape::of(3) });
    let run = |register: &str, uses: &str| {
        let body = format!(
            "steps:\n  - run: {register}\n    register: port\n    takes-down: nothing\n  - run: {uses}\n    takes-down: nothing\n"
        );
        let file = desk.file("p.yaml", &playbook(&body));
        desk.on_cluster(&["run", &file, "--yes", "--only", "10.10.0.11"])
    };
    let words = ["`host.vars.port` is `9; reboot`", "`;` is not safe", "host.vars.port | quote", "1 failed"];
    expect(run("echo '9; reboot'", "echo {{ host.vars.port }}"), 3, &words);
    assert_eq!(find(&desk.home().join("runs"), "status").len(), 1, "the second command never began");
    expect(run("echo '9; reboot'", "echo {{ host.vars.port | quote }}"), 0, &["1 done"]);
    expect(run("'true'", "echo {{ host.vars.port }}"), 3, &["it is empty"]);
    let long = ["its output cannot become host.vars.port: it has 5000 bytes, and a value at most 4096", "1 failed"];
    expect(run("sh -c 'head -c 5000 /dev/zero | tr \"\\\\0\" x'", "echo {{ host.vars.port }}"), 3, &long);
}

const PHASES: &str = r#"concurrency: 2
phases:
  - name: first round
    strategy: all
    steps:
      - run: sh -c 'test ! -e "STOP/{{ host }}" && sleep 0.{{ params.nap }} && echo "one {{ host }}" >> "LOGFILE"'
        takes-down: nothing
  - name: second round
    targets: { racks: [rack2, rack3] }
    steps:
      - run: sh -c 'echo "two {{ host }}" >> "LOGFILE"'
        takes-down: nothing
params:
  nap: { default: "2" }
"#;

fn phases(desk: &Desk) -> (String, std::path::PathBuf) {
    let log = desk.path("log");
    let stop = desk.path("stop");
    std::fs::create_dir_all(&stop).unwrap();
    let body = PHASES.replace("LOGFILE", &log.display().to_string()).replace("STOP", &stop.display().to_string());
    (desk.file("p.yaml", &playbook(&body)), log)
}

#[test]
fn a_phase_begins_when_every_host_is_through_the_one_before() {
    let desk = Desk::beside(&Shape { speed: 5.0, ..Shape::of(6) });
    let (file, log) = phases(&desk);
    let seed = desk.lab().sandbox.seed();
    expect(
        desk.rollbook(&["plan", &file, "--seed-host", &seed]),
        0,
        &[
            "phase 1: first round",
            "phase 2: second round",
            "a phase begins when every host of the one before is through",
        ],
    );
    expect(desk.on_cluster(&["run", &file, "--yes"]), 0, &["6 done", "phase 2 of 2 (second round) begins"]);
    let said = std::fs::read_to_string(log).unwrap();
    let rounds: Vec<&str> = said.lines().map(|line| &line[..3]).collect();
    assert_eq!(rounds, [["one"; 6].as_slice(), &["two"; 4]].concat(), "{said}");
    assert!(!said.contains("two 10.10.0.11") && said.contains("two 10.10.0.12"), "rack1 is left alone: {said}");
}

#[test]
fn no_later_phase_begins_behind_a_failure_and_resume_goes_on_where_it_was() {
    let desk = Desk::beside(&Shape { speed: 5.0, ..Shape::of(6) });
    let (file, log) = phases(&desk);
    let stopper = desk.path("stop").join("10.10.0.12");
    std::fs::write(&stopper, "").unwrap();
    let with_failures = std::fs::read_to_string(&file).unwrap() + "max-failures: 3\n";
    std::fs::write(&file, with_failures).unwrap();
    expect(desk.on_cluster(&["run", &file, "--yes"]), 3, &["1 failed", "at phase 1 of 2 (first round)"]);
    let said = std::fs::read_to_string(&log).unwrap();
    assert_eq!((said.matches("one").count(), said.matches("two").count()), (5, 0), "{said}");
    std::fs::remove_file(&stopper).unwrap();
    expect(desk.rollbook(&["resume", "last", "--retry-failed"]), 0, &["6 done", "at phase 2 of 2 (second round)"]);
    let said = std::fs::read_to_string(&log).unwrap();
    assert_eq!((said.matches("one").count(), said.matches("two").count()), (6, 4), "{said}");
}

#[test]
fn a_run_that_stops_between_its_phases_goes_on_with_the_next() {
    let desk = Desk::beside(&Shape { speed: 5.0, ..Shape::of(6) });
    let (file, log) = phases(&desk);
    expect(desk.on_cluster(&["run", &file, "--yes", "--stop-after", "6"]), 4, &["6 done", "at phase 1 of 2"]);
    expect(desk.rollbook(&["resume", "last"]), 0, &["6 done"]);
    let said = std::fs::read_to_string(log).unwrap();
    assert_eq!((said.matches("one").count(), said.matches("two").count()), (6, 4), "nothing twice: {said}");
    // a phase that the operator leaves no host is said to be left out
    let seed = desk.lab().sandbox.seed();
    let said = desk.rollbook(&["plan", &file, "--seed-host", &seed, "--only", "rack=rack1"]);
    expect(said, 0, &["phase `second round` is left out: `--only` and `--skip` leave it no host"]);
}
