//! What README shows is what the program does.

use crate::desk::{Desk, expect};
use rollbook::sandbox::Shape;
use std::path::{Path, PathBuf};

const README: &str = include_str!("../../README.md");

/// The fenced blocks of a kind.
fn blocks(kind: &str) -> Vec<&'static str> {
    let fence = format!("```{kind}\n");
    README.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The words of each command line of the `sh` blocks that begins with this, without its comment.
fn commands(beginning: &str) -> Vec<Vec<String>> {
    let lines = blocks("sh").into_iter().flat_map(str::lines).filter_map(|line| line.strip_prefix(beginning));
    lines.map(|line| printed(&format!("printf '%s\\n' {line}"))).collect()
}

/// The words that a shell makes of it.
fn printed(line: &str) -> Vec<String> {
    let out = std::process::Command::new("sh").args(["-c", line]).output().unwrap();
    String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn words(line: &[String]) -> Vec<&str> {
    line.iter().map(String::as_str).collect()
}

#[test]
fn the_first_command_reboots_the_sandbox() {
    let [line] = &commands("cargo run --release -- ")[..] else { panic!("one command of the kind") };
    let said = expect(Desk::new().rollbook(&words(line)), 0, &["12 done"]);
    assert!(said.err.contains("polled every 1 s"), "it shows how often it asks: {said:?}");
}

#[test]
fn the_plan_shown_is_the_plan_made() {
    let said = expect(Desk::new().rollbook(&["plan", "playbooks/rolling-reboot.yaml", "--sandbox"]), 0, &[]);
    let shown = blocks("text")[0];
    // The hash follows from the version of the program as well, and warnings are on standard error.
    let body = |text: &str| text.split("\nplan sha256").next().unwrap().trim_end().to_owned();
    assert_eq!(body(&said.out), body(shown));
}

#[test]
fn the_first_real_cluster_is_the_same_on_the_sandbox() {
    let desk = Desk::beside(&Shape { speed: 5.0, ..Shape::of(3) });
    let seed = desk.lab().sandbox.seed();
    let lines = commands("rollbook ");
    let longer = blocks("yaml").into_iter().find(|text| text.contains("name: kernel-update")).unwrap();
    let longer = desk.file("kernel-update.yaml", longer);
    assert!(lines.len() >= 4, "{lines:?}");
    for line in lines {
        let [plan, cluster] = ["plan.json", "cluster.json"].map(|name| desk.path(name).display().to_string());
        let line: Vec<String> = line
            .iter()
            .map(|word| {
                let word = word.replace("10.0.0.11", &seed).replace("kernel-update.yaml", &longer);
                word.replace("plan.json", &plan).replace("cluster.json", &cluster)
            })
            .collect();
        let mut line = words(&line);
        if line[0] == "run" {
            line.push("--yes");
        }
        expect(desk.rollbook(&line), 0, &[]);
    }
    expect(desk.rollbook(&["runs", "show", "last"]), 0, &["kernel update"]);
}

#[test]
fn its_playbooks_are_read_and_its_commands_and_flags_exist() {
    let desk = Desk::new();
    let whole: Vec<_> = blocks("yaml").into_iter().filter(|text| text.contains("rollbook: 1")).collect();
    assert_eq!(whole.len(), 2);
    for (number, text) in whole.into_iter().enumerate() {
        expect(desk.rollbook(&["check", &desk.file(&format!("{number}.yaml"), text)]), 0, &[]);
    }
    let cluster = blocks("yaml").into_iter().find(|text| text.starts_with("cluster:")).unwrap();
    let text = format!("rollbook: 1\nname: x\n{cluster}steps: [drain, stop, reboot, wait-up]\n");
    expect(desk.rollbook(&["check", &desk.file("cluster.yaml", &text)]), 0, &[]);
    // Every command and flag that a sentence or a table names.
    let quoted = README.split('`').skip(1).step_by(2).filter_map(|text| text.strip_prefix("rollbook "));
    for line in quoted {
        let command = line.split_whitespace().next().unwrap();
        let sub =
            line.split_whitespace().nth(1).filter(|_| ["runs", "lock"].contains(&command)).filter(|word| *word != "…");
        let help: Vec<&str> = [Some(command), sub, Some("--help")].into_iter().flatten().collect();
        let help = expect(desk.rollbook(&help), 0, &["Usage"]).out;
        for flag in line.split_whitespace().filter(|word| word.starts_with("--") && *word != "--") {
            assert!(help.contains(flag), "{flag} of `rollbook {line}`");
        }
    }
}

#[test]
fn its_exit_codes_are_those_of_the_program() {
    let said = expect(Desk::new().rollbook(&["--help"]), 0, &["Exit codes:"]);
    let help = said.out.split("Exit codes:").nth(1).unwrap();
    let table = README.split("## Exit codes").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| code"));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split('|').map(str::trim).collect()).collect();
    assert_eq!(rows.len(), 14);
    for row in rows.iter().filter(|row| !row[1].contains(',')) {
        let meaning = row[2].replace('`', "");
        let shown =
            help.lines().any(|line| line.trim().strip_prefix(row[1]).is_some_and(|rest| rest.trim() == meaning));
        assert!(shown, "{row:?} is not in {help}");
    }
    assert!(help.contains("130") && help.contains("143"));
}

/// The table of checks is made of what the program knows of each, and names exactly those of the language.
#[test]
fn the_table_of_checks_is_the_programs_own() {
    use rollbook::playbook::check_word;
    use rollbook::playbook::model::{Check, checks_table};
    assert!(README.contains(&checks_table()), "README should hold\n{}", checks_table());
    let schema: serde_json::Value = serde_json::from_str(include_str!("../../schemas/playbook.schema.json")).unwrap();
    let words = |of: &str| -> Vec<String> {
        let branches = &schema["definitions"][of];
        let constants =
            branches["oneOf"].as_array().into_iter().flatten().filter_map(|branch| branch["const"].as_str());
        let listed = branches["enum"].as_array().into_iter().flatten().filter_map(|word| word.as_str());
        let mut words: Vec<String> = constants.chain(listed).map(str::to_owned).collect();
        words.sort();
        words
    };
    let mut all: Vec<String> = Check::ALL.iter().map(|check| check_word(*check).to_owned()).collect();
    all.sort();
    assert_eq!(words("Check"), all);
    let waivable = Check::ALL.iter().filter(|check| check.waivable().is_some());
    let mut waivable: Vec<String> = waivable.map(|check| check_word(*check).to_owned()).collect();
    waivable.sort();
    assert_eq!(words("Waivable"), waivable);
}

/// Of the page on trust: every test that is said to hold a promise is there, and every trial of the lab.
#[test]
fn the_tests_that_hold_the_promises_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/safety.md")).unwrap();
    let has = |file: PathBuf, test: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let named = |name: &str| test.strip_prefix('*').map_or(name == test, |end| name.ends_with(end));
        let names = text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
        names.into_iter().any(named)
    };
    let mut held = 0;
    for row in page.lines().filter(|line| line.starts_with("| ") && line.contains('`')) {
        let by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let (tests, trials) = by.split_once("lab: ").unwrap_or((by, ""));
        let words = |text: &str| -> Vec<String> { text.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        for word in words(tests) {
            let (module, test) = word.rsplit_once("::").unwrap_or_else(|| panic!("`{word}` names no test: {row}"));
            let own = root.join("tests/it").join(format!("{module}.rs"));
            let inside = |path: &str| root.join("src").join(path.replace("::", "/") + ".rs");
            let found = has(own, test) || has(inside(module), test) || has(inside(&word), "*");
            assert!(found, "there is no test `{word}`: {row}");
            held += 1;
        }
        for trial in words(trials) {
            let lab = root.join("tests/lab");
            let found = lab.join("cases").join(&trial).is_file() || lab.join("faults").join(&trial).is_file();
            assert!(found, "the lab has no trial `{trial}`: {row}");
            held += 1;
        }
    }
    assert!(held > 40, "only {held} tests and trials were read from the page");
}
