//! One sentence an event, one small renderer a subject.

use crate::job::event::{
    Approval, Baseline, End, Event, HostEvent, Outcome, Resolution, RunEvent, SetupEvent, StepEvent, Stop, What,
};
use crate::plan::model::{Plan, TargetIx};

/// What happened, without its time: `10.77.0.11 drain: passed, Mode: DRAINED`.
pub fn sentence(plan: &Plan, event: &Event) -> String {
    match &event.what {
        What::Run(run) => run_sentence(plan, run),
        What::Host { host, event } => format!("{} {}", address(plan, *host), host_sentence(plan, event)),
        What::Step { host, step, event } => {
            format!("{} {}: {}", address(plan, *host), step_name(plan, *step), step_sentence(plan, *host, *step, event))
        }
        What::Setup { index, event } => format!("{}: {}", plan.setup_name(*index), setup_sentence(plan, *index, event)),
    }
}

pub(super) fn address(plan: &Plan, host: TargetIx) -> String {
    match plan.hosts.get(host) {
        Some(target) => plan.nodes[target.node].address.to_string(),
        None => format!("host {host}"),
    }
}

pub(super) fn step_name(plan: &Plan, step: usize) -> &str {
    plan.steps.get(step).map_or("the end of the chain", |step| &step.name)
}

fn run_sentence(plan: &Plan, event: &RunEvent) -> String {
    match event {
        RunEvent::Started { session, plan: hash, reason, by, .. } => {
            let again = if *session > 1 { format!(" again (session {session})") } else { String::new() };
            let why = reason.as_ref().map(|reason| format!(", because: {reason}")).unwrap_or_default();
            format!("started{again} by {by}, plan {hash}{why}")
        }
        RunEvent::Approved { what, by, plan: hash } => {
            format!("{by} approves: {} (plan {hash})", approval_words(plan, *what))
        }
        RunEvent::Warned { because } => format!("warning: {because}"),
        RunEvent::Checked => "the start checks hold".into(),
        RunEvent::Phase { phase } => format!("{} begins", phase_name(plan, *phase)),
        RunEvent::Refused { because } => format!("refused, the start checks do not hold: {because}"),
        RunEvent::Stopping { why } => format!("stopping: {}", stop_words(plan, why)),
        RunEvent::Ended { outcome } => format!("ended: {}", outcome_words(*outcome)),
        RunEvent::LockBroken { by, reason } => format!("{by} broke its lock, because: {reason}"),
    }
}

/// `phase 2 of 3 (restart)`
pub(super) fn phase_name(plan: &Plan, phase: usize) -> String {
    let name = plan.phases.get(phase).and_then(|phase| phase.name.as_deref()).unwrap_or("unnamed");
    format!("phase {} of {} ({name})", phase + 1, plan.phases.len())
}

fn approval_words(plan: &Plan, what: Approval) -> String {
    match what {
        Approval::Others => "the hosts behind the canary may begin".into(),
        Approval::Step { step, host: Some(host) } => format!("{} of {}", step_name(plan, step), address(plan, host)),
        Approval::Step { step, host: None } => format!("{} of every host", step_name(plan, step)),
    }
}

pub(super) fn stop_words(plan: &Plan, why: &Stop) -> String {
    match why {
        Stop::Asked { by } => format!("asked by {by}; no further host opens, hosts in work finish"),
        Stop::Killed { by } => format!("told again by {by}; what runs is ended"),
        Stop::After { hosts } => {
            format!(
                "--stop-after: {hosts} {} to be opened in one go",
                if *hosts == 1 { "host was" } else { "hosts were" }
            )
        }
        Stop::Failures { failed, allowed } => {
            format!("{failed} failed or in doubt, {allowed} allowed; no further host opens, hosts in work finish")
        }
        Stop::Drift { differences } => {
            format!("the cluster is no longer the one of the plan: {}", differences.join("; "))
        }
        Stop::Gate { name, because } => format!("gate `{name}` was closed for too long: {because}"),
        Stop::Lock { because } => format!("nobody confirmed the lock for too long: {because}"),
        Stop::First { hosts: 1 } => "the canary is through".into(),
        Stop::First { hosts } => format!("the canary, {hosts} hosts, is through"),
        Stop::NotApproved { waited_ms } => format!("nobody approved within {}", super::duration(*waited_ms)),
        Stop::Setup { index } if plan.setup[*index].lock => "the lock was not to be had".into(),
        Stop::Setup { index } => format!("{} failed", plan.setup_name(*index)),
    }
}

pub(super) fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "nothing is left to do",
        Outcome::Failed => "a host failed or was skipped",
        Outcome::Stopped => "stopped, hosts are left to do",
        Outcome::Refused => "the start checks do not hold: no further host is begun",
        Outcome::Stale => "the plan is stale",
        Outcome::InDoubt => "a host is in doubt",
        Outcome::Killed => "ended by a second signal",
        Outcome::NotApproved => "stopped, an approval is missing",
        Outcome::Locked => "locked out: another has the lock of the playbook",
    }
}

fn host_sentence(plan: &Plan, event: &HostEvent) -> String {
    match event {
        HostEvent::Opened => "opened".into(),
        HostEvent::Warned { because } => format!("warning: {because}"),
        HostEvent::Baseline(baseline) => format!("before: {}", baseline_words(baseline)),
        HostEvent::Settling => "passed its gate, grace runs".into(),
        HostEvent::Done => "done".into(),
        HostEvent::AlreadyDone { because } => format!("passed over: {because}"),
        HostEvent::PutBack { because } => format!("put back, nothing was done to it: {because}"),
        HostEvent::Failed { step, because } => format!("failed at {}: {because}", step_name(plan, *step)),
        HostEvent::Lost { step, because } => format!("in doubt at {}: {because}", step_name(plan, *step)),
        HostEvent::Skipped { because } => format!("skipped: {because}"),
        HostEvent::Back => "is back: its gate passed".into(),
        HostEvent::Resolved { how, by } => format!("settled by {by}: {}", resolution_words(*how)),
    }
}

fn resolution_words(how: Resolution) -> &'static str {
    match how {
        Resolution::Done => "the step counts as done",
        Resolution::Failed => "it counts as failed",
        Resolution::Retry => "the step is tried again",
        Resolution::Skip => "it is skipped",
    }
}

fn baseline_words(baseline: &Baseline) -> String {
    let known = [
        baseline.boot_id.as_ref().map(|id| format!("boot id {id}")),
        baseline.generation.map(|generation| format!("generation {generation}")),
        baseline.uptime_s.map(|uptime| format!("up {}", super::duration(uptime.saturating_mul(1000)))),
        baseline.transport.map(|on| format!("native transport {}", if on { "running" } else { "not running" })),
        baseline.release.as_ref().map(|release| format!("release {release}")),
    ];
    known.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn step_sentence(plan: &Plan, host: TargetIx, step: usize, event: &StepEvent) -> String {
    let nth = |attempt: &u32| if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
    match event {
        StepEvent::Started { attempt } => {
            let allowed = plan.steps.get(step).map_or(0, |step| step.timeout_ms);
            format!("started{} (allowed {})", nth(attempt), super::duration(allowed))
        }
        StepEvent::Spawned { pid, .. } => format!("runs as process {pid}"),
        StepEvent::Ended { end, registered: Some(value), .. } => {
            let name = plan.steps.get(step).and_then(|step| step.register.as_deref()).unwrap_or_default();
            format!("{}; host.vars.{name} is `{}`", end_words(end), value.escape_debug())
        }
        StepEvent::Ended { end, .. } => end_words(end),
        StepEvent::Passed { proof, .. } => format!("passed: {proof}"),
        StepEvent::Asked { because, lost, .. } => {
            format!("{}, and a person is asked: {because}", if *lost { "in doubt" } else { "failed" })
        }
        StepEvent::LeftOut { because } => format!("left out: {because}"),
        StepEvent::Tolerated { because, .. } => format!("failed, the chain goes on: {because}"),
        StepEvent::UndoStarted { attempt } => format!("undo started{}: {}", nth(attempt), undo_words(plan, host, step)),
        StepEvent::UndoEnded { end, .. } if end.ok() => "undone".into(),
        StepEvent::UndoEnded { end, .. } => {
            format!("undo failed ({}); type it yourself: {}", end.words(), undo_words(plan, host, step))
        }
        StepEvent::Probing { .. } => "its end is unknown; the probe was started".into(),
        StepEvent::Probed { end, .. } => format!("the probe says {}", end_words(end)),
    }
}

/// What takes a step of a host back, as it is typed.
pub(super) fn undo_words(plan: &Plan, host: TargetIx, step: usize) -> String {
    let words = plan.hosts.get(host).and_then(|host| host.words.get(step)?.undo.as_ref());
    words.map(|words| words.join(" ")).unwrap_or_default()
}

fn setup_sentence(plan: &Plan, index: usize, event: &SetupEvent) -> String {
    let words = |undo: bool| {
        let setup = plan.setup.get(index)?;
        Some(if undo { setup.undo.as_ref()? } else { &setup.run }.join(" "))
    };
    match event {
        SetupEvent::Started => format!("started: {}", words(false).unwrap_or_default()),
        SetupEvent::Ended { end } => end_words(end),
        SetupEvent::UndoStarted => format!("undo started: {}", words(true).unwrap_or_default()),
        SetupEvent::UndoEnded { end } if end.ok() => "undone".into(),
        SetupEvent::UndoEnded { end } => {
            format!("undo failed ({}); type it yourself: {}", end.words(), words(true).unwrap_or_default())
        }
    }
}

fn end_words(end: &End) -> String {
    end.words()
}
