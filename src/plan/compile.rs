//! Playbook + topology → plan. Every word is rendered here, every host named, every limit set.
//!
//! Errors are findings about what was written (with places) or about a cluster that cannot be planned for.

mod down;
mod groups;
mod levels;
mod nodes;
mod phases;
mod steps;
mod until;

pub use groups::Answers;
pub use nodes::host_context;

use super::level::{self, Room};
use super::model::{Gate, Plan, PlannedKeyspace, Setup, Source, VERSION};
use super::order::Durations;
use super::protection::{self, Protection};
use super::select::{self, Pick};
use super::warn;
use crate::diagnostic::Diagnostic;
use crate::playbook;
use crate::playbook::defaults;
use crate::playbook::model::{GateQuestion, Keyspaces, Playbook, Renewal, Step};
use crate::playbook::template::{self, ClusterContext, Params};
use crate::topology::model::{HostIx, Topology};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What the command line adds to a playbook.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the playbook was read; None for `exec`.
    pub source: Option<Source>,
    pub only: Vec<Pick>,
    pub skip: Vec<Pick>,
    pub stop_after: Option<u32>,
    /// Between two polls, in place of the playbook's (`--poll`, the sandbox).
    pub poll: Option<Duration>,
    pub ignore_down: bool,
    /// Texts of local scripts that commands name, by the word that names them: a guess looks into them.
    pub scripts: BTreeMap<String, String>,
    /// How long each host took in an earlier run; they say which order is done soonest, and stand in no plan.
    pub durations: Durations,
    /// What the hosts answered, where `groups` asks them.
    pub groups: Option<Answers>,
    /// Appended when a step takes hosts away and no `wait-up` follows (`exec`); None: that is an error.
    pub gate: Option<Step>,
}

/// The plan of this playbook for this cluster. Same inputs, same bytes.
///
/// # Errors
/// All findings: selectors that match nothing, values that no command may hold, outages nobody accepted.
pub fn compile(
    playbook: &Playbook,
    topology: &Topology,
    params: &Params,
    options: &Options,
) -> Result<Plan, Vec<Diagnostic>> {
    nodes::sound(topology)?;
    let mut errors = Vec::new();
    let mut keep = |result: Result<(), Vec<Diagnostic>>| errors.extend(result.err().into_iter().flatten());
    keep(keyspaces_exist(playbook, topology));
    let cluster = cluster_context(playbook, topology, params).map_err(|error| vec![error])?;
    let nodes = nodes::nodes(playbook, topology, &cluster, params);
    keep(nodes.as_ref().map(|_| ()).map_err(Clone::clone));
    let gates = gates(playbook, &cluster, params);
    keep(gates.as_ref().map(|_| ()).map_err(Clone::clone));
    let chosen = phases::choose(playbook, topology, options);
    keep(chosen.as_ref().map(|_| ()).map_err(Clone::clone));
    let setup = setup(playbook, &cluster, params);
    keep(setup.as_ref().map(|_| ()).map_err(Clone::clone));
    let (Ok(chosen), Ok(nodes), Ok(setup), Ok(gates)) = (chosen, nodes, setup, gates) else { return Err(errors) };
    let protection = Protection::of(topology, &playbook.cluster.keyspaces);
    let groups = groups::groups(playbook, topology, options.groups.as_ref())?;
    let around =
        phases::Around { topology, protection: &protection, groups: &groups, cluster: &cluster, params, options };
    let worked = match phases::work(playbook, chosen, &around) {
        Ok(worked) if errors.is_empty() => worked,
        Ok(_) => return Err(errors),
        Err(found) => {
            errors.extend(found);
            return Err(errors);
        }
    };
    let mut plan = Plan {
        version: VERSION,
        name: playbook.name.clone(),
        description: playbook.description.clone(),
        playbook: options.source.clone(),
        params: params.clone(),
        reason_required: playbook.reason_required,
        accept_outage: playbook.accept_outage.clone(),
        cluster: topology.cluster.clone(),
        service: playbook.cluster.service.clone(),
        partitioner: topology.partitioner.clone(),
        nodes,
        keyspaces: keyspaces(topology, &playbook.cluster.keyspaces),
        protect: sorted(&playbook.cluster.keyspaces),
        phases: worked.phases,
        shared: protection.shared,
        everybody_conflicts: protection.everybody,
        groups,
        max_failures: playbook.max_failures,
        stop_after: options.stop_after,
        blocked_timeout_ms: milliseconds(playbook.blocked_timeout),
        poll_ms: milliseconds(steps::poll(playbook, options)),
        known_down: worked.known_down,
        known_down_reason: playbook.known_down.as_ref().map(|known| known.reason.clone()),
        waived: playbook.waive.clone(),
        hint_window_ms: topology.hint_window_ms,
        ignore_down: options.ignore_down,
        gates,
        setup,
        steps: worked.steps,
        hosts: worked.hosts,
        warnings: Vec::new(),
    };
    let mut torn = groups::share_nothing_inside(playbook, &plan);
    torn.extend(groups::goes_out_whole(playbook, &plan));
    if !torn.is_empty() {
        return Err(torn);
    }
    plan.warnings = warn::warnings(&plan);
    plan.warnings.extend(worked.warnings);
    Ok(plan)
}

/// The same plan if the keyspaces that were left out protected too; None where nothing is left out.
pub fn with_all_keyspaces(plan: &Plan, topology: &Topology) -> Option<Plan> {
    if plan.keyspaces.values().all(|keyspace| keyspace.protects) {
        return None;
    }
    let protection = Protection::of(topology, &Keyspaces::All);
    let mut phases = plan.phases.clone();
    for phase in &mut phases {
        let order: Vec<HostIx> = phase.hosts.iter().map(|target| plan.hosts[*target].node).collect();
        let names = phase.datacenters.iter().map(|dc| dc.name.clone()).collect();
        if let Some(kept) = &phase.availability {
            let worked = order.iter().copied().collect();
            let disruptive = plan.steps[phase.from..phase.to].iter().any(|step| step.disruptive());
            let (known_down, grouped) = (&plan.known_down, !plan.groups.is_empty());
            let planned = level::Planned { worked: &worked, known_down, grouped, disruptive };
            // (a keyspace that is left out may be unable to keep the level: then there is nothing to compare with)
            phase.needs = level::needs(topology, &Keyspaces::All, (phase.strategy, kept), &planned).ok()?;
        }
        let room = Room::new(&phase.needs, topology.hosts.len(), None);
        let mut datacenters =
            phases::datacenters(topology, &order, names, (&protection, &plan.groups), (phase.strategy, &room));
        // (their hosts are in the order of the plan, which may be none by rack)
        for (now, planned) in datacenters.iter_mut().zip(&phase.datacenters) {
            now.rack_by_rack &= planned.rack_by_rack;
            now.order = planned.order;
        }
        phase.datacenters = datacenters;
    }
    Some(Plan {
        protect: Keyspaces::All,
        keyspaces: keyspaces(topology, &Keyspaces::All),
        phases,
        shared: protection.shared,
        everybody_conflicts: protection.everybody,
        ..plan.clone()
    })
}

fn cluster_context(playbook: &Playbook, topology: &Topology, params: &Params) -> Result<ClusterContext, Diagnostic> {
    let ssh = template::render_ssh(&playbook.cluster.ssh, params)?;
    Ok(ClusterContext { name: topology.cluster.clone(), ssh, service: playbook.cluster.service.clone() })
}

fn keyspaces_exist(playbook: &Playbook, topology: &Topology) -> Result<(), Vec<Diagnostic>> {
    let Keyspaces::Only(names) = &playbook.cluster.keyspaces else { return Ok(()) };
    let present = topology.keyspaces.keys().cloned().collect();
    let errors = select::absent(playbook, "cluster.keyspaces", names, ("keyspace", "replicated keyspace"), &present);
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn keyspaces(topology: &Topology, asked: &Keyspaces) -> BTreeMap<String, PlannedKeyspace> {
    let planned = |name: &str, replication: &crate::topology::model::Replication| PlannedKeyspace {
        replication: replication.clone(),
        protects: protection::protects(asked, name),
    };
    topology.keyspaces.iter().map(|(name, known)| (name.clone(), planned(name, &known.replication))).collect()
}

fn setup(playbook: &Playbook, cluster: &ClusterContext, params: &Params) -> Result<Vec<Setup>, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut setup = Vec::new();
    // the lock comes first, and is freed last
    let lock = playbook.lock.iter().map(|lock| (&lock.acquire, Some(&lock.release), defaults::LOCK_COMMAND, true));
    let own = playbook.setup.iter().map(|step| (&step.run, step.undo.as_ref(), step.timeout, false));
    for (run, undo, timeout, lock) in lock.chain(own) {
        let run = steps::setup_words(run, cluster, params);
        let undo = undo.map(|undo| steps::setup_words(undo, cluster, params)).transpose();
        match (run, undo) {
            (Ok(run), Ok(undo)) => setup.push(Setup { run, undo, timeout_ms: milliseconds(timeout), lock }),
            (run, undo) => errors.extend(run.err().into_iter().chain(undo.err())),
        }
    }
    if errors.is_empty() { Ok(setup) } else { Err(errors) }
}

fn gates(playbook: &Playbook, cluster: &ClusterContext, params: &Params) -> Result<Vec<Gate>, Vec<Diagnostic>> {
    let gate = |gate: &playbook::model::Gate| {
        let (run, measure) = match &gate.asks {
            GateQuestion::Command(run) => (template::render_setup(run, cluster, params)?, None),
            GateQuestion::Measure(measure) => (Vec::new(), Some(*measure)),
        };
        Ok(Gate {
            name: gate.name.clone(),
            run,
            measure,
            max: gate.max,
            min: gate.min,
            poll_ms: milliseconds(gate.poll),
            stable: gate.stable,
            timeout_ms: milliseconds(gate.timeout),
            lock: false,
        })
    };
    let renewal = |renewal: &Renewal| {
        Ok(Gate {
            name: "lock".into(),
            run: template::render_setup(&renewal.command, cluster, params)?,
            measure: None,
            max: None,
            min: None,
            poll_ms: milliseconds(renewal.every),
            stable: 1,
            timeout_ms: milliseconds(renewal.timeout),
            lock: true,
        })
    };
    // the lock first: what is wrong with it weighs most
    let renewals = playbook.lock.iter().filter_map(|lock| lock.renewal.as_ref()).map(renewal);
    let gates = renewals.chain(playbook.gates.iter().map(gate));
    gates.collect::<Result<_, Diagnostic>>().map_err(|error| vec![error])
}

fn sorted(asked: &Keyspaces) -> Keyspaces {
    match asked {
        Keyspaces::Only(names) => Keyspaces::Only(names.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect()),
        other => other.clone(),
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
