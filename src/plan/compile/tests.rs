//! From a playbook and six hosts to a plan: what is fixed, what is refused.

use super::*;
use crate::plan::lint;
use crate::plan::samples;
use crate::playbook::command::split;
use crate::playbook::defaults;
use crate::playbook::model::{Groups, ListedGroup, OnFailure, StepKind, Strategy, TakesDown, When};
use crate::playbook::template::Params;

pub fn step(kind: StepKind, command: Option<&str>) -> Step {
    let named = serde_json::to_value(kind).unwrap();
    Step {
        kind,
        name: named.as_str().unwrap().into(),
        when: None,
        timeout: defaults::timeout(kind),
        command: command.map(|text| split(text).unwrap()).or_else(|| defaults::command(kind, &defaults::nodetool())),
        script: None,
        env: BTreeMap::new(),
        ok_exit: defaults::ok_exit(kind),
        expect: None,
        register: None,
        retries: None,
        scope: None,
        message: None,
        poll: defaults::POLL,
        stable: defaults::stable(kind),
        probe: None,
        undo: None,
        idempotent: false,
        takes_down: None,
        on_failure: OnFailure::Stop,
        on_timeout: OnFailure::Stop,
        pause: None,
        span: Default::default(),
    }
}

pub fn rolling_reboot() -> Playbook {
    let mut playbook = defaults::playbook("rolling-reboot");
    let kinds = [StepKind::Drain, StepKind::Stop, StepKind::Reboot, StepKind::WaitUp];
    playbook.steps = kinds.into_iter().map(|kind| step(kind, None)).collect();
    playbook
}

fn runs(command: &str) -> Playbook {
    Playbook { steps: vec![step(StepKind::Run, Some(command))], ..rolling_reboot() }
}

/// Compiles for the six hosts, and lints.
fn plan(playbook: &Playbook, options: &Options) -> Result<Plan, Vec<Diagnostic>> {
    let topology = samples::six_hosts_topology();
    let plan = compile(playbook, &topology, &Params::new(), options)?;
    assert_eq!(lint::check_against(&plan, &topology), Vec::<String>::new());
    Ok(plan)
}

fn refusal(playbook: &Playbook, options: &Options) -> String {
    let errors = plan(playbook, options).expect_err("must be refused");
    assert!(errors.iter().all(|error| error.help.is_some()), "{errors:?}");
    errors.iter().map(|error| error.message.clone()).collect::<Vec<_>>().join("; ")
}

#[test]
fn the_rolling_reboot_of_six_hosts() {
    let plan = plan(&rolling_reboot(), &Options::default()).unwrap();
    let by_hand = samples::six_hosts();
    assert_eq!(plan.shared, by_hand.shared);
    assert_eq!(plan.phases[0].datacenters, by_hand.phases[0].datacenters);
    assert_eq!(plan.hosts.iter().map(|host| host.node).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    let words = &plan.hosts[2].words;
    let ssh = "ssh -o BatchMode=yes -o ConnectTimeout=10 10.77.0.12";
    assert_eq!(words[0].command.join(" "), format!("{ssh} env LC_ALL=C.UTF-8 nodetool drain"));
    assert_eq!(words[1].command.join(" "), format!("{ssh} sudo systemctl stop cassandra"));
    assert_eq!(words[2].command.join(" "), format!("{ssh} sudo systemctl reboot"));
    assert!(words[3].command.is_empty());
    assert_eq!(plan.nodes[2].ssh.join(" "), ssh);
    assert_eq!(plan.nodes[2].nodetool.last().unwrap(), "‹args›");
    assert_eq!((plan.phases[0].max_hosts, plan.poll_ms, plan.blocked_timeout_ms), (Some(10), 5_000, 1_800_000));
    assert_eq!(plan.warnings, []);
}

#[test]
fn targets_narrow_the_work_and_not_what_is_checked() {
    let options = Options { only: vec![Pick::Rack("rack2".into())], ..Options::default() };
    let plan = plan(&rolling_reboot(), &options).unwrap();
    assert_eq!(plan.hosts.iter().map(|host| host.node).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(plan.nodes.len(), 6);
    assert_eq!(plan.shared, samples::six_hosts().shared, "hosts not worked on still conflict");
    assert_eq!(plan.phases[0].datacenters[0].racks, ["rack2"]);
}

#[test]
fn a_rack_that_shares_ranges_is_not_worked_on_as_a_whole() {
    let mut topology = samples::six_hosts_topology();
    topology.rings[0].sets[0] = vec![0, 1, 4];
    let free = |playbook: &Playbook, topology: &Topology| {
        compile(playbook, topology, &Params::new(), &Options::default()).unwrap().phases[0].datacenters[0].rack_by_rack
    };
    assert!(!free(&rolling_reboot(), &topology), "two replicas of a range in one rack, whatever the counts say");
    assert!(free(&rolling_reboot(), &samples::six_hosts_topology()));
    let one = Playbook { strategy: Strategy::One, ..rolling_reboot() };
    assert!(!free(&one, &samples::six_hosts_topology()));
}

#[test]
fn what_is_said_beside_the_playbook_lands_in_the_plan() {
    let options = Options {
        stop_after: Some(2),
        poll: Some(Duration::from_secs(1)),
        ignore_down: true,
        source: Some(Source { path: "a.yaml".into(), sha256: "00".into() }),
        ..Options::default()
    };
    let plan = plan(&rolling_reboot(), &options).unwrap();
    assert_eq!((plan.stop_after, plan.poll_ms, plan.steps[3].poll_ms, plan.ignore_down), (Some(2), 1_000, 1_000, true));
    assert_eq!(plan.playbook.unwrap().path, "a.yaml");
    assert!(plan.warnings.iter().any(|warning| warning.message.contains("all-up")));
}

#[test]
fn a_step_whose_when_is_false_is_left_out_and_named() {
    let mut playbook = rolling_reboot();
    playbook.steps[1].when = Some(When { expression: "params.stop".into(), span: Default::default() });
    let topology = samples::six_hosts_topology();
    let compiled = |value: bool| {
        let params = Params::from([("stop".to_string(), value.into())]);
        compile(&playbook, &topology, &params, &Options::default()).unwrap()
    };
    assert_eq!(compiled(true).steps.len(), 4);
    assert_eq!(compiled(false).steps.len(), 3);
    assert_eq!(compiled(false).phases[0].left_out, ["stop: `params.stop` is false"]);
    assert_eq!(compiled(false).hosts[0].words.len(), 3);
}

#[test]
fn a_step_that_may_take_the_host_away_needs_a_gate() {
    let said = refusal(&runs("ssh {{ host }} ./unheard-of"), &Options::default());
    assert!(said.contains("no `wait-up` follows"), "{said}");
    let gate = Options { gate: Some(step(StepKind::WaitUp, None)), ..Options::default() };
    let added = plan(&runs("ssh {{ host }} ./unheard-of"), &gate).unwrap();
    assert_eq!(added.steps.iter().map(|step| step.kind).collect::<Vec<_>>(), [StepKind::Run, StepKind::WaitUp]);
    let mut harmless = runs("ssh {{ host }} ./unheard-of");
    harmless.steps[0].takes_down = Some(TakesDown::Nothing);
    assert_eq!(plan(&harmless, &gate).unwrap().steps.len(), 1, "no gate where nothing is taken away");
}

#[test]
fn what_nobody_said_is_guessed_and_shown() {
    let gate = Options { gate: Some(step(StepKind::WaitUp, None)), ..Options::default() };
    let guess = |command: &str, options: &Options| plan(&runs(command), options).unwrap().steps.remove(0);
    let reboot = guess("ssh {{ host }} sudo reboot &", &gate);
    assert_eq!((reboot.takes_down, reboot.guessed.as_deref()), (TakesDown::Reboot, Some("the word `reboot`")));
    assert_eq!(guess("uptime", &gate).takes_down, TakesDown::Nothing);
    assert_eq!(guess("bash /far/away {{ host }}", &gate).takes_down, TakesDown::Unknown);
    let scripts = BTreeMap::from([("/far/away".to_string(), "ssh $1 sudo systemctl restart cassandra".to_string())]);
    let known = Options { scripts, ..gate };
    assert_eq!(guess("bash /far/away {{ host }}", &known).takes_down, TakesDown::Restart);
    let mut said = runs("ssh {{ host }} sudo reboot");
    said.steps[0].takes_down = Some(TakesDown::Nothing);
    assert_eq!(plan(&said, &known).unwrap().steps[0].guessed, None);
}

#[test]
fn the_gate_must_come_after_the_last_step_that_takes_the_host_away() {
    let mut playbook = rolling_reboot();
    playbook.steps.push(step(StepKind::Restart, None));
    assert!(refusal(&playbook, &Options::default()).contains("`restart` takes the host away, and no `wait-up`"));
    playbook.steps.push(step(StepKind::WaitUp, None));
    assert!(plan(&playbook, &Options::default()).is_ok());
}

#[test]
fn a_guess_that_differs_from_host_to_host_is_none() {
    let command = "ssh {{ host }} {{ 'reboot' if host.rack == 'rack1' else 'uptime' }}";
    let gate = Options { gate: Some(step(StepKind::WaitUp, None)), ..Options::default() };
    let guessed = plan(&runs(command), &gate).unwrap();
    assert_eq!(guessed.steps[0].takes_down, TakesDown::Unknown);
    assert_eq!(guessed.steps[0].guessed.as_deref(), Some("its words differ from host to host"));
}

#[test]
fn an_outage_must_be_accepted() {
    let mut all = Playbook { strategy: Strategy::All, ..rolling_reboot() };
    assert!(refusal(&all, &Options::default()).contains("every host at once"));
    all.accept_outage = Some(" ".into());
    assert!(refusal(&all, &Options::default()).contains("every host at once"), "an empty reason is none");
    all.accept_outage = Some("the cluster is not in use".into());
    assert!(plan(&all, &Options::default()).is_ok());
    let mut guessed = Playbook { strategy: Strategy::All, ..runs("ssh {{ host }} ./unheard-of") };
    let gate = Options { gate: Some(step(StepKind::WaitUp, None)), ..Options::default() };
    assert!(refusal(&guessed, &gate).contains("every host at once"), "also when it is only a guess");
    guessed.steps[0].takes_down = Some(TakesDown::Nothing);
    assert!(plan(&guessed, &gate).is_ok());
}

#[test]
fn a_cluster_of_one_node_needs_an_accepted_outage() {
    let mut topology = samples::six_hosts_topology();
    topology.hosts.truncate(1);
    topology.rings[0].sets = vec![vec![0]];
    topology.rings[0].ranges.iter_mut().for_each(|range| range.set = 0);
    let mut playbook = rolling_reboot();
    let errors = compile(&playbook, &topology, &Params::new(), &Options::default()).unwrap_err();
    assert!(errors[0].message.contains("one node"), "{errors:?}");
    playbook.accept_outage = Some("a test machine".into());
    let plan = compile(&playbook, &topology, &Params::new(), &Options::default()).unwrap();
    assert_eq!(lint::check_against(&plan, &topology), Vec::<String>::new());
}

#[test]
fn all_mistakes_are_said_at_once() {
    let mut playbook = rolling_reboot();
    playbook.targets.racks = vec!["rak1".into()];
    playbook.cluster.keyspaces = Keyspaces::Only(vec!["order".into()]);
    playbook.cluster.nodetool = split("ssh {{ host }} nodetool").unwrap();
    let said = refusal(&playbook, &Options::default());
    for what in ["the rack `rak1`", "`cluster.keyspaces` names `order`", "no place for the words of a question"] {
        assert!(said.contains(what), "{said}");
    }
}

#[test]
fn a_cluster_that_could_steer_a_terminal_is_refused() {
    let says = |edit: &dyn Fn(&mut Topology), what: &str| {
        let mut topology = samples::six_hosts_topology();
        edit(&mut topology);
        let errors = compile(&rolling_reboot(), &topology, &Params::new(), &Options::default()).unwrap_err();
        assert!(errors[0].message.contains(what), "{errors:?}");
        assert!(!errors[0].message.chars().any(char::is_control));
    };
    says(&|topology| topology.cluster = "lab\u{1b}[2J".into(), "the name of the cluster holds a control character");
    says(&|topology| topology.hosts[0].release = "5\u{7}".into(), "the release of 10.77.0.11");
    says(&|topology| topology.hosts.clear(), "has no host");
    says(&|topology| topology.hosts[1].address = topology.hosts[0].address, "one host id or one address");
    says(&|topology| topology.hosts.swap(0, 5), "not sorted");
    says(&|topology| topology.rings[0].sets[0] = vec![17], "do not exist");
    says(&|topology| topology.rings[0].ranges[0].set = 17, "do not exist");
}

#[test]
fn a_name_outside_the_safe_set_matters_only_where_a_command_uses_it() {
    let mut topology = samples::six_hosts_topology();
    topology.cluster = "Test Cluster".into();
    let compiled = |playbook: &Playbook| compile(playbook, &topology, &Params::new(), &Options::default());
    assert!(compiled(&rolling_reboot()).is_ok());
    let mut named = rolling_reboot();
    named.steps.insert(0, step(StepKind::Run, Some("reaper pause {{ cluster.name }}")));
    let errors = compiled(&named).unwrap_err();
    assert!(errors[0].message.contains("Test Cluster"), "{errors:?}");
    assert_eq!(errors.len(), 1, "once, not once a host");
}

#[test]
fn the_end_of_a_command_in_the_background_stays_marked() {
    let gate = Options { gate: Some(step(StepKind::WaitUp, None)), ..Options::default() };
    let plan = plan(&runs("ssh {{ host }} sudo reboot &"), &gate).unwrap();
    assert_eq!(plan.hosts[0].words[0].command, ["ssh", "10.77.0.11", "sudo", "reboot", "&"]);
}

#[test]
fn a_script_gets_its_values_by_the_environment() {
    let mut playbook = rolling_reboot();
    let mut script = step(StepKind::Run, None);
    script.script = Some("echo $ROLLBOOK_HOST".into());
    script.takes_down = Some(TakesDown::Nothing);
    playbook.steps.insert(0, script);
    let plan = plan(&playbook, &Options::default()).unwrap();
    let words = &plan.hosts[3].words[0];
    assert!(words.command.is_empty());
    assert_eq!(words.env["ROLLBOOK_HOST"], "10.77.0.15");
    assert_eq!(words.env["ROLLBOOK_RUN"], "‹run.id›");
}

#[test]
fn the_cost_of_the_keyspaces_left_out() {
    let mut topology = samples::six_hosts_topology();
    let of = |topology: &Topology| {
        let plan = compile(&rolling_reboot(), topology, &Params::new(), &Options::default()).unwrap();
        with_all_keyspaces(&plan, topology)
    };
    assert_eq!(of(&topology), None, "nothing is left out");
    let traces = crate::topology::model::Keyspace { ring: None, ..topology.keyspaces["orders"].clone() };
    topology.keyspaces.insert("system_traces".into(), traces);
    let all = of(&topology).unwrap();
    assert!(all.everybody_conflicts.is_some());
    assert_eq!(lint::check_against(&all, &topology), Vec::<String>::new());
}

fn listed(groups: &[&[&str]]) -> Groups {
    let group =
        |hosts: &&[&str]| ListedGroup { name: None, hosts: hosts.iter().map(|host| host.to_string()).collect() };
    Groups::Listed(groups.iter().map(group).collect())
}

#[test]
fn hosts_that_share_a_fate_are_one_unit_and_go_rack_by_rack_only_within_one() {
    let one_rack = Playbook { groups: listed(&[&["10.77.0.11", "10.77.0.14"]]), ..rolling_reboot() };
    let made = plan(&one_rack, &Options::default()).unwrap();
    assert_eq!(made.groups[0].nodes, [0, 1].into());
    assert!(made.phases[0].datacenters[0].rack_by_rack);
    // across racks, with nothing shared inside: strategy `all` or not, no rack is finished before the next
    let mut topology = samples::six_hosts_topology();
    topology.hosts[1].rack = "rack1b".into();
    let made = compile(&one_rack, &topology, &Params::new(), &Options::default()).unwrap();
    assert!(!made.phases[0].datacenters[0].rack_by_rack);
    assert_eq!(lint::check_against(&made, &topology), Vec::<String>::new());
}

#[test]
fn a_group_that_cannot_go_out_as_one_is_refused() {
    let with = |groups: Groups| Playbook { groups, ..rolling_reboot() };
    let no = |playbook: &Playbook, options: &Options| refusal(playbook, options);
    let none = Options::default();
    let said = no(&with(listed(&[&["10.77.0.11", "10.77.0.12"]])), &none);
    assert!(said.contains("10.77.0.11 and 10.77.0.12 both hold 2 ranges of orders"), "{said}");
    let accepted =
        Playbook { accept_outage: Some("one power strip".into()), ..with(listed(&[&["10.77.0.11", "10.77.0.12"]])) };
    assert!(plan(&accepted, &none).is_ok());
    let twice = no(&with(listed(&[&["10.77.0.11", "10.77.0.14"], &["10.77.0.14", "10.77.0.15"]])), &none);
    assert!(twice.contains("10.77.0.14 is in two groups"), "{twice}");
    assert!(no(&with(listed(&[&["10.77.0.11"]])), &none).contains("a group of one host"));
    assert!(no(&with(listed(&[&["10.77.0.11", "10.77.0.99"]])), &none).contains("`10.77.0.99`, which is no node"));
    let pair = with(listed(&[&["10.77.0.11", "10.77.0.14"]]));
    let half = Options { only: vec![Pick::Host("10.77.0.14".into())], ..Options::default() };
    let said = no(&pair, &half);
    assert!(said.contains("a reboot of 10.77.0.14 takes 10.77.0.11 with it"), "{said}");
    // a restart takes the node alone
    let mut restart = pair.clone();
    restart.steps[2] = step(StepKind::Restart, None);
    assert!(plan(&restart, &half).is_ok());
    let unknown = Playbook { groups: pair.groups.clone(), ..runs("bash /opt/what") };
    let gate = Options { gate: Some(step(StepKind::WaitUp, None)), ..Options::default() };
    let said = no(&unknown, &gate);
    assert!(said.contains("it is not known whether this takes down the node or its machine"), "{said}");
}

#[test]
fn what_hosts_are_asked_makes_groups_and_silence_does_not() {
    let playbook = Playbook { groups: Groups::MachineId, ..rolling_reboot() };
    let said = refusal(&playbook, &Options::default());
    assert!(said.contains("nobody asked them"), "{said}");
    let topology = samples::six_hosts_topology();
    // two in each rack
    let mut answers: Answers =
        topology.hosts.iter().enumerate().map(|(node, host)| (host.address, format!("{:032}", node / 2))).collect();
    let made = plan(&playbook, &Options { groups: Some(answers.clone()), ..Options::default() }).unwrap();
    assert_eq!(
        made.groups.iter().map(|group| group.nodes.clone()).collect::<Vec<_>>(),
        [[0, 1].into(), [2, 3].into(), [4, 5].into()]
    );
    assert!(made.groups[0].by_machine_id && made.groups[0].name == "machine 00000000");
    answers.remove(&topology.hosts[3].address);
    let said = refusal(&playbook, &Options { groups: Some(answers), ..Options::default() });
    assert!(said.contains("was not said by 10.77.0.15"), "{said}");
}
