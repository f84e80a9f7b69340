//! Real people's procedures, as playbooks: each is read, and planned for a cluster.

use crate::desk::{Desk, expect};

const FOLDER: &str = "tests/data/playbooks/peers";

/// playbook, what its command line needs, what its plan must say.
const PEERS: &[(&str, &[&str], &[&str])] = &[
    (
        "axonops-rolling-restart",
        &["--param", "change=/opt/apply-change.sh"],
        &["sudo /opt/apply-change.sh", "at the start all-up, no-range-movement, no-streaming", "2m of grace"],
    ),
    ("hancockks-rolling-restart", &[], &["nodetool disablebinary", "sudo service cassandra restart", "1m of grace"]),
    ("thelastpickle-reboot", &[], &["ssh ‹host› sudo reboot", "another boot id"]),
    ("wikimedia-roll-restart", &[], &["silence --for 240m", "enable-puppet", "5m of grace"]),
    ("wire-server-cassandra-restart", &[], &["no-range-movement", "one host of a data centre at a time"]),
];

#[test]
fn playbooks_of_peers_are_sound_and_planned_and_none_is_left_out() {
    let desk = Desk::new();
    let snapshot = desk.path("six.json").display().to_string();
    expect(desk.rollbook(&["topology", "--sandbox=6", "--out", &snapshot]), 0, &[]);
    let mut files: Vec<String> =
        std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let named: Vec<String> = PEERS.iter().map(|(name, ..)| format!("{name}.yaml")).collect();
    assert_eq!(files, named);
    for (name, words, says) in PEERS {
        let file = format!("{FOLDER}/{name}.yaml");
        expect(desk.rollbook(&["check", &file]), 0, &["sound"]);
        expect(desk.rollbook(&[&["plan", &file, "--topology", &snapshot], *words].concat()), 0, says);
    }
}

#[test]
fn the_last_pickles_reboot_reboots() {
    let desk = Desk::new();
    let file = format!("{FOLDER}/thelastpickle-reboot.yaml");
    let said = expect(desk.rollbook(&["run", &file, "--sandbox=3", "--yes"]), 0, &["3 hosts: 3 done"]);
    assert_eq!(said.err.matches("wait-up: passed: ").count(), 3, "{said:?}");
    assert!(said.err.contains("another boot id"), "{said:?}");
}
