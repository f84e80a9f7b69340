//! Can every host be worked on? Asked before anything disruptive; changes nothing.

use crate::ask::{Asker, Failure, Heard, Reason};
use crate::diagnostic::Severity;
use crate::job::event::Question;
use crate::job::view::Answer;
use crate::plan::model::{NodeIx, Plan, Target, TargetIx};
use crate::playbook::model::{StepKind, TakesDown};
use crate::topology::nodetool::parse_netstats;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::task::JoinSet;

/// What was found, and what was heard on the way.
#[derive(Clone, Debug, Default)]
pub struct Preflight {
    /// Sorted by target and check; empty: nothing stands in the way.
    pub findings: Vec<PreflightFinding>,
    /// Whom each host reaches: a run that begins at once need not ask for it again.
    pub heard: Vec<Heard>,
}

/// What stands in the way of a run on one host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PreflightFinding {
    pub target: TargetIx,
    pub node: NodeIx,
    /// An error forbids the run.
    pub severity: Severity,
    pub check: PreflightCheck,
    /// A lower-case fragment that names the host.
    pub message: String,
    pub help: String,
}

/// In the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PreflightCheck {
    /// ssh without a prompt.
    Ssh,
    /// Two nodes on one machine are one group.
    Machine,
    /// A group of one machine still is one.
    Group,
    /// `sudo` without a password.
    Sudo,
    /// The service starts at boot.
    Enabled,
    /// The node serves.
    Mode,
}

/// What one host is asked; the same words for every host.
#[derive(Clone, Debug)]
struct Wanted {
    /// Severity of a `sudo` that asks; None: no step needs it.
    sudo: Option<Severity>,
    enabled: Option<(String, Severity)>,
    mode: Severity,
    /// Is it to say whom it reaches? Before anything is taken out every node is asked that.
    reach: bool,
}

/// Makes the preflight of the targets given, all at once within the limits of the asker, which must be of
/// this plan's nodes.
pub async fn preflight(asker: &Arc<Asker>, plan: &Plan, targets: &[TargetIx]) -> Preflight {
    let mut tasks = JoinSet::new();
    for &target in targets {
        let node = plan.hosts[target].node;
        let host = Host { asker: asker.clone(), target, node, address: plan.nodes[node].address };
        let wanted = Wanted::of(plan, &plan.hosts[target]);
        tasks.spawn(async move { host.asked(&wanted).await });
    }
    let Preflight { mut findings, mut heard } = Preflight::default();
    let mut machines: BTreeMap<String, Vec<(TargetIx, NodeIx)>> = BTreeMap::new();
    while let Some(done) = tasks.join_next().await {
        // A task ends early only when it panics, and that is passed on.
        let seen = done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        findings.extend(seen.findings);
        heard.extend(seen.heard);
        if let Some(machine) = seen.machine {
            machines.entry(machine).or_default().push((seen.target, seen.node));
        }
    }
    findings.extend(machines_and_groups(asker, plan, machines.into_values().collect()));
    findings.sort();
    Preflight { findings, heard }
}

/// Nodes of one machine are one group; and those that were one by their machine id still are.
fn machines_and_groups(asker: &Asker, plan: &Plan, machines: Vec<Vec<(TargetIx, NodeIx)>>) -> Vec<PreflightFinding> {
    let mut findings = Vec::new();
    let mut find = |target, node, check, message, help: &str| {
        findings.push(PreflightFinding { target, node, severity: Severity::Error, check, message, help: help.into() });
    };
    for nodes in &machines {
        let mut nodes = nodes.clone();
        nodes.sort_unstable();
        let first = nodes[0].1;
        for &(target, node) in &nodes[1..] {
            if plan.group(first).is_some_and(|group| group.nodes.contains(&node)) {
                continue;
            }
            let message =
                format!("{} and {} are nodes on one machine, and no group", asker.name(first), asker.name(node));
            let help = "`groups: machine-id` in the playbook makes one unit of the nodes of each machine; after cloned \
                        machines write a new /etc/machine-id (`systemd-machine-id-setup`)";
            find(target, node, PreflightCheck::Machine, message, help);
        }
    }
    let machine_of = |node: NodeIx| machines.iter().position(|nodes| nodes.iter().any(|(_, of)| *of == node));
    for group in plan.groups.iter().filter(|group| group.by_machine_id) {
        let asked = plan.hosts.iter().enumerate().filter(|(_, target)| group.nodes.contains(&target.node));
        let known: Vec<_> =
            asked.filter_map(|(ix, target)| Some((ix, target.node, machine_of(target.node)?))).collect();
        let Some((_, first, machine)) = known.first() else { continue };
        for (target, node, _) in known.iter().filter(|(_, _, other)| other != machine) {
            let (a, b) = (asker.name(*first), asker.name(*node));
            let message = format!("{a} and {b} were on one machine when the plan was made, and are not now");
            find(*target, *node, PreflightCheck::Group, message, "make a new plan");
        }
    }
    findings
}

impl Wanted {
    fn of(plan: &Plan, target: &Target) -> Wanted {
        let far = |words: &[String]| words.iter().skip(1).any(|word| names_sudo(word));
        let commands = || target.words.iter().flat_map(|words| [Some(&words.command), words.probe.as_ref()]).flatten();
        let sudo = if commands().any(|words| far(words)) {
            Some(Severity::Error)
        } else if plan.steps.iter().any(|step| step.script.as_deref().is_some_and(names_sudo)) {
            // A script may mean the sudo of this machine.
            Some(Severity::Warning)
        } else {
            None
        };
        let reboots =
            |step: &crate::plan::model::Step| step.kind == StepKind::Reboot || step.takes_down == TakesDown::Reboot;
        let last = plan.steps.iter().rposition(reboots);
        let enabled = last.map(|at| {
            let started = |step: &crate::plan::model::Step| matches!(step.kind, StepKind::Start | StepKind::Restart);
            let later = plan.steps[at..].iter().any(started);
            (plan.service.clone(), if later { Severity::Warning } else { Severity::Error })
        });
        let mode = if plan.ignore_down { Severity::Warning } else { Severity::Error };
        let reach = plan.phases.first().is_some_and(|phase| phase.disruptive(plan));
        Wanted { sudo, enabled, mode, reach }
    }
}

fn is_machine_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// `sudo` as a word of its own anywhere in the text.
fn names_sudo(text: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c))).any(|word| word == "sudo")
}

struct Host {
    asker: Arc<Asker>,
    target: TargetIx,
    node: NodeIx,
    address: IpAddr,
}

struct Seen {
    target: TargetIx,
    node: NodeIx,
    machine: Option<String>,
    findings: Vec<PreflightFinding>,
    heard: Option<Heard>,
}

impl Host {
    async fn asked(self, wanted: &Wanted) -> Seen {
        let (target, node) = (self.target, self.node);
        let mut seen = Seen { target, node, machine: None, findings: Vec::new(), heard: None };
        seen.machine = self.all_well(wanted).await;
        if seen.machine.is_none() {
            match self.asker.ssh(node, &["cat", "/etc/machine-id"]).await {
                Ok(output) => seen.machine = self.machine(output.text.trim(), &mut seen.findings),
                Err(failure) => {
                    // Without ssh the other answers would say the same once more.
                    let help = "try the words by hand on this machine; `cluster.ssh` says how hosts are reached";
                    let message = failure.to_string();
                    seen.findings.push(self.finding(Severity::Error, PreflightCheck::Ssh, message, help));
                    return seen;
                }
            }
            if let Some(severity) = wanted.sudo {
                seen.findings.extend(self.sudo(severity).await);
            }
            if let Some((service, severity)) = &wanted.enabled {
                seen.findings.extend(self.enabled(service, *severity).await);
            }
        }
        let serves = if wanted.reach {
            let heard = self.reach().await;
            let serves = matches!(&heard.answer, Answer::Describe(view) if !view.unreachable.contains(&self.address));
            seen.heard = Some(heard);
            serves
        } else {
            false
        };
        if !serves {
            seen.findings.extend(self.mode(wanted.mode).await);
        }
        seen
    }

    /// Whom it reaches; one that does not serve names itself among those that it cannot reach (lab: a drained one, 4.1
    /// and 5.0). Whatever it says is handed on: it is newer than what was heard before.
    async fn reach(&self) -> Heard {
        let reply = self.asker.ask(self.node, Question::Describe).await;
        let (node, question) = (self.node, Question::Describe);
        Heard { node, question, answer: reply.answer, asked: reply.asked, at: reply.at }
    }

    /// All of it in one session, which gives the machine's id when nothing stands in the way. Otherwise one thing after
    /// the other is asked, to find what does.
    async fn all_well(&self, wanted: &Wanted) -> Option<String> {
        let mut far = vec!["cat /etc/machine-id".to_owned()];
        far.extend(wanted.sudo.map(|_| "sudo -n true".to_owned()));
        far.extend(wanted.enabled.as_ref().map(|(service, _)| format!("systemctl is-enabled {service}")));
        let said = self.asker.ssh(self.node, &[&far.join(" && ")]).await.ok()?.text;
        let (id, state) = said.split_once('\n')?;
        let expected = if wanted.enabled.is_some() { "enabled" } else { "" };
        (is_machine_id(id.trim()) && state.trim() == expected).then(|| id.trim().to_ascii_lowercase())
    }

    fn finding(&self, severity: Severity, check: PreflightCheck, message: String, help: &str) -> PreflightFinding {
        PreflightFinding { target: self.target, node: self.node, severity, check, message, help: help.into() }
    }

    fn machine(&self, id: &str, findings: &mut Vec<PreflightFinding>) -> Option<String> {
        if is_machine_id(id) {
            return Some(id.to_ascii_lowercase());
        }
        let name = self.asker.name(self.node);
        let message = format!("{name} gave `{}` where the machine id was expected", crate::ask::head(id));
        let help = "`cat /etc/machine-id` there must print 32 hexadecimal digits and nothing else";
        findings.push(self.finding(Severity::Error, PreflightCheck::Machine, message, help));
        None
    }

    async fn sudo(&self, severity: Severity) -> Option<PreflightFinding> {
        let failure = self.asker.ssh(self.node, &["sudo", "-n", "true"]).await.err()?;
        let help = "a step uses sudo: allow it without a password for this user (NOPASSWD in sudoers)";
        Some(self.finding(severity, PreflightCheck::Sudo, failure.to_string(), help))
    }

    async fn enabled(&self, service: &str, severity: Severity) -> Option<PreflightFinding> {
        let name = self.asker.name(self.node);
        let finding = |severity, message| {
            let help = format!("`sudo systemctl enable {service}` there, or name the unit in `cluster.service`");
            Some(self.finding(severity, PreflightCheck::Enabled, message, &help))
        };
        let said = match self.asker.ssh(self.node, &["systemctl", "is-enabled", service]).await {
            Ok(output) => output.text.trim().to_owned(),
            // `disabled` and `masked` come with exit status 1.
            Err(Failure { reason: Reason::Exit(_), stdout, .. }) if !stdout.trim().is_empty() => stdout.trim().into(),
            Err(failure) => return finding(severity, failure.to_string()),
        };
        match said.as_str() {
            "enabled" | "alias" | "generated" => None,
            // Something else may start them; nobody can tell from here.
            "static" | "indirect" => {
                let message =
                    format!("`{service}` on {name} is `{said}`: it starts at boot only if something asks for it");
                finding(Severity::Warning, message)
            }
            _ => finding(
                severity,
                format!("`{service}` on {name} is `{}` and does not start at boot", crate::ask::head(&said)),
            ),
        }
    }

    async fn mode(&self, severity: Severity) -> Option<PreflightFinding> {
        let name = self.asker.name(self.node);
        let message = match self.asker.parsed(self.node, &["netstats"], parse_netstats).await {
            Ok(view) if view.mode == "NORMAL" => return None,
            Ok(view) if view.mode == "DECOMMISSION_FAILED" => {
                let message = format!("{name} failed to leave the cluster (`Mode: {}`), and serves", view.mode);
                let help = "finish or give up the decommission before long";
                return Some(self.finding(Severity::Warning, PreflightCheck::Mode, message, help));
            }
            Ok(view) => format!("{name} is in mode `{}` and does not serve", view.mode),
            Err(sentence) => sentence,
        };
        let help = "bring the node back first, or leave it out of `targets`";
        Some(self.finding(severity, PreflightCheck::Mode, message, help))
    }
}

#[cfg(test)]
mod tests {
    use super::names_sudo;

    #[test]
    fn sudo_is_a_word_of_its_own() {
        for text in ["sudo", "sudo reboot &", "sh -c 'x;sudo y'", "/usr/bin/sudo reboot", "true && sudo -n x"] {
            assert!(names_sudo(text), "{text}");
        }
        for text in ["", "pseudo", "sudoers", "sudo-wrapper", "visudo x", "my_sudo"] {
            assert!(!names_sudo(text), "{text}");
        }
    }
}
