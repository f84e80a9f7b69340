//! A plan on a terminal or in a log: at most about a screen.

use super::{facts, units};
use crate::plan::model::{Plan, PlanFile, Rendered};
use crate::report::plain::{command, terminal};

/// Where the hosts of a wave end and the reason begins, at most.
const HOSTS_WIDTH: usize = 64;
const SCRIPT_LINES: usize = 6;

/// The plan as text. `saved`: where the file was written, and the words that run it.
pub fn plan_text(file: &PlanFile, saved: Option<(&str, &str)>) -> String {
    let mut text = Vec::new();
    header(file, &mut text);
    text.push(String::new());
    waves(file, &mut text);
    text.push(String::new());
    steps(&file.plan, &mut text);
    text.push(String::new());
    block("waits", &facts::waits(&file.plan), &mut text);
    block("limits", &facts::limits(&file.plan), &mut text);
    if let Some(checks) = facts::checks(&file.plan) {
        text.push(format!("  checks  {checks}, besides those always made"));
    }
    block("lock", &facts::lock(&file.plan), &mut text);
    text.push(String::new());
    for warning in &file.plan.warnings {
        text.push(format!("warning: {}", terminal(&warning.message)));
        text.extend(warning.help.as_ref().map(|help| format!("   help: {}", terminal(help))));
    }
    text.push(match saved {
        Some((path, command)) => {
            let (path, command) = (terminal(path), terminal(command));
            format!("plan {} saved to {path}; `{command}` runs exactly this", terminal(&file.hash))
        }
        None => format!("plan {}", terminal(&file.hash)),
    });
    text.join("\n") + "\n"
}

fn block(title: &str, lines: &[String], text: &mut Vec<String>) {
    let titles = std::iter::once(title).chain(std::iter::repeat(""));
    text.extend(titles.zip(lines).map(|(title, line)| format!("  {title:6}  {}", terminal(line))));
}

fn header(file: &PlanFile, text: &mut Vec<String>) {
    let plan = &file.plan;
    let asked = facts::asked(file).map(|asked| format!(", asked of {asked}")).unwrap_or_default();
    text.push(terminal(&format!("{} on cluster {}{asked}", plan.name, plan.cluster)));
    if let Some(description) = &plan.description {
        text.extend(description.trim().lines().map(terminal));
    }
    let not = facts::left_out(file).map(|not| format!("; not: {not}")).unwrap_or_default();
    text.push(terminal(&format!("{} · {}", facts::hosts(plan), facts::releases(plan))));
    text.push(terminal(&format!("protected: {}{not}", facts::protected(plan))));
    text.push(terminal(&format!("placement: {}", facts::placed(file))));
    text.extend(units::groups(plan).map(|groups| terminal(&groups)));
    if let Some(params) = facts::params(plan) {
        text.push(terminal(&format!("with {params}")));
    }
    if let Some(reason) = &plan.accept_outage {
        text.push(terminal(&format!("an outage is accepted: {reason}")));
    }
    text.extend(facts::accepted(plan).iter().map(|line| terminal(line)));
    if plan.reason_required {
        text.push("the run must say why: --reason TEXT".into());
    }
}

fn waves(file: &PlanFile, text: &mut Vec<String>) {
    let plan = &file.plan;
    let waves = &file.estimate.waves;
    let shown: Vec<String> =
        waves.iter().take(facts::WAVES_SHOWN).map(|wave| terminal(&facts::wave_hosts(plan, wave))).collect();
    let width = shown.iter().map(|hosts| hosts.chars().count()).max().unwrap_or(0).clamp(5, HOSTS_WIDTH);
    let reasons = if waves.len() > 1 { "not sooner, because" } else { "" };
    text.push(format!("  wave  {:width$}  {reasons}", "hosts").trim_end().to_string());
    let mut phase = None;
    for (number, (wave, hosts)) in waves.iter().zip(&shown).enumerate() {
        if phase != Some(wave.phase) {
            text.extend(phase_title(plan, wave.phase));
            phase = Some(wave.phase);
        }
        let because = terminal(facts::because(wave));
        if hosts.chars().count() > width && !because.is_empty() {
            text.push(format!("  {:>4}  {hosts}", number + 1));
            text.push(format!("        {:width$}  {because}", ""));
        } else {
            text.push(format!("  {:>4}  {hosts:width$}  {because}", number + 1).trim_end().to_string());
        }
    }
    if waves.len() > shown.len() {
        text.push(format!("        … and {} more waves (all with `--format json`)", waves.len() - shown.len()));
    }
    text.push(terminal(&format!("  {}", facts::bound(file))));
    text.extend(facts::lasts(file).map(|lasts| terminal(&format!("  {lasts}"))));
}

/// A line for each phase of a plan that has several.
fn phase_title(plan: &Plan, phase: usize) -> Option<String> {
    let name = plan.phases.get(phase)?.name.as_ref()?;
    Some(terminal(&format!("  phase {}: {name}", phase + 1)))
}

fn steps(plan: &Plan, text: &mut Vec<String>) {
    for setup in plan.own_setup() {
        text.push(format!("  before  {}   ({} allowed)", command(&setup.run), facts::time(setup.timeout_ms)));
        text.extend(setup.undo.as_ref().map(|undo| format!("  after   {}", command(undo))));
    }
    let names: Vec<String> = plan
        .steps
        .iter()
        .enumerate()
        .map(|(number, step)| terminal(&format!("{} {}", number + 1, step.name)))
        .collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("on each host".len());
    text.push(format!("  {:width$}  allowed  done when", "on each host"));
    for (number, name) in names.iter().enumerate() {
        if let Some(phase) = plan.phases.iter().position(|phase| phase.from == number) {
            text.extend(phase_title(plan, phase));
        }
        let step = &plan.steps[number];
        let allowed = facts::time(step.timeout_ms);
        text.push(format!("  {name:width$}  {allowed:>7}  {}", terminal(&facts::done_when(plan, number))));
        let (words, alike) = facts::command(plan, number);
        if !words.is_empty() {
            let first =
                facts::shown_on(plan, number).map(|target| plan.nodes[plan.hosts[target].node].address.to_string());
            let note =
                if alike { String::new() } else { format!("   (on {}; hosts differ)", first.unwrap_or_default()) };
            text.push(format!("      {}{note}", command(&words)));
        }
        text.extend(facts::undo(plan, number).map(|undo| format!("      when the host ends: {}", command(undo))));
        script(step.script.as_deref(), text);
        if let Some(target) = facts::shown_on(plan, number) {
            environment(&plan.hosts[target].words[number], step.script.is_some(), text);
        }
    }
    let left_out = plan.phases.iter().flat_map(|phase| &phase.left_out);
    text.extend(left_out.map(|left| terminal(&format!("  left out  {left}"))));
}

fn script(script: Option<&str>, text: &mut Vec<String>) {
    let Some(script) = script else { return };
    let lines: Vec<&str> = script.trim_end().lines().collect();
    text.extend(lines.iter().take(SCRIPT_LINES).map(|line| format!("      | {}", terminal(line))));
    if lines.len() > SCRIPT_LINES {
        text.push(format!("      … and {} more lines (all with `--format json`)", lines.len() - SCRIPT_LINES));
    }
}

/// What the author put into the environment; what every script gets is documented, not repeated.
fn environment(words: &Rendered, script: bool, text: &mut Vec<String>) {
    let own = words.env.iter().filter(|(name, _)| !(script && name.starts_with("ROLLBOOK_")));
    text.extend(own.map(|(name, value)| format!("      with {name}={}", command(std::slice::from_ref(value)))));
}
