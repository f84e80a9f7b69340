//! `nodetool info`, and mode and streams of `nodetool netstats`: what a node says of itself.

use super::parse_error::{Line, ParseError, end, whole_lines};
use super::status::is_uuid;
use super::views::{InfoView, NetstatsView};
use std::collections::BTreeMap;

const INFO: &str = "info";
const NETSTATS: &str = "netstats";

/// Reads the lines `Label   : value`. A needed label that is missing or stands twice is an error.
pub fn parse_info(text: &str) -> Result<InfoView, ParseError> {
    let lines = whole_lines(INFO, text)?;
    let mut fields: BTreeMap<&str, (Line, &str)> = BTreeMap::new();
    for line in lines.iter().filter(|line| !line.blank()) {
        let (label, value) = line.text.split_once(':').ok_or_else(|| line.error("expected `Label : value`"))?;
        let label = label.trim();
        // With -T there is one `Token` a line.
        if fields.insert(label, (*line, value.trim())).is_some() && label != "Token" {
            return Err(line.error(format!("`{label}` is printed twice")));
        }
    }
    let field = |label: &str| {
        fields.get(label).copied().ok_or_else(|| end(INFO, &lines).error(format!("`{label}` is missing")))
    };
    let (line, id) = field("ID")?;
    if !is_uuid(id) {
        return Err(line.error("the host id is not a UUID"));
    }
    Ok(InfoView {
        host_id: id.to_ascii_lowercase(),
        generation: value(field("Generation No")?)?,
        uptime_s: value(field("Uptime (seconds)")?)?,
        native_transport: value(field("Native Transport active")?)?,
        gossip: value(field("Gossip active")?)?,
    })
}

fn value<T: std::str::FromStr>((line, text): (Line, &str)) -> Result<T, ParseError> {
    text.parse().map_err(|_| line.error(format!("`{text}` is not what this line should say")))
}

/// The first line, `Mode: NORMAL`, and whether the sentence stands below it that no stream is sent or received
/// (Cassandra prints it when it has no stream at all, in either direction).
pub fn parse_netstats(text: &str) -> Result<NetstatsView, ParseError> {
    let lines = whole_lines(NETSTATS, text)?;
    let first = lines[0];
    let mode = first.text.strip_prefix("Mode: ").map(str::trim_end).unwrap_or_default();
    if mode.is_empty() || !mode.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') {
        return Err(first.error("expected `Mode: …`"));
    }
    let streams = !lines.iter().any(|line| line.text.trim_end() == "Not sending any streams.");
    Ok(NetstatsView { mode: mode.to_string(), streams })
}

#[cfg(test)]
mod tests;
