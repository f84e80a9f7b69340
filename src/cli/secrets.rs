//! The secrets of a plan, read from where it says; kept in this process alone.

use super::exit::{Exit, Failure};
use crate::plan::model::Plan;
use crate::playbook::secret::{self, Secret, Source};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;

/// A command that tells a secret gets so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// No secret is longer; a path that names a whole disk is a mistake.
const LONGEST: u64 = 64 * 1024;

/// Every secret of the plan.
///
/// # Errors
/// 64 with its name and where it was looked for, never with what was found there.
pub async fn of(plan: &Plan) -> anyhow::Result<BTreeMap<String, Secret>> {
    let mut secrets = BTreeMap::new();
    for (name, source) in secret::sources(&plan.params) {
        let text = read(&source).await.and_then(fit).map_err(|why| {
            let message = format!("the secret `{name}` cannot be read from {source}: {why}; nothing was done");
            Failure::new(Exit::Usage, message).help("put it there, or name another place under `secret:` in `params`")
        })?;
        secrets.insert(name.to_owned(), Secret::new(text));
    }
    Ok(secrets)
}

async fn read(source: &Source) -> Result<Vec<u8>, String> {
    match source {
        Source::Env(name) => match std::env::var_os(name) {
            Some(value) => Ok(std::os::unix::ffi::OsStringExt::into_vec(value)),
            None => Err("it is not set".to_owned()),
        },
        Source::File(path) => {
            let file = tokio::fs::File::open(path).await.map_err(|error| error.to_string())?;
            bounded(file).await
        }
        Source::Command(words) => match tokio::time::timeout(PATIENCE, printed(words)).await {
            Ok(printed) => printed,
            Err(_) => Err(format!("it did not end within {} s", PATIENCE.as_secs())),
        },
    }
}

/// What the command says on standard error goes to the terminal as it is: nothing of it is kept.
async fn printed(words: &[String]) -> Result<Vec<u8>, String> {
    let (program, args) = words.split_first().ok_or("there is no program to run")?;
    let mut command = tokio::process::Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("`{program}`: {error}"))?;
    let out = child.stdout.take().ok_or("it has no standard output")?;
    let text = bounded(out).await?;
    let status = child.wait().await.map_err(|error| error.to_string())?;
    if status.success() { Ok(text) } else { Err(format!("it failed ({status})")) }
}

async fn bounded(from: impl tokio::io::AsyncRead + Unpin) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    from.take(LONGEST + 1).read_to_end(&mut text).await.map_err(|error| error.to_string())?;
    if text.len() as u64 > LONGEST { Err(format!("it is longer than {LONGEST} bytes")) } else { Ok(text) }
}

/// Without the line's end that files and commands have; fit to be a variable of an environment.
fn fit(bytes: Vec<u8>) -> Result<String, String> {
    let mut text = String::from_utf8(bytes).map_err(|_| "it is no text (UTF-8)")?;
    text.truncate(text.strip_suffix('\n').map_or(text.len(), |rest| rest.strip_suffix('\r').unwrap_or(rest).len()));
    match () {
        () if text.is_empty() => Err("it is empty".to_owned()),
        () if text.contains('\0') => Err("it has a NUL, which no variable can have".to_owned()),
        () => Ok(text),
    }
}
