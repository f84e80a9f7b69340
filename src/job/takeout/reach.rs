//! Whom do the co-replicas reach, and does every range of the host keep its level?

use super::super::event::{Ms, Question};
use super::super::evidence::{Evidence, names, unexpected_unreachable};
use super::super::heard::{Heard, Seen};
use super::super::rules::unreadable;
use super::{Candidate, Part};
use crate::plan::model::NodeIx;
use crate::plan::reach;
use crate::playbook::model::Strategy;
use std::collections::BTreeSet;

impl Candidate<'_> {
    /// Every observer and every co-replica is asked directly: none may name a co-replica that is not counted as out.
    /// Of those of which some may be away: who is named, or gave no answer.
    pub(super) fn reach(&self, evidence: &mut Evidence) -> Part<BTreeSet<NodeIx>> {
        if !self.frame.rules.count_cuts {
            return Ok(Some(BTreeSet::new()));
        }
        let down = self.counted.iter().copied().filter(|node| self.last_seen_down(*node));
        let mut unreached: BTreeSet<NodeIx> = down.collect();
        // (a list, not a set: of hundreds of co-replicas this is gone through at every answer)
        let mut asked: Vec<NodeIx> = self.co_replicas.iter().chain(&self.counted).copied().collect();
        asked.retain(|node| !self.out.contains(node) && !unreached.contains(node));
        if self.frame.strategy(self.job) != Strategy::All {
            let new = |node: &&NodeIx| !self.co_replicas.contains(node) && !self.counted.contains(node);
            asked.extend(self.observers.iter().filter(new));
        }
        asked.sort_unstable();
        // what a node said before it was itself taken out says nothing of what it reaches now
        let asked: Vec<(NodeIx, Ms)> = asked.into_iter().map(|node| (node, self.back_since(node))).collect();
        let oldest = self.reach_age(&asked);
        let (mut complete, mut wrong) = (true, None);
        for (node, since) in asked {
            let Some(heard) = evidence.read_within(node, Question::Describe, since, oldest) else {
                complete = false;
                continue;
            };
            if self.says_nothing_of_one_that_is_back(heard) {
                evidence.newer(node, Question::Describe, heard);
                complete = false;
                continue;
            }
            let address = self.frame.address(node);
            let why = match unexpected_unreachable(heard) {
                None if self.counted.contains(&node) && !self.observers.contains(&node) => {
                    unreached.insert(node);
                    None
                }
                None => Some(unreadable(&heard.answer)),
                Some(named) => {
                    let others = named.filter(|other| *other != node);
                    unreached.extend(others.clone().filter(|other| self.counted.contains(other)));
                    let cut: Vec<NodeIx> = others.filter(|other| self.co_replicas.contains(other)).collect();
                    (!cut.is_empty()).then(|| format!("{address} cannot reach {}", names(self.frame, cut)))
                }
            };
            if why.is_some() {
                evidence.again(node, Question::Describe);
                wrong = wrong.or(why);
            }
        }
        match wrong {
            Some(why) => Err(why),
            None => Ok(complete.then_some(unreached)),
        }
    }

    /// Did every observer that has ever answered show it down? Then its own word is not waited for.
    fn last_seen_down(&self, node: NodeIx) -> bool {
        let heard = self.observers.iter().filter_map(|by| self.view.heard(*by, Question::Status));
        let mut seen = heard.filter_map(Heard::seen).map(|view| view.up(node)).peekable();
        seen.peek().is_some() && seen.all(|up| !up)
    }

    /// Every range of the host keeps its level when it is away too: whoever is out, not up at some observer, cut from
    /// somebody or silent counts as away.
    pub(super) fn level_is_kept(
        &self,
        evidence: &mut Evidence,
        views: &[(NodeIx, Seen)],
        unreached: &BTreeSet<NodeIx>,
    ) -> Result<(), String> {
        let down = |node: &NodeIx| views.iter().any(|(by, view)| by != node && !view.up(*node));
        let mut away: BTreeSet<NodeIx> = self.out.union(unreached).copied().collect();
        if self.frame.rules.count_down_nodes {
            away.extend(self.counted.iter().copied().filter(|node| down(node)));
        }
        let is_away = |node: NodeIx| away.contains(&node);
        let Some(need) = self.frame.too_many(self.job, self.frame.unit(self.node), is_away) else { return Ok(()) };
        // whoever said something that speaks against it is asked again
        for node in self.counted.iter().chain(&self.observers) {
            let heard = self.view.heard(*node, Question::Describe);
            let speaks_against = |heard: &Heard| match unexpected_unreachable(heard) {
                Some(mut named) => named.any(|other| self.counted.contains(&other)),
                None => true,
            };
            if heard.is_some_and(speaks_against) {
                evidence.again(*node, Question::Describe);
            }
        }
        Err(self.frame.why_too_many(self.job, need, self.node, is_away))
    }

    /// It named a co-replica that was out then, and is not now: whether it reaches that one is still to be asked.
    fn says_nothing_of_one_that_is_back(&self, heard: &Heard) -> bool {
        let mut named = heard.unreachable().unwrap_or_default().iter();
        let matters = |node: &NodeIx| self.co_replicas.contains(node) || self.counted.contains(node);
        named.any(|node| !self.out.contains(node) && heard.out.contains(node) && matters(node))
    }

    /// How long such a word counts. Where nodes answer slowly the words of all are never fresh together: then for
    /// twice the time that the slowest answer took, but for no more than a minute. (Not for the time that lies between
    /// answers: one that has not come yet would make an old one count the longer. Lab: a cut between two replicas was
    /// overlooked, whose answers about it took 13 s.)
    fn reach_age(&self, asked: &[(NodeIx, Ms)]) -> Ms {
        let least = reach::age_ms(self.co_replicas.len() + self.counted.len(), reach::SLOWEST_MS);
        let word = |(node, since): &(NodeIx, Ms)| {
            let heard = self.view.heard(*node, Question::Describe)?;
            (heard.asked >= *since).then(|| heard.at.saturating_sub(heard.asked))
        };
        let slowest = asked.iter().filter_map(word).max().unwrap_or(0);
        least.max((2 * slowest).min(reach::SLOW_MS))
    }
}
