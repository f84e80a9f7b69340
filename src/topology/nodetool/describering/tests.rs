use super::*;

fn line(start: &str, end: &str, endpoints: &[&str], details: &[(&str, &str, &str)]) -> String {
    let list = endpoints.join(", ");
    let details: Vec<String> = details
        .iter()
        .map(|(host, dc, rack)| format!("EndpointDetails(host:{host}, datacenter:{dc}, rack:{rack})"))
        .collect();
    let details = details.join(", ");
    format!(
        "\tTokenRange(start_token:{start}, end_token:{end}, endpoints:[{list}], rpc_endpoints:[{list}], endpoint_details:[{details}])\n"
    )
}

fn text(lines: &[String]) -> String {
    format!("Schema Version:4acf945c-ff67-348a-a20d-40587fde2d2b\nTokenRange: \n{}", lines.concat())
}

fn reason(lines: &[String]) -> String {
    parse_describering(&text(lines)).unwrap_err().reason
}

#[test]
fn names_are_not_escaped_and_come_through() {
    let places = [("10.0.0.1", "d, c", "r (1), x"), ("10.0.0.11", "räck", "a), EndpointDetails(host:10.0.0.9")];
    let ring = parse_describering(&text(&[line("1", "1", &["10.0.0.1", "10.0.0.11"], &places)])).unwrap();
    for (host, datacenter, rack) in places {
        let node = ring.nodes.iter().find(|node| node.address.to_string() == host).unwrap();
        assert_eq!((node.datacenter.as_deref(), node.rack.as_deref()), (Some(datacenter), Some(rack)));
    }
    assert_eq!(ring.ranges[0].endpoints.len(), 2);
}

#[test]
fn ports_ipv6_empty_endpoints_and_the_empty_minimum_token() {
    let v6 = "[2001:db8:0:0:0:0:0:1]:7000";
    let ring =
        parse_describering(&text(&[line("", "aa", &[v6], &[(v6, "d", "r")]), line("aa", "", &[], &[])])).unwrap();
    assert_eq!(ring.ranges[0].endpoints[..], [0]);
    assert_eq!(ring.nodes[0].address, "2001:db8::1".parse::<std::net::IpAddr>().unwrap());
    assert!(ring.ranges[1].endpoints.is_empty());
    assert_eq!(ring.ranges[1].end, "".into());
}

#[test]
fn data_centre_and_rack_may_be_absent() {
    let range = line("1", "1", &["10.0.0.1"], &[("10.0.0.1", "d", "r")]).replace(", datacenter:d, rack:r", "");
    let ring = parse_describering(&text(&[range])).unwrap();
    assert_eq!((&ring.nodes[0].datacenter, &ring.nodes[0].rack), (&None, &None));
}

#[test]
fn a_missing_range_leaves_a_gap() {
    let all: Vec<String> =
        [("3", "1"), ("1", "2"), ("2", "3")].map(|(a, b)| line(a, b, &["10.0.0.1"], &[("10.0.0.1", "d", "r")])).into();
    assert!(parse_describering(&text(&all)).is_ok());
    for left_out in 0..3 {
        let mut some = all.clone();
        some.remove(left_out);
        assert!(reason(&some).starts_with("the ring is not whole: no range begins at token"), "without {left_out}");
        assert!(reason(&some[..1]).starts_with("the ring is not whole"));
    }
    assert_eq!(reason(&[]), "it shows no range");
    assert_eq!(reason(&[all[0].clone(), all[0].clone()]), "two ranges begin or end at one token");
}

#[test]
fn what_is_refused() {
    let good = line("1", "1", &["10.0.0.1", "10.0.0.2"], &[("10.0.0.1", "d", "r"), ("10.0.0.2", "d", "r")]);
    for (from, to, expected) in [
        ("endpoints:[10.0.0.1, 10.0.0.2]", "endpoints:[h1, 10.0.0.2]", "`h1` is not an address"),
        ("endpoints:[10.0.0.1, 10.0.0.2]", "endpoints:[10.0.0.2, 10.0.0.2]", "an endpoint is listed twice"),
        ("endpoints:[10.0.0.1, 10.0.0.2]", "endpoints:[10.0.0.1]", "there are not as many rpc endpoints as endpoints"),
        ("host:10.0.0.1,", "host:10.0.0.3,", "the details do not name the endpoints in their order"),
        ("host:10.0.0.2,", "host:10.0.0.21,", "the details do not name the endpoints in their order"),
        ("])", "", "expected `TokenRange(…)` with tokens, endpoints and details"),
        ("start_token", "first_token", "expected `TokenRange(…)` with tokens, endpoints and details"),
    ] {
        assert_eq!(reason(&[good.replacen(from, to, 1)]), expected, "{from:?} → {to:?}");
    }
    let moved = line("1", "2", &["10.0.0.1"], &[("10.0.0.1", "d", "r")])
        + &line("2", "1", &["10.0.0.1"], &[("10.0.0.1", "d", "r2")]);
    assert_eq!(reason(&[moved]), "`10.0.0.1` is in two places");
    assert!(parse_describering("error: No such keyspace\n").is_err());
    let head = "Schema Version:4acf945c-ff67-348a-a20d-40587fde2d2b\n";
    assert_eq!(parse_describering(head).unwrap_err().reason, "it ends before `TokenRange:`");
}
