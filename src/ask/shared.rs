//! Connections that questions share: a `nodetool` question costs a machine less when ssh need not log in anew.
//!
//! A master of our own for a node that is asked again and again (`ssh … cat`, which ends with this process, however that
//! ends: its standard input closes). Where there is none, and when it is gone, ssh connects by itself. Steps of a playbook
//! never go this way, nor does the look at a machine: that one can log in there must show itself.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, remove_dir_all};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Masters at a time, over all nodes.
const MASTERS: usize = 32;
/// A node that was not asked for so long is not asked again and again.
const IDLE: Duration = Duration::from_secs(60);
/// What a socket's address holds (108 bytes), less the name that ssh gives it while it is being made.
const LONGEST_PATH: usize = 80;

/// Where the sockets lie; gone with the value.
#[derive(Debug)]
pub struct Sockets {
    folder: PathBuf,
    places: Arc<Semaphore>,
}

impl Sockets {
    /// None: there is no place for them, and every question connects by itself.
    pub fn new() -> Option<Self> {
        let name = format!("rollbook-{}", uuid::Uuid::now_v7().simple());
        let folder = std::env::temp_dir().join(name);
        let short = folder.as_os_str().len() < LONGEST_PATH;
        // (a folder that exists is not ours, whoever made it)
        let made = short && DirBuilder::new().mode(0o700).create(&folder).is_ok();
        made.then(|| Sockets { folder, places: Arc::new(Semaphore::new(MASTERS)) })
    }

    /// Are all places taken? Then those that are not used are to be freed before another is wanted.
    pub fn full(&self) -> bool {
        self.places.available_permits() == 0
    }

    fn of(&self, node: usize) -> PathBuf {
        self.folder.join(node.to_string())
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        let _ = remove_dir_all(&self.folder); // nobody else knows it
    }
}

/// The connection to one node.
#[derive(Debug, Default)]
pub struct Link {
    master: Option<Master>,
    /// When a question was last answered.
    answered: Option<Instant>,
}

#[derive(Debug)]
struct Master {
    /// Ended with the value; its standard input is ours.
    child: Child,
    _place: OwnedSemaphorePermit,
}

impl Link {
    /// The words of a question, by way of the master if there is one.
    pub fn through(&mut self, sockets: &Sockets, node: usize, ssh: &[String], words: Vec<String>) -> Vec<String> {
        self.rest();
        let lives = self.master.as_mut().is_some_and(|master| matches!(master.child.try_wait(), Ok(None)));
        if !lives {
            self.master = None;
            return words;
        }
        if words.starts_with(ssh) { with_options(words, &sockets.of(node), "no") } else { words }
    }

    /// A question was answered: where one was before, there will be more.
    pub fn answered(&mut self, sockets: &Sockets, node: usize, ssh: &[String], env: &BTreeMap<String, String>) {
        let again = self.answered.is_some_and(|at| at.elapsed() <= IDLE);
        self.answered = Some(Instant::now());
        if again && self.master.is_none() && may_be_shared(ssh) {
            self.master = master(sockets, node, ssh, env);
        }
    }

    /// Lets go of a connection that is not used any more.
    pub fn rest(&mut self) {
        if self.answered.is_none_or(|at| at.elapsed() > IDLE) {
            self.master = None;
        }
    }

    /// One was not: whatever is wrong, the next connects by itself.
    pub fn failed(&mut self) {
        *self = Link::default();
    }
}

fn master(sockets: &Sockets, node: usize, ssh: &[String], env: &BTreeMap<String, String>) -> Option<Master> {
    let place = sockets.places.clone().try_acquire_owned().ok()?;
    let path = sockets.of(node);
    let _ = std::fs::remove_file(&path); // of a master that was ended
    let mut words = with_options(ssh.to_vec(), &path, "yes");
    words.push("cat".into());
    let (program, args) = words.split_first()?;
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.process_group(0).kill_on_drop(true);
    super::call::surroundings(&mut command, env);
    Some(Master { child: command.spawn().ok()?, _place: place })
}

/// Only OpenSSH's own program, and where nobody has said how connections are shared.
fn may_be_shared(ssh: &[String]) -> bool {
    let program = ssh.first().map(|word| Path::new(word).file_name() == Some("ssh".as_ref()));
    let said = |word: &String| word.to_ascii_lowercase().contains("control") || matches!(word.as_str(), "-S" | "-M");
    program == Some(true) && !ssh.iter().any(said)
}

/// Behind the program's name, before the host: of two settings the first counts.
fn with_options(mut words: Vec<String>, path: &Path, master: &str) -> Vec<String> {
    let options = [
        format!("ControlPath={}", path.display()),
        format!("ControlMaster={master}"),
        "ControlPersist=no".into(),
        // a master whose host went without a word is gone within 10 s
        "ServerAliveInterval=5".into(),
        "ServerAliveCountMax=2".into(),
    ];
    let options = options.into_iter().flat_map(|option| ["-o".to_owned(), option]);
    words.splice(1..1, options);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn only_ssh_itself_is_shared_and_nobodys_own_setting_is_touched() {
        assert!(may_be_shared(&words("ssh -o BatchMode=yes h1")));
        assert!(may_be_shared(&words("/usr/bin/ssh h1")));
        for text in ["sudo ssh h1", "gate-ssh h1", "ssh -S none h1", "ssh -o controlpath=/x h1", "ssh -M h1", ""] {
            assert!(!may_be_shared(&words(text)), "{text}");
        }
    }

    #[test]
    fn options_stand_before_the_host() {
        let with = with_options(words("ssh -o BatchMode=yes h1 nodetool status"), Path::new("/tmp/x/3"), "no");
        assert_eq!(with[..5], words("ssh -o ControlPath=/tmp/x/3 -o ControlMaster=no"));
        assert_eq!(with[with.len() - 5..], words("-o BatchMode=yes h1 nodetool status"));
    }

    #[test]
    fn the_folder_is_ours_alone_and_goes() {
        use std::os::unix::fs::PermissionsExt;
        let sockets = Sockets::new().unwrap();
        let folder = sockets.folder.clone();
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        drop(sockets);
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn a_master_comes_with_the_second_answer_and_ends_with_the_link() {
        // stands in for ssh: it makes no socket, and lives as long as its standard input is open
        let folder = tempfile::tempdir().unwrap();
        let ssh = folder.path().join("ssh");
        let pid = folder.path().join("pid");
        let text = format!("#!/bin/sh\necho $$ >{}\nexec cat\n", pid.display());
        std::fs::write(&ssh, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&ssh, mode).unwrap();
        let ssh = vec![ssh.display().to_string(), "h1".to_owned()];
        let question = || [ssh.clone(), vec!["nodetool".into(), "status".into()]].concat();

        let sockets = Sockets::new().unwrap();
        let mut link = Link::default();
        assert_eq!(link.through(&sockets, 0, &ssh, question()), question());
        link.answered(&sockets, 0, &ssh, &BTreeMap::new());
        assert!(link.master.is_none(), "asked once");
        link.answered(&sockets, 0, &ssh, &BTreeMap::new());
        assert!(link.master.is_some());
        assert_ne!(link.through(&sockets, 0, &ssh, question()), question());
        let other = words("nodetool -h h1 status");
        assert_eq!(link.through(&sockets, 0, &ssh, other.clone()), other, "another way to the node");
        while !pid.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        link.failed();
        assert_eq!(link.through(&sockets, 0, &ssh, question()), question());
        let pid = std::fs::read_to_string(pid).unwrap();
        let lives = || Path::new("/proc").join(pid.trim()).join("exe").exists();
        for _ in 0..500 {
            if !lives() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("process {pid} lives on");
    }
}
