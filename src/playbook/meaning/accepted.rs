//! What the operator takes upon himself: an order, nodes that are down, checks that may fail.

use super::Reading;
use crate::diagnostic::Diagnostic;
use crate::playbook::model::{KnownDown, Order, Waiver};
use crate::playbook::written;
use std::collections::BTreeSet;

const SEEDS_LAST: &str = "seeds-last";

impl Reading<'_> {
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
