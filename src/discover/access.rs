//! The words that reach a node before there is a plan.

use crate::ask::NodeWords;
use crate::diagnostic::Diagnostic;
use crate::playbook::model::Access;
use crate::playbook::template::{ClusterContext, HostContext, Params, render_command, render_ssh};

/// What templates may read of a host, and nobody knows before the cluster is read.
const LATE: [&str; 4] = ["host.datacenter", "host.rack", "host.id", "cluster.name"];

type Render = dyn Fn(&str) -> Result<NodeWords, Diagnostic> + Send + Sync;

/// Address, or seed as written → words. Refuses what is no safe word.
pub struct AccessWords(Box<Render>);

impl AccessWords {
    pub fn new(words: impl Fn(&str) -> Result<NodeWords, Diagnostic> + Send + Sync + 'static) -> Self {
        AccessWords(Box::new(words))
    }

    /// From a playbook's `cluster`: `cluster.ssh`, `cluster.nodetool`.
    ///
    /// Refuses a `cluster.nodetool` that reads what only the cluster knows: data centre, rack, host id.
    pub fn of(access: &Access, params: &Params) -> Result<Self, Diagnostic> {
        for word in &access.nodetool.words {
            if let Some(name) = LATE.iter().find(|name| word.template.contains(*name)) {
                let message = format!("`cluster.nodetool` reads `{name}`, which is known only after it was used");
                return Err(Diagnostic::error(message).at(word.span).help(
                    "reach every host by `{{ host }}` alone; a gateway for each data centre belongs in ssh's own \
                     configuration (`ProxyJump`)",
                ));
            }
        }
        let ssh = render_ssh(&access.ssh, params)?;
        let cluster = ClusterContext { name: String::new(), ssh: ssh.clone(), service: access.service.clone() };
        let nodetool = access.nodetool.clone();
        let params = params.clone();
        let access = access.clone();
        Ok(AccessWords::new(move |address| {
            let name = access.ssh_name(address);
            let host = HostContext {
                address: address.to_owned(),
                ssh: name.clone(),
                name: name.clone(),
                ..HostContext::default()
            };
            let nodetool = render_command(&nodetool, &host, &cluster, &params)?;
            let mut words = ssh.clone();
            words.push(name);
            Ok(NodeWords { name: address.to_owned(), ssh: words, nodetool })
        }))
    }

    pub fn words(&self, address: &str) -> Result<NodeWords, Diagnostic> {
        (self.0)(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::command::split;
    use crate::playbook::model::Keyspaces;

    fn words(nodetool: &str, address: &str) -> Result<NodeWords, Diagnostic> {
        let access = Access {
            ssh: split("ssh -o BatchMode=yes").unwrap(),
            nodetool: split(nodetool).unwrap(),
            service: "cassandra".into(),
            keyspaces: Keyspaces::Data,
            seeds: Vec::new(),
            ..crate::playbook::defaults::access()
        };
        AccessWords::of(&access, &Params::new())?.words(address)
    }

    const DEFAULT: &str = "{{ cluster.ssh }} {{ host }} env LC_ALL=C.UTF-8 nodetool {{ args }}";

    #[test]
    fn the_playbooks_templates_are_filled() {
        let words = words(DEFAULT, "2001:db8::1").unwrap();
        assert_eq!(words.ssh, ["ssh", "-o", "BatchMode=yes", "2001:db8::1"]);
        let filled = ["ssh", "-o", "BatchMode=yes", "2001:db8::1", "env", "LC_ALL=C.UTF-8", "nodetool", "‹args›"];
        assert_eq!(words.nodetool, filled);
    }

    #[test]
    fn a_seed_that_a_shell_would_read_is_refused() {
        for seed in ["h1;reboot", "-oProxyCommand=x", "$(id)", "a b", ""] {
            let refused = words(DEFAULT, seed).expect_err(seed);
            assert!(refused.message.starts_with(&format!("`host` is `{seed}`: ")), "{}", refused.message);
        }
    }

    #[test]
    fn what_only_the_cluster_knows_is_refused_before_it_is_read() {
        for name in LATE {
            let refused = words(&format!("ssh gate-{{{{ {name} }}}} nodetool {{{{ args }}}}"), "h1").expect_err(name);
            let message = format!("`cluster.nodetool` reads `{name}`, which is known only after it was used");
            assert_eq!(refused.message, message);
        }
    }
}
