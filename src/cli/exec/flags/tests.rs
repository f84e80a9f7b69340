use crate::cli::arguments::{self, Command};
use std::ffi::OsString;
use std::time::Duration;

fn flags(line: &[&str]) -> Result<super::Flags, String> {
    let argv = ["rollbook", "exec"].iter().chain(line).map(OsString::from);
    match arguments::read(argv).map_err(|e| format!("{e:#}"))?.command {
        Command::Exec(flags) => Ok(*flags),
        other => Err(format!("{other:?}")),
    }
}

fn with(options: &[&str]) -> Result<super::Flags, String> {
    flags(&[&["--seed-host", "H"], options, &["--", "true"]].concat())
}

#[test]
fn every_flag_of_cstarpar_is_known() {
    let help = {
        use clap::CommandFactory;
        let mut program = arguments::Arguments::command();
        program.build();
        program.find_subcommand("exec").unwrap().clone()
    };
    let known: Vec<String> = help
        .get_arguments()
        .flat_map(|a| {
            a.get_long()
                .into_iter()
                .chain(a.get_all_aliases().unwrap_or_default())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    for flag in [
        "seed-host",
        "host",
        "host-file",
        "strategy",
        "one",
        "one-per-dc",
        "topology",
        "topology-per-dc",
        "all",
        "cluster-parallel",
        "cluster-serial",
        "dc-parallel",
        "dc-serial",
        "dc-filter",
        "max-concurrency",
        "timeout",
        "stop-after",
        "key-space",
        "keyspace",
        "ignore-down-nodes",
        "node-done-pause-time",
        "ssh-pause-time",
        "ssh-username",
        "ssh-identity-file",
        "ssh-lib",
        "use-sudo",
        "sudo-args",
        "jmx-username",
        "jmx-passwordfile",
        "resolve-hostnames",
        "hosts-variables",
        "output-directory",
        "enforced-job-id",
        "verbose",
        "ssh-password",
        "jmx-password",
    ] {
        assert!(known.iter().any(|k| k == flag), "--{flag} is unknown");
    }
}

#[test]
fn numbers_are_positive_and_seconds_need_no_unit() {
    assert_eq!(with(&["-j", "3"]).unwrap().limits.max_concurrency, Some(3));
    assert_eq!(with(&["-j3"]).unwrap().limits.max_concurrency, Some(3));
    assert!(with(&["--max-concurrency", "0"]).is_err());
    assert!(with(&["--stop-after", "0"]).is_err());
    assert_eq!(with(&["--timeout", "90"]).unwrap().limits.timeout, Some(Duration::from_secs(90)));
    assert_eq!(with(&["--timeout", "2m"]).unwrap().limits.timeout, Some(Duration::from_secs(120)));
    let pause = with(&["--node-done-pause-time", "0.5"]).unwrap().limits.node_done_pause_time;
    assert_eq!(pause, Some(Duration::from_millis(500)));
    assert!(with(&["--timeout", "-1"]).is_err());
}

#[test]
fn what_contradicts_itself_is_refused() {
    assert!(with(&["--one", "--all"]).is_err());
    assert!(with(&["--strategy", "one", "--topology"]).is_err());
    assert!(with(&["--one-per-dc", "--dc-serial"]).is_err());
    assert!(with(&["--sudo-args", "-u cassandra"]).unwrap_err().contains("--use-sudo"));
    assert!(with(&["--jmx-username", "u"]).unwrap_err().contains("--jmx-passwordfile"));
    // The last of two opposites holds, as in cstarpar.
    let order = with(&["--dc-parallel", "--dc-serial"]).unwrap().order;
    assert!(order.dc_serial && !order.dc_parallel);
}

#[test]
fn what_is_refused_says_why() {
    assert!(with(&["--ssh-password", "x"]).unwrap_err().contains("--ssh-identity-file"));
    assert!(with(&["--jmx-password=x"]).unwrap_err().contains("--jmx-passwordfile"));
    assert!(with(&["--ssh-lib", "paramiko"]).unwrap_err().contains("`ssh` program"));
    assert!(with(&["--ssh-pause-time", "0.5"]).unwrap_err().contains("--max-concurrency"));
    assert!(with(&["--enforced-job-id", "mine"]).is_err());
    assert!(with(&["--expect", "unknown"]).is_err());
}

#[test]
fn sudo_arguments_may_begin_with_a_dash() {
    let access = with(&["--use-sudo", "--sudo-args", "-u cassandra"]).unwrap().access;
    assert_eq!(access.sudo_args.as_deref(), Some("-u cassandra"));
}
