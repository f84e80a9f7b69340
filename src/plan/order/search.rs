//! Which order is done soonest? A few that are known to be good are tried out, and where durations are known the
//! best are changed a little, again and again. Same input, same order: the dice have a fixed seed.

use super::trial::{Order, Work, ends};
use crate::plan::dice::Dice;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Log-normal (σ 0.5) durations, one of each sixteenth, in thousandths of the median: what hosts may take when nobody
/// knows. A table, since the last digit of a computed logarithm differs between machines.
const UNKNOWN: [u64; 16] = [394, 517, 604, 678, 749, 818, 888, 962, 1040, 1126, 1223, 1336, 1474, 1657, 1933, 2538];
/// So many tries with durations drawn from it.
const DRAWS: usize = 6;
/// By so many per mille another order must be better than the one by rack, which people expect.
const WORTH_IT: u64 = 20;
/// Small changes that are tried where durations are known, on each of the two best orders; fewer on many hosts.
const CHANGES: usize = 300;
/// Hosts squared: about a second of trying.
const EFFORT: usize = 60_000_000;
const RECOLOURINGS: usize = 40;

/// What is asked for.
pub struct Wanted<'a> {
    pub work: &'a Work,
    /// By rack and address, rack by rack where racks are free of conflict: what is kept unless another is better.
    pub usual: Order,
    /// Hosts that come sooner or later because the playbook says so: by this number first.
    pub place: &'a [usize],
    /// How long each took in an earlier run.
    pub took: Option<&'a [u64]>,
}

/// A better order than the usual; None: there is none, or it is hardly better.
pub fn better(wanted: &Wanted) -> Option<Order> {
    match wanted.took {
        Some(took) => known(wanted, took),
        None => unknown(wanted),
    }
}

fn unknown(wanted: &Wanted) -> Option<Order> {
    let work = wanted.work;
    if as_few_waves_as_can_be(work, &wanted.usual) {
        return None;
    }
    let mut dice = Dice::new(1);
    let draw =
        |dice: &mut Dice| -> Vec<u64> { (0..work.racks.len()).map(|_| UNKNOWN[dice.below(UNKNOWN.len())]).collect() };
    let draws: Vec<Vec<u64>> = (0..DRAWS).map(|_| draw(&mut dice)).collect();
    let time = |order: &Order| draws.iter().map(|took| ends(work, order, took)).sum::<u64>();
    let usual = time(&wanted.usual);
    let tried = candidates(wanted, &mut dice).into_iter().map(|order| (time(&order), order));
    let (best, order) = tried.min_by_key(|(time, _)| *time)?;
    (best * 1000 < usual * (1000 - WORTH_IT)).then_some(order)
}

/// Racks that are as many as hosts which exclude each other, or hosts that all do: no order has fewer waves.
fn as_few_waves_as_can_be(work: &Work, usual: &Order) -> bool {
    let hosts = work.racks.len();
    let racks = work.racks.iter().collect::<BTreeSet<_>>().len();
    let waves = if usual.rack_by_rack { racks } else { hosts };
    clique(work) >= waves
}

/// Hosts that exclude each other, found greedily from each host.
fn clique(work: &Work) -> usize {
    let from = |host: usize| {
        let mut rest: Vec<usize> = work.excludes[host].clone();
        let mut size = 1;
        while let Some(next) = rest.first().copied() {
            size += 1;
            rest.retain(|other| work.excludes[next].binary_search(other).is_ok());
        }
        size
    };
    (0..work.excludes.len()).map(from).max().unwrap_or(0)
}

fn known(wanted: &Wanted, took: &[u64]) -> Option<Order> {
    let (work, hosts) = (wanted.work, took.len());
    let mut dice = Dice::new(1);
    let mut tried = candidates(wanted, &mut dice);
    tried.extend(longest_first(wanted, took, &tried));
    let mut tried: Vec<(u64, Order)> = tried.into_iter().map(|order| (ends(work, &order, took), order)).collect();
    tried.sort_by_key(|(time, _)| *time);
    tried.truncate(2);
    let changes = CHANGES.min(EFFORT / (hosts * hosts).max(1));
    for (best, order) in &mut tried {
        for _ in 0..changes {
            let other = arranged(wanted, changed(work, order, &mut dice));
            let time = ends(work, &other, took);
            if time <= *best {
                (*best, *order) = (time, other);
            }
        }
    }
    let (best, order) = tried.into_iter().min_by_key(|(time, _)| *time)?;
    (best < ends(work, &wanted.usual, took)).then_some(order)
}

/// Hosts are moved, or where racks are finished one by one a whole rack.
fn changed(work: &Work, order: &Order, dice: &mut Dice) -> Order {
    let mut hosts = order.hosts.clone();
    let count = hosts.len();
    if order.rack_by_rack && dice.below(4) == 0 {
        let (moved, before) = (work.racks[dice.below(count)], work.racks[dice.below(count)]);
        if moved != before {
            let (rack, mut rest): (Vec<usize>, Vec<usize>) = hosts.iter().partition(|host| work.racks[**host] == moved);
            let at = rest.iter().position(|host| work.racks[*host] == before).unwrap_or(rest.len());
            rest.splice(at..at, rack);
            return Order { hosts: rest, ..*order };
        }
    }
    for _ in 0..=dice.below(3) {
        let host = hosts.remove(dice.below(count));
        hosts.insert(dice.below(count), host);
    }
    Order { hosts, ..*order }
}

/// Orders to begin with that know no duration.
fn candidates(wanted: &Wanted, dice: &mut Dice) -> Vec<Order> {
    let work = wanted.work;
    let usual = &wanted.usual.hosts;
    let refill = |hosts: Vec<usize>| arranged(wanted, Order { hosts, rack_by_rack: false });
    let by = |key: &dyn Fn(usize) -> usize| {
        let mut hosts = usual.clone();
        hosts.sort_by_key(|host| key(*host));
        refill(hosts)
    };
    let classes = classes(work, usual, dice);
    vec![
        refill(usual.clone()),
        by(&|host| usize::MAX - work.excludes[host].len()),
        refill(classes.into_iter().flatten().collect()),
    ]
}

/// The same with the longest first, within racks or classes, and over all.
fn longest_first(wanted: &Wanted, took: &[u64], tried: &[Order]) -> Vec<Order> {
    let work = wanted.work;
    let usual = &wanted.usual;
    let by = |rack_by_rack: bool, key: &dyn Fn(usize) -> (usize, Reverse<u64>)| {
        let mut hosts = usual.hosts.clone();
        hosts.sort_by_key(|host| key(*host));
        arranged(wanted, Order { hosts, rack_by_rack })
    };
    let with_neighbours = |host: usize| took[host] + work.excludes[host].iter().map(|other| took[*other]).sum::<u64>();
    let mut all = vec![
        usual.clone(),
        by(usual.rack_by_rack, &|host| (work.racks[host], Reverse(took[host]))),
        by(false, &|host| (work.racks[host], Reverse(took[host]))),
        by(false, &|host| (0, Reverse(took[host]))),
        by(false, &|host| (0, Reverse(with_neighbours(host)))),
    ];
    if let Some(coloured) = tried.last() {
        let class = class_of(work, &coloured.hosts);
        let longest =
            |host: usize| (0..took.len()).filter(|other| class[*other] == class[host]).map(|at| took[at]).max();
        let longest: Vec<u64> = (0..took.len()).map(|host| longest(host).unwrap_or(0)).collect();
        all.push(by(false, &|host| (class[host], Reverse(took[host]))));
        let mut hosts = usual.hosts.clone();
        hosts.sort_by_key(|host| (Reverse(longest[*host]), class[*host], Reverse(took[*host])));
        all.push(arranged(wanted, Order { hosts, rack_by_rack: false }));
    }
    all
}

/// What the playbook says comes first.
fn arranged(wanted: &Wanted, mut order: Order) -> Order {
    order.hosts.sort_by_key(|host| wanted.place[*host]);
    order
}

/// Of each host, in which class it comes when each takes the first where it excludes nobody.
fn class_of(work: &Work, hosts: &[usize]) -> Vec<usize> {
    let mut class = vec![usize::MAX; hosts.len()];
    for host in hosts {
        let taken: BTreeSet<usize> = work.excludes[*host].iter().map(|other| class[*other]).collect();
        class[*host] = (0..).find(|number| !taken.contains(number)).unwrap_or(0);
    }
    class
}

/// Hosts in as few classes as are found in which nobody excludes another, the largest first: a colouring. First
/// whoever has the least choice (DSATUR: Brélaz 1979), then class by class anew (Culberson's iterated greedy, 1992),
/// which never needs more.
fn classes(work: &Work, usual: &[usize], dice: &mut Dice) -> Vec<Vec<usize>> {
    let mut now = grouped(&least_choice_first(work, usual));
    let mut best = now.clone();
    for round in 0..RECOLOURINGS {
        match round % 3 {
            0 => now.reverse(),
            1 => now.sort_by_key(|class| Reverse(class.len())),
            _ => (1..now.len()).rev().for_each(|at| now.swap(at, dice.below(at + 1))),
        }
        let order: Vec<usize> = now.into_iter().flatten().collect();
        now = grouped(&class_of(work, &order));
        if now.len() < best.len() {
            best.clone_from(&now);
        }
    }
    best.sort_by_key(|class| Reverse(class.len()));
    best
}

fn grouped(class: &[usize]) -> Vec<Vec<usize>> {
    let mut classes = vec![Vec::new(); class.iter().max().map_or(0, |most| most + 1)];
    class.iter().enumerate().for_each(|(host, number)| classes[*number].push(host));
    classes
}

fn least_choice_first(work: &Work, usual: &[usize]) -> Vec<usize> {
    let mut class = vec![usize::MAX; usual.len()];
    let mut taken: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); usual.len()];
    let mut left: Vec<usize> = usual.iter().rev().copied().collect();
    let mut open: Vec<usize> = work.excludes.iter().map(Vec::len).collect();
    while let Some(at) = (0..left.len()).max_by_key(|at| (taken[left[*at]].len(), open[left[*at]], *at)) {
        let host = left.remove(at);
        let number = (0..).find(|number| !taken[host].contains(number)).unwrap_or(0);
        class[host] = number;
        for other in &work.excludes[host] {
            taken[*other].insert(number);
            open[*other] -= 1;
        }
    }
    class
}

#[cfg(test)]
mod tests;
