//! How much longer a run took than its hosts needed: the wall time over the sum of each wave's slowest cycle.
//! A cycle lasts from the start of a host's first step to its end (`done`), as the run's own journal has it.

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// From the first event to the last, and each host's cycle, in ms.
fn times(events: &str) -> Result<(u64, BTreeMap<u64, u64>)> {
    let (mut first, mut last) = (u64::MAX, 0);
    let mut starts = BTreeMap::new();
    let mut cycles = BTreeMap::new();
    for line in events.lines().filter(|line| !line.trim().is_empty()) {
        let event: Value = serde_json::from_str(line).with_context(|| line.to_string())?;
        let at = event["at"].as_u64().with_context(|| format!("no time in: {line}"))?;
        first = first.min(at);
        last = last.max(at);
        let (Some(host), Some(what)) = (event["host"].as_u64(), event["event"].as_str()) else { continue };
        match (event["subject"].as_str(), what) {
            (Some("step"), "started") => {
                starts.entry(host).or_insert(at);
            }
            (Some("host"), "done") => {
                let start = starts.get(&host).with_context(|| format!("host {host} is done but never started"))?;
                cycles.insert(host, at - start);
            }
            _ => {}
        }
    }
    anyhow::ensure!(first <= last, "no events");
    Ok((last - first, cycles))
}

/// The waves of a plan, as indexes of its targets: `estimate.waves`.
fn waves(plan: &str) -> Result<Vec<Vec<u64>>> {
    let plan: Value = serde_json::from_str(plan)?;
    let waves = plan["estimate"]["waves"].as_array().context("the plan has no estimate.waves")?;
    let target =
        |host: &Value| host["target"].as_u64().with_context(|| format!("a host of a wave has no target: {host}"));
    let hosts = |wave: &Value| {
        let hosts = wave["hosts"].as_array().with_context(|| format!("a wave has no hosts: {wave}"))?;
        hosts.iter().map(target).collect()
    };
    waves.iter().map(hosts).collect()
}

pub fn cycles(plan: &Path, events: &Path) -> Result<()> {
    let waves = waves(&fs::read_to_string(plan)?)?;
    let (wall, cycles) = times(&fs::read_to_string(events)?)?;
    let mut sum = 0;
    println!("planned-waves {}", waves.len());
    for wave in &waves {
        let mut slowest = 0;
        for host in wave {
            let cycle = cycles.get(host).with_context(|| format!("host {host} of the plan was never done"))?;
            slowest = slowest.max(*cycle);
        }
        println!("slowest {:.1} s hosts {wave:?}", slowest as f64 / 1e3);
        sum += slowest;
    }
    anyhow::ensure!(sum > 0, "no host has a cycle");
    println!("sum {:.1}", sum as f64 / 1e3);
    println!("wall {:.1}", wall as f64 / 1e3);
    println!("ratio {:.3}", wall as f64 / sum as f64);
    Ok(())
}
