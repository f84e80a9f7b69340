use super::*;

/// Hosts on a ring, each of which excludes the two next ones on either side: with one token a host and RF 3.
fn ring(hosts: usize, racks: usize, slots: usize) -> Work {
    let near = |host: usize| {
        let mut others: Vec<usize> =
            [1, 2].iter().flat_map(|by| [(host + by) % hosts, (host + hosts - by) % hosts]).collect();
        others.sort_unstable();
        others
    };
    Work { excludes: (0..hosts).map(near).collect(), racks: (0..hosts).map(|host| host % racks).collect(), slots }
}

/// Every host excludes those of all other racks.
fn racks(hosts: usize, racks: usize, slots: usize) -> Work {
    let others = |host: usize| (0..hosts).filter(|other| other % racks != host % racks).collect();
    Work { excludes: (0..hosts).map(others).collect(), racks: (0..hosts).map(|host| host % racks).collect(), slots }
}

fn by_rack(work: &Work, rack_by_rack: bool) -> Order {
    let mut hosts: Vec<usize> = (0..work.racks.len()).collect();
    hosts.sort_by_key(|host| work.racks[*host]);
    Order { hosts, rack_by_rack }
}

fn search(work: &Work, usual: &Order, took: Option<&[u64]>) -> Option<Order> {
    let place = vec![0; work.racks.len()];
    better(&Wanted { work, usual: usual.clone(), place: &place, took })
}

#[test]
fn the_usual_order_stays_where_no_order_has_fewer_waves() {
    let three = racks(12, 3, 12);
    assert_eq!(search(&three, &by_rack(&three, true), None), None);
    let everybody = racks(12, 12, 12);
    assert_eq!(search(&everybody, &by_rack(&everybody, false), None), None, "one host at a time in any order");
}

#[test]
fn many_racks_and_few_conflicts_are_not_worked_on_rack_by_rack() {
    let work = ring(45, 9, 45);
    let usual = by_rack(&work, true);
    let found = search(&work, &usual, None).unwrap();
    assert!(!found.rack_by_rack);
    let waves = |order: &Order| ends(&work, order, &[1; 45]);
    assert_eq!((waves(&usual), waves(&found)), (5, 3), "three hosts in a row exclude each other");
    assert_eq!(search(&work, &usual, None), Some(found), "the same again");
}

#[test]
fn known_durations_let_the_longest_begin_first() {
    let work = racks(12, 2, 3);
    let took: Vec<u64> = (0..12).map(|host| 10 + 10 * (host / 2)).collect();
    let usual = by_rack(&work, true);
    let found = search(&work, &usual, Some(&took)).unwrap();
    let (before, after) = (ends(&work, &usual, &took), ends(&work, &found, &took));
    assert!(after < before && after >= 2 * (10 + 20 + 30 + 40 + 50 + 60) / 3, "{before} {after}");
    let mut all = found.hosts;
    all.sort_unstable();
    assert_eq!(all, (0..12).collect::<Vec<_>>(), "every host once");
}

#[test]
fn what_the_playbook_wants_first_and_last_stays_there() {
    let work = ring(30, 5, 30);
    let mut place = vec![1; 30];
    (place[7], place[3]) = (0, 2);
    let took: Vec<u64> = (0..30).map(|host| 100 + host * 7 % 50).collect();
    for took in [None, Some(took.as_slice())] {
        let usual = by_rack(&work, false);
        let found = better(&Wanted { work: &work, usual, place: &place, took }).unwrap();
        assert_eq!((found.hosts[0], found.hosts[29]), (7, 3));
    }
}

#[test]
fn classes_exclude_nobody_inside_and_hold_every_host() {
    let work = ring(40, 5, 40);
    let classes = classes(&work, &by_rack(&work, true).hosts, &mut Dice::new(1));
    let inside = |class: &Vec<usize>| class.iter().any(|a| class.iter().any(|b| work.excludes[*a].contains(b)));
    assert!(!classes.iter().any(inside));
    assert_eq!(classes.iter().map(Vec::len).sum::<usize>(), 40);
    assert!(classes.len() <= 4, "{}", classes.len());
}
