//! What an earlier process of the same run left running.

use super::process::{Control, adopt};
use crate::job::group;
use crate::job::model::{Job, SetupState, Stage, UndoState};
use crate::job::rules::Frame;
use crate::job::view::{Input, Task};
use crate::plan::model::Plan;
use crate::store::attempt;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;

/// Commands of steps, their probes and undos whose end is not in the journal.
pub(super) fn in_flight(frame: &Frame, job: &Job) -> Vec<Task> {
    let undos = job.hosts.iter().enumerate().flat_map(|(host, state)| {
        let running = state.undos.iter().filter(|(_, undo)| matches!(undo.state, UndoState::Running { .. }));
        running.map(move |(step, undo)| Task::HostUndo { host, step: *step, attempt: undo.times })
    });
    let hosts = job.hosts.iter().enumerate().filter_map(|(host, state)| Some((host, state.working()?)));
    hosts
        .filter_map(|(host, work)| {
            let (step, attempt) = (work.step, work.attempt);
            match work.stage {
                Stage::Running { .. } if group::has_process(frame, job, host, step) => {
                    Some(Task::Step { host, step, attempt })
                }
                Stage::Probing { .. } => Some(Task::Probe { host, step, attempt }),
                _ => None,
            }
        })
        .chain(undos)
        .collect()
}

/// Setup begins anew with every process of a run: a setup or undo command that an earlier one left
/// running must have ended before, or two of them would run at once.
pub(super) async fn finish_setup(plan: &Plan, job: &Job, folder: &Path, grace: Duration) {
    for (index, state) in job.setup.iter().enumerate() {
        let task = match state {
            SetupState::Running { .. } => Task::Setup { index },
            SetupState::Undoing { .. } => Task::Undo { index },
            _ => continue,
        };
        let (tx, mut rx) = unbounded_channel();
        let dir = folder.join(attempt::folder(plan, task, job.session));
        let control: Control = adopt(task, dir, grace, tx);
        let allowed = Duration::from_millis(plan.setup[index].timeout_ms);
        let ended = async {
            while let Some(input) = rx.recv().await {
                if matches!(input, Input::Ended { .. }) {
                    return;
                }
            }
        };
        tokio::pin!(ended);
        if tokio::time::timeout(allowed, &mut ended).await.is_err() {
            control.end(true);
            ended.await;
        }
    }
}
