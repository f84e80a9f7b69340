//! The small process beside every command, which outlives rollbook and writes how the command ended.
//!
//! `rollbook __child [--background] [--grace MS] [--patience MS] [--bar FILE] DIR -- WORDS…` claims the attempt's
//! folder; where FILE is not there it runs the words in a session of their own, and leaves a status file. TERM and
//! ALRM tell it to end the command (ALRM: because its time is over); of itself it ends nothing but what a finished
//! command left behind. That has `--patience` to end by itself: a script whose last line is `ssh host sudo reboot &`
//! is over before its ssh has connected.
//!
//! A session without a terminal: what would ask for a password on `/dev/tty` fails at once and says so,
//! where a process group of our terminal would be stopped until its deadline.

use super::session;
use crate::job::event::End;
use crate::store::attempt::{self, NOT_SPAWNED, Watcher};
use crate::store::durable_file::private_file;
use crate::store::owner::{Owner, Stat};
use rustix::process::Signal;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// First argument of this program that makes it such a process. Not for people, not in any help.
pub const SUBCOMMAND: &str = "__child";
/// This very program, also after its file was replaced by a newer one.
pub const THIS_PROGRAM: &str = "/proc/self/exe";
/// Between TERM and KILL for what a finished command left behind and that did not end by itself.
const SWEEP_GRACE: Duration = Duration::from_secs(2);
/// Between two looks at what a finished command left behind.
const SWEEP_LOOK: Duration = Duration::from_millis(100);
/// Between two looks at the command where no signal told that it ended.
const LOOK: Duration = Duration::from_secs(1);

const EXEC: &str = "--exec";
const EXEC_FAILED: i32 = 127;
/// Exit status of the small process itself: the status file is written.
const WATCHED: u8 = 0;
/// Somebody else claimed the attempt: the command was not run.
pub const NOT_CLAIMED: u8 = 3;
/// The status file could not be written.
const UNWRITTEN: u8 = 4;
const USAGE: u8 = 64;

struct Args {
    /// Turn into the command instead of watching it.
    exec: bool,
    /// Processes that the command leaves behind stay.
    background: bool,
    grace: Duration,
    /// What a finished command left behind gets so long to end by itself.
    patience: Duration,
    /// The lock of the run was broken where this file is: the command does not begin.
    bar: Option<PathBuf>,
    dir: PathBuf,
    words: Vec<OsString>,
}

/// Entry of the hidden subcommand; `args` are those after its name. Returns the exit status.
pub fn child_main(args: Vec<OsString>) -> u8 {
    let Some(args) = parse(args) else {
        let _ = writeln!(std::io::stderr(), "error: `{SUBCOMMAND}` is for rollbook itself");
        return USAGE;
    };
    if args.exec { become_command(&args) } else { watch(&args) }
}

fn parse(args: Vec<OsString>) -> Option<Args> {
    let (grace, patience) = (Duration::ZERO, Duration::ZERO);
    let (bar, dir, words) = (None, PathBuf::new(), Vec::new());
    let mut parsed = Args { exec: false, background: false, grace, patience, bar, dir, words };
    let mut args = args.into_iter();
    loop {
        let arg = args.next()?;
        match arg.to_str() {
            Some("--") => break,
            Some(EXEC) => parsed.exec = true,
            Some("--background") => parsed.background = true,
            Some("--grace") => parsed.grace = Duration::from_millis(args.next()?.to_str()?.parse().ok()?),
            Some("--patience") => parsed.patience = Duration::from_millis(args.next()?.to_str()?.parse().ok()?),
            Some("--bar") => parsed.bar = Some(PathBuf::from(args.next()?)),
            _ => parsed.dir = PathBuf::from(arg),
        }
    }
    parsed.words = args.collect();
    (!parsed.words.is_empty() && !parsed.dir.as_os_str().is_empty()).then_some(parsed)
}

/// Founds the session and turns into the command; comes back only when that failed.
fn become_command(args: &Args) -> u8 {
    // Fails only for the leader of a group, which a process just made is not.
    let _ = rustix::process::setsid();
    // If the watcher is killed nobody sees the end any more: better ended than unseen.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::TERM));
    let error = Command::new(&args.words[0]).args(&args.words[1..]).exec();
    let sentence = why_not_executed(&args.words[0].to_string_lossy(), &error);
    // The watcher reads it; if it cannot be written, exit status 127 still says what shells say.
    let file = private_file(OpenOptions::new().write(true).create(true), &args.dir.join(NOT_SPAWNED));
    drop(file.and_then(|mut file| file.write_all(sentence.as_bytes())));
    EXEC_FAILED as u8
}

fn why_not_executed(program: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound if program.contains('/') => format!("there is no program `{program}` on this machine"),
        io::ErrorKind::NotFound => format!("there is no program `{program}` in the PATH of this machine"),
        io::ErrorKind::PermissionDenied => format!("`{program}` may not be executed on this machine"),
        io::ErrorKind::ArgumentListTooLong => format!("the words after `{program}` are too long for this machine"),
        _ => format!("`{program}` could not be executed: {error}"),
    }
}

fn watch(args: &Args) -> u8 {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return not_spawned(&args.dir, &error),
    };
    runtime.block_on(async {
        match Signals::catch() {
            Ok(signals) => run(args, signals).await,
            Err(error) => not_spawned(&args.dir, &error),
        }
    })
}

/// Signals that would end this process are caught; `exec` gives the command the default ones again.
struct Signals {
    end: tokio::signal::unix::Signal,
    time_out: tokio::signal::unix::Signal,
    child: tokio::signal::unix::Signal,
    /// Kept only so that they do nothing.
    _ignored: [tokio::signal::unix::Signal; 3],
}

impl Signals {
    fn catch() -> io::Result<Signals> {
        Ok(Signals {
            end: signal(SignalKind::terminate())?,
            time_out: signal(SignalKind::alarm())?,
            child: signal(SignalKind::child())?,
            _ignored: [signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?, signal(SignalKind::quit())?],
        })
    }
}

async fn run(args: &Args, mut signals: Signals) -> u8 {
    match Owner::this_process().and_then(|owner| attempt::claim(&args.dir, &Watcher::Runs { owner })) {
        Ok(true) => {}
        Ok(false) => return NOT_CLAIMED,
        Err(error) => return not_spawned(&args.dir, &error),
    }
    // Claimed first: whoever breaks the lock makes the file, and then looks for attempts that are claimed.
    match args.bar.as_ref().map(|bar| bar.try_exists()) {
        None | Some(Ok(false)) => {}
        Some(Ok(true)) => return not_begun(&args.dir, "the lock of its run was broken before the command began"),
        Some(Err(error)) => return not_spawned(&args.dir, &error),
    }
    let mut child = match start(args) {
        Ok(child) => child,
        Err(error) => return not_spawned(&args.dir, &error),
    };
    let told = loop {
        tokio::select! {
            _ = signals.child.recv() => {}
            () = tokio::time::sleep(LOOK) => {}
            _ = signals.end.recv() => break Some(End::Killed),
            _ = signals.time_out.recv() => break Some(End::TimedOut),
        }
        // Not collected yet: so long nobody else can get its process id, nor its session.
        if Stat::of(child.id()).is_ok_and(|stat| stat.state == 'Z') {
            break None;
        }
    };
    match &told {
        Some(_) => session::end(child.id(), args.grace).await,
        None if args.background => {}
        // Twice nobody: what was made between two looks is seen by the second.
        None if nobody_is_left(child.id()) && nobody_is_left(child.id()) => {}
        None => sweep(child.id(), args.patience, &mut signals).await,
    }
    let end = match told {
        Some(told) => told,
        None => child.wait().map_or(End::Unseen, |status| end_of(&args.dir, status)),
    };
    write_patiently(&args.dir, &end).await
}

/// Waits until nothing of a finished command runs any more; at the end of all patience, or when told to
/// end, it is ended. How the command itself ended stands already.
async fn sweep(command: u32, patience: Duration, signals: &mut Signals) {
    let over = tokio::time::sleep(patience);
    tokio::pin!(over);
    while !nobody_is_left(command) {
        tokio::select! {
            () = tokio::time::sleep(SWEEP_LOOK) => {}
            _ = signals.end.recv() => break,
            _ = signals.time_out.recv() => break,
            () = &mut over => {
                // Its standard error is the command's own file.
                let patience = patience.as_secs();
                let _ = writeln!(std::io::stderr(), "rollbook: what the command left running did not end within {patience} s and is ended");
                break;
            }
        }
    }
    session::end(command, SWEEP_GRACE).await;
}

/// Does nothing of the session of a command that ended do anything any more?
fn nobody_is_left(command: u32) -> bool {
    session::members(command).iter().all(|stat| stat.pid == command)
}

fn start(args: &Args) -> io::Result<Child> {
    let mut command = Command::new(THIS_PROGRAM);
    command.arg0("rollbook").arg(SUBCOMMAND).arg(EXEC).arg(&args.dir).arg("--").args(&args.words);
    command.stdin(Stdio::null()).spawn()
}

fn end_of(dir: &Path, status: ExitStatus) -> End {
    if status.code() == Some(EXEC_FAILED)
        && let Ok(because) = std::fs::read_to_string(dir.join(NOT_SPAWNED))
    {
        return End::NotSpawned { because };
    }
    match (status.code(), status.signal()) {
        (Some(status), _) => End::Exit { status },
        (None, Some(signal)) => End::Signal { signal },
        (None, None) => End::Unseen,
    }
}

/// A full disk may have room again; without the file the end counts as unseen.
async fn write_patiently(dir: &Path, end: &End) -> u8 {
    for _ in 0..20 {
        if attempt::write_status(dir, end).is_ok() {
            return WATCHED;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    UNWRITTEN
}

fn not_spawned(dir: &Path, error: &io::Error) -> u8 {
    not_begun(dir, &format!("the process that watches the command could not begin: {error}"))
}

fn not_begun(dir: &Path, because: &str) -> u8 {
    let end = End::NotSpawned { because: because.to_owned() };
    if attempt::write_status(dir, &end).is_ok() { WATCHED } else { UNWRITTEN }
}
