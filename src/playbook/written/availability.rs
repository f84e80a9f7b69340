//! A consistency level that is kept, as it stands in the file.

use super::{Name, without_nulls};
use crate::playbook::model::Level;
use schemars::JsonSchema;
use serde::Deserialize;

/// Every range keeps a consistency level, whoever is out; with `strategy: availability` as many hosts at once as it
/// leaves room for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct Availability {
    /// At which level every range stays available.
    pub level: Level,
    /// Of LOCAL_ONE and LOCAL_QUORUM: the data centres in which it is kept (default: all that hold replicas).
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub datacenters: Vec<Name>,
    /// Keyspaces whose ranges may lose it.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub accept: Vec<Name>,
}
