//! `rollbook resolve`: a person says what became of a host that failed, is in doubt, or waits for an answer.

use super::context::{Context, unusable, who};
use super::earlier_run::{Earlier, target};
use super::exit::{Exit, Failure};
use crate::clock::now;
use crate::job::apply::apply;
use crate::job::event::{Event, HostEvent, Resolution, What};
use crate::job::model::Standing;
use crate::playbook::model::StepKind;
use clap::{Args, ValueEnum};

#[derive(Args, Debug)]
pub struct Options {
    /// The run: `last`, its id, or as much of it as is unique
    #[arg(value_name = "RUN")]
    run: String,
    /// The host: its address or host id
    #[arg(value_name = "HOST")]
    host: String,
    /// done: the step happened, its gate is still to pass; failed: it counts as failed; retry: run it again
    #[arg(long = "as", value_name = "HOW")]
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum How {
    Done,
    Failed,
    Retry,
}

pub fn run(context: &Context, options: &Options) -> anyhow::Result<Exit> {
    let mut earlier = Earlier::find(context, &options.run)?;
    let host = target(&earlier.file.plan, &options.host)?;
    let asked = earlier.job.hosts[host].asks();
    let how = match options.how {
        How::Done => Resolution::Done,
        How::Failed => Resolution::Failed,
        How::Retry => Resolution::Retry,
    };
    if asked && earlier.row.alive() {
        // whoever works on the run journals it
        earlier.store.request_resolution(&earlier.row.id, host, how, &who(), now()).map_err(unusable)?;
        context.say(format_args!("{} is answered; next: rollbook runs watch {}", options.host, earlier.short()));
        return Ok(Exit::Done);
    }
    earlier.must_be_idle()?;
    let blocked =
        matches!(earlier.job.hosts[host].standing, Standing::Skipped { .. }) && matches!(options.how, How::Retry);
    if !asked
        && !blocked
        && !matches!(earlier.job.hosts[host].standing, Standing::Failed { .. } | Standing::Lost { .. })
    {
        let message = format!("`{}` neither failed nor is in doubt: there is nothing to settle", options.host);
        let help = format!("`rollbook why {} {}` tells where it stands", earlier.short(), options.host);
        return Err(Failure::new(Exit::Usage, message).help(help).into());
    }
    if let Standing::Failed { step, .. } = earlier.job.hosts[host].standing
        && earlier.file.plan.steps.get(step).is_some_and(|step| step.kind == StepKind::Approve)
        && matches!(options.how, How::Done)
    {
        let message = format!("`{}` waits for an approval, which nobody gives by settling it", options.host);
        let help =
            format!("`rollbook resolve {} {} --as retry`, then resume, asks again", earlier.short(), options.host);
        return Err(Failure::new(Exit::Usage, message).help(help).into());
    }
    let event = Event { at: now(), what: What::Host { host, event: HostEvent::Resolved { how, by: who() } } };
    apply(&earlier.file.plan, &mut earlier.job, &event)
        .map_err(|error| Failure::new(Exit::Usage, format!("that cannot be said of `{}`: {error}", options.host)))?;
    let (store, run) = (&earlier.store, &earlier.row.id);
    // Taken up for the one event, so that nobody resumes it meanwhile.
    store.take_up(run).map_err(unusable)?;
    let written = store.append(run, std::slice::from_ref(&event));
    store.let_go(run).map_err(unusable)?;
    written.map_err(unusable)?;
    context.say(format_args!("{} is settled; next: rollbook resume {}", options.host, earlier.short()));
    Ok(Exit::Done)
}
