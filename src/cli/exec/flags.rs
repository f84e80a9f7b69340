//! cstarpar 0.9.0's flags and our own, second stage: what `words` made plain, read by clap.

use crate::cli::arguments::duration;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;
use uuid::Uuid;

const SHORTCUTS: [&str; 7] = ["one", "one_per_dc", "topology", "topology_per_dc", "all", "dc_parallel", "dc_serial"];

/// One command, run on this machine once for each node, never for two at once that share data.
#[derive(Args, Clone, Debug, Default)]
#[command(override_usage = "rollbook exec --seed-host <HOST>... [OPTIONS] -- <COMMAND>")]
pub struct Flags {
    /// What to run on this machine for each node; `{}` is the node's address
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,

    #[command(flatten)]
    pub hosts: Hosts,
    #[command(flatten)]
    pub order: Order,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub access: Access,
    #[command(flatten)]
    pub promise: Promise,
    #[command(flatten)]
    pub keeping: Keeping,
    #[command(flatten)]
    pub refused: Refused,
}

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which nodes")]
pub struct Hosts {
    /// Nodes to ask what the cluster is; several are alternatives, or seeds of several clusters
    #[arg(long, value_name = "HOST", conflicts_with = "sandbox")]
    pub seed_host: Vec<String>,
    /// Run only for these nodes; without --seed-host they are asked too
    #[arg(long, value_name = "HOST", conflicts_with = "host_file")]
    pub host: Vec<String>,
    /// The same from a file, one node a line
    #[arg(long, value_name = "FILE")]
    pub host_file: Option<PathBuf>,
    /// Run only in this data centre
    #[arg(long, value_name = "DC")]
    pub dc_filter: Option<String>,
    /// Try it on a simulated cluster on this machine
    #[arg(long, value_name = "HOSTS", num_args = 0..=1, require_equals = true, default_missing_value = "12")]
    pub sandbox: Option<u32>,
}

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Who may run at once")]
pub struct Order {
    /// one: a node at a time; topology: no two nodes that share a range; all: no rule [default: topology]
    #[arg(long, value_parser = ["one", "topology", "all"], conflicts_with_all = ["one", "one_per_dc", "topology", "topology_per_dc", "all"])]
    pub strategy: Option<String>,
    /// One node at a time, one data centre after the other
    #[arg(long, conflicts_with_all = others("one"))]
    pub one: bool,
    /// One node at a time in each data centre, all data centres at once
    #[arg(long, conflicts_with_all = others("one_per_dc"))]
    pub one_per_dc: bool,
    /// No two nodes that share a range, one data centre after the other
    #[arg(long, conflicts_with_all = others("topology"))]
    pub topology: bool,
    /// No two nodes that share a range, all data centres at once
    #[arg(long, conflicts_with_all = others("topology_per_dc"))]
    pub topology_per_dc: bool,
    /// All nodes of all data centres at once
    #[arg(long, conflicts_with_all = others("all"))]
    pub all: bool,
    /// Several clusters side by side
    #[arg(long, overrides_with = "cluster_serial")]
    pub cluster_parallel: bool,
    /// Several clusters one after the other (default)
    #[arg(long, overrides_with = "cluster_parallel")]
    pub cluster_serial: bool,
    /// Data centres side by side
    #[arg(long, overrides_with = "dc_serial")]
    pub dc_parallel: bool,
    /// Data centres one after the other (default)
    #[arg(long, overrides_with = "dc_parallel")]
    pub dc_serial: bool,
    /// Only this keyspace says who shares a range [default: every one that holds data]
    #[arg(long, value_name = "KEYSPACE", alias = "keyspace")]
    pub key_space: Option<String>,
}

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// At most so many nodes at once [default: no limit]
    #[arg(short = 'j', long, value_name = "HOSTS", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_concurrency: Option<u32>,
    /// How long the command may take on one node; a bare number is seconds [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    pub timeout: Option<Duration>,
    /// Stop after so many nodes; `rollbook resume` goes on
    #[arg(long, value_name = "HOSTS", value_parser = clap::value_parser!(u32).range(1..))]
    pub stop_after: Option<u32>,
    /// Nodes that are down now count as down, and do not keep the run from starting
    #[arg(long)]
    pub ignore_down_nodes: bool,
    /// How long a node keeps its place after it is done; a bare number is seconds
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    pub node_done_pause_time: Option<Duration>,
}

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "How nodes are asked (the command itself is yours)")]
pub struct Access {
    /// User of the ssh sessions in which nodes are asked
    #[arg(long, value_name = "USER")]
    pub ssh_username: Option<String>,
    /// Key of the ssh sessions in which nodes are asked
    #[arg(long, value_name = "FILE")]
    pub ssh_identity_file: Option<PathBuf>,
    /// Only `ssh`: the program and its configuration
    #[arg(long, value_name = "LIB", value_parser = ssh_lib)]
    pub ssh_lib: Option<String>,
    /// Run nodetool with sudo
    #[arg(long)]
    pub use_sudo: bool,
    /// Arguments of that sudo
    #[arg(long, value_name = "ARGS", requires = "use_sudo", allow_hyphen_values = true)]
    pub sudo_args: Option<String>,
    /// nodetool -u
    #[arg(long, value_name = "USER", requires = "jmx_passwordfile")]
    pub jmx_username: Option<String>,
    /// nodetool -pwf, a file on the nodes
    #[arg(long, value_name = "FILE")]
    pub jmx_passwordfile: Option<String>,
    /// Names instead of addresses: `{}` becomes the node's name
    #[arg(short = 'r', long)]
    pub resolve_hostnames: bool,
    /// Values for each node, as JSON: {"host": {"name": "value"}}; `{{name}}` in the command
    #[arg(long, value_name = "FILE")]
    pub hosts_variables: Option<PathBuf>,
}

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "What the command does to a node")]
pub struct Promise {
    /// What the command takes away; not said, rollbook guesses and shows its guess
    #[arg(long, value_name = "WHAT", value_parser = ["nothing", "restart", "reboot"])]
    pub expect: Option<String>,
    /// Why an outage is accepted: needed by a one-node cluster and by `--strategy all` with a disruptive command
    #[arg(long, value_name = "REASON")]
    pub accept_outage: Option<String>,
    /// Why this is done: journal, reports and locks show it
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Where outputs go")]
pub struct Keeping {
    /// Also keep HOST/out, HOST/err and HOST/status in this folder
    #[arg(long, value_name = "DIR")]
    pub output_directory: Option<PathBuf>,
    /// The run's id, a UUID
    #[arg(long, value_name = "UUID")]
    pub enforced_job_id: Option<Uuid>,
}

/// Known, and refused with the reason, so that nobody believes they worked.
#[derive(Args, Clone, Debug, Default)]
pub struct Refused {
    #[arg(long, hide = true, value_parser = no_ssh_password)]
    pub ssh_password: Option<String>,
    #[arg(long, hide = true, value_parser = no_jmx_password)]
    pub jmx_password: Option<String>,
    #[arg(long, hide = true, value_parser = no_pause)]
    pub ssh_pause_time: Option<String>,
}

/// A shortcut fixes strategy and data centres: none goes with another.
fn others(this: &'static str) -> Vec<&'static str> {
    SHORTCUTS.into_iter().filter(|name| *name != this).collect()
}

/// `30`, as cstarpar has it, is seconds; `0.5` too; else a duration with a unit.
fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(number) => Duration::try_from_secs_f64(number).map_err(|_| format!("`{text}` is no number of seconds")),
        Err(_) => duration(text),
    }
}

fn ssh_lib(text: &str) -> Result<String, String> {
    if text == "ssh" {
        return Ok(text.to_owned());
    }
    Err("rollbook has no ssh library: it runs the `ssh` program, with its configuration; leave the flag out".to_owned())
}

fn no_ssh_password(_: &str) -> Result<String, String> {
    Err("a password on a command line is seen by everybody on this machine, and `ssh` takes none; \
         use a key (--ssh-identity-file) or an agent"
        .to_owned())
}

fn no_jmx_password(_: &str) -> Result<String, String> {
    Err("a password on a command line is seen by everybody on this machine; use --jmx-passwordfile".to_owned())
}

fn no_pause(_: &str) -> Result<String, String> {
    Err("rollbook asks a node once at a time and at most 16 nodes at once, so it needs no pause between \
         connections; to start fewer nodes at once use --max-concurrency"
        .to_owned())
}

#[cfg(test)]
mod tests;
