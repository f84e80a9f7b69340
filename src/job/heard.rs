//! `View`: the newest answer per (node, question), with the time it was asked, and how often in a row
//! each gate held. Empty after a restart, and empty means unknown.

use super::event::{Asked, Ms, Question};
use super::rules::Frame;
use super::view::{Answer, Task};
use crate::plan::model::{NodeIx, TargetIx};
use crate::topology::nodetool::{GossipView, StatusRow, StatusView};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// By node: it is looked up for every candidate at every answer.
    heard: Vec<Vec<(Question, Heard)>>,
    asking: BTreeMap<Asked, Asking>,
    pub gates: BTreeMap<TargetIx, Gate>,
    /// The playbook's gates, by their place.
    pub brakes: BTreeMap<usize, super::brake::Answered>,
    /// Nodes that did not answer as observers, and when.
    silent: BTreeMap<NodeIx, Ms>,
    /// Tasks that were told to end.
    pub ending: BTreeSet<Task>,
    /// Schema versions under which ring and replication were read and found unchanged.
    pub schema_confirmed: BTreeSet<String>,
    /// What differs from the plan, once something does.
    pub drift: Vec<String>,
    /// What was asked before counts for nothing.
    since: Ms,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    pub answer: Answer,
    pub asked: Ms,
    pub at: Ms,
    /// Nodes that were out at any time between the asking and the answer: it says nothing of them.
    pub out: BTreeSet<NodeIx>,
    /// The plan's nodes that are not `UN` by it, or that it cannot reach; in order.
    named: Vec<NodeIx>,
    /// The schema versions that an answer to `gossipinfo` shows, each once.
    schemas: BTreeSet<String>,
    /// It shows every node of the plan, all with one schema version and one release.
    agrees: bool,
}

/// An answer to `status`, with who is up already worked out.
#[derive(Clone, Copy)]
pub struct Seen<'v> {
    pub view: &'v StatusView,
    not_up: &'v [NodeIx],
}

impl Seen<'_> {
    /// Who is not `UN` by it.
    pub fn not_up(&self) -> &[NodeIx] {
        self.not_up
    }

    /// Does it show the node `UN`?
    pub fn up(&self, node: NodeIx) -> bool {
        self.not_up.binary_search(&node).is_err()
    }
}

impl Heard {
    fn new(frame: &Frame, answer: Answer, asked: Ms, at: Ms, out: BTreeSet<NodeIx>) -> Self {
        let mut named: Vec<NodeIx> = match &answer {
            Answer::Status(view) => {
                let rows = frame.in_table(&view.rows);
                rows.filter(|(_, row)| !row.is_some_and(StatusRow::up_normal)).map(|(node, _)| node).collect()
            }
            // an address that belongs to no node of the plan is left to the drift check
            Answer::Describe(view) => view.unreachable.iter().filter_map(|address| frame.node_at(address)).collect(),
            _ => vec![],
        };
        named.sort_unstable();
        let (mut schemas, mut agrees) = (BTreeSet::new(), false);
        if let Answer::Gossip(view) = &answer {
            // (nearly always all have one)
            let mut last = None;
            for version in view.nodes.values().filter_map(|state| state.schema.as_ref()) {
                if last.replace(version) != Some(version) && !schemas.contains(version) {
                    schemas.insert(version.clone());
                }
            }
            agrees = schemas.len() == 1 && one_release(frame, view);
        }
        Heard { answer, asked, at, out, named, schemas, agrees }
    }

    pub fn seen(&self) -> Option<Seen<'_>> {
        let Answer::Status(view) = &self.answer else { return None };
        Some(Seen { view, not_up: &self.named })
    }

    pub fn schemas(&self) -> &BTreeSet<String> {
        &self.schemas
    }

    /// Does it show every node of the plan, and all with one schema version and one release? Then whoever is live agrees.
    pub fn agrees(&self) -> bool {
        self.agrees
    }

    /// Nodes that it cannot reach, as `describecluster` says; None: it is no such answer.
    pub fn unreachable(&self) -> Option<&[NodeIx]> {
        matches!(self.answer, Answer::Describe(_)).then_some(&self.named)
    }
}

fn one_release(frame: &Frame, view: &GossipView) -> bool {
    let mut first = None;
    frame.in_table(&view.nodes).all(|(_, state)| {
        let release = state.filter(|state| state.schema.is_some()).and_then(|state| state.release.as_ref());
        release.is_some_and(|release| *first.get_or_insert(release) == release)
    })
}

#[derive(Clone, Debug, PartialEq)]
struct Asking {
    asked: Ms,
    out: BTreeSet<NodeIx>,
}

/// How often in a row the gate of a host held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// The step for which it is asked; another step begins anew.
    pub step: usize,
    /// Only answers asked after this count for the next poll.
    pub evaluated: Ms,
    pub held: u32,
    /// When the last good poll began: with a look at the machine.
    pub asked: Ms,
    /// Answers asked before this belong to no poll of those that held in a row.
    pub row: Ms,
    /// How often in a row the unit had failed.
    pub dead: u32,
    /// The machine itself said that Cassandra is not back yet: that look cost a node nothing.
    pub early: bool,
    /// What was last found, for the reader.
    pub verdict: Arc<str>,
}

/// A silent node is tried again as an observer after so long.
const SILENCE_MS: Ms = 60_000;

impl View {
    /// Until now others may have worked on the cluster: all is asked anew, and an answer on its way is not waited for.
    pub(super) fn forget(&mut self, now: Ms) {
        let View { asking, ending, drift, .. } = std::mem::take(self);
        *self = View { asking, ending, drift, since: now, ..View::default() };
    }

    pub(super) fn asking(&mut self, asked: Asked, now: Ms, out: BTreeSet<NodeIx>) {
        self.asking.insert(asked, Asking { asked: now, out });
    }

    pub(super) fn answered(
        &mut self,
        frame: &Frame,
        key: Asked,
        answer: Answer,
        (asked, at): (Ms, Ms),
        mut out: BTreeSet<NodeIx>,
    ) {
        if let Some(asking) = self.asking.remove(&key) {
            out.extend(asking.out);
        }
        if asked < self.since {
            return;
        }
        if matches!(key.1, Question::Status | Question::Gossip) {
            match answer {
                Answer::Unreadable(_) => drop(self.silent.insert(key.0, at)),
                _ => drop(self.silent.remove(&key.0)),
            }
        }
        // an answer that overtook a newer one is dropped
        if self.heard(key.0, key.1).is_some_and(|heard| heard.asked > asked) {
            return;
        }
        if self.heard.len() <= key.0 {
            self.heard.resize_with(key.0 + 1, Vec::new);
        }
        let heard = Heard::new(frame, answer, asked, at, out);
        let of = &mut self.heard[key.0];
        match of.iter_mut().find(|(question, _)| *question == key.1) {
            Some((_, known)) => *known = heard,
            None => of.push((key.1, heard)),
        }
    }

    pub fn heard(&self, node: NodeIx, question: Question) -> Option<&Heard> {
        self.heard.get(node)?.iter().find(|(of, _)| *of == question).map(|(_, heard)| heard)
    }

    /// When the question that is now on its way was asked.
    pub fn asked_at(&self, asked: Asked) -> Option<Ms> {
        self.asking.get(&asked).map(|asking| asking.asked)
    }

    pub fn silent(&self, node: NodeIx, now: Ms) -> bool {
        self.silent.get(&node).is_some_and(|at| now < at + SILENCE_MS)
    }
}

/// A question that must be answered before something can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    pub asked: Asked,
    /// An answer asked before this does not count.
    pub since: Ms,
    /// Do not ask again sooner than this after the last answer.
    pub poll: Ms,
}

impl Need {
    /// When the question may be put: `None` while an answer that will count is on its way.
    pub fn due(&self, view: &View, now: Ms) -> Option<Ms> {
        if view.asked_at(self.asked).is_some() {
            return None;
        }
        match view.heard(self.asked.0, self.asked.1) {
            Some(heard) if heard.asked >= self.since => Some((heard.at + self.poll).max(now)),
            _ => Some(now),
        }
    }
}
