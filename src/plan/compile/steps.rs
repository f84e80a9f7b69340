//! The chain: which steps take part, what each takes away, and its words on every host.

use super::nodes::host_context;
use super::{Options, milliseconds, until};
use crate::diagnostic::{Diagnostic, Span};
use crate::plan::model::{Rendered, Step};
use crate::playbook::model::{Command, Playbook, Step as Written, StepKind, TakesDown, When};
use crate::playbook::template::{self, ClusterContext, HostContext, Params};
use crate::playbook::{defaults, eval_when, guess, reads_of_hosts};
use crate::topology::model::{Host, HostIx, Topology};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The steps, and their words: one list a host, in the given order of hosts.
pub struct Chain {
    pub steps: Vec<Step>,
    pub left_out: Vec<String>,
    pub words: Vec<Vec<Rendered>>,
}

/// # Errors
/// A `when` that cannot be decided, a value that no command may hold, a chain that leaves a host unproved.
pub fn chain(
    playbook: &Playbook,
    topology: &Topology,
    order: &[HostIx],
    cluster: &ClusterContext,
    params: &Params,
    options: &Options,
) -> Result<Chain, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let (mut taken, mut left_out) = (Vec::new(), Vec::new());
    let goal = playbook.until.as_ref().map(|goal| until::step(goal, &playbook.cluster));
    let hosts: Vec<HostContext> =
        order.iter().map(|host| host_context(&playbook.cluster, &topology.hosts[*host])).collect();
    let mut registers = BTreeSet::new();
    for step in goal.iter().chain(&playbook.steps) {
        let part = match &step.when {
            None => Ok(Part::All),
            Some(when) => part(when, &hosts, params, &registers),
        };
        match part {
            Ok(Part::Nobody) => left_out.push(format!("{}: `{}` is false", step.name, expression(step))),
            Ok(part) => {
                taken.push((step, part));
                registers.extend(step.register.clone());
            }
            Err(error) => errors.push(error),
        }
    }
    if taken.is_empty() && errors.is_empty() {
        errors.push(Diagnostic::error("no step is left to do: every `when` is false"));
    }
    let (mut steps, mut spans, mut columns) = (Vec::new(), Vec::new(), Vec::new());
    let mut registered = BTreeSet::new();
    for (step, part) in &taken {
        let of = |(ix, host): (usize, &HostContext)| match part {
            Part::Some(hosts) if !hosts.contains(&ix) => {
                Ok(Rendered { left_out: Some(expression(step).to_owned()), ..Rendered::default() })
            }
            _ => words(step, host, cluster, params, &registered),
        };
        let rendered: Result<Vec<Rendered>, Diagnostic> = hosts.iter().enumerate().map(of).collect();
        registered.extend(step.register.clone());
        match rendered {
            Ok(column) => {
                let when = matches!(part, Part::Later).then(|| expression(step).to_owned());
                let planned = Step { when, ..planned(step, &column, options) };
                if let Some(undo) = step.undo.as_ref().filter(|_| planned.disruptive()) {
                    let message = format!("`undo` beside `{}`, which takes the host away, or may", step.name);
                    let help = "a `run` that takes nothing down says so: `takes-down: nothing`";
                    errors.push(Diagnostic::error(message).at(undo.span).help(help));
                }
                steps.push(planned);
                spans.push(step.span);
                columns.push(column);
            }
            Err(error) => errors.push(error), // of the first host: the others would say the same
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    gate(&mut steps, &mut columns, &spans, hosts.len(), options)?;
    let words = (0..hosts.len()).map(|host| columns.iter().map(|column| column[host].clone()).collect()).collect();
    Ok(Chain { steps, left_out, words })
}

/// On which hosts a step is done.
enum Part {
    All,
    Nobody,
    /// By their place in the order.
    Some(BTreeSet<usize>),
    /// What a step before it registers decides, on each host.
    Later,
}

fn part(when: &When, hosts: &[HostContext], params: &Params, registers: &BTreeSet<String>) -> Result<Part, Diagnostic> {
    let read = template::vars_in(&when.expression);
    if let Some((host, name)) =
        hosts.iter().find_map(|host| Some((host, read.iter().find(|name| !given(host, name, registers))?)))
    {
        return Err(nobody_gives(host, name).at(when.span));
    }
    if read.is_empty() {
        return Ok(if eval_when(when, params, &BTreeMap::new())? { Part::All } else { Part::Nobody });
    }
    if read.iter().any(|name| registers.contains(name)) {
        return Ok(Part::Later);
    }
    let mut some = BTreeSet::new();
    for (ix, host) in hosts.iter().enumerate() {
        if eval_when(when, params, &values(host))? {
            some.insert(ix);
        }
    }
    Ok(match some.len() {
        0 => Part::Nobody,
        all if all == hosts.len() => Part::All,
        _ => Part::Some(some),
    })
}

fn given(host: &HostContext, name: &String, registers: &BTreeSet<String>) -> bool {
    registers.contains(name) || host.vars.contains_key(name)
}

fn nobody_gives(host: &HostContext, name: &str) -> Diagnostic {
    let help =
        format!("add it to the file of `cluster.hosts`: `{}: {{ vars: {{ {name}: \"VALUE\" }} }}`", host.address);
    Diagnostic::error(format!("{} has no variable `{name}`", host.address)).help(help)
}

fn values(host: &HostContext) -> BTreeMap<String, String> {
    host.vars.iter().map(|(name, var)| (name.clone(), var.value.clone())).collect()
}

/// The variables of a host as a file gives them: those that the playbook reads.
pub fn vars(playbook: &Playbook, host: &Host) -> BTreeMap<String, String> {
    let steps = playbook.parts().into_iter().flat_map(|(_, book)| &book.steps);
    let read: BTreeSet<String> = steps.flat_map(reads_of_hosts).map(|(name, _)| name).collect();
    let mut vars = values(&host_context(&playbook.cluster, host));
    vars.retain(|name, _| read.contains(name));
    vars
}

/// Between two polls before a host is taken out: as in the chain's gate.
pub fn poll(playbook: &Playbook, options: &Options) -> Duration {
    let steps = playbook.parts().into_iter().flat_map(|(_, part)| &part.steps);
    let gate = steps.into_iter().find(|step| step.kind == StepKind::WaitUp);
    options.poll.unwrap_or(gate.map_or(defaults::POLL, |step| step.poll))
}

/// A last word `&` stays: whoever starts the command knows that its end is not waited for.
pub fn setup_words(command: &Command, cluster: &ClusterContext, params: &Params) -> Result<Vec<String>, Diagnostic> {
    Ok(with_background(command, template::render_setup(command, cluster, params)?))
}

fn words(
    step: &Written,
    host: &HostContext,
    cluster: &ClusterContext,
    params: &Params,
    registered: &BTreeSet<String>,
) -> Result<Rendered, Diagnostic> {
    let read = reads_of_hosts(step);
    if let Some((name, span)) = read.into_iter().find(|(name, _)| !given(host, name, registered)) {
        return Err(nobody_gives(host, &name).at(span));
    }
    let render = |command: &Command| {
        let words = template::render_command(command, host, cluster, params)?;
        Ok::<_, Diagnostic>(with_background(command, words))
    };
    let mut env = template::render_env(&step.env, host, cluster, params)?;
    if step.script.is_some() {
        for (name, value) in template::script_env(host, cluster, params, registered) {
            env.entry(name).or_insert(value);
        }
    }
    Ok(Rendered {
        left_out: None,
        command: step.command.as_ref().map(render).transpose()?.unwrap_or_default(),
        env,
        probe: step.probe.as_ref().map(render).transpose()?,
        undo: step.undo.as_ref().map(render).transpose()?,
        expect: match &step.expect {
            Some(word) => Some(template::render_pattern(word, host, cluster, params)?),
            None => None,
        },
    })
}

fn with_background(command: &Command, mut words: Vec<String>) -> Vec<String> {
    if command.background {
        words.push("&".into());
    }
    words
}

fn planned(step: &Written, column: &[Rendered], options: &Options) -> Step {
    let (takes_down, guessed) = takes_down(step, column, options);
    let poll = match step.kind {
        StepKind::WaitUp | StepKind::WaitDown | StepKind::Verify => options.poll.unwrap_or(step.poll),
        _ => step.poll,
    };
    // A pause waits for nothing but time: its deadline is its end.
    let timeout = if step.kind == StepKind::Pause { step.pause.unwrap_or_default() } else { step.timeout };
    Step {
        kind: step.kind,
        when: None,
        name: step.name.clone(),
        timeout_ms: milliseconds(timeout).max(1),
        poll_ms: milliseconds(poll),
        stable: step.stable,
        ok_exit: step.ok_exit.clone(),
        on_failure: step.on_failure,
        on_timeout: step.on_timeout,
        idempotent: step.idempotent,
        takes_down,
        guessed,
        pause_ms: step.pause.filter(|_| step.kind == StepKind::Pause).map(milliseconds),
        script: step.script.clone(),
        register: step.register.clone(),
        retries: step.retries,
        scope: step.scope,
        message: step.message.clone(),
    }
}

fn takes_down(step: &Written, column: &[Rendered], options: &Options) -> (TakesDown, Option<String>) {
    match step.kind {
        StepKind::Drain | StepKind::Stop | StepKind::Start | StepKind::Restart => (TakesDown::Restart, None),
        StepKind::Reboot => (TakesDown::Reboot, None),
        StepKind::Run => match step.takes_down {
            Some(said) => (said, None),
            None => guessed(step, column, options),
        },
        _ => (TakesDown::Nothing, None),
    }
}

/// The guess for the words of each host; where hosts differ nobody knows.
fn guessed(step: &Written, column: &[Rendered], options: &Options) -> (TakesDown, Option<String>) {
    let done = column.iter().filter(|words| words.left_out.is_none());
    let mut guesses = done.map(|words| guess(step, words, options));
    let Some(first) = guesses.next() else { return (TakesDown::Unknown, Some("there is no host".into())) };
    if guesses.any(|other| other.0 != first.0) {
        return (TakesDown::Unknown, Some("its words differ from host to host".into()));
    }
    (first.0, Some(first.1))
}

/// From the words, and from the text of a script: the step's own, or a local one that a word names.
fn guess(step: &Written, words: &Rendered, options: &Options) -> (TakesDown, String) {
    let named = || words.command.iter().find_map(|word| options.scripts.get(word).map(String::as_str));
    guess::takes_down(&words.command, step.script.as_deref().or_else(named))
}

/// After the last step that takes the host away comes its proof.
fn gate(
    steps: &mut Vec<Step>,
    columns: &mut Vec<Vec<Rendered>>,
    spans: &[Span],
    hosts: usize,
    options: &Options,
) -> Result<(), Vec<Diagnostic>> {
    let last_gate = steps.iter().rposition(|step| step.kind == StepKind::WaitUp);
    let last = steps.iter().rposition(Step::disruptive);
    let Some(open) = last.filter(|last| last_gate.is_none_or(|gate| gate < *last)) else { return Ok(()) };
    if let Some(gate) = &options.gate {
        steps.push(planned(gate, &[], options));
        columns.push(vec![Rendered::default(); hosts]);
        return Ok(());
    }
    let what = match &steps[open].guessed {
        Some(why) => format!("`{}` counts as taking the host away ({why})", steps[open].name),
        None => format!("`{}` takes the host away", steps[open].name),
    };
    let error = Diagnostic::error(format!("{what}, and no `wait-up` follows it")).at(spans[open]);
    Err(vec![error.help("add `- wait-up` after it, or `takes-down: nothing` beside a `run` that takes nothing down")])
}

fn expression(step: &Written) -> &str {
    step.when.as_ref().map_or("", |when| when.expression.as_str())
}
