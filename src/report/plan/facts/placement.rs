//! How the replica sets came to be known, in few words.

use crate::topology::model::Placement;
use std::collections::BTreeMap;

/// So many keyspaces of a kind are named; all are in the JSON.
const SHOWN: usize = 10;

/// `computed, compared with `describering` of orders (RF 3)`. `replication`: that of a keyspace, as it is shown.
pub fn placement(known: &BTreeMap<String, Placement>, replication: impl Fn(&str) -> Option<String>) -> String {
    let of = |wanted: &[Placement]| {
        let these: Vec<&String> = known.iter().filter(|(_, how)| wanted.contains(how)).map(|(name, _)| name).collect();
        let name = |name: &&String| match (replication(name), why(known[*name])) {
            (None, None) => name.to_string(),
            (Some(all), None) => format!("{name} ({all})"),
            (None, Some(why)) => format!("{name} ({why})"),
            (Some(all), Some(why)) => format!("{name} ({all}: {why})"),
        };
        let more = these.len().saturating_sub(SHOWN);
        let and = if more > 0 { format!(" and {more} more") } else { String::new() };
        let some: Vec<String> = these.iter().take(SHOWN).map(name).collect();
        (!some.is_empty()).then(|| some.join(", ") + &and)
    };
    let printed = [Placement::Transient, Placement::Tokens, Placement::Everywhere];
    let parts = [
        ("computed, compared with `describering` of", of(&[Placement::Compared])),
        ("computed and not compared:", of(&[Placement::TooLarge])),
        ("as `describering` prints it, not computed:", of(&printed)),
        ("not known:", of(&[Placement::UnknownStrategy])),
    ];
    let parts: Vec<String> = parts.into_iter().filter_map(|(what, of)| Some(format!("{what} {}", of?))).collect();
    if parts.is_empty() {
        "whether it was compared with `describering` is not recorded".into()
    } else {
        parts.join("; ")
    }
}

fn why(how: Placement) -> Option<&'static str> {
    match how {
        Placement::Compared => None,
        Placement::TooLarge => Some("too large a ring"),
        Placement::Transient => Some("transient replicas"),
        Placement::Tokens => Some("tokens that are no numbers"),
        Placement::Everywhere => Some("known to the cluster alone"),
        Placement::UnknownStrategy => Some("everybody conflicts with everybody"),
    }
}
