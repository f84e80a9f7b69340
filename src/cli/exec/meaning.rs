//! What the flags mean, said as a playbook: one `run` step, and the gate behind it. Pure.

use super::flags::Flags;
use crate::cli::exit::{Exit, Failure};
use crate::playbook::model::{
    Access, Command, DatacenterOrder, Keyspaces, Playbook, Step, StepKind, Strategy, TakesDown, Word,
};
use crate::playbook::{command, defaults, template::safe};
use std::collections::BTreeMap;

/// What had to be looked up outside, by address of a node as the cluster prints it.
#[derive(Clone, Debug, Default)]
pub struct LookedUp {
    /// `--host` and `--host-file`, as addresses.
    pub targets: Vec<String>,
    /// With `--resolve-hostnames`: the name of each node.
    pub names: Option<BTreeMap<String, String>>,
    /// With `--hosts-variables`: the values of each node.
    pub variables: Option<BTreeMap<String, BTreeMap<String, String>>>,
}

/// How nodes are asked. Known before the cluster is.
///
/// # Errors
/// A value that the far shell would read again.
pub fn access(flags: &Flags) -> Result<Access, Failure> {
    let mut access = defaults::access();
    let wanted = &flags.access;
    if let Some(user) = &wanted.ssh_username {
        access.ssh.words.extend([literal("-l"), literal(user)]);
    }
    if let Some(key) = &wanted.ssh_identity_file {
        access.ssh.words.extend([literal("-i"), literal(&key.to_string_lossy())]);
    }
    let mut far: Vec<String> = Vec::new();
    if wanted.use_sudo {
        far.push("sudo".to_owned());
        far.extend(split("--sudo-args", wanted.sudo_args.as_deref().unwrap_or_default())?);
    }
    far.extend(["env", "LC_ALL=C.UTF-8", "nodetool"].map(str::to_owned));
    if let Some(user) = &wanted.jmx_username {
        far.extend(["-u".to_owned(), user.clone()]);
    }
    if let Some(file) = &wanted.jmx_passwordfile {
        far.extend(["-pwf".to_owned(), file.clone()]);
    }
    if let Some(bad) = far.iter().find(|word| safe::check(word.trim_start_matches('-')).is_err()) {
        return Err(Failure::new(Exit::Usage, format!("`{bad}` would be read again by the shell of the node"))
            .help("only letters, digits and `_ @ % + = : , . / -` may stand in it"));
    }
    let words = ["{{ cluster.ssh }}", "{{ host }}"].map(Word::new).into_iter();
    access.nodetool.words =
        words.chain(far.iter().map(|word| literal(word))).chain([Word::new("{{ args }}")]).collect();
    if let Some(keyspace) = &flags.order.key_space {
        access.keyspaces = Keyspaces::Only(vec![keyspace.clone()]);
    }
    access.seeds =
        if flags.hosts.seed_host.is_empty() { flags.hosts.host.clone() } else { flags.hosts.seed_host.clone() };
    Ok(access)
}

/// The whole playbook.
///
/// # Errors
/// A command that cannot be split, a name without a value.
pub fn playbook(flags: &Flags, access: Access, looked_up: &LookedUp) -> Result<Playbook, Failure> {
    let mut playbook = defaults::playbook("exec");
    playbook.cluster = access;
    playbook.targets.hosts = looked_up.targets.clone();
    playbook.targets.datacenters = flags.hosts.dc_filter.iter().cloned().collect();
    (playbook.strategy, playbook.concurrency.datacenters) = order(flags);
    playbook.concurrency.max_hosts = flags.limits.max_concurrency;
    playbook.concurrency.grace = flags.limits.node_done_pause_time.unwrap_or_default();
    playbook.accept_outage = flags.promise.accept_outage.clone();
    let takes_down = flags.promise.expect.as_deref().map(|word| match word {
        "nothing" => TakesDown::Nothing,
        "restart" => TakesDown::Restart,
        _ => TakesDown::Reboot,
    });
    let mut run = step(StepKind::Run, "run");
    run.command = Some(words(flags, looked_up)?);
    run.takes_down = takes_down;
    run.timeout = flags.limits.timeout.unwrap_or(run.timeout);
    playbook.steps = vec![run];
    Ok(playbook)
}

/// The gate that follows a command which takes its node away, or may.
pub fn gate() -> Step {
    step(StepKind::WaitUp, "wait-up")
}

fn step(kind: StepKind, name: &str) -> Step {
    Step {
        kind,
        name: name.to_owned(),
        when: None,
        timeout: defaults::timeout(kind),
        command: None,
        script: None,
        env: BTreeMap::new(),
        ok_exit: defaults::ok_exit(kind),
        expect: None,
        register: None,
        retries: None,
        scope: None,
        message: None,
        poll: defaults::POLL,
        stable: defaults::stable(kind),
        probe: None,
        undo: None,
        idempotent: false,
        takes_down: None,
        on_failure: crate::playbook::model::OnFailure::Stop,
        on_timeout: crate::playbook::model::OnFailure::Stop,
        pause: None,
        span: Default::default(),
    }
}

/// Strategy and data centres: a shortcut fixes both, as in cstar.
fn order(flags: &Flags) -> (Strategy, DatacenterOrder) {
    use DatacenterOrder::{Parallel, Serial};
    let order = &flags.order;
    match order {
        o if o.one => (Strategy::One, Serial),
        o if o.one_per_dc => (Strategy::One, Parallel),
        o if o.topology => (Strategy::Topology, Serial),
        o if o.topology_per_dc => (Strategy::Topology, Parallel),
        o if o.all => (Strategy::All, Parallel),
        _ => {
            let strategy = match order.strategy.as_deref() {
                Some("one") => Strategy::One,
                Some("all") => Strategy::All,
                _ => Strategy::Topology,
            };
            (strategy, if order.dc_parallel { Parallel } else { Serial })
        }
    }
}

/// One word is cstarpar's form and is split as a shell would; several are words already.
fn words(flags: &Flags, looked_up: &LookedUp) -> Result<Command, Failure> {
    let text = match flags.command.as_slice() {
        [one] => one.clone(),
        several => joined(several)?,
    };
    let text = match &looked_up.variables {
        Some(variables) => mark_names(&text, variables)?,
        None => text,
    };
    let mut command = command::from_exec(&text).map_err(|found| {
        let failure = Failure::new(Exit::Usage, format!("the command cannot be run: {}", found.message));
        Failure { help: found.help, ..failure }
    })?;
    for word in &mut command.words {
        word.template = with_values(&word.template, looked_up);
    }
    Ok(command)
}

/// Words typed one by one, as text that splits into them again; a last `&` keeps its meaning.
fn joined(words: &[String]) -> Result<String, Failure> {
    let (last, before) = words.split_last().expect("clap wants at least one word");
    let quoted = shlex::try_join(before.iter().map(String::as_str))
        .map_err(|_| Failure::new(Exit::Usage, "the command holds a NUL character"))?;
    let last = if last == "&" { last.clone() } else { quote(last)? };
    Ok(format!("{quoted} {last}").trim().to_owned())
}

fn quote(word: &str) -> Result<String, Failure> {
    let quoted = shlex::try_quote(word).map_err(|_| Failure::new(Exit::Usage, "the command holds a NUL character"))?;
    Ok(quoted.into_owned())
}

/// Characters of the private use area stand for `{{` and `}}` of a name, so that splitting leaves them alone.
const NAME_MARKS: [char; 2] = ['\u{e000}', '\u{e001}'];

/// Marks every `{{name}}` that some node has a value for; other braces stay text.
fn mark_names(text: &str, variables: &BTreeMap<String, BTreeMap<String, String>>) -> Result<String, Failure> {
    let mut marked = text.to_owned();
    for name in variables.values().flat_map(BTreeMap::keys) {
        marked = marked.replace(&format!("{{{{{name}}}}}"), &format!("{}{name}{}", NAME_MARKS[0], NAME_MARKS[1]));
    }
    if let Some((_, rest)) = marked.split_once("{{")
        && let Some((name, _)) = rest.split_once("}}")
    {
        return Err(Failure::new(Exit::Usage, format!("`{{{{{name}}}}}` has a value for no host"))
            .help("write it into the file of --hosts-variables: {\"host\": {\"name\": \"value\"}}"));
    }
    Ok(marked)
}

/// Puts looked-up values in: each becomes a small table in the template, read at the node's address.
fn with_values(template: &str, looked_up: &LookedUp) -> String {
    let mut template = template.to_owned();
    if let Some(names) = &looked_up.names {
        template = template.replace("{{ host.address }}", &lookup(names));
    }
    for variables in looked_up.variables.iter() {
        for name in variables.values().flat_map(BTreeMap::keys) {
            let of_host = variables.iter().filter_map(|(host, vars)| Some((host.clone(), vars.get(name)?.clone())));
            let marked = format!("{}{name}{}", NAME_MARKS[0], NAME_MARKS[1]);
            template = template.replace(&marked, &lookup(&of_host.collect()));
        }
    }
    template
}

fn lookup(table: &BTreeMap<String, String>) -> String {
    let table = serde_json::to_string(table).expect("text has a JSON form");
    format!("{{{{ {table}[host.address] }}}}")
}

/// Text of the command line in a word, whatever braces it holds.
fn literal(text: &str) -> Word {
    Word::new(text.replace("{{", "{{ \"{\" | word }}{").replace("{%", "{{ \"{\" | word }}%"))
}

fn split(option: &str, text: &str) -> Result<Vec<String>, Failure> {
    shlex::split(text).ok_or_else(|| Failure::new(Exit::Usage, format!("`{option} {text}` has an open quote")))
}

#[cfg(test)]
mod tests;
