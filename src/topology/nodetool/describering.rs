//! `nodetool describering KEYSPACE`: each range with its natural replicas, live and down alike.

use super::address::{Lexicon, address};
use super::parse_error::{Line, ParseError, end, whole_lines};
use super::status::is_uuid;
use super::views::{DescribedNode, DescribedRange, DescribedRing};
use crate::topology::model::Token;
use memchr::memchr_iter;
use std::collections::BTreeMap;
use std::net::IpAddr;

const COMMAND: &str = "describering";
/// Between one detail and the host of the next.
const NEXT: &str = "), EndpointDetails(host:";
const DETAILS: &str = "], endpoint_details:[";

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
    let mut nodes = Nodes { words: Lexicon::new(), index: BTreeMap::new(), met: Vec::new(), line: Vec::new() };
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
    /// The words of one line's list; kept for its room.
    line: Vec<&'a str>,
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
    // (both lists are nearly always the same)
    let same = rest.strip_prefix(endpoints).and_then(|rest| rest.strip_prefix(DETAILS));
    let (rpc, rest) = same.map(|rest| (endpoints, rest)).or_else(|| cut(rest, DETAILS)).ok_or_else(wrong)?;
    let details = rest.strip_suffix("])").ok_or_else(wrong)?;
    let mut words = std::mem::take(&mut nodes.line);
    words.clear();
    words.extend(list(endpoints));
    if same.is_none() && list(rpc).count() != words.len() {
        return Err(line.error("there are not as many rpc endpoints as endpoints"));
    }
    let mut found = Vec::with_capacity(words.len());
    for word in &words {
        let node = nodes.of(word).ok_or_else(|| line.error(format!("`{word}` is not an address")))?;
        if found.contains(&node) {
            return Err(line.error("an endpoint is listed twice"));
        }
        found.push(node);
    }
    details_of(line, details, (&words, &found), &mut nodes.met)?;
    nodes.line = words;
    Ok(DescribedRange { start: start.into(), end: end.into(), endpoints: found.into() })
}

/// As `split_once`, where the first byte of what is looked for is rare in the text.
fn cut<'a>(text: &'a str, at: &str) -> Option<(&'a str, &'a str)> {
    let begins = memchr_iter(at.as_bytes()[0], text.as_bytes());
    let mut places = begins.filter(|place| text.as_bytes()[*place..].starts_with(at.as_bytes()));
    places.next().map(|place| (&text[..place], &text[place + at.len()..]))
}

/// The words of `a, b, c`; of an empty text none.
fn list(inside: &str) -> impl Iterator<Item = &str> {
    let mut rest = (!inside.is_empty()).then_some(inside);
    std::iter::from_fn(move || {
        let text = rest?;
        let (word, after) = cut(text, ", ").map_or((text, None), |(word, after)| (word, Some(after)));
        rest = after;
        Some(word)
    })
}

/// Names of data centres and racks are not escaped: where one detail ends is told by the next host.
fn details_of<'a>(
    line: &Line<'a>,
    details: &'a str,
    (words, found): (&[&'a str], &[u32]),
    nodes: &mut [Node<'a>],
) -> Result<(), ParseError> {
    let wrong = || line.error("the details do not name the endpoints in their order");
    let mut rest = details;
    for (place_in_list, at) in found.iter().enumerate() {
        let word = words[place_in_list];
        let body = rest.strip_prefix("EndpointDetails(host:").and_then(|text| text.strip_prefix(word));
        let body = body.ok_or_else(wrong)?;
        let node = &mut nodes[*at as usize];
        let next = words.get(place_in_list + 1);
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
            None => memchr_iter(b')', body.as_bytes()).find(|cut| ends(*cut)).ok_or_else(wrong)?,
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
