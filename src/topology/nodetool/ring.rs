//! `nodetool ring`: every token with its owner. The robust columns are the first (address) and the
//! last (token); racks longer than twelve characters run into the next column, so the rack is not read.

use super::address::{Lexicon, address};
use super::parse_error::{Line, ParseError, end, lines};
use super::views::RingView;
use crate::topology::model::Token;
use std::net::IpAddr;

const COMMAND: &str = "ring";

enum Place<'a> {
    Outside,
    /// `=====`, then the header, then a row that holds only the last token of the data centre; a blank one where it has
    /// but one token.
    Frame(usize),
    Rows {
        last: Option<&'a str>,
        newest: Option<&'a str>,
    },
}

/// Reads every data centre and proves that each is whole: it opens with its last token.
pub fn parse_ring(text: &str) -> Result<RingView, ParseError> {
    let lines = lines(COMMAND, text)?;
    let mut rows = Rows { owners: Lexicon::new(), read: Vec::with_capacity(lines.len()) };
    let mut place = Place::Outside;
    for (at, line) in lines.iter().enumerate() {
        place = step(place, (at, line), &mut rows)?;
    }
    match &place {
        Place::Outside if !rows.read.is_empty() => tokens(&lines, rows.read),
        Place::Outside => Err(end(COMMAND, &lines).error("it shows no token")),
        _ => Err(end(COMMAND, &lines).error("the table ends before its last row")),
    }
}

struct Rows<'a> {
    owners: Lexicon<'a, IpAddr>,
    /// With the index of the line.
    read: Vec<(Token, IpAddr, usize)>,
}

/// In their order, each once.
fn tokens(lines: &[Line], mut rows: Vec<(Token, IpAddr, usize)>) -> Result<RingView, ParseError> {
    // (each data centre is in order: this sort merges what is)
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    let twice = rows.windows(2).filter(|pair| pair[0].0 == pair[1].0).min_by_key(|pair| pair[1].2);
    match twice {
        Some(pair) => Err(lines[pair[1].2].error(format!("the token belongs to `{}` too", pair[0].1))),
        None => Ok(RingView { tokens: rows.into_iter().map(|(token, owner, _)| (token, owner)).collect() }),
    }
}

fn step<'a>(place: Place<'a>, (at, line): (usize, &Line<'a>), rows: &mut Rows<'a>) -> Result<Place<'a>, ParseError> {
    match place {
        Place::Outside => outside(line),
        Place::Frame(0) if line.text.trim_end() == "==========" => Ok(Place::Frame(1)),
        Place::Frame(1) if is_header(line.text) => Ok(Place::Frame(2)),
        Place::Frame(2) => match line.text.split_whitespace().collect::<Vec<_>>()[..] {
            [last] if line.text.starts_with(' ') => Ok(Place::Rows { last: Some(last), newest: None }),
            [] => Ok(Place::Rows { last: None, newest: None }),
            _ => Err(line.error("expected the last token of the data centre")),
        },
        Place::Frame(_) => Err(line.error("unexpected in the heading")),
        Place::Rows { last, newest } if line.blank() => match (last, newest) {
            (Some(last), Some(newest)) if newest == last => Ok(Place::Outside),
            (Some(last), _) => Err(line.error(format!("the rows end before token {last}"))),
            (None, Some(_)) => Ok(Place::Outside),
            (None, None) => Err(line.error("the data centre has no row")),
        },
        Place::Rows { last: None, newest: Some(_) } => Err(line.error("a second row, and no last token above them")),
        Place::Rows { last, .. } => {
            let (owner, token) = row(line, &mut rows.owners)?;
            rows.read.push((token.into(), owner, at));
            Ok(Place::Rows { last, newest: Some(token) })
        }
    }
}

fn outside<'a>(line: &Line<'a>) -> Result<Place<'a>, ParseError> {
    let text = line.text.trim();
    let remark = text.starts_with("Warning: \"nodetool ring\"")
        || text.starts_with("To view status related info of a node")
        || text.starts_with("Note: ");
    match text.strip_prefix("Datacenter: ") {
        Some(_) => Ok(Place::Frame(0)),
        None if text.is_empty() || remark => Ok(Place::Outside),
        None => Err(line.error("expected `Datacenter: NAME`")),
    }
}

fn is_header(text: &str) -> bool {
    text.split_whitespace().eq(["Address", "Rack", "Status", "State", "Load", "Owns", "Token"])
}

/// `10.0.0.1  rack1  Up  Normal  94.8 KiB  100.00%  -1`, read from both ends.
fn row<'a>(line: &Line<'a>, owners: &mut Lexicon<'a, IpAddr>) -> Result<(IpAddr, &'a str), ParseError> {
    let wrong = |what: &str| line.error(format!("the row has no {what}"));
    let mut words = line.text.split_ascii_whitespace();
    let owner = words.clone().next().and_then(|word| owners.meaning(word, address)).ok_or_else(|| wrong("address"))?;
    let token = words.next_back().ok_or_else(|| wrong("token"))?;
    let owns = words.next_back().ok_or_else(|| wrong("ownership"))?;
    if owns != "?" && !owns.ends_with('%') {
        return Err(wrong("ownership"));
    }
    if words.next_back() != Some("?") {
        let load = words.next_back().unwrap_or_default();
        if !load.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(wrong("load"));
        }
    }
    let state = words.next_back().unwrap_or_default();
    if !["Normal", "Joining", "Leaving", "Moving"].contains(&state) {
        return Err(wrong("state"));
    }
    // A long rack runs into the status: `a-very-long-rackUp`.
    let status = words.next_back().unwrap_or_default();
    if !["Up", "Down", "?"].iter().any(|known| status.ends_with(known)) {
        return Err(wrong("status"));
    }
    Ok((owner, token))
}

#[cfg(test)]
mod tests;
