//! Consistency levels: as many hosts at once as every range can spare, and never one more.

use crate::desk::Desk;
use crate::plan_clusters::{cluster, held_current, nts, planned, playbook, simple};
use rollbook::job::simulate::scene;
use rollbook::plan::compile::{Options, compile};
use rollbook::playbook::model::{Availability, DatacenterOrder, Level, Playbook, Strategy};
use rollbook::report;
use rollbook::topology::model::{Replication, Topology};
use std::collections::{BTreeMap, BTreeSet};

fn kept(level: Level) -> Option<Availability> {
    Some(Availability { level, datacenters: vec![], accept: vec![] })
}

fn rolling(level: Level) -> Playbook {
    Playbook { strategy: Strategy::Availability, availability: kept(level), ..playbook("rolling-reboot") }
}

/// Fifteen hosts in five racks, five replicas.
fn five_racks() -> Topology {
    cluster(&[("dc1", 5, 3)], 8, &[("orders", nts(&[("dc1", 5)]))])
}

fn waves(playbook: &Playbook, topology: &Topology) -> (usize, u32) {
    let file = planned(playbook, topology, &Options::default());
    (file.estimate.waves.len(), file.estimate.lower_bound)
}

#[test]
fn five_replicas_at_a_quorum_go_two_racks_at_a_time() {
    let topology = five_racks();
    let file = planned(&rolling(Level::LocalQuorum), &topology, &Options::default());
    held_current("tests/data/topologies/five-replicas-at-a-quorum.plan.txt", &report::plan_text(&file, None));
    assert_eq!((file.estimate.waves.len(), file.estimate.lower_bound), (3, 3), "six hosts, six, three");
    let by_pairs = Playbook { strategy: Strategy::Topology, ..rolling(Level::LocalQuorum) };
    assert_eq!(waves(&by_pairs, &topology), (5, 5), "no two replicas");
    assert_eq!(waves(&rolling(Level::Three), &topology), (3, 3));
    assert_eq!(waves(&rolling(Level::LocalOne), &topology), (2, 2), "ten at once, then five");
}

/// Replicas of each range that a wave takes, by the rings themselves.
fn left_below(topology: &Topology, kept: &Availability, wave: &BTreeSet<usize>) -> Option<String> {
    for (name, keyspace) in &topology.keyspaces {
        if ["system_distributed", "system_traces"].contains(&name.as_str()) || kept.accept.contains(name) {
            continue;
        }
        let factor = |dc: Option<&str>| -> u32 {
            match &keyspace.replication {
                Replication::Simple(factor) => factor.total,
                Replication::NetworkTopology(of) => {
                    of.iter().filter(|(name, _)| dc.is_none_or(|dc| dc == *name)).map(|(_, factor)| factor.total).sum()
                }
                _ => panic!("{name}"),
            }
        };
        let all: BTreeSet<&str> = topology.hosts.iter().map(|host| host.datacenter.as_str()).collect();
        for set in &topology.rings[keyspace.ring.unwrap()].sets {
            let counted: Vec<Option<&str>> =
                if kept.level.is_local() { all.iter().copied().map(Some).collect() } else { vec![None] };
            for dc in counted {
                let here = set.iter().filter(|node| dc.is_none_or(|dc| topology.hosts[**node].datacenter == dc));
                let (gone, left): (Vec<usize>, Vec<usize>) = here.partition(|node| wave.contains(node));
                if !gone.is_empty() && (left.len() as u32) < kept.level.needs(factor(dc)) {
                    return Some(format!("{name}: {gone:?} away, {left:?} left, {:?}", kept.level));
                }
            }
        }
    }
    None
}

#[test]
fn no_wave_leaves_a_range_below_its_level_whatever_the_cluster() {
    let (mut planned_ones, mut more_than_by_pairs) = (0, 0);
    for seed in 0..120 {
        let topology = scene(seed, None).topology;
        let level =
            [Level::LocalQuorum, Level::Quorum, Level::LocalOne, Level::EachQuorum, Level::Two][seed as usize % 5];
        let mut playbook = rolling(level);
        playbook.concurrency.max_hosts = None;
        playbook.concurrency.datacenters = [DatacenterOrder::Serial, DatacenterOrder::Parallel][seed as usize / 5 % 2];
        if topology.hosts.len() == 1 || compile(&playbook, &topology, &BTreeMap::new(), &Options::default()).is_err() {
            continue;
        }
        let file = planned(&playbook, &topology, &Options::default());
        planned_ones += 1;
        for wave in &file.estimate.waves {
            let nodes = wave.hosts.iter().map(|host| file.plan.hosts[host.target].node).collect();
            assert_eq!(left_below(&topology, playbook.availability.as_ref().unwrap(), &nodes), None, "seed {seed}");
        }
        let by_pairs = Playbook { strategy: Strategy::Topology, ..playbook };
        more_than_by_pairs += usize::from(file.estimate.waves.len() < waves(&by_pairs, &topology).0);
    }
    assert!(planned_ones > 25 && more_than_by_pairs > 10, "{planned_ones} plans, {more_than_by_pairs} faster");
}

#[test]
fn a_level_across_data_centres_binds_the_strategy_topology_too() {
    let ring = [("orders", nts(&[("east", 1), ("north", 1), ("west", 1)]))];
    let topology = cluster(&[("east", 3, 1), ("north", 3, 1), ("west", 3, 1)], 4, &ring);
    let mut playbook = Playbook { strategy: Strategy::Topology, ..playbook("rolling-reboot") };
    playbook.concurrency.datacenters = DatacenterOrder::Parallel;
    assert_eq!(waves(&playbook, &topology).0, 1, "no two hosts of a data centre share a range");
    playbook.availability = kept(Level::Quorum);
    let file = planned(&playbook, &topology, &Options::default());
    assert!(file.estimate.waves.len() >= 3, "two of the three replicas must stay: {:?}", file.estimate.waves);
    for wave in &file.estimate.waves {
        let nodes = wave.hosts.iter().map(|host| file.plan.hosts[host.target].node).collect();
        assert_eq!(left_below(&topology, playbook.availability.as_ref().unwrap(), &nodes), None);
    }
}

#[test]
fn a_range_that_can_spare_none_is_an_error_with_the_line_that_accepts_it() {
    let text = "rollbook: 1\nname: x\nstrategy: availability\navailability: { level: LOCAL_QUORUM }\nsteps: [restart, wait-up]\n";
    let read = |text: &str| rollbook::playbook::read(text.as_bytes()).unwrap().0;
    let rings = [("cache", nts(&[("dc1", 2)])), ("orders", nts(&[("dc1", 3)])), ("system_auth", simple(3))];
    let topology = cluster(&[("dc1", 3, 4)], 8, &rings);
    let errors = compile(&read(text), &topology, &BTreeMap::new(), &Options::default()).unwrap_err();
    let shown = rollbook::diagnostic::render(&errors[0], "x.yaml", text);
    for part in [
        "LOCAL_QUORUM needs 2 of the 2 replicas that the range of cache up to token",
        "x.yaml:4:24",
        "say that cache may lose it: `availability: { level: LOCAL_QUORUM, accept: [cache] }`",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    let accepted = text.replace("LOCAL_QUORUM }", "LOCAL_QUORUM, accept: [cache] }");
    let file = planned(&read(&accepted), &topology, &Options::default());
    assert!(file.plan.phases[0].needs.iter().all(|need| need.keyspace != "cache"));
    let misspelt = text.replace("LOCAL_QUORUM }", "LOCAL_QUORUM, accept: [cach] }");
    let errors = compile(&read(&misspelt), &topology, &BTreeMap::new(), &Options::default()).unwrap_err();
    let shown = rollbook::diagnostic::render(&errors[0], "x.yaml", &misspelt);
    assert!(shown.contains("x.yaml:4:47") && shown.contains("did you mean `cache`?"), "{shown}");
}

/// One of five replicas is known to be down: another may go, not two.
#[test]
fn nodes_that_are_down_count() {
    let topology = five_racks();
    let down = topology.hosts[0].address;
    let text = format!(
        "rollbook: 1\nname: x\nstrategy: availability\navailability: {{ level: LOCAL_QUORUM }}\n\
         known-down: {{ hosts: ['{down}'], reason: disk }}\nsteps: [restart, wait-up]\n"
    );
    let playbook = rollbook::playbook::read(text.as_bytes()).unwrap().0;
    let file = planned(&playbook, &topology, &Options::default());
    assert_eq!(file.plan.hosts.len(), 14, "its co-replicas are worked on");
    for wave in &file.estimate.waves {
        let mut nodes: BTreeSet<usize> = wave.hosts.iter().map(|host| file.plan.hosts[host.target].node).collect();
        nodes.insert(0);
        assert_eq!(left_below(&topology, playbook.availability.as_ref().unwrap(), &nodes), None);
    }
    // of three replicas with one down none can be spared: those of its ranges stay
    let three = cluster(&[("dc1", 3, 4)], 8, &[("orders", nts(&[("dc1", 3)]))]);
    let text = text.replace(&down.to_string(), &three.hosts[0].address.to_string());
    let playbook = rollbook::playbook::read(text.as_bytes()).unwrap().0;
    let file = planned(&playbook, &three, &Options::default());
    assert!(file.plan.hosts.len() < 11, "{} hosts", file.plan.hosts.len());
}

/// Where no level counts, two replicas may be out together: which data centre, which keyspace, and two such hosts.
#[test]
fn what_no_level_protects_is_said() {
    let both = |factor| nts(&[("east", factor), ("west", factor)]);
    let rings = [("cache", both(2)), ("orders", both(3)), ("twin", both(3))];
    let topology = cluster(&[("east", 3, 2), ("west", 3, 2)], 4, &rings);
    let said = |datacenters: &[&str], accept: &[&str], edit: &dyn Fn(&mut Playbook)| -> Vec<String> {
        let names = |all: &[&str]| all.iter().map(|name| name.to_string()).collect();
        let availability =
            Availability { level: Level::LocalQuorum, datacenters: names(datacenters), accept: names(accept) };
        // (a data centre that is left out is an outage: without a reason it is refused, see `refused.rs`)
        let accept_outage = Some("a test".into());
        let mut playbook = Playbook { availability: Some(availability), accept_outage, ..rolling(Level::LocalQuorum) };
        edit(&mut playbook);
        let warnings = planned(&playbook, &topology, &Options::default()).plan.warnings;
        let these = warnings.into_iter().filter(|warning| warning.message.starts_with("no level protects"));
        these.map(|warning| format!("{}\n{}", warning.message, warning.help.unwrap())).collect()
    };
    let as_is = |_: &mut Playbook| ();
    let lines = said(&["east"], &["cache"], &as_is);
    let [west] = &lines[..] else { panic!("{lines:?}") };
    assert!(west.starts_with(
        "no level protects what west holds, because `availability.datacenters` does not list it: 10.77.1."
    ));
    assert!(west.contains("share ranges of cache and may be out together"), "{west}");
    assert!(west.contains("list it: `availability: { level: LOCAL_QUORUM, datacenters: [east, west] }`, or"), "{west}");
    assert_eq!(said(&[], &["cache"], &as_is), Vec::<String>::new(), "where orders keeps its level, cache is apart too");
    // orders can spare two of three at LOCAL_ONE, and cache has two
    let one = |book: &mut Playbook| book.availability.as_mut().unwrap().level = Level::LocalOne;
    let lines = said(&[], &["cache"], &one);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("no level protects cache, because it is accepted: 10.77.0."), "{lines:?}");
    assert!(lines[0].contains("or use `strategy: topology`"), "{lines:?}");
    assert_eq!(said(&[], &["cache", "orders"], &as_is), Vec::<String>::new(), "its twin of the same ring keeps it");
    // what another rule sees to, or nobody takes out
    let three = ["cache", "orders", "twin"];
    assert_eq!(said(&["east"], &three, &|book| book.strategy = Strategy::Topology), Vec::<String>::new());
    assert_eq!(said(&["east"], &three, &|book| book.concurrency.max_hosts = Some(1)), Vec::<String>::new());
    let only_east = |book: &mut Playbook| book.targets.datacenters = vec!["east".into()];
    assert_eq!(said(&["east"], &["cache"], &only_east), Vec::<String>::new());
}

/// A plan edited by hand, from which a need was taken, is no plan of the cluster.
#[test]
fn a_need_that_is_missing_is_found() {
    let topology = five_racks();
    let file = planned(&rolling(Level::LocalQuorum), &topology, &Options::default());
    let mut plan = file.plan.clone();
    plan.phases[0].needs.pop();
    let found = rollbook::plan::lint::check_against(&plan, &topology);
    assert_eq!(found, ["a range of orders can lose its level, and the plan does not know"]);
    let mut plan = file.plan;
    plan.phases[0].needs[0].spare = 3;
    assert!(!rollbook::plan::lint::check_against(&plan, &topology).is_empty());
}

/// From the file to real child processes, on the sandbox's cluster.
#[test]
fn a_run_keeps_the_level() {
    let desk = Desk::new();
    let body = "strategy: availability\navailability: { level: LOCAL_ONE }\nsteps: [drain, restart, wait-up]\n";
    let file = desk.file("level.yaml", &format!("rollbook: 1\nname: level\n{body}"));
    let ran = desk.rollbook(&["run", &file, "--sandbox=6", "--yes"]);
    crate::desk::expect(ran, 0, &["every range keeps LOCAL_ONE in each data centre that holds it"]);
}
