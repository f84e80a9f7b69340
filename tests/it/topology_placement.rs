//! Placement as it is computed here, and as real nodes printed it: every captured cluster, every keyspace of it.

use crate::desk::{Desk, expect, find};
use rollbook::topology::assembly::{Said, agree, assemble, to_describe};
use rollbook::topology::model::{Factor, Placement, Replication, Topology};
use rollbook::topology::nodetool::*;
use rollbook::topology::placement::replicas;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nodetool")
}

/// What one node said in one state, with every ring that it printed.
struct Capture {
    said: Said,
    owners: RingView,
    described: BTreeMap<String, DescribedRing>,
}

fn capture(dir: &Path) -> Option<Capture> {
    // (a starting node fails, or says nothing)
    let read = |name: &str| {
        let failed = fs::read_to_string(dir.join(format!("{name}.rc"))).is_ok_and(|rc| !rc.starts_with("0"));
        let text = fs::read_to_string(dir.join(format!("{name}.out"))).ok();
        text.filter(|text| !failed && !text.trim().is_empty())
    };
    let owners = parse_ring(&read("ring").or_else(|| read("ring_orders"))?).unwrap();
    let said = Said {
        by: dir.display().to_string(),
        status: parse_status(&read("status")?).unwrap(),
        cluster: parse_describecluster(&read("describecluster")?).unwrap(),
        gossip: parse_gossipinfo(&read("gossipinfo")?).unwrap(),
    };
    agree(std::slice::from_ref(&said)).ok()?; // a joining node
    let named =
        |name: &String| Some((name.clone(), parse_describering(&read(&format!("describering_{name}"))?).unwrap()));
    let described: BTreeMap<String, DescribedRing> = said.cluster.keyspaces.keys().filter_map(named).collect();
    (!described.is_empty()).then_some(Capture { said, owners, described })
}

fn all() -> Vec<(PathBuf, Capture)> {
    let folders = find(&captures(), "describecluster.out").into_iter().map(|path| path.parent().unwrap().to_owned());
    folders.filter_map(|dir| Some((dir.clone(), capture(&dir)?))).collect()
}

/// The topology of one capture with these keyspaces alone.
fn topology(capture: &Capture, keep: impl Fn(&str) -> bool) -> Topology {
    let mut said = capture.said.clone();
    said.cluster.keyspaces.retain(|name, replication| *replication == Replication::Local || keep(name));
    let wanted: BTreeSet<String> = to_describe(&said).into_iter().collect();
    let described = capture.described.iter().filter(|(name, _)| wanted.contains(*name));
    let described = described.map(|(name, ring)| (name.clone(), ring.clone())).collect();
    assemble(&[said], &capture.owners, &described, vec![], vec![]).unwrap_or_else(|refused| panic!("{refused}"))
}

fn factors(replication: &Replication) -> BTreeMap<&str, Factor> {
    match replication {
        Replication::NetworkTopology(factors) => factors.iter().map(|(dc, factor)| (dc.as_str(), *factor)).collect(),
        _ => BTreeMap::new(),
    }
}

#[test]
fn every_ring_that_a_real_node_printed_is_the_one_that_is_computed() {
    let (mut rings, mut ranges) = (0, 0);
    let mut shapes: BTreeSet<&str> = BTreeSet::new();
    for (dir, capture) in all() {
        for name in capture.described.keys() {
            // each by itself, so that none stands for another of the same replication
            let topology = topology(&capture, |other| other == name);
            let replication = &topology.keyspaces[name].replication;
            // (which replicas are transient is not printed; where they are is computed as for others)
            let transient = factors(replication).values().any(|factor| factor.transient > 0);
            let how = if transient { Placement::Transient } else { Placement::Compared };
            assert_eq!(topology.placement, [(name.clone(), how)].into(), "{}", dir.display());
            let host = |at| topology.by_address(at).unwrap();
            let tokens: Vec<(i128, usize)> =
                capture.owners.tokens.iter().map(|(token, at)| (token.number().unwrap(), host(*at))).collect();
            let computed = replicas(&tokens, &topology.hosts, replication);
            assert_eq!(topology.rings, [computed], "{name} in {}", dir.display());
            (rings, ranges) = (rings + 1, ranges + topology.rings[0].ranges.len());
            shapes.extend(shape(&topology, name));
        }
    }
    let expected = [
        "SimpleStrategy",
        "data centres with factors of their own",
        "fewer nodes than replicas",
        "fewer racks than replicas",
        "no replica in a data centre",
        "one token",
        "sixteen tokens",
        "transient replicas",
        "uneven racks",
    ];
    assert_eq!(shapes, expected.into());
    assert!(rings >= 60 && ranges > 2_000, "{rings} rings of {ranges} ranges");
}

/// What is special in the ring of one keyspace.
fn shape(topology: &Topology, name: &str) -> Vec<&'static str> {
    let replication = &topology.keyspaces[name].replication;
    let factors = factors(replication);
    let mut racks: BTreeMap<&str, BTreeMap<&str, u32>> = BTreeMap::new();
    for host in &topology.hosts {
        *racks.entry(&host.datacenter).or_default().entry(&host.rack).or_insert(0) += 1;
    }
    let some = |holds: &dyn Fn(&BTreeMap<&str, u32>, Factor) -> bool| {
        racks.iter().any(|(dc, racks)| factors.get(dc).is_some_and(|factor| holds(racks, *factor)))
    };
    let totals: BTreeSet<u32> = factors.values().map(|factor| factor.total).filter(|total| *total > 0).collect();
    let special = [
        ("SimpleStrategy", matches!(replication, Replication::Simple(_))),
        ("data centres with factors of their own", totals.len() > 1),
        ("fewer nodes than replicas", some(&|racks, factor| racks.values().sum::<u32>() < factor.total)),
        ("fewer racks than replicas", some(&|racks, factor| racks.len() < factor.total as usize)),
        ("no replica in a data centre", !factors.is_empty() && racks.keys().any(|dc| !totals_at(&factors, dc))),
        ("one token", topology.hosts.iter().all(|host| host.tokens == 1)),
        ("sixteen tokens", topology.hosts.iter().all(|host| host.tokens == 16)),
        ("transient replicas", some(&|_, factor| factor.transient > 0)),
        ("uneven racks", some(&|racks, _| racks.values().min() != racks.values().max())),
    ];
    special.into_iter().filter(|(_, is)| *is).map(|(what, _)| what).collect()
}

fn totals_at(factors: &BTreeMap<&str, Factor>, dc: &str) -> bool {
    factors.get(dc).is_some_and(|factor| factor.total > 0)
}

/// As a cluster is read: once for each replication, whichever keyspaces have it.
#[test]
fn equal_replication_is_computed_once() {
    let mut twins = 0;
    for (dir, capture) in all().into_iter().filter(|(_, capture)| capture.described.contains_key("twin")) {
        let topology = topology(&capture, |_| true);
        let distinct: BTreeSet<&Replication> =
            topology.keyspaces.values().map(|keyspace| &keyspace.replication).collect();
        assert_eq!(
            (topology.rings.len(), topology.placement.len()),
            (distinct.len(), distinct.len()),
            "{}",
            dir.display()
        );
        assert_eq!(topology.keyspaces["twin"].ring, topology.keyspaces["p0"].ring);
        assert!(!topology.placement.contains_key("twin"));
        twins += 1;
    }
    assert_eq!(twins, 5);
}

/// Nodes that answer as they did in a capture, but for one range of `system_auth`, which they put on another host.
fn one_range_elsewhere(desk: &Desk) -> String {
    let folder = captures().join("5.0.5/all-up/h1");
    let text = format!(
        "shift\nfile={}/$(echo $* | tr ' ' _).out\ncase $* in\ndescribecluster) exec grep -v system_[dt] $file ;;\n\
         *system_auth) exec sed '4s/10.77.0.11/10.77.0.12/g; 4s/rack1/rack2/' $file ;;\nesac\nexec cat $file\n",
        folder.display()
    );
    let tool = desk.file("nodetool", &text);
    let cluster = format!("cluster:\n  ssh: [\"false\"]\n  nodetool: \"sh {tool} {{{{ host }}}} {{{{ args }}}}\"\n");
    format!("rollbook: 1\nname: x\n{cluster}steps: [restart, wait-up]\n")
}

#[test]
fn a_difference_ends_with_5_and_both_shown() {
    let desk = Desk::new();
    let file = desk.file("x.yaml", &one_range_elsewhere(&desk));
    for words in [&["plan", &file][..], &["topology", "--playbook", &file], &["run", &file, "--yes"]] {
        let said = desk.rollbook(&[words, &["--seed-host", "10.77.0.11"]].concat());
        let both = "the range (-3074457345618258603, -1537228672809129302] of `system_auth` is on 10.77.0.12 in \
                    describering, and on 10.77.0.11 by its tokens and its replication";
        let said = expect(said, 5, &[both, "help: one of the two is wrong, and nothing may rest on it"]);
        assert!(said.out.is_empty(), "no plan: {said:?}");
    }
    expect(desk.rollbook(&["runs"]), 0, &["no run yet"]);
}

#[test]
fn a_plan_and_a_topology_say_what_was_compared_also_from_a_snapshot() {
    let desk = Desk::new();
    let snapshot = desk.path("cluster.json").display().to_string();
    let line = "placement: computed, compared with `describering` of orders (";
    expect(desk.rollbook(&["topology", "--sandbox=3", "--out", &snapshot]), 0, &[line]);
    let plan = |words: &[&str]| desk.rollbook(&[&["plan", "playbooks/rolling-reboot.yaml"], words].concat());
    expect(plan(&["--topology", &snapshot]), 0, &[line]);
    expect(plan(&["--topology", &snapshot, "--format", "markdown"]), 0, &["* placement: computed, compared with "]);
    let json =
        |words: &[&str]| -> serde_json::Value { serde_json::from_str(&expect(plan(words), 0, &[]).out).unwrap() };
    let known = json(&["--topology", &snapshot, "--format", "json"]);
    let all = serde_json::json!({"orders": "compared", "system_distributed": "compared", "system_traces": "compared"});
    assert_eq!(known["estimate"]["placement"], all);
    // one that was made before it was said: the same plan, by its hash
    let mut older: serde_json::Value = serde_json::from_str(&fs::read_to_string(&snapshot).unwrap()).unwrap();
    older.as_object_mut().unwrap().remove("placement").unwrap();
    let older = desk.file("older.json", &older.to_string());
    expect(
        plan(&["--topology", &older]),
        0,
        &["placement: whether it was compared with `describering` is not recorded"],
    );
    assert_eq!(json(&["--topology", &older, "--format", "json"])["hash"], known["hash"]);
}
