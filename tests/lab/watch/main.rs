//! `lab-watch`: what really happened to the hosts of a lab, judged from outside: by the lab's power and boot numbers,
//! by the host's cgroup, and by its CQL port. It never asks rollbook, and never asks Cassandra whom it thinks is up.

mod cycles;
mod judge;
mod record;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Looks at every host five times a second and writes what changed, until the stop file exists (under tests/lab/exec).
    Record {
        #[arg(long)]
        out: PathBuf,
        #[arg(long)]
        stop: PathBuf,
    },
    /// Says from a record what was down together, and how often each host booted.
    Judge {
        record: PathBuf,
        /// What `nodetool describering KEYSPACE` printed, for each keyspace that counts.
        #[arg(long, required = true)]
        ring: Vec<PathBuf>,
        /// Only this part of the record, in ms since the epoch.
        #[arg(long, default_value_t = 0)]
        from: u64,
        #[arg(long, default_value_t = u64::MAX)]
        to: u64,
    },
    /// Compares a run's wall time with its hosts' cycles, from the plan and the run's events.
    Cycles { plan: PathBuf, events: PathBuf },
}

fn main() -> Result<()> {
    match Args::parse().what {
        What::Record { out, stop } => record::record(&out, &stop),
        What::Judge { record, ring, from, to } => judge::judge(&record, &ring, from, to),
        What::Cycles { plan, events } => cycles::cycles(&plan, &events),
    }
}
