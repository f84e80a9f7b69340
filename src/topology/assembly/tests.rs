use super::*;
use crate::topology::model::Factor;
use crate::topology::nodetool::*;
use crate::topology::placement::replicas;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nodetool").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn said(folder: &str) -> Said {
    Said {
        by: folder.rsplit('/').next().unwrap().into(),
        status: parse_status(&read(&format!("{folder}/status.out"))).unwrap(),
        cluster: parse_describecluster(&read(&format!("{folder}/describecluster.out"))).unwrap(),
        gossip: parse_gossipinfo(&read(&format!("{folder}/gossipinfo.out"))).unwrap(),
    }
}

/// Three nodes, one for each rack; `system_distributed` (RF 3) and `system_traces` (RF 2) were not
/// captured, so they are left out of what the nodes said.
fn three(release: &str) -> (Vec<Said>, RingView, BTreeMap<String, DescribedRing>) {
    let mut all: Vec<Said> = ["h1", "h2", "h3"].map(|host| said(&format!("{release}/all-up/{host}"))).into();
    for said in &mut all {
        said.cluster.keyspaces.retain(|name, _| name != "system_distributed" && name != "system_traces");
    }
    let owners = parse_ring(&read(&format!("{release}/all-up/h1/ring.out"))).unwrap();
    let described = ["orders", "system_auth"].map(|name| {
        let text = read(&format!("{release}/all-up/h1/describering_{name}.out"));
        (name.to_string(), parse_describering(&text).unwrap())
    });
    (all, owners, described.into())
}

fn topology(release: &str) -> Topology {
    let (said, owners, described) = three(release);
    let asked: Vec<IpAddr> = said[0].status.rows.keys().copied().collect();
    assemble(&said, &owners, &described, vec![asked[0], "192.0.2.1".parse().unwrap()], asked).unwrap()
}

#[test]
fn a_real_cluster_becomes_a_topology() {
    for release in ["4.1.10", "5.0.5"] {
        let topology = topology(release);
        assert_eq!(topology.validate(), Ok(()));
        assert_eq!(topology.cluster, "lab");
        let shown: Vec<String> =
            topology.hosts.iter().map(|h| format!("{} {} {}", h.address, h.rack, h.release)).collect();
        let expected = [1, 2, 3].map(|n| format!("10.77.0.1{n} rack{n} {release}"));
        assert_eq!(shown, expected);
        assert!(topology.hosts.iter().all(|host| host.tokens == 4 && host.tokens_digest.len() == 16));
        assert_eq!(topology.keyspaces.keys().collect::<Vec<_>>(), ["orders", "system_auth"], "no local keyspace");
        let orders = &topology.rings[topology.keyspaces["orders"].ring.unwrap()];
        assert_eq!((orders.sets.as_slice(), orders.ranges.len()), (&[vec![0, 1, 2]][..], 12));
        assert_eq!(topology.seeds, ["10.77.0.11".parse::<IpAddr>().unwrap()], "a seed that is no host is left out");
    }
}

/// Tokens as `ring` prints them, by host index.
fn tokens(owners: &RingView, hosts: &[Host]) -> Vec<(i128, usize)> {
    let host = |at: &IpAddr| hosts.iter().position(|host| host.address == *at).unwrap();
    owners.tokens.iter().map(|(token, at)| (token.number().unwrap(), host(at))).collect()
}

#[test]
fn computed_placement_is_what_the_cluster_printed() {
    for release in ["4.1.10", "5.0.5"] {
        let (_, owners, _) = three(release);
        let topology = topology(release);
        for keyspace in topology.keyspaces.values() {
            let computed = replicas(&tokens(&owners, &topology.hosts), &topology.hosts, &keyspace.replication);
            assert_eq!(computed, topology.rings[keyspace.ring.unwrap()]);
        }
    }
}

#[test]
fn computed_placement_is_what_two_data_centres_printed() {
    let folder = "5.0.5/joining/h1/01";
    let said = said(folder);
    let owners = parse_ring(&read(&format!("{folder}/ring_orders.out"))).unwrap();
    let hosts = hosts(std::slice::from_ref(&said), &owners).unwrap();
    let described = parse_describering(&read(&format!("{folder}/describering_orders.out"))).unwrap();
    let mut rings = rings::Rings::new(&hosts, &owners, &said.cluster.partitioner);
    rings.described("orders", &described).unwrap();
    let computed = replicas(&tokens(&owners, &hosts), &hosts, &said.cluster.keyspaces["orders"]);
    assert_eq!(rings.done(), [computed]);
    let sizes: BTreeSet<usize> = described.ranges.iter().map(|range| range.endpoints.len()).collect();
    assert_eq!(sizes, [5].into(), "RF 3 + 3 on three and two nodes");
}

fn refused(change: impl FnOnce(&mut Vec<Said>, &mut RingView, &mut BTreeMap<String, DescribedRing>)) -> String {
    let (mut said, mut owners, mut described) = three("5.0.5");
    change(&mut said, &mut owners, &mut described);
    assemble(&said, &owners, &described, vec![], vec![]).expect_err("must be refused").to_string()
}

fn h(n: u8) -> IpAddr {
    IpAddr::from([10, 77, 0, 10 + n])
}

#[test]
fn half_a_table_is_no_smaller_cluster() {
    for (sentence, text) in [
        // One node's answers against each other.
        (refused(|said, _, _| drop(said[0].status.rows.remove(&h(3)))), "in describecluster and not in status"),
        (refused(|said, _, _| drop(said[1].gossip.nodes.remove(&h(2)))), "in status and not in gossipinfo"),
        (
            refused(|said, _, _| {
                said[2].cluster.schema.values_mut().for_each(|nodes| assert!(nodes.remove(&h(1))));
            }),
            "in status and not in describecluster",
        ),
        (
            refused(|said, _, _| drop(said[2].cluster.releases.remove(&h(1)))),
            "in status and not in the database versions of describecluster",
        ),
        (refused(|said, _, _| drop(said[0].cluster.keyspaces.remove("system_schema"))), "the list is not whole"),
        (refused(|said, _, _| said[0].cluster.keyspaces.clear()), "Cassandra 4.0 or newer is needed"),
        // One node against another.
        (
            refused(|said, _, _| drop(said[0].cluster.keyspaces.remove("orders"))),
            "h2 lists the keyspace `orders`, h1 does not",
        ),
        (
            refused(|said, _, _| drop(said[1].cluster.keyspaces.remove("orders"))),
            "h1 lists the keyspace `orders`, h2 does not",
        ),
        // A ring against what its replication makes of the tokens.
        (
            refused(|_, _, described| {
                let range = &mut described.get_mut("system_auth").unwrap().ranges[0];
                let other = (0..3).find(|node| !range.endpoints.contains(node)).unwrap();
                range.endpoints = [other].into();
            }),
            "in describering, and on 10.77.0.1",
        ),
        // Rings against owners, owners against status.
        (refused(|_, owners, _| drop(owners.tokens.remove(0))), "has 4 tokens in status and 3 in ring"),
        (
            refused(|_, owners, _| owners.tokens.push(("7".into(), "192.0.2.1".parse().unwrap()))),
            "192.0.2.1 owns tokens in ring and is not in status",
        ),
        (
            refused(|_, _, described| drop(described.get_mut("orders").unwrap().ranges.pop())),
            "is only in one of ring and describering of `orders`",
        ),
        (refused(|_, _, described| drop(described.remove("orders"))), "the ring of `orders` was not asked for"),
        (
            refused(|_, _, described| {
                described.get_mut("orders").unwrap().nodes[0].address = "192.0.2.1".parse().unwrap();
            }),
            "192.0.2.1 holds ranges of `orders` and is not in status",
        ),
    ] {
        assert!(sentence.contains(text), "{sentence:?} does not say {text:?}");
    }
}

/// All three answers of one node are cut alike, so that they do not contradict each other.
#[test]
fn a_node_that_knows_fewer_nodes_is_refused_whoever_it_is() {
    for at in 0..3 {
        let sentence = refused(|said, _, _| {
            let said = &mut said[at];
            said.status.rows.remove(&h(3));
            said.gossip.nodes.remove(&h(3));
            said.cluster.releases.remove(&h(3));
            said.cluster.schema.values_mut().for_each(|nodes| assert!(nodes.remove(&h(3))));
            assert_eq!(consistent(said), Ok(()));
        });
        assert!(sentence.contains("shows the node 10.77.0.13, h"), "{sentence}");
    }
}

#[test]
fn nodes_that_do_not_agree_are_refused() {
    for (sentence, text) in [
        (refused(|said, _, _| said[1].cluster.name = "other".into()), "h1 and h2 do not agree on the cluster's name"),
        (refused(|said, _, _| said[1].cluster.partitioner = "x".into()), "do not agree on the partitioner"),
        (
            refused(|said, _, _| {
                said[2].status.rows.get_mut(&h(1)).unwrap().rack = "rack9".into();
                said[2].gossip.nodes.get_mut(&h(1)).unwrap().rack = None;
            }),
            "h1 and h3 do not agree on the rack of 10.77.0.11: `rack1` and `rack9`",
        ),
        (
            refused(|said, _, _| {
                said[2].status.rows.get_mut(&h(1)).unwrap().datacenter = "dc9".into();
                said[2].gossip.nodes.get_mut(&h(1)).unwrap().datacenter = None;
            }),
            "do not agree on the data centre of 10.77.0.11",
        ),
        (
            refused(|said, _, _| {
                said[2].status.rows.get_mut(&h(1)).unwrap().host_id = Some("x".into());
                said[2].gossip.nodes.get_mut(&h(1)).unwrap().host_id = None;
            }),
            "do not agree on the host id of 10.77.0.11",
        ),
        (
            refused(|said, _, _| said[0].status.rows.get_mut(&h(1)).unwrap().rack = "rack9".into()),
            "h1 says two things of 10.77.0.11: its rack is `rack9` in status and `rack1` in gossipinfo",
        ),
        (
            refused(|said, _, _| {
                let factor = Factor { total: 1, transient: 0 };
                said[2].cluster.keyspaces.insert("orders".into(), Replication::Simple(factor));
            }),
            "h1 and h3 do not agree on the replication of keyspace `orders`",
        ),
        (
            refused(|_, _, described| {
                let nodes = &mut described.get_mut("orders").unwrap().nodes;
                nodes.iter_mut().find(|node| node.address == h(1)).unwrap().rack = Some("rack2".into());
            }),
            "the rack of 10.77.0.11 is `rack1` in status and `rack2` in describering of `orders`",
        ),
        (
            refused(|said, _, _| {
                for one in said {
                    one.status.rows.get_mut(&h(2)).unwrap().host_id = one.status.rows[&h(1)].host_id.clone();
                    one.gossip.nodes.get_mut(&h(2)).unwrap().host_id = None;
                }
            }),
            "have one host id",
        ),
        (refused(|said, _, _| said.clear()), "nobody was asked"),
    ] {
        assert!(sentence.contains(text), "{sentence:?} does not say {text:?}");
    }
}

#[test]
fn a_name_that_would_steer_a_terminal_is_refused_and_shown_harmless() {
    for (sentence, what) in [
        (refused(|said, _, _| said[0].cluster.name = "l\u{1b}[2Jab".into()), "cluster"),
        (refused(|said, _, _| said[0].status.rows.get_mut(&h(1)).unwrap().rack = "l\u{1b}[2Jab".into()), "rack"),
        (
            refused(|said, _, _| said[0].status.rows.get_mut(&h(1)).unwrap().datacenter = "l\u{1b}[2Jab".into()),
            "data centre",
        ),
        (
            refused(|said, _, _| drop(said[0].cluster.keyspaces.insert("l\u{1b}[2Jab".into(), Replication::Local))),
            "keyspace",
        ),
    ] {
        assert_eq!(sentence, format!("h1 names a {what} with a control character in it: `l\\u{{1b}}[2Jab`"));
    }
}

#[test]
fn movement_is_refused() {
    for (movement, word) in
        [(Movement::Joining, "joining"), (Movement::Leaving, "leaving"), (Movement::Moving, "moving")]
    {
        let sentence = refused(|said, _, _| said[1].status.rows.get_mut(&h(3)).unwrap().movement = movement);
        assert_eq!(sentence, format!("h2 says that 10.77.0.13 is {word}: replicas are changing their places"));
    }
    for (status, word) in [
        ("BOOT", "joining"),
        ("BOOT_REPLACE", "joining"),
        ("LEAVING", "leaving"),
        ("removing", "being removed"),
        ("MOVING", "moving"),
    ] {
        let sentence =
            refused(|said, _, _| said[1].gossip.nodes.get_mut(&h(3)).unwrap().status = Some(status.to_string()));
        assert!(sentence.contains(&format!("10.77.0.13 is {word}")), "{sentence}");
    }
}

/// A node that gossip knows and `status` does not.
fn stranger(status: Option<&str>) -> Result<(), Refused> {
    let mut said = said("5.0.5/all-up/h1");
    let state = GossipState { status: status.map(str::to_string), ..GossipState::default() };
    said.gossip.nodes.insert("192.0.2.1".parse().unwrap(), state);
    consistent(&said)
}

#[test]
fn only_a_node_that_left_may_be_in_gossip_alone() {
    assert_eq!(stranger(Some("LEFT")), Ok(()));
    assert_eq!(stranger(Some("removed")), Ok(()));
    for status in [None, Some("NORMAL"), Some("shutdown"), Some("hibernate"), Some("something new")] {
        assert!(stranger(status).is_err(), "{status:?}");
    }
}

#[test]
fn a_joining_node_is_refused_as_captured() {
    let mut seen = said("5.0.5/joining/h1/01");
    consistent(&seen).unwrap();
    seen.status = parse_status(&read("5.0.5/joining/h1/32/status.out")).unwrap();
    seen.cluster = parse_describecluster(&read("5.0.5/joining/h1/32/describecluster.out")).unwrap();
    let refused = consistent(&seen).unwrap_err();
    assert!(matches!(&refused, Refused::Movement(text) if text.contains("10.77.0.16 is joining")), "{refused}");
}

#[test]
fn a_leaving_node_is_refused_as_captured() {
    let mut seen = said("5.0.5/joining/h1/01");
    let at = |command: &str| read(&format!("5.0.5/leaving/h1/{command}.out"));
    seen.status = parse_status(&at("status")).unwrap();
    seen.cluster = parse_describecluster(&at("describecluster")).unwrap();
    let refused = consistent(&seen).unwrap_err();
    assert!(matches!(&refused, Refused::Movement(text) if text.contains("10.77.0.16 is leaving")), "{refused}");
}

#[test]
fn a_cluster_with_a_node_down_is_the_same_cluster() {
    for state in ["drained", "stopped", "killed", "killed-before-conviction", "just-started"] {
        for release in ["4.1.10", "5.0.5"] {
            agree(&[said(&format!("{release}/all-up/h1")), said(&format!("{release}/{state}/h1"))])
                .unwrap_or_else(|refused| panic!("{release} {state}: {refused}"));
        }
    }
}

#[test]
fn the_same_nodes_in_an_upgrade_agree() {
    for (step, hosts) in [("after-h1", ["h1", "h2"]), ("after-h2", ["h1", "h2"]), ("after-h3", ["h1", "h3"])] {
        let said = hosts.map(|host| said(&format!("upgrade-4.1.10-5.0.5/{step}/{host}")));
        agree(&said).unwrap_or_else(|refused| panic!("{step}: {refused}"));
    }
}

#[test]
fn an_unknown_strategy_has_no_ring() {
    let (mut said, owners, described) = three("5.0.5");
    for one in &mut said {
        one.cluster.keyspaces.insert("odd".into(), Replication::Unknown("Mine {}".into()));
    }
    let topology = assemble(&said, &owners, &described, vec![], vec![]).unwrap();
    assert_eq!(topology.keyspaces["odd"].ring, None);
}
