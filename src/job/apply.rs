//! One transition table guards the live run and the recovery: `apply` is the only way a `Job` changes.

use super::event::{Approval, End, Event, HostEvent, Ms, Resolution, RunEvent, SetupEvent, StepEvent, Stop, What};
use super::model::{Expect, HostState, Job, SetupState, Stage, Standing, UndoState, Work};
use super::undo;
use crate::plan::model::{Plan, TargetIx};
use crate::playbook::model::{StepKind, TakesDown};

/// An event that cannot follow what is already in the journal: the journal is damaged, or this program is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal says `{event}` where {state} (event at {at})")]
pub struct IllegalTransition {
    pub event: String,
    pub state: String,
    pub at: Ms,
}

/// Takes one event in. On an error the job is unchanged.
pub fn apply(plan: &Plan, job: &mut Job, event: &Event) -> Result<(), IllegalTransition> {
    let illegal = |state: String| IllegalTransition { event: format!("{:?}", event.what), state, at: event.at };
    let after_the_end =
        matches!(event.what, What::Run(RunEvent::Started { .. } | RunEvent::Approved { .. }) | What::Host { .. });
    if job.ended.is_some() && !after_the_end {
        return Err(illegal("the run has ended".into()));
    }
    match &event.what {
        What::Run(run) => apply_run(plan, job, run, event.at).map_err(illegal),
        What::Setup { index, event: setup } => {
            let Some(state) = job.setup.get_mut(*index) else {
                return Err(illegal("there is no such setup step".into()));
            };
            apply_setup(state, setup, event.at).map_err(illegal)
        }
        What::Host { host, event: what } => {
            let Some(state) = job.hosts.get(*host) else { return Err(illegal("there is no such host".into())) };
            let next = apply_host(state, what, job.current(plan).from, event.at).map_err(illegal)?;
            if next.in_work() != state.in_work() || next.ended() != state.ended() || next.out() != state.out() {
                job.progress_at = event.at;
            }
            job.opened += u32::from(matches!(what, HostEvent::Opened));
            if matches!(what, HostEvent::AlreadyDone { .. } | HostEvent::PutBack { .. }) {
                job.opened = job.opened.saturating_sub(1);
            }
            job.hosts.put(*host, next);
            Ok(())
        }
        What::Step { host, step, event: what } => {
            let Some(state) = job.hosts.get(*host) else { return Err(illegal("there is no such host".into())) };
            if *step >= plan.steps.len() {
                return Err(illegal("there is no such step".into()));
            }
            if matches!(what, StepEvent::UndoStarted { .. } | StepEvent::UndoEnded { .. }) {
                let next = undo::apply(state, *step, what, job.current(plan).to, event.at).map_err(illegal)?;
                if next.out() != state.out() {
                    job.progress_at = event.at;
                }
                job.hosts.put(*host, next);
                return Ok(());
            }
            let owes = plan.hosts[*host].words[*step].undo.is_some();
            let mut next = apply_step(plan, state, (*host, *step), what, event.at).map_err(illegal)?;
            if let (true, StepEvent::Started { attempt }) = (owes, what) {
                undo::owe(&mut next, *step, *attempt);
            }
            job.hosts.put(*host, next);
            Ok(())
        }
    }
}

fn apply_run(plan: &Plan, job: &mut Job, event: &RunEvent, at: Ms) -> Result<(), String> {
    match event {
        RunEvent::Started { session, plan, attended, .. } => {
            if *session != job.session + 1 {
                return Err(format!("session {} is the last", job.session));
            }
            // setup runs again on resume, and what was undone is to be done again
            job.setup.fill(SetupState::Pending);
            job.plan.clone_from(plan);
            job.attended = *attended;
            (job.session, job.session_at, job.progress_at, job.began_at) = (*session, at, at, at);
            (job.checked, job.stopping, job.ended, job.opened) = (false, None, None, 0);
        }
        RunEvent::Warned { .. } | RunEvent::LockBroken { .. } => {}
        RunEvent::Checked => job.checked = true,
        RunEvent::Phase { phase } => next_phase(plan, job, *phase, at)?,
        RunEvent::Approved { what, by, .. } => {
            job.approved.insert(*what, by.clone());
            job.first_over |= *what == Approval::Others;
            job.progress_at = at;
        }
        RunEvent::Refused { .. } => {
            if job.checked {
                return Err("the start checks had held".into());
            }
        }
        RunEvent::Stopping { why } => {
            if job.stopping.is_some() && !matches!(why, Stop::Killed { .. }) {
                return Err("it is stopping already".into());
            }
            job.first_over |= matches!(why, Stop::First { .. });
            job.stopping = Some(why.clone());
        }
        RunEvent::Ended { outcome } => job.ended = Some(*outcome),
    }
    Ok(())
}

/// Hosts begin anew in the next phase; one that the operator passed over stays so.
fn next_phase(plan: &Plan, job: &mut Job, phase: usize, at: Ms) -> Result<(), String> {
    if phase != job.phase + 1 || phase >= plan.phases.len() || !job.through(plan) {
        return Err(format!("phase {} goes on", job.phase));
    }
    job.phase = phase;
    for target in &plan.phases[phase].hosts {
        if !job.hosts[*target].settled {
            let before = &job.hosts[*target];
            let through = before.through + usize::from(before.ended());
            // (what could not be taken back stays named)
            let mut undos = before.undos.clone();
            undos.retain(|_, undo| matches!(undo.state, UndoState::Failed { .. }));
            job.hosts.put(*target, HostState { through, undos, ..HostState::default() });
        }
    }
    (job.checked, job.first_over) = (false, false);
    job.approved.remove(&Approval::Others);
    (job.began_at, job.progress_at) = (at, at);
    Ok(())
}

fn apply_setup(state: &mut SetupState, event: &SetupEvent, at: Ms) -> Result<(), String> {
    let next = match (&*state, event) {
        (SetupState::Pending, SetupEvent::Started) => SetupState::Running { since: at },
        (SetupState::Running { .. }, SetupEvent::Ended { end }) if end.ok() => SetupState::Succeeded,
        (SetupState::Running { .. }, SetupEvent::Ended { end }) => SetupState::Failed { end: end.clone() },
        (SetupState::Succeeded | SetupState::Failed { .. }, SetupEvent::UndoStarted) => {
            SetupState::Undoing { since: at }
        }
        (SetupState::Undoing { .. }, SetupEvent::UndoEnded { end }) if end.ok() => SetupState::Undone,
        (SetupState::Undoing { .. }, SetupEvent::UndoEnded { end }) => SetupState::UndoFailed { end: end.clone() },
        (was, _) => return Err(format!("the setup step is {was:?}")),
    };
    *state = next;
    Ok(())
}

/// `from`: the first step of the phase that goes on.
fn apply_host(state: &HostState, event: &HostEvent, from: usize, at: Ms) -> Result<HostState, String> {
    let mut next = state.clone();
    match (&state.standing, event) {
        (Standing::Waiting, HostEvent::Opened) => {
            next.standing = ready(from, 1, at);
            next.opened_at = Some(at);
        }
        (Standing::Working(_), HostEvent::Baseline(baseline)) if state.baseline.is_none() => {
            next.baseline = Some(baseline.clone());
        }
        (Standing::Working(_), HostEvent::Settling) => next.standing = Standing::Settling { since: at },
        (Standing::Working(_) | Standing::Settling { .. }, HostEvent::Done) => {
            (next.standing, next.ended_at) = (Standing::Done, Some(at));
            // a chain that ends without a gate leaves the host out, whatever it was meant to do
            next.unproved = next.disrupted;
        }
        // only before anything was done: the first step, or the one behind `until`
        (Standing::Working(_), HostEvent::AlreadyDone { because }) if !state.disrupted => {
            (next.standing, next.ended_at) = (Standing::Done, Some(at));
            next.already = Some(because.clone());
        }
        (Standing::Working(_), HostEvent::PutBack { .. }) if !state.disrupted => {
            let undos = state.undos.clone();
            next = HostState { through: state.through, undos, ..HostState::default() };
        }
        (Standing::Working(_), HostEvent::Failed { step, because }) => {
            next.standing = Standing::Failed { step: *step, because: because.clone() };
            (next.ended_at, next.unproved) = (Some(at), true);
        }
        (Standing::Working(_), HostEvent::Lost { step, because }) => {
            next.standing = Standing::Lost { step: *step, because: because.clone() };
            (next.ended_at, next.unproved) = (Some(at), true);
        }
        (Standing::Waiting, HostEvent::Skipped { because }) => {
            (next.standing, next.ended_at) = (Standing::Skipped { because: because.clone() }, Some(at));
        }
        // blocked before its first disruptive step: it was never taken out
        (Standing::Working(_), HostEvent::Skipped { because }) if !state.disrupted => {
            (next.standing, next.ended_at) = (Standing::Skipped { because: because.clone() }, Some(at));
        }
        (_, HostEvent::Warned { .. }) => {}
        (_, HostEvent::Back) if state.unproved => {
            untouched(&mut next);
            next.unproved = false;
        }
        (_, HostEvent::Resolved { how, .. }) => resolve(&mut next, *how, at)?,
        (was, _) => return Err(format!("the host is {was:?}")),
    }
    Ok(next)
}

/// Settles what is done next; never makes a host up.
fn resolve(host: &mut HostState, how: Resolution, at: Ms) -> Result<(), String> {
    let (step, because) = match &host.standing {
        Standing::Failed { step, because } | Standing::Lost { step, because } => (*step, because.clone()),
        Standing::Working(work) if matches!(work.stage, Stage::Doubt { .. } | Stage::Probed { .. }) => {
            (work.step, "its end was not seen".into())
        }
        Standing::Working(Work { step, stage: Stage::Asked { because, .. }, .. }) => (*step, because.clone()),
        Standing::Skipped { .. } if how == Resolution::Retry && host.opened_at.is_none() => {
            (host.standing, host.ended_at) = (Standing::Waiting, None);
            return Ok(());
        }
        Standing::Skipped { .. } if how == Resolution::Skip => {
            host.settled = true;
            return Ok(());
        }
        // nobody has begun with it, and nobody will
        Standing::Waiting if how == Resolution::Skip => {
            host.standing = Standing::Skipped { because: "left out by the operator".into() };
            (host.settled, host.ended_at) = (true, Some(at));
            return Ok(());
        }
        // from before its first disruptive step it may simply wait for its turn again
        Standing::Skipped { .. } if how == Resolution::Retry && !host.unproved => {
            *host = HostState::default();
            return Ok(());
        }
        was => return Err(format!("the host is {was:?}")),
    };
    let in_work = host.in_work();
    match how {
        Resolution::Done => (host.standing, host.attempts) = (ready(step + 1, 1, at), 0),
        Resolution::Retry => {
            host.standing = Standing::Working(Work {
                step,
                attempt: host.attempts + 1,
                stage: Stage::Again,
                since: at,
                started: at,
            });
        }
        Resolution::Failed => {
            host.standing = Standing::Failed { step, because };
            stays_out(host, in_work, at);
        }
        Resolution::Skip => {
            host.standing = Standing::Skipped { because: format!("by the operator, after: {because}") };
            stays_out(host, in_work, at);
        }
    }
    host.settled = how == Resolution::Skip;
    if matches!(how, Resolution::Done | Resolution::Retry) {
        undo::redo(host, how, at);
    }
    // Done and Retry go on with the chain: out through `in_work`, and unproved until the gate
    Ok(())
}

/// A host that was in work until a person settled it is out until its gate passes; one that had ended is what it was.
fn stays_out(host: &mut HostState, in_work: bool, at: Ms) {
    if in_work {
        (host.ended_at, host.unproved) = (Some(at), true);
    }
}

fn ready(step: usize, attempt: u32, at: Ms) -> Standing {
    Standing::Working(Work { step, attempt, stage: Stage::Ready, since: at, started: at })
}

/// This attempt at a step begins: from now on the host may be out.
fn disrupt(plan: &Plan, host: &mut HostState, (step, attempt): (usize, u32), at: Ms) {
    let takes = plan.steps[step].takes_down;
    host.expect.add(takes, at);
    if takes != TakesDown::Nothing && !host.disrupted {
        (host.disrupted, host.disrupted_by) = (true, Some((step, attempt)));
    }
}

/// Nothing that this run did has it out.
fn untouched(host: &mut HostState) {
    (host.disrupted, host.disrupted_by, host.baseline, host.expect) = (false, None, None, Expect::default());
}

fn apply_step(
    plan: &Plan,
    state: &HostState,
    (host, step): (TargetIx, usize),
    event: &StepEvent,
    at: Ms,
) -> Result<HostState, String> {
    let Standing::Working(work) = &state.standing else { return Err(format!("the host is {:?}", state.standing)) };
    if work.step != step {
        return Err(format!("the host is at step {}", work.step));
    }
    let mut next = state.clone();
    let to =
        |stage: Stage, attempt: u32, started: Ms| Standing::Working(Work { step, attempt, stage, since: at, started });
    match (&work.stage, event) {
        (Stage::Ready | Stage::Again | Stage::Doubt { .. } | Stage::Probed { .. }, StepEvent::Started { attempt }) => {
            if *attempt < work.attempt {
                return Err(format!("attempt {} is the last", work.attempt));
            }
            // what only looks is looked at until one deadline; another try of anything else has its own
            let again = plan.steps[step].kind.looks() && !matches!(work.stage, Stage::Ready);
            next.standing = to(Stage::Running { pid: None }, *attempt, if again { work.started } else { at });
            next.attempts = *attempt;
            disrupt(plan, &mut next, (step, *attempt), at);
        }
        (Stage::Ended { .. }, StepEvent::Started { attempt }) if *attempt > work.attempt => {
            let started = if plan.steps[step].kind.looks() { work.started } else { at };
            next.standing = to(Stage::Running { pid: None }, *attempt, started);
            next.attempts = *attempt;
            disrupt(plan, &mut next, (step, *attempt), at);
        }
        (Stage::Running { .. }, StepEvent::Spawned { attempt, pid }) if *attempt == work.attempt => {
            next.standing = to(Stage::Running { pid: Some(*pid) }, work.attempt, work.started);
        }
        (Stage::Running { .. }, StepEvent::Ended { attempt, end, registered }) if *attempt == work.attempt => {
            if let (Some(name), Some(value)) = (&plan.steps[step].register, registered) {
                next.vars.insert(name.clone(), value.clone());
            }
            let stage = match end.known() {
                true => Stage::Ended { end: end.clone() },
                false => Stage::Doubt { end: end.clone() },
            };
            next.standing = to(stage, work.attempt, work.started);
            if end.never_was() {
                undo::never_was(&mut next, step, work.attempt);
                // what was seen before this was ordered grows old: it is taken out by what is seen then, or not at all
                if next.disrupted_by == Some((step, work.attempt)) {
                    untouched(&mut next);
                }
            }
            // (those that share a fate begin together: a person has them all tried again)
            if *end == End::NeverBegan && plan.group(plan.hosts[host].node).is_none() {
                next.standing = ready(step, work.attempt + 1, at);
            } else if plan.steps[step].takes_down == TakesDown::Unknown {
                next.expect.unknown_until = Some(at);
            }
        }
        (Stage::Doubt { end }, StepEvent::Probing { .. }) => {
            next.standing = to(Stage::Probing { end: end.clone() }, work.attempt, work.started);
        }
        (Stage::Probing { end }, StepEvent::Probed { end: probe, .. }) => {
            next.standing = to(Stage::Probed { end: end.clone(), probe: probe.clone() }, work.attempt, work.started);
        }
        (stage, StepEvent::Asked { because, lost, .. }) if !matches!(stage, Stage::Asked { .. }) => {
            next.standing = to(Stage::Asked { because: because.clone(), lost: *lost }, work.attempt, work.started);
        }
        (Stage::Ready | Stage::Again, StepEvent::LeftOut { .. }) => {
            undo::next(&mut next, step + 1, at);
        }
        (_, StepEvent::Passed { .. }) => {
            if plan.steps[step].kind == StepKind::WaitUp {
                // proved back: what comes after is a new outage with a baseline of its own
                untouched(&mut next);
                next.unproved = false;
            }
            undo::next(&mut next, step + 1, at);
        }
        (_, StepEvent::Tolerated { .. }) => undo::next(&mut next, step + 1, at),
        (was, _) => return Err(format!("the step is {was:?}")),
    }
    Ok(next)
}
