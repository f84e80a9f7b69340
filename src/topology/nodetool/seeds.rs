//! `nodetool getseeds` (4.0 and newer): the seeds as a node knows them, itself left out.

use super::address::address;
use super::parse_error::{ParseError, whole_lines};
use std::collections::BTreeSet;
use std::net::IpAddr;

const COMMAND: &str = "getseeds";

/// Reads the one line; a node that knows no other seed gives an empty set.
pub fn parse_getseeds(text: &str) -> Result<BTreeSet<IpAddr>, ParseError> {
    let lines = whole_lines(COMMAND, text)?;
    let first = lines[0];
    if let Some(more) = lines[1..].iter().find(|line| !line.blank()) {
        return Err(more.error("expected one line"));
    }
    if first.text.trim_end() == "Seed node list does not contain any remote node IPs" {
        return Ok(BTreeSet::new());
    }
    let list = first
        .text
        .strip_prefix("Current list of seed node IPs, excluding the current node's IP: ")
        .ok_or_else(|| first.error("expected the list of seeds"))?;
    list.split_whitespace()
        .map(|word| address(word).ok_or_else(|| first.error(format!("`{word}` is not an address"))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::parse_getseeds;

    #[test]
    fn seeds_with_and_without_slash_and_port() {
        let text = "Current list of seed node IPs, excluding the current node's IP: /10.0.0.2:7000 10.0.0.1 /[2001:db8:0:0:0:0:0:1]:7000\n";
        let seeds: Vec<String> = parse_getseeds(text).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(seeds, ["10.0.0.1", "10.0.0.2", "2001:db8::1"]);
    }

    #[test]
    fn no_other_seed_is_an_empty_set() {
        assert!(parse_getseeds("Seed node list does not contain any remote node IPs\n").unwrap().is_empty());
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in ["", "nodetool: Found unexpected parameters: [getseeds]\n", "10.0.0.1\n"] {
            assert!(parse_getseeds(text).is_err(), "{text:?}");
        }
        let error = parse_getseeds("Current list of seed node IPs, excluding the current node's IP: seed-a\n");
        assert!(error.unwrap_err().to_string().contains("`seed-a` is not an address"));
    }
}
