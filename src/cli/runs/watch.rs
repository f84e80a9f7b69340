//! `rollbook runs watch`: the events of a run as they become durable, until it ends.

use crate::cli::carry_out::exit_of;
use crate::cli::context::{Context, unusable};
use crate::cli::earlier_run::{Earlier, stands};
use crate::cli::exit::{Exit, Failure};
use crate::clock::now;
use crate::diagnostic::line;
use crate::display::{noted, sentence, stamp};
use crate::store::RunState;
use clap::Args;
use std::io::Write;
use std::time::{Duration, Instant};

/// Between two looks into the journal.
const LOOK: Duration = Duration::from_millis(500);
/// After so long without an event it is said what is waited for.
const QUIET: Duration = Duration::from_secs(30);

#[derive(Args, Debug)]
pub struct Options {
    /// The run: `last`, its id, or as much of it as is unique
    #[arg(value_name = "RUN")]
    run: String,
}

/// Ends as the run ends, with the same exit code.
pub fn run(context: &Context, options: &Options) -> anyhow::Result<Exit> {
    let earlier = Earlier::find(context, &options.run)?;
    let (store, plan, id) = (&earlier.store, &earlier.file.plan, &earlier.row.id);
    let mut stdout = std::io::stdout();
    let (mut seen, mut said) = (0, Instant::now());
    loop {
        // First whether it lives, then its events: what it wrote last is not missed.
        let row = store.find(id).map_err(unusable)?;
        let Some(row) = row else {
            return Err(Failure::new(Exit::Usage, format!("run `{id}` was forgotten meanwhile")).into());
        };
        for (number, event) in store.events_after(id, seen).map_err(unusable)? {
            writeln!(stdout, "{} {}", stamp(event.at), line(&sentence(plan, &event)))?;
            (seen, said) = (number, Instant::now());
        }
        if said.elapsed() >= QUIET {
            for wait in noted(&store.run_folder(id)) {
                writeln!(stdout, "{} … {}", stamp(now()), line(&wait))?;
            }
            said = Instant::now();
        }
        stdout.flush()?;
        if let RunState::Ended(outcome) = row.state {
            let (_, events) = store.load(id).map_err(unusable)?;
            return Ok(exit_of(outcome, &stands(plan, &events)?));
        }
        if !row.alive() {
            let message = format!("nobody works on run `{}`, and it has not ended", earlier.short());
            let help = format!("go on with it: rollbook resume {}", earlier.short());
            return Err(Failure::new(Exit::Stopped, message).help(help).into());
        }
        std::thread::sleep(LOOK);
    }
}
