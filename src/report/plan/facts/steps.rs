//! The sentences about one step of a plan.

use super::{HOSTS_SHOWN, addresses, count, time};
use crate::plan::model::{Plan, Step};
use crate::playbook::model::{ApproveScope, OnFailure, StepKind, TakesDown};
use std::net::IpAddr;

/// The step's command on any host, its address as `‹host›`; on the first host where hosts differ in more.
pub fn command(plan: &Plan, step: usize) -> (Vec<String>, bool) {
    let of = |target: usize| -> Vec<String> {
        let target = &plan.hosts[target];
        let node = &plan.nodes[target.node];
        let (address, name) = (node.address.to_string(), node.ssh.last().cloned().unwrap_or_default());
        let short = |word: &String| match *word == name && !name.is_empty() {
            true => "‹host›".to_owned(),
            false => replace_address(word, &address),
        };
        target.words[step].command.iter().map(short).collect()
    };
    let Some(first) = shown_on(plan, step) else { return (Vec::new(), true) };
    let mut others = done_on(plan, step).skip(1);
    match others.all(|target| of(target) == of(first)) {
        true => (of(first), true),
        false => (plan.hosts[first].words[step].command.clone(), false),
    }
}

/// Hosts on which the step is done, as far as the plan decides it.
fn done_on(plan: &Plan, step: usize) -> impl Iterator<Item = usize> {
    let here = plan.phase_of(step).map(|phase| phase.hosts.as_slice()).unwrap_or_default();
    here.iter().copied().filter(move |target| plan.hosts[*target].words[step].left_out.is_none())
}

/// The first of them: its words stand for all.
pub fn shown_on(plan: &Plan, step: usize) -> Option<usize> {
    done_on(plan, step).next()
}

/// What takes the step back when its host ends, on the host whose words stand for all.
pub fn undo(plan: &Plan, step: usize) -> Option<&Vec<String>> {
    plan.hosts[shown_on(plan, step)?].words[step].undo.as_ref()
}

/// Only where the address stands alone: `10.0.0.1` is no part of `10.0.0.12`.
pub fn replace_address(word: &str, address: &str) -> String {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == ':';
    let mut shown = String::new();
    let mut rest = word;
    while let Some(at) = rest.find(address) {
        let after = &rest[at + address.len()..];
        let port = after
            .strip_prefix(':')
            .is_some_and(|port| port.starts_with('/') || port.starts_with(|c: char| c.is_ascii_digit()));
        let alone = !rest[..at].ends_with(part) && (!after.starts_with(part) || (port && !address.contains(':')));
        shown.push_str(&rest[..at]);
        shown.push_str(if alone { "‹host›" } else { address });
        rest = after;
    }
    shown + rest
}

/// What makes the step succeed, and on which hosts it is done at all.
pub fn done_when(plan: &Plan, number: usize) -> String {
    succeeds(plan, number) + &condition(plan, number)
}

fn condition(plan: &Plan, number: usize) -> String {
    let when = plan.steps[number].when.as_ref();
    let decided = when.map(|when| format!("; only where `{when}`, decided on each host")).unwrap_or_default();
    let out: Vec<usize> =
        (0..plan.hosts.len()).filter(|target| plan.hosts[*target].words[number].left_out.is_some()).collect();
    let Some(when) = out.first().and_then(|first| plan.hosts[*first].words[number].left_out.as_ref()) else {
        return decided;
    };
    let shown: Vec<IpAddr> =
        out.iter().take(HOSTS_SHOWN).map(|target| plan.nodes[plan.hosts[*target].node].address).collect();
    let more = out.len().saturating_sub(HOSTS_SHOWN);
    let and = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{decided}; left out on {}{and}: `{when}` is false", addresses(&shown, ", "))
}

fn succeeds(plan: &Plan, number: usize) -> String {
    let step = &plan.steps[number];
    let behind = plan.phase_of(number).map_or(plan.steps.len(), |phase| phase.to);
    let gate = plan.steps[number + 1..behind].iter().position(|later| later.kind == StepKind::WaitUp);
    let judged = gate.map_or(String::new(), |ahead| format!("; proved in {}", number + ahead + 2));
    let exit = exits(step);
    let what = match step.kind {
        StepKind::Drain => format!("{exit}, and the node says `Mode: DRAINED`"),
        StepKind::Stop => format!("{exit}, and the observers see it down"),
        StepKind::Start | StepKind::Restart => format!("{exit}{judged}"),
        StepKind::Reboot => format!("{exit}, the connection may break{judged}"),
        StepKind::WaitDown => format!("the observers see it down, {} in a row", count(step.stable, "time", "")),
        StepKind::WaitUp => {
            return gate_words(plan, number);
        }
        StepKind::Pause => "the time is over".into(),
        StepKind::Verify => {
            let (poll, timeout) = (time(step.poll_ms), time(step.timeout_ms));
            format!("{exit}{}, looked at every {poll} for at most {timeout}", expected(plan, number))
        }
        StepKind::Approve => {
            let whom = if step.scope == Some(ApproveScope::Rest) { "this host and all after it" } else { "this host" };
            let question = step.message.as_deref().unwrap_or_default();
            format!("a person approves of {whom} (`rollbook approve RUN`) within {}: {question}", time(step.timeout_ms))
        }
        StepKind::Until => {
            let goal = step.message.as_deref().unwrap_or_default();
            return format!("a host is passed over when {goal}{}", expected(plan, number));
        }
        StepKind::Run => {
            format!("{exit}{}{}", expected(plan, number), if step.disruptive() { judged } else { String::new() })
        }
    };
    format!("{what}{}{}{}{}", guess(step), tries(step), tolerance(step), registers(step))
}

fn expected(plan: &Plan, number: usize) -> String {
    let pattern = shown_on(plan, number).and_then(|host| plan.hosts[host].words[number].expect.as_ref());
    pattern.map_or(String::new(), |pattern| format!(", output matches `{pattern}`"))
}

fn tries(step: &Step) -> String {
    let Some(retries) = step.retries else { return String::new() };
    let times = if retries.times == 1 { "once".into() } else { format!("{} times", retries.times) };
    let longer =
        if retries.backoff > 1 { format!(", then {} times as long each", retries.backoff) } else { String::new() };
    format!("; tried again {times} after {}{longer}", time(retries.delay_ms))
}

fn exits(step: &Step) -> String {
    let codes: Vec<String> = step.ok_exit.iter().map(i32::to_string).collect();
    format!("exit {}", codes.join(" or "))
}

fn guess(step: &Step) -> String {
    let Some(why) = &step.guessed else { return String::new() };
    let what = match step.takes_down {
        TakesDown::Nothing => "takes nothing down",
        TakesDown::Restart => "restarts",
        TakesDown::Reboot => "reboots",
        TakesDown::Unknown => "may take the host down",
    };
    format!(" (guess: {what}, {why})")
}

fn registers(step: &Step) -> String {
    step.register.as_ref().map_or(String::new(), |name| format!("; its output becomes host.vars.{name}"))
}

fn tolerance(step: &Step) -> &'static str {
    match (step.on_failure, step.on_timeout) {
        (OnFailure::Stop, OnFailure::Stop) => "",
        (OnFailure::Stop, OnFailure::Continue) => "; when its time is over the chain goes on with a warning",
        (OnFailure::Stop, OnFailure::Ask) => "; when its time is over a person is asked",
        (OnFailure::Continue, OnFailure::Ask) => {
            "; a failure is passed over with a warning, and when its time is over a person is asked"
        }
        (OnFailure::Continue, _) => "; a failure is passed over with a warning",
        (OnFailure::Ask, OnFailure::Continue) => {
            "; at a failure a person is asked, and when its time is over the chain goes on with a warning"
        }
        (OnFailure::Ask, _) => "; at a failure a person is asked",
    }
}

fn gate_words(plan: &Plan, number: usize) -> String {
    let before = &plan.steps[plan.phase_of(number).map_or(0, |phase| phase.from)..number];
    let since = before.iter().rposition(|step| step.kind == StepKind::WaitUp).map_or(0, |gate| gate + 1);
    let taken = |what: TakesDown| before[since..].iter().any(|step| step.takes_down == what);
    let starts = |step: &Step| matches!(step.kind, StepKind::Start | StepKind::Restart) || step.kind == StepKind::Run;
    let restarted = before[since..].iter().any(|step| step.takes_down == TakesDown::Restart && starts(step));
    let proof = if taken(TakesDown::Reboot) {
        ", another boot id, newer generation"
    } else if restarted {
        ", newer generation, shorter uptime"
    } else if taken(TakesDown::Unknown) {
        ", a restart proved or nothing changed for 40s"
    } else {
        ""
    };
    let observers = plan.nodes.len().saturating_sub(1).clamp(1, 3);
    let seen = count(observers as u32, "observer", "");
    let times = count(plan.steps[number].stable, "time", "");
    let last = if plan.steps[number].stable > 1 { "; by the last " } else { ", " };
    format!(
        "UN and CQL open if it was, {times} in a row{last}UN at {seen}, own view complete, every node reached, one schema{proof}"
    )
}
