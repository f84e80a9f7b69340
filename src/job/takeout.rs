//! May this host be taken out now? Judged right before its first disruptive step, from fresh answers.

mod reach;

use super::event::{Baseline, Ms, Question};
use super::evidence::{Evidence, agree, gossip, observers_to_stay, serving_mode};
use super::heard::{Heard, Need, Seen, View};
use super::measure;
use super::model::Job;
use super::rules::{Frame, unreadable};
use super::view::Answer;
use crate::plan::model::{NodeIx, TargetIx};
use crate::playbook::model::{Check, Strategy, Waivable};
use crate::topology::nodetool::{GossipView, Movement};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// So long an observer's gossip and the host's own word count at least, and the boot id: what they are compared with
/// later only rises, or takes longer than that to become another. (That it is up, others say, and freshly.)
const LASTING_MS: Ms = 30_000;
const BOOT_ID_MS: Ms = 15_000;

/// Twice the time that the slowest observer took is reckoned with for all of them, within these bounds: the least is
/// what a quiet node needs, and with the most the answers that count 15 s still do for two thirds of that.
const LEAST_MARGIN_MS: Ms = 1_000;
const MOST_MARGIN_MS: Ms = 5_000;

/// The judgement on one host.
#[derive(Clone, Debug, PartialEq)]
pub enum Takeout {
    /// Yes; this is what it is before, and what should be said of it.
    Ready(Baseline, Vec<String>),
    /// These questions are open.
    Open(Vec<Need>),
    /// No, and why; the questions are put again once a poll.
    Blocked { why: String, needs: Vec<Need> },
}

/// The judgement on hosts that are taken out at one stroke: all of a group, or one alone.
pub enum Together {
    /// Yes; one baseline a host, and what should be said of it.
    Ready(Vec<(Baseline, Vec<String>)>),
    Open(Vec<Need>),
    Blocked {
        why: String,
        needs: Vec<Need>,
    },
}

pub(super) fn judge_all(
    frame: &Frame,
    job: &Job,
    view: &View,
    (hosts, now): (&[TargetIx], Ms),
    out: &BTreeSet<NodeIx>,
) -> Together {
    let (mut ready, mut open, mut against) = (Vec::new(), Vec::new(), None);
    for host in hosts {
        match judge(frame, job, view, (frame.plan.hosts[*host].node, now), out) {
            Takeout::Ready(baseline, warnings) => ready.push((baseline, warnings)),
            Takeout::Open(needs) => open.extend(needs),
            Takeout::Blocked { why, needs } => {
                against.get_or_insert(why);
                open.extend(needs);
            }
        }
    }
    match against {
        Some(why) => Together::Blocked { why, needs: open },
        None if ready.len() == hosts.len() => Together::Ready(ready),
        None => Together::Open(open),
    }
}

/// `out`: who is out now (`Frame::out`), which the caller knows.
pub fn judge(frame: &Frame, job: &Job, view: &View, (node, now): (NodeIx, Ms), out: &BTreeSet<NodeIx>) -> Takeout {
    if frame.calm {
        return Takeout::Ready(Baseline::default(), vec![]);
    }
    let candidate = Candidate::new(frame, job, view, (node, now), out);
    let mut evidence = Evidence::new(frame, view, now, frame.plan.poll_ms).with_margin(candidate.margin());
    match candidate.run(&mut evidence) {
        Ok(Some((baseline, warnings))) => Takeout::Ready(baseline, warnings),
        Ok(None) => {
            evidence.lasting_first();
            let witnesses = candidate.observers.iter().map(|by| (*by, Question::Status));
            let streams = frame.phase(job).checks_each_host.contains(&Check::NoStreaming);
            evidence.together(witnesses.chain(streams.then_some((node, Question::Mode))));
            Takeout::Open(evidence.needs)
        }
        Err(why) => {
            candidate.ask_liveness_again(&mut evidence);
            Takeout::Blocked { why, needs: evidence.needs }
        }
    }
}

/// What spoke against taking it out when everybody had last answered; they are being asked again. For the reader alone.
pub(super) fn last_heard(frame: &Frame, job: &Job, view: &View, node: NodeIx, now: Ms) -> Option<String> {
    let mut evidence = Evidence::new(frame, view, now, frame.plan.poll_ms).however_old();
    let why = Candidate::new(frame, job, view, (node, now), &frame.out(job)).run(&mut evidence).err()?;
    Some(format!("{why} (as last heard)"))
}

/// The nodes that share a range with it. (A saboteur forgets those that are down.)
fn protected<'a>(frame: &'a Frame, view: &View, node: NodeIx) -> Cow<'a, BTreeSet<NodeIx>> {
    let mut all = Cow::Borrowed(frame.conflicts.neighbours(node));
    if !frame.rules.count_down_nodes {
        let all = all.to_mut();
        let views =
            || frame.observers.iter().filter_map(|by| view.heard(*by, Question::Status)).filter_map(Heard::seen);
        all.retain(|other| views().all(|view| view.up(*other)));
    }
    all
}

struct Candidate<'a> {
    frame: &'a Frame<'a>,
    job: &'a Job,
    view: &'a View,
    node: NodeIx,
    observers: Vec<NodeIx>,
    /// None of them may be down: the strategy's rule.
    co_replicas: Cow<'a, BTreeSet<NodeIx>>,
    /// Of these so many may be away as the level leaves room for.
    counted: BTreeSet<NodeIx>,
    out: &'a BTreeSet<NodeIx>,
}

type Part<T> = Result<Option<T>, String>;

impl<'a> Candidate<'a> {
    fn new(
        frame: &'a Frame<'a>,
        job: &'a Job,
        view: &'a View,
        (node, now): (NodeIx, Ms),
        out: &'a BTreeSet<NodeIx>,
    ) -> Self {
        let co_replicas = match frame.strategy(job) {
            // an accepted outage: nobody is protected; and of a level's ranges those that it can spare may be away
            Strategy::All | Strategy::Availability => Cow::default(),
            Strategy::One | Strategy::Topology => protected(frame, view, node),
        };
        let counted = frame.room(job).map(|room| room.with(frame.unit(node))).unwrap_or_default();
        Candidate {
            frame,
            job,
            view,
            node,
            observers: observers_to_stay(frame, job, view, (node, now), out),
            counted: counted.difference(&co_replicas).copied().collect(),
            co_replicas,
            out,
        }
    }

    /// So long the observers take to say who is up: what is older than that allows must be asked before them.
    fn margin(&self) -> Ms {
        let took =
            |by: &NodeIx| self.view.heard(*by, Question::Status).map(|heard| heard.at.saturating_sub(heard.asked));
        let slowest = self.observers.iter().filter_map(took).max().unwrap_or(0);
        (2 * slowest).clamp(LEAST_MARGIN_MS, MOST_MARGIN_MS)
    }

    fn run(&self, evidence: &mut Evidence<'a>) -> Part<(Baseline, Vec<String>)> {
        let alone = self.frame.plan.nodes.len() == 1;
        let outage = self.frame.strategy(self.job) == Strategy::All;
        if self.observers.is_empty() && !alone && !outage {
            return Err("no observer is left to ask".into());
        }
        // slow answers first: what is about liveness must not grow stale behind them
        let reach = if self.frame.takes_out(self.job) { self.reach(evidence)? } else { Some(BTreeSet::new()) };
        let gossips = if self.frame.takes_out(self.job) { self.gossips(evidence)? } else { Some(Vec::new()) };
        let views = self.views(evidence)?;
        let baseline =
            if self.frame.takes_out(self.job) { self.baseline(evidence)? } else { Some(Baseline::default()) };
        let (Some(unreached), Some(gossips), Some(views), Some(mut baseline)) = (reach, gossips, views, baseline)
        else {
            return Ok(None);
        };
        if !outage {
            self.replicas_up(evidence, &views)?;
        }
        self.level_is_kept(evidence, &views, &unreached)?;
        if !self.frame.plan.waives(Waivable::NoRangeMovement) {
            self.movement(&views)?;
        }
        self.checks(&gossips, &views)?;
        let warnings = self.demands(evidence)?;
        let (Some(warnings), true) = (warnings, evidence.needs.is_empty()) else { return Ok(None) };
        if self.frame.takes_out(self.job) {
            self.remember(&mut baseline, &gossips)?;
        }
        Ok(Some((baseline, warnings)))
    }

    /// Numbers of this host, and hints that its co-replicas and observers hold.
    fn demands(&self, evidence: &mut Evidence<'a>) -> Part<Vec<String>> {
        let mut nodes: BTreeSet<NodeIx> = self.co_replicas.difference(self.out).copied().collect();
        nodes.extend(self.observers.iter().copied().chain([self.node]));
        measure::judge(self.frame, evidence, &self.frame.phase(self.job).demands_each_host, Some(self.node), &nodes)
    }

    fn back_since(&self, node: NodeIx) -> Ms {
        let target = self.frame.target_of(node);
        target.and_then(|target| self.job.hosts[target].opened_at).unwrap_or(0)
    }

    fn lasting(&self) -> Ms {
        (6 * self.frame.plan.poll_ms).max(LASTING_MS)
    }

    fn gossips(&self, evidence: &mut Evidence<'a>) -> Part<Vec<(NodeIx, &'a GossipView)>> {
        let mut all = Vec::new();
        for node in &self.observers {
            // generations only rise, so an older answer only makes the proof harder
            let Some(heard) = evidence.read_within(*node, Question::Gossip, 0, self.lasting()) else { continue };
            let Some(view) = gossip(heard) else { return Err(unreadable(&heard.answer)) };
            all.push((*node, view));
        }
        Ok((all.len() == self.observers.len()).then_some(all))
    }

    fn views(&self, evidence: &mut Evidence<'a>) -> Part<Vec<(NodeIx, Seen<'a>)>> {
        let mut all = Vec::new();
        for node in &self.observers {
            let Some(heard) = evidence.read(*node, Question::Status, 0) else { continue };
            let Some(view) = heard.seen() else { return Err(unreadable(&heard.answer)) };
            all.push((*node, view));
        }
        Ok((all.len() == self.observers.len()).then_some(all))
    }

    /// The host itself and every node that shares a range with it must be up; nobody is believed about itself.
    fn replicas_up(&self, evidence: &mut Evidence, views: &[(NodeIx, Seen)]) -> Result<(), String> {
        let must = |node: &NodeIx| *node == self.node || (self.co_replicas.contains(node) && !self.out.contains(node));
        // (of two at least one is another than the node: most often nobody is named, and none is looked at one by one)
        if views.len() > 1 && !views.iter().any(|(_, view)| view.not_up().iter().any(must)) {
            return Ok(());
        }
        for node in self.co_replicas.iter().copied().chain([self.node]).filter(must) {
            let address = self.frame.address(node);
            let mut witnesses = 0;
            let believed = |by: NodeIx| by != node || !self.frame.rules.never_ask_the_host_itself;
            for (by, view) in views.iter().filter(|(by, _)| believed(*by)) {
                witnesses += 1;
                if !view.up(node) {
                    return Err(format!("{address} is not UN at {}", self.frame.address(*by)));
                }
            }
            if witnesses > 0 || self.frame.plan.nodes.len() == 1 {
                continue;
            }
            // its only observer is itself: the host, which is up and not in work, is asked too
            let Some(heard) = evidence.read(self.node, Question::Status, 0) else { continue };
            match heard.seen() {
                Some(view) if node != self.node && view.up(node) => {}
                Some(_) => return Err(format!("nobody else can say whether {address} is up")),
                None => return Err(unreadable(&heard.answer)),
            }
        }
        Ok(())
    }

    /// While ranges move, replicas are not where the plan says.
    fn movement(&self, views: &[(NodeIx, Seen)]) -> Result<(), String> {
        for (by, view) in views {
            if let Some((address, row)) = view.view.rows.iter().find(|(_, row)| row.movement != Movement::Normal) {
                let by = self.frame.address(*by);
                return Err(format!("{address} is {:?} at {by}", row.movement).to_lowercase());
            }
        }
        Ok(())
    }

    /// Checks that the playbook adds to the built-in ones.
    fn checks(&self, gossips: &[(NodeIx, &GossipView)], views: &[(NodeIx, Seen)]) -> Result<(), String> {
        let wanted = || (0..self.frame.plan.nodes.len()).filter(|node| !self.out.contains(node));
        if self.frame.phase(self.job).checks_each_host.contains(&Check::AllUp) {
            for (by, view) in views {
                if let Some(node) = wanted().find(|node| !view.up(*node)) {
                    let (node, by) = (self.frame.address(node), self.frame.address(*by));
                    return Err(format!("all-up: {node} is not UN at {by}"));
                }
            }
        }
        for ((by, gossip), (_, view)) in gossips.iter().zip(views) {
            let live = || wanted().filter(|node| view.up(*node)).collect();
            agree(self.frame, self.job, self.view, (*by, gossip), live)?;
        }
        Ok(())
    }

    /// The host's own part: serving, and what a restart will be proved against.
    fn baseline(&self, evidence: &mut Evidence) -> Part<Baseline> {
        let boot = evidence.read_within(self.node, Question::BootId, 0, (2 * self.frame.plan.poll_ms).max(BOOT_ID_MS));
        let streams = self.streams(evidence)?;
        let Some(boot) = boot else { return Ok(None) };
        let Answer::BootId { id, cql_port } = &boot.answer else { return Err(unreadable(&boot.answer)) };
        let alone = self.frame.plan.group(self.node).is_none();
        if *cql_port && alone && self.frame.reboots(self.job) && self.frame.strategy(self.job) != Strategy::All {
            // the machine shows all that a reboot is proved against, and the observers the generation
            let transport = Some(true);
            let shown = Baseline { boot_id: Some(id.clone()), transport, cql_port: transport, ..Baseline::default() };
            return Ok(streams.map(|()| shown));
        }
        // an uptime from earlier is shorter, so it too only makes the proof harder
        let info = evidence.read_within(self.node, Question::Info, 0, self.lasting());
        let (Some(info), Some(())) = (info, streams) else { return Ok(None) };
        let Answer::Info(info) = &info.answer else { return Err(unreadable(&info.answer)) };
        // its mode need not be asked: it is `UN` at the observers, and a drained node has no gossip
        if !info.gossip {
            return Err(format!("the gossip of {} is off", self.frame.address(self.node)));
        }
        if self.frame.phase(self.job).checks_each_host.contains(&Check::NativeTransport) && !info.native_transport {
            return Err(format!("the native transport of {} is closed", self.frame.address(self.node)));
        }
        Ok(Some(Baseline {
            boot_id: Some(id.clone()),
            generation: Some(info.generation),
            uptime_s: Some(info.uptime_s),
            transport: Some(info.native_transport),
            release: None,
            cql_port: Some(*cql_port),
        }))
    }

    /// Only `netstats` shows streams.
    fn streams(&self, evidence: &mut Evidence) -> Part<()> {
        if !self.frame.phase(self.job).checks_each_host.contains(&Check::NoStreaming) {
            return Ok(Some(()));
        }
        let address = self.frame.address(self.node);
        match evidence.read(self.node, Question::Mode, 0).map(|heard| &heard.answer) {
            None => Ok(None),
            Some(Answer::Mode(view)) if !serving_mode(&view.mode) => {
                Err(format!("{address} says `Mode: {}`", view.mode))
            }
            Some(Answer::Mode(view)) if view.streams => {
                Err(format!("no-streaming: {address} sends or receives streams"))
            }
            Some(Answer::Mode(_)) => Ok(Some(())),
            Some(other) => Err(unreadable(other)),
        }
    }

    /// The generation that counts is the one the observers see.
    fn remember(&self, baseline: &mut Baseline, gossips: &[(NodeIx, &GossipView)]) -> Result<(), String> {
        let address = self.frame.address(self.node);
        for (by, view) in gossips {
            let Some(state) = view.nodes.get(&address) else {
                return Err(format!("{} has no gossip of {address}", self.frame.address(*by)));
            };
            baseline.generation = baseline.generation.max(Some(state.generation));
            baseline.release = baseline.release.take().or_else(|| state.release.clone());
        }
        Ok(())
    }

    /// While it is blocked, who is alive is asked once a poll.
    fn ask_liveness_again(&self, evidence: &mut Evidence) {
        for node in &self.observers {
            evidence.again(*node, Question::Status);
            if self.frame.takes_out(self.job) {
                evidence.again(*node, Question::Gossip);
            }
        }
        for question in [Question::BootId, Question::Info, Question::Mode] {
            let bad = self.view.heard(self.node, question);
            if bad
                .is_some_and(|heard| matches!(heard.answer, Answer::Unreadable(_) | Answer::Mode(_) | Answer::Info(_)))
            {
                evidence.again(self.node, question);
            }
        }
    }
}

#[cfg(test)]
mod tests;
