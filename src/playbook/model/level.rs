//! What stays readable and writable while hosts are out (semantics.md §3, "Availability").

/// A consistency level, as clients ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Level {
    One,
    Two,
    Three,
    LocalOne,
    Quorum,
    LocalQuorum,
    EachQuorum,
    All,
}

impl Level {
    pub fn word(self) -> &'static str {
        match self {
            Level::One => "ONE",
            Level::Two => "TWO",
            Level::Three => "THREE",
            Level::LocalOne => "LOCAL_ONE",
            Level::Quorum => "QUORUM",
            Level::LocalQuorum => "LOCAL_QUORUM",
            Level::EachQuorum => "EACH_QUORUM",
            Level::All => "ALL",
        }
    }

    /// Is it counted in each data centre by itself?
    pub fn is_local(self) -> bool {
        matches!(self, Level::LocalOne | Level::LocalQuorum | Level::EachQuorum)
    }

    /// Of so many replicas, as configured, this level needs so many.
    pub fn needs(self, replicas: u32) -> u32 {
        match self {
            Level::One | Level::LocalOne => 1,
            Level::Two => 2,
            Level::Three => 3,
            Level::Quorum | Level::LocalQuorum | Level::EachQuorum => replicas / 2 + 1,
            Level::All => replicas,
        }
    }
}

/// Every range keeps this level, whoever is out.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Availability {
    pub level: Level,
    /// Of LOCAL_ONE and LOCAL_QUORUM: where it is kept. Empty: in every data centre that holds replicas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub datacenters: Vec<String>,
    /// Keyspaces that may lose it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cassandra's own arithmetic: `quorum = replication factor / 2 + 1`.
    #[test]
    fn a_level_needs_so_many_replicas() {
        let needs = |level: Level| [1, 2, 3, 4, 5, 6].map(|replicas| level.needs(replicas));
        assert_eq!(needs(Level::LocalQuorum), [1, 2, 2, 3, 3, 4]);
        assert_eq!(needs(Level::LocalOne), [1; 6]);
        assert_eq!(needs(Level::Two), [2; 6]);
        assert_eq!(needs(Level::All), [1, 2, 3, 4, 5, 6]);
        assert_eq!(serde_json::to_value(Level::EachQuorum).unwrap(), Level::EachQuorum.word());
    }
}
