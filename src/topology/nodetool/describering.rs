//! `nodetool describering KEYSPACE`: each range with its natural replicas, live and down alike.

use super::address::{Lexicon, address};
use super::parse_error::{Line, ParseError, end, whole_lines};
use super::status::is_uuid;
use super::views::{DescribedNode, DescribedRange, DescribedRing};
use crate::topology::model::Token;
use std::collections::BTreeMap;
use std::net::IpAddr;

const COMMAND: &str = "describering";
/// Between one detail and the host of the next.
const NEXT: &str = "), EndpointDetails(host:";

/// Reads the whole ring and proves that it is whole: each range begins where another ends, so a
/// range that is missing leaves a gap.
pub fn parse_describering(text: &str) -> Result<DescribedRing, ParseError> {
    let lines = whole_lines(COMMAND, text)?;
    let schema = schema(&lines[0])?;
    match lines.get(1) {
        Some(line) if line.text.trim_end() == "TokenRange:" => {}
        Some(line) => return Err(line.error("expected `TokenRange:`")),
        None => return Err(end(COMMAND, &lines).error("it ends before `TokenRange:`")),
    }
    let mut nodes = Nodes { words: Lexicon::new(), index: BTreeMap::new(), met: Vec::new() };
    let mut ranges = Vec::with_capacity(lines.len() - 2);
    for line in lines[2..].iter().filter(|line| !line.blank()) {
        ranges.push(range(line, &mut nodes)?);
    }
    closed(&ranges).map_err(|reason| end(COMMAND, &lines).error(reason))?;
    let nodes = nodes.met.into_iter().map(|node| {
        let (datacenter, rack) = node.detail.and_then(place).unwrap_or_default();
        let owned = |name: Option<&str>| name.map(str::to_string);
        DescribedNode { address: node.address, datacenter: owned(datacenter), rack: owned(rack) }
    });
    Ok(DescribedRing { schema, ranges, nodes: nodes.collect() })
}

/// The endpoints met so far.
struct Nodes<'a> {
    words: Lexicon<'a, u32>,
    index: BTreeMap<IpAddr, u32>,
    met: Vec<Node<'a>>,
}

struct Node<'a> {
    address: IpAddr,
    /// What stands behind its name in the details: the same in each of its ranges.
    detail: Option<&'a str>,
}

impl<'a> Nodes<'a> {
    fn of(&mut self, word: &'a str) -> Option<u32> {
        self.words.meaning(word, |word| {
            let address = address(word)?;
            Some(*self.index.entry(address).or_insert_with(|| {
                self.met.push(Node { address, detail: None });
                self.met.len() as u32 - 1
            }))
        })
    }
}

fn schema(line: &Line) -> Result<String, ParseError> {
    let id = line.text.strip_prefix("Schema Version:").map(str::trim).filter(|id| is_uuid(id));
    id.map(str::to_ascii_lowercase).ok_or_else(|| line.error("expected `Schema Version:…`"))
}

fn closed(ranges: &[DescribedRange]) -> Result<(), String> {
    if ranges.is_empty() {
        return Err("it shows no range".into());
    }
    let mut starts: Vec<Token> = ranges.iter().map(|range| range.start.clone()).collect();
    let mut ends: Vec<Token> = ranges.iter().map(|range| range.end.clone()).collect();
    starts.sort_unstable();
    ends.sort_unstable();
    let twice = |tokens: &[Token]| tokens.windows(2).any(|pair| pair[0] == pair[1]);
    if twice(&starts) || twice(&ends) {
        return Err("two ranges begin or end at one token".into());
    }
    if starts == ends {
        return Ok(());
    }
    let gap = ends.iter().find(|end| starts.binary_search(end).is_err()).expect("as many of each, and none twice");
    Err(format!("the ring is not whole: no range begins at token {gap}"))
}

/// `\tTokenRange(start_token:A, end_token:B, endpoints:[…], rpc_endpoints:[…], endpoint_details:[…])`
fn range<'a>(line: &Line<'a>, nodes: &mut Nodes<'a>) -> Result<DescribedRange, ParseError> {
    let wrong = || line.error("expected `TokenRange(…)` with tokens, endpoints and details");
    let rest = line.text.trim_end().strip_prefix("\tTokenRange(start_token:").ok_or_else(wrong)?;
    let (start, rest) = cut(rest, ", end_token:").ok_or_else(wrong)?;
    let (end, rest) = cut(rest, ", endpoints:[").ok_or_else(wrong)?;
    let (endpoints, rest) = cut(rest, "], rpc_endpoints:[").ok_or_else(wrong)?;
    let (rpc, rest) = cut(rest, "], endpoint_details:[").ok_or_else(wrong)?;
    let details = rest.strip_suffix("])").ok_or_else(wrong)?;
    let count = if endpoints.is_empty() { 0 } else { separators(endpoints) + 1 };
    if separators(rpc) + 1 != count.max(1) {
        return Err(line.error("there are not as many rpc endpoints as endpoints"));
    }
    let mut found = Vec::with_capacity(count);
    for word in endpoints.split(", ").filter(|_| count > 0) {
        let node = nodes.of(word).ok_or_else(|| line.error(format!("`{word}` is not an address")))?;
        if found.contains(&node) {
            return Err(line.error("an endpoint is listed twice"));
        }
        found.push(node);
    }
    details_of(line, details, (endpoints, &found), &mut nodes.met)?;
    Ok(DescribedRange { start: start.into(), end: end.into(), endpoints: found.into() })
}

/// As `split_once`, where the first byte of what is looked for is rare in the text.
fn cut<'a>(text: &'a str, at: &str) -> Option<(&'a str, &'a str)> {
    let (first, bytes) = (at.as_bytes()[0], text.as_bytes());
    let mut from = 0;
    while let Some(next) = bytes[from..].iter().position(|byte| *byte == first) {
        let place = from + next;
        if bytes[place..].starts_with(at.as_bytes()) {
            return Some((&text[..place], &text[place + at.len()..]));
        }
        from = place + 1;
    }
    None
}

/// Of `a, b, c`: two.
fn separators(list: &str) -> usize {
    list.as_bytes().windows(2).filter(|pair| *pair == b", ").count()
}

/// Names of data centres and racks are not escaped: where one detail ends is told by the next host.
fn details_of<'a>(
    line: &Line<'a>,
    details: &'a str,
    (words, found): (&str, &[u32]),
    nodes: &mut [Node<'a>],
) -> Result<(), ParseError> {
    let wrong = || line.error("the details do not name the endpoints in their order");
    let mut rest = details;
    let mut words = words.split(", ").filter(|_| !found.is_empty()).peekable();
    for at in found {
        let word = words.next().unwrap_or_default();
        let body = rest.strip_prefix("EndpointDetails(host:").and_then(|text| text.strip_prefix(word));
        let body = body.ok_or_else(wrong)?;
        let node = &mut nodes[*at as usize];
        let next = words.peek().copied();
        // Does the detail end at this byte?
        let ends = |cut: usize| match next {
            Some(next) => {
                body.get(cut..).and_then(|after| after.strip_prefix(NEXT)).is_some_and(|after| after.starts_with(next))
            }
            None => body.get(cut..) == Some(")"),
        };
        let known = node.detail.filter(|detail| body.starts_with(detail) && ends(detail.len()));
        let length = match known {
            Some(detail) => detail.len(),
            None => body.match_indices(')').map(|(cut, _)| cut).find(|cut| ends(*cut)).ok_or_else(wrong)?,
        };
        if known.is_none() {
            let place_here = place(&body[..length]).ok_or_else(wrong)?;
            match node.detail {
                Some(before) if place(before) != Some(place_here) => {
                    return Err(line.error(format!("`{}` is in two places", node.address)));
                }
                _ => node.detail = Some(&body[..length]),
            }
        }
        // (behind it `), ` and the next, or `)` and nothing)
        rest = body.get(length + if next.is_some() { 3 } else { 1 }..).unwrap_or_default();
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
