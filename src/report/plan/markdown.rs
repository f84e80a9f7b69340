//! A plan for a pull request: every text of others is escaped, so that it shows itself and nothing else.

use super::{facts, units};
use crate::plan::model::PlanFile;
use crate::report::plain::{code, command, markdown};

/// The plan as Markdown (GitHub's tables), complete in itself.
pub fn plan_markdown(file: &PlanFile) -> String {
    let mut text = Vec::new();
    head(file, &mut text);
    waves(file, &mut text);
    steps(file, &mut text);
    let list = |title: &str, items: Vec<String>| {
        let items = items.iter().map(|item| format!("* {}", markdown(item)));
        format!("\n**{title}**\n\n{}", items.collect::<Vec<_>>().join("\n"))
    };
    text.push(list("Waits", facts::waits(&file.plan)));
    let mut limits = facts::limits(&file.plan);
    limits.extend(facts::checks(&file.plan).map(|checks| format!("checks {checks}, besides those always made")));
    limits.extend(facts::lock(&file.plan));
    text.push(list("Limits", limits));
    text.push(String::new());
    for warning in &file.plan.warnings {
        text.push(format!("> **Warning:** {}", markdown(&warning.message)));
        text.extend(warning.help.as_ref().map(|help| format!("> <br>help: {}", markdown(help))));
        text.push(String::new());
    }
    text.push(format!("Plan {}", code(&file.hash)));
    text.join("\n") + "\n"
}

fn head(file: &PlanFile, text: &mut Vec<String>) {
    let plan = &file.plan;
    text.push(format!("### {} on cluster {}\n", markdown(&plan.name), markdown(&plan.cluster)));
    if let Some(description) = &plan.description {
        text.push(format!("{}\n", markdown(description.trim())));
    }
    let mut item = |what: &str, value: Option<String>| {
        text.extend(value.map(|value| format!("* {what}{}", markdown(&value))));
    };
    item("", Some(format!("{} · {}", facts::hosts(plan), facts::releases(plan))));
    item("protected: ", Some(facts::protected(plan)));
    item("not protected: ", facts::left_out(file));
    item("asked of ", facts::asked(file));
    item("placement: ", Some(facts::placed(file)));
    item("", units::groups(plan));
    item("with ", facts::params(plan));
    item("an outage is accepted: ", plan.accept_outage.clone());
    facts::accepted(plan).into_iter().for_each(|line| item("", Some(line)));
    item("", plan.reason_required.then(|| "the run must say why".into()));
    let source = plan.playbook.as_ref();
    item("playbook: ", source.map(|source| format!("{} (sha256 {})", source.path, source.sha256)));
}

fn waves(file: &PlanFile, text: &mut Vec<String>) {
    text.push("\n| wave | hosts | not sooner, because |\n|---:|---|---|".into());
    let waves = &file.estimate.waves;
    let mut phase = None;
    for (number, wave) in waves.iter().take(facts::WAVES_SHOWN).enumerate() {
        if phase != Some(wave.phase) {
            phase = Some(wave.phase);
            text.extend(phase_name(file, wave.phase).map(|name| format!("| | **{name}** | |")));
        }
        let hosts = markdown(&facts::wave_hosts(&file.plan, wave));
        text.push(format!("| {} | {hosts} | {} |", number + 1, markdown(facts::because(wave))));
    }
    if let Some(more) = waves.len().checked_sub(facts::WAVES_SHOWN).filter(|more| *more > 0) {
        text.push(format!("| … | and {more} more waves, all in the JSON | |"));
    }
    text.push(format!("\n{}", markdown(&facts::bound(file))));
    text.extend(facts::lasts(file).map(|lasts| format!("\n{}", markdown(&lasts))));
}

/// For a row of its own, where there are several.
fn phase_name(file: &PlanFile, phase: usize) -> Option<String> {
    let name = file.plan.phases.get(phase)?.name.as_ref()?;
    Some(markdown(&format!("phase {}: {name}", phase + 1)))
}

fn steps(file: &PlanFile, text: &mut Vec<String>) {
    let plan = &file.plan;
    text.push("\n| | step | command | allowed | done when |\n|---:|---|---|---:|---|".into());
    for setup in plan.own_setup() {
        let time = facts::time(setup.timeout_ms);
        text.push(format!("| | before all hosts | {} | {time} | exit 0 |", code(&command(&setup.run))));
        text.extend(setup.undo.iter().map(|undo| format!("| | after all hosts | {} | | |", code(&command(undo)))));
    }
    for (number, step) in plan.steps.iter().enumerate() {
        if let Some(phase) = plan.phases.iter().position(|phase| phase.from == number) {
            text.extend(phase_name(file, phase).map(|name| format!("| | **{name}** | | | |")));
        }
        let (words, alike) = facts::command(plan, number);
        let note = if alike { "" } else { " (of the first host; hosts differ)" };
        let what = match (&step.script, words.is_empty()) {
            (Some(script), _) => format!("script of {} lines", script.trim_end().lines().count()),
            (None, true) => String::new(),
            (None, false) => format!("{}{note}", code(&command(&words))),
        };
        let (name, time) = (markdown(&step.name), facts::time(step.timeout_ms));
        text.push(format!(
            "| {} | {name} | {what} | {time} | {} |",
            number + 1,
            markdown(&facts::done_when(plan, number))
        ));
        let undo = facts::undo(plan, number);
        text.extend(undo.map(|undo| format!("| | when the host ends | {} | {time} | |", code(&command(undo)))));
    }
    let left_out = plan.phases.iter().flat_map(|phase| &phase.left_out);
    text.extend(left_out.map(|left| format!("\nleft out: {}", markdown(left))));
}
