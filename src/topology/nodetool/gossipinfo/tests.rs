use super::*;

const TEXT: &str = "/10.0.0.1
  generation:1795461477
  heartbeat:91
  STATUS:25:NORMAL,-1537228672809129302
  LOAD:90:205104.0
  SCHEMA:30:4acf945c-ff67-348a-a20d-40587fde2d2b
  DC:13:dc1
  RACK:15:rack: 3
  RELEASE_VERSION:6:5.0.5
  HOST_ID:3:49c24707-cac4-40d4-803e-dfaa28689d2e
  RPC_READY:40:true
  STATUS_WITH_PORT:35:shutdown,true
  TOKENS:34:<hidden>
db-2/[2001:db8:0:0:0:0:0:2]:7000
  generation:5
  heartbeat:91
  TOKENS: not present

";

fn reason(text: &str) -> String {
    parse_gossipinfo(text).unwrap_err().reason
}

#[test]
fn every_state_that_is_used() {
    let view = parse_gossipinfo(TEXT).unwrap();
    let node = &view.nodes[&"10.0.0.1".parse().unwrap()];
    assert_eq!(node.generation, 1795461477);
    assert_eq!(node.status.as_deref(), Some("shutdown"), "the newer of the two statuses");
    assert_eq!(node.rack.as_deref(), Some("rack: 3"), "split at the first two colons only");
    assert_eq!(node.datacenter.as_deref(), Some("dc1"));
    assert_eq!(node.release.as_deref(), Some("5.0.5"));
    assert_eq!(node.host_id.as_deref(), Some("49c24707-cac4-40d4-803e-dfaa28689d2e"));
    assert_eq!(node.schema.as_deref(), Some("4acf945c-ff67-348a-a20d-40587fde2d2b"));
    assert_eq!(node.rpc_ready, Some(true));
    let other = &view.nodes[&"2001:db8::2".parse().unwrap()];
    assert_eq!((other.generation, other.status.as_deref()), (5, None));
}

#[test]
fn scylla_prints_no_versions() {
    let view = parse_gossipinfo("/10.0.0.1\n  generation:7\n  heartbeat:1\n  STATUS:NORMAL,1\n  RACK:r1\n").unwrap();
    let node = &view.nodes[&"10.0.0.1".parse().unwrap()];
    assert_eq!((node.status.as_deref(), node.rack.as_deref()), (Some("NORMAL"), Some("r1")));
}

#[test]
fn nothing_is_not_no_nodes() {
    assert_eq!(reason(""), "it printed nothing");
    assert_eq!(reason("\n"), "it printed nothing");
}

#[test]
fn what_is_refused() {
    for (from, to, expected) in [
        ("  generation:5\n", "", "the node has no generation"),
        ("generation:5", "generation:five", "the generation is not a number"),
        ("generation:5", "generation:5\n  generation:5", "the generation is printed twice"),
        ("  TOKENS:34:<hidden>\n", "", "the node's states end before its tokens"),
        ("RPC_READY:40:true", "RPC_READY:40:perhaps", "expected `true` or `false`"),
        ("db-2/[2001:db8:0:0:0:0:0:2]:7000", "/10.0.0.1", "the node is listed twice"),
        ("db-2/[2001:db8:0:0:0:0:0:2]:7000", "10.0.0.2", "expected a node, `/ADDRESS`"),
        ("  heartbeat:91", "  heartbeat", "expected `STATE:value`"),
        ("/10.0.0.1\n", "", "a state before the first node"),
    ] {
        assert_eq!(reason(&TEXT.replacen(from, to, 1)), expected, "{from:?} → {to:?}");
    }
    let cut = &TEXT[..TEXT.find("db-2").unwrap()];
    assert_eq!(reason(cut), "the text ends before its closing blank line");
}
