use super::*;
use crate::topology::nodetool::{parse_describecluster, parse_gossipinfo};

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nodetool/5.0.5/all-up/h1")
}

fn said() -> Said {
    let read = |name: &str| std::fs::read_to_string(captures().join(format!("{name}.out"))).unwrap();
    Said {
        by: "h1".into(),
        status: parse_status(&read("status")).unwrap(),
        cluster: parse_describecluster(&read("describecluster")).unwrap(),
        gossip: parse_gossipinfo(&read("gossipinfo")).unwrap(),
    }
}

#[test]
fn the_seed_must_show_the_same_nodes() {
    let said = said();
    assert_eq!(not_smaller(&said.status, &said), Ok(()));
    let mut smaller = said.status.clone();
    smaller.rows.pop_last();
    let refused = not_smaller(&smaller, &said).unwrap_err().to_string();
    assert_eq!(refused, "the seed and h1 do not agree whether 10.77.0.13 is a node of the cluster");
    let larger = StatusView { rows: said.status.rows.clone() };
    let mut said = said;
    said.status.rows.pop_first();
    assert!(not_smaller(&larger, &said).is_err());
}

/// A node whose `nodetool` prints the captures, but lists one keyspace less at one of its calls; the
/// two others cannot be reached. The seed `forgetful` does not know the third node.
async fn alone(shorter_at: Option<u32>, seed: &str) -> Result<Discovered, DiscoverError> {
    let dir = tempfile::tempdir().unwrap();
    let tool = dir.path().join("nodetool");
    let text = format!(
        "#!/bin/sh\n[ $1 = forgetful ] && exec grep -v 10.77.0.13 {0}/status.out\n[ \"$1\" = 10.77.0.11 ] || exit 255\nfile={0}/$(echo $2 $3 | tr ' ' _).out\n\
         if [ $2 = describecluster ]; then\n  echo >>{dir}/calls\n  \
         if [ $(wc -l <{dir}/calls) = {1} ]; then exec grep -v '\torders' $file; fi\n  \
         exec grep -v system_[dt] $file\nfi\nexec cat $file\n",
        captures().display(),
        shorter_at.unwrap_or(0),
        dir = dir.path().display(),
    );
    std::fs::write(&tool, text).unwrap();
    let tool = tool.display().to_string();
    let access = AccessWords::new(move |address| {
        let nodetool = vec!["sh".into(), tool.clone(), address.to_owned(), "‹args›".into()];
        Ok(NodeWords { name: address.to_owned(), ssh: vec!["false".into()], nodetool })
    });
    discover(&access, &[seed.into()], BTreeMap::new()).await
}

#[tokio::test]
async fn a_node_alone_is_asked_twice_and_must_not_contradict_itself() {
    let found = alone(None, "10.77.0.11").await.unwrap();
    assert_eq!((found.topology.hosts.len(), found.topology.asked.len()), (3, 1));
    assert_eq!(found.notes.iter().filter(|note| note.contains("was not asked further")).count(), 2);
    assert!(found.topology.seeds.is_empty(), "one node alone cannot say whether it is a seed itself");
    for call in [1, 2] {
        let error = alone(Some(call), "10.77.0.11").await.unwrap_err().to_string();
        assert!(error.contains("lists the keyspace"), "call {call}: {error}");
    }
}

#[tokio::test]
async fn a_seed_that_forgot_a_node_is_refused() {
    let error = alone(None, "forgetful").await.unwrap_err().to_string();
    assert!(error.starts_with("the seed and 10.77.0.11 do not agree whether 10.77.0.13 is a node"), "{error}");
}

#[test]
fn observers_are_taken_from_data_centres_and_racks_in_turn() {
    let row = |datacenter: &str, rack: &str| {
        let mut row = said().status.rows.into_values().next().unwrap();
        (row.datacenter, row.rack) = (datacenter.into(), rack.into());
        row
    };
    let mut status = StatusView::default();
    for (n, dc, rack) in
        [(1, "a", "r1"), (2, "a", "r1"), (3, "a", "r2"), (4, "b", "r1"), (10, "b", "r1"), (9, "b", "r1")]
    {
        status.rows.insert(IpAddr::from([10, 0, 0, n]), row(dc, rack));
    }
    let last = |order: Vec<IpAddr>| -> Vec<u8> {
        let byte = |at: IpAddr| if let IpAddr::V4(at) = at { at.octets()[3] } else { 0 };
        order.into_iter().map(byte).collect()
    };
    assert_eq!(last(choose_observers(&status)), [1, 4, 3, 9, 2, 10]);
    for letters in [crate::topology::nodetool::Liveness::Down, crate::topology::nodetool::Liveness::Unknown] {
        status.rows.get_mut(&IpAddr::from([10, 0, 0, 1])).unwrap().liveness = letters;
        assert_eq!(last(choose_observers(&status)), [2, 4, 3, 9, 10], "a node that is not up is no witness");
    }
}

#[test]
fn a_snapshot_that_cannot_be_used_is_named_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("snapshot.json");
    for (text, expected) in [
        (None, "cannot be read: No such file"),
        (Some(""), "the topology is not JSON of the expected form: EOF"),
        (Some("{\"version\": 9}"), "the topology has version 9"),
        (Some("\u{fffd}"), "the topology is not JSON"),
    ] {
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let error = from_snapshot(&file).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{}`", file.display())) && error.contains(expected), "{error}");
    }
    assert!(from_snapshot(dir.path()).unwrap_err().to_string().contains("cannot be read: "), "a folder");
    std::fs::write(&file, b"\xff\xfe").unwrap();
    assert!(
        from_snapshot(&file).unwrap_err().to_string().contains("cannot be read: stream did not contain valid UTF-8")
    );
}
