//! Each warning appears where it must, and only there, with something to type.

use super::*;
use crate::plan::model::{Wave, WaveHost};
use crate::plan::samples;
use crate::playbook::model::StepKind;

fn after(edit: impl FnOnce(&mut Plan)) -> Vec<Warning> {
    let mut plan = samples::six_hosts();
    edit(&mut plan);
    warnings(&plan)
}

fn factor(total: u32) -> Factor {
    Factor { total, transient: 0 }
}

fn replicate(plan: &mut Plan, name: &str, replication: Replication, protects: bool) {
    plan.keyspaces.insert(name.into(), crate::plan::model::PlannedKeyspace { replication, protects });
}

fn in_dc1(total: u32) -> Replication {
    Replication::NetworkTopology(BTreeMap::from([("dc1".into(), factor(total))]))
}

#[test]
fn three_replicas_in_three_racks_need_no_warning() {
    assert_eq!(after(|_| ()), []);
}

#[test]
fn one_and_two_replicas_come_with_the_line_that_raises_them() {
    let found = after(|plan| {
        replicate(plan, "Cache", in_dc1(2), true);
        replicate(plan, "system_auth", in_dc1(1), true);
        replicate(plan, "system_traces", Replication::Simple(factor(2)), false);
    });
    let said: Vec<_> = found.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "system_auth has RF 1 in dc1 and loses LOCAL_QUORUM, and every other level for what only that host holds, \
             while a replica is away (system_auth: logins of roles it holds fail)",
            "Cache has RF 2 in dc1 and loses LOCAL_QUORUM while a replica is away",
        ]
    );
    assert_eq!(
        found[1].help.as_deref(),
        Some(
            "ALTER KEYSPACE \"Cache\" WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': '3'}; \
             then `nodetool repair --full Cache`"
        )
    );
    let other = after(|plan| {
        let far = BTreeMap::from([("dc1".into(), factor(3)), ("dc9".into(), factor(1))]);
        replicate(plan, "far", Replication::NetworkTopology(far), true)
    });
    assert_eq!(other, [], "no host of dc9 is taken out");
    let harmless = after(|plan| {
        replicate(plan, "one", in_dc1(1), true);
        plan.steps.iter_mut().for_each(|step| step.takes_down = TakesDown::Nothing);
    });
    assert_eq!(harmless, [], "nothing is taken out");
}

#[test]
fn racks() {
    let simple = after(|plan| replicate(plan, "old", Replication::Simple(factor(3)), true));
    assert!(simple[0].message.starts_with("old uses SimpleStrategy, which ignores racks"), "{simple:?}");
    assert!(simple[0].help.as_ref().unwrap().contains("ALTER KEYSPACE old WITH"), "{simple:?}");
    let more = after(|plan| replicate(plan, "five", in_dc1(5), true));
    assert!(more[0].message.starts_with("five has more replicas (dc1: 5) than dc1 has racks (3 racks)"), "{more:?}");
}

#[test]
fn everybody_conflicts_guesses_and_what_is_not_listed() {
    let found = after(|plan| plan.everybody_conflicts = Some("the ring of orders could not be read".into()));
    assert!(found[0].message.contains("one host at a time: the ring of orders could not be read"));
    let found = after(|plan| {
        let run = crate::plan::model::Step {
            guessed: Some("the word `x`".into()),
            ..samples::step(StepKind::Run, TakesDown::Unknown, 1)
        };
        plan.steps.insert(0, run);
        samples::all_in_one(plan);
    });
    assert!(
        found[0].message.contains("step 1 (`run`) may take something down, and is treated as if it did"),
        "{found:?}"
    );
    let found = after(|plan| {
        plan.protect = Keyspaces::Only(vec!["orders".into()]);
        replicate(plan, "other", in_dc1(3), false);
    });
    assert_eq!(found[0].message, "not protected, because `keyspaces` does not list them: other");
}

#[test]
fn very_many_neighbours() {
    let many = |count: usize| {
        let mut plan = samples::six_hosts();
        plan.everybody_conflicts = Some("x".into());
        let node = plan.nodes[0].clone();
        plan.nodes.extend(std::iter::repeat_n(node, count - 6));
        warnings(&plan).iter().any(|warning| warning.message.contains("relied on for"))
    };
    assert!(!many(641), "640 neighbours: 10 minutes");
    assert!(many(660));
}

#[test]
fn one_wave_with_every_seed() {
    let mut plan = samples::six_hosts();
    let host = |target: usize| WaveHost { target, address: plan.nodes[target].address, because: None };
    let estimate = Estimate {
        waves: vec![Wave { phase: 0, hosts: vec![host(4)] }, Wave { phase: 0, hosts: vec![host(0), host(1)] }],
        ..Estimate::default()
    };
    assert!(seeds_warning(&plan, &estimate).unwrap().message.starts_with("wave 2 takes out every seed"));
    plan.nodes[2].seed = true;
    assert_eq!(seeds_warning(&plan, &estimate), None, "one seed stays");
    plan.nodes.iter_mut().for_each(|node| node.seed = false);
    assert_eq!(seeds_warning(&plan, &estimate), None, "unknown seeds");
}
