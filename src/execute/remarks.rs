//! What is said beside the journal: an answer to whoever tells the run something, and a failed command's last words.

use crate::job::event::{End, Ms, Question};
use crate::job::heard::View;
use crate::job::model::{Job, SetupState};
use crate::job::view::{Answer, Input, Task, Told};
use crate::plan::model::Plan;
use crate::store::{attempt, last_words, short};
use std::path::Path;

/// Nobody who tells a run to stop is left without an answer: what is awaited, what a second signal does, and how to
/// go on. `stopped`: it was this that changed something. None when the journal says all there is.
pub(super) fn answer(plan: &Plan, job: &Job, told: &Told, stopped: bool, run: &str) -> Option<String> {
    let by = match told {
        Told::Stop { by } => by,
        Told::Approve { by, .. } if !stopped => return Some(format!("{by}: nothing waits for an approval now")),
        Told::Resolve { by, .. } if !stopped => {
            let asked = (0..job.hosts.len()).filter(|host| job.hosts[*host].asks());
            let asked: Vec<String> = asked.map(|host| plan.nodes[plan.hosts[host].node].address.to_string()).collect();
            return Some(match asked.is_empty() {
                true => format!("{by}: no step waits for an answer now"),
                false => format!("{by}: which host? `retry`, `done` or `failed` and one of {}", asked.join(", ")),
            });
        }
        _ => return None,
    };
    let mut awaited: Vec<String> = (0..job.hosts.len())
        .filter(|host| job.hosts[*host].in_work())
        .map(|host| plan.nodes[plan.hosts[host].node].address.to_string())
        .collect();
    let busy = |state: &SetupState| matches!(state, SetupState::Running { .. } | SetupState::Undoing { .. });
    awaited.extend(job.setup.iter().position(busy).map(|index| plan.setup_name(index)));
    let awaited =
        if awaited.is_empty() { "nothing is in work".into() } else { format!("in work: {}", awaited.join(", ")) };
    let again = if by.starts_with("SIG") { "; a second signal ends what runs at once" } else { "" };
    let already = if stopped { String::new() } else { format!("{by}: it is stopping already; ") };
    Some(format!("{already}{awaited}{again}; later: rollbook resume {}", short(run)))
}

/// A node that is not out and does not answer as an observer is replaced by the next, and named: once a silence.
pub(super) fn silent_observer(plan: &Plan, job: &Job, view: &View, input: &Input, now: Ms) -> Option<String> {
    let Input::Answered { node, question: Question::Status | Question::Gossip, answer, .. } = input else {
        return None;
    };
    let Answer::Unreadable(why) = answer else { return None };
    if view.silent(*node, now) || job.out_nodes(plan).contains(node) {
        return None;
    }
    Some(format!("{} does not answer, another observer is asked: {why}", plan.nodes[*node].address))
}

/// The end of what a command that failed printed, and where all of it is.
pub(super) fn last_words_of(plan: &Plan, folder: &Path, task: Task, session: u32, end: &End) -> Option<String> {
    if let Task::Step { step, .. } = task
        && plan.steps[step].kind.looks()
    {
        return None; // asked again soon, and its last word stands in the end
    }
    let fine = |status: &i32| match task {
        Task::Step { step, .. } => plan.steps[step].ok_exit.contains(status),
        Task::Probe { .. } => true,
        Task::Setup { .. } | Task::Undo { .. } | Task::HostUndo { .. } => *status == 0,
    };
    if matches!(end, End::Exit { status } if fine(status)) {
        return None;
    }
    let (path, lines) = last_words(&folder.join(attempt::folder(plan, task, session)))?;
    let whose = match task {
        Task::Step { host, step, .. } | Task::Probe { host, step, .. } => {
            format!("{} {}", plan.nodes[plan.hosts[host].node].address, plan.steps[step].name)
        }
        Task::HostUndo { host, step, .. } => {
            format!("{} undo of {}", plan.nodes[plan.hosts[host].node].address, plan.steps[step].name)
        }
        Task::Setup { index } => plan.setup_name(index),
        Task::Undo { index } => format!("undo of {}", plan.setup_name(index)),
    };
    Some(format!("{whose} said last: {} (all of it: {})", lines.join(" | "), path.display()))
}
