//! Groups: hosts that share a fate go out together, step by step, and come back together.
//!
//! Step k of any of them starts only when all have finished the step before. A reboot takes the machine: of nodes
//! that are on one machine, which their boot ids tell, the first gives the command and the others follow it.

use super::conditions;
use super::event::Baseline;
use super::model::{Job, Stage, Standing};
use super::rules::Frame;
use crate::plan::model::TargetIx;
use crate::playbook::model::TakesDown;

/// May a host start this step, as far as its group is concerned?
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Barrier {
    Go,
    /// That host has not finished the step before.
    Wait(TargetIx),
    /// It never may: the machine would go down under another.
    Refuse(String),
}

pub(super) fn barrier(frame: &Frame, job: &Job, host: TargetIx, step: usize) -> Barrier {
    frame.siblings(job, host).find_map(|other| against(frame, job, host, other, step)).unwrap_or(Barrier::Go)
}

/// What one other of its group has against it.
fn against(frame: &Frame, job: &Job, host: TargetIx, other: TargetIx, step: usize) -> Option<Barrier> {
    let state = &job.hosts[other];
    let refuse = |why: &str| {
        let address = frame.address(frame.plan.hosts[other].node);
        Some(Barrier::Refuse(format!("{address} of its group {why}, and may be on its machine")))
    };
    match &state.standing {
        Standing::Working(work) if work.step < step => Some(Barrier::Wait(other)),
        Standing::Working(_) => None,
        _ if !takes_the_machine(frame, step) || apart(job, host, other) => None,
        // the operator gave it up, and it counts as out
        _ if state.settled && state.unproved => None,
        Standing::Failed { .. } | Standing::Lost { .. } | Standing::Skipped { .. } => refuse("did not get so far"),
        Standing::Waiting | Standing::Settling { .. } | Standing::Done => refuse("serves"),
    }
}

/// Why the chain cannot be gone to its end with this group: said before the host is taken out, not when it is stopped.
/// `unit`: those that go with it.
pub(super) fn hopeless(frame: &Frame, job: &Job, host: TargetIx, from: usize, unit: &[TargetIx]) -> Option<String> {
    let mut reboots = (from..frame.phase(job).to).filter(|step| takes_the_machine(frame, *step));
    let mut others = frame.siblings(job, host).filter(|other| !unit.contains(other));
    let step = reboots.next()?;
    others.find_map(|other| match against(frame, job, host, other, step) {
        Some(Barrier::Refuse(why)) => Some(why),
        _ => None,
    })
}

/// Who gives the command of this step in place of this host, because they are on one machine.
pub(super) fn leader(frame: &Frame, job: &Job, host: TargetIx, step: usize) -> Option<TargetIx> {
    if !takes_the_machine(frame, step) {
        return None;
    }
    let mine = job.hosts[host].baseline.as_ref();
    // (one that the operator passed over does nothing more: the next of them gives the command)
    let mut before = frame.siblings(job, host).filter(|other| *other < host && !job.hosts[*other].settled);
    before.find(|other| one_machine(mine, job.hosts[*other].baseline.as_ref()))
}

/// Does this step have a process of its own on this host?
pub fn has_process(frame: &Frame, job: &Job, host: TargetIx, step: usize) -> bool {
    frame.plan.steps[step].kind.has_process() && leader(frame, job, host, step).is_none()
}

/// Those of its group that are at this step with it, untouched: they are taken out at one stroke.
pub(super) fn together(frame: &Frame, job: &Job, host: TargetIx, step: usize) -> Vec<TargetIx> {
    let at = |other: &TargetIx| {
        let state = &job.hosts[*other];
        let here = state.working().is_some_and(|work| {
            work.step == step && matches!(work.stage, Stage::Ready | Stage::Again) && !state.disrupted
        }) && conditions::may_start(frame, job, *other, step);
        *other == host || here
    };
    let mut all: Vec<TargetIx> = frame.siblings(job, host).chain([host]).filter(at).collect();
    all.sort_unstable();
    all
}

/// Those of its group that wait with it.
pub(super) fn waiting(frame: &Frame, job: &Job, host: TargetIx) -> Vec<TargetIx> {
    let waits = |other: &TargetIx| job.hosts[*other].standing == Standing::Waiting;
    let mut all: Vec<TargetIx> = frame.siblings(job, host).chain([host]).filter(waits).collect();
    all.sort_unstable();
    all
}

pub(super) fn takes_the_machine(frame: &Frame, step: usize) -> bool {
    frame.plan.steps[step].takes_down == TakesDown::Reboot
}

/// One boot id is one machine.
pub(super) fn one_machine(a: Option<&Baseline>, b: Option<&Baseline>) -> bool {
    let id = |baseline: Option<&Baseline>| baseline.and_then(|baseline| baseline.boot_id.clone());
    id(a).is_some_and(|a| Some(a) == id(b))
}

/// Both boot ids are known, and differ.
pub(super) fn apart(job: &Job, a: TargetIx, b: TargetIx) -> bool {
    let id = |host: TargetIx| job.hosts[host].baseline.as_ref().and_then(|baseline| baseline.boot_id.clone());
    id(a).zip(id(b)).is_some_and(|(a, b)| a != b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::model::{HostState, Work};
    use crate::job::rules::Rules;
    use crate::plan::model::{Group, Plan};
    use crate::plan::samples;

    /// Drain, stop, reboot, wait-up; the hosts of the first rack share a fate.
    fn plan() -> Plan {
        let group = Group { name: "g".into(), nodes: [0, 1].into(), by_machine_id: false };
        Plan { groups: vec![group], ..samples::six_hosts() }
    }

    const REBOOT: usize = 2;

    fn at(step: usize, boot: &str) -> HostState {
        let work = Work { step, attempt: 1, stage: Stage::Ready, since: 1, started: 1 };
        let baseline = Baseline { boot_id: Some(boot.into()), ..Baseline::default() };
        HostState {
            standing: Standing::Working(work),
            disrupted: true,
            baseline: Some(baseline),
            ..HostState::default()
        }
    }

    fn judged(one: HostState, other: HostState, step: usize) -> Barrier {
        let plan = plan();
        let mut job = Job::new(&plan);
        job.hosts.put(0, one);
        job.hosts.put(1, other);
        barrier(&Frame::new(&plan, Rules::default()), &job, 0, step)
    }

    #[test]
    fn a_step_waits_for_all_of_the_group_to_have_done_the_one_before() {
        assert_eq!(judged(at(1, "a"), at(0, "a"), 1), Barrier::Wait(1));
        assert_eq!(judged(at(1, "a"), at(1, "a"), 1), Barrier::Go);
        assert_eq!(judged(at(1, "a"), at(2, "a"), 1), Barrier::Go);
    }

    #[test]
    fn a_machine_is_not_rebooted_under_a_node_that_did_not_get_so_far() {
        let failed = Standing::Failed { step: 0, because: "no".into() };
        let host = |standing: &Standing| HostState { standing: standing.clone(), unproved: true, ..at(0, "a") };
        let refused = |barrier| matches!(barrier, Barrier::Refuse(_));
        assert!(refused(judged(at(REBOOT, "a"), host(&failed), REBOOT)));
        assert!(refused(judged(
            at(REBOOT, "a"),
            HostState { standing: Standing::Done, ..HostState::default() },
            REBOOT
        )));
        assert!(refused(judged(at(REBOOT, "a"), HostState::default(), REBOOT)), "it waits for its turn, and serves");
        // what takes the node alone goes on
        assert_eq!(judged(at(1, "a"), host(&failed), 1), Barrier::Go);
        // on a machine of its own; given up by the operator, and out
        assert_eq!(judged(at(REBOOT, "a"), HostState { standing: failed.clone(), ..at(0, "b") }, REBOOT), Barrier::Go);
        assert_eq!(judged(at(REBOOT, "a"), HostState { settled: true, ..host(&failed) }, REBOOT), Barrier::Go);
    }

    #[test]
    fn what_cannot_end_is_not_begun() {
        let plan = plan();
        let frame = Frame::new(&plan, Rules::default());
        let mut job = Job::new(&plan);
        let fresh = HostState { disrupted: false, baseline: None, ..at(0, "a") };
        job.hosts.put(0, fresh.clone());
        job.hosts.put(1, fresh);
        assert_eq!(hopeless(&frame, &job, 0, 0, &[0]), None);
        job.hosts.put(1, HostState { standing: Standing::Done, ..HostState::default() });
        assert!(hopeless(&frame, &job, 0, 0, &[0]).is_some(), "the reboot would take a node that serves");
        assert_eq!(hopeless(&frame, &job, 0, 3, &[0]), None, "no reboot is to come");
    }

    #[test]
    fn of_one_machine_the_first_node_reboots_and_of_two_each_its_own() {
        let plan = plan();
        let frame = Frame::new(&plan, Rules::default());
        let mut job = Job::new(&plan);
        let follows = |job: &Job, step| leader(&frame, job, 1, step);
        job.hosts.put(0, at(REBOOT, "a"));
        job.hosts.put(1, at(REBOOT, "a"));
        assert_eq!((follows(&job, REBOOT), follows(&job, 1)), (Some(0), None));
        assert!(has_process(&frame, &job, 0, REBOOT) && !has_process(&frame, &job, 1, REBOOT));
        job.hosts.put(1, at(REBOOT, "b"));
        assert_eq!(follows(&job, REBOOT), None);
        let without = HostState { baseline: None, ..job.hosts[1].clone() };
        job.hosts.put(1, without);
        assert_eq!(follows(&job, REBOOT), None, "unknown is not the same");
        assert_eq!(leader(&frame, &job, 2, REBOOT), None, "in no group");
    }

    /// One that is out takes its whole group with it, also those that are proved back.
    #[test]
    fn a_group_is_out_until_all_of_it_are_back() {
        let plan = plan();
        let frame = Frame::new(&plan, Rules::default());
        let mut job = Job::new(&plan);
        assert!(frame.out(&job).is_empty());
        job.hosts.put(1, at(3, "a"));
        assert_eq!(frame.out(&job), [0, 1].into());
        assert_eq!(Frame::new(&plan, Rules { count_groups: false, ..Rules::default() }).out(&job), [1].into());
    }
}
