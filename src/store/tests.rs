use super::owner::Owner;
use super::*;
use crate::job::event::{End, Event, HostEvent, Outcome, RunEvent, What};
use crate::job::view::Task;
use crate::plan;
use crate::plan::model::{Estimate, PlanFile};
use std::os::unix::fs::PermissionsExt;

fn plan() -> PlanFile {
    plan::file::seal(plan::samples::six_hosts(), Estimate::default())
}

fn new_run(store: &Store, at: u64) -> String {
    let plan = plan();
    store.create_run(&NewRun { id: None, plan: &plan, reason: Some("kernel"), by: "anna@bastion", at }).unwrap()
}

fn ended(outcome: Outcome) -> Event {
    Event { at: 9, what: What::Run(RunEvent::Ended { outcome }) }
}

fn started() -> Event {
    let plan = "sha256:x".into();
    Event {
        at: 2,
        what: What::Run(RunEvent::Started { session: 1, plan, reason: None, by: "anna".into(), attended: false }),
    }
}

fn opened(host: usize) -> Event {
    Event { at: 3, what: What::Host { host, event: HostEvent::Opened } }
}

fn lease<'a>(run: &'a str, host_ids: &[&'a str]) -> LeaseRequest<'a> {
    LeaseRequest { run, cluster: "lab", host_ids: host_ids.to_vec(), by: "anna@bastion", reason: Some("kernel"), at: 0 }
}

/// Makes the rows of a run look as if another process had written them.
fn written_by(store: &Store, run: &str, owner: &Owner) {
    let json = serde_json::to_string(owner).unwrap();
    let change = |db: &rusqlite::Transaction| {
        for table in ["UPDATE leases SET owner = ?2 WHERE run = ?1", "UPDATE runs SET owner = ?2 WHERE id = ?1"] {
            db.execute(table, [run, &json]).map_err(|error| StoreError::database(store.home(), error))?;
        }
        Ok(())
    };
    store.write(change).unwrap();
}

fn dead() -> Owner {
    let me = Owner::this_process().unwrap();
    Owner { start: me.start + 1, ..me }
}

#[test]
fn what_was_appended_is_read_back_in_order_by_another_opening() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    let run = new_run(&store, 1);
    store.append(&run, &[started(), opened(4)]).unwrap();
    store.append(&run, &[opened(2)]).unwrap();
    let again = Store::open(home.path()).unwrap();
    let (file, events) = again.load(&run).unwrap();
    assert_eq!(file, plan());
    assert_eq!(events, [started(), opened(4), opened(2)]);
    assert_eq!(again.events_after(&run, 2).unwrap(), [(3, opened(2))]);
}

#[test]
fn the_list_follows_the_journal_and_the_newest_comes_first() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    let (old, new) = (new_run(&store, 1), new_run(&store, 2));
    assert_eq!(store.resolve("last").unwrap().id, new);
    assert_eq!(store.resolve(short(&old)).unwrap().id, old);
    assert_eq!(store.resolve(&old).unwrap().state, RunState::Planned);
    store.append(&old, &[started(), opened(0)]).unwrap();
    assert_eq!(store.resolve(&old).unwrap().state, RunState::Running);
    assert!(store.resolve(&old).unwrap().interrupted());
    store.append(&old, &[ended(Outcome::Stopped)]).unwrap();
    assert_eq!(store.resolve(&old).unwrap().state, RunState::Ended(Outcome::Stopped));
    let error = store.resolve("0").unwrap_err();
    assert!(matches!(&error, StoreError::Ambiguous { runs, .. } if runs.len() == 2), "{error}");
    assert!(matches!(store.resolve("no such"), Err(StoreError::NoSuchRun(_))));
    assert!(matches!(store.resolve(""), Err(StoreError::Ambiguous { .. })));
}

#[test]
fn an_id_given_twice_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    let (file, id) = (plan(), Some(uuid::Uuid::now_v7()));
    let new = NewRun { id, plan: &file, reason: None, by: "anna", at: 1 };
    store.create_run(&new).unwrap();
    assert!(matches!(store.create_run(&new), Err(StoreError::Taken(_))));
}

#[test]
fn a_run_has_one_process_and_a_dead_one_gives_way() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    let run = new_run(&store, 1);
    store.take_up(&run).unwrap();
    assert!(store.resolve(&run).unwrap().alive());
    // Process 1 lives as long as the machine.
    written_by(&store, &run, &Owner::of(1).unwrap());
    let error = store.take_up(&run).unwrap_err();
    assert!(matches!(error, StoreError::Running { pid: 1, .. }), "{error}");
    written_by(&store, &run, &dead());
    store.take_up(&run).unwrap();
    store.let_go(&run).unwrap();
    assert!(!store.resolve(&run).unwrap().alive());
}

#[test]
fn leases_are_taken_all_or_none_and_the_holder_is_named() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    let (one, two) = (new_run(&store, 1), new_run(&store, 2));
    store.acquire_leases(&lease(&one, &["b"])).unwrap();
    written_by(&store, &one, &Owner::of(1).unwrap());
    let Err(StoreError::Held(held)) = store.acquire_leases(&lease(&two, &["a", "b", "c"])) else { panic!() };
    assert_eq!((held.host_id.as_str(), held.run.as_str(), held.pid), ("b", one.as_str(), 1));
    let words = held.to_string();
    assert!(words.contains("anna@bastion since 1970-01-01T00:00:00Z") && words.contains("kernel"), "{words}");
    // None of the three was kept: another run may have `a`.
    written_by(&store, &two, &Owner::of(1).unwrap());
    let three = new_run(&store, 3);
    store.acquire_leases(&lease(&three, &["a"])).unwrap();
    store.release_leases(&one).unwrap();
    assert!(store.acquire_leases(&lease(&three, &["b"])).is_err(), "another process holds it");
    written_by(&store, &one, &Owner::this_process().unwrap());
    store.release_leases(&one).unwrap();
    store.acquire_leases(&lease(&three, &["b"])).unwrap();
}

/// Another process that lives: the first of the machine.
fn other() -> Owner {
    Owner::of(1).unwrap()
}

#[test]
fn whoever_lost_the_lock_writes_nothing_more_and_takes_nothing_from_the_next() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    let run = new_run(&store, 1);
    assert!(matches!(store.append_as_holder(&run, &[started()]), Err(StoreError::Fenced { why: None, .. })));
    store.take_up(&run).unwrap();
    store.acquire_leases(&lease(&run, &["a", "b"])).unwrap();
    store.append_as_holder(&run, &[started()]).unwrap();
    let bar = bar(&store.run_folder(&run), &Owner::this_process().unwrap());
    assert!(!bar.exists());

    let broken = store.break_lock(&run, "bert", "it hangs", 5).unwrap();
    assert_eq!((broken.hosts, broken.process), (2, Some(Owner::this_process().unwrap())));
    assert!(bar.exists() && store.leases().unwrap().is_empty());
    let Err(StoreError::Fenced { why, .. }) = store.append_as_holder(&run, &[opened(0)]) else { panic!() };
    assert_eq!(why.as_deref(), Some("bert: it hangs"));
    assert_eq!(store.events_after(&run, 0).unwrap().len(), 2, "that it started, and that it was broken");

    // the next holder, of another process: the first lets go of nothing that is that one's
    store.take_up(&run).unwrap();
    store.acquire_leases(&lease(&run, &["a"])).unwrap();
    written_by(&store, &run, &other());
    store.let_go(&run).unwrap();
    store.release_leases(&run).unwrap();
    assert_eq!(store.leases().unwrap()[0].pid, 1);
    assert_eq!(store.find(&run).unwrap().unwrap().owner, Some(other()));
    assert!(matches!(store.append_as_holder(&run, &[opened(1)]), Err(StoreError::Fenced { .. })));
}

#[test]
fn a_dead_holder_gives_way_but_not_while_its_command_still_runs() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    let (one, two) = (new_run(&store, 1), new_run(&store, 2));
    store.acquire_leases(&lease(&one, &["a"])).unwrap();
    written_by(&store, &one, &dead());
    let task = Task::Step { host: 0, step: 0, attempt: 1 };
    let folder = store.run_folder(&one).join(attempt::folder(&plan().plan, task, 1));
    std::fs::create_dir_all(&folder).unwrap();
    let owner = Owner::of(1).unwrap();
    attempt::claim(&folder, &attempt::Watcher::Runs { owner }).unwrap();
    let Err(StoreError::Held(held)) = store.acquire_leases(&lease(&two, &["a"])) else { panic!() };
    assert_eq!(held.left_running, std::slice::from_ref(&folder));
    assert!(held.to_string().contains("still runs"), "{held}");
    attempt::write_status(&folder, &End::Exit { status: 0 }).unwrap();
    store.acquire_leases(&lease(&two, &["a"])).unwrap();
}

#[test]
fn a_run_takes_its_own_leases_again_after_a_crash() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    let run = new_run(&store, 1);
    store.acquire_leases(&lease(&run, &["a"])).unwrap();
    written_by(&store, &run, &dead());
    store.acquire_leases(&lease(&run, &["a", "b"])).unwrap();
}

#[test]
fn what_other_runs_of_the_cluster_did_is_known() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    let (ours, other) = (new_run(&store, 1), new_run(&store, 2));
    let cluster = plan().plan.cluster;
    let at = |run: &str, cluster: &str| store.others_wrote_at(run, cluster).unwrap();
    assert_eq!(at(&ours, &cluster), None);
    let event = opened(0);
    store.append(&other, std::slice::from_ref(&event)).unwrap();
    assert_eq!((at(&ours, &cluster), at(&other, &cluster), at(&ours, "elsewhere")), (Some(event.at), None, None));
}

#[test]
fn a_request_is_taken_once_and_one_for_an_earlier_process_is_forgotten() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    let run = new_run(&store, 1);
    store.request_stop(&run, "bert", 1).unwrap();
    assert_eq!(store.take_requests(&run).unwrap(), [Request::Stop { by: "bert".into() }]);
    assert_eq!(store.take_requests(&run).unwrap(), []);
    store.request_stop(&run, "bert", 1).unwrap();
    store.take_up(&run).unwrap();
    assert_eq!(store.take_requests(&run).unwrap(), []);
}

#[test]
fn clean_never_removes_what_is_unfinished() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    let outcomes = [None, Some(Outcome::Succeeded), Some(Outcome::Stopped), Some(Outcome::Failed)];
    let runs = outcomes.map(|outcome| {
        let run = new_run(&store, 1);
        store.append(&run, &[started()]).unwrap();
        store.append(&run, &Vec::from_iter(outcome.map(ended))).unwrap();
        run
    });
    assert_eq!(store.clean(1, true).unwrap(), Cleaned::default(), "none is older");
    let cleaned = store.clean(2, false).unwrap();
    assert_eq!(cleaned.removed.iter().map(|run| &run.id).collect::<Vec<_>>(), [&runs[1]]);
    assert!(!store.run_folder(&runs[1]).exists());
    assert!(matches!(store.resolve(&runs[1]), Err(StoreError::NoSuchRun(_))));
    assert_eq!(store.events_after(&runs[1], 0).unwrap(), []);
    let cleaned = store.clean(2, true).unwrap();
    assert_eq!(cleaned.removed.len(), 2);
    assert_eq!(cleaned.kept[0].1, "it was interrupted: `rollbook resume` first");
    assert!(store.run_folder(&runs[0]).join("plan.json").exists());
}

#[test]
fn others_cannot_read_it() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path().join("state");
    let store = Store::open(&home).unwrap();
    let run = new_run(&store, 1);
    store.append(&run, &[started()]).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for folder in [home.clone(), home.join("runs"), store.run_folder(&run)] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    for file in ["rollbook.db", "rollbook.db-wal", "rollbook.db-shm"].map(|name| home.join(name)) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    assert_eq!(mode(&store.run_folder(&run).join("plan.json")), 0o600);
}

#[test]
fn a_store_of_a_newer_rollbook_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    store.read(|db| db.pragma_update(None, "user_version", 7)).unwrap();
    drop(store);
    let error = Store::open(home.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 7, known: 2, .. }), "{error}");
}

#[test]
fn a_home_that_cannot_be_written_is_told_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    // A file where a folder should be: holds for root too, unlike a missing permission.
    let home = folder.path().join("home");
    std::fs::write(&home, "").unwrap();
    let error = Store::open(&home).unwrap_err();
    assert!(error.to_string().contains("home` cannot be used"), "{error}");
    assert!(error.help().unwrap().contains("--home DIR"));

    let home = folder.path().join("not-a-database");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("rollbook.db"), "this is no database, and long enough to be sure of it ".repeat(30))
        .unwrap();
    let error = Store::open(&home).unwrap_err();
    assert!(error.to_string().contains("not a database"), "{error}");
}

#[test]
fn file_names_are_safe_and_say_which_attempt() {
    let mut plan = plan().plan;
    plan.steps[0].name = "put ../the $config".into();
    let folder = |task| attempt::folder(&plan, task, 1).display().to_string();
    let address = plan.nodes[plan.hosts[0].node].address;
    let step = format!("hosts/{address}/01-put_.._the__config");
    assert_eq!(folder(Task::Step { host: 0, step: 0, attempt: 1 }), step);
    assert_eq!(folder(Task::Step { host: 0, step: 0, attempt: 2 }), format!("{step}-2"));
    assert_eq!(folder(Task::Probe { host: 0, step: 0, attempt: 1 }), format!("{step}-probe"));
    assert_eq!(attempt::folder(&plan, Task::Undo { index: 1 }, 3), Path::new("setup/02-undo-3"));
}

#[test]
fn two_processes_may_open_a_new_store_at_once() {
    let home = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        let opened: Vec<_> = (0..8).map(|_| scope.spawn(|| Store::open(home.path()).map(drop))).collect();
        for opened in opened {
            opened.join().unwrap().unwrap();
        }
    });
}
