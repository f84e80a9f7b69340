//! One host's way through its chain.

mod doubt;
mod together;

use super::decide::Desk;
use super::event::{End, HostEvent, Ms, StepEvent};
use super::evidence::{Evidence, names};
use super::group::Barrier;
use super::model::{Stage, Standing, Work};
use super::proof::{self, Proof};
use super::takeout::{self, Together};
use super::view::{Action, Task};
use super::{approval, brake, conditions, gate, group, open, undo};
use crate::plan::model::{NodeIx, Step, TargetIx};
use crate::playbook::model::{OnFailure, StepKind};
use std::collections::BTreeSet;

/// So long is proof sought after a command whose end nobody saw.
const DOUBT_MS: Ms = 60_000;

pub(super) fn host(desk: &mut Desk, host: TargetIx) {
    let job = desk.job;
    match &job.hosts[host].standing {
        Standing::Settling { since } => {
            let end = since + desk.frame.phase(job).grace_ms;
            if desk.now >= end { desk.host(host, HostEvent::Done) } else { desk.decision.wake(end) }
        }
        Standing::Working(work) if work.step >= desk.frame.phase(job).to => {
            if undo::go_on(desk, host) {
                return;
            }
            let settle = desk.frame.phase(job).grace_ms > 0 && !desk.frame.calm;
            desk.host(host, if settle { HostEvent::Settling } else { HostEvent::Done });
        }
        Standing::Working(_) if undo::awaits(desk, host) => {}
        Standing::Working(work) => At { host, work }.go_on(desk),
        Standing::Done | Standing::Failed { .. } | Standing::Lost { .. } | Standing::Skipped { .. } => {
            undo::go_on(desk, host);
        }
        Standing::Waiting => {}
    }
}

/// A host at a step.
struct At<'a> {
    host: TargetIx,
    work: &'a Work,
}

impl At<'_> {
    fn go_on(&self, desk: &mut Desk) {
        match &self.work.stage {
            Stage::Ready => self.start(desk, self.work.attempt),
            Stage::Again => self.again(desk),
            Stage::Running { .. } => self.running(desk),
            Stage::Ended { end } => self.ended(desk, end),
            Stage::Doubt { .. } => self.doubt(desk),
            Stage::Probing { .. } => desk.deadline(self.probe_task(), self.work.since + self.timeout(desk)),
            Stage::Probed { probe, .. } => self.probed(desk, probe),
            Stage::Asked { because, lost } => self.asked(desk, because, *lost),
        }
    }

    fn timeout(&self, desk: &Desk) -> Ms {
        desk.frame.plan.steps[self.work.step].timeout_ms
    }

    /// When a wait ends: counted anew when the run is taken up again, because nobody asked meanwhile.
    fn patience(&self, desk: &Desk) -> Ms {
        self.work.started.max(desk.job.session_at) + self.timeout(desk)
    }

    fn task(&self) -> Task {
        Task::Step { host: self.host, step: self.work.step, attempt: self.work.attempt }
    }

    fn probe_task(&self) -> Task {
        Task::Probe { host: self.host, step: self.work.step, attempt: self.work.attempt }
    }

    fn start(&self, desk: &mut Desk, attempt: u32) {
        let step = &desk.frame.plan.steps[self.work.step];
        let state = &desk.job.hosts[self.host];
        if let Some(why) = conditions::splits_its_group(desk.frame, desk.job, self.host, self.work.step) {
            return match state.disrupted {
                true => self.failed(desk, why),
                false => desk.host(self.host, HostEvent::Skipped { because: why }),
            };
        }
        match conditions::left_out(desk.frame, desk.job, self.host, self.work.step) {
            Ok(None) => {}
            Ok(Some(because)) => return desk.step(self.host, self.work.step, StepEvent::LeftOut { because }),
            Err(why) => return self.failed(desk, why),
        }
        if step.kind == StepKind::WaitUp && !state.disrupted {
            return self.passed(desk, "nothing was taken out");
        }
        if let Some(why) = conditions::unfilled(desk.frame, desk.job, self.host, self.work.step) {
            return self.failed(desk, why);
        }
        match group::barrier(desk.frame, desk.job, self.host, self.work.step) {
            Barrier::Go => {}
            Barrier::Wait(_) => return,
            Barrier::Refuse(why) if state.disrupted => return self.failed(desk, why),
            Barrier::Refuse(why) => return desk.host(self.host, HostEvent::Skipped { because: why }),
        }
        if !step.disruptive() || state.disrupted {
            return self.started(desk, attempt);
        }
        let unit = group::together(desk.frame, desk.job, self.host, self.work.step);
        if let Some(why) = group::hopeless(desk.frame, desk.job, self.host, self.work.step, &unit) {
            return desk.host(self.host, HostEvent::Skipped { because: why });
        }
        if unit.first() == Some(&self.host) {
            self.take_out(desk, &unit);
        }
    }

    /// The gate again, right before the host is taken out, with all of its group: other steps may have taken long.
    fn take_out(&self, desk: &mut Desk, unit: &[TargetIx]) {
        let skipped = |desk: &mut Desk, because: String| {
            unit.iter().for_each(|host| desk.host(*host, HostEvent::Skipped { because: because.clone() }));
        };
        let node = desk.frame.plan.hosts[self.host].node;
        if let Some(difference) = desk.view.drift.first() {
            return skipped(desk, format!("the cluster is no longer the one of the plan: {difference}"));
        }
        let why = if let Some(why) = brake::lock_is_unconfirmed(desk.frame, desk.job, desk.view, desk.now) {
            if desk.job.stopping.is_some() {
                return skipped(desk, format!("blocked: {why}")); // it will not be taken again in this session
            }
            why
        } else if !open::shape_known(desk) {
            "ring and replication are read anew".into()
        } else if let Some(other) = self.conflict(desk) {
            desk.frame.why(desk.job, node, other)
        } else {
            match takeout::judge_all(desk.frame, desk.job, desk.view, (unit, desk.now), &desk.frame.out(desk.job)) {
                Together::Ready(ready) => return together::begin(desk, unit, ready),
                Together::Open(needs) => {
                    desk.ask(&needs);
                    let nodes: BTreeSet<NodeIx> = needs.iter().map(|need| need.asked.0).collect();
                    format!("no answer that is fresh enough of {}", names(desk.frame, nodes))
                }
                Together::Blocked { why, needs } => {
                    desk.ask(&needs);
                    why
                }
            }
        };
        let end = self.work.since + desk.frame.plan.blocked_timeout_ms;
        if desk.now >= end {
            skipped(desk, format!("blocked: {why}"));
        } else {
            desk.decision.wake(end);
        }
    }

    /// A host that was back and is tried again was opened long ago: others may have been taken out since.
    /// Of two such hosts the first goes first.
    fn conflict(&self, desk: &Desk) -> Option<NodeIx> {
        let plan = desk.frame.plan;
        let node = plan.hosts[self.host].node;
        let held = |other: &TargetIx| {
            let state = &desk.job.hosts[*other];
            *other != self.host && (state.disrupted || state.unproved || *other < self.host)
        };
        let mut out = desk.job.out_targets().filter(held).map(|other| plan.hosts[other].node);
        out.find(|other| desk.frame.exclude_each_other(desk.job, node, *other))
    }

    fn started(&self, desk: &mut Desk, attempt: u32) {
        let (host, step) = (self.host, self.work.step);
        desk.step(host, step, StepEvent::Started { attempt });
        if group::has_process(desk.frame, desk.job, host, step) {
            desk.act(Action::Spawn(Task::Step { host, step, attempt }));
        }
    }

    /// A person asked for another attempt: what is proved to have happened is not done twice.
    fn again(&self, desk: &mut Desk) {
        match self.proof_in_doubt(desk, self.work.since) {
            Proof::Yes(proof) => self.passed(desk, &format!("it had happened: {proof}")),
            Proof::Open(needs) if desk.now < self.work.since + DOUBT_MS => {
                desk.decision.wake(self.work.since + DOUBT_MS);
                desk.ask(&needs);
            }
            _ => self.start(desk, self.work.attempt),
        }
    }

    fn running(&self, desk: &mut Desk) {
        let step = &desk.frame.plan.steps[self.work.step];
        if let Some(leader) = group::leader(desk.frame, desk.job, self.host, self.work.step) {
            return self.follow(desk, leader);
        }
        match step.kind {
            StepKind::Pause => {
                let end = self.work.started + step.pause_ms.unwrap_or(0);
                if desk.now >= end || desk.frame.calm {
                    self.passed(desk, "the time is over")
                } else {
                    desk.decision.wake(end)
                }
            }
            StepKind::Approve => approval::wait(desk, self.host, self.work),
            StepKind::WaitDown => self.wait_for_proof(desk),
            StepKind::WaitUp => self.wait_up(desk),
            StepKind::Stop => {
                desk.deadline(self.task(), self.work.started + step.timeout_ms);
                if self.drained_before(desk) {
                    self.ask_meanwhile(desk, self.down_since(desk));
                }
            }
            _ => desk.deadline(self.task(), self.work.started + step.timeout_ms),
        }
    }

    /// Does this step follow a `drain` that was the first to take the host out?
    fn drained_before(&self, desk: &Desk) -> bool {
        let Some(drain) = self.work.step.checked_sub(1) else { return false };
        let drains = desk.job.step(desk.frame.plan, drain).is_some_and(|step| step.kind == StepKind::Drain);
        let earlier = desk.frame.plan.steps[desk.frame.phase(desk.job).from..drain].iter().rev();
        drains && !earlier.take_while(|step| step.kind != StepKind::WaitUp).any(Step::disruptive)
    }

    /// A drained node has said goodbye: that its peers see it down can be asked while it is being stopped, and while it
    /// is asked itself whether it is drained.
    fn ask_meanwhile(&self, desk: &mut Desk, since: Ms) {
        if desk.frame.calm {
            return;
        }
        let mut evidence = Evidence::new(desk.frame, desk.view, desk.now, desk.frame.plan.poll_ms);
        let (host, stop) = (self.host, StepKind::Stop);
        let proof = proof::seek(desk, host, stop, since, &mut evidence);
        if let Proof::Open(needs) | Proof::No { needs, .. } = proof {
            desk.ask(&needs);
        }
    }

    /// Answers count as proof of a `stop` from its beginning: a node that its peers saw down then was not up again
    /// before the command ended. Behind a `drain`, from when that began: a drained node does not come back by itself.
    fn down_since(&self, desk: &Desk) -> Ms {
        let drain = desk.job.hosts[self.host].expect.since.filter(|_| self.drained_before(desk));
        drain.unwrap_or(self.work.started)
    }

    /// Of the others, from their end.
    fn proof_since(&self, desk: &Desk) -> Ms {
        match desk.frame.plan.steps[self.work.step].kind {
            StepKind::Stop => self.down_since(desk),
            _ => self.work.since,
        }
    }

    fn wait_up(&self, desk: &mut Desk) {
        if desk.frame.calm || !desk.frame.rules.wait_for_the_gate {
            return self.passed(desk, "not asked");
        }
        let Some(terms) = gate::terms(desk.frame, desk.job, self.host) else { return };
        let state = gate::current(desk.view, self.host, terms);
        let deadline = self.patience(desk);
        if state.held >= terms.stable {
            return self.passed(desk, &format!("{}; {} times in a row", state.verdict, state.held));
        }
        if state.dead >= gate::DEAD_POLLS {
            return self.failed(desk, state.verdict.to_string());
        }
        if desk.now >= deadline {
            let last: &str = if state.verdict.is_empty() { "nobody answered" } else { &state.verdict };
            let why = format!("not up by its deadline: {last}");
            return self.fails(desk, why, desk.frame.plan.steps[self.work.step].on_timeout);
        }
        desk.decision.wake(deadline);
        desk.poll_gate(self.host, terms);
    }

    /// The command ended with a status; what makes the step succeed?
    fn ended(&self, desk: &mut Desk, end: &End) {
        let step = &desk.frame.plan.steps[self.work.step];
        if step.kind == StepKind::Until {
            return self.is_it_done(desk, end);
        }
        let ok = match end {
            End::Exit { status } => {
                // a reboot may take the connection with it, by a race (lab: 99 of 135)
                step.ok_exit.contains(status) || (step.kind == StepKind::Reboot && *status == 255)
            }
            _ => false,
        };
        if !ok {
            return match step.kind {
                StepKind::Verify => self.look_again(desk, end.words()),
                _ => self.failed_try(desk, end.words()),
            };
        }
        match step.kind {
            StepKind::Drain | StepKind::Stop if !desk.frame.calm => {
                let next = desk.job.step(desk.frame.plan, self.work.step + 1).map(|step| step.kind);
                if step.kind == StepKind::Drain && next == Some(StepKind::Stop) {
                    self.ask_meanwhile(desk, self.work.since);
                }
                self.wait_for_proof(desk);
            }
            _ => self.passed(desk, &end.words()),
        }
    }

    fn wait_for_proof(&self, desk: &mut Desk) {
        if desk.frame.calm {
            return self.passed(desk, "not asked");
        }
        let deadline = self.patience(desk);
        let (needs, why) = match self.proof(desk, self.proof_since(desk)) {
            Proof::Yes(proof) => return self.passed(desk, &proof),
            Proof::No { why, needs } => (needs, why),
            Proof::Open(needs) => (needs, "nobody answered".into()),
            Proof::None => return self.failed(desk, "there is nobody to ask".into()),
        };
        if desk.now >= deadline {
            let step = &desk.frame.plan.steps[self.work.step];
            return match step.kind {
                StepKind::WaitDown => self.fails(desk, why, step.on_timeout),
                _ => self.failed_try(desk, why),
            };
        }
        desk.decision.wake(deadline);
        desk.ask(&needs);
    }

    fn proof(&self, desk: &Desk, since: Ms) -> Proof {
        let step = &desk.frame.plan.steps[self.work.step];
        let mut evidence = Evidence::new(desk.frame, desk.view, desk.now, step.poll_ms);
        proof::seek(desk, self.host, step.kind, since, &mut evidence)
    }

    /// `until`: only a clear answer counts; a host of which nobody knows is not passed over, and not worked on.
    fn is_it_done(&self, desk: &mut Desk, end: &End) {
        let goal = desk.frame.plan.steps[self.work.step].message.clone().unwrap_or_default();
        match end {
            // in a calm world nobody is done already
            End::Exit { .. } if desk.frame.calm => self.passed(desk, "not asked"),
            End::Exit { status: 0 } => match self.group_is_done(desk) {
                None => {}
                Some(true) => desk.host(self.host, HostEvent::AlreadyDone { because: goal }),
                Some(false) => self.passed(desk, "it is, and another of its group is not"),
            },
            End::Unlike { .. } => self.passed(desk, "not done yet"),
            End::Exit { status: 1 } if !self.expects(desk) => self.passed(desk, "not done yet"),
            _ => self.failed(desk, format!("it cannot be told whether {goal}: {}", end.words())),
        }
    }

    /// A group is passed over only as a whole. None: another has not been asked yet.
    fn group_is_done(&self, desk: &Desk) -> Option<bool> {
        for other in desk.frame.siblings(desk.job, self.host) {
            let Some(work) = desk.job.hosts[other].working() else { continue };
            match &work.stage {
                _ if work.step > self.work.step => return Some(false),
                Stage::Ended { end: End::Exit { status: 0 } } => {}
                Stage::Ended { .. } => return Some(false),
                _ => return None,
            }
        }
        Some(true)
    }

    fn expects(&self, desk: &Desk) -> bool {
        desk.frame.plan.hosts[self.host].words[self.work.step].expect.is_some()
    }

    /// A command that only looks is asked again until its time is over.
    fn look_again(&self, desk: &mut Desk, why: String) {
        let (next, end) = (self.work.since + desk.frame.plan.steps[self.work.step].poll_ms, self.patience(desk));
        if next >= end {
            return self.fails(desk, why, desk.frame.plan.steps[self.work.step].on_timeout);
        }
        if desk.now >= next {
            return self.started(desk, self.work.attempt + 1);
        }
        desk.decision.wake(next);
    }

    /// It is known that it failed: tried again, where the playbook says so.
    fn failed_try(&self, desk: &mut Desk, why: String) {
        let Some(retries) = desk.frame.plan.steps[self.work.step].retries else { return self.failed(desk, why) };
        // (what never was took nobody out: only a judgement made anew may)
        let untouched = desk.frame.plan.steps[self.work.step].disruptive() && !desk.job.hosts[self.host].disrupted;
        if self.work.attempt > retries.times || desk.job.stopping.is_some() || untouched {
            return self.failed(desk, why);
        }
        let longer = u64::from(retries.backoff).saturating_pow(self.work.attempt.saturating_sub(1));
        let next = self.work.since.saturating_add(retries.delay_ms.saturating_mul(longer));
        if desk.now >= next {
            return self.started(desk, self.work.attempt + 1);
        }
        desk.decision.wake(next);
    }

    fn passed(&self, desk: &mut Desk, proof: &str) {
        let event = StepEvent::Passed { attempt: self.work.attempt, proof: proof.into() };
        desk.step(self.host, self.work.step, event);
    }

    fn failed(&self, desk: &mut Desk, why: String) {
        self.fails(desk, why, desk.frame.plan.steps[self.work.step].on_failure);
    }

    fn fails(&self, desk: &mut Desk, why: String, then: OnFailure) {
        let (step, attempt) = (self.work.step, self.work.attempt);
        let because = format!("`{}`: {why}", desk.frame.plan.steps[step].name);
        match then {
            OnFailure::Continue => desk.step(self.host, step, StepEvent::Tolerated { attempt, because: why }),
            OnFailure::Ask if desk.job.attended => {
                desk.step(self.host, step, StepEvent::Asked { attempt, because, lost: false });
            }
            _ => desk.host(self.host, HostEvent::Failed { step, because }),
        }
    }
}
