//! Damaged texts: nothing that is read from outside makes the program panic, hang or eat memory.
//!
//! The corpus is what real nodes printed, the playbooks, topologies and plans of `tests/data`, and in `tests/data/fuzz`
//! what once was too much. `ROLLBOOK_FUZZ=SECONDS` for each reader, `ROLLBOOK_FUZZ_SEED=N` to begin elsewhere:
//!
//!     ROLLBOOK_FUZZ=600 cargo test --release --test it fuzz -- --nocapture

use rollbook::job::apply::apply;
use rollbook::job::decide::decide;
use rollbook::job::event::Event;
use rollbook::job::heard::View;
use rollbook::job::model::Job;
use rollbook::job::rules::{Frame, Rules};
use rollbook::plan::compile::{Options, compile};
use rollbook::plan::dice::Dice;
use rollbook::plan::model::{Estimate, Plan, PlanFile};
use rollbook::plan::{file, lint};
use rollbook::topology::model::Topology;
use rollbook::topology::{nodetool, snapshot};
use serde_json::Value;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One text is read in so long at most, debug build and a busy machine included; most take a thousandth of it.
const LONGEST: Duration = Duration::from_secs(10);
/// So much larger the program may become in all; a reader that doubles its input a few times is far above.
const MOST_MEMORY: u64 = 1 << 30;
/// Without `ROLLBOOK_FUZZ`.
const SHORT: Duration = Duration::from_secs(3);

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// Files below a folder of the test data whose path holds one of these words.
fn corpus(words: &[&str]) -> Vec<Vec<u8>> {
    let mut open = vec![data(), Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks")];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if words.iter().any(|word| path.to_string_lossy().contains(word)) {
                found.push(path);
            }
        }
    }
    found.sort();
    let texts: Vec<Vec<u8>> = found.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let small: Vec<Vec<u8>> = texts.into_iter().filter(|text| text.len() < 40_000).collect();
    assert!(!small.is_empty(), "{words:?}");
    small
}

/// Words that stand between the cells of these texts, and numbers at the edge of what they can be.
const PIECES: [&str; 28] = [
    "\n",
    "\n\n",
    "\t",
    " ",
    ":",
    ",",
    "]",
    "[",
    "{",
    "}",
    "(",
    ")",
    "\"",
    "'",
    "\\",
    "-",
    "0",
    "-1",
    "18446744073709551616",
    "1e400",
    "NaN",
    "?",
    "\u{0}",
    "\u{1b}[2J",
    "\u{202e}",
    "é",
    "{{ host }}",
    "&a *a",
];

/// A few cuts, copies, swaps and strange words.
fn damaged(dice: &mut Dice, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut text = dice.pick(corpus).clone();
    for _ in 0..dice.between(1, 6) {
        let (a, b) = (dice.below(text.len() + 1), dice.below(text.len() + 1));
        let (from, to) = (a.min(b), a.max(b));
        // most damage is small
        let to = if dice.chance(700) { to.min(from + 24) } else { to };
        match dice.between(0, 7) {
            0 => drop(text.drain(from..to)),
            1 => {
                let piece = text[from..to].to_vec();
                text.splice(from..from, piece);
            }
            2 => text.truncate(from),
            3 if from < text.len() => text[from] ^= 1 << dice.below(8),
            4 => {
                let other = dice.pick(corpus);
                let cut = dice.below(other.len() + 1);
                text.truncate(from);
                text.extend_from_slice(&other[cut..]);
            }
            5 => {
                let lines = dice.between(1, 400) as usize;
                let piece = text[from..to].to_vec();
                text.splice(from..from, std::iter::repeat_n(piece, lines).flatten());
            }
            _ => {
                let piece = dice.pick(&PIECES).bytes();
                text.splice(from..to.min(from + 6), piece);
            }
        }
        text.truncate(64 * 1024);
    }
    text
}

/// Somewhere in it another value, fewer or more of them.
fn damaged_json(dice: &mut Dice, value: &mut Value, others: &Value) {
    for _ in 0..dice.between(1, 3) {
        let other = some_value(dice, others);
        let place = some_place(dice, value);
        match (dice.between(0, 5), place) {
            (0, Value::Array(items)) if !items.is_empty() => drop(items.remove(dice.below(items.len()))),
            (1, Value::Array(items)) if !items.is_empty() => {
                let again = items[dice.below(items.len())].clone();
                items.insert(dice.below(items.len() + 1), again);
            }
            (2, Value::Array(items)) if items.len() > 1 => {
                let (a, b) = (dice.below(items.len()), dice.below(items.len()));
                items.swap(a, b);
            }
            (0 | 1, Value::Object(fields)) if !fields.is_empty() => {
                let name = fields.keys().nth(dice.below(fields.len())).cloned().unwrap();
                fields.remove(&name);
            }
            (_, Value::Number(number)) => {
                let near = number.as_i64().unwrap_or(0).saturating_add(dice.between(0, 4) as i64 - 2);
                *number = [near, -1, 0, i64::MAX, 7][dice.below(5)].into();
            }
            (_, Value::String(text)) if dice.chance(600) => {
                let piece = *dice.pick(&PIECES);
                *text = if dice.chance(500) { piece.to_owned() } else { format!("{text}{piece}") };
            }
            (_, place) => *place = other,
        }
    }
}

fn some_place<'v>(dice: &mut Dice, value: &'v mut Value) -> &'v mut Value {
    let count = match &*value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    };
    if count == 0 || dice.chance(120) {
        return value;
    }
    let at = dice.below(count);
    match value {
        Value::Array(items) => some_place(dice, &mut items[at]),
        Value::Object(fields) => some_place(dice, fields.values_mut().nth(at).unwrap()),
        _ => value,
    }
}

fn some_value(dice: &mut Dice, value: &Value) -> Value {
    some_place(dice, &mut value.clone()).clone()
}

fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    1024 * line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
}

/// Reads damaged texts for a while. A text that is too much is kept, and named with its seed.
fn try_out(name: &str, mut make: impl FnMut(&mut Dice) -> Vec<u8>, read: impl Fn(&[u8])) {
    let seconds = std::env::var("ROLLBOOK_FUZZ").ok().and_then(|seconds| seconds.parse().ok());
    let time = seconds.map_or(SHORT, Duration::from_secs);
    let first: u64 = std::env::var("ROLLBOOK_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let (began, before) = (Instant::now(), memory());
    let mut seed = first;
    while began.elapsed() < time {
        let text = make(&mut Dice::new(seed));
        let started = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(|| read(&text)));
        let (took, more) = (started.elapsed(), memory() - before);
        if done.is_err() || took > LONGEST || more > MOST_MEMORY {
            let kept = std::env::temp_dir().join(format!("rollbook-fuzz-{name}-{seed}"));
            std::fs::write(&kept, &text).unwrap();
            let what = if done.is_err() { "it panics".to_owned() } else { format!("{took:?}, {more} bytes more") };
            panic!(
                "{name}, seed {seed}: {what}; the text is in {}; it belongs in tests/data/fuzz/{name}",
                kept.display()
            );
        }
        seed += 1;
    }
    println!("{name}: {} texts in {:?}, {} MB more", seed - first, began.elapsed(), (memory() - before) >> 20);
}

/// The same of texts that are bytes of a file.
fn try_texts(name: &str, words: &[&str], read: impl Fn(&[u8])) {
    let mut corpus = corpus(words);
    let kept = data().join("fuzz").join(name);
    for entry in std::fs::read_dir(kept).into_iter().flatten() {
        let text = std::fs::read(entry.unwrap().path()).unwrap();
        read(&text);
        corpus.push(text);
    }
    try_out(name, |dice| damaged(dice, &corpus), read);
}

fn as_text(read: impl Fn(&str)) -> impl Fn(&[u8]) {
    move |bytes| read(&String::from_utf8_lossy(bytes))
}

#[test]
fn what_nodetool_prints() {
    let all = as_text(|text| {
        let _ = nodetool::parse_status(text);
        let _ = nodetool::parse_ring(text);
        let _ = nodetool::parse_describering(text);
        let _ = nodetool::parse_describecluster(text);
        let _ = nodetool::parse_gossipinfo(text);
        let _ = nodetool::parse_info(text);
        let _ = nodetool::parse_netstats(text);
        let _ = nodetool::parse_getseeds(text);
        let _ = nodetool::parse_hint_window(text);
        let _ = nodetool::parse_pending_compactions(text);
        let _ = nodetool::parse_repair_tasks(text);
        let _ = nodetool::parse_pending_hints(text);
        let _ = nodetool::parse_disk_free(text);
        let _ = nodetool::parse_latencies(text);
        let _ = nodetool::parse_load(text);
        let _ = nodetool::parse_replication(text);
    });
    try_texts("nodetool", &["/nodetool/"], all);
}

fn six_hosts() -> Topology {
    snapshot::read(&std::fs::read_to_string(data().join("topologies/six-hosts.json")).unwrap()).unwrap()
}

fn rolling_reboot() -> rollbook::playbook::model::Playbook {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/rolling-reboot.yaml");
    rollbook::playbook::read(&std::fs::read(path).unwrap()).unwrap().0
}

#[test]
fn a_playbook_and_the_plan_made_of_it() {
    let topology = six_hosts();
    let read = |bytes: &[u8]| {
        let Ok((playbook, _)) = rollbook::playbook::read(bytes) else { return };
        if let Ok(plan) = compile(&playbook, &topology, &BTreeMap::new(), &Options::default()) {
            begins(&plan, &topology);
        }
    };
    try_texts("playbook", &["playbooks/"], read);
}

#[test]
fn a_topology_and_the_plan_made_of_it() {
    let playbook = rolling_reboot();
    let read = as_text(|text| {
        let Ok(topology) = snapshot::read(text) else { return };
        if let Ok(plan) = compile(&playbook, &topology, &BTreeMap::new(), &Options::default()) {
            begins(&plan, &topology);
        }
    });
    try_texts("topology", &["topologies/six-hosts.json", "topologies/simple", "fuzz/topology"], &read);
    // and with a form that is right, most often
    let value: Value = serde_json::to_value(six_hosts()).unwrap();
    let make = |dice: &mut Dice| {
        let mut changed = value.clone();
        damaged_json(dice, &mut changed, &value);
        changed.to_string().into_bytes()
    };
    try_out("topology-values", make, read);
}

/// A plan that was accepted can be carried out: at least its beginning makes nobody panic.
fn begins(plan: &Plan, topology: &Topology) {
    assert_eq!(lint::check_against(plan, topology), Vec::<String>::new(), "what we made ourselves keeps our rules");
    let frame = Frame::new(plan, Rules::default());
    decide(&frame, &Job::new(plan), &View::default(), 1);
    rollbook::job::preview::waves(plan);
}

#[test]
fn a_plan_file() {
    let plan = compile(&rolling_reboot(), &six_hosts(), &BTreeMap::new(), &Options::default()).unwrap();
    let sealed = file::seal(plan.clone(), Estimate::default());
    let text = file::write(&sealed).into_bytes();
    try_out("plan", |dice| damaged(dice, std::slice::from_ref(&text)), |bytes| drop(file::read(bytes)));
    // sealed again: somebody who knows how wrote it
    let value = serde_json::to_value(&plan).unwrap();
    let make = |dice: &mut Dice| {
        let mut changed = value.clone();
        damaged_json(dice, &mut changed, &value);
        match serde_json::from_value::<Plan>(changed) {
            Ok(plan) => file::write(&file::seal(plan, Estimate::default())).into_bytes(),
            Err(_) => Vec::new(),
        }
    };
    let read = |bytes: &[u8]| {
        if let Ok(PlanFile { plan, .. }) = file::read(bytes) {
            let frame = Frame::new(&plan, Rules::default());
            decide(&frame, &Job::new(&plan), &View::default(), 1);
            rollbook::job::preview::waves(&plan);
        }
    };
    try_out("plan-values", make, read);
}

#[test]
fn a_journal() {
    let plan = compile(&rolling_reboot(), &six_hosts(), &BTreeMap::new(), &Options::default()).unwrap();
    let scene = rollbook::job::simulate::Scene::of(six_hosts(), plan.clone(), vec![]);
    let report = rollbook::job::simulate::run(&scene, Rules::default());
    assert!(report.events.len() > 50);
    let value = serde_json::to_value(&report.events).unwrap();
    let make = |dice: &mut Dice| {
        let mut changed = value.clone();
        (0..dice.between(1, 3)).for_each(|_| damaged_json(dice, &mut changed, &value));
        changed.to_string().into_bytes()
    };
    let frame = Frame::new(&plan, Rules::default());
    let read = |bytes: &[u8]| {
        let Ok(events) = serde_json::from_slice::<Vec<Event>>(bytes) else { return };
        let mut job = Job::new(&plan);
        let at = events.last().map_or(1, |event| event.at);
        if events.iter().all(|event| apply(&plan, &mut job, event).is_ok()) {
            decide(&frame, &job, &View::default(), at);
        }
    };
    try_out("journal", make, read);
}
