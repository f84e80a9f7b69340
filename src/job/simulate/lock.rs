//! The playbook's lock in a simulated world: sometimes it is another's, and then nobody may be taken out.

use super::check::Checks;
use super::drive::START;
use super::truth::World;
use crate::job::event::Ms;
use crate::plan::dice::Dice;
use crate::plan::model::{Gate, NodeIx, Plan, Setup};

/// A lock that must be confirmed, for a plan that has none.
pub(super) fn add(plan: &mut Plan) {
    let run = || vec!["true".into()];
    plan.setup.insert(0, Setup { run: run(), undo: Some(run()), timeout_ms: 60_000, lock: true });
    let renewal = Gate {
        name: "lock".into(),
        run: run(),
        measure: None,
        max: None,
        min: None,
        poll_ms: 20_000,
        stable: 1,
        timeout_ms: 300_000,
        lock: true,
    };
    plan.gates.insert(0, renewal);
}

/// When it is another's. (Of dice of its own: the rest of a world stays what it was.)
pub(super) fn losses(seed: u64) -> Vec<(Ms, Ms)> {
    let mut dice = Dice::new(seed ^ 0x10CC);
    let mut losses = Vec::new();
    while dice.chance(500) {
        let from = START + dice.between(0, 2_000_000);
        losses.push((from, from + dice.between(10_000, 900_000)));
    }
    losses
}

impl World {
    /// Since when it has been another's.
    pub(super) fn lock_lost(&self, now: Ms) -> Option<Ms> {
        self.lock_lost.iter().find(|(from, to)| (*from..*to).contains(&now)).map(|(from, _)| *from)
    }
}

impl Checks<'_> {
    pub(super) fn not_without_the_lock(&mut self, world: &World, node: NodeIx, now: Ms) {
        let Some(renewal) = self.scene.plan.renewal() else { return };
        let counts = 2 * renewal.poll_ms;
        if let Some(since) = world.lock_lost(now).filter(|since| since + counts < now) {
            let (node, lost) = (self.name(node), (now - since) / 1000);
            self.violation(now, format!("(vii) {node} is taken out, and the lock has been another's for {lost} s"));
        }
    }
}
