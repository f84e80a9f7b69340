//! Commands of the file: split, their names judged, and rendered once with sample values.

use super::Reading;
use crate::diagnostic::Diagnostic;
use crate::playbook::command::{split_placed, unsplit_placed};
use crate::playbook::document::{Node, Places};
use crate::playbook::model::{Access, Command, Param, ParamType, Word};
use crate::playbook::params::check_value;
use crate::playbook::secret;
use crate::playbook::template::{self, ClusterContext, Declared, HostContext, HostVar, Params, Scope};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Values to try templates with before there is a cluster: of the right types, and safe but for texts.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    pub host: HostContext,
    pub cluster: ClusterContext,
    pub params: Params,
    pub kinds: BTreeMap<String, ParamType>,
}

impl Samples {
    pub fn take_params(&mut self, params: &BTreeMap<String, Param>) {
        self.kinds = params.iter().map(|(name, param)| (name.clone(), param.kind)).collect();
        self.params = params.iter().map(|(name, param)| (name.clone(), sample(param))).collect();
        let word = || "sample".to_owned();
        let address = || "192.0.2.1".to_owned();
        self.host = HostContext {
            address: address(),
            ssh: address(),
            name: word(),
            id: word(),
            datacenter: word(),
            rack: word(),
            vars: BTreeMap::new(),
        };
        self.cluster = ClusterContext { name: word(), ssh: vec!["ssh".to_owned()], service: word() };
    }

    pub fn take_cluster(&mut self, access: &Access) {
        self.cluster.service = access.service.clone();
        let rendered = template::render_ssh(&access.ssh, &self.params);
        self.cluster.ssh = rendered.unwrap_or_else(|_| vec!["ssh".to_owned()]);
    }

    /// The names that templates and `when` may read.
    pub fn declared(&self) -> Declared<'_> {
        let names = self.kinds.keys().map(String::as_str).collect();
        Declared { names, secrets: secret::sources(&self.params).into_keys().collect() }
    }

    /// Every variable of the host that an expression reads, as some text.
    pub fn vars_of(&self, expression: &str) -> BTreeMap<String, String> {
        template::vars_in(expression).into_iter().map(|name| (name, "sample".to_owned())).collect()
    }

    /// Variables that only the file of hosts can give: known before the run, so that a pattern may hold them.
    pub fn take_hosts_file(&mut self, source: &str, registered: &BTreeSet<&str>) {
        for (at, start) in source.match_indices("host.vars.") {
            let rest = &source[at + start.len()..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            if !registered.contains(&rest[..end]) {
                let sample = HostVar { value: "sample".to_owned(), place: String::new() };
                self.host.vars.insert(rest[..end].to_owned(), sample);
            }
        }
    }

    /// The words a step's command would have on some host.
    pub fn words(&self, command: &Command) -> Result<Vec<String>, Diagnostic> {
        template::render_command(command, &self.host, &self.cluster, &self.params)
    }
}

fn sample(param: &Param) -> serde_json::Value {
    if let Some(source) = &param.secret {
        return source.stand_in();
    }
    // A default that is wrong has its own finding.
    let default = param.default.clone().filter(|default| check_value("", param, default).is_ok());
    match param.kind {
        // Any text may hold anything: whoever uses it bare is told before a run gives it.
        ParamType::Text => json!("any text"),
        ParamType::String => default.unwrap_or(json!("sample")),
        ParamType::Bool => default.unwrap_or(json!(true)),
        ParamType::Int => default.unwrap_or(json!(1)),
        ParamType::List => default.unwrap_or(json!(["sample"])),
    }
}

impl Reading<'_> {
    /// The command at a path, `written` as the second parser read it; a stand-in where it cannot be read,
    /// which is then a finding.
    pub(super) fn command(&mut self, path: &str, scope: Scope, written: &str) -> Command {
        let stand_in = || Command::of(&["true"]);
        let Some(node) = self.same(path, written) else { return stand_in() };
        let places = Places::of(self.source, &node);
        match split_placed(node.text().unwrap_or_default(), &|range| places.span(range)) {
            Ok(command) => {
                self.try_words(&command, scope);
                command
            }
            Err(finding) => {
                self.find(path, finding);
                stand_in()
            }
        }
    }

    /// One word as it stands, such as the value of an environment variable.
    pub(super) fn word(&mut self, path: &str, scope: Scope, written: &str) -> Word {
        let Some(node) = self.same(path, written) else { return Word::new("") };
        let places = Places::of(self.source, &node);
        match unsplit_placed(node.text().unwrap_or_default(), &|range| places.span(range)) {
            Ok(word) => {
                if self.names_are_known(&word, scope) {
                    let one = BTreeMap::from([(String::new(), word.clone())]);
                    let samples = &self.samples;
                    let tried = template::render_env(&one, &samples.host, &samples.cluster, &samples.params);
                    self.findings.extend(tried.err());
                }
                word
            }
            Err(finding) => {
                self.find(path, finding);
                Word::new("")
            }
        }
    }

    /// The node at a path, if both parsers read the same text there: what is run must leave no doubt.
    pub(super) fn same(&mut self, path: &str, written: &str) -> Option<Node> {
        let node = self.node(path).filter(|node| node.text() == Some(written));
        if node.is_none() {
            let error = Diagnostic::error("two readers of YAML understand this text differently");
            self.find(path, error.help("write it on one line, in quotes"));
        }
        node
    }

    pub(super) fn try_words(&mut self, command: &Command, scope: Scope) {
        // Every word is judged, also after the first finding.
        let (mut known, mut bare) = (true, false);
        for word in &command.words {
            known &= self.names_are_known(word, scope);
            self.single_braces(word);
            bare |= self.bare_text(word);
        }
        if known && !bare {
            let samples = &self.samples;
            let tried = match scope {
                Scope::Ssh => template::render_ssh(command, &samples.params),
                Scope::Setup | Scope::Gate => template::render_setup(command, &samples.cluster, &samples.params),
                Scope::Nodetool | Scope::Step | Scope::Env | Scope::When => samples.words(command),
            };
            self.findings.extend(tried.err());
        }
    }

    fn names_are_known(&mut self, word: &Word, scope: Scope) -> bool {
        let found = template::check(word, scope, &self.samples.declared());
        let known = found.is_empty();
        self.findings.extend(found);
        known
    }

    /// `{host}` is what other tools replace; here it would go out as it stands.
    fn single_braces(&mut self, word: &Word) {
        const NAMES: [&str; 6] = ["host", "host.address", "host.rack", "datacenter", "rack", "address"];
        let text = &word.template;
        let found = NAMES.into_iter().find(|name| {
            let single = format!("{{{name}}}");
            text.match_indices(&single).any(|(at, _)| !text[..at].ends_with(['{', '$']))
        });
        if let Some(name) = found {
            let message = format!("`{{{name}}}` is not replaced: it goes out as it stands");
            let mut warning = Diagnostic::warning(message).help("a value is written with two braces: `{{ host }}`");
            warning.span = Some(word.span);
            self.findings.push(warning);
        }
    }

    /// A parameter of type text that stands in a command without a filter: an error of its own, since
    /// no value of it need ever be unsafe for the command to be.
    fn bare_text(&mut self, word: &Word) -> bool {
        let is_text = |name: &str| self.samples.kinds.get(name) == Some(&ParamType::Text);
        let bare = template::bare_params(word).into_iter().find(|(name, _)| is_text(name));
        let Some((name, span)) = bare else { return false };
        let message = format!("`params.{name}` is any text, and may not stand bare in a command");
        let help = format!(
            "write `{{{{ params.{name} | quote }}}}` if a far shell reads it, `{{{{ params.{name} | word }}}}` if none \
             does, or give it by `env:`"
        );
        self.findings.push(Diagnostic::error(message).at(span).help(help));
        true
    }

    /// `run.reason` is only there when a run must have one.
    pub(super) fn reason_is_required(&mut self, playbook: &crate::playbook::model::Playbook) {
        if playbook.reason_required {
            return;
        }
        let steps = playbook.steps.iter();
        let commands = steps.clone().flat_map(|step| step.command.iter().chain(&step.probe).chain(&step.undo));
        // said once for the whole, not again for each phase
        let of_all = playbook.setup.iter().filter(|_| self.prefix.is_empty());
        let setup = of_all.flat_map(|step| std::iter::once(&step.run).chain(step.undo.iter()));
        let env = steps.flat_map(|step| step.env.values());
        let words = commands.chain(setup).flat_map(|command| command.words.iter()).chain(env);
        for span in words.filter_map(template::reads_reason) {
            let message = "`run.reason` is used, and a run need not have one";
            let help = "add the line `reason: required`, then every run must say why";
            self.findings.push(Diagnostic::error(message).at(span).help(help));
        }
    }
}
