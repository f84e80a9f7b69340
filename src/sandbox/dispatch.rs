//! Under which name was this program called? The entrance of every simulated tool.

use super::calls;
use super::cluster::Machine;
use super::pace::{self, Moment};
use super::world::World;
use super::{manual, nodetool, tools};
use anyhow::Result;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Environment: the sandbox's folder, and the host on which a command runs.
pub const SANDBOX: &str = "ROLLBOOK_SANDBOX";
pub const HOST: &str = "ROLLBOOK_SANDBOX_HOST";

/// The names under which this program is somebody else.
pub const NAMES: [&str; 22] = [
    "ssh",
    "nodetool",
    "sudo",
    "systemctl",
    "service",
    "reboot",
    "shutdown",
    "poweroff",
    "halt",
    "init",
    "cat",
    "nproc",
    "df",
    "hostname",
    "uptime",
    "pkill",
    "killall",
    "apt-get",
    "apt",
    "dnf",
    "yum",
    "zypper",
];

/// One run of a tool.
pub struct Invocation {
    pub dir: PathBuf,
    pub tool: String,
    pub args: Vec<String>,
    /// The host on which it runs; none: this machine.
    pub host: Option<String>,
    pub begun: Moment,
}

impl Invocation {
    pub fn world(&self) -> Result<World> {
        World::open(&self.dir)
    }

    /// The machine on which it runs.
    pub fn machine(&self, world: &World) -> Option<Machine> {
        world.cluster.find(self.host.as_deref()?).cloned()
    }

    /// A line in `calls.log`.
    pub fn log(&self, host: &str, exit: &str) {
        calls::write(&self.dir, self.begun, host, &self.tool, &self.args, exit);
    }

    /// Waits until somebody kills this process.
    pub fn hang(&self, host: &str) -> ! {
        self.log(host, "hangs");
        loop {
            std::thread::sleep(std::time::Duration::from_secs(3600));
        }
    }

    /// Gives way to the real program of this name.
    pub fn real(&self) -> Result<u8> {
        self.log(self.host.as_deref().unwrap_or("-"), "exec");
        tools::outside::replace_by(&self.dir, &self.tool, &self.args)
    }
}

/// Acts as a simulated tool when this program was called by such a name inside a sandbox, or as the
/// hidden `rollbook __sandbox DIR …`; the exit status, or none when it is rollbook itself.
pub fn dispatch(argv0: &OsStr) -> Option<u8> {
    let mut words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let name = Path::new(argv0).file_name()?.to_str()?;
    if !NAMES.contains(&name) {
        let args: Vec<String> = words.by_ref().collect();
        return (args.first()? == "__sandbox").then(|| finish(name, manual::run(&args[1..])));
    }
    let dir = PathBuf::from(std::env::var_os(SANDBOX)?);
    let host = std::env::var(HOST).ok();
    let call = Invocation { dir, tool: name.to_owned(), args: words.collect(), host, begun: pace::now() };
    let result = match name {
        "ssh" => tools::ssh::run(&call),
        "nodetool" => nodetool::run(&call),
        "sudo" => tools::sudo::run(&call),
        "systemctl" | "service" => tools::systemctl::run(&call),
        "reboot" | "shutdown" | "poweroff" | "halt" | "init" => tools::power::run(&call),
        "pkill" | "killall" => tools::systemctl::kill(&call),
        "apt-get" | "apt" | "dnf" | "yum" | "zypper" => tools::packages::run(&call),
        _ => tools::machine::run(&call),
    };
    Some(finish(name, result))
}

fn finish(name: &str, result: Result<u8>) -> u8 {
    result.unwrap_or_else(|error| {
        eprintln!("{name} (sandbox): {error:#}");
        70
    })
}
