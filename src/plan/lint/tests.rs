//! Each rule is broken once; the lint must say so.

use super::*;
use crate::plan::model::Rendered;
use crate::plan::samples;
use crate::playbook::model::{Keyspaces, OnFailure, TakesDown};

fn broken(what: &str, edit: impl FnOnce(&mut Plan)) {
    let mut plan = samples::six_hosts();
    edit(&mut plan);
    let found = check_against(&plan, &samples::six_hosts_topology());
    assert!(found.iter().any(|finding| finding.contains(what)), "expected {what:?} among {found:#?}");
}

#[test]
fn a_sound_plan_has_no_finding() {
    assert_eq!(check_against(&samples::six_hosts(), &samples::six_hosts_topology()), Vec::<String>::new());
}

#[test]
fn pairs() {
    broken("the plan does not know", |plan| drop(plan.shared.remove(3)));
    broken("share 2 ranges, the plan says 1", |plan| plan.shared[0].ranges = 1);
    broken("not sorted", |plan| plan.shared.swap(0, 1));
    broken("is not of two nodes", |plan| plan.shared[0].b = 9);
    broken("names no range", |plan| plan.shared[0].keyspace = "other".into());
    broken("whether it protects is wrong", |plan| plan.protect = Keyspaces::Only(vec![]));
    broken("share ranges", |plan| {
        plan.shared.insert(0, crate::plan::model::Shared { a: 0, b: 1, keyspace: "orders".into(), ranges: 1 })
    });
    broken("without a rule that frees a rack", |plan| plan.everybody_conflicts = Some("x".into()));
}

#[test]
fn groups() {
    let group = |nodes: &[usize]| crate::plan::model::Group {
        name: "g".into(),
        nodes: nodes.iter().copied().collect(),
        by_machine_id: false,
    };
    let grouped = |plan: &mut Plan| plan.groups = vec![group(&[0, 1])];
    let mut sound = samples::six_hosts();
    grouped(&mut sound);
    assert_eq!(check_against(&sound, &samples::six_hosts_topology()), Vec::<String>::new());
    broken("no group of two nodes or more", |plan| plan.groups = vec![group(&[0])]);
    broken("no group of two nodes or more", |plan| plan.groups = vec![group(&[0, 9])]);
    broken("is in another group too", |plan| plan.groups = vec![group(&[0, 1]), group(&[1, 0])]);
    broken("nodes of g share ranges", |plan| plan.groups = vec![group(&[0, 2])]);
    broken("g lies across racks", |plan| plan.groups = vec![group(&[0, 2])]);
    broken("that are not worked on", |plan| {
        plan.groups = vec![group(&[4, 5])];
        plan.hosts.pop();
        plan.phases[0].hosts.pop();
    });
    broken("nobody knows what it takes down", |plan| {
        grouped(plan);
        plan.steps[2].kind = crate::playbook::model::StepKind::Run;
        plan.steps[2].takes_down = TakesDown::Unknown;
    });
}

#[test]
fn an_unknown_ring_needs_everybody_to_conflict() {
    let mut topology = samples::six_hosts_topology();
    topology.keyspaces.get_mut("orders").unwrap().ring = None;
    let found = check_against(&samples::six_hosts(), &topology);
    assert!(found.iter().any(|finding| finding.contains("the ring of orders is unknown")), "{found:#?}");
}

#[test]
fn nodes_and_order() {
    broken("two nodes have one id", |plan| plan.nodes[1].id = plan.nodes[0].id.clone());
    broken("are not the hosts of the cluster", |plan| plan.nodes[5].address = "10.77.0.99".parse().unwrap());
    broken("not sorted by data centre", |plan| plan.nodes.swap(0, 1));
    broken("worked on twice", |plan| plan.hosts[1].node = 0);
    broken("out of order", |plan| {
        // a second data centre, whose only host comes first
        let node = plan.hosts.last().unwrap().node;
        plan.nodes[node].datacenter = "dc2".into();
        plan.phases[0].datacenters.insert(
            1,
            crate::plan::model::Datacenter {
                name: "dc2".into(),
                rack_by_rack: false,
                racks: vec!["rack3".into()],
                order: crate::plan::model::HostOrder::ByRack,
            },
        );
        plan.hosts.rotate_right(1);
    });
    broken("not in the order", |plan| drop(plan.phases[0].datacenters[0].racks.remove(2)));
    broken("has no host to work on", |plan| plan.phases[0].datacenters[0].racks.push("rack9".into()));
    broken("has 3 steps of 4", |plan| drop(plan.hosts[0].words.pop()));
}

#[test]
fn limits() {
    broken("nobody accepted the outage", |plan| {
        plan.phases[0].strategy = crate::playbook::model::Strategy::All;
        plan.phases[0].datacenters[0].rack_by_rack = false;
    });
    broken("no hosts at all", |plan| plan.phases[0].max_hosts = Some(0));
    broken("without a pause", |plan| plan.poll_ms = 0);
    broken("version 7", |plan| plan.version = 7);
}

#[test]
fn phases() {
    broken("do not share the steps out", |plan| plan.phases[0].from = 1);
    broken("belong to no phase", |plan| plan.phases[0].to = 3);
    broken("no phase works on a host", |plan| plan.phases[0].hosts.truncate(5));
    broken("twice in a phase", |plan| plan.phases[0].hosts.push(5));
    broken("a phase names a host that is none", |plan| plan.phases[0].hosts.push(6));
}

#[test]
fn chain() {
    broken("no wait-up follows", |plan| {
        plan.steps.pop();
        plan.hosts.iter_mut().for_each(|host| drop(host.words.pop()));
        samples::all_in_one(plan);
    });
    broken("nothing brings the host back", |plan| {
        plan.steps.remove(2);
        plan.hosts.iter_mut().for_each(|host| drop(host.words.remove(2)));
        samples::all_in_one(plan);
    });
    broken("step 2 (stop): nothing brings the host back", |plan| {
        plan.hosts[3].words[2] = Rendered { left_out: Some("x".into()), ..Rendered::default() };
    });
    broken("something else", |plan| plan.steps[0].takes_down = TakesDown::Nothing);
    broken("without a deadline", |plan| plan.steps[3].timeout_ms = 0);
    broken("without being asked", |plan| plan.steps[3].stable = 0);
    broken("only a pause", |plan| plan.steps[0].pause_ms = Some(1));
    broken("may still be running must not go on", |plan| plan.steps[1].on_timeout = OnFailure::Continue);
    broken("must not go on", |plan| plan.steps[3].on_failure = OnFailure::Continue);
}

#[test]
fn words() {
    broken("control character", |plan| plan.hosts[0].words[0].command[1] = "a\u{1b}[2J".into());
    broken("no program", |plan| plan.hosts[0].words[0].command[0] = String::new());
    broken("none belongs", |plan| plan.hosts[0].words[3].command = vec!["true".into()]);
    broken("both", |plan| plan.steps[0].script = Some("true".into()));
    broken("control character in the name", |plan| plan.cluster = "lab\u{7}".into());
    broken("cannot be passed on", |plan| drop(plan.hosts[0].words[0].env.insert("A=B".into(), "c".into())));
    broken("no step before it registers host.vars.port", |plan| {
        plan.steps[1].register = Some("port".into());
        plan.hosts[0].words[1].command.push("‹host.vars.port|quote›".into());
    });
    broken("an undo beside what may take", |plan| plan.hosts[0].words[0].undo = Some(vec!["true".into()]));
    broken("it is left out, and has words", |plan| plan.hosts[0].words[0].left_out = Some("x".into()));
    broken("nobody gives the host.vars.kind", |plan| plan.steps[0].when = Some("host.vars.kind == 'x'".into()));
    broken("registers what no command", |plan| plan.steps[3].register = Some("port".into()));
}
