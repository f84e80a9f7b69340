//! The nodes as the plan keeps them: how each is reached, and that their names are fit to be shown.

use crate::diagnostic::Diagnostic;
use crate::plan::model::Node;
use crate::playbook::model::{Access, Playbook};
use crate::playbook::template::{self, ClusterContext, HostContext, Params};
use crate::topology::model::{Host, Topology};
use std::collections::BTreeSet;

/// What must hold of any cluster before a word of it is used.
///
/// # Errors
/// No host, two hosts of one id or address, control characters in a name, rings that name hosts that do not exist.
pub fn sound(topology: &Topology) -> Result<(), Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut say = |message: String| errors.push(Diagnostic::error(message));
    if topology.hosts.is_empty() {
        say("the cluster has no host".into());
    }
    let ids: BTreeSet<_> = topology.hosts.iter().map(|host| &host.id).collect();
    let addresses: BTreeSet<_> = topology.hosts.iter().map(|host| host.address).collect();
    if ids.len() < topology.hosts.len() || addresses.len() < topology.hosts.len() {
        say("two hosts of the cluster have one host id or one address".into());
    }
    let place = |host: &Host| (host.datacenter.clone(), host.rack.clone(), host.address);
    if topology.hosts.windows(2).any(|two| place(&two[0]) >= place(&two[1])) {
        say("the hosts of the topology are not sorted by data centre, rack and address".into());
    }
    let count = topology.hosts.len();
    let fits = |set: &Vec<usize>| set.iter().all(|host| *host < count) && set.windows(2).all(|two| two[0] < two[1]);
    for ring in &topology.rings {
        if !ring.sets.iter().all(fits) || ring.ranges.iter().any(|range| range.set >= ring.sets.len()) {
            say("a ring of the topology names replicas that do not exist".into());
        }
    }
    for (what, name) in names(topology) {
        if name.chars().any(char::is_control) {
            say(format!("{what} holds a control character: `{}`", name.escape_debug()));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn names(topology: &Topology) -> Vec<(String, &String)> {
    let mut names = vec![
        ("the name of the cluster".to_string(), &topology.cluster),
        ("the name of the partitioner".to_string(), &topology.partitioner),
    ];
    names.extend(topology.keyspaces.keys().map(|name| ("the name of a keyspace".to_string(), name)));
    for host in &topology.hosts {
        let of = |what: &str| format!("the {what} of {}", host.address);
        names.push((of("host id"), &host.id));
        names.push((of("data centre"), &host.datacenter));
        names.push((of("rack"), &host.rack));
        names.push((of("release"), &host.release));
    }
    names
}

pub fn host_context(access: &Access, host: &Host) -> HostContext {
    let address = host.address.to_string();
    let name = access.ssh_name(&address);
    HostContext {
        ssh: name.clone(),
        name,
        address,
        id: host.id.clone(),
        datacenter: host.datacenter.clone(),
        rack: host.rack.clone(),
        vars: access.hosts.get(&host.address.to_string()).map(|host| host.vars.clone()).unwrap_or_default(),
    }
}

/// Every node, also those that are not worked on: they are asked.
///
/// # Errors
/// `cluster.nodetool` cannot be rendered for a node, or has no place for the words of a question.
pub fn nodes(
    playbook: &Playbook,
    topology: &Topology,
    cluster: &ClusterContext,
    params: &Params,
) -> Result<Vec<Node>, Vec<Diagnostic>> {
    let node = |host: &Host| {
        let context = host_context(&playbook.cluster, host);
        let nodetool = template::render_command(&playbook.cluster.nodetool, &context, cluster, params)?;
        if !nodetool.iter().any(|word| word == "‹args›") {
            let message = "`cluster.nodetool` has no place for the words of a question";
            let error = Diagnostic::error(message).at(playbook.cluster.nodetool.span);
            return Err(error.help("write `{{ args }}` as a word of its own, usually the last"));
        }
        let mut ssh = cluster.ssh.clone();
        ssh.push(context.ssh);
        Ok(Node {
            id: host.id.clone(),
            address: host.address,
            datacenter: host.datacenter.clone(),
            rack: host.rack.clone(),
            release: host.release.clone(),
            tokens_digest: host.tokens_digest.clone(),
            seed: topology.seeds.contains(&host.address),
            ssh,
            nodetool,
        })
    };
    topology.hosts.iter().map(node).collect::<Result<_, Diagnostic>>().map_err(|error| vec![error])
}
