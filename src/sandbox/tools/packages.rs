//! Package managers: on a simulated host nothing is installed, and least of all on the machine that simulates it.

use super::say;
use crate::sandbox::dispatch::Invocation;
use anyhow::Result;

pub fn run(call: &Invocation) -> Result<u8> {
    say(&format!("{} (sandbox): nothing is installed or changed\n", call.tool));
    call.log(call.host.as_deref().unwrap_or("-"), "0");
    Ok(0)
}
