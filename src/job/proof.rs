//! What the kind of a step can prove by itself, whatever the exit status said.

use super::decide::Desk;
use super::event::{Ms, Question};
use super::evidence::{Evidence, gossip, row, witnesses};
use super::heard::Need;
use super::model::Job;
use super::rules::{Frame, unreadable};
use super::view::Answer;
use crate::plan::model::{NodeIx, TargetIx};
use crate::playbook::model::StepKind;
use crate::topology::nodetool::Liveness;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Proof {
    Yes(String),
    /// Not yet; ask again.
    No {
        why: String,
        needs: Vec<Need>,
    },
    Open(Vec<Need>),
    /// This kind proves nothing, or nobody is left to ask.
    None,
}

/// `drain` by `Mode: DRAINED` (it exits 0 even when it failed), `stop` by the observers, `reboot` by another boot
/// id, `start` and `restart` by a newer generation.
pub(super) fn seek(desk: &Desk, target: TargetIx, kind: StepKind, since: Ms, evidence: &mut Evidence) -> Proof {
    let (frame, job, view) = (desk.frame, desk.job, desk.view);
    let node = frame.plan.hosts[target].node;
    let outcome = match kind {
        StepKind::Drain => drained(evidence, node, since),
        StepKind::Stop | StepKind::WaitDown => {
            let mut observers = witnesses(frame, job, view, node, evidence.now);
            if kind == StepKind::Stop {
                observers.truncate(1); // the command has said so already, and nobody is taken out upon it
            }
            if observers.is_empty() {
                // an accepted outage, or the only node: nobody is left who could see it
                return Proof::Yes("nobody is left to see it".into());
            }
            down(frame, evidence, &observers, node, since)
        }
        StepKind::Reboot => rebooted(job, evidence, target, node, since),
        StepKind::Start | StepKind::Restart => {
            let observers = witnesses(frame, job, view, node, evidence.now);
            restarted(frame, job, evidence, &observers, target, since)
        }
        _ => return Proof::None,
    };
    found(outcome, evidence)
}

/// The same where nobody knows whether the command ran. That its peers see a node down proves no `stop` then: a drained
/// node has said goodbye to them, and its process runs on. Its machine knows.
pub(super) fn seek_in_doubt(
    desk: &Desk,
    target: TargetIx,
    kind: StepKind,
    since: Ms,
    evidence: &mut Evidence,
) -> Proof {
    if kind != StepKind::Stop {
        return seek(desk, target, kind, since, evidence);
    }
    found(stopped(evidence, desk.frame.plan.hosts[target].node, since), evidence)
}

type Part = Result<Option<String>, String>;

fn found(part: Part, evidence: &mut Evidence) -> Proof {
    match part {
        Ok(Some(proof)) => Proof::Yes(proof),
        Ok(None) => Proof::Open(std::mem::take(&mut evidence.needs)),
        Err(why) => Proof::No { why, needs: std::mem::take(&mut evidence.needs) },
    }
}

fn stopped(evidence: &mut Evidence, node: NodeIx, since: Ms) -> Part {
    let Some(heard) = evidence.read(node, Question::Unit, since) else { return Ok(None) };
    match &heard.answer {
        // (a JVM that is told to end does so with a status that systemd may take for a failure)
        Answer::Unit(state) if matches!(state.as_str(), "inactive" | "failed") => {
            Ok(Some(format!("its unit is `{state}`")))
        }
        other => {
            evidence.again(node, Question::Unit);
            Err(match other {
                Answer::Unit(state) => format!("its unit is `{state}`"),
                _ => unreadable(other),
            })
        }
    }
}

fn drained(evidence: &mut Evidence, node: NodeIx, since: Ms) -> Part {
    let Some(heard) = evidence.read(node, Question::Mode, since) else { return Ok(None) };
    match &heard.answer {
        Answer::Mode(view) if view.mode == "DRAINED" => Ok(Some("Mode: DRAINED".into())),
        other => {
            evidence.again(node, Question::Mode);
            Err(match other {
                Answer::Mode(view) => format!("the node says `Mode: {}`, not DRAINED", view.mode),
                _ => unreadable(other),
            })
        }
    }
}

fn down(frame: &Frame, evidence: &mut Evidence, observers: &[NodeIx], node: NodeIx, since: Ms) -> Part {
    let (mut seen, mut up) = (0, None);
    for observer in observers {
        let Some(heard) = evidence.read(*observer, Question::Status, since) else { continue };
        let is_down =
            heard.seen().and_then(|view| row(frame, view, node)).is_some_and(|row| row.liveness == Liveness::Down);
        if !is_down {
            evidence.again(*observer, Question::Status);
            up = Some(frame.address(*observer));
        }
        seen += 1;
    }
    match up {
        Some(by) => Err(format!("{by} does not show it down")),
        None => Ok((seen == observers.len()).then(|| "its peers see it down".into())),
    }
}

fn rebooted(job: &Job, evidence: &mut Evidence, target: TargetIx, node: NodeIx, since: Ms) -> Part {
    let before = job.hosts[target].baseline.as_ref().and_then(|baseline| baseline.boot_id.clone());
    let Some(heard) = evidence.read(node, Question::BootId, since) else { return Ok(None) };
    match (&heard.answer, before) {
        (Answer::BootId { id, .. }, Some(before)) if *id != before => Ok(Some("another boot id".into())),
        (Answer::BootId { .. }, _) => {
            evidence.again(node, Question::BootId);
            Err("its boot id is the one from before".into())
        }
        (other, _) => {
            evidence.again(node, Question::BootId);
            Err(unreadable(other))
        }
    }
}

fn restarted(
    frame: &Frame,
    job: &Job,
    evidence: &mut Evidence,
    observers: &[NodeIx],
    target: TargetIx,
    since: Ms,
) -> Part {
    let node = frame.plan.hosts[target].node;
    let state = &job.hosts[target];
    let generation = state.baseline.as_ref().and_then(|baseline| baseline.generation).unwrap_or(u64::MAX);
    let mut seen = Vec::new();
    for observer in observers {
        let Some(heard) = evidence.read(*observer, Question::Gossip, since) else { continue };
        let of = gossip(heard).and_then(|view| view.nodes.get(&frame.address(node)));
        seen.push(of.map_or(0, |of| of.generation));
    }
    let Some(info) = evidence.read(node, Question::Info, since) else { return Ok(None) };
    if seen.len() < observers.len() || seen.is_empty() {
        return Ok(None);
    }
    let Answer::Info(view) = &info.answer else {
        evidence.again(node, Question::Info);
        return Err(unreadable(&info.answer));
    };
    let age = info.asked.saturating_sub(state.expect.since.unwrap_or(info.asked)) / 1000;
    let before = state.baseline.as_ref().and_then(|baseline| baseline.uptime_s);
    let young = view.uptime_s < age || before.is_some_and(|before| view.uptime_s < before);
    if seen.iter().all(|seen| *seen > generation) && young {
        return Ok(Some("generation newer".into()));
    }
    for observer in observers {
        evidence.again(*observer, Question::Gossip);
    }
    evidence.again(node, Question::Info);
    Err("its gossip generation or its process is the one from before".into())
}
