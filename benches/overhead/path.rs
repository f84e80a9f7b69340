//! The critical path of a run: the chain of hosts that had to wait for each other, from the run's own journal.

use super::Run;
use rollbook::job::event::{HostEvent, Ms, What};
use rollbook::plan::conflict::Conflicts;
use std::time::Duration;

pub struct Path {
    pub first_opened: Ms,
    /// From the first question to the first opening.
    pub before: Duration,
    /// From the first opening to the last end.
    pub span: Duration,
    /// Hosts of the chain, and how long each of them took, added up.
    pub hosts: usize,
    pub length: Duration,
}

impl Path {
    pub fn of(run: &Run) -> Path {
        let plan = &run.file.plan;
        let (mut opened, mut done) = (vec![0; plan.hosts.len()], vec![0; plan.hosts.len()]);
        for event in &run.events {
            match event.what {
                What::Host { host, event: HostEvent::Opened } => opened[host] = event.at,
                What::Host { host, event: HostEvent::Done } => done[host] = event.at,
                _ => {}
            }
        }
        let conflicts = Conflicts::of(plan);
        let target = |node: usize| plan.hosts.iter().position(|host| host.node == node);
        // from the last end backwards: whom did it have to wait for?
        let mut at = (0..done.len()).max_by_key(|host| done[*host]);
        let last_end = at.map_or(0, |host| done[host]);
        let (mut hosts, mut length): (usize, Ms) = (0, 0);
        while let Some(host) = at.filter(|_| run.strategy != "all" || hosts == 0) {
            hosts += 1;
            length += done[host] - opened[host];
            let others = conflicts.neighbours(plan.hosts[host].node).iter().filter_map(|node| target(*node));
            at = others.filter(|other| done[*other] <= opened[host]).max_by_key(|other| done[*other]);
        }
        let first_opened = opened.iter().copied().min().unwrap_or(0);
        let began = run.lines.iter().map(|line| line.asked).min().unwrap_or(0);
        Path {
            first_opened,
            before: Duration::from_millis(first_opened.saturating_sub(began)),
            span: Duration::from_millis(last_end - first_opened),
            hosts,
            length: Duration::from_millis(length),
        }
    }
}
