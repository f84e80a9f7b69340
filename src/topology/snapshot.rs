//! A topology on disk: JSON with a version. What is newer, unknown or contradicts itself is refused.

use super::model::{HostIx, Replication, Topology};
use std::collections::BTreeSet;
use std::net::IpAddr;
use thiserror::Error;

/// Version of the form that this program writes.
pub const VERSION: u32 = 1;

/// Why a snapshot cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SnapshotError {
    #[error("the topology is not JSON of the expected form: {0}")]
    Form(String),
    #[error("the topology has version {0}, and this program reads version {VERSION}; take a newer rollbook")]
    Version(u64),
    #[error("the topology contradicts itself: {0}")]
    Contradiction(String),
}

/// The snapshot as text, with a line end; the same topology gives the same bytes.
pub fn write(topology: &Topology) -> String {
    let mut text = serde_json::to_string_pretty(topology).expect("a topology has only keys that are text");
    text.push('\n');
    text
}

/// Reads a snapshot and checks that its parts fit together.
pub fn read(text: &str) -> Result<Topology, SnapshotError> {
    // The version first: a newer form must say so instead of naming an unknown field.
    let form = |error: serde_json::Error| SnapshotError::Form(error.to_string());
    let value: serde_json::Value = serde_json::from_str(text).map_err(form)?;
    let version = value.get("version").and_then(serde_json::Value::as_u64);
    match version {
        Some(version) if version != u64::from(VERSION) => return Err(SnapshotError::Version(version)),
        Some(_) => {}
        None => return Err(SnapshotError::Form("it has no `version`".into())),
    }
    // From the text again, for errors with line and column.
    let topology: Topology = serde_json::from_str(text).map_err(form)?;
    topology.validate().map_err(SnapshotError::Contradiction)?;
    Ok(topology)
}

/// JSON Schema (draft-07) of a snapshot, with a line end.
pub fn schema() -> String {
    let settings = schemars::generate::SchemaSettings::draft07();
    let schema = settings.into_generator().into_root_schema_for::<Topology>();
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    text
}

impl Topology {
    pub fn by_address(&self, address: IpAddr) -> Option<HostIx> {
        self.hosts.iter().position(|host| host.address == address)
    }

    pub fn by_id(&self, id: &str) -> Option<HostIx> {
        self.hosts.iter().position(|host| host.id == id)
    }

    /// Do the parts fit together? A sentence about the first that does not.
    pub fn validate(&self) -> Result<(), String> {
        if self.hosts.is_empty() {
            return Err("it has no host".into());
        }
        let mut addresses = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for host in &self.hosts {
            if !addresses.insert(host.address) {
                return Err(format!("{} is listed twice", host.address));
            }
            if host.id.is_empty() || host.datacenter.is_empty() || host.rack.is_empty() {
                return Err(format!("{} has no id, data centre or rack", host.address));
            }
            if !ids.insert(host.id.as_str()) {
                return Err(format!("host id {} is listed twice", host.id));
            }
        }
        let key = |at: usize| (&self.hosts[at].datacenter, &self.hosts[at].rack, self.hosts[at].address);
        if let Some(at) = (1..self.hosts.len()).find(|at| key(at - 1) > key(*at)) {
            return Err(format!("{} is out of order (data centre, rack, address)", self.hosts[at].address));
        }
        if let Some(stranger) = self.asked.iter().chain(&self.seeds).find(|at| !addresses.contains(*at)) {
            return Err(format!("{stranger} was asked, or is a seed, and is no host"));
        }
        if let Some(name) = self.placement.keys().find(|name| !self.keyspaces.contains_key(*name)) {
            return Err(format!("it says how the ring of `{name}` is known, which is no keyspace of it"));
        }
        self.validate_rings()
    }

    fn validate_rings(&self) -> Result<(), String> {
        for (number, ring) in self.rings.iter().enumerate() {
            let stranger = ring.sets.iter().flatten().find(|host| **host >= self.hosts.len());
            if let Some(host) = stranger {
                return Err(format!("ring {number} names host {host} of {}", self.hosts.len()));
            }
            if ring.sets.iter().any(|set| !set.windows(2).all(|pair| pair[0] < pair[1])) {
                return Err(format!("a replica set of ring {number} is not in ascending order"));
            }
            if let Some(range) = ring.ranges.iter().find(|range| range.set >= ring.sets.len()) {
                return Err(format!("a range of ring {number} names replica set {} of {}", range.set, ring.sets.len()));
            }
            let starts: BTreeSet<_> = ring.ranges.iter().map(|range| &range.start).collect();
            let ends: BTreeSet<_> = ring.ranges.iter().map(|range| &range.end).collect();
            if starts != ends || ends.len() != ring.ranges.len() || ends.is_empty() {
                return Err(format!("ring {number} is not whole: its ranges do not close"));
            }
        }
        for (name, keyspace) in &self.keyspaces {
            match (&keyspace.replication, keyspace.ring) {
                (Replication::Local, _) => return Err(format!("keyspace `{name}` is local and needs no entry")),
                (_, Some(ring)) if ring >= self.rings.len() => {
                    return Err(format!("keyspace `{name}` names ring {ring} of {}", self.rings.len()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
