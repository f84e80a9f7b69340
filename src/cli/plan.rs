//! `rollbook plan`: compiles and shows a plan; reads the cluster, changes nothing.

use super::arguments::Where;
use super::cluster::Cluster;
use super::context::Context;
use super::exit::{Exit, Failure};
use super::planning::{Asked, Choice};
use super::{playbook_file, saved_plan};
use crate::plan::file;
use clap::{Args, ValueEnum};
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Args, Debug)]
pub struct Options {
    /// The playbook
    #[arg(value_name = "FILE")]
    playbook: PathBuf,
    #[command(flatten)]
    on: Where,
    /// Plan for a snapshot (`rollbook topology --out`), without asking the cluster
    #[arg(long, value_name = "SNAPSHOT", conflicts_with_all = ["seed_host", "sandbox"])]
    topology: Option<PathBuf>,
    #[command(flatten)]
    choice: Choice,
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Save the plan; `rollbook run FILE` then runs exactly this
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// End with 2 when there is work
    #[arg(long)]
    detailed_exitcode: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    /// For a pull request
    Markdown,
    /// A picture: who goes out in which wave, and who may never be out together
    Svg,
    /// That picture above the text, as a page
    Html,
}

pub fn run(context: &Context, options: &Options) -> anyhow::Result<Exit> {
    let loaded = playbook_file::load(context, &options.playbook)?;
    let asked = match &options.topology {
        Some(path) => Asked::snapshot(path)?,
        None => Asked::Live(Box::new(Cluster::named(context, &options.on, &loaded.playbook.cluster.seeds)?)),
    };
    if let Some(path) = &options.out {
        only_over_a_plan(path)?;
    }
    let (topology, sealed) = asked.planned(context, &loaded, &options.choice)?;
    let saved = options.out.as_ref().map(|path| path.display().to_string());
    let command = saved.as_ref().map(|path| {
        let mut words = format!("rollbook run {path}");
        if asked.simulated() {
            words += &format!(" --sandbox={}", topology.hosts.len());
        }
        if sealed.plan.reason_required {
            words += " --reason TEXT";
        }
        words
    });
    let saved = saved.as_deref().zip(command.as_deref());
    let text = match options.format {
        Format::Text => crate::report::plan_text(&sealed, saved),
        Format::Json => file::write(&sealed),
        Format::Markdown => crate::report::plan_markdown(&sealed),
        Format::Svg => crate::report::plan_svg(&sealed),
        Format::Html => crate::report::plan_html(&sealed),
    };
    // (what is said to be saved is)
    if let Some((path, _)) = saved {
        std::fs::write(path, file::write(&sealed))
            .map_err(|error| Failure::new(Exit::Usage, format!("cannot write `{path}`: {error}")))?;
    }
    std::io::stdout().write_all(text.as_bytes())?;
    if let Some((path, command)) = saved
        && (options.format != Format::Text || context.verbose > 0)
    {
        context.say(format_args!("plan {} saved to {path}; next: {command}", sealed.hash));
    }
    Ok(if options.detailed_exitcode && !sealed.plan.hosts.is_empty() { Exit::WorkToDo } else { Exit::Done })
}

/// A plan takes the place of an earlier one, and of nothing else: `--out` may well be given the playbook by mistake.
fn only_over_a_plan(path: &Path) -> anyhow::Result<()> {
    let Ok(bytes) = std::fs::read(path) else { return Ok(()) };
    if bytes.is_empty() || saved_plan::is_one(&bytes) {
        return Ok(());
    }
    let message = format!("`--out`: `{}` exists and is no plan; it is not written over", path.display());
    Err(Failure::new(Exit::Usage, message).help("name another file, or remove that one first").into())
}
