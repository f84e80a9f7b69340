//! Which host may open next. First what the journal alone decides (slots, data centres, racks, conflicts),
//! then what was heard (`takeout`).

mod round;

pub use round::Round;

use super::decide::Desk;
use super::event::{Baseline, HostEvent, Question, RunEvent, StepEvent, Stop};
use super::evidence::{names, observers};
use super::heard::Need;
use super::model::{HostState, Job, Standing};
use super::rules::Frame;
use super::takeout::{self, Takeout, Together};
use super::view::Action;
use super::{approval, brake, conditions, gate, group};
use crate::plan::model::{NodeIx, Step, TargetIx};
use std::collections::BTreeSet;
use std::rc::Rc;

/// Why a host that waits does not open, by the journal alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// All slots are taken (`max-hosts`).
    Slots(u32),
    /// An earlier data centre is not finished.
    Datacenter(String),
    /// The rack before is not finished.
    Rack(String),
    /// It conflicts with a host that is out.
    Conflict(NodeIx),
    /// With these, which are out, a range would be left below its level.
    Level(BTreeSet<NodeIx>),
    /// The canary comes first (`first`).
    First(u32),
}

impl Hold {
    /// Why this node is held back, as a sentence.
    pub fn words(&self, frame: &Frame, job: &Job, node: NodeIx) -> String {
        match self {
            Hold::Slots(limit) => format!("`max-hosts` {limit}: every slot is taken"),
            Hold::Datacenter(name) => format!("data centre {name} comes first"),
            Hold::Rack(name) => format!("a host of rack {name}, which comes first, would have to wait for it"),
            Hold::Conflict(other) => frame.why(job, node, *other),
            Hold::Level(others) => {
                let away = |other: NodeIx| others.contains(&other);
                let need = frame.too_many(job, frame.unit(node), away);
                need.map(|need| frame.why_too_many(job, need, node, away)).unwrap_or_default()
            }
            Hold::First(1) => "the canary, one host, comes first".into(),
            Hold::First(hosts) => format!("the canary, {hosts} hosts, comes first"),
        }
    }

    /// What it waits for: follows "waits for".
    pub fn awaited(&self, frame: &Frame, job: &Job, node: NodeIx) -> String {
        match self {
            Hold::Slots(limit) => format!("a free slot (`max-hosts` {limit})"),
            Hold::Datacenter(name) => format!("data centre {name}, which comes first"),
            Hold::Rack(name) => format!("the rest of rack {name}, which comes first"),
            Hold::Conflict(other) => format!("{}: {}", frame.address(*other), frame.why(job, node, *other)),
            Hold::Level(others) => {
                format!("{}: {}", names(frame, others.iter().copied()), self.words(frame, job, node))
            }
            // (asked for before, the approval would be refused)
            Hold::First(_) if !approval::canary_is_through(frame.plan, job) => "the canary, which is in work".into(),
            Hold::First(_) => "an approval: `rollbook approve` lets the hosts behind the canary begin".into(),
        }
    }
}

pub(super) fn hosts(desk: &mut Desk) {
    if let Some(why) = must_stop(desk) {
        return desk.run(RunEvent::Stopping { why });
    }
    let job = desk.job;
    if job.failures() > desk.frame.plan.max_failures {
        return;
    }
    if !job.waits(desk.frame.plan) {
        return next_phase(desk);
    }
    if !shape_known(desk) {
        return give_up_blocked(desk, vec![]);
    }
    if brake::holds(desk, desk.frame) {
        return;
    }
    if approval::holds_the_others(desk.frame.plan, job) {
        return approval::others(desk);
    }
    let mut round = Round::new(desk.frame, job);
    let mut blocked = Vec::new();
    for target in job.waiting(desk.frame.plan) {
        if round.full() || round.no_slot_is_left() {
            break;
        }
        // a group opens at one stroke, with the first of it that waits
        let unit = group::waiting(desk.frame, job, target);
        if unit.first() != Some(&target) {
            continue;
        }
        if let Some(why) = group::hopeless(desk.frame, job, target, desk.frame.phase(job).from, &unit) {
            return unit.iter().for_each(|host| desk.host(*host, HostEvent::Skipped { because: why.clone() }));
        }
        if let Some(hold) = round.hold(target) {
            let foreign = round.held_by_the_unproved(&hold);
            if foreign {
                let why = hold.words(desk.frame, job, desk.frame.plan.hosts[target].node);
                blocked.extend(unit.iter().map(|host| (*host, Obstacle::Said(why.clone()))));
                round.block(&unit);
            }
            continue;
        }
        match takeout::judge_all(desk.frame, job, desk.view, (&unit, desk.now), &round.out) {
            Together::Ready(ready) => return open(desk, &unit, ready),
            Together::Open(needs) => {
                let needs: Rc<[Need]> = needs.into();
                desk.ask(&needs);
                blocked.extend(unit.iter().map(|host| (*host, Obstacle::NoAnswer(Rc::clone(&needs)))));
                unit.iter().for_each(|host| round.reserve(*host));
            }
            Together::Blocked { why, needs } => {
                desk.ask(&needs);
                blocked.extend(unit.iter().map(|host| (*host, Obstacle::Said(why.clone()))));
                round.block(&unit);
            }
        }
    }
    ahead(desk);
    give_up_blocked(desk, blocked);
}

/// The next phase begins when every host of this one is through it.
fn next_phase(desk: &mut Desk) {
    if desk.job.more_phases(desk.frame.plan) && desk.job.through(desk.frame.plan) {
        desk.run(RunEvent::Phase { phase: desk.job.phase + 1 });
    }
}

/// Asks now what will be asked before the next host is taken out, while the last poll of those in work is still to
/// come: between two polls the nodes are idle. It only asks; nothing opens by it, and what has grown too old
/// meanwhile is asked again.
fn ahead(desk: &mut Desk) {
    if desk.frame.calm || !desk.frame.takes_out(desk.job) {
        return;
    }
    let mut soon: Option<Job> = None;
    let mut last = Last::UnderWay;
    for (target, host) in desk.job.hosts.out() {
        if let Some(polls) = last_poll(desk, target) {
            last = last.max(polls);
            let done = HostState { standing: Standing::Done, ..host.clone() };
            soon.get_or_insert_with(|| desk.job.clone()).hosts.put(target, done);
        }
    }
    if let Some(soon) = soon {
        ask_ahead(desk, &soon, last);
    }
}

/// The same while the start checks are asked: the first hosts open as soon as these hold.
pub(super) fn ahead_of_the_first(desk: &mut Desk) {
    if desk.frame.takes_out(desk.job) && desk.frame.plan.setup.is_empty() {
        ask_ahead(desk, desk.job, Last::UnderWay);
    }
}

/// What will be asked before the hosts are taken out that may open when the job stands so.
fn ask_ahead(desk: &mut Desk, soon: &Job, last: Last) {
    let mut round = Round::new(desk.frame, soon);
    for target in soon.waiting(desk.frame.plan) {
        if round.full() || round.no_slot_is_left() {
            break;
        }
        if round.hold(target).is_some() {
            continue;
        }
        round.reserve(target);
        let node = desk.frame.plan.hosts[target].node;
        let needs = match takeout::judge(desk.frame, soon, desk.view, (node, desk.now), &round.out) {
            Takeout::Ready(..) => continue,
            Takeout::Open(needs) | Takeout::Blocked { needs, .. } => needs,
        };
        // who is up would be too old before the last poll; gossip alone lasts for more than one
        let lasts = |question| match question {
            Question::Status => last == Last::UnderWay,
            Question::Gossip => true,
            _ => last <= Last::Soon,
        };
        let needs = needs.into_iter().filter(|need| lasts(need.asked.1) && !has_polls_to_answer(desk, need.asked.0));
        let needs: Vec<Need> = needs.collect();
        desk.ask(&needs);
    }
}

/// Is it in work itself, and not yet at its last poll? A question that can wait would put its next poll off.
fn has_polls_to_answer(desk: &Desk, node: NodeIx) -> bool {
    let target = desk.frame.target_of(node).filter(|target| desk.job.hosts[*target].in_work());
    target.is_some_and(|target| last_poll(desk, target) != Some(Last::UnderWay))
}

/// How far off the last good poll is that a host wants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Last {
    UnderWay,
    Next,
    /// The one behind the next.
    Soon,
    Later,
}

/// Of a host that is back so far, and that has nothing to do behind its gate.
fn last_poll(desk: &Desk, target: TargetIx) -> Option<Last> {
    let phase = desk.frame.phase(desk.job);
    let work = desk.job.hosts[target].working()?;
    let terms = gate::terms(desk.frame, desk.job, target)?;
    let gate = gate::current(desk.view, target, terms);
    if gate.held == 0 || work.step + 1 < phase.to || phase.grace_ms > 0 {
        return None;
    }
    Some(match terms.stable.saturating_sub(gate.held) {
        0 | 1 if desk.now >= gate::due(&gate, terms) => Last::UnderWay,
        0 | 1 => Last::Next,
        2 => Last::Soon,
        _ => Last::Later,
    })
}

fn open(desk: &mut Desk, unit: &[TargetIx], ready: Vec<(Baseline, Vec<String>)>) {
    let step = desk.frame.phase(desk.job).from;
    // (where one of them leaves it out, each comes to it by itself)
    let disruptive = desk.job.step(desk.frame.plan, step).is_some_and(Step::disruptive)
        && !unit.iter().any(|host| conditions::never(desk.frame.plan, *host, step));
    for (place, (host, (baseline, warnings))) in unit.iter().zip(&ready).enumerate() {
        for because in warnings {
            desk.host(*host, HostEvent::Warned { because: because.clone() });
        }
        desk.host(*host, HostEvent::Opened);
        if !disruptive {
            continue;
        }
        desk.host(*host, HostEvent::Baseline(baseline.clone()));
        desk.step(*host, step, StepEvent::Started { attempt: 1 });
        let follows = group::takes_the_machine(desk.frame, step)
            && ready[..place].iter().any(|(before, _)| group::one_machine(Some(before), Some(baseline)));
        if desk.frame.plan.steps[step].kind.has_process() && !follows {
            desk.act(Action::Spawn(super::view::Task::Step { host: *host, step, attempt: 1 }));
        }
    }
}

/// Limits and drift, in the order of their weight.
fn must_stop(desk: &Desk) -> Option<Stop> {
    let plan = desk.frame.plan;
    let settled = |host: &super::model::HostState| host.settled;
    let failed = |standing: &Standing| matches!(standing, Standing::Failed { .. } | Standing::Lost { .. });
    let failures = desk.job.hosts.iter().filter(|host| failed(&host.standing) && !settled(host)).count() as u32;
    if failures > plan.max_failures {
        return Some(Stop::Failures { failed: failures, allowed: plan.max_failures });
    }
    if !desk.view.drift.is_empty() {
        return Some(Stop::Drift { differences: desk.view.drift.clone() });
    }
    let waiting = desk.job.waits(plan) || desk.job.more_phases(plan);
    plan.stop_after.filter(|hosts| desk.job.opened >= *hosts && waiting).map(|hosts| Stop::After { hosts })
}

/// Ring and replication are read again when a schema version appears under which they were not read yet.
pub(super) fn shape_known(desk: &mut Desk) -> bool {
    if desk.frame.calm || !desk.frame.takes_out(desk.job) {
        return true;
    }
    let witnesses = observers(desk.frame, desk.job, desk.view, NodeIx::MAX, desk.now);
    let Some(first) = witnesses.first().copied() else { return true };
    let mut heard = witnesses.iter().filter_map(|node| desk.view.heard(*node, Question::Gossip));
    let confirmed = &desk.view.schema_confirmed;
    if !confirmed.is_empty() && heard.all(|heard| heard.schemas().is_subset(confirmed)) {
        return true;
    }
    let newest = witnesses.iter().filter_map(|node| desk.view.heard(*node, Question::Gossip)).map(|heard| heard.asked);
    let poll = desk.frame.plan.poll_ms.max(5_000);
    let since = newest.max().unwrap_or(0).max(desk.job.session_at);
    desk.ask(&[Need { asked: (first, Question::Shape), since, poll }]);
    false
}

/// What keeps a host from being opened: a sentence, or questions of which one is only made when somebody reads it.
enum Obstacle {
    Said(String),
    NoAnswer(Rc<[Need]>),
}

/// When nobody is in work and nothing has moved for `blocked-timeout`, those that cannot start are skipped.
fn give_up_blocked(desk: &mut Desk, blocked: Vec<(TargetIx, Obstacle)>) {
    if !desk.decision.events.is_empty() || desk.job.hosts.busy() {
        return;
    }
    let end = desk.job.progress_at + desk.frame.plan.blocked_timeout_ms;
    if desk.now < end {
        return desk.decision.wake(end);
    }
    let words = |obstacle: Obstacle| match obstacle {
        Obstacle::Said(why) => why,
        Obstacle::NoAnswer(needs) => {
            let nodes: BTreeSet<NodeIx> = needs.iter().map(|need| need.asked.0).collect();
            format!("no answer that is fresh enough of {}", names(desk.frame, nodes))
        }
    };
    let reasons: std::collections::BTreeMap<TargetIx, String> =
        blocked.into_iter().map(|(host, obstacle)| (host, words(obstacle))).collect();
    // only those whose own obstacle is known, unless that is nobody: then the run would never end
    let known = !reasons.is_empty();
    for target in desk.job.waiting(desk.frame.plan) {
        if known && !reasons.contains_key(&target) {
            continue;
        }
        let why = reasons.get(&target).map_or("no observer could say what the cluster is", String::as_str);
        desk.host(target, HostEvent::Skipped { because: format!("blocked: {why}") });
    }
}
