//! The end of a run: a table of hosts, what is left out of service with the way back, and what to type next.

use super::incident::{address, outcome_words, phase_name, step_name, stop_words, undo_words};
use super::time::{duration, stamp};
use crate::diagnostic::lines;
use crate::job::event::{Event, HostEvent, Ms, Outcome, StepEvent, Stop, What};
use crate::job::model::{HostState, Job, SetupState, Stage, Standing, Undo, UndoState};
use crate::plan::model::{Plan, TargetIx};
use crate::playbook::model::StepKind;
use crate::report::accepted;
use comfy_table::{Cell, CellAlignment, Table, presets};
use std::collections::BTreeMap;

/// What the journal says of one host beyond its state.
#[derive(Clone, Debug, Default)]
struct Told {
    /// 1 for the first host that opened.
    order: Option<usize>,
    opened: Option<Ms>,
    ended: Option<Ms>,
    /// Time in each step, over all attempts.
    steps: BTreeMap<usize, Ms>,
    started: Option<Ms>,
    retries: u32,
    /// Since when it is out of service: from its first disruptive step to the gate that holds.
    out_since: Option<Ms>,
    /// So long it was out of service, added up.
    out: Ms,
    warnings: Vec<String>,
}

/// Cassandra's default `max_hint_window`, where no node said its own: who is away for longer misses writes that nobody
/// kept for it.
const HINT_WINDOW_MS: Ms = 3 * 3_600_000;

/// What is known of a run beside its journal.
#[derive(Clone, Debug, Default)]
pub struct About<'a> {
    /// Its id, as one would type it.
    pub run: &'a str,
    /// A process works on it.
    pub alive: bool,
    /// What it waits for, as lines.
    pub waits: Vec<String>,
    /// What the command said that failed on a host, as lines.
    pub said: BTreeMap<TargetIx, Vec<String>>,
}

/// Everything a person needs when a run is over, or while it goes on.
pub fn summary(plan: &Plan, job: &Job, events: &[Event], about: &About) -> String {
    let told = told(plan, events);
    let mut text = table(plan, job, &told, about).trim_fmt();
    text.push('\n');
    text += &counts(job, events, about);
    if plan.phases.len() > 1 {
        text += &format!("at {}\n", phase_name(plan, job.phase));
    }
    text += &long_away(plan, &told, events.last().map_or(0, |event| event.at));
    for (host, told) in told.iter().enumerate() {
        told.warnings.iter().for_each(|warning| text += &format!("{}: warning: {warning}\n", address(plan, host)));
    }
    accepted(plan).iter().for_each(|line| text += &format!("{line}\n"));
    for (host, state) in job.hosts.iter().enumerate() {
        text += &trouble(plan, host, state, about);
    }
    for (index, state) in job.setup.iter().enumerate() {
        let SetupState::UndoFailed { end } = state else { continue };
        let words = plan.setup[index].undo.as_ref().map(|words| words.join(" ")).unwrap_or_default();
        text +=
            &format!("the undo of {} failed ({}); type it yourself: {words}\n", plan.setup_name(index), end.words());
    }
    for wait in about.waits.iter().filter(|_| about.alive) {
        text += &format!("now: {wait}\n");
    }
    // (that so many were to be opened is not why it ended when a host failed)
    let beside =
        |why: &Stop| matches!(why, Stop::After { .. }) && matches!(job.ended, Some(Outcome::Failed | Outcome::InDoubt));
    if let Some(stopping) = job.stopping.as_ref().filter(|why| !beside(why)) {
        text +=
            &format!("{}: {}\n", if job.ended.is_some() { "stopped" } else { "stopping" }, stop_words(plan, stopping));
    }
    lines(&(text + &next(plan, job, about)))
}

/// Hosts that were away for longer than hints are kept, over every attempt of this run.
fn long_away(plan: &Plan, told: &[Told], last: Ms) -> String {
    let out = |told: &Told| told.out + told.out_since.map_or(0, |since| last.saturating_sub(since));
    let window = plan.hint_window_ms.unwrap_or(HINT_WINDOW_MS);
    let whose = if plan.hint_window_ms.is_some() { "this cluster's" } else { "Cassandra's default" };
    let long = told.iter().enumerate().filter(|(_, told)| out(told) > window);
    let line = |(host, told): (TargetIx, &Told)| {
        format!(
            "{} was out of service for {}, longer than {} ({whose} max_hint_window): repair it\n",
            address(plan, host),
            duration(out(told)),
            duration(window)
        )
    };
    long.map(line).collect()
}

fn told(plan: &Plan, events: &[Event]) -> Vec<Told> {
    let mut told = vec![Told::default(); plan.hosts.len()];
    let mut opened = 0;
    for event in events {
        let Some(host) = host_of(&event.what).and_then(|host| told.get_mut(host)) else { continue };
        match &event.what {
            What::Host { event: HostEvent::Opened, .. } => {
                opened += 1;
                (host.order, host.opened, host.ended) = (Some(opened), Some(event.at), None);
            }
            What::Host { event: HostEvent::Warned { because }, .. } => host.warnings.push(because.clone()),
            What::Host { event: HostEvent::Back, .. } => host.back(event.at),
            What::Host { event: HostEvent::Baseline(_) | HostEvent::Settling, .. } => {}
            What::Host { .. } => host.ended = Some(event.at),
            What::Step { step, event: what, .. } => {
                let looks = plan.steps.get(*step).is_some_and(|step| step.kind.looks());
                host.step(*step, what, event.at, looks);
                match (plan.steps.get(*step), what) {
                    (Some(step), StepEvent::Started { .. }) if step.disruptive() => {
                        host.out_since.get_or_insert(event.at);
                    }
                    (Some(step), StepEvent::Passed { .. }) if step.kind == StepKind::WaitUp => host.back(event.at),
                    _ => {}
                }
            }
            What::Run(_) | What::Setup { .. } => {}
        }
    }
    told
}

fn host_of(what: &What) -> Option<TargetIx> {
    match what {
        What::Host { host, .. } | What::Step { host, .. } => Some(*host),
        What::Run(_) | What::Setup { .. } => None,
    }
}

impl Told {
    fn back(&mut self, at: Ms) {
        let since = self.out_since.take().unwrap_or(at);
        self.out += at.saturating_sub(since);
    }

    fn step(&mut self, step: usize, event: &StepEvent, at: Ms, looks: bool) {
        match event {
            StepEvent::Started { attempt } => {
                if *attempt > 1 && looks {
                    return; // one look of many
                }
                self.started = Some(at);
                self.retries += u32::from(*attempt > 1);
            }
            StepEvent::Passed { .. } | StepEvent::Tolerated { .. } => {
                let took = at.saturating_sub(self.started.take().unwrap_or(at));
                *self.steps.entry(step).or_default() += took;
            }
            StepEvent::Spawned { .. }
            | StepEvent::Ended { .. }
            | StepEvent::LeftOut { .. }
            | StepEvent::Asked { .. }
            | StepEvent::UndoStarted { .. }
            | StepEvent::UndoEnded { .. }
            | StepEvent::Probing { .. }
            | StepEvent::Probed { .. } => {}
        }
    }
}

fn table(plan: &Plan, job: &Job, told: &[Told], about: &About) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["host", "dc", "rack", "order", "result", "time", "steps"]);
    let mut rows: Vec<TargetIx> = (0..plan.hosts.len()).collect();
    // As they were worked on; those never opened behind, in the plan's order.
    rows.sort_by_key(|host| (told[*host].order.unwrap_or(usize::MAX), *host));
    for host in rows {
        let (node, told) = (&plan.nodes[plan.hosts[host].node], &told[host]);
        let time = told.opened.zip(told.ended).map(|(from, to)| duration(to.saturating_sub(from)));
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        table.add_row([
            Cell::new(node.address),
            Cell::new(&node.datacenter),
            Cell::new(&node.rack),
            right(told.order.map_or("-".into(), |order| order.to_string())),
            Cell::new(result(&job.hosts[host], about)),
            right(time.unwrap_or_else(|| "-".into())),
            Cell::new(steps(plan, told, &job.hosts[host])),
        ]);
    }
    table
}

fn result(state: &HostState, about: &About) -> &'static str {
    match &state.standing {
        Standing::Waiting if state.through > 0 => "through an earlier phase",
        Standing::Waiting => "not begun",
        Standing::Working(work) if matches!(work.stage, Stage::Doubt { .. } | Stage::Probed { .. }) => "in doubt",
        Standing::Working(work) if matches!(work.stage, Stage::Asked { .. }) && about.alive => "asked about",
        Standing::Working(_) | Standing::Settling { .. } if about.alive => "in work",
        Standing::Working(_) | Standing::Settling { .. } => "unfinished",
        Standing::Done if state.unproved => "done, unproved",
        Standing::Done if state.already.is_some() => "done already",
        Standing::Done => "done",
        Standing::Failed { .. } => "failed",
        Standing::Lost { .. } => "in doubt",
        Standing::Skipped { .. } => "skipped",
    }
}

fn steps(plan: &Plan, told: &Told, state: &HostState) -> String {
    let mut steps: Vec<String> =
        told.steps.iter().map(|(step, ms)| format!("{} {}", step_name(plan, *step), duration(*ms))).collect();
    match &state.standing {
        Standing::Failed { step, .. } => steps.push(format!("{} failed", step_name(plan, *step))),
        Standing::Lost { step, .. } => steps.push(format!("{} in doubt", step_name(plan, *step))),
        Standing::Working(work) => steps.push(format!("{} …", step_name(plan, work.step))),
        Standing::Waiting | Standing::Settling { .. } | Standing::Done | Standing::Skipped { .. } => {}
    }
    match told.retries {
        0 => {}
        1 => steps.push("1 retry".into()),
        n => steps.push(format!("{n} retries")),
    }
    steps.join(" · ")
}

fn counts(job: &Job, events: &[Event], about: &About) -> String {
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for host in job.hosts.iter() {
        *counted.entry(result(host, about)).or_default() += 1;
    }
    let counts: Vec<String> = counted.iter().map(|(result, count)| format!("{count} {result}")).collect();
    let (first, last) = (events.first().map_or(0, |event| event.at), events.last().map_or(0, |event| event.at));
    format!(
        "{} host{}: {}; {} from {}\n",
        job.hosts.len(),
        if job.hosts.len() == 1 { "" } else { "s" },
        counts.join(", "),
        duration(last.saturating_sub(first)),
        stamp(first)
    )
}

/// Why it failed, and the way back for one that may be out of service.
fn trouble(plan: &Plan, host: TargetIx, state: &HostState, about: &About) -> String {
    if about.alive && state.in_work() {
        return String::new();
    }
    let mut text = String::new();
    let address = address(plan, host);
    match &state.standing {
        Standing::Failed { step, because } => {
            text += &format!("{address} failed at {}: {because}\n", step_name(plan, *step))
        }
        Standing::Lost { step, because } => {
            text += &format!("{address} in doubt at {}: {because}\n", step_name(plan, *step))
        }
        Standing::Skipped { because } => text += &format!("{address} skipped: {because}\n"),
        Standing::Working(work) => text += &format!("{address} was left at {}\n", step_name(plan, work.step)),
        Standing::Waiting | Standing::Settling { .. } | Standing::Done => {}
    }
    for line in about.said.get(&host).into_iter().flatten() {
        text += &format!("   {line}\n");
    }
    text += &undos(plan, host, state);
    let at = match &state.standing {
        Standing::Failed { step, .. } | Standing::Lost { step, .. } => Some(*step),
        Standing::Working(work) => Some(work.step),
        _ => None,
    };
    let drained = at.and_then(|step| plan.steps.get(step)).is_some_and(|step| step.kind == StepKind::Drain);
    if state.disrupted && (state.unproved || state.in_work()) {
        text += &format!("   it may be out of service; this brings it back: {}\n", way_back(plan, host, drained));
    }
    text
}

/// What its steps did and nobody has taken back.
fn undos(plan: &Plan, host: TargetIx, state: &HostState) -> String {
    let line = |(step, undo): (&usize, &Undo)| {
        let (address, name, words) = (address(plan, host), step_name(plan, *step), undo_words(plan, host, *step));
        match &undo.state {
            UndoState::Done => String::new(),
            UndoState::Failed { end } => {
                format!("{address} the undo of {name} failed ({}); type it yourself: {words}\n", end.words())
            }
            UndoState::Owed | UndoState::Running { .. } => {
                format!(
                    "{address} what {name} did is not taken back yet (`resume` does, when the host ends): {words}\n"
                )
            }
        }
    };
    state.undos.iter().map(line).collect()
}

/// `drained`: it was left drained, and not stopped.
fn way_back(plan: &Plan, host: TargetIx, drained: bool) -> String {
    let node = &plan.nodes[plan.hosts[host].node];
    let own = |wanted: StepKind| plan.steps.iter().position(|step| step.kind == wanted);
    // a drained process still runs: only a restart brings it back
    match own(StepKind::Restart).or(own(StepKind::Start).filter(|_| !drained)) {
        Some(step) if !plan.hosts[host].words[step].command.is_empty() => {
            plan.hosts[host].words[step].command.join(" ")
        }
        _ => format!("{} sudo systemctl restart {}", node.ssh.join(" "), plan.service),
    }
}

/// What to type next.
fn next(plan: &Plan, job: &Job, about: &About) -> String {
    let run = about.run;
    let Some(outcome) = job.ended else {
        let asks = about.alive && !crate::job::approval::pending(plan, job).is_empty();
        return match about.alive {
            true if asks => {
                format!("it waits for a person; next: rollbook approve {run}\n      or: rollbook stop {run}\n")
            }
            true => format!("it is being worked on; next: rollbook runs watch {run}\n      or: rollbook stop {run}\n"),
            false => format!("it has not ended; go on with: rollbook resume {run}\n"),
        };
    };
    let first = |test: fn(&Standing) -> bool| {
        let found = job.hosts.iter().position(|host| test(&host.standing) && !host.settled);
        found.map(|host| address(plan, host))
    };
    let doubt = first(|standing| matches!(standing, Standing::Lost { .. }));
    // Taken up again where it was left: a gate is asked anew, and `resume` itself says where a person must.
    let left = first(|standing| matches!(standing, Standing::Working(_)));
    let failed = first(|standing| matches!(standing, Standing::Failed { .. } | Standing::Skipped { .. }));
    let commands = match (outcome, doubt) {
        (Outcome::Succeeded, _) => vec![format!("rollbook runs show {run}")],
        (Outcome::Stale, _) => vec!["rollbook plan … (the cluster as it is now)".to_owned()],
        (Outcome::Refused, _) => vec![format!("rollbook resume {run}   (when the cluster is well)")],
        (Outcome::Stopped, _) => vec![format!("rollbook resume {run}")],
        (Outcome::Locked, _) => vec![format!("rollbook resume {run}   (when the lock is free)")],
        (Outcome::NotApproved, _) => vec![format!("rollbook approve {run} && rollbook resume {run}")],
        (_, Some(host)) => {
            vec![format!("rollbook resolve {run} {host} --as done|failed|retry"), format!("rollbook resume {run}")]
        }
        (_, None) if left.is_some() && failed.is_none() => vec![format!("rollbook resume {run}")],
        // a setup command failed or was ended: no host did anything that could be tried again
        (_, None) if failed.is_none() => vec![format!("rollbook resume {run}")],
        (_, None) => {
            let host = failed.unwrap_or_default();
            let open = job.hosts.iter().enumerate().filter(|(_, host)| {
                host.counts_as_failure() || matches!(host.standing, Standing::Skipped { .. }) && !host.settled
            });
            let all: Vec<String> = open.map(|(host, _)| address(plan, host)).collect();
            vec![
                format!("rollbook resume {run} --retry-failed   (from the step that failed)"),
                format!("rollbook resume {run} --skip {}   (leave alone, go on with the others)", all.join(" --skip ")),
                format!("rollbook resolve {run} {host} --as done   (you did the step by hand; then resume)"),
            ]
        }
    };
    let ended = match &job.stopping {
        Some(Stop::Setup { .. }) if outcome == Outcome::Failed => "nothing was done on any host in this session",
        _ => outcome_words(outcome),
    };
    format!("{ended}; next: {}\n", commands.join("\n      or: "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::event::RunEvent;
    use crate::plan::samples::six_hosts;

    /// The operator took it up again the next day: nobody served meanwhile.
    #[test]
    fn time_out_of_service_goes_on_between_two_sessions() {
        let plan = six_hosts();
        let gate = plan.steps.iter().position(|step| step.kind == StepKind::WaitUp).unwrap();
        let hour = 3_600_000;
        let host = |at: Ms, host, event| Event { at, what: What::Host { host, event } };
        let step = |at: Ms, host, step, event| Event { at, what: What::Step { host, step, event } };
        let run = |at: Ms, event| Event { at, what: What::Run(event) };
        let session = |session| RunEvent::Started {
            session,
            plan: String::new(),
            reason: None,
            by: "ops".into(),
            attended: false,
        };
        let mut events = vec![
            run(0, session(1)),
            // two short outages in the first session, of which the second does not end
            step(0, 0, 0, StepEvent::Started { attempt: 1 }),
            step(hour, 0, gate, StepEvent::Passed { attempt: 1, proof: String::new() }),
            step(hour, 0, 0, StepEvent::Started { attempt: 1 }),
            host(2 * hour, 0, HostEvent::Failed { step: 0, because: "no".into() }),
            run(2 * hour, RunEvent::Ended { outcome: Outcome::Failed }),
        ];
        assert_eq!(long_away(&plan, &told(&plan, &events), 2 * hour), "");
        events.push(run(4 * hour, session(2)));
        events.push(host(4 * hour, 0, HostEvent::Back));
        let said = long_away(&plan, &told(&plan, &events), 4 * hour);
        assert!(said.starts_with("10.77.0.11 was out of service for 4h"), "{said}");
        // what comes later is no part of it
        assert_eq!(said, long_away(&plan, &told(&plan, &events), 30 * hour));
    }

    #[test]
    fn time_out_of_service_is_added_up_over_attempts_against_the_hint_window() {
        let mut plan = six_hosts();
        let gate = plan.steps.iter().position(|step| step.kind == StepKind::WaitUp).unwrap();
        let hour = 3_600_000;
        let step = |at: Ms, host, step, event| Event { at, what: What::Step { host, step, event } };
        let started = || StepEvent::Started { attempt: 1 };
        let passed = || StepEvent::Passed { attempt: 1, proof: String::new() };
        let events = [
            // two hours, and once more two hours; another host is away for one
            step(0, 0, 0, started()),
            step(2 * hour, 0, gate, passed()),
            step(3 * hour, 0, 0, started()),
            step(4 * hour, 1, 0, started()),
            step(5 * hour, 0, gate, passed()),
        ];
        let said = long_away(&plan, &told(&plan, &events), 5 * hour);
        assert!(said.starts_with("10.77.0.11 was out of service for 4h"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        // nobody has seen it back
        let said = long_away(&plan, &told(&plan, &events), 9 * hour);
        assert_eq!(said.lines().count(), 2, "{said}");
        // where nodes said for how long they keep hints, that counts
        plan.hint_window_ms = Some(8 * hour);
        assert_eq!(long_away(&plan, &told(&plan, &events), 9 * hour), "");
        plan.hint_window_ms = Some(hour / 2);
        let said = long_away(&plan, &told(&plan, &events), 5 * hour);
        assert!(said.contains("longer than 30m 00s (this cluster's max_hint_window)"), "{said}");
    }
}
