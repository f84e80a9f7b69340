//! A store of an earlier rollbook loads for ever; one that is damaged is an error, never a shorter journal.

use crate::desk::{Desk, REBOOT, expect};
use rollbook::job::apply::apply;
use rollbook::job::event::{Event, RunEvent, What};
use rollbook::job::model::{Job, Standing};
use rollbook::plan::dice::Dice;
use rollbook::sandbox::calls;
use rollbook::store::{Store, StoreError};
use std::path::{Path, PathBuf};

fn journals() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journals")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// A copy of what a rollbook of that form left behind.
fn of_form(form: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    copy(&journals().join(form), home.path());
    home
}

/// How many hosts are done, by the journal.
fn done(store: &Store, run: &str) -> usize {
    let (file, events) = store.load(run).unwrap();
    let mut job = Job::new(&file.plan);
    events.iter().for_each(|event| apply(&file.plan, &mut job, event).unwrap());
    job.hosts.iter().filter(|host| host.standing == Standing::Done).count()
}

#[test]
fn every_form_that_ever_was_is_read_and_gone_on_with() {
    let mut forms: Vec<String> = std::fs::read_dir(journals())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("form-"))
        .collect();
    forms.sort();
    assert_eq!(forms, ["form-1"], "one for each form before today's: see its README");
    for form in forms {
        let home = of_form(&form);
        let store = Store::open(home.path()).unwrap();
        let runs = store.runs().unwrap();
        assert_eq!(runs.iter().map(|run| done(&store, &run.id)).collect::<Vec<_>>(), [2, 3], "{form}");
        assert_eq!(runs[1].reason.as_deref(), Some("a kernel"));
        // written on: the new part of the journal is in the chain, the old is as it was
        let (run, told) = (&runs[0].id, What::Run(RunEvent::Warned { because: "later".into() }));
        let before = store.events_after(run, 0).unwrap();
        store.append(run, &[Event { at: 1, what: told.clone() }, Event { at: 2, what: told }]).unwrap();
        let after = store.events_after(run, 0).unwrap();
        assert_eq!((&after[..before.len()], after.len()), (&before[..], before.len() + 2));
        assert_eq!(store.events_after(run, before.len() as u64 + 1).unwrap().len(), 1);
        drop(store);
        change(home.path(), "DELETE FROM events WHERE json LIKE '%later%' AND at = 2");
        let error = Store::open(home.path()).unwrap().load(run).unwrap_err().to_string();
        assert!(error.contains("its last events are missing"), "{error}");
    }
}

fn change(home: &Path, statement: &str) {
    let db = rusqlite::Connection::open(home.join("rollbook.db")).unwrap();
    assert!(db.execute(statement, []).unwrap() > 0, "{statement}");
}

/// A journal of today, in one file.
fn today() -> (tempfile::TempDir, String, Vec<Event>) {
    let home = of_form("form-1");
    let store = Store::open(home.path()).unwrap();
    let old = store.runs().unwrap()[1].id.clone();
    let (file, events) = store.load(&old).unwrap();
    let new = rollbook::store::NewRun { id: None, plan: &file, reason: Some("anew"), by: "anna", at: 5 };
    let run = store.create_run(&new).unwrap();
    events.iter().for_each(|event| store.append(&run, std::slice::from_ref(event)).unwrap());
    drop(store);
    let db = rusqlite::Connection::open(home.path().join("rollbook.db")).unwrap();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    (home, run, events)
}

#[test]
fn what_was_changed_left_out_or_put_elsewhere_is_seen() {
    for (statement, says) in [
        ("DELETE FROM events WHERE run = 'RUN' AND seq = 9", "event 9 is missing"),
        ("DELETE FROM events WHERE run = 'RUN' AND seq = 54", "its last events are missing"),
        ("DELETE FROM events WHERE run = 'RUN'", "its last events are missing"),
        (
            "UPDATE events SET json = replace(json, '\"host\":0', '\"host\":1') WHERE run = 'RUN' AND seq = 3",
            "event 3 is not the one that was written",
        ),
        ("UPDATE events SET chain = NULL WHERE run = 'RUN' AND seq = 9", "event 9 has lost its place"),
        ("UPDATE events SET seq = seq + 100 WHERE run = 'RUN' AND seq = 20", "event 20 is missing"),
        ("UPDATE runs SET chain = 'x' WHERE id = 'RUN'", "its last events are missing"),
    ] {
        let (home, run, events) = today();
        assert_eq!(events.len(), 54);
        change(home.path(), &statement.replace("RUN", &run));
        let error = Store::open(home.path()).unwrap().load(&run).unwrap_err();
        assert!(matches!(error, StoreError::Unreadable { .. }), "{error}");
        assert!(error.to_string().contains(says), "{statement}: {error}");
    }
}

/// What a damaged store says of the run: its whole journal, or an error.
fn read(home: &Path, run: &str) -> Result<Vec<Event>, StoreError> {
    let store = Store::open(home)?;
    store.sound()?;
    Ok(store.load(run)?.1)
}

#[test]
fn a_file_that_is_cut_or_has_a_changed_bit_is_an_error_or_says_the_same() {
    let (home, run, events) = today();
    let path = home.path().join("rollbook.db");
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(read(home.path(), &run).unwrap(), events);
    let dice = &mut Dice::new(7);
    let cuts: Vec<usize> = (0..40).map(|_| dice.below(whole.len())).chain((0..whole.len()).step_by(4096)).collect();
    let mut refused = 0;
    let mut try_out = |about: String, bytes: &[u8]| {
        // (what SQLite made beside it belongs to another file)
        for beside in ["rollbook.db-wal", "rollbook.db-shm"] {
            let _ = std::fs::remove_file(home.path().join(beside));
        }
        std::fs::write(&path, bytes).unwrap();
        match read(home.path(), &run) {
            Ok(read) => assert_eq!(read, events, "{about}"),
            Err(_) => refused += 1,
        }
    };
    for cut in cuts {
        try_out(format!("cut to {cut} bytes"), &whole[..cut]);
    }
    for _ in 0..300 {
        let (at, bit) = (dice.below(whole.len()), dice.below(8));
        let mut changed = whole.clone();
        changed[at] ^= 1 << bit;
        try_out(format!("bit {bit} of byte {at}"), &changed);
    }
    for page in (0..whole.len()).step_by(4096) {
        let mut changed = whole.clone();
        changed[page..page + 4096].fill(0);
        try_out(format!("the page at {page} is empty"), &changed);
    }
    assert!(refused > 60, "{refused} refused");
}

#[test]
fn nothing_is_started_from_a_damaged_journal() {
    let desk = Desk::new();
    let playbook = desk.file("p.yaml", REBOOT);
    expect(desk.rollbook(&["run", &playbook, "--sandbox=3", "--yes", "--stop-after", "1"]), 4, &["rollbook resume"]);
    let sandbox = crate::desk::find(&desk.home().join("sandboxes"), "hosts.tsv")[0].parent().unwrap().to_owned();
    let before = calls(&sandbox).len();
    change(&desk.home(), "UPDATE events SET json = replace(json, '\"host\":0', '\"host\":1') WHERE seq = 3");
    let said = expect(desk.rollbook(&["resume", "last"]), 65, &["event 3 is not the one that was written"]);
    assert!(said.err.contains("backup"), "it says what to do: {said:?}");
    assert_eq!(calls(&sandbox).len(), before, "nobody was asked, nothing was done");
    // and one that is no database at all
    std::fs::write(desk.home().join("rollbook.db"), "no database ".repeat(1000)).unwrap();
    expect(desk.rollbook(&["resume", "last"]), 65, &["not a database", "backup"]);
    expect(desk.rollbook(&["run", &playbook, "--sandbox=3", "--yes"]), 65, &["not a database"]);
}
