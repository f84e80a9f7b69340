//! What can go wrong in the sandbox, as it shows from outside, and the sandbox's own verdict on
//! who was away when.

use super::sandbox::{Lab, PROGRAM, Said};
use rollbook::sandbox::{self, Cause, Fate, Fault, Shape};
use rollbook::topology::model::{Factor, Replication};
use rollbook::topology::nodetool::{self, Movement};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::Command;
use std::time::{Duration, Instant};

const H2: &str = "10.10.0.12";

fn lab(faults: &[(&str, Fate)]) -> Lab {
    let faults = faults.iter().map(|(host, fate)| Fault::on(*host, fate.clone())).collect();
    Lab::new(&Shape { faults, speed: 4.0, ..Shape::of(6) })
}

fn unreachable(lab: &Lab, host: &str) -> BTreeSet<IpAddr> {
    let view = nodetool::parse_describecluster(&lab.on(host, "nodetool describecluster")).unwrap();
    view.unreachable
}

fn just(address: &str) -> BTreeSet<IpAddr> {
    BTreeSet::from([address.parse().unwrap()])
}

#[test]
fn a_killed_node_is_held_up_until_it_is_convicted_but_not_by_describecluster() {
    let lab = Lab::new(&Shape { speed: 2.0, ..Shape::of(6) });
    lab.sandbox.inject(Fault::on("h2", Fate::Killed)).unwrap();
    assert_eq!(lab.state("h1", H2), "UN");
    assert_eq!(unreachable(&lab, "h1"), just(H2));
    assert_eq!(lab.ssh(&["h2", "nodetool status"]).exit, Some(1));
    let active = lab.ssh(&["h2", "systemctl is-active cassandra"]);
    assert_eq!((active.exit, active.out.as_str()), (Some(3), "failed\n"));
    lab.wait("DN after the conviction", || lab.state("h1", H2) == "DN");
    let told = nodetool::parse_gossipinfo(&lab.on("h1", "nodetool gossipinfo")).unwrap();
    let status = told.nodes[&H2.parse().unwrap()].status.clone();
    assert_eq!(status.as_deref(), Some("NORMAL"), "it never said goodbye");
    lab.on("h2", "sudo systemctl start cassandra");
    lab.wait("UN again", || lab.state("h1", H2) == "UN");
}

#[test]
fn a_node_is_killed_when_its_time_comes() {
    let lab = lab(&[]);
    lab.sandbox.inject_after(Fault::on(H2, Fate::Killed), Duration::from_millis(600)).unwrap();
    assert_eq!(lab.ssh(&["h2", "nodetool version"]).exit, Some(0));
    lab.wait("the kill", || lab.ssh(&["h2", "nodetool version"]).exit == Some(1));
    lab.on("h2", "sudo systemctl start cassandra");
    lab.wait("a new life", || lab.ssh(&["h2", "nodetool statusbinary"]).out == "running\n");
    let absences = sandbox::absences(lab.sandbox.dir()).unwrap();
    assert_eq!(absences.len(), 1);
    assert_eq!((absences[0].host.as_str(), absences[0].cause), ("h2", Cause::Died));
    assert!(absences[0].to.is_some());
}

#[test]
fn a_cut_pair_shows_only_to_describecluster_on_one_of_the_two() {
    let lab = lab(&[("h1", Fate::CutFrom("h2".to_owned()))]);
    assert_eq!(unreachable(&lab, "h1"), just(H2));
    assert_eq!(unreachable(&lab, "h2"), just("10.10.0.11"));
    assert_eq!(unreachable(&lab, "h3"), BTreeSet::new());
    for host in ["h1", "h2", "h3"] {
        let status = nodetool::parse_status(&lab.on(host, "nodetool status")).unwrap();
        assert!(status.rows.values().all(|row| row.up_normal()), "{host}");
    }
    lab.sandbox.heal(&Fault::on("h1", Fate::CutFrom("h2".to_owned()))).unwrap();
    assert_eq!(unreachable(&lab, "h1"), BTreeSet::new());
}

#[test]
fn a_frozen_machine_is_down_after_a_while_and_up_again_when_it_thaws() {
    let lab = lab(&[]);
    lab.sandbox.inject(Fault::on("h2", Fate::Frozen)).unwrap();
    assert_eq!(lab.state("h1", H2), "UN");
    let ssh = lab.ssh(&["-o", "ConnectTimeout=4", "h2", "true"]);
    assert_eq!(ssh.exit, Some(255));
    assert!(ssh.err.starts_with("Connection timed out during banner exchange"), "{ssh:?}");
    assert_eq!(unreachable(&lab, "h1"), just(H2));
    lab.wait("DN", || lab.state("h1", H2) == "DN");
    lab.sandbox.heal(&Fault::on("h2", Fate::Frozen)).unwrap();
    assert_eq!(lab.state("h1", H2), "UN");
    assert_eq!(lab.ssh(&["h2", "true"]).exit, Some(0));
}

#[test]
fn a_machine_that_never_comes_back_times_out_until_somebody_presses_its_button() {
    let lab = lab(&[("h2", Fate::NeverComesBack)]);
    let before = lab.boot_id("h2");
    lab.ssh(&["h2", "sudo reboot"]);
    lab.wait("dark", || lab.ssh(&["h2", "true"]).err.contains("port 22: Connection timed out"));
    assert_eq!(lab.state("h1", H2), "DN");
    lab.sandbox.press_button("h2").unwrap();
    lab.wait("light", || lab.ssh(&["h2", "true"]).exit == Some(0));
    assert_ne!(lab.boot_id("h2"), before);
    lab.wait("CQL", || lab.ssh(&["h2", "nodetool statusbinary"]).out == "running\n");
}

#[test]
fn reboots_that_do_not_do_what_they_should() {
    let lab = lab(&[
        ("h1", Fate::RebootDoesNothing),
        ("h2", Fate::NotEnabled),
        ("h3", Fate::StartFails),
        ("h4", Fate::SlowBoot(1.5)),
    ]);
    let before = lab.boot_id("h1");
    assert_eq!(lab.ssh(&["h1", "sudo reboot"]).exit, Some(0));
    let enabled = lab.ssh(&["h2", "systemctl is-enabled cassandra"]);
    assert_eq!((enabled.exit, enabled.out.as_str()), (Some(1), "disabled\n"));
    let start = Instant::now();
    for host in ["h2", "h3", "h4"] {
        lab.ssh(&[host, "sudo reboot"]);
    }
    for host in ["h2", "h3"] {
        lab.wait("ssh", || lab.ssh(&[host, "true"]).exit == Some(0));
    }
    lab.wait("h3 failed", || lab.ssh(&["h3", "systemctl is-active cassandra"]).out == "failed\n");
    lab.wait("h4", || lab.ssh(&["h4", "true"]).exit == Some(0));
    assert!(start.elapsed() > Duration::from_millis(1500), "slow as told");
    assert_eq!(lab.ssh(&["h2", "systemctl is-active cassandra"]).out, "inactive\n");
    assert_eq!(lab.boot_id("h1"), before);
    lab.on("h2", "sudo systemctl start cassandra");
    lab.wait("h2", || lab.ssh(&["h2", "nodetool statusbinary"]).out == "running\n");
}

#[test]
fn both_ends_of_the_race_between_reboot_and_ssh_occur() {
    let lab = Lab::new(&Shape::of(12));
    let exits: BTreeSet<Option<i32>> =
        (1..=12).map(|host| lab.ssh(&[&format!("h{host}"), "sudo systemctl reboot"]).exit).collect();
    assert_eq!(exits, BTreeSet::from([Some(0), Some(255)]));
}

#[test]
fn a_reboot_ends_every_session_and_what_ran_in_it() {
    let lab = lab(&[]);
    let started = Instant::now();
    // A number that no other test sleeps for.
    let far = format!("sleep {}", 50_000 + std::process::id());
    let said = lab.ssh(&["h2", &format!("sudo reboot; echo on; {far}")]);
    assert_eq!(said.exit, Some(255));
    assert_eq!(said.err, "Connection to h2 closed by remote host.\r\n");
    assert!(started.elapsed() < Duration::from_secs(20));
    let is_it = |entry: std::fs::DirEntry| {
        let words = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        words.trim_end_matches('\0').replace('\0', " ") == far
    };
    let left = std::fs::read_dir("/proc").unwrap().flatten().any(is_it);
    assert!(!left, "the far sleep outlived its machine");
}

#[test]
fn drains_that_do_not_drain() {
    let lab = lab(&[("h1", Fate::DrainFails), ("h2", Fate::DrainHangs)]);
    assert_eq!(lab.on("h1", "nodetool drain"), "");
    assert_eq!(lab.on("h1", "nodetool netstats | head -1"), "Mode: DRAINING\n");
    let mut hangs = lab.command(&["ssh", "h2", "nodetool drain"]).spawn().unwrap();
    lab.wait("DRAINING", || lab.on("h2", "nodetool netstats").starts_with("Mode: DRAINING\n"));
    assert!(hangs.try_wait().unwrap().is_none());
    lab.sandbox.reboot("h2").unwrap();
    assert_eq!(hangs.wait().unwrap().code(), Some(255));
}

#[test]
fn what_stands_between_an_operator_and_a_host() {
    let lab = lab(&[
        ("h1", Fate::SshRefused),
        ("h2", Fate::SshAsksPassword),
        ("h3", Fate::HostKeyUnknown),
        ("h4", Fate::SudoAsksPassword),
        ("h5", Fate::NodetoolMissing),
    ]);
    let batch = |words: &[&str]| lab.ssh(&[&["-o", "BatchMode=yes"], words].concat());
    let expect = |said: Said, exit: i32, words: &str| {
        assert_eq!(said.exit, Some(exit), "{said:?}");
        assert!(said.err.contains(words), "{said:?}");
    };
    expect(batch(&["h1", "true"]), 255, "ssh: connect to host h1 port 22: Connection refused\r\n");
    expect(batch(&["ops@h2", "true"]), 255, "ops@h2: Permission denied (publickey,password).\r\n");
    expect(batch(&["h3", "true"]), 255, "Host key verification failed.\r\n");
    assert_eq!(batch(&["-o", "StrictHostKeyChecking=no", "h3", "true"]).exit, Some(0));
    expect(batch(&["h4", "sudo -n true"]), 1, "sudo: a password is required\n");
    expect(batch(&["h4", "sudo reboot"]), 1, "sudo: a terminal is required");
    expect(batch(&["h5", "env LC_ALL=C.UTF-8 nodetool status"]), 127, "nodetool: not found");
    expect(batch(&["h6", "sudo nosuchtool"]), 1, "sudo: nosuchtool: command not found\n");
    assert_eq!(lab.state("h6", "10.10.0.15"), "UN", "Cassandra does not care");
}

#[test]
fn nodetools_that_cannot_be_believed() {
    let lab = lab(&[
        ("h1", Fate::NodetoolFails),
        ("h2", Fate::NodetoolHalf),
        ("h3", Fate::NodetoolJunk),
        ("h4", Fate::NodetoolSlow(0.7)),
        ("h5", Fate::SaysAllUp),
        ("h6", Fate::SaysDown("h1".to_owned())),
    ]);
    assert_eq!(lab.ssh(&["h1", "nodetool status"]).exit, Some(2));
    let half = lab.on("h2", "nodetool status");
    let view = nodetool::parse_status(&half);
    assert!(view.is_err() || view.unwrap().rows.len() < 6, "{half}");
    let junk = lab.command(&["ssh", "h3", "nodetool status"]).output().unwrap();
    assert!(junk.status.success() && std::str::from_utf8(&junk.stdout).is_err());
    let start = Instant::now();
    lab.on("h4", "nodetool status");
    assert!(start.elapsed() >= Duration::from_millis(700));
    lab.on("h2", "sudo systemctl stop cassandra");
    assert_eq!((lab.state("h4", H2), lab.state("h5", H2)), ("DN".to_owned(), "UN".to_owned()));
    assert_eq!(lab.state("h6", "10.10.0.11"), "DN");
}

#[test]
fn what_a_node_sees_and_shows() {
    let lab = lab(&[
        ("h1", Fate::SeesNobody),
        ("h2", Fate::OtherSchema),
        ("h3", Fate::TransportStaysClosed),
        ("h4", Fate::Joining),
        ("h5", Fate::Leaving),
    ]);
    let alone = nodetool::parse_status(&lab.on("h1", "nodetool status")).unwrap();
    assert_eq!(alone.rows.values().filter(|row| row.up_normal()).count(), 1, "itself");
    assert_eq!(lab.state("h6", "10.10.0.11"), "UN");
    let cluster = nodetool::parse_describecluster(&lab.on("h6", "nodetool describecluster")).unwrap();
    assert_eq!(cluster.schema.len(), 2);
    assert!(cluster.schema.values().any(|nodes| *nodes == just(H2)));
    assert_eq!(lab.on("h3", "nodetool statusbinary"), "not running\n");
    assert_eq!(lab.state("h6", "10.10.0.13"), "UN");
    let status = nodetool::parse_status(&lab.on("h6", "nodetool status")).unwrap();
    assert_eq!(status.rows[&"10.10.0.14".parse().unwrap()].movement, Movement::Joining);
    assert_eq!(status.rows[&"10.10.0.15".parse().unwrap()].movement, Movement::Leaving);
    let ring = nodetool::parse_describering(&lab.on("h6", "nodetool describering orders")).unwrap();
    let joining: std::net::IpAddr = "10.10.0.14".parse().unwrap();
    assert!(ring.nodes.iter().all(|node| node.address != joining), "a joining node owns nothing yet");
}

#[test]
fn somebody_alters_a_keyspace() {
    let lab = lab(&[]);
    let read = || nodetool::parse_describecluster(&lab.on("h1", "nodetool describecluster")).unwrap();
    let before = read();
    let two = Replication::Simple(Factor { total: 2, transient: 0 });
    let fault = Fault::AlterKeyspace("cache".to_owned(), two.clone());
    lab.sandbox.inject_after(fault, Duration::from_millis(300)).unwrap();
    assert!(!before.keyspaces.contains_key("cache"));
    lab.wait("the change", || read().keyspaces.get("cache") == Some(&two));
    assert_ne!(read().schema, before.schema);
    let ring = nodetool::parse_describering(&lab.on("h1", "nodetool describering cache")).unwrap();
    assert!(ring.ranges.iter().all(|range| range.endpoints.len() == 2));
    let status = lab.on("h1", "nodetool status");
    assert!(status.contains("Owns  Host ID") && status.contains("Note: Non-system keyspaces don't"), "{status}");
    assert!(nodetool::parse_status(&status).is_ok());
}

#[test]
fn disabled_gossip_is_seen_at_once_and_a_closed_port_only_on_the_node() {
    let lab = lab(&[]);
    let generation = || nodetool::parse_info(&lab.on("h2", "nodetool info")).unwrap().generation;
    let before = generation();
    lab.on("h2", "nodetool disablegossip");
    assert_eq!((lab.state("h1", H2), lab.state("h2", H2)), ("DN".to_owned(), "UN".to_owned()));
    assert_eq!(generation(), 0, "gossip that is off has none");
    assert!(lab.on("h2", "nodetool netstats").starts_with("Mode: NORMAL\n"));
    lab.on("h2", "nodetool enablegossip");
    assert_eq!(lab.state("h1", H2), "UN");
    assert!(generation() > before, "although nothing restarted");
    lab.on("h2", "nodetool disablebinary");
    assert_eq!(lab.on("h2", "nodetool statusbinary"), "not running\n");
    assert_eq!(lab.state("h1", H2), "UN");
    lab.on("h2", "nodetool enablebinary");
    assert_eq!(lab.on("h2", "nodetool statusbinary"), "running\n");
}

#[test]
fn the_judge_sees_two_replicas_away_at_once_and_nothing_else() {
    let lab = Lab::new(&Shape { speed: 4.0, ..Shape::of(6) });
    // h1 and h4 are in one rack: with three replicas in three racks they share no range.
    for host in ["h1", "h4"] {
        lab.ssh(&[host, "sudo reboot"]);
    }
    assert_eq!(sandbox::judge(lab.sandbox.dir()).unwrap(), []);
    for host in ["h1", "h4"] {
        lab.wait("CQL", || lab.ssh(&[host, "nodetool statusbinary"]).out == "running\n");
    }
    lab.ssh(&["h2", "sudo reboot"]);
    lab.wait("CQL", || lab.ssh(&["h2", "nodetool statusbinary"]).out == "running\n");
    assert_eq!(sandbox::judge(lab.sandbox.dir()).unwrap(), [], "one after the other");
    assert_eq!(sandbox::absences(lab.sandbox.dir()).unwrap().len(), 3);
    lab.on("h3", "nodetool drain");
    lab.on("h5", "nodetool drain");
    let found = sandbox::judge(lab.sandbox.dir()).unwrap();
    let hosts: Vec<(&str, &str, &str)> =
        found.iter().map(|v| (v.keyspace.as_str(), v.one.host.as_str(), v.other.host.as_str())).collect();
    assert_eq!(hosts, [("orders", "h3", "h5"), ("system_auth", "h3", "h5")]);
    let by_hand = Command::new(PROGRAM).arg("__sandbox").arg(lab.sandbox.dir()).arg("judge").output().unwrap();
    assert_eq!(by_hand.status.code(), Some(1));
}

#[test]
fn the_judge_lets_data_centres_go_side_by_side_unless_the_strategy_knows_none() {
    let two_centres = |simple: bool| {
        let mut shape = Shape { speed: 4.0, ..Shape::of(6) }.with_datacenters(2);
        if simple {
            shape.keyspaces.push(("old".to_owned(), Replication::Simple(Factor { total: 6, transient: 0 })));
        }
        let lab = Lab::new(&shape);
        for host in ["h1", "h4"] {
            lab.on(host, "nodetool drain");
        }
        sandbox::judge(lab.sandbox.dir()).unwrap()
    };
    assert_eq!(two_centres(false), []);
    let found = two_centres(true);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].keyspace, "old");
}

#[test]
fn a_thousand_hosts_answer_quickly() {
    let lab = Lab::new(&Shape::of(1000));
    for host in 1..=200 {
        lab.sandbox.reboot(&format!("h{host}")).unwrap();
    }
    let start = Instant::now();
    let status = nodetool::parse_status(&lab.on("h1000", "nodetool status")).unwrap();
    assert_eq!(status.rows.len(), 1000);
    lab.on("h1000", "nodetool describecluster");
    lab.on("h1000", "nodetool gossipinfo");
    let ring = nodetool::parse_describering(&lab.on("h1000", "nodetool describering orders")).unwrap();
    assert_eq!(ring.ranges.len(), 8000);
    let ssh = Instant::now();
    for _ in 0..10 {
        lab.on("h1000", "true");
    }
    assert!(ssh.elapsed() < Duration::from_secs(4), "ten ssh: {:?}", ssh.elapsed());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}
