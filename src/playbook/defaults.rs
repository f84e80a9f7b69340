//! What is meant where the playbook says nothing (language.md, "Steps").

use super::model::{
    Access, Checks, Command, Concurrency, DatacenterOrder, Groups, Keyspaces, Order, Playbook, StepKind, Strategy,
    TakesDown, Targets, Word,
};
use std::collections::BTreeMap;
use std::time::Duration;

const MINUTE: u64 = 60;

/// Between two polls.
pub const POLL: Duration = Duration::from_secs(5);
/// Between two askings of a gate.
pub const GATE_POLL: Duration = Duration::from_secs(15);
/// A gate that was bad for so long stops the run.
pub const GATE_TIMEOUT: Duration = Duration::from_secs(30 * MINUTE);
pub const GATE_STABLE: u32 = 3;
/// Between two renewals of a lock.
pub const LOCK_EVERY: Duration = Duration::from_secs(20);
/// A lock that was not confirmed for so long stops the run.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(5 * MINUTE);
/// Of the commands that take and free a lock.
pub const LOCK_COMMAND: Duration = Duration::from_secs(MINUTE);
/// Before a step that failed is tried again.
pub const RETRY_DELAY: Duration = Duration::from_secs(10);
/// Of a `setup` command.
pub const SETUP_TIMEOUT: Duration = Duration::from_secs(60 * MINUTE);
pub const BLOCKED_TIMEOUT: Duration = Duration::from_secs(30 * MINUTE);
pub const MAX_HOSTS: u32 = 10;
pub const SERVICE: &str = "cassandra";

/// A playbook that says only its name; it has no steps yet.
pub fn playbook(name: &str) -> Playbook {
    Playbook {
        name: name.to_owned(),
        description: None,
        reason_required: false,
        params: BTreeMap::new(),
        cluster: access(),
        targets: Targets::default(),
        strategy: Strategy::Topology,
        availability: None,
        groups: Groups::None,
        accept_outage: None,
        concurrency: concurrency(),
        max_failures: 0,
        blocked_timeout: BLOCKED_TIMEOUT,
        checks: Checks::default(),
        setup: Vec::new(),
        order: Order::default(),
        known_down: None,
        waive: Vec::new(),
        gates: Vec::new(),
        lock: None,
        until: None,
        first: None,
        steps: Vec::new(),
        phases: Vec::new(),
        spans: BTreeMap::new(),
    }
}

/// How a cluster is reached when nobody says.
pub fn access() -> Access {
    Access {
        ssh: ssh(),
        nodetool: nodetool(),
        service: SERVICE.to_owned(),
        keyspaces: Keyspaces::Data,
        seeds: Vec::new(),
        hosts_file: None,
        hosts: BTreeMap::new(),
    }
}

pub fn ssh() -> Command {
    Command::of(&["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"])
}

/// `LC_ALL`: with the locale `C`, names lose letters.
pub fn nodetool() -> Command {
    Command::of(&["{{ cluster.ssh }}", "{{ host }}", "env", "LC_ALL=C.UTF-8", "nodetool", "{{ args }}"])
}

pub fn concurrency() -> Concurrency {
    Concurrency { max_hosts: Some(MAX_HOSTS), datacenters: DatacenterOrder::Serial, grace: Duration::ZERO }
}

/// The command of a kind, where it has one: `drain` asks through the playbook's own nodetool.
pub fn command(kind: StepKind, nodetool: &Command) -> Option<Command> {
    let far = |words: &[&str]| {
        let mut all = vec!["{{ cluster.ssh }}", "{{ host }}", "sudo", "systemctl"];
        all.extend(words);
        Some(Command::of(&all))
    };
    match kind {
        StepKind::Drain => Some(with_args(nodetool, "drain")),
        StepKind::Stop => far(&["stop", "{{ cluster.service }}"]),
        StepKind::Start => far(&["start", "{{ cluster.service }}"]),
        StepKind::Restart => far(&["restart", "{{ cluster.service }}"]),
        StepKind::Reboot => far(&["reboot"]),
        _ => None,
    }
}

/// How long a step may take; `pause` takes its own time.
pub fn timeout(kind: StepKind) -> Duration {
    Duration::from_secs(match kind {
        StepKind::Drain => 10 * MINUTE,
        StepKind::Stop | StepKind::Start | StepKind::Restart | StepKind::WaitDown => 5 * MINUTE,
        StepKind::Reboot => 2 * MINUTE,
        StepKind::WaitUp => 30 * MINUTE,
        StepKind::Run => 60 * MINUTE,
        StepKind::Verify => 5 * MINUTE,
        StepKind::Until => MINUTE,
        StepKind::Approve => 24 * 60 * MINUTE,
        StepKind::Pause => 0,
    })
}

/// What a kind takes away; of a `run` only its author or a guess can tell.
pub fn takes_down(kind: StepKind) -> Option<TakesDown> {
    match kind {
        StepKind::Drain | StepKind::Stop | StepKind::Start | StepKind::Restart => Some(TakesDown::Restart),
        StepKind::Reboot => Some(TakesDown::Reboot),
        StepKind::Run => None,
        _ => Some(TakesDown::Nothing),
    }
}

/// How many good polls in a row prove it.
pub fn stable(kind: StepKind) -> u32 {
    if kind == StepKind::WaitUp { 3 } else { 1 }
}

/// A reboot cuts its own connection: ssh says 255.
pub fn ok_exit(kind: StepKind) -> Vec<i32> {
    if kind == StepKind::Reboot { vec![0, 255] } else { vec![0] }
}

/// `nodetool` with one word in the place of its arguments.
pub fn with_args(nodetool: &Command, argument: &str) -> Command {
    let is_args = |word: &Word| {
        word.template.strip_prefix("{{").and_then(|t| t.strip_suffix("}}")).map(str::trim) == Some("args")
    };
    let words = nodetool.words.iter().map(|word| if is_args(word) { Word::new(argument) } else { word.clone() });
    Command { words: words.collect(), ..nodetool.clone() }
}
