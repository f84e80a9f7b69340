//! `rollbook topology`: what the cluster is, as rollbook sees it.

use super::arguments::Format;
use super::arguments::Where;
use super::cluster::{self, Cluster};
use super::context::Context;
use super::exit::Exit;
use super::planning::{self, Choice};
use super::playbook_file;
use crate::plan::drift::shown;
use crate::plan::protection::{Protection, protects};
use crate::playbook::defaults;
use crate::playbook::model::Keyspaces;
use crate::topology::model::Topology;
use crate::topology::snapshot;
use anyhow::Context as _;
use clap::Args;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    on: Where,
    /// A snapshot, instead of asking a cluster
    #[arg(long, value_name = "SNAPSHOT", conflicts_with_all = ["seed_host", "sandbox"])]
    topology: Option<PathBuf>,
    /// Ask as this playbook's `cluster:` says
    #[arg(long, value_name = "FILE", conflicts_with = "topology")]
    playbook: Option<PathBuf>,
    /// Write a snapshot, from which plans can be made without the cluster
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(context: &Context, options: &Options) -> anyhow::Result<Exit> {
    let topology = match &options.topology {
        Some(path) => cluster::snapshot(path)?,
        None => ask(context, options)?,
    };
    let written = snapshot::write(&topology);
    if let Some(path) = &options.out {
        std::fs::write(path, &written).with_context(|| format!("cannot write `{}`", path.display()))?;
        context.say(format_args!("snapshot saved to {}", path.display()));
    }
    let shown = match options.format {
        Format::Text => crate::diagnostic::lines(&text(&topology)),
        Format::Json => written,
    };
    std::io::stdout().write_all(shown.as_bytes())?;
    Ok(Exit::Done)
}

fn ask(context: &Context, options: &Options) -> anyhow::Result<Topology> {
    let (access, params) = match &options.playbook {
        Some(path) => {
            let loaded = playbook_file::load(context, path)?;
            let params = planning::params(context, &loaded, &Choice::default())?;
            (loaded.playbook.cluster, params)
        }
        None => (defaults::access(), Default::default()),
    };
    let cluster = Cluster::named(context, &options.on, &access.seeds)?;
    let found = super::block_on(cluster.discover(context, &access, &params))?;
    Ok(found.topology)
}

/// For a person: hosts, keyspaces, and who may not be out with whom.
fn text(topology: &Topology) -> String {
    let mut out = String::new();
    let asked: Vec<String> = topology.asked.iter().map(ToString::to_string).collect();
    let _ = writeln!(out, "cluster {}, {}", topology.cluster, topology.partitioner);
    let _ = writeln!(out, "{} hosts, as {} say", topology.hosts.len(), asked.join(", "));
    let protection = Protection::of(topology, &Keyspaces::Data);
    let _ = writeln!(
        out,
        "\n  {:<22} {:<14} {:<12} {:>7}  {:<9} shares data with",
        "host", "data centre", "rack", "tokens", "release"
    );
    for (ix, host) in topology.hosts.iter().enumerate() {
        let with = protection.shared.iter().filter(|pair| pair.a == ix || pair.b == ix).count();
        let with = if protection.everybody.is_some() { "everybody".to_owned() } else { format!("{with} hosts") };
        let seed = if topology.seeds.contains(&host.address) { "seed" } else { "" };
        let line = format!(
            "  {:<22} {:<14} {:<12} {:>7}  {:<9} {with:<10} {seed}",
            host.address.to_string(),
            host.datacenter,
            host.rack,
            host.tokens,
            host.release
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if let Some(why) = &protection.everybody {
        let _ = writeln!(out, "\neverybody conflicts with everybody: {why}");
    }
    let _ = writeln!(out, "\n  {:<22} {:<44} protects", "keyspace", "replication");
    for (name, keyspace) in &topology.keyspaces {
        let protects = if protects(&Keyspaces::Data, name) { "yes" } else { "no (`keyspaces: all` counts it)" };
        let _ = writeln!(out, "  {name:<22} {:<44} {protects}", self::shown(&keyspace.replication));
    }
    let of = |name: &str| topology.keyspaces.get(name).map(|keyspace| self::shown(&keyspace.replication));
    let _ = writeln!(out, "\nplacement: {}", crate::report::placement(&topology.placement, of));
    out
}
