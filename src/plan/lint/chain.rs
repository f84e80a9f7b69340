//! Does the chain of steps leave every host up, by the kinds alone?

use crate::plan::model::{Phase, Plan, Step};
use crate::playbook::model::{OnFailure, StepKind, TakesDown};
use std::collections::BTreeSet;

pub fn check(plan: &Plan, found: &mut Vec<String>) {
    if plan.steps.is_empty() {
        found.push("there is no step".into());
    }
    for (phase, index) in plan.phases.iter().flat_map(|phase| (phase.from..phase.to).map(move |index| (phase, index))) {
        let step = &plan.steps[index];
        let mut say = |what: &str| found.push(format!("step {} ({}): {what}", index + 1, step.name));
        if !takes_down_fits(step) {
            say("its kind takes away something else");
        }
        if step.timeout_ms == 0 {
            say("it waits without a deadline");
        }
        if step.stable == 0 || step.poll_ms == 0 {
            say("its gate would hold without being asked");
        }
        if step.pause_ms.is_some() != (step.kind == StepKind::Pause) {
            say("only a pause has a duration");
        }
        if step.on_failure == OnFailure::Continue && proves_the_host(step.kind) {
            say("a host that fails here must not go on");
        }
        let here = phase.hosts.iter().map(|target| &plan.hosts[*target].words[index]);
        let resolved = step.idempotent || here.clone().all(|words| words.probe.is_some() || words.left_out.is_some());
        let may = matches!(step.kind, StepKind::Drain | StepKind::Verify) || (step.kind == StepKind::Run && resolved);
        if step.on_timeout == OnFailure::Continue && !may {
            say("a host on which it may still be running must not go on");
        }
        if step.kind == StepKind::Until && index > phase.from {
            say("whether a host is done already is asked first");
        }
        if step.scope.is_some() != (step.kind == StepKind::Approve) {
            say("only an approval is for somebody");
        }
        if step.retries.is_some()
            && !matches!(step.kind, StepKind::Drain | StepKind::Stop | StepKind::Start | StepKind::Run)
        {
            say("it is tried again without a proof that it did not happen");
        }
    }
    for phase in &plan.phases {
        let left_out = |target: &usize| -> Vec<bool> {
            plan.hosts[*target].words.iter().map(|words| words.left_out.is_some()).collect()
        };
        let mut chains: BTreeSet<Vec<bool>> = phase.hosts.iter().map(left_out).collect();
        chains.insert(vec![false; plan.steps.len()]);
        chains.iter().for_each(|left_out| leaves_the_host_up(plan, phase, left_out, found));
    }
}

/// On a host on which these steps are left out.
fn leaves_the_host_up(plan: &Plan, phase: &Phase, left_out: &[bool], found: &mut Vec<String>) {
    for (index, step) in (phase.from..phase.to).map(|index| (index, &plan.steps[index])) {
        if left_out[index] {
            continue;
        }
        let mut say = |what: &str| found.push(format!("step {} ({}): {what}", index + 1, step.name));
        let later = (index + 1..phase.to).filter(|later| !left_out[*later]);
        let later: Vec<&Step> = later.map(|later| &plan.steps[later]).collect();
        if step.disruptive() && !later.iter().any(|step| step.kind == StepKind::WaitUp) {
            say("it takes the host away, and no wait-up follows");
        }
        let mut until_gate = later.iter().take_while(|step| step.kind != StepKind::WaitUp);
        if matches!(step.kind, StepKind::Drain | StepKind::Stop) && !until_gate.any(|step| brings_back(step)) {
            say("nothing brings the host back before its wait-up");
        }
    }
}

fn takes_down_fits(step: &Step) -> bool {
    match step.kind {
        StepKind::Drain | StepKind::Stop | StepKind::Start | StepKind::Restart => step.takes_down == TakesDown::Restart,
        StepKind::Reboot => step.takes_down == TakesDown::Reboot,
        StepKind::Run => true,
        _ => step.takes_down == TakesDown::Nothing,
    }
}

fn proves_the_host(kind: StepKind) -> bool {
    !matches!(kind, StepKind::Drain | StepKind::Run | StepKind::Verify | StepKind::Pause)
}

/// A `run` that restarts counts: its words are the author's, and the gate asks for proof.
fn brings_back(step: &Step) -> bool {
    matches!(step.kind, StepKind::Start | StepKind::Restart | StepKind::Reboot)
        || (step.kind == StepKind::Run && step.disruptive())
}
