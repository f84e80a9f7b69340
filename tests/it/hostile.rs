//! The promise, in a hostile world: random clusters, and a saboteur for each rule that a test must catch.
//!
//! `ROLLBOOK_SEEDS` says how many clusters (the test command runs thousands, in a release build); a failure names
//! its seed, and with it the run's last events. `ROLLBOOK_SEED=N` runs the world N alone.

use rollbook::job::rules::Rules;
use rollbook::job::simulate::{Report, Scene, run, scene};
use rollbook::plan::compile::{Options, compile};
use rollbook::playbook::model::{Groups, ListedGroup};
use serde_json::json;

fn seeds() -> u64 {
    std::env::var("ROLLBOOK_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(150)
}

/// The worlds of one test, of `usually` so many.
fn worlds(usually: u64) -> std::ops::Range<u64> {
    let only = std::env::var("ROLLBOOK_SEED").ok().and_then(|text| text.parse::<u64>().ok());
    only.map_or(0..usually, |seed| seed..seed + 1)
}

#[test]
fn no_promise_breaks_in_any_world() {
    let (mut done, mut hosts, mut second_phases) = (0, 0, 0);
    for seed in worlds(seeds()) {
        let scene = scene(seed, None);
        let report = run(&scene, Rules::default());
        assert_eq!(report.violations, [], "seed {seed}{}", last_events(&report));
        done += report.done;
        hosts += scene.plan.hosts.len();
        second_phases += u64::from(report.phases > 1);
    }
    assert!(second_phases * 20 > seeds(), "second phases began in only {second_phases} of {} worlds", seeds());
    assert!(done * 2 > hosts, "a machine that does nothing is safe too: only {done} of {hosts} hosts were done");
}

/// The procedures that people have, in the same worlds: those that ship, and those of peers.
#[test]
fn no_promise_breaks_with_the_procedures_people_have() {
    let given = |name: &str| match name {
        "release" => json!("5.0.6"),
        "sha256" => json!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        _ => json!("/opt/what"),
    };
    let (mut done, mut hosts) = (0, 0);
    for folder in ["playbooks", "tests/data/playbooks/peers"] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let (playbook, _) = rollbook::playbook::read(&std::fs::read(&path).unwrap()).unwrap();
            let without = playbook
                .params
                .iter()
                .map(|(name, param)| (name.clone(), param.default.clone().unwrap_or_else(|| given(name))));
            let params = without.collect();
            for seed in worlds((seeds() / 10).max(20)) {
                let mut scene = scene(seed, None);
                // a cluster of one needs an outage accepted, and these playbooks accept none
                let mut playbook = playbook.clone();
                playbook.groups = groups(&scene);
                let Ok(plan) = compile(&playbook, &scene.topology, &params, &Options::default()) else { continue };
                scene.plan = plan;
                let report = run(&scene, Rules::default());
                assert_eq!(report.violations, [], "{} seed {seed}{}", path.display(), last_events(&report));
                done += report.done;
                hosts += scene.plan.hosts.len();
            }
        }
    }
    assert!(done * 3 > hosts && hosts > 500, "only {done} of {hosts} hosts were done");
}

/// What led to a violation, one event a line.
fn last_events(report: &Report) -> String {
    let last = report.events.iter().rev().take(60).rev();
    let since = report.events.first().map_or(0, |event| event.at);
    last.map(|event| format!("\n  {:>9} {:?}", event.at - since, event.what)).collect()
}

/// As a playbook would list them.
fn groups(scene: &Scene) -> Groups {
    let address = |node: &usize| scene.topology.hosts[*node].address.to_string();
    let listed = scene
        .plan
        .groups
        .iter()
        .map(|group| ListedGroup { name: Some(group.name.clone()), hosts: group.nodes.iter().map(address).collect() });
    let listed: Vec<ListedGroup> = listed.collect();
    if listed.is_empty() { Groups::None } else { Groups::Listed(listed) }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [3, 60, 102] {
        assert_eq!(run(&scene(seed, None), Rules::default()), run(&scene(seed, None), Rules::default()));
    }
}

/// One rule is taken away: some world must show the harm, by the truth.
fn caught(name: &str, promise: &str, rules: Rules, ignored: Option<usize>) {
    let worlds = 0..seeds().max(1000);
    let harm = |seed: &u64| {
        let report = run(&scene(*seed, ignored), rules);
        report.violations.first().is_some_and(|violation| violation.what.starts_with(promise))
    };
    assert!(worlds.clone().any(|seed| harm(&seed)), "{name}: no world in {worlds:?} shows the harm");
}

#[test]
fn a_forgotten_keyspace_is_caught() {
    caught("ignore one keyspace", "(i)", Rules::default(), Some(0));
}

#[test]
fn trust_in_the_host_itself_is_caught() {
    caught("trust the host", "(i", Rules { never_ask_the_host_itself: false, ..Rules::default() }, None);
}

#[test]
fn forgotten_down_nodes_are_caught() {
    caught("forget down nodes", "(ii)", Rules { count_down_nodes: false, ..Rules::default() }, None);
}

#[test]
fn forgotten_cuts_are_caught() {
    caught("forget cuts", "(ii)", Rules { count_cuts: false, ..Rules::default() }, None);
}

#[test]
fn a_start_before_the_gate_is_caught() {
    caught("start before the gate", "(i)", Rules { wait_for_the_gate: false, ..Rules::default() }, None);
}

#[test]
fn a_stale_answer_is_caught() {
    caught("accept a stale answer", "(ii)", Rules { refuse_stale_answers: false, ..Rules::default() }, None);
}

#[test]
fn forgotten_groups_are_caught() {
    let rules = Rules { count_groups: false, ..Rules::default() };
    caught("forget groups", "(i)", rules, None);
    caught("forget groups", "(v)", rules, None);
}

#[test]
fn a_forgotten_level_is_caught() {
    caught("forget the level", "(i)", Rules { keep_the_level: false, ..Rules::default() }, None);
}

#[test]
fn a_lock_that_is_anothers_is_caught() {
    caught("go on without the lock", "(vii)", Rules { confirm_the_lock: false, ..Rules::default() }, None);
}

#[test]
fn a_restart_without_proof_is_caught() {
    caught("no proof of restart", "(i)", Rules { prove_the_restart: false, ..Rules::default() }, None);
}
