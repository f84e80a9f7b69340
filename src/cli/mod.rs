//! Arguments, exit codes, every sentence to the user; one file a command.

pub mod arguments;
pub mod exec;
pub mod exit;
