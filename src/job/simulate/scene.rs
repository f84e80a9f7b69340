//! What is simulated: a cluster, a plan for it, and what goes wrong.

use super::fault::Fault;
use super::shapes::hazards;
use crate::plan::dice::Dice;
use crate::plan::model::Plan;
use crate::playbook::model::Keyspaces;
use crate::topology::model::Topology;

/// What may go wrong, in so many of a thousand cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hazards {
    pub command_fails: u64,
    pub command_hangs: u64,
    /// It says 0 and did nothing.
    pub command_lies: u64,
    pub never_back: u64,
    /// Nodes that die unasked, in the run as a whole.
    pub deaths: u64,
    pub cuts: u64,
    pub liars: u64,
    pub silent: u64,
    /// Stops, kills, crashes of the runner.
    pub interruptions: u64,
    /// ms, at most, of one answer.
    pub slow_answer: u64,
}

impl Hazards {
    pub const CALM: Hazards = Hazards {
        command_fails: 0,
        command_hangs: 0,
        command_lies: 0,
        never_back: 0,
        deaths: 0,
        cuts: 0,
        liars: 0,
        silent: 0,
        interruptions: 0,
        slow_answer: 1500,
    };
}

/// A cluster and a plan for it.
#[derive(Clone, Debug)]
pub struct Scene {
    pub seed: u64,
    pub topology: Topology,
    pub plan: Plan,
    pub hazards: Hazards,
    /// Of each node the first on its machine: a reboot takes down all that have the same.
    pub machines: Vec<usize>,
    /// What somebody wants to see happen, beside the hazards.
    pub faults: Vec<Fault>,
    /// Whose ranges the judge watches, whatever the plan says.
    pub protect: Keyspaces,
    /// So often an operator takes the run up again.
    pub sessions: u32,
}

impl Scene {
    /// A plan for a cluster that is known, each node on a machine of its own but for those that the plan knows to share
    /// one.
    pub fn of(topology: Topology, plan: Plan, faults: Vec<Fault>) -> Self {
        let mut machines: Vec<usize> = (0..plan.nodes.len()).collect();
        for group in plan.groups.iter().filter(|group| group.by_machine_id) {
            let first = *group.nodes.first().expect("no group is empty");
            group.nodes.iter().for_each(|node| machines[*node] = first);
        }
        let protect = plan.protect.clone();
        Scene { seed: 0, topology, plan, hazards: Hazards::CALM, machines, faults, protect, sessions: 1 }
    }

    /// The same with another seed; `hostile`: with hazards of its choice.
    pub fn reseed(&mut self, seed: u64, hostile: bool) {
        self.seed = seed;
        self.hazards = if hostile { hazards(&mut Dice::new(seed)) } else { Hazards::CALM };
    }

    /// All nodes on the machine of this one, itself among them.
    pub fn on_machine_of(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.machines.len()).filter(move |other| self.machines[*other] == self.machines[node])
    }
}
