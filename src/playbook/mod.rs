//! What the operator wrote: YAML → a checked `Playbook`, or findings with their places. Pure.
//!
//! document (YAML with places) → structure (against the schema) → written (serde) → meaning → chain.

pub mod model;
pub mod command;
pub mod defaults;
pub mod duration;
pub mod guess;
pub mod params;
pub mod schema;
pub mod secret;
pub mod suggest;
pub mod template;
mod chain;
mod document;
mod explain;
mod hosts_file;
mod meaning;
mod registers;
mod structure;
mod written;

pub use explain::{check_word, explain, waivable_word};
pub use hosts_file::{HostEntry, read_hosts};
pub use params::{bind_params, eval_when, holds};
pub use registers::{judge_hosts_file, reads_of_hosts};

use crate::diagnostic::{Diagnostic, Severity, Span};
use model::Playbook;

/// A playbook is a page, not a book; the second parser is slow on large hostile files.
pub const MAX_BYTES: usize = 1 << 20;
/// Nobody reads more findings at once; a hostile file could have a hundred thousand.
const MAX_FINDINGS: usize = 100;

/// Version of the language.
pub const VERSION: u32 = 1;
/// Kinds of steps, in the order of the language.
pub(crate) const KINDS: [&str; 11] =
    ["drain", "stop", "start", "restart", "reboot", "wait-up", "wait-down", "run", "verify", "pause", "approve"];
/// Names that templates read.
pub(crate) const PARAM_NAME: &str = "^[a-z][a-z0-9_]*$";
pub(crate) const ENV_NAME: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

/// The regular expression of an `expect`: `^` and `$` are the ends of a line, for output comes in lines.
///
/// # Errors
/// When it is none.
pub fn pattern(text: &str) -> Result<regex::Regex, regex::Error> {
    regex::RegexBuilder::new(text).multi_line(true).build()
}

/// Reads and checks a playbook: the model with warnings, or everything that is wrong, in the order of the file.
pub fn read(bytes: &[u8]) -> Result<(Playbook, Vec<Diagnostic>), Vec<Diagnostic>> {
    let source = text(bytes).map_err(|finding| vec![finding])?;
    let root = document::read(source).map_err(sorted)?;
    let findings = structure::check(&root, &schema::value());
    if !findings.is_empty() {
        return Err(sorted(findings));
    }
    let written = second_parser(source).map_err(|finding| vec![finding])?;
    if written.rollbook != VERSION {
        return Err(vec![Diagnostic::error(format!("version {} of the language is unknown", written.rollbook))]);
    }
    let (playbook, findings) = meaning::build(source, &root, written);
    let findings = sorted(findings);
    match findings.iter().any(|finding| finding.severity == Severity::Error) {
        true => Err(findings),
        false => Ok((playbook, findings)),
    }
}

/// The text of a file that may be a playbook at all.
fn text(bytes: &[u8]) -> Result<&str, Diagnostic> {
    if bytes.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, and a playbook at most {MAX_BYTES}", bytes.len());
        return Err(Diagnostic::error(message).help("is this the right file?"));
    }
    let source = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        let message = format!("line {line} is not UTF-8: the byte 0x{byte:02x}");
        Diagnostic::error(message).help("save the file as UTF-8")
    })?;
    if source.trim().is_empty() {
        return Err(Diagnostic::error("the file is empty").help(structure::advice::SHORTEST));
    }
    match source.chars().position(|c| c == '\0' || c == '\u{feff}') {
        Some(0) if source.starts_with('\u{feff}') => {
            Err(Diagnostic::error("the file begins with a byte order mark").help("save it as UTF-8 without one"))
        }
        Some(_) => {
            Err(Diagnostic::error("a NUL or a byte order mark in the middle of the file").help("is this a text file?"))
        }
        None => Ok(source),
    }
}

/// The same text through the other parser, which must see the same: what only one accepts is refused.
fn second_parser(source: &str) -> Result<written::Playbook, Diagnostic> {
    let place = |error: &serde_yaml::Error| error.location().map(|at| Span::new(at.index(), at.index()));
    let explain = |error: serde_yaml::Error| {
        let finding = Diagnostic::error(format!("this cannot be read as a playbook: {error}"));
        place(&error).map_or(finding.clone(), |span| finding.at(span))
    };
    let mut value: serde_yaml::Value = serde_yaml::from_str(source).map_err(explain)?;
    value.apply_merge().map_err(explain)?;
    serde_yaml::from_value(value).map_err(explain)
}

fn sorted(mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    findings.sort_by_key(|finding| (finding.span.map_or(0, |span| span.start), finding.severity));
    findings.dedup();
    if findings.len() > MAX_FINDINGS {
        let more = findings.len() - MAX_FINDINGS;
        findings.truncate(MAX_FINDINGS);
        let last = Diagnostic::error(format!("and {more} findings more")).help("mend the first ones, then check again");
        findings.push(last);
    }
    findings
}

#[cfg(test)]
mod tests;
