//! The health gate (semantics.md §4): is a host that was out really back? Every part is asked of somebody,
//! cheap questions first, and a part that cannot be read has failed.

mod poll;

use super::event::{Asked, Ms, Question};
use super::evidence::Evidence;
use super::heard::{Gate, Need, View};
use super::model::{HostState, Job};
use super::rules::Frame;
use crate::plan::model::TargetIx;
use poll::Poll;

/// A command that nobody vouched for: so long must boot id and generation stay unchanged before the host counts
/// as never gone (a dead node stays `UN` that long; lab: 18 to 40 s).
pub const UNCHANGED_MS: Ms = 40_000;

/// A machine that says itself that Cassandra is not back is looked at again so soon: that costs no JVM.
const LOOK_MS: Ms = 2_000;

/// The unit must be seen failed so often in a row: a script may pass through that state while it restarts.
pub const DEAD_POLLS: u32 = 3;

/// One poll of the gate.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// These questions are open.
    Open(Vec<Need>),
    /// It does not hold, and why.
    No(String),
    /// The machine itself says that Cassandra is not back yet; no node was asked.
    Early(String),
    /// It does not, and will not: the service's unit has failed.
    Dead(String),
    /// It holds, and by what evidence.
    Yes(String),
}

/// When the gate is asked, and how often it must hold.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub step: usize,
    pub started: Ms,
    pub poll: Ms,
    pub stable: u32,
}

/// The terms of a host whose gate is asked now: in `wait-up`, or failed and perhaps back.
pub fn terms(frame: &Frame, job: &Job, target: TargetIx) -> Option<Terms> {
    let host = &job.hosts[target];
    let plan = frame.plan;
    if let Some(work) = host.working() {
        let step = job.step(plan, work.step)?;
        let waits = step.kind == crate::playbook::model::StepKind::WaitUp
            && matches!(work.stage, super::model::Stage::Running { .. });
        return waits.then_some(Terms {
            step: work.step,
            started: work.started,
            poll: step.poll_ms,
            stable: step.stable,
        });
    }
    // a failed host is asked seldom: it costs its observers a JVM each
    let ended = host.ended_at.filter(|_| host.unproved)?;
    let poll = plan.poll_ms.max(30_000).min(plan.blocked_timeout_ms.max(1));
    Some(Terms { step: usize::MAX, started: ended, poll, stable: 3 })
}

/// Judges the gates that are asked now, after something was heard: what an observer sees is said of all, and anything
/// else of the node itself.
pub(super) fn observe(frame: &Frame, job: &Job, view: &mut View, (node, question): Asked, now: Ms) {
    let of_all = matches!(question, Question::Status | Question::Gossip);
    for (target, _) in job.hosts.out().filter(|(target, _)| of_all || frame.plan.hosts[*target].node == node) {
        let Some(terms) = terms(frame, job, target) else { continue };
        let fresh = Gate { step: terms.step, evaluated: now, ..Gate::default() };
        match judge(frame, job, view, target, terms, now) {
            Verdict::Open(_) => {}
            Verdict::No(verdict) => set(view, target, Gate { verdict: verdict.into(), ..fresh }),
            Verdict::Early(verdict) => {
                let dead = current(view, target, terms).dead;
                set(view, target, Gate { dead, early: true, verdict: verdict.into(), ..fresh });
            }
            Verdict::Dead(verdict) => {
                let dead = current(view, target, terms).dead + 1;
                set(view, target, Gate { dead, verdict: verdict.into(), ..fresh });
            }
            Verdict::Yes(verdict) => {
                let gate = current(view, target, terms);
                let row = if gate.held > 0 { gate.row } else { since(&gate, terms) };
                // each poll begins with a look at the machine
                let asked =
                    view.heard(frame.plan.hosts[target].node, Question::BootId).map_or(now, |heard| heard.asked);
                set(view, target, Gate { held: gate.held + 1, row, verdict: verdict.into(), asked, ..fresh });
            }
        }
    }
}

fn set(view: &mut View, target: TargetIx, gate: Gate) {
    view.gates.insert(target, gate);
}

/// The gate's state for this step of this host; a step before it, or an earlier attempt, does not count.
pub(super) fn current(view: &View, target: TargetIx, terms: Terms) -> Gate {
    match view.gates.get(&target) {
        Some(gate) if gate.step == terms.step && gate.evaluated >= terms.started => gate.clone(),
        _ => Gate { step: terms.step, ..Gate::default() },
    }
}

/// When the next poll may be asked.
pub(super) fn due(gate: &Gate, terms: Terms) -> Ms {
    match gate.evaluated {
        0 => terms.started,
        evaluated if gate.early => evaluated + terms.poll.min(LOOK_MS),
        // good polls come in step, however long their answers take; but the nodes are left alone between two of them
        evaluated if gate.held > 0 => (gate.asked + terms.poll).max(evaluated + terms.poll / 5),
        evaluated => evaluated + terms.poll,
    }
}

/// One host whose gate is asked, among the others: found once for a decision, for each looks at all of them.
pub(super) struct AtGate {
    target: TargetIx,
    in_work: bool,
    poll: Ms,
    held: u32,
    since: Ms,
    due: Ms,
}

pub(super) fn at_gates(frame: &Frame, job: &Job, view: &View) -> Vec<AtGate> {
    let of = |(target, host): (TargetIx, &HostState)| {
        let terms = terms(frame, job, target)?;
        let gate = current(view, target, terms);
        let (since, due) = (since(&gate, terms), due(&gate, terms));
        Some(AtGate { target, in_work: host.in_work(), poll: terms.poll, held: gate.held, since, due })
    };
    job.hosts.out().filter_map(of).collect()
}

/// When its turn is: hosts that are back one after the other are polled in step, so that the answers of an observer
/// serve all of them. Nobody's turn is put off for longer than half a poll, or comes sooner than its answers count.
pub(super) fn turn(view: &View, target: TargetIx, terms: Terms, all: &[AtGate], now: Ms) -> Ms {
    let state = current(view, target, terms);
    let own = (since(&state, terms), due(&state, terms));
    if state.held == 0 {
        return own.1;
    }
    let rows = all.iter().filter(|other| other.target != target && other.poll == terms.poll && other.held > 0);
    in_step(own, &rows.map(|other| (other.since, other.due)).collect::<Vec<_>>(), terms.poll / 2, now)
}

/// Each row of polls as (when answers count for the next, when it is due).
fn in_step(own: (Ms, Ms), others: &[(Ms, Ms)], slack: Ms, now: Ms) -> Ms {
    let to_join = others.iter().filter(|(_, due)| (now..=own.1).contains(due) && own.0 <= due + slack);
    let first = to_join.map(|(_, due)| *due).min().unwrap_or(own.1);
    let counts = others.iter().map(|(since, _)| *since).chain([own.0]).filter(|since| *since <= first + slack);
    counts.max().unwrap_or(first).max(first)
}

/// Answers count for the next poll when asked at or after this: one that a neighbour's poll brought does, but the
/// evidence of one poll never stands close behind that of the last.
fn since(gate: &Gate, terms: Terms) -> Ms {
    match gate.evaluated {
        0 => terms.started,
        evaluated if gate.early => evaluated + 1,
        evaluated if gate.held > 0 => (gate.asked + terms.poll / 2).max(evaluated),
        evaluated => evaluated + terms.poll / 2,
    }
}

/// What is asked between two polls, while nothing else is to be done: the evidence that one poll in a row must have.
pub(super) fn between(
    frame: &Frame,
    job: &Job,
    view: &View,
    (target, terms, now): (TargetIx, Terms, Ms),
    all: &[AtGate],
) -> Vec<Need> {
    let gate = current(view, target, terms);
    if gate.held == 0 {
        return vec![];
    }
    // (in a longer row the node's own word on whom it reaches would be too old at its end)
    let early = gate.held + 2 < terms.stable;
    // is another host at its gate that has not held yet?
    let mut others = all.iter().filter(|other| other.target != target && other.in_work);
    if gate.held + 1 < terms.stable && others.any(|other| other.held == 0) {
        return vec![]; // what the observers say then is wanted of that one too
    }
    let mut evidence = Evidence::new(frame, view, now, terms.poll);
    let poll = poll(frame, job, view, target, terms, &gate);
    // what is wrong with an answer is said when the poll is judged
    let _ = poll.lasting(&mut evidence, early);
    evidence.needs
}

pub(super) fn judge(frame: &Frame, job: &Job, view: &View, target: TargetIx, terms: Terms, now: Ms) -> Verdict {
    let gate = current(view, target, terms);
    let poll = poll(frame, job, view, target, terms, &gate);
    let mut evidence = Evidence::new(frame, view, now, terms.poll);
    match poll.run(&mut evidence) {
        Ok(Some(proof)) => Verdict::Yes(proof),
        Ok(None) => {
            if let Some(slow) = poll.slow_witnesses(&evidence) {
                evidence.together(slow);
            }
            Verdict::Open(evidence.needs)
        }
        Err(why) if poll.unit_failed() => Verdict::Dead(why),
        Err(why) if poll.early() => Verdict::Early(why),
        Err(why) => Verdict::No(why),
    }
}

/// The same of what the observers see. A machine that has just not been ready took no answer of theirs into account: one
/// that a neighbour's poll brought at that time counts for the first good poll as well.
fn seen_since(gate: &Gate, terms: Terms) -> Ms {
    match gate.evaluated {
        evaluated if evaluated > 0 && gate.early => evaluated.saturating_sub(terms.poll / 2).max(terms.started),
        _ => since(gate, terms),
    }
}

fn poll<'a>(frame: &'a Frame, job: &'a Job, view: &'a View, target: TargetIx, terms: Terms, gate: &Gate) -> Poll<'a> {
    let (since, last) = (since(gate, terms), gate.held + 1 >= terms.stable);
    Poll {
        frame,
        job,
        view,
        node: frame.plan.hosts[target].node,
        expect: job.hosts[target].expect,
        target,
        held: gate.held,
        last,
        since,
        seen_since: if last { since } else { seen_since(gate, terms) },
        row: if gate.held > 0 { gate.row } else { since },
    }
}

#[cfg(test)]
mod tests {
    use super::{Gate, Terms, in_step, seen_since, since};

    #[test]
    fn what_the_observers_saw_a_moment_before_the_machine_was_ready_counts_for_the_first_poll_only() {
        let terms = Terms { step: 3, started: 74_000, poll: 5_000, stable: 3 };
        let early = Gate { early: true, evaluated: 80_000, ..Gate::default() };
        assert_eq!((since(&early, terms), seen_since(&early, terms)), (80_001, 77_500));
        // never from before the step
        let first = Gate { early: true, evaluated: 75_000, ..Gate::default() };
        assert_eq!(seen_since(&first, terms), 74_000);
        for gate in [
            Gate::default(),
            Gate { evaluated: 80_000, ..Gate::default() },
            Gate { evaluated: 80_000, held: 1, asked: 78_000, ..Gate::default() },
        ] {
            assert_eq!(seen_since(&gate, terms), since(&gate, terms), "{gate:?}");
        }
    }

    #[test]
    fn rows_of_polls_fall_into_step() {
        // alone: when it is due
        assert_eq!(in_step((2_500, 5_000), &[], 2_500, 3_000), 5_000);
        // the other is due sooner, and answers count by then: both go together
        assert_eq!(in_step((2_500, 5_000), &[(1_000, 3_500)], 2_500, 3_000), 3_500);
        assert_eq!(in_step((1_000, 3_500), &[(2_500, 5_000)], 2_500, 3_000), 3_500);
        // its answers do not count yet: the first waits for it, for half a poll at most
        assert_eq!(in_step((1_000, 3_500), &[(4_000, 6_500)], 2_500, 3_000), 4_000);
        assert_eq!(in_step((4_000, 6_500), &[(1_000, 3_500)], 2_500, 3_000), 4_000);
        assert_eq!(in_step((1_000, 3_500), &[(6_100, 8_600)], 2_500, 3_000), 3_500);
        // what was due before now is being asked already
        assert_eq!(in_step((4_000, 6_500), &[(0, 2_500)], 2_500, 3_000), 6_500);
    }
}
