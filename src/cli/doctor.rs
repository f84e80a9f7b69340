//! `rollbook doctor`: the preflight alone, and whether the start checks would hold now. Changes nothing.

use super::arguments::Where;
use super::carry_out::{self, not_carried_out};
use super::cluster::Cluster;
use super::context::{Context, unusable};
use super::exit::{Exit, Failure};
use super::planning::{self, Choice};
use super::{playbook_file, secrets};
use crate::ask::Asker;
use crate::clock::now;
use crate::execute::engine::{EngineError, held};
use crate::job::apply::apply;
use crate::job::decide::decide;
use crate::job::event::{Event, Ms, RunEvent, What};
use crate::job::heard::View;
use crate::job::model::Job;
use crate::job::observe::observe;
use crate::job::rules::{Frame, Rules};
use crate::job::view::{Action, Input};
use crate::job::waiting::waiting;
use crate::plan::model::Plan;
use crate::store::StoreError;
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// A cluster that is well answers far sooner.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Args, Debug)]
pub struct Options {
    /// The playbook
    #[arg(value_name = "FILE")]
    playbook: PathBuf,
    #[command(flatten)]
    on: Where,
    #[command(flatten)]
    choice: Choice,
}

pub fn run(context: &Context, options: &Options) -> anyhow::Result<Exit> {
    let loaded = playbook_file::load(context, &options.playbook)?;
    let params = planning::params(context, &loaded, &options.choice)?;
    let mut cluster = Cluster::named(context, &options.on, &loaded.playbook.cluster.seeds)?;
    super::block_on(async {
        let found = cluster.discover(context, &loaded.playbook.cluster, &params).await?;
        let simulated = cluster.sandbox.is_some();
        let groups = cluster.groups(&loaded.playbook, &found.topology, &params).await?;
        let seen = planning::Seen { topology: &found.topology, groups, simulated };
        let file = planning::plan(context, &loaded, &params, &options.choice, seen)?;
        println!("plan      {} hosts in {} waves", file.plan.hosts.len(), file.estimate.waves.len());
        carry_out::can_be_worked_on(context, &file, &mut cluster).await?;
        println!("hosts     every one of them can be worked on");
        match secrets::of(&file.plan).await?.len() {
            0 => {}
            1 => println!("secrets   the one it needs can be read"),
            many => println!("secrets   the {many} it needs can be read"),
        }
        nobody_holds_them(context, &file.plan)?;
        println!("lock      no run of this $ROLLBOOK_HOME holds one of them");
        match start_checks(&file.plan, cluster.env_for(&params)).await? {
            None => {
                println!("cluster   the start checks hold now");
                Ok(Exit::Done)
            }
            Some(why) => Err(Failure::new(Exit::Refused, format!("not now: {why}"))
                .help("mend it, or wait until the cluster is calm; a run would wait three minutes and then refuse")
                .into()),
        }
    })
}

/// Would a run be refused because another holds one of its hosts?
///
/// # Errors
/// 7 with who holds it.
fn nobody_holds_them(context: &Context, plan: &Plan) -> anyhow::Result<()> {
    let host_ids = held(&Frame::new(plan, Rules::default()));
    match context.store()?.who_holds(&host_ids).map_err(unusable)? {
        Some(held) => Err(not_carried_out(EngineError::Store(StoreError::Held(Box::new(held))), plan).into()),
        None => Ok(()),
    }
}

/// Lets the machine ask what it would ask at the start of a run, and tells why it would not begin.
/// Nothing of what it wants to do beside asking is done.
async fn start_checks(plan: &Plan, env: BTreeMap<String, String>) -> anyhow::Result<Option<String>> {
    let frame = Frame::new(plan, Rules::default());
    let asker = Arc::new(Asker::of_plan(plan, env));
    let (mut job, mut view) = (Job::new(plan), View::default());
    let started =
        RunEvent::Started { session: 1, plan: String::new(), reason: None, by: String::new(), attended: false };
    apply(plan, &mut job, &Event { at: now(), what: What::Run(started) })?;
    let end = now() + PATIENCE.as_millis() as Ms;
    let mut asks: JoinSet<Input> = JoinSet::new();
    while now() < end {
        let decision = decide(&frame, &job, &view, now());
        if decision.events.iter().any(|event| matches!(event.what, What::Run(RunEvent::Checked))) {
            return Ok(None);
        }
        for action in decision.actions {
            let Action::Ask((node, question)) = action else { continue };
            observe(&frame, &job, &mut view, &Input::Asking { node, question }, now());
            let asker = asker.clone();
            asks.spawn(async move {
                let reply = asker.ask(node, question).await;
                Input::Answered { node, question, answer: reply.answer, asked: reply.asked, at: reply.at }
            });
        }
        tokio::select! {
            Some(Ok(input)) = asks.join_next() => observe(&frame, &job, &mut view, &input, now()),
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
    }
    Ok(Some(waiting(&frame, &job, &view, now(), 0).into_iter().map(|wait| wait.what).collect()))
}
