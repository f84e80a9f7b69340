//! Which hosts share a fate, where the playbook has them asked: once each, when the plan is made.

use crate::ask::{Asker, NodeWords, head};
use crate::plan::compile::{Answers, host_context};
use crate::playbook::model::{Groups, Playbook};
use crate::playbook::template::{ClusterContext, Params, render_command, render_ssh};
use crate::topology::model::Topology;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// None: the playbook asks nobody.
///
/// # Errors
/// One sentence for each host that could not be asked, or gave no answer that can name a group.
pub async fn ask_groups(
    playbook: &Playbook,
    topology: &Topology,
    params: &Params,
    env: BTreeMap<String, String>,
) -> Result<Option<Answers>, Vec<String>> {
    if matches!(playbook.groups, Groups::None | Groups::Listed(_)) {
        return Ok(None);
    }
    let said = |error: crate::diagnostic::Diagnostic| vec![error.message];
    let ssh = render_ssh(&playbook.cluster.ssh, params).map_err(said)?;
    let service = playbook.cluster.service.clone();
    let cluster = ClusterContext { name: topology.cluster.clone(), ssh, service };
    let (mut words, mut commands) = (Vec::new(), Vec::new());
    for host in &topology.hosts {
        let context = host_context(&playbook.cluster, host);
        let mut ssh = cluster.ssh.clone();
        ssh.push(context.ssh.clone());
        commands.push(match &playbook.groups {
            Groups::Command(command) => render_command(command, &context, &cluster, params).map_err(said)?,
            _ => [&ssh[..], &["cat".to_owned(), "/etc/machine-id".to_owned()]].concat(),
        });
        words.push(NodeWords { name: host.address.to_string(), ssh, nodetool: Vec::new() });
    }
    if commands.iter().flatten().any(|word| word.contains("‹run.")) {
        return Err(vec!["`groups.command`: `run.id` and `run.reason` are known only in a run".into()]);
    }
    let asker = Arc::new(Asker::new(words, env));
    let mut tasks = JoinSet::new();
    for (node, words) in commands.into_iter().enumerate() {
        let asker = asker.clone();
        tasks.spawn(async move { (node, asker.command(node, words).await) });
    }
    let (mut answers, mut wrong) = (Answers::new(), BTreeMap::new());
    while let Some(done) = tasks.join_next().await {
        let (node, answer) = done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let address = topology.hosts[node].address;
        let answer = answer.map_err(|failure| failure.to_string());
        match answer.and_then(|output| name(&playbook.groups, &output.text)) {
            Ok(name) => drop(answers.insert(address, name)),
            Err(why) => drop(wrong.insert(node, format!("{address}: {why}"))),
        }
    }
    if wrong.is_empty() { Ok(Some(answers)) } else { Err(wrong.into_values().collect()) }
}

/// What one host said, if a group can be told by it: one line of a sensible length; of a machine id 32 digits.
fn name(groups: &Groups, text: &str) -> Result<String, String> {
    let text = text.trim();
    let fits = match groups {
        Groups::MachineId => text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        _ => !text.is_empty() && text.chars().count() <= 100 && !text.chars().any(char::is_control),
    };
    let wanted = if *groups == Groups::MachineId { "a machine id" } else { "one line that names a group" };
    if fits { Ok(text.to_owned()) } else { Err(format!("it gave `{}` where {wanted} was expected", head(text))) }
}
