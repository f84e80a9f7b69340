//! What happens to the cluster in a simulated run, whatever rollbook does.

use super::drive::{Change, Drive, START};
use super::fault::{Fault, FaultKind, WorldFault};
use super::lock;
use crate::job::event::Ms;

impl Drive<'_> {
    pub(super) fn hazards(&mut self) {
        let hazards = self.scene.hazards;
        let count = self.world.nodes.len();
        let observers = 3.min(count.saturating_sub(1)) as u64;
        let liars = if count >= 6 && self.dice.chance(hazards.liars) { self.dice.between(1, observers - 1) } else { 0 };
        for _ in 0..liars {
            let liar = self.dice.between(0, count as u64 - 1) as usize;
            self.world.nodes[liar].liar = true;
        }
        for node in 0..count {
            while self.dice.chance(hazards.silent / 2) {
                let from = START + self.dice.between(0, 3_600_000);
                let to = from + self.dice.between(10_000, 900_000);
                self.world.nodes[node].silent.push((from, to));
            }
        }
        while self.dice.chance(hazards.deaths) {
            let node = self.dice.between(0, count as u64 - 1) as usize;
            let after = self.dice.between(200_000, 3_600_000);
            self.change(after, node, Change::Leave { goodbye: false, pending: false });
            if self.dice.chance(600) {
                let back = after + self.dice.between(30_000, 1_200_000);
                self.change(back, node, Change::Serve { ours: false });
            }
        }
        if hazards.interruptions > 0 {
            self.world.lock_lost = lock::losses(self.scene.seed);
        }
        for Fault { node, kind } in &self.scene.faults {
            let FaultKind::World { at, lasts, what } = kind else { continue };
            let (from, to) = (START + at, lasts.map_or(Ms::MAX, |lasts| START + at + lasts));
            match what {
                WorldFault::Dies => {
                    self.change(*at, *node, Change::Leave { goodbye: false, pending: false });
                    lasts.iter().for_each(|lasts| self.change(at + lasts, *node, Change::Serve { ours: false }));
                }
                WorldFault::Silent => self.world.nodes[*node].silent.push((from, to)),
                WorldFault::CutFrom(other) => {
                    self.world.cuts.insert((*node.min(other), *node.max(other)), (from, to));
                }
            }
        }
        while count > 2 && self.dice.chance(hazards.cuts) {
            let (a, b) =
                (self.dice.between(0, count as u64 - 1) as usize, self.dice.between(0, count as u64 - 1) as usize);
            let from = START + self.dice.between(200_000, 2_000_000);
            self.world.cuts.insert((a.min(b), a.max(b)), (from, from + self.dice.between(60_000, 3_000_000)));
        }
    }
}
