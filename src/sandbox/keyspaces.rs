//! Keyspaces, their replication and who holds what: as laid out, plus what somebody altered since.

use super::cluster::Machine;
use super::draw;
use super::fault::{Fate, Fault};
use super::world::World;
use crate::topology::model::{Factor, Host, Replication, Ring};
use crate::topology::placement;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

pub fn save(dir: &Path, keyspaces: &[(String, Replication)]) -> Result<()> {
    fs::write(dir.join("keyspaces.json"), serde_json::to_vec(keyspaces)?)?;
    Ok(())
}

/// Keyspaces that Cassandra counts as its own: none of them makes ownership meaningless.
pub fn is_system(name: &str) -> bool {
    matches!(name, "system_auth" | "system_distributed" | "system_traces" | "system" | "system_schema")
}

impl World {
    /// Every keyspace, the local ones last, as `describecluster` lists them.
    pub fn keyspaces(&self) -> Result<Vec<(String, Replication)>> {
        let text = fs::read(self.cluster.dir.join("keyspaces.json"))?;
        let mut keyspaces: Vec<(String, Replication)> = serde_json::from_slice(&text).context("keyspaces.json")?;
        for (name, replication) in self.alterations() {
            match keyspaces.iter_mut().find(|(known, _)| known == name) {
                Some(keyspace) => keyspace.1 = replication.clone(),
                None => keyspaces.push((name.clone(), replication.clone())),
            }
        }
        keyspaces.push(("system_schema".to_owned(), Replication::Local));
        keyspaces.push(("system".to_owned(), Replication::Local));
        Ok(keyspaces)
    }

    fn alterations(&self) -> impl Iterator<Item = (&String, &Replication)> {
        self.faults.iter().filter(|planted| planted.holds(self.now)).filter_map(|planted| match &planted.fault {
            Fault::AlterKeyspace(name, replication) => Some((name, replication)),
            Fault::Host(..) => None,
        })
    }

    /// The schema version a node has.
    pub fn schema(&self, machine: &Machine) -> String {
        let odd = if self.has(machine, &Fate::OtherSchema) { 1_000_000 } else { 0 };
        draw::uuid_of_content(self.cluster.seed, "schema", self.alterations().count() as u64 + odd)
    }

    /// Replica sets of a replication setting; a joining node owns nothing.
    pub fn ring(&self, replication: &Replication) -> Result<Ring> {
        let joining: Vec<bool> = self.cluster.machines.iter().map(|m| self.joins(m)).collect();
        let tokens = self.cluster.tokens()?.into_iter().filter(|(_, host)| !joining[*host]);
        let tokens: Vec<(i128, usize)> = tokens.map(|(token, host)| (i128::from(token), host)).collect();
        Ok(placement::replicas(&tokens, &hosts(&self.cluster.machines), replication))
    }
}

/// The machines as the topology's hosts, in the same order.
pub fn hosts(machines: &[Machine]) -> Vec<Host> {
    let host = |m: &Machine| Host {
        id: m.host_id.clone(),
        address: m.address,
        datacenter: m.datacenter.clone(),
        rack: m.rack.clone(),
        release: String::new(),
        tokens_digest: String::new(),
        tokens: 0,
    };
    machines.iter().map(host).collect()
}

/// As `describecluster` prints it: `NetworkTopologyStrategy {dc1=3}`.
pub fn describe(replication: &Replication) -> String {
    let factor = |f: &Factor| match f.transient {
        0 => f.total.to_string(),
        transient => format!("{}/{transient}", f.total),
    };
    match replication {
        Replication::NetworkTopology(factors) => {
            // A HashMap there: no order to rely on.
            let options: Vec<String> = factors.iter().rev().map(|(dc, f)| format!("{dc}={}", factor(f))).collect();
            format!("NetworkTopologyStrategy {{{}}}", options.join(", "))
        }
        Replication::Simple(f) => format!("SimpleStrategy {{replication_factor={}}}", factor(f)),
        Replication::Everywhere => "EverywhereStrategy {}".to_owned(),
        Replication::Local => "LocalStrategy {}".to_owned(),
        Replication::Unknown(text) => text.clone(),
    }
}
