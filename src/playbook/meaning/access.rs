//! `cluster`, `lock` and `setup`: how the cluster is reached, and what runs once.

use super::Reading;
use crate::diagnostic::Diagnostic;
use crate::playbook::model::{Access, Command, Keyspaces, Lock, Renewal, SetupStep};
use crate::playbook::template::{Scope, safe};
use crate::playbook::{defaults, written};

impl Reading<'_> {
    pub(super) fn access(&mut self, written: written::Cluster) -> Access {
        let mut access = defaults::access();
        if let Some(ssh) = written.ssh {
            access.ssh = self.ssh(ssh);
        }
        if let Some(nodetool) = written.nodetool {
            access.nodetool = self.command("cluster.nodetool", Scope::Nodetool, &nodetool.0);
            self.nodetool_asks(&access.nodetool);
        }
        if let Some(service) = written.service {
            self.safe_name("cluster.service", &service.0);
            access.service = service.0;
        }
        access.keyspaces = match written.keyspaces {
            None | Some(written::Keyspaces::Word(written::KeyspacesWord::Data)) => Keyspaces::Data,
            Some(written::Keyspaces::Word(written::KeyspacesWord::All)) => Keyspaces::All,
            Some(written::Keyspaces::Only(names)) => Keyspaces::Only(self.safe_names("cluster.keyspaces", names)),
        };
        access.hosts_file = written.hosts.map(|hosts| hosts.0);
        access.seeds = self.safe_names("cluster.seeds", written.seeds);
        access
    }

    /// `cluster.ssh`: a text to split, or words already.
    fn ssh(&mut self, written: written::Words) -> Command {
        let path = "cluster.ssh";
        let items = match written {
            written::Words::List(items) => items,
            written::Words::Text(text) => return self.command(path, Scope::Ssh, &text.0),
        };
        let read =
            |(number, item): (usize, &written::Command)| self.word(&format!("{path}[{number}]"), Scope::Ssh, &item.0);
        let words = items.iter().enumerate().map(read).collect();
        let command = Command { words, background: false, span: self.span(path) };
        if self.findings.is_empty() {
            self.try_words(&command, Scope::Ssh);
        }
        command
    }

    /// Every question to a node goes through this command: it must say where the words of one go, and to whom.
    fn nodetool_asks(&mut self, command: &Command) {
        let has = |name: &str| command.words.iter().any(|word| word.template.contains(name));
        let alone = |word: &str| word.trim_start_matches("{{").trim_end_matches("}}").trim() == "args";
        if !command.words.iter().any(|word| alone(&word.template)) {
            let error = Diagnostic::error("`cluster.nodetool` has no word `{{ args }}`").at(command.span);
            self.findings.push(error.help("end it with `nodetool {{ args }}`: there go the words of each question"));
        } else if !has("host") {
            let error = Diagnostic::error("`cluster.nodetool` asks the same node every time").at(command.span);
            self.findings.push(error.help("name the host: `{{ cluster.ssh }} {{ host }} nodetool {{ args }}`"));
        }
    }

    pub(super) fn setup(&mut self, written: Vec<written::Setup>) -> Vec<SetupStep> {
        let mut steps = Vec::new();
        for (number, step) in written.into_iter().enumerate() {
            let path = format!("setup[{number}]");
            let run = self.command(&format!("{path}.run"), Scope::Setup, &step.run.0);
            let undo = step.undo.map(|undo| self.command(&format!("{path}.undo"), Scope::Setup, &undo.0));
            let timeout = step.timeout.map(|text| self.positive(&format!("{path}.timeout"), &text));
            let timeout = timeout.unwrap_or(defaults::SETUP_TIMEOUT);
            steps.push(SetupStep { run, undo, timeout, span: self.span(&path) });
        }
        steps
    }

    pub(super) fn lock(&mut self, written: written::Lock) -> Lock {
        let acquire = self.command("lock.acquire", Scope::Setup, &written.acquire.0);
        let release = self.command("lock.release", Scope::Setup, &written.release.0);
        if written.renew.is_none() {
            let given = [("every", &written.every), ("timeout", &written.timeout)];
            for (key, _) in given.into_iter().filter(|(_, time)| time.is_some()) {
                let error = Diagnostic::error(format!("`{key}` belongs to `renew`, and this lock has none"));
                self.find(&format!("lock.{key}"), error.help("write `renew: COMMAND`, or leave it out"));
            }
        }
        let renewal = written.renew.map(|renew| {
            let command = self.command("lock.renew", Scope::Setup, &renew.0);
            let every = written.every.map(|text| self.positive("lock.every", &text));
            let timeout = written.timeout.map(|text| self.positive("lock.timeout", &text));
            Renewal {
                command,
                every: every.unwrap_or(defaults::LOCK_EVERY),
                timeout: timeout.unwrap_or(defaults::LOCK_TIMEOUT),
            }
        });
        Lock { acquire, release, renewal }
    }

    fn safe_names(&mut self, path: &str, written: Vec<written::Name>) -> Vec<String> {
        let names = self.names(path, written);
        for (number, name) in names.iter().enumerate() {
            self.safe_name(&format!("{path}[{number}]"), name);
        }
        names
    }

    /// A name that goes into a command as it is.
    fn safe_name(&mut self, path: &str, name: &str) {
        if name.contains("{{") {
            let error = Diagnostic::error("no template is read here");
            return self.find(path, error.help("write the name itself"));
        }
        if let Err(why) = safe::check(name) {
            let error = Diagnostic::error(format!("`{}` goes into commands: {why}", name.escape_debug()));
            self.find(path, error.help("write ASCII letters, digits and `_ @ % + = : , . / -` only"));
        }
    }
}
