//! The machine in a calm world: every command takes one unit of time, every question has the good answer.
//! Waves come out of it for the eye; execution never reads them. With how long each host takes: when the last is through.

use super::apply::apply;
use super::decide::{Decision, decide};
use super::event::{Event, HostEvent, Ms, RunEvent, What};
use super::heard::View;
use super::model::Job;
use super::observe::{facts, observe};
use super::open::Round;
use super::rules::Frame;
use super::view::{Action, Input, Task};
use crate::plan::model::{Plan, TargetIx, Wave, WaveHost};

/// One unit: longer than any pause, so that hosts that may be out together end together.
const UNIT: Ms = 1 << 40;

/// A deadline that does not come.
const NEVER: Ms = 1 << 60;

/// The waves of a plan, with each host's reason for not being sooner. Limits of one session (`--stop-after`)
/// are left aside: the plan shows the whole.
pub fn waves(plan: &Plan) -> Vec<Wave> {
    let whole = Plan { stop_after: None, ..plan.clone() };
    let frame = Frame::calm(&whole);
    let mut world = Calm::new(&frame);
    let mut waves: Vec<Wave> = Vec::new();
    // the run as it was when the wave before was out: what held a host back then is why it opens only now
    let mut before: Option<Job> = None;
    while world.job.ended.is_none() {
        let opened = world.settle();
        if opened.is_empty() {
            break;
        }
        let phase = world.job.phase;
        // (a phase begins anew)
        let round = before.as_ref().filter(|job| job.phase == phase).map(|job| (Round::new(&frame, job), job));
        let canary = plan.phases[phase].first.map_or(0, |first| first.hosts as usize);
        let begun = waves.iter().filter(|wave| wave.phase == phase).map(|wave| wave.hosts.len()).sum::<usize>();
        let host = |(place, target): (usize, &TargetIx)| {
            let node = plan.hosts[*target].node;
            let held = round.as_ref().and_then(|(round, job)| Some(round.hold(*target)?.words(&frame, job, node)));
            let is_it = (begun + place < canary).then(|| "the canary: the others wait for it".to_owned());
            WaveHost { target: *target, address: plan.nodes[node].address, because: held.or(is_it) }
        };
        waves.push(Wave { phase, hosts: opened.iter().enumerate().map(host).collect() });
        before = Some(world.job.clone());
        world.next_unit();
    }
    waves
}

/// When the last host is through, if each is out for so long: the machine itself decides who opens when. In each phase
/// a host works on, it takes so long again; a group ends with the last of it.
pub fn ends(plan: &Plan, took: &[Ms]) -> Ms {
    let mut whole = Plan { stop_after: None, blocked_timeout_ms: NEVER, ..plan.clone() };
    // (a host is out for as long as it was then, which step of it took how long nobody knows)
    whole.steps.iter_mut().for_each(|step| step.timeout_ms = NEVER);
    let frame = Frame::calm(&whole);
    let mut world = Calm::new(&frame);
    let mut due: Vec<(Ms, TargetIx)> = Vec::new();
    while world.job.ended.is_none() {
        let opened = world.settle();
        due.extend(opened.into_iter().map(|host| (world.now + took[host], host)));
        let Some(next) = due.iter().map(|(at, _)| *at).min() else { break };
        world.now = next;
        due.retain(|(at, _)| *at > next);
        world.go_through(|host| !due.iter().any(|(_, waits)| *waits == host));
    }
    world.now
}

struct Calm<'a> {
    frame: &'a Frame<'a>,
    job: Job,
    view: View,
    now: Ms,
}

impl<'a> Calm<'a> {
    /// A run that has just begun.
    fn new(frame: &'a Frame<'a>) -> Self {
        let mut world = Calm { frame, job: Job::new(frame.plan), view: View::default(), now: 0 };
        world.event(What::Run(RunEvent::Started {
            session: 1,
            plan: String::new(),
            reason: None,
            by: String::new(),
            attended: false,
        }));
        world
    }
}

impl Calm<'_> {
    fn event(&mut self, what: What) {
        self.take(Decision { events: vec![Event { at: self.now, what }], ..Decision::default() });
    }

    fn take(&mut self, decision: Decision) {
        for event in &decision.events {
            let applied = apply(self.frame.plan, &mut self.job, event);
            debug_assert_eq!(applied, Ok(()));
        }
    }

    /// Decides until nothing new comes; setup steps end at once. Returns the hosts that opened.
    fn settle(&mut self) -> Vec<TargetIx> {
        let mut opened = Vec::new();
        loop {
            let decision = decide(self.frame, &self.job, &self.view, self.now);
            if decision.is_empty() {
                break;
            }
            let actions = decision.actions.clone();
            opened.extend(decision.events.iter().filter_map(|event| match event.what {
                What::Host { host, event: HostEvent::Opened } => Some(host),
                _ => None,
            }));
            self.take(decision);
            for action in actions {
                if let Action::Spawn(task @ (Task::Setup { .. } | Task::Undo { .. })) = action {
                    self.end(task);
                }
            }
        }
        opened
    }

    fn end(&mut self, task: Task) {
        let step = match task {
            Task::Step { step, .. } => self.frame.plan.steps[step].ok_exit.first().copied().unwrap_or(0),
            _ => 0,
        };
        let input = Input::Ended { task, end: super::event::End::Exit { status: step }, registered: None };
        let events = facts(self.frame.plan, &self.job, &input, self.now);
        observe(self.frame, &self.job, &mut self.view, &input, self.now);
        self.take(Decision { events, ..Decision::default() });
    }

    /// Ends everything that runs, step by step, until all hosts of the unit are through; nothing opens meanwhile.
    fn next_unit(&mut self) {
        self.now += UNIT;
        self.go_through(|_| true);
    }

    /// The same of these hosts; the others are still out.
    fn go_through(&mut self, over: impl Fn(TargetIx) -> bool) {
        loop {
            let mut moved = false;
            for host in (0..self.job.hosts.len()).filter(|host| over(*host)) {
                if let Some(task) = running(&self.job, host)
                    .filter(|(step, _)| super::group::has_process(self.frame, &self.job, host, *step))
                {
                    self.end(Task::Step { host, step: task.0, attempt: task.1 });
                    moved = true;
                }
                moved |= self.advance(host);
            }
            if !moved {
                break;
            }
        }
    }

    /// One host goes on; the others, and those that wait, are not looked at.
    fn advance(&mut self, host: TargetIx) -> bool {
        if !self.job.hosts[host].in_work() {
            return false;
        }
        let mut desk = super::decide::Desk::new(self.frame, &self.job, &self.view, self.now);
        super::advance::host(&mut desk, host);
        let decision = desk.decision;
        let moved = !decision.events.is_empty();
        self.take(decision);
        moved
    }
}

fn running(job: &Job, host: TargetIx) -> Option<(usize, u32)> {
    let work = job.hosts[host].working()?;
    matches!(work.stage, super::model::Stage::Running { .. }).then_some((work.step, work.attempt))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::samples;

    fn places(plan: &Plan) -> Vec<Vec<TargetIx>> {
        waves(plan).iter().map(|wave| wave.hosts.iter().map(|host| host.target).collect()).collect()
    }

    #[test]
    fn six_hosts_in_three_racks_take_three_waves() {
        assert_eq!(places(&samples::six_hosts()), [vec![0, 1], vec![2, 3], vec![4, 5]]);
    }

    #[test]
    fn each_wave_says_why_not_sooner() {
        let waves = waves(&samples::six_hosts());
        assert_eq!(waves[0].hosts[0].because, None);
        assert_eq!(waves[1].hosts[0].because.as_deref(), Some("10.77.0.12 shares 2 ranges of orders with 10.77.0.11"));
    }

    #[test]
    fn a_cap_binds() {
        let mut plan = samples::six_hosts();
        plan.phases[0].max_hosts = Some(1);
        assert_eq!(places(&plan), [[0], [1], [2], [3], [4], [5]]);
        assert_eq!(waves(&plan)[1].hosts[0].because.as_deref(), Some("`max-hosts` 1: every slot is taken"));
    }

    #[test]
    fn a_group_goes_out_whole_and_alone_where_it_is_larger_than_the_cap() {
        let mut plan = samples::six_hosts();
        let group = |name: &str, nodes: [usize; 2]| crate::plan::model::Group {
            name: name.into(),
            nodes: nodes.into(),
            by_machine_id: false,
        };
        plan.groups = vec![group("g", [0, 1])];
        assert_eq!(places(&plan), [vec![0, 1], vec![2, 3], vec![4, 5]]);
        plan.phases[0].max_hosts = Some(1);
        assert_eq!(places(&plan), [vec![0, 1], vec![2], vec![3], vec![4], vec![5]]);
        // across two racks: what one of them excludes, both do
        plan.phases[0].max_hosts = None;
        plan.phases[0].datacenters[0].rack_by_rack = false;
        plan.groups = vec![group("g", [0, 4])];
        plan.shared.retain(|pair| (pair.a, pair.b) == (1, 4));
        assert_eq!(places(&plan), [vec![0, 4, 2, 3, 5], vec![1]]);
    }

    #[test]
    fn a_free_slot_is_taken_as_soon_as_nobody_out_excludes_the_host() {
        let mut plan = samples::six_hosts();
        assert_eq!(ends(&plan, &[5, 1, 1, 4, 2, 3]), 5 + 4 + 3, "a rack waits for the longest of the one before");
        plan.phases[0].max_hosts = Some(1);
        assert_eq!(ends(&plan, &[5, 1, 1, 4, 2, 3]), 16);
        plan.phases[0].max_hosts = None;
        plan.shared.retain(|pair| (pair.a, pair.b) == (1, 2));
        plan.phases[0].datacenters[0].rack_by_rack = false;
        assert_eq!(ends(&plan, &[5, 1, 1, 4, 2, 3]), 5, "only 2 waits, for 1");
        let day = 86_400_000;
        assert_eq!(ends(&plan, &[day, 1, 1, 4, 2, 3]), day, "longer than a step may take");
    }

    #[test]
    fn phases_and_groups_take_their_time() {
        let mut plan = samples::six_hosts();
        plan.shared.clear();
        plan.phases[0].datacenters[0].rack_by_rack = false;
        let group = crate::plan::model::Group { name: "g".into(), nodes: [0, 1].into(), by_machine_id: false };
        plan.groups = vec![group];
        plan.phases[0].max_hosts = Some(2);
        assert_eq!(ends(&plan, &[5, 1, 1, 4, 2, 1]), 5 + 4, "0 and 1; then 3, and beside it 2, 4, 5");
    }

    #[test]
    fn strategy_all_takes_everybody_at_once() {
        let mut plan = samples::six_hosts();
        plan.phases[0].strategy = crate::playbook::model::Strategy::All;
        plan.phases[0].datacenters[0].rack_by_rack = false;
        assert_eq!(places(&plan), [vec![0, 1, 2, 3, 4, 5]]);
    }
}
