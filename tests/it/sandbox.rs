//! The sandbox as real child processes: what its hosts say when all is well, and through a drain,
//! a stop and a reboot. Its text is held against that of real nodes.

use rollbook::sandbox::{self, Sandbox, Shape};
use rollbook::topology::model::{Factor, Replication};
use rollbook::topology::nodetool;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_rollbook");

/// A sandbox in a folder that goes away with it.
pub struct Lab {
    pub sandbox: Sandbox,
    _dir: tempfile::TempDir,
}

/// What a command ended with.
#[derive(Debug)]
pub struct Said {
    pub exit: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { exit: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

impl Lab {
    pub fn new(shape: &Shape) -> Lab {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox::create_running(&dir.path().join("sandbox"), shape, Path::new(PROGRAM)).unwrap();
        Lab { sandbox, _dir: dir }
    }

    pub fn command(&self, words: &[&str]) -> Command {
        // Only the child has the sandbox's PATH, so this side must say where the program is.
        let mut command = Command::new(self.sandbox.dir().join("bin").join(words[0]));
        command.args(&words[1..]).envs(self.sandbox.env()).stdin(std::process::Stdio::null());
        command
    }

    pub fn ssh(&self, words: &[&str]) -> Said {
        self.command(&[&["ssh"], words].concat()).output().unwrap().into()
    }

    /// Standard output of a command on a host that must exit 0.
    pub fn on(&self, host: &str, words: &str) -> String {
        let said = self.ssh(&[host, words]);
        assert_eq!(said.exit, Some(0), "ssh {host} {words}: {said:?}");
        said.out
    }

    pub fn boot_id(&self, host: &str) -> String {
        self.on(host, "cat /proc/sys/kernel/random/boot_id")
    }

    /// The state column of `about` in the `status` of `observer`.
    pub fn state(&self, observer: &str, about: &str) -> String {
        let text = self.on(observer, "nodetool status");
        let row = text.lines().find(|line| line.split_whitespace().nth(1) == Some(about));
        row.unwrap_or_else(|| panic!("{about} is not in {text}"))[..2].to_owned()
    }

    pub fn wait(&self, what: &str, mut done: impl FnMut() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < Duration::from_secs(40), "still not: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn simple(total: u32) -> Replication {
    Replication::Simple(Factor { total, transient: 0 })
}

/// The cluster of the captures: three hosts, four tokens each, system_auth as it comes.
fn like_the_captures() -> Shape {
    let mut shape = Shape { name: "lab".to_owned(), vnodes: 4, ..Shape::of(3) };
    shape.keyspaces[3].1 = simple(1);
    shape
}

/// Lines with numbers, ids and lists made equal.
fn shape_of(text: &str) -> BTreeSet<String> {
    let mask = |line: &str| {
        let mut masked = String::new();
        for word in line.split_whitespace() {
            let clean: String = word.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
            let hex = word.len() >= 36 && word.matches('-').count() >= 4;
            let clean = if hex { "ID".to_owned() } else { clean };
            let mut short = String::new();
            for c in clean.chars().filter(|c| *c != '-' || clean.len() < 3) {
                if !(c == '#' && short.ends_with('#')) {
                    short.push(c);
                }
            }
            let short = short.replace("#.#.#.#:#", "ADDRESS:#").replace("#.#.#.#", "ADDRESS");
            let short = short.trim_end_matches(',').replace("#.#", "#");
            if !masked.ends_with(&short) {
                masked += &format!(" {short}");
            }
        }
        masked
    };
    text.lines().map(mask).collect()
}

fn captured(file: &str) -> String {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/nodetool/5.0.5");
    fs::read_to_string(dir.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn assert_shaped_like(ours: &str, files: &[&str]) {
    let real: BTreeSet<String> = files.iter().flat_map(|file| shape_of(&captured(file))).collect();
    let strange: Vec<String> = shape_of(ours).into_iter().filter(|line| !real.contains(line)).collect();
    assert!(strange.is_empty(), "lines that no real node printed in {files:?}: {strange:#?}\n{ours}");
}

#[test]
fn every_line_is_one_that_a_real_node_prints() {
    let lab = Lab::new(&like_the_captures());
    for command in ["status", "describecluster", "gossipinfo", "netstats", "info", "ring", "statusbinary"] {
        let file = format!("all-up/h1/{command}.out");
        assert_shaped_like(&lab.on("h1", &format!("nodetool {command}")), &[&file]);
    }
    for (command, text) in [
        ("listpendinghints", "This node does not have any pending hints\n"),
        ("statusgossip", "running\n"),
        ("statushandoff", "Hinted handoff is running\n"),
        ("getmaxhintwindow", "Current max hint window: 10800000 ms\n"),
        ("version", "ReleaseVersion: 5.0.5\n"),
        ("flush", ""),
        ("getseeds", "Current list of seed node IPs, excluding the current node's IP: /10.10.0.12:7000\n"),
    ] {
        assert_eq!(lab.on("h1", &format!("nodetool {command}")), text, "{command}");
    }
    assert_shaped_like(&lab.on("h3", "nodetool getseeds"), &["getseeds/h1/getseeds.out"]);
    for (command, file) in [
        ("status orders", "status_orders"),
        ("describering orders", "describering_orders"),
        ("describering system_auth", "describering_system_auth"),
        ("-pp status", "-pp_status"),
        ("-pp describecluster", "-pp_describecluster"),
        ("-pp gossipinfo", "-pp_gossipinfo"),
        ("-pp describering orders", "-pp_describering_orders"),
        ("status -r", "status_-r"),
    ] {
        let file = format!("all-up/h1/{file}.out");
        assert_shaped_like(&lab.on("h1", &format!("nodetool {command}")), &[&file]);
    }
}

#[test]
fn errors_have_the_words_and_the_exit_status_of_a_real_node() {
    let lab = Lab::new(&like_the_captures());
    for (command, name, exit) in [
        ("describering nosuch", "describering_nosuch", 2),
        ("describering system", "describering_system", 2),
        ("status nosuch", "status_nosuch", 1),
        ("ring nosuch", "ring_nosuch", 1),
        ("nosuchcommand", "nosuchcommand", 1),
    ] {
        let said = lab.ssh(&["h1", "nodetool", command]);
        assert_eq!(said.exit, Some(exit), "{command}");
        assert_shaped_like(&said.out, &[&format!("all-up/h1/{name}.out")]);
        if exit == 2 {
            let error = captured(&format!("all-up/h1/{name}.err"));
            assert_eq!(said.err.lines().next(), error.lines().next());
        }
    }
    lab.on("h2", "sudo systemctl stop cassandra");
    for command in ["status", "describecluster", "gossipinfo", "info", "version"] {
        let said = lab.ssh(&["h2", "nodetool", command]);
        assert_eq!((said.exit, said.out.as_str()), (Some(1), ""), "{command}");
        assert_eq!(
            said.err,
            "nodetool: Failed to connect to '127.0.0.1:7199' - ConnectException: 'Connection refused'.\n"
        );
    }
}

#[test]
fn rollbook_reads_what_the_sandbox_prints() {
    let lab = Lab::new(&Shape::of(12).with_datacenters(2));
    let status = nodetool::parse_status(&lab.on("h1", "env LC_ALL=C.UTF-8 nodetool status")).unwrap();
    assert_eq!(status.rows.len(), 12);
    assert!(status.rows.values().all(|row| row.up_normal() && row.tokens == Some(8)));
    let cluster = nodetool::parse_describecluster(&lab.on("h7", "nodetool describecluster")).unwrap();
    assert_eq!(cluster.schema.len(), 1);
    assert_eq!((cluster.releases.len(), cluster.unreachable.len()), (12, 0));
    assert_eq!(cluster.keyspaces["orders"], Shape::of(12).with_datacenters(2).everywhere(3));
    let ring = nodetool::parse_describering(&lab.on("h1", "nodetool describering orders")).unwrap();
    assert_eq!(ring.ranges.len(), 96);
    assert!(ring.ranges.iter().all(|range| range.endpoints.len() == 6));
    let tokens = nodetool::parse_ring(&lab.on("h1", "nodetool ring")).unwrap();
    assert_eq!(tokens.tokens.len(), 96);
    let gossip = nodetool::parse_gossipinfo(&lab.on("h1", "nodetool gossipinfo")).unwrap();
    assert_eq!(gossip.nodes.len(), 12);
    let info = nodetool::parse_info(&lab.on("h1", "nodetool info")).unwrap();
    assert!(info.native_transport && info.gossip && info.uptime_s > 3000);
    assert_eq!(gossip.nodes[&lab.sandbox.seed().parse().unwrap()].generation, info.generation);
    let seeds = nodetool::parse_getseeds(&lab.on("h1", "nodetool getseeds")).unwrap();
    assert_eq!(seeds.len(), 3, "two in each data centre, without h1 itself");
    assert_eq!(nodetool::parse_netstats(&lab.on("h1", "nodetool netstats")).unwrap().mode, "NORMAL");
}

#[test]
fn a_drained_node_is_down_to_its_peers_and_up_to_itself() {
    let lab = Lab::new(&like_the_captures());
    assert_eq!(lab.on("h2", "nodetool drain"), "");
    assert_eq!(lab.state("h1", "10.10.0.12"), "DN");
    assert_eq!(lab.state("h2", "10.10.0.12"), "UN");
    assert_eq!(lab.state("h2", "10.10.0.11"), "UN");
    assert_shaped_like(&lab.on("h1", "nodetool describecluster"), &["drained/h1/describecluster.out"]);
    assert_shaped_like(&lab.on("h1", "nodetool gossipinfo"), &["drained/h1/gossipinfo.out"]);
    for command in ["statusbinary", "statusgossip"] {
        assert_eq!(lab.on("h2", &format!("nodetool {command}")), "not running\n", "{command}");
    }
    for command in ["status", "describecluster", "gossipinfo", "info", "netstats"] {
        assert_shaped_like(&lab.on("h2", &format!("nodetool {command}")), &[&format!("drained/h2/{command}.out")]);
    }
    let cluster = nodetool::parse_describecluster(&lab.on("h2", "nodetool describecluster")).unwrap();
    assert_eq!((cluster.schema.len(), cluster.unreachable.len()), (0, 3), "itself too");
    assert_eq!(lab.on("h2", "nodetool drain"), "", "a second time does no harm");
    let again = lab.ssh(&["h2", "nodetool enablebinary"]);
    assert_eq!(again.exit, Some(2));
    assert!(again.err.contains("because the node was drained"));
}

#[test]
fn stop_and_start_are_seen_by_the_peers_and_raise_the_generation() {
    let lab = Lab::new(&Shape { speed: 2.0, ..Shape::of(3) });
    let before = nodetool::parse_info(&lab.on("h2", "nodetool info")).unwrap();
    let boot = lab.boot_id("h2");
    assert_eq!(lab.on("h2", "systemctl is-active cassandra"), "active\n");
    assert_eq!(lab.on("h2", "sudo -n systemctl stop cassandra.service"), "");
    let active = lab.ssh(&["h2", "systemctl", "is-active", "cassandra"]);
    assert_eq!((active.exit, active.out.as_str()), (Some(3), "inactive\n"));
    assert_eq!(lab.state("h1", "10.10.0.12"), "DN");
    let told = nodetool::parse_gossipinfo(&lab.on("h1", "nodetool gossipinfo")).unwrap();
    let gone = &told.nodes[&"10.10.0.12".parse().unwrap()];
    assert_eq!((gone.generation, gone.rpc_ready), (before.generation, Some(false)));
    assert_eq!(lab.on("h2", "sudo service cassandra start"), "");
    lab.wait("CQL of h2", || lab.ssh(&["h2", "nodetool statusbinary"]).out == "running\n");
    assert_eq!(lab.state("h1", "10.10.0.12"), "UN");
    let after = nodetool::parse_info(&lab.on("h2", "nodetool info")).unwrap();
    assert!(after.generation > before.generation && after.uptime_s < 60, "{after:?}");
    assert_eq!(after.host_id, before.host_id);
    assert_eq!(lab.boot_id("h2"), boot, "no reboot");
}

#[test]
fn a_reboot_goes_through_the_phases_of_a_real_one() {
    let lab = Lab::new(&like_the_captures());
    let before = lab.boot_id("h2");
    let machine = lab.on("h2", "cat /etc/machine-id");
    let exit = lab.ssh(&["h2", "sudo", "systemctl", "reboot"]).exit;
    assert!(exit == Some(0) || exit == Some(255), "{exit:?}");
    let mut phases: Vec<String> = Vec::new();
    lab.wait("the phases of a boot", || {
        let said = lab.ssh(&["-o", "BatchMode=yes", "h2", "nodetool netstats && nodetool statusbinary"]);
        let last = said.out.lines().last().unwrap_or_default().to_owned();
        let phase = match (said.err.lines().next(), said.out.lines().next()) {
            (Some(error), _) => error.split(':').next_back().unwrap_or_default().trim().to_owned(),
            (None, first) => format!("{} {last}", first.unwrap_or_default()),
        };
        if phases.last() != Some(&phase) {
            phases.push(phase);
        }
        phases.last().is_some_and(|phase| phase == "Mode: NORMAL running") && phases.len() > 2
    });
    let expected = [
        "Mode: NORMAL running",
        "Connection refused",
        "ConnectException: 'Connection refused'.",
        "Server is not initialized yet, cannot run nodetool.",
        "Mode: STARTING not running",
        "Mode: NORMAL not running",
        "Mode: NORMAL running",
    ];
    // A busy machine may step over a phase, but never out of order.
    let mut rest = expected.iter().map(|phase| phase.split(": ").last().unwrap());
    for phase in phases.iter().map(|phase| phase.split(": ").last().unwrap()) {
        assert!(rest.any(|known| known == phase), "`{phase}` out of place in {phases:?}");
    }
    assert!(phases.iter().any(|phase| phase == "Connection refused"), "{phases:?}");
    assert_ne!(lab.boot_id("h2"), before);
    assert_eq!(lab.on("h2", "cat /etc/machine-id"), machine);
}

#[test]
fn ids_differ_between_hosts() {
    let lab = Lab::new(&Shape::of(3));
    for file in ["/proc/sys/kernel/random/boot_id", "/etc/machine-id", "/etc/hostname"] {
        let seen: BTreeSet<String> =
            ["h1", "h2", "10.10.0.13"].iter().map(|h| lab.on(h, &format!("cat {file}"))).collect();
        assert_eq!(seen.len(), 3, "{file}");
    }
    let other = Lab::new(&Shape { seed: 2, ..Shape::of(3) });
    assert_ne!(other.boot_id("h1"), lab.boot_id("h1"));
    assert_eq!(Lab::new(&Shape::of(3)).boot_id("h1"), lab.boot_id("h1"), "the same seed, the same ids");
}

#[test]
fn a_far_command_is_one_of_a_real_far_shell() {
    let lab = Lab::new(&Shape::of(3));
    assert_eq!(lab.ssh(&["h1", "exit 3"]).exit, Some(3));
    assert_eq!(lab.ssh(&["h1", "kill -9 $$"]).exit, Some(255), "killed by a signal: sshd has no exit status to tell");
    assert_eq!(lab.ssh(&["h1", "nosuchtool"]).exit, Some(127));
    assert_eq!(lab.ssh(&["h1", "echo", "a  b;", "echo", "'c  d'"]).out, "a b\nc  d\n", "joined by blanks, read again");
    assert_eq!(lab.on("root@h1", "hostname; echo $HOME | sed 's:.*/::'; pwd | sed 's:.*/::'"), "h1\nh1\nh1\n");
    let unknown = lab.ssh(&["nosuchhost", "true"]);
    assert_eq!(unknown.exit, Some(255));
    assert!(unknown.err.starts_with("ssh: Could not resolve hostname nosuchhost"));
    let mut leak = lab.command(&["ssh", "h1", "echo [$SECRET]"]);
    assert_eq!(Said::from(leak.env("SECRET", "x").output().unwrap()).out, "[]\n", "no environment goes along");
    assert_eq!(lab.on("h1", "cat /proc/self/comm"), "cat\n", "what is not simulated is read by the real cat");
}

#[test]
fn nothing_acts_on_this_machine() {
    let lab = Lab::new(&Shape::of(3));
    for words in
        [&["reboot"][..], &["systemctl", "reboot"], &["sudo", "reboot"], &["pkill", "java"], &["shutdown", "now"]]
    {
        let said: Said = lab.command(words).output().unwrap().into();
        assert_eq!(said.exit, Some(1), "{words:?} {said:?}");
        assert!(said.err.contains("ssh HOST"), "{said:?}");
    }
    let line = "apt-get (sandbox): nothing is installed or changed\n";
    assert_eq!(Said::from(lab.command(&["apt-get", "--yes", "upgrade"]).output().unwrap()).out, line);
    assert_eq!(lab.on("h1", "sudo apt-get update && sudo apt-get --yes upgrade"), line.repeat(2));
    assert!(sandbox::absences(lab.sandbox.dir()).unwrap().is_empty());
}

#[test]
fn every_call_leaves_a_line() {
    let lab = Lab::new(&Shape::of(3));
    lab.on("h1", "nodetool status");
    lab.ssh(&["h2", "nodetool", "describering", "nosuch"]);
    let calls = sandbox::calls(lab.sandbox.dir());
    let brief: Vec<String> = calls.iter().map(|c| format!("{} {} {} {}", c.host, c.tool, c.args, c.exit)).collect();
    assert_eq!(
        brief,
        [
            "h1 nodetool status 0",
            "h1 ssh h1 nodetool status 0",
            "h2 nodetool describering nosuch 2",
            "h2 ssh h2 nodetool describering nosuch 2"
        ]
    );
}

#[test]
fn a_cluster_of_a_thousand_hosts_says_what_it_is() {
    let lab = Lab::new(&Shape::of(1000));
    let status = nodetool::parse_status(&lab.on("h1000", "nodetool status")).unwrap();
    assert_eq!(status.rows.len(), 1000);
    assert!(status.rows.values().all(|row| row.up_normal()));
    let described = nodetool::parse_describering(&lab.on("h500", "nodetool describering orders")).unwrap();
    assert_eq!(described.ranges.len(), 8000);
    // one of them is seen down, and only that one
    lab.ssh(&["h700", "sudo systemctl stop cassandra"]);
    let status = nodetool::parse_status(&lab.on("h1", "nodetool status")).unwrap();
    assert_eq!(status.rows.values().filter(|row| !row.up_normal()).count(), 1);
}
