//! A store whose disk is full, or may only be read. Needs a file system of its own: root, and `mount`.

use crate::desk::{Desk, expect};
use crate::sandbox::Said;
use rollbook::job::event::{Event, RunEvent, What};
use rollbook::sandbox::Shape;
use rollbook::store::{Store, StoreError};
use std::process::Command;

/// A small file system, taken away again at the end.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new(size: &str) -> Option<Mounted> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "rollbook-test"]).arg(folder.path());
        mount.output().is_ok_and(|output| output.status.success()).then(|| Mounted(folder))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        Command::new("umount").arg(self.0.path()).status().unwrap();
    }
}

fn mounted(size: &str) -> Option<Mounted> {
    let disk = Mounted::new(size);
    if disk.is_none() {
        assert!(std::env::var_os("ROLLBOOK_NO_SKIP").is_none(), "a file system could not be mounted");
        eprintln!("skipped: mounting a small file system needs root");
    }
    disk
}

#[test]
fn a_full_disk_is_an_error_and_what_was_appended_before_stays() {
    let Some(disk) = mounted("400k") else { return };
    let store = Store::open(disk.0.path()).unwrap();
    // Without a run: the journal alone fills the disk. Foreign keys want one, so a row is made by hand.
    let run = run_without_plan(disk.0.path());
    let event = |text: &str| Event { at: 1, what: What::Run(RunEvent::Refused { because: text.into() }) };
    let mut kept = 0;
    let error = loop {
        match store.append(&run, &[event(&"x".repeat(4000))]) {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1000, "400 KiB never filled");
    };
    assert!(matches!(error, StoreError::Database { full: true, .. }), "{error}");
    assert!(error.help().unwrap().contains("make room"));
    assert!(kept > 0);
    assert_eq!(store.events_after(&run, 0).unwrap().len(), kept);
}

/// The file system turns read-only, as one does after an error of its disk.
#[test]
fn where_nothing_can_be_written_nothing_starts() {
    let Some(disk) = mounted("20m") else { return };
    let remounted = |how: &str| {
        let done = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(disk.0.path()).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    let desk = Desk::beside(&Shape { speed: 8.0, ..Shape::of(3) });
    let steps = "first: 1\nthen: stop\nsteps: [restart, { wait-up: , poll: 1s, stable: 2 }]";
    let playbook = desk.file("p.yaml", &format!("rollbook: 1\nname: base\n{steps}\n"));
    let seed = desk.lab().sandbox.seed();
    let words = ["run", &playbook, "--seed-host", &seed, "--yes"];
    let rollbook =
        |words: &[&str]| -> Said { desk.command(words).env("ROLLBOOK_HOME", disk.0.path()).output().unwrap().into() };
    expect(rollbook(&words), 4, &["1 done, 2 not begun"]);
    let done = desk.truth().len();
    remounted("ro");
    for words in [&words[..], &["resume", "last"], &["runs"]] {
        expect(rollbook(words), 75, &["cannot be used: Read-only file system", "--home DIR"]);
    }
    assert_eq!(desk.truth().len(), done, "nothing was started");
    remounted("rw");
    expect(rollbook(&["resume", "last"]), 0, &["3 done"]);
}

fn run_without_plan(home: &std::path::Path) -> String {
    let db = rusqlite::Connection::open(home.join("rollbook.db")).unwrap();
    let insert = "INSERT INTO runs (id, name, cluster, plan_hash, created, state, by_whom, host)
                  VALUES ('r', 'n', 'c', 'h', 1, '{\"state\":\"planned\"}', 'b', 'm')";
    db.execute(insert, []).unwrap();
    "r".into()
}
