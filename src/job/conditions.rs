//! What must be so before a step is begun on its host: its `when`, and that its words can be filled.

use super::group;
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

/// Of a step that takes the machine: why it may be done on none, because its `when` decides otherwise for another of the
/// group, which may be on the same machine.
pub(super) fn splits_its_group(frame: &Frame, job: &Job, host: TargetIx, step: usize) -> Option<String> {
    if !group::takes_the_machine(frame, step) {
        return None;
    }
    let done = |host| matches!(left_out(frame, job, host, step), Ok(None));
    let at = |other: &TargetIx| job.hosts[*other].working().is_some() && !group::apart(job, host, *other);
    let other = frame.siblings(job, host).filter(at).find(|other| done(*other) != done(host))?;
    let address = frame.address(frame.plan.hosts[other].node);
    Some(format!("its `when` decides otherwise for {address} of its group, which may be on its machine"))
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

/// Is there nothing against the step on this host, as far as its own conditions go?
pub(super) fn may_start(frame: &Frame, job: &Job, host: TargetIx, step: usize) -> bool {
    left_out(frame, job, host, step) == Ok(None) && unfilled(frame, job, host, step).is_none()
}

fn sentence(finding: &Diagnostic) -> String {
    finding.help.iter().fold(finding.message.clone(), |message, help| format!("{message}; {help}"))
}
