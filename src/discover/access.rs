//! The words that reach a node before there is a plan.

use crate::ask::NodeWords;
use crate::diagnostic::Diagnostic;
use crate::playbook::model::Access;
use crate::playbook::template::{ClusterContext, HostContext, Params, render_command, render_ssh};

type Render = dyn Fn(&str) -> Result<NodeWords, Diagnostic> + Send + Sync;

/// Address, or seed as written → words. Refuses what is no safe word.
pub struct AccessWords(Box<Render>);

impl AccessWords {
    pub fn new(words: impl Fn(&str) -> Result<NodeWords, Diagnostic> + Send + Sync + 'static) -> Self {
        AccessWords(Box::new(words))
    }

    /// From a playbook's `cluster`: `cluster.ssh`, `cluster.nodetool`.
    ///
    /// Data centre, rack and names are not known yet: templates that read them see empty texts.
    pub fn of(access: &Access, params: &Params) -> Result<Self, Diagnostic> {
        let ssh = render_ssh(&access.ssh, params)?;
        let cluster = ClusterContext { name: String::new(), ssh: ssh.clone(), service: access.service.clone() };
        let nodetool = access.nodetool.clone();
        let params = params.clone();
        Ok(AccessWords::new(move |address| {
            let host = HostContext {
                address: address.to_owned(),
                ssh: address.to_owned(),
                name: address.to_owned(),
                ..HostContext::default()
            };
            let nodetool = render_command(&nodetool, &host, &cluster, &params)?;
            let mut words = ssh.clone();
            words.push(address.to_owned());
            Ok(NodeWords { name: address.to_owned(), ssh: words, nodetool })
        }))
    }

    pub fn words(&self, address: &str) -> Result<NodeWords, Diagnostic> {
        (self.0)(address)
    }
}
