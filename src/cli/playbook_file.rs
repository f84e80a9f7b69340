//! A playbook as a file: read, checked, its findings drawn against its text.

use super::context::{Context, today};
use super::exit::{Exit, Failure, Said};
use super::saved_plan;
use crate::diagnostic::{self, Diagnostic};
use crate::plan::model::Source;
use crate::playbook;
use crate::playbook::model::{Playbook, Waiver};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write as _};
use std::path::Path;

/// More than any playbook has; what lies behind is never read (a device, a log by mistake).
const ENOUGH: u64 = 2 << 20;

/// A playbook and where it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub playbook: Playbook,
    pub source: Source,
    text: String,
}

/// Reads a file's beginning, bounded.
pub fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let refused =
        |error: std::io::Error| Failure::new(Exit::BadFile, format!("`{}` cannot be read: {error}", path.display()));
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(ENOUGH).read_to_end(&mut bytes)).map_err(refused)?;
    Ok(bytes)
}

/// Reads and checks a playbook; its findings go to standard error.
///
/// # Errors
/// 65 when there is an error in it.
pub fn load(context: &Context, path: &Path) -> anyhow::Result<Loaded> {
    of_bytes(context, path, &bytes(path)?)
}

pub fn of_bytes(context: &Context, path: &Path, bytes: &[u8]) -> anyhow::Result<Loaded> {
    let name = path.display().to_string();
    let text = String::from_utf8_lossy(bytes).into_owned();
    if let Some(finding) = saved_plan::instead_of_a_playbook(bytes) {
        print(context, &[finding], &name, "");
        return Err(Said(Exit::BadFile).into());
    }
    let (mut playbook, warnings) = playbook::read(bytes).map_err(|findings| {
        print(context, &findings, &name, &text);
        Said(Exit::BadFile)
    })?;
    if !context.quiet {
        print(context, &warnings, &name, &text);
        print(context, &expired_waivers(&playbook), &name, &text);
    }
    if let Err(refused) = names_of_hosts(path, &text, &mut playbook) {
        print(context, &refused.findings, &refused.name, &refused.text);
        return Err(Said(Exit::BadFile).into());
    }
    Ok(Loaded { playbook, source: Source { path: plain(path), sha256: sha256(bytes) }, text })
}

/// Waivers that no longer hold: `run` would refuse.
pub fn expired_waivers(playbook: &Playbook) -> Vec<Diagnostic> {
    let today = today();
    let expired = playbook.waive.iter().enumerate().filter(|(_, waiver)| waiver.expires < today);
    let warning = |(number, waiver): (usize, &Waiver)| {
        let check = playbook::waivable_word(waiver.check);
        let mut warning = Diagnostic::warning(format!("`{check}` is no longer waived: today is {today}"))
            .help("`run` refuses: remove it, or give it a new day and a reason that still holds");
        warning.span = playbook.span(&format!("waive[{number}].expires"));
        warning
    };
    expired.map(warning).collect()
}

/// Findings, and the file whose lines they are about.
pub struct Refused {
    pub name: String,
    pub text: String,
    pub findings: Vec<Diagnostic>,
}

/// Reads the file that `cluster.hosts` names, beside the playbook.
///
/// # Errors
/// When it cannot be read, says what could reach the wrong host, or lacks what the playbook reads.
pub fn names_of_hosts(playbook_file: &Path, playbook_text: &str, playbook: &mut Playbook) -> Result<(), Refused> {
    let Some(named) = &playbook.cluster.hosts_file else { return Ok(()) };
    let path = playbook_file.parent().unwrap_or(Path::new("")).join(named);
    let name = playbook_file.display().to_string();
    let of_the_playbook = |findings| Refused { name, text: playbook_text.to_owned(), findings };
    let read = bytes(&path).map_err(|error| error.to_string());
    let text =
        match read.and_then(|bytes| String::from_utf8(bytes).map_err(|_| format!("`{}` is no text", path.display()))) {
            Ok(text) => text,
            Err(why) => {
                let mut error = Diagnostic::error(why)
                    .help("it lies beside the playbook and has a line `ADDRESS: NAME` for each node");
                error.span = playbook.span("cluster.hosts");
                return Err(of_the_playbook(vec![error]));
            }
        };
    match playbook::read_hosts(named, &text) {
        Ok(hosts) => {
            for phase in &mut playbook.phases {
                phase.book.cluster.hosts.clone_from(&hosts);
            }
            playbook.cluster.hosts = hosts;
        }
        Err(findings) => return Err(Refused { name: path.display().to_string(), text, findings }),
    }
    let findings = playbook::judge_hosts_file(playbook);
    if findings.is_empty() { Ok(()) } else { Err(of_the_playbook(findings)) }
}

/// One spelling for one file, for the plan's hash has it in it: from here where it lies below, without `./`.
fn plain(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let path = path.strip_prefix(here).unwrap_or(path);
    let parts = path.components().filter(|part| *part != std::path::Component::CurDir);
    parts.collect::<std::path::PathBuf>().display().to_string()
}

impl Loaded {
    /// Draws findings of a later stage against the playbook's text.
    pub fn print(&self, context: &Context, findings: &[Diagnostic]) {
        print(context, findings, &self.source.path, &self.text);
    }
}

fn print(context: &Context, findings: &[Diagnostic], name: &str, text: &str) {
    let draw = if context.colour(&std::io::stderr()) { diagnostic::render_coloured } else { diagnostic::render };
    for finding in findings {
        // (as it is drawn: it has colours)
        let _ = writeln!(std::io::stderr(), "{}", draw(finding, name, text).trim_end());
    }
}

/// Hex.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
