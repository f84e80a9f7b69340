//! What waits for a person: `approve` steps, and the hosts behind a canary.

use super::conditions;
use super::decide::Desk;
use super::event::{Approval, Event, HostEvent, Ms, RunEvent, StepEvent, Stop, What};
use super::model::{Job, Stage, Standing, Work};
use crate::plan::model::{Plan, TargetIx};
use crate::playbook::model::{ApproveScope, StepKind, Then};

/// So long does a run wait for a person: for the word that lets it go on behind the canary, and for what to do at a
/// failure.
pub const PATIENCE_MS: Ms = 24 * 3_600_000;

/// One thing that a person may approve of now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    pub what: Approval,
    /// Whose step it is; None: of the run.
    pub host: Option<TargetIx>,
    /// What the person is asked.
    pub question: String,
    pub deadline: Ms,
}

/// Everything that waits for a person, in the order of the plan.
pub fn pending(plan: &Plan, job: &Job) -> Vec<Pending> {
    let mut all: Vec<Pending> = Vec::new();
    if canary_is_through(plan, job) && job.current(plan).first.is_some_and(|first| first.then == Then::Ask) {
        let question = canary_question(plan, job);
        let deadline = job.progress_at + PATIENCE_MS;
        all.push(Pending { what: Approval::Others, host: None, question, deadline });
    }
    for (host, state) in job.hosts.iter().enumerate() {
        let Some((work, step)) = state.working().and_then(|work| Some((work, job.step(plan, work.step)?))) else {
            continue;
        };
        if step.kind != StepKind::Approve || !matches!(work.stage, Stage::Running { .. }) {
            continue;
        }
        let of = (step.scope != Some(ApproveScope::Rest)).then_some(host);
        let what = Approval::Step { step: work.step, host: of };
        if job.approved_by(host, work.step).is_none() {
            let question = step.message.clone().unwrap_or_default();
            all.push(Pending { what, host: Some(host), question, deadline: deadline(job, work, step.timeout_ms) });
        }
    }
    all
}

/// The canary's hosts have been opened, none is in work any more, and nobody has let the others follow.
pub fn canary_is_through(plan: &Plan, job: &Job) -> bool {
    holds_the_others(plan, job) && !job.hosts.busy() && job.waits(plan)
}

fn canary_question(plan: &Plan, job: &Job) -> String {
    let begun = job.here(plan).filter(|host| host.opened_at.is_some() && host.already.is_none());
    let done = begun.clone().filter(|host| host.standing == Standing::Done && !host.unproved).count();
    let left = job.here(plan).filter(|host| !host.ended()).count();
    format!("the canary is through, {done} of {} done; shall the other {left} follow?", begun.count())
}

/// May no further host open because the canary is not over?
pub fn holds_the_others(plan: &Plan, job: &Job) -> bool {
    job.current(plan).first.is_some_and(|first| !job.first_over && job.begun(plan) >= first.hosts)
}

/// The events of an approval; `host`: only what waits for this host.
pub fn approve(plan: &Plan, job: &Job, host: Option<TargetIx>, by: &str) -> Vec<RunEvent> {
    let mut what: Vec<Approval> = pending(plan, job)
        .into_iter()
        .filter(|pending| host.is_none() || pending.host == host)
        .map(|pending| pending.what)
        .collect();
    what.dedup();
    what.into_iter().map(|what| RunEvent::Approved { what, by: by.to_owned(), plan: job.plan.clone() }).collect()
}

/// The canary is through: the others follow at once, after a word, or with the next `resume`.
pub(super) fn others(desk: &mut Desk) {
    let (plan, job) = (desk.frame.plan, desk.job);
    let Some(first) = desk.job.current(plan).first.filter(|_| canary_is_through(plan, job)) else { return };
    if desk.frame.calm {
        let (what, by) = (Approval::Others, String::new());
        return desk.run(RunEvent::Approved { what, by, plan: job.plan.clone() });
    }
    let end = job.progress_at + PATIENCE_MS;
    match first.then {
        Then::Stop => desk.run(RunEvent::Stopping { why: Stop::First { hosts: first.hosts } }),
        Then::Ask if desk.now >= end => {
            desk.run(RunEvent::Stopping { why: Stop::NotApproved { waited_ms: PATIENCE_MS } });
        }
        Then::Ask => desk.decision.wake(end),
    }
}

/// A host at its `approve` step.
pub(super) fn wait(desk: &mut Desk, host: TargetIx, work: &Work) {
    let (step, attempt) = (work.step, work.attempt);
    if desk.frame.calm {
        return desk.step(host, step, StepEvent::Passed { attempt, proof: "not asked".into() });
    }
    if let Some(by) = desk.job.approved_by(host, step) {
        let proof = format!("approved by {by}");
        return desk.step(host, step, StepEvent::Passed { attempt, proof });
    }
    let end = deadline(desk.job, work, desk.frame.plan.steps[step].timeout_ms);
    let late = desk.now >= end;
    let disrupted = desk.job.hosts[host].disrupted;
    // a host that is out is not left so because the run stops: there is still time to say yes
    if !late && (desk.job.stopping.is_none() || disrupted) {
        return desk.decision.wake(end);
    }
    let because = if late { "nobody approved in time" } else { "the run stops, and nobody has approved" };
    let plan = desk.frame.plan;
    let untouched = (desk.frame.phase(desk.job).from..step)
        .all(|before| plan.steps[before].kind == StepKind::Until || conditions::never(plan, host, before));
    if untouched && !disrupted {
        desk.host(host, HostEvent::PutBack { because: because.into() });
    } else {
        desk.host(host, HostEvent::Failed { step, because: format!("`approve`: {because}") });
    }
    // several hosts may be late at the same moment
    let stops = |event: &Event| matches!(event.what, What::Run(RunEvent::Stopping { .. }));
    if late && desk.job.stopping.is_none() && !desk.decision.events.iter().any(stops) {
        let waited_ms = desk.frame.plan.steps[step].timeout_ms;
        desk.run(RunEvent::Stopping { why: Stop::NotApproved { waited_ms } });
    }
}

/// When a person who is asked about a failed step must have answered; counted anew when the run is taken up again.
pub(super) fn answer_by(job: &Job, work: &Work) -> Ms {
    work.since.max(job.session_at) + PATIENCE_MS
}

fn deadline(job: &Job, work: &Work, timeout_ms: Ms) -> Ms {
    work.started.max(job.session_at) + timeout_ms
}

/// Did the run end because an approval is missing, and nothing worse?
pub(super) fn missing(job: &Job) -> bool {
    let waits = job.hosts.iter().any(|host| host.standing == Standing::Waiting);
    waits && matches!(job.stopping, Some(Stop::NotApproved { .. }))
}
