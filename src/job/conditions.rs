//! What must be so before a step is begun on its host: its `when`, and that its words can be filled.

use super::model::Job;
use super::rules::Frame;
use crate::diagnostic::Diagnostic;
use crate::plan::model::{Plan, TargetIx};
use crate::playbook::{holds, template};

/// Is the step left out on this host? Why; or why that cannot be told.
pub(super) fn left_out(frame: &Frame, job: &Job, host: TargetIx, step: usize) -> Result<Option<String>, String> {
    let plan = frame.plan;
    if let Some(when) = &plan.hosts[host].words[step].left_out {
        return Ok(Some(format!("`{when}` is false of this host")));
    }
    // in a calm world nothing was registered: the plan shows the whole
    let Some(when) = plan.steps[step].when.as_ref().filter(|_| !frame.calm) else { return Ok(None) };
    let mut vars = plan.hosts[host].vars.clone();
    vars.extend(job.hosts[host].vars.clone());
    match holds(when, &plan.params, &vars) {
        Ok(true) => Ok(None),
        Ok(false) => Ok(Some(format!("`{when}` is false"))),
        Err(finding) => Err(sentence(&finding)),
    }
}

/// Is the step left out on this host by the plan already?
pub(super) fn never(plan: &Plan, host: TargetIx, step: usize) -> bool {
    plan.hosts[host].words[step].left_out.is_some()
}

/// Why the step's words cannot be filled with what earlier steps registered.
pub(super) fn unfilled(frame: &Frame, job: &Job, host: TargetIx, step: usize) -> Option<String> {
    if frame.calm {
        return None; // nothing was registered: no command ran
    }
    let words = &frame.plan.hosts[host].words[step];
    let all = words.command.iter().chain(words.probe.iter().flatten());
    template::check_vars(all, &job.hosts[host].vars).err().map(|finding| sentence(&finding))
}

fn sentence(finding: &Diagnostic) -> String {
    finding.help.iter().fold(finding.message.clone(), |message, help| format!("{message}; {help}"))
}
