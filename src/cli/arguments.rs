//! What can be typed. Two stages: `exec`'s words are made plain first (`exec::words`), then clap reads.

use super::exec::{flags, words};
use super::exit::{Exit, Failure};
use super::{
    approve, check, completions, doctor, lock, plan, resolve, resume, run, runs, schema, simulate, stop, topology, why,
};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Rolling maintenance of Apache Cassandra that never takes two replicas of a range away together.
#[derive(Debug, Parser)]
#[command(name = "rollbook", version, max_term_width = 110, disable_help_subcommand = true, after_help = super::exit::TABLE)]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// Where runs are kept [default: $XDG_STATE_HOME/rollbook or ~/.local/state/rollbook]
    #[arg(long, global = true, value_name = "DIR", env = "ROLLBOOK_HOME", hide_env_values = true)]
    pub home: Option<PathBuf>,
    /// When to colour; NO_COLOR is heeded
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub color: When,
    /// Say less: no progress, only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: what is asked, and what commands printed
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// `--color`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

/// Which cluster.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which cluster")]
pub struct Where {
    /// A node to ask what the cluster is; several (repeated, or with commas) are alternatives
    #[arg(long, value_name = "HOST", value_delimiter = ',', conflicts_with = "sandbox")]
    pub seed_host: Vec<String>,
    /// A simulated cluster on this machine, with ssh, nodetool, systemctl, reboot and apt-get as real processes; a command that is not simulated really runs here, as you
    #[arg(long, value_name = "HOSTS", num_args = 0..=1, require_equals = true, default_missing_value = "12")]
    pub sandbox: Option<u32>,
}

/// `--format` of what is a table, or JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read playbooks and print what is wrong with them; touches no cluster
    Check(check::Options),
    /// Show what would be done, in which order, and why; changes nothing
    Plan(plan::Options),
    /// Carry a playbook out on a snapshot, in virtual time and with faults: is it safe, how long does it take?
    Simulate(simulate::Options),
    /// Plan, show, ask, and carry it out; or carry out a saved plan
    Run(run::Options),
    /// Run one command for each node, as cstarpar does
    Exec(Box<flags::Flags>),
    /// Can every host be worked on, and would a run begin now? Changes nothing
    Doctor(doctor::Options),
    /// Let a run go on that waits for a person
    Approve(approve::Options),
    /// Go on with a run that stopped, failed or was interrupted
    Resume(resume::Options),
    /// Let a run open no further host
    Stop(stop::Options),
    /// Say what became of a host that failed or is in doubt
    Resolve(resolve::Options),
    /// What ran, what is running, what happened
    Runs(runs::Options),
    /// Who holds which hosts; free those of a run whose process is lost
    Lock(lock::Options),
    /// Why a host is not running now, or comes in its wave
    Why(why::Options),
    /// Show what the cluster is: hosts, keyspaces, who shares data with whom
    Topology(topology::Options),
    /// Print the JSON Schema of what rollbook reads or writes
    Schema(schema::Options),
    /// Print what a shell needs to complete our words
    Completions(completions::Options),
}

/// Reads the command line. Clap's own exit status 2 becomes 64; help and version are success.
pub fn read(argv: impl IntoIterator<Item = OsString>) -> anyhow::Result<Arguments> {
    let argv = expand(argv.into_iter().collect())?;
    Arguments::try_parse_from(argv).map_err(anyhow::Error::from)
}

/// The words after `exec` made plain; everything else as typed.
fn expand(argv: Vec<OsString>) -> anyhow::Result<Vec<OsString>> {
    let mut program = Arguments::command();
    program.build();
    let Some(at) = subcommand_at(&argv, &program) else { return Ok(argv) };
    if argv[at] != "exec" {
        return Ok(argv);
    }
    let exec = program.find_subcommand("exec").expect("`exec` is a command of ours");
    let mut typed = Vec::new();
    for word in &argv[at + 1..] {
        let Some(word) = word.to_str() else {
            return Err(Failure::new(Exit::Usage, format!("`{}` is not UTF-8", word.to_string_lossy())).into());
        };
        typed.push(word.to_owned());
    }
    let plain = words::rewrite(&typed, &|word| takes_value(exec, word))
        .map_err(|wrong| Failure::new(Exit::Usage, wrong.message).help(wrong.help))?;
    Ok(argv[..=at].iter().cloned().chain(plain.into_iter().map(OsString::from)).collect())
}

/// The first word that is neither an option nor an option's value.
fn subcommand_at(argv: &[OsString], program: &clap::Command) -> Option<usize> {
    let mut at = 1;
    while let Some(word) = argv.get(at) {
        let word = word.to_str()?;
        if !word.starts_with('-') {
            return Some(at);
        }
        at += if takes_value(program, word) { 2 } else { 1 };
    }
    None
}

/// Is this option followed by its value as a word of its own?
fn takes_value(command: &clap::Command, word: &str) -> bool {
    let option = |arg: &&clap::Arg| match word.strip_prefix("--") {
        Some(long) => {
            arg.get_long_and_visible_aliases().is_some_and(|names| names.contains(&long))
                || arg.get_all_aliases().is_some_and(|names| names.contains(&long))
        }
        None => arg.get_short().is_some_and(|short| word.strip_prefix('-') == Some(short.to_string().as_str())),
    };
    let found = command.get_arguments().find(option);
    found.is_some_and(|arg| arg.get_action().takes_values() && !arg.is_require_equals_set())
}

/// A duration with a unit: `30s`, `10m`, `1h 30m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    if text.parse::<f64>().is_ok() {
        return Err(format!("`{text}` has no unit; write `{text}s` or `{text}m`"));
    }
    let signed: jiff::SignedDuration =
        text.parse().map_err(|_| format!("`{text}` is no duration; write one like `30s`, `10m` or `1h 30m`"))?;
    Duration::try_from(signed).map_err(|_| format!("`{text}` is negative"))
}

/// An age: days too, which a duration of a run never has.
pub fn age(text: &str) -> Result<Duration, String> {
    match text.strip_suffix('d').map(str::parse::<u32>) {
        Some(Ok(days)) => Ok(Duration::from_secs(u64::from(days) * 24 * 3600)),
        _ => duration(text),
    }
}

#[cfg(test)]
mod tests;
