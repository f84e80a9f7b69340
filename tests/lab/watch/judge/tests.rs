use super::*;
use crate::record::Seen;

const RING: &str = "Schema Version:4acf945c-ff67-348a-a20d-40587fde2d2b
TokenRange: 
\tTokenRange(start_token:1, end_token:2, endpoints:[a, b, c], rpc_endpoints:[x, y, z], endpoint_details:[EndpointDetails(host:a, datacenter:dc1, rack:rack1)])
\tTokenRange(start_token:2, end_token:1, endpoints:[b, c, d], rpc_endpoints:[x, y, z], endpoint_details:[EndpointDetails(host:b, datacenter:dc1, rack:rack1)])
";

fn change(at: u64, host: &str, boot: u32, up: bool) -> Change {
    let seen = Seen { power: "on".into(), boot, unit: up, cql: up, frozen: false };
    Change { at, host: host.into(), address: host.into(), seen }
}

fn all_up() -> Vec<Change> {
    ["a", "b", "c", "d"].iter().map(|host| change(0, host, 1, true)).collect()
}

fn set(hosts: &str) -> Hosts {
    hosts.split_whitespace().map(str::to_string).collect()
}

#[test]
fn replica_sets_come_from_endpoints_and_not_from_rpc_endpoints() {
    assert_eq!(replica_sets(RING).unwrap(), BTreeSet::from([set("a b c"), set("b c d")]));
    assert!(replica_sets("Schema Version:x\nTokenRange: \n").is_err());
}

#[test]
fn two_replicas_down_together_are_a_conflict_however_briefly() {
    let mut changes = all_up();
    changes.extend([
        change(10, "a", 1, false),
        change(20, "b", 1, false),
        change(21, "a", 2, true),
        change(30, "b", 2, true),
    ]);
    let stretches = stretches(&changes, 40);
    let found = conflicts(&stretches, &replica_sets(RING).unwrap());
    assert_eq!(found, [&Stretch { from: 20, to: 21, down: set("a b") }]);
    assert_eq!(most_of_a_range(&stretches, &replica_sets(RING).unwrap()), 2);
}

#[test]
fn hosts_that_share_no_range_may_be_down_together_and_are_one_wave() {
    let mut changes = all_up();
    changes.extend([
        change(10, "a", 1, false),
        change(20, "d", 1, false),
        change(30, "a", 2, true),
        change(40, "d", 2, true),
    ]);
    changes.extend([change(50, "b", 1, false), change(60, "b", 2, true)]);
    let stretches = stretches(&changes, 70);
    assert!(conflicts(&stretches, &replica_sets(RING).unwrap()).is_empty());
    assert_eq!(most_of_a_range(&stretches, &replica_sets(RING).unwrap()), 1);
    let waves: Vec<Hosts> = outages(&stretches).into_iter().map(|s| s.down).collect();
    assert_eq!(waves, [set("a d"), set("b")]);
    assert_eq!(boots(&changes), BTreeMap::from([("a", 1), ("b", 1), ("c", 0), ("d", 1)]));
}

#[test]
fn a_host_that_hangs_is_down_and_so_is_one_whose_port_is_closed() {
    let good = change(0, "a", 1, true).seen;
    assert!(good.up());
    assert!(!Seen { frozen: true, ..good.clone() }.up());
    assert!(!Seen { cql: false, ..good.clone() }.up());
    assert!(!Seen { power: "rebooting".into(), ..good }.up());
}

#[test]
fn a_window_begins_with_what_held_before_it() {
    let mut changes = all_up();
    changes.extend([change(10, "a", 1, false), change(30, "b", 1, false), change(50, "a", 2, true)]);
    let within = window(changes, 20, 40);
    let stretches = stretches(&within, 40);
    assert_eq!(stretches.last().unwrap(), &Stretch { from: 30, to: 40, down: set("a b") });
    assert_eq!(boots(&within)["a"], 0);
}
