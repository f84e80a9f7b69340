//! The end of a process of the run, and what the next finds of it.

use super::{Drive, Thing};
use crate::job::event::End;
use crate::job::group;
use crate::job::model::Stage;
use crate::job::simulate::scene::Scene;
use crate::job::view::{Input, Task};
use crate::playbook::model::StepKind;

/// In every third world with interruptions, after one to nine steps.
pub(super) fn cut(scene: &Scene) -> Option<u64> {
    let cut = scene.hazards.interruptions > 0 && scene.sessions > 1 && scene.seed.is_multiple_of(3);
    cut.then_some(1 + scene.seed / 3 % 9)
}

impl Drive<'_> {
    /// The process dies right after the journal has it that this begins, and before it does?
    pub(super) fn dies(&mut self, task: Task) -> bool {
        if let (Task::Step { .. }, Some(left)) = (task, &mut self.cut) {
            *left -= 1;
            if *left == 0 {
                (self.cut, self.dead) = (None, true);
                self.put(self.now, Thing::Crash { session: self.job.session });
            }
        }
        if self.dead {
            self.never_began.insert(task);
        }
        self.dead
    }

    /// What ran when the last session ended: adopted with its end, or nobody saw it.
    pub(super) fn adopt(&mut self) {
        for (task, end) in std::mem::take(&mut self.running) {
            let seen = end.filter(|_| self.dice.chance(500));
            match seen {
                Some((at, end)) => {
                    self.running.insert(task, Some((at, end.clone())));
                    let registered = self.registered(task, &end);
                    self.input(at.max(self.now), Input::Ended { task, end, registered });
                }
                None => self.input(self.now, Input::Ended { task, end: End::Unseen, registered: None }),
            }
        }
        let never = std::mem::take(&mut self.never_began);
        for task in never.iter().filter(|task| !matches!(task, Task::Setup { .. } | Task::Undo { .. })) {
            self.input(self.now, Input::Ended { task: *task, end: End::NeverBegan, registered: None });
        }
        // a step that was to start and never did: nobody can know
        for (host, state) in self.job.hosts.iter().enumerate() {
            let Some(work) = state.working() else { continue };
            let task = Task::Step { host, step: work.step, attempt: work.attempt };
            let waits = self.scene.plan.steps.get(work.step).is_none_or(|step| step.kind == StepKind::WaitUp)
                || !group::has_process(&self.frame, &self.job, host, work.step);
            if matches!(work.stage, Stage::Running { .. })
                && !waits
                && !self.running.contains_key(&task)
                && !never.contains(&task)
            {
                self.number += 1;
                let input = Input::Ended { task, end: End::Unseen, registered: None };
                self.queue.insert((self.now, self.number), Thing::Input { session: self.job.session, input });
            }
        }
    }
}
