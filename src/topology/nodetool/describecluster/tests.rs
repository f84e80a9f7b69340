use super::*;
use crate::topology::model::{Factor, Replication};

const TEXT: &str = "Cluster Information:
	Name: a: b 
	Snitch: org.apache.cassandra.locator.GossipingPropertyFileSnitch
	DynamicEndPointSnitch: enabled
	Partitioner: org.apache.cassandra.dht.Murmur3Partitioner
	Schema versions:
		4acf945c-ff67-348a-a20d-40587fde2d2b: [10.0.0.1, 10.0.0.2]

		UNREACHABLE: [2001:db8:0:0:0:0:0:1]

Stats for all nodes:
	Live: 2
	Joining: 0
	Moving: 0
	Leaving: 0
	Unreachable: 1

Data Centers: 
	dc 1 #Nodes: 3 #Down: 1

Database versions:
	5.0.5: [10.0.0.1:7000, 10.0.0.2:7000]

	4.1.10: [[2001:db8:0:0:0:0:0:1]:7000]

Keyspaces:
	orders -> Replication class: NetworkTopologyStrategy {dc 1=3}
	odd -> Replication class: com.example.Mine {a=1}
	system -> Replication class: LocalStrategy {}
";

fn reason(text: &str) -> String {
    parse_describecluster(text).unwrap_err().reason
}

#[test]
fn everything_it_says() {
    let view = parse_describecluster(TEXT).unwrap();
    assert_eq!(view.name, "a: b ", "colons and trailing blanks belong to the name");
    assert_eq!(view.partitioner, "org.apache.cassandra.dht.Murmur3Partitioner");
    assert_eq!(view.schema["4acf945c-ff67-348a-a20d-40587fde2d2b"].len(), 2);
    assert_eq!(view.unreachable, ["2001:db8::1".parse().unwrap()].into());
    assert_eq!(view.releases[&"2001:db8::1".parse().unwrap()], "4.1.10");
    let factor = Factor { total: 3, transient: 0 };
    assert_eq!(view.keyspaces["orders"], Replication::NetworkTopology([("dc 1".to_string(), factor)].into()));
    assert_eq!(view.keyspaces["odd"], Replication::Unknown("com.example.Mine {a=1}".into()));
    assert_eq!(view.keyspaces["system"], Replication::Local);
}

#[test]
fn errors_in_the_middle_and_notes_at_the_end_are_remarks() {
    let remark = "Non-system keyspaces don't have the same replication settings, …";
    for middle in ["Error: ", "%nError: "] {
        let text = TEXT.replace("Data Centers: ", &format!("{middle}{remark}\n\nData Centers: "));
        assert_eq!(parse_describecluster(&text), parse_describecluster(TEXT));
    }
    let text = format!("{TEXT}\nNote: {remark}\n");
    assert_eq!(parse_describecluster(&text), parse_describecluster(TEXT));
    assert_eq!(reason(&format!("{text}more\n")), "unexpected after the note");
}

#[test]
fn three_eleven_ends_after_the_schema_and_has_no_keyspaces() {
    let view = parse_describecluster(&TEXT[..TEXT.find("Stats for").unwrap()]).unwrap();
    assert!(view.keyspaces.is_empty() && view.releases.is_empty());
}

#[test]
fn a_drained_node_names_no_version_at_all() {
    let text = TEXT.replace("\t\t4acf945c-ff67-348a-a20d-40587fde2d2b: [10.0.0.1, 10.0.0.2]\n\n", "");
    assert!(parse_describecluster(&text).unwrap().schema.is_empty());
}

#[test]
fn half_a_text_is_refused() {
    for (end, expected) in [
        ("\tPartitioner", "it ends before the schema versions"),
        ("\t\t4acf", "it ends before the first schema version"),
        ("\nData Centers", "it ends before the keyspaces"),
        ("\nKeyspaces", "it ends before the keyspaces"),
        ("\torders", "it ends before the first keyspace"),
    ] {
        assert_eq!(reason(&TEXT[..TEXT.find(end).unwrap()]), expected, "cut before {end:?}");
    }
    assert_eq!(reason("Cluster Information:\n"), "it ends before the schema versions");
    assert_eq!(reason(&TEXT[..TEXT.len() - 5]), "the text ends in the middle of a line");
}

#[test]
fn what_is_not_known_is_refused() {
    for (from, to, expected) in [
        ("Snitch: org", "Colour: org", "unexpected in `Cluster Information`"),
        ("4acf945c-", "4acf945c", "expected a schema version and its nodes"),
        ("[10.0.0.1, 10.0.0.2]\n", "[10.0.0.1, h2]\n", "`h2` is not an address"),
        ("[10.0.0.1, 10.0.0.2]\n", "[10.0.0.1, 10.0.0.1]\n", "`10.0.0.1` is listed twice"),
        ("[10.0.0.1, 10.0.0.2]\n", "10.0.0.1\n", "expected a list of addresses in brackets"),
        ("Live: 2", "Live: two", "unexpected in `Stats for all nodes`"),
        (" #Down: 1", "", "unexpected in `Data Centers`"),
        ("\todd -> ", "something went wrong for keyspace: odd\n\todd -> ", "expected a keyspace and its replication"),
        ("\todd -> ", "\torders -> ", "keyspace `orders` is listed twice"),
        ("Keyspaces:", "Stats for all nodes:", "a heading out of order"),
    ] {
        assert_eq!(reason(&TEXT.replacen(from, to, 1)), expected, "{from:?} → {to:?}");
    }
    assert_eq!(reason("Connection refused\n"), "expected `Cluster Information:`");
}
