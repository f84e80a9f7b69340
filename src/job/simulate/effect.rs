//! What a command really does to its host, and what becomes of the host.

use super::drive::{Change, Drive};
use super::fault::StepFault;
use crate::job::event::Ms;
use crate::plan::model::NodeIx;
use crate::playbook::model::{StepKind, TakesDown};

impl Drive<'_> {
    pub(super) fn effect(
        &mut self,
        node: NodeIx,
        (kind, takes): (StepKind, TakesDown),
        after: Ms,
        fault: Option<StepFault>,
    ) {
        let never = self.dice.chance(self.scene.hazards.never_back) || fault == Some(StepFault::NeverBack);
        let late = if let Some(StepFault::Late(late)) = fault { late } else { 0 };
        let goodbye = self.dice.chance(700);
        let kind = match (kind, takes) {
            // what its author vouched for
            (StepKind::Run, TakesDown::Nothing) => kind,
            (StepKind::Run, TakesDown::Restart) => StepKind::Restart,
            (StepKind::Run, TakesDown::Reboot) => StepKind::Reboot,
            // a command that nobody vouched for: reboots, restarts, or does nothing
            (StepKind::Run, TakesDown::Unknown) => {
                *self.dice.pick(&[StepKind::Reboot, StepKind::Restart, StepKind::Run])
            }
            (other, _) => other,
        };
        match kind {
            StepKind::Drain => self.change(after, node, Change::Drain),
            StepKind::Stop => {
                self.world.nodes[node].pending += 1;
                self.change(after, node, Change::Leave { goodbye, pending: true });
            }
            StepKind::Start | StepKind::Restart => {
                self.world.nodes[node].pending += 1;
                self.change(after, node, Change::Leave { goodbye, pending: true });
                let serve = after + late + self.dice.between(5_000, 60_000);
                if !never {
                    self.change(serve, node, Change::Serve { ours: true });
                }
            }
            StepKind::Reboot => {
                let gone = after + self.dice.between(0, 4_000);
                let up = gone + late + self.dice.between(2_000, 60_000);
                // the machine, with every node that is on it
                for node in self.scene.on_machine_of(node).collect::<Vec<_>>() {
                    self.world.nodes[node].pending += 1;
                    self.change(gone, node, Change::Leave { goodbye, pending: true });
                    self.change(gone, node, Change::HostDown);
                    self.change(up, node, Change::HostUp);
                    let serve = up + self.dice.between(3_000, 60_000);
                    if !never {
                        self.change(serve, node, Change::Serve { ours: true });
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) fn happen(&mut self, ix: NodeIx, change: Change) {
        let now = self.now;
        let unseen = self.dice.chance(self.scene.hazards.command_lies);
        let friend = self.dice.between(0, self.world.nodes.len() as u64 - 1) as usize;
        if matches!(change, Change::Leave { pending: false, .. }) {
            self.checks.settle(&self.world, ix, now);
        }
        let node = &mut self.world.nodes[ix];
        match change {
            Change::Drain if node.serving => {
                (node.drained, node.left, node.said_goodbye) = (true, now, true);
            }
            Change::Drain => {}
            Change::Leave { goodbye, pending } => {
                node.pending -= u32::from(pending);
                if node.serving && !node.drained {
                    (node.left, node.said_goodbye) = (now, goodbye);
                }
                (node.serving, node.drained) = (false, false);
            }
            Change::HostDown => node.host_up = false,
            Change::HostUp => {
                node.host_up = true;
                node.boot += 1;
            }
            Change::Serve { ours } => {
                if !node.host_up {
                    return;
                }
                if !node.serving {
                    node.generation = (node.generation + 1).max(now / 1000);
                    (node.started, node.joined) = (now, now);
                    if ours && unseen {
                        (node.unseen_until, node.friend) = (now + 1_800_000, friend);
                    }
                }
                (node.serving, node.drained) = (true, false);
            }
        }
        self.checks.changed(&self.world, ix, now);
    }
}
