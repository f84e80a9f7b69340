//! From the text of `nodetool` to a finished plan: seconds, memory, and the ratio to counting lines (`wc -l`) in the
//! same bytes; and what one decision costs while that plan is carried out.
//! `cargo bench --bench planning [-- HOSTS VNODES SETTINGS]`; without numbers the usual shapes.
//!
//! Not a timed test: machines differ, ratios less.

use rollbook::job::rules::Rules;
use rollbook::job::simulate::{Dice, Scene, run};
use rollbook::plan::compile::{Options, compile};
use rollbook::plan::estimate::estimate;
use rollbook::plan::file;
use rollbook::plan::model::Plan;
use rollbook::topology::model::{Factor, Host, Keyspace, Replication, Ring, Topology};
use rollbook::topology::nodetool::{parse_describering, parse_ring};
use rollbook::topology::placement;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const DATACENTERS: usize = 3;
const RACKS: usize = 3;
const KEYSPACES: usize = 10;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let shapes = match numbers[..] {
        [hosts, vnodes, settings] => vec![(hosts, vnodes, settings)],
        _ => vec![(100, 256, 1), (1000, 16, 1), (1000, 80, 1), (5000, 16, 1), (1000, 256, 1)],
    };
    println!(
        "hosts × vnodes × settings of replication, {KEYSPACES} keyspaces, {DATACENTERS} data centres of {RACKS} racks, RF 3 in each"
    );
    for (hosts, vnodes, settings) in shapes {
        // what is measured reads in a process of its own: the memory of writing, and of other shapes, is not its
        match std::env::var_os("PLANNING_FOLDER") {
            Some(folder) => measure(Path::new(&folder), hosts, vnodes, settings),
            None => {
                let folder = tempfile::tempdir().unwrap();
                write_texts(folder.path(), hosts, vnodes, settings);
                let myself = std::env::current_exe().unwrap();
                let words = [hosts, vnodes, settings].map(|number| number.to_string());
                let ended = Command::new(myself).args(words).env("PLANNING_FOLDER", folder.path()).status().unwrap();
                assert!(ended.success());
            }
        }
    }
}

fn write_texts(folder: &Path, count: usize, vnodes: usize, settings: usize) {
    let (hosts, tokens) = (hosts(count, vnodes), tokens(count, vnodes));
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("ring", &ring_text(&hosts, &tokens));
    for setting in 0..settings {
        write(&format!("describering{setting}"), &describering_text(&hosts, &tokens, &replication(setting)));
    }
}

fn measure(folder: &Path, count: usize, vnodes: usize, settings: usize) {
    let (hosts, tokens) = (hosts(count, vnodes), tokens(count, vnodes));
    let before = memory("VmHWM");

    let (lines, count_ring) = wc(folder, "ring");
    let (owners, parse_of_ring) = read(folder, "ring", |text| parse_ring(text).unwrap());
    assert_eq!(owners.tokens.len(), count * vnodes);
    drop(owners);
    let (mut count_described, mut parse_of_described) = (Duration::ZERO, Duration::ZERO);
    for setting in 0..settings {
        let name = format!("describering{setting}");
        let (_, counted) = wc(folder, &name);
        let (ring, parsed) = read(folder, &name, |text| parse_describering(text).unwrap());
        assert_eq!(ring.ranges.len(), count * vnodes);
        count_described += counted;
        parse_of_described += parsed;
    }

    let started = Instant::now();
    let rings: Vec<Ring> =
        (0..settings).map(|setting| placement::replicas(&tokens, &hosts, &replication(setting))).collect();
    let placed = started.elapsed();
    let topology = topology(hosts, rings, settings);
    let started = Instant::now();
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/rolling-reboot.yaml")).unwrap();
    let playbook = rollbook::playbook::read(&text).unwrap().0;
    let plan = compile(&playbook, &topology, &BTreeMap::new(), &Options::default()).unwrap();
    let compiled = started.elapsed();
    let started = Instant::now();
    let estimate = estimate(&plan, &topology, rollbook::job::preview::waves);
    let waves = estimate.waves.len();
    let estimated = started.elapsed();
    let started = Instant::now();
    let sealed = file::seal(plan, estimate);
    let bytes = file::write(&sealed).len();
    let written = started.elapsed();
    let s = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    let ratio = |a: Duration, b: Duration| format!("{:.1} × wc -l", a.as_secs_f64() / b.as_secs_f64());
    println!("{count} × {vnodes} × {settings}");
    println!("  ring text          {lines} lines: read {} = {}", s(parse_of_ring), ratio(parse_of_ring, count_ring));
    println!(
        "  describering text  {}: read {} = {}",
        size(folder),
        s(parse_of_described),
        ratio(parse_of_described, count_described)
    );
    println!("  replicas computed  {}", s(placed));
    println!(
        "  plan               compiled {}, waves {} ({waves}), written {} ({} kB)",
        s(compiled),
        s(estimated),
        s(written),
        bytes / 1000
    );
    println!("  most memory        {} MB, before reading {} MB", memory("VmHWM") / 1000, before / 1000);
    decide(sealed.plan, topology);
}

/// The whole plan in virtual time, a hundred hosts at once: every question, answer and decision of a real run. Beside
/// the decisions the time holds the simulated cluster and its judge, so that it is an upper bound.
fn decide(mut plan: Plan, topology: Topology) {
    if plan.nodes.len() > 1000 || plan.nodes.len() * topology.hosts[0].tokens as usize > 100_000 {
        return;
    }
    plan.phases[0].max_hosts = Some(100);
    let scene = Scene::of(topology, plan, vec![]);
    let started = Instant::now();
    let report = run(&scene, Rules::default());
    assert!(report.violations.is_empty(), "{:?}", report.violations);
    let one = started.elapsed().as_secs_f64() * 1e6 / report.decisions as f64;
    println!(
        "  carried out        100 at once, in virtual time: {} questions, {} decisions, {one:.0} µs each with all around it",
        report.questions, report.decisions
    );
}

fn size(folder: &Path) -> String {
    let described = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let bytes: u64 = described
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("describering"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    format!("{} MB", bytes / 1_000_000)
}

/// Lines as `wc -l` counts them, and how long that took.
fn wc(folder: &Path, name: &str) -> (u64, Duration) {
    let started = Instant::now();
    let counted = Command::new("wc").arg("-l").arg(folder.join(name)).output().unwrap();
    let took = started.elapsed();
    let text = String::from_utf8(counted.stdout).unwrap();
    (text.split_whitespace().next().unwrap().parse().unwrap(), took)
}

fn read<T>(folder: &Path, name: &str, parse: impl Fn(&str) -> T) -> (T, Duration) {
    let started = Instant::now();
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    let parsed = parse(&text);
    (parsed, started.elapsed())
}

/// Kilobytes.
fn memory(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn hosts(count: usize, vnodes: usize) -> Vec<Host> {
    let mut hosts: Vec<Host> = (0..count)
        .map(|ix| Host {
            id: format!("00000000-0000-4000-8000-{ix:012x}"),
            address: IpAddr::from([10, (ix >> 16) as u8, (ix >> 8) as u8, ix as u8]),
            datacenter: format!("dc{}", ix % DATACENTERS + 1),
            rack: format!("rack{}", ix / DATACENTERS % RACKS + 1),
            release: "5.0.5".into(),
            tokens_digest: "0000000000000000".into(),
            tokens: vnodes as u32,
        })
        .collect();
    hosts.sort_by(|a, b| (&a.datacenter, &a.rack, a.address).cmp(&(&b.datacenter, &b.rack, b.address)));
    hosts
}

/// The same cluster each time.
fn tokens(hosts: usize, vnodes: usize) -> Vec<(i128, usize)> {
    let mut dice = Dice::new(1);
    let mut tokens: Vec<(i128, usize)> =
        (0..hosts * vnodes).map(|at| (i128::from(dice.roll() as i64), at % hosts)).collect();
    tokens.sort_unstable();
    tokens
}

/// RF 3 in each data centre; further settings have RF 2 in one, or another in the first.
fn replication(setting: usize) -> Replication {
    let factor =
        |dc: usize| Factor { total: if setting > 0 && dc == setting % DATACENTERS { 2 } else { 3 }, transient: 0 };
    let mut factors: BTreeMap<String, Factor> =
        (0..DATACENTERS).map(|dc| (format!("dc{}", dc + 1), factor(dc))).collect();
    if setting > DATACENTERS {
        factors.insert("dc1".into(), Factor { total: setting as u32 % 5 + 1, transient: 0 });
    }
    Replication::NetworkTopology(factors)
}

fn topology(hosts: Vec<Host>, rings: Vec<Ring>, settings: usize) -> Topology {
    let keyspace = |at: usize| Keyspace { replication: replication(at % settings), ring: Some(at % settings) };
    Topology {
        version: rollbook::topology::snapshot::VERSION,
        cluster: "bench".into(),
        partitioner: "org.apache.cassandra.dht.Murmur3Partitioner".into(),
        keyspaces: (0..KEYSPACES).map(|at| (format!("keyspace{at}"), keyspace(at))).collect(),
        rings,
        seeds: vec![],
        hint_window_ms: None,
        asked: vec![hosts[0].address],
        placement: BTreeMap::new(),
        hosts,
    }
}

fn ring_text(hosts: &[Host], tokens: &[(i128, usize)]) -> String {
    let mut out = String::new();
    let head = ["Address", "Rack", "Status", "State", "Load", "Owns", "Token"];
    for dc in 1..=DATACENTERS {
        let name = format!("dc{dc}");
        writeln!(out, "\nDatacenter: {name}\n==========").unwrap();
        let mut row = |cells: [&str; 7]| {
            let [address, rack, status, state, load, owns, token] = cells;
            writeln!(out, "{address:<16}{rack:<12}{status:<7}{state:<8}{load:<16}{owns:<20}{token:<44}").unwrap();
        };
        row(head);
        let mine = || tokens.iter().filter(|(_, host)| hosts[*host].datacenter == name);
        row(["", "", "", "", "", "", &mine().next_back().unwrap().0.to_string()]);
        for (token, host) in mine() {
            let host = &hosts[*host];
            row([&host.address.to_string(), &host.rack, "Up", "Normal", "94.8 GiB", "?", &token.to_string()]);
        }
        out.push('\n');
    }
    out
}

fn describering_text(hosts: &[Host], tokens: &[(i128, usize)], replication: &Replication) -> String {
    let ring = placement::replicas(tokens, hosts, replication);
    let mut out = String::from("Schema Version:94100da8-b331-3494-bbd1-9872cefd4431\nTokenRange: \n");
    // nodes print them in no order
    let mut dice = Dice::new(2);
    let mut ranges: Vec<_> = ring.ranges.iter().collect();
    (1..ranges.len()).rev().for_each(|last| ranges.swap(last, dice.below(last + 1)));
    for range in ranges {
        let set: Vec<&Host> = ring.sets[range.set].iter().map(|host| &hosts[*host]).collect();
        let list = |show: &dyn Fn(&Host) -> String| set.iter().map(|host| show(host)).collect::<Vec<_>>().join(", ");
        let endpoints = list(&|host| host.address.to_string());
        let details = list(&|host| {
            format!("EndpointDetails(host:{}, datacenter:{}, rack:{})", host.address, host.datacenter, host.rack)
        });
        writeln!(
            out,
            "\tTokenRange(start_token:{}, end_token:{}, endpoints:[{endpoints}], rpc_endpoints:[{endpoints}], endpoint_details:[{details}])",
            range.start, range.end
        )
        .unwrap();
    }
    out
}
