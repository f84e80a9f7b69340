//! Who is asked: one node a data centre and rack in turn, in a stated order.

use crate::topology::nodetool::StatusView;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

/// Every node that is up, best witness first: data centres in turn by name, in each the racks in turn
/// by name, in each rack by numeric address. The same table gives the same order.
pub fn choose_observers(status: &StatusView) -> Vec<IpAddr> {
    let mut racks: BTreeMap<&str, BTreeMap<&str, VecDeque<IpAddr>>> = BTreeMap::new();
    for (at, row) in status.rows.iter().filter(|(_, row)| row.up_normal()) {
        racks.entry(&row.datacenter).or_default().entry(&row.rack).or_default().push_back(*at);
    }
    let datacenters = racks.into_values().map(|racks| in_turn(racks.into_values().collect())).collect();
    in_turn(datacenters).into()
}

/// The first of each, then the second of each, …
fn in_turn(mut queues: Vec<VecDeque<IpAddr>>) -> VecDeque<IpAddr> {
    let mut order = VecDeque::new();
    while queues.iter().any(|queue| !queue.is_empty()) {
        order.extend(queues.iter_mut().filter_map(VecDeque::pop_front));
    }
    order
}
