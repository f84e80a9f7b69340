use super::*;
use crate::topology::model::{Factor, Host, Keyspace, Placement};
use crate::topology::placement::replicas;

fn sample() -> Topology {
    let host = |n: u8| Host {
        id: format!("id-{n}"),
        address: IpAddr::from([10, 0, 0, n]),
        datacenter: "dc1".into(),
        rack: "rack1".into(),
        release: "5.0.5".into(),
        tokens_digest: "0".into(),
        tokens: 1,
    };
    let hosts: Vec<Host> = [1, 2, 10].map(host).into();
    let replication = Replication::NetworkTopology([("dc1".to_string(), Factor { total: 2, transient: 0 })].into());
    let ring = replicas(&[(-1, 0), (0, 1), (5, 2)], &hosts, &replication);
    Topology {
        version: VERSION,
        cluster: "lab".into(),
        partitioner: "Murmur3Partitioner".into(),
        asked: vec![hosts[0].address],
        placement: [("orders".to_string(), Placement::Compared)].into(),
        seeds: vec![hosts[1].address],
        hint_window_ms: Some(10_800_000),
        hosts,
        keyspaces: [("orders".to_string(), Keyspace { replication, ring: Some(0) })].into(),
        rings: vec![ring],
    }
}

#[test]
fn what_was_written_is_read() {
    let text = write(&sample());
    assert_eq!(read(&text), Ok(sample()));
    assert_eq!(write(&read(&text).unwrap()), text);
}

/// A snapshot of a version that did not say how its rings are known.
#[test]
fn an_older_snapshot_is_read() {
    let mut older = sample();
    older.placement.clear();
    let text = write(&older);
    assert!(!text.contains("placement"));
    assert_eq!(read(&text), Ok(older));
}

#[test]
fn hosts_are_found() {
    let topology = sample();
    assert_eq!(topology.by_address("10.0.0.10".parse().unwrap()), Some(2));
    assert_eq!(topology.by_address("10.0.0.11".parse().unwrap()), None);
    assert_eq!((topology.by_id("id-2"), topology.by_id("id")), (Some(1), None));
}

#[test]
fn other_forms_are_refused() {
    let good = write(&sample());
    for (text, expected) in [
        (good.replace("\"version\": 1", "\"version\": 2"), "has version 2, and this program reads version 1"),
        (good.replace("  \"version\": 1,\n", ""), "it has no `version`"),
        (good.replace("\"seeds\"", "\"colour\": 1, \"seeds\""), "unknown field `colour`"),
        (good.replace("\"10.0.0.10\"", "\"host-a\""), "invalid IP address"),
        (good.replace("\"network-topology\"", "\"magic\""), "unknown variant `magic`"),
        (good[..good.len() / 2].to_string(), "EOF while parsing"),
        (String::new(), "EOF while parsing"),
        ("[]".into(), "it has no `version`"),
    ] {
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    }
    let error = read(&good.replace("\"seeds\"", "\"colour\": 1, \"seeds\"")).unwrap_err().to_string();
    assert!(error.contains("line "), "{error}");
}

#[test]
fn what_contradicts_itself_is_refused() {
    type Change = fn(&mut Topology);
    let changes: [(Change, &str); 17] = [
        (|t| t.hosts.clear(), "it has no host"),
        (|t| t.hosts[1].address = t.hosts[0].address, "10.0.0.1 is listed twice"),
        (|t| t.hosts[1].id = "id-1".into(), "host id id-1 is listed twice"),
        (|t| t.hosts[1].rack.clear(), "10.0.0.2 has no id, data centre or rack"),
        (|t| t.hosts.swap(0, 2), "out of order"),
        (|t| t.seeds.push("192.0.2.1".parse().unwrap()), "192.0.2.1 was asked, or is a seed, and is no host"),
        (
            |t| assert!(t.placement.insert("x".into(), Placement::Compared).is_none()),
            "how the ring of `x` is known, which is no keyspace",
        ),
        (|t| t.rings[0].sets[0] = vec![0, 3], "ring 0 names host 3 of 3"),
        (|t| t.rings[0].sets[0] = vec![1, 0], "is not in ascending order"),
        (|t| t.rings[0].sets[0] = vec![1, 1], "is not in ascending order"),
        (|t| t.rings[0].ranges[0].set = 9, "names replica set 9 of 3"),
        (|t| drop(t.rings[0].ranges.pop()), "ring 0 is not whole"),
        (|t| t.rings[0].ranges.clear(), "ring 0 is not whole"),
        (|t| t.rings[0].ranges[1].end = "x".into(), "ring 0 is not whole"),
        (|t| t.rings.clear(), "keyspace `orders` names ring 0 of 0"),
        (|t| t.keyspaces.get_mut("orders").unwrap().ring = Some(1), "names ring 1 of 1"),
        (|t| t.keyspaces.get_mut("orders").unwrap().replication = Replication::Local, "is local and needs no entry"),
    ];
    for (change, expected) in changes {
        let mut topology = sample();
        change(&mut topology);
        let error = read(&write(&topology)).unwrap_err().to_string();
        assert!(error.starts_with("the topology contradicts itself") && error.contains(expected), "{error}");
    }
}

#[test]
fn the_schema_on_disk_is_current_and_takes_what_is_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/topology.schema.json");
    let on_disk = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(on_disk, schema(), "write it anew: rollbook schema topology");
    let schema: serde_json::Value = serde_json::from_str(&on_disk).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&write(&sample())).unwrap();
    assert!(validator.is_valid(&value));
    value["hosts"][0]["colour"] = 1.into();
    assert!(!validator.is_valid(&value));
}
