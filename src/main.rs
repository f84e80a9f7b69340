use std::process::ExitCode;

fn main() -> ExitCode {
    // A tool of the sandbox is this program under another name.
    if let Some(status) = rollbook::sandbox::dispatch(&std::env::args_os().next().unwrap_or_default()) {
        return ExitCode::from(status);
    }
    let mut args = std::env::args_os().skip(1);
    // Before anything else: what outlives a run must not depend on how commands are parsed.
    if args.next().is_some_and(|first| first == rollbook::execute::child::SUBCOMMAND) {
        return ExitCode::from(rollbook::execute::child::child_main(args.collect()));
    }
    ExitCode::SUCCESS
}
