//! Plans of the checked-in playbooks for kept clusters: their texts, their waves, the same bytes each time.

use super::plan_clusters::{all, held_current, planned, playbook, root, together};
use rollbook::job::simulate::scene;
use rollbook::plan::compile::{Options, compile};
use rollbook::plan::file;
use rollbook::playbook::model::{DatacenterOrder, Playbook, Strategy};
use rollbook::report;
use rollbook::topology::assembly::{Said, assemble};
use rollbook::topology::model::Topology;
use rollbook::topology::nodetool::*;
use rollbook::topology::snapshot;
use std::collections::BTreeMap;
use std::fs;

/// The kept snapshot, which is also what placement computes.
fn kept(name: &str) -> Topology {
    if std::env::var_os("ROLLBOOK_WRITE").is_some() {
        return all().into_iter().find(|(known, _)| *known == name).unwrap().1; // the file is being written
    }
    snapshot::read(&fs::read_to_string(root().join(format!("tests/data/topologies/{name}.json"))).unwrap()).unwrap()
}

#[test]
fn the_kept_clusters_are_what_cassandras_placement_gives() {
    for (name, topology) in all() {
        held_current(&format!("tests/data/topologies/{name}.json"), &snapshot::write(&topology));
    }
}

#[test]
fn each_cluster_has_the_expected_plan_and_it_fits_a_screen() {
    for (name, _) in all() {
        let file = planned(&playbook("rolling-reboot"), &kept(name), &Options::default());
        let text = report::plan_text(&file, None);
        held_current(&format!("tests/data/topologies/{name}.plan.txt"), &text);
        assert!(text.lines().count() <= 50, "{name}: {} lines", text.lines().count());
    }
    let file = planned(&playbook("rolling-reboot"), &kept("six-hosts"), &Options::default());
    held_current("tests/data/topologies/six-hosts.plan.md", &report::plan_markdown(&file));
}

#[test]
fn six_hosts_in_three_racks_take_exactly_three_waves() {
    let file = planned(&playbook("rolling-reboot"), &kept("six-hosts"), &Options::default());
    assert_eq!((file.estimate.waves.len(), file.estimate.lower_bound), (3, 3));
}

#[test]
fn no_wave_takes_two_replicas_of_a_range_whatever_the_cluster() {
    for (name, topology) in all() {
        for strategy in [Strategy::Topology, Strategy::One] {
            for datacenters in [DatacenterOrder::Serial, DatacenterOrder::Parallel] {
                let mut playbook = Playbook { strategy, ..playbook("rolling-restart") };
                playbook.concurrency.datacenters = datacenters;
                playbook.concurrency.max_hosts = None;
                let file = planned(&playbook, &topology, &Options::default());
                for wave in &file.estimate.waves {
                    assert_eq!(together(&topology, &file, wave), None, "{name} {strategy:?} {datacenters:?}");
                }
            }
        }
    }
}

/// The clusters of the simulator: 1 to 60 hosts, several data centres and racks, keyspaces of all kinds.
#[test]
fn plans_of_random_clusters_pass_the_lint_and_keep_the_rule() {
    let mut several = 0;
    for seed in 0..150 {
        let topology = scene(seed, None).topology;
        let accepted = (topology.hosts.len() == 1).then(|| "a test".to_string());
        let mut playbook = Playbook { accept_outage: accepted, ..playbook("rolling-reboot") };
        playbook.concurrency.max_hosts = [None, Some(1), Some(3), Some(10)][seed as usize % 4];
        let file = planned(&playbook, &topology, &Options::default());
        for wave in &file.estimate.waves {
            assert_eq!(together(&topology, &file, wave), None, "seed {seed}");
            several += usize::from(wave.hosts.len() > 1);
        }
    }
    assert!(several > 100, "only {several} waves of several hosts: nothing was put to the test");
}

/// Answers as captured, with the nodes, keyspaces and ranges in another order.
fn captured(shuffled: bool) -> Topology {
    let read = |path: &str| {
        let text = fs::read_to_string(root().join("tests/data/nodetool/5.0.5/all-up").join(path)).unwrap();
        if shuffled { other_order(&text) } else { text }
    };
    let said = |host: &str| {
        let mut cluster = parse_describecluster(&read(&format!("{host}/describecluster.out"))).unwrap();
        cluster.keyspaces.retain(|name, _| !["system_distributed", "system_traces"].contains(&name.as_str()));
        Said {
            by: host.into(),
            status: parse_status(&read(&format!("{host}/status.out"))).unwrap(),
            cluster,
            gossip: parse_gossipinfo(&read(&format!("{host}/gossipinfo.out"))).unwrap(),
        }
    };
    let owners = parse_ring(&fs::read_to_string(root().join("tests/data/nodetool/5.0.5/all-up/h1/ring.out")).unwrap());
    let ring = |name: &str| parse_describering(&read(&format!("h1/describering_{name}.out"))).unwrap();
    let described = BTreeMap::from(["orders", "system_auth"].map(|name| (name.to_string(), ring(name))));
    let asked: Vec<_> = ["10.77.0.11", "10.77.0.12", "10.77.0.13"].map(|at| at.parse().unwrap()).into();
    assemble(&["h1", "h2", "h3"].map(said), &owners.unwrap(), &described, vec![asked[0]], asked).unwrap()
}

/// Rows of `status`, lines of keyspaces and ranges, and blocks of `gossipinfo`, in reverse.
fn other_order(text: &str) -> String {
    let alike = |line: &str| {
        line.starts_with("UN ") || line.contains("-> Replication class") || line.trim_start().starts_with("TokenRange(")
    };
    let mut reversed: Vec<&str> = text.lines().filter(|line| alike(line)).collect();
    if reversed.is_empty() && text.starts_with('/') {
        let mut blocks: Vec<String> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            match blocks.last_mut().filter(|_| !line.starts_with('/')) {
                Some(block) => block.push_str(&format!("{line}\n")),
                None => blocks.push(format!("{line}\n")),
            }
        }
        blocks.reverse();
        return blocks.concat() + "\n";
    }
    assert!(reversed.len() > 1, "nothing to put in another order in\n{text}");
    let lines = text.lines().map(|line| if alike(line) { reversed.pop().unwrap() } else { line });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_same_cluster_told_in_another_order_gives_the_same_bytes() {
    let (one, other) = (captured(false), captured(true));
    let bytes = |topology: &Topology| file::write(&planned(&playbook("rolling-reboot"), topology, &Options::default()));
    assert_eq!(bytes(&one), bytes(&other));
    assert_eq!(bytes(&one), bytes(&one));
}

#[test]
fn another_target_order_gives_another_plan_and_the_same_conflicts() {
    let topology = kept("two-datacenters");
    let mut playbook = playbook("rolling-reboot");
    playbook.targets.datacenters = vec!["west".into(), "east".into()];
    let west = planned(&playbook, &topology, &Options::default());
    playbook.targets.datacenters.pop();
    let alone = planned(&playbook, &topology, &Options::default());
    assert_eq!(west.plan.phases[0].datacenters[0].name, "west");
    assert_eq!((west.estimate.waves.len(), alone.estimate.waves.len()), (6, 3));
    assert_eq!(west.plan.shared, alone.plan.shared);
    assert_eq!(alone.plan.nodes.len(), 12);
}

#[test]
fn the_schema_is_current_and_takes_every_plan() {
    held_current("schemas/plan.schema.json", &file::schema());
    let schema: serde_json::Value = serde_json::from_str(&file::schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (_, topology) in all() {
        let file = planned(&playbook("rolling-reboot"), &topology, &Options::default());
        let mut value: serde_json::Value = serde_json::from_str(&file::write(&file)).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        value["plan"]["unheard-of"] = 1.into();
        assert!(!validator.is_valid(&value));
    }
}

/// Python can compute the hash: keys sorted, no blanks, UTF-8 as it is.
#[test]
fn the_hash_is_of_what_the_documentation_says() {
    use sha2::{Digest, Sha256};
    fn sorted(value: &serde_json::Value) -> String {
        match value {
            serde_json::Value::Object(map) => {
                let ordered: BTreeMap<&String, &serde_json::Value> = map.iter().collect();
                let parts = ordered.iter().map(|(key, value)| format!("{}:{}", serde_json::json!(key), sorted(value)));
                format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
            }
            serde_json::Value::Array(items) => {
                format!("[{}]", items.iter().map(sorted).collect::<Vec<_>>().join(","))
            }
            other => other.to_string(),
        }
    }
    let file = planned(&playbook("rolling-reboot"), &kept("six-hosts"), &Options::default());
    let value: serde_json::Value = serde_json::from_str(&file::write(&file)).unwrap();
    let digest = Sha256::digest(sorted(&value["plan"]));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(file.hash, format!("sha256:{hex}"));
}

#[test]
fn a_selector_that_matches_nothing_is_found_where_it_stands() {
    let text = "rollbook: 1\nname: x\ntargets: { racks: [rack1, rak2] }\nsteps: [drain, restart, wait-up]\n";
    let (playbook, _) = rollbook::playbook::read(text.as_bytes()).unwrap();
    let errors = compile(&playbook, &kept("six-hosts"), &BTreeMap::new(), &Options::default()).unwrap_err();
    let shown = rollbook::diagnostic::render(&errors[0], "x.yaml", text);
    assert!(shown.contains("x.yaml:3:27") && shown.contains("did you mean `rack2`?"), "{shown}");
}
