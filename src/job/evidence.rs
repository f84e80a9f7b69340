//! Reading the view with care: what is fresh, who witnesses, what the witnesses agree on.

use super::event::{Asked, Ms, Question};
use super::heard::{Heard, Need, Seen, View};
use super::model::Job;
use super::rules::{Frame, OBSERVERS};
use super::view::Answer;
use crate::plan::model::NodeIx;
use crate::playbook::model::{Check, Strategy, Waivable};
use crate::topology::nodetool::{GossipView, StatusRow};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Answers that a judgement rests on, and the questions that are still open.
pub(super) struct Evidence<'v> {
    view: &'v View,
    pub now: Ms,
    pub poll: Ms,
    stale_counts: bool,
    pub needs: Vec<Need>,
    /// What still counts, but not for as long as the answers take that it is to be judged with.
    renew: Vec<Need>,
    margin: Ms,
}

impl<'v> Evidence<'v> {
    pub fn new(frame: &Frame, view: &'v View, now: Ms, poll: Ms) -> Self {
        let stale_counts = !frame.rules.refuse_stale_answers;
        Evidence { view, now, poll, stale_counts, needs: Vec::new(), renew: Vec::new(), margin: 0 }
    }

    /// Answers that grow too old within so long are to be renewed (`lasting_first`).
    pub fn with_margin(self, margin: Ms) -> Self {
        Evidence { margin, ..self }
    }

    /// For what is only shown to a reader: an answer counts however old it is.
    pub fn however_old(self) -> Self {
        Evidence { stale_counts: true, ..self }
    }

    /// An answer asked at or after `since`; a liveness answer must also be fresh (semantics.md §4: not older than
    /// twice `poll` plus its own duration, counted from the asking). Otherwise the question becomes a need.
    pub fn read(&mut self, node: NodeIx, question: Question, since: Ms) -> Option<&'v Heard> {
        self.read_within(node, question, since, self.usual_age(question))
    }

    /// Is there such an answer?
    pub fn knows(&self, node: NodeIx, question: Question, since: Ms) -> bool {
        self.known(node, question, since, self.usual_age(question)).is_some()
    }

    fn usual_age(&self, question: Question) -> Ms {
        let liveness = matches!(question, Question::Status | Question::Info | Question::Mode);
        if liveness { 2 * self.poll } else { Ms::MAX }
    }

    fn known(&self, node: NodeIx, question: Question, since: Ms, oldest: Ms) -> Option<&'v Heard> {
        let fresh = |heard: &&Heard| heard.at.saturating_add(oldest) >= self.now || self.stale_counts;
        self.view.heard(node, question).filter(|heard| heard.asked >= since).filter(fresh)
    }

    /// The same with an age of its own, counted from the asking plus the answer's own duration.
    pub fn read_within(&mut self, node: NodeIx, question: Question, since: Ms, oldest: Ms) -> Option<&'v Heard> {
        let (asked, poll) = ((node, question), self.poll);
        let horizon = |oldest: Ms| since.max(self.now.saturating_sub(oldest));
        if let Some(heard) = self.known(node, question, since, oldest) {
            let least = oldest.saturating_sub(self.margin);
            if heard.at.saturating_add(least) < self.now && !self.stale_counts {
                self.renew.push(Need { asked, since: horizon(least), poll });
            }
            return Some(heard);
        }
        self.needs.push(Need { asked, since: horizon(oldest), poll });
        None
    }

    /// What lasts is asked first, with what of it would grow too old meanwhile, and only then what must be fresh. The
    /// other way round, a chain of slow answers at one node outlasts those that came at once, for as long as it is slow.
    pub fn lasting_first(&mut self) {
        let brief = |need: &Need| matches!(need.asked.1, Question::Status | Question::Mode);
        let renew = std::mem::take(&mut self.renew).into_iter().filter(|need| !brief(need));
        if self.needs.iter().any(|need| !brief(need)) {
            self.needs.retain(|need| !brief(need));
            self.needs.extend(renew);
            return;
        }
        let begun = self.needs.iter().any(|need| self.view.asked_at(need.asked).is_some());
        let renew: Vec<Need> = renew.collect();
        if !begun && !renew.is_empty() {
            self.needs = renew;
        }
    }

    /// Answers that must be fresh at the same time: when one of them is asked, so are those that are older than a poll.
    /// One after the other, slow nodes would never have answered all of them freshly.
    pub fn together(&mut self, group: impl IntoIterator<Item = Asked>) {
        let group: Vec<Asked> = group.into_iter().collect();
        let now = self.now;
        let asks = |need: &Need| group.contains(&need.asked) && need.due(self.view, now).is_some_and(|at| at <= now);
        if !self.needs.iter().any(asks) {
            return;
        }
        let since = now.saturating_sub(self.poll);
        let old = |asked: &Asked| self.view.heard(asked.0, asked.1).is_some_and(|heard| heard.asked < since);
        let old: Vec<Asked> = group.iter().copied().filter(old).collect();
        self.needs.extend(old.into_iter().map(|asked| Need { asked, since, poll: self.poll }));
    }

    /// An answer is wanted that is newer than this one, and no poll need be waited for.
    pub fn newer(&mut self, node: NodeIx, question: Question, heard: &Heard) {
        self.needs.push(Need { asked: (node, question), since: heard.asked + 1, poll: self.poll });
    }

    /// Puts a question again that was answered, but not as hoped, once a poll.
    pub fn again(&mut self, node: NodeIx, question: Question) {
        self.needs.push(Need { asked: (node, question), since: 0, poll: self.poll });
    }
}

/// The observers of a node: chosen before they are asked, never the node itself, never one that is out.
/// One that does not answer is replaced by the next.
pub(super) fn observers(frame: &Frame, job: &Job, view: &View, subject: NodeIx, now: Ms) -> Vec<NodeIx> {
    if !frame.rules.never_ask_the_host_itself && subject < frame.plan.nodes.len() {
        return vec![subject];
    }
    witnesses(frame, job, view, subject, now)
}

/// The observers of a node that is to be taken out. Those that may go together with it come last: a host that opens
/// a moment before it would have to be replaced, and everything asked anew.
pub(super) fn observers_to_stay(
    frame: &Frame,
    job: &Job,
    view: &View,
    (subject, now): (NodeIx, Ms),
    out: &BTreeSet<NodeIx>,
) -> Vec<NodeIx> {
    if !frame.rules.never_ask_the_host_itself {
        return vec![subject];
    }
    chosen(frame, job, view, (subject, now), out, |node| match may_go_together(frame, job, subject, node) {
        true => 2,
        false => usize::from(opened_at(frame, job, node).is_some()),
    })
}

fn opened_at(frame: &Frame, job: &Job, node: NodeIx) -> Option<Ms> {
    frame.target_of(node).and_then(|target| job.hosts[target].opened_at)
}

fn may_go_together(frame: &Frame, job: &Job, subject: NodeIx, other: NodeIx) -> bool {
    let waits = frame.target_of(other).is_some_and(|target| job.hosts[target].waits());
    waits && frame.may_come_together(job, subject, other) && !frame.exclude_each_other(job, subject, other)
}

/// The observers themselves, whatever a saboteur does to the gate: the same while the hosts of a wave come back one
/// after the other, and as far as possible those that will be asked before the next hosts are taken out, so that what
/// they say of the last host of a wave opens the next.
pub(super) fn witnesses(frame: &Frame, job: &Job, view: &View, subject: NodeIx, now: Ms) -> Vec<NodeIx> {
    let next = job.waiting(frame.plan).next().map(|target| frame.plan.hosts[target].node);
    let in_work = job.hosts.out().map(|(_, host)| host).filter(|host| host.in_work());
    let wave = in_work.filter_map(|host| host.opened_at).min().unwrap_or(Ms::MAX);
    chosen(frame, job, view, (subject, now), &frame.out(job), |node| match opened_at(frame, job, node) {
        // who has just started is no good witness
        Some(at) if at >= wave => 3,
        Some(_) => 1,
        None => match next {
            Some(next) if node == next || may_go_together(frame, job, next, node) => 2,
            _ => 0,
        },
    })
}

/// In the stated order, but by rank: 0 before 1 before 2 before 3.
fn chosen(
    frame: &Frame,
    job: &Job,
    view: &View,
    (subject, now): (NodeIx, Ms),
    out: &BTreeSet<NodeIx>,
    rank: impl Fn(NodeIx) -> usize,
) -> Vec<NodeIx> {
    let usual = frame.observers.iter().copied().filter(|node| *node != subject && !view.silent(*node, now));
    let usual = usual.filter(|node| subject >= frame.plan.nodes.len() || !frame.one_group(subject, *node));
    let mut ranks: [Vec<NodeIx>; 4] = Default::default();
    for node in usual.clone().filter(|node| !out.contains(node)) {
        ranks[rank(node)].push(node);
        if ranks[0].len() == OBSERVERS {
            break;
        }
    }
    let chosen: Vec<NodeIx> = ranks.into_iter().flatten().take(OBSERVERS).collect();
    if chosen.is_empty() && frame.strategy(job) == Strategy::All {
        // an accepted outage: hosts in work may observe once they themselves serve again
        return usual.filter(|node| serves(view, *node)).take(OBSERVERS).collect();
    }
    chosen
}

fn serves(view: &View, node: NodeIx) -> bool {
    let info = view.heard(node, Question::Info).map(|heard| &heard.answer);
    matches!(info, Some(Answer::Info(info)) if info.native_transport && info.gossip)
}

/// One schema among the live nodes, unless that is waived, and one release where it is asked for round each host.
pub(super) fn agree(
    frame: &Frame,
    job: &Job,
    view: &View,
    (by, gossip): (NodeIx, &GossipView),
    live: impl FnOnce() -> BTreeSet<NodeIx>,
) -> Result<(), String> {
    // (most often all agree: on a large cluster they are not compared node by node)
    if view.heard(by, Question::Gossip).is_some_and(Heard::agrees) {
        return Ok(());
    }
    let live = &live();
    let waived = frame.plan.waives(Waivable::SchemaAgreement);
    if let Some(why) = schema_disagreement(frame, gossip, live).filter(|_| !waived) {
        return Err(format!("schema-agreement, asked of {}: {why}", frame.address(by)));
    }
    if frame.phase(job).checks_each_host.contains(&Check::SameRelease) {
        same_release(frame, by, gossip, live)?;
    }
    Ok(())
}

/// A node whose decommission failed serves (lab: `UN` and answering).
pub fn serving_mode(mode: &str) -> bool {
    matches!(mode, "NORMAL" | "DECOMMISSION_FAILED")
}

pub(super) fn gossip(heard: &Heard) -> Option<&GossipView> {
    match &heard.answer {
        Answer::Gossip(gossip) => Some(gossip),
        _ => None,
    }
}

pub(super) fn row<'s>(frame: &Frame, seen: Seen<'s>, node: NodeIx) -> Option<&'s StatusRow> {
    seen.view.rows.get(&frame.address(node))
}

/// For a sentence: the addresses of some nodes.
pub(super) fn names(frame: &Frame, nodes: impl IntoIterator<Item = NodeIx>) -> String {
    nodes.into_iter().map(|node| frame.address(node).to_string()).collect::<Vec<_>>().join(", ")
}

/// Nodes that the answer names as unreachable although nobody took them out meanwhile.
pub(super) fn unexpected_unreachable(heard: &Heard) -> Option<impl Iterator<Item = NodeIx> + Clone> {
    Some(heard.unreachable()?.iter().copied().filter(|node| !heard.out.contains(node)))
}

/// One schema version among live nodes of the same major release, and at most two releases.
pub(super) fn schema_disagreement(frame: &Frame, gossip: &GossipView, live: &BTreeSet<NodeIx>) -> Option<String> {
    let mut versions: BTreeMap<&str, (&str, IpAddr)> = BTreeMap::new();
    let mut releases: BTreeSet<&str> = BTreeSet::new();
    for node in live {
        let address = frame.address(*node);
        let Some(state) = gossip.nodes.get(&address) else { return Some(format!("gossip does not know {address}")) };
        let (Some(schema), Some(release)) = (&state.schema, &state.release) else {
            return Some(format!("gossip has no schema version or no release of {address}"));
        };
        let major = release.split('.').next().unwrap_or(release);
        releases.insert(release);
        let first = versions.entry(major).or_insert((schema, address));
        if first.0 != schema {
            return Some(format!("{address} has another schema version than {}", first.1));
        }
    }
    (releases.len() > 2)
        .then(|| format!("{} releases at once: {}", releases.len(), Vec::from_iter(releases).join(", ")))
}

/// The check `same-release`: what one observer's gossip has of the nodes that are live there.
pub(super) fn same_release(
    frame: &Frame,
    by: NodeIx,
    gossip: &GossipView,
    live: &BTreeSet<NodeIx>,
) -> Result<(), String> {
    let mut first: Option<(NodeIx, &str)> = None;
    for node in live {
        let (address, by) = (frame.address(*node), frame.address(by));
        let Some(release) = gossip.nodes.get(&address).and_then(|state| state.release.as_deref()) else {
            return Err(format!("same-release, asked of {by}: the release of {address} is unknown"));
        };
        match first {
            Some((other, known)) if known != release => {
                let other = frame.address(other);
                return Err(format!("same-release, asked of {by}: {other} runs {known}, {address} runs {release}"));
            }
            _ => first = Some((*node, release)),
        }
    }
    Ok(())
}
