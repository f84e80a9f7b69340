//! The order does not become worse: two shapes of `benches/quality.rs`, few seeds.

#[allow(dead_code)]
#[path = "../../benches/quality/measure.rs"]
mod measure;
#[path = "../../benches/quality/rivals.rs"]
mod rivals;
#[allow(dead_code)]
#[path = "../../benches/quality/shapes.rs"]
mod shapes;

use crate::plan_clusters::playbook;
use measure::{Sum, measure};
use shapes::Shape;

fn held(shape: &Shape) {
    let mut sum = Sum::default();
    (0..4).for_each(|seed| sum.add(&measure(shape, &playbook("rolling-reboot"), seed)));
    assert_eq!(sum.faults(), Vec::<&str>::new(), "{}: {}", shape.name(), sum.words());
}

/// Rack by rack takes nearly twice as long here.
#[test]
fn many_racks_and_few_conflicts() {
    held(&Shape { racks: 9, hosts: 36, vnodes: 1, cap: None, stragglers: false });
}

/// Who begins last decides here, and only durations tell.
#[test]
fn a_cap_and_known_durations() {
    held(&Shape { racks: 3, hosts: 24, vnodes: 16, cap: Some(5), stragglers: true });
}
