//! One question to one node, as text: the plan's words, a deadline, one `nodetool` at a time a node and one look at
//! its machine.
//!
//! Must never guess: a status other than 0, silence, output past its bound and text that cannot be
//! read are `Unreadable`, with one sentence that says what was asked and what came instead.

mod call;
mod cluster;
mod failure;
pub mod ledger;
mod shared;

pub use call::{Call, Output};
pub use cluster::Heard;
pub use failure::{Failure, Reason};
pub use ledger::Ledger;

use crate::clock::now;
use crate::job::event::{Measure, Ms, Question};
use crate::job::view::Answer;
use crate::plan::model::{Gate, NodeIx, Plan};
use crate::playbook::model::GateMeasure;
use crate::playbook::template::fill_args;
use crate::topology::nodetool::{self, ParseError};
use shared::{Link, Sockets};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};

/// After this a call is ended and its answer unknown.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// Calls at a time, over all nodes.
pub const AT_ONCE: usize = 16;
/// Bytes of standard output of an ordinary answer.
const LIMIT: usize = 64 << 20;
/// Where Cassandra's packages put the data.
const DATA: &str = "/var/lib/cassandra";
/// Bytes of a ring: one line a token, 1 000 hosts of 256 tokens fit.
const RING_LIMIT: usize = 256 << 20;

/// The words that reach one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeWords {
    /// For sentences: the address, or a seed as written.
    pub name: String,
    /// `cluster.ssh` and the host; a far command follows as further words.
    pub ssh: Vec<String>,
    /// `cluster.nodetool` with the hole `‹args›`.
    pub nodetool: Vec<String>,
}

/// An answer with the times that its age is counted from.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub answer: Answer,
    /// When the process was started, not when it was queued.
    pub asked: Ms,
    pub at: Ms,
}

#[derive(Debug)]
struct Node {
    words: NodeWords,
    /// Held by a `nodetool`, which is a JVM start there.
    turn: Mutex<Link>,
    /// Held by a look at the machine, which costs next to nothing, and need not wait for a JVM.
    look: Mutex<()>,
}

/// Asks the nodes of one cluster. Share it (`Arc`): its limits hold for whoever asks through it.
#[derive(Debug)]
pub struct Asker {
    nodes: Vec<Node>,
    env: BTreeMap<String, String>,
    at_once: Arc<Semaphore>,
    deadline: Duration,
    /// The unit that runs Cassandra.
    service: String,
    /// The playbook's gates.
    gates: Vec<Gate>,
    ledger: Arc<Ledger>,
    /// None: every question connects by itself.
    sockets: Option<Sockets>,
}

impl Asker {
    /// `env` is set over this process's own environment (the sandbox's `PATH`).
    pub fn new(nodes: Vec<NodeWords>, env: BTreeMap<String, String>) -> Self {
        let node = |words| Node { words, turn: Mutex::default(), look: Mutex::default() };
        let nodes = nodes.into_iter().map(node).collect();
        Asker {
            nodes,
            env,
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            deadline: DEADLINE,
            service: String::new(),
            gates: vec![],
            ledger: Arc::default(),
            sockets: None,
        }
    }

    /// Every call is noted there.
    pub fn noting(self, ledger: &Arc<Ledger>) -> Self {
        Asker { ledger: ledger.clone(), ..self }
    }

    /// `nodetool` questions to one node share a connection.
    pub fn sharing(self) -> Self {
        Asker { sockets: Sockets::new(), ..self }
    }

    /// Asks the nodes of a plan by their index.
    pub fn of_plan(plan: &Plan, env: BTreeMap<String, String>) -> Self {
        let words = plan.nodes.iter().map(|node| NodeWords {
            name: node.address.to_string(),
            ssh: node.ssh.clone(),
            nodetool: node.nodetool.clone(),
        });
        Asker { service: plan.service.clone(), gates: plan.gates.clone(), ..Asker::new(words.collect(), env) }
    }

    /// For a run: what only it knows is filled into the words of gates.
    ///
    /// # Errors
    /// That of `fill`.
    pub fn of_run<E>(mut self, fill: impl Fn(&[String]) -> Result<Vec<String>, E>) -> Result<Self, E> {
        for gate in &mut self.gates {
            gate.run = fill(&gate.run)?;
        }
        Ok(self)
    }

    /// Another deadline than 30 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How the node is called in sentences.
    pub fn name(&self, node: NodeIx) -> &str {
        &self.nodes[node].words.name
    }

    /// Standard output of `nodetool ARGS` on a node.
    pub async fn nodetool(&self, node: NodeIx, args: &[&str]) -> Result<Output, Failure> {
        let Node { words: named, turn, .. } = &self.nodes[node];
        let words = fill_args(&named.nodetool, args);
        let limit = if matches!(args.first(), Some(&"describering" | &"ring")) { RING_LIMIT } else { LIMIT };
        let what = format!("nodetool {}", args.join(" "));
        // The node's turn first: waiting for a slow node must not take a place from the others.
        let mut link = turn.lock().await;
        let _place = self.at_once.acquire().await.expect("the semaphore is never closed");
        let call = |words| Call { what, node: named.name.clone(), words, limit, deadline: self.deadline };
        let Some(sockets) = &self.sockets else { return self.made(call(words)).await };
        let through = link.through(sockets, node, &named.ssh, words.clone());
        let done = self.made(call(through)).await;
        match &done {
            Ok(_) => {
                if sockets.full() {
                    // (a node whose turn is taken is in use)
                    self.nodes.iter().filter_map(|node| node.turn.try_lock().ok()).for_each(|mut link| link.rest());
                }
                link.answered(sockets, node, &named.ssh, &self.env);
            }
            Err(_) => link.failed(),
        }
        // whoever reads of a failure tries the playbook's own words
        done.map_err(|failure| Failure { words, ..failure })
    }

    /// Standard output of a far command.
    pub async fn ssh(&self, node: NodeIx, far: &[&str]) -> Result<Output, Failure> {
        let mut words = self.nodes[node].words.ssh.clone();
        words.extend(far.iter().map(|word| (*word).to_owned()));
        self.look(node, far.join(" "), words).await
    }

    /// Standard output of a command of this machine that is about a node.
    pub async fn command(&self, node: NodeIx, words: Vec<String>) -> Result<Output, Failure> {
        self.look(node, words.join(" "), words).await
    }

    async fn look(&self, node: NodeIx, what: String, words: Vec<String>) -> Result<Output, Failure> {
        let Node { words: named, look, .. } = &self.nodes[node];
        let _turn = look.lock().await;
        let _place = self.at_once.acquire().await.expect("the semaphore is never closed");
        self.made(Call { what, node: named.name.clone(), words, limit: LIMIT, deadline: self.deadline }).await
    }

    async fn made(&self, call: Call) -> Result<Output, Failure> {
        let (what, node, asked) = (call.what.clone(), call.node.clone(), now());
        let done = Box::pin(call.run(&self.env)).await;
        let took = now().saturating_sub(asked);
        self.ledger.note(ledger::Line { asked, took, node, what, answered: done.is_ok() });
        done
    }

    /// Asks one question.
    pub async fn ask(&self, node: NodeIx, question: Question) -> Reply {
        match question {
            Question::Status => {
                self.read(node, "status", |text| Ok(Answer::Status(Arc::new(nodetool::parse_status(text)?)))).await
            }
            Question::Gossip => {
                self.read(node, "gossipinfo", |text| Ok(Answer::Gossip(Arc::new(nodetool::parse_gossipinfo(text)?))))
                    .await
            }
            Question::Describe => {
                let parse = |text: &str| Ok(Answer::Describe(Arc::new(nodetool::parse_describecluster(text)?)));
                self.read(node, "describecluster", parse).await
            }
            Question::Info => {
                self.read(node, "info", |text| Ok(Answer::Info(Arc::new(nodetool::parse_info(text)?)))).await
            }
            Question::Mode => {
                self.read(node, "netstats", |text| Ok(Answer::Mode(nodetool::parse_netstats(text)?))).await
            }
            Question::BootId => self.boot_id(node).await,
            Question::Unit => self.unit(node).await,
            Question::Gate(gate) => self.gate(gate).await,
            Question::Measure(measure) => self.measure(node, measure).await,
            Question::Shape => self.shape(node).await,
        }
    }

    async fn read(&self, node: NodeIx, command: &str, parse: impl Fn(&str) -> Result<Answer, ParseError>) -> Reply {
        let asked = now();
        match self.nodetool(node, &[command]).await {
            Ok(output) => {
                let answer =
                    parse(&output.text).unwrap_or_else(|error| Answer::Unreadable(self.unreadable(node, &error)));
                Reply { answer, asked: output.asked, at: output.at }
            }
            Err(failure) => Reply { answer: Answer::Unreadable(failure.to_string()), asked, at: now() },
        }
    }

    /// A gate is a command of this machine: it takes no node's turn.
    async fn gate(&self, gate: usize) -> Reply {
        let asked = now();
        let Some(gate) = self.gates.get(gate) else {
            return Reply { answer: Answer::Unreadable("there is no such gate".into()), asked, at: now() };
        };
        let (what, words) = (gate.run.join(" "), gate.run.clone());
        let call = Call { what, node: gate.name.clone(), words, limit: LIMIT, deadline: self.deadline };
        let answer = match self.made(call).await {
            Ok(output) if gate.bounded() => match one_number(&output.text) {
                Some(number) => {
                    let (open, said) = gate.judge(number);
                    Answer::Gate { open, said }
                }
                None => {
                    let said = format!("it printed `{}`, which is not one number", head(&output.text));
                    Answer::Gate { open: false, said }
                }
            },
            Ok(_) => Answer::Gate { open: true, said: String::new() },
            Err(failure) => Answer::Gate { open: false, said: failure.own_command() },
        };
        Reply { answer, asked, at: now() }
    }

    async fn measure(&self, node: NodeIx, measure: Measure) -> Reply {
        let number = |parse: fn(&str) -> Result<u64, ParseError>| move |text: &str| Ok(Answer::Number(parse(text)?));
        match measure {
            Measure::PendingCompactions => {
                self.read(node, "compactionstats", number(nodetool::parse_pending_compactions)).await
            }
            Measure::Repairs => self.read(node, "tpstats", number(nodetool::parse_repair_tasks)).await,
            Measure::Hints => self.read(node, "listpendinghints", number(nodetool::parse_pending_hints)).await,
            Measure::DiskFree => {
                self.read_by_ssh(node, &["df", "-P", DATA], |text| nodetool::parse_disk_free(text).map(Answer::Number))
                    .await
            }
            Measure::Gate(GateMeasure::ReadLatency) => {
                self.read(node, "proxyhistograms", |text| Ok(Answer::Amount(nodetool::parse_latencies(text)?.read)))
                    .await
            }
            Measure::Gate(GateMeasure::WriteLatency) => {
                self.read(node, "proxyhistograms", |text| Ok(Answer::Amount(nodetool::parse_latencies(text)?.write)))
                    .await
            }
            Measure::Gate(GateMeasure::Load) => {
                // one far command line: how busy, and how many CPUs bear it
                let words = ["cat", "/proc/loadavg", "&&", "nproc"];
                self.read_by_ssh(node, &words, |text| nodetool::parse_load(text).map(Answer::Amount)).await
            }
        }
    }

    async fn read_by_ssh(
        &self,
        node: NodeIx,
        far: &[&str],
        parse: impl Fn(&str) -> Result<Answer, ParseError>,
    ) -> Reply {
        let asked = now();
        match self.ssh(node, far).await {
            Ok(output) => {
                let answer =
                    parse(&output.text).unwrap_or_else(|error| Answer::Unreadable(self.unreadable(node, &error)));
                Reply { answer, asked: output.asked, at: output.at }
            }
            Err(failure) => Reply { answer: Answer::Unreadable(failure.to_string()), asked, at: now() },
        }
    }

    /// What systemd says of the service; where there is no systemd, nobody knows.
    async fn unit(&self, node: NodeIx) -> Reply {
        let asked = now();
        let answer = |text: &str| match text.trim().strip_prefix("ActiveState=") {
            Some(state) if !state.is_empty() => Answer::Unit(head(state)),
            _ => Answer::Unreadable(format!(
                "{} gave `{}` where a unit's state was expected",
                self.name(node),
                head(text)
            )),
        };
        match self.ssh(node, &["systemctl", "show", "--property=ActiveState", &self.service]).await {
            Ok(output) => Reply { answer: answer(&output.text), asked: output.asked, at: output.at },
            Err(failure) => Reply { answer: Answer::Unreadable(failure.to_string()), asked, at: now() },
        }
    }

    async fn boot_id(&self, node: NodeIx) -> Reply {
        let asked = now();
        match self.ssh(node, &["cat", "/proc/sys/kernel/random/boot_id", "/proc/net/tcp"]).await {
            Ok(output) => {
                let (id, sockets) = output.text.split_once('\n').unwrap_or((&output.text, ""));
                let id = id.trim();
                let answer = if uuid::Uuid::try_parse(id).is_ok() {
                    Answer::BootId { id: id.to_owned(), cql_port: sockets.lines().any(listens_for_cql) }
                } else {
                    let name = self.name(node);
                    Answer::Unreadable(format!("{name} gave `{}` where a boot id was expected", head(id)))
                };
                Reply { answer, asked: output.asked, at: output.at }
            }
            Err(failure) => Reply { answer: Answer::Unreadable(failure.to_string()), asked, at: now() },
        }
    }
}

/// A line of /proc/net/tcp: `0: 0B4D000A:2352 00000000:0000 0A …`, a socket of port 9042 that listens (state 0A).
fn listens_for_cql(line: &str) -> bool {
    let mut words = line.split_whitespace().skip(1);
    let (local, _, state) = (words.next(), words.next(), words.next());
    local.is_some_and(|local| local.ends_with(":2352")) && state == Some("0A")
}

/// The text is one number and nothing else.
fn one_number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// The first line, at most 200 characters.
pub(crate) fn head(text: &str) -> String {
    nodetool::shown(text.lines().next().unwrap_or_default(), 200)
}
