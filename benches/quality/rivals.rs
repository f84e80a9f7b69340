//! The others, each in its simplest form and bound by the same conflicts and cap. Written for this comparison alone.

use super::shapes::Luck;
use std::cmp::Reverse;

pub type Order = Vec<usize>;

/// Orders that the search tries out, each a small change of the best.
const TRIES: usize = 300;

pub struct Cluster {
    pub excludes: Vec<Vec<usize>>,
    pub rack: Vec<usize>,
    /// By rack and address.
    pub order: Order,
    pub slots: usize,
    pub took: Vec<u64>,
}

impl Cluster {
    /// Rack after rack, in each as many at once as conflicts and cap allow; the next begins when all are through.
    pub fn barrier(&self) -> u64 {
        let racks = self.rack.iter().max().map_or(0, |last| last + 1);
        let here = |rack: usize| self.order.iter().copied().filter(|host| self.rack[*host] == rack).collect::<Order>();
        (0..racks).map(|rack| self.refill(&here(rack))).sum()
    }

    /// cstar 0.9: whenever a slot is free, the first host by rack that conflicts with nobody running; within a rack the
    /// order of a hash set, here of dice.
    pub fn cstar(&self, luck: &mut Luck) -> u64 {
        let mut order: Vec<(usize, u64, usize)> =
            self.order.iter().map(|host| (self.rack[*host], luck.dice.roll(), *host)).collect();
        order.sort_unstable();
        self.refill(&order.into_iter().map(|(_, _, host)| host).collect::<Order>())
    }

    /// Knows the durations. Each host in turn is put where it fits soonest into what is placed already, gaps included;
    /// from the best of a few such orders (longest first and the like) hosts are moved at random as long as it helps.
    pub fn search(&self, luck: &mut Luck) -> u64 {
        let by = |key: &dyn Fn(usize) -> (usize, Reverse<u64>)| {
            let mut order = self.order.clone();
            order.sort_by_key(|host| key(*host));
            order
        };
        let longest = |host: usize| Reverse(self.took[host]);
        let load =
            |host: usize| self.took[host] + self.excludes[host].iter().map(|other| self.took[*other]).sum::<u64>();
        let begin = [
            self.order.clone(),
            by(&|host| (0, longest(host))),
            by(&|host| (self.rack[host], longest(host))),
            by(&|host| (0, Reverse(load(host)))),
            by(&|host| (usize::MAX - self.excludes[host].len(), longest(host))),
        ];
        let (mut best, mut starts) = begin.iter().map(|order| self.placed(order)).min().unwrap();
        let in_order = |starts: &[u64]| {
            let mut order = self.order.clone();
            order.sort_by_key(|host| starts[*host]);
            order
        };
        for _ in 0..TRIES {
            let mut order = in_order(&starts);
            for _ in 0..=luck.dice.below(3) {
                let host = order.remove(luck.dice.below(order.len()));
                order.insert(luck.dice.below(order.len() + 1), host);
            }
            let (end, now) = self.placed(&order);
            if end <= best {
                (best, starts) = (end, now);
            }
        }
        best
    }

    /// Whenever one ends, the first of the order that may.
    fn refill(&self, order: &[usize]) -> u64 {
        let mut waiting = order.to_vec();
        let mut out: Vec<(u64, usize)> = Vec::new();
        let mut now = 0;
        while !(waiting.is_empty() && out.is_empty()) {
            waiting.retain(|host| {
                let free = out.len() < self.slots
                    && out.iter().all(|(_, other)| self.excludes[*host].binary_search(other).is_err());
                if free {
                    out.push((now + self.took[*host], *host));
                }
                !free
            });
            out.sort_unstable_by_key(|end| Reverse(*end));
            now = out.pop().expect("nobody is out: somebody may open").0;
        }
        now
    }

    /// The end, and when each host begins.
    fn placed(&self, order: &[usize]) -> (u64, Vec<u64>) {
        let mut starts = vec![u64::MAX; order.len()];
        let mut placed: Vec<(u64, u64)> = Vec::new();
        for host in order {
            let took = self.took[*host];
            let others = self.excludes[*host].iter().filter(|other| starts[**other] != u64::MAX);
            let mut taken: Vec<(u64, u64)> =
                others.map(|other| (starts[*other], starts[*other] + self.took[*other])).collect();
            taken.sort_unstable();
            let mut at = 0;
            while let Some(later) = self.not_before(at, took, &taken, &placed) {
                at = later;
            }
            starts[*host] = at;
            placed.push((at, at + took));
        }
        (placed.iter().map(|(_, end)| *end).max().unwrap_or(0), starts)
    }

    /// Something is in the way of beginning then: until when at least.
    fn not_before(&self, at: u64, took: u64, taken: &[(u64, u64)], placed: &[(u64, u64)]) -> Option<u64> {
        let beside = |(from, to): &&(u64, u64)| *from < at + took && *to > at;
        if let Some((_, end)) = taken.iter().find(beside) {
            return Some(*end);
        }
        let beside: Vec<&(u64, u64)> = placed.iter().filter(beside).collect();
        if beside.len() < self.slots {
            return None;
        }
        let moments = beside.iter().map(|(from, _)| (*from).max(at));
        let full =
            |moment: &u64| beside.iter().filter(|(from, to)| from <= moment && to > moment).count() >= self.slots;
        let moment = moments.filter(full).max()?;
        beside.iter().filter(|(from, to)| *from <= moment && *to > moment).map(|(_, end)| *end).min()
    }
}
