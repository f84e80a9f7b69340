//! The playbooks that ship: each is sound, short, and plans on a cluster; what it says of itself can be typed.

use crate::desk::{Desk, expect};

const SHIPPED: [(&str, &[&str], &[&str]); 7] = [
    ("rolling-reboot", &[], &["6 hosts", "3 waves"]),
    ("rolling-restart", &[], &["3 waves"]),
    (
        "rolling-upgrade",
        &["release=5.0.6"],
        &["1 host first; then `rollbook approve RUN`", "ReleaseVersion: 5\\.0\\.6", "--reason"],
    ),
    (
        "config-change",
        &["file=x.options", "sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
        &["a host is passed over when its command says that it is done"],
    ),
    ("run-script", &["script=/usr/local/bin/bounce"], &["bash /usr/local/bin/bounce ‹host›"]),
    ("cleanup-campaign", &[], &["at most 2 hosts at once", "12h"]),
    ("os-patch", &[], &["1 host first"]),
];

#[test]
fn every_playbook_that_ships_is_sound_short_and_can_be_planned() {
    let desk = Desk::new();
    let mut names: Vec<String> = std::fs::read_dir("playbooks")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().trim_end_matches(".yaml").to_owned())
        .collect();
    names.sort();
    let mut shipped: Vec<&str> = SHIPPED.iter().map(|(name, ..)| *name).collect();
    shipped.sort();
    assert_eq!(names, shipped);
    for (name, params, holds) in SHIPPED {
        let path = format!("playbooks/{name}.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().count() <= 60, "{name} takes longer than a minute to read");
        let said = expect(desk.rollbook(&["check", &path]), 0, &["is a sound playbook"]);
        assert_eq!(said.err, "", "{name}: no warning");
        let mut words = vec!["plan", &path, "--sandbox=6"];
        params.iter().for_each(|param| words.extend(["--param", param]));
        expect(desk.rollbook(&words), 0, holds);
    }
}

#[test]
fn a_cleanup_campaign_takes_nobody_down() {
    let desk = Desk::new();
    let said = desk.rollbook(&["run", "playbooks/cleanup-campaign.yaml", "--sandbox=4", "--yes"]);
    expect(said, 0, &["4 done"]);
}
