//! `lock:` in a playbook, with a lock that other programs see: a reference in a Git repository, which `git update-ref`
//! sets only where nobody else has.

use crate::desk::{Desk, expect, tell};
use crate::sandbox::Said;
use rollbook::sandbox::Shape;
use rustix::process::Signal;
use std::process::{Command, Output};
use std::time::Duration;

/// `lock.sh REPOSITORY acquire|renew|release WHO`: an operator's own; it lets whoever has the lock take it again.
const SCRIPT: &str = r#"
set -u
ref=refs/locks/cassandra
git() { command git -C "$repo" "$@"; }
repo=$1
mine=$(printf %s "$3" | git hash-object -w --stdin)
case $2 in
acquire) git update-ref $ref "$mine" 0000000000000000000000000000000000000000 || test "$(git rev-parse $ref)" = "$mine" ;;
renew)
    echo "$3" >>"$repo/renewals"
    test "$(git rev-parse $ref)" = "$mine" || { echo "it belongs to $(git cat-file blob $ref)" >&2; exit 1; } ;;
release) git update-ref -d $ref "$mine" ;;
esac
"#;

struct Locked {
    desk: Desk,
    playbook: String,
}

impl Locked {
    fn new(rest: &str) -> Locked {
        let desk = Desk::beside(&Shape { speed: 8.0, ..Shape::of(3) });
        let made = Command::new("git").args(["init", "--quiet", "--bare"]).arg(desk.path("locks")).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        desk.file("lock.sh", SCRIPT);
        let lock = format!("sh {} {}", desk.path("lock.sh").display(), desk.path("locks").display());
        let text = format!(
            "rollbook: 1\nname: base\nlock:\n  acquire: {lock} acquire {{{{ run.id }}}}\n  renew: {lock} renew {{{{ \
             run.id }}}}\n  release: {lock} release {{{{ run.id }}}}\n{}\n",
            rest.replace("LOCK", &lock)
        );
        let playbook = desk.file("p.yaml", &text);
        Locked { desk, playbook }
    }

    /// What other automation does.
    fn other(&self, what: &str) -> Output {
        let script = self.desk.path("lock.sh");
        Command::new("sh").arg(script).arg(self.desk.path("locks")).args([what, "other"]).output().unwrap()
    }

    fn takes_it(&self) -> bool {
        self.other("acquire").status.success()
    }

    /// Takes it, whoever has it.
    fn steals_it(&self) {
        let locks = self.desk.path("locks");
        let freed =
            Command::new("git").arg("-C").arg(locks).args(["update-ref", "-d", "refs/locks/cassandra"]).status();
        assert!(freed.unwrap().success());
        assert!(self.takes_it());
    }

    fn gives_it_back(&self) {
        assert!(self.other("release").status.success());
    }

    fn opened(&self) -> usize {
        let said = self.desk.rollbook(&["runs", "show", "last", "--events"]);
        said.out.matches("\"event\":\"opened\"").count()
    }
}

const RESTART: &str = "steps: [restart, { wait-up: , poll: 1s, stable: 2 }]";

#[test]
fn whoever_comes_second_is_locked_out() {
    let locked = Locked::new(RESTART);
    assert!(locked.takes_it());
    let words = ["locked out: another has the lock", "3 not begun", "rollbook resume", "when the lock is free"];
    expect(locked.desk.on_cluster(&["run", &locked.playbook, "--yes"]), 7, &words);
    assert!(locked.desk.truth().is_empty());
    expect(locked.desk.rollbook(&["runs"]), 0, &["locked out"]);
    assert!(!locked.desk.path("locks/renewals").exists(), "nothing that is not had is confirmed");
    locked.gives_it_back();
    expect(locked.desk.rollbook(&["resume", "last"]), 0, &["3 done"]);
    assert!(locked.takes_it(), "it was freed");
}

#[test]
fn it_is_held_while_the_run_works_and_shown_before() {
    let steps = "setup: [{ run: sh -c '! LOCK acquire other' }]\nsteps: [{ run: sh -c '! LOCK acquire other', takes-down: nothing }]";
    let locked = Locked::new(steps);
    let plan = locked.desk.on_cluster(&["plan", &locked.playbook]);
    let plan = expect(plan, 0, &["taken before anything else, 1m allowed", "confirmed every 20s; while it is not"]);
    assert!(plan.out.contains("freed when the process ends"), "{plan:?}");
    assert!(!plan.out.contains("a run elsewhere does not see it"), "{plan:?}");
    let said = expect(locked.desk.on_cluster(&["run", &locked.playbook, "--yes"]), 0, &["3 done"]);
    let run = locked.desk.newest_run();
    let renewals = std::fs::read_to_string(locked.desk.path("locks/renewals")).unwrap();
    assert_eq!(renewals.lines().next(), Some(run.as_str()), "the first host waits for it: {said:?}");
    assert!(locked.takes_it());
}

/// The process sleeps while another takes the lock: what it was told before that is worth nothing when it wakes up.
#[test]
fn a_run_that_lost_its_lock_finishes_what_is_out_and_opens_nobody() {
    let locked = Locked::new(&format!("  every: 1s\n  timeout: 3s\nconcurrency: 1\n{RESTART}"));
    let seed = locked.desk.lab().sandbox.seed();
    let run = locked.desk.start(&["run", &locked.playbook, "--seed-host", &seed, "--yes"]);
    locked.desk.wait_for_event("\"spawned\",\"attempt\":1");
    tell(&run, Signal::STOP);
    let opened = locked.opened();
    locked.steals_it();
    std::thread::sleep(Duration::from_secs(4));
    tell(&run, Signal::CONT);
    let said: Said = run.wait_with_output().unwrap().into();
    let words = ["nobody confirmed the lock for too long: ", "it belongs to other", "1 done", "2 not begun"];
    let said = expect(said, 4, &words);
    assert_eq!((opened, locked.opened()), (1, 1), "{said:?}");
    assert!(locked.other("renew").status.success(), "it was freed from under the other");
    let held = expect(locked.desk.rollbook(&["resume", "last"]), 7, &["locked out"]);
    assert_eq!(locked.opened(), 1, "{held:?}");
    locked.gives_it_back();
    expect(locked.desk.rollbook(&["resume", "last"]), 0, &["3 done"]);
    let restarts = locked.desk.truth().iter().filter(|(_, _, what)| what.contains("start")).count();
    assert!(restarts >= 3, "{:?}", locked.desk.truth());
}

#[test]
fn a_run_that_was_killed_still_has_it_and_resume_takes_it_again() {
    let locked = Locked::new(&format!("concurrency: 1\n{RESTART}"));
    let seed = locked.desk.lab().sandbox.seed();
    let mut run = locked.desk.start(&["run", &locked.playbook, "--seed-host", &seed, "--yes"]);
    locked.desk.wait_for_event("\"spawned\",\"attempt\":1");
    tell(&run, Signal::KILL);
    run.wait().unwrap();
    assert!(!locked.takes_it(), "nobody freed it");
    expect(locked.desk.rollbook(&["resume", "last"]), 0, &["3 done"]);
    assert!(locked.takes_it());
}

/// Whoever had it before may have left a host down: what was seen before it was taken is worth nothing.
#[test]
fn what_was_seen_before_it_was_taken_takes_nobody_out() {
    let desk = Desk::beside(&Shape { speed: 8.0, ..Shape::of(3) });
    let lock = "lock: { acquire: ssh 10.10.0.12 sudo systemctl stop cassandra, release: 'true' }";
    let text = format!("rollbook: 1\nname: base\n{lock}\nconcurrency: 1\nblocked-timeout: 3s\n{RESTART}\n");
    let said = desk.on_cluster(&["run", &desk.file("p.yaml", &text), "--yes"]);
    let said = expect(said, 3, &["blocked"]);
    let touched: Vec<_> = desk.truth().into_iter().filter(|(_, host, _)| host != "h2").collect();
    assert!(touched.is_empty(), "{touched:?} {said:?}");
}

#[test]
fn without_a_renewal_too_resume_takes_nobody_out_before_it_has_the_lock() {
    let locked = Locked::new(RESTART);
    let step = "steps: [{ run: sleep 3, takes-down: nothing }, restart, { wait-up: , poll: 1s, stable: 2 }]";
    let text = std::fs::read_to_string(&locked.playbook).unwrap().replace(RESTART, step);
    let (before, rest) = text.split_once("  renew:").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    let playbook = locked.desk.file("p.yaml", &format!("{before}{rest}"));
    let seed = locked.desk.lab().sandbox.seed();
    let mut run = locked.desk.start(&["run", &playbook, "--seed-host", &seed, "--yes"]);
    locked.desk.wait_for_event("\"spawned\",\"attempt\":1");
    tell(&run, Signal::KILL);
    run.wait().unwrap();
    locked.steals_it();
    let said = expect(locked.desk.rollbook(&["resume", "last"]), 7, &["the lock was not to be had", "1 skipped"]);
    assert!(locked.desk.truth().is_empty(), "{:?} {said:?}", locked.desk.truth());
    locked.gives_it_back();
    expect(locked.desk.rollbook(&["resume", "last", "--retry-failed"]), 0, &["3 done"]);
}

#[test]
fn a_renewal_that_takes_too_long_each_time_ends_the_run_in_its_time() {
    let desk = Desk::beside(&Shape { speed: 8.0, ..Shape::of(3) });
    let lock = "lock: { acquire: 'true', renew: sleep 3, release: 'true', every: 1s, timeout: 5s }";
    let file = desk.file("p.yaml", &format!("rollbook: 1\nname: base\n{lock}\n{RESTART}\n"));
    expect(desk.on_cluster(&["run", &file, "--yes"]), 4, &["which is over twice `every`", "3 not begun"]);
    assert!(desk.truth().is_empty());
}

#[test]
fn one_that_may_have_been_taken_when_its_command_was_cut_off_is_freed() {
    let locked = Locked::new(RESTART);
    let text = std::fs::read_to_string(&locked.playbook).unwrap();
    let (before, rest) = text.split_once("  acquire: ").unwrap();
    let (acquire, rest) = rest.split_once('\n').unwrap();
    let slow = format!("sh -c '{acquire}; touch {}; sleep 60'", locked.desk.path("taken").display());
    let playbook = locked.desk.file("p.yaml", &format!("{before}  acquire: {slow}\n{rest}"));
    let seed = locked.desk.lab().sandbox.seed();
    let run = locked.desk.start(&["run", &playbook, "--seed-host", &seed, "--yes"]);
    while !locked.desk.path("taken").exists() {
        std::thread::sleep(Duration::from_millis(50));
    }
    tell(&run, Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    tell(&run, Signal::INT);
    expect(run.wait_with_output().unwrap().into(), 130, &["undone"]);
    assert!(locked.takes_it(), "it was freed");
}

#[test]
fn what_makes_no_lock_is_said() {
    let desk = Desk::new();
    let steps = "steps: [drain, restart, wait-up]";
    for (lock, said) in [
        ("{ acquire: 'take {{ host }}', release: free }", "`setup` and `lock` are not for a host"),
        ("{ acquire: take, release: free, every: 5s }", "`every` belongs to `renew`, and this lock has none"),
        ("{ acquire: take, release: free, renew: again, every: 0s }", "`every` of no time at all"),
        ("{ acquire: take }", "release"),
    ] {
        let file = desk.file("p.yaml", &format!("rollbook: 1\nname: base\nlock: {lock}\n{steps}\n"));
        expect(desk.rollbook(&["check", &file]), 65, &[said]);
    }
}
