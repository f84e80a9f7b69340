//! `cluster.hosts`: a file that says by which name ssh knows an address, and which variables a host has.

use super::PARAM_NAME;
use super::document::{self, Content, Entry, Node, Reads};
use super::structure::advice;
use super::suggest;
use super::template::{HostVar, safe};
use crate::diagnostic::{self, Diagnostic, Span};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What the file says of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostEntry {
    /// By which ssh knows it, if not by its address.
    pub ssh: Option<String>,
    pub vars: BTreeMap<String, HostVar>,
}

const LINE: &str = "write `ADDRESS: NAME`, or `ADDRESS: { ssh: NAME, vars: { NAME: \"VALUE\" } }`";

/// Reads the file; `name` is how it is called where one of its values is refused later.
///
/// # Errors
/// Findings with places in it: no map, an address that is none, a name that could not stand in a command, one name for
/// two addresses, a value that is no text.
pub fn read_hosts(name: &str, text: &str) -> Result<BTreeMap<String, HostEntry>, Vec<Diagnostic>> {
    let root = document::read(text)?;
    let mut reading = Reading { name, text, hosts: BTreeMap::new(), findings: Vec::new() };
    match &root.content {
        Content::Map(entries) => entries.iter().for_each(|entry| reading.host(entry)),
        _ => reading.find(root.span, "it is no list of `ADDRESS: NAME` lines".into(), LINE),
    }
    if reading.findings.is_empty() { Ok(reading.hosts) } else { Err(reading.findings) }
}

struct Reading<'a> {
    name: &'a str,
    text: &'a str,
    hosts: BTreeMap<String, HostEntry>,
    findings: Vec<Diagnostic>,
}

impl Reading<'_> {
    fn find(&mut self, span: Span, message: String, help: impl Into<String>) {
        self.findings.push(Diagnostic::error(message).at(span).help(help));
    }

    fn host(&mut self, entry: &Entry) {
        let Ok(address) = entry.key.parse::<IpAddr>() else {
            let message = format!("`{}` is no address", entry.key.escape_debug());
            return self.find(entry.key_span, message, LINE);
        };
        let mut host = HostEntry::default();
        match &entry.value.content {
            Content::Scalar { .. } => host.ssh = self.ssh(address, &entry.value),
            Content::Map(keys) => {
                for key in keys {
                    match key.key.as_str() {
                        "ssh" => host.ssh = self.ssh(address, &key.value),
                        "vars" => host.vars = self.vars(key),
                        other => {
                            let help = suggest::did_you_mean(other, ["ssh", "vars"]);
                            self.find(key.key_span, format!("unknown key `{other}`"), help);
                        }
                    }
                }
            }
            Content::List(_) => self.find(entry.value.span, format!("{address} has a list"), LINE),
        }
        if self.hosts.insert(address.to_string(), host).is_some() {
            self.find(entry.key_span, format!("{address} is named twice"), "keep one of the two");
        }
    }

    fn ssh(&mut self, address: IpAddr, node: &Node) -> Option<String> {
        let name = self.text_of(node)?;
        if let Err(why) = safe::check(&name) {
            let message = format!("`{}` goes into commands: {why}", name.escape_debug());
            self.find(node.span, message, "write ASCII letters, digits and `_ @ % + = : , . / -` only");
            return None;
        }
        if let Some((other, _)) = self.hosts.iter().find(|(_, known)| known.ssh.as_ref() == Some(&name)) {
            let message = format!("`{name}` stands for both {other} and {address}");
            self.find(node.span, message, "each node has a name of its own");
        }
        Some(name)
    }

    fn vars(&mut self, written: &Entry) -> BTreeMap<String, HostVar> {
        let Content::Map(entries) = &written.value.content else {
            self.find(written.key_span, "`vars` must be a map".into(), "write `vars: { NAME: \"VALUE\" }`");
            return BTreeMap::new();
        };
        let pattern = regex::Regex::new(PARAM_NAME);
        let mut vars = BTreeMap::new();
        for entry in entries {
            if !pattern.as_ref().is_ok_and(|pattern| pattern.is_match(&entry.key)) {
                let message = format!("`{}` is not a name that can stand here", entry.key.escape_debug());
                self.find(entry.key_span, message, advice::better_name(&entry.key, PARAM_NAME));
            }
            let Some(value) = self.text_of(&entry.value) else { continue };
            let (line, column) = diagnostic::position(entry.value.span.start, self.text);
            let place = format!("{}:{line}:{column}", self.name);
            vars.insert(entry.key.clone(), HostVar { value, place });
        }
        vars
    }

    /// Names and values are text as written: what YAML could read as anything else is put in quotes.
    fn text_of(&mut self, node: &Node) -> Option<String> {
        let text = node.text().unwrap_or_default();
        match node.reads() {
            Some(Reads::Text) => {}
            Some(reads) if !node.is_null() => {
                let message = format!("`{text}` without quotes reads as {}, and this is text", reads.name());
                self.find(node.span, message, format!("put it in quotes: `\"{text}\"`"));
                return None;
            }
            _ => {
                self.find(node.span, "a text belongs here".into(), LINE);
                return None;
            }
        }
        let steers = text.chars().find(|c| c.is_control() && *c != '\n' && *c != '\t');
        if let Some(bad) = safe::never(text).or(steers) {
            let message = format!("it contains `{}`, which no value may", bad.escape_debug());
            self.find(node.span, message, "write a value without it");
            return None;
        }
        Some(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let findings = read_hosts("names.yaml", text).unwrap_err();
        assert!(findings.iter().all(|finding| finding.help.is_some()), "{findings:?}");
        findings.into_iter().map(|finding| finding.message).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn names_are_read_and_what_could_reach_the_wrong_host_is_refused() {
        let hosts = read_hosts("names.yaml", "10.0.0.1: node1.example\n\"2001:DB8::0:1\": node2\n").unwrap();
        assert_eq!(hosts["10.0.0.1"].ssh.as_deref(), Some("node1.example"));
        assert_eq!(hosts["2001:db8::1"].ssh.as_deref(), Some("node2"));
        let cases = [
            ("- 10.0.0.1", "no list"),
            ("node1: 10.0.0.1", "is no address"),
            ("10.0.0.1: -oProxyCommand=x", "goes into commands"),
            ("10.0.0.1: a;b", "goes into commands"),
            ("10.0.0.1: a\n10.0.0.2: a", "stands for both"),
            ("10.0.0.1: a\n10.0.0.1: b", "duplicate"),
            ("\"::1\": a\n\"0::1\": b", "is named twice"),
            ("10.0.0.1: [a]", "has a list"),
            ("10.0.0.1:", "a text belongs here"),
        ];
        for (text, why) in cases {
            let said = refused(text);
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn variables_are_texts_that_know_their_place() {
        let text =
            "10.0.0.1: { ssh: db1, vars: { port: \"9043\", note: two words } }\n10.0.0.2:\n  vars:\n    port: '9044'\n";
        let hosts = read_hosts("names.yaml", text).unwrap();
        assert_eq!(hosts["10.0.0.1"].ssh.as_deref(), Some("db1"));
        let var = |value: &str, place: &str| HostVar { value: value.into(), place: place.into() };
        assert_eq!(hosts["10.0.0.1"].vars["port"], var("9043", "names.yaml:1:37"));
        assert_eq!(hosts["10.0.0.1"].vars["note"].value, "two words");
        assert_eq!(
            hosts["10.0.0.2"],
            HostEntry { ssh: None, vars: [("port".into(), var("9044", "names.yaml:4:11"))].into() }
        );
        let cases = [
            ("10.0.0.1: { vars: { port: 9043 } }", "without quotes reads as"),
            ("10.0.0.1: { vars: { Port: a } }", "is not a name"),
            ("10.0.0.1: { vars: [a] }", "must be a map"),
            ("10.0.0.1: { var: { a: b } }", "unknown key `var`"),
            ("10.0.0.1: { vars: { a: \"‹args›\" } }", "contains `‹`"),
            ("10.0.0.1: { vars: { a: [b] } }", "a text belongs here"),
        ];
        for (text, why) in cases {
            let said = refused(text);
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
