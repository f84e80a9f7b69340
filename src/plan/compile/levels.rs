//! `availability`: what the level of a phase asks for, or why it can never be kept.

use crate::diagnostic::Diagnostic;
use crate::plan::level::{self, Cannot};
use crate::plan::model::Need;
use crate::plan::select;
use crate::playbook::model::{Availability, Playbook};
use crate::topology::model::{HostIx, Topology};
use std::collections::BTreeSet;

/// The needs of the phase's level as far as these hosts are concerned.
///
/// # Errors
/// Names that are none, a keyspace of which nobody knows who holds what, a range that can spare no replica.
pub fn needs(book: &Playbook, topology: &Topology, worked: &BTreeSet<HostIx>) -> Result<Vec<Need>, Vec<Diagnostic>> {
    let Some(kept) = &book.availability else { return Ok(Vec::new()) };
    names_exist(book, topology, kept)?;
    let needs = level::needs(topology, &book.cluster.keyspaces, (book.strategy, kept), worked);
    needs.map_err(|cannot| vec![impossible(book, kept, &cannot)])
}

fn names_exist(book: &Playbook, topology: &Topology, kept: &Availability) -> Result<(), Vec<Diagnostic>> {
    let keyspaces = topology.keyspaces.keys().cloned().collect();
    let datacenters = topology.hosts.iter().map(|host| host.datacenter.clone()).collect();
    let accept =
        select::absent(book, "availability.accept", &kept.accept, ("keyspace", "replicated keyspace"), &keyspaces);
    let places = select::absent(
        book,
        "availability.datacenters",
        &kept.datacenters,
        ("data centre", "data centre"),
        &datacenters,
    );
    let errors: Vec<Diagnostic> = accept.into_iter().chain(places).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn impossible(book: &Playbook, kept: &Availability, cannot: &Cannot) -> Diagnostic {
    let (message, keyspace, help) = match cannot {
        Cannot::Unknown { keyspace, why } => {
            (format!("whether {} is kept cannot be told: {why}", kept.level.word()), keyspace, "")
        }
        Cannot::Never { keyspace, why } => {
            (why.clone(), keyspace, "give the keyspace more replicas (`ALTER KEYSPACE`, then repair it), or ")
        }
    };
    let accept: Vec<&str> = kept.accept.iter().chain([keyspace]).map(String::as_str).collect();
    let accept = accept.join(", ");
    let mut error = Diagnostic::error(message);
    error.span = book.span("availability.level").or_else(|| book.span("availability"));
    let line = format!("`availability: {{ level: {}, accept: [{accept}] }}`", kept.level.word());
    error.help(format!("{help}say that {keyspace} may lose it: {line}"))
}
