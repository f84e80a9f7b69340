//! A secret reaches the environment of the steps that name it, and nothing else that anybody could look at.

use crate::desk::{Desk, expect};
use crate::sandbox::Said;
use rollbook::sandbox::Shape;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const BY_ENV: &str = "opal-7f3a-by-env";
const BY_FILE: &str = "onyx-19cc 'by' \"file\" $(id)";
const BY_COMMAND: &str = "jade-e0b2-by-command";
/// What of them would be found, quoted or not.
const MARKS: [&str; 3] = ["opal-7f3a", "onyx-19cc", "jade-e0b2"];

const BODY: &str = r#"rollbook: 1
name: secrets
params:
  one: { secret: { env: GEM_ONE } }
  two: { secret: { file: DIR/two } }
  three: { secret: { command: cat DIR/three } }
steps:
  - run: sh -c 'test "$A" = "$(cat DIR/one)" && test "$B" = "<$(cat DIR/two)>" && test -z "$GEM_ONE" && while test ! -e DIR/go; do sleep 0.1; done; exit $(cat DIR/exit)'
    name: first
    env: { A: "{{ params.one }}", B: "<{{ params.two }}>" }
    undo: sh -c 'test "$A" = "$(cat DIR/one)" && echo undone >>DIR/seen'
    takes-down: nothing
  - run: sh -c 'test -z "$A$GEM_ONE$ROLLBOOK_PARAM_ONE" && echo none >>DIR/seen'
    name: another
    takes-down: nothing
  - run:
    name: script
    script: |
      test "$ROLLBOOK_PARAM_THREE" = "$(cat DIR/three)" && echo script >>DIR/seen
    takes-down: nothing
"#;

fn desk() -> (Desk, String) {
    let desk = Desk::beside(&Shape { speed: 8.0, ..Shape::of(3) });
    let dir = desk.path("gems");
    std::fs::create_dir(&dir).unwrap();
    for (name, text) in [("one", BY_ENV), ("two", BY_FILE), ("three", BY_COMMAND), ("exit", "1")] {
        std::fs::write(dir.join(name), format!("{text}\n")).unwrap();
    }
    let playbook = desk.file("p.yaml", &BODY.replace("DIR", dir.to_str().unwrap()));
    (desk, playbook)
}

fn command(desk: &Desk, words: &[&str]) -> Command {
    let mut command = desk.command(words);
    command.env("GEM_ONE", BY_ENV);
    command
}

fn said(command: &mut Command) -> Said {
    command.output().unwrap().into()
}

fn nothing_in(what: &str, bytes: &[u8]) {
    for mark in MARKS {
        assert!(!bytes.windows(mark.len()).any(|window| window == mark.as_bytes()), "{mark} stands in {what}");
    }
}

/// Every file that lies there, none of which anybody else may open.
fn nothing_below(folder: &Path, files: &mut usize) {
    let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode(folder), 0, "{}", folder.display());
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            nothing_below(&path, files);
        } else if let Ok(bytes) = std::fs::read(&path) {
            assert_eq!(mode(&path), 0, "{}", path.display());
            nothing_in(&path.display().to_string(), &bytes);
            *files += 1;
        }
    }
}

/// The arguments of every process that runs now; says how many were looked at.
fn nothing_in_arguments() -> usize {
    let mut seen = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        if let Ok(bytes) = std::fs::read(entry.path().join("cmdline")) {
            nothing_in(&format!("the arguments of {}", entry.path().display()), &bytes);
            seen += usize::from(!bytes.is_empty());
        }
    }
    seen
}

#[test]
fn a_secret_is_in_the_environment_of_its_steps_and_nowhere_else() {
    let (desk, playbook) = desk();
    let seed = desk.lab().sandbox.seed();
    let plan = desk.path("plan.json").display().to_string();
    for more in [&["--format", "text"][..], &["--format", "html"], &["--format", "markdown"], &["--out", &plan]] {
        let words = [&["plan", &playbook, "--seed-host", &seed], more].concat();
        let planned = said(&mut command(&desk, &words));
        assert_eq!(planned.exit, Some(0), "{planned:?}");
        nothing_in("a plan", (planned.out + &planned.err).as_bytes());
    }
    nothing_in("the plan file", &std::fs::read(&plan).unwrap());
    let planned = desk.on_cluster(&["plan", &playbook]);
    expect(planned, 0, &["one = a secret, from the variable `GEM_ONE`", "three = a secret, from what `cat "]);
    expect(said(&mut command(&desk, &["doctor", &playbook, "--seed-host", &seed])), 0, &["the 3 it needs can be read"]);

    // cut in the middle, taken up, failed, done: each time the secrets are read anew
    let mut child = command(&desk, &["run", &plan, "--seed-host", &seed, "--yes", "-v"]);
    let mut child = child.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    desk.wait_for_event("\"spawned\"");
    assert!(nothing_in_arguments() > 5);
    child.kill().unwrap();
    let cut = child.wait_with_output().unwrap();
    nothing_in("what the run said", &[cut.stdout, cut.stderr].concat());
    expect(
        desk.rollbook(&["resume", "last"]),
        64,
        &["`one`", "the variable `GEM_ONE`: it is not set; nothing was done"],
    );
    desk.file("gems/go", "");
    let failed = said(&mut command(&desk, &["resume", "last"]));
    assert_eq!(failed.exit, Some(3), "{failed:?}");
    desk.file("gems/exit", "0");
    let ended = said(&mut command(&desk, &["resume", "last", "--retry-failed"]));
    assert_eq!(ended.exit, Some(0), "{ended:?}");
    for told in [failed, ended] {
        nothing_in("what the run said", (told.out + &told.err).as_bytes());
    }
    for words in [
        &["runs", "show", "last", "--events"][..],
        &["runs", "show", "last", "--format", "json"],
        &["why", "last"],
        &["why", "last", "10.10.0.11"],
    ] {
        let shown = desk.rollbook(words);
        nothing_in("a report", (shown.out + &shown.err).as_bytes());
    }
    let seen = std::fs::read_to_string(desk.path("gems/seen")).unwrap();
    let count = |word: &str| seen.lines().filter(|line| *line == word).count();
    assert_eq!((count("none"), count("script")), (3, 3), "{seen}");
    assert!(count("undone") >= 3, "{seen}");
    let mut files = 0;
    nothing_below(&desk.home(), &mut files);
    assert!(files > 20, "{files}");
}

#[test]
fn a_secret_that_is_not_there_starts_nothing() {
    let (desk, playbook) = desk();
    let at = |name: &str| desk.path("gems").join(name);
    for (name, text, why) in [
        ("two", None, "No such file"),
        ("two", Some("".to_owned()), "it is empty"),
        ("two", Some("a\0b".to_owned()), "it has a NUL"),
        ("two", Some("x".repeat(70_000)), "it is longer than"),
        ("three", None, "it failed (exit status: 1)"),
    ] {
        let kept = std::fs::read(at(name)).unwrap();
        match text {
            Some(text) => std::fs::write(at(name), text).unwrap(),
            None => std::fs::remove_file(at(name)).unwrap(),
        }
        let seed = desk.lab().sandbox.seed();
        let refused = said(&mut command(&desk, &["run", &playbook, "--seed-host", &seed, "--yes"]));
        expect(refused, 64, &["the secret `", why, "nothing was done"]);
        std::fs::write(at(name), kept).unwrap();
    }
    assert_eq!(desk.rollbook(&["runs", "--format", "json"]).out.trim(), "[]");
}

#[test]
fn a_secret_stands_nowhere_where_it_would_be_seen() {
    let desk = Desk::new();
    let file = |params: &str, steps: &str| {
        desk.file("q.yaml", &format!("rollbook: 1\nname: q\nparams: {{ t: {params} }}\nsteps: [{steps}]\n"))
    };
    let env = "{ secret: { env: T } }";
    let look = |more: &str| format!("{{ run: 'true', takes-down: nothing{more} }}");
    for (params, steps, why) in [
        (env, "{ run: 'echo {{ params.t }}', takes-down: nothing }".to_owned(), "is a secret, and would be seen here"),
        (env, look(", undo: 'echo {{ params.t | quote }}'"), "is a secret, and would be seen here"),
        (env, look(", when: params.t == 'x'"), "is a secret, and would be seen here"),
        (env, look(", expect: '{{ params.t }}'"), "is a secret, and would be seen here"),
        (env, look(", env: { A: '{{ params.t | quote }}' }"), "let it stand alone"),
        ("{ secret: { env: T, file: /t } }", look(""), "exactly one"),
        ("{ secret: { file: t } }", look(""), "`t` is no absolute path"),
        ("{ secret: { env: T-2 } }", look(""), "`T-2` is no name of a variable"),
        ("{ secret: { env: T }, default: x }", look(""), "a secret has no `default`"),
        ("{ secret: { env: T }, type: text }", look(""), "a secret has no `type`"),
        ("{ secret: { env: T }, pattern: x }", look(""), "a secret has no `pattern`"),
        ("{ secret: { command: 'cat {{ params.t }}' } }", look(""), "takes no template"),
    ] {
        let path = file(params, &steps);
        expect(desk.rollbook(&["check", &path]), 65, &[why]);
    }
    let path = file(env, &look(""));
    let given = desk.rollbook(&["plan", &path, "--sandbox", "--param", "t=beryl-55d1"]);
    // (another text than the other test's: that one looks at the arguments of every process)
    assert!(!given.err.contains("beryl"), "{given:?}");
    expect(given, 64, &["`t` is a secret", "it comes from the variable `T`"]);
    let explained = desk.rollbook(&["check", "--explain", &path]);
    let again = desk.file("r.yaml", &explained.out);
    expect(explained, 0, &["secret:", "env:"]);
    expect(desk.rollbook(&["check", &again]), 0, &[]);
}
