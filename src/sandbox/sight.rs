//! What one node sees of the others: its own gossip view, and whom it reaches when it asks directly.
//!
//! The two differ, as in the lab: a cut between two nodes shows only to the second, a dead node
//! shows to the second at once and to the first after the conviction time.

use super::cluster::Machine;
use super::fault::Fate;
use super::host::History;
use super::life::Stage;
use super::pace;
use super::world::World;
use anyhow::Result;

/// How a node appears to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub up: bool,
    /// Answers when asked directly.
    pub reached: bool,
    pub joining: bool,
    pub leaving: bool,
}

pub struct Sight {
    /// By machine index.
    pub seen: Vec<Seen>,
    pub histories: Vec<History>,
    /// Gossip has not started: releases, generations and its own host id are unknown.
    pub blind: bool,
    /// It does not know the loads of the others yet.
    pub no_loads: bool,
}

impl World {
    pub fn joins(&self, machine: &Machine) -> bool {
        self.has(machine, &Fate::Joining)
    }

    /// What a node sees now. A node that has said goodbye sees what it saw then.
    pub fn sight(&self, observer: &Machine) -> Result<Sight> {
        let histories = self.histories()?;
        let life = histories[observer.ix].life(self.now).clone();
        let at = life.goodbye(self.now).unwrap_or(self.now);
        let starting = self.now < life.seen;
        let alone = starting || self.has(observer, &Fate::SeesNobody);
        let deaf = matches!(life.stage(self.now), Stage::Drained | Stage::Draining);
        let lies_up = self.has(observer, &Fate::SaysAllUp);
        let mut seen = Vec::with_capacity(histories.len());
        for (machine, history) in self.cluster.machines.iter().zip(&histories) {
            let me = machine.ix == observer.ix;
            let held_up = me || (!alone && history.held_up(at, &self.frozen(machine), self.cluster.pace));
            let said_down = self.says_down(observer, machine);
            let answers = history.life(self.now).answers_peers(self.now) && !self.is_frozen(machine);
            let reached = !deaf && (me || (held_up && answers && !self.is_cut(observer, machine)));
            seen.push(Seen {
                up: lies_up || (held_up && !said_down),
                reached: lies_up || (reached && !said_down),
                joining: self.joins(machine),
                leaving: self.has(machine, &Fate::Leaving),
            });
        }
        let blind = self.now < life.gossip_starts();
        let no_loads = self.now < life.seen + self.cluster.pace.of(pace::JMX);
        Ok(Sight { seen, histories, blind, no_loads })
    }

    fn says_down(&self, observer: &Machine, machine: &Machine) -> bool {
        self.wrong(observer).any(|fate| matches!(fate, Fate::SaysDown(about) if self.names(about, machine)))
    }

    fn is_cut(&self, one: &Machine, other: &Machine) -> bool {
        let from = |a: &Machine, b: &Machine| {
            self.wrong(a).any(|fate| matches!(fate, Fate::CutFrom(host) if self.names(host, b)))
        };
        from(one, other) || from(other, one)
    }
}
