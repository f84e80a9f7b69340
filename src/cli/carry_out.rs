//! Carries a plan out: leases, engine, progress, the table at the end, the exit code.

use super::cluster::{Cluster, Seen};
use super::context::{Context, tell, unusable};
use super::earlier_run;
use super::exit::{Exit, Failure};
use crate::ask::{Asker, Heard};
use crate::diagnostic::Severity;
use crate::discover::{Preflight, PreflightCheck, PreflightFinding, preflight};
use crate::display::{About, Lines, Noted, Volume, summary};
use crate::execute::engine::{self, EngineError, RunContext};
use crate::execute::process::Launcher;
use crate::execute::signals;
use crate::job::event::{Ms, Outcome, Question, Resolution, Stop};
use crate::job::model::Job;
use crate::job::rules::Rules;
use crate::job::view::{Answer, Input};
use crate::plan::model::{Plan, PlanFile, Step, TargetIx};
use crate::playbook::model::{OnFailure, StepKind, Then};
use crate::playbook::secret::Secret;
use crate::playbook::template::{RunValues, fill};
use crate::store::{Store, StoreError};
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;

/// Between TERM and KILL for what is ended.
const GRACE: Duration = Duration::from_secs(10);

/// Ring and replication as planning read them count for so long, from the first question.
const SHAPE_MS: Ms = 120_000;

/// A run of the store that is to be carried out, or gone on with.
pub struct Work {
    pub store: Arc<Store>,
    pub run: String,
    pub file: Arc<PlanFile>,
    pub reason: Option<String>,
    /// Made for this: nothing of it was carried out before.
    pub new: bool,
    pub settle: Vec<(TargetIx, Resolution)>,
    pub secrets: BTreeMap<String, Secret>,
}

/// Asks every host whether it can be worked on; shows what stands in the way.
///
/// # Errors
/// 5 when something forbids the run.
pub async fn can_be_worked_on(context: &Context, file: &PlanFile, cluster: &mut Cluster) -> anyhow::Result<()> {
    waivers_hold(&file.plan)?;
    let asker = Arc::new(Asker::of_plan(&file.plan, cluster.env_for(&file.plan.params)).noting(&cluster.ledger));
    let targets: Vec<TargetIx> = (0..file.plan.hosts.len()).collect();
    let Preflight { findings, heard } = preflight(&asker, &file.plan, &targets).await;
    if let Some(seen) = cluster.seen.get_mut() {
        seen.heard.extend(heard.into_iter().map(|heard| (file.plan.nodes[heard.node].address, heard)));
    }
    for finding in &findings {
        let word = if finding.severity == Severity::Error { "error" } else { "warning" };
        if finding.severity == Severity::Error || !context.quiet {
            tell(format_args!("{word}: {}\n help: {}", finding.message, finding.help));
        }
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if errors == 0 {
        return Ok(());
    }
    // the cluster is well; it is only no longer the one of the plan
    let stale =
        |finding: &PreflightFinding| finding.severity != Severity::Error || finding.check == PreflightCheck::Group;
    if findings.iter().all(stale) {
        return Err(
            Failure::new(Exit::Stale, "the groups of hosts are no longer those of the plan; nothing was done").into()
        );
    }
    let things = if errors == 1 { "one thing stands".to_owned() } else { format!("{errors} things stand") };
    Err(Failure::new(Exit::Refused, format!("{things} in the way; nothing was done")).into())
}

/// A waiver is for a time: afterwards the check counts again, or somebody says anew why not.
///
/// # Errors
/// 5 when one has expired.
fn waivers_hold(plan: &Plan) -> anyhow::Result<()> {
    let today = super::context::today();
    let Some(waiver) = plan.expired(&today) else { return Ok(()) };
    let check = crate::playbook::waivable_word(waiver.check);
    let message = format!("`{check}` was waived until {}, and today is {today}; nothing was done", waiver.expires);
    let help = "remove it from `waive:`, or give it a new day and a reason that still holds";
    Err(Failure::new(Exit::Refused, message).help(help).into())
}

/// Runs it to its end, which may be a stop.
pub async fn carry_out(context: &Context, work: Work, cluster: &mut Cluster) -> anyhow::Result<Exit> {
    waivers_hold(&work.file.plan)?;
    let (tx, rx) = unbounded_channel();
    signals::listen(tx.clone())?;
    let attended = asks_a_person(&work.file.plan) && std::io::stdin().is_terminal();
    if attended {
        let plan = &work.file.plan;
        let hosts = plan.hosts.iter().map(|host| plan.nodes[host.node].address.to_string()).collect();
        signals::listen_to_the_terminal(tx.clone(), super::context::who(), hosts);
    }
    if let Some(seen) = cluster.seen.take() {
        // our own receiver lives as long as we do
        already_heard(&work.file.plan, seen).into_iter().for_each(|input| drop(tx.send(input)));
    }
    let volume = match (context.quiet, context.verbose) {
        (true, _) => Volume::Quiet,
        (false, 0) => Volume::Normal,
        _ => Volume::Verbose,
    };
    let folder = work.store.run_folder(&work.run);
    cluster.ledger.keep_in(&folder).with_context(|| format!("cannot write into `{}`", folder.display()))?;
    let env = cluster.env_for(&work.file.plan.params);
    let goes_on = if work.new { "" } else { " goes on" };
    let first = format!("run {}{goes_on}; outputs in {}", work.run, folder.display());
    let none = BTreeMap::new();
    let values =
        RunValues { run_id: &work.run, reason: work.reason.as_deref(), vars: &none, secrets: &BTreeMap::new() };
    let asker = Asker::of_plan(&work.file.plan, env.clone()).noting(&cluster.ledger);
    let asker =
        asker.of_run(|words| fill(words, &values)).map_err(|error| Failure::new(Exit::BadFile, error.message))?;
    // the sandbox's ssh is a process of this machine, and knows no sharing
    let asker = if cluster.sandbox.is_none() { asker.sharing() } else { asker };
    let ctx = RunContext {
        store: work.store.clone(),
        run: work.run.clone(),
        reason: work.reason,
        by: super::context::who(),
        env,
        secrets: work.secrets,
        asker: Arc::new(asker),
        launcher: Launcher::this_program(),
        grace: GRACE,
        rules: Rules::default(),
        attended,
        displays: vec![Box::new(Lines::new(std::io::stderr(), volume).first(first)), Box::new(Noted::new(&folder))],
        settle: work.settle,
        tx,
        rx,
    };
    let ended = engine::run(work.file.clone(), ctx).await;
    if let (Err(EngineError::Store(StoreError::Held(_))), true) = (&ended, work.new) {
        // It never was a run: `last` must not mean it.
        work.store.withdraw(&work.run).map_err(unusable)?;
        if let Some(sandbox) = &mut cluster.sandbox {
            sandbox.let_go();
        }
    }
    let (outcome, job) = ended.map_err(|error| not_carried_out(error, &work.file.plan))?;
    let (_, events) = work.store.load(&work.run).map_err(unusable)?;
    let (plan, run) = (&work.file.plan, crate::store::short(&work.run));
    let about = About { run, said: earlier_run::said(&folder, plan, &job), ..About::default() };
    std::io::stdout().write_all(summary(plan, &job, &events, &about).as_bytes())?;
    if let Some(sandbox) = cluster.sandbox.as_mut().filter(|_| matches!(outcome, Outcome::Succeeded)) {
        sandbox.let_go();
    }
    Ok(exit_of(outcome, &job))
}

/// What planning has heard, as answers with their age: the run asks again for what is too old.
fn already_heard(plan: &Plan, seen: Seen) -> Vec<Input> {
    // (a person who thinks, or a run on another cluster, may lie between)
    let recent = crate::clock::now().saturating_sub(seen.at) <= SHAPE_MS;
    let shape = Input::Answered {
        node: 0,
        question: Question::Shape,
        answer: Answer::Shape(Arc::new(seen.shape)),
        asked: seen.at,
        at: seen.at,
    };
    let of = |(address, heard): (std::net::IpAddr, Heard)| {
        let node = plan.nodes.iter().position(|node| node.address == address)?;
        let Heard { question, answer, asked, at, .. } = heard;
        Some(Input::Answered { node, question, answer, asked, at })
    };
    recent.then_some(shape).into_iter().chain(seen.heard.into_iter().filter_map(of)).collect()
}

/// Is there anything in the plan that a person must approve of, or may be asked about?
fn asks_a_person(plan: &Plan) -> bool {
    let asks = |step: &Step| [step.on_failure, step.on_timeout].contains(&OnFailure::Ask);
    let approves = plan.steps.iter().any(|step| step.kind == StepKind::Approve || asks(step));
    approves || plan.phases.iter().any(|phase| phase.first.is_some_and(|first| first.then == Then::Ask))
}

/// The exit code of a run's end.
pub fn exit_of(outcome: Outcome, job: &Job) -> Exit {
    match outcome {
        Outcome::Succeeded => Exit::Done,
        Outcome::Failed => Exit::HostFailed,
        Outcome::Stopped => Exit::Stopped,
        Outcome::NotApproved => Exit::NotApproved,
        Outcome::Locked => Exit::Locked,
        Outcome::Refused => Exit::Refused,
        Outcome::Stale => Exit::Stale,
        Outcome::InDoubt => Exit::InDoubt,
        Outcome::Killed => match &job.stopping {
            Some(Stop::Killed { by }) if by == "SIGTERM" => Exit::Terminated,
            _ => Exit::Interrupted,
        },
    }
}

/// What kept a run from being carried out, as an exit code.
pub fn not_carried_out(error: EngineError, plan: &Plan) -> Failure {
    match error {
        EngineError::Store(StoreError::Held(held)) => {
            let known = plan.nodes.iter().find(|node| node.id == held.host_id);
            let failure = unusable(StoreError::Held(held.clone()));
            let message = match known {
                Some(node) => failure.message.replace(&held.host_id, &node.address.to_string()),
                None => failure.message,
            };
            Failure { message: message + "; nothing was done", ..failure }
        }
        EngineError::Store(store) => unusable(store),
        EngineError::Journal(_) => Failure::new(Exit::BadFile, error.to_string()),
        EngineError::AtALoss(_) => Failure::new(Exit::Unexpected, error.to_string()),
    }
}
