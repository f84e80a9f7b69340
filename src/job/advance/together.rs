//! Hosts that share a fate: they begin together, and on one machine one gives the command for all.

use super::At;
use crate::job::decide::Desk;
use crate::job::event::{Baseline, End, HostEvent, StepEvent};
use crate::job::group;
use crate::job::model::Standing;
use crate::job::view::{Action, Task};
use crate::plan::model::TargetIx;

/// All of a group begin what takes them out, at one stroke.
pub(super) fn begin(desk: &mut Desk, unit: &[TargetIx], ready: Vec<(Baseline, Vec<String>)>) {
    for (place, (host, (baseline, _))) in unit.iter().zip(&ready).enumerate() {
        let Some(work) = desk.job.hosts[*host].working() else { continue };
        let (host, step, attempt) = (*host, work.step, work.attempt);
        if desk.job.hosts[host].baseline.is_none() {
            desk.host(host, HostEvent::Baseline(baseline.clone()));
        }
        desk.step(host, step, StepEvent::Started { attempt });
        let follows = group::takes_the_machine(desk.frame, step)
            && ready[..place].iter().any(|(before, _)| group::one_machine(Some(before), Some(baseline)));
        if desk.frame.plan.steps[step].kind.has_process() && !follows {
            desk.act(Action::Spawn(Task::Step { host, step, attempt }));
        }
    }
}

impl At<'_> {
    /// Another node of its machine gives the command: what becomes of that is what becomes of this.
    pub(super) fn follow(&self, desk: &mut Desk, leader: TargetIx) {
        let (state, step) = (&desk.job.hosts[leader], self.work.step);
        let with = format!("with {}, on the same machine", desk.frame.address(desk.frame.plan.hosts[leader].node));
        match &state.standing {
            Standing::Working(work) if work.step <= step => {}
            Standing::Failed { .. } if !state.disrupted => {
                let (attempt, end) = (self.work.attempt, End::NeverBegan);
                desk.step(self.host, step, StepEvent::Ended { attempt, end, registered: None });
            }
            Standing::Failed { because, .. } => self.failed(desk, format!("{with}: {because}")),
            Standing::Lost { because, .. } => {
                desk.host(self.host, HostEvent::Lost { step, because: format!("{with}: {because}") });
            }
            Standing::Skipped { .. } | Standing::Waiting => self.failed(desk, format!("{with}: it was not done")),
            Standing::Working(_) | Standing::Settling { .. } | Standing::Done => self.passed(desk, &with),
        }
    }
}
