//! How long would an order take? What the machine does in a calm world, on numbers alone: it only compares orders.
//! Whether two hosts may be out together is decided in `job`, whatever stands here.

/// Hosts of one data centre by number, and what binds them.
pub struct Work {
    /// Of each host, those with which it may not be out.
    pub excludes: Vec<Vec<usize>>,
    pub racks: Vec<usize>,
    /// So many may be out at once.
    pub slots: usize,
}

/// In which order hosts are preferred, and whether one rack comes before the next: of later ones only those hosts open for
/// which none of the first would have to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub hosts: Vec<usize>,
    pub rack_by_rack: bool,
}

/// When the last host is through, if each takes so long (in any unit).
pub fn ends(work: &Work, order: &Order, took: &[u64]) -> u64 {
    let mut out = Out { work, blocked: vec![0; took.len()], ends: Vec::new(), now: 0 };
    let mut rack = OpenRack { number: usize::MAX, delays: vec![] };
    let mut waiting = order.hosts.clone();
    loop {
        let mut at = 0;
        while at < waiting.len() && out.ends.len() < work.slots {
            let host = waiting[at];
            if order.rack_by_rack {
                rack.look(work, &waiting);
            }
            let turn = !order.rack_by_rack || rack.number == work.racks[host] || rack.delays[host] == 0;
            match turn && out.blocked[host] == 0 {
                true => {
                    out.open(waiting.remove(at), took);
                    if rack.number == work.racks[host] {
                        rack.opened(work, host);
                        at = 0; // those that it held back are looked at again
                    }
                }
                false => at += 1,
            }
        }
        if out.ends.is_empty() {
            return out.now;
        }
        out.next_end();
    }
}

/// The rack of the first host that waits.
struct OpenRack {
    number: usize,
    /// Of each host, how many that wait in the open rack would have to wait for it.
    delays: Vec<u32>,
}

impl OpenRack {
    fn look(&mut self, work: &Work, waiting: &[usize]) {
        let number = work.racks[waiting[0]];
        if number == self.number {
            return;
        }
        (self.number, self.delays) = (number, vec![0; work.racks.len()]);
        for host in waiting.iter().filter(|host| work.racks[**host] == number) {
            work.excludes[*host].iter().for_each(|other| self.delays[*other] += 1);
        }
    }

    /// One of it no longer waits.
    fn opened(&mut self, work: &Work, host: usize) {
        work.excludes[host].iter().for_each(|other| self.delays[*other] -= 1);
    }
}

struct Out<'a> {
    work: &'a Work,
    /// Of each host, how many that are out exclude it.
    blocked: Vec<u32>,
    ends: Vec<(u64, usize)>,
    now: u64,
}

impl Out<'_> {
    fn open(&mut self, host: usize, took: &[u64]) {
        self.ends.push((self.now + took[host], host));
        self.work.excludes[host].iter().for_each(|other| self.blocked[*other] += 1);
    }

    fn next_end(&mut self) {
        let Some((at, (time, host))) = self.ends.iter().copied().enumerate().min_by_key(|(_, end)| *end) else {
            return;
        };
        self.ends.swap_remove(at);
        self.now = time;
        self.work.excludes[host].iter().for_each(|other| self.blocked[*other] -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two racks of two; only 0 and 2 exclude each other.
    fn work(slots: usize) -> Work {
        Work { excludes: vec![vec![2], vec![], vec![0], vec![]], racks: vec![0, 0, 1, 1], slots }
    }

    fn order(hosts: &[usize], rack_by_rack: bool) -> Order {
        Order { hosts: hosts.to_vec(), rack_by_rack }
    }

    #[test]
    fn hosts_that_exclude_each_other_go_one_after_the_other() {
        let all = [0, 1, 2, 3];
        assert_eq!(ends(&work(4), &order(&all, false), &[5, 1, 3, 1]), 8);
        assert_eq!(ends(&work(1), &order(&all, false), &[5, 1, 3, 1]), 10);
        assert_eq!(ends(&work(2), &order(&all, false), &[5, 1, 3, 1]), 8);
    }

    #[test]
    fn of_a_later_rack_only_those_open_that_delay_nobody_of_the_first() {
        assert_eq!(
            ends(&work(2), &order(&[2, 3, 0, 1], true), &[5, 1, 3, 9]),
            3 + 5 + 1,
            "0 waits for 2, 1 for a slot"
        );
        assert_eq!(ends(&work(4), &order(&[0, 1, 2, 3], true), &[5, 1, 3, 1]), 8);
        let mut work = work(4);
        work.excludes = vec![vec![1], vec![0], vec![], vec![]];
        assert_eq!(ends(&work, &order(&[0, 1, 2, 3], true), &[5, 5, 1, 6]), 10, "2 and 3 delay nobody");
        work.excludes = vec![vec![1], vec![0, 3], vec![], vec![1]];
        assert_eq!(ends(&work, &order(&[0, 1, 2, 3], true), &[5, 5, 1, 6]), 16, "3 would delay 1, which waits for 0");
        assert_eq!(ends(&work, &order(&[0, 1, 2, 3], false), &[5, 5, 1, 6]), 11);
    }
}
