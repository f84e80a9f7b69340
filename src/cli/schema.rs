//! `rollbook schema`: the JSON Schemas of what rollbook reads and writes, for editors and other programs.

use super::exit::Exit;
use crate::job::event::Event;
use crate::plan::model::PlanFile;
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
    /// A saved plan (schemas/plan.schema.json)
    Plan,
    /// A snapshot of a cluster (schemas/topology.schema.json)
    Topology,
    /// One line of a journal, `rollbook runs show --events` (schemas/event.schema.json)
    Event,
}

pub fn run(options: &Options) -> anyhow::Result<Exit> {
    let text = match options.what {
        What::Playbook => playbook::schema::text(),
        What::Plan => draft07::<PlanFile>(),
        What::Topology => snapshot::schema(),
        What::Event => draft07::<Event>(),
    };
    write!(std::io::stdout().lock(), "{text}").context("standard output")?;
    Ok(Exit::Done)
}

/// Later drafts are read badly by the YAML servers of editors.
fn draft07<T: schemars::JsonSchema>() -> String {
    let schema = schemars::generate::SchemaSettings::draft07().into_generator().into_root_schema_for::<T>();
    serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n"
}
