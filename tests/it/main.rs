//! One integration binary: one module a subject.

mod asked;
mod cli;
mod cli_exec;
mod cli_run;
mod desk;
mod engine;
mod language;
mod playbook;
mod peers;
mod persons;
mod plan;
mod plan_clusters;
mod process;
mod readme;
mod sandbox;
mod shipped;
mod sandbox_faults;
mod store_full;
mod tidy;
mod undo;
mod topology_discover;
mod topology_ask;
mod topology_captures;
mod groups;
mod host_vars;
mod hostile;
