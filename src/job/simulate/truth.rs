//! What is really the case: which process serves, what each node believes of the others, who is cut from whom.

use super::scene::Scene;
use crate::job::event::{Measure, Ms, Question};
use crate::job::view::{Answer, Shape};
use crate::plan::dice::Dice;
use crate::plan::model::NodeIx;
use crate::topology::nodetool::NetstatsView;
use crate::topology::nodetool::{
    ClusterView, GossipState, GossipView, InfoView, Liveness, Movement, StatusRow, StatusView,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

/// One host with its node.
#[derive(Clone, Debug)]
pub struct Node {
    pub boot: u64,
    pub generation: u64,
    /// Start of the process that serves now.
    pub started: Ms,
    /// Does the operating system answer ssh?
    pub host_up: bool,
    /// Does the process run and take part in gossip?
    pub serving: bool,
    /// Drained, but the process still answers.
    pub drained: bool,
    /// When it last stopped serving, and whether it said so.
    pub left: Ms,
    pub said_goodbye: bool,
    pub joined: Ms,
    /// It says that everybody is up, and that everybody restarts all the time.
    pub liar: bool,
    /// It serves, and until then only one of its peers sees it.
    pub unseen_until: Ms,
    pub friend: NodeIx,
    /// Does not answer between these times.
    pub silent: Vec<(Ms, Ms)>,
    /// Commands whose effect is still to come: a reboot in the background.
    pub pending: u32,
}

pub struct World {
    pub nodes: Vec<Node>,
    pub cuts: BTreeMap<(NodeIx, NodeIx), (Ms, Ms)>,
    pub addresses: Vec<IpAddr>,
    pub by_address: BTreeMap<IpAddr, NodeIx>,
    pub convict: Vec<Vec<Ms>>,
    /// When the playbook's lock is another's.
    pub lock_lost: Vec<(Ms, Ms)>,
    statuses: Kept<Vec<bool>, StatusView>,
    gossips: Kept<Vec<u64>, GossipView>,
}

impl World {
    pub fn new(scene: &Scene, dice: &mut Dice) -> Self {
        let count = scene.plan.nodes.len();
        let start = crate::job::simulate::drive::START;
        let mut node = |ix: usize| Node {
            boot: scene.machines[ix] as u64 * 1000,
            generation: start / 1000 - 100_000,
            started: start - 100_000_000,
            host_up: true,
            serving: true,
            drained: false,
            left: 0,
            said_goodbye: false,
            joined: start - 100_000_000,
            liar: false,
            unseen_until: 0,
            friend: 0,
            silent: vec![],
            pending: 0,
        };
        let nodes = (0..count).map(&mut node).collect();
        // how long each needs to convict each: 18 to 40 s (lab)
        let convict = (0..count).map(|_| (0..count).map(|_| dice.between(18_000, 29_000)).collect()).collect();
        let addresses: Vec<IpAddr> = scene.plan.nodes.iter().map(|node| node.address).collect();
        World {
            nodes,
            cuts: BTreeMap::new(),
            by_address: addresses.iter().copied().zip(0..).collect(),
            addresses,
            convict,
            lock_lost: vec![],
            statuses: Kept::default(),
            gossips: Kept::default(),
        }
    }

    pub fn cut(&self, a: NodeIx, b: NodeIx, now: Ms) -> bool {
        self.cuts.get(&(a.min(b), a.max(b))).is_some_and(|(from, to)| (*from..*to).contains(&now))
    }

    /// Does `by` believe that `of` is up? Gossip travels round a cut between two.
    pub fn believes_up(&self, by: NodeIx, of: NodeIx, now: Ms) -> bool {
        let (observer, subject) = (&self.nodes[by], &self.nodes[of]);
        if by == of {
            return true; // every node calls itself UN, even drained
        }
        if now < observer.joined + 2_000 {
            return false; // a just-started node sees nobody
        }
        if subject.serving && !subject.drained {
            return now >= subject.joined + 500 && (now >= subject.unseen_until || by == subject.friend);
        }
        // its restart may be so quick that nobody noticed it was gone
        !subject.said_goodbye && now < subject.left + self.convict[by][of]
    }

    /// Down, by the truth.
    pub fn down(&self, node: NodeIx) -> bool {
        !self.nodes[node].serving || self.nodes[node].drained
    }

    fn silent(&self, node: NodeIx, now: Ms) -> bool {
        self.nodes[node].silent.iter().any(|(from, to)| (*from..*to).contains(&now))
    }

    pub fn answer(&self, scene: &Scene, node: NodeIx, question: Question, now: Ms) -> Answer {
        if let Question::Gate(gate) = question {
            let lost = scene.plan.gates[gate].lock && self.lock_lost(now).is_some();
            return Answer::Gate { open: !lost, said: if lost { "it is another's".into() } else { String::new() } };
        }
        let of = &self.nodes[node];
        if self.silent(node, now) {
            return Answer::Unreadable("no answer in 30 s".into());
        }
        if question == Question::BootId {
            return match of.host_up {
                true => Answer::BootId {
                    id: format!("boot-{}", of.boot),
                    cql_port: of.serving && !of.drained && now >= of.joined + 1_000,
                },
                false => Answer::Unreadable("connection refused".into()),
            };
        }
        if question == Question::Unit {
            return match of.host_up {
                true => Answer::Unit(if of.serving || of.drained { "active" } else { "inactive" }.into()),
                false => Answer::Unreadable("connection refused".into()),
            };
        }
        if !of.host_up || !(of.serving || of.drained) {
            return Answer::Unreadable("failed to connect to JMX".into());
        }
        match question {
            Question::Mode => Answer::Mode(NetstatsView {
                mode: if of.drained { "DRAINED" } else { "NORMAL" }.into(),
                streams: false,
            }),
            Question::Info => Answer::Info(Arc::new(InfoView {
                host_id: String::new(),
                generation: of.generation,
                uptime_s: now.saturating_sub(of.started) / 1000,
                native_transport: !of.drained && now >= of.joined + 1_000,
                gossip: !of.drained,
            })),
            Question::Status => Answer::Status(self.status(scene, node, now)),
            Question::Gossip => Answer::Gossip(self.gossip(node, now)),
            Question::Describe => Answer::Describe(Arc::new(self.describe(node, now))),
            Question::Shape => Answer::Shape(Arc::new(Shape {
                topology: scene.topology.clone(),
                schema_ids: BTreeSet::from(["s1".into()]),
            })),
            Question::Measure(Measure::Gate(_)) => Answer::Amount(0.0),
            Question::Measure(_) => Answer::Number(0),
            Question::BootId | Question::Unit | Question::Gate(_) => unreachable!("answered above"),
        }
    }

    fn status(&self, scene: &Scene, by: NodeIx, now: Ms) -> Arc<StatusView> {
        let up = (0..self.nodes.len()).map(|ix| self.nodes[by].liar || self.believes_up(by, ix, now));
        let up: Vec<bool> = up.collect();
        let row = |ix: usize| {
            let node = &scene.plan.nodes[ix];
            let row = StatusRow {
                liveness: if up[ix] { Liveness::Up } else { Liveness::Down },
                movement: Movement::Normal,
                datacenter: node.datacenter.clone(),
                rack: node.rack.clone(),
                host_id: Some(node.id.clone()),
                tokens: None,
            };
            (self.addresses[ix], row)
        };
        self.statuses.get(&up, || StatusView { rows: (0..self.nodes.len()).map(row).collect() })
    }

    fn gossip(&self, by: NodeIx, now: Ms) -> Arc<GossipView> {
        let generation = |of: &Node| {
            // a liar invents restarts; others know the newest generation once the node has joined
            let known = of.generation - u64::from(now < of.joined + 300);
            if self.nodes[by].liar { known + now / 1000 } else { known }
        };
        let generations: Vec<u64> = self.nodes.iter().map(generation).collect();
        let state = |ix: usize| {
            let state = GossipState {
                generation: generations[ix],
                status: Some("NORMAL".into()),
                schema: Some("s1".into()),
                release: Some("5.0.5".into()),
                ..GossipState::default()
            };
            (self.addresses[ix], state)
        };
        self.gossips.get(&generations, || GossipView { nodes: (0..self.nodes.len()).map(state).collect() })
    }

    fn describe(&self, by: NodeIx, now: Ms) -> ClusterView {
        let cannot = |ix: &usize| *ix != by && !self.nodes[by].liar && (self.down(*ix) || self.cut(by, *ix, now));
        ClusterView {
            unreachable: (0..self.nodes.len()).filter(cannot).map(|ix| self.addresses[ix]).collect(),
            ..ClusterView::default()
        }
    }
}

/// The last few answers by what they say: nodes mostly say the same, and a row each for thousands of them is long.
struct Kept<K, V>(RefCell<VecDeque<(K, Arc<V>)>>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Kept(RefCell::default())
    }
}

impl<K: Clone + PartialEq, V> Kept<K, V> {
    const MOST: usize = 8;

    fn get(&self, key: &K, make: impl FnOnce() -> V) -> Arc<V> {
        let mut kept = self.0.borrow_mut();
        if let Some((_, known)) = kept.iter().find(|(known, _)| known == key) {
            return Arc::clone(known);
        }
        let made = Arc::new(make());
        kept.truncate(Self::MOST - 1);
        kept.push_front((key.clone(), Arc::clone(&made)));
        made
    }
}
