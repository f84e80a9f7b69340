//! The bound is true and, where it can be computed by hand, exact.

use super::*;
use crate::plan::model::Shared;
use crate::plan::samples;

fn with(change: impl Fn(&mut Phase)) -> Plan {
    let mut plan = samples::six_hosts();
    change(&mut plan.phases[0]);
    plan
}

#[test]
fn six_hosts_in_three_racks_need_three_waves() {
    let (waves, reason) = lower_bound(&samples::six_hosts());
    assert_eq!(waves, 3);
    assert_eq!(reason, "10.77.0.14, 10.77.0.15 and 10.77.0.16 exclude each other");
}

#[test]
fn a_limit_of_hosts_at_once_can_bind_harder() {
    let plan = with(|phase| {
        phase.max_hosts = Some(1);
    });
    assert_eq!(lower_bound(&plan), (6, "6 hosts, at most 1 at once".into()));
    assert_eq!(
        lower_bound(&with(|phase| {
            phase.max_hosts = Some(2);
        }))
        .0,
        3
    );
}

#[test]
fn the_strategy_counts() {
    let one = with(|phase| {
        phase.strategy = Strategy::One;
    });
    assert_eq!(lower_bound(&one).0, 6);
    assert!(lower_bound(&one).1.contains("one host of a data centre at a time"));
    let all = with(|phase| {
        phase.strategy = Strategy::All;
    });
    assert_eq!(lower_bound(&all), (1, "no two of the hosts exclude each other".into()));
    assert_eq!(
        lower_bound(&with(|phase| {
            phase.strategy = Strategy::All;
            phase.max_hosts = Some(4);
        }))
        .0,
        2
    );
}

#[test]
fn data_centres_one_after_the_other_add_up() {
    let mut plan = samples::six_hosts();
    for node in &mut plan.nodes[4..] {
        node.datacenter = "dc2".into();
    }
    plan.shared.retain(|pair| pair.b < 4);
    let mut second = plan.phases[0].datacenters[0].clone();
    plan.phases[0].datacenters[0].racks.pop();
    second.name = "dc2".into();
    second.racks = vec!["rack3".into()];
    plan.phases[0].datacenters.push(second);
    let (waves, reason) = lower_bound(&plan);
    assert_eq!(waves, 3, "2 + 1");
    assert!(reason.starts_with("one data centre after the other: dc1 needs 2 ("), "{reason}");
    assert!(reason.ends_with("dc2 needs 1 (no two of the hosts exclude each other)"), "{reason}");
    plan.phases[0].datacenter_order = DatacenterOrder::Parallel;
    assert_eq!(lower_bound(&plan).0, 2);
}

/// Against every subset, on random graphs of ten hosts.
#[test]
fn the_clique_is_the_largest_and_is_one() {
    let mut state = 7u64;
    let mut random = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as u32
    };
    for _ in 0..60 {
        let mut plan = samples::six_hosts();
        for index in 6..10 {
            let mut node = plan.nodes[0].clone();
            node.address = format!("10.77.1.{index}").parse().unwrap();
            plan.nodes.push(node);
        }
        let density = random() % 90 + 5;
        plan.shared.clear();
        for a in 0..10 {
            for b in a + 1..10 {
                if random() % 100 < density {
                    plan.shared.push(Shared { a, b, keyspace: "orders".into(), ranges: 1 });
                }
            }
        }
        let conflicts = Conflicts::of(&plan);
        let hosts: Vec<NodeIx> = (0..10).collect();
        let clique = |set: u32| -> bool {
            let members: Vec<NodeIx> = hosts.iter().copied().filter(|host| set >> host & 1 == 1).collect();
            members.iter().all(|a| members.iter().all(|b| a == b || conflicts.share(*a, *b)))
        };
        let largest = (0u32..1024).filter(|set| clique(*set)).map(u32::count_ones).max().unwrap();
        let heaviest = |weight: &dyn Fn(NodeIx) -> u64| {
            heaviest_clique(&conflicts, &Room::new(&[], 0, None), Strategy::Topology, &hosts, weight)
        };
        let found = heaviest(&|_| 1);
        assert_eq!(found.len() as u32, largest);
        assert!(clique(found.iter().map(|host| 1 << host).sum()), "what was found must be a clique");
        let weight = |host: NodeIx| 1 + (host as u64 * 7) % 10;
        let of = |set: u32| hosts.iter().filter(|host| set >> **host & 1 == 1).map(|host| weight(*host)).sum::<u64>();
        let most = (0u32..1024).filter(|set| clique(*set)).map(of).max().unwrap();
        let found = heaviest(&weight);
        assert_eq!(found.iter().map(|host| weight(*host)).sum::<u64>(), most);
        assert!(clique(found.iter().map(|host| 1 << host).sum()), "what was found must be a clique");
    }
}

#[test]
fn three_hundred_hosts_end_in_time() {
    let mut plan = samples::six_hosts();
    let node = plan.nodes[0].clone();
    plan.nodes = (0..300u32)
        .map(|index| crate::plan::model::Node { address: std::net::Ipv4Addr::from(index).into(), ..node.clone() })
        .collect();
    plan.shared.clear();
    for a in 0..300usize {
        for b in a + 1..300 {
            if (a * 7919 + b * 104729) % 3 == 0 {
                plan.shared.push(Shared { a, b, keyspace: "orders".into(), ranges: 1 });
            }
        }
    }
    let words = plan.hosts[0].words.clone();
    plan.hosts = (0..300)
        .map(|node| crate::plan::model::Target { node, vars: Default::default(), words: words.clone() })
        .collect();
    assert!(lower_bound(&plan).0 >= 2);
}

#[test]
fn a_group_that_is_larger_than_the_limit_goes_alone() {
    let mut plan = samples::six_hosts();
    plan.phases[0].max_hosts = Some(1);
    plan.groups = vec![crate::plan::model::Group { name: "g".into(), nodes: [0, 1].into(), by_machine_id: false }];
    assert_eq!(lower_bound(&plan).0, 5);
}

#[test]
fn in_time_the_heaviest_set_or_all_the_work_under_the_limit_binds() {
    let mut plan = samples::six_hosts();
    let took = [10, 50, 20, 20, 30, 5];
    let (least, reason) = least_time(&plan, &took);
    assert_eq!(least, 50 + 20 + 30, "the longest of each rack");
    assert!(reason.contains("exclude each other"), "{reason}");
    plan.phases[0].max_hosts = Some(1);
    assert_eq!(least_time(&plan, &took), (135, "the work of 6 hosts, at most 1 at once".into()));
    plan.shared.clear();
    plan.phases[0].max_hosts = None;
    assert_eq!(least_time(&plan, &took), (50, "10.77.0.14 alone takes so long".into()));
}

#[test]
fn a_group_counts_once_in_time() {
    let mut plan = samples::six_hosts();
    plan.shared.clear();
    plan.groups = vec![crate::plan::model::Group { name: "g".into(), nodes: [0, 1].into(), by_machine_id: false }];
    plan.phases[0].max_hosts = Some(1);
    assert_eq!(least_time(&plan, &[10, 50, 1, 1, 1, 1]).0, 54);
}
