//! Hosts that share a machine: real processes on a sandbox whose machines carry two nodes each.

use crate::desk::{Desk, expect};
use rollbook::sandbox::{Shape, judge};
use std::collections::BTreeMap;

const STEPS: &str = "steps: [drain, stop, reboot, { wait-up: , poll: 1s, stable: 2 }]";

/// Twelve nodes on six machines, two machines a rack.
fn desk() -> Desk {
    Desk::beside(&Shape { nodes_a_machine: 2, speed: 4.0, ..Shape::of(12) })
}

fn file(desk: &Desk, head: &str) -> String {
    desk.file("p.yaml", &format!("rollbook: 1\nname: reboot\n{head}\n{STEPS}\n"))
}

#[test]
fn a_machine_is_rebooted_once_after_both_of_its_nodes_were_drained_and_stopped() {
    let desk = desk();
    let alone = file(&desk, "");
    let said =
        expect(desk.on_cluster(&["run", &alone, "--yes"]), 5, &["are nodes on one machine", "`groups: machine-id`"]);
    assert!(said.err.contains("10.10.0.11 and 10.10.0.12"), "{said:?}");
    assert!(desk.truth().is_empty(), "nothing was done");
    let grouped = file(&desk, "groups: machine-id");
    expect(desk.on_cluster(&["run", &grouped, "--yes"]), 0, &["12 done", "groups that go out as one: machine "]);
    let done = desk.truth();
    let machine = |host: &str| (host[1..].parse::<u32>().unwrap() - 1) / 2;
    let mut reboots: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for (at, host, _) in done.iter().filter(|(_, _, what)| what == "reboot") {
        reboots.entry(machine(host)).or_default().push(*at);
    }
    assert_eq!(reboots.len(), 6, "{done:?}");
    assert!(reboots.values().all(|times| times.len() == 1), "{reboots:?}");
    for (at, host, what) in done.iter().filter(|(_, _, what)| what == "drain" || what == "stop") {
        assert!(*at < reboots[&machine(host)][0], "{what} of {host} came after the reboot of its machine");
    }
    assert_eq!(done.iter().filter(|(_, _, what)| what == "drain").count(), 12);
    assert!(judge(desk.lab().sandbox.dir()).unwrap().is_empty());
    let said = expect(desk.rollbook(&["why", "last", "10.10.0.12"]), 0, &["with 10.10.0.11, on the same machine"]);
    assert!(said.out.contains("it goes out with machine "), "{said:?}");
}

#[test]
fn groups_by_a_command_and_by_a_list_are_shown_in_every_form_of_the_plan() {
    let desk = desk();
    // the inventory: h1 and h2 are on m0, and so on
    let inventory = desk.file("inventory", "h=$(ssh $1 hostname); n=${h#h}; echo hv$(( (n - 1) / 2 ))\n");
    let asked = file(&desk, &format!("groups: {{ command: 'sh {inventory} {{{{ host }}}}' }}"));
    expect(desk.on_cluster(&["plan", &asked]), 0, &["groups that go out as one: hv0 10.10.0.11, .12 · "]);
    let listed = file(&desk, "groups: [{ name: strip 9, hosts: ['10.10.0.11', '10.10.0.12'] }]");
    let words = ["* groups that go out as one: strip 9 10.10.0.11, .12"];
    expect(desk.on_cluster(&["plan", &listed, "--format", "markdown"]), 0, &words);
    expect(desk.on_cluster(&["plan", &listed, "--format", "json"]), 0, &["\"name\": \"strip 9\""]);
    let saved = desk.path("plan.json").display().to_string();
    expect(desk.on_cluster(&["plan", &listed, "--out", &saved]), 0, &[]);
    expect(desk.rollbook(&["why", &saved, "10.10.0.11"]), 0, &["it goes out with strip 9: 10.10.0.12"]);
    // the other five machines are in no group
    expect(desk.on_cluster(&["run", &listed, "--yes"]), 5, &["10.10.0.13 and 10.10.0.14 are nodes on one machine"]);
    let of_a_run = file(&desk, "groups: { command: 'echo {{ run.id }}' }");
    expect(desk.on_cluster(&["plan", &of_a_run]), 75, &["`run.id` and `run.reason` are known only in a run"]);
    let dumb = file(&desk, "groups: { command: 'true' }");
    expect(
        desk.on_cluster(&["plan", &dumb]),
        75,
        &["10.10.0.11: it gave `` where one line that names a group was expected"],
    );
    let snapshot = desk.path("snapshot.json").display().to_string();
    expect(desk.on_cluster(&["topology", "--out", &snapshot]), 0, &[]);
    let said = desk.rollbook(&["plan", &file(&desk, "groups: machine-id"), "--topology", &snapshot]);
    expect(said, 65, &["asked of the hosts, and nobody asked them", "a snapshot does not hold the answers"]);
    let apart = file(&desk, "groups: [['10.10.0.11', '10.10.0.13']]");
    expect(
        desk.on_cluster(&["plan", &apart]),
        5,
        &["10.10.0.11 and 10.10.0.13 both hold", "of orders", "accept-outage"],
    );
}

#[test]
fn a_plan_whose_machines_are_others_now_is_stale() {
    let desk = desk();
    let saved = desk.path("plan.json").display().to_string();
    expect(desk.on_cluster(&["plan", &file(&desk, "groups: machine-id"), "--out", &saved]), 0, &[]);
    let hosts = desk.lab().sandbox.dir().join("hosts.tsv");
    let text = std::fs::read_to_string(&hosts).unwrap();
    let moved: Vec<String> = text
        .lines()
        .map(|line| {
            let mut words: Vec<String> = line.split('\t').map(str::to_owned).collect();
            if words[0] == "h2" {
                words[5] = "0123456789abcdef0123456789abcdef".into();
            }
            words.join("\t")
        })
        .collect();
    std::fs::write(&hosts, moved.join("\n") + "\n").unwrap();
    let words = ["10.10.0.11 and 10.10.0.12 were on one machine when the plan was made", "no longer those of the plan"];
    expect(desk.on_cluster(&["run", &saved]), 6, &words);
    assert!(desk.truth().is_empty(), "nothing was done");
}

/// One of the two nodes fails before the reboot: the machine is not rebooted under it, and a retry does both.
#[test]
fn a_machine_is_not_rebooted_while_one_of_its_nodes_has_failed() {
    let desk = desk();
    let mark = desk.path("mark").display().to_string();
    let looks = desk.file("looks", &format!("test $1 != 10.10.0.12 || test -e {mark}\n"));
    let steps = format!(
        "steps: [drain, stop, {{ verify: 'sh {looks} {{{{ host.address }}}}', timeout: 2s, poll: 500ms }}, reboot, \
         {{ wait-up: , poll: 1s, stable: 2 }}]"
    );
    let body = format!("rollbook: 1\nname: reboot\ngroups: machine-id\n{steps}\n");
    let words = ["run", &desk.file("p.yaml", &body), "--yes", "--only", "10.10.0.11,10.10.0.12"];
    expect(desk.on_cluster(&words), 3, &["2 failed", "10.10.0.12 of its group did not get so far"]);
    let reboots = || desk.truth().into_iter().filter(|(_, _, what)| what == "reboot").count();
    assert_eq!(reboots(), 0, "{:?}", desk.truth());
    std::fs::write(&mark, "").unwrap();
    expect(desk.rollbook(&["resume", "last", "--retry-failed"]), 0, &["2 done"]);
    assert_eq!(reboots(), 1, "{:?}", desk.truth());
}
