//! The playbook's gates: while the cluster bears the work badly, or nobody knows, no further host opens.

use super::decide::Desk;
use super::event::{Ms, Question, RunEvent, Stop};
use super::heard::{Need, View};
use super::rules::Frame;
use super::view::Answer;
use crate::plan::model::{NodeIx, Plan};

/// A gate is not a question to a node; this one stands for nobody.
pub const NOBODY: NodeIx = 0;
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
}

/// Takes an answer in.
pub(super) fn observe(plan: &Plan, view: &mut View, gate: usize, answer: &Answer, at: Ms) {
    let Some(terms) = plan.gates.get(gate) else { return };
    let state = view.brakes.entry(gate).or_default();
    match answer {
        Answer::Gate(None) => {
            state.good += 1;
            if state.good >= terms.stable {
                state.bad_since = None;
            }
        }
        other => {
            state.good = 0;
            state.bad_since.get_or_insert(at);
            state.said = match other {
                Answer::Gate(Some(said)) | Answer::Unreadable(said) => said.clone(),
                _ => "gave an answer to another question".into(),
            };
        }
    }
}

/// Why no host may open: the first gate that is not open.
pub fn why(plan: &Plan, view: &View, now: Ms) -> Option<String> {
    (0..plan.gates.len()).find_map(|gate| {
        let (terms, state) = (&plan.gates[gate], view.brakes.get(&gate));
        let fresh = view
            .heard(NOBODY, Question::Gate(gate))
            .is_some_and(|heard| now <= heard.at + 2 * terms.poll_ms + ANSWER_MS);
        match state {
            Some(state) if fresh && state.bad_since.is_none() => None,
            Some(state) if state.bad_since.is_some() => Some(match state.good {
                0 => format!("gate `{}`: {}", terms.name, state.said),
                good => format!("gate `{}`: {good} of {} good answers in a row", terms.name, terms.stable),
            }),
            _ => Some(format!("gate `{}`: it has not been answered yet", terms.name)),
        }
    })
}

/// Asks what is due; true while a gate holds every host back.
pub(super) fn holds(desk: &mut Desk, frame: &Frame) -> bool {
    if frame.calm || frame.plan.gates.is_empty() {
        return false;
    }
    for (gate, terms) in frame.plan.gates.iter().enumerate() {
        desk.ask(&[Need { asked: (NOBODY, Question::Gate(gate)), since: 0, poll: terms.poll_ms }]);
        let Some((since, state)) = desk.view.brakes.get(&gate).and_then(|state| Some((state.bad_since?, state))) else {
            continue;
        };
        let end = since + terms.timeout_ms;
        if desk.now >= end {
            let (name, because) = (terms.name.clone(), state.said.clone());
            desk.run(RunEvent::Stopping { why: Stop::Gate { name, because } });
            return true;
        }
        desk.decision.wake(end);
    }
    why(frame.plan, desk.view, desk.now).is_some()
}
