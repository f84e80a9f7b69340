//! The driver: virtual time, the world's changes, the operator's stops and resumes.

mod crash;

use super::check::{Checks, Violation};
use super::fault::{FaultKind, StepFault};
use super::scene::Scene;
use super::truth::World;
use crate::job::apply::apply;
use crate::job::decide::decide;
use crate::job::event::{End, Event, HostEvent, Ms, Outcome, Question, Resolution, RunEvent, StepEvent, What};
use crate::job::heard::View;
use crate::job::model::{Job, Standing};
use crate::job::observe::{facts, observe};
use crate::job::rules::{Frame, Rules};
use crate::job::view::{Action, Input, Task, Told};
use crate::plan::dice::Dice;
use crate::plan::model::NodeIx;
use crate::playbook::model::{StepKind, TakesDown};
use std::collections::{BTreeMap, BTreeSet};

/// Virtual time at which a run begins (2026-01-01, UTC).
pub const START: Ms = 1_767_225_600_000;
/// A session that is not over by then never ends.
const LONGEST: Ms = 9 * 24 * 3_600_000;

/// What came of one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub violations: Vec<Violation>,
    pub outcome: Option<Outcome>,
    pub sessions: u32,
    /// Virtual ms.
    pub took: Ms,
    pub events: Vec<Event>,
    /// Hosts that are through a phase.
    pub done: usize,
    /// Phases that began.
    pub phases: usize,
    pub questions: usize,
    /// So often was it asked what to do now.
    pub decisions: usize,
}

#[derive(Clone, Debug)]
enum Thing {
    Input { session: u32, input: Input },
    Change { node: NodeIx, change: Change },
    Crash { session: u32 },
    Wake,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Drain,
    /// The process ends; it said goodbye, or not.
    Leave {
        goodbye: bool,
        pending: bool,
    },
    HostDown,
    HostUp,
    /// The process serves; after a restart by rollbook, or by itself.
    Serve {
        ours: bool,
    },
}

pub fn run(scene: &Scene, rules: Rules) -> Report {
    let mut dice = Dice::new(scene.seed ^ 0x5EED);
    let world = World::new(scene, &mut dice);
    let mut drive = Drive {
        scene,
        frame: Frame::new(&scene.plan, rules),
        checks: Checks::new(scene),
        job: Job::new(&scene.plan),
        view: View::default(),
        world,
        dice,
        queue: BTreeMap::new(),
        number: 0,
        now: START,
        events: vec![],
        running: BTreeMap::new(),
        questions: 0,
        decisions: 0,
        wakes: BTreeSet::new(),
        cut: crash::cut(scene),
        dead: false,
        never_began: BTreeSet::new(),
    };
    drive.hazards();
    while drive.session() {}
    Report {
        violations: drive.checks.violations,
        outcome: drive.job.ended,
        sessions: drive.job.session,
        took: drive.now - START,
        done: drive.job.hosts.iter().filter(|host| host.standing == Standing::Done || host.through > 0).count(),
        phases: drive.job.phase + 1,
        events: drive.events,
        questions: drive.questions,
        decisions: drive.decisions,
    }
}

pub(super) struct Drive<'a> {
    pub(super) scene: &'a Scene,
    frame: Frame<'a>,
    pub(super) checks: Checks<'a>,
    job: Job,
    view: View,
    pub(super) world: World,
    pub(super) dice: Dice,
    queue: BTreeMap<(Ms, u64), Thing>,
    number: u64,
    pub(super) now: Ms,
    events: Vec<Event>,
    /// Processes on the controller, with the end they will have, if they end by themselves.
    running: BTreeMap<Task, Option<(Ms, End)>>,
    questions: usize,
    decisions: usize,
    wakes: BTreeSet<Ms>,
    /// Before the command of so many steps the process dies.
    cut: Option<u64>,
    dead: bool,
    /// What was to begin and did not.
    never_began: BTreeSet<Task>,
}

impl Drive<'_> {
    fn put(&mut self, at: Ms, thing: Thing) {
        self.number += 1;
        self.queue.insert((at.max(self.now), self.number), thing);
    }

    pub(super) fn change(&mut self, after: Ms, node: NodeIx, change: Change) {
        self.put(self.now + after, Thing::Change { node, change });
    }

    fn input(&mut self, at: Ms, input: Input) {
        self.put(at, Thing::Input { session: self.job.session, input });
    }

    /// One session of the run. False: there will be no other.
    fn session(&mut self) -> bool {
        let session = self.job.session + 1;
        (self.view, self.dead) = (View::default(), false);
        self.wakes.clear();
        let began = self.now;
        let (plan, reason, by) = (String::new(), None, "sim".into());
        let attended = !(self.scene.seed + u64::from(session)).is_multiple_of(4);
        self.record(What::Run(RunEvent::Started { session, plan, reason, by, attended }));
        let asked: Vec<usize> = (0..self.job.hosts.len()).filter(|host| self.job.hosts[*host].asks()).collect();
        asked.into_iter().for_each(|host| self.answer(host));
        self.adopt();
        self.interruption(session);
        self.person();
        self.decide();
        while self.job.ended.is_none() {
            let Some(((at, _), thing)) = self.queue.pop_first() else {
                self.checks.violation(self.now, "(iv) the run waits for nothing, and does not end".into());
                return false;
            };
            self.now = at;
            if self.now > began + LONGEST || self.questions > 2_000_000 {
                self.checks.violation(self.now, "(iv) the run does not end".into());
                return false;
            }
            match thing {
                Thing::Change { node, change } => self.happen(node, change),
                Thing::Crash { session: of } if of == self.job.session => return self.again(),
                Thing::Input { session: of, input } if of == self.job.session => self.take(input),
                Thing::Wake => {
                    self.wakes.remove(&at);
                    self.decide();
                }
                _ => {}
            }
            if !self.checks.violations.is_empty() {
                return false;
            }
        }
        self.again()
    }

    /// A person looks in now and then, and lets go on whatever waits.
    fn person(&mut self) {
        let plan = &self.scene.plan;
        if plan.phases.iter().all(|phase| phase.first.is_none())
            && plan.steps.iter().all(|step| step.kind != StepKind::Approve)
        {
            return;
        }
        let told = || Input::Told(Told::Approve { by: "sim".into(), host: None });
        (1..=96).for_each(|half_hour| self.input(self.now + half_hour * 1_800_000, told()));
    }

    fn interruption(&mut self, session: u32) {
        if session > 5 || !self.dice.chance(self.scene.hazards.interruptions) {
            return;
        }
        let at = self.now + self.dice.between(1_000, 1_500_000);
        match self.dice.between(0, 3) {
            0 => self.put(at, Thing::Crash { session }),
            1 => {
                self.input(at, Input::Told(Told::Stop { by: "sim".into() }));
                self.input(at + 5_000, Input::Told(Told::Kill { by: "sim".into() }));
            }
            _ => self.input(at, Input::Told(Told::Stop { by: "sim".into() })),
        }
    }

    /// Does the operator resume?
    fn again(&mut self) -> bool {
        if self.job.session >= self.scene.sessions
            || matches!(self.job.ended, Some(Outcome::Succeeded | Outcome::Stale))
        {
            return false;
        }
        self.now += self.dice.between(1_000, 600_000);
        // the world goes on while nobody looks
        while self.queue.first_key_value().is_some_and(|((at, _), _)| *at <= self.now) {
            if let Some((_, Thing::Change { node, change })) = self.queue.pop_first() {
                self.happen(node, change);
            }
        }
        for host in 0..self.job.hosts.len() {
            if !matches!(self.job.hosts[host].standing, Standing::Failed { .. } | Standing::Lost { .. }) {
                continue;
            }
            let how = match self.dice.between(0, 9) {
                0..=4 => Resolution::Retry,
                5..=6 => Resolution::Skip,
                7 => Resolution::Done,
                _ => continue,
            };
            self.record(What::Host { host, event: HostEvent::Resolved { how, by: "sim".into() } });
        }
        self.job.failures() <= self.scene.plan.max_failures
    }

    fn take(&mut self, input: Input) {
        if let Input::Ended { task, .. } = &input {
            self.running.remove(task);
            self.checks.ended(*task);
            if let Input::Ended { end, .. } = &input {
                self.checks.undo_ended(*task, end.ok());
            }
            if let (Task::Step { host, .. }, Input::Ended { registered: Some(value), .. }) = (task, &input) {
                self.checks.printed(*host, value);
            }
        }
        if let Input::Answered { node, question: Question::Status, answer, .. } = &input {
            self.checks.heard(&self.world, *node, answer, self.now);
        }
        let facts = facts(self.frame.plan, &self.job, &input, self.now);
        observe(&self.frame, &self.job, &mut self.view, &input, self.now);
        facts.into_iter().for_each(|event| self.record(event.what));
        self.decide();
    }

    fn record(&mut self, what: What) {
        let event = Event { at: self.now, what };
        if let Err(error) = apply(&self.scene.plan, &mut self.job, &event) {
            return self.checks.violation(self.now, format!("illegal: {error}"));
        }
        self.checks.event(&self.world, &self.job, &event);
        if let What::Step { host, event: StepEvent::Asked { .. }, .. } = event.what {
            self.answer(host);
        }
        self.events.push(event);
    }

    /// A person who is asked about a failed step most often says something.
    fn answer(&mut self, host: usize) {
        if self.dice.chance(950) {
            let how = *self.dice.pick(&[Resolution::Retry, Resolution::Retry, Resolution::Done, Resolution::Failed]);
            let at = self.now + self.dice.between(1_000, 3_600_000);
            self.input(at, Input::Told(Told::Resolve { by: "sim".into(), host: Some(host), how }));
        }
    }

    fn decide(&mut self) {
        for _ in 0..10_000 {
            if self.dead {
                return;
            }
            self.decisions += 1;
            let decision = decide(&self.frame, &self.job, &self.view, self.now);
            if let Some(at) = decision.wake_at.filter(|at| self.wakes.insert(*at)) {
                self.put(at, Thing::Wake);
            }
            if decision.is_empty() {
                return;
            }
            decision.events.into_iter().for_each(|event| self.record(event.what));
            decision.actions.into_iter().for_each(|action| self.act(action));
            if !self.checks.violations.is_empty() {
                return;
            }
        }
        self.checks.violation(self.now, "(iv) decide never comes to rest".into());
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Spawn(task) if self.dies(task) => {}
            _ if self.dead => {}
            Action::Ask((node, question)) => self.ask(node, question),
            Action::Spawn(Task::Step { host, step, attempt }) => self.spawn(host, step, attempt),
            Action::Spawn(task @ Task::HostUndo { .. }) => {
                self.checks.undo_started(task, self.now);
                let status = i32::from(self.dice.chance(self.scene.hazards.command_fails));
                let (at, end) = (self.now + self.dice.between(200, 15_000), End::Exit { status });
                self.running.insert(task, Some((at, end.clone())));
                self.input(at, Input::Ended { task, end, registered: None });
            }
            Action::Spawn(task) => {
                let end = End::Exit { status: 0 };
                self.input(self.now + 1_000, Input::Ended { task, end, registered: None });
            }
            Action::End { task, timed_out } => {
                observe(&self.frame, &self.job, &mut self.view, &Input::Ending { task }, self.now);
                let end = if timed_out { End::TimedOut } else { End::Killed };
                self.input(self.now + 1_000, Input::Ended { task, end, registered: None });
            }
        }
    }

    fn ask(&mut self, node: NodeIx, question: Question) {
        self.questions += 1;
        observe(&self.frame, &self.job, &mut self.view, &Input::Asking { node, question }, self.now);
        let mut took = self.dice.between(50, self.scene.hazards.slow_answer);
        let sampled = self.dice.between(0, took);
        let answer = self.world.answer(self.scene, node, question, self.now + sampled);
        if matches!(&answer, crate::job::view::Answer::Unreadable(why) if why.starts_with("no answer")) {
            took = 30_000;
        }
        let at = self.now + took;
        self.input(at, Input::Answered { node, question, answer, asked: self.now, at });
    }

    /// A command on a host: what it does, and what it says.
    fn spawn(&mut self, host: usize, step: usize, attempt: u32) {
        let task = Task::Step { host, step, attempt };
        let node = self.scene.plan.hosts[host].node;
        let kind = self.scene.plan.steps[step].kind;
        let disruptive = self.scene.plan.steps[step].disruptive();
        let takes = self.scene.plan.steps[step].takes_down;
        self.checks.spawned(&self.world, &self.job, task, disruptive, self.now);
        if takes == TakesDown::Reboot {
            self.checks.rebooted(&self.job, host, self.now);
        }
        self.input(self.now, Input::Spawned { task, pid: 1 });
        let hazards = self.scene.hazards;
        let took = self.dice.between(200, 15_000);
        let (mut end, mut acts, mut late) = (Some(End::Exit { status: 0 }), true, 0);
        if self.dice.chance(hazards.command_fails) {
            (end, acts) = (Some(End::Exit { status: 1 }), self.dice.chance(300));
        } else if self.dice.chance(hazards.command_hangs) {
            (end, acts) = (None, self.dice.chance(500));
        } else if self.dice.chance(hazards.command_lies) {
            // nothing at all, or what it promised a minute later
            // (a command that nobody vouched for is watched for 40 s, no longer)
            let longest = if kind == StepKind::Run { 30_000 } else { 90_000 };
            // (and a stop that comes after the start it was to precede is nobody's promise)
            let acts_late = self.dice.chance(600) && kind != StepKind::Stop;
            (acts, late) = (acts_late, self.dice.between(20_000, longest));
        } else if kind == StepKind::Reboot && self.dice.chance(700) {
            end = Some(End::Exit { status: 255 });
        }
        let fault = self.step_fault(node, step);
        match fault {
            Some(StepFault::Fails) => (end, acts) = (Some(End::Exit { status: 1 }), false),
            Some(StepFault::Hangs) => (end, acts) = (None, false),
            Some(StepFault::Lies) => (end, acts) = (Some(End::Exit { status: 0 }), false),
            Some(StepFault::NeverBack | StepFault::Late(_)) => acts = true,
            None => {}
        }
        if kind == StepKind::Until && end == Some(End::Exit { status: 0 }) && self.dice.chance(800) {
            end = Some(End::Exit { status: 1 }); // there is work to do
        }
        if acts {
            self.effect(node, (kind, takes), took + late, fault);
        }
        let at = self.now + took;
        self.running.insert(task, end.clone().map(|end| (at, end)));
        if let Some(end) = end {
            let registered = self.registered(task, &end);
            self.input(at, Input::Ended { task, end, registered });
        }
    }

    fn step_fault(&self, node: NodeIx, step: usize) -> Option<StepFault> {
        self.scene.faults.iter().filter(|fault| fault.node == node).find_map(|fault| match fault.kind {
            FaultKind::Step { step: of, what } if of == step => Some(what),
            _ => None,
        })
    }

    /// What a step with `register` printed: most often something a command may hold.
    fn registered(&self, task: Task, end: &End) -> Option<String> {
        let Task::Step { host, step, attempt } = task else { return None };
        self.scene.plan.steps[step].register.as_ref().filter(|_| end.ok())?;
        let mut dice = Dice::new(self.scene.seed ^ (host as u64 * 1009 + step as u64 * 31 + u64::from(attempt)));
        let said = if dice.chance(60) { dice.pick(&["", "two words"]) } else { dice.pick(&["yes", "yes", "no"]) };
        Some((*said).to_owned())
    }
}
