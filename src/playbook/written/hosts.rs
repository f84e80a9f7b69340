//! Which hosts are worked on, and which are away.

use super::{Name, Required, Text, without_nulls};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which hosts are worked on; never narrows what is checked. `required`: the run must say (`--only`).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Targets {
    Required(Required),
    Listed(Box<ListedTargets>),
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct ListedTargets {
    /// Also their order.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub datacenters: Vec<Name>,
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub racks: Vec<Name>,
    /// Addresses.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub hosts: Vec<Name>,
    pub exclude: Option<Exclude>,
}

/// Hosts that are left out.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = without_nulls)]
pub struct Exclude {
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub datacenters: Vec<Name>,
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub racks: Vec<Name>,
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub hosts: Vec<Name>,
}

/// Nodes that are down and known to be: they count as down in every rule, and the run begins all the same.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KnownDown {
    /// Addresses.
    #[schemars(length(min = 1))]
    pub hosts: Vec<Name>,
    /// Shown in plans and reports.
    pub reason: Text,
}
