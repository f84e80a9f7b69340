//! Discovery and preflight against the sandbox: real child processes all the way.

use crate::sandbox::Lab;
use rollbook::ask::{Asker, NodeWords};
use rollbook::diagnostic::Severity;
use rollbook::discover::{AccessWords, DiscoverError, Discovered, PreflightCheck, discover, preflight};
use rollbook::job::event::Question;
use rollbook::job::view::Answer;
use rollbook::sandbox::{Fate, Fault, Shape};
use rollbook::topology::model::{Factor, Replication};
use std::sync::Arc;
use std::time::Duration;

fn words(address: &str) -> NodeWords {
    let list = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    NodeWords {
        name: address.to_owned(),
        ssh: list(&format!("ssh -o BatchMode=yes {address}")),
        nodetool: list(&format!("ssh -o BatchMode=yes {address} env LC_ALL=C.UTF-8 nodetool ‹args›")),
    }
}

fn access() -> AccessWords {
    AccessWords::new(|address| Ok(words(address)))
}

async fn found(lab: &Lab, seeds: &[&str]) -> Result<Discovered, DiscoverError> {
    let seeds: Vec<String> = seeds.iter().map(|seed| seed.to_string()).collect();
    discover(&access(), &seeds, lab.sandbox.env()).await
}

async fn from_seed(lab: &Lab) -> Result<Discovered, DiscoverError> {
    found(lab, &[&lab.sandbox.seed()]).await
}

fn broken(fates: &[(&str, Fate)]) -> Lab {
    let mut shape = Shape::of(6);
    shape.faults = fates.iter().map(|(host, fate)| Fault::on(*host, fate.clone())).collect();
    Lab::new(&shape)
}

#[tokio::test]
async fn a_healthy_cluster_is_read_whole() {
    let lab = Lab::new(&Shape::of(6));
    let found = from_seed(&lab).await.unwrap();
    let topology = &found.topology;
    assert_eq!((topology.hosts.len(), topology.asked.len()), (6, 3));
    assert_eq!(found.notes, Vec::<String>::new());
    assert_eq!(found.schema_ids.len(), 1);
    let racks: Vec<&str> =
        topology.asked.iter().map(|at| topology.hosts[topology.by_address(*at).unwrap()].rack.as_str()).collect();
    assert_eq!(racks, ["rack1", "rack2", "rack3"], "one observer a rack");
    assert!(topology.hosts.iter().all(|host| host.release == "5.0.5" && host.tokens == 8));
    assert!(!topology.seeds.is_empty());
    let names: Vec<&String> = topology.keyspaces.keys().collect();
    assert_eq!(names, ["orders", "system_auth", "system_distributed", "system_traces"]);
    assert_eq!(topology.keyspaces["orders"].ring, topology.keyspaces["system_auth"].ring, "equal settings, one ring");
    assert_eq!(topology.rings.len(), 3);
    let again = from_seed(&lab).await.unwrap();
    assert_eq!(again.topology, found.topology, "the same cluster gives the same topology");
}

#[tokio::test]
async fn two_data_centres_are_asked_in_turn() {
    let lab = Lab::new(&Shape::of(6).with_datacenters(2));
    let topology = from_seed(&lab).await.unwrap().topology;
    let places: Vec<&str> =
        topology.asked.iter().map(|at| topology.hosts[topology.by_address(*at).unwrap()].datacenter.as_str()).collect();
    assert_eq!(places, ["dc1", "dc2", "dc1"]);
}

#[tokio::test]
async fn each_distinct_replication_is_asked_for_once() {
    let lab = Lab::new(&Shape::of(3));
    from_seed(&lab).await.unwrap();
    let calls = rollbook::sandbox::calls(lab.sandbox.dir());
    let asked = |what: &str| calls.iter().filter(|call| call.tool == "nodetool" && call.args == what).count();
    assert_eq!((asked("describering orders"), asked("describering system_auth"), asked("ring")), (1, 0, 1));
    assert_eq!(
        (asked("describecluster"), asked("gossipinfo"), asked("status")),
        (3, 3, 3),
        "what the seed said is not asked again"
    );
}

#[tokio::test]
async fn a_seed_that_is_down_is_named_and_the_next_is_tried() {
    let lab = broken(&[("h1", Fate::SshRefused)]);
    let hosts: Vec<String> = (11..17).map(|n| lab.sandbox.seed().replace(".11", &format!(".{n}"))).collect();
    let result = found(&lab, &[&hosts[0], &hosts[1]]).await.unwrap();
    assert!(result.notes[0].starts_with(&format!("seed {} did not answer: `nodetool status` on", hosts[0])));
    assert!(result.notes[0].contains("nobody answers at the ssh port"), "{:?}", result.notes);
    assert!(result.notes.iter().any(|note| note.contains("was not asked further")), "the observer too is named");
    assert_eq!(result.topology.asked.len(), 3, "and replaced");
    let error = found(&lab, &[&hosts[0]]).await.unwrap_err();
    assert!(matches!(&error, DiscoverError::NoSeed(all) if all.len() == 1), "{error}");
    assert!(matches!(found(&lab, &[]).await, Err(DiscoverError::Nobody)));
}

#[tokio::test]
async fn nobody_is_asked_by_a_name_that_nobody_knows() {
    let lab = Lab::new(&Shape::of(3));
    let error = found(&lab, &["no-such-host"]).await.unwrap_err().to_string();
    assert!(error.starts_with("no seed answered:\n  seed no-such-host did not answer: `nodetool status`"), "{error}");
}

#[tokio::test]
async fn half_a_table_and_junk_are_refused() {
    for fate in [Fate::NodetoolHalf, Fate::NodetoolJunk, Fate::NodetoolFails, Fate::NodetoolMissing] {
        let lab = broken(&["h1", "h2", "h3", "h4", "h5", "h6"].map(|host| (host, fate.clone())));
        let error = from_seed(&lab).await.unwrap_err();
        println!("{fate:?}: {error}");
        assert!(matches!(error, DiscoverError::NoSeed(_)), "{error}");
    }
}

#[tokio::test]
async fn an_observer_that_prints_half_a_table_is_replaced_and_named() {
    let lab = broken(&[("h2", Fate::NodetoolHalf)]);
    let result = from_seed(&lab).await.unwrap();
    let two = lab.sandbox.seed().replace(".11", ".12");
    assert!(
        result.notes.iter().any(|note| note.starts_with(&format!("{two} was not asked further"))),
        "{:?}",
        result.notes
    );
    assert!(!result.topology.asked.contains(&two.parse().unwrap()));
}

#[tokio::test]
async fn movement_is_refused() {
    for (fate, word) in [(Fate::Joining, "joining"), (Fate::Leaving, "leaving")] {
        let lab = broken(&[("h5", fate)]);
        let error = from_seed(&lab).await.unwrap_err();
        assert!(matches!(error, DiscoverError::Refused(_)), "{error}");
        assert!(error.to_string().contains(&format!("is {word}: replicas are changing their places")), "{error}");
    }
}

#[tokio::test]
async fn a_host_that_is_down_is_part_of_the_cluster_and_named() {
    let lab = Lab::new(&Shape { speed: 20.0, ..Shape::of(6) });
    lab.on("h4", "sudo systemctl stop cassandra");
    lab.wait("h4 is down", || lab.state("h1", &lab.sandbox.seed().replace(".11", ".14")) == "DN");
    let result = from_seed(&lab).await.unwrap();
    assert_eq!(result.topology.hosts.len(), 6);
    assert!(result.notes.iter().any(|note| note.contains("is not up for all the nodes asked")), "{:?}", result.notes);
}

fn asker(lab: &Lab, hosts: usize) -> Asker {
    let seed = lab.sandbox.seed();
    Asker::new((0..hosts).map(|n| words(&seed.replace(".11", &format!(".{}", 11 + n)))).collect(), lab.sandbox.env())
}

#[tokio::test]
async fn every_question_has_its_answer() {
    let lab = Lab::new(&Shape::of(3));
    let asker = asker(&lab, 3);
    for question in [
        Question::Status,
        Question::Gossip,
        Question::Describe,
        Question::Info,
        Question::Mode,
        Question::BootId,
        Question::Shape,
    ] {
        let reply = asker.ask(1, question).await;
        let fits = matches!(
            (question, &reply.answer),
            (Question::Status, Answer::Status(_))
                | (Question::Gossip, Answer::Gossip(_))
                | (Question::Describe, Answer::Describe(_))
                | (Question::Info, Answer::Info(_))
                | (Question::Mode, Answer::Mode(_))
                | (Question::BootId, Answer::BootId { .. })
                | (Question::Shape, Answer::Shape(_))
        );
        assert!(fits, "{question:?}: {:?}", reply.answer);
        assert!(reply.asked <= reply.at);
    }
    let Answer::Shape(shape) = asker.ask(1, Question::Shape).await.answer else { panic!("a shape") };
    let mut whole = from_seed(&lab).await.unwrap();
    whole.topology.asked = shape.topology.asked.clone();
    whole.topology.seeds.clear();
    assert_eq!(whole.topology.hint_window_ms.take(), Some(10_800_000));
    assert_eq!((&shape.topology, &shape.schema_ids), (&whole.topology, &whole.schema_ids));
}

#[tokio::test]
async fn a_changed_keyspace_shows_in_the_shape() {
    let lab = Lab::new(&Shape::of(3));
    let asker = asker(&lab, 1);
    let two = Replication::Simple(Factor { total: 2, transient: 0 });
    lab.sandbox.inject(Fault::AlterKeyspace("orders".into(), two.clone())).unwrap();
    let Answer::Shape(shape) = asker.ask(0, Question::Shape).await.answer else { panic!("a shape") };
    assert_eq!(shape.topology.keyspaces["orders"].replication, two);
}

#[tokio::test]
async fn faults_are_told_in_human_words() {
    for (fate, question, text) in [
        (Fate::SshRefused, Question::Status, "nobody answers at the ssh port"),
        (Fate::SshAsksPassword, Question::BootId, "ssh was not let in without asking"),
        (Fate::HostKeyUnknown, Question::Status, "ssh does not know the host's key"),
        (Fate::NodetoolMissing, Question::Mode, "nodetool, or the java it needs, is not in the PATH"),
        (Fate::NodetoolFails, Question::Info, "exit status 2: `"),
        (Fate::NodetoolHalf, Question::Status, "answered what cannot be read: `nodetool status`, line "),
        (Fate::NodetoolJunk, Question::Status, "of its output is not UTF-8"),
    ] {
        let lab = broken(&[("h1", fate.clone())]);
        let Answer::Unreadable(sentence) = asker(&lab, 1).ask(0, question).await.answer else { panic!("{fate:?}") };
        assert!(sentence.contains(text), "{fate:?}: {sentence}");
    }
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    for fate in [Fate::SshHangs, Fate::NodetoolSlow(60.0)] {
        let lab = broken(&[("h1", fate)]);
        let asker = asker(&lab, 1).deadline(Duration::from_millis(700));
        let Answer::Unreadable(sentence) = asker.ask(0, Question::Status).await.answer else { panic!("unreadable") };
        assert!(sentence.contains("no answer within 0.7 s; the call was ended"), "{sentence}");
    }
}

mod before_a_run {
    use super::*;
    use rollbook::plan::model::{Plan, Rendered, Step, Target};
    use rollbook::playbook::model::{OnFailure, StepKind, TakesDown};

    /// A plan of one step for every host of the sandbox.
    async fn plan(lab: &Lab, kind: StepKind, command: &str) -> Plan {
        let topology = from_seed(lab).await.unwrap().topology;
        let nodes: Vec<serde_json::Value> = topology
            .hosts
            .iter()
            .map(|host| {
                let words = words(&host.address.to_string());
                serde_json::json!({
                    "id": host.id, "address": host.address, "datacenter": host.datacenter, "rack": host.rack,
                    "release": host.release, "tokens-digest": host.tokens_digest, "seed": false,
                    "ssh": words.ssh, "nodetool": words.nodetool,
                })
            })
            .collect();
        let mut plan: Plan = serde_json::from_value(serde_json::json!({
            "version": 2, "name": "p", "description": null, "playbook": null, "params": {}, "reason-required": false,
            "accept-outage": null, "cluster": topology.cluster, "service": "cassandra", "partitioner": "p",
            "nodes": nodes, "keyspaces": {}, "protect": "data", "shared": [], "everybody-conflicts": null,
            "phases": [{
                "from": 0, "to": 1, "hosts": [], "strategy": "topology", "datacenters": [], "datacenter-order": "serial",
                "max-hosts": 10, "grace-ms": 0, "checks-start": [], "checks-each-host": [], "left-out": [],
            }],
            "max-failures": 0, "stop-after": null, "blocked-timeout-ms": 1000, "poll-ms": 1000,
            "ignore-down": false, "setup": [], "steps": [], "hosts": [], "warnings": [],
        }))
        .unwrap();
        plan.steps = vec![Step {
            kind,
            name: "step".into(),
            timeout_ms: 1000,
            poll_ms: 1000,
            stable: 3,
            ok_exit: vec![0],
            on_failure: OnFailure::Stop,
            on_timeout: OnFailure::Stop,
            idempotent: false,
            takes_down: if kind == StepKind::Reboot { TakesDown::Reboot } else { TakesDown::Restart },
            guessed: None,
            pause_ms: None,
            script: None,
            register: None,
            when: None,
            retries: None,
            scope: None,
            message: None,
        }];
        plan.hosts = (0..plan.nodes.len())
            .map(|node| {
                let mut command_words = plan.nodes[node].ssh.clone();
                command_words.extend(command.split(' ').map(str::to_owned));
                Target {
                    node,
                    vars: Default::default(),
                    words: vec![Rendered { command: command_words, ..Rendered::default() }],
                }
            })
            .collect();
        plan
    }

    async fn checked(lab: &Lab, plan: &Plan) -> Vec<(usize, Severity, PreflightCheck, String)> {
        let asker = Arc::new(Asker::of_plan(plan, lab.sandbox.env()));
        let targets: Vec<usize> = (0..plan.hosts.len()).collect();
        let findings = preflight(&asker, plan, &targets).await.findings;
        findings.into_iter().map(|one| (one.target, one.severity, one.check, one.message)).collect()
    }

    #[tokio::test]
    async fn nothing_stands_in_the_way_of_a_healthy_cluster() {
        let lab = Lab::new(&Shape::of(3));
        let plan = plan(&lab, StepKind::Reboot, "sudo systemctl reboot").await;
        assert_eq!(checked(&lab, &plan).await, []);
    }

    #[tokio::test]
    async fn each_fault_is_found_on_its_host_alone() {
        let lab = Lab::new(&Shape::of(3));
        let plan = plan(&lab, StepKind::Reboot, "sudo systemctl reboot").await;
        for (fate, check, text) in [
            (Fate::SshAsksPassword, PreflightCheck::Ssh, "ssh was not let in without asking"),
            (Fate::SudoAsksPassword, PreflightCheck::Sudo, "sudo asks for a password there"),
            (Fate::NotEnabled, PreflightCheck::Enabled, "is `disabled` and does not start at boot"),
            (Fate::NodetoolFails, PreflightCheck::Mode, "`nodetool netstats` on"),
        ] {
            let fault = Fault::on("h2", fate.clone());
            lab.sandbox.inject(fault.clone()).unwrap();
            let found = checked(&lab, &plan).await;
            lab.sandbox.heal(&fault).unwrap();
            let [(1, Severity::Error, at, message)] = &found[..] else { panic!("{fate:?}: {found:?}") };
            assert_eq!(*at, check, "{message}");
            assert!(message.contains(text), "{fate:?}: {message}");
        }
    }

    #[tokio::test]
    async fn sudo_and_the_unit_matter_only_where_they_are_used() {
        let lab = broken(&[("h1", Fate::SudoAsksPassword), ("h2", Fate::NotEnabled)]);
        let plan = plan(&lab, StepKind::Run, "nodetool flush").await;
        assert_eq!(checked(&lab, &plan).await, []);
    }

    #[tokio::test]
    async fn a_drained_node_does_not_serve() {
        let lab = Lab::new(&Shape { speed: 20.0, ..Shape::of(3) });
        let plan = plan(&lab, StepKind::Run, "true").await;
        lab.on("h3", "nodetool drain");
        let found = checked(&lab, &plan).await;
        let [(2, Severity::Error, PreflightCheck::Mode, message)] = &found[..] else { panic!("{found:?}") };
        assert!(message.ends_with("is in mode `DRAINED` and does not serve"), "{message}");
    }

    #[tokio::test]
    async fn two_nodes_on_one_machine_are_refused() {
        let lab = Lab::new(&Shape::of(3));
        let mut plan = plan(&lab, StepKind::Run, "true").await;
        plan.nodes[2].ssh = plan.nodes[0].ssh.clone();
        let found = checked(&lab, &plan).await;
        let [(2, Severity::Error, PreflightCheck::Machine, message)] = &found[..] else { panic!("{found:?}") };
        assert!(message.contains("are nodes on one machine, and no group"), "{message}");
    }
}
