use super::*;
use crate::cli::arguments::{self, Command as Typed};
use crate::playbook::template::{ClusterContext, HostContext, Params, render_command, render_ssh};
use std::ffi::OsString;
use std::time::Duration;

fn flags(line: &[&str]) -> Flags {
    let argv = ["rollbook", "exec", "--seed-host", "10.0.0.1"].iter().chain(line).map(OsString::from);
    match arguments::read(argv).unwrap().command {
        Typed::Exec(flags) => *flags,
        other => panic!("{other:?}"),
    }
}

fn meant_with(line: &[&str], looked_up: &LookedUp) -> Playbook {
    let flags = flags(line);
    playbook(&flags, access(&flags).unwrap(), looked_up).unwrap()
}

fn meant(line: &[&str]) -> Playbook {
    meant_with(line, &LookedUp::default())
}

fn host(address: &str) -> HostContext {
    HostContext { address: address.to_owned(), ssh: address.to_owned(), ..HostContext::default() }
}

/// The words that would run for 10.0.0.7.
fn rendered(playbook: &Playbook) -> Vec<String> {
    let command = playbook.steps[0].command.as_ref().unwrap();
    render_command(command, &host("10.0.0.7"), &ClusterContext::default(), &Params::new()).unwrap()
}

fn nodetool(playbook: &Playbook) -> String {
    let params = Params::new();
    let ssh = render_ssh(&playbook.cluster.ssh, &params).unwrap();
    let cluster = ClusterContext { ssh, ..ClusterContext::default() };
    render_command(&playbook.cluster.nodetool, &host("10.0.0.7"), &cluster, &params).unwrap().join(" ")
}

#[test]
fn every_command_line_of_cstarpars_documentation_becomes_words() {
    assert_eq!(rendered(&meant(&["hostname"])), ["hostname"]);
    assert_eq!(rendered(&meant(&["ssh {} hostname"])), ["ssh", "10.0.0.7", "hostname"]);
    let reboot = meant(&["--", "ssh {} sudo reboot &"]);
    assert!(reboot.steps[0].command.as_ref().unwrap().background);
    assert_eq!(rendered(&reboot)[..4], ["ssh", "10.0.0.7", "sudo", "reboot"]);
    let script = meant(&["--", "bash /absolute/path/to/script {}"]);
    assert_eq!(rendered(&script), ["bash", "/absolute/path/to/script", "10.0.0.7"]);
    let key = ["--ssh-identity-file=KEY", "--ssh-username", "ubuntu"];
    let line = [&key[..], &["ssh -o StrictHostKeyChecking=no ubuntu@{} hostname"]].concat();
    let words = ["ssh", "-o", "StrictHostKeyChecking=no", "ubuntu@10.0.0.7", "hostname"];
    assert_eq!(rendered(&meant(&line)), words);
}

#[test]
fn words_typed_one_by_one_stay_what_they_are() {
    assert_eq!(rendered(&meant(&["--", "echo", "a b", "it's", "{}"])), ["echo", "a b", "it's", "10.0.0.7"]);
    assert!(meant(&["--", "ssh", "{}", "sudo", "reboot", "&"]).steps[0].command.as_ref().unwrap().background);
    assert_eq!(rendered(&meant(&["--", "docker ps --format '{{.Names}}'"]))[3], "{{.Names}}");
}

#[test]
fn order_and_limits() {
    let default = meant(&["true"]);
    assert_eq!((default.strategy, default.concurrency.datacenters), (Strategy::Topology, DatacenterOrder::Serial));
    assert_eq!((default.concurrency.max_hosts, default.concurrency.grace), (None, Duration::ZERO));
    assert_eq!(default.steps[0].timeout, Duration::from_secs(3600));
    for (flag, strategy, order) in [
        ("--one", Strategy::One, DatacenterOrder::Serial),
        ("--one-per-dc", Strategy::One, DatacenterOrder::Parallel),
        ("--topology", Strategy::Topology, DatacenterOrder::Serial),
        ("--topology-per-dc", Strategy::Topology, DatacenterOrder::Parallel),
        ("--all", Strategy::All, DatacenterOrder::Parallel),
        ("--strategy=one", Strategy::One, DatacenterOrder::Serial),
        ("--strategy=all", Strategy::All, DatacenterOrder::Serial),
        ("--dc-parallel", Strategy::Topology, DatacenterOrder::Parallel),
        ("--dc-serial", Strategy::Topology, DatacenterOrder::Serial),
    ] {
        let meant = meant(&[flag, "true"]);
        assert_eq!((meant.strategy, meant.concurrency.datacenters), (strategy, order), "{flag}");
    }
    let limited = meant(&["-j2", "--node-done-pause-time=1.5", "--timeout=7", "--dc-filter=dc2", "true"]);
    assert_eq!((limited.concurrency.max_hosts, limited.concurrency.grace), (Some(2), Duration::from_millis(1500)));
    assert_eq!(limited.steps[0].timeout, Duration::from_secs(7));
    assert_eq!(limited.targets.datacenters, ["dc2"]);
}

#[test]
fn how_nodes_are_asked() {
    assert!(nodetool(&meant(&["true"])).ends_with("10.0.0.7 env LC_ALL=C.UTF-8 nodetool ‹args›"));
    let asked = meant(&["--ssh-username=ubuntu", "--ssh-identity-file=/k/id", "--ssh-lib=ssh", "true"]);
    assert!(nodetool(&asked).contains("-l ubuntu -i /k/id 10.0.0.7 env"), "{}", nodetool(&asked));
    let sudo = meant(&["--use-sudo", "--sudo-args=-u cassandra", "true"]);
    assert!(nodetool(&sudo).contains("10.0.0.7 sudo -u cassandra env LC_ALL=C.UTF-8 nodetool"), "{}", nodetool(&sudo));
    let jmx = meant(&["--jmx-username=ops", "--jmx-passwordfile=/etc/jmx.pw", "true"]);
    assert!(nodetool(&jmx).contains("nodetool -u ops -pwf /etc/jmx.pw"), "{}", nodetool(&jmx));
    assert!(access(&flags(&["--jmx-passwordfile=/x;reboot", "true"])).is_err());
    assert_eq!(meant(&["--keyspace=orders", "true"]).cluster.keyspaces, Keyspaces::Only(vec!["orders".to_owned()]));
    assert_eq!(meant(&["true"]).cluster.seeds, ["10.0.0.1"]);
}

#[test]
fn what_the_command_takes_away() {
    assert_eq!(meant(&["true"]).steps[0].takes_down, None);
    assert_eq!(meant(&["--expect=nothing", "true"]).steps[0].takes_down, Some(TakesDown::Nothing));
    assert_eq!(meant(&["--expect=restart", "true"]).steps[0].takes_down, Some(TakesDown::Restart));
    assert_eq!(meant(&["--expect=reboot", "true"]).steps[0].takes_down, Some(TakesDown::Reboot));
    assert_eq!(meant(&["--accept-outage=a test", "true"]).accept_outage.as_deref(), Some("a test"));
}

#[test]
fn names_and_values_of_each_node() {
    let names = BTreeMap::from([("10.0.0.7".to_owned(), "h7.example".to_owned())]);
    let looked_up = LookedUp { names: Some(names), ..LookedUp::default() };
    assert_eq!(rendered(&meant_with(&["ssh ubuntu@{} hostname"], &looked_up))[1], "ubuntu@h7.example");

    let of_host = BTreeMap::from([("port".to_owned(), "2222".to_owned())]);
    let variables = BTreeMap::from([("10.0.0.7".to_owned(), of_host)]);
    let looked_up = LookedUp { variables: Some(variables), ..LookedUp::default() };
    assert_eq!(rendered(&meant_with(&["ssh -p {{port}} {} hostname"], &looked_up))[2], "2222");
    let unknown = flags(&["ssh -p {{prot}} {} hostname"]);
    let refused = playbook(&unknown, access(&unknown).unwrap(), &looked_up).unwrap_err();
    assert!(refused.message.contains("`{{prot}}`"), "{}", refused.message);
}
