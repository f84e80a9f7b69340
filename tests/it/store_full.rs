//! A store whose disk is full. Needs a file system of its own: root, and `mount`.

use rollbook::job::event::{Event, RunEvent, What};
use rollbook::store::{Store, StoreError};
use std::process::Command;

/// A small file system, taken away again at the end.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new() -> Option<Mounted> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=400k", "rollbook-test"]).arg(folder.path());
        mount.output().is_ok_and(|output| output.status.success()).then(|| Mounted(folder))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        Command::new("umount").arg(self.0.path()).status().unwrap();
    }
}

#[test]
fn a_full_disk_is_an_error_and_what_was_appended_before_stays() {
    let Some(disk) = Mounted::new() else {
        assert!(std::env::var_os("ROLLBOOK_NO_SKIP").is_none(), "a file system could not be mounted");
        return eprintln!("skipped: mounting a small file system needs root");
    };
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

fn run_without_plan(home: &std::path::Path) -> String {
    let db = rusqlite::Connection::open(home.join("rollbook.db")).unwrap();
    let insert = "INSERT INTO runs (id, name, cluster, plan_hash, created, state, by_whom, host)
                  VALUES ('r', 'n', 'c', 'h', 1, '{\"state\":\"planned\"}', 'b', 'm')";
    db.execute(insert, []).unwrap();
    "r".into()
}
