//! A person's desk: a home folder of its own, and the real program.

use crate::sandbox::{Lab, PROGRAM, Said};
use rollbook::sandbox::Shape;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Desk {
    home: tempfile::TempDir,
    pub lab: Option<Lab>,
}

/// Drains, stops and reboots; polls fast, for the tests' sake.
pub const REBOOT: &str = "
rollbook: 1
name: rolling-reboot
steps:
  - drain
  - stop
  - reboot
  - wait-up:
    poll: 1s
    stable: 2
";

impl Desk {
    pub fn new() -> Desk {
        Desk { home: tempfile::tempdir().unwrap(), lab: None }
    }

    /// With a simulated cluster that outlives the commands.
    pub fn beside(shape: &Shape) -> Desk {
        Desk { lab: Some(Lab::new(shape)), ..Desk::new() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.path("state")
    }

    pub fn lab(&self) -> &Lab {
        self.lab.as_ref().expect("a desk beside a cluster")
    }

    /// Writes a file and gives its path as a word.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(words).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.env("ROLLBOOK_HOME", self.home()).env_remove("NO_COLOR").stdin(Stdio::null());
        if let Some(lab) = &self.lab {
            command.envs(lab.sandbox.env());
        }
        command
    }

    pub fn rollbook(&self, words: &[&str]) -> Said {
        self.command(words).output().unwrap().into()
    }

    /// What was done to which host, by the sandbox's own record: time, host, what.
    pub fn truth(&self) -> Vec<(u64, String, String)> {
        let text = std::fs::read_to_string(self.lab().sandbox.dir().join("truth.log")).unwrap_or_default();
        let line = |line: &str| {
            let words: Vec<&str> = line.split('\t').collect();
            (words[0].parse().unwrap(), words[1].to_owned(), words[3].to_owned())
        };
        text.lines().map(line).collect()
    }

    /// A command on the cluster of this desk: `--seed-host` comes from it.
    pub fn on_cluster(&self, words: &[&str]) -> Said {
        let seed = self.lab().sandbox.seed();
        let (command, rest) = words.split_first().unwrap();
        self.rollbook(&[&[*command, "--seed-host", &seed], rest].concat())
    }

    /// Its whole id.
    pub fn newest_run(&self) -> String {
        let said = self.rollbook(&["runs", "--format", "json"]);
        let rows: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        rows[0]["id"].as_str().unwrap().to_owned()
    }

    /// Started, not waited for.
    pub fn start(&self, words: &[&str]) -> Child {
        self.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits until the newest run has so much of its journal as holds this text.
    pub fn wait_for_event(&self, text: &str) {
        let start = Instant::now();
        loop {
            let said = self.rollbook(&["runs", "show", "last", "--events"]);
            if said.out.contains(text) {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "no {text} in: {said:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

pub fn tell(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// One file below a folder, named by its last part.
pub fn find(folder: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                open.push(entry.path());
            } else if entry.file_name() == name {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

#[track_caller]
pub fn expect(said: Said, exit: i32, holds: &[&str]) -> Said {
    assert_eq!(said.exit, Some(exit), "{said:?}");
    for text in holds {
        assert!(said.out.contains(text) || said.err.contains(text), "`{text}` is not in {said:?}");
    }
    said
}
