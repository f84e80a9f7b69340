//! `nodetool status`: one section a data centre, one row a node.

use super::address::address;
use super::parse_error::{Line, ParseError, end, whole_lines};
use super::views::{Liveness, Movement, StatusRow, StatusView};

const COMMAND: &str = "status";

/// Which columns a row has; told by the header, never by the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// `--  Address  Load  Tokens  Owns  Host ID  Rack`
    Counted,
    /// `--  Address  Load  Owns  Host ID  Token  Rack`: one token a node.
    OneToken,
}

/// What may come next.
enum Place {
    /// Blank lines, `Datacenter: …`, or a closing note.
    Outside,
    /// `=====`, `Status=…`, `|/ State=…`, the header: in this order.
    Frame {
        datacenter: String,
        seen: usize,
    },
    Rows {
        datacenter: String,
        layout: Layout,
        rows: usize,
    },
    /// After `Note: …`.
    Closed,
}

/// Reads a whole table. A row that does not parse is an error that shows it.
///
/// A table cut after a whole row looks like a smaller cluster: compare with `describecluster`.
pub fn parse_status(text: &str) -> Result<StatusView, ParseError> {
    let lines = whole_lines(COMMAND, text)?;
    let mut view = StatusView::default();
    let mut place = Place::Outside;
    for line in &lines {
        place = step(place, line, &mut view)?;
    }
    match place {
        Place::Frame { .. } => Err(end(COMMAND, &lines).error("the table ends before its first row")),
        Place::Rows { rows: 0, .. } => Err(end(COMMAND, &lines).error("the table ends before its first row")),
        _ if view.rows.is_empty() => Err(end(COMMAND, &lines).error("it shows no node")),
        _ => Ok(view),
    }
}

fn step(place: Place, line: &Line, view: &mut StatusView) -> Result<Place, ParseError> {
    match place {
        Place::Frame { datacenter, seen } => frame(datacenter, seen, line),
        Place::Rows { rows: 0, .. } if line.blank() => Err(line.error("a data centre without nodes")),
        Place::Closed if line.blank() => Ok(Place::Closed),
        Place::Closed => Err(line.error("unexpected after the note")),
        Place::Outside | Place::Rows { .. } if line.blank() => Ok(Place::Outside),
        Place::Rows { datacenter, layout, rows } if !opens(line) => {
            let (at, row) = row(line, &datacenter, layout)?;
            if view.rows.insert(at, row).is_some() {
                return Err(line.error(format!("`{at}` is listed twice")));
            }
            Ok(Place::Rows { datacenter, layout, rows: rows + 1 })
        }
        Place::Outside | Place::Rows { .. } => outside(line),
    }
}

/// Does the line end a list of rows without a blank line between (3.11, Scylla)?
fn opens(line: &Line) -> bool {
    line.text.starts_with("Datacenter: ") || line.text.starts_with("Note: ")
}

fn outside(line: &Line) -> Result<Place, ParseError> {
    if line.text.starts_with("Note: ") {
        return Ok(Place::Closed);
    }
    match line.text.strip_prefix("Datacenter: ").map(str::trim) {
        Some(name) if !name.is_empty() => Ok(Place::Frame { datacenter: name.to_string(), seen: 0 }),
        _ => Err(line.error("expected `Datacenter: NAME`")),
    }
}

fn frame(datacenter: String, seen: usize, line: &Line) -> Result<Place, ParseError> {
    let text = line.text.trim_end();
    let expected = match seen {
        0 => !text.is_empty() && text.bytes().all(|b| b == b'='),
        1 => text == "Status=Up/Down" || text == "Status=Up/Down/eXcluded",
        2 => text == "|/ State=Normal/Leaving/Joining/Moving",
        _ => {
            let layout = layout(line)?;
            return Ok(Place::Rows { datacenter, layout, rows: 0 });
        }
    };
    if expected {
        Ok(Place::Frame { datacenter, seen: seen + 1 })
    } else {
        Err(line.error("unexpected in the heading"))
    }
}

fn layout(line: &Line) -> Result<Layout, ParseError> {
    let words: Vec<&str> = line.text.split_whitespace().filter(|word| *word != "(effective)").collect();
    match words.join(" ").as_str() {
        "-- Address Load Tokens Owns Host ID Rack" => Ok(Layout::Counted),
        "-- Address Load Owns Host ID Token Rack" => Ok(Layout::OneToken),
        _ => Err(line.error("columns that are not known")),
    }
}

/// The rest of a row, taken word by word from the left; the rack is whatever remains.
struct Rest<'a> {
    line: &'a Line<'a>,
    text: &'a str,
}

impl<'a> Rest<'a> {
    fn word(&mut self, what: &str) -> Result<&'a str, ParseError> {
        let text = self.text.trim_start();
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        self.text = &text[end..];
        if end == 0 { Err(self.line.error(format!("the row has no {what}"))) } else { Ok(&text[..end]) }
    }

    fn peek(&self) -> &'a str {
        self.text.split_whitespace().next().unwrap_or("")
    }

    fn wrong(&self, what: &str, word: &str) -> ParseError {
        self.line.error(format!("`{word}` is not {what}"))
    }

    /// `?`, or a number and a unit.
    fn load(&mut self) -> Result<(), ParseError> {
        let number = self.word("load")?;
        if number == "?" {
            return Ok(());
        }
        if !number.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b',') {
            return Err(self.wrong("a load", number));
        }
        let unit = self.word("unit of the load")?;
        let known = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "KB", "MB", "GB", "TB", "PB"];
        if known.contains(&unit) { Ok(()) } else { Err(self.wrong("a unit of load", unit)) }
    }

    fn owns(&mut self) -> Result<(), ParseError> {
        let word = self.word("ownership")?;
        let number = word.strip_suffix('%').unwrap_or("");
        let percent = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b',');
        if word == "?" || percent { Ok(()) } else { Err(self.wrong("an ownership", word)) }
    }

    fn tokens(&mut self) -> Result<Option<u32>, ParseError> {
        match self.word("number of tokens")? {
            "?" => Ok(None),
            word => word.parse().map(Some).map_err(|_| self.wrong("a number of tokens", word)),
        }
    }

    /// A UUID; `null` (3.11) or nothing at all (4.0 and newer) where none is known.
    fn host_id(&mut self) -> Result<Option<String>, ParseError> {
        let next = self.peek();
        if is_uuid(next) {
            return self.word("host id").map(|id| Some(id.to_ascii_lowercase()));
        }
        if next == "null" {
            self.word("host id")?;
        }
        Ok(None)
    }

    fn rack(self) -> Result<String, ParseError> {
        match self.text.trim() {
            "" => Err(self.line.error("the row has no rack")),
            rack => Ok(rack.to_string()),
        }
    }
}

/// 8-4-4-4-12 hexadecimal digits.
pub(super) fn is_uuid(word: &str) -> bool {
    word.len() == 36
        && word.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

fn row(line: &Line, datacenter: &str, layout: Layout) -> Result<(std::net::IpAddr, StatusRow), ParseError> {
    let mut rest = Rest { line, text: line.text };
    let letters = rest.word("state")?;
    let (liveness, movement) = state(letters).ok_or_else(|| rest.wrong("a state", letters))?;
    let word = rest.word("address")?;
    let at = address(word).ok_or_else(|| rest.wrong("an address", word))?;
    rest.load()?;
    let tokens = if layout == Layout::Counted { rest.tokens()? } else { None };
    rest.owns()?;
    let host_id = rest.host_id()?;
    let tokens = match layout {
        Layout::Counted => tokens,
        Layout::OneToken => rest.word("token").map(|_| Some(1))?,
    };
    let datacenter = datacenter.to_string();
    Ok((at, StatusRow { liveness, movement, datacenter, rack: rest.rack()?, tokens, host_id }))
}

/// `UN`, `DL`, `?N`; Scylla's `X` (excluded, also `XU`) is not up.
fn state(letters: &str) -> Option<(Liveness, Movement)> {
    let movement = match letters.chars().last()? {
        'N' => Movement::Normal,
        'L' => Movement::Leaving,
        'J' => Movement::Joining,
        'M' => Movement::Moving,
        _ => return None,
    };
    let liveness = match &letters[..letters.len() - 1] {
        "U" => Liveness::Up,
        "D" => Liveness::Down,
        "?" | "X" | "XU" | "XD" | "X?" => Liveness::Unknown,
        _ => return None,
    };
    Some((liveness, movement))
}

#[cfg(test)]
mod tests;
