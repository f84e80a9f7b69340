//! One seed of the hostile world, event by event: `cargo run --example hostile -- SEED`.

use rollbook::job::rules::Rules;
use rollbook::job::simulate::{run, scene};

fn main() {
    let seed = std::env::args().nth(1).and_then(|text| text.parse().ok()).expect("a seed: a number");
    let scene = scene(seed, None);
    let report = run(&scene, Rules::default());
    for event in &report.events {
        println!("{:>9.1} s  {:?}", (event.at - report.events[0].at) as f64 / 1000.0, event.what);
    }
    println!("{:?} after {} sessions, {} questions", report.outcome, report.sessions, report.questions);
    report.violations.iter().for_each(|violation| println!("broken at {}: {}", violation.at, violation.what));
}
