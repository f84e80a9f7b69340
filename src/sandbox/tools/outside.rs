//! The real programs of this machine, for what the sandbox does not simulate.

use super::complain;
use anyhow::Result;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The first program of this name in `PATH` that is no sandbox's: the tools of two of them would give way to each other
/// for ever.
fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let own = dir.join("bin");
    let of_a_sandbox = |place: &Path| place == own || place.parent().is_some_and(super::super::create::is_sandbox);
    std::env::split_paths(&path)
        .filter(|place| !of_a_sandbox(place))
        .map(|place| place.join(name))
        .find(|file| file.is_file())
}

/// Gives way to the real program of this name.
pub fn replace_by(dir: &Path, name: &str, args: &[String]) -> Result<u8> {
    let Some(program) = find(dir, name) else {
        complain(&format!("sh: 1: {name}: not found\n"));
        return Ok(127);
    };
    Err(Command::new(program).args(args).exec().into())
}

/// Gives way to whatever the words name, found through `PATH` (the sandbox's tools first).
/// Returns only when there is no such program.
pub fn replace(words: &[String]) -> std::io::Error {
    Command::new(&words[0]).args(&words[1..]).exec()
}
