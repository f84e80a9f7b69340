//! A step of which nobody knows whether it was done: proof is sought, then a probe asked, then a person.

use super::{At, DOUBT_MS};
use crate::job::approval;
use crate::job::decide::Desk;
use crate::job::event::{End, HostEvent, Ms, StepEvent, Stop};
use crate::job::evidence::Evidence;
use crate::job::model::Stage;
use crate::job::proof::{self, Proof};
use crate::job::view::Action;
use crate::playbook::model::OnFailure;

impl At<'_> {
    /// Lost, not failed: it may have happened, and may still be running. Never simply run again.
    pub(super) fn doubt(&self, desk: &mut Desk) {
        if desk.frame.plan.steps[self.work.step].kind.looks() {
            // it changes nothing: nobody needs to know how it ended
            let words = if let Stage::Doubt { end } = &self.work.stage { end.words() } else { String::new() };
            return self.look_again(desk, words);
        }
        let deadline = self.work.since.max(desk.job.session_at) + DOUBT_MS;
        let since = self.work.since;
        match self.proof_in_doubt(desk, since) {
            Proof::Yes(proof) => return self.passed(desk, &format!("its end was not seen, but {proof}")),
            Proof::Open(needs) | Proof::No { needs, .. } if desk.now < deadline => {
                desk.decision.wake(deadline);
                return desk.ask(&needs);
            }
            _ => {}
        }
        let (host, step) = (self.host, self.work.step);
        if desk.frame.plan.hosts[host].words[step].probe.is_some() {
            desk.step(host, step, StepEvent::Probing { attempt: self.work.attempt });
            return desk.act(Action::Spawn(self.probe_task()));
        }
        self.unresolved(desk);
    }

    /// Of a command of which nobody knows whether it ran.
    pub(super) fn proof_in_doubt(&self, desk: &Desk, since: Ms) -> Proof {
        let step = &desk.frame.plan.steps[self.work.step];
        let mut evidence = Evidence::new(desk.frame, desk.view, desk.now, step.poll_ms);
        proof::seek_in_doubt(desk, self.host, step.kind, since, &mut evidence)
    }

    pub(super) fn probed(&self, desk: &mut Desk, probe: &End) {
        if probe.ok() {
            return self.passed(desk, "its end was not seen, but the probe says that it was done");
        }
        self.unresolved(desk);
    }

    pub(super) fn unresolved(&self, desk: &mut Desk) {
        let step = &desk.frame.plan.steps[self.work.step];
        let tries = step.retries.map_or(2, |retries| retries.times.max(1) + 1);
        if step.idempotent && self.work.attempt < tries {
            return self.started(desk, self.work.attempt + 1);
        }
        let end = match &self.work.stage {
            Stage::Doubt { end } | Stage::Probed { end, .. } => end.words(),
            _ => String::new(),
        };
        let because = format!("`{}`: {end}; nothing proves that it was done", step.name);
        // a probe that was itself not seen to end tells nothing: what may still run must not be left behind
        let told = !matches!(&self.work.stage, Stage::Probed { probe, .. } if !probe.known());
        let timed_out =
            matches!(&self.work.stage, Stage::Doubt { end: End::TimedOut } | Stage::Probed { end: End::TimedOut, .. });
        let attempt = self.work.attempt;
        match if timed_out { step.on_timeout } else { step.on_failure } {
            OnFailure::Continue if timed_out && told => {
                desk.step(self.host, self.work.step, StepEvent::Tolerated { attempt, because });
            }
            OnFailure::Ask if desk.job.attended => {
                desk.step(self.host, self.work.step, StepEvent::Asked { attempt, because, lost: true });
            }
            _ => desk.host(self.host, HostEvent::Lost { step: self.work.step, because }),
        }
    }

    /// A person has time; without one there is nothing to wait for.
    pub(super) fn asked(&self, desk: &mut Desk, because: &str, lost: bool) {
        let end = approval::answer_by(desk.job, self.work);
        let stopped = matches!(desk.job.stopping, Some(Stop::Asked { .. })) && !desk.job.hosts[self.host].disrupted;
        if desk.job.attended && desk.now < end && !stopped {
            return desk.decision.wake(end);
        }
        let (step, because) = (self.work.step, format!("{because}; nobody said what to do"));
        desk.host(
            self.host,
            if lost { HostEvent::Lost { step, because } } else { HostEvent::Failed { step, because } },
        );
    }
}
