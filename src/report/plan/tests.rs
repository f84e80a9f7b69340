//! What is shown is complete, and text of others stays text.

use super::*;
use crate::job::preview;
use crate::plan::estimate::estimate;
use crate::plan::model::{Plan, Warning};
use crate::plan::samples;
use crate::playbook::model::{DatacenterOrder, OnFailure, Strategy, TakesDown};

fn file(edit: impl FnOnce(&mut Plan)) -> PlanFile {
    let mut plan = samples::six_hosts();
    edit(&mut plan);
    let estimate = estimate(&plan, &samples::six_hosts_topology(), preview::waves);
    file::seal(plan, estimate)
}

fn says(edit: impl FnOnce(&mut Plan), what: &str) {
    let file = file(edit);
    let text = plan_text(&file, None);
    assert!(text.contains(what), "expected {what:?} in\n{text}");
    assert!(!text.contains(" \n"), "blanks at the end of a line");
}

#[test]
fn the_six_hosts() {
    let text = plan_text(&file(|_| ()), Some(("plan.json", "rollbook run plan.json")));
    let expected = [
        "rolling-reboot on cluster lab, asked of 3 nodes (10.77.0.11, .12, .13), which agree",
        "6 hosts · dc1: rack1 2, rack2 2, rack3 2 · Cassandra 5.0.5",
        "protected: orders (RF 3)",
        "placement: computed, compared with `describering` of orders (RF 3)",
        "     2  rack2 10.77.0.12 .15  10.77.0.12 shares 2 ranges of orders with 10.77.0.11",
        "  3 waves; no plan that keeps the rule has fewer: 10.77.0.14, 10.77.0.15 and 10.77.0.16 exclude each other",
        "1 drain           10m  exit 0, and the node says `Mode: DRAINED`",
        "      ssh ‹host› nodetool drain",
        "3 reboot           2m  exit 0 or 255, the connection may break; proved in 4",
        "4 wait-up         30m  UN and CQL open if it was, 3 times in a row; by the last UN at 3 observers, own view \
         complete, every node reached, one schema, another boot id, newer generation",
        "          a host held back 30m, then it is skipped",
        "saved to plan.json; `rollbook run plan.json` runs exactly this",
    ];
    for line in expected {
        assert!(text.contains(line), "expected {line:?} in\n{text}");
    }
}

#[test]
fn a_picture_has_a_box_for_each_host_and_a_dark_square_for_each_pair_that_conflicts() {
    let file = file(|plan| plan.nodes[0].rack = "<rack1>".into());
    let svg = super::plan_svg(&file);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert_eq!(svg.matches(">wave ").count(), file.estimate.waves.len());
    let dark = svg.matches("fill=\"#4a4a4a\"").count();
    assert_eq!(dark, 2 * file.plan.shared.len(), "both ways");
    assert!(svg.contains("10.77.0.12 shares 2 ranges of orders with 10.77.0.11</title>"));
    assert!(svg.contains("dc1 &lt;rack1&gt;") && !svg.contains("<rack1>"));
    let page = super::plan_html(&file);
    assert!(page.contains(&svg) && page.contains("<pre>rolling-reboot on cluster lab"));
}

#[test]
fn every_setting_is_said() {
    says(|plan| plan.phases[0].max_hosts = None, "any number of hosts at once");
    says(|plan| plan.phases[0].max_hosts = Some(1), "at most 1 host at once");
    says(|plan| plan.max_failures = 2, "more than 2 failures stop new starts");
    says(|plan| plan.stop_after = Some(1), "stops after 1 host, can be resumed");
    says(|plan| plan.phases[0].grace_ms = 30_000, "30s of grace after each host");
    says(|plan| plan.blocked_timeout_ms = 60_000, "          a host held back 1m");
    says(|plan| plan.reason_required = true, "the run must say why");
    says(|plan| plan.accept_outage = Some("not in use".into()), "an outage is accepted: not in use");
    says(|plan| plan.phases[0].strategy = Strategy::One, "one host of a data centre at a time");
    says(|plan| drop(plan.params.insert("kernel".into(), "6.1".into())), "with kernel = \"6.1\"");
    says(
        |plan| plan.phases[0].left_out.push("start: `params.x` is false".into()),
        "left out  start: `params.x` is false",
    );
    says(|plan| plan.phases[0].checks_start.push(crate::playbook::model::Check::OwnViewComplete), "own-view-complete");
    says(|plan| plan.steps[0].on_failure = OnFailure::Continue, "a failure is passed over with a warning");
    says(|plan| plan.nodes[0].release = "4.1.10".into(), "Cassandra 4.1.10 on 1, 5.0.5 on 5");
    says(
        |plan| {
            plan.hosts.truncate(5);
            samples::all_in_one(plan);
        },
        "5 of 6 hosts · dc1: rack1 2, rack2 2, rack3 1 of 2",
    );
    says(|plan| plan.hosts[0].words[0].command.push("--extra".into()), "(on 10.77.0.11; hosts differ)");
    says(
        |plan| {
            let run = vec!["reaper".into(), "pause".into()];
            let undo = Some(vec!["reaper".into(), "resume".into()]);
            plan.setup.push(crate::plan::model::Setup { run, undo, timeout_ms: 60_000, lock: false });
        },
        "before  reaper pause   (1m allowed)\n  after   reaper resume",
    );
    says(
        |plan| {
            plan.phases[0].datacenter_order = DatacenterOrder::Parallel;
            plan.nodes[4].datacenter = "dc2".into();
            plan.nodes[5].datacenter = "dc2".into();
            let second = crate::plan::model::Datacenter { name: "dc2".into(), ..plan.phases[0].datacenters[0].clone() };
            plan.phases[0].datacenters.push(second);
        },
        "data centres in parallel",
    );
}

#[test]
fn how_each_ring_is_known_is_said() {
    use crate::topology::model::Placement::*;
    let line = |known: &[(&str, crate::topology::model::Placement)]| {
        let mut file = file(|_| ());
        file.estimate.placement = known.iter().map(|(name, how)| (name.to_string(), *how)).collect();
        let text = plan_text(&file, None);
        let line = text.lines().find_map(|line| line.strip_prefix("placement: ")).unwrap().to_owned();
        assert!(plan_markdown(&file).contains("\n* placement: "));
        line
    };
    assert_eq!(line(&[]), "whether it was compared with `describering` is not recorded");
    assert_eq!(
        line(&[("a", TooLarge), ("b", Transient), ("c", Tokens), ("d", Everywhere), ("orders", Compared)]),
        "computed, compared with `describering` of orders (RF 3); computed and not compared: a (too large a ring); as \
         `describering` prints it, not computed: b (transient replicas), c (tokens that are no numbers), d (known to the \
         cluster alone)"
    );
    assert_eq!(
        line(&[("orders", UnknownStrategy)]),
        "not known: orders (RF 3: everybody conflicts with everybody)",
        "its replication is shown"
    );
    let many: Vec<String> = (10..25).map(|n| format!("k{n}")).collect();
    let many: Vec<(&str, _)> = many.iter().map(|name| (name.as_str(), Compared)).collect();
    assert!(line(&many).ends_with("k18, k19 and 5 more"));
}

#[test]
fn a_guess_is_said_where_it_stands() {
    let with = |takes_down| {
        let run = crate::plan::model::Step {
            guessed: Some("the word `x`".into()),
            ..samples::step(crate::playbook::model::StepKind::Run, takes_down, 1)
        };
        move |plan: &mut Plan| {
            plan.steps.insert(0, run);
            let words = crate::plan::model::Rendered { command: vec!["x".into()], ..Default::default() };
            plan.hosts.iter_mut().for_each(|host| host.words.insert(0, words.clone()));
            samples::all_in_one(plan);
        }
    };
    says(with(TakesDown::Nothing), "(guess: takes nothing down, the word `x`)");
    says(with(TakesDown::Unknown), "(guess: may take the host down, the word `x`)");
}

#[test]
fn large_waves_are_cut_and_counted() {
    let mut many = samples::six_hosts();
    let (node, target) = (many.nodes[0].clone(), many.hosts[0].clone());
    many.nodes =
        (0..100u8).map(|last| crate::plan::model::Node { address: [10, 0, 0, last].into(), ..node.clone() }).collect();
    many.hosts = (0..100).map(|node| crate::plan::model::Target { node, ..target.clone() }).collect();
    many.shared.clear();
    samples::all_in_one(&mut many);
    (many.phases[0].max_hosts, many.phases[0].datacenters[0].racks) = (None, vec!["rack1".into()]);
    let estimate = estimate(&many, &samples::six_hosts_topology(), preview::waves);
    let text = plan_text(&file::seal(many.clone(), estimate), None);
    assert!(text.contains("rack1 10.0.0.0 .1 .2 .3 .4 .5 .6 .7 .8 .9 … and 90 more"), "{text}");
    many.phases[0].max_hosts = Some(1);
    let estimate = crate::plan::estimate::estimate(&many, &samples::six_hosts_topology(), preview::waves);
    let file = file::seal(many, estimate);
    assert!(plan_text(&file, None).contains("… and 76 more waves"));
    assert!(plan_markdown(&file).contains("and 76 more waves"));
    assert!(plan_json(&file).contains("10.0.0.99"));
}

#[test]
fn the_address_is_replaced_only_where_it_stands_alone() {
    let replaced = |word: &str| facts::replace_address(word, "10.0.0.1");
    assert_eq!(replaced("10.0.0.1"), "‹host›");
    assert_eq!(replaced("me@10.0.0.1:/etc"), "me@‹host›:/etc");
    assert_eq!(replaced("10.0.0.12"), "10.0.0.12");
    assert_eq!(replaced("210.0.0.1"), "210.0.0.1");
    assert_eq!(replaced("10.0.0.1,10.0.0.1:9042"), "‹host›,‹host›:9042");
}

#[test]
fn no_text_of_others_steers_a_terminal_or_marks_up() {
    let hostile = "a\u{1b}[2J\u{202e}|<script>@all*";
    let file = file(|plan| {
        plan.name = hostile.into();
        plan.cluster = hostile.into();
        plan.description = Some(format!("one\ntwo {hostile}"));
        plan.nodes.iter_mut().for_each(|node| {
            node.rack = hostile.into();
            node.release = hostile.into();
        });
        plan.phases[0].datacenters[0].racks = vec![hostile.into()];
        plan.steps.iter_mut().for_each(|step| step.name = hostile.into());
        plan.hosts.iter_mut().for_each(|host| host.words[0].command.push(hostile.into()));
        plan.warnings.push(Warning { message: hostile.into(), help: Some(hostile.into()) });
        plan.phases[0].left_out.push(hostile.into());
        plan.accept_outage = Some(hostile.into());
        plan.everybody_conflicts = Some(hostile.into());
        plan.params.insert("p".into(), hostile.into());
    });
    let fine = |text: &str| !text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}');
    assert!(fine(&plan_text(&file, Some((hostile, hostile)))));
    let markdown = plan_markdown(&file);
    assert!(fine(&markdown));
    for line in markdown.lines() {
        let outside: String = line.split('`').step_by(2).collect(); // what stands in code spans shows itself
        assert!(!outside.contains("<script") && !outside.contains("@all"), "{line}");
    }
}
