//! `rollbook exec`: one command for each node, with cstarpar's own words.
//!
//! words (what was typed, made plain) → flags (clap) → meaning (a playbook) → the same plan and run as any.

pub mod flags;
pub mod meaning;
pub mod words;
mod lookup;
mod outputs;

use super::cluster::{Cluster, SANDBOX_POLL, not_discovered};
use super::context::Context;
use super::exit::{Exit, Failure};
use super::planning;
use super::run::{Begin, begin_and_carry_out};
use crate::discover::{self, AccessWords, Discovered};
use crate::plan::compile;
use crate::plan::model::PlanFile;
use crate::playbook::guess;
use crate::playbook::model::{Access, Playbook, Strategy, TakesDown};
use crate::playbook::template::Params;
use flags::Flags;
use std::collections::BTreeSet;
use std::io::Write;

pub fn run(context: &Context, flags: &Flags) -> anyhow::Result<Exit> {
    let wanted = lookup::wanted_hosts(flags)?;
    let mut access = meaning::access(flags)?;
    if access.seeds.is_empty() {
        access.seeds = wanted.clone();
    }
    super::block_on(async {
        let found = clusters(context, flags, &access).await?;
        if flags.keeping.enforced_job_id.is_some() && found.len() > 1 {
            let message = format!("the seeds are of {} clusters: they cannot share one run id", found.len());
            return Err(Failure::new(Exit::Usage, message)
                .help("leave --enforced-job-id out, or run for one cluster at a time")
                .into());
        }
        let planned = plans(context, flags, &access, &wanted, found).await?;
        if flags.order.cluster_parallel {
            side_by_side(context, flags, planned).await
        } else {
            one_after_the_other(context, flags, planned).await
        }
    })
}

/// One cluster for each seed that no cluster found so far has as its node.
async fn clusters(context: &Context, flags: &Flags, access: &Access) -> anyhow::Result<Vec<(Cluster, Discovered)>> {
    if let Some(hosts) = flags.hosts.sandbox {
        let cluster = Cluster::simulated(context, hosts)?;
        let found = cluster.discover(context, access, &Params::new()).await?;
        return Ok(vec![(cluster, found)]);
    }
    if access.seeds.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            "which cluster? neither --seed-host nor --host nor --host-file was given",
        )
        .help("add `--seed-host HOST`, any node of the cluster, or `--sandbox` to try it")
        .into());
    }
    let words = AccessWords::of(access, &Params::new()).map_err(|found| Failure::new(Exit::Usage, found.message))?;
    let mut clusters: Vec<(Cluster, Discovered)> = Vec::new();
    let mut silent = Vec::new();
    for seed in &access.seeds {
        let at = lookup::addresses(seed).await.unwrap_or_default();
        if clusters.iter().any(|(_, known)| known.topology.hosts.iter().any(|host| at.contains(&host.address))) {
            continue;
        }
        let (ledger, began) = (Default::default(), crate::clock::now());
        match discover::discover_noting(&words, std::slice::from_ref(seed), Default::default(), &ledger).await {
            Ok(found) if clusters.iter().any(|(_, known)| same(known, &found)) => {}
            Ok(found) => {
                let cluster = Cluster {
                    seeds: vec![seed.clone()],
                    env: Default::default(),
                    sandbox: None,
                    seen: super::cluster::already_seen(&found, began),
                    ledger,
                };
                clusters.push((cluster, found));
            }
            Err(error @ discover::DiscoverError::NoSeed(_)) => silent.push((seed, error)),
            Err(error) => return Err(not_discovered(error).into()),
        }
    }
    if clusters.is_empty() {
        let Some((_, error)) = silent.into_iter().next() else { anyhow::bail!("no seed led to a cluster") };
        return Err(not_discovered(error).into());
    }
    for (seed, _) in silent {
        context.say(format_args!("warning: seed {seed} did not answer; a cluster that only it knows is not worked on"));
    }
    for note in clusters.iter().flat_map(|(_, found)| &found.notes) {
        context.say(format_args!("warning: {note}"));
    }
    Ok(clusters)
}

/// Two seeds by names the resolver does not know may still be of one cluster.
fn same(a: &Discovered, b: &Discovered) -> bool {
    let ids = |found: &Discovered| found.topology.hosts.iter().map(|host| host.id.clone()).collect::<BTreeSet<_>>();
    !ids(a).is_disjoint(&ids(b))
}

/// A plan for each cluster; every wanted host must be a node of one of them.
async fn plans(
    context: &Context,
    flags: &Flags,
    access: &Access,
    wanted: &[String],
    found: Vec<(Cluster, Discovered)>,
) -> anyhow::Result<Vec<(Cluster, PlanFile)>> {
    let mut plans = Vec::new();
    let mut missing: BTreeSet<String> = wanted.iter().cloned().collect();
    for (cluster, discovered) in found {
        let (targets, elsewhere) = lookup::targets(wanted, &discovered.topology).await?;
        missing.retain(|name| elsewhere.contains(name));
        if !wanted.is_empty() && targets.is_empty() {
            continue;
        }
        let looked_up = lookup::look_up(flags, targets, &discovered.topology).await?;
        let mut playbook = meaning::playbook(flags, access.clone(), &looked_up)?;
        let scripts = lookup::scripts(&playbook);
        bear_a_lost_connection(&mut playbook, &scripts);
        let options = compile::Options {
            stop_after: flags.limits.stop_after,
            ignore_down: flags.limits.ignore_down_nodes,
            poll: cluster.sandbox.is_some().then_some(SANDBOX_POLL),
            scripts,
            gate: Some(meaning::gate()),
            ..compile::Options::default()
        };
        let sealed = planning::sealed(&playbook, &discovered.topology, &Params::new(), &options);
        let file = sealed.map_err(|findings| not_planned(&playbook, &findings))?;
        if !context.quiet {
            std::io::stdout().write_all(planning::text(&file).as_bytes())?;
        }
        plans.push((cluster, file));
    }
    if let Some(name) = missing.first() {
        let message = format!("`{name}` is no node of the cluster; nothing was done");
        return Err(Failure::new(Exit::Usage, message)
            .help("`rollbook topology --seed-host …` lists the nodes")
            .into());
    }
    Ok(plans)
}

/// A command that reboots its node cuts its own connection: ssh then says 255. Its proof is the boot id.
fn bear_a_lost_connection(playbook: &mut Playbook, scripts: &std::collections::BTreeMap<String, String>) {
    for step in &mut playbook.steps {
        let Some(command) = &step.command else { continue };
        let words: Vec<String> = command.words.iter().map(|word| word.template.clone()).collect();
        let script = words.iter().find_map(|word| scripts.get(word).map(String::as_str));
        let takes_down = step.takes_down.unwrap_or_else(|| guess::takes_down(&words, script).0);
        if takes_down == TakesDown::Reboot {
            step.ok_exit = vec![0, 255];
        }
    }
}

/// There is no file to point into: what is wrong, and what to type.
fn not_planned(playbook: &Playbook, findings: &[crate::diagnostic::Diagnostic]) -> Failure {
    let outage = planning::unaccepted_outage(findings);
    let all = playbook.strategy == Strategy::All && outage;
    let message = findings.iter().map(|found| found.message.clone()).collect::<Vec<_>>().join("; ");
    let failure = Failure::new(if outage { Exit::Refused } else { Exit::Usage }, message);
    let help = match all {
        true => Some(
            "say `--accept-outage REASON`, or `--expect nothing` if the command takes nothing down, \
             or leave `all` out: the strategy `topology` keeps replicas apart"
                .to_owned(),
        ),
        false => findings.iter().find_map(|found| found.help.clone()),
    };
    Failure { help, ..failure }
}

/// The first cluster whose run does not succeed is the last one begun.
async fn one_after_the_other(
    context: &Context,
    flags: &Flags,
    planned: Vec<(Cluster, PlanFile)>,
) -> anyhow::Result<Exit> {
    let total = planned.len();
    for (number, (cluster, file)) in planned.into_iter().enumerate() {
        let exit = one(context, flags, cluster, file).await?;
        if exit != Exit::Done {
            if number + 1 < total {
                let left = total - number - 1;
                context
                    .say(format_args!("{left} {} not begun", if left == 1 { "cluster was" } else { "clusters were" }));
            }
            return Ok(exit);
        }
    }
    Ok(Exit::Done)
}

async fn side_by_side(context: &Context, flags: &Flags, planned: Vec<(Cluster, PlanFile)>) -> anyhow::Result<Exit> {
    let mut runs = tokio::task::JoinSet::new();
    for (cluster, file) in planned {
        let (context, flags) = (context.clone(), flags.clone());
        runs.spawn(async move { one(&context, &flags, cluster, file).await });
    }
    let mut worst = Exit::Done;
    for ended in runs.join_all().await {
        // Every run is waited for and has said what it has to say: only the code is left to choose.
        let exit = ended.unwrap_or_else(|error| crate::cli::exit::report(&error));
        if exit.gravity() > worst.gravity() {
            worst = exit;
        }
    }
    Ok(worst)
}

async fn one(context: &Context, flags: &Flags, mut cluster: Cluster, file: PlanFile) -> anyhow::Result<Exit> {
    let id = flags.keeping.enforced_job_id.unwrap_or_else(uuid::Uuid::now_v7);
    let plan = file.plan.clone();
    let begin = Begin { file, reason: flags.promise.reason.clone(), id: Some(id) };
    let exit = begin_and_carry_out(context, begin, &mut cluster).await;
    let folder = context.home()?.join("runs").join(id.to_string());
    if let Some(into) = &flags.keeping.output_directory {
        outputs::keep(&plan, &folder, into)?;
    }
    if context.verbose > 0 {
        outputs::show(&plan, &folder)?;
    }
    exit
}
