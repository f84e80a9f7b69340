//! From an action of the machine to what is really done: a command with its words filled in, a question.

use super::engine::RunContext;
use super::process::ProcessSpec;
use crate::ask::Asker;
use crate::clock;
use crate::diagnostic::Diagnostic;
use crate::job::event::{Ms, Question};
use crate::job::model::Job;
use crate::job::view::{Answer, Input, Task};
use crate::plan::model::{NodeIx, Plan};
use crate::playbook::template::{RunValues, fill, fill_env};
use crate::store::owner::Owner;
use crate::store::{self, attempt};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// What a command leaves running when it is over gets so long to end by itself: an ssh that has still to
/// connect, to a host that is busy, needs some of it; one whose host went away under it never ends.
const LEFT_BEHIND: Duration = Duration::from_secs(60);

/// Between a decision and what it does lies a write to the disk. Where that took longer (the disk, or the process stood
/// still), answers and a lock that it was made by no longer count.
pub(super) const LATE_MS: Ms = 3_000;

/// The process of a task. The machine keeps its deadline.
///
/// # Errors
/// A sentence, when a hole of the words cannot be filled.
pub(super) fn spec(plan: &Plan, task: Task, ctx: &RunContext, job: &Job) -> Result<ProcessSpec, String> {
    let run = ctx.run.as_str();
    let none = BTreeMap::new();
    let vars = match task {
        Task::Step { host, .. } | Task::Probe { host, .. } | Task::HostUndo { host, .. } => &job.hosts[host].vars,
        Task::Setup { .. } | Task::Undo { .. } => &none,
    };
    let folder = ctx.store.run_folder(run);
    let me = Owner::this_process().map_err(|error| format!("`/proc` cannot be read: {error}"))?;
    let values = RunValues { run_id: run, reason: ctx.reason.as_deref(), vars, secrets: &ctx.secrets };
    let mut spec = ProcessSpec {
        words: vec![],
        script: None,
        env: ctx.env.clone(),
        dir: folder.join(attempt::folder(plan, task, job.session)),
        timeout: None,
        grace: ctx.grace,
        patience: LEFT_BEHIND,
        bar: Some(store::bar(&folder, &me)),
    };
    let filled = |words: &[String]| fill(words, &values).map_err(sentence);
    match task {
        Task::Step { host, step, .. } => {
            let rendered = &plan.hosts[host].words[step];
            spec.words = filled(&rendered.command)?;
            spec.script = plan.steps[step].script.clone();
            spec.env.extend(fill_env(&rendered.env, &values).map_err(sentence)?);
        }
        Task::Probe { host, step, .. } => {
            let rendered = &plan.hosts[host].words[step];
            spec.words = filled(rendered.probe.as_deref().unwrap_or_default())?;
            spec.env.extend(fill_env(&rendered.env, &values).map_err(sentence)?);
        }
        Task::HostUndo { host, step, .. } => {
            let rendered = &plan.hosts[host].words[step];
            spec.words = filled(rendered.undo.as_deref().unwrap_or_default())?;
            spec.env.extend(fill_env(&rendered.env, &values).map_err(sentence)?);
        }
        Task::Setup { index } => spec.words = filled(&plan.setup[index].run)?,
        Task::Undo { index } => spec.words = filled(plan.setup[index].undo.as_deref().unwrap_or_default())?,
    }
    Ok(spec)
}

fn sentence(diagnostic: Diagnostic) -> String {
    diagnostic.message
}

/// Asks, and sends the answer; if the asking itself breaks, that is an answer too: without one the
/// machine would wait for it for ever.
pub(super) async fn ask(asker: Arc<Asker>, node: NodeIx, question: Question, tx: UnboundedSender<Input>) {
    let mut promise = Promise { node, question, asked: clock::now(), tx: Some(tx) };
    let reply = asker.ask(node, question).await;
    promise.keep(reply.answer, reply.asked, reply.at);
}

struct Promise {
    node: NodeIx,
    question: Question,
    asked: Ms,
    tx: Option<UnboundedSender<Input>>,
}

impl Promise {
    fn keep(&mut self, answer: Answer, asked: Ms, at: Ms) {
        if let Some(tx) = self.tx.take() {
            // The run may be over: nobody listens then.
            let _ = tx.send(Input::Answered { node: self.node, question: self.question, answer, asked, at });
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        let asked = self.asked;
        self.keep(Answer::Unreadable("the asking broke off".to_owned()), asked, clock::now());
    }
}
