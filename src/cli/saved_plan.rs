//! A plan from a file: is it one, is it whole, is the cluster still the one it was made for?

use super::cluster::Cluster;
use super::context::Context;
use super::exit::{Exit, Failure};
use super::playbook_file::sha256;
use crate::ask::NodeWords;
use crate::diagnostic::Diagnostic;
use crate::discover::{self, AccessWords};
use crate::plan::model::{Plan, PlanFile};
use crate::plan::{drift, file, lint};
use std::path::Path;

/// JSON with a plan in it; playbooks are YAML with keys of their own.
pub fn is_one(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
}

/// What is wrong when a saved plan is given where a playbook belongs.
pub fn instead_of_a_playbook(bytes: &[u8]) -> Option<Diagnostic> {
    let plan = is_one(bytes) && bytes.windows(6).any(|part| part == b"\"plan\"");
    let help = "`rollbook run FILE` runs exactly it; `rollbook why FILE HOST` says why a host comes when it comes";
    plan.then(|| Diagnostic::error("this is a saved plan, no playbook").help(help))
}

/// Reads a plan whole; one that was edited by hand is refused.
///
/// # Errors
/// 65.
pub fn read(path: &Path, bytes: &[u8]) -> anyhow::Result<PlanFile> {
    let refused = |message: String, help: Option<String>| {
        let failure = Failure::new(Exit::BadFile, format!("`{}`: {message}", path.display()));
        Failure { help, ..failure }
    };
    // Playbooks are read up to a bound; plans of large clusters are longer.
    let whole = std::fs::read(path).unwrap_or_else(|_| bytes.to_vec());
    let file = file::read(&whole).map_err(|found| refused(found.message, found.help))?;
    match lint::check(&file.plan).into_iter().next() {
        Some(broken) => {
            Err(refused(broken, Some("make the plan anew: `rollbook plan PLAYBOOK … --out`".into())).into())
        }
        None => Ok(file),
    }
}

/// Reads cluster and playbook again: a plan is only good for what it was made for.
///
/// # Errors
/// 6 with every difference.
pub async fn still_holds(context: &Context, file: &PlanFile, cluster: &Cluster) -> anyhow::Result<()> {
    let mut differences = Vec::new();
    if let Some(source) = &file.plan.playbook {
        match std::fs::read(&source.path) {
            Ok(bytes) if sha256(&bytes) != source.sha256 => {
                differences.push(format!("the playbook `{}` is another than the plan was made of", source.path));
            }
            Ok(_) => {}
            Err(error) => context
                .say(format_args!("warning: the playbook `{}` is not there to be compared: {error}", source.path)),
        }
    }
    let words = AccessWords::new(words_of(file.plan.clone()));
    let found = discover::discover_noting(&words, &cluster.seeds, cluster.env_for(&file.plan.params), &cluster.ledger)
        .await
        .map_err(super::cluster::not_discovered)?;
    differences.extend(drift::differences(&file.plan, &found.topology));
    if differences.is_empty() {
        return Ok(());
    }
    let list: String = differences.iter().map(|difference| format!("\n  {difference}")).collect();
    Err(Failure::new(Exit::Stale, format!("the plan is stale; nothing was done:{list}"))
        .help("plan again: `rollbook plan PLAYBOOK … --out plan.json`, and review the new one")
        .into())
}

/// The plan's own words for its nodes; a node it does not know is asked as its first one is.
fn words_of(plan: Plan) -> impl Fn(&str) -> Result<NodeWords, crate::diagnostic::Diagnostic> + Send + Sync {
    move |name| {
        let known = plan.nodes.iter().find(|node| node.address.to_string() == name);
        let node = known.or(plan.nodes.first()).expect("a plan that passed its lint has nodes");
        let model = node.address.to_string();
        crate::playbook::template::safe::check(name)
            .map_err(|_| crate::diagnostic::Diagnostic::error(format!("`{name}` cannot be part of a command")))?;
        let of_this = |words: &[String]| -> Vec<String> {
            words.iter().map(|word| if *word == model { name.to_owned() } else { word.clone() }).collect()
        };
        Ok(NodeWords { name: name.to_owned(), ssh: of_this(&node.ssh), nodetool: of_this(&node.nodetool) })
    }
}
