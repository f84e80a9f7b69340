//! The playbook's gates: while the cluster bears the work badly, or nobody knows, no further host opens. And its lock:
//! the same while nobody confirms that it is still this run's.
//!
//! A command is asked once for the cluster. A measure is asked of nodes that are not out: a latency of the observers,
//! for each answer costs a node the start of a JVM; the load of every node. All must be within the bound.

use super::decide::Desk;
use super::event::{Asked, Measure, Ms, Question, RunEvent, Stop};
use super::evidence::witnesses;
use super::heard::{Heard, Need, View};
use super::model::{Job, SetupState};
use super::rules::{Frame, unreadable};
use super::view::Answer;
use crate::plan::model::{Gate, NodeIx, Plan};

/// A gate is not a question to a node; this one stands for nobody.
pub const NOBODY: NodeIx = 0;
/// The place of the gate that confirms the lock, where a plan has one (`Plan::renewal`).
const RENEWAL: usize = 0;
/// A command is ended after this.
const ANSWER_MS: Ms = 30_000;

/// How one gate was answered of late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// Good answers in a row.
    pub good: u32,
    /// Since when it is not open.
    pub bad_since: Option<Ms>,
    pub said: String,
    /// When it was last judged: only what was asked after this counts next time.
    pub judged: Ms,
}

/// Judges the gates that this answer belongs to, once all that are asked have answered.
pub(super) fn observe(frame: &Frame, job: &Job, view: &mut View, question: Question, now: Ms) {
    for gate in 0..frame.plan.gates.len() {
        let terms = &frame.plan.gates[gate];
        let asked = asked(frame, job, view, gate, now);
        if asked.first().is_none_or(|(_, of)| *of != question) {
            continue;
        }
        let since = view.brakes.get(&gate).map_or(0, |state| state.judged);
        let Some((open, said)) = verdict(frame, terms, view, &asked, since) else { continue };
        // (one that takes too long would be worth nothing each time, and be waited for without end)
        let asked_at = view.heard(NOBODY, Question::Gate(gate)).map_or(now, |heard| heard.asked);
        let too_late = terms.lock && open && now > terms.confirms_until(asked_at);
        let (open, said) = match too_late {
            true => {
                (false, format!("it was confirmed after {} s, which is over twice `every`", (now - asked_at) / 1000))
            }
            false => (open, said),
        };
        let state = view.brakes.entry(gate).or_default();
        (state.said, state.judged) = (said, now);
        if open {
            state.good += 1;
            if state.good >= terms.stable {
                state.bad_since = None;
            }
        } else {
            state.good = 0;
            state.bad_since.get_or_insert(now);
        }
    }
}

/// What is asked of whom. Nobody: nobody is left who could say.
fn asked(frame: &Frame, job: &Job, view: &View, gate: usize, now: Ms) -> Vec<Asked> {
    let Some(measure) = frame.plan.gates[gate].measure else { return vec![(NOBODY, Question::Gate(gate))] };
    let nodes = if measure.costly() {
        witnesses(frame, job, view, NodeIx::MAX, now)
    } else {
        let out = frame.out(job);
        (0..frame.plan.nodes.len()).filter(|node| !out.contains(node)).collect()
    };
    nodes.into_iter().map(|node| (node, Question::Measure(Measure::Gate(measure)))).collect()
}

/// The first bad answer at once; a good one when all have answered. Of the good ones the highest is told.
fn verdict(frame: &Frame, terms: &Gate, view: &View, asked: &[Asked], since: Ms) -> Option<(bool, String)> {
    let heard = |of: &Asked| view.heard(of.0, of.1).filter(|heard: &&Heard| heard.asked > since);
    let mut highest: Option<(f64, String)> = None;
    let mut complete = true;
    for of in asked {
        let Some(heard) = heard(of) else {
            complete = false;
            continue;
        };
        let address = frame.address(of.0);
        match &heard.answer {
            Answer::Gate { open, said } => return Some((*open, said.clone())),
            Answer::Amount(amount) => {
                let (within, words) = terms.judge(*amount);
                let words = format!("{words}, at {address}");
                if !within {
                    return Some((false, words));
                }
                if highest.as_ref().is_none_or(|(most, _)| amount > most) {
                    highest = Some((*amount, words));
                }
            }
            other => return Some((false, unreadable(other))),
        }
    }
    highest.filter(|_| complete).map(|(_, words)| (true, words))
}

/// Why no host may open: the lock, or the first gate that is not open.
/// Answers from before `since`, the beginning of the session or phase, say nothing.
pub fn why(plan: &Plan, view: &View, since: Ms, now: Ms) -> Option<String> {
    plan.renewal().and_then(|renewal| unconfirmed(renewal, view, now)).or_else(|| closed(plan, view, since, now))
}

fn closed(plan: &Plan, view: &View, since: Ms, now: Ms) -> Option<String> {
    plan.own_gates().find_map(|(gate, terms)| {
        let state = view.brakes.get(&gate);
        let state = state.filter(|state| state.judged > since && now <= state.judged + 2 * terms.poll_ms + ANSWER_MS);
        let Some(state) = state else { return Some(format!("gate `{}`: it has not been answered yet", terms.name)) };
        state.bad_since?;
        let said = if state.said.is_empty() { String::new() } else { format!(": {}", state.said) };
        Some(match state.good {
            0 => format!("gate `{}`{said}", terms.name),
            good => format!("gate `{}`, {good} of {} good answers in a row{said}", terms.name, terms.stable),
        })
    })
}

/// Why nobody may be taken out: the lock may be another's. A confirmation counts from its asking, for twice the time
/// between two renewals: a run that was held up (its process, or the whole machine, stood still) asks first.
pub(super) fn lock_is_unconfirmed(frame: &Frame, job: &Job, view: &View, now: Ms) -> Option<String> {
    if frame.calm || !frame.rules.confirm_the_lock || frame.plan.lock().is_none() {
        return None;
    }
    if job.setup[0] != SetupState::Succeeded {
        return Some("the lock: this process has not taken it".into());
    }
    unconfirmed(frame.plan.renewal()?, view, now)
}

fn unconfirmed(renewal: &Gate, view: &View, now: Ms) -> Option<String> {
    let Some(heard) = view.heard(NOBODY, Question::Gate(RENEWAL)) else {
        return Some("the lock: it has not been confirmed yet".into());
    };
    match &heard.answer {
        Answer::Gate { open: true, .. } if now <= renewal.confirms_until(heard.asked) => None,
        Answer::Gate { open: true, .. } => {
            Some(format!("the lock: it was confirmed {} s ago", now.saturating_sub(heard.asked) / 1000))
        }
        Answer::Gate { said, .. } => Some(format!("the lock is not confirmed: {said}")),
        other => Some(format!("the lock is not confirmed: {}", unreadable(other))),
    }
}

/// Confirms the lock, as long as anything is in work.
pub(super) fn keep_the_lock(desk: &mut Desk) {
    let frame = desk.frame;
    let held = frame.plan.renewal().is_some() && desk.job.setup[0] == SetupState::Succeeded;
    if held && !frame.calm {
        go_on(desk, frame, RENEWAL);
    }
}

/// Asks what is due; true while a gate, or the lock, holds every host back.
pub(super) fn holds(desk: &mut Desk, frame: &Frame) -> bool {
    if frame.calm || frame.plan.gates.is_empty() {
        return false;
    }
    if frame.plan.own_gates().any(|(gate, _)| go_on(desk, frame, gate)) {
        return true;
    }
    lock_is_unconfirmed(frame, desk.job, desk.view, desk.now).is_some()
        || closed(frame.plan, desk.view, desk.job.began_at, desk.now).is_some()
}

/// Asks it when that is due; true when it was bad for too long.
fn go_on(desk: &mut Desk, frame: &Frame, gate: usize) -> bool {
    let terms = &frame.plan.gates[gate];
    let need = |asked| Need { asked, since: 0, poll: terms.poll_ms };
    let needs: Vec<Need> = asked(frame, desk.job, desk.view, gate, desk.now).into_iter().map(need).collect();
    desk.ask(&needs);
    let Some((since, state)) = desk.view.brakes.get(&gate).and_then(|state| Some((state.bad_since?, state))) else {
        return false;
    };
    if desk.job.stopping.is_some() {
        return false;
    }
    let end = since + terms.timeout_ms;
    if desk.now < end {
        desk.decision.wake(end);
        return false;
    }
    let (name, because) = (terms.name.clone(), state.said.clone());
    let why = if terms.lock { Stop::Lock { because } } else { Stop::Gate { name, because } };
    desk.run(RunEvent::Stopping { why });
    true
}
