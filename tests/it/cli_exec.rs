//! `rollbook exec` with the real program: cstarpar's command lines, and the effect of every flag.

use crate::desk::{Desk, expect};
use rollbook::sandbox::{Fate, Fault, Shape, calls, judge};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn three() -> Desk {
    Desk::beside(&Shape { speed: 3.0, ..Shape::of(3) })
}

/// What ssh was called with to ask nodes, by the sandbox's own log.
fn ssh_calls(desk: &Desk) -> Vec<String> {
    let all = calls(desk.lab().sandbox.dir()).into_iter();
    all.filter(|call| call.tool == "ssh").map(|call| call.args).collect()
}

fn executable(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn command_lines_of_cstarpar_that_only_look() {
    let desk = three();
    let seed = desk.lab().sandbox.seed();
    let exec = |words: &[&str]| desk.rollbook(&[&["exec", "--seed-host", &seed], words].concat());
    expect(exec(&["hostname"]), 0, &["3 done"]);
    let said = expect(exec(&["-v", "ssh {} hostname"]), 0, &["3 done"]);
    for (address, name) in [("10.10.0.11", "h1"), ("10.10.0.12", "h2"), ("10.10.0.13", "h3")] {
        assert!(said.out.contains(&format!("{address} out: {name}")), "{}", said.out);
    }
    let words = ["--ssh-identity-file=KEY", "--ssh-username", "ubuntu"];
    let line = [&words[..], &["ssh -o StrictHostKeyChecking=no ubuntu@{} hostname"]].concat();
    expect(exec(&line), 0, &["3 done"]);
    let asked = ssh_calls(&desk);
    assert!(
        asked.iter().any(|args| args.contains("-l ubuntu -i KEY") && args.contains("nodetool status")),
        "{asked:?}"
    );
    assert!(asked.iter().any(|args| args == "-o StrictHostKeyChecking=no ubuntu@10.10.0.12 hostname"), "{asked:?}");
    // Each run is a run like any other.
    expect(desk.rollbook(&["runs"]), 0, &["exec", "succeeded"]);
}

#[test]
fn a_reboot_in_the_background_is_proved_and_replicas_stay_apart() {
    let desk = Desk::new();
    let said = expect(desk.rollbook(&["exec", "--sandbox=3", "--", "ssh {} sudo reboot &"]), 0, &["3 done"]);
    assert!(said.err.contains("another boot id"), "{}", said.err);
    assert!(said.out.contains("reboot"), "the plan shows the guess: {}", said.out);
    let script = desk.path("restart.sh");
    executable(&script, "#!/bin/bash\nset -e\nssh $1 nodetool drain\nssh $1 sudo systemctl restart cassandra\n");
    let command = format!("bash {} {{}}", script.display());
    let said = expect(desk.rollbook(&["exec", "--sandbox=3", "--", &command]), 0, &["3 done"]);
    assert!(said.err.contains("generation newer"), "{}", said.err);
}

#[test]
fn what_nobody_knows_is_waited_for_and_nothing_is_believed_on_request() {
    let desk = Desk::new();
    let plan = |words: &[&str]| {
        // Nobody is asked: what an outage would need shows at once.
        let all = [&["exec", "--sandbox=3", "--strategy", "all"], words].concat();
        desk.rollbook(&all)
    };
    expect(plan(&["--", "frobnicate {}"]), 5, &["--accept-outage", "--expect nothing"]);
    expect(plan(&["--", "ssh {} sudo reboot"]), 5, &["--accept-outage"]);
    expect(plan(&["--expect", "reboot", "--", "true"]), 5, &["--accept-outage"]);
    expect(plan(&["--expect", "nothing", "--", "true {}"]), 0, &["3 done"]);
    let said = plan(&["--accept-outage", "a test", "--", "ssh {} sudo systemctl restart cassandra"]);
    expect(said, 0, &["3 done", "a test"]);
    // One node alone: nobody can watch it.
    expect(desk.rollbook(&["exec", "--sandbox=1", "--", "ssh {} sudo reboot"]), 5, &["one node"]);
}

#[test]
fn flags_that_narrow_and_limit() {
    let desk = three();
    let exec = |words: &[&str]| desk.on_cluster(&[&["exec"], words].concat());
    expect(exec(&["--host", "10.10.0.12", "--", "hostname"]), 0, &["1 host: 1 done"]);
    // Its own seeds, as cstarpar has it.
    expect(desk.rollbook(&["exec", "--host", "10.10.0.12", "10.10.0.13", "--", "hostname"]), 0, &["2 done"]);
    let hosts = desk.file("hosts.txt", "10.10.0.11\n\n10.10.0.13\n");
    expect(exec(&["--host-file", &hosts, "--", "hostname"]), 0, &["2 done"]);
    expect(exec(&["--host", "10.10.0.99", "--", "hostname"]), 64, &["10.10.0.99", "nothing was done"]);
    expect(exec(&["--dc-filter", "dc1", "hostname"]), 0, &["3 done"]);
    expect(exec(&["--dc-filter", "dc9", "hostname"]), 64, &["dc9"]);
    expect(exec(&["--keyspace", "orders", "hostname"]), 0, &["3 done"]);
    expect(exec(&["--keyspace", "nonesuch", "hostname"]), 64, &["nonesuch"]);
    expect(exec(&["--stop-after", "1", "hostname"]), 4, &["1 done", "rollbook resume"]);
    expect(exec(&["--timeout", "1", "--expect", "nothing", "--", "sleep 600"]), 10, &["in doubt"]);
    expect(exec(&["--host", "10.10.0.11", "--", "no-such-program-at-all"]), 3, &["failed"]);
    expect(exec(&["--host", "10.10.0.11", "--expect", "nothing", "--", "false"]), 3, &["failed", "exit status 1"]);
}

#[test]
fn side_by_side_only_as_far_as_the_strategy_and_the_limit_go() {
    let desk = Desk::new();
    let most_at_once = |words: &[&str]| {
        // A command that notes when it begins and ends.
        let log = desk.path("at-once.log");
        let _ = std::fs::remove_file(&log);
        let script = desk.path("note.sh");
        let text = format!("#!/bin/bash\necho + >> {log}\nsleep 0.5\necho - >> {log}\n", log = log.display());
        executable(&script, &text);
        let command = format!("{} {{}}", script.display());
        let line = [&["exec", "--sandbox=6", "--expect", "nothing"], words, &["--", &command]].concat();
        expect(desk.rollbook(&line), 0, &["6 done"]);
        let (mut now, mut most) = (0, 0);
        for line in std::fs::read_to_string(&log).unwrap().lines() {
            now += if line == "+" { 1 } else { -1 };
            most = most.max(now);
        }
        most
    };
    assert_eq!(most_at_once(&["--one"]), 1);
    assert_eq!(most_at_once(&["--strategy", "one"]), 1);
    assert_eq!(most_at_once(&["--topology"]), 2);
    assert_eq!(most_at_once(&["--all"]), 6);
    assert_eq!(most_at_once(&["--all", "-j", "3"]), 3);
}

#[test]
fn a_place_is_kept_for_the_pause_after_a_node_is_done() {
    let desk = three();
    let run = |words: &[&str]| {
        let start = std::time::Instant::now();
        expect(desk.on_cluster(&[&["exec"], words, &["--", "true {}"]].concat()), 0, &["3 done"]);
        start.elapsed().as_secs_f64()
    };
    let paused = run(&["--expect", "nothing", "--node-done-pause-time", "1.5"]);
    assert!(paused > 3.0, "two pauses stand between three nodes that share ranges: {paused}");
}

#[test]
fn how_nodes_are_asked() {
    let desk = three();
    let exec = |words: &[&str]| desk.on_cluster(&[&["exec"], words].concat());
    expect(exec(&["--use-sudo", "--sudo-args", "-u cassandra", "hostname"]), 0, &["3 done"]);
    expect(exec(&["--jmx-username", "ops", "--jmx-passwordfile", "/etc/jmx.pw", "hostname"]), 0, &["3 done"]);
    expect(exec(&["--ssh-lib", "ssh", "hostname"]), 0, &["3 done"]);
    let asked = ssh_calls(&desk).join("\n");
    assert!(asked.contains("sudo -u cassandra env LC_ALL=C.UTF-8 nodetool status"), "{asked}");
    assert!(asked.contains("nodetool -u ops -pwf /etc/jmx.pw status"), "{asked}");
    for (flag, reason) in [
        ("--ssh-password=x", "--ssh-identity-file"),
        ("--jmx-password=x", "--jmx-passwordfile"),
        ("--ssh-lib=paramiko", "`ssh` program"),
        ("--ssh-pause-time=1", "--max-concurrency"),
    ] {
        expect(exec(&[flag, "hostname"]), 64, &[reason]);
    }
}

#[test]
fn names_and_values_of_each_node() {
    let desk = three();
    // This machine's own resolver does not know simulated nodes.
    let bin = desk.path("bin");
    std::fs::create_dir(&bin).unwrap();
    executable(&bin.join("getent"), "#!/bin/sh\necho \"$2  node-${2##*.}.example\"\n");
    let path = format!("{}:{}", bin.display(), desk.lab().sandbox.env()["PATH"]);
    let seed = desk.lab().sandbox.seed();
    let run = |words: &[&str]| {
        let line = [&["exec", "--seed-host", &seed, "-v", "--expect", "nothing"], words].concat();
        crate::sandbox::Said::from(desk.command(&line).env("PATH", &path).output().unwrap())
    };
    expect(run(&["-r", "--", "echo name={}"]), 0, &["10.10.0.12 out: name=node-12.example"]);
    let variables =
        desk.file("v.json", r#"{"10.10.0.11": {"p": "a"}, "10.10.0.12": {"p": "b"}, "10.10.0.13": {"p": 3}}"#);
    let said = run(&["--hosts-variables", &variables, "--", "echo p={{p}}"]);
    expect(said, 0, &["10.10.0.11 out: p=a", "10.10.0.12 out: p=b", "10.10.0.13 out: p=3"]);
    expect(run(&["--hosts-variables", &variables, "--", "echo p={{q}}"]), 64, &["`{{q}}`"]);
    let bad = desk.file("bad.json", "[]");
    expect(run(&["--hosts-variables", &bad, "--", "echo"]), 65, &["bad.json"]);
    // Without the file, braces are braces.
    expect(run(&["--", "echo '{{p}}'"]), 0, &["10.10.0.11 out: {{p}}"]);
}

#[test]
fn outputs_where_they_are_wanted_and_ids_as_enforced() {
    let desk = three();
    let (kept, id) = (desk.path("kept"), "0f3d1c52-6a70-4c0e-8f1e-3a3d8c9b5a10");
    let line = ["exec", "--output-directory", kept.to_str().unwrap(), "--enforced-job-id", id, "--", "ssh {} hostname"];
    expect(desk.on_cluster(&line), 0, &[id]);
    for (address, name) in [("10.10.0.11", "h1\n"), ("10.10.0.13", "h3\n")] {
        let read = |file: &str| std::fs::read_to_string(kept.join(address).join(file)).unwrap();
        assert_eq!((read("out").as_str(), read("status").as_str(), read("err").as_str()), (name, "0", ""));
    }
    expect(desk.rollbook(&["runs", "show", id]), 0, &[id]);
    expect(desk.on_cluster(&line), 64, &["there is a run"]);
}

#[test]
fn a_node_that_is_down_occupies_only_its_own_ranges_when_it_is_ignored() {
    let desk = Desk::beside(&Shape { speed: 3.0, ..Shape::of(6) });
    let lab = desk.lab();
    lab.sandbox.inject(Fault::on("h3", Fate::Killed)).unwrap();
    lab.wait("h3 is seen down", || lab.state("10.10.0.11", "10.10.0.13") == "DN");
    // h6 stands in the rack of h3: they hold no replica of one range.
    let line = ["exec", "--ignore-down-nodes", "--host", "10.10.0.16", "--expect", "nothing", "--", "hostname"];
    expect(desk.on_cluster(&line), 0, &["1 done", "ignore"]);
    // Not ignored, it keeps the run from starting.
    let seed = lab.sandbox.seed();
    let last = || desk.rollbook(&["runs", "show", "last", "--events"]).out;
    let before = last();
    let mut waits = desk.start(&["exec", "--seed-host", &seed, "--host", "10.10.0.16", "--", "hostname"]);
    // (on a busy machine the run that ended is still the last for a while)
    lab.wait("another run has begun", || last() != before);
    std::thread::sleep(std::time::Duration::from_secs(2));
    let journal = last();
    waits.kill().unwrap();
    waits.wait().unwrap();
    assert!(!journal.contains("checked") && !journal.contains("opened"), "{journal}");
}

#[test]
fn seeds_of_two_clusters_make_two_runs() {
    let desk = three();
    let other = Shape { name: "other".to_owned(), network: 11, seed: 2, speed: 3.0, ..Shape::of(3) };
    let other = crate::sandbox::Lab::new(&other);
    // One ssh for both: the address says to which cluster it goes.
    let bin = desk.path("bin");
    std::fs::create_dir(&bin).unwrap();
    let (a, b) = (desk.lab().sandbox.dir(), other.sandbox.dir());
    let text = format!(
        "#!/bin/sh\ncase \" $* \" in\n*' 11.'*) export ROLLBOOK_SANDBOX={b};;\n*) export ROLLBOOK_SANDBOX={a};;\nesac\n\
         exec \"$ROLLBOOK_SANDBOX/bin/ssh\" \"$@\"\n",
        a = a.display(),
        b = b.display()
    );
    executable(&bin.join("ssh"), &text);
    let path = format!("{}:{}", bin.display(), desk.lab().sandbox.env()["PATH"]);
    let run = |words: &[&str]| {
        let line = [&["exec", "--seed-host", "10.10.0.11", "10.10.0.12", "11.10.0.11"], words].concat();
        crate::sandbox::Said::from(desk.command(&line).env("PATH", &path).output().unwrap())
    };
    let said = expect(run(&["--cluster-serial", "--", "hostname"]), 0, &["sandbox", "other"]);
    assert_eq!(said.out.matches("3 done").count(), 2, "{said:?}");
    let said = expect(run(&["--cluster-parallel", "--expect", "nothing", "--", "sleep 1"]), 0, &[]);
    assert_eq!(said.out.matches("3 done").count(), 2, "{said:?}");
    let begun = said.err.match_indices("started by").map(|(at, _)| at).collect::<Vec<_>>();
    let ended = said.err.find("ended:").unwrap();
    assert!(begun.len() == 2 && begun.iter().all(|at| *at < ended), "side by side: {}", said.err);
    // One after the other: the first failure keeps the next cluster from being begun.
    let said = expect(run(&["--expect", "nothing", "--", "false"]), 3, &["1 cluster was not begun"]);
    assert_eq!(said.err.matches("started by").count(), 1, "{said:?}");
    let id = "0f3d1c52-6a70-4c0e-8f1e-3a3d8c9b5a11";
    expect(run(&["--enforced-job-id", id, "--", "hostname"]), 64, &["2 clusters"]);
    assert!(judge(a).unwrap().is_empty() && judge(b).unwrap().is_empty());
}
