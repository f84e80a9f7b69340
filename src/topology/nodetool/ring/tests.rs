use super::*;

const TEXT: &str = "
Datacenter: dc1
==========
Address          Rack        Status State   Load            Owns                Token                                       
                                                                                3                                           
10.0.0.1         rack1       Up     Normal  186.13 KiB      100.00%             1                                           
10.0.0.2         a rack that is longUp     Normal  ?               ?                   3                                           

Datacenter: dc2
==========
Address          Rack        Status State   Load            Owns                Token                                       

2001:db8:0:0:0:0:0:1 r       ?      Normal  1 bytes         100.00%             2                                           

  Warning: \"nodetool ring\" is used to output all the tokens of a node.
  To view status related info of a node use \"nodetool status\" instead.


  Note: Non-system keyspaces don't have the same replication settings";

fn reason(text: &str) -> String {
    parse_ring(text).unwrap_err().reason
}

#[test]
fn owners_of_tokens_whatever_the_rack() {
    let view = parse_ring(TEXT).unwrap();
    let owners: Vec<String> = view.tokens.iter().map(|(token, at)| format!("{token} {at}")).collect();
    assert_eq!(owners, ["1 10.0.0.1", "2 2001:db8::1", "3 10.0.0.2"]);
}

#[test]
fn a_data_centre_that_is_cut_is_refused() {
    let first = &TEXT[..TEXT.find("10.0.0.2").unwrap()];
    assert_eq!(reason(first), "the table ends before its last row");
    assert_eq!(reason(&format!("{first}\n")), "the rows end before token 3");
    let second = &TEXT[..TEXT.find("2001").unwrap()];
    assert_eq!(reason(second), "the table ends before its last row");
    assert_eq!(reason(&format!("{second}\n")), "the data centre has no row");
    let more = TEXT.replace(
        "\n\n  Warning",
        "\n10.0.0.3         r            Up     Normal  1 bytes         ?                   9\n\n  Warning",
    );
    assert_eq!(reason(&more), "a second row, and no last token above them");
    assert_eq!(reason(""), "it printed nothing");
    assert_eq!(reason("\n  Note: nothing\n"), "it shows no token");
}

#[test]
fn rows_that_are_refused() {
    for (from, to, expected) in [
        ("10.0.0.1  ", "db-1      ", "the row has no address"),
        ("rack1       Up ", "rack1       On ", "the row has no status"),
        ("Up     Normal  186", "Up     Gone    186", "the row has no state"),
        ("186.13 KiB", "lots KiB", "the row has no load"),
        ("100.00%             1 ", "100.00              1 ", "the row has no ownership"),
        ("==========", "=====", "unexpected in the heading"),
        ("Status State", "State Status", "unexpected in the heading"),
    ] {
        assert_eq!(reason(&TEXT.replacen(from, to, 1)), expected, "{from:?} → {to:?}");
    }
    let twice = TEXT.replace("             2 ", "             1 ");
    let error = parse_ring(&twice).unwrap_err();
    assert_eq!((error.line, error.reason.as_str()), (13, "the token belongs to `10.0.0.1` too"));
    assert_eq!(reason("Error: no\n"), "expected `Datacenter: NAME`");
}
