//! `nodetool gossipinfo`: what a node heard of every other.

use super::address::address;
use super::parse_error::{Line, ParseError, end, whole_lines};
use super::views::{GossipState, GossipView};
use std::net::IpAddr;

const COMMAND: &str = "gossipinfo";

/// Reads the whole text. Nothing at all, which a starting node prints with exit status 0, is an
/// error: it does not mean that there are no nodes.
pub fn parse_gossipinfo(text: &str) -> Result<GossipView, ParseError> {
    let lines = whole_lines(COMMAND, text)?;
    let mut view = GossipView::default();
    let mut open: Option<Node> = None;
    let mut forms = Forms::default();
    // Cassandra closes the text with a blank line and every node with its tokens: a cut shows.
    let closed = lines.last().is_some_and(Line::blank);
    let body = &lines[..lines.iter().rposition(|line| !line.blank()).map_or(0, |at| at + 1)];
    for line in body {
        if let Some(field) = line.text.strip_prefix("  ") {
            let node = open.as_mut().ok_or_else(|| line.error("a state before the first node"))?;
            node.field(line, field, &mut forms)?;
        } else {
            if let Some(node) = open.take() {
                node.close(&mut view)?;
            }
            open = Some(Node::at(*line)?);
        }
    }
    let Some(last) = open else { return Err(end(COMMAND, &lines).error("it shows no node")) };
    last.close(&mut view)?;
    if !closed && !forms.scylla() {
        return Err(end(COMMAND, &lines).error("the text ends before its closing blank line"));
    }
    Ok(view)
}

/// Which forms of a state were seen.
#[derive(Default)]
struct Forms {
    /// `STATE:version:value` (Cassandra).
    versioned: bool,
    /// `STATE:value` (Scylla).
    plain: bool,
}

impl Forms {
    fn scylla(&self) -> bool {
        self.plain && !self.versioned
    }
}

struct Node<'a> {
    line: Line<'a>,
    address: IpAddr,
    generation: Option<u64>,
    tokens: bool,
    versioned: bool,
    state: GossipState,
    /// `STATUS` yields to `STATUS_WITH_PORT`, which is the newer of the two after an upgrade.
    with_port: bool,
}

impl<'a> Node<'a> {
    fn at(line: Line<'a>) -> Result<Self, ParseError> {
        let address = address(line.text.trim_end())
            .filter(|_| line.text.contains('/'))
            .ok_or_else(|| line.error("expected a node, `/ADDRESS`"))?;
        let state = GossipState::default();
        Ok(Node { line, address, generation: None, tokens: false, versioned: false, state, with_port: false })
    }

    fn field(&mut self, line: &Line, field: &str, forms: &mut Forms) -> Result<(), ParseError> {
        let (key, rest) = field.split_once(':').ok_or_else(|| line.error("expected `STATE:value`"))?;
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(line.error("expected `STATE:value`"));
        }
        let value = match rest.split_once(':') {
            Some((version, value)) if !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit()) => {
                self.versioned = true;
                forms.versioned = true;
                value
            }
            _ => {
                forms.plain |= !matches!(key, "generation" | "heartbeat" | "TOKENS");
                rest
            }
        };
        let text = || Some(value.trim_end().to_string());
        match key {
            "generation" => {
                let number = rest.trim().parse().map_err(|_| line.error("the generation is not a number"))?;
                if self.generation.replace(number).is_some() {
                    return Err(line.error("the generation is printed twice"));
                }
            }
            "STATUS" if !self.with_port => self.state.status = text().map(first_word),
            "STATUS_WITH_PORT" => {
                self.with_port = true;
                self.state.status = text().map(first_word);
            }
            "SCHEMA" => self.state.schema = text(),
            "RELEASE_VERSION" => self.state.release = text(),
            "HOST_ID" => self.state.host_id = text().map(|id| id.to_ascii_lowercase()),
            "DC" => self.state.datacenter = text(),
            "RACK" => self.state.rack = text(),
            "RPC_READY" => self.state.rpc_ready = Some(boolean(line, value)?),
            "TOKENS" => self.tokens = true,
            // Load, severity, versions, addresses: they say nothing about membership.
            _ => {}
        }
        Ok(())
    }

    fn close(mut self, view: &mut GossipView) -> Result<(), ParseError> {
        let line = self.line;
        self.state.generation = self.generation.ok_or_else(|| line.error("the node has no generation"))?;
        if self.versioned && !self.tokens {
            return Err(line.error("the node's states end before its tokens"));
        }
        if view.nodes.insert(self.address, self.state).is_some() {
            return Err(line.error("the node is listed twice"));
        }
        Ok(())
    }
}

/// `NORMAL,-1` → `NORMAL`
fn first_word(value: String) -> String {
    value.split(',').next().unwrap_or_default().to_string()
}

fn boolean(line: &Line, value: &str) -> Result<bool, ParseError> {
    value.trim().parse().map_err(|_| line.error("expected `true` or `false`"))
}

#[cfg(test)]
mod tests;
