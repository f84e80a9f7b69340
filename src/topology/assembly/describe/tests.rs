//! What is asked for, what is computed, and what is held against what.

use super::*;
use crate::topology::assembly::{Refused, assemble};
use crate::topology::model::{Token, Topology};
use crate::topology::nodetool::*;
use crate::topology::placement::replicas;
use std::net::IpAddr;

fn simple(total: u32) -> Replication {
    Replication::Simple(Factor { total, transient: 0 })
}

fn nts(factors: &[(&str, u32, u32)]) -> Replication {
    let factor =
        |(dc, total, transient): &(&str, u32, u32)| (dc.to_string(), Factor { total: *total, transient: *transient });
    Replication::NetworkTopology(factors.iter().map(factor).collect())
}

fn h(n: usize) -> IpAddr {
    IpAddr::from([10, 0, 0, n as u8])
}

/// One node's word on a cluster of so many nodes in each data centre, a rack for each, with so many tokens each.
fn said(nodes: &[(&str, usize)], tokens: Option<u32>, keyspaces: &[(&str, Replication)]) -> Said {
    let places = nodes.iter().flat_map(|(dc, count)| std::iter::repeat_n(*dc, *count)).enumerate();
    let mut said = Said {
        by: "h1".into(),
        status: StatusView::default(),
        cluster: ClusterView { partitioner: "Murmur3Partitioner".into(), ..ClusterView::default() },
        gossip: GossipView::default(),
    };
    for (n, dc) in places {
        let row = StatusRow {
            liveness: Liveness::Up,
            movement: Movement::Normal,
            datacenter: dc.into(),
            rack: format!("rack{n}"),
            tokens,
            host_id: Some(format!("id{n}")),
        };
        said.status.rows.insert(h(n), row);
        said.gossip.nodes.insert(h(n), GossipState::default());
        said.cluster.schema.entry("schema".into()).or_default().insert(h(n));
    }
    let local = ["system", "system_schema"].map(|name| (name, Replication::Local));
    let all = keyspaces.iter().cloned().chain(local);
    said.cluster.keyspaces = all.map(|(name, replication)| (name.to_owned(), replication)).collect();
    said
}

fn placed(said: &Said) -> Vec<(String, Placement)> {
    placements(said).into_iter().collect()
}

#[test]
fn each_distinct_setting_is_asked_for_once_and_unknown_ones_never() {
    let odd = || Replication::Unknown("Mine {}".into());
    let keyspaces = [
        ("a", simple(1)),
        ("b", simple(1)),
        ("c", simple(2)),
        ("d", Replication::Local),
        ("e", odd()),
        ("f", Replication::Everywhere),
        ("g", Replication::Everywhere),
        ("h", nts(&[("dc1", 3, 1)])),
        ("i", odd()),
        ("j", nts(&[("dc1", 3, 0)])),
        ("k", nts(&[("dc1", 3, 0)])),
    ];
    let mut said = said(&[("dc1", 3)], Some(4), &keyspaces);
    assert_eq!(to_describe(&said), ["a", "c", "f", "g", "h", "j"]);
    let word = |known: Vec<(String, Placement)>| {
        known.into_iter().map(|(name, how)| format!("{name} {how:?}")).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        word(placed(&said)),
        "a Compared, c Compared, e UnknownStrategy, f Everywhere, g Everywhere, h Transient, j Compared"
    );
    said.cluster.partitioner = "org.apache.cassandra.dht.ByteOrderedPartitioner".into();
    assert_eq!(to_describe(&said), ["a", "c", "f", "g", "h", "j"]);
    assert_eq!(
        word(placed(&said)),
        "a Tokens, c Tokens, e UnknownStrategy, f Everywhere, g Everywhere, h Transient, j Tokens"
    );
}

#[test]
fn what_is_printed_is_counted_in_replicas_and_the_rack_rule_comes_first() {
    let both = |a, b| nts(&[("dc1", a, 0), ("dc2", b, 0)]);
    // 20 nodes of 4 096 tokens: 81 920 ranges, three replicas are 245 760
    let nodes = [("dc1", 10), ("dc2", 10)];
    let keyspaces = [
        ("a", simple(1)),
        ("b", simple(3)),
        ("c", both(2, 2)),
        ("d", both(3, 0)),
        ("e", both(2, 1)),
        ("f", both(1, 1)),
        ("g", both(0, 1)),
    ];
    let known = |tokens| {
        let known = placed(&said(&nodes, tokens, &keyspaces));
        let large = known.into_iter().filter(|(_, how)| *how == Placement::TooLarge);
        large.map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(known(Some(4096)), ["a", "b", "c"], "c alone; d to g are nine replicas and all there is room for");
    assert_eq!(known(Some(256)), Vec::<String>::new());
    assert_eq!(known(None), Vec::<String>::new(), "one token a node");
    // no more replicas than there are nodes
    let few = said(&[("dc1", 2)], Some(60_000), &[("a", nts(&[("dc1", 9, 0), ("dc9", 9, 0)])), ("b", simple(9))]);
    assert_eq!(to_describe(&few), ["a", "b"], "twice 240 000");
    assert_eq!(ANSWERS, 3 * ANSWER);
}

/// What `assemble` makes of three nodes of so many tokens with a keyspace of three replicas, without a word of
/// `describering`.
fn undescribed(tokens: u32, owners: impl Fn(u32, usize) -> Token) -> Result<Topology, Refused> {
    let three = [("orders", nts(&[("dc1", 3, 0)])), ("other", nts(&[("dc1", 3, 0)]))];
    let said = said(&[("dc1", 3)], Some(tokens), &three);
    let all = (0..tokens).flat_map(|token| (0..3).map(move |n| (token, n)));
    let ring = RingView { tokens: all.map(|(token, n)| (owners(token, n), h(n))).collect() };
    assert!(to_describe(&said).is_empty() || tokens < 28_000);
    assemble(&[said], &ring, &BTreeMap::new(), vec![], vec![])
}

#[test]
fn a_ring_too_large_to_be_printed_is_computed_and_the_topology_says_so() {
    let token = |token: u32, n: usize| Token::from(i128::from(token) * 3 + n as i128 - 40_000);
    let topology = undescribed(28_000, token).unwrap();
    assert_eq!(topology.placement, [("orders".to_string(), Placement::TooLarge)].into());
    assert_eq!((topology.rings.len(), topology.rings[0].ranges.len()), (1, 84_000), "252 000 replicas");
    assert_eq!(topology.keyspaces["other"].ring, Some(0));
    let tokens: Vec<(i128, usize)> =
        (0..28_000).flat_map(|at| (0..3).map(move |n| (i128::from(at * 3 + n as i64 - 40_000), n))).collect();
    assert_eq!(topology.rings[0], replicas(&tokens, &topology.hosts, &topology.keyspaces["orders"].replication));
    let small = undescribed(27_000, token).unwrap_err();
    assert_eq!(small, Refused::Contradiction("the ring of `orders` was not asked for".into()), "243 000: to be asked");
    let hex = undescribed(28_000, |token, n| Token::from(format!("x{token}.{n}").as_str())).unwrap_err().to_string();
    assert_eq!(hex, "the tokens in ring are no numbers, and the ring of `orders` needs them");
}

/// Two nodes, one token each, and what `describering` says of both ranges.
fn two(replication: Replication, ranges: [&[usize]; 2]) -> Result<Topology, Refused> {
    let said = said(&[("dc1", 2)], Some(1), &[("orders", replication)]);
    let ring = RingView { tokens: [("-5".into(), h(0)), ("7".into(), h(1))].into() };
    let range = |start: &str, end: &str, on: &[usize]| DescribedRange {
        start: start.into(),
        end: end.into(),
        endpoints: on.iter().map(|n| *n as u32).collect(),
    };
    let ranges = vec![range("-5", "7", ranges[0]), range("7", "-5", ranges[1])];
    let node = |n: usize| DescribedNode { address: h(n), datacenter: None, rack: None };
    let described = DescribedRing { schema: String::new(), ranges, nodes: vec![node(0), node(1)] };
    assemble(&[said], &ring, &[("orders".to_string(), described)].into(), vec![], vec![])
}

#[test]
fn a_difference_stops_and_both_are_shown_with_keyspace_and_range() {
    assert!(two(nts(&[("dc1", 1, 0)]), [&[1], &[0]]).is_ok());
    let refused = two(nts(&[("dc1", 1, 0)]), [&[0], &[0]]).unwrap_err();
    assert_eq!(
        refused,
        Refused::Misplaced(
            "the range (-5, 7] of `orders` is on 10.0.0.0 in describering, and on 10.0.0.1 by its tokens and its replication"
                .into()
        )
    );
    let refused = two(simple(2), [&[0, 1], &[]]).unwrap_err().to_string();
    assert_eq!(
        refused,
        "the range (7, -5] of `orders` is on nobody in describering, and on 10.0.0.0, 10.0.0.1 by its tokens and its \
         replication"
    );
}

/// Of what cannot be computed the cluster's own word counts, whatever it is.
#[test]
fn transient_replicas_and_members_known_to_the_cluster_alone_are_as_it_says() {
    for replication in [nts(&[("dc1", 2, 1)]), Replication::Everywhere] {
        let topology = two(replication, [&[0], &[0, 1]]).unwrap();
        assert_eq!(topology.rings[0].sets, [vec![0, 1], vec![0]], "in the order of their tokens");
    }
}
