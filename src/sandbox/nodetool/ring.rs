//! `nodetool ring` and `describering`: tokens, and who holds the replicas of each range.

use super::status::scattered;
use super::{Answer, Question, table};
use crate::sandbox::cluster::Machine;
use crate::sandbox::draw;
use crate::topology::model::{Replication, Token};
use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub fn describering(question: &Question) -> Result<Answer> {
    let world = question.world;
    let Some(name) = question.keyspace() else {
        let out = "nodetool: Required parameters are missing: keyspace\n\
                   See 'nodetool help' or 'nodetool help <command>'.\n";
        return Ok(Answer { out: out.to_owned(), exit: 1, ..Answer::default() });
    };
    let mut out = format!("Schema Version:{}\nTokenRange: \n", world.schema(question.machine));
    let keyspaces = world.keyspaces()?;
    let replication = match keyspaces.iter().find(|(known, _)| known == name) {
        None => return Ok(Answer::thrown(out, "java.io.IOException", &format!("No such keyspace: {name}"))),
        Some((_, Replication::Local)) => {
            let message = format!("There is no ring for the keyspace: {name}");
            return Ok(Answer::thrown(out, "java.io.IOException", &message));
        }
        Some((_, replication)) => replication,
    };
    let ring = world.ring(replication)?;
    let owners: BTreeMap<Token, usize> =
        world.cluster.tokens()?.into_iter().map(|(token, host)| (Token::from(i128::from(token)), host)).collect();
    let mut ranges: Vec<usize> = (0..ring.ranges.len()).collect();
    ranges.sort_by_cached_key(|&ix| draw::number(world.cluster.seed, "range", ix as u64));
    for range in ranges.into_iter().map(|ix| &ring.ranges[ix]) {
        // The owner of the end token first; the others in ring order, which the set no longer tells.
        let (owner, end) = (owners.get(&range.end), range.end.to_string());
        let mut set = ring.sets[range.set].clone();
        set.sort_by_key(|host| (Some(host) != owner, draw::number(world.cluster.seed, &end, *host as u64)));
        let machines: Vec<&Machine> = set.iter().map(|&host| &world.cluster.machines[host]).collect();
        let list = |show: &dyn Fn(&Machine) -> String| {
            machines.iter().map(|machine| show(machine)).collect::<Vec<_>>().join(", ")
        };
        let details = list(&|m| {
            let (host, dc, rack) = (question.show(m.address), &m.datacenter, &m.rack);
            format!("EndpointDetails(host:{host}, datacenter:{dc}, rack:{rack})")
        });
        let endpoints = list(&|m| question.show(m.address));
        let rpc = list(&|m| question.show_port(m.address, 9042));
        let start = &range.start;
        writeln!(
            out,
            "\tTokenRange(start_token:{start}, end_token:{end}, endpoints:[{endpoints}], rpc_endpoints:[{rpc}], \
             endpoint_details:[{details}])"
        )?;
    }
    Ok(Answer::text(out))
}

const WARNING: &str = "  Warning: \"nodetool ring\" is used to output all the tokens of a node.\n  To view status \
                       related info of a node use \"nodetool status\" instead.\n\n\n  ";

pub fn ring(question: &Question) -> Result<Answer> {
    let world = question.world;
    let keyspaces = world.keyspaces()?;
    if let Some(unknown) = question.keyspace().filter(|asked| keyspaces.iter().all(|(name, _)| name != asked)) {
        let out = format!("\nError: The keyspace {unknown}, does not exist\n");
        return Ok(Answer { out, exit: 1, ..Answer::default() });
    }
    let sight = world.sight(question.machine)?;
    let mut tokens = world.cluster.tokens()?;
    tokens.sort_unstable();
    let mut datacenters: Vec<&str> = world.cluster.machines.iter().map(|m| m.datacenter.as_str()).collect();
    datacenters.sort_unstable();
    datacenters.dedup();
    let shown = scattered(&world.cluster.machines, world.cluster.seed);
    let widest = shown.iter().map(|m| question.show(m.address).len()).max().unwrap_or(0) + 5;
    let mut out = String::new();
    for datacenter in datacenters {
        write!(out, "\nDatacenter: {datacenter}\n==========\n")?;
        let line = |cells: [&str; 7]| {
            let [address, rack, status, state, load, owns, token] = cells;
            format!("{address:<widest$}  {rack:<12}{status:<7}{state:<8}{load:<16}{owns:<20}{token:<44}\n")
        };
        out += &line(["Address", "Rack", "Status", "State", "Load", "Owns", "Token"]);
        let mine = tokens.iter().filter(|(_, host)| world.cluster.machines[*host].datacenter == datacenter);
        // (of one token alone nothing is said above it)
        match mine.clone().next_back().filter(|_| mine.clone().count() > 1) {
            Some((last, _)) => out += &line(["", "", "", "", "", "", &last.to_string()]),
            None => out.push('\n'),
        }
        for (token, host) in mine {
            let (machine, seen) = (&world.cluster.machines[*host], sight.seen[*host]);
            let state = if seen.joining {
                "Joining"
            } else if seen.leaving {
                "Leaving"
            } else {
                "Normal"
            };
            let owns = format!("{}.{}0%", machine.owns / 10, machine.owns % 10);
            let address = question.show(machine.address);
            let up = if seen.up { "Up" } else { "Down" };
            let load =
                if sight.no_loads && *host != question.machine.ix { "?".to_owned() } else { table::size(machine.load) };
            out += &line([&address, &machine.rack, up, state, &load, &owns, &token.to_string()]);
        }
        out.push('\n');
    }
    Ok(Answer::text(out + WARNING))
}
