//! Commands as real processes, in real time.

use rollbook::execute::process::{Control, Launcher, ProcessSpec, adopt, spawn};
use rollbook::job::event::End;
use rollbook::job::view::{Input, Task};
use rollbook::store::owner::Stat;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rollbook");
const TASK: Task = Task::Step { host: 0, step: 0, attempt: 1 };

fn spec(dir: &Path, words: &[&str]) -> ProcessSpec {
    ProcessSpec {
        words: words.iter().map(|word| word.to_string()).collect(),
        script: None,
        env: BTreeMap::new(),
        dir: dir.join("attempt"),
        timeout: Some(Duration::from_secs(60)),
        grace: Duration::from_secs(1),
        patience: Duration::from_secs(1),
        bar: None,
    }
}

fn script(dir: &Path, text: &str) -> ProcessSpec {
    ProcessSpec { script: Some(text.to_owned()), ..spec(dir, &[]) }
}

struct Run {
    control: Control,
    heard: UnboundedReceiver<Input>,
    dir: PathBuf,
}

fn start(spec: ProcessSpec) -> Run {
    let (tx, heard) = unbounded_channel();
    let dir = spec.dir.clone();
    Run { control: spawn(&Launcher::at(PROGRAM), TASK, spec, tx), heard, dir }
}

impl Run {
    async fn spawned(&mut self) -> u32 {
        match self.heard.recv().await.unwrap() {
            Input::Spawned { task: TASK, pid } => pid,
            other => panic!("{other:?}"),
        }
    }

    async fn end(&mut self) -> End {
        loop {
            match self.heard.recv().await.unwrap() {
                Input::Ended { task: TASK, end, .. } => return end,
                Input::Spawned { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.dir.join(name)).unwrap()
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.file(name)).unwrap()
    }

    /// The process ids that the command printed, one a line, as soon as there are so many.
    async fn printed_pids(&self, count: usize) -> Vec<u32> {
        let started = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.dir.join("out")).unwrap_or_default();
            if text.ends_with('\n') && text.lines().count() >= count {
                return text.lines().map(|line| line.parse().unwrap()).collect();
            }
            assert!(started.elapsed() < Duration::from_secs(20), "printed only {text:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn alive(pid: u32) -> bool {
    Stat::of(pid).is_ok_and(|stat| stat.state != 'Z')
}

#[tokio::test]
async fn outputs_and_exit_status_are_kept_in_files() {
    let home = tempfile::tempdir().unwrap();
    let mut run = start(spec(home.path(), &["sh", "-c", "echo one; echo two >&2; exit 7"]));
    assert!(run.spawned().await > 0);
    assert_eq!(run.end().await, End::Exit { status: 7 });
    assert_eq!((run.text("out"), run.text("err")), ("one\n".into(), "two\n".into()));
    assert_eq!(serde_json::from_slice::<End>(&run.file("status")).unwrap(), End::Exit { status: 7 });
}

#[tokio::test]
async fn a_command_does_not_begin_once_the_lock_of_its_run_is_broken() {
    let home = tempfile::tempdir().unwrap();
    let bar = home.path().join("barred");
    let touch = |name: &str| {
        let spec = spec(home.path(), &["touch", home.path().join(name).to_str().unwrap()]);
        ProcessSpec { bar: Some(bar.clone()), dir: home.path().join(format!("attempt-{name}")), ..spec }
    };
    assert_eq!(start(touch("before")).end().await, End::Exit { status: 0 });
    std::fs::write(&bar, "anna: the bastion hangs").unwrap();
    let end = start(touch("after")).end().await;
    assert!(matches!(&end, End::NotSpawned { because } if because.contains("lock of its run was broken")), "{end:?}");
    assert!(home.path().join("before").exists() && !home.path().join("after").exists());
}

#[tokio::test]
async fn words_reach_the_command_unread_by_any_shell_and_bytes_come_back_as_they_are() {
    let home = tempfile::tempdir().unwrap();
    let mut run = start(spec(home.path(), &["printf", "%s|", "a b", "$HOME", "'", ";true"]));
    assert_eq!(run.end().await, End::Exit { status: 0 });
    assert_eq!(run.text("out"), "a b|$HOME|'|;true|");

    let home = tempfile::tempdir().unwrap();
    let mut run = start(spec(home.path(), &["printf", "\\377\\200x\\000y"]));
    run.end().await;
    assert_eq!(run.file("out"), b"\xff\x80x\0y");
}

#[tokio::test]
async fn env_is_added_and_standard_input_is_empty() {
    let home = tempfile::tempdir().unwrap();
    let mut spec = spec(home.path(), &["sh", "-c", "cat; echo $ROLLBOOK_HOST $SSH_ASKPASS_REQUIRE"]);
    spec.env.insert("ROLLBOOK_HOST".into(), "h1".into());
    let mut run = start(spec);
    assert_eq!(run.end().await, End::Exit { status: 0 });
    assert_eq!(run.text("out"), "h1 never\n");
}

#[tokio::test]
async fn a_missing_program_was_never_spawned_and_the_sentence_names_it() {
    let home = tempfile::tempdir().unwrap();
    let mut run = start(spec(home.path(), &["no-such-program-here", "x"]));
    let because = "there is no program `no-such-program-here` in the PATH of this machine".to_owned();
    assert_eq!(run.end().await, End::NotSpawned { because });

    let home = tempfile::tempdir().unwrap();
    let program = home.path().join("not-executable").display().to_string();
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    let mut run = start(spec(home.path(), &[&program]));
    let because = format!("`{program}` may not be executed on this machine");
    assert_eq!(run.end().await, End::NotSpawned { because });
}

#[tokio::test]
async fn exit_status_127_of_the_command_itself_is_an_exit() {
    let home = tempfile::tempdir().unwrap();
    let mut run = start(spec(home.path(), &["sh", "-c", "exit 127"]));
    assert_eq!(run.end().await, End::Exit { status: 127 });
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_told_before_anything_starts() {
    let home = tempfile::tempdir().unwrap();
    // A file where a folder should be: holds for root too, unlike a missing permission.
    std::fs::write(home.path().join("attempt"), "").unwrap();
    let mut run = start(spec(home.path(), &["true"]));
    match run.end().await {
        End::NotSpawned { because } => assert!(because.contains("cannot be written"), "{because}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_command_that_kills_itself_ends_by_signal() {
    let home = tempfile::tempdir().unwrap();
    let mut run = start(spec(home.path(), &["sh", "-c", "kill -KILL $$"]));
    assert_eq!(run.end().await, End::Signal { signal: 9 });
}

#[tokio::test]
async fn at_the_deadline_nothing_is_left_even_of_what_ignores_term() {
    let home = tempfile::tempdir().unwrap();
    // Job control gives the second one a group of its own.
    let text = "set -m; trap '' TERM; sleep 600 & echo $!; (trap '' TERM; sleep 601) & echo $!; echo $$; wait";
    let mut run = start(ProcessSpec { timeout: Some(Duration::from_secs(2)), ..script(home.path(), text) });
    let watcher = run.spawned().await;
    let pids = run.printed_pids(3).await;
    assert!(pids.iter().all(|pid| alive(*pid)), "{pids:?}");
    assert_eq!(run.end().await, End::TimedOut);
    assert!(!alive(watcher) && !pids.iter().any(|pid| alive(*pid)), "{pids:?}");
    assert_eq!(serde_json::from_slice::<End>(&run.file("status")).unwrap(), End::TimedOut);
}

#[tokio::test]
async fn when_told_term_comes_first_and_the_command_may_clean_up() {
    let home = tempfile::tempdir().unwrap();
    let mut run = start(script(home.path(), "trap 'echo cleaned >&2; exit 0' TERM; echo $$; sleep 600 & wait"));
    run.spawned().await;
    let pids = run.printed_pids(1).await;
    run.control.end(false);
    run.control.end(true); // too late: the first reason stays
    assert_eq!(run.end().await, End::Killed);
    assert_eq!(run.text("err"), "cleaned\n");
    assert!(!alive(pids[0]));
}

#[tokio::test]
async fn ended_right_after_its_start_it_is_ended_all_the_same() {
    for _ in 0..10 {
        let home = tempfile::tempdir().unwrap();
        let mut run = start(spec(home.path(), &["sleep", "600"]));
        let watcher = run.spawned().await;
        run.control.end(false);
        let end = run.end().await;
        assert!(matches!(end, End::Killed | End::NotSpawned { .. }), "{end:?}");
        assert!(!alive(watcher));
    }
}

#[tokio::test]
async fn what_a_command_leaves_behind_ends_with_it_unless_it_was_a_background_one() {
    let home = tempfile::tempdir().unwrap();
    let mut run = start(spec(home.path(), &["sh", "-c", "sleep 600 & echo $!"]));
    assert_eq!(run.end().await, End::Exit { status: 0 });
    let pids = run.printed_pids(1).await;
    assert!(!alive(pids[0]));
    assert!(run.text("err").contains("did not end within 1 s"), "{}", run.text("err"));

    // What goes on in the background may come to its own end: the step is over then.
    let home = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let mut run = start(ProcessSpec {
        patience: Duration::from_mins(1),
        ..spec(home.path(), &["sh", "-c", "(sleep 2; echo late) &"])
    });
    assert_eq!(run.end().await, End::Exit { status: 0 });
    assert_eq!(run.text("out"), "late\n");
    assert!(begun.elapsed() < Duration::from_secs(30));

    let home = tempfile::tempdir().unwrap();
    let mut run = start(spec(home.path(), &["sh", "-c", "sleep 20 & echo $!", "&"]));
    assert_eq!(run.end().await, End::Exit { status: 0 });
    let pids = run.printed_pids(1).await;
    assert!(alive(pids[0]), "a background command's rest goes on");
    Command::new("kill").arg(pids[0].to_string()).status().unwrap();
}

#[tokio::test]
async fn what_asks_on_the_terminal_fails_at_once_and_says_so() {
    let home = tempfile::tempdir().unwrap();
    let mut run = start(spec(home.path(), &["sh", "-c", "read answer </dev/tty"]));
    let started = Instant::now();
    assert!(matches!(run.end().await, End::Exit { status } if status != 0));
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(run.text("err").contains("/dev/tty"), "{}", run.text("err"));
}

#[tokio::test]
async fn scripts_run_by_strict_bash_or_by_their_own_interpreter() {
    let home = tempfile::tempdir().unwrap();
    let mut run = start(script(home.path(), "false | true\necho not reached\n"));
    assert_eq!(run.end().await, End::Exit { status: 1 });
    assert_eq!(run.text("out"), "");

    let home = tempfile::tempdir().unwrap();
    let mut run = start(script(home.path(), "#!/bin/sh -e\necho $unset\nfalse | true\necho $-\n"));
    assert_eq!(run.end().await, End::Exit { status: 0 });
    assert!(run.text("out").contains('e'), "{}", run.text("out"));

    let home = tempfile::tempdir().unwrap();
    let mut run = start(script(home.path(), "#!/usr/bin/env no-such-interpreter\n"));
    assert_eq!(run.end().await, End::Exit { status: 127 });
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn three_hundred_megabytes_of_output_cost_no_memory() {
    let home = tempfile::tempdir().unwrap();
    let before = resident_kib();
    let mut run = start(spec(home.path(), &["head", "-c", "300000000", "/dev/zero"]));
    assert_eq!(run.end().await, End::Exit { status: 0 });
    let grown = resident_kib() - before;
    assert_eq!(std::fs::metadata(run.dir.join("out")).unwrap().len(), 300_000_000);
    assert!(grown < 20_000, "peak memory grew by {grown} KiB");
}

/// A rollbook that starts a command and is killed: here a shell that starts the watcher.
fn orphaned(dir: &Path, words: &[&str]) {
    std::fs::create_dir_all(dir).unwrap();
    let mut parent = Command::new("sh")
        .args(["-c", "\"$@\" & wait", "sh", PROGRAM, "__child", "--grace", "1000"])
        .arg(dir)
        .arg("--")
        .args(words)
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !dir.join("watcher").exists() {
        assert!(started.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    parent.kill().unwrap();
    parent.wait().unwrap();
}

fn adopted(dir: &Path) -> Run {
    let (tx, heard) = unbounded_channel();
    Run { control: adopt(TASK, dir.to_owned(), Duration::from_secs(1), tx), heard, dir: dir.to_owned() }
}

#[tokio::test]
async fn a_command_in_flight_survives_the_death_of_rollbook_and_is_adopted() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("attempt");
    orphaned(&dir, &["sh", "-c", "sleep 2; exit 5"]);
    assert!(!dir.join("status").exists());
    assert_eq!(adopted(&dir).end().await, End::Exit { status: 5 });
    // And once more: it is finished now.
    assert_eq!(adopted(&dir).end().await, End::Exit { status: 5 });
}

#[tokio::test]
async fn an_adopted_command_can_be_ended() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("attempt");
    orphaned(&dir, &["sleep", "600"]);
    let mut run = adopted(&dir);
    run.control.end(true);
    assert_eq!(run.end().await, End::TimedOut);
}

#[tokio::test]
async fn an_attempt_whose_watcher_was_killed_was_not_seen_to_end() {
    let home = tempfile::tempdir().unwrap();
    let mut run = start(spec(home.path(), &["sh", "-c", "echo $$; sleep 600"]));
    let watcher = run.spawned().await;
    let pids = run.printed_pids(1).await;
    Command::new("kill").args(["-KILL", &watcher.to_string()]).status().unwrap();
    assert_eq!(run.end().await, End::Unseen);
    assert_eq!(adopted(&run.dir.clone()).end().await, End::Unseen);
    // Nobody will tell its end any more: it was told to end.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!alive(pids[0]));
}

#[tokio::test]
async fn an_attempt_that_never_began_never_will() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("attempt");
    // The folder was never made, then: made, but nobody watched yet.
    assert_eq!(adopted(&dir).end().await, End::NeverBegan);
    std::fs::create_dir(&dir).unwrap();
    assert_eq!(adopted(&dir).end().await, End::NeverBegan);
    // The process that was about to begin comes too late.
    let status = Command::new(PROGRAM).arg("__child").arg(&dir).args(["--", "touch"]).arg(dir.join("ran")).status();
    assert_eq!(status.unwrap().code(), Some(3));
    assert!(!dir.join("ran").exists());
}

#[tokio::test]
async fn a_stuck_watcher_does_not_keep_the_command_alive() {
    let home = tempfile::tempdir().unwrap();
    let mut run = start(ProcessSpec {
        grace: Duration::from_millis(100),
        ..spec(home.path(), &["sh", "-c", "echo $$; sleep 600"])
    });
    let watcher = run.spawned().await;
    let pids = run.printed_pids(1).await;
    Command::new("kill").args(["-STOP", &watcher.to_string()]).status().unwrap();
    run.control.end(true);
    assert_eq!(run.end().await, End::TimedOut);
    assert!(!alive(pids[0]) && !alive(watcher));
}
