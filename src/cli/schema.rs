//! `rollbook schema`: the JSON Schemas of what rollbook reads and writes, for editors and other programs.

use super::exit::Exit;
use crate::playbook;
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::io::Write;

/// Print the JSON Schema of what rollbook reads or writes
#[derive(Args, Clone, Debug)]
pub struct SchemaArgs {
    /// Which one
    #[arg(value_enum, default_value = "playbook")]
    pub what: What,
}

/// What has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// The playbook language (schemas/playbook.schema.json)
    Playbook,
}

pub fn run(args: &SchemaArgs) -> anyhow::Result<u8> {
    let text = match args.what {
        What::Playbook => playbook::schema::text(),
    };
    write!(std::io::stdout().lock(), "{text}").context("standard output")?;
    Ok(Exit::Done.code())
}
