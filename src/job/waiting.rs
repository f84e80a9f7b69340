//! What a run waits for, for whom and until when: read off the same state that `decide` reads.

use super::event::Ms;
use super::group::Barrier;
use super::heard::View;
use super::model::{Job, Stage, Standing};
use super::open::Round;
use super::rules::Frame;
use super::takeout::{self, Takeout};
use super::{approval, brake, gate, group};
use crate::plan::model::{NodeIx, TargetIx};
use crate::playbook::model::StepKind;
use std::collections::BTreeSet;

/// One wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// None: the whole run waits (start checks).
    pub host: Option<TargetIx>,
    pub step: Option<usize>,
    /// What for, with what was last said.
    pub what: String,
    /// Nodes whose answers are out.
    pub asked: Vec<NodeIx>,
    pub since: Ms,
    /// After this it ends by itself.
    pub deadline: Option<Ms>,
    /// A person is waited for.
    pub person: bool,
}

/// Everything that is waited for now: hosts in work first, then those that wait for their turn (at most `most`).
pub fn waiting(frame: &Frame, job: &Job, view: &View, now: Ms, most: usize) -> Vec<Waiting> {
    if job.session > 0 && !job.checked && job.ended.is_none() {
        let what = super::begin::why_not(frame, job, view, now).unwrap_or_default();
        return vec![Waiting {
            host: None,
            step: None,
            what: format!("the start checks: {what}"),
            asked: vec![],
            since: job.session_at,
            deadline: Some(job.began_at + super::begin::DEADLINE_MS),
            person: false,
        }];
    }
    let mut all: Vec<Waiting> = approval::pending(frame.plan, job)
        .into_iter()
        .filter(|pending| pending.host.is_none() && job.stopping.is_none())
        .map(|pending| Waiting {
            host: None,
            step: None,
            what: approval_words(&pending.question),
            asked: vec![],
            since: job.progress_at,
            deadline: Some(pending.deadline),
            person: true,
        })
        .collect();
    if !all.is_empty() {
        return all;
    }
    all.extend((0..job.hosts.len()).filter_map(|host| in_work(frame, job, view, host, now)));
    all.extend((0..job.hosts.len()).filter_map(|host| undoing(frame, job, host)));
    if job.stopping.is_none() && job.ended.is_none() {
        let waits = job.waiting(frame.plan);
        all.extend(waits.take(most).map(|host| turn(frame, job, view, host, now)));
    }
    all
}

/// Why a host that waits for its turn does not open now.
pub fn turn(frame: &Frame, job: &Job, view: &View, host: TargetIx, now: Ms) -> Waiting {
    let node = frame.plan.hosts[host].node;
    let mut asked = vec![];
    if !job.current(frame.plan).hosts.contains(&host) {
        let what = "a later phase of the plan: none that has begun works on it".into();
        let since = job.progress_at;
        return Waiting { host: Some(host), step: None, what, asked, since, deadline: None, person: false };
    }
    let held = brake::why(frame.plan, view, job.began_at, now).map(|why| format!("this to change: {why}"));
    let what = match Round::new(frame, job).hold(host) {
        _ if held.is_some() => held.unwrap_or_default(),
        Some(hold) => hold.awaited(frame, job, node),
        None => match takeout::judge(frame, job, view, (node, now), &frame.out(job)) {
            Takeout::Ready(..) => "nothing: it may open".into(),
            Takeout::Open(needs) => {
                asked = Vec::from_iter(needs.iter().map(|need| need.asked.0).collect::<BTreeSet<_>>());
                match takeout::last_heard(frame, job, view, node, now) {
                    Some(why) => format!("this to change: {why}"),
                    None => "answers of its neighbours and observers".into(),
                }
            }
            Takeout::Blocked { why, .. } => format!("this to change: {why}"),
        },
    };
    // while somebody works, nobody gives up
    let idle = !job.hosts.busy();
    let deadline = idle.then_some(job.progress_at + frame.plan.blocked_timeout_ms);
    Waiting { host: Some(host), step: None, what, asked, since: job.progress_at, deadline, person: false }
}

/// `rollbook approve` is the word that every reader can give; at a terminal `yes` does.
fn approval_words(question: &str) -> String {
    format!("an approval (`rollbook approve RUN`, or type `yes`): {question}")
}

/// What a person at a failure is told; at the terminal the word alone does where one host waits.
fn answer_words(because: &str) -> String {
    format!(
        "a person (type `retry`, `done` or `failed`, with the address where several wait; elsewhere `rollbook resolve \
         RUN HOST --as retry|done|failed`): {because}"
    )
}

fn undoing(frame: &Frame, job: &Job, host: TargetIx) -> Option<Waiting> {
    let (step, _, since) = job.hosts[host].running_undo()?;
    let deadline = Some(since + frame.plan.steps[step].timeout_ms);
    let what = "the end of its undo".to_string();
    Some(Waiting { host: Some(host), step: Some(step), what, asked: vec![], since, deadline, person: false })
}

fn in_work(frame: &Frame, job: &Job, view: &View, host: TargetIx, now: Ms) -> Option<Waiting> {
    let state = &job.hosts[host];
    if let Standing::Settling { since } = state.standing {
        let deadline = Some(since + frame.phase(job).grace_ms);
        let what = "the end of its grace".to_string();
        return Some(Waiting { host: Some(host), step: None, what, asked: vec![], since, deadline, person: false });
    }
    let work = state.working()?;
    let step = job.step(frame.plan, work.step)?;
    let what = match (&work.stage, gate::terms(frame, job, host)) {
        (Stage::Running { .. }, Some(terms)) => {
            let gate = gate::current(view, host, terms);
            let said = if gate.verdict.is_empty() { "nothing heard yet".to_string() } else { gate.verdict.to_string() };
            format!("its gate ({} of {} good polls): {said}", gate.held, terms.stable)
        }
        (Stage::Running { .. }, None) if step.kind == StepKind::Approve => {
            approval_words(step.message.as_deref().unwrap_or_default())
        }
        (Stage::Ended { end }, _) if step.kind.looks() => format!("another look ({})", end.words()),
        (Stage::Running { .. }, None) => format!("the end of `{}`", step.name),
        (Stage::Ended { end }, _) => format!("proof of `{}` ({})", step.name, end.words()),
        (Stage::Doubt { end }, _) => format!("whether `{}` was done ({})", step.name, end.words()),
        (Stage::Probing { .. } | Stage::Probed { .. }, _) => format!("the probe of `{}`", step.name),
        (Stage::Asked { because, .. }, _) => answer_words(because),
        (Stage::Ready | Stage::Again, _) => match group::barrier(frame, job, host, work.step) {
            Barrier::Wait(other) => {
                let other = frame.address(frame.plan.hosts[other].node);
                format!("{other}, of its group, before `{}`", step.name)
            }
            _ => {
                // others may have changed the cluster since its turn began
                let before = format!("the gate before `{}`", step.name);
                let judged = step.disruptive() && !state.disrupted;
                let node = frame.plan.hosts[host].node;
                let why = match judged.then(|| takeout::judge(frame, job, view, (node, now), &frame.out(job))) {
                    Some(Takeout::Blocked { why, .. }) => Some(why),
                    Some(Takeout::Open(_)) => takeout::last_heard(frame, job, view, node, now),
                    _ => None,
                };
                match why {
                    Some(why) => format!("{before}: {why}"),
                    None => before,
                }
            }
        },
    };
    if let Stage::Asked { because, .. } = &work.stage {
        let deadline = Some(approval::answer_by(job, work));
        let (what, step) = (answer_words(because), Some(work.step));
        let since = work.since;
        return Some(Waiting { host: Some(host), step, what, asked: vec![], since, deadline, person: true });
    }
    let deadline = Some(work.started.max(job.session_at) + step.timeout_ms);
    let (since, person) = (work.started, step.kind == StepKind::Approve);
    Some(Waiting { host: Some(host), step: Some(work.step), what, asked: vec![], since, deadline, person })
}
