//! Arguments, exit codes, every sentence to the user; one file a command.
