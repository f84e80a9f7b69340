//! What a host's steps did is taken back when the host ends, in reverse order; and done again when it is taken up again.

use super::decide::Desk;
use super::event::{Ms, Resolution, StepEvent};
use super::model::{HostState, Job, Redo, Stage, Standing, Undo, UndoState, Work};
use super::rules::Frame;
use super::view::{Action, Task};
use crate::plan::model::TargetIx;

/// An undo that never began (rollbook ended before it did, or its words cannot be filled) is begun so often.
const TIMES: u32 = 2;

/// Takes back the next thing, one after the other. True while there is any.
pub(super) fn go_on(desk: &mut Desk, host: TargetIx) -> bool {
    let state = &desk.job.hosts[host];
    if desk.frame.calm || !state.owes_an_undo() {
        return false;
    }
    if awaits(desk, host) {
        return true;
    }
    if let Some((step, undo)) = state.undos.iter().rev().find(|(_, undo)| undo.state == UndoState::Owed) {
        let (step, attempt) = (*step, undo.times + 1);
        desk.step(host, step, StepEvent::UndoStarted { attempt });
        desk.act(Action::Spawn(Task::HostUndo { host, step, attempt }));
    }
    true
}

/// One runs: nothing else is done to the host before its end is known, not even when a person has it taken up again.
pub(super) fn awaits(desk: &mut Desk, host: TargetIx) -> bool {
    let Some((step, undo, since)) = desk.job.hosts[host].running_undo() else { return false };
    let task = Task::HostUndo { host, step, attempt: undo.times };
    desk.deadline(task, since + desk.frame.plan.steps[step].timeout_ms);
    true
}

/// Has it ended, or is it through its chain?
pub(super) fn is_due(frame: &Frame, job: &Job, host: TargetIx) -> bool {
    let state = &job.hosts[host];
    state.ended() || state.working().is_some_and(|work| work.step >= frame.phase(job).to)
}

/// A step with an undo was started: from now on its undo is owed, whatever becomes of the step.
pub(super) fn owe(host: &mut HostState, step: usize, attempt: u32) {
    let times = host.undos.get(&step).map_or(0, |undo| undo.times);
    host.undos.insert(step, Undo { attempt, times, state: UndoState::Owed });
}

/// The attempt at the step never was: where none was before it there is nothing to take back.
pub(super) fn never_was(host: &mut HostState, step: usize, attempt: u32) {
    let first = |undo: &Undo| undo.attempt == attempt && attempt == 1 && undo.times == 0;
    if host.undos.get(&step).is_some_and(first) {
        host.undos.remove(&step);
    }
}

/// Takes in that an undo started or ended; `to`: the end of the chain of the phase that goes on.
pub(super) fn apply(state: &HostState, step: usize, event: &StepEvent, to: usize, at: Ms) -> Result<HostState, String> {
    let mut next = state.clone();
    let through = state.ended() || state.working().is_some_and(|work| work.step >= to);
    // (journals of before have undos of what never was)
    let undo = next.undos.entry(step).or_insert(Undo { attempt: 1, times: 0, state: UndoState::Owed });
    match (&undo.state, event) {
        (UndoState::Owed, StepEvent::UndoStarted { attempt }) if through && *attempt == undo.times + 1 => {
            (undo.times, undo.state) = (*attempt, UndoState::Running { since: at });
        }
        (UndoState::Running { .. }, StepEvent::UndoEnded { attempt, end }) if *attempt == undo.times => {
            undo.state = match end {
                end if end.never_was() && *attempt < TIMES => UndoState::Owed,
                end if end.ok() => UndoState::Done,
                end => UndoState::Failed { end: end.clone() },
            };
        }
        (was, _) => return Err(format!("the undo is {was:?}")),
    }
    if matches!(undo.state, UndoState::Done | UndoState::Failed { .. }) && !through {
        // it was taken up again while this ran: only now is it known what is to be done again
        redo(&mut next, Resolution::Retry, at);
    }
    Ok(next)
}

/// A host that had ended goes on: what was taken back is done again first.
pub(super) fn redo(host: &mut HostState, how: Resolution, at: Ms) {
    let Standing::Working(work) = &host.standing else { return };
    let settled = work.step;
    // taken up while it did again what had been taken back: behind that it goes on where it was to go on
    let (then, done) = match (host.redo.take(), how) {
        (Some(redo), Resolution::Done) => (redo.then, settled.checked_sub(1)),
        (Some(redo), _) => (redo.then, None),
        (None, Resolution::Done) => (work.clone(), settled.checked_sub(1)),
        (None, _) => (work.clone(), None),
    };
    for (step, undo) in &mut host.undos {
        // what a person vouches for, and what could not be taken back, is to be taken back again (what is just being taken
        // back is seen to when that has ended)
        let running = matches!(undo.state, UndoState::Running { .. });
        if (Some(*step) == done && !running) || matches!(undo.state, UndoState::Failed { .. }) {
            undo.state = UndoState::Owed;
        }
    }
    let again = host.undos.iter().filter(|(step, undo)| undo.state == UndoState::Done && **step < then.step);
    let left: Vec<usize> = again.map(|(step, _)| *step).collect();
    host.standing = Standing::Working(then.clone());
    if !left.is_empty() {
        host.redo = Some(Redo { left, then });
        next(host, 0, at);
    }
}

/// The host goes to its next step, behind one that is over.
pub(super) fn next(host: &mut HostState, step: usize, at: Ms) {
    host.attempts = 0;
    let ready = |step: usize, attempt: u32| {
        Standing::Working(Work { step, attempt, stage: Stage::Ready, since: at, started: at })
    };
    let Some(redo) = &mut host.redo else {
        host.standing = ready(step, 1);
        return;
    };
    if redo.left.is_empty() {
        let then = Work { since: at, started: at, ..redo.then.clone() };
        host.attempts = then.attempt.saturating_sub(1);
        (host.standing, host.redo) = (Standing::Working(then), None);
        return;
    }
    let step = redo.left.remove(0);
    let attempt = host.undos.get(&step).map_or(1, |undo| undo.attempt + 1);
    host.standing = ready(step, attempt);
}
