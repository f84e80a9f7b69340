//! What a node says of itself: `info`, `netstats`, `statusbinary` and the like, and the commands
//! that change it.

use super::table::size;
use super::{Answer, Question};
use crate::sandbox::draw;
use crate::sandbox::fault::Fate;
use crate::sandbox::life::Stage;
use anyhow::Result;

pub const COMMANDS: [&str; 22] = [
    "info",
    "netstats",
    "version",
    "statusbinary",
    "statusgossip",
    "statushandoff",
    "getseeds",
    "getmaxhintwindow",
    "listpendinghints",
    "compactionstats",
    "proxyhistograms",
    "tpstats",
    "flush",
    "cleanup",
    "upgradesstables",
    "snapshot",
    "drain",
    "disablebinary",
    "enablebinary",
    "disablegossip",
    "enablegossip",
    "tablestats",
];

const POOLS: &str = "Read Repair Statistics:
Attempted: 0
Mismatch (Blocking): 0
Mismatch (Background): 0
Pool Name                    Active   Pending      Completed   Dropped
Large messages                  n/a         0              4         0
Small messages                  n/a         0           1222         0
Gossip messages                 n/a         0           1629         0
";

const COMPACTIONS: &str = "concurrent compactors            1           
pending tasks                    0           
compactions completed            5           
data compacted                   96277       
compactions aborted              0           
compactions reduced              0           
sstables dropped from compaction 0           
15 minute rate                   16.02/minute
mean rate                        47.48/hour  
compaction throughput (MiB/s)    64.0        
";

const STAGES: &str = "Pool Name                 Active Pending Completed Blocked All time blocked
ReadStage                 0      0       911       0       0               
MutationStage             0      0       3308      0       0               
CompactionExecutor        0      0       161       0       0               
GossipStage               0      0       1646      0       0               
HintsDispatcher           0      0       0         0       0               
Native-Transport-Requests 0      0       295       0       0               

Latencies waiting in queue (micros) per dropped message types
Message type                      Dropped     50%      95%      99%       Max      
READ_RSP                          0           3311.0   17084.0  35425.0   42510.0  
";

const HINTS: &str = "Host ID                              Address    Rack  DC  Status Total files Newest                  Oldest                 
6b1a0e5c-8f5a-4d0a-9d5e-0b6d4d2c1a00 10.10.0.99 rack3 dc1 DOWN   1           2026-11-23 21:05:09,703 2026-11-23 21:05:09,703
";

const DRAINED_ALREADY: &str = "Unable to start native transport because the node was drained.";

pub fn answer(question: &Question, command: &str) -> Result<Answer> {
    let world = question.world;
    let running = |yes: bool| Answer::text(if yes { "running\n" } else { "not running\n" });
    Ok(match command {
        "info" => info(question),
        "netstats" => netstats(question),
        "version" => Answer::text(format!("ReleaseVersion: {}\n", question.world.release(question.machine))),
        "statusbinary" => running(cql(question)),
        "statusgossip" => running(question.life.gossips(world.now)),
        "statushandoff" => Answer::text("Hinted handoff is running\n"),
        "getseeds" => seeds(question),
        "getmaxhintwindow" => Answer::text("Current max hint window: 10800000 ms\n"),
        "listpendinghints" if world.has(question.machine, &Fate::HoldsHints) => Answer::text(HINTS),
        "listpendinghints" => Answer::text("This node does not have any pending hints\n"),
        "compactionstats" => Answer::text(compactions(question)),
        "proxyhistograms" => Answer::text(latencies(question)),
        "tpstats" if world.has(question.machine, &Fate::Repairing) => Answer::text(STAGES.replacen(
            "GossipStage",
            "ValidationExecutor        1      2       9         0       0               \nGossipStage",
            1,
        )),
        "tpstats" => Answer::text(STAGES),
        "tablestats" => Answer::text("Total number of tables: 49\n----------------\n"),
        "enablebinary" if matches!(question.stage(), Stage::Drained | Stage::Draining) => {
            Answer::thrown(String::new(), "java.lang.IllegalStateException", DRAINED_ALREADY)
        }
        "enablebinary" | "disablebinary" => {
            world.binary(question.machine, command == "enablebinary")?;
            Answer::default()
        }
        "enablegossip" | "disablegossip" => {
            world.gossip(question.machine, command == "enablegossip")?;
            Answer::default()
        }
        _ => Answer::default(), // flush
    })
}

fn cql(question: &Question) -> bool {
    let closed = question.world.has(question.machine, &Fate::TransportStaysClosed);
    question.life.serves_cql(question.world.now) && !closed
}

fn netstats(question: &Question) -> Answer {
    let joining = question.world.joins(question.machine);
    let leaving = question.world.has(question.machine, &Fate::Leaving);
    let mode = match question.stage() {
        Stage::Starting => "STARTING",
        Stage::Draining => "DRAINING",
        Stage::Drained => "DRAINED",
        _ if joining => "JOINING",
        _ if leaving => "LEAVING",
        _ => "NORMAL",
    };
    let pools = if mode == "STARTING" { "" } else { POOLS };
    let streams = match question.world.has(question.machine, &Fate::Streaming) {
        true => "Repair 6b3f2d10-c1a5-11f0-8f3a-2f6c1f0e9a77\n",
        false => "Not sending any streams.\n",
    };
    Answer::text(format!("Mode: {mode}\n{streams}{pools}"))
}

fn seeds(question: &Question) -> Answer {
    let seeds = question.world.cluster.seeds.iter().filter(|seed| **seed != question.machine.address);
    let seeds: Vec<String> = seeds.map(|seed| format!("/{seed}:7000")).collect();
    Answer::text(match seeds.is_empty() {
        true => "Seed node list does not contain any remote node IPs\n".to_owned(),
        false => format!("Current list of seed node IPs, excluding the current node's IP: {}\n", seeds.join(" ")),
    })
}

/// The 99th percentile is what a fault says; all else is a quarter of it.
fn latencies(question: &Question) -> String {
    let wrong = question.world.wrong(question.machine);
    let slow = wrong.into_iter().find_map(|fate| if let Fate::Latency(millis) = fate { Some(*millis) } else { None });
    let read = slow.unwrap_or(4) as f64 * 1000.0;
    let row = |name: &str, read: f64| {
        let numbers = [read, read / 10.0, 0.0, 0.0, 0.0, 0.0].map(|number| format!("{number:>19.2}"));
        format!("{name:<10}{}\n", numbers.concat())
    };
    let heads = [
        "Read Latency",
        "Write Latency",
        "Range Latency",
        "CAS Read Latency",
        "CAS Write Latency",
        "View Write Latency",
    ];
    let heads: String = heads.iter().map(|head| format!("{head:>19}")).collect();
    let units = format!("{:>19}", "(micros)").repeat(6);
    let mut text = format!("proxy histograms\nPercentile{heads}\n{:10}{units}\n", "");
    for name in ["50%", "75%", "95%", "98%"] {
        text += &row(name, read / 4.0);
    }
    for name in ["99%", "Min", "Max"] {
        text += &row(name, if name == "Min" { read / 8.0 } else { read });
    }
    text + "\n"
}

fn compactions(question: &Question) -> String {
    let waiting = question.world.wrong(question.machine).find_map(|fate| match fate {
        Fate::PendingCompactions(tasks) => Some(*tasks),
        _ => None,
    });
    let tasks = waiting.unwrap_or(0);
    COMPACTIONS.replacen(
        "pending tasks                    0 ",
        &format!("pending tasks                    {tasks} "),
        1,
    )
}

fn info(question: &Question) -> Answer {
    let (world, machine, life) = (question.world, question.machine, &question.life);
    let gossips = life.gossips(world.now);
    let seconds = world.now.saturating_sub(life.start) / 1000;
    let heap = 60.0 + (draw::number(world.cluster.seed, "heap", world.now) % 12_000) as f64 / 100.0;
    let lines = [
        ("ID", machine.host_id.clone()),
        ("Gossip active", gossips.to_string()),
        ("Native Transport active", cql(question).to_string()),
        ("Load", size(machine.load)),
        ("Uncompressed load", size(machine.load * 5 / 4)),
        // Gossip that is off has no generation.
        ("Generation No", if gossips { life.generation } else { 0 }.to_string()),
        ("Uptime (seconds)", seconds.to_string()),
        ("Heap Memory (MB)", format!("{heap:.2} / 247.50")),
        ("Off Heap Memory (MB)", "0.00".to_owned()),
        ("Data Center", machine.datacenter.clone()),
        ("Rack", machine.rack.clone()),
        ("Exceptions", "0".to_owned()),
        ("Key Cache", "entries 342, size 26.98 KiB, capacity 4 MiB, 781 hits, 1110 requests, 0.704 recent hit rate, 14400 save period in seconds".to_owned()),
        ("Row Cache", "entries 0, size 0 bytes, capacity 0 bytes, 0 hits, 0 requests, NaN recent hit rate, 0 save period in seconds".to_owned()),
        ("Counter Cache", "entries 0, size 0 bytes, capacity 2 MiB, 0 hits, 0 requests, NaN recent hit rate, 7200 save period in seconds".to_owned()),
        ("Network Cache", "size 16 MiB, overflow size: 0 bytes, capacity 16 MiB".to_owned()),
        ("Percent Repaired", "0.0%".to_owned()),
        ("Token", format!("(invoke with -T/--tokens to see all {} tokens)", world.cluster.vnodes)),
        ("Bootstrap state", if world.joins(machine) { "IN_PROGRESS" } else { "COMPLETED" }.to_owned()),
        ("Bootstrap failed", "false".to_owned()),
        ("Decommissioning", world.has(machine, &Fate::Leaving).to_string()),
        ("Decommission failed", "false".to_owned()),
    ];
    Answer::text(lines.iter().map(|(name, value)| format!("{name:<23}: {value}\n")).collect::<String>())
}
