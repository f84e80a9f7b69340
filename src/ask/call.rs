//! One child process with a deadline and a bound on what it prints. Nothing of it outlives the call.

use super::failure::{Failure, Reason};
use super::now;
use crate::job::event::Ms;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::{sleep_until, timeout};

/// Of standard error only the end is kept.
const ERROR_LIMIT: usize = 64 << 10;
/// After the child's end its last bytes lie in the pipe; whoever else holds the pipe is not waited for.
const DRAIN: Duration = Duration::from_millis(200);

/// A command to run, and what it is called in sentences.
#[derive(Clone, Debug)]
pub struct Call {
    /// `nodetool status`
    pub what: String,
    pub node: String,
    pub words: Vec<String>,
    /// Bytes of standard output.
    pub limit: usize,
    pub deadline: Duration,
}

/// What a command printed that ended with status 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub text: String,
    /// When the process was started.
    pub asked: Ms,
    pub at: Ms,
}

/// Ends everything in the group when dropped: a question given up leaves nothing behind.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        // The group is usually gone by now, which is no error.
        let _ = kill_process_group(self.0, Signal::KILL);
    }
}

/// What was read so far; survives a deadline, so that a sentence can show it.
#[derive(Default)]
struct Read {
    out: Vec<u8>,
    err: Vec<u8>,
    out_open: bool,
    err_open: bool,
}

impl Call {
    /// Runs the command: standard input closed, its own process group, `LC_ALL=C.UTF-8`.
    pub async fn run(self, env: &BTreeMap<String, String>) -> Result<Output, Failure> {
        let mut read = Read { out_open: true, err_open: true, ..Read::default() };
        let asked = now();
        let ended = self.collect(env, &mut read).await;
        match ended {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(self.failure(Reason::of(status), &read)),
            Err(reason) => return Err(self.failure(reason, &read)),
        }
        match String::from_utf8(std::mem::take(&mut read.out)) {
            Ok(text) => Ok(Output { text, asked, at: now() }),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let bytes = error.into_bytes();
                let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
                let shown = bytes.split(|byte| *byte == b'\n').nth(line).unwrap_or_default();
                let text = shown.escape_ascii().to_string().chars().take(200).collect();
                Err(self.failure(Reason::NotUtf8 { line: line + 1, text }, &read))
            }
        }
    }

    fn failure(&self, reason: Reason, read: &Read) -> Failure {
        Failure {
            what: self.what.clone(),
            node: self.node.clone(),
            words: self.words.clone(),
            reason,
            stderr: String::from_utf8_lossy(&read.err).into_owned(),
            stdout: String::from_utf8_lossy(&read.out[..read.out.len().min(4096)]).into_owned(),
        }
    }

    async fn collect(&self, env: &BTreeMap<String, String>, read: &mut Read) -> Result<ExitStatus, Reason> {
        let (program, args) = self.words.split_first().ok_or(Reason::NoCommand)?;
        let deadline = tokio::time::Instant::now() + self.deadline;
        let mut command = match on_its_path(program, env) {
            Some(file) => Command::new(file),
            None => Command::new(program),
        };
        command.arg0(program);
        let mut child = surroundings(command.args(args), env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Reason::NotStarted(not_started(program, &error)))?;
        let group = child.id().and_then(|id| Pid::from_raw(id as i32)).map(Group);
        let mut out = child.stdout.take().expect("standard output is a pipe");
        let mut err = child.stderr.take().expect("standard error is a pipe");
        let mut ended = None;
        while ended.is_none() {
            tokio::select! {
                status = child.wait() => ended = Some(status.map_err(|error| Reason::NotStarted(error.to_string()))?),
                more = read_some(&mut out, &mut read.out, usize::MAX), if read.out_open => read.out_open = more,
                more = read_some(&mut err, &mut read.err, ERROR_LIMIT), if read.err_open => read.err_open = more,
                () = sleep_until(deadline) => return Err(Reason::TimedOut(self.deadline)),
            }
            self.bounded(read)?;
        }
        // What the command left behind goes now: it must neither live on nor keep the pipes open.
        drop(group);
        while read.out_open && read_rest(&mut out, &mut read.out, usize::MAX).await {
            self.bounded(read)?;
        }
        while read.err_open && read_rest(&mut err, &mut read.err, ERROR_LIMIT).await {}
        Ok(ended.expect("the loop ends with a status"))
    }

    fn bounded(&self, read: &Read) -> Result<(), Reason> {
        if read.out.len() > self.limit { Err(Reason::TooMuch(self.limit)) } else { Ok(()) }
    }
}

/// The environment of whatever is asked.
pub(super) fn surroundings<'c>(command: &'c mut Command, env: &BTreeMap<String, String>) -> &'c mut Command {
    command.env("LC_ALL", "C.UTF-8").env("SSH_ASKPASS_REQUIRE", "never").envs(env)
}

/// The program's file, where the environment has a path of its own: std would copy this whole process to search it there
/// (`fork`), which on a sandbox of hundreds of hosts was a tenth of all work; a program with its place needs no copy.
fn on_its_path(program: &str, env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let path = env.get("PATH").filter(|_| !program.contains('/'))?;
    let runs = |file: &PathBuf| {
        std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(path).map(|folder| folder.join(program)).find(runs)
}

/// Reads what there is; false at the end of the pipe. Past `keep` bytes the oldest are dropped.
async fn read_some(pipe: &mut (impl AsyncRead + Unpin), into: &mut Vec<u8>, keep: usize) -> bool {
    // Straight into the heap: a buffer here would lie in every future above.
    into.reserve(16 << 10);
    match pipe.read_buf(into).await {
        Ok(0) | Err(_) => false,
        Ok(_) => {
            if into.len() > keep {
                into.drain(..into.len() - keep);
            }
            true
        }
    }
}

async fn read_rest(pipe: &mut (impl AsyncRead + Unpin), into: &mut Vec<u8>, keep: usize) -> bool {
    timeout(DRAIN, read_some(pipe, into, keep)).await.unwrap_or(false)
}

fn not_started(program: &str, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => format!("there is no program `{program}` in the PATH of this machine"),
        std::io::ErrorKind::PermissionDenied => format!("`{program}` may not be executed on this machine"),
        _ => format!("`{program}` could not be started: {error}"),
    }
}
