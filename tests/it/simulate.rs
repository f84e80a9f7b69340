//! `rollbook simulate`: a playbook on a snapshot, in virtual time.

use crate::desk::{Desk, expect};
use crate::plan_clusters::{planned, playbook};
use crate::sandbox::Said;
use rollbook::job::rules::Rules;
use rollbook::job::simulate::{Fault, FaultKind, Scene, WorldFault, run};
use rollbook::plan::compile::Options;

const SIX: &str = "tests/data/topologies/six-hosts.json";

fn simulate(desk: &Desk, more: &[&str]) -> Said {
    desk.rollbook(&[&["simulate", "playbooks/rolling-reboot.yaml", "--topology", SIX], more].concat())
}

#[test]
fn a_calm_run_ends_well_and_is_the_same_each_time() {
    let desk = Desk::new();
    let first = expect(simulate(&desk, &[]), 0, &["every host done", "6 of 6 hosts done", "no promise was broken"]);
    assert_eq!(first.out, simulate(&desk, &[]).out);
    assert_ne!(first.out, simulate(&desk, &["--seed", "2"]).out);
}

#[test]
fn a_host_that_does_not_come_back_stops_the_run_and_nobody_beside_it_is_touched() {
    let desk = Desk::new();
    let fault = "host=10.77.0.12,step=reboot,kind=never-back";
    let said = simulate(&desk, &["--fault", fault]);
    expect(said, 0, &["failed after", "10.77.0.12", "not up by its deadline", "no promise was broken"]);
    let file = desk.file("faults", &format!("# a night\n\n{fault} # the second rack\n"));
    expect(simulate(&desk, &["--faults", &file]), 0, &["not up by its deadline"]);
    let late = simulate(&desk, &["--fault", "host=10.77.0.12,step=reboot,kind=late,by=10m"]);
    expect(late, 0, &["every host done"]);
}

#[test]
fn many_seeds_that_choose_their_own_faults_break_no_promise() {
    let desk = Desk::new();
    let said = simulate(&desk, &["--hostile", "--seeds", "40", "--seed", "7"]);
    expect(said, 0, &["40 seeds from 7 on, hostile", "no promise was broken"]);
}

#[test]
fn the_formats() {
    let desk = Desk::new();
    let said = simulate(&desk, &["--format", "json", "--seeds", "3"]);
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["runs"].as_array().unwrap().len(), 3);
    assert_eq!((&json["runs"][0]["outcome"], &json["runs"][0]["done"]), (&"succeeded".into(), &6.into()));
    let svg = simulate(&desk, &["--format", "svg"]).out;
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert_eq!(svg.matches(" reboot, ").count(), 6, "a bar for each host's reboot");
}

#[test]
fn a_fault_that_cannot_be_read_names_its_place() {
    let desk = Desk::new();
    expect(simulate(&desk, &["--fault", "host=10.77.0.99,kind=dies,at=1m"]), 64, &["--fault", "10.77.0.99"]);
    let file = desk.file("faults", "host=10.77.0.12,kind=dies,at=1m\nhost=10.77.0.12,kind=dies\n");
    expect(simulate(&desk, &["--faults", &file]), 64, &["faults:2:", "wants `at`"]);
    expect(simulate(&desk, &["--format", "svg", "--seeds", "2"]), 64, &["a picture shows one seed"]);
    expect(simulate(&desk, &["--faults", "/no/such/file"]), 65, &["/no/such/file"]);
}

/// The judge is no decoration: without the gate, and blind for nodes that are down, it names the range that was lost.
#[test]
fn a_machine_without_its_rules_is_caught_and_the_range_is_named() {
    let text = std::fs::read_to_string(SIX).unwrap();
    let topology = rollbook::topology::snapshot::read(&text).unwrap();
    let plan = planned(&playbook("rolling-reboot"), &topology, &Options::default()).plan;
    let blind = Rules { count_down_nodes: false, count_cuts: false, ..Rules::default() };
    let broken = |faults: &[Fault], rules: Rules, seeds: u64, named: &dyn Fn(&str) -> bool| {
        let mut scene = Scene::of(topology.clone(), plan.clone(), faults.to_vec());
        let violations = |seed| {
            scene.reseed(seed, false);
            run(&scene, rules).violations
        };
        (1..=seeds).flat_map(violations).map(|broken| broken.what).find(|what| named(what))
    };
    assert_eq!(broken(&[], Rules::default(), 3, &|_| true), None);
    let named = |what: &str| {
        what.starts_with("(i) 10.77.0.1") && what.contains(" holds the range (") && what.contains(" of orders ")
    };
    assert_ne!(broken(&[], Rules { wait_for_the_gate: false, ..blind }, 20, &named), None);

    // 10.77.0.16 dies behind the start checks, and does not come back
    let node = topology.hosts.iter().position(|host| host.address.to_string() == "10.77.0.16").unwrap();
    let dies = [Fault { node, kind: FaultKind::World { at: 20_000, lasts: None, what: WorldFault::Dies } }];
    assert_eq!(broken(&dies, Rules::default(), 3, &|_| true), None);
    let named = |what: &str| what.starts_with("(ii) ") && what.contains("10.77.0.16");
    assert_ne!(broken(&dies, blind, 20, &named), None);
}
