//! What to do now. Level-triggered: asked again about the same state it returns nothing new.
//! It opens at most one host a call, and it also says what to ask, so that how often a node is asked is
//! decided, and tested, in one place.

use super::event::{Asked, End, Event, HostEvent, Ms, Outcome, RunEvent, SetupEvent, StepEvent, Stop, What};
use super::gate;
use super::heard::{Need, View};
use super::model::{Job, SetupState, Stage, Standing};
use super::rules::Frame;
use super::view::{Action, Task};
use super::{advance, approval, begin, brake, group, open, undo};
use crate::plan::model::{Plan, TargetIx};
use std::cell::OnceCell;
use std::collections::BTreeSet;

/// Events first: they are durable before any action is performed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    pub events: Vec<Event>,
    pub actions: Vec<Action>,
    /// Ask again at this time at the latest.
    pub wake_at: Option<Ms>,
}

impl Decision {
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.actions.is_empty()
    }

    pub(super) fn wake(&mut self, at: Ms) {
        self.wake_at = Some(self.wake_at.map_or(at, |known| known.min(at)));
    }
}

/// A decision being made.
pub(super) struct Desk<'a> {
    pub frame: &'a Frame<'a>,
    pub job: &'a Job,
    pub view: &'a View,
    pub now: Ms,
    pub decision: Decision,
    /// What it asks already.
    asked: BTreeSet<Asked>,
    at_gates: OnceCell<Vec<gate::AtGate>>,
}

/// # Panics
/// When `job` was not folded from events of this plan.
pub fn decide(frame: &Frame, job: &Job, view: &View, now: Ms) -> Decision {
    let mut desk = Desk::new(frame, job, view, now);
    if job.session == 0 || job.ended.is_some() {
        return desk.decision;
    }
    if job.killed() {
        desk.end_everything();
    } else {
        desk.go_on();
    }
    desk.decision
}

impl<'a> Desk<'a> {
    pub fn new(frame: &'a Frame<'a>, job: &'a Job, view: &'a View, now: Ms) -> Self {
        Desk { frame, job, view, now, decision: Decision::default(), asked: BTreeSet::new(), at_gates: OnceCell::new() }
    }
}

impl Desk<'_> {
    pub fn event(&mut self, what: What) {
        self.decision.events.push(Event { at: self.now, what });
    }

    pub fn host(&mut self, host: TargetIx, event: HostEvent) {
        self.event(What::Host { host, event });
    }

    pub fn step(&mut self, host: TargetIx, step: usize, event: StepEvent) {
        self.event(What::Step { host, step, event });
    }

    pub fn run(&mut self, event: RunEvent) {
        self.event(What::Run(event));
    }

    pub fn act(&mut self, action: Action) {
        self.decision.actions.push(action);
    }

    /// Asks what is due, and wakes for the rest.
    pub fn ask(&mut self, needs: &[Need]) {
        for need in needs {
            let Some(at) = need.due(self.view, self.now) else { continue };
            if at > self.now {
                self.decision.wake(at);
            } else if self.asked.insert(need.asked) {
                self.act(Action::Ask(need.asked));
            }
        }
    }

    /// Tells a task to end, once.
    pub fn end(&mut self, task: Task, timed_out: bool) {
        if !self.view.ending.contains(&task) {
            self.act(Action::End { task, timed_out });
        }
    }

    fn go_on(&mut self) {
        let job = self.job;
        brake::keep_the_lock(self);
        for (host, _) in job.hosts.out() {
            advance::host(self, host);
        }
        // what the hosts did counts before anything new begins
        if !self.decision.events.is_empty() {
            return;
        }
        if self.job.stopping.is_none() && !self.undoing() {
            if !self.job.checked {
                return begin::check(self);
            }
            self.setup();
            if !self.set_up() {
                return;
            }
            self.recover();
            if self.decision.events.is_empty() {
                open::hosts(self);
            }
        } else {
            self.watch_setup();
        }
        if self.decision.events.is_empty() {
            self.finish();
        }
    }

    fn set_up(&self) -> bool {
        self.decision.events.is_empty() && self.job.setup.iter().all(|state| *state == SetupState::Succeeded)
    }

    /// The end has begun: what setup did is taken back, and is not done again.
    fn undoing(&self) -> bool {
        let taken_back = |state: &SetupState| {
            matches!(state, SetupState::Undoing { .. } | SetupState::Undone | SetupState::UndoFailed { .. })
        };
        self.job.setup.iter().any(taken_back)
    }

    /// Once a run, in order; each ends before the next begins.
    fn setup(&mut self) {
        let Some(index) = self.job.setup.iter().position(|state| *state != SetupState::Succeeded) else { return };
        match &self.job.setup[index] {
            SetupState::Pending => {
                self.event(What::Setup { index, event: SetupEvent::Started });
                self.act(Action::Spawn(Task::Setup { index }));
            }
            SetupState::Failed { .. } => self.run(RunEvent::Stopping { why: Stop::Setup { index } }),
            _ => self.watch_setup(),
        }
    }

    fn watch_setup(&mut self) {
        for (index, state) in self.job.setup.iter().enumerate() {
            let (since, task) = match state {
                SetupState::Running { since } => (*since, Task::Setup { index }),
                SetupState::Undoing { since } => (*since, Task::Undo { index }),
                _ => continue,
            };
            self.deadline(task, since + self.frame.plan.setup[index].timeout_ms);
        }
    }

    pub fn deadline(&mut self, task: Task, at: Ms) {
        if self.now >= at {
            self.end(task, true);
        } else {
            self.decision.wake(at);
        }
    }

    /// A host that had failed may be back: while somebody waits, its gate is asked now and then.
    fn recover(&mut self) {
        if !self.job.waits(self.frame.plan) {
            return;
        }
        let job = self.job;
        for (target, host) in job.hosts.out() {
            if host.in_work() || !host.unproved {
                continue;
            }
            let Some(terms) = gate::terms(self.frame, self.job, target) else { continue };
            let state = gate::current(self.view, target, terms);
            if state.held >= terms.stable {
                self.host(target, HostEvent::Back);
                continue;
            }
            self.poll_gate(target, terms);
        }
    }

    pub fn poll_gate(&mut self, target: TargetIx, terms: gate::Terms) {
        let all = self.at_gates.get_or_init(|| gate::at_gates(self.frame, self.job, self.view));
        let turn = gate::turn(self.view, target, terms, all, self.now);
        if self.now < turn {
            let needs = gate::between(self.frame, self.job, self.view, (target, terms, self.now), all);
            self.decision.wake(turn);
            return self.ask(&needs);
        }
        if let gate::Verdict::Open(needs) = gate::judge(self.frame, self.job, self.view, target, terms, self.now) {
            self.ask(&needs);
        }
    }

    /// Second signal: no further step; every group is told to end, and what they leave behind is journalled.
    fn end_everything(&mut self) {
        let mut running = false;
        for (host, state) in self.job.hosts.out() {
            let Some(work) = state.working() else { continue };
            let (step, attempt) = (work.step, work.attempt);
            let task = match work.stage {
                Stage::Running { .. } if group::has_process(self.frame, self.job, host, step) => {
                    Task::Step { host, step, attempt }
                }
                Stage::Probing { .. } => Task::Probe { host, step, attempt },
                _ => continue,
            };
            running = true;
            self.end(task, false);
        }
        for (index, state) in self.job.setup.iter().enumerate() {
            if matches!(state, SetupState::Running { .. }) {
                running = true;
                self.end(Task::Setup { index }, false);
            }
        }
        // what has ended is taken back, as setup is; a host that was left in its chain goes on with `resume`
        for host in (0..self.job.hosts.len()).filter(|host| undo::is_due(self.frame, self.job, *host)) {
            running |= undo::go_on(self, host);
        }
        if !running {
            self.undo_then_end(Outcome::Killed);
        }
    }

    fn finish(&mut self) {
        let busy =
            self.job.hosts.busy() || self.job.setup.iter().any(|state| matches!(state, SetupState::Running { .. }));
        let waiting = self.job.waits(self.frame.plan);
        if busy || (waiting && self.job.stopping.is_none()) {
            return;
        }
        self.undo_then_end(outcome(self.frame.plan, self.job));
    }

    /// Undoes, in reverse order and one after the other, exactly what this session's setup did.
    fn undo_then_end(&mut self, outcome: Outcome) {
        self.watch_setup();
        if self.job.setup.iter().any(|state| matches!(state, SetupState::Undoing { .. })) {
            return;
        }
        let undo = |index: &usize| {
            let plan = &self.frame.plan.setup[*index];
            // (a lock may have been taken by a command that was cut off; one that said no has taken none)
            let perhaps = |end: &End| plan.lock && !matches!(end, End::Exit { .. }) && !end.never_was();
            plan.undo.is_some()
                && match &self.job.setup[*index] {
                    SetupState::Succeeded => true,
                    SetupState::Failed { end } => perhaps(end),
                    _ => false,
                }
        };
        match (0..self.job.setup.len()).rev().find(undo) {
            Some(index) => {
                self.event(What::Setup { index, event: SetupEvent::UndoStarted });
                self.act(Action::Spawn(Task::Undo { index }));
            }
            None => self.run(RunEvent::Ended { outcome }),
        }
    }
}

/// The command that takes the playbook's lock said no.
fn locked_out(plan: &Plan, job: &Job) -> bool {
    matches!(job.stopping, Some(Stop::Setup { index }) if plan.setup[index].lock)
}

/// In doubt before failed before stale before stopped.
pub fn outcome(plan: &Plan, job: &Job) -> Outcome {
    let lost = |standing: &Standing| matches!(standing, Standing::Lost { .. } | Standing::Working(_));
    let failed = job.hosts.iter().any(|host| host.counts_as_failure());
    let any = |test: &dyn Fn(&super::model::HostState) -> bool| job.hosts.iter().any(test);
    if any(&|host| lost(&host.standing) && !host.settled) {
        Outcome::InDoubt
    } else if !failed && matches!(job.stopping, Some(Stop::Drift { .. })) {
        Outcome::Stale
    } else if !failed && approval::missing(job) {
        Outcome::NotApproved
    } else if !failed && locked_out(plan, job) {
        Outcome::Locked
    } else if failed
        || any(&|host| matches!(host.standing, Standing::Skipped { .. }) && !host.settled)
        || matches!(job.stopping, Some(Stop::Setup { .. }))
    {
        Outcome::Failed
    } else if matches!(job.stopping, Some(Stop::Drift { .. })) {
        Outcome::Stale
    } else if job.waits(plan) || job.more_phases(plan) {
        Outcome::Stopped
    } else {
        Outcome::Succeeded
    }
}
