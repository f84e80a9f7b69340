//! The start checks: nothing is taken out of a cluster that is not well to begin with.

use super::decide::Desk;
use super::event::{Ms, Outcome, Question, RunEvent};
use super::evidence::{Evidence, gossip, names, observers, same_release, schema_disagreement, unexpected_unreachable};
use super::heard::{Heard, Seen};
use super::measure;
use super::model::Job;
use super::open;
use super::rules::{Frame, unreadable};
use super::view::Answer;
use crate::plan::model::{NodeIx, Phase};
use crate::playbook::model::{Check, Waivable};
use crate::topology::nodetool::GossipView;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// The start checks must hold within this time.
pub const DEADLINE_MS: Ms = 180_000;

/// Nobody: the start checks are about the whole cluster.
const NOBODY: NodeIx = NodeIx::MAX;

pub(super) fn check(desk: &mut Desk) {
    if desk.frame.calm {
        return desk.run(RunEvent::Checked);
    }
    let mut evidence = Evidence::new(desk.frame, desk.view, desk.now, desk.frame.plan.poll_ms);
    let start = Start {
        frame: desk.frame,
        phase: desk.frame.phase(desk.job),
        out: desk.frame.out(desk.job),
        observers: observers(desk.frame, desk.job, desk.view, NOBODY, desk.now),
        warnings: RefCell::default(),
    };
    let why = match start.run(&mut evidence, since(desk.job)) {
        Ok(true) => {
            for because in start.warnings.take() {
                desk.run(RunEvent::Warned { because });
            }
            return desk.run(RunEvent::Checked);
        }
        Ok(false) => {
            open::ahead_of_the_first(desk);
            "not every node answered".to_string()
        }
        Err(why) => {
            start.observers.iter().for_each(|node| evidence.again(*node, Question::Status));
            why
        }
    };
    let end = desk.job.began_at + DEADLINE_MS;
    if desk.now >= end {
        desk.run(RunEvent::Refused { because: why });
        return desk.run(RunEvent::Ended { outcome: Outcome::Refused });
    }
    desk.decision.wake(end);
    let needs = evidence.needs;
    desk.ask(&needs);
}

/// What planning heard so short a time before the run began need not be asked again.
const BEFORE_MS: Ms = 30_000;

fn since(job: &Job) -> Ms {
    match job.began_at == job.session_at {
        true => job.session_at.saturating_sub(BEFORE_MS),
        false => job.began_at,
    }
}

/// Why the start checks do not hold yet, for the reader.
pub fn why_not(frame: &Frame, job: &Job, view: &super::heard::View, now: Ms) -> Option<String> {
    let mut evidence = Evidence::new(frame, view, now, frame.plan.poll_ms);
    let observers = observers(frame, job, view, NOBODY, now);
    let phase = frame.phase(job);
    let start = Start { frame, phase, out: frame.out(job), observers, warnings: RefCell::default() };
    match start.run(&mut evidence, since(job)) {
        Ok(true) => None,
        Ok(false) => {
            let open: BTreeSet<NodeIx> = evidence.needs.iter().map(|need| need.asked.0).collect();
            Some(format!("answers of {}", names(frame, open)))
        }
        Err(why) => Some(why),
    }
}

struct Start<'a> {
    frame: &'a Frame<'a>,
    phase: &'a Phase,
    out: BTreeSet<NodeIx>,
    observers: Vec<NodeIx>,
    /// What does not hold, with severity `warn`.
    warnings: RefCell<Vec<String>>,
}

impl Start<'_> {
    fn run(&self, evidence: &mut Evidence, since: Ms) -> Result<bool, String> {
        if self.observers.is_empty() && self.out.len() < self.frame.plan.nodes.len() {
            return Err("no observer is left to ask".into());
        }
        let mut complete = true;
        if self.phase.disruptive(self.frame.plan) {
            // slow answers first: what is about liveness must not grow stale behind them
            complete &= self.reach(evidence, since)?;
            complete &= self.schema(evidence, since)?;
        }
        let Some(views) = self.views(evidence, since)? else { return Ok(false) };
        if !self.frame.plan.ignore_down && !self.frame.plan.waives(Waivable::AllUp) {
            self.all_up(&views)?;
        }
        complete &= self.added(evidence, since, &views)?;
        complete &= self.streams(evidence, since)?;
        complete &= self.releases(evidence, since)?;
        let nodes = self.wanted().collect();
        match measure::judge(self.frame, evidence, &self.phase.demands_start, None, &nodes)? {
            Some(warnings) => self.warnings.replace(self.known_down_but_up(&views).chain(warnings).collect()),
            None => return Ok(false),
        };
        Ok(complete)
    }

    /// It counts as down, and is not worked on: perhaps the playbook is older than its return.
    fn known_down_but_up<'s>(&'s self, views: &'s [(NodeIx, Seen)]) -> impl Iterator<Item = String> + 's {
        let up = |node: &&NodeIx| !views.is_empty() && views.iter().all(|(_, view)| view.up(**node));
        let known = self.frame.plan.known_down.iter().filter(up);
        known.map(|node| {
            let address = self.frame.address(*node);
            format!("`known-down` names {address}, which is up: it is not worked on, and counts as down")
        })
    }

    fn wanted(&self) -> impl Iterator<Item = NodeIx> + '_ {
        (0..self.frame.plan.nodes.len()).filter(|node| !self.out.contains(node))
    }

    fn views<'v>(&self, evidence: &mut Evidence<'v>, since: Ms) -> Result<Option<Vec<(NodeIx, Seen<'v>)>>, String> {
        let mut all = Vec::new();
        for node in &self.observers {
            let Some(heard) = evidence.read(*node, Question::Status, since) else { continue };
            all.push((*node, self.readable(*node, heard, Heard::seen)?));
        }
        evidence.together(self.observers.iter().map(|node| (*node, Question::Status)));
        Ok((all.len() == self.observers.len()).then_some(all))
    }

    fn readable<'v, T>(
        &self,
        node: NodeIx,
        heard: &'v Heard,
        open: impl Fn(&'v Heard) -> Option<T>,
    ) -> Result<T, String> {
        open(heard).ok_or_else(|| format!("{}: {}", self.frame.address(node), unreadable(&heard.answer)))
    }

    fn all_up(&self, views: &[(NodeIx, Seen)]) -> Result<(), String> {
        for node in self.wanted() {
            if let Some((by, _)) = views.iter().find(|(_, view)| !view.up(node)) {
                return Err(format!("all-up: {} is not UN at {}", self.frame.address(node), self.frame.address(*by)));
            }
        }
        Ok(())
    }

    /// Every node is asked once, directly, whom it cannot reach: `status` does not show a cut.
    fn reach(&self, evidence: &mut Evidence, since: Ms) -> Result<bool, String> {
        let (mut complete, mut wrong) = (true, None);
        for node in self.wanted() {
            let Some(heard) = evidence.read_within(node, Question::Describe, since, DEADLINE_MS) else {
                complete = false;
                continue;
            };
            let address = self.frame.address(node);
            let why = match unexpected_unreachable(heard) {
                None => Some(format!("{address}: {}", unreadable(&heard.answer))),
                Some(named) => {
                    let cut: Vec<NodeIx> = named.filter(|other| *other != node).collect();
                    (!cut.is_empty()).then(|| format!("{address} cannot reach {}", names(self.frame, cut)))
                }
            };
            if why.is_some() && !self.frame.plan.ignore_down {
                evidence.again(node, Question::Describe);
                wrong = wrong.or(why);
            }
        }
        if self.frame.rules.count_cuts { wrong.map_or(Ok(complete), Err) } else { Ok(true) }
    }

    fn schema(&self, evidence: &mut Evidence, since: Ms) -> Result<bool, String> {
        let (mut complete, mut wrong) = (true, None);
        for node in &self.observers {
            let Some(heard) = evidence.read_within(*node, Question::Gossip, since, DEADLINE_MS) else {
                complete = false;
                continue;
            };
            let view: &GossipView = self.readable(*node, heard, gossip)?;
            let known =
                |other: &NodeIx| !self.frame.plan.ignore_down || view.nodes.contains_key(&self.frame.address(*other));
            let live = self.wanted().filter(known).collect();
            let waived = self.frame.plan.waives(Waivable::SchemaAgreement);
            if let Some(why) = schema_disagreement(self.frame, view, &live).filter(|_| !waived) {
                evidence.again(*node, Question::Gossip);
                wrong = Some(format!("schema-agreement, asked of {}: {why}", self.frame.address(*node)));
            }
        }
        wrong.map_or(Ok(complete), Err)
    }

    /// `no-streaming`: of the whole cluster, for a stream between two nodes is on no third one's screen.
    fn streams(&self, evidence: &mut Evidence, since: Ms) -> Result<bool, String> {
        if !self.phase.checks_start.contains(&Check::NoStreaming) {
            return Ok(true);
        }
        let mut complete = true;
        for node in self.wanted() {
            match evidence.read_within(node, Question::Mode, since, DEADLINE_MS).map(|heard| &heard.answer) {
                None => complete = false,
                Some(Answer::Mode(view)) if !view.streams => {}
                Some(other) => {
                    evidence.again(node, Question::Mode);
                    let address = self.frame.address(node);
                    return Err(match other {
                        Answer::Mode(_) => format!("no-streaming: {address} sends or receives streams"),
                        other => format!("{address}: {}", unreadable(other)),
                    });
                }
            }
        }
        Ok(complete)
    }

    fn releases(&self, evidence: &mut Evidence, since: Ms) -> Result<bool, String> {
        if !self.phase.checks_start.contains(&Check::SameRelease) {
            return Ok(true);
        }
        let mut complete = true;
        for node in &self.observers {
            let Some(heard) = evidence.read_within(*node, Question::Gossip, since, DEADLINE_MS) else {
                complete = false;
                continue;
            };
            let view = self.readable(*node, heard, gossip)?;
            if let Err(why) = same_release(self.frame, *node, view, &self.wanted().collect()) {
                evidence.again(*node, Question::Gossip);
                return Err(why);
            }
        }
        Ok(complete)
    }

    /// Checks that the playbook adds under `checks: start`.
    fn added(&self, evidence: &mut Evidence, since: Ms, views: &[(NodeIx, Seen)]) -> Result<bool, String> {
        let asked = |check| self.phase.checks_start.contains(&check);
        let (transport, own) = (asked(Check::NativeTransport), asked(Check::OwnViewComplete));
        let mut complete = true;
        for target in &self.phase.hosts {
            let node = self.frame.plan.hosts[*target].node;
            if self.out.contains(&node) {
                continue;
            }
            let address = self.frame.address(node);
            if transport {
                match evidence.read_within(node, Question::Info, since, DEADLINE_MS).map(|heard| &heard.answer) {
                    None => complete = false,
                    Some(Answer::Info(info)) if info.native_transport => {}
                    Some(Answer::Info(_)) => {
                        evidence.again(node, Question::Info);
                        return Err(format!("native-transport: CQL is closed on {address}"));
                    }
                    Some(other) => return Err(format!("{address}: {}", unreadable(other))),
                }
            }
            if own {
                let Some(heard) = evidence.read_within(node, Question::Status, since, DEADLINE_MS) else {
                    complete = false;
                    continue;
                };
                let view = self.readable(node, heard, Heard::seen)?;
                let seen = |other: &NodeIx| views.iter().any(|(_, by)| by.up(*other));
                if let Some(missing) = self.wanted().filter(seen).find(|other| !view.up(*other)) {
                    evidence.again(node, Question::Status);
                    return Err(format!(
                        "own-view-complete: {address} does not see {} up",
                        self.frame.address(missing)
                    ));
                }
            }
        }
        Ok(complete)
    }
}
