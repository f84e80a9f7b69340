//! The playbook language as files: what is accepted, what is refused with which words, and the schema.

use rollbook::diagnostic::render;
use rollbook::playbook;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The YAML files of a folder, sorted.
fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder}");
    files
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// What `check` says about a file, named without its folder.
fn said(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let findings = match playbook::read(&bytes) {
        Ok((_, warnings)) => return format!("accepted, with {} warnings\n", warnings.len()),
        Err(findings) => findings,
    };
    findings.iter().map(|finding| render(finding, &name(path), &text)).collect::<Vec<_>>().join("\n")
}

fn check(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rollbook")).arg("check").args(arguments).output().unwrap()
}

#[test]
fn every_mistake_is_told_in_the_expected_words() {
    let mut wrong = Vec::new();
    let files = yaml_files("tests/data/playbooks/bad");
    for path in &files {
        let said = said(path);
        let expected = path.with_extension("expected");
        // To write them anew after a deliberate change; then read the difference.
        if std::env::var_os("ROLLBOOK_WRITE_EXPECTED").is_some() {
            fs::write(&expected, &said).unwrap();
        }
        let expected = fs::read_to_string(expected).unwrap_or_default();
        if said != expected {
            wrong.push(format!("{}\n--- said\n{said}--- expected\n{expected}", name(path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files.len() >= 45, "{} kinds of mistakes", files.len());
}

#[test]
fn every_finding_has_a_place_and_an_advice() {
    for path in yaml_files("tests/data/playbooks/bad") {
        let findings = playbook::read(&fs::read(&path).unwrap()).expect_err(&name(&path));
        for finding in findings {
            assert!(finding.help.is_some(), "{}: {}", name(&path), finding.message);
            let of_the_file = finding.message == "the file has no content";
            assert!(finding.span.is_some() || of_the_file, "{}: {}", name(&path), finding.message);
        }
    }
}

#[test]
fn good_playbooks_are_accepted() {
    for path in yaml_files("playbooks").into_iter().chain(yaml_files("tests/data/playbooks/good")) {
        assert_eq!(said(&path), "accepted, with 0 warnings\n", "{}", name(&path));
    }
}

fn schema() -> jsonschema::Validator {
    let value = serde_json::from_str(&playbook::schema::text()).unwrap();
    jsonschema::draft7::new(&value).unwrap()
}

/// A file as JSON, if it is YAML at all.
fn as_json(path: &Path) -> Option<serde_json::Value> {
    let mut value: serde_yaml::Value = serde_yaml::from_slice(&fs::read(path).unwrap()).ok()?;
    value.apply_merge().ok()?;
    serde_json::to_value(value).ok()
}

#[test]
fn the_schema_file_is_current() {
    let file = fs::read_to_string(root().join("schemas/playbook.schema.json")).unwrap();
    assert_eq!(
        file,
        playbook::schema::text(),
        "write it anew: `rollbook schema playbook > schemas/playbook.schema.json`"
    );
}

#[test]
fn the_schema_accepts_what_the_program_accepts() {
    let schema = schema();
    for path in yaml_files("playbooks").into_iter().chain(yaml_files("tests/data/playbooks/good")) {
        let json = as_json(&path).unwrap();
        let errors: Vec<String> = schema.iter_errors(&json).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
    }
}

/// Mistakes that no schema can see, by their number: of YAML itself, of commands, templates, names,
/// patterns and the chain. Every other one an editor with the schema shows while it is typed.
const BEYOND_THE_SCHEMA: [u32; 71] = [
    20, 23, 29, 35, 38, 40, 46, 48, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70,
    71, 72, 74, 75, 77, 78, 79, 80, 81, 82, 83, 84, 86, 87, 88, 89, 90, 91, 92, 93, 94, 107, 108, 109, 111, 112, 113,
    114, 115, 117, 123, 131, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142,
];

#[test]
fn the_schema_refuses_every_mistake_of_structure() {
    let schema = schema();
    let mut accepted = Vec::new();
    for path in yaml_files("tests/data/playbooks/bad") {
        if as_json(&path).is_some_and(|json| schema.is_valid(&json)) {
            accepted.push(name(&path)[..3].parse::<u32>().unwrap());
        }
    }
    assert_eq!(accepted, BEYOND_THE_SCHEMA);
}

#[test]
fn files_that_are_no_text_at_all_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = fs::read(root().join("playbooks/rolling-reboot.yaml")).unwrap();
    let huge = [&good[..], &b"# padding\n".repeat(1 << 20)].concat();
    let over = [&good[..], &b"#".repeat(1 << 20)].concat();
    let cases = [
        (file("huge.yaml", &huge), format!("the file has {} bytes, and a playbook at most 1048576", huge.len())),
        (file("over.yaml", &over), format!("the file has {} bytes, and a playbook at most 1048576", over.len())),
        (file("latin.yaml", b"rollbook: 1\nname: caf\xe9\n"), "line 2 is not UTF-8: the byte 0xe9".to_owned()),
        (file("empty.yaml", b""), "the file is empty".to_owned()),
        (file("blank.yaml", b" \n\n"), "the file is empty".to_owned()),
        (file("bom.yaml", b"\xef\xbb\xbfrollbook: 1\n"), "the file begins with a byte order mark".to_owned()),
        (file("nul.yaml", b"rollbook: 1\0\n"), "a NUL or a byte order mark in the middle of the file".to_owned()),
        (folder.path().to_str().unwrap().to_owned(), "this is a directory".to_owned()),
        (folder.path().join("gone.yaml").to_str().unwrap().to_owned(), "the file cannot be read".to_owned()),
    ];
    for (path, message) in cases {
        let output = check(&[&path]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(65), "{path}: {said}");
        assert!(said.starts_with(&format!("error: {message}")), "{path}: {said}");
        assert!(said.contains(&format!("--> {path}")), "{path}: {said}");
    }
}

#[test]
fn a_deep_or_long_hostile_file_is_refused_quickly() {
    let deep = "[".repeat(1 << 20);
    let wide = format!("rollbook: 1\nname: x\nsteps: [{}]\n", "[],".repeat(100_000));
    let keys: String = (0..20_000).map(|n| format!("k{n}: 1\n")).collect();
    let many_keys: String = (0..120_000).map(|n| format!("k{n}: 1\n")).collect();
    let twice: String = "k: 1\n".repeat(120_000);
    let names = format!("rollbook: 1\nname: x\nsteps: [drain]\ntargets: {{ hosts: [{}] }}\n", "a,".repeat(300_000));
    let steps = format!("rollbook: 1\nname: x\nsteps:\n{}", "- pause: 1s\n".repeat(60_000));
    for text in [deep, wide, keys, many_keys, twice, names, steps] {
        let started = std::time::Instant::now();
        let findings = playbook::read(text.as_bytes()).err().unwrap_or_default();
        assert!(findings.len() <= 101);
        findings.iter().for_each(|finding| drop(render(finding, "x", &text)));
        assert!(started.elapsed().as_secs() < 60, "{:?} for {:.20}", started.elapsed(), text);
    }
}

#[test]
fn check_says_which_files_are_sound_and_ends_with_65_when_one_is_not() {
    let good = root().join("playbooks/rolling-reboot.yaml");
    let good = good.to_str().unwrap();
    let output = check(&[good]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        String::from_utf8_lossy(&output.stdout)
            .contains("rolling-reboot.yaml: `rolling-reboot` (drain, stop, reboot, wait-up)")
    );
    let bad = root().join("tests/data/playbooks/bad/001-unknown-key.yaml");
    let output = check(&[good, bad.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(65));
    assert!(String::from_utf8_lossy(&output.stderr).contains("001-unknown-key.yaml:3:1"));
}

#[test]
fn check_gives_findings_to_machines() {
    let bad = root().join("tests/data/playbooks/bad/001-unknown-key.yaml");
    let output = check(&["--format", "json", bad.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(65));
    let findings: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = &findings[0];
    assert_eq!((finding["line"].as_u64(), finding["column"].as_u64()), (Some(3), Some(1)));
    assert_eq!(finding["message"], "unknown key `stratgy`");
    assert_eq!(finding["help"], "did you mean `strategy`?");
    assert_eq!(finding["severity"], "error");
    assert!(finding["file"].as_str().unwrap().ends_with("001-unknown-key.yaml"));
}

#[test]
fn what_explain_prints_is_a_playbook_that_means_the_same() {
    for path in yaml_files("playbooks").into_iter().chain(yaml_files("tests/data/playbooks/good")) {
        let output = check(&["--explain", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0));
        let (first, _) = playbook::read(&fs::read(&path).unwrap()).unwrap();
        let (again, _) = playbook::read(&output.stdout).unwrap_or_else(|_| panic!("{}", name(&path)));
        assert_eq!(first.without_places(), again.without_places(), "{}", name(&path));
    }
}

/// A small generator of numbers, so that a failure can be repeated.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % bound
    }
}

#[test]
fn damaged_files_never_crash_and_always_have_an_answer() {
    let folders = ["playbooks", "tests/data/playbooks/good", "tests/data/playbooks/bad"];
    let files: Vec<Vec<u8>> = folders.iter().flat_map(|f| yaml_files(f)).map(|path| fs::read(path).unwrap()).collect();
    let shreds = [
        "{{", "}}", "‹", "'", "\"", "\t", "- ", ": ", "\n", "\r\n", "[", "é", "|", "\\", "*a", "&a ", "null", "{%",
        "$(", "~",
    ];
    let mut numbers = Numbers(42);
    for round in 0..3000 {
        let mut bytes = files[numbers.below(files.len())].clone();
        if bytes.len() > 10_000 {
            continue;
        }
        for _ in 0..=numbers.below(3) {
            let at = numbers.below(bytes.len().max(1)).min(bytes.len());
            let end = (at + numbers.below(8)).min(bytes.len());
            let shred = shreds[numbers.below(shreds.len())].as_bytes();
            match numbers.below(3) {
                0 => drop(bytes.splice(at..at, shred.iter().copied())),
                1 => drop(bytes.drain(at..end)),
                _ => drop(bytes.splice(at..end, shred.iter().copied())),
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match playbook::read(&bytes) {
            Ok((playbook, _)) => {
                let explained = playbook::explain(&playbook);
                let again = playbook::read(explained.as_bytes())
                    .unwrap_or_else(|e| panic!("{round}: {text}\n{explained}\n{e:?}"));
                assert_eq!(playbook.without_places(), again.0.without_places(), "{round}: {text}");
            }
            Err(findings) => {
                assert!(!findings.is_empty());
                for finding in findings {
                    assert!(render(&finding, "x.yaml", &text).contains("x.yaml"), "{round}: {finding:?}");
                    assert!(rollbook::diagnostic::json(&finding, "x.yaml", &text).is_object());
                }
            }
        }
    }
}
