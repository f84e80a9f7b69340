use super::*;
use crate::topology::model::Factor;

fn host(dc: &str, rack: &str, n: u8) -> Host {
    Host {
        id: format!("{n}"),
        address: std::net::IpAddr::from([10, 0, 0, n]),
        datacenter: dc.into(),
        rack: rack.into(),
        release: String::new(),
        tokens_digest: String::new(),
        tokens: 1,
    }
}

fn nts(factors: &[(&str, u32)]) -> Replication {
    Replication::NetworkTopology(
        factors.iter().map(|(dc, total)| (dc.to_string(), Factor { total: *total, transient: 0 })).collect(),
    )
}

fn sets(ring: &Ring) -> Vec<Vec<HostIx>> {
    ring.ranges.iter().map(|range| ring.sets[range.set].clone()).collect()
}

#[test]
fn simple_strategy_ignores_racks_and_wraps() {
    let hosts = [host("a", "r1", 1), host("a", "r1", 2), host("b", "r2", 3)];
    let ring = replicas(
        &[(10, 0), (20, 1), (30, 2), (40, 0)],
        &hosts,
        &Replication::Simple(Factor { total: 2, transient: 0 }),
    );
    assert_eq!(sets(&ring), [vec![0, 1], vec![1, 2], vec![0, 2], vec![0, 1]]);
    assert_eq!((&ring.ranges[0].start, &ring.ranges[0].end), (&40.into(), &10.into()), "the first range wraps");
    assert_eq!(ring.sets.len(), 3, "equal sets are stored once");
}

#[test]
fn simple_strategy_with_fewer_nodes_than_the_factor_takes_all() {
    let hosts = [host("a", "r1", 1), host("a", "r1", 2)];
    let ring = replicas(&[(1, 0), (2, 1)], &hosts, &Replication::Simple(Factor { total: 5, transient: 0 }));
    assert_eq!(sets(&ring), [vec![0, 1], vec![0, 1]]);
}

#[test]
fn each_rack_holds_one_replica_where_there_are_as_many_racks() {
    let hosts = [
        host("a", "r1", 1),
        host("a", "r1", 2),
        host("a", "r2", 3),
        host("a", "r2", 4),
        host("a", "r3", 5),
        host("a", "r3", 6),
    ];
    let tokens: Vec<_> = (0..6).map(|n| (n as i128, n)).collect();
    for set in sets(&replicas(&tokens, &hosts, &nts(&[("a", 3)]))) {
        let racks: BTreeSet<&str> = set.iter().map(|ix| hosts[*ix].rack.as_str()).collect();
        assert_eq!((set.len(), racks.len()), (3, 3), "{set:?}");
    }
}

#[test]
fn a_rack_repeats_only_as_often_as_racks_are_missing() {
    // RF 3 in two racks: one repeat, taken as soon as the walk meets it.
    let hosts = [host("a", "r1", 1), host("a", "r1", 2), host("a", "r1", 3), host("a", "r2", 4)];
    let tokens: Vec<_> = (0..4).map(|n| (n as i128, n)).collect();
    let ring = replicas(&tokens, &hosts, &nts(&[("a", 3)]));
    assert_eq!(sets(&ring), [vec![0, 1, 3], vec![1, 2, 3], vec![0, 2, 3], vec![0, 1, 3]]);
}

#[test]
fn a_data_centre_without_nodes_or_factor_takes_no_part() {
    let hosts = [host("a", "r1", 1), host("b", "r1", 2)];
    let ring = replicas(&[(1, 0), (2, 1)], &hosts, &nts(&[("a", 2), ("c", 3), ("b", 0)]));
    assert_eq!(sets(&ring), [vec![0], vec![0]]);
}

#[test]
fn a_host_without_tokens_adds_no_rack() {
    // The third rack owns no token: two racks, so one repeat is allowed.
    let hosts = [host("a", "r1", 1), host("a", "r1", 2), host("a", "r2", 3), host("a", "r3", 4)];
    let ring = replicas(&[(1, 0), (2, 1), (3, 2)], &hosts, &nts(&[("a", 3)]));
    assert_eq!(sets(&ring), vec![vec![0, 1, 2]; 3]);
}

#[test]
fn everywhere_unknown_and_local() {
    let hosts = [host("a", "r1", 1), host("a", "r1", 2), host("a", "r2", 3)];
    let tokens = [(1, 0), (2, 1)];
    assert_eq!(sets(&replicas(&tokens, &hosts, &Replication::Everywhere)), vec![vec![0, 1]; 2], "token owners");
    assert_eq!(
        sets(&replicas(&tokens, &hosts, &Replication::Unknown("?".into()))),
        vec![vec![0, 1, 2]; 2],
        "unknown is unsafe: every host, tokens or not"
    );
    assert_eq!(replicas(&tokens, &hosts, &Replication::Local), Ring::default());
}

#[test]
#[should_panic(expected = "a token occurs twice")]
fn a_token_that_two_hosts_own_is_refused() {
    replicas(&[(1, 0), (1, 1)], &[host("a", "r1", 1), host("a", "r1", 2)], &Replication::Everywhere);
}
