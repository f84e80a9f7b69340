//! `rollbook approve`: a person lets a run go on, at its `approve` steps or behind its canary.

use super::context::{Context, unusable, who};
use super::earlier_run::{Earlier, target};
use super::exit::{Exit, Failure};
use crate::clock::now;
use crate::job::approval::{self, Pending};
use crate::job::event::{Approval, Event, RunEvent, What};
use crate::playbook::model::Then;
use clap::Args;

#[derive(Args, Debug)]
pub struct Options {
    /// The run: `last`, its id, or as much of it as is unique
    #[arg(value_name = "RUN")]
    run: String,
    /// Only this host: its address or host id [default: all that waits]
    #[arg(value_name = "HOST")]
    host: Option<String>,
}

pub fn run(context: &Context, options: &Options) -> anyhow::Result<Exit> {
    let earlier = Earlier::find(context, &options.run)?;
    let plan = &earlier.file.plan;
    let host = options.host.as_ref().map(|word| target(plan, word)).transpose()?;
    let mut waiting = approval::pending(plan, &earlier.job);
    waiting.retain(|pending| host.is_none() || pending.host == host);
    let (store, run, short) = (&earlier.store, &earlier.row.id, earlier.short());
    if earlier.row.alive() && !waiting.is_empty() {
        waiting.iter().for_each(|pending| say(context, &earlier, pending));
        store.request_approval(run, host, &who(), now()).map_err(unusable)?;
        context.say(format_args!("approved; next: rollbook runs watch {short}"));
        return Ok(Exit::Done);
    }
    if earlier.row.alive() || !behind_the_canary(&earlier) || host.is_some() {
        let all = approval::pending(plan, &earlier.job);
        if let (Some(word), Some(other)) = (&options.host, all.first().filter(|_| earlier.row.alive())) {
            let what = other
                .host
                .map_or("the run itself".into(), |host| plan.nodes[plan.hosts[host].node].address.to_string());
            let message = format!("`{word}` waits for no approval now; {what} does: {}", other.question);
            let help = format!("`rollbook approve {short}` approves of all that waits");
            return Err(Failure::new(Exit::Usage, message).help(help).into());
        }
        let message = format!("nothing of run `{short}` waits for an approval now");
        return Err(Failure::new(Exit::Usage, message)
            .help(format!("`rollbook runs show {short}` tells where it stands"))
            .into());
    }
    // No process works on it: the word is kept in the journal, and `resume` finds it there.
    let what = Approval::Others;
    let event = RunEvent::Approved { what, by: who(), plan: earlier.job.plan.clone() };
    store.take_up(run).map_err(unusable)?;
    let written = store.append(run, &[Event { at: now(), what: What::Run(event) }]);
    store.let_go(run).map_err(unusable)?;
    written.map_err(unusable)?;
    context.say(format_args!("the hosts behind the canary may begin; next: rollbook resume {short}"));
    Ok(Exit::Done)
}

fn say(context: &Context, earlier: &Earlier, pending: &Pending) {
    let plan = &earlier.file.plan;
    let whose = pending.host.map(|host| format!("{}: ", plan.nodes[plan.hosts[host].node].address));
    context.say(format_args!("{}{}", whose.unwrap_or_default(), pending.question));
}

fn behind_the_canary(earlier: &Earlier) -> bool {
    let plan = &earlier.file.plan;
    earlier.job.current(plan).first.is_some_and(|first| first.then == Then::Ask)
        && approval::canary_is_through(plan, &earlier.job)
}
