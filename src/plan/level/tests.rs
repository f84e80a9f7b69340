//! What each level asks for, of rings by hand.

use super::*;
use crate::plan::samples;
use crate::topology::model::{Factor, Keyspace, TokenRange};

fn kept(level: Level) -> Availability {
    Availability { level, datacenters: vec![], accept: vec![] }
}

fn network(factors: &[(&str, u32)]) -> Replication {
    let of = |(name, total): &(&str, u32)| ((*name).to_owned(), Factor { total: *total, transient: 0 });
    Replication::NetworkTopology(factors.iter().map(of).collect())
}

/// The six hosts, and one keyspace of which each range is held by all of `nodes`.
fn topology(replication: Replication, nodes: &[NodeIx]) -> Topology {
    let mut topology = samples::six_hosts_topology();
    topology.rings[0].sets = vec![nodes.to_vec()];
    topology.rings[0].ranges = vec![TokenRange { start: "0".into(), end: "100".into(), set: 0 }];
    topology.keyspaces = BTreeMap::from([("orders".into(), Keyspace { replication, ring: Some(0) })]);
    topology
}

fn planned(worked: &BTreeSet<NodeIx>) -> Planned<'_> {
    const NONE: &BTreeSet<NodeIx> = &BTreeSet::new();
    Planned { worked, known_down: NONE, grouped: false, disruptive: true }
}

fn spares(topology: &Topology, kept: &Availability) -> Result<Vec<(Vec<NodeIx>, u32)>, Cannot> {
    let all = (0..6).collect();
    let needs = needs(topology, &Keyspaces::Data, (Strategy::Availability, kept), &planned(&all))?;
    Ok(needs.into_iter().map(|need| (need.nodes, need.spare)).collect())
}

#[test]
fn five_replicas_can_spare_two_at_a_quorum() {
    let five = topology(network(&[("dc1", 5)]), &[4, 0, 1, 2, 3]);
    assert_eq!(spares(&five, &kept(Level::LocalQuorum)), Ok(vec![(vec![0, 1, 2, 3, 4], 2)]));
    assert_eq!(spares(&five, &kept(Level::LocalOne)), Ok(vec![(vec![0, 1, 2, 3, 4], 4)]));
    assert_eq!(spares(&five, &kept(Level::Three)), Ok(vec![(vec![0, 1, 2, 3, 4], 2)]));
}

#[test]
fn where_one_can_be_spared_the_pairs_say_the_same() {
    let three = topology(network(&[("dc1", 3)]), &[0, 2, 4]);
    let pairs = vec![(vec![0, 2], 1), (vec![0, 4], 1), (vec![2, 4], 1)];
    assert_eq!(spares(&three, &kept(Level::LocalQuorum)), Ok(pairs.clone()));
    assert_eq!(spares(&three, &kept(Level::Quorum)), Ok(pairs));
}

#[test]
fn local_levels_count_in_each_data_centre_and_the_others_over_all() {
    let mut two = topology(network(&[("dc1", 3), ("dc2", 3)]), &[0, 1, 2, 3, 4, 5]);
    two.hosts[3..].iter_mut().for_each(|host| host.datacenter = "dc2".into());
    let near = spares(&two, &kept(Level::EachQuorum)).unwrap();
    assert!(near.contains(&(vec![0, 1], 1)) && near.contains(&(vec![4, 5], 1)) && near.len() == 6, "{near:?}");
    assert_eq!(spares(&two, &kept(Level::Quorum)), Ok(vec![(vec![0, 1, 2, 3, 4, 5], 2)]), "six replicas, four needed");
    let only = Availability { datacenters: vec!["dc2".into()], ..kept(Level::LocalQuorum) };
    let there = spares(&two, &only).unwrap();
    assert!(there.iter().all(|(nodes, _)| nodes.iter().all(|node| *node >= 3)), "{there:?}");
    // SimpleStrategy: the whole factor, counted among the local ones
    two.keyspaces.get_mut("orders").unwrap().replication = Replication::Simple(Factor { total: 6, transient: 0 });
    assert!(matches!(spares(&two, &kept(Level::LocalQuorum)), Err(Cannot::Below { .. })), "4 of 3 are needed");
}

#[test]
fn a_range_that_can_spare_none_is_named_and_may_be_accepted() {
    let one = topology(network(&[("dc1", 1)]), &[0]);
    let Err(Cannot::Never { keyspace, why }) = spares(&one, &kept(Level::LocalQuorum)) else { panic!() };
    assert_eq!(keyspace, "orders");
    assert_eq!(
        why,
        "LOCAL_QUORUM needs 1 of the 1 replica that the range of orders up to token 100 has in dc1 (10.77.0.11): \
         none may be away"
    );
    let accepted = Availability { accept: vec!["orders".into()], ..kept(Level::LocalQuorum) };
    assert_eq!(spares(&one, &accepted), Ok(vec![]));
    // nobody works on its holder
    assert_eq!(
        needs(&one, &Keyspaces::Data, (Strategy::Availability, &kept(Level::LocalQuorum)), &planned(&[3].into())),
        Ok(vec![])
    );
    // the need is of the configured factor: one of three was never there
    let thin = topology(network(&[("dc1", 3)]), &[0, 2]);
    assert!(spares(&thin, &kept(Level::LocalQuorum)).is_err());
}

#[test]
fn what_is_not_known_is_not_kept() {
    let unknown = |edit: &dyn Fn(&mut Topology)| {
        let mut topology = topology(network(&[("dc1", 3)]), &[0, 2, 4]);
        edit(&mut topology);
        matches!(spares(&topology, &kept(Level::LocalQuorum)), Err(Cannot::Unknown { .. }))
    };
    assert!(!unknown(&|_| ()));
    assert!(unknown(&|topology| topology.keyspaces.get_mut("orders").unwrap().ring = None));
    let transient = BTreeMap::from([("dc1".into(), Factor { total: 3, transient: 1 })]);
    let transient = Replication::NetworkTopology(transient);
    assert!(unknown(&|topology| topology.keyspaces.get_mut("orders").unwrap().replication = transient.clone()));
}

#[test]
fn room_counts_whoever_is_away() {
    let five = topology(network(&[("dc1", 5)]), &[0, 1, 2, 3, 4]);
    let needs = needs(
        &five,
        &Keyspaces::Data,
        (Strategy::Availability, &kept(Level::LocalQuorum)),
        &planned(&(0..6).collect()),
    )
    .unwrap();
    let room = Room::new(&needs, 6, Some(Level::LocalQuorum));
    let broken = |going: &[NodeIx], away: &[NodeIx]| {
        room.broken(&going.iter().copied().collect(), |node| away.contains(&node)).is_some()
    };
    assert!(!broken(&[0], &[]) && !broken(&[0], &[1]) && !broken(&[0], &[1, 5]) && broken(&[0], &[1, 2]));
    assert!(!broken(&[0, 1], &[]) && broken(&[0, 1], &[4]), "a group goes as a whole");
    assert!(!broken(&[5], &[0, 1, 2]), "it holds nothing");
    assert_eq!(room.with(&[0].into()), [1, 2, 3, 4].into());
    let plan = samples::six_hosts();
    assert_eq!(
        room.words(&plan, &needs[0], 0, |node| node == 1 || node == 2),
        "10.77.0.11 holds a range of orders with 10.77.0.14, 10.77.0.12: LOCAL_QUORUM needs 3 of the 5 replicas in dc1"
    );
}

#[test]
fn what_is_below_its_level_as_it_is_is_refused_whoever_is_worked_on() {
    let three = topology(network(&[("dc1", 3)]), &[0, 2, 4]);
    let (worked, down) = ([1].into(), [0, 2].into());
    let ask =
        |planned: &Planned| needs(&three, &Keyspaces::Data, (Strategy::Topology, &kept(Level::LocalQuorum)), planned);
    let Err(Cannot::Below { why, .. }) = ask(&Planned { known_down: &down, ..planned(&worked) }) else { panic!() };
    assert!(
        why.ends_with("without those that are known to be down 1 are left: it is below the level as it is"),
        "{why}"
    );
    let one = [0].into();
    assert!(ask(&Planned { known_down: &one, ..planned(&worked) }).is_ok(), "two of three are left");
    // a factor of two can never hold three
    let two = topology(network(&[("dc1", 2)]), &[0, 2]);
    let asked = needs(&two, &Keyspaces::Data, (Strategy::Topology, &kept(Level::Three)), &planned(&worked));
    assert!(matches!(asked, Err(Cannot::Below { .. })), "{asked:?}");
    // where nothing is taken out there is nothing to refuse
    let harmless = Planned { known_down: &down, disruptive: false, ..planned(&worked) };
    assert_eq!(ask(&harmless), Ok(vec![]));
}

#[test]
fn where_hosts_go_out_together_no_strategy_keeps_a_level_by_itself() {
    let three = topology(network(&[("dc1", 3)]), &[0, 2, 4]);
    let all = (0..6).collect();
    let ask = |grouped| {
        let planned = Planned { grouped, ..planned(&all) };
        needs(&three, &Keyspaces::Data, (Strategy::Topology, &kept(Level::LocalQuorum)), &planned).unwrap().len()
    };
    assert_eq!((ask(false), ask(true)), (0, 3));
}
