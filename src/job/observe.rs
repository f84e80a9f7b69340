//! What the world says: into the view (what was heard) and into events (what has become true).

use super::event::{Event, HostEvent, Ms, RunEvent, SetupEvent, StepEvent, Stop, What};
use super::heard::View;
use super::model::{Job, SetupState, Stage, UndoState};
use super::rules::Frame;
use super::view::{Answer, Input, Task, Told};
use super::{approval, brake, gate};
use crate::plan::drift;
use crate::plan::model::{Plan, TargetIx};

/// Takes one input into the view. The job is the one before the input's own events.
pub fn observe(frame: &Frame, job: &Job, view: &mut View, input: &Input, now: Ms) {
    match input {
        Input::Asking { node, question } => view.asking((*node, *question), now, frame.out(job)),
        Input::Ending { task } => drop(view.ending.insert(*task)),
        Input::Ended { task, end, .. } => {
            view.ending.remove(task);
            let took_the_lock = matches!(task, Task::Setup { index } if frame.plan.setup[*index].lock && end.ok());
            if took_the_lock && frame.rules.confirm_the_lock {
                view.forget(now);
            }
        }
        Input::Answered { node, question, answer, asked, at } => {
            let out = frame.out(job);
            drift(frame, view, answer, out.contains(node));
            view.answered(frame, (*node, *question), answer.clone(), (*asked, *at), out);
            brake::observe(frame, job, view, *question, now);
            if !frame.calm {
                gate::observe(frame, job, view, (*node, *question), now);
            }
        }
        Input::Spawned { .. } | Input::Told(_) | Input::Woke => {}
    }
}

/// Every poll carries membership; a node that is out may show the cluster as it was before.
/// Ring and replication are read anew when a schema version appears under which they were not read yet.
fn drift(frame: &Frame, view: &mut View, answer: &Answer, out: bool) {
    let differences = match answer {
        Answer::Status(status) if !out => drift::membership(frame.plan, status, |at| frame.node_at(at)),
        Answer::Shape(shape) => {
            let differences = drift::differences(frame.plan, &shape.topology);
            if differences.is_empty() {
                view.schema_confirmed.extend(shape.schema_ids.iter().cloned());
            }
            differences
        }
        _ => return,
    };
    if !differences.is_empty() {
        view.drift = differences;
    }
}

/// What has become true by one input. Whatever does not fit the job (an answer of an attempt long over) is no fact.
pub fn facts(plan: &Plan, job: &Job, input: &Input, now: Ms) -> Vec<Event> {
    let what = match input {
        Input::Spawned { task: Task::Step { host, step, attempt }, pid } if running(job, *host, *step, *attempt) => {
            What::Step { host: *host, step: *step, event: StepEvent::Spawned { attempt: *attempt, pid: *pid } }
        }
        Input::Ended { task, end, registered } => match ended(job, *task, end, registered) {
            Some(what) => what,
            None => return vec![],
        },
        Input::Told(Told::Approve { by, host }) if job.ended.is_none() => {
            let approved = approval::approve(plan, job, *host, by).into_iter();
            return approved.map(|event| Event { at: now, what: What::Run(event) }).collect();
        }
        Input::Told(Told::Resolve { by, host, how }) if job.ended.is_none() => match asked_about(job, *host) {
            Some(host) => What::Host { host, event: HostEvent::Resolved { how: *how, by: by.clone() } },
            None => return vec![],
        },
        Input::Told(told) => match told_to(job, told) {
            Some(why) => What::Run(RunEvent::Stopping { why }),
            None => return vec![],
        },
        _ => return vec![],
    };
    vec![Event { at: now, what }]
}

fn running(job: &Job, host: usize, step: usize, attempt: u32) -> bool {
    let work = job.hosts.get(host).and_then(|state| state.working());
    work.is_some_and(|work| work.step == step && work.attempt == attempt && matches!(work.stage, Stage::Running { .. }))
}

fn ended(job: &Job, task: Task, end: &super::event::End, registered: &Option<String>) -> Option<What> {
    let end = end.clone();
    match task {
        Task::Step { host, step, attempt } => running(job, host, step, attempt).then_some(What::Step {
            host,
            step,
            event: StepEvent::Ended { attempt, end, registered: registered.clone() },
        }),
        Task::Probe { host, step, attempt } => {
            let work = job.hosts.get(host)?.working()?;
            (work.step == step && matches!(work.stage, Stage::Probing { .. })).then_some(What::Step {
                host,
                step,
                event: StepEvent::Probed { attempt, end },
            })
        }
        Task::HostUndo { host, step, attempt } => {
            let undo = job.hosts.get(host)?.undos.get(&step)?;
            (undo.times == attempt && matches!(undo.state, UndoState::Running { .. })).then_some(What::Step {
                host,
                step,
                event: StepEvent::UndoEnded { attempt, end },
            })
        }
        Task::Setup { index } => matches!(job.setup.get(index)?, SetupState::Running { .. })
            .then_some(What::Setup { index, event: SetupEvent::Ended { end } }),
        Task::Undo { index } => matches!(job.setup.get(index)?, SetupState::Undoing { .. })
            .then_some(What::Setup { index, event: SetupEvent::UndoEnded { end } }),
    }
}

/// The host that a person's answer is for.
fn asked_about(job: &Job, host: Option<TargetIx>) -> Option<TargetIx> {
    let mut asked = (0..job.hosts.len()).filter(|asked| job.hosts[*asked].asks());
    match host {
        Some(host) => asked.find(|asked| *asked == host),
        None => asked.next().filter(|_| asked.next().is_none()),
    }
}

fn told_to(job: &Job, told: &Told) -> Option<Stop> {
    if job.ended.is_some() {
        return None;
    }
    match told {
        Told::Stop { by } => job.stopping.is_none().then(|| Stop::Asked { by: by.clone() }),
        Told::Approve { .. } | Told::Resolve { .. } => None,
        Told::Kill { by } => (!job.killed()).then(|| Stop::Killed { by: by.clone() }),
    }
}
