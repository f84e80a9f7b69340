//! How good is the order? Over many shapes of clusters, with durations that differ from host to host, when the last host
//! is through: by the real plan and the real machine, by a plain barrier between racks, by cstar's order, and by an
//! offline search that knows every duration. `cargo bench --bench quality [-- SEEDS WORD…]`: shapes whose name has all
//! of the words, such as `3r 60h 16v cap10 J`; 30 seeds unless said.
//!
//! rollbook runs twice: with nothing known of the durations, and with those of an earlier run (`plan --durations`), from
//! which this one differs by nothing (`known`), or by another 15 % a host (`near`). What must hold, or it ends with 1:
//! `known` within 1.05 of the best of all in the mean, and no seed over 1.05 of cstar's order; knowing nothing, the sum of
//! all seeds within 1.05 of the better of the two that know nothing either. How far that is from a search that knows, and
//! the worst seed, are printed: an order that knows nothing can undercut neither the search nor another's luck each time.

#[path = "quality/measure.rs"]
mod measure;
#[path = "quality/rivals.rs"]
mod rivals;
#[path = "quality/shapes.rs"]
mod shapes;

use measure::{Sum, measure};
use shapes::Shape;
use std::path::Path;

fn main() {
    // (`cargo bench` adds a word of its own)
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let seeds = words.iter().find_map(|word| word.parse().ok()).unwrap_or(30);
    let words: Vec<&String> = words.iter().filter(|word| word.parse::<u64>().is_err()).collect();
    let wanted = |shape: &Shape| words.iter().all(|word| shape.name().split(' ').any(|part| part == word.as_str()));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/rolling-reboot.yaml");
    let playbook = rollbook::playbook::read(&std::fs::read(file).unwrap()).unwrap().0;
    println!(
        "{seeds} seeds a shape; racks, hosts, tokens a host, hosts at once; J durations log-normal, σ 0.5; S one host in 30 takes 4 times as long too"
    );
    println!(
        "mean of: nothing known / the better of barrier and cstar; to the best of all: nothing known, near, known, barrier, cstar, search;"
    );
    println!("worst seed against cstar: nothing known, near, known; best of all / lower bound, known / lower bound");
    let mut missed = 0;
    for shape in shapes::all().iter().filter(|shape| wanted(shape)) {
        let mut sum = Sum::default();
        (0..seeds).for_each(|seed| sum.add(&measure(shape, &playbook, seed)));
        let faults = sum.faults();
        println!("{:24} {}  {}", shape.name(), sum.words(), faults.join(", "));
        missed += usize::from(!faults.is_empty());
    }
    if missed > 0 {
        println!("{missed} shapes miss what is demanded");
        std::process::exit(1);
    }
}
