//! `--durations`: how long hosts took in an earlier run, of the store or from a file.

use super::context::Context;
use super::earlier_run::Earlier;
use super::exit::{Exit, Failure};
use crate::job::event::{Event, HostEvent, What};
use crate::plan::model::Plan;
use crate::plan::order::Durations;
use crate::playbook::duration;
use crate::topology::model::Topology;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What a file must be, for whoever gave another.
const FORMS: &str = "give what `rollbook runs show RUN --format json` prints, or times by address or host id: \
                     `{ \"10.0.0.1\": \"90s\" }`";

/// The durations of what the word names: a file where there is one of that name, else a run.
///
/// # Errors
/// 65 for a file that is none of durations, with the place; 64 where the word names no run, and where none of the
/// cluster's hosts is in it.
pub fn of(context: &Context, word: &str, topology: &Topology) -> anyhow::Result<Durations> {
    let durations = match Path::new(word).is_file() {
        true => of_file(Path::new(word), topology)?,
        false => {
            let earlier = Earlier::find(context, word)?;
            let took = of_events(&earlier.file.plan, &earlier.events);
            Durations { from: format!("run {}", earlier.short()), took }
        }
    };
    if !topology.hosts.iter().any(|host| durations.took.contains_key(&host.id)) {
        let message = format!("`--durations`: no host of cluster `{}` ended well in `{word}`", topology.cluster);
        return Err(Failure::new(Exit::Usage, message)
            .help("`rollbook runs` lists the runs, each with its cluster")
            .into());
    }
    Ok(durations)
}

fn of_file(path: &Path, topology: &Topology) -> anyhow::Result<Durations> {
    let refused = |place: String, what: String| {
        Failure::new(Exit::BadFile, format!("`{}{place}`: {what}", path.display())).help(FORMS)
    };
    let bytes = std::fs::read(path).map_err(|error| refused(String::new(), format!("cannot be read: {error}")))?;
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| refused(format!(":{}:{}", error.line(), error.column()), "this is no JSON".into()))?;
    let took = match &value {
        Value::Object(map) if map.contains_key("events") => of_report(&value),
        Value::Object(map) => map.iter().map(|(name, time)| of_entry(name, time, topology)).collect(),
        _ => Err(("the whole file".into(), "is neither a run nor times by host".into())),
    };
    let took = took.map_err(|(place, what)| refused(String::new(), format!("{place} {what}")))?;
    Ok(Durations { from: path.display().to_string(), took })
}

/// What is wrong, and where.
type Wrong = (String, String);

fn of_report(report: &Value) -> Result<BTreeMap<String, u64>, Wrong> {
    let wrong = |place: &str, error: serde_json::Error| (format!("`{place}`"), format!("is not of a run: {error}"));
    let plan = serde_json::from_value(report["plan"]["plan"].clone()).map_err(|error| wrong("plan", error))?;
    let events: Vec<Event> =
        serde_json::from_value(report["events"].clone()).map_err(|error| wrong("events", error))?;
    let plan: Plan = plan;
    let hosts = plan.hosts.len();
    match events.iter().find_map(|event| host(event).filter(|host| *host >= hosts)) {
        Some(host) => Err(("`events`".into(), format!("names host {host}, and the plan has {hosts}"))),
        None => Ok(of_events(&plan, &events)),
    }
}

fn of_entry(name: &str, time: &Value, topology: &Topology) -> Result<(String, u64), Wrong> {
    let place = || format!("`{name}`");
    let named = |host: &&crate::topology::model::Host| host.id == name || host.address.to_string() == name;
    // (a node that has left the cluster since does no harm)
    let id = topology.hosts.iter().find(named).map_or_else(|| name.to_owned(), |host| host.id.clone());
    let Some(text) = time.as_str() else { return Err((place(), format!("is `{time}`, not a time such as \"90s\""))) };
    let time = duration::parse(text).map_err(|(what, help)| (place(), format!("{what}; {help}")))?;
    Ok((id, u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
}

fn host(event: &Event) -> Option<usize> {
    match &event.what {
        What::Host { host, .. } | What::Step { host, .. } => Some(*host),
        _ => None,
    }
}

/// From its opening to its end, of each host that ended well; of several phases together.
fn of_events(plan: &Plan, events: &[Event]) -> BTreeMap<String, u64> {
    let mut opened: BTreeMap<usize, u64> = BTreeMap::new();
    let mut took: BTreeMap<String, u64> = BTreeMap::new();
    for event in events {
        match &event.what {
            What::Host { host, event: HostEvent::Opened } => drop(opened.insert(*host, event.at)),
            // (nothing was done to it, or not to its end)
            What::Host { host, event: HostEvent::AlreadyDone { .. } | HostEvent::PutBack { .. } } => {
                opened.remove(host);
            }
            What::Host { host, event: HostEvent::Done } => {
                let Some(since) = opened.remove(host) else { continue };
                let id = plan.nodes[plan.hosts[*host].node].id.clone();
                *took.entry(id).or_default() += event.at.saturating_sub(since);
            }
            _ => {}
        }
    }
    took
}
