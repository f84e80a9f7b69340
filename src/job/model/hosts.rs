//! Every host of a run. A copy of all is cheap, and who is out is known without looking at each: a decision is made
//! at every answer, and of a thousand hosts most wait or are done.

use super::HostState;
use crate::plan::model::TargetIx;
use std::collections::BTreeSet;
use std::ops::Index;
use std::sync::Arc;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hosts {
    all: Vec<Arc<HostState>>,
    /// Those for which `HostState::out` holds.
    out: BTreeSet<TargetIx>,
}

impl Hosts {
    /// So many that wait.
    pub fn new(count: usize) -> Self {
        Hosts { all: vec![Arc::default(); count], out: BTreeSet::new() }
    }

    pub fn put(&mut self, target: TargetIx, state: HostState) {
        match state.out() {
            true => self.out.insert(target),
            false => self.out.remove(&target),
        };
        self.all[target] = Arc::new(state);
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn get(&self, target: TargetIx) -> Option<&HostState> {
        self.all.get(target).map(Arc::as_ref)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &HostState> {
        self.all.iter().map(Arc::as_ref)
    }

    /// Those that hold their conflicts and their slot; every host in work, and every busy one, is among them.
    pub fn out(&self) -> impl Iterator<Item = (TargetIx, &HostState)> {
        self.out.iter().map(|target| (*target, &self[*target]))
    }

    /// Does anybody work on a host?
    pub fn busy(&self) -> bool {
        self.out().any(|(_, host)| host.busy())
    }
}

impl Index<TargetIx> for Hosts {
    type Output = HostState;

    fn index(&self, target: TargetIx) -> &HostState {
        &self.all[target]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::model::{Standing, Work};

    #[test]
    fn who_is_out_follows_every_change() {
        let mut hosts = Hosts::new(3);
        let out = |hosts: &Hosts| hosts.out().map(|(target, _)| target).collect::<Vec<_>>();
        assert!(out(&hosts).is_empty());
        let work = Work { step: 0, attempt: 1, stage: crate::job::model::Stage::Ready, since: 1, started: 1 };
        hosts.put(1, HostState { standing: Standing::Working(work), ..HostState::default() });
        hosts.put(2, HostState { unproved: true, ..HostState::default() });
        assert_eq!(out(&hosts), [1, 2]);
        assert!(hosts.busy());
        let before = hosts.clone();
        hosts.put(1, HostState { standing: Standing::Done, ..HostState::default() });
        assert_eq!((out(&hosts), out(&before)), (vec![2], vec![1, 2]), "a copy is a copy");
        assert!(!hosts.busy(), "nobody works on one that is only not proved");
    }
}
