//! A plan as a file: canonical bytes, a hash that people and other programs can compute, and a reader
//! that takes nothing else. Pure: text in, text out; whoever calls it opens the file.

use super::lint;
use super::model::{Estimate, Plan, PlanFile, VERSION};
use crate::diagnostic::Diagnostic;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The plan with its hash and what is shown beside it.
pub fn seal(plan: Plan, estimate: Estimate) -> PlanFile {
    PlanFile { hash: hash(&plan), plan, estimate }
}

/// `sha256:` and 64 hex digits over the canonical JSON of the plan: compact, UTF-8, keys sorted
/// (`json.dumps(plan, sort_keys=True, separators=(",", ":"), ensure_ascii=False)` in Python).
pub fn hash(plan: &Plan) -> String {
    let digest = Sha256::digest(canonical(plan));
    digest.iter().fold(String::from("sha256:"), |text, byte| format!("{text}{byte:02x}"))
}

/// The file's text: for reading by people too, one line break at the end.
pub fn write(file: &PlanFile) -> String {
    let mut text = serde_json::to_string_pretty(file).expect("a plan is JSON: string keys, finite numbers");
    text.push('\n');
    text
}

/// Reads what `write` wrote, and refuses everything else: exit code 65.
///
/// # Errors
/// Text that is not UTF-8, not JSON or cut off; a newer version; unknown or missing fields; a plan that
/// was changed after it was hashed; a plan that breaks an invariant (`lint`).
pub fn read(bytes: &[u8]) -> Result<PlanFile, Diagnostic> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| refuse(format!("the plan file is not UTF-8 (byte {})", error.valid_up_to())))?;
    if text.trim().is_empty() {
        return Err(refuse("the plan file is empty"));
    }
    let raw: Value = serde_json::from_str(text).map_err(|error| syntax(&error))?;
    version(&raw)?;
    let file: PlanFile = serde_json::from_str(text)
        .map_err(|error| refuse(format!("the plan file does not have the form of a plan: {error}")))?;
    if hash(&file.plan) != file.hash || sorted(&raw["plan"]).to_string().into_bytes() != canonical(&file.plan) {
        return Err(refuse(format!(
            "the plan was changed after it was made: its hash is `{}`, the file says `{}`",
            hash(&file.plan),
            shortened(&file.hash)
        )));
    }
    let found = lint::check(&file.plan);
    if let Some(first) = found.first() {
        let more = if found.len() > 1 { format!(" (and {} more)", found.len() - 1) } else { String::new() };
        return Err(refuse(format!("the plan breaks a rule that every plan keeps: {}{more}", first.escape_debug())));
    }
    Ok(file)
}

/// JSON Schema (draft-07) of a plan file, with a line end.
pub fn schema() -> String {
    let settings = schemars::generate::SchemaSettings::draft07();
    let schema = settings.into_generator().into_root_schema_for::<PlanFile>();
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    text
}

fn canonical(plan: &Plan) -> Vec<u8> {
    let value = serde_json::to_value(plan).expect("a plan is JSON: string keys, finite numbers");
    sorted(&value).to_string().into_bytes()
}

/// The same value with the keys of every object in order (`serde_json` keeps them as they came).
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            keys.into_iter().map(|key| (key.clone(), sorted(&map[key]))).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn syntax(error: &serde_json::Error) -> Diagnostic {
    let (line, column) = (error.line(), error.column());
    if error.is_eof() {
        return refuse(format!("the plan file ends too early, at line {line}, column {column}: it was cut off"));
    }
    refuse(format!("the plan file is not JSON: {error}"))
}

fn version(raw: &Value) -> Result<(), Diagnostic> {
    let Some(found) = raw.get("plan").and_then(|plan| plan.get("version")) else {
        return Err(refuse("the file is no plan: `plan.version` is missing"));
    };
    match found.as_u64() {
        Some(version) if version == u64::from(VERSION) => Ok(()),
        Some(version) if version > u64::from(VERSION) => {
            Err(Diagnostic::error(format!("the plan has version {version}, this rollbook reads version {VERSION}"))
                .help("run it with the rollbook that made it, or a newer one"))
        }
        _ => Err(refuse(format!("the plan has version `{found}`, this rollbook reads version {VERSION}"))),
    }
}

fn refuse(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(message).help("make it anew: `rollbook plan FILE WHERE --out plan.json`")
}

fn shortened(hash: &str) -> String {
    hash.chars().take(80).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests;
