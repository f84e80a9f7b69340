use super::*;
use crate::diagnostic::render;

fn good(source: &str) -> Playbook {
    match read(source.as_bytes()) {
        Ok((playbook, _)) => playbook,
        Err(findings) => panic!("{}", findings.iter().map(|f| render(f, "x", source)).collect::<String>()),
    }
}

#[test]
fn a_minimal_playbook_has_every_default() {
    let playbook = good("rollbook: 1\nname: x\nsteps: [drain, stop, reboot, wait-up]\n");
    let commands: Vec<String> = playbook.steps.iter().filter_map(|s| s.command.as_ref()).map(command::join).collect();
    assert_eq!(
        commands,
        [
            "{{ cluster.ssh }} {{ host }} env LC_ALL=C.UTF-8 nodetool drain",
            "{{ cluster.ssh }} {{ host }} sudo systemctl stop {{ cluster.service }}",
            "{{ cluster.ssh }} {{ host }} sudo systemctl reboot",
        ]
    );
    assert_eq!(playbook.steps[2].ok_exit, [0, 255]);
    assert_eq!(playbook.steps[3].stable, 3);
    assert_eq!(playbook.concurrency.max_hosts, Some(10));
}

#[test]
fn every_key_is_read() {
    let playbook = good(include_str!("../../tests/data/playbooks/good/everything.yaml"));
    assert_eq!(playbook.steps.len(), 13);
    assert_eq!(playbook.targets.datacenters, ["dc1", "02"]);
    assert_eq!(
        playbook.steps[0].command.as_ref().map(command::join).unwrap(),
        "{{ cluster.ssh }} {{ host }} sudo nodetool -h ::1 drain"
    );
    assert!(playbook.steps[8].command.as_ref().unwrap().background);
    assert_eq!(playbook.spans.get("targets.racks[1]").map(|span| span.end - span.start), Some(4));
}

#[test]
fn what_explain_prints_is_the_same_playbook() {
    for source in [
        include_str!("../../tests/data/playbooks/good/everything.yaml"),
        include_str!("../../playbooks/rolling-reboot.yaml"),
        "rollbook: 1\nname: é — x\nsteps:\n- run: \"a '' 'b c' \\\"it's\\\" '#' é\"\n  takes-down: nothing\n",
        "rollbook: 1\nname: s\nsteps:\n- run:\n  takes-down: nothing\n  script: \"  a\\n\\nb\\t\\\\\\n\\n\"\n",
        "rollbook: 1\nname: s\nsteps:\n- run:\n  takes-down: nothing\n  script: \"a 'x' \\\"y\\\"\\n\\n  b\\n\"\n  env: {A: \" {{ host }} \", B: ''}\n",
    ] {
        let first = good(source);
        let text = explain(&first);
        let again = good(&text);
        assert_eq!(first.without_places(), again.clone().without_places(), "{text}");
        assert_eq!(explain(&again), text);
    }
}
