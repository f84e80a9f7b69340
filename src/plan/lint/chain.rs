//! Does the chain of steps leave every host up, by the kinds alone?

use crate::plan::model::{Plan, Step};
use crate::playbook::model::{OnFailure, StepKind, TakesDown};

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
        let later = &plan.steps[index + 1..phase.to];
        if step.disruptive() && !later.iter().any(|step| step.kind == StepKind::WaitUp) {
            say("it takes the host away, and no wait-up follows");
        }
        let until_gate = later.iter().take_while(|step| step.kind != StepKind::WaitUp);
        if matches!(step.kind, StepKind::Drain | StepKind::Stop) && !until_gate.clone().any(brings_back) {
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
