//! What the operator asks for beyond the defaults, or takes upon himself: checks, an order, nodes that are down,
//! checks that may fail.

use super::Reading;
use crate::diagnostic::Diagnostic;
use crate::playbook::model::{
    Availability, Check, Demand, Groups, KnownDown, Level, ListedGroup, Order, Strategy, Waiver,
};
use crate::playbook::template::Scope;
use crate::playbook::written;
use std::collections::BTreeSet;

const SEEDS_LAST: &str = "seeds-last";

impl Reading<'_> {
    /// Checks by name alone, and those that compare a number.
    pub(super) fn checks(&mut self, path: &str, written: Vec<written::AskedCheck>) -> (Vec<Check>, Vec<Demand>) {
        let (mut named, mut demands) = (Vec::new(), Vec::new());
        for (number, asked) in written.into_iter().enumerate() {
            let place = format!("{path}[{number}]");
            match asked {
                written::AskedCheck::Named(check) => match Demand::of(check) {
                    Some(demand) => demands.push(demand),
                    None => named.push(check),
                },
                written::AskedCheck::Bounded(bounded) => demands.extend(self.demand(&place, bounded)),
            }
        }
        (named, demands)
    }

    fn demand(&mut self, place: &str, written: written::BoundedCheck) -> Option<Demand> {
        let all = [
            (Check::PendingCompactions, written.pending_compactions),
            (Check::DiskHeadroom, written.disk_headroom),
            (Check::HintsDrained, written.hints_drained),
            (Check::NoRepair, written.no_repair),
        ];
        let mut given: Vec<_> = all.into_iter().filter_map(|(check, bound)| Some((check, bound?))).collect();
        let (Some((check, bound)), true) = (given.pop(), given.is_empty()) else {
            let error = Diagnostic::error("an entry of `checks` is one check with what it demands");
            self.find(place, error.help("write each as an entry of its own: `- pending-compactions: { max: 20 }`"));
            return None;
        };
        let mut demand = Demand::of(check)?;
        let (own, other) = match check {
            Check::PendingCompactions => (bound.max, bound.min),
            Check::DiskHeadroom => (bound.min, bound.max),
            _ => (None, bound.min.or(bound.max)),
        };
        if other.is_some() {
            let word = super::super::check_word(check);
            let help = match check {
                Check::PendingCompactions => "it takes `max`, so many tasks",
                Check::DiskHeadroom => "it takes `min`, so many percent",
                _ => "it knows only `severity`",
            };
            self.find(place, Diagnostic::error(format!("this bound has no effect on `{word}`")).help(help));
        }
        demand.bound = own.map_or(demand.bound, u64::from);
        demand.severity = bound.severity.unwrap_or_default();
        Some(demand)
    }

    pub(super) fn order(&mut self, written: Vec<written::Name>) -> Order {
        let mut names = self.names("order", written);
        let seeds_last = names.iter().any(|name| name == SEEDS_LAST);
        if let Some(place) = names.iter().position(|name| name.ends_with("-last") && name != SEEDS_LAST) {
            let error = Diagnostic::error(format!("`{}` is neither a host nor an order", names[place]));
            self.find(&format!("order[{place}]"), error.help("write addresses, or `seeds-last`"));
        }
        names.retain(|name| name != SEEDS_LAST);
        Order { first: names, seeds_last }
    }

    pub(super) fn groups(&mut self, written: Option<written::Groups>) -> Groups {
        let listed = match written {
            None => return Groups::None,
            Some(written::Groups::Word(_)) => return Groups::MachineId,
            Some(written::Groups::Command(asked)) => {
                return Groups::Command(self.command("groups.command", Scope::Step, &asked.command.0));
            }
            Some(written::Groups::Listed(listed)) => listed,
        };
        let mut groups = Vec::new();
        for (number, group) in listed.into_iter().enumerate() {
            let place = format!("groups[{number}]");
            let (name, hosts) = match group {
                written::ListedGroup::Hosts(hosts) => (None, self.names(&place, hosts)),
                written::ListedGroup::Named(named) => {
                    (Some(named.name.0), self.names(&format!("{place}.hosts"), named.hosts))
                }
            };
            if hosts.len() == 1 {
                let error = Diagnostic::error("a group of one host");
                self.find(&place, error.help("name the hosts that go out with it, or leave the group out"));
            }
            groups.push(ListedGroup { name, hosts });
        }
        Groups::Listed(groups)
    }

    /// The level that is kept; `before`: the one of the whole playbook, for a phase.
    pub(super) fn availability(
        &mut self,
        strategy: Strategy,
        written: Option<written::Availability>,
        before: Option<Availability>,
    ) -> Option<Availability> {
        let Some(written) = written else {
            if strategy == Strategy::Availability && before.is_none() {
                let error = Diagnostic::error("`strategy: availability` does not say which consistency level it keeps");
                self.find("strategy", error.help("add `availability: { level: LOCAL_QUORUM }`"));
            }
            return before;
        };
        if !written.datacenters.is_empty() && !matches!(written.level, Level::LocalOne | Level::LocalQuorum) {
            let error = Diagnostic::error(format!("`datacenters` has no effect on {}", written.level.word()));
            let help = match written.level {
                Level::EachQuorum => "EACH_QUORUM is kept in every data centre; `LOCAL_QUORUM` can be kept in some",
                _ => "replicas of all data centres count; `LOCAL_QUORUM` and `LOCAL_ONE` are kept in some",
            };
            self.find("availability.datacenters", error.help(help));
        }
        let datacenters = self.names("availability.datacenters", written.datacenters);
        let accept = self.names("availability.accept", written.accept);
        Some(Availability { level: written.level, datacenters, accept })
    }

    pub(super) fn known_down(&mut self, written: written::KnownDown) -> KnownDown {
        KnownDown { hosts: self.names("known-down.hosts", written.hosts), reason: written.reason.0 }
    }

    pub(super) fn waivers(&mut self, written: Vec<written::Waiver>) -> Vec<Waiver> {
        let mut seen = BTreeSet::new();
        let mut waivers = Vec::new();
        for (number, waiver) in written.into_iter().enumerate() {
            if !seen.insert(waiver.check) {
                let error = Diagnostic::error("this check is waived twice");
                self.find(&format!("waive[{number}].check"), error.help("keep one of the two"));
            }
            if waiver.expires.0.parse::<jiff::civil::Date>().is_err() {
                let error = Diagnostic::error(format!("`{}` is no day", waiver.expires.0));
                self.find(&format!("waive[{number}].expires"), error.help("write it as `2026-12-31`"));
            }
            waivers.push(Waiver { check: waiver.check, reason: waiver.reason.0, expires: waiver.expires.0 });
        }
        waivers
    }
}
