//! `nodetool status`: the node's own view of who is up.

use super::table;
use super::{Answer, Question};
use crate::sandbox::cluster::Machine;
use crate::sandbox::draw;
use crate::sandbox::keyspaces::is_system;
use crate::topology::model::Replication;
use anyhow::Result;
use std::collections::BTreeMap;

const MIXED: &str = "Note: Non-system keyspaces don't have the same replication settings, effective ownership \
                     information is meaningless\n";
const LOCAL: &str = "Note: Ownership values for keyspaces with LocalStrategy are meaningless\n";

/// Whose share is printed, and the note when nobody's can be.
struct Ownership {
    effective: bool,
    note: &'static str,
}

fn ownership(keyspaces: &[(String, Replication)], asked: Option<&str>) -> Ownership {
    let mut users = keyspaces.iter().filter(|(name, _)| !is_system(name)).map(|(_, replication)| replication);
    let first = users.next();
    let mixed = users.any(|replication| Some(replication) != first);
    let local = asked.is_some_and(|name| keyspaces.iter().any(|(k, r)| k == name && *r == Replication::Local));
    match (asked, mixed, local) {
        (_, _, true) => Ownership { effective: false, note: LOCAL },
        (None, true, _) => Ownership { effective: false, note: MIXED },
        _ => Ownership { effective: true, note: "" },
    }
}

pub fn status(question: &Question) -> Result<Answer> {
    let keyspaces = question.world.keyspaces()?;
    if let Some(unknown) = question.keyspace().filter(|asked| keyspaces.iter().all(|(name, _)| name != asked)) {
        let out = format!("\nError: The keyspace {unknown}, does not exist\n");
        return Ok(Answer { out, exit: 1, ..Answer::default() });
    }
    let ownership = ownership(&keyspaces, question.keyspace());
    let rows = rows(question, &ownership)?;
    let owns = if ownership.effective { "Owns (effective)" } else { "Owns" };
    let header = ["--", "Address", "Load", "Tokens", owns, "Host ID", "Rack"].map(str::to_owned).to_vec();
    let mut cells = vec![header];
    cells.extend(rows.values().flatten().cloned());
    let mut lines = table::columns(&cells, 2).into_iter();
    let header = lines.next().unwrap_or_default();
    let mut out = String::new();
    for (datacenter, rows) in &rows {
        let title = format!("Datacenter: {datacenter}");
        out += &format!("{title}\n{}\n", "=".repeat(title.len()));
        out += &format!("Status=Up/Down\n|/ State=Normal/Leaving/Joining/Moving\n{header}\n");
        for line in lines.by_ref().take(rows.len()) {
            out += &line;
            out.push('\n');
        }
        out.push('\n');
    }
    out += ownership.note;
    Ok(Answer::text(out))
}

/// Cells by data centre; the order inside one is that of a hash map.
fn rows(question: &Question, ownership: &Ownership) -> Result<BTreeMap<String, Vec<Vec<String>>>> {
    let world = question.world;
    let sight = world.sight(question.machine)?;
    let names = question.args.iter().any(|arg| arg == "-r" || arg == "--resolve-ip");
    let mut rows: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    for machine in scattered(&world.cluster.machines, world.cluster.seed) {
        let seen = sight.seen[machine.ix];
        let me = machine.ix == question.machine.ix;
        let state = if seen.joining {
            'J'
        } else if seen.leaving {
            'L'
        } else {
            'N'
        };
        let owns = match ownership.effective && !seen.joining {
            true => format!("{}.{}%", machine.owns / 10, machine.owns % 10),
            false => "?".to_owned(),
        };
        let row = vec![
            format!("{}{state}", if seen.up { 'U' } else { 'D' }),
            if names { machine.name.clone() } else { question.show(machine.address) },
            if sight.no_loads && !me { "?".to_owned() } else { table::size(machine.load) },
            world.cluster.vnodes.to_string(),
            owns,
            if me && sight.blind { String::new() } else { machine.host_id.clone() },
            machine.rack.clone(),
        ];
        rows.entry(machine.datacenter.clone()).or_default().push(row);
    }
    Ok(rows)
}

/// The machines in an order that means nothing, as a hash map's.
pub fn scattered(machines: &[Machine], seed: u64) -> Vec<&Machine> {
    let mut machines: Vec<&Machine> = machines.iter().collect();
    machines.sort_by_cached_key(|machine| draw::number(seed, "order", machine.ix as u64));
    machines
}
