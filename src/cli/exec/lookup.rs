//! What exec's flags name outside of rollbook: files, the resolver, local scripts.

use super::flags::Flags;
use super::meaning::LookedUp;
use crate::cli::context::tell;
use crate::cli::exit::{Exit, Failure};
use crate::playbook::model::Playbook;
use crate::topology::model::Topology;
use anyhow::Context as _;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// A script longer than this is not looked into: then the guess is `unknown`.
const SCRIPT_LIMIT: u64 = 1 << 20;
/// For one name. Slow name servers must not hold a run for long.
const RESOLVER_PATIENCE: Duration = Duration::from_secs(5);

/// The hosts of `--host` and `--host-file`, as typed.
pub fn wanted_hosts(flags: &Flags) -> anyhow::Result<Vec<String>> {
    let mut hosts = flags.hosts.host.clone();
    if let Some(path) = &flags.hosts.host_file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::new(Exit::BadFile, format!("`{}` cannot be read: {error}", path.display())))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        hosts.extend(lines.map(str::to_owned));
        if hosts.is_empty() {
            return Err(Failure::new(Exit::BadFile, format!("`{}` names no host", path.display())).into());
        }
    }
    Ok(hosts)
}

/// The addresses of a name; of an address, itself.
pub async fn addresses(name: &str) -> anyhow::Result<BTreeSet<IpAddr>> {
    if let Ok(address) = name.trim_matches(['[', ']']).parse() {
        return Ok(BTreeSet::from([address]));
    }
    let found = tokio::time::timeout(RESOLVER_PATIENCE, tokio::net::lookup_host((name, 0))).await;
    let unknown = || Failure::new(Exit::Usage, format!("`{name}` has no address: the resolver does not know it"));
    let found = found.map_err(|_| unknown())?.map_err(|_| unknown())?;
    Ok(found.map(|socket| socket.ip()).collect())
}

/// The one host of the cluster that a name means.
async fn host_of(name: &str, topology: &Topology) -> anyhow::Result<Option<IpAddr>> {
    let known = addresses(name).await?;
    Ok(topology.hosts.iter().map(|host| host.address).find(|address| known.contains(address)))
}

/// Which of the wanted hosts are nodes of this cluster; the others are returned too.
pub async fn targets(wanted: &[String], topology: &Topology) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
    for name in wanted {
        match host_of(name, topology).await? {
            Some(address) => here.push(address.to_string()),
            None => elsewhere.push(name.clone()),
        }
    }
    here.sort();
    here.dedup();
    Ok((here, elsewhere))
}

/// Names, values and targets for the nodes of one cluster.
pub async fn look_up(flags: &Flags, targets: Vec<String>, topology: &Topology) -> anyhow::Result<LookedUp> {
    let mut looked_up = LookedUp { targets, ..LookedUp::default() };
    if flags.access.resolve_hostnames {
        let mut names = BTreeMap::new();
        for host in &topology.hosts {
            let name = name_of(host.address).await.unwrap_or_else(|| {
                tell(format_args!("warning: {} has no name; its address is used", host.address));
                host.address.to_string()
            });
            names.insert(host.address.to_string(), name);
        }
        looked_up.names = Some(names);
    }
    if let Some(path) = &flags.access.hosts_variables {
        looked_up.variables = Some(variables(path, topology).await?);
    }
    Ok(looked_up)
}

/// By `getent`, which asks whatever this machine is set up to ask (files, DNS, …).
async fn name_of(address: IpAddr) -> Option<String> {
    let mut getent = tokio::process::Command::new("getent");
    getent.args(["hosts", &address.to_string()]).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(RESOLVER_PATIENCE, getent.output()).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().nth(1).map(str::to_owned)
}

/// `{"host": {"name": "value"}}`, hosts by name or address.
async fn variables(path: &Path, topology: &Topology) -> anyhow::Result<BTreeMap<String, BTreeMap<String, String>>> {
    let refused = |what: String| {
        Failure::new(Exit::BadFile, format!("`{}`: {what}", path.display()))
            .help("it is JSON of the form {\"host\": {\"name\": \"value\"}}")
    };
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    let read: BTreeMap<String, BTreeMap<String, serde_json::Value>> =
        serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
    let mut variables = BTreeMap::new();
    for (host, values) in read {
        let Some(address) = host_of(&host, topology).await.context("in --hosts-variables")? else { continue };
        let mut texts = BTreeMap::new();
        for (name, value) in values {
            let text = match value {
                serde_json::Value::String(text) => text,
                serde_json::Value::Number(number) => number.to_string(),
                other => return Err(refused(format!("`{host}`: `{name}` is {other}, and not a text")).into()),
            };
            texts.insert(name, text);
        }
        variables.insert(address.to_string(), texts);
    }
    Ok(variables)
}

/// Texts of local files that the command names: the guess of what it takes away looks into them.
pub fn scripts(playbook: &Playbook) -> BTreeMap<String, String> {
    let commands = playbook.steps.iter().filter_map(|step| step.command.as_ref());
    let words = commands.flat_map(|command| &command.words).map(|word| word.template.as_str());
    words.filter_map(|word| Some((word.to_owned(), script(Path::new(word))?))).collect()
}

fn script(path: &Path) -> Option<String> {
    let file = std::fs::metadata(path).ok().filter(|file| file.is_file() && file.len() <= SCRIPT_LIMIT)?;
    let _ = file;
    std::fs::read_to_string(path).ok()
}
