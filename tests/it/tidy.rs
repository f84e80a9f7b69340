//! The rules of the house that a program can check: layers, purity, file length, names, and no trace
//! of the machine it was built on.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder may import those above it in this list; `diagnostic` is open to all.
const NOUNS: [&str; 5] = ["playbook", "topology", "plan", "job", "report"];

/// What a verb may import beside the nouns.
const VERBS: [(&str, &[&str]); 6] = [
    ("ask", &["clock"]),
    ("discover", &["ask"]),
    ("store", &[]),
    ("display", &[]),
    ("sandbox", &[]),
    ("execute", &["ask", "clock", "discover", "store", "display"]),
];

/// A noun knows no clock, no world and no order of a hash seed.
const IMPURE: [&str; 13] = [
    "HashMap",
    "HashSet",
    "std::time::Instant",
    "Instant::now",
    "SystemTime",
    "Timestamp::now",
    "tokio",
    "std::fs",
    "std::net::Tcp",
    "std::process",
    "std::thread",
    "std::env",
    "rand::",
];

const NAMES_THAT_SAY_NOTHING: [&str; 8] = ["util", "utils", "common", "helpers", "types", "core", "manager", "misc"];

/// A budget of about 400 lines; beyond this no excuse holds.
const HARD_LIMIT: usize = 450;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files below `dir`, relative to the repository, sorted; build output and Git's folder left out.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            if name == ".git" || (name == "target" && dir == root()) {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else if entry.file_type().unwrap().is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// What belongs to the repository: a log that somebody wrote beside it does not. None: this is no Git checkout.
fn tracked() -> Option<BTreeSet<String>> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().ok()?;
    let text = String::from_utf8_lossy(&listed.stdout);
    let names: BTreeSet<String> = text.split_terminator('\0').map(str::to_owned).collect();
    (listed.status.success() && !names.is_empty()).then_some(names)
}

fn rust_files() -> Vec<(String, String)> {
    files(&root().join("src"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| (relative(&path), fs::read_to_string(&path).unwrap()))
        .collect()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
}

/// `src/plan/model.rs` → `plan`, `src/diagnostic.rs` → `diagnostic`.
fn folder(file: &str) -> &str {
    let rest = file.strip_prefix("src/").unwrap();
    rest.split('/').next().unwrap().trim_end_matches(".rs")
}

fn is_test(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.contains("/tests/")
}

/// Lines of code with their number; comments and a `mod tests { … }` at the end left out.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let lines = text[..end].lines().enumerate().map(|(i, line)| (i + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Lines of code, with a `use` that goes over several lines joined into one.
fn statements(text: &str) -> Vec<(usize, String)> {
    let mut joined: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in code(text) {
        match joined.last_mut() {
            Some((_, last)) if open => last.push_str(line.trim()),
            _ => joined.push((number, line.to_owned())),
        }
        let last = &joined[joined.len() - 1].1;
        open = last.contains("use crate::") && !last.contains(';');
    }
    joined
}

/// Folders named by `crate::x` on a line, also in `use crate::{x::…, y::…}`.
fn imports(line: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let rest = &line[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            let mut fresh = true;
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        named.push(std::mem::take(&mut word));
                        fresh = true;
                    }
                    c if depth == 0 && fresh && (c.is_alphanumeric() || c == '_') => word.push(c),
                    ' ' => {}
                    _ => fresh = false,
                }
            }
            named.push(word);
        } else {
            named.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    named.retain(|n| !n.is_empty());
    named
}

fn may_import(from: &str, to: &str) -> bool {
    if to == "diagnostic" || from == to || from == "cli" {
        return true;
    }
    let place = |name: &str| NOUNS.iter().position(|n| *n == name);
    match (place(from), place(to)) {
        (Some(a), Some(b)) => b <= a,
        (Some(_), None) => false,
        (None, Some(_)) => from != "diagnostic",
        (None, None) => VERBS.iter().any(|(verb, allowed)| *verb == from && allowed.contains(&to)),
    }
}

fn assert_none(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn a_noun_imports_only_nouns_above_it_and_nobody_imports_cli() {
    let mut wrong = Vec::new();
    for (file, text) in rust_files() {
        let from = folder(&file);
        if from == "lib" || from == "main" {
            continue;
        }
        for (number, statement) in statements(&text) {
            for to in imports(&statement) {
                if !may_import(from, &to) {
                    wrong.push(format!("{file}:{number}: {from} imports {to}"));
                }
            }
        }
    }
    assert_none("imports against the layers (lib.rs tells them)", wrong);
}

#[test]
fn the_layering_test_sees_what_it_must() {
    assert!(!may_import("playbook", "topology"));
    assert!(may_import("topology", "playbook"));
    assert!(!may_import("plan", "ask"));
    assert!(!may_import("execute", "cli"));
    assert!(!may_import("report", "store"));
    assert!(may_import("store", "job"));
    assert_eq!(imports("use crate::{plan::model::{A, B}, job::event, cli};"), ["plan", "job", "cli"]);
    assert_eq!(statements("use crate::{\n    ask,\n    cli::x,\n};\nfn f() {}").len(), 2);
    assert_eq!(imports("let x = crate::store::open(crate::job::f());"), ["store", "job"]);
}

#[test]
fn nouns_are_pure() {
    let mut wrong = Vec::new();
    for (file, text) in rust_files() {
        if !NOUNS.contains(&folder(&file)) || is_test(&file) {
            continue;
        }
        for (number, line) in code(&text) {
            for word in IMPURE {
                if line.contains(word) {
                    wrong.push(format!("{file}:{number}: {word}"));
                }
            }
        }
    }
    assert_none("a noun reads the world", wrong);
}

#[test]
fn files_are_short() {
    let long = rust_files().into_iter().filter_map(|(file, text)| {
        let lines = text.lines().count();
        (lines > HARD_LIMIT).then(|| format!("{file}: {lines} lines"))
    });
    assert_none("files over the budget", long.collect());
}

#[test]
fn every_folder_says_what_it_is() {
    let silent = rust_files().into_iter().filter(|(file, _)| file.ends_with("/mod.rs"));
    let silent = silent.filter(|(_, text)| !text.starts_with("//! ")).map(|(file, _)| file);
    assert_none("mod.rs without a header comment", silent.collect());
}

/// What the program is built of is used by it, and what only tests need by them.
#[test]
fn every_dependency_is_used() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = |name: &str| -> Vec<String> {
        let rest = manifest.split(&format!("\n[{name}]\n")).nth(1).expect("the section is there");
        let lines = rest.lines().take_while(|line| !line.starts_with('['));
        let names = lines.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.replace('-', "_"));
        names.collect()
    };
    let texts = |folders: &[&str]| -> Vec<String> {
        let all = folders.iter().flat_map(|folder| files(&root().join(folder)));
        let rust = all.filter(|path| path.extension().is_some_and(|e| e == "rs"));
        rust.map(|path| fs::read_to_string(path).unwrap()).collect()
    };
    let unused = |names: Vec<String>, texts: &[String]| -> Vec<String> {
        let used = |name: &String| {
            let word = regex::Regex::new(&format!(r"\b{name}\b")).unwrap();
            texts.iter().any(|text| code(text).any(|(_, line)| word.is_match(line)))
        };
        names.into_iter().filter(|name| !used(name)).collect()
    };
    let (program, tests) = (texts(&["src"]), texts(&["src", "tests", "benches"]));
    assert_eq!(unused(vec!["clap".into(), "no_such_crate".into()], &program), ["no_such_crate"]);
    assert!(section("dependencies").len() > 15);
    assert_none("not used", unused(section("dependencies"), &program));
    assert_none("not used", unused(section("dev-dependencies"), &tests));
    for file in ["src/lib.rs", "src/main.rs"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "{file}");
    }
}

#[test]
fn names_say_what_is_inside() {
    let empty = rust_files().into_iter().map(|(file, _)| file).filter(|file| {
        let path = file.trim_end_matches(".rs");
        path.split('/').any(|part| NAMES_THAT_SAY_NOTHING.contains(&part))
    });
    assert_none("module names that say nothing", empty.collect());
}

#[test]
fn no_trace_of_a_build_machine() {
    // Written in pieces, or this file would find itself.
    let traces = [["/wo", "rk/"].concat(), ["/ho", "me/"].concat(), ["/Us", "ers/"].concat()];
    let mut found = Vec::new();
    let tracked = tracked();
    let ours = |path: &PathBuf| tracked.as_ref().is_none_or(|known| known.contains(&relative(path)));
    for path in files(&root()).into_iter().filter(ours) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            if traces.iter().any(|trace| line.contains(trace.as_str())) {
                found.push(format!("{}:{}: {}", relative(&path), number + 1, line.trim()));
            }
        }
    }
    assert_none("paths of a machine", found);
}
