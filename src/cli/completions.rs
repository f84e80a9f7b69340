//! `rollbook completions`: what a shell needs to complete our words.

use super::arguments::Arguments;
use super::exit::Exit;
use clap::{Args, CommandFactory};
use std::io::Write;

#[derive(Args, Debug)]
pub struct Options {
    /// bash, zsh, fish, elvish or powershell
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    shell: clap_complete::Shell,
}

pub fn run(options: &Options) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "rollbook", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(Exit::Done)
}
