//! `nodetool describering KEYSPACE`: each range with its natural replicas, live and down alike.

use super::address::address_list;
use super::parse_error::{Line, ParseError, end, whole_lines};
use super::status::is_uuid;
use super::views::{DescribedRange, DescribedRing};
use std::net::IpAddr;

const COMMAND: &str = "describering";
/// Between one detail and the host of the next.
const NEXT: &str = "), EndpointDetails(host:";

/// Reads the whole ring and proves that it is whole: each range begins where another ends, so a
/// range that is missing leaves a gap.
pub fn parse_describering(text: &str) -> Result<DescribedRing, ParseError> {
    let lines = whole_lines(COMMAND, text)?;
    let mut ring = DescribedRing { schema: schema(&lines[0])?, ..DescribedRing::default() };
    match lines.get(1) {
        Some(line) if line.text.trim_end() == "TokenRange:" => {}
        Some(line) => return Err(line.error("expected `TokenRange:`")),
        None => return Err(end(COMMAND, &lines).error("it ends before `TokenRange:`")),
    }
    for line in lines[2..].iter().filter(|line| !line.blank()) {
        let range = range(line, &mut ring)?;
        ring.ranges.push(range);
    }
    closed(&ring).map_err(|reason| end(COMMAND, &lines).error(reason))?;
    Ok(ring)
}

fn schema(line: &Line) -> Result<String, ParseError> {
    let id = line.text.strip_prefix("Schema Version:").map(str::trim).filter(|id| is_uuid(id));
    id.map(str::to_ascii_lowercase).ok_or_else(|| line.error("expected `Schema Version:…`"))
}

fn closed(ring: &DescribedRing) -> Result<(), String> {
    if ring.ranges.is_empty() {
        return Err("it shows no range".into());
    }
    let mut starts: Vec<&str> = ring.ranges.iter().map(|range| range.start.as_str()).collect();
    let mut ends: Vec<&str> = ring.ranges.iter().map(|range| range.end.as_str()).collect();
    starts.sort_unstable();
    ends.sort_unstable();
    let twice = |tokens: &[&str]| tokens.windows(2).any(|pair| pair[0] == pair[1]);
    if twice(&starts) || twice(&ends) {
        return Err("two ranges begin or end at one token".into());
    }
    if starts == ends {
        return Ok(());
    }
    let gap = ends.iter().find(|end| starts.binary_search(end).is_err()).copied().unwrap_or_default();
    Err(format!("the ring is not whole: no range begins at token {gap}"))
}

/// `\tTokenRange(start_token:A, end_token:B, endpoints:[…], rpc_endpoints:[…], endpoint_details:[…])`
fn range(line: &Line, ring: &mut DescribedRing) -> Result<DescribedRange, ParseError> {
    let wrong = || line.error("expected `TokenRange(…)` with tokens, endpoints and details");
    let rest = line.text.trim_end().strip_prefix("\tTokenRange(start_token:").ok_or_else(wrong)?;
    let (start, rest) = rest.split_once(", end_token:").ok_or_else(wrong)?;
    let (end, rest) = rest.split_once(", endpoints:[").ok_or_else(wrong)?;
    let (endpoints, rest) = rest.split_once("], rpc_endpoints:[").ok_or_else(wrong)?;
    let (rpc, rest) = rest.split_once("], endpoint_details:[").ok_or_else(wrong)?;
    let details = rest.strip_suffix("])").ok_or_else(wrong)?;
    let words: Vec<&str> = if endpoints.is_empty() { Vec::new() } else { endpoints.split(", ").collect() };
    if rpc.split(", ").count() != words.len().max(1) {
        return Err(line.error("there are not as many rpc endpoints as endpoints"));
    }
    let endpoints = address_list(line, endpoints)?;
    if endpoints.iter().enumerate().any(|(at, endpoint)| endpoints[..at].contains(endpoint)) {
        return Err(line.error("an endpoint is listed twice"));
    }
    details_of(line, details, (&words, &endpoints), ring)?;
    Ok(DescribedRange { start: start.to_string(), end: end.to_string(), endpoints })
}

/// Names of data centres and racks are not escaped: where one detail ends is told by the next host.
fn details_of(
    line: &Line,
    details: &str,
    (words, hosts): (&[&str], &[IpAddr]),
    ring: &mut DescribedRing,
) -> Result<(), ParseError> {
    let wrong = || line.error("the details do not name the endpoints in their order");
    let mut rest = details;
    for (at, (word, host)) in words.iter().zip(hosts).enumerate() {
        let body = rest.strip_prefix("EndpointDetails(host:").and_then(|text| text.strip_prefix(word));
        let body = body.ok_or_else(wrong)?;
        let (detail, after) = match words.get(at + 1) {
            Some(next) => {
                let ends = |cut: &usize| body[cut + NEXT.len()..].starts_with(next);
                let cut = body.match_indices(NEXT).map(|(cut, _)| cut).find(ends).ok_or_else(wrong)?;
                (&body[..cut], &body[cut + 3..])
            }
            None => (body.strip_suffix(')').ok_or_else(wrong)?, ""),
        };
        let place = place(detail).ok_or_else(wrong)?;
        match ring.places.get(host) {
            // (most often it is known: nothing is copied then)
            Some(known) if (known.0.as_deref(), known.1.as_deref()) == place => {}
            Some(_) => return Err(line.error(format!("`{host}` is in two places"))),
            None => drop(ring.places.insert(*host, (place.0.map(str::to_string), place.1.map(str::to_string)))),
        }
        rest = after;
    }
    if rest.is_empty() { Ok(()) } else { Err(wrong()) }
}

/// `, datacenter:D, rack:R`; either may be absent when the node does not know it.
fn place(detail: &str) -> Option<(Option<&str>, Option<&str>)> {
    let (datacenter, rack) = match detail.strip_prefix(", datacenter:") {
        Some(rest) => match rest.split_once(", rack:") {
            Some((datacenter, rack)) => (Some(datacenter), Some(rack)),
            None => (Some(rest), None),
        },
        None if detail.is_empty() => (None, None),
        None => (None, Some(detail.strip_prefix(", rack:")?)),
    };
    Some((datacenter.map(str::trim), rack.map(str::trim)))
}

#[cfg(test)]
mod tests;
