//! `SimpleStrategy {replication_factor=3}` as `describecluster` prints it.

use crate::topology::model::{Factor, Replication};
use std::collections::BTreeMap;

/// Class and options → replication. What is not fully understood is `Unknown` with the text as
/// printed: every node then counts as a replica of every range.
pub fn parse_replication(text: &str) -> Replication {
    let text = text.trim();
    understood(text).unwrap_or_else(|| Replication::Unknown(text.to_string()))
}

fn understood(text: &str) -> Option<Replication> {
    let (class, options) = text.split_once(' ')?;
    let options = options.trim().strip_prefix('{')?.strip_suffix('}')?;
    let class = class.strip_prefix("org.apache.cassandra.locator.").unwrap_or(class);
    match class {
        "SimpleStrategy" => {
            let options = pairs(options)?;
            (options.len() == 1).then_some(())?;
            Some(Replication::Simple(*options.get("replication_factor")?))
        }
        "NetworkTopologyStrategy" => {
            let factors = pairs(options)?;
            // Never stored by Cassandra: expanded to the data centres when the keyspace is made.
            (!factors.contains_key("replication_factor")).then_some(Replication::NetworkTopology(factors))
        }
        "LocalStrategy" => Some(Replication::Local),
        "EverywhereStrategy" | "MetaStrategy" => Some(Replication::Everywhere),
        _ => None,
    }
}

/// `dc1=3, dc2=3/1`. A name that holds `, ` makes the text ambiguous: None.
fn pairs(options: &str) -> Option<BTreeMap<String, Factor>> {
    let mut found = BTreeMap::new();
    if options.is_empty() {
        return Some(found);
    }
    for option in options.split(", ") {
        let (name, value) = option.rsplit_once('=')?;
        if found.insert(name.to_string(), factor(value)?).is_some() {
            return None;
        }
    }
    Some(found)
}

/// `3`, or transient `3/1`: total, of which transient.
fn factor(text: &str) -> Option<Factor> {
    let (total, transient) = text.split_once('/').unwrap_or((text, "0"));
    let number = |word: &str| word.bytes().all(|b| b.is_ascii_digit()).then(|| word.parse::<u32>().ok())?;
    let (total, transient) = (number(total)?, number(transient)?);
    (transient <= total).then_some(Factor { total, transient })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f(total: u32, transient: u32) -> Factor {
        Factor { total, transient }
    }

    #[test]
    fn what_is_understood() {
        let nts = |pairs: &[(&str, Factor)]| {
            Replication::NetworkTopology(pairs.iter().map(|(dc, factor)| (dc.to_string(), *factor)).collect())
        };
        for (text, want) in [
            ("SimpleStrategy {replication_factor=1}", Replication::Simple(f(1, 0))),
            ("org.apache.cassandra.locator.SimpleStrategy {replication_factor=3}", Replication::Simple(f(3, 0))),
            ("NetworkTopologyStrategy {dc1=3}", nts(&[("dc1", f(3, 0))])),
            ("NetworkTopologyStrategy {dc1=3, räck land=3/1}", nts(&[("dc1", f(3, 0)), ("räck land", f(3, 1))])),
            ("NetworkTopologyStrategy {}", nts(&[])),
            ("LocalStrategy {}", Replication::Local),
            ("EverywhereStrategy {}", Replication::Everywhere),
            ("MetaStrategy {dc1=3}", Replication::Everywhere),
        ] {
            assert_eq!(parse_replication(text), want, "{text}");
        }
    }

    #[test]
    fn what_is_not_is_kept_as_printed() {
        for text in [
            "",
            "SimpleStrategy",
            "SimpleStrategy {}",
            "SimpleStrategy {replication_factor=x}",
            "SimpleStrategy {replication_factor=+1}",
            "SimpleStrategy {replication_factor=1, dc1=2}",
            "NetworkTopologyStrategy {dc1=3, replication_factor=3}",
            "NetworkTopologyStrategy {dc1=[r1, r2]}",
            "NetworkTopologyStrategy {dc, one=3}",
            "NetworkTopologyStrategy {dc1=1/3}",
            "NetworkTopologyStrategy {dc1=3",
            "NetworkTopologyStrategy {dc1=3, dc1=2}",
            "OldNetworkTopologyStrategy {dc1=3}",
            "com.example.Mine {a=1}",
        ] {
            assert_eq!(parse_replication(text), Replication::Unknown(text.into()), "{text}");
        }
    }
}
