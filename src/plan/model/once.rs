//! What is done and asked for the cluster, not for a host: setup, gates, and the lock that is one of each.

use super::Plan;
use crate::playbook::model::GateMeasure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Setup {
    pub run: Vec<String>,
    pub undo: Option<Vec<String>>,
    pub timeout_ms: u64,
    /// It takes the playbook's lock, and its undo frees it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lock: bool,
}

/// A question whose good answer says that the cluster bears it well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Gate {
    pub name: String,
    /// A command; empty where something is measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<String>,
    /// Asked of the nodes that are not out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<GateMeasure>,
    /// The number that is answered is at most so much (of a latency: milliseconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    pub poll_ms: u64,
    pub stable: u32,
    pub timeout_ms: u64,
    /// It confirms the playbook's lock, and is asked as long as the run works.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lock: bool,
}

impl Gate {
    /// Of a renewal: until when a confirmation counts that was asked then.
    pub fn confirms_until(&self, asked_ms: u64) -> u64 {
        asked_ms + 2 * self.poll_ms
    }

    /// Does it compare a number?
    pub fn bounded(&self) -> bool {
        self.max.is_some() || self.min.is_some()
    }

    /// Whether a number is within the bounds, and what is said of it: `61.2 ms, at most 50 ms are allowed`.
    pub fn judge(&self, number: f64) -> (bool, String) {
        let unit = self.measure.map_or("", |measure| measure.unit());
        // two decimals are enough for the eye; what is compared is the number itself
        let shown = format!("{}{unit}", (number * 100.0).round() / 100.0);
        let within = self.max.is_none_or(|max| number <= max) && self.min.is_none_or(|min| number >= min);
        (within, format!("{shown}, {}", self.bounds()))
    }

    /// `at most 50 ms are allowed`.
    pub fn bounds(&self) -> String {
        let unit = self.measure.map_or("", |measure| measure.unit());
        let bound = |word: &str, bound: Option<f64>| bound.map(|bound| format!("{word} {bound}{unit}"));
        let both: Vec<String> = bound("at least", self.min).into_iter().chain(bound("at most", self.max)).collect();
        format!("{} is allowed", both.join(" and "))
    }
}

impl Plan {
    /// What takes the playbook's lock, and frees it: the first of `setup`.
    pub fn lock(&self) -> Option<&Setup> {
        self.setup.first().filter(|setup| setup.lock)
    }

    /// What confirms it: the first of `gates`.
    pub fn renewal(&self) -> Option<&Gate> {
        self.gates.first().filter(|gate| gate.lock)
    }

    /// Gates that are the playbook's own, by their place.
    pub fn own_gates(&self) -> impl Iterator<Item = (usize, &Gate)> {
        self.gates.iter().enumerate().filter(|(_, gate)| !gate.lock)
    }

    /// Setup that is the playbook's own.
    pub fn own_setup(&self) -> impl Iterator<Item = &Setup> {
        self.setup.iter().filter(|setup| !setup.lock)
    }

    /// What people call one of `setup`: the lock, or a number among the playbook's own.
    pub fn setup_name(&self, index: usize) -> String {
        match self.setup[..index].iter().filter(|before| !before.lock).count() {
            _ if self.setup[index].lock => "the lock".into(),
            before => format!("setup {}", before + 1),
        }
    }
}
