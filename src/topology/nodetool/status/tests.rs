use super::*;
use crate::topology::nodetool::StatusView;

const ID: &str = "1b2c3d4e-0000-4000-8000-000000000001";

fn table(header: &str, rows: &[&str]) -> String {
    let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
    format!(
        "Datacenter: dc1\n===============\nStatus=Up/Down\n|/ State=Normal/Leaving/Joining/Moving\n{header}\n{rows}\n"
    )
}

const COUNTED: &str =
    "--  Address     Load       Tokens  Owns (effective)  Host ID                               Rack ";
const ONE_TOKEN: &str = "--  Address  Load  Owns (effective)  Host ID  Token  Rack";

fn one(header: &str, text: &str) -> Result<StatusRow, ParseError> {
    let view: StatusView = parse_status(&table(header, &[text]))?;
    Ok(view.rows.into_values().next().expect("one row"))
}

#[test]
fn a_plain_row() {
    let row = one(COUNTED, &format!("UN  127.0.0.1   70.23 KiB  16      33.3%             {ID}  rack1 ")).unwrap();
    assert!(row.up_normal());
    assert_eq!((row.datacenter.as_str(), row.rack.as_str()), ("dc1", "rack1"));
    assert_eq!((row.tokens, row.host_id.as_deref()), (Some(16), Some(ID)));
}

#[test]
fn the_rows_that_cstar_drops() {
    for (text, rack, id, up) in [
        (format!("DN  127.0.0.2   ?          16      ?     {ID}  rack 2"), "rack 2", Some(ID), false),
        (format!("UN  127.0.0.2   ?          16      ?     {ID}  a/b c:d"), "a/b c:d", Some(ID), true),
        (
            "UJ  127.0.0.11  512 bytes  16      ?                                           r1    ".into(),
            "r1",
            None,
            false,
        ),
        (
            "UJ  127.0.0.2   512 bytes  16           ?       null                                  r1".into(),
            "r1",
            None,
            false,
        ),
        (format!("?N  127.0.0.2   1,5 GB  256  ?     {ID}  räck,3"), "räck,3", Some(ID), false),
        (format!("UN  fe80:0:0:0:0:0:0:1%eth0  1 TiB  16      ?     {ID}  r1"), "r1", Some(ID), true),
        (format!("UN  [2001:db8:0:0:0:0:0:1]:7000  1 TiB  ?      ?     {ID}  r1"), "r1", Some(ID), true),
        (format!("XN  127.0.0.2   1 TB  16      ?     {ID}  r1"), "r1", Some(ID), false),
        (format!("XUN  127.0.0.2   1 TB  16      ?     {ID}  r1"), "r1", Some(ID), false),
    ] {
        let row = one(COUNTED, &text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((row.rack.as_str(), row.host_id.as_deref(), row.up_normal()), (rack, id, up), "{text}");
    }
}

#[test]
fn one_token_a_node() {
    let text = format!("UN  127.0.0.1  70.23 KiB  100.0%  {ID}  -9223372036854775808  rack 1");
    let row = one(ONE_TOKEN, &text).unwrap();
    assert_eq!((row.tokens, row.rack.as_str()), (Some(1), "rack 1"));
}

#[test]
fn three_eleven_has_no_blank_line_between_data_centres_and_scylla_a_note() {
    let first = table(COUNTED, &[&format!("UN  10.0.0.1  1 KB  16  ?  {ID}  r1")]);
    let second = first.replace("dc1", "dc2").replace("10.0.0.1", "10.0.0.2").replace("Up/Down", "Up/Down/eXcluded");
    let text = format!("{}{}Note: Non-system keyspaces …\n", first.trim_end_matches('\n').to_string() + "\n", second);
    let view = parse_status(&text).unwrap();
    let places: Vec<&str> = view.rows.values().map(|row| row.datacenter.as_str()).collect();
    assert_eq!(places, ["dc1", "dc2"]);
}

#[test]
fn carriage_returns_are_line_ends() {
    let text = table(COUNTED, &[&format!("UN  10.0.0.1  1 KB  16  ?  {ID}  r1")]).replace('\n', "\r\n");
    let view = parse_status(&text).unwrap();
    let row = view.rows.values().next().unwrap();
    assert_eq!((row.datacenter.as_str(), row.rack.as_str()), ("dc1", "r1"));
}

#[test]
fn letters_of_movement() {
    for (letters, movement) in
        [("UN", Movement::Normal), ("UL", Movement::Leaving), ("DJ", Movement::Joining), ("UM", Movement::Moving)]
    {
        let row = one(COUNTED, &format!("{letters}  10.0.0.1  1 KB  16  ?  {ID}  r1")).unwrap();
        assert_eq!(row.movement, movement, "{letters}");
    }
}

#[test]
fn what_does_not_parse_is_shown_with_its_line() {
    for (row, reason) in [
        (format!("UN  10.0.0.1  1 KB  16  ?  {ID}"), "the row has no rack"),
        (format!("UN  db-1  1 KB  16  ?  {ID}  r1"), "`db-1` is not an address"),
        (format!("UX  10.0.0.1  1 KB  16  ?  {ID}  r1"), "`UX` is not a state"),
        (format!("UN  10.0.0.1  1 parsec  16  ?  {ID}  r1"), "`parsec` is not a unit of load"),
        (format!("UN  10.0.0.1  lots  16  ?  {ID}  r1"), "`lots` is not a load"),
        (format!("UN  10.0.0.1  1 KB  many  ?  {ID}  r1"), "`many` is not a number of tokens"),
        (format!("UN  10.0.0.1  1 KB  16  half  {ID}  r1"), "`half` is not an ownership"),
        ("UN  10.0.0.1".to_string(), "the row has no load"),
        ("Something else".to_string(), "`Something` is not a state"),
    ] {
        let error = one(COUNTED, &row).unwrap_err();
        assert_eq!((error.line, error.text.as_str(), error.reason.as_str()), (6, row.as_str(), reason));
    }
    let error = one(COUNTED, "UN  10.0.0.1").unwrap_err();
    assert_eq!(error.to_string(), "`nodetool status`, line 6: the row has no load: `UN  10.0.0.1`");
}

#[test]
fn whole_texts_that_are_refused() {
    let good = table(COUNTED, &[&format!("UN  10.0.0.1  1 KB  16  ?  {ID}  r1")]);
    let twice = table(COUNTED, &[&format!("UN  10.0.0.1  1 KB  16  ?  {ID}  r1"); 2].map(String::as_str));
    for (text, reason) in [
        (String::new(), "it printed nothing"),
        ("\n\n".into(), "it printed nothing"),
        ("Note: nobody here\n".into(), "it shows no node"),
        ("error: No nodes present in the cluster.\n".into(), "expected `Datacenter: NAME`"),
        (table(COUNTED, &[]), "a data centre without nodes"),
        (table("--  Address  Load  Colour", &[]), "columns that are not known"),
        (good.replace("=====\n", "==x==\n"), "unexpected in the heading"),
        (good.replace("Datacenter: dc1", "Datacenter: "), "expected `Datacenter: NAME`"),
        (good.trim_end().to_string(), "the text ends in the middle of a line"),
        (twice, "`10.0.0.1` is listed twice"),
        (format!("{good}Note: x\nUN  10.0.0.2  1 KB  16  ?  {ID}  r1\n"), "unexpected after the note"),
    ] {
        assert_eq!(parse_status(&text).unwrap_err().reason, reason, "{text}");
    }
}
