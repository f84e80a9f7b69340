//! The wall clock is set while a run works: only that of the program under test, by a library that it is started with.

use crate::desk::{Desk, expect, tell};
use crate::sandbox::Said;
use rollbook::sandbox::Shape;
use rustix::process::Signal;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Adds the seconds that a file holds to the wall clock of a program that is called `rollbook`.
const SHIFTED: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *at) {
    int result = syscall(SYS_clock_gettime, clock, at);
    if (result == 0 && clock == CLOCK_REALTIME && strcmp(program_invocation_short_name, "rollbook") == 0) {
        FILE *file = fopen(getenv("SHIFT"), "r");
        long by = 0;
        if (file) {
            if (fscanf(file, "%ld", &by) == 1) at->tv_sec += by;
            fclose(file);
        }
    }
    return result;
}
"#;

struct Shifted {
    desk: Desk,
    library: PathBuf,
    playbook: String,
}

impl Shifted {
    fn new() -> Shifted {
        let desk = Desk::beside(&Shape { speed: 8.0, ..Shape::of(3) });
        let (source, library) = (desk.file("shifted.c", SHIFTED), desk.path("shifted.so"));
        let made = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let steps = "concurrency: 1\nsteps: [restart, { wait-up: , poll: 1s, stable: 2 }]";
        let playbook = desk.file("p.yaml", &format!("rollbook: 1\nname: base\n{steps}\n"));
        Shifted { desk, library, playbook }
    }

    fn by(&self, seconds: i64) {
        self.desk.file("shift", &seconds.to_string());
    }

    fn start(&self, words: &[&str]) -> Child {
        let mut command = self.desk.command(words);
        command.env("LD_PRELOAD", &self.library).env("SHIFT", self.desk.path("shift"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn begin(&self) -> Child {
        let seed = self.desk.lab().sandbox.seed();
        let run = self.start(&["run", &self.playbook, "--seed-host", &seed, "--yes"]);
        self.desk.wait_for_event("\"spawned\",\"attempt\":1");
        run
    }

    /// When each event was, in the order of the journal.
    fn times(&self) -> Vec<u64> {
        let said = expect(self.desk.rollbook(&["runs", "show", "last", "--events"]), 0, &[]);
        let at = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["at"].as_u64().unwrap();
        said.out.lines().map(at).collect()
    }
}

/// The shift itself works: what the program says of the time follows it.
#[test]
fn a_program_that_is_started_with_the_library_has_another_wall_clock() {
    let shifted = Shifted::new();
    shifted.by(-10 * 366 * 86_400);
    let run = shifted.start(&["run", &shifted.playbook, "--seed-host", &shifted.desk.lab().sandbox.seed(), "--yes"]);
    expect(run.wait_with_output().unwrap().into(), 0, &["3 done", "from 201"]);
}

#[test]
fn a_clock_that_is_set_in_mid_run_ends_no_deadline_and_keeps_no_answer_fresh() {
    for by in [5 * 3600, -5 * 3600] {
        let shifted = Shifted::new();
        let run = shifted.begin();
        shifted.by(by);
        let said: Said = run.wait_with_output().unwrap().into();
        expect(said, 0, &["3 done"]);
        let times = shifted.times();
        assert!(times.is_sorted(), "{times:?}");
        let lasted = times[times.len() - 1] - times[0];
        assert!(lasted < 600_000, "by its journal it lasted {lasted} ms");
    }
}

#[test]
fn a_clock_that_is_set_back_before_resume_takes_the_journal_nowhere_back() {
    let shifted = Shifted::new();
    let mut run = shifted.begin();
    tell(&run, Signal::KILL);
    run.wait().unwrap();
    shifted.by(-86_400);
    expect(shifted.start(&["resume", "last"]).wait_with_output().unwrap().into(), 0, &["3 done"]);
    let times = shifted.times();
    assert!(times.is_sorted(), "{times:?}");
}
