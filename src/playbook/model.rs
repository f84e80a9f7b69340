//! A playbook after reading and checking: every default filled in, nothing left to guess.

mod check_facts;
mod checks;
mod gates;
mod lock;
mod groups;
mod level;

pub use check_facts::{CheckFacts, checks_table};
pub use checks::{Check, Checks, Demand, Severity, Waivable, Waiver};
pub use gates::{Gate, GateMeasure, GateQuestion};
pub use groups::{Groups, ListedGroup};
pub use level::{Availability, Level};
pub use lock::{Lock, Renewal};

use super::HostEntry;
use crate::diagnostic::Span;
use std::collections::BTreeMap;
use std::time::Duration;

/// What an operator checked into Git, version 1 of the language.
#[derive(Clone, Debug, PartialEq)]
pub struct Playbook {
    pub name: String,
    pub description: Option<String>,
    /// `reason: required`: a run must say why.
    pub reason_required: bool,
    pub params: BTreeMap<String, Param>,
    pub cluster: Access,
    pub targets: Targets,
    pub strategy: Strategy,
    /// The consistency level that every range keeps.
    pub availability: Option<Availability>,
    /// Hosts that share a fate.
    pub groups: Groups,
    /// `accept-outage: REASON`, needed by `all` with a disruptive step and by a one-node cluster.
    pub accept_outage: Option<String>,
    pub concurrency: Concurrency,
    /// How many failed, lost and in-doubt hosts a run bears before it opens no further host.
    pub max_failures: u32,
    /// How long a host that only failed or foreign-down hosts hold back waits, from the last progress of the run.
    pub blocked_timeout: Duration,
    pub checks: Checks,
    /// Who comes first within what safety allows.
    pub order: Order,
    /// Nodes that are down and known to be.
    pub known_down: Option<KnownDown>,
    pub waive: Vec<Waiver>,
    pub gates: Vec<Gate>,
    /// What other automation sees while the run works.
    pub lock: Option<Lock>,
    pub setup: Vec<SetupStep>,
    /// What makes a host already done: it is passed over, with the reason.
    pub until: Option<Goal>,
    /// The canary: so many hosts first.
    pub first: Option<First>,
    pub steps: Vec<Step>,
    /// Parts with rules of their own, instead of `steps`.
    pub phases: Vec<Phase>,
    /// Where things stand in the file, by path (`targets.racks[1]`, `strategy`): for findings that
    /// only a later stage can make, such as a selector that matches nothing.
    pub spans: BTreeMap<String, Span>,
}

/// A part of a procedure: a playbook of its own, but for its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    pub name: String,
    /// What the playbook says for all phases, and this one's own settings and steps over it. It has no phases, and
    /// its places are those of this phase.
    pub book: Playbook,
}

impl Playbook {
    /// Its parts, each with its name: the phases, or the playbook itself.
    pub fn parts(&self) -> Vec<(Option<&str>, &Playbook)> {
        match self.phases.as_slice() {
            [] => vec![(None, self)],
            phases => phases.iter().map(|phase| (Some(phase.name.as_str()), &phase.book)).collect(),
        }
    }

    /// The same playbook without its places: two files that mean the same are equal then.
    pub fn without_places(mut self) -> Self {
        self.spans.clear();
        self.phases.iter_mut().for_each(|phase| phase.book = phase.book.clone().without_places());
        self.params.values_mut().for_each(|param| param.span = Span::default());
        let access = &mut self.cluster;
        let mut commands = vec![&mut access.ssh, &mut access.nodetool];
        for step in &mut self.setup {
            step.span = Span::default();
            commands.push(&mut step.run);
            commands.extend(step.undo.iter_mut());
        }
        for step in &mut self.steps {
            step.span = Span::default();
            step.when.iter_mut().for_each(|when| when.span = Span::default());
            step.env.values_mut().for_each(Word::forget_place);
            step.expect.iter_mut().for_each(Word::forget_place);
            commands.extend(step.command.iter_mut().chain(step.probe.iter_mut()).chain(step.undo.iter_mut()));
        }
        commands.extend(self.gates.iter_mut().filter_map(Gate::command_mut));
        commands.extend(self.lock.iter_mut().flat_map(Lock::commands_mut));
        if let Groups::Command(command) = &mut self.groups {
            commands.push(command);
        }
        match &mut self.until {
            Some(Goal::Command(command)) => commands.push(command),
            Some(Goal::Release(word)) => word.forget_place(),
            Some(Goal::BootedAfter(_)) | None => {}
        }
        for command in commands {
            command.span = Span::default();
            command.words.iter_mut().for_each(Word::forget_place);
        }
        self
    }

    /// The value at a path as `spans` writes it, else nothing: a default has no place in the file.
    pub fn span(&self, path: &str) -> Option<Span> {
        self.spans.get(path).copied()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParamType {
    /// A string whose every character is safe in a command (language.md, "Safe words").
    String,
    /// Any text; must pass a filter (`word`, `quote`) or travel by `env` or `script`.
    Text,
    Bool,
    Int,
    /// A list of safe strings; alone in a word it becomes one word an item.
    List,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    pub description: Option<String>,
    pub kind: ParamType,
    /// Regular expression that the whole value must match.
    pub pattern: Option<String>,
    pub default: Option<serde_json::Value>,
    /// Where it comes from, if its value may stand nowhere.
    pub secret: Option<super::secret::Source>,
    pub span: Span,
}

/// How the cluster is reached; every command runs on this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    pub ssh: Command,
    pub nodetool: Command,
    pub service: String,
    pub keyspaces: Keyspaces,
    pub seeds: Vec<String>,
    /// A file beside the playbook that says by which name ssh knows an address, and which variables a host has.
    pub hosts_file: Option<String>,
    /// What stands in it, by address. Filled in by whoever reads files.
    pub hosts: BTreeMap<String, HostEntry>,
}

impl Access {
    /// The name by which ssh knows an address, or a seed as written.
    pub fn ssh_name(&self, address: &str) -> String {
        self.hosts.get(address).and_then(|host| host.ssh.as_deref()).unwrap_or(address).to_owned()
    }
}

/// Which keyspaces protect hosts from each other (semantics.md §3).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keyspaces {
    /// Every replicated keyspace but `system_traces` and `system_distributed`.
    Data,
    All,
    Only(Vec<String>),
}

/// Which hosts are worked on. Never narrows what is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Targets {
    /// `targets: required`: each run must say (`--only`).
    pub required: bool,
    /// Also their order. Empty: all, by name.
    pub datacenters: Vec<String>,
    pub racks: Vec<String>,
    pub hosts: Vec<String>,
    pub exclude: Selector,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Selector {
    pub datacenters: Vec<String>,
    pub racks: Vec<String>,
    pub hosts: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// One host at a time in a data centre.
    One,
    /// No two hosts at once that share a range.
    Topology,
    /// As many hosts at once as the consistency level of `availability` leaves room for.
    Availability,
    /// No placement rule.
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DatacenterOrder {
    Serial,
    Parallel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// None: no limit (only `exec`).
    pub max_hosts: Option<u32>,
    pub datacenters: DatacenterOrder,
    pub grace: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SetupStep {
    pub run: Command,
    pub undo: Option<Command>,
    pub timeout: Duration,
    pub span: Span,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    Drain,
    Stop,
    Start,
    Restart,
    Reboot,
    WaitUp,
    WaitDown,
    Run,
    /// A command that only looks; asked again until it is as expected.
    Verify,
    Pause,
    /// A person says that it may go on.
    Approve,
    /// Is the host already as it shall be? Comes from `until`, never from `steps`.
    Until,
}

impl StepKind {
    /// Does a command or a script of its own belong to it?
    pub fn has_process(self) -> bool {
        !matches!(self, StepKind::WaitUp | StepKind::WaitDown | StepKind::Pause | StepKind::Approve)
    }

    /// Does its command only look, so that it may always be asked again?
    pub fn looks(self) -> bool {
        matches!(self, StepKind::Verify | StepKind::Until)
    }
}

/// The order that a playbook asks for (`order`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Addresses or host ids, in this order before all others of their data centre.
    pub first: Vec<String>,
    /// Seeds behind all others of their data centre.
    pub seeds_last: bool,
}

/// Nodes that are down and known to be: down in every rule, and no obstacle to the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownDown {
    pub hosts: Vec<String>,
    pub reason: String,
}

/// What makes a host already done (`until`).
#[derive(Clone, Debug, PartialEq)]
pub enum Goal {
    /// Exit status 0: done; 1: to be worked on; anything else says nothing.
    Command(Command),
    /// `nodetool version` says this release.
    Release(Word),
    /// Its machine booted after this time, in seconds since the Unix epoch.
    BootedAfter(i64),
}

/// So many hosts before all others, and what follows when they are through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct First {
    pub hosts: u32,
    pub then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    /// The run stops; `rollbook resume` goes on with the rest.
    Stop,
    /// The run waits for a person's approval.
    Ask,
}

/// Whom an approval is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApproveScope {
    /// This host alone; the next one asks again.
    Host,
    /// This host and all that come after it.
    Rest,
}

/// How often a step that failed is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Retries {
    pub times: u32,
    /// Before the first of them.
    pub delay_ms: u64,
    /// Each delay is so many times the one before.
    pub backoff: u32,
}

/// What a `run` takes away (semantics.md §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TakesDown {
    Nothing,
    Restart,
    Reboot,
    /// Nobody said: treated as disruptive. Never written by a user.
    Unknown,
}

/// What follows a failure, or a time that is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The host has failed.
    #[default]
    Stop,
    /// The host goes on with its next step, with a warning.
    Continue,
    /// A person is asked: again, done, or failed? Where nobody can be asked: stop.
    Ask,
}

impl OnFailure {
    pub fn is_stop(&self) -> bool {
        *self == OnFailure::Stop
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub kind: StepKind,
    pub name: String,
    pub when: Option<When>,
    pub timeout: Duration,
    /// None for `wait-up`, `wait-down`, `pause`, and where `script` is given.
    pub command: Option<Command>,
    pub script: Option<String>,
    pub env: BTreeMap<String, Word>,
    pub ok_exit: Vec<i32>,
    /// A regular expression that the standard output must match somewhere.
    pub expect: Option<Word>,
    /// Its standard output becomes this variable of the host.
    pub register: Option<String>,
    pub retries: Option<Retries>,
    /// Of `approve`.
    pub scope: Option<ApproveScope>,
    /// Of `approve`: what the person is asked.
    pub message: Option<String>,
    pub poll: Duration,
    /// So many good polls in a row.
    pub stable: u32,
    pub probe: Option<Command>,
    /// Takes back what the step did, when its host ends.
    pub undo: Option<Command>,
    pub idempotent: bool,
    /// As written; `None` on `run` means that rollbook guesses.
    pub takes_down: Option<TakesDown>,
    pub on_failure: OnFailure,
    pub on_timeout: OnFailure,
    /// Of `pause`.
    pub pause: Option<Duration>,
    pub span: Span,
}

/// A bare boolean expression over `params`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    pub expression: String,
    pub span: Span,
}

/// A command, split into words before anything is rendered: no value can add a word or end a quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub words: Vec<Word>,
    /// A last word `&` (cstarpar's habit): the command's end is not waited for on the far side.
    pub background: bool,
    pub span: Span,
}

/// One word as written: literal text and `{{ … }}`, quotes already taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub template: String,
    /// Of the word in the file; offsets inside `template` are not offsets in the file.
    pub span: Span,
    /// Of the inside of each `{{ … }}` in the file, in order; empty for a word rollbook itself wrote.
    pub holes: Vec<Span>,
}

impl Word {
    /// A word that stands in no file, such as one of a default command.
    pub fn new(template: impl Into<String>) -> Self {
        Word { template: template.into(), span: Span::default(), holes: Vec::new() }
    }
}

impl Word {
    fn forget_place(&mut self) {
        *self = Word::new(std::mem::take(&mut self.template));
    }
}

impl Command {
    /// A command that stands in no file, one template a word.
    pub fn of(words: &[&str]) -> Self {
        Command { words: words.iter().map(|word| Word::new(*word)).collect(), background: false, span: Span::default() }
    }
}
