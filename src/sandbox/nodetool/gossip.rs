//! `nodetool gossipinfo` and `failuredetector`: what gossip has told a node of each other one.

use super::status::scattered;
use super::{Answer, Question};
use crate::sandbox::cluster::Machine;
use crate::sandbox::host::History;
use crate::sandbox::life::Life;
use crate::sandbox::pace::Moment;
use crate::sandbox::sight::Sight;
use anyhow::Result;

/// What a node that shut down leaves as its heartbeat.
const GONE: u64 = 2_147_483_647;

pub fn gossipinfo(question: &Question) -> Result<Answer> {
    let sight = question.world.sight(question.machine)?;
    let at = question.life.goodbye(question.world.now).unwrap_or(question.world.now);
    let mut out = String::new();
    for machine in scattered(&question.world.cluster.machines, question.world.cluster.seed) {
        let me = machine.ix == question.machine.ix;
        if sight.blind {
            if !me {
                let address = question.show(machine.address);
                out += &format!("/{address}\n  generation:0\n  heartbeat:-1\n  TOKENS: not present\n");
            }
            continue;
        }
        out += &of_node(question, &sight, machine, at);
    }
    out.push('\n');
    Ok(Answer::text(out))
}

/// The life of a node that others have heard of: the newest that has started to gossip.
fn heard_of(history: &History, at: Moment) -> &Life {
    let heard = |life: &&Life| life.gossip_starts() <= at && life.end.is_none_or(|end| end.at > life.gossip_starts());
    history.lives.iter().rev().find(heard).unwrap_or(&history.lives[0])
}

fn of_node(question: &Question, sight: &Sight, machine: &Machine, at: Moment) -> String {
    let me = machine.ix == question.machine.ix;
    let life = heard_of(&sight.histories[machine.ix], at);
    let gone = if me { question.life.said_goodbye(question.world.now) } else { life.said_goodbye(at) };
    let silent_since = life.end.map_or(at, |end| end.at.min(at));
    let beat = silent_since.saturating_sub(life.gossip_starts()) / 1000 + 10;
    let heartbeat = if gone && !me { GONE } else { beat };
    let status = match (gone, sight.seen[machine.ix].joining, sight.seen[machine.ix].leaving) {
        (true, _, _) => "shutdown,true".to_owned(),
        (_, true, _) => format!("BOOT,{}", machine.first_token),
        (_, _, true) => format!("LEAVING,{}", machine.first_token),
        _ => format!("NORMAL,{}", machine.first_token),
    };
    let address = machine.address;
    let mut text = format!("/{}\n  generation:{}\n  heartbeat:{heartbeat}\n", question.show(address), life.generation);
    // Only a node itself, and one that has shut down, shows the states of the old form too.
    if me || gone {
        text += &format!("  STATUS:25:{status}\n");
    }
    text += &format!("  LOAD:{}:{}.0\n", beat.saturating_sub(3), machine.load);
    text += &format!("  SCHEMA:19:{}\n", question.world.schema(machine));
    text += &format!("  DC:13:{}\n  RACK:15:{}\n", machine.datacenter, machine.rack);
    text += &format!("  RELEASE_VERSION:6:{}\n", question.world.release(machine));
    if me {
        text += &format!("  INTERNAL_IP:11:{address}\n  RPC_ADDRESS:5:{address}\n");
    }
    text += &format!("  NET_VERSION:2:12\n  HOST_ID:3:{}\n", machine.host_id);
    text += &format!("  RPC_READY:28:{}\n", !gone && at >= life.cql);
    text += &format!("  INTERNAL_ADDRESS_AND_PORT:9:{address}:7000\n  NATIVE_ADDRESS_AND_PORT:4:{address}:9042\n");
    text += &format!("  STATUS_WITH_PORT:24:{status}\n  SSTABLE_VERSIONS:7:big-nb\n  TOKENS:23:<hidden>\n");
    text
}

pub fn failuredetector(question: &Question) -> Result<Answer> {
    let sight = question.world.sight(question.machine)?;
    let mut out = "  Endpoint,             Phi\n".to_owned();
    for machine in scattered(&question.world.cluster.machines, question.world.cluster.seed) {
        if machine.ix != question.machine.ix && sight.seen[machine.ix].up {
            out += &format!("/{},      0.14811477\n", question.show(machine.address));
        }
    }
    Ok(Answer::text(out))
}
