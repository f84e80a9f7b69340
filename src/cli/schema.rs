//! `rollbook schema`: the JSON Schemas of what rollbook reads and writes, for editors and other programs.

use super::exit::Exit;
use crate::playbook;
use crate::topology::snapshot;
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::io::Write;

#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Which one
    #[arg(value_enum, default_value = "playbook")]
    pub what: What,
}

/// What has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// The playbook language (schemas/playbook.schema.json)
    Playbook,
    /// A snapshot of a cluster (schemas/topology.schema.json)
    Topology,
}

pub fn run(options: &Options) -> anyhow::Result<Exit> {
    let text = match options.what {
        What::Playbook => playbook::schema::text(),
        What::Topology => snapshot::schema(),
    };
    write!(std::io::stdout().lock(), "{text}").context("standard output")?;
    Ok(Exit::Done)
}
