#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut argv = std::env::args_os();
    // A tool of the sandbox is this program under another name.
    if let Some(status) = rollbook::sandbox::dispatch(&argv.next().unwrap_or_default()) {
        return ExitCode::from(status);
    }
    // Before anything else: what outlives a run must not depend on how commands are parsed.
    if argv.next().is_some_and(|first| first == rollbook::execute::child::SUBCOMMAND) {
        return ExitCode::from(rollbook::execute::child::child_main(argv.collect()));
    }
    rollbook::cli::main(std::env::args_os())
}
