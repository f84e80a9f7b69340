//! `rollbook check FILE…`: reads playbooks and prints what is wrong with them; touches no cluster.

use super::context::Context as Cli;
use super::exit::Exit;
use super::playbook_file::{Refused, expired_waivers, names_of_hosts};
use super::saved_plan;
use crate::diagnostic::{self, Diagnostic};
use crate::playbook::{self, model::Playbook};
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// More than a playbook may have; the rest of a huge file is not read.
const READ_AT_MOST: u64 = 2 << 20;

#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Playbooks to read
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How findings are printed
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// Print the playbook with every default written out
    #[arg(long, conflicts_with = "format")]
    pub explain: bool,
}

/// `--format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: the line with a caret, on standard error
    Text,
    /// For machines: one array of findings, on standard output
    Json,
}

/// A playbook file as read: its text for excerpts, and the model or the findings.
struct ReadFile {
    name: String,
    text: String,
    result: Result<(Playbook, Vec<Diagnostic>), Vec<Diagnostic>>,
}

impl ReadFile {
    /// Errors or warnings, in the order of the file.
    fn findings(&self) -> &[Diagnostic] {
        match &self.result {
            Ok((_, warnings)) => warnings,
            Err(findings) => findings,
        }
    }

    /// The findings as text, one after the other with a blank line between.
    fn rendered(&self, colour: bool) -> String {
        let render = if colour { diagnostic::render_coloured } else { diagnostic::render };
        let texts: Vec<String> = self.findings().iter().map(|f| render(f, &self.name, &self.text)).collect();
        texts.join("\n")
    }
}

/// Reads a playbook file. A file that cannot be read is a finding too: `check` goes on with the next.
fn read_file(path: &Path) -> ReadFile {
    let name = path.display().to_string();
    match bytes(path) {
        Ok(bytes) => {
            if let Some(finding) = saved_plan::instead_of_a_playbook(&bytes) {
                return ReadFile { name, text: String::new(), result: Err(vec![finding]) };
            }
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let mut result = playbook::read(&bytes);
            if let Ok((playbook, _)) = &mut result
                && let Err(Refused { name, text, findings }) = names_of_hosts(path, &text, playbook)
            {
                return ReadFile { name, text, result: Err(findings) };
            }
            if let Ok((playbook, warnings)) = &mut result {
                warnings.extend(expired_waivers(playbook));
            }
            ReadFile { name, text, result }
        }
        Err(finding) => ReadFile { name, text: String::new(), result: Err(vec![finding]) },
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    let unreadable = |error: std::io::Error| Diagnostic::error(format!("the file cannot be read: {error}"));
    if path.is_dir() {
        return Err(Diagnostic::error("this is a directory").help("name a file: `playbooks/rolling-reboot.yaml`"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    let known = file.metadata().map_err(unreadable)?.len();
    file.take(READ_AT_MOST).read_to_end(&mut bytes).map_err(unreadable)?;
    if known > READ_AT_MOST {
        let message = format!("the file has {known} bytes, and a playbook at most {}", playbook::MAX_BYTES);
        return Err(Diagnostic::error(message).help("is this the right file?"));
    }
    Ok(bytes)
}

/// Exit status 0: every file is a sound playbook (warnings are shown); 65: one is not.
pub fn run(cli: &Cli, options: &Options) -> anyhow::Result<Exit> {
    let colour = cli.colour(&std::io::stderr());
    let read: Vec<ReadFile> = options.files.iter().map(|path| read_file(path)).collect();
    let mut out = std::io::stdout().lock();
    match options.format {
        Format::Json => writeln!(out, "{:#}", json(&read)).context("standard output")?,
        Format::Text => {
            for (number, file) in read.iter().enumerate() {
                if number > 0 && !file.findings().is_empty() {
                    let _ = writeln!(std::io::stderr());
                }
                let _ = write!(std::io::stderr(), "{}", file.rendered(colour));
                match &file.result {
                    Ok((playbook, _)) if options.explain => write!(out, "{}", playbook::explain(playbook)),
                    Ok((playbook, _)) => writeln!(out, "{}: {} is a sound playbook", file.name, summary(playbook)),
                    Err(_) => Ok(()),
                }
                .context("standard output")?;
            }
        }
    }
    let sound = read.iter().all(|file| file.result.is_ok());
    Ok(if sound { Exit::Done } else { Exit::BadFile })
}

fn summary(playbook: &Playbook) -> String {
    let part = |(name, part): (Option<&str>, &Playbook)| {
        let steps: Vec<&str> = part.steps.iter().map(|step| step.name.as_str()).collect();
        name.map(|name| format!("{name}: ")).unwrap_or_default() + &steps.join(", ")
    };
    let parts: Vec<String> = playbook.parts().into_iter().map(part).collect();
    format!("`{}` ({})", playbook.name, parts.join("; "))
}

/// Every finding of every file, as one array.
fn json(read: &[ReadFile]) -> serde_json::Value {
    let of = |file: &ReadFile| -> Vec<serde_json::Value> {
        file.findings().iter().map(|finding| diagnostic::json(finding, &file.name, &file.text)).collect()
    };
    read.iter().flat_map(of).collect()
}
