//! Arguments, exit codes, every sentence to the user; one file a command.
//!
//! Must never decide what is safe: it reads words, calls the nouns and verbs, and says what came of it.

mod approve;
pub mod arguments;
mod ask_person;
mod carry_out;
pub mod check;
mod cluster;
mod completions;
mod context;
mod doctor;
mod durations;
mod earlier_run;
pub mod exec;
pub mod exit;
mod lock;
mod plan;
mod planning;
mod playbook_file;
mod resolve;
mod resume;
mod run;
mod runs;
mod saved_plan;
mod secrets;
pub mod schema;
mod simulate;
mod stop;
mod topology;
mod why;

use arguments::{Arguments, Command};
use context::Context;
use exit::Exit;
use std::ffi::OsString;
use std::process::ExitCode;

/// The whole program, once it is clear that it is not a tool of the sandbox and not a watcher.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    crate::store::power_cut::arm();
    let exit = match arguments::read(argv) {
        Ok(arguments) => run(&arguments).unwrap_or_else(|error| exit::report(&error)),
        Err(error) => match error.downcast_ref::<clap::Error>() {
            Some(clap) => said_by_clap(clap),
            None => exit::report(&error),
        },
    };
    ExitCode::from(exit.code())
}

fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let context = Context::of(&arguments.common);
    match &arguments.command {
        Command::Check(options) => check::run(&context, options),
        Command::Completions(options) => completions::run(options),
        Command::Exec(flags) => exec::run(&context, flags),
        Command::Schema(options) => schema::run(options),
        Command::Plan(options) => plan::run(&context, options),
        Command::Simulate(options) => simulate::run(&context, options),
        Command::Run(options) => run::run(&context, options),
        Command::Doctor(options) => doctor::run(&context, options),
        Command::Approve(options) => approve::run(&context, options),
        Command::Resume(options) => resume::run(&context, options),
        Command::Stop(options) => stop::run(&context, options),
        Command::Resolve(options) => resolve::run(&context, options),
        Command::Runs(options) => runs::run(&context, options),
        Command::Lock(options) => lock::run(&context, options),
        Command::Why(options) => why::run(&context, options),
        Command::Topology(options) => topology::run(&context, options),
    }
}

/// Help and version are success; every misuse is 64, where clap would say 2.
fn said_by_clap(error: &clap::Error) -> Exit {
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

/// Runs what waits for processes, answers and signals.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(future)
}
