//! Commands as real processes: each beside a small process that outlives us (`child`), outputs straight
//! to files, ended by TERM, a grace, KILL to everything that it started on this machine.

use super::child::{NOT_CLAIMED, SUBCOMMAND, THIS_PROGRAM};
use super::session;
use crate::job::event::End;
use crate::job::view::{Input, Task};
use crate::store::attempt::{self, ERR, OUT, SCRIPT, Watcher};
use crate::store::durable_file::{private_file, private_folder};
use crate::store::owner::{Owner, Stat};
use crate::store::power_cut;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

/// Between two looks at a process that is not our child.
const LOOK: Duration = Duration::from_millis(200);
/// Beyond the grace, before the watcher itself counts as stuck.
const WATCHER_GRACE: Duration = Duration::from_secs(session::KILL_PATIENCE.as_secs() + 5);

/// What one attempt runs.
#[derive(Clone, Debug)]
pub struct ProcessSpec {
    /// The command; a last word `&` means that what it leaves behind stays. Ignored where a script is given.
    pub words: Vec<String>,
    /// Text of a script: run by its own `#!`, else by `bash -euo pipefail`.
    pub script: Option<String>,
    /// Added to this process's own environment.
    pub env: BTreeMap<String, String>,
    /// Folder of this attempt alone: `out`, `err`, `status` lie here.
    pub dir: PathBuf,
    /// Ended then, as `TimedOut`. None: only when told.
    pub timeout: Option<Duration>,
    /// Between TERM and KILL.
    pub grace: Duration,
    /// What the command leaves behind when it is over gets so long to end by itself.
    pub patience: Duration,
    /// Where this file is, the command does not begin: whoever holds the run's lock now has not ordered it.
    pub bar: Option<PathBuf>,
}

/// How this program is started again.
#[derive(Clone, Debug)]
pub struct Launcher {
    program: PathBuf,
}

impl Launcher {
    pub fn this_program() -> Launcher {
        Launcher { program: PathBuf::from(THIS_PROGRAM) }
    }

    /// Another file of the same program (tests, whose own program is the test).
    pub fn at(program: impl Into<PathBuf>) -> Launcher {
        Launcher { program: program.into() }
    }
}

/// A way to end a command; dropping it ends nothing.
#[derive(Debug)]
pub struct Control {
    end: watch::Sender<Option<Ending>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    TimedOut,
    Killed,
}

impl Control {
    /// TERM to everything the command started, after its grace KILL. The first reason stays.
    pub fn end(&self, timed_out: bool) {
        self.end.send_if_modified(|ending| {
            let first = ending.is_none();
            if first {
                *ending = Some(if timed_out { Ending::TimedOut } else { Ending::Killed });
            }
            first
        });
    }
}

/// Starts the command. `Spawned` and `Ended` arrive at `tx`; where it cannot be started, only
/// `Ended` with a sentence. Must be called in a tokio runtime.
pub fn spawn(launcher: &Launcher, task: Task, spec: ProcessSpec, tx: UnboundedSender<Input>) -> Control {
    let (end, ending) = watch::channel(None);
    match start(launcher, &spec) {
        Ok(child) => {
            // A child just made has an id.
            drop(tx.send(Input::Spawned { task, pid: child.id().unwrap_or_default() }));
            tokio::spawn(async move {
                let end = attend(child, &spec, ending).await;
                drop(tx.send(Input::Ended { task, end, registered: None }));
            });
        }
        Err(because) => drop(tx.send(Input::Ended { task, end: End::NotSpawned { because }, registered: None })),
    }
    Control { end }
}

/// Takes up an attempt that an earlier rollbook started: still running, it is waited for; finished, its
/// status is told; never begun, it never will be; else nobody saw the end.
pub fn adopt(task: Task, dir: PathBuf, grace: Duration, tx: UnboundedSender<Input>) -> Control {
    let (end, ending) = watch::channel(None);
    tokio::spawn(async move {
        let end = await_earlier(&dir, grace, ending).await;
        drop(tx.send(Input::Ended { task, end, registered: None }));
    });
    Control { end }
}

fn start(launcher: &Launcher, spec: &ProcessSpec) -> Result<tokio::process::Child, String> {
    let file = |name: &str| -> io::Result<std::fs::File> {
        private_file(OpenOptions::new().create(true).append(true), &spec.dir.join(name))
    };
    let prepared = private_folder(&spec.dir).and_then(|()| Ok((file(OUT)?, file(ERR)?, words(spec)?)));
    let (out, err, (words, background)) =
        prepared.map_err(|error| format!("the folder `{}` cannot be written: {error}", spec.dir.display()))?;
    if words.is_empty() {
        return Err("the command has no words".to_owned());
    }
    let mut command = std::process::Command::new(&launcher.program);
    command.arg0("rollbook").arg(SUBCOMMAND);
    if background {
        command.arg("--background");
    }
    for (flag, time) in [("--grace", spec.grace), ("--patience", spec.patience)] {
        command.arg(flag).arg(time.as_millis().to_string());
    }
    if let Some(bar) = &spec.bar {
        command.arg("--bar").arg(bar);
    }
    command.arg(&spec.dir).arg("--").args(words);
    // ssh must never ask: nobody would see the question.
    command.env("SSH_ASKPASS_REQUIRE", "never").envs(&spec.env);
    command.stdin(Stdio::null()).stdout(out).stderr(err);
    // Out of the terminal's group: Ctrl-C is for rollbook, which says what follows from it.
    command.process_group(0);
    power_cut::may_come("before a command begins");
    let begun = tokio::process::Command::from(command).spawn();
    power_cut::may_come("after a command began");
    begun.map_err(|error| format!("no further process can be started on this machine: {error}"))
}

/// The words to execute, and whether what they leave behind stays.
fn words(spec: &ProcessSpec) -> io::Result<(Vec<OsString>, bool)> {
    if let Some(text) = &spec.script {
        let path = spec.dir.join(SCRIPT);
        crate::store::durable_file::replace(&path, text.as_bytes())?;
        let mut words: Vec<OsString> = interpreter(text).into_iter().map(OsString::from).collect();
        words.push(path.into());
        return Ok((words, false));
    }
    let background = spec.words.len() > 1 && spec.words.last().is_some_and(|word| word == "&");
    let kept = spec.words.len() - usize::from(background);
    Ok((spec.words[..kept].iter().map(OsString::from).collect(), background))
}

/// As the kernel reads `#!`: a program and at most one argument. Read here, so that a script also runs
/// from a file system mounted `noexec`.
fn interpreter(script: &str) -> Vec<String> {
    let first = script.lines().next().unwrap_or_default();
    match first.strip_prefix("#!").map(str::trim) {
        Some(line) if !line.is_empty() => {
            line.splitn(2, char::is_whitespace).map(|word| word.trim().to_owned()).collect()
        }
        _ => ["bash", "-euo", "pipefail"].map(str::to_owned).to_vec(),
    }
}

async fn attend(
    mut child: tokio::process::Child,
    spec: &ProcessSpec,
    mut ending: watch::Receiver<Option<Ending>>,
) -> End {
    let watcher = child.id().unwrap_or_default();
    let told = tokio::select! {
        waited = child.wait() => return end_after(&spec.dir, waited.ok().and_then(|status| status.code())),
        told = told(&mut ending) => told,
        () = deadline(spec.timeout) => Ending::TimedOut,
    };
    pass_on(watcher, told);
    match tokio::time::timeout(spec.grace + WATCHER_GRACE, child.wait()).await {
        Ok(waited) => end_after(&spec.dir, waited.ok().and_then(|status| status.code())),
        Err(_) => {
            end_without_watcher(watcher).await;
            drop(child.wait().await);
            end_of(told)
        }
    }
}

async fn await_earlier(dir: &Path, grace: Duration, mut ending: watch::Receiver<Option<Ending>>) -> End {
    let owner = match attempt::claim(dir, &Watcher::GivenUp).and_then(|_| attempt::watcher(dir)) {
        Ok(Some(Watcher::Runs { owner })) => owner,
        Ok(Some(Watcher::GivenUp)) => return End::NeverBegan,
        // The folder itself was never made.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return End::NeverBegan,
        Ok(None) | Err(_) => return End::Unseen,
    };
    let told = tokio::select! {
        () = dead(&owner) => return end_after(dir, None),
        told = told(&mut ending) => told,
    };
    pass_on(owner.pid, told);
    if tokio::time::timeout(grace + WATCHER_GRACE, dead(&owner)).await.is_ok() {
        return end_after(dir, None);
    }
    end_without_watcher(owner.pid).await;
    end_of(told)
}

async fn dead(owner: &Owner) {
    while !owner.dead() {
        tokio::time::sleep(LOOK).await;
    }
}

async fn told(ending: &mut watch::Receiver<Option<Ending>>) -> Ending {
    match ending.wait_for(Option::is_some).await.map(|ending| *ending) {
        Ok(Some(told)) => told,
        // Whoever could have told is gone: nobody ends it.
        _ => std::future::pending().await,
    }
}

async fn deadline(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

fn end_after(dir: &Path, watchers_exit: Option<i32>) -> End {
    match attempt::status(dir) {
        Ok(Some(end)) => end,
        // Somebody else has it: a command may have run there.
        _ if watchers_exit == Some(i32::from(NOT_CLAIMED)) => match attempt::watcher(dir) {
            Ok(Some(Watcher::GivenUp)) => {
                End::NotSpawned { because: format!("`{}` was given up before", dir.display()) }
            }
            _ => End::Unseen,
        },
        // Ended before it claimed the folder, which it does before the command exists.
        Ok(None) if matches!(attempt::watcher(dir), Ok(None)) => {
            End::NotSpawned { because: "the process that watches the command was ended before it began".to_owned() }
        }
        _ => End::Unseen,
    }
}

fn end_of(told: Ending) -> End {
    match told {
        Ending::TimedOut => End::TimedOut,
        Ending::Killed => End::Killed,
    }
}

fn pass_on(watcher: u32, told: Ending) {
    send(watcher, if told == Ending::TimedOut { Signal::ALARM } else { Signal::TERM });
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself; whoever waits for it sees that.
        let _ = kill_process(pid, signal);
    }
}

/// The watcher does not do its work (stopped, or its disk hangs): everything is ended from here.
async fn end_without_watcher(watcher: u32) {
    let commands = Stat::all().unwrap_or_default().into_iter().filter(|stat| stat.parent == watcher);
    let commands: Vec<u32> = commands.map(|stat| stat.pid).collect();
    // Its death must not leave the command's id to a stranger before the command is ended.
    for command in commands {
        session::end(command, Duration::ZERO).await;
    }
    send(watcher, Signal::KILL);
}

/// A sentence when something of the command is stopped (state T) and so cannot end by itself.
pub fn stopped(watcher: u32) -> Option<String> {
    let all = Stat::all().unwrap_or_default();
    let leader = all.iter().find(|stat| stat.parent == watcher)?;
    let stopped = all.iter().find(|stat| stat.session == leader.pid && matches!(stat.state, 'T' | 't'))?;
    Some(format!("its process {} is stopped (state T): it waits for a terminal, or somebody stopped it", stopped.pid))
}
