//! What no level, group or lock lets through: each was once planned, or begun, by mistake.

use crate::desk::{Desk, expect};
use crate::plan_clusters::{cluster, nts, planned, simple};
use rollbook::job::rules::{Frame, Rules};
use rollbook::job::simulate::{Scene, run};
use rollbook::plan::compile::{Options, compile};
use rollbook::plan::lint;
use rollbook::playbook::model::Playbook;
use rollbook::topology::model::{Replication, Topology};
use std::collections::{BTreeMap, BTreeSet};

const STEPS: &str = "steps: [restart, wait-up]\n";

fn read(head: &str) -> Playbook {
    let text = format!("rollbook: 1\nname: x\n{head}\n{STEPS}");
    rollbook::playbook::read(text.as_bytes()).unwrap_or_else(|found| panic!("{text}\n{found:?}")).0
}

fn refused(head: &str, topology: &Topology) -> String {
    let errors = match compile(&read(head), topology, &BTreeMap::new(), &Options::default()) {
        Err(errors) => errors,
        Ok(plan) => panic!("{head}\nwas planned: {:?}", plan.warnings),
    };
    errors.iter().map(|error| format!("{}\n{}\n", error.message, error.help.clone().unwrap_or_default())).collect()
}

fn six(keyspaces: &[(&str, Replication)]) -> Topology {
    cluster(&[("dc1", 3, 2)], 4, keyspaces)
}

const AVAILABILITY: &str = "strategy: availability\navailability: ";

#[test]
fn a_level_that_counts_no_keyspace_is_an_outage_that_somebody_must_accept() {
    let orders = six(&[("orders", nts(&[("dc1", 3)])), ("system_auth", simple(1))]);
    let nobody = six(&[("system_traces", simple(2))]);
    let accepted = format!("{AVAILABILITY}{{ level: LOCAL_QUORUM, accept: [orders, system_auth] }}");
    let level = format!("{AVAILABILITY}{{ level: LOCAL_QUORUM }}");
    for (head, topology) in [(&accepted, &orders), (&level, &nobody)] {
        let said = refused(head, topology);
        assert!(said.contains("LOCAL_QUORUM keeps nobody apart") && said.contains("`accept-outage: REASON`"), "{said}");
        let said = planned(&read(&format!("{head}\naccept-outage: nobody reads it")), topology, &Options::default());
        assert!(said.plan.warnings.iter().any(|warning| warning.message.contains("all may be out together")));
        assert!(!said.plan.warnings.iter().any(|warning| warning.message.contains("one host at a time")), "{said:?}");
    }
    // of a plan that was edited by hand
    let kept = level.replace("LOCAL_QUORUM", "LOCAL_QUORUM, accept: [system_auth]");
    let mut plan = planned(&read(&kept), &orders, &Options::default()).plan;
    plan.phases[0].needs.clear();
    assert!(lint::check(&plan).iter().any(|found| found.contains("nobody accepted the outage")));
}

#[test]
fn so_is_a_data_centre_in_which_no_level_is_asked_for() {
    let both = nts(&[("east", 3), ("west", 3)]);
    let topology = cluster(&[("east", 3, 2), ("west", 3, 2)], 4, &[("orders", both)]);
    let head = format!("{AVAILABILITY}{{ level: LOCAL_QUORUM, datacenters: [east] }}");
    let said = refused(&head, &topology);
    assert!(said.contains("no level protects what west holds") && said.contains("`accept-outage: REASON`"), "{said}");
    // accepted, it is what was asked for: the judge of the simulator says so too
    let file =
        planned(&read(&format!("{head}\naccept-outage: only reports run there")), &topology, &Options::default());
    let report = run(&Scene::of(topology, file.plan, vec![]), Rules::default());
    assert_eq!(report.violations, vec![]);
}

#[test]
fn a_group_that_breaks_the_level_is_refused_also_where_the_outage_is_accepted() {
    let topology = six(&[("orders", nts(&[("dc1", 3)]))]);
    // a pair that shares a range
    let ring = &topology.rings[0].sets[0];
    let [a, b] = [ring[0], ring[1]].map(|node| topology.hosts[node].address);
    let group = format!("groups: [{{ name: strip, hosts: ['{a}', '{b}'] }}]\naccept-outage: one strip\n");
    for strategy in ["topology", "one", "availability"] {
        let said = refused(&format!("{group}strategy: {strategy}\navailability: {{ level: LOCAL_QUORUM }}"), &topology);
        assert!(said.contains("go out together") && said.contains("accept: [orders]"), "{strategy}: {said}");
    }
    planned(&read(&group), &topology, &Options::default()); // without a level it is accepted
}

#[test]
fn a_range_that_is_below_its_level_as_it_is_is_no_level_kept() {
    let both = nts(&[("east", 3), ("west", 3)]);
    let topology = cluster(&[("east", 3, 1), ("west", 3, 1)], 4, &[("orders", both)]);
    let [a, b] = [0, 1].map(|at| {
        let west = topology.hosts.iter().filter(|host| host.datacenter == "west");
        west.map(|host| host.address).nth(at).unwrap()
    });
    let head = format!(
        "strategy: topology\ntargets: {{ datacenters: [east] }}\navailability: {{ level: EACH_QUORUM }}\n\
         known-down: {{ hosts: ['{a}', '{b}'], reason: disks }}"
    );
    let said = refused(&head, &topology);
    assert!(said.contains("1 are left: it is below the level as it is") && said.contains("accept: [orders]"), "{said}");
}

#[test]
fn a_level_refuses_nothing_where_nothing_is_taken_out() {
    let topology = six(&[("orders", nts(&[("dc1", 1)]))]);
    let copy = "rollbook: 1\nname: x\nstrategy: topology\navailability: { level: LOCAL_QUORUM }\n\
                steps: [{ run: 'scp a {{ host }}:', takes-down: nothing }]\n";
    let playbook = rollbook::playbook::read(copy.as_bytes()).unwrap().0;
    assert_eq!(planned(&playbook, &topology, &Options::default()).plan.hosts.len(), 6);
}

/// A node that is away for good takes no slot of its data centre, and occupies no more ranges than its own.
#[test]
fn who_is_known_to_be_down_holds_back_only_those_that_share_its_ranges() {
    let topology = cluster(&[("dc1", 3, 8)], 1, &[("orders", nts(&[("dc1", 3)]))]);
    let shares = |a: usize, b: usize| topology.rings[0].sets.iter().any(|set| set.contains(&a) && set.contains(&b));
    let address = |node: usize| topology.hosts[node].address;
    let down = 1;
    let free = |node: &usize| *node != down && !shares(*node, down);
    let known = format!("known-down: {{ hosts: ['{}'], reason: disk }}", address(down));
    for head in [format!("strategy: one\n{known}"), known.clone()] {
        let file = planned(&read(&head), &topology, &Options::default());
        let worked: BTreeSet<usize> = file.plan.hosts.iter().map(|host| host.node).collect();
        assert_eq!(worked, (0..topology.hosts.len()).filter(free).collect(), "{head}");
        let waved: usize = file.estimate.waves.iter().map(|wave| wave.hosts.len()).sum();
        assert_eq!(waved, worked.len(), "everybody has a wave: {head}");
    }
    // in a group with one that is up: what that one holds is not lost with it
    let mate = (0..topology.hosts.len()).find(|node| free(node) && *node != down).unwrap();
    let group = format!("{known}\ngroups: [{{ name: strip, hosts: ['{}', '{}'] }}]", address(down), address(mate));
    let file = planned(&read(&group), &topology, &Options::default());
    let waved: usize = file.estimate.waves.iter().map(|wave| wave.hosts.len()).sum();
    assert_eq!(waved, file.plan.hosts.len(), "everybody has a wave");
}

/// Part of the ring was not read: one host at a time, and no talk of a broken plan.
#[test]
fn a_thin_ring_makes_a_plan_of_one_host_at_a_time() {
    let mut topology = six(&[("orders", nts(&[("dc1", 3)]))]);
    topology.keyspaces.get_mut("orders").unwrap().replication = nts(&[("dc1", 4)]);
    let file = planned(&read(""), &topology, &Options::default());
    assert_eq!(file.estimate.waves.len(), 6);
}

#[test]
fn under_a_level_a_run_holds_all_that_share_its_ranges() {
    let topology = six(&[("orders", nts(&[("dc1", 3)]))]);
    let head = format!("{AVAILABILITY}{{ level: LOCAL_QUORUM }}");
    let options = |only: usize| Options {
        only: vec![topology.hosts[only].address.to_string().parse().unwrap()],
        ..Options::default()
    };
    let plan = planned(&read(&head), &topology, &options(0)).plan;
    let by_pairs = planned(&read(""), &topology, &options(0)).plan;
    let held = |plan| rollbook::execute::engine::held(&Frame::new(plan, Rules::default()));
    assert!(held(&plan).len() > 1 && held(&plan) == held(&by_pairs), "{:?}", held(&plan));
}

#[test]
fn a_plan_is_written_over_a_plan_and_over_nothing_else() {
    let desk = Desk::new();
    let playbook = desk.file("p.yaml", &format!("rollbook: 1\nname: x\n{STEPS}"));
    let before = std::fs::read_to_string(&playbook).unwrap();
    let plan = |out: &str| desk.rollbook(&["plan", &playbook, "--sandbox=6", "--out", out]);
    expect(plan(&playbook), 64, &["exists and is no plan"]);
    assert_eq!(std::fs::read_to_string(&playbook).unwrap(), before);
    let saved = desk.path("plan.json").display().to_string();
    expect(plan(&saved), 0, &["runs exactly this"]);
    expect(plan(&saved), 0, &["runs exactly this"]);
    let nowhere = expect(plan("/nonexistent/plan.json"), 64, &["cannot write"]);
    assert!(!nowhere.out.contains("runs exactly this"), "{nowhere:?}");
}

#[test]
fn standard_error_that_nobody_reads_is_no_panic() {
    let desk = Desk::new();
    let bad = desk.file("p.yaml", "rollbook: 1\nname: x\nsteps: [dance]\n");
    for command in [vec!["check", &bad], vec!["plan", &bad, "--sandbox=6"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let status = desk.command(&command).stdout(std::process::Stdio::null()).stderr(full).status().unwrap();
        assert_eq!(status.code(), Some(65), "{command:?}");
    }
}
