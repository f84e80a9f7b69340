use super::*;

const TEXT: &str = "ID                     : 50d7eb5c-504a-4f4c-8aa2-d7cd35a39f80
Gossip active          : true
Native Transport active: false
Load                   : 186.13 KiB
Generation No          : 1795461167
Uptime (seconds)       : 388
Key Cache              : entries 342, size 26.98 KiB
Token                  : -1
Token                  : 5
";

#[test]
fn what_a_node_says_of_itself() {
    let view = parse_info(TEXT).unwrap();
    assert_eq!(view.host_id, "50d7eb5c-504a-4f4c-8aa2-d7cd35a39f80");
    assert_eq!((view.generation, view.uptime_s), (1795461167, 388));
    assert_eq!((view.gossip, view.native_transport), (true, false));
}

#[test]
fn a_label_that_is_missing_or_twice_is_refused() {
    for (from, to, expected) in [
        ("Generation No          : 1795461167\n", "", "`Generation No` is missing"),
        ("Uptime (seconds)       : 388", "Uptime (seconds)       : long", "`long` is not what this line should say"),
        ("Gossip active          : true", "Gossip active          : yes", "`yes` is not what this line should say"),
        ("Load ", "ID ", "`ID` is printed twice"),
        ("50d7eb5c-", "50d7eb5c", "the host id is not a UUID"),
        ("Load                   : 186.13 KiB", "no label", "expected `Label : value`"),
    ] {
        assert_eq!(parse_info(&TEXT.replacen(from, to, 1)).unwrap_err().reason, expected, "{from:?}");
    }
    assert_eq!(parse_info("").unwrap_err().reason, "it printed nothing");
}

#[test]
fn the_mode_is_the_first_line() {
    let view = |text: &str| parse_netstats(text).unwrap();
    let failed = NetstatsView { mode: "DECOMMISSION_FAILED".into(), streams: false };
    assert_eq!(view("Mode: DECOMMISSION_FAILED\nNot sending any streams.\n"), failed);
    // Whatever stands where that sentence should: streams, or a form that nobody knows.
    assert!(view("Mode: NORMAL\nRepair 6b3f2d10-c1a5-11f0-8f3a-2f6c1f0e9a77\n    /10.77.0.12\n").streams);
    assert!(view("Mode: NORMAL\n").streams);
    assert_eq!(parse_netstats("Mode: NORM").unwrap_err().reason, "the text ends in the middle of a line");
    for text in ["Mode: \n", "Mode: normal\n", "\nMode: NORMAL\n", "Status: NORMAL\n"] {
        assert_eq!(parse_netstats(text).unwrap_err().reason, "expected `Mode: …`", "{text:?}");
    }
}
