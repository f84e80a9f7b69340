//! Who does the same with less: xargs with the same children, cstarpar with its own.

use super::{ROLLBOOK, fresh};
use rollbook::ask::AT_ONCE;
use rollbook::ask::ledger::Line;
use rollbook::plan::model::Plan;
use rollbook::playbook::template::fill_args;
use rollbook::sandbox::{self, Sandbox, Shape};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// cstarpar connects by a library of its own, which knows nothing of the sandbox: it asks by the sandbox's `ssh` instead,
/// as rollbook does. Read by Python before anything else.
const BY_SSH: &str = r#"
import subprocess, sys, types

class BySsh:
    def __init__(self, hostname, *_):
        self.hostname = getattr(hostname, "ip", hostname)

    def run(self, argv):
        from cstar.executionresult import ExecutionResult
        words = " ".join(argv)
        ssh = ["ssh", "-o", "BatchMode=yes", self.hostname, words]
        done = subprocess.run(ssh, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return ExecutionResult(words, done.returncode, str(done.stdout, "utf-8"), str(done.stderr, "utf-8"))

    def close(self):
        pass

module = types.ModuleType("cstar.remote_paramiko")
module.RemoteParamiko = BySsh
sys.modules["cstar.remote_paramiko"] = module
"#;

pub struct Rivals {
    folder: PathBuf,
    /// Like the one in which rollbook runs.
    sandbox: Sandbox,
}

impl Rivals {
    pub fn new(folder: &Path, hosts: usize) -> Rivals {
        let dir = folder.join("beside");
        let sandbox = sandbox::create_running(&dir, &Shape::of(hosts), Path::new(ROLLBOOK)).unwrap();
        Rivals { folder: folder.to_path_buf(), sandbox }
    }

    /// The same questions, in their order.
    pub fn questions(&self, plan: &Plan, lines: &[&Line]) -> Duration {
        if lines.is_empty() {
            return Duration::ZERO;
        }
        let commands: Vec<String> = lines.iter().map(|line| command(plan, line)).collect();
        let list = self.folder.join("questions");
        std::fs::write(&list, commands.join("\n") + "\n").unwrap();
        let at_once = AT_ONCE.to_string();
        let list = list.display().to_string();
        self.timed(&["-a", &list, "-L", "1", "-P", &at_once, "ssh"])
    }

    /// `true` for every host, all at once; `watched`: as rollbook starts it.
    pub fn commands(&self, hosts: usize, watched: bool) -> Duration {
        let list = self.folder.join("hosts");
        let numbers: Vec<String> = (1..=hosts).map(|host| host.to_string()).collect();
        std::fs::write(&list, numbers.join("\n") + "\n").unwrap();
        let folder = fresh(&self.folder, "watched");
        let of_each = format!("{}/{{}}", folder.display());
        for number in numbers.iter().filter(|_| watched) {
            std::fs::create_dir(folder.join(number)).unwrap();
        }
        let list = list.display().to_string();
        let mut words = vec!["-a", &list, "-P", "0", "-I", "{}"];
        if watched {
            words.extend([ROLLBOOK, "__child", "--grace", "10000", "--patience", "60000", &of_each, "--"]);
        }
        words.push("true");
        self.timed(&words)
    }

    fn timed(&self, words: &[&str]) -> Duration {
        let began = Instant::now();
        let mut xargs = Command::new("xargs");
        xargs.args(words).envs(self.sandbox.env()).env("LC_ALL", "C.UTF-8");
        let status = xargs.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        let took = began.elapsed();
        assert!(status.success(), "xargs {words:?}: {status}");
        took
    }

    /// # Errors
    /// A sentence, when there is none or it failed.
    pub fn cstarpar(&self, strategy: &str) -> Result<Duration, String> {
        let program = std::env::var("CSTARPAR").unwrap_or_else(|_| "cstarpar".into());
        let home = fresh(&self.folder, "cstarpar");
        std::fs::write(home.join("sitecustomize.py"), BY_SSH).unwrap();
        let began = Instant::now();
        let mut cstarpar = Command::new(&program);
        cstarpar.args(["--seed-host", &self.sandbox.seed(), "--strategy", strategy, "--ssh-pause-time", "0"]);
        // (without a keyspace it asks for `cfstats`, which Cassandra 5.0 no longer has)
        cstarpar.args(["--key-space", "orders", "true"]);
        cstarpar.envs(self.sandbox.env()).env("HOME", &home).env("PYTHONPATH", &home).stdin(Stdio::null());
        let done = cstarpar.output().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "not installed (`pip install cstar`, or name it in $CSTARPAR)".to_owned(),
            _ => format!("`{program}`: {error}"),
        })?;
        let took = began.elapsed();
        let said = String::from_utf8_lossy(&done.stderr).into_owned() + &String::from_utf8_lossy(&done.stdout);
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        if done.status.success() { Ok(took) } else { Err(format!("{}: {last}", done.status)) }
    }
}

/// The words behind `ssh` with which this question was asked.
fn command(plan: &Plan, line: &Line) -> String {
    let node = plan.nodes.iter().find(|node| node.address.to_string() == line.node).expect("a node of the plan");
    let far: Vec<&str> = line.what.split(' ').collect();
    let words = match far.split_first() {
        Some((&"nodetool", args)) => fill_args(&node.nodetool, args),
        _ => node.ssh.iter().cloned().chain(far.iter().map(|word| (*word).to_owned())).collect(),
    };
    assert_eq!(words[0], "ssh", "{words:?}");
    let plain = |word: &String| !word.contains(['"', '\'', '\\', ' ', '\n']);
    assert!(words.iter().all(plain), "xargs would read {words:?} otherwise");
    words[1..].join(" ")
}
