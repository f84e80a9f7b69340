//! `Job`: the fold of the journal. Nothing here was heard from the cluster; that is `View`.

mod hosts;

pub use hosts::Hosts;

use super::event::{Approval, Baseline, End, Ms, Outcome, Stop};
use crate::plan::model::{NodeIx, Phase, Plan, Step, TargetIx};
use crate::playbook::model::TakesDown;
use std::collections::{BTreeMap, BTreeSet};

/// One run: what was intended, started, ended, resolved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Job {
    /// How often a process took the run up; 0: never.
    pub session: u32,
    pub session_at: Ms,
    /// A person sits at the terminal of this session.
    pub attended: bool,
    /// The phase that goes on, of `Plan::phases`.
    pub phase: usize,
    /// When this session or this phase began: the start checks count from here.
    pub began_at: Ms,
    pub checked: bool,
    /// Hash of the plan, as the run was begun with it.
    pub plan: String,
    /// What was approved, and by whom; holds over every resume.
    pub approved: BTreeMap<Approval, String>,
    /// The canary is through, and the others may follow.
    pub first_over: bool,
    pub setup: Vec<SetupState>,
    pub hosts: Hosts,
    pub stopping: Option<Stop>,
    pub ended: Option<Outcome>,
    /// Hosts opened in this session (`--stop-after` counts these).
    pub opened: u32,
    /// When a host last opened or ended: `blocked-timeout` counts from here.
    pub progress_at: Ms,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SetupState {
    #[default]
    Pending,
    Running {
        since: Ms,
    },
    Succeeded,
    Failed {
        end: End,
    },
    Undoing {
        since: Ms,
    },
    Undone,
    UndoFailed {
        end: End,
    },
}

/// One host under work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostState {
    pub standing: Standing,
    /// Kept until the gate passes, over every attempt and resume.
    pub baseline: Option<Baseline>,
    /// A disruptive step was started, and no gate has passed since.
    pub disrupted: bool,
    /// The step, and the attempt at it, by which it was.
    pub disrupted_by: Option<(usize, u32)>,
    pub expect: Expect,
    pub opened_at: Option<Ms>,
    pub ended_at: Option<Ms>,
    /// It was already as it shall be (`until`).
    pub already: Option<String>,
    /// Failed, lost or skipped after it was opened, and its gate has not passed since.
    pub unproved: bool,
    /// `--skip`: no longer counted in `max-failures`.
    pub settled: bool,
    /// Attempts at the current step so far.
    pub attempts: u32,
    /// What its steps have registered.
    pub vars: BTreeMap<String, String>,
    /// What its steps with an `undo` have done, by step.
    pub undos: BTreeMap<usize, Undo>,
    /// Steps that were taken back are done again before it goes on.
    pub redo: Option<Redo>,
    /// So many phases it is through.
    pub through: usize,
}

/// The undo of a step that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undo {
    /// The newest attempt at the step.
    pub attempt: u32,
    /// How often its undo was started.
    pub times: u32,
    pub state: UndoState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UndoState {
    /// To be run when the host ends.
    Owed,
    Running {
        since: Ms,
    },
    Done,
    Failed {
        end: End,
    },
}

/// Steps to be done again, and where the chain goes on behind them.
#[derive(Clone, Debug, PartialEq)]
pub struct Redo {
    pub left: Vec<usize>,
    pub then: Work,
}

/// What must be proved before the host counts as back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expect {
    pub reboot: bool,
    pub restart: bool,
    /// Start of the first disruptive step: a new process is younger than this.
    pub since: Option<Ms>,
    /// End of the last command that nobody vouched for.
    pub unknown_until: Option<Ms>,
}

impl Expect {
    pub(super) fn add(&mut self, takes: TakesDown, at: Ms) {
        match takes {
            TakesDown::Nothing => return,
            TakesDown::Restart => self.restart = true,
            TakesDown::Reboot => self.reboot = true,
            TakesDown::Unknown => self.unknown_until = Some(at),
        }
        self.since.get_or_insert(at);
    }
}

/// Where a host stands in the part of the run that goes on now.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Standing {
    #[default]
    Waiting,
    Working(Work),
    Settling {
        since: Ms,
    },
    Done,
    Failed {
        step: usize,
        because: String,
    },
    Lost {
        step: usize,
        because: String,
    },
    Skipped {
        because: String,
    },
}

/// At which step of its chain, and how far in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    pub step: usize,
    pub attempt: u32,
    pub stage: Stage,
    /// When this stage began.
    pub since: Ms,
    /// When the step was started.
    pub started: Ms,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// To be started (`step` may be the chain's end: then the host is through).
    Ready,
    /// A person asked for another attempt: is it perhaps done already?
    Again,
    /// Started; its process may not exist yet.
    Running { pid: Option<u32> },
    /// The process ended; what makes the step succeed is still to be seen.
    Ended { end: End },
    /// The outcome of the command is unknown: proof is sought.
    Doubt { end: End },
    /// The probe of a lost step runs.
    Probing { end: End },
    /// The probe ended.
    Probed { end: End, probe: End },
    /// A person is asked what became of it.
    Asked { because: String, lost: bool },
}

impl HostState {
    /// Has it not been opened yet?
    pub fn waits(&self) -> bool {
        matches!(self.standing, Standing::Waiting)
    }

    pub fn working(&self) -> Option<&Work> {
        match &self.standing {
            Standing::Working(work) => Some(work),
            _ => None,
        }
    }

    /// Is a person asked what became of its step?
    pub fn asks(&self) -> bool {
        self.working().is_some_and(|work| matches!(work.stage, Stage::Asked { .. }))
    }

    /// Is it in work: from its first step to the end of its grace?
    pub fn in_work(&self) -> bool {
        matches!(self.standing, Standing::Working(_) | Standing::Settling { .. })
    }

    /// Is something that its steps did still to be taken back?
    pub fn owes_an_undo(&self) -> bool {
        self.undos.values().any(|undo| matches!(undo.state, UndoState::Owed | UndoState::Running { .. }))
    }

    /// What is being taken back just now, of which step and since when.
    pub fn running_undo(&self) -> Option<(usize, &Undo, Ms)> {
        self.undos.iter().find_map(|(step, undo)| match undo.state {
            UndoState::Running { since } => Some((*step, undo, since)),
            _ => None,
        })
    }

    /// In work, or ended with something still to be taken back?
    pub fn busy(&self) -> bool {
        self.in_work() || (self.ended() && self.owes_an_undo())
    }

    /// Does it hold its conflicts and its slot?
    pub fn out(&self) -> bool {
        self.busy() || self.unproved
    }

    /// Nothing more is done with it in this session.
    pub fn ended(&self) -> bool {
        matches!(
            self.standing,
            Standing::Done | Standing::Failed { .. } | Standing::Lost { .. } | Standing::Skipped { .. }
        )
    }

    /// Failed, lost or in doubt, and not settled by the operator.
    pub fn counts_as_failure(&self) -> bool {
        let failed = match &self.standing {
            Standing::Failed { .. } | Standing::Lost { .. } => true,
            Standing::Working(work) => {
                let open = matches!(work.stage, Stage::Doubt { .. } | Stage::Probing { .. } | Stage::Probed { .. });
                open || matches!(work.stage, Stage::Asked { .. })
            }
            _ => false,
        };
        failed && !self.settled
    }
}

impl Job {
    /// A run that nobody has taken up.
    pub fn new(plan: &Plan) -> Self {
        Job {
            setup: vec![SetupState::Pending; plan.setup.len()],
            hosts: Hosts::new(plan.hosts.len()),
            ..Job::default()
        }
    }

    /// Nodes that rollbook took out and has not proved back, and those that are known to be down.
    pub fn out_nodes(&self, plan: &Plan) -> BTreeSet<NodeIx> {
        let worked = self.out_targets().map(|target| plan.hosts[target].node);
        worked.chain(plan.known_down.iter().copied()).collect()
    }

    pub fn out_targets(&self) -> impl Iterator<Item = TargetIx> + '_ {
        self.hosts.out().map(|(target, _)| target)
    }

    pub fn failures(&self) -> u32 {
        self.hosts.iter().filter(|host| host.counts_as_failure()).count() as u32
    }

    /// Who approved of this step on this host.
    pub fn approved_by(&self, host: TargetIx, step: usize) -> Option<&str> {
        let of = |host| self.approved.get(&Approval::Step { step, host });
        of(Some(host)).or_else(|| of(None)).map(String::as_str)
    }

    /// Hosts of this phase that were opened and not found done already, in this session or before.
    pub fn begun(&self, plan: &Plan) -> u32 {
        // (one that the operator passed over is no canary any more)
        let begun = |host: &&HostState| host.opened_at.is_some() && host.already.is_none() && !host.settled;
        self.here(plan).filter(begun).count() as u32
    }

    /// The rules of the phase that goes on.
    pub fn current<'p>(&self, plan: &'p Plan) -> &'p Phase {
        &plan.phases[self.phase]
    }

    /// A step of the phase that goes on; None at its chain's end.
    pub fn step<'p>(&self, plan: &'p Plan, step: usize) -> Option<&'p Step> {
        let current = self.current(plan);
        plan.steps.get(step).filter(|_| (current.from..current.to).contains(&step))
    }

    /// The hosts of this phase.
    pub fn here<'j>(&'j self, plan: &'j Plan) -> impl Iterator<Item = &'j HostState> + Clone {
        self.current(plan).hosts.iter().map(|target| &self.hosts[*target])
    }

    /// Hosts of this phase that wait for their turn, in order of preference.
    pub fn waiting<'j>(&'j self, plan: &'j Plan) -> impl Iterator<Item = TargetIx> + 'j {
        let waits = |target: &TargetIx| self.hosts[*target].waits();
        self.current(plan).hosts.iter().copied().filter(waits)
    }

    pub fn waits(&self, plan: &Plan) -> bool {
        self.waiting(plan).next().is_some()
    }

    /// Has the plan phases behind this one?
    pub fn more_phases(&self, plan: &Plan) -> bool {
        self.phase + 1 < plan.phases.len()
    }

    /// Is every host of this phase through it, or settled by the operator? Then the next may begin.
    pub fn through(&self, plan: &Plan) -> bool {
        let over = |host: &HostState| host.settled || (host.standing == Standing::Done && !host.unproved);
        let through = |host: &HostState| over(host) && !host.busy();
        self.here(plan).all(through)
    }

    pub fn killed(&self) -> bool {
        matches!(self.stopping, Some(Stop::Killed { .. }))
    }
}
