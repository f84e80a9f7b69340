//! Every captured text is read, and no cut text passes for a smaller cluster.

use proptest::prelude::*;
use rollbook::topology::assembly::{self, Said};
use rollbook::topology::nodetool::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nodetool")
}

/// Captured standard outputs of one command with its exit status, by path.
fn outputs(command: &str) -> Vec<(PathBuf, String, i32)> {
    let mut found = Vec::new();
    let mut open = vec![captures()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().unwrap().to_str().unwrap() == format!("{command}.out") {
                let status = fs::read_to_string(path.with_extension("rc")).unwrap_or("0".into());
                let status = status.split_whitespace().next().unwrap().parse().unwrap();
                found.push((path.clone(), fs::read_to_string(&path).unwrap(), status));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no capture of {command}");
    found
}

/// All texts of a command that worked must be read; gives how many.
fn all_read<T>(command: &str, parse: impl Fn(&str) -> Result<T, ParseError>) -> usize {
    let mut read = 0;
    for (path, text, status) in outputs(command) {
        match (status, parse(&text)) {
            (0, Ok(_)) => read += 1,
            // Asked of a starting node: gossipinfo prints nothing with exit status 0, and status says so.
            (0, Err(_)) if text.trim().is_empty() && command.ends_with("gossipinfo") => {}
            (0, Err(error)) => panic!("{}: {error}", path.display()),
            (_, Err(_)) => {}
            (status, Ok(_)) => panic!("{}: exit status {status}, and yet it could be read", path.display()),
        }
    }
    read
}

#[test]
fn every_answer_of_every_state_is_read() {
    let counts = [
        all_read("status", parse_status),
        all_read("-pp_status", parse_status),
        all_read("status_orders", parse_status),
        all_read("describecluster", parse_describecluster),
        all_read("-pp_describecluster", parse_describecluster),
        all_read("gossipinfo", parse_gossipinfo),
        all_read("-pp_gossipinfo", parse_gossipinfo),
        all_read("info", parse_info),
        all_read("netstats", parse_netstats),
        all_read("describering_orders", parse_describering),
        all_read("-pp_describering_orders", parse_describering),
        all_read("describering_system_auth", parse_describering),
        all_read("ring", parse_ring),
        all_read("ring_orders", parse_ring),
    ];
    let read: usize = counts.iter().sum();
    assert!(read > 230, "only {read} texts: {counts:?}");
}

#[test]
fn what_is_no_answer_is_never_read() {
    for command in ["describering_nosuch", "describering_system", "status_nosuch", "ring_nosuch", "nosuchcommand"] {
        for (path, text, _) in outputs(command) {
            let readings = [
                parse_status(&text).is_ok(),
                parse_describecluster(&text).is_ok(),
                parse_gossipinfo(&text).is_ok(),
                parse_describering(&text).is_ok(),
                parse_ring(&text).is_ok(),
                parse_info(&text).is_ok(),
                parse_netstats(&text).is_ok(),
                parse_getseeds(&text).is_ok(),
            ];
            assert!(!readings.contains(&true), "{}: {readings:?}", path.display());
        }
    }
    for (path, text, _) in outputs("gossipinfo").into_iter().filter(|(_, text, _)| text.trim().is_empty()) {
        assert!(parse_gossipinfo(&text).is_err(), "{}: empty is not `no nodes`", path.display());
    }
}

#[test]
fn no_command_reads_the_text_of_another() {
    let commands = ["status", "describecluster", "gossipinfo", "info", "netstats", "describering_orders", "ring"];
    for (at, command) in commands.iter().enumerate() {
        for (path, text, _) in outputs(command).into_iter().filter(|(_, text, status)| *status == 0 && !text.is_empty())
        {
            let read = [
                parse_status(&text).is_ok(),
                parse_describecluster(&text).is_ok(),
                parse_gossipinfo(&text).is_ok(),
                parse_info(&text).is_ok(),
                parse_netstats(&text).is_ok(),
                parse_describering(&text).is_ok(),
                parse_ring(&text).is_ok(),
            ];
            let wrong = read.iter().enumerate().filter(|(other, ok)| **ok && *other != at).count();
            assert_eq!(wrong, 0, "{}: {read:?}", path.display());
        }
    }
}

/// What the text says of itself, in the states that were captured.
#[test]
fn states_are_told_apart() {
    let text = |path: &str| fs::read_to_string(captures().join(path)).unwrap();
    let h2 = "10.77.0.12".parse().unwrap();
    for release in ["4.1.10", "5.0.5"] {
        let seen = parse_status(&text(&format!("{release}/drained/h1/status.out"))).unwrap();
        assert!(!seen.rows[&h2].up_normal(), "peers see a drained node down");
        let own = parse_status(&text(&format!("{release}/drained/h2/status.out"))).unwrap();
        assert!(own.rows[&h2].up_normal(), "it calls itself up");
        let view = parse_describecluster(&text(&format!("{release}/drained/h2/describecluster.out"))).unwrap();
        assert_eq!((view.schema.len(), view.unreachable.len()), (0, 3), "it reaches nobody, not even itself");
        assert_eq!(parse_netstats(&text(&format!("{release}/drained/h2/netstats.out"))).unwrap().mode, "DRAINED");
        assert!(!parse_netstats(&text(&format!("{release}/all-up/h1/netstats.out"))).unwrap().streams);
        let gossip = parse_gossipinfo(&text(&format!("{release}/drained/h1/gossipinfo.out"))).unwrap();
        assert_eq!(gossip.nodes[&h2].status.as_deref(), Some("shutdown"));
        let killed =
            parse_describecluster(&text(&format!("{release}/killed-before-conviction/h1/describecluster.out")));
        assert!(killed.unwrap().unreachable.contains(&h2), "describecluster sees it at once");
        let status = parse_status(&text(&format!("{release}/killed-before-conviction/h1/status.out"))).unwrap();
        assert!(status.rows[&h2].up_normal(), "status does not yet");
    }
    for (host, unreachable) in [("h1", Some("10.77.0.12")), ("h2", Some("10.77.0.11")), ("h3", None)] {
        let view = parse_describecluster(&text(&format!("5.0.5/cut-pair/{host}/describecluster.out"))).unwrap();
        let expected: BTreeSet<_> = unreachable.iter().map(|at| at.parse().unwrap()).collect();
        assert_eq!(view.unreachable, expected, "{host}");
        let status = parse_status(&text(&format!("5.0.5/cut-pair/{host}/status.out"))).unwrap();
        assert!(status.rows.values().all(StatusRow::up_normal), "status does not see the cut");
    }
    let off = parse_info(&text("5.0.5/binary-off/h2/info.out")).unwrap();
    assert!(!off.native_transport && off.gossip);
    let off = parse_info(&text("5.0.5/gossip-off/h2/info.out")).unwrap();
    assert!(!off.gossip && off.generation == 0);
    let mixed = parse_describecluster(&text("upgrade-4.1.10-5.0.5/after-h1/h1/describecluster.out")).unwrap();
    let releases: BTreeSet<&String> = mixed.releases.values().collect();
    assert_eq!((mixed.schema.len(), releases.len()), (2, 2));
    let joining = parse_status(&text("5.0.5/joining/h1/32/status.out")).unwrap();
    assert!(joining.rows.values().any(|row| row.movement == Movement::Joining));
}

/// Every prefix of a text that ends at a character; each must be refused or say the same as the whole,
/// but for those that `told` may tell (because another answer will contradict them).
fn cut<T: PartialEq + std::fmt::Debug>(
    command: &str,
    parse: impl Fn(&str) -> Result<T, ParseError>,
    told: impl Fn(&T) -> bool,
) {
    for (at, (path, text, status)) in outputs(command).into_iter().enumerate() {
        let Ok(whole) = parse(&text) else { continue };
        assert_eq!(status, 0, "{}", path.display());
        // Some texts at every character, the rest round the ends of lines: the square of all is slow.
        let near_line_end = |end: usize| text.as_bytes()[end.saturating_sub(2)..end].contains(&b'\n');
        for (end, _) in text.char_indices().filter(|(end, _)| at % 6 == 0 || near_line_end(*end)) {
            if let Ok(part) = parse(&text[..end]) {
                assert!(part == whole || told(&part), "{} cut after byte {end}: {part:?}", path.display());
            }
        }
    }
}

#[test]
fn a_text_that_is_cut_anywhere_is_refused_or_says_the_same() {
    cut("gossipinfo", parse_gossipinfo, |_| false);
    cut("describering_orders", parse_describering, |_| false);
    // without the sentence that there are none, there may be streams: the side to err on
    cut("netstats", parse_netstats, |part| part.streams);
    cut("info", parse_info, |_| false);
    // These two, cut after a whole row, cannot be told from a smaller cluster by themselves; see below.
    cut("status", parse_status, |part| !part.rows.is_empty());
    cut("describecluster", parse_describecluster, |part| !part.schema.is_empty() || !part.unreachable.is_empty());
    // A whole data centre of several.
    cut("ring_orders", parse_ring, |part| !part.tokens.is_empty());
}

/// Folders with all three answers of a node about its cluster.
fn folders() -> Vec<PathBuf> {
    let with = |name: &str| {
        let dirs = outputs(name).into_iter().filter(|(_, text, status)| *status == 0 && !text.trim().is_empty());
        dirs.map(|(path, _, _)| path.parent().unwrap().to_owned()).collect::<BTreeSet<PathBuf>>()
    };
    let (a, b, c) = (with("status"), with("describecluster"), with("gossipinfo"));
    a.into_iter().filter(|dir| b.contains(dir) && c.contains(dir)).collect()
}

#[test]
fn three_answers_of_one_node_contradict_any_cut_in_one_of_them() {
    let mut made = 0;
    for dir in folders() {
        let read = |name: &str| fs::read_to_string(dir.join(format!("{name}.out"))).unwrap();
        let (status, cluster, gossip) = (read("status"), read("describecluster"), read("gossipinfo"));
        let said = |status: &str, cluster: &str, gossip: &str| {
            Some(Said {
                by: "h".into(),
                status: parse_status(status).ok()?,
                cluster: parse_describecluster(cluster).ok()?,
                gossip: parse_gossipinfo(gossip).ok()?,
            })
        };
        let whole = said(&status, &cluster, &gossip).unwrap();
        if assembly::consistent(&whole).is_err() {
            continue; // A joining node.
        }
        let lines = |text: &str| text.match_indices('\n').map(|(at, _)| at + 1).collect::<Vec<_>>();
        for end in lines(&status) {
            if let Some(part) = said(&status[..end], &cluster, &gossip)
                && part != whole
            {
                made += 1;
                assert!(assembly::consistent(&part).is_err(), "{}: status cut at {end}", dir.display());
            }
        }
        let rows = status.split_inclusive('\n').collect::<Vec<_>>();
        for left_out in 0..rows.len() {
            let text: String = rows.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, row)| *row).collect();
            if let Some(part) = said(&text, &cluster, &gossip)
                && part != whole
            {
                assert!(assembly::consistent(&part).is_err(), "{}: status without line {left_out}", dir.display());
            }
        }
        for end in lines(&cluster) {
            if let Some(part) = said(&status, &cluster[..end], &gossip)
                && part != whole
            {
                made += 1;
                // Cut inside the keyspaces: another observer, or the same one asked again, lists them all.
                let refused = assembly::consistent(&part).is_err() || assembly::agree(&[part, whole.clone()]).is_err();
                assert!(refused, "{}: describecluster cut at {end}", dir.display());
            }
        }
    }
    assert!(made > 300, "only {made} cuts were made");
}

/// Whatever is printed, a parser says yes or shows a line.
fn try_all(text: &str) {
    let errors = [
        parse_status(text).err(),
        parse_describecluster(text).err(),
        parse_gossipinfo(text).err(),
        parse_describering(text).err(),
        parse_ring(text).err(),
        parse_info(text).err(),
        parse_netstats(text).err(),
        parse_getseeds(text).err(),
    ];
    for error in errors.into_iter().flatten() {
        assert!(error.line >= 1 && error.line <= text.lines().count() + 1, "{error}");
        assert!(!error.to_string().contains(|c: char| c.is_control()), "{error:?}");
    }
    let _ = parse_replication(text);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_a_parser_panic(text in ".*", lines in proptest::collection::vec("[ \t]*\\PC{0,40}", 0..8)) {
        try_all(&text);
        try_all(&lines.join("\n"));
    }

    #[test]
    fn a_capture_with_something_else_in_it_is_read_or_refused(
        which in 0_usize..10_000, from in 0_usize..10_000, to in 0_usize..10_000, instead in "\\PC{0,3}|\n|\t|\\[|\\]|: |, |\\)",
    ) {
        let commands = ["status", "describecluster", "gossipinfo", "describering_orders", "ring", "info", "netstats"];
        let all = outputs(commands[which % commands.len()]);
        let text = &all[which % all.len()].1;
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let from = places[from % places.len()];
        let to = places[to % places.len()].clamp(from, from + 40);
        if text.is_char_boundary(to) {
            try_all(&format!("{}{instead}{}", &text[..from], &text[to..]));
        }
    }
}

/// Each check by its name, on what real nodes printed: once as it holds, and once as it does not, where that was
/// captured (a repair, streams and waiting compactions come from the parsers' own tests).
#[test]
fn each_check_tells_good_from_bad_in_what_real_nodes_printed() {
    use rollbook::playbook::model::Check;
    let text = |path: &str| fs::read_to_string(captures().join("5.0.5").join(path)).unwrap();
    let h2 = "10.77.0.12".parse().unwrap();
    let up = |path: &str| parse_status(&text(path)).unwrap().rows.values().filter(|row| row.up_normal()).count();
    let gossip = |path: &str| parse_gossipinfo(&text(path)).unwrap().nodes;
    let mixed = || gossip("../upgrade-4.1.10-5.0.5/after-h1/h1/gossipinfo.out");
    for check in Check::ALL {
        match check {
            Check::AllUp => assert_eq!((up("all-up/h1/status.out"), up("stopped/h1/status.out")), (3, 2)),
            Check::ReplicasUp => {
                let named = |path: &str| parse_describecluster(&text(path)).unwrap().unreachable.len();
                let (all, one) = ("all-up/h1/describecluster.out", "cut-pair/h1/describecluster.out");
                assert_eq!((named(all), named(one)), (0, 1));
            }
            Check::SchemaAgreement => {
                let versions = |nodes: std::collections::BTreeMap<_, GossipState>| {
                    nodes.into_values().filter_map(|node| node.schema).collect::<BTreeSet<_>>().len()
                };
                assert_eq!((versions(gossip("all-up/h1/gossipinfo.out")), versions(mixed())), (1, 2));
            }
            Check::NoRangeMovement => {
                let moving = |path: &str| {
                    let rows = parse_status(&text(path)).unwrap().rows;
                    rows.into_values().filter(|row| row.movement != Movement::Normal).count()
                };
                assert_eq!((moving("all-up/h1/status.out"), moving("joining/h1/32/status.out")), (0, 1));
                assert_eq!(moving("leaving/h1/status.out"), 1);
            }
            Check::OwnViewComplete => assert_eq!((up("all-up/h2/status.out"), up("cut-off/h1/status.out")), (3, 2)),
            Check::NativeTransport => {
                let open = |path: &str| parse_info(&text(path)).unwrap().native_transport;
                assert_eq!((open("all-up/h2/info.out"), open("binary-off/h2/info.out")), (true, false));
            }
            Check::Restarted => {
                let of = |path: &str| gossip(path)[&h2].generation;
                assert!(of("just-started/h1/gossipinfo.out") > of("all-up/h1/gossipinfo.out"));
                let age = |path: &str| parse_info(&text(path)).unwrap().uptime_s;
                assert!(age("just-started/h2/info.out") < age("all-up/h2/info.out"));
            }
            Check::SameRelease => {
                let releases: BTreeSet<_> = mixed().into_values().filter_map(|node| node.release).collect();
                assert_eq!(releases.len(), 2);
            }
            Check::NoStreaming => {
                let of = |path: &str| parse_netstats(&text(path)).unwrap();
                assert!(!of("all-up/h2/netstats.out").streams && of("streaming/h1/netstats.out").streams);
                let leaving = of("leaving/h6/netstats.out");
                assert_eq!((leaving.mode.as_str(), leaving.streams), ("LEAVING", false));
            }
            Check::NoRepair => {
                let tasks = |path: &str| parse_repair_tasks(&text(path)).unwrap();
                assert_eq!((tasks("all-up/h2/tpstats.out"), tasks("repairing/h5/tpstats.out")), (0, 1));
            }
            Check::HintsDrained => {
                let hints = |path: &str| parse_pending_hints(&text(path)).unwrap();
                let (none, one) = ("all-up/h2/listpendinghints.out", "hints-after-return/h1/listpendinghints.out");
                assert_eq!((hints(none), hints(one)), (0, 1));
            }
            Check::PendingCompactions => {
                let pending = |path: &str| parse_pending_compactions(&text(path)).unwrap();
                let (none, one) = ("all-up/h2/compactionstats.out", "compacting/h2/compactionstats.out");
                assert_eq!((pending(none), pending(one)), (0, 1));
            }
            Check::DiskHeadroom => assert_eq!(parse_disk_free(&text("all-up/h1/df_-P.out")), Ok(77)),
        }
    }
}
