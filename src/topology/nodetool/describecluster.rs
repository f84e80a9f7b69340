//! `nodetool describecluster`: name, schema versions, releases and replication.

use super::address::bracketed;
use super::parse_error::{Line, ParseError, end, whole_lines};
use super::replication::parse_replication;
use super::status::is_uuid;
use super::views::ClusterView;

const COMMAND: &str = "describecluster";

/// Sections in the order in which they are printed. 3.11 and Scylla end after `Schema`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    Start,
    Cluster,
    Schema,
    Stats,
    Datacenters,
    Versions,
    Keyspaces,
    /// After a closing `Note: …`.
    Closed,
}

/// Reads the whole text. `keyspaces` is empty where the release does not print them (3.11, Scylla).
pub fn parse_describecluster(text: &str) -> Result<ClusterView, ParseError> {
    let lines = whole_lines(COMMAND, text)?;
    let mut view = ClusterView::default();
    let mut section = Section::Start;
    for line in &lines {
        section = step(section, line, &mut view)?;
    }
    let missing = |what: &str| Err(end(COMMAND, &lines).error(format!("it ends before {what}")));
    if section < Section::Schema {
        return missing("the schema versions");
    }
    if view.partitioner.is_empty() || view.name.is_empty() {
        return missing("name and partitioner");
    }
    if view.schema.is_empty() && view.unreachable.is_empty() {
        return missing("the first schema version");
    }
    match section {
        // From `Stats` on this is the long form (4.0 and newer), which goes on to the keyspaces.
        Section::Stats | Section::Datacenters | Section::Versions => missing("the keyspaces"),
        Section::Keyspaces | Section::Closed if view.keyspaces.is_empty() => missing("the first keyspace"),
        _ => Ok(view),
    }
}

fn step(section: Section, line: &Line, view: &mut ClusterView) -> Result<Section, ParseError> {
    let text = line.text;
    if line.blank() {
        return Ok(section);
    }
    if let Some(next) = heading(text.trim_end()) {
        return if next > section { Ok(next) } else { Err(line.error("a heading out of order")) };
    }
    match section {
        Section::Start => Err(line.error("expected `Cluster Information:`")),
        Section::Cluster => cluster(line, view),
        Section::Schema => schema(line, view).map(|()| section),
        Section::Stats => stats(line).map(|()| section),
        Section::Datacenters => datacenter(line).map(|()| section),
        Section::Versions => version(line, view).map(|()| section),
        // 5.0 and newer: the ownership note stands at the end.
        Section::Keyspaces if text.starts_with("Note: ") => Ok(Section::Closed),
        Section::Keyspaces => keyspace(line, view).map(|()| section),
        Section::Closed => Err(line.error("unexpected after the note")),
    }
}

fn heading(text: &str) -> Option<Section> {
    Some(match text {
        "Cluster Information:" => Section::Cluster,
        "Stats for all nodes:" => Section::Stats,
        "Data Centers:" => Section::Datacenters,
        "Database versions:" => Section::Versions,
        "Keyspaces:" => Section::Keyspaces,
        _ => return None,
    })
}

fn cluster(line: &Line, view: &mut ClusterView) -> Result<Section, ParseError> {
    let text = line.text.strip_prefix('\t').ok_or_else(|| line.error("unexpected in `Cluster Information`"))?;
    if text.trim_end() == "Schema versions:" {
        return Ok(Section::Schema);
    }
    // The name may hold anything, colons and trailing blanks too.
    if let Some(name) = text.strip_prefix("Name: ") {
        once(line, &mut view.name, name)?;
    } else if let Some(class) = text.strip_prefix("Partitioner: ") {
        once(line, &mut view.partitioner, class.trim_end())?;
    } else if !text.starts_with("Snitch: ") && !text.starts_with("DynamicEndPointSnitch: ") {
        return Err(line.error("unexpected in `Cluster Information`"));
    }
    Ok(Section::Cluster)
}

fn once(line: &Line, field: &mut String, value: &str) -> Result<(), ParseError> {
    if !field.is_empty() || value.is_empty() {
        return Err(line.error(if value.is_empty() { "an empty value" } else { "printed twice" }));
    }
    *field = value.to_string();
    Ok(())
}

/// `\t\t<uuid>: [a, b]` or `\t\tUNREACHABLE: [a]`.
fn schema(line: &Line, view: &mut ClusterView) -> Result<(), ParseError> {
    let wrong = || line.error("expected a schema version and its nodes");
    let (version, nodes) = line.text.strip_prefix("\t\t").and_then(|t| t.split_once(": ")).ok_or_else(wrong)?;
    let nodes = bracketed(line, nodes)?;
    let set = if version == "UNREACHABLE" {
        &mut view.unreachable
    } else if is_uuid(version) {
        view.schema.entry(version.to_ascii_lowercase()).or_default()
    } else {
        return Err(wrong());
    };
    for node in nodes {
        if !set.insert(node) {
            return Err(line.error(format!("`{node}` is listed twice")));
        }
    }
    Ok(())
}

/// `\tLive: 3`, and the ownership error that 4.0 and 4.1 print here with exit status 0.
fn stats(line: &Line) -> Result<(), ParseError> {
    if line.text.starts_with("Error: ") || line.text.starts_with("%nError: ") {
        return Ok(());
    }
    let counted = line.text.strip_prefix('\t').and_then(|t| t.split_once(": ")).is_some_and(|(what, number)| {
        ["Live", "Joining", "Moving", "Leaving", "Unreachable"].contains(&what) && number.trim().parse::<u32>().is_ok()
    });
    if counted { Ok(()) } else { Err(line.error("unexpected in `Stats for all nodes`")) }
}

/// `\tdc1 #Nodes: 3 #Down: 0`
fn datacenter(line: &Line) -> Result<(), ParseError> {
    let counted = line
        .text
        .strip_prefix('\t')
        .and_then(|text| text.rsplit_once(" #Nodes: "))
        .and_then(|(_, counts)| counts.split_once(" #Down: "))
        .is_some_and(|(nodes, down)| nodes.parse::<u32>().is_ok() && down.trim().parse::<u32>().is_ok());
    if counted { Ok(()) } else { Err(line.error("unexpected in `Data Centers`")) }
}

/// `\t5.0.5: [a:7000, b:7000]`
fn version(line: &Line, view: &mut ClusterView) -> Result<(), ParseError> {
    let (release, nodes) = line
        .text
        .strip_prefix('\t')
        .and_then(|text| text.split_once(": "))
        .ok_or_else(|| line.error("unexpected in `Database versions`"))?;
    for node in bracketed(line, nodes)? {
        if view.releases.insert(node, release.to_string()).is_some() {
            return Err(line.error(format!("`{node}` is listed twice")));
        }
    }
    Ok(())
}

/// `\tname -> Replication class: Class {options}`
fn keyspace(line: &Line, view: &mut ClusterView) -> Result<(), ParseError> {
    let (name, replication) = line
        .text
        .strip_prefix('\t')
        .and_then(|text| text.split_once(" -> Replication class: "))
        .ok_or_else(|| line.error("expected a keyspace and its replication"))?;
    if view.keyspaces.insert(name.to_string(), parse_replication(replication)).is_some() {
        return Err(line.error(format!("keyspace `{name}` is listed twice")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
