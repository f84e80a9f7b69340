//! Variables of a host: given by a file, or registered by a step; in words, in scripts, and deciding over steps.

use crate::desk::{Desk, expect};
use rollbook::sandbox::Shape;

fn cluster() -> Desk {
    Desk::beside(&Shape { speed: 8.0, ..Shape::of(3) })
}

fn file(desk: &Desk, body: &str) -> String {
    desk.file("p.yaml", &format!("rollbook: 1\nname: base\n{body}\n"))
}

const NAMES: &str = "10.10.0.11: { ssh: h1, vars: { port: \"9043\", role: seed } }
10.10.0.12: { vars: { port: \"9044\", role: data } }
10.10.0.13:
  vars: { port: \"9045\", role: data }
";

#[test]
fn a_file_gives_variables_that_are_rendered_into_the_plan_and_decide_there() {
    let desk = cluster();
    let log = desk.path("log").display().to_string();
    let body = format!(
        r#"cluster: {{ hosts: names.yaml }}
steps:
  - run: sh -c 'echo $0 $P >> {log}' {{{{ host.vars.port }}}}
    env: {{ P: "{{{{ host }}}}" }}
    takes-down: nothing
  - run:
    when: host.vars.role == 'seed'
    script: echo "script $ROLLBOOK_VAR_ROLE" >> {log}
    takes-down: nothing
  - run: "false"
    name: for nobody
    when: host.vars.role == 'other'
    takes-down: nothing
"#
    );
    let playbook = file(&desk, &body);
    desk.file("names.yaml", NAMES);
    expect(desk.rollbook(&["check", &playbook]), 0, &["sound"]);
    let words = [
        "left out on 10.10.0.12, .13: `host.vars.role == 'seed'` is false",
        "left out  for nobody: `host.vars.role == 'other'` is false",
        "9043",
        "hosts differ",
    ];
    expect(desk.on_cluster(&["plan", &playbook]), 0, &words);
    let said = expect(desk.on_cluster(&["run", &playbook, "--yes"]), 0, &["3 done", "10.10.0.12 run: left out"]);
    assert_eq!(said.err.matches("left out").count(), 2, "{said:?}");
    let mut lines: Vec<String> = std::fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["9043 h1", "9044 10.10.0.12", "9045 10.10.0.13", "script seed"]);
}

#[test]
fn a_file_that_gives_too_little_or_the_unsafe_is_refused_with_its_place() {
    let desk = cluster();
    let body = "cluster: { hosts: names.yaml }\nsteps: [{ run: 'echo {{ host.vars.port }}', takes-down: nothing }]";
    let playbook = file(&desk, body);
    let with = |names: &str| {
        desk.file("names.yaml", names);
        desk.on_cluster(&["plan", &playbook])
    };
    expect(with(NAMES), 0, &["echo 9043"]);
    let unsafe_value = NAMES.replace("\"9044\"", "\"9044; reboot\"");
    expect(
        with(&unsafe_value),
        65,
        &["`host.vars.port` is `9044; reboot` (names.yaml:2:29): `;` is not safe", "p.yaml:4"],
    );
    expect(with(&NAMES.replace("\"9045\"", "9045")), 65, &["names.yaml:4:17", "without quotes reads as", "`\"9045\"`"]);
    expect(with(&NAMES.replace("port: \"9045\", ", "")), 65, &["10.10.0.13 has no variable `port`", "cluster.hosts"]);
    expect(with(&NAMES.replace("port", "prot")), 65, &["`names.yaml` gives it to no host", "did you mean `prot`?"]);
    let registers = body.replace("steps: [", "steps: [{ run: 'echo 1', takes-down: nothing, register: port }, ");
    let playbook = file(&desk, &registers);
    desk.file("names.yaml", NAMES);
    expect(desk.rollbook(&["check", &playbook]), 65, &["registers `port`, and names.yaml:4:17 gives a host a value"]);
}

/// Only on the host that says so is the node restarted; the others pass by, without a wait.
#[test]
fn what_a_host_says_decides_whether_it_is_restarted() {
    let desk = cluster();
    let body = r#"steps:
  - verify: sh -c 'case {{ host }} in *.12) echo stale;; *) echo fresh;; esac'
    register: config
  - drain:
    when: host.vars.config == 'stale'
  - restart:
    when: host.vars.config == 'stale'
  - wait-up:
    poll: 1s
    stable: 1
"#;
    let playbook = file(&desk, body);
    let words = ["only where `host.vars.config == 'stale'`, decided on each host"];
    expect(desk.on_cluster(&["plan", &playbook]), 0, &words);
    let said = expect(
        desk.on_cluster(&["run", &playbook, "--yes"]),
        0,
        &["3 done", "10.10.0.11 drain: left out: `host.vars.config == 'stale'` is false", "nothing was taken out"],
    );
    assert_eq!(said.err.matches("restart: started").count(), 1, "{said:?}");
    let calls = std::fs::read_to_string(desk.lab().sandbox.dir().join("calls.log")).unwrap();
    let restarts: Vec<&str> = calls.lines().filter(|call| call.contains("systemctl restart")).collect();
    assert!(
        !restarts.is_empty() && restarts.iter().all(|call| call.contains("10.10.0.12") || call.contains("h2")),
        "{restarts:?}"
    );
}
