//! `availability`: what the level of a phase asks for, or why it can never be kept.

use super::down;
use crate::diagnostic::Diagnostic;
use crate::plan::level::{self, Cannot, Planned, Room};
use crate::plan::model::{Group, Need, Warning};
use crate::plan::{protection, select};
use crate::playbook::model::{Availability, DatacenterOrder, Playbook, Step, StepKind, Strategy, TakesDown};
use crate::topology::model::{HostIx, Replication, Topology};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The needs of the phase's level as far as these hosts are concerned.
///
/// # Errors
/// Names that are none, a keyspace of which nobody knows who holds what, a range that can spare no replica, or that is
/// below the level as it is.
pub fn needs(
    book: &Playbook,
    topology: &Topology,
    groups: &[Group],
    worked: &BTreeSet<HostIx>,
) -> Result<Vec<Need>, Vec<Diagnostic>> {
    let Some(kept) = &book.availability else { return Ok(Vec::new()) };
    names_exist(book, topology, kept)?;
    let known_down = down::named(book, topology)?;
    // (what a command takes down that says nothing of it is not known here: then it may be anything)
    let harmless = |step: &Step| match step.kind {
        StepKind::Run => step.takes_down == Some(TakesDown::Nothing),
        kind => matches!(
            kind,
            StepKind::Verify | StepKind::Approve | StepKind::Pause | StepKind::WaitUp | StepKind::WaitDown
        ),
    };
    let planned = Planned {
        worked,
        known_down: &known_down,
        grouped: !groups.is_empty(),
        disruptive: !book.steps.iter().all(harmless),
    };
    let needs = level::needs(topology, &book.cluster.keyspaces, (book.strategy, kept), &planned);
    needs.map_err(|cannot| vec![impossible(book, kept, &cannot)])
}

/// Under `strategy: availability` the level alone keeps replicas apart. Where it does not count, in data centres that it
/// leaves out and for keyspaces that are accepted, two of them may be out together: each is named, with two such hosts.
pub fn unprotected(book: &Playbook, topology: &Topology, room: &Room, worked: &BTreeSet<HostIx>) -> Unprotected {
    let (Strategy::Availability, Some(kept)) = (book.strategy, &book.availability) else {
        return Unprotected::default();
    };
    if book.concurrency.max_hosts == Some(1) || worked.len() < 2 {
        return Unprotected::default();
    }
    if room.is_empty() {
        return Unprotected { left_out: vec![of_nobody(kept)], accepted: vec![] };
    }
    let mut judged: BTreeMap<(HostIx, HostIx), bool> = BTreeMap::new();
    let mut together = |a: HostIx, b: HostIx| {
        let apart = || room.broken_by_two(&BTreeSet::from([a]), &BTreeSet::from([b])).is_some();
        !*judged.entry((a, b)).or_insert_with(apart)
    };
    let one_by_one = book.concurrency.datacenters == DatacenterOrder::Serial;
    let mut places: BTreeMap<&str, Warning> = BTreeMap::new();
    let mut accepted: Vec<Warning> = Vec::new();
    for (name, keyspace) in &topology.keyspaces {
        if !protection::protects(&book.cluster.keyspaces, name) {
            continue;
        }
        let accept = kept.accept.contains(name);
        let Some(ring) = keyspace.ring.map(|ring| &topology.rings[ring]) else {
            accepted.extend(accept.then(|| nobody_knows(name)));
            continue;
        };
        let by_place =
            one_by_one || kept.level.is_local() || matches!(keyspace.replication, Replication::NetworkTopology(_));
        let mut free: BTreeSet<(HostIx, HostIx)> = BTreeSet::new();
        for (a, b) in ring.sets.iter().flat_map(|set| pairs(set)) {
            let place = topology.hosts[a].datacenter.as_str();
            let elsewhere = by_place && place != topology.hosts[b].datacenter;
            let left_out = !kept.datacenters.is_empty() && !kept.datacenters.iter().any(|name| name == place);
            if elsewhere || !(accept || left_out) || !worked.contains(&a) || !worked.contains(&b) {
                continue;
            }
            if left_out && !places.contains_key(place) && together(a, b) {
                places.insert(place, in_no_level(kept, place, name, [a, b].map(|host| topology.hosts[host].address)));
            } else if !left_out && together(a, b) {
                free.insert((a, b));
            }
        }
        let first = free.first().map(|(a, b)| [*a, *b].map(|host| topology.hosts[host].address));
        accepted.extend(first.map(|two| of_no_level(name, two)));
    }
    Unprotected { left_out: places.into_values().collect(), accepted }
}

/// What a level of `strategy: availability` does not keep apart.
#[derive(Default)]
pub struct Unprotected {
    /// Whole data centres, or the cluster: an outage, which somebody must accept.
    pub left_out: Vec<Warning>,
    /// Keyspaces that the playbook accepts by name.
    pub accepted: Vec<Warning>,
}

impl Unprotected {
    /// What has to be accepted, where nobody did.
    pub fn refused(&self, book: &Playbook) -> Vec<Diagnostic> {
        let refuse = |warning: &Warning| {
            let mut error = Diagnostic::error(format!("{}; nobody accepted the outage", warning.message));
            error.span = book.span("availability").or_else(|| book.span("strategy"));
            let help = warning.help.as_deref().unwrap_or_default();
            error.help(format!("{help}; or say why it may be: `accept-outage: REASON`"))
        };
        self.left_out.iter().map(refuse).collect()
    }
}

fn of_nobody(kept: &Availability) -> Warning {
    let why = match kept.accept.is_empty() {
        true => "no keyspace of these hosts protects".to_owned(),
        false => format!("every keyspace of these hosts is accepted ({})", kept.accept.join(", ")),
    };
    Warning {
        message: format!("{} keeps nobody apart, because {why}: all may be out together", kept.level.word()),
        help: Some("take keyspaces out of `availability.accept`, or use `strategy: topology`".into()),
    }
}

fn pairs(set: &[HostIx]) -> impl Iterator<Item = (HostIx, HostIx)> {
    set.iter().enumerate().flat_map(|(place, a)| set[place + 1..].iter().map(|b| (*a, *b)))
}

fn in_no_level(kept: &Availability, place: &str, keyspace: &str, [a, b]: [IpAddr; 2]) -> Warning {
    let all: Vec<&str> = kept.datacenters.iter().map(String::as_str).chain([place]).collect();
    Warning {
        message: format!(
            "no level protects what {place} holds, because `availability.datacenters` does not list it: {a} and {b} \
             share ranges of {keyspace} and may be out together"
        ),
        help: Some(format!(
            "list it: `availability: {{ level: {}, datacenters: [{}] }}`, or work on it in a phase with `strategy: topology`",
            kept.level.word(),
            all.join(", ")
        )),
    }
}

fn of_no_level(keyspace: &str, [a, b]: [IpAddr; 2]) -> Warning {
    Warning {
        message: format!(
            "no level protects {keyspace}, because it is accepted: {a} and {b} share ranges of it and may be out together"
        ),
        help: Some(ACCEPTED.into()),
    }
}

fn nobody_knows(keyspace: &str) -> Warning {
    Warning {
        message: format!(
            "no level protects {keyspace}, because it is accepted, and nobody knows where its replicas are: all of a \
             range may be out together"
        ),
        help: Some(ACCEPTED.into()),
    }
}

const ACCEPTED: &str = "take it out of `availability.accept` once it has the replicas, or use `strategy: topology`: with it \
                        two replicas of a range are never out together";

fn names_exist(book: &Playbook, topology: &Topology, kept: &Availability) -> Result<(), Vec<Diagnostic>> {
    let keyspaces = topology.keyspaces.keys().cloned().collect();
    let datacenters = topology.hosts.iter().map(|host| host.datacenter.clone()).collect();
    let accept =
        select::absent(book, "availability.accept", &kept.accept, ("keyspace", "replicated keyspace"), &keyspaces);
    let places = select::absent(
        book,
        "availability.datacenters",
        &kept.datacenters,
        ("data centre", "data centre"),
        &datacenters,
    );
    let errors: Vec<Diagnostic> = accept.into_iter().chain(places).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn impossible(book: &Playbook, kept: &Availability, cannot: &Cannot) -> Diagnostic {
    let (message, keyspace, help) = match cannot {
        Cannot::Unknown { keyspace, why } => {
            (format!("whether {} is kept cannot be told: {why}", kept.level.word()), keyspace, "")
        }
        Cannot::Never { keyspace, why } => {
            (why.clone(), keyspace, "give the keyspace more replicas (`ALTER KEYSPACE`, then repair it), or ")
        }
        Cannot::Below { keyspace, why } => {
            (why.clone(), keyspace, "bring the nodes back that are down, or give the keyspace more replicas, or ")
        }
    };
    let accept: Vec<&str> = kept.accept.iter().chain([keyspace]).map(String::as_str).collect();
    let accept = accept.join(", ");
    let mut error = Diagnostic::error(message);
    error.span = book.span("availability.level").or_else(|| book.span("availability"));
    let line = format!("`availability: {{ level: {}, accept: [{accept}] }}`", kept.level.word());
    error.help(format!("{help}say that {keyspace} may lose it: {line}"))
}
