//! Which cluster a command means: seeds of a real one, or a sandbox made for the command.

use super::arguments::Where;
use super::context::Context;
use super::exit::{Exit, Failure};
use crate::ask::{Heard, Ledger};
use crate::discover::{self, AccessWords, DiscoverError, Discovered};
use crate::job::event::Ms;
use crate::job::view::Shape;
use crate::plan::compile::Answers;
use crate::playbook::model::{Access, Playbook};
use crate::playbook::secret::{self, Source};
use crate::playbook::template::Params;
use crate::sandbox::{self, Sandbox};
use crate::store::durable_file;
use crate::topology::assembly::Refused;
use crate::topology::model::Topology;
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A sandbox lives fast: it is polled every second instead of every five.
pub const SANDBOX_POLL: Duration = Duration::from_secs(1);

/// With more, what is measured is this machine, and no longer rollbook.
const LARGEST_SANDBOX: u32 = 2_000;

/// How to get at the cluster.
#[derive(Debug)]
pub struct Cluster {
    pub seeds: Vec<String>,
    /// Set over this process's own environment for everything that is started.
    pub env: BTreeMap<String, String>,
    pub sandbox: Option<Simulated>,
    /// What this command has already read: a run need not read ring and replication once more.
    pub seen: OnceLock<Seen>,
    /// What this command asked so far.
    pub ledger: Arc<Ledger>,
}

/// A reading of the cluster that a run need not make once more.
#[derive(Debug)]
pub struct Seen {
    pub at: Ms,
    pub shape: Shape,
    pub heard: Vec<(IpAddr, Heard)>,
}

/// A sandbox of ours: its folder goes when this value does, unless a run still needs it.
#[derive(Debug)]
pub struct Simulated {
    dir: PathBuf,
    keep: bool,
}

impl Simulated {
    /// A run can be resumed on it: its folder moves beside the run.
    pub fn keep_for(&mut self, run_folder: &Path) -> anyhow::Result<()> {
        self.keep = true;
        let link = run_folder.join("sandbox");
        match std::os::unix::fs::symlink(&self.dir, &link) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(error).with_context(|| format!("cannot write `{}`", link.display()))
            }
            _ => Ok(()),
        }
    }

    /// The run is over: nobody needs it any more.
    pub fn let_go(&mut self) {
        self.keep = false;
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

impl Cluster {
    /// The cluster that the command line names, else the seeds that the playbook names.
    ///
    /// # Errors
    /// When nobody names a cluster, or the sandbox cannot be made.
    pub fn named(context: &Context, on: &Where, playbook_seeds: &[String]) -> anyhow::Result<Cluster> {
        if let Some(hosts) = on.sandbox {
            return Cluster::simulated(context, hosts);
        }
        let seeds = if on.seed_host.is_empty() { playbook_seeds } else { &on.seed_host };
        if seeds.is_empty() {
            return Err(Failure::new(Exit::Usage, "which cluster? no seed was named")
                .help(
                    "add `--seed-host HOST` (any node), or `--sandbox` to try it on a simulated cluster; \
                     a playbook may name seeds as `cluster: { seeds: [HOST] }`",
                )
                .into());
        }
        Ok(Cluster {
            seeds: seeds.to_vec(),
            env: BTreeMap::new(),
            sandbox: None,
            seen: OnceLock::new(),
            ledger: Arc::default(),
        })
    }

    /// A new sandbox below the home folder.
    pub fn simulated(context: &Context, hosts: u32) -> anyhow::Result<Cluster> {
        if !(1..=LARGEST_SANDBOX).contains(&hosts) {
            let message = format!("a sandbox has 1 to {LARGEST_SANDBOX} hosts, not {hosts}");
            return Err(Failure::new(Exit::Usage, message).into());
        }
        let all = context.home()?.join("sandboxes");
        // (the home folder too, where this is the first that is made in it)
        durable_file::private_folder(&all).with_context(|| format!("cannot make `{}`", all.display()))?;
        let dir = all.join(uuid::Uuid::now_v7().to_string());
        let made = sandbox::create(&dir, &sandbox::Shape::of(hosts as usize));
        let simulated = Simulated { dir, keep: false };
        let made = made.context("cannot make a sandbox")?;
        context.say(format_args!(
            "sandbox: {hosts} simulated nodes; ssh, nodetool, systemctl, reboot and apt-get are processes of this \
             machine, polled every {} s; a command that is not simulated really runs here, as you",
            SANDBOX_POLL.as_secs()
        ));
        Ok(Cluster::inside(&made, simulated))
    }

    /// The cluster of an earlier run: its sandbox, if it had one.
    pub fn of_run(run_folder: &Path, seeds: Vec<String>) -> anyhow::Result<Cluster> {
        let link = run_folder.join("sandbox");
        let Ok(dir) = std::fs::read_link(&link) else {
            return Ok(Cluster {
                seeds,
                env: BTreeMap::new(),
                sandbox: None,
                seen: OnceLock::new(),
                ledger: Arc::default(),
            });
        };
        let opened = sandbox::open(&dir).context("the sandbox of this run is gone")?;
        Ok(Cluster::inside(&opened, Simulated { dir, keep: true }))
    }

    fn inside(sandbox: &Sandbox, simulated: Simulated) -> Cluster {
        Cluster {
            seeds: vec![sandbox.seed()],
            env: sandbox.env(),
            sandbox: Some(simulated),
            seen: OnceLock::new(),
            ledger: Arc::default(),
        }
    }

    /// The environment of everything that is started beside the steps that get the secrets: without the variables that
    /// these come from.
    pub fn env_for(&self, params: &Params) -> BTreeMap<String, String> {
        let mut env = self.env.clone();
        for source in secret::sources(params).into_values() {
            if let Source::Env(name) = source {
                env.insert(name, String::new());
            }
        }
        env
    }

    /// Asks what the cluster is, and says what a person should know.
    ///
    /// # Errors
    /// Unreachable, or not to be understood: then nothing may be planned.
    pub async fn discover(&self, context: &Context, access: &Access, params: &Params) -> anyhow::Result<Discovered> {
        let words = AccessWords::of(access, params).map_err(|found| {
            let failure = Failure::new(Exit::BadFile, found.message);
            Failure { help: found.help, ..failure }
        })?;
        let at = crate::clock::now();
        let discovered = discover::discover_noting(&words, &self.seeds, self.env_for(params), &self.ledger)
            .await
            .map_err(not_discovered)?;
        for note in &discovered.notes {
            context.say(format_args!("warning: {note}"));
        }
        // the first reading stays: it is what the plan was made from, or compared with
        if let Some(seen) = already_seen(&discovered, at).into_inner() {
            let _ = self.seen.set(seen);
        }
        Ok(discovered)
    }
}

impl Cluster {
    /// With whom the hosts say that they share a fate, where the playbook has them asked.
    ///
    /// # Errors
    /// When one does not say it: it may be on the machine of another.
    pub async fn groups(
        &self,
        playbook: &Playbook,
        topology: &Topology,
        params: &Params,
    ) -> anyhow::Result<Option<Answers>> {
        let asked = discover::ask_groups(playbook, topology, params, self.env_for(params)).await;
        Ok(asked.map_err(|wrong| {
            let said = wrong.join("\n  ");
            Failure::new(Exit::Unreachable, format!("not every host said with whom it shares its fate:\n  {said}"))
                .help("every host must answer: one that is not known would be taken out beside its sibling's replicas")
        })?)
    }
}

/// A reading that a run need not make once more; `at` is when it began.
pub fn already_seen(found: &Discovered, at: Ms) -> OnceLock<Seen> {
    let shape = Shape { topology: found.topology.clone(), schema_ids: found.schema_ids.clone() };
    OnceLock::from(Seen { at, shape, heard: found.heard.clone() })
}

/// A topology from a file.
pub fn snapshot(path: &Path) -> anyhow::Result<Topology> {
    Ok(discover::from_snapshot(path).map_err(not_discovered)?)
}

pub fn not_discovered(error: DiscoverError) -> Failure {
    let (exit, help) = match &error {
        DiscoverError::Nobody => (Exit::Usage, "add `--seed-host HOST`, any node of the cluster"),
        DiscoverError::NoSeed(_) | DiscoverError::NoObserver(_) => (
            Exit::Unreachable,
            "try the command by hand, as it stands above; ssh must not ask for anything \
             (`ssh -o BatchMode=yes HOST true`), and nodetool must be in its PATH",
        ),
        DiscoverError::Unreadable(_) => {
            (Exit::Unreachable, "what cannot be read is not guessed; if the text is right, please report it")
        }
        DiscoverError::Refused(Refused::Misplaced(_)) => (
            Exit::Refused,
            "one of the two is wrong, and nothing may rest on it; try again, and if it says so again, please report it with \
             `nodetool ring` and that `nodetool describering`",
        ),
        DiscoverError::Refused(_) => (Exit::Refused, "wait until the cluster is calm, or mend it, and try again"),
        DiscoverError::Words(_) => (Exit::Refused, "no value of a cluster may be read twice by a shell"),
        DiscoverError::Snapshot { .. } | DiscoverError::File { .. } => {
            (Exit::BadFile, "make a new one: `rollbook topology --seed-host HOST --out FILE`")
        }
    };
    Failure::new(exit, error.to_string()).help(help)
}
