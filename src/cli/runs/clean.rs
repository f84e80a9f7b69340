//! `rollbook runs clean`: forgets finished runs and the sandboxes that nobody needs.

use crate::cli::arguments::age;
use crate::cli::context::{Context, unusable};
use crate::cli::exit::Exit;
use crate::clock::now;
use crate::store::{Store, short};
use clap::Args;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A sandbox without a run may be in use by a `plan` or `doctor` that has not ended.
const IN_USE: Duration = Duration::from_secs(24 * 3600);

#[derive(Args, Debug)]
pub struct Options {
    /// Only runs made longer ago than this, in days (`7d`) or hours (`12h`)
    #[arg(long, value_name = "AGE", default_value = "7d", value_parser = age)]
    older_than: Duration,
    /// Also runs that stopped or failed, and could be resumed
    #[arg(long)]
    resumable: bool,
}

pub fn run(context: &Context, options: &Options) -> anyhow::Result<Exit> {
    let store = context.store()?;
    let before = now().saturating_sub(options.older_than.as_millis() as u64);
    let cleaned = store.clean(before, options.resumable).map_err(unusable)?;
    for row in &cleaned.removed {
        println!("forgot {} ({})", short(&row.id), row.name);
    }
    for (row, why) in &cleaned.kept {
        context.say(format_args!("kept {} ({}): {why}", short(&row.id), row.name));
    }
    if cleaned.removed.is_empty() && cleaned.kept.is_empty() {
        context.say("no run is that old");
    }
    sandboxes(&store)?;
    Ok(Exit::Done)
}

/// Removes sandboxes to which no run points any more.
fn sandboxes(store: &Store) -> anyhow::Result<()> {
    let mut wanted: BTreeSet<PathBuf> = BTreeSet::new();
    for row in store.runs().map_err(unusable)? {
        wanted.extend(std::fs::read_link(store.run_folder(&row.id).join("sandbox")));
    }
    let Ok(entries) = std::fs::read_dir(store.home().join("sandboxes")) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if !wanted.contains(&path) && old(&path) {
            std::fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

fn old(path: &Path) -> bool {
    let made = std::fs::metadata(path).and_then(|file| file.modified());
    made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > IN_USE))
}
