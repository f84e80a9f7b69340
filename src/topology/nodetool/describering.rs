//! `nodetool describering KEYSPACE`: each range with its natural replicas, live and down alike.

use super::address::{address, address_list};
use super::parse_error::{Line, ParseError, end, whole_lines};
use super::status::is_uuid;
use super::views::{DescribedRange, DescribedRing};
use std::collections::BTreeSet;

const COMMAND: &str = "describering";

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
    let starts: BTreeSet<&str> = ring.ranges.iter().map(|range| range.start.as_str()).collect();
    let ends: BTreeSet<&str> = ring.ranges.iter().map(|range| range.end.as_str()).collect();
    if starts.len() != ring.ranges.len() || ends.len() != ring.ranges.len() {
        return Err("two ranges begin or end at one token".into());
    }
    if let Some(gap) = ends.difference(&starts).next() {
        return Err(format!("the ring is not whole: no range begins at token {gap}"));
    }
    Ok(())
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
    if endpoints.iter().collect::<BTreeSet<_>>().len() != endpoints.len() {
        return Err(line.error("an endpoint is listed twice"));
    }
    details_of(line, details, &words, ring)?;
    Ok(DescribedRange { start: start.to_string(), end: end.to_string(), endpoints })
}

/// Names of data centres and racks are not escaped: where one detail ends is told by the next host.
fn details_of(line: &Line, details: &str, words: &[&str], ring: &mut DescribedRing) -> Result<(), ParseError> {
    let wrong = || line.error("the details do not name the endpoints in their order");
    let mut rest = details;
    for (at, word) in words.iter().enumerate() {
        let body = rest.strip_prefix("EndpointDetails(host:").and_then(|text| text.strip_prefix(word));
        let body = body.ok_or_else(wrong)?;
        let (detail, after) = match words.get(at + 1) {
            Some(next) => {
                let mark = format!("), EndpointDetails(host:{next}");
                let cut = body.find(&mark).ok_or_else(wrong)?;
                (&body[..cut], &body[cut + 3..])
            }
            None => (body.strip_suffix(')').ok_or_else(wrong)?, ""),
        };
        let place = place(detail).ok_or_else(wrong)?;
        let host = address(word).ok_or_else(wrong)?;
        let known = ring.places.entry(host).or_insert_with(|| place.clone());
        if *known != place {
            return Err(line.error(format!("`{host}` is in two places")));
        }
        rest = after;
    }
    if rest.is_empty() { Ok(()) } else { Err(wrong()) }
}

/// `, datacenter:D, rack:R`; either may be absent when the node does not know it.
fn place(detail: &str) -> Option<(Option<String>, Option<String>)> {
    let (datacenter, rack) = match detail.strip_prefix(", datacenter:") {
        Some(rest) => match rest.split_once(", rack:") {
            Some((datacenter, rack)) => (Some(datacenter), Some(rack)),
            None => (Some(rest), None),
        },
        None if detail.is_empty() => (None, None),
        None => (None, Some(detail.strip_prefix(", rack:")?)),
    };
    Some((datacenter.map(|name| name.trim().to_string()), rack.map(|name| name.trim().to_string())))
}

#[cfg(test)]
mod tests;
